//! Promises about the roster: ingests, versions, the sequence, and every way to read it.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{
    Activity, Employee, Entity, EntityKind, Fingerprinter, OpenShift, OpenShiftId, RosterName,
    ScheduleGroup, ScheduleGroupId, Shift, TimeOff, TimeOffId, TimeOffReason, TimeOffReasonId,
    TimeOffSpan,
};
use engine::port::{
    ChangeSeq, DeltaToken, IdentityHint, IngestCommit, LedgerCommit, LedgerWrite, RosterCounts,
    RosterEntry, SourceRef, SourceState, StoreError,
};

use super::ledger::{fence, hold};
use super::{Handles, promises};
use crate::builders::{
    calendar, employee, employee_id, hour, hours, ingest, key, ledger_row, midnight, mirror,
    roster, shift, shift_key, upsert, window,
};

promises![
    an_ingest_reads_back_as_it_was_written,
    versions_and_sequence_continue_over_a_tombstone,
    a_superseded_ingest_changes_nothing,
    of_two_ingests_at_once_one_is_superseded,
    rosters_are_kept_apart,
    an_employees_entries_overlap_the_window_in_order,
    the_state_of_the_source_reads_back,
    identity_hints_are_replaced_and_dropped,
    ten_thousand_entities_are_each_read_once,
    an_id_or_its_unique_beginning_finds_an_entity,
    odd_texts_read_back,
];

/// One entity of each kind.
fn one_of_each() -> Vec<Entity> {
    let group = ScheduleGroupId::new("Support DE").unwrap();
    let day = jiff::civil::date(2026, 11, 21);
    vec![
        Entity::Employee(Employee {
            group: Some(group.clone()),
            time_zone: Some("Europe/Berlin".into()),
            ..employee("ada")
        }),
        Entity::OpenShift(OpenShift {
            id: OpenShiftId::new("open-1").unwrap(),
            group: Some(group.clone()),
            label: "Late".into(),
            interval: hours(12, 20),
            day,
            open_slots: 2,
            activities: Vec::new(),
            notes: Some("two needed".into()),
        }),
        Entity::ScheduleGroup(ScheduleGroup { id: group.clone(), name: "Support Germany".into() }),
        Entity::Shift(Shift {
            group: Some(group),
            activities: vec![Activity {
                label: "Break".into(),
                interval: hours(9, 10),
                paid: false,
            }],
            ..shift("shift-1", "ada", 6)
        }),
        Entity::TimeOff(TimeOff {
            id: TimeOffId::new("off-1").unwrap(),
            employee: employee_id("ada"),
            reason: Some(TimeOffReasonId::new("leave").unwrap()),
            span: TimeOffSpan::AllDay {
                first: day,
                end: day.tomorrow().unwrap(),
                zone: "Europe/Berlin".into(),
            },
            notes: None,
        }),
        Entity::TimeOffReason(TimeOffReason {
            id: TimeOffReasonId::new("leave").unwrap(),
            name: "Annual leave".into(),
        }),
    ]
}

async fn an_ingest_reads_back_as_it_was_written(Handles { one, two }: Handles) {
    assert_eq!(one.roster_index(&roster()).await.unwrap().0, ChangeSeq(0));
    assert_eq!(one.roster_seq(&roster()).await.unwrap(), ChangeSeq(0));
    let entities = one_of_each();
    let commit = ingest(ChangeSeq(0), entities.clone());
    let receipt = one.commit_ingest(&roster(), commit).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(6));

    let (seq, mut index) = two.roster_index(&roster()).await.unwrap();
    index.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(seq, ChangeSeq(6));
    for (row, entity) in index.iter().zip(&entities) {
        assert_eq!(row.key, entity.key());
        assert_eq!(row.fingerprint, entity.fingerprint());
        assert_eq!(row.twin, None);
        assert_eq!(row.starts_at, entity.interval().map(|it| it.start()));
        assert_eq!(row.ends_at, entity.interval().map(|it| it.end()));
    }
    let keys: Vec<_> = entities.iter().map(Entity::key).collect();
    let mut entries = two.roster_entries(&roster(), &keys).await.unwrap();
    entries.sort_by_key(|entry| entry.entity.key());
    let expected: Vec<_> = (1..).zip(&entities).map(|(seq, it)| first(it, seq)).collect();
    assert_eq!(entries, expected);
    for (kind, expected) in EntityKind::ALL.into_iter().zip(expected) {
        let of_kind = two.entries_of_kind(&roster(), kind).await.unwrap();
        assert_eq!(of_kind, [expected]);
    }
    let people = two.employees(&roster()).await.unwrap();
    assert_eq!(Entity::Employee(people[0].clone()), entities[0]);
    let counts =
        RosterCounts { employees: 1, shifts: 1, open_shifts: 1, time_off: 1, seq: ChangeSeq(6) };
    assert_eq!(two.roster_counts(&roster()).await.unwrap(), counts);
    assert_eq!(two.roster_seq(&roster()).await.unwrap(), counts.seq);
}

