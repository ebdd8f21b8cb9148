//! Promises about what decisions rest on: ledger rows by remote id, entities of many employees.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{
    EmployeeId, Entity, EntityKey, EntityKind, MirrorName, OpenShift, OpenShiftId, RosterName,
    Shift, SyncWindow, UtcInterval,
};
use engine::port::{
    ApprovalStore, ChangeSeq, IngestCommit, Intent, IntentState, LedgerCommit, LedgerRow,
    LedgerWrite, RemoteId, RosterEntry, Store,
};

use super::ledger::{commit, commit_to, fence, hold, hold_of, intent, remote};
use super::{Handles, promises};
use crate::builders::{
    calendar, employee, employee_id, hours, ingest, key, ledger_removal, ledger_row, mirror,
    roster, shift, shift_key, window,
};

promises![
    a_row_is_found_where_its_item_is_and_where_it_is_to_be,
    a_row_is_not_found_where_its_item_was,
    rows_are_found_at_remote_ids_of_any_spelling,
    a_remote_id_is_looked_for_in_one_calendar_or_in_all,
    thousands_of_remote_ids_are_looked_for_at_once,
    rows_of_entities_are_found_in_every_calendar,
    entities_of_many_employees_are_read_at_once,
    somebody_asked_for_twice_is_told_once,
    entities_of_a_kind_are_those_that_overlap_the_window,
];

fn ids(ids: &[&str]) -> Vec<RemoteId> {
    ids.iter().map(|id| RemoteId((*id).into())).collect()
}

/// A row of the calendar `ada` whose item is at the one and is to be at the other.
fn row(id: &str, is_at: Option<&str>, will_be_at: Option<&str>) -> LedgerRow {
    LedgerRow {
        remote: is_at.map(remote),
        intent: will_be_at
            .map(|id| Intent { remote_id: Some(RemoteId(id.into())), ..intent(IntentState::Sent) }),
        ..ledger_row(shift_key(id), &calendar("ada"))
    }
}

async fn put(store: &dyn Store, rows: &[LedgerRow]) {
    let ada = calendar("ada");
    hold(store, &[&ada], "me").await;
    let writes = rows.iter().cloned().map(LedgerWrite::Put).collect();
    assert_eq!(commit(store, commit_to(&ada, writes)).await, []);
}

fn names(rows: impl IntoIterator<Item = LedgerRow>) -> Vec<String> {
    let mut names: Vec<_> =
        rows.into_iter().map(|row| format!("{} in {}", row.key.id, row.calendar)).collect();
    names.sort();
    names
}

async fn at(store: &dyn Store, at: &[&str]) -> Vec<String> {
    names(store.ledger_at(&mirror(), None, &ids(at)).await.unwrap())
}

async fn a_row_is_found_where_its_item_is_and_where_it_is_to_be(Handles { one, two }: Handles) {
    let moving = row("moving", Some("r1"), Some("r2"));
    let there = row("there", Some("r3"), None);
    let coming = row("coming", None, Some("r4"));
    let staying = row("staying", Some("r5"), Some("r5"));
    put(&*one, &[moving.clone(), there, coming, staying, row("nowhere", None, None)]).await;
    assert_eq!(at(&*two, &["r1"]).await, ["moving in ada"]);
    assert_eq!(at(&*two, &["r2"]).await, ["moving in ada"]);
    assert_eq!(at(&*two, &["r3"]).await, ["there in ada"]);
    assert_eq!(at(&*two, &["r4"]).await, ["coming in ada"]);
    // Found twice, told once; asked twice, told once.
    assert_eq!(at(&*two, &["r1", "r2", "r5"]).await, ["moving in ada", "staying in ada"]);
    assert_eq!(at(&*two, &["r3", "r4", "r3"]).await, ["coming in ada", "there in ada"]);
    assert_eq!(at(&*two, &["r9", "r", "R1", ""]).await, [""; 0]);
    assert_eq!(at(&*two, &[]).await, [""; 0]);
    let read = two.ledger_at(&mirror(), None, &ids(&["r2"])).await.unwrap();
    assert_eq!(read, [moving]);
}

async fn a_row_is_not_found_where_its_item_was(Handles { one, two }: Handles) {
    put(&*one, &[row("a", Some("r1"), Some("r2")), row("b", None, Some("r3"))]).await;
    put(&*one, &[row("a", Some("r2"), None), row("b", None, None)]).await;
    assert_eq!(at(&*two, &["r1", "r3"]).await, [""; 0]);
    assert_eq!(at(&*two, &["r2"]).await, ["a in ada"]);
    // What another entity takes is the other's.
    put(&*one, &[row("a", None, None), row("b", Some("r2"), None)]).await;
    assert_eq!(at(&*two, &["r2"]).await, ["b in ada"]);
    let ada = calendar("ada");
    let gone = ledger_removal(shift_key("b"), &ada);
    commit(&*one, commit_to(&ada, vec![gone])).await;
    assert_eq!(at(&*two, &["r2"]).await, [""; 0]);
}

