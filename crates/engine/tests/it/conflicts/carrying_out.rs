//! Cycles that find events in the way, and do what the policy says, once.

use std::time::Duration;

use domain::limits::EVENT_CHANGES_PER_CYCLE_MAX;
use domain::policy::{ConflictPolicy, OverrideAction, PrivacyTier};
use domain::{EventSpan, UtcInterval};
use engine::plan::conflict::ConflictRules;
use engine::port::{
    AuditVerb, ConflictStore, EventChangeState, FailureClass, ForeignChange, ForeignEvent, Left,
};
use engine::run::cycle::CycleOptions;
use testkit::builders::{hour, hours, meeting, mirror, shift_key};
use testkit::memory_foreign::Line;

use super::rig::{Rig, ada, only_reporting, overriding, work};

const READ_BACK: CycleOptions = CycleOptions {
    read_back: true,
    allow_deletions: None,
    allow_event_changes: None,
    purge: false,
    writes: true,
};

#[tokio::test]
async fn reporting_tells_and_touches_nothing() {
    let rig = Rig::with(only_reporting(), [work("s", 8)], [meeting("m", 9, 10)]).await;
    let before = rig.foreign.everything();
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!((report.created, report.conflicts.looked, report.conflicts.changed), (1, 1, 0));
    let [conflict] = &rig.conflicts().await[..] else { panic!("{:?}", rig.conflicts().await) };
    assert_eq!((&conflict.shift, conflict.left), (&shift_key("s"), Left::Reported));
    assert_eq!(conflict.span, EventSpan::Timed(hours(9, 10)));
    assert_eq!(rig.foreign.everything(), before);
    assert_eq!(rig.changes().await, []);
    let counts = rig.store.conflict_counts(&mirror()).await.unwrap();
    assert_eq!((counts.open, counts.kept), (1, 0));
}

#[tokio::test]
async fn keeping_both_is_recorded_and_not_open() {
    let rules = ConflictRules { policy: ConflictPolicy::KeepBoth, ..only_reporting() };
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    assert_eq!(rig.left().await, [Left::KeptBoth]);
    let counts = rig.store.conflict_counts(&mirror()).await.unwrap();
    assert_eq!((counts.open, counts.kept), (0, 1));
}

#[tokio::test]
async fn a_conflict_that_is_over_is_forgotten_and_one_that_stays_keeps_its_beginning() {
    let rig = Rig::with(only_reporting(), [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    rig.wait(1);
    rig.cycle().await;
    assert_eq!(rig.conflicts().await[0].since, hour(0));
    rig.foreign.remove(&ada(), "m");
    rig.wait(1);
    rig.cycle().await;
    assert_eq!(rig.conflicts().await, []);
}

#[tokio::test]
async fn a_quiet_cycle_looks_at_nothing_until_its_time() {
    let rig = Rig::with(only_reporting(), [work("s", 8)], []).await;
    rig.cycle().await;
    assert_eq!(rig.foreign.looks(), 1);
    for _ in 0..3 {
        rig.cycle().await;
    }
    assert_eq!(rig.foreign.looks(), 1, "nothing changed");
    rig.wait(1);
    rig.cycle().await;
    assert_eq!(rig.foreign.looks(), 2, "an hour is over");
    rig.cycle_with(READ_BACK).await;
    assert_eq!(rig.foreign.looks(), 3, "everything is read back");
}

#[tokio::test]
async fn whoever_has_no_shift_is_not_looked_at() {
    let mut rig = Rig::with(only_reporting(), [work("s", 8)], []).await;
    rig.put_people(5).await;
    rig.cycle_with(READ_BACK).await;
    assert_eq!(rig.foreign.looks(), 1);
}

#[tokio::test]
async fn an_event_is_deleted_once_and_its_context_is_told_in_the_shifts_item() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(report.conflicts.changed, 1);
    assert_eq!(rig.foreign.everything(), []);
    assert_eq!(rig.conflicts().await, []);
    let change = rig.change().await;
    assert_eq!(change.state, EventChangeState::Done);
    let description = rig.description(&shift_key("s")).unwrap();
    for part in ["Subject of m", "Body of m", "Room 4", "guest@", "https://meet.", "09:00"] {
        assert!(description.contains(part), "no {part:?} in {description}");
    }
    let history = rig.history(&shift_key("s")).await;
    let line = history.iter().find(|it| it.verb == AuditVerb::EventDeleted).unwrap();
    assert!(line.detail.contains(&format!("rotabridge undo {}", change.id)), "{line:?}");
    assert!(!line.detail.contains("Subject"), "personal data: {line:?}");
}

#[tokio::test]
async fn a_note_is_written_once() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    let report = rig.cycle().await;
    assert_eq!((report.created, report.updated), (1, 1));
    for options in [CycleOptions::default(), READ_BACK, CycleOptions::default()] {
        rig.wait(1);
        let report = rig.cycle_with(options).await;
        assert_eq!(report.writes(), 0, "{report:?}");
    }
    assert_eq!(rig.foreign.changes().len(), 1);
}