/// The first version of an entity.
fn first(entity: &Entity, seq: i64) -> RosterEntry {
    RosterEntry {
        entity: entity.clone(),
        fingerprint: entity.fingerprint(),
        version: 1,
        changed_at: midnight(),
        seq: ChangeSeq(seq),
        at: SourceRef("week-48.csv:2".into()),
    }
}

async fn versions_and_sequence_continue_over_a_tombstone(Handles { one, two }: Handles) {
    let (a, b) = (shift("a", "ada", 6), shift("b", "ada", 30));
    let both = [Entity::Shift(a.clone()), Entity::Shift(b)];
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), both)).await.unwrap();
    let removal =
        IngestCommit { tombstones: vec![shift_key("a")], at: hour(1), ..ingest(ChangeSeq(2), []) };
    let receipt = one.commit_ingest(&roster(), removal).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(3));
    let (seq, index) = two.roster_index(&roster()).await.unwrap();
    let keys: Vec<_> = index.into_iter().map(|row| row.key).collect();
    assert_eq!((seq, keys), (ChangeSeq(3), vec![shift_key("b")]));
    let gone = two.roster_entries(&roster(), &[shift_key("a")]).await;
    assert_eq!(gone.unwrap(), []);
    assert_eq!(two.roster_counts(&roster()).await.unwrap().shifts, 1);

    let moved = Shift { label: "Late".into(), ..a };
    let again =
        IngestCommit { at: hour(2), ..ingest(ChangeSeq(3), [Entity::Shift(moved.clone())]) };
    two.commit_ingest(&roster(), again).await.unwrap();
    let entries = one.roster_entries(&roster(), &[shift_key("a")]).await;
    let expected =
        RosterEntry { version: 2, changed_at: hour(2), ..first(&Entity::Shift(moved), 4) };
    assert_eq!(entries.unwrap(), [expected]);
}

async fn a_superseded_ingest_changes_nothing(Handles { one, two }: Handles) {
    let early = [Entity::Shift(shift("a", "ada", 6))];
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), early)).await.unwrap();
    let stale = IngestCommit {
        tombstones: vec![shift_key("a")],
        state: SourceState { read_at: Some(hour(3)), ..SourceState::default() },
        ..ingest(ChangeSeq(0), [Entity::Shift(shift("b", "ada", 30))])
    };
    let error = two.commit_ingest(&roster(), stale).await.unwrap_err();
    let StoreError::Superseded { roster: name, expected, found } = error else {
        panic!("expected a superseded ingest, found {error}");
    };
    assert_eq!((name, expected, found), (roster(), 0, 1));
    let (seq, index) = one.roster_index(&roster()).await.unwrap();
    let keys: Vec<_> = index.into_iter().map(|row| row.key).collect();
    assert_eq!((seq, keys), (ChangeSeq(1), vec![shift_key("a")]));
    let state = one.source_state(&roster()).await.unwrap();
    assert_eq!(state, SourceState::default());
}

async fn of_two_ingests_at_once_one_is_superseded(Handles { one, two }: Handles) {
    for round in 0..10 {
        let entity = |name: &str| Entity::Shift(shift(&format!("{name}-{round}"), "ada", 6));
        let roster = roster();
        let (a, b) = tokio::join!(
            one.commit_ingest(&roster, ingest(ChangeSeq(round), [entity("a")])),
            two.commit_ingest(&roster, ingest(ChangeSeq(round), [entity("b")])),
        );
        let superseded = [&a, &b]
            .into_iter()
            .filter(|it| matches!(it, Err(StoreError::Superseded { .. })))
            .count();
        assert_eq!(superseded, 1, "{a:?} {b:?}");
        let (seq, index) = one.roster_index(&roster).await.unwrap();
        assert_eq!((seq.0, index.len() as i64), (round + 1, round + 1));
    }
}

async fn rosters_are_kept_apart(Handles { one, .. }: Handles) {
    let other = RosterName::new("other").unwrap();
    let early = [Entity::Shift(shift("a", "ada", 6))];
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), early)).await.unwrap();
    let (seq, index) = one.roster_index(&other).await.unwrap();
    assert_eq!((seq, index), (ChangeSeq(0), vec![]));
    let removal = IngestCommit { tombstones: vec![shift_key("a")], ..ingest(ChangeSeq(0), []) };
    one.commit_ingest(&other, removal).await.unwrap();
    assert_eq!(one.roster_index(&roster()).await.unwrap().1.len(), 1);
}

