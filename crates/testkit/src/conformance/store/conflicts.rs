//! Promises about conflicts, and about what was done to people's events.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{CalendarKey, EntityKind, EventSpan, MirrorName};
use engine::port::{
    AuditId, ChangesOf, ConflictCounts, ConflictRow, ConflictWrite, ETag, EventChange,
    EventChangeState, ForeignChange, KeptEvent, LedgerCommit, Left, MeetingNote, RemoteId, Store,
};
use jiff::Timestamp;

use super::ledger::{commit, fence, hold, hold_of, print};
use super::{Handles, promises};
use crate::builders::{calendar, hour, hours, key, mirror, shift_key};

promises![
    conflicts_of_a_calendar_are_replaced_as_a_whole,
    a_change_of_an_event_reads_back_as_it_was_written,
    what_is_not_settled_is_found,
    a_calendar_that_could_not_be_looked_at_keeps_what_stands_in_it,
    conflicts_are_fenced_like_everything_else,
    counts_tell_what_stands_and_what_can_be_taken_back,
    notes_are_told_of_what_is_done_and_no_more,
    what_is_kept_is_dropped_in_time_and_by_a_purge,
];

pub(super) fn conflict(
    calendar: &CalendarKey,
    shift: &str,
    event: &str,
    left: Left,
) -> ConflictRow {
    ConflictRow {
        calendar: calendar.clone(),
        shift: shift_key(shift),
        event: print(event),
        span: EventSpan::Timed(hours(7, 8)),
        since: hour(1),
        left,
    }
}

pub(super) fn looked(
    calendar: &CalendarKey,
    at: i64,
    conflicts: Vec<ConflictRow>,
) -> ConflictWrite {
    ConflictWrite::Looked { calendar: calendar.clone(), at: hour(at), conflicts }
}

pub(super) fn change(calendar: &CalendarKey, event: &str, at: i64) -> EventChange {
    EventChange {
        id: AuditId::of(&print(event)),
        calendar: calendar.clone(),
        shifts: vec![shift_key("a"), key(EntityKind::Shift, "Zoë's \"%_\\ 夜勤")],
        change: ForeignChange::Move {
            to: EventSpan::AllDay {
                first: jiff::civil::date(2026, 11, 22),
                end: jiff::civil::date(2026, 11, 23),
            },
            note: Some("moved\u{1e}\u{1f}\n".into()),
        },
        span: EventSpan::Timed(hours(7, 8)),
        etag: Some(ETag("\"1\"".into())),
        meaning: print("before"),
        meaning_after: Some(print("after")),
        note: Some(format!("{event}: it's \"so\"\u{1e}\u{1f}\n\u{0} 夜勤")),
        kept: KeptEvent { id: RemoteId(event.into()), body: "{\"\u{0}\":1}".into() },
        state: EventChangeState::Sent,
        at: hour(at),
        changed_at: hour(at),
        kept_until: hour(100),
    }
}

pub(super) fn to(calendar: &CalendarKey, conflicts: Vec<ConflictWrite>) -> LedgerCommit {
    LedgerCommit { fences: vec![fence(calendar, 1)], conflicts, ..LedgerCommit::default() }
}

pub(super) fn put(change: &EventChange) -> ConflictWrite {
    ConflictWrite::Change(Box::new(change.clone()))
}

fn done(change: EventChange) -> EventChange {
    EventChange { state: EventChangeState::Done, ..change }
}

async fn in_calendar(store: &dyn Store, calendar: &CalendarKey) -> Vec<EventChange> {
    store.event_changes(&mirror(), &ChangesOf::Calendar(calendar.clone())).await.unwrap()
}

async fn conflicts_of_a_calendar_are_replaced_as_a_whole(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let first = conflict(&ada, "a", "x", Left::Reported);
    let second = conflict(&ada, "b", "x", Left::AllDay);
    let other = conflict(&bob, "c", "y", Left::KeptBoth);
    commit(&*one, to(&ada, vec![looked(&ada, 2, vec![second.clone(), first.clone()])])).await;
    commit(&*one, to(&bob, vec![looked(&bob, 3, vec![other.clone()])])).await;
    assert_eq!(two.conflicts(&mirror(), Some(&ada)).await.unwrap(), [first, second.clone()]);
    commit(&*one, to(&ada, vec![looked(&ada, 4, vec![second.clone()])])).await;
    assert_eq!(two.conflicts(&mirror(), None).await.unwrap(), [second, other]);
    assert_eq!(
        two.conflict_looks(&mirror()).await.unwrap(),
        [(ada, hour(4)), (bob.clone(), hour(3))]
    );
    let elsewhere = MirrorName::new("other").unwrap();
    assert_eq!(two.conflicts(&elsewhere, Some(&bob)).await.unwrap(), []);
}

async fn a_change_of_an_event_reads_back_as_it_was_written(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let (late, early) = (change(&ada, "late", 3), change(&ada, "early", 2));
    commit(&*one, to(&ada, vec![put(&late), put(&early)])).await;
    assert_eq!(in_calendar(&*two, &ada).await, [early.clone(), late.clone()]);
    assert_eq!(two.event_change(&late.id).await.unwrap(), Some((mirror(), late.clone())));
    let states = [
        EventChangeState::Done,
        EventChangeState::NotDone { why: "412".into() },
        EventChangeState::Refused { why: "403".into() },
        EventChangeState::Undoing,
        EventChangeState::Undone { at: RemoteId("new".into()) },
    ];
    for state in states {
        let changed = EventChange { state, changed_at: hour(5), ..late.clone() };
        commit(&*one, to(&ada, vec![put(&changed)])).await;
        assert_eq!(in_calendar(&*two, &ada).await, [early.clone(), changed]);
    }
    assert_eq!(two.event_change(&AuditId::of(&print("none"))).await.unwrap(), None);
}