#[tokio::test]
async fn where_others_see_titles_only_no_note_is_written() {
    let rules = overriding(OverrideAction::Delete);
    let mut rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.spec.profile.privacy = PrivacyTier::Title;
    let report = rig.cycle().await;
    assert_eq!((report.conflicts.changed, report.updated), (1, 0));
    assert_eq!(rig.description(&shift_key("s")), None);
}

#[tokio::test]
async fn an_event_is_moved_after_the_shift_and_says_why() {
    let rules = overriding(OverrideAction::Move);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    let event = rig.foreign.get(&ada(), "m").unwrap();
    assert_eq!(event.span, EventSpan::Timed(hours(16, 17)));
    let body = event.context.body.unwrap();
    assert_eq!(body, "Body of m\nMoved because of a shift; it was 2026-11-21 09:00–10:00.");
    assert_eq!(rig.description(&shift_key("s")), None, "the event itself tells it");
    rig.wait(1);
    rig.cycle().await;
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.conflicts().await, []);
}

#[tokio::test]
async fn a_shift_that_moves_onto_a_moved_event_moves_it_again() {
    let rules = overriding(OverrideAction::Move);
    let mut rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    rig.put([work("s", 12)]).await;
    rig.cycle().await;
    let event = rig.foreign.get(&ada(), "m").unwrap();
    assert_eq!(event.span, EventSpan::Timed(hours(20, 21)));
    assert_eq!(rig.changes().await.len(), 2);
}

#[tokio::test]
async fn what_its_owner_puts_back_stays() {
    let rules = overriding(OverrideAction::Move);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    rig.foreign.edit(&ada(), "m", |event| event.span = EventSpan::Timed(hours(9, 10)));
    for _ in 0..3 {
        rig.wait(1);
        rig.cycle().await;
    }
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.left().await, [Left::CameBack]);
}

#[tokio::test]
async fn what_its_owner_puts_back_to_where_it_was_moved_first_stays() {
    let rules = overriding(OverrideAction::Move);
    let mut rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    rig.wait(1);
    rig.put([work("s", 12)]).await;
    rig.cycle().await;
    assert_eq!(rig.foreign.get(&ada(), "m").unwrap().span, EventSpan::Timed(hours(20, 21)));
    rig.foreign.edit(&ada(), "m", |event| event.span = EventSpan::Timed(hours(16, 17)));
    for _ in 0..3 {
        rig.wait(1);
        rig.cycle().await;
    }
    assert_eq!(rig.foreign.changes().len(), 2);
    assert_eq!(rig.left().await, [Left::CameBack]);
}

#[tokio::test]
async fn what_another_program_brings_back_starts_no_fight() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    for n in 0..5 {
        // A synchroniser between two calendars makes it anew, under a new id each time.
        let copy = ForeignEvent {
            context: meeting("m", 9, 10).context,
            ..meeting(&format!("c{n}"), 9, 10)
        };
        rig.foreign.put(&ada(), copy);
        rig.wait(1);
        rig.cycle().await;
    }
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.left().await, [Left::CameBack; 5]);
}

