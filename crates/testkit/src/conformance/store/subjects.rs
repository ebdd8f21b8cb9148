//! Promises about what a planner is told: scopes, kinds, order and pages.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use std::sync::Arc;

use domain::{Employee, Entity, EntityKey, EntityKind, MirrorName, Shift};
use engine::port::{
    ChangeSeq, IngestCommit, IntentState, LedgerCommit, LedgerRow, LedgerWrite, Scope, Store,
    Subject,
};

use super::ledger::{fence, hold, intent, remote};
use super::{Handles, promises};
use crate::builders::{
    calendar, employee, hour, ingest, key, ledger_row, mirror, roster, shift, shift_key, window,
};

promises![
    nothing_is_due_when_nothing_changed,
    what_changed_since_the_cursor_is_due,
    entities_of_changed_employees_are_due,
    entities_that_entered_the_window_are_due,
    rows_with_an_intent_are_due,
    everything_is_what_is_in_the_window_or_in_the_ledger,
    asked_keys_are_answered_in_order,
    a_subject_has_its_rows_of_this_mirror_by_calendar,
    pages_add_up_to_the_whole,
];

const KINDS: &[EntityKind] = &[EntityKind::Shift, EntityKind::TimeOff];

/// What changed since `since`; nothing enters the window.
fn changed(since: i64) -> Scope {
    Scope::Changed { since: ChangeSeq(since), entered_from: hour(0), entered_until: hour(0) }
}

async fn ask(store: &dyn Store, kinds: &[EntityKind], scope: &Scope) -> Vec<Subject> {
    let (mirror, roster) = (mirror(), roster());
    let subjects = store.subjects(&mirror, &roster, kinds, scope, None, 1000);
    let subjects = subjects.await.unwrap();
    assert!(subjects.is_sorted_by(|a, b| a.key < b.key));
    subjects
}

/// The ids of subjects about which something is known.
fn ids(subjects: &[Subject]) -> Vec<&str> {
    subjects
        .iter()
        .filter(|it| it.entry.is_some() || !it.ledger.is_empty())
        .map(|it| it.key.id.as_str())
        .collect()
}

async fn put(store: &dyn Store, expected: i64, entities: impl IntoIterator<Item = Entity>) {
    let commit = ingest(ChangeSeq(expected), entities);
    store.commit_ingest(&roster(), commit).await.unwrap();
}

async fn bury(store: &dyn Store, expected: i64, keys: &[EntityKey]) {
    let commit = IngestCommit { tombstones: keys.to_vec(), ..ingest(ChangeSeq(expected), []) };
    store.commit_ingest(&roster(), commit).await.unwrap();
}

/// Puts ledger rows, under leases taken for them.
async fn put_rows(store: &dyn Store, mirror: &MirrorName, rows: &[LedgerRow]) {
    let calendars: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.calendar).collect();
    let calendars: Vec<_> = calendars.into_iter().collect();
    if *mirror == crate::builders::mirror() {
        hold(store, &calendars, "me").await;
    } else {
        super::ledger::hold_of(store, mirror, &calendars, "me").await;
    }
    let commit = LedgerCommit {
        fences: calendars.iter().map(|it| fence(it, 1)).collect(),
        writes: rows.iter().cloned().map(LedgerWrite::Put).collect(),
        ..LedgerCommit::default()
    };
    let receipt = store.commit_ledger(mirror, commit).await.unwrap();
    assert!(receipt.fenced.is_empty());
}

/// A row of a settled item.
fn settled(key: EntityKey, calendar_name: &str) -> LedgerRow {
    LedgerRow { remote: Some(remote("item")), ..ledger_row(key, &calendar(calendar_name)) }
}

async fn nothing_is_due_when_nothing_changed(Handles { one, .. }: Handles) {
    assert_eq!(ask(&*one, KINDS, &changed(0)).await, []);
    put(&*one, 0, [Entity::Shift(shift("a", "ada", 6))]).await;
    put_rows(&*one, &mirror(), &[settled(shift_key("a"), "ada")]).await;
    assert_eq!(ask(&*one, KINDS, &changed(1)).await, []);
}