async fn an_employees_entries_overlap_the_window_in_order(Handles { one, .. }: Handles) {
    let entities = [
        Entity::Employee(employee("ada")),
        Entity::Shift(shift("z", "ada", 8)),
        Entity::Shift(shift("b", "ada", 10)),
        Entity::Shift(shift("a", "ada", 10)),
        Entity::Shift(shift("ends-at-start", "ada", 0)),
        Entity::Shift(shift("starts-at-end", "ada", 12)),
        Entity::Shift(shift("dead", "ada", 9)),
        Entity::Shift(shift("another's", "bob", 9)),
    ];
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap();
    let removal = IngestCommit { tombstones: vec![shift_key("dead")], ..ingest(ChangeSeq(8), []) };
    one.commit_ingest(&roster(), removal).await.unwrap();
    let entries = one.employee_entries(&roster(), &employee_id("ada"), &window(8, 12)).await;
    let ids: Vec<_> =
        entries.unwrap().into_iter().map(|entry| entry.entity.key().id.to_string()).collect();
    assert_eq!(ids, ["z", "a", "b"]);
}

async fn the_state_of_the_source_reads_back(Handles { one, two }: Handles) {
    let unread = one.source_state(&roster()).await.unwrap();
    assert_eq!(unread, SourceState::default());
    let state = SourceState {
        token: Some(DeltaToken(r#"W/"7"; a 'b' \"#.into())),
        window_start: Some(hour(-24)),
        window_end: Some(hour(24 * 56)),
        read_at: Some(hour(1)),
    };
    for expected in [state, SourceState::default()] {
        let commit = IngestCommit { state: expected.clone(), ..ingest(ChangeSeq(0), []) };
        let receipt = one.commit_ingest(&roster(), commit).await.unwrap();
        assert_eq!(receipt.seq, ChangeSeq(0));
        assert_eq!(two.source_state(&roster()).await.unwrap(), expected);
    }
}

async fn identity_hints_are_replaced_and_dropped(Handles { one, two }: Handles) {
    let hint = |id: &str, meaning: &'static str| IdentityHint {
        key: shift_key(id),
        fingerprint: Fingerprinter::new(meaning).finish(),
    };
    let other = RosterName::new("other").unwrap();
    one.add_identity_hints(&other, &[hint("a", "elsewhere")]).await.unwrap();
    for hints in [vec![hint("a", "1"), hint("b", "2")], vec![hint("a", "3")]] {
        one.add_identity_hints(&roster(), &hints).await.unwrap();
    }
    one.add_identity_hints(&roster(), &[]).await.unwrap();
    let mut hints = two.identity_hints(&roster()).await.unwrap();
    hints.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(hints, [hint("a", "3"), hint("b", "2")]);

    one.commit_ingest(&roster(), ingest(ChangeSeq(0), [])).await.unwrap();
    assert_eq!(two.identity_hints(&roster()).await.unwrap().len(), 2);
    let used_up = IngestCommit { drop_hints: true, ..ingest(ChangeSeq(0), []) };
    one.commit_ingest(&roster(), used_up).await.unwrap();
    assert_eq!(two.identity_hints(&roster()).await.unwrap(), []);
    assert_eq!(two.identity_hints(&other).await.unwrap().len(), 1);
}

async fn ten_thousand_entities_are_each_read_once(Handles { one, two }: Handles) {
    let people = (0..1500).map(|n| Entity::Employee(employee(&format!("e{n}"))));
    let shifts = (0..8500).map(|n| Entity::Shift(shift(&format!("s{n}"), "e1", n)));
    let entities: Vec<_> = people.chain(shifts).collect();
    let receipt =
        one.commit_ingest(&roster(), ingest(ChangeSeq(0), entities.clone())).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(10_000));
    let mut keys: Vec<_> = entities.iter().map(Entity::key).collect();
    let (_, index) = two.roster_index(&roster()).await.unwrap();
    let mut indexed: Vec<_> = index.into_iter().map(|row| row.key).collect();
    indexed.sort();
    let entries = two.roster_entries(&roster(), &keys).await.unwrap();
    let mut read: Vec<_> = entries.into_iter().map(|it| it.entity.key()).collect();
    read.sort();
    keys.sort();
    assert!(indexed == keys, "index has {} keys", indexed.len());
    assert!(read == keys, "{} entries were read", read.len());
    let people = two.employees(&roster()).await.unwrap();
    assert_eq!(people.len(), 1500);
    assert!(people.is_sorted_by(|a, b| a.id < b.id));

    let dead = keys.iter().take(5000).cloned().collect();
    let removal = IngestCommit { tombstones: dead, ..ingest(ChangeSeq(10_000), []) };
    one.commit_ingest(&roster(), removal).await.unwrap();
    let (seq, index) = two.roster_index(&roster()).await.unwrap();
    assert_eq!((seq, index.len()), (ChangeSeq(15_000), 5000));
}

