//! Promises about the ledger: rows, fencing, calendars, the cursor, counts and the audit.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{
    CalendarKey, EntityKey, EntityKind, Fingerprint, Fingerprinter, MirrorName, Part, UtcInterval,
};
use engine::port::{
    AuditEntry, AuditVerb, CalendarState, ChangeSeq, Cursor, DeltaToken, ETag, Epoch, Fenced,
    Intent, IntentState, LeaseDomain, LeaseGrant, LedgerCommit, LedgerRow, LedgerWrite,
    MirrorCounts, Remote, RemoteId, Scope, Store, Trouble, Verb,
};

use super::{Handles, promises};
use crate::builders::{
    calendar, employee_id, hour, hours, key, ledger_removal, ledger_row, midnight, mirror, roster,
    shift_key,
};

promises![
    a_row_reads_back_as_it_was_written,
    the_last_write_to_a_row_counts,
    a_row_that_waits_for_its_vendor_stays_until_then,
    the_rows_of_a_calendar_are_ordered_by_key,
    every_part_of_an_entity_has_a_row_of_its_own,
    a_stale_epoch_changes_nothing_and_the_others_commit,
    writes_without_a_fence_are_fenced,
    a_lease_that_ran_out_still_commits_and_is_renewed,
    a_commit_that_does_not_renew_leaves_the_lease,
    a_commit_racing_with_a_take_over_is_whole_or_fenced,
    the_cursor_reads_back_and_is_not_fenced,
    calendars_are_ordered_and_replaced,
    counts_follow_the_rows,
    the_history_is_told_oldest_first,
    the_history_is_bounded,
];

/// Takes the leases on these calendars of the usual mirror, for half an hour.
pub(super) async fn hold(store: &dyn Store, calendars: &[&CalendarKey], owner: &str) {
    hold_of(store, &mirror(), calendars, owner).await;
}

pub(super) async fn hold_of(
    store: &dyn Store,
    mirror: &MirrorName,
    calendars: &[&CalendarKey],
    owner: &str,
) {
    let domains: Vec<_> =
        calendars.iter().map(|calendar| LeaseDomain::calendar(mirror, calendar)).collect();
    let grants = store.acquire_leases(&domains, owner, hour(0), hour(1)).await;
    for grant in grants.unwrap() {
        assert!(matches!(grant, LeaseGrant::Granted(_)), "{grant:?}");
    }
}

pub(super) fn fence(calendar: &CalendarKey, epoch: i64) -> Fenced {
    Fenced { calendar: calendar.clone(), epoch: Epoch(epoch) }
}

pub(super) fn print(text: &str) -> Fingerprint {
    let mut print = Fingerprinter::new("test");
    print.text(text);
    print.finish()
}

pub(super) fn remote(id: &str) -> Remote {
    let (id, intended) = (RemoteId(id.into()), print(id));
    Remote { id, etag: None, intended, echoed: None, version: 1, adopted: false }
}

pub(super) fn intent(state: IntentState) -> Intent {
    Intent {
        verb: Verb::Create,
        fingerprint: print("intent"),
        remote_id: None,
        state,
        attempts: 0,
        not_before: None,
    }
}

/// A commit of these writes to one calendar, under its first epoch.
pub(super) fn commit_to(calendar: &CalendarKey, writes: Vec<LedgerWrite>) -> LedgerCommit {
    LedgerCommit { fences: vec![fence(calendar, 1)], writes, ..LedgerCommit::default() }
}

pub(super) async fn commit(store: &dyn Store, commit: LedgerCommit) -> Vec<CalendarKey> {
    let receipt = store.commit_ledger(&mirror(), commit).await.unwrap();
    receipt.fenced.into_iter().collect()
}

