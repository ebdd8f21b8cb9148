//! Promises about comparing a part of a roster, and about the marks of its source.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{Entity, RosterName};
use engine::port::{ChangeSeq, IngestCommit, Store};

use super::{Handles, promises};
use crate::builders::{employee, employee_id, hours, ingest, roster, shift, shift_key, window};

promises![
    a_part_of_the_index_is_what_starts_inside,
    the_index_is_read_at_keys,
    what_overlaps_the_window_is_counted,
    marks_are_kept_replaced_and_forgotten_with_an_ingest,
    marks_of_an_ingest_that_came_too_late_are_not_kept,
];

async fn fill(store: &dyn Store) {
    let shifts = [("a1", "anna", -4), ("a2", "anna", 0), ("a3", "anna", 24), ("b1", "ben", 0)];
    let mut entities: Vec<Entity> =
        shifts.map(|(id, whose, start)| Entity::Shift(shift(id, whose, start))).into();
    entities.push(Entity::Employee(employee("anna")));
    store.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap();
}

async fn a_part_of_the_index_is_what_starts_inside(Handles { one, two }: Handles) {
    fill(one.as_ref()).await;
    let scope = [
        (employee_id("anna"), hours(0, 24)),
        (employee_id("anna"), hours(-1, 1)),
        (employee_id("nobody"), hours(0, 24)),
    ];
    let rows = two.index_starting(&roster(), &scope).await.unwrap();
    let (_, all) = two.roster_index(&roster()).await.unwrap();
    let expected: Vec<_> = all.into_iter().filter(|it| it.key == shift_key("a2")).collect();
    assert_eq!(rows, expected);
}

async fn the_index_is_read_at_keys(Handles { one, two }: Handles) {
    fill(one.as_ref()).await;
    let keys = [shift_key("b1"), shift_key("none"), shift_key("a1")];
    let mut rows = two.index_at(&roster(), &keys).await.unwrap();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let keys: Vec<_> = rows.into_iter().map(|it| it.key).collect();
    assert_eq!(keys, [shift_key("a1"), shift_key("b1")]);
}

async fn what_overlaps_the_window_is_counted(Handles { one, two }: Handles) {
    fill(one.as_ref()).await;
    assert_eq!(two.count_within(&roster(), &window(0, 24)).await.unwrap(), 3);
    assert_eq!(two.count_within(&roster(), &window(4, 8)).await.unwrap(), 2);
    let other = RosterName::new("other").unwrap();
    assert_eq!(two.count_within(&other, &window(0, 24)).await.unwrap(), 0);
}

fn marking(marks: &[(&str, Option<&str>)]) -> IngestCommit {
    let marks = marks.iter().map(|(name, value)| ((*name).into(), value.map(Into::into)));
    IngestCommit { marks: marks.collect(), ..ingest(ChangeSeq(0), []) }
}

async fn names(store: &dyn Store, beginning: &str) -> Vec<(String, String)> {
    let marks = store.source_marks(&roster(), beginning).await.unwrap();
    marks.into_iter().map(|it| (it.name, it.value)).collect()
}

async fn marks_are_kept_replaced_and_forgotten_with_an_ingest(Handles { one, two }: Handles) {
    let first = [("b/1", Some("x\ny")), ("a/2", Some("2")), ("a/1", Some("1")), ("a", Some("0"))];
    one.commit_ingest(&roster(), marking(&first)).await.unwrap();
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(names(two.as_ref(), "a/").await, [named("a/1", "1"), named("a/2", "2")]);
    assert_eq!(names(two.as_ref(), "b").await, [named("b/1", "x\ny")]);
    let second = [("a/1", None), ("a/2", Some("3")), ("none", None)];
    one.commit_ingest(&roster(), marking(&second)).await.unwrap();
    assert_eq!(names(two.as_ref(), "a/").await, [named("a/2", "3")]);
    let other = RosterName::new("other").unwrap();
    assert_eq!(two.source_marks(&other, "").await.unwrap(), []);
    assert_eq!(names(two.as_ref(), "").await.len(), 3);
}

async fn marks_of_an_ingest_that_came_too_late_are_not_kept(Handles { one, two }: Handles) {
    fill(one.as_ref()).await;
    one.commit_ingest(&roster(), marking(&[("a", Some("1"))])).await.unwrap_err();
    assert_eq!(names(two.as_ref(), "").await, []);
}