async fn what_changed_since_the_cursor_is_due(Handles { one, two }: Handles) {
    put(
        &*one,
        0,
        [
            Entity::Shift(shift("a", "ada", 6)),
            Entity::Shift(shift("b", "ada", 6)),
            Entity::Shift(shift("c", "ada", 6)),
            Entity::Employee(employee("ada")),
        ],
    )
    .await;
    assert_eq!(ids(&ask(&*two, KINDS, &changed(0)).await), ["a", "b", "c"]);
    assert_eq!(ids(&ask(&*two, &[], &changed(0)).await), [""; 0]);
    let people = ask(&*two, &[EntityKind::Employee], &changed(0)).await;
    assert_eq!(ids(&people), ["ada"]);

    put_rows(&*one, &mirror(), &[settled(shift_key("b"), "ada")]).await;
    bury(&*one, 4, &[shift_key("b")]).await;
    put(&*one, 5, [Entity::Shift(shift("d", "ada", 6))]).await;
    let due = ask(&*two, KINDS, &changed(4)).await;
    assert_eq!(ids(&due), ["b", "d"]);
    assert_eq!(due[0].entry, None);
    assert_eq!(due[0].ledger, [settled(shift_key("b"), "ada")]);
    assert_eq!(due[1].entry.as_ref().unwrap().seq, ChangeSeq(6));
    assert_eq!(due[1].ledger, []);
}

async fn entities_of_changed_employees_are_due(Handles { one, .. }: Handles) {
    put(
        &*one,
        0,
        [
            Entity::Shift(shift("ada's", "ada", 6)),
            Entity::Shift(shift("bob's", "bob", 6)),
            Entity::Shift(shift("dead", "ada", 6)),
            Entity::Employee(employee("ada")),
            Entity::Employee(employee("bob")),
        ],
    )
    .await;
    bury(&*one, 5, &[shift_key("dead")]).await;
    assert_eq!(ask(&*one, KINDS, &changed(6)).await, []);
    let renamed = Employee { name: Some("Ada B.".into()), ..employee("ada") };
    put(&*one, 6, [Entity::Employee(renamed)]).await;
    assert_eq!(ids(&ask(&*one, KINDS, &changed(6)).await), ["ada's"]);
    assert_eq!(ids(&ask(&*one, &[EntityKind::TimeOff], &changed(6)).await), [""; 0]);
    // Somebody who left changed too.
    bury(&*one, 7, &[key(EntityKind::Employee, "bob")]).await;
    assert_eq!(ids(&ask(&*one, KINDS, &changed(7)).await), ["bob's"]);
}

async fn entities_that_entered_the_window_are_due(Handles { one, .. }: Handles) {
    put(
        &*one,
        0,
        [
            Entity::Shift(shift("at-until", "ada", 20)),
            Entity::Shift(shift("before-until", "ada", 19)),
            Entity::Shift(shift("at-from", "ada", 10)),
            Entity::Shift(shift("before-from", "ada", 9)),
            Entity::Shift(shift("dead", "ada", 15)),
        ],
    )
    .await;
    bury(&*one, 5, &[shift_key("dead")]).await;
    let scope =
        Scope::Changed { since: ChangeSeq(6), entered_from: hour(10), entered_until: hour(20) };
    let due = ask(&*one, KINDS, &scope).await;
    assert_eq!(ids(&due), ["at-from", "before-until"]);
    assert_eq!(ask(&*one, &[EntityKind::TimeOff], &scope).await, []);
}

async fn rows_with_an_intent_are_due(Handles { one, .. }: Handles) {
    put(&*one, 0, [Entity::Shift(shift("a", "ada", 6))]).await;
    let with =
        |key: EntityKey, state| LedgerRow { intent: Some(intent(state)), ..settled(key, "ada") };
    let unknown = key(EntityKind::OpenShift, "not-of-these-kinds");
    let rows = [
        with(shift_key("a"), IntentState::Sent),
        with(shift_key("nowhere"), IntentState::Planned),
        with(unknown.clone(), IntentState::Planned),
        settled(shift_key("settled"), "ada"),
    ];
    put_rows(&*one, &mirror(), &rows).await;
    let due = ask(&*one, KINDS, &changed(1)).await;
    assert_eq!(ids(&due), ["not-of-these-kinds", "a", "nowhere"]);
    assert!(due[0].entry.is_none() && due[1].entry.is_some() && due[2].entry.is_none());
    assert_eq!(due[1].ledger, rows[..1]);
    // Once settled it is not due any more.
    put_rows(&*one, &mirror(), &[settled(unknown, "ada")]).await;
    let due = ask(&*one, KINDS, &changed(1)).await;
    assert_eq!(ids(&due), ["a", "nowhere"]);
}