#[tokio::test]
async fn our_own_item_without_its_tag_is_not_taken_for_a_persons() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], []).await;
    rig.cycle().await;
    let row = rig.store.row(&mirror(), &ada(), &shift_key("s")).unwrap();
    let id = row.remote.unwrap().id;
    // As a connector sees it once somebody has taken the tag off.
    rig.foreign.put(&ada(), ForeignEvent { id, ..meeting("x", 8, 16) });
    rig.wait(1);
    let report = rig.cycle().await;
    assert_eq!((report.conflicts.looked, report.conflicts.changed), (1, 0));
    assert_eq!(rig.conflicts().await, []);
    assert_eq!(rig.foreign.everything().len(), 1);
}

#[tokio::test]
async fn an_event_that_changes_between_look_and_write_is_left_and_looked_at_again() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.foreign.line([Line::Refuses(FailureClass::Precondition)]);
    let report = rig.cycle().await;
    assert_eq!((report.conflicts.changed, report.conflicts.failed), (0, 1));
    assert!(!report.is_done());
    assert_eq!(rig.left().await, [Left::Waits]);
    // Its owner moved it out of the way meanwhile.
    rig.foreign.edit(&ada(), "m", |event| event.span = EventSpan::Timed(hours(20, 21)));
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(rig.conflicts().await, []);
    assert_eq!(rig.foreign.changes(), []);
}

#[tokio::test]
async fn what_the_calendar_refuses_is_told_and_not_tried_again() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.foreign.line([Line::Refuses(FailureClass::Forbidden)]);
    let report = rig.cycle().await;
    assert_eq!(report.conflicts.failed, 1);
    for _ in 0..3 {
        rig.wait(1);
        rig.cycle().await;
    }
    assert_eq!(rig.left().await, [Left::Refused]);
    assert_eq!(rig.foreign.changes(), []);
    assert_eq!(rig.changes().await.len(), 1);
}

#[tokio::test]
async fn what_was_surely_not_applied_is_tried_by_the_next_cycle() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.foreign.line([Line::Refuses(FailureClass::Unavailable)]);
    assert!(!rig.cycle().await.is_done());
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.changes().await.len(), 1, "the same intention has the same id");
}

#[tokio::test]
async fn people_whose_events_cannot_be_read_are_told_and_lose_nothing() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.foreign.unreadable(Some(FailureClass::Forbidden));
    let report = rig.cycle().await;
    assert_eq!((report.created, report.conflicts.unread), (1, 1));
    assert!(!report.is_done());
    assert!(report.problems.iter().any(|it| it.reason.contains("cannot look for conflicts")));
    assert_eq!(rig.foreign.everything().len(), 1);
}

#[expect(clippy::unwrap_used, reason = "an hour has seconds")]
fn many(count: usize) -> impl Iterator<Item = ForeignEvent> {
    (0..count).map(|n| {
        let start = hour(9) + jiff::SignedDuration::from_secs(n as i64);
        let end = start + jiff::SignedDuration::from_secs(1);
        let span = EventSpan::Timed(UtcInterval::new(start, end).unwrap());
        ForeignEvent { span, ..meeting(&format!("m{n:04}"), 9, 10) }
    })
}

#[tokio::test]
async fn the_guard_stops_a_cycle_that_would_change_too_many_events() {
    let rules = ConflictRules { changes_max: 3, ..overriding(OverrideAction::Delete) };
    let rig = Rig::with(rules, [work("s", 8)], many(4)).await;
    let report = rig.cycle().await;
    let refusal = report.conflicts.refused.as_ref().unwrap();
    assert_eq!((refusal.changes, refusal.changes_max), (4, 3));
    assert!(!report.is_done());
    assert_eq!(report.created, 1, "the shifts themselves are there");
    assert_eq!(rig.foreign.everything().len(), 4);
    assert_eq!(rig.left().await, [Left::Waits; 4]);
    let too_few = CycleOptions { allow_event_changes: Some(3), ..CycleOptions::default() };
    assert!(rig.cycle_with(too_few).await.conflicts.refused.is_some());
    let meant = CycleOptions { allow_event_changes: Some(4), ..CycleOptions::default() };
    let report = rig.cycle_with(meant).await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(rig.foreign.everything(), []);
}