async fn rows_are_found_at_remote_ids_of_any_spelling(Handles { one, two }: Handles) {
    let odd = [
        "/dav/ada/a%20b.ics",
        "\u{1e}\u{1f}\u{0}\n",
        r#"it's "so" \ % _ {}"#,
        r"\u0041",
        "夜勤 é e\u{301}",
        " ",
        "null",
        "7",
    ];
    let rows: Vec<_> =
        (0..).zip(odd).map(|(n, id)| row(&format!("s{n}"), Some(id), None)).collect();
    put(&*one, &rows).await;
    for (expected, id) in rows.iter().zip(odd) {
        let found = two.ledger_at(&mirror(), None, &ids(&[id])).await.unwrap();
        assert_eq!(found, std::slice::from_ref(expected), "{id:?}");
    }
    assert_eq!(at(&*two, &["A", "\u{0}", "/dav/ada/a b.ics", "é"]).await, [""; 0]);
    assert_eq!(at(&*two, &odd).await.len(), odd.len());
}

async fn a_remote_id_is_looked_for_in_one_calendar_or_in_all(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    let other = MirrorName::new("other").unwrap();
    let theirs = LedgerRow { calendar: bob.clone(), ..row("theirs", Some("r1"), Some("r2")) };
    put(&*one, &[row("ours", Some("r1"), Some("r2"))]).await;
    hold(&*one, &[&bob], "me").await;
    commit(&*one, commit_to(&bob, vec![LedgerWrite::Put(theirs)])).await;
    hold_of(&*one, &other, &[&ada], "me").await;
    let elsewhere = LedgerCommit {
        fences: vec![fence(&ada, 1)],
        ..commit_to(&ada, vec![LedgerWrite::Put(row("other's", Some("r1"), None))])
    };
    one.commit_ledger(&other, elsewhere).await.unwrap();

    for id in ["r1", "r2"] {
        let within = async |calendar| {
            names(two.ledger_at(&mirror(), Some(calendar), &ids(&[id])).await.unwrap())
        };
        assert_eq!(within(&ada).await, ["ours in ada"]);
        assert_eq!(within(&bob).await, ["theirs in bob"]);
        assert_eq!(within(&calendar("carl")).await, [""; 0]);
        assert_eq!(at(&*two, &[id]).await, ["ours in ada", "theirs in bob"]);
    }
    let others = two.ledger_at(&other, None, &ids(&["r1", "r2"])).await.unwrap();
    assert_eq!(names(others), ["other's in ada"]);
    let nobodys = MirrorName::new("nobodys").unwrap();
    assert_eq!(two.ledger_at(&nobodys, None, &ids(&["r1"])).await.unwrap(), []);
}

async fn thousands_of_remote_ids_are_looked_for_at_once(Handles { one, two }: Handles) {
    let rows: Vec<_> = (0..2500)
        .map(|n| {
            let (id, is_at) = (format!("s{n}"), format!("r{n}"));
            row(&id, (n % 2 == 0).then_some(&is_at), (n % 2 == 1).then_some(&is_at))
        })
        .collect();
    put(&*one, &rows).await;
    let asked: Vec<_> = (0..5000).map(|n| RemoteId(format!("r{n}"))).collect();
    let found = two.ledger_at(&mirror(), None, &asked).await.unwrap();
    assert!(names(found.clone()) == names(rows.clone()), "{} rows were found", found.len());
    let keys: Vec<_> = (0..5000).map(|n| shift_key(&format!("s{n}"))).collect();
    let found = two.ledger_of(&mirror(), &keys).await.unwrap();
    assert!(names(found.clone()) == names(rows), "{} rows were found", found.len());
}

async fn rows_of_entities_are_found_in_every_calendar(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let off = key(EntityKind::TimeOff, "s1");
    let rows = [
        ledger_row(shift_key("s1"), &ada),
        ledger_row(shift_key("s1"), &bob),
        ledger_row(shift_key("s2"), &ada),
        ledger_row(off.clone(), &ada),
    ];
    let both = LedgerCommit {
        fences: vec![fence(&ada, 1), fence(&bob, 1)],
        writes: rows.iter().cloned().map(LedgerWrite::Put).collect(),
        ..LedgerCommit::default()
    };
    commit(&*one, both).await;
    let of = async |keys: &[EntityKey]| names(two.ledger_of(&mirror(), keys).await.unwrap());
    assert_eq!(of(&[shift_key("s1"), shift_key("s1")]).await, ["s1 in ada", "s1 in bob"]);
    assert_eq!(of(&[shift_key("s2"), shift_key("s9")]).await, ["s2 in ada"]);
    assert_eq!(two.ledger_of(&mirror(), &[off]).await.unwrap(), rows[3..]);
    assert_eq!(of(&[]).await, [""; 0]);
    let other = MirrorName::new("other").unwrap();
    assert_eq!(two.ledger_of(&other, &[shift_key("s1")]).await.unwrap(), []);
}