async fn an_id_or_its_unique_beginning_finds_an_entity(Handles { one, .. }: Handles) {
    let entities = [
        Entity::Shift(shift("abcdef-1", "ada", 6)),
        Entity::Shift(shift("abcdef-22", "ada", 6)),
        Entity::Shift(shift("abcdef-2", "ada", 6)),
        Entity::Employee(employee("abcdef-1")),
    ];
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap();
    let removal = IngestCommit {
        tombstones: vec![shift_key("abcdef-1")],
        at: hour(5),
        ..ingest(ChangeSeq(4), [])
    };
    one.commit_ingest(&roster(), removal).await.unwrap();
    let a = calendar("a");
    hold(&*one, &[&a], "me").await;
    let row = ledger_row(shift_key("abcdef-1"), &a);
    let commit = LedgerCommit {
        fences: vec![fence(&a, 1)],
        writes: vec![LedgerWrite::Put(row.clone())],
        ..LedgerCommit::default()
    };
    one.commit_ledger(&mirror(), commit).await.unwrap();

    let found = async |id: &str| {
        let mut found = one.find_entities(id).await.unwrap();
        found.sort_by_key(|it| it.entry.entity.key());
        found
    };
    let both = found("abcdef-1").await;
    let keys: Vec<_> = both.iter().map(|it| it.entry.entity.key()).collect();
    let employee_key = key(EntityKind::Employee, "abcdef-1");
    assert_eq!(keys, [employee_key, shift_key("abcdef-1")]);
    assert!(both.iter().all(|it| it.roster == roster()));
    assert_eq!((both[0].deleted_at, both[1].deleted_at), (None, Some(hour(5))));
    assert_eq!(both[0].ledger, []);
    assert_eq!(both[1].ledger, [(mirror(), row)]);
    // Exact goes before beginning; a beginning must be long enough and of one id only.
    assert_eq!(found("abcdef-2").await.len(), 1);
    assert_eq!(found("abcdef-22").await.len(), 1);
    assert_eq!(found("abcdef").await.len(), 0);
    one.commit_ingest(
        &roster(),
        ingest(ChangeSeq(5), [Entity::Shift(shift("unique-9", "ada", 6))]),
    )
    .await
    .unwrap();
    assert_eq!(found("unique").await.len(), 1);
    assert_eq!(found("uniqu").await.len(), 0);
    assert_eq!(found("unique%").await.len(), 0);
    assert_eq!(found("nobody-knows").await.len(), 0);
}

async fn odd_texts_read_back(Handles { one, two }: Handles) {
    let odd = "Zoë's \"%_\\ ; -- 夜勤 🦉 'null'";
    let strange = Shift {
        label: odd.into(),
        notes: Some(format!("{odd}\r\n\ttab\u{1e}\u{1f}\u{0}end")),
        ..shift(odd, odd, 6)
    };
    let entity = Entity::Shift(strange);
    let commit = IngestCommit {
        upserts: vec![engine::port::Upsert {
            twin: Some(Fingerprinter::new("twin").finish()),
            ..upsert(entity.clone())
        }],
        ..ingest(ChangeSeq(0), [])
    };
    one.commit_ingest(&roster(), commit).await.unwrap();
    let (_, index) = two.roster_index(&roster()).await.unwrap();
    assert_eq!(index[0].key, entity.key());
    assert_eq!(index[0].twin, Some(Fingerprinter::new("twin").finish()));
    let entries = two.roster_entries(&roster(), &[entity.key()]).await.unwrap();
    assert_eq!(entries, [first(&entity, 1)]);
    let found = two.find_entities(odd).await.unwrap();
    assert_eq!(found.len(), 1);
    // Whoever changes it and does not know how its id came about leaves that as it was.
    let Entity::Shift(strange) = entity else { unreachable!("it was made as one") };
    let other = Entity::Shift(Shift { label: "another".into(), ..strange });
    let commit = IngestCommit { upserts: vec![upsert(other)], ..ingest(ChangeSeq(1), []) };
    two.commit_ingest(&roster(), commit).await.unwrap();
    let (_, index) = one.roster_index(&roster()).await.unwrap();
    assert_eq!(index[0].twin, Some(Fingerprinter::new("twin").finish()));
}