#[tokio::test]
async fn one_cycle_changes_so_many_events_and_no_more() {
    let limit = EVENT_CHANGES_PER_CYCLE_MAX as usize;
    let rules = ConflictRules { changes_max: 10_000, ..overriding(OverrideAction::Delete) };
    let rig = Rig::with(rules, [work("s", 8)], many(limit + 2)).await;
    let report = rig.cycle().await;
    assert_eq!(report.conflicts.changed, EVENT_CHANGES_PER_CYCLE_MAX);
    assert_eq!(report.conflicts.put_off, 2);
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(rig.foreign.everything(), []);
}

#[tokio::test]
async fn a_purge_forgets_what_was_kept_of_people_and_changes_none_of_their_events() {
    let rules = overriding(OverrideAction::Delete);
    let events = [meeting("m", 9, 10), meeting("free", 17, 18)];
    let rig = Rig::with(rules, [work("s", 8)], events).await;
    rig.cycle().await;
    let before = rig.foreign.everything();
    rig.cycle_with(CycleOptions { purge: true, ..READ_BACK }).await;
    assert_eq!(rig.changes().await, []);
    assert_eq!(rig.conflicts().await, []);
    assert_eq!(rig.foreign.everything(), before);
}

#[tokio::test]
async fn what_is_kept_of_an_event_is_dropped_after_its_time() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.cycle().await;
    rig.wait(24 * 29);
    rig.cycle().await;
    assert_eq!(rig.changes().await.len(), 1);
    rig.wait(24 * 2);
    rig.cycle().await;
    assert_eq!(rig.changes().await, []);
}

#[tokio::test]
async fn a_meeting_of_others_is_declined_with_a_word_to_its_organiser() {
    use engine::port::{ForeignRole, Response};
    let rules = overriding(OverrideAction::Delete);
    let role = ForeignRole::Attendee(Response::Accepted);
    let event = ForeignEvent { role, ..meeting("m", 9, 10) };
    let rig = Rig::with(rules, [work("s", 8)], [event]).await;
    rig.cycle().await;
    let [(_, change)] = &rig.foreign.changes()[..] else { panic!() };
    let comment = "I am scheduled to work at this time.".to_owned();
    assert_eq!(*change, ForeignChange::Decline { comment });
    let event = rig.foreign.get(&ada(), "m").unwrap();
    assert_eq!(event.role, ForeignRole::Attendee(Response::Declined));
    rig.wait(1);
    rig.cycle().await;
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.conflicts().await, []);
}

#[tokio::test]
async fn a_calendar_of_whose_changes_we_are_told_is_looked_at_when_it_is_hinted_at() {
    let told = Duration::from_secs(24 * 3600);
    let rules = ConflictRules { told_interval: told, ..only_reporting() };
    let rig = Rig::with(rules, [work("a", 30)], []).await;
    rig.cycle().await;
    rig.subscribe(&ada(), 48).await;
    for _ in 0..10 {
        rig.wait(2);
        let report = rig.cycle().await;
        assert_eq!((report.requests, report.conflicts.looked), (0, 0), "{report:?}");
    }
    // A hint has it looked at, and nothing else is needed.
    let hinted = rig.cycle_looking_at(&ada()).await;
    assert_eq!(hinted.conflicts.looked, 1, "{hinted:?}");
    // Should hints be lost, the next whole reading is soon enough.
    rig.wait(25);
    assert_eq!(rig.cycle().await.conflicts.looked, 1);
    // When the promise has run out, nobody tells us any more.
    rig.wait(4);
    assert_eq!(rig.cycle().await.conflicts.looked, 1);
}