/// Shifts of eight hours: `ada` at 0, 10 and 20, `bob` at 5 and 10 (deleted), `carl` at 10; and
/// an open shift at 10.
async fn roster_of_three(store: &dyn Store) {
    let shifts = [("a0", "ada", 0), ("a10", "ada", 10), ("a20", "ada", 20)]
        .into_iter()
        .chain([("b5", "bob", 5), ("b10", "bob", 10), ("c10", "carl", 10)])
        .map(|(id, employee, start)| Entity::Shift(shift(id, employee, start)));
    let people = ["ada", "bob", "carl"].map(|id| Entity::Employee(employee(id)));
    let open = Entity::OpenShift(OpenShift {
        id: OpenShiftId::new("open").unwrap(),
        group: None,
        label: "Late".into(),
        interval: hours(10, 18),
        day: jiff::civil::date(2026, 11, 21),
        open_slots: 1,
        activities: Vec::new(),
        notes: None,
    });
    let commit = ingest(ChangeSeq(0), shifts.chain(people).chain([open]));
    let seq = store.commit_ingest(&roster(), commit).await.unwrap().seq;
    let removal = IngestCommit { tombstones: vec![shift_key("b10")], ..ingest(seq, []) };
    store.commit_ingest(&roster(), removal).await.unwrap();
}

fn entity_names(entries: &[RosterEntry]) -> Vec<String> {
    entries.iter().map(|it| it.entity.key().id.to_string()).collect()
}

async fn of(store: &dyn ApprovalStore, asked: &[(&str, SyncWindow)]) -> Vec<String> {
    let asked: Vec<_> = asked.iter().map(|(id, window)| (employee_id(id), *window)).collect();
    entity_names(&store.entries_of_employees(&roster(), &asked).await.unwrap())
}

async fn entities_of_many_employees_are_read_at_once(Handles { one, two }: Handles) {
    roster_of_three(&*one).await;
    // By start and then key, whosever they are; each with the window asked for it.
    let all = ["ada", "bob", "carl", "dora"].map(|id| (id, window(-9, 99)));
    assert_eq!(of(&*two, &all).await, ["a0", "b5", "a10", "c10", "a20"]);
    let some = [("carl", window(0, 99)), ("ada", window(8, 20)), ("bob", window(13, 99))];
    assert_eq!(of(&*two, &some).await, ["a10", "c10"]);
    assert_eq!(of(&*two, &[]).await, [""; 0]);
    let other = RosterName::new("other").unwrap();
    let asked = [(employee_id("ada"), window(0, 99))];
    assert_eq!(two.entries_of_employees(&other, &asked).await.unwrap(), []);

    let whole = two.entries_of_employees(&roster(), &asked).await.unwrap();
    let single = two.employee_entries(&roster(), &asked[0].0, &asked[0].1).await;
    assert_eq!(whole, single.unwrap());
    let crowd: Vec<(EmployeeId, SyncWindow)> = (0..2500)
        .map(|n| (employee_id(&format!("nobody-{n}")), window(0, 99)))
        .chain(asked.clone())
        .collect();
    assert_eq!(two.entries_of_employees(&roster(), &crowd).await.unwrap(), whole);
}

async fn somebody_asked_for_twice_is_told_once(Handles { one, two }: Handles) {
    roster_of_three(&*one).await;
    let twice = [("ada", window(0, 12)), ("ada", window(17, 21)), ("ada", window(17, 21))];
    assert_eq!(of(&*two, &twice).await, ["a0", "a10", "a20"]);
    let apart = [("ada", window(0, 3)), ("ada", window(25, 26))];
    assert_eq!(of(&*two, &apart).await, ["a0", "a20"]);
}

async fn entities_of_a_kind_are_those_that_overlap_the_window(Handles { one, two }: Handles) {
    roster_of_three(&*one).await;
    let long = UtcInterval::new(hours(-300, 0).start(), hours(0, 16).end()).unwrap();
    let long = Entity::Shift(Shift { interval: long, ..shift("long", "dora", 0) });
    let seq = two.roster_counts(&roster()).await.unwrap().seq;
    one.commit_ingest(&roster(), ingest(seq, [long])).await.unwrap();
    let within = async |kind, start, end| {
        let found = two.entries_within(&roster(), kind, &window(start, end)).await;
        let mut found = entity_names(&found.unwrap());
        found.sort();
        found
    };
    // Ends that touch the window are outside.
    let shifts = within(EntityKind::Shift, 8, 20).await;
    assert_eq!(shifts, ["a10", "b5", "c10", "long"]);
    assert_eq!(within(EntityKind::Shift, 16, 17).await, ["a10", "c10"]);
    assert_eq!(within(EntityKind::OpenShift, 8, 20).await, ["open"]);
    assert_eq!(within(EntityKind::OpenShift, 18, 20).await, [""; 0]);
    assert_eq!(within(EntityKind::TimeOff, 0, 99).await, [""; 0]);
    let other = RosterName::new("other").unwrap();
    let none = two.entries_within(&other, EntityKind::Shift, &window(0, 99)).await;
    assert_eq!(none.unwrap(), []);
}