async fn everything_is_what_is_in_the_window_or_in_the_ledger(Handles { one, .. }: Handles) {
    let shifts = [
        ("before", 2),
        ("before-but-in-ledger", 1),
        ("inside", 12),
        ("over-the-start", 5),
        ("over-the-end", 19),
        ("after", 20),
        ("dead", 12),
    ];
    let entities = shifts.map(|(id, start)| Entity::Shift(shift(id, "ada", start)));
    put(&*one, 0, entities).await;
    bury(&*one, 7, &[shift_key("dead")]).await;
    let rows = [
        settled(shift_key("before-but-in-ledger"), "ada"),
        settled(shift_key("only-in-ledger"), "ada"),
    ];
    put_rows(&*one, &mirror(), &rows).await;
    let scope = Scope::All { window: window(10, 20) };
    let all = ask(&*one, KINDS, &scope).await;
    let expected =
        ["before-but-in-ledger", "inside", "only-in-ledger", "over-the-end", "over-the-start"];
    assert_eq!(ids(&all), expected);
    let live: Vec<_> = all.iter().map(|it| it.entry.is_some()).collect();
    assert_eq!(live, [true, true, false, true, true]);
    // Other kinds leave the ledger's side.
    let others = ask(&*one, &[EntityKind::TimeOff], &scope).await;
    assert_eq!(ids(&others), ["before-but-in-ledger", "only-in-ledger"]);
    assert!(others.iter().all(|it| it.entry.is_none()));
}

async fn asked_keys_are_answered_in_order(Handles { one, .. }: Handles) {
    put(
        &*one,
        0,
        [
            Entity::Shift(shift("b", "ada", 6)),
            Entity::Shift(shift("a", "ada", 900)),
            Entity::Shift(shift("unasked", "ada", 6)),
        ],
    )
    .await;
    let row = settled(shift_key("c"), "ada");
    put_rows(&*one, &mirror(), std::slice::from_ref(&row)).await;
    let asked = ["c", "b", "a", "unknown", "b"].map(shift_key);
    let answered = ask(&*one, KINDS, &Scope::Keys(asked.to_vec())).await;
    assert_eq!(ids(&answered), ["a", "b", "c"]);
    assert_eq!(answered[2].ledger, [row]);
}

async fn a_subject_has_its_rows_of_this_mirror_by_calendar(Handles { one, .. }: Handles) {
    put(&*one, 0, [Entity::Shift(shift("a", "ada", 6))]).await;
    let rows = ["z", "B", "a"].map(|name| settled(shift_key("a"), name));
    put_rows(&*one, &mirror(), &rows).await;
    let other = MirrorName::new("other").unwrap();
    put_rows(&*one, &other, &[settled(shift_key("a"), "m")]).await;
    let [subject] = &ask(&*one, KINDS, &changed(0)).await[..] else {
        panic!("expected one subject");
    };
    let calendars: Vec<_> = subject.ledger.iter().map(|it| it.calendar.as_str()).collect();
    assert_eq!(calendars, ["B", "a", "z"]);
}

async fn pages_add_up_to_the_whole(Handles { one, .. }: Handles) {
    let shifts = (0..25).map(|n| Entity::Shift(shift(&format!("s{n}"), "ada", n)));
    let off = key(EntityKind::TimeOff, "off");
    put(&*one, 0, shifts.chain([Entity::Employee(employee("ada"))])).await;
    let moved = Shift { label: "Late".into(), ..shift("s7", "ada", 7) };
    put(&*one, 26, [Entity::Shift(moved)]).await;
    let rows: Vec<_> = (20..30)
        .map(|n| shift_key(&format!("s{n}")))
        .chain([off])
        .flat_map(|key| ["a", "b"].map(|calendar| settled(key.clone(), calendar)))
        .map(|row| LedgerRow { intent: Some(intent(IntentState::Sent)), ..row })
        .collect();
    put_rows(&*one, &mirror(), &rows).await;
    let entered =
        Scope::Changed { since: ChangeSeq(26), entered_from: hour(3), entered_until: hour(22) };
    let keys = (0..30).rev().map(|n| shift_key(&format!("s{n}"))).collect();
    let window = window(5, 15);
    for scope in [changed(0), entered, Scope::All { window }, Scope::Keys(keys)] {
        let whole = ask(&*one, KINDS, &scope).await;
        assert!(whole.len() > 20, "{scope:?}");
        for limit in [1, 3, whole.len(), whole.len() + 1] {
            assert_eq!(page_by_page(&one, &scope, limit).await, whole, "{scope:?}");
        }
    }
}

async fn page_by_page(store: &Arc<dyn Store>, scope: &Scope, limit: usize) -> Vec<Subject> {
    let mut all: Vec<Subject> = Vec::new();
    loop {
        let after = all.last().map(|it| it.key.clone());
        let (mirror, roster) = (mirror(), roster());
        let page = store.subjects(&mirror, &roster, KINDS, scope, after.as_ref(), limit);
        let page = page.await.unwrap();
        assert!(page.len() <= limit);
        let last = page.len() < limit;
        all.extend(page);
        if last {
            return all;
        }
    }
}