fn full_row(calendar: &CalendarKey) -> LedgerRow {
    LedgerRow {
        key: shift_key("Zoë's \"%_\\ 夜勤"),
        part: Part::Main,
        calendar: calendar.clone(),
        employee: Some(employee_id("ada")),
        generation: 3,
        remote: Some(Remote {
            id: RemoteId("/dav/ada/a%20b.ics".into()),
            etag: Some(ETag(r#""q\u{1f}'\""#.into())),
            intended: print("intended"),
            echoed: Some(print("echoed")),
            version: u32::MAX,
            adopted: true,
        }),
        intent: Some(Intent {
            verb: Verb::Delete,
            fingerprint: print("intent"),
            remote_id: Some(RemoteId("\u{1e}\u{1f}\u{0}\n".into())),
            state: IntentState::Sent,
            attempts: 7,
            not_before: Some(hour(3)),
        }),
        trouble: Some(Trouble {
            refusals: 2,
            reason: "400: it's \"bad\"\n".into(),
            fingerprint: print("trouble"),
            quarantined_at: Some(hour(4)),
        }),
        ends_at: Some(hour(9)),
        changed_at: hour(5),
    }
}

async fn a_row_reads_back_as_it_was_written(Handles { one, two }: Handles) {
    let ada = calendar("/dav/ada's \"calendar\"/");
    hold(&*one, &[&ada], "me").await;
    let full = LedgerRow { part: Part::BreakWindow(7), ..full_row(&ada) };
    let empty = ledger_row(shift_key("empty"), &ada);
    let other_verbs = [Verb::Create, Verb::Update].map(|verb| LedgerRow {
        intent: Some(Intent { verb, ..intent(IntentState::Planned) }),
        ..ledger_row(shift_key(&format!("{verb:?}")), &ada)
    });
    let rows = [vec![full, empty], other_verbs.to_vec()].concat();
    let writes = rows.iter().cloned().map(LedgerWrite::Put).collect();
    assert_eq!(commit(&*one, commit_to(&ada, writes)).await, []);
    let mut expected = rows;
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    let read = two.ledger_of_calendar(&mirror(), &ada).await.unwrap();
    assert_eq!(read, expected);
}

async fn the_last_write_to_a_row_counts(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let first = full_row(&ada);
    let second = LedgerRow { changed_at: hour(5), ..ledger_row(first.key.clone(), &ada) };
    let put = |row: &LedgerRow| LedgerWrite::Put(row.clone());
    let remove = |key: &EntityKey| ledger_removal(key.clone(), &ada);
    let read = async || two.ledger_of_calendar(&mirror(), &ada).await.unwrap();

    commit(&*one, commit_to(&ada, vec![put(&first)])).await;
    commit(&*one, commit_to(&ada, vec![put(&second)])).await;
    assert_eq!(read().await, std::slice::from_ref(&second));
    // A removal of what is not there is no failure; the order inside one commit counts.
    let nobody = shift_key("nobody");
    let writes = vec![remove(&first.key), remove(&nobody), put(&first)];
    commit(&*one, commit_to(&ada, writes)).await;
    assert_eq!(read().await, std::slice::from_ref(&first));
    let writes = vec![put(&second), put(&first), remove(&first.key)];
    commit(&*one, commit_to(&ada, writes)).await;
    assert_eq!(read().await, []);
}

async fn a_row_that_waits_for_its_vendor_stays_until_then(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let row = |id: &str, at: i64, intent: Option<Intent>| LedgerRow {
        intent,
        changed_at: hour(at),
        ..ledger_row(shift_key(id), &ada)
    };
    let waits = |state, until: i64| {
        // Where an item is must not be taken for the time that is waited for.
        let remote_id = Some(RemoteId("\u{0}\"not_before_ms\":1}".into()));
        Some(Intent { not_before: Some(hour(until)), remote_id, ..intent(state) })
    };
    let put = async |rows: Vec<LedgerRow>| {
        let writes = rows.into_iter().map(LedgerWrite::Put).collect();
        assert_eq!(commit(&*one, commit_to(&ada, writes)).await, []);
        two.ledger_of_calendar(&mirror(), &ada).await.unwrap()
    };
    let granted = row("granted", 3, waits(IntentState::Sent, 6));
    let planned = row("planned", 3, waits(IntentState::Planned, 6));
    let sent = row("sent", 3, Some(intent(IntentState::Sent)));
    let before = vec![granted.clone(), planned, sent];
    assert_eq!(put(before.clone()).await, before);

    // A drain that read the row before the grant does not know of it, whatever its clock says now.
    for (at, sending) in [(2, None), (4, Some(intent(IntentState::Sent))), (5, None)] {
        let stale = ["granted", "planned", "sent"].map(|id| row(id, at, sending.clone()));
        let [_, planned, sent] = stale.clone();
        assert_eq!(put(stale.to_vec()).await, [granted.clone(), planned, sent]);
    }
    // Whoever was about to send something of it is told.
    let key = shift_key("granted");
    let both = ["granted", "sent"].map(|id| LedgerWrite::Put(row(id, 5, None)));
    let receipt = one.commit_ledger(&mirror(), commit_to(&ada, both.to_vec())).await.unwrap();
    assert_eq!(Vec::from_iter(receipt.held), [(ada.clone(), key.into())]);
    // It still waits when the same commit takes it away and puts it again.
    let key = shift_key("granted");
    let remove = ledger_removal(key.clone(), &ada);
    let again = vec![remove, LedgerWrite::Put(row("granted", 5, None))];
    commit(&*one, commit_to(&ada, again)).await;
    assert_eq!(two.ledger_of(&mirror(), &[key]).await.unwrap(), [granted]);
    // When its time has come, it is settled.
    let settled = row("granted", 6, None);
    assert_eq!(put(vec![settled.clone()]).await[0], settled);
}

async fn the_rows_of_a_calendar_are_ordered_by_key(Handles { one, .. }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let mut keys: Vec<_> = (0..2500).map(|n| shift_key(&format!("s{n}"))).collect();
    keys.push(key(EntityKind::TimeOff, "a"));
    keys.push(key(EntityKind::OpenShift, "z"));
    let rows = keys.iter().map(|key| ledger_row(key.clone(), &ada));
    let others = keys.iter().take(3).map(|key| ledger_row(key.clone(), &bob));
    let put = LedgerCommit {
        fences: vec![fence(&ada, 1), fence(&bob, 1)],
        writes: rows.chain(others).map(LedgerWrite::Put).collect(),
        ..LedgerCommit::default()
    };
    commit(&*one, put).await;
    let read = one.ledger_of_calendar(&mirror(), &ada).await.unwrap();
    let read: Vec<_> = read.into_iter().map(|row| row.key).collect();
    keys.sort();
    assert!(read == keys, "{} rows were read", read.len());
    let other = MirrorName::new("other").unwrap();
    assert_eq!(one.ledger_of_calendar(&other, &ada).await.unwrap(), []);
}

/// Everything that a commit can hold for one calendar.
fn one_of_everything(calendar: &CalendarKey, epoch: i64, entity: &str) -> LedgerCommit {
    LedgerCommit {
        fences: vec![fence(calendar, epoch)],
        renew_until: Some(hour(9)),
        writes: vec![LedgerWrite::Put(ledger_row(shift_key(entity), calendar))],
        calendars: vec![CalendarState {
            calendar: calendar.clone(),
            read_at: Some(hour(1)),
            token: None,
            unpublished: None,
        }],
        drifts: Vec::new(),
        cursor: None,
        audit: vec![audit(calendar, entity, 1)],
        conflicts: Vec::new(),
    }
}

fn audit(calendar: &CalendarKey, entity: &str, version: u32) -> AuditEntry {
    AuditEntry {
        at: hour(i64::from(version)),
        mirror: mirror(),
        calendar: calendar.clone(),
        key: shift_key(entity),
        verb: AuditVerb::Created,
        version,
        detail: "made".into(),
    }
}

async fn holder(store: &dyn Store, calendar: &CalendarKey) -> (String, i64, jiff::Timestamp) {
    let domain = LeaseDomain::calendar(&mirror(), calendar);
    let wish = store.take_over_lease(&domain, "nobody", Epoch(0), "nobody", hour(0));
    match wish.await.unwrap() {
        LeaseGrant::Held { by, epoch, until } => (by, epoch.0, until),
        LeaseGrant::Granted(epoch) => panic!("nobody was granted epoch {epoch:?}"),
    }
}

async fn every_part_of_an_entity_has_a_row_of_its_own(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let row = |id: &str, part, calendar, generation| LedgerRow {
        part,
        generation,
        ..ledger_row(shift_key(id), calendar)
    };
    let parts = [Part::Main, Part::Block(2), Part::Block(10), Part::Count(hour(1))];
    let rows: Vec<_> =
        ["a", "b"].iter().flat_map(|id| parts.map(|part| row(id, part, &ada, 0))).collect();
    let writes = rows.iter().rev().cloned().map(LedgerWrite::Put).collect();
    assert_eq!(commit(&*one, commit_to(&ada, writes)).await, []);
    assert_eq!(two.ledger_of_calendar(&mirror(), &ada).await.unwrap(), rows);

    // One part is replaced, another removed, and the others stay.
    let remove = |part| LedgerWrite::Remove { calendar: ada.clone(), key: shift_key("a"), part };
    let again = row("a", Part::Block(2), &ada, 1);
    let writes = vec![LedgerWrite::Put(again.clone()), remove(Part::Block(10))];
    commit(&*one, commit_to(&ada, writes)).await;
    let elsewhere = row("a", Part::Block(2), &bob, 0);
    commit(&*one, commit_to(&bob, vec![LedgerWrite::Put(elsewhere.clone())])).await;
    let scope = Scope::Keys(vec![shift_key("a")]);
    let kinds = &EntityKind::ALL;
    let subjects = two.subjects(&mirror(), &roster(), kinds, &scope, None, 9).await.unwrap();
    let count = row("a", Part::Count(hour(1)), &ada, 0);
    let expected = [rows[0].clone(), again, count, elsewhere];
    assert_eq!(subjects[0].ledger, expected);
    commit(&*one, commit_to(&ada, vec![remove(Part::Main)])).await;
    let subjects = two.subjects(&mirror(), &roster(), kinds, &scope, None, 9).await.unwrap();
    assert_eq!(subjects[0].ledger, expected[1..]);
    assert_eq!(two.mirror_counts(&mirror()).await.unwrap().items, 0);
}

async fn a_stale_epoch_changes_nothing_and_the_others_commit(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    // Somebody takes over `ada` after an hour.
    let domain = LeaseDomain::calendar(&mirror(), &ada);
    let taken = two.acquire_leases(&[domain], "you", hour(2), hour(3)).await;
    assert_eq!(taken.unwrap(), [LeaseGrant::Granted(Epoch(2))]);

    let stale = one_of_everything(&ada, 1, "stale");
    let good = one_of_everything(&bob, 1, "good");
    let both = LedgerCommit {
        fences: [stale.fences, good.fences].concat(),
        writes: [stale.writes, good.writes].concat(),
        calendars: [stale.calendars, good.calendars].concat(),
        audit: [stale.audit, good.audit].concat(),
        ..stale
    };
    assert_eq!(commit(&*one, both).await, std::slice::from_ref(&ada));
    assert_eq!(one.ledger_of_calendar(&mirror(), &ada).await.unwrap(), []);
    assert_eq!(one.history(&shift_key("stale")).await.unwrap(), []);
    assert_eq!(holder(&*one, &ada).await, ("you".into(), 2, hour(3)));
    let written = one.ledger_of_calendar(&mirror(), &bob).await.unwrap();
    assert_eq!(written.len(), 1);
    assert_eq!(one.history(&shift_key("good")).await.unwrap().len(), 1);
    let states = one.calendar_states(&mirror()).await.unwrap();
    let states: Vec<_> = states.into_iter().map(|it| it.calendar).collect();
    assert_eq!(states, std::slice::from_ref(&bob));
    assert_eq!(holder(&*one, &bob).await, ("me".into(), 1, hour(9)));
    // A removal is fenced too, and so is an epoch from the future.
    let row = ledger_removal(shift_key("good"), &bob);
    let future = LedgerCommit { fences: vec![fence(&bob, 2)], ..commit_to(&bob, vec![row]) };
    assert_eq!(commit(&*one, future).await, std::slice::from_ref(&bob));
    let kept = one.ledger_of_calendar(&mirror(), &bob).await.unwrap();
    assert_eq!(kept, written);
}

async fn writes_without_a_fence_are_fenced(Handles { one, .. }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let unfenced = LedgerCommit { fences: vec![fence(&bob, 1)], ..one_of_everything(&ada, 1, "a") };
    assert_eq!(commit(&*one, unfenced).await, std::slice::from_ref(&ada));
    assert_eq!(one.ledger_of_calendar(&mirror(), &ada).await.unwrap(), []);
    assert_eq!(one.calendar_states(&mirror()).await.unwrap(), []);
    // A lease that nobody ever took fences as well.
    let nobody = one_of_everything(&calendar("nobody's"), 1, "a");
    assert_eq!(commit(&*one, nobody).await, [calendar("nobody's")]);
}

async fn a_lease_that_ran_out_still_commits_and_is_renewed(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    let domain = LeaseDomain::calendar(&mirror(), &ada);
    let past = one.acquire_leases(std::slice::from_ref(&domain), "me", hour(-9), hour(-8));
    assert_eq!(past.await.unwrap(), [LeaseGrant::Granted(Epoch(1))]);
    let everything = one_of_everything(&ada, 1, "a");
    assert_eq!(commit(&*one, everything).await, []);
    let yours = two.acquire_leases(&[domain], "you", hour(0), hour(1)).await;
    let held = LeaseGrant::Held { by: "me".into(), epoch: Epoch(1), until: hour(9) };
    assert_eq!(yours.unwrap(), [held]);
}

async fn a_commit_that_does_not_renew_leaves_the_lease(Handles { one, .. }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let quiet = LedgerCommit { renew_until: None, ..one_of_everything(&ada, 1, "a") };
    assert_eq!(commit(&*one, quiet).await, []);
    assert_eq!(holder(&*one, &ada).await, ("me".into(), 1, hour(1)));
}

async fn a_commit_racing_with_a_take_over_is_whole_or_fenced(Handles { one, two }: Handles) {
    for round in 0..10 {
        let ada = calendar(&format!("ada-{round}"));
        hold(&*one, &[&ada], "me").await;
        let domain = LeaseDomain::calendar(&mirror(), &ada);
        let entity = format!("e{round}");
        let (fenced, taken) = tokio::join!(
            commit(&*one, one_of_everything(&ada, 1, &entity)),
            two.take_over_lease(&domain, "me", Epoch(1), "you", hour(4)),
        );
        assert_eq!(taken.unwrap(), LeaseGrant::Granted(Epoch(2)));
        let rows = one.ledger_of_calendar(&mirror(), &ada).await.unwrap();
        let history = one.history(&shift_key(&entity)).await.unwrap();
        let written = usize::from(fenced.is_empty());
        assert_eq!((rows.len(), history.len()), (written, written));
        assert_eq!(holder(&*one, &ada).await, ("you".into(), 2, hour(4)));
    }
}

async fn the_cursor_reads_back_and_is_not_fenced(Handles { one, two }: Handles) {
    assert_eq!(one.cursor(&mirror()).await.unwrap(), Cursor::default());
    let cursor =
        Cursor { seq: ChangeSeq(7), window_end: Some(hour(24)), profile: Some(print("profile")) };
    let put = LedgerCommit {
        fences: vec![fence(&calendar("nobody's"), 1)],
        cursor: Some(cursor.clone()),
        ..LedgerCommit::default()
    };
    assert_eq!(commit(&*one, put).await, [calendar("nobody's")]);
    assert_eq!(two.cursor(&mirror()).await.unwrap(), cursor);
    commit(&*one, LedgerCommit::default()).await;
    assert_eq!(two.cursor(&mirror()).await.unwrap(), cursor);
    let back = LedgerCommit { cursor: Some(Cursor::default()), ..LedgerCommit::default() };
    commit(&*one, back).await;
    assert_eq!(two.cursor(&mirror()).await.unwrap(), Cursor::default());
    let other = MirrorName::new("other").unwrap();
    assert_eq!(two.cursor(&other).await.unwrap(), Cursor::default());
}

async fn calendars_are_ordered_and_replaced(Handles { one, two }: Handles) {
    let names = ["b", "Z", "a"].map(calendar);
    hold(&*one, &names.each_ref(), "me").await;
    let state = |calendar: &CalendarKey, token: Option<&str>| CalendarState {
        calendar: calendar.clone(),
        read_at: token.map(|_| hour(2)),
        token: token.map(|text| DeltaToken(text.into())),
        unpublished: token.map(|_| hours(3, 5)),
    };
    let put = |states: Vec<CalendarState>| LedgerCommit {
        fences: names.iter().map(|it| fence(it, 1)).collect(),
        calendars: states,
        ..LedgerCommit::default()
    };
    let all = names.iter().map(|it| state(it, None)).collect();
    commit(&*one, put(all)).await;
    commit(&*one, put(vec![state(&names[2], Some("t'1"))])).await;
    let expected = [state(&names[1], None), state(&names[2], Some("t'1")), state(&names[0], None)];
    assert_eq!(two.calendar_states(&mirror()).await.unwrap(), expected);
    // What is published is forgotten.
    commit(&*one, put(vec![state(&names[2], None)])).await;
    assert_eq!(two.calendar_states(&mirror()).await.unwrap()[1], state(&names[2], None));
    // No interval becomes shorter, however fine its ends.
    let nanosecond = jiff::SignedDuration::from_nanos(1);
    let brief = UtcInterval::new(hour(1) + nanosecond, hour(1) + nanosecond * 2).unwrap();
    let fine = CalendarState { unpublished: Some(brief), ..state(&names[0], None) };
    commit(&*one, put(vec![fine])).await;
    let read = two.calendar_states(&mirror()).await.unwrap().pop().unwrap();
    assert!(read.unpublished.unwrap().contains(&brief), "{read:?}");
}

async fn counts_follow_the_rows(Handles { one, two }: Handles) {
    let none = one.mirror_counts(&mirror()).await.unwrap();
    assert_eq!(none, MirrorCounts::default());
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let row = |id: &str, item: bool, intended: Option<IntentState>, quarantined: bool| LedgerRow {
        remote: item.then(|| remote(id)),
        intent: intended.map(intent),
        trouble: Some(Trouble {
            refusals: 1,
            reason: "409".into(),
            fingerprint: print(id),
            quarantined_at: quarantined.then(midnight),
        }),
        ..ledger_row(shift_key(id), &ada)
    };
    let rows = [
        row("settled", true, None, false),
        row("updating", true, Some(IntentState::Sent), false),
        row("creating", false, Some(IntentState::Sent), false),
        row("planned", false, Some(IntentState::Planned), false),
        row("aside", false, None, true),
        row("aside-and-there", true, None, true),
    ];
    let put = LedgerCommit {
        calendars: vec![CalendarState {
            calendar: ada.clone(),
            read_at: None,
            token: None,
            unpublished: None,
        }],
        ..commit_to(&ada, rows.into_iter().map(LedgerWrite::Put).collect())
    };
    commit(&*one, put).await;
    let expected = MirrorCounts {
        items: 3,
        planned: 1,
        in_doubt: 2,
        quarantined: 2,
        calendars: 1,
        ..MirrorCounts::default()
    };
    assert_eq!(two.mirror_counts(&mirror()).await.unwrap(), expected);
    let settle = row("creating", true, None, false);
    commit(&*one, commit_to(&ada, vec![LedgerWrite::Put(settle)])).await;
    let expected = MirrorCounts { items: 4, in_doubt: 1, ..expected };
    assert_eq!(two.mirror_counts(&mirror()).await.unwrap(), expected);
    let over = LedgerRow { ends_at: Some(midnight()), ..row("settled", true, None, false) };
    commit(&*one, commit_to(&ada, vec![LedgerWrite::Put(over)])).await;
    assert_eq!(two.items_after(&mirror(), midnight()).await.unwrap(), 3);
}

async fn the_history_is_told_oldest_first(Handles { one, two }: Handles) {
    use AuditVerb::*;
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let verbs = [
        Adopted,
        Created,
        Deleted,
        Forgotten,
        Quarantined,
        Refused,
        Deferred,
        Updated,
        Left,
        Asked,
    ];
    let entries: Vec<_> = (1..)
        .zip(verbs)
        .map(|(version, verb)| AuditEntry {
            verb,
            detail: format!("{verb:?}: it's \"so\" 夜勤"),
            ..audit(&ada, "a", version)
        })
        .collect();
    for entries in entries.chunks(3) {
        let other = AuditEntry { key: key(EntityKind::TimeOff, "a"), ..audit(&ada, "a", 1) };
        let put =
            LedgerCommit { audit: [entries, &[other]].concat(), ..commit_to(&ada, Vec::new()) };
        commit(&*one, put).await;
    }
    assert_eq!(two.history(&shift_key("a")).await.unwrap(), entries);
    assert_eq!(two.history(&shift_key("b")).await.unwrap(), []);
}

async fn the_history_is_bounded(Handles { one, .. }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let put = LedgerCommit {
        audit: (1..=1010).map(|version| audit(&ada, "a", version)).collect(),
        ..commit_to(&ada, Vec::new())
    };
    commit(&*one, put).await;
    let history = one.history(&shift_key("a")).await.unwrap();
    let versions: Vec<_> = history.iter().map(|entry| entry.version).collect();
    assert!(versions.iter().copied().eq(11..=1010), "{versions:?}");
}