async fn a_calendar_that_could_not_be_looked_at_keeps_what_stands_in_it(
    Handles { one, two }: Handles,
) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada], "me").await;
    let row = conflict(&ada, "a", "x", Left::Reported);
    commit(&*one, to(&ada, vec![looked(&ada, 2, vec![row.clone()])])).await;
    let conflicts = [&ada, &bob].map(|it| ConflictWrite::LookAgain(it.clone())).to_vec();
    // Whoever could not look need not own it.
    let again = LedgerCommit { conflicts, ..LedgerCommit::default() };
    assert_eq!(commit(&*two, again).await, []);
    assert_eq!(two.conflicts(&mirror(), None).await.unwrap(), [row]);
    let soon = Timestamp::UNIX_EPOCH;
    assert_eq!(one.conflict_looks(&mirror()).await.unwrap(), [(ada, soon), (bob, soon)]);
}

async fn what_is_not_settled_is_found(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let sent = change(&bob, "sent", 2);
    let undoing = EventChange { state: EventChangeState::Undoing, ..change(&ada, "undoing", 3) };
    let over = done(change(&ada, "over", 1));
    commit(&*one, to(&ada, vec![put(&undoing), put(&over)])).await;
    commit(&*one, to(&bob, vec![put(&sent)])).await;
    let found = two.event_changes(&mirror(), &ChangesOf::Unsettled).await.unwrap();
    assert_eq!(found, [undoing, sent]);
}

async fn conflicts_are_fenced_like_everything_else(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let writes = || {
        let row = conflict(&ada, "a", "x", Left::Reported);
        vec![looked(&ada, 2, vec![row]), put(&change(&ada, "x", 2))]
    };
    let stale = LedgerCommit { fences: vec![fence(&ada, 7)], ..to(&ada, writes()) };
    let unfenced = LedgerCommit { fences: Vec::new(), ..to(&ada, writes()) };
    for refused in [stale, unfenced] {
        assert_eq!(commit(&*one, refused).await, std::slice::from_ref(&ada));
        assert_eq!(two.conflicts(&mirror(), None).await.unwrap(), []);
        assert_eq!(two.conflict_looks(&mirror()).await.unwrap(), []);
        assert_eq!(in_calendar(&*two, &ada).await, []);
    }
}

async fn counts_tell_what_stands_and_what_can_be_taken_back(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    assert_eq!(two.conflict_counts(&mirror()).await.unwrap(), ConflictCounts::default());
    let conflicts = vec![
        conflict(&ada, "a", "x", Left::Reported),
        conflict(&ada, "b", "x", Left::Undone),
        conflict(&ada, "a", "y", Left::KeptBoth),
    ];
    let (one_done, sent) = (done(change(&ada, "done", 2)), change(&ada, "sent", 2));
    let refused = EventChangeState::Refused { why: "403".into() };
    let refused = EventChange { state: refused, ..change(&ada, "refused", 2) };
    let writes = vec![looked(&ada, 2, conflicts), put(&one_done), put(&sent), put(&refused)];
    commit(&*one, to(&ada, writes)).await;
    let counts = two.conflict_counts(&mirror()).await.unwrap();
    assert_eq!(counts, ConflictCounts { open: 2, kept: 1, changes: 1, in_doubt: 1 });
}

async fn notes_are_told_of_what_is_done_and_no_more(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let (late, early) = (done(change(&ada, "late", 3)), done(change(&ada, "early", 2)));
    let silent = EventChange { note: None, ..done(change(&ada, "silent", 1)) };
    let sent = change(&ada, "sent", 1);
    let writes = [&late, &early, &silent, &sent].map(put).to_vec();
    commit(&*one, to(&ada, writes)).await;
    let note = |it: &EventChange| MeetingNote {
        shifts: it.shifts.clone(),
        text: it.note.clone().unwrap(),
    };
    assert_eq!(two.meeting_notes(&mirror()).await.unwrap(), [note(&early), note(&late)]);
    let undone = EventChangeState::Undone { at: RemoteId("1".into()) };
    commit(&*one, to(&ada, vec![put(&EventChange { state: undone, ..early })])).await;
    assert_eq!(two.meeting_notes(&mirror()).await.unwrap(), [note(&late)]);
}

async fn what_is_kept_is_dropped_in_time_and_by_a_purge(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    let other = MirrorName::new("other").unwrap();
    hold(&*one, &[&ada], "me").await;
    hold_of(&*one, &other, &[&ada], "me").await;
    let until = |event: &str, kept_until: Timestamp| EventChange {
        kept_until,
        ..done(change(&ada, event, 2))
    };
    let (short, long) = (until("short", hour(10)), until("long", hour(11)));
    let theirs = until("theirs", hour(9));
    let row = conflict(&ada, "a", "x", Left::Reported);
    let writes = vec![looked(&ada, 2, vec![row]), put(&short), put(&long)];
    commit(&*one, to(&ada, writes)).await;
    one.commit_ledger(&other, to(&ada, vec![put(&theirs)])).await.unwrap();
    let unfenced = |write| LedgerCommit { conflicts: vec![write], ..LedgerCommit::default() };
    commit(&*one, unfenced(ConflictWrite::DropOld(hour(10)))).await;
    assert_eq!(in_calendar(&*two, &ada).await, [long]);
    commit(&*one, unfenced(ConflictWrite::DropAll)).await;
    assert_eq!(in_calendar(&*two, &ada).await, []);
    assert_eq!(two.conflicts(&mirror(), None).await.unwrap(), []);
    assert_eq!(two.conflict_looks(&mirror()).await.unwrap(), []);
    assert_eq!(two.event_change(&theirs.id).await.unwrap(), Some((other, theirs)));
}
