//! Killed at every point, two at once, answers lost: nothing is done twice, nothing is lost.

use domain::EventSpan;
use domain::policy::OverrideAction;
use engine::port::{EventChangeState, ForeignEvent, Left};
use jiff::SignedDuration;
use testkit::builders::{hours, meeting, shift_key};
use testkit::memory_foreign::Line;

use super::rig::{Rig, ada, overriding, work};

async fn rig(action: OverrideAction) -> Rig {
    Rig::with(overriding(action), [work("s", 8)], [meeting("m", 9, 10)]).await
}

#[tokio::test]
async fn killed_before_the_request_the_next_cycle_does_it_once() {
    for action in [OverrideAction::Delete, OverrideAction::Move] {
        let rig = rig(action).await;
        rig.foreign.line([Line::HangsBefore]);
        rig.cycle_and_die().await;
        assert_eq!(rig.change().await.state, EventChangeState::Sent, "durable before it is sent");
        rig.wait_for_what_was_sent();
        let report = rig.cycle().await;
        assert!(report.is_done(), "{report:?}");
        assert_eq!(rig.foreign.changes().len(), 1);
        assert_eq!(rig.change().await.state, EventChangeState::Done);
    }
}

#[tokio::test]
async fn killed_after_the_request_the_next_cycle_finds_it_done() {
    for action in [OverrideAction::Delete, OverrideAction::Move] {
        let rig = rig(action).await;
        rig.foreign.line([Line::HangsAfter]);
        rig.cycle_and_die().await;
        assert_eq!(rig.change().await.state, EventChangeState::Sent);
        let report = rig.cycle().await;
        assert!(report.is_done(), "{report:?}");
        assert_eq!(rig.foreign.changes().len(), 1, "not a second time");
        assert_eq!(rig.change().await.state, EventChangeState::Done);
        let told = rig.description(&shift_key("s")).is_some_and(|it| it.contains("Subject of m"));
        assert_eq!(told, action == OverrideAction::Delete, "{action:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking() {
    for (line, sent) in [(Line::AnswerLost, 1), (Line::RequestLost, 1)] {
        let rig = rig(OverrideAction::Move).await;
        rig.foreign.line([line.clone()]);
        let report = rig.cycle().await;
        assert_eq!(report.conflicts.in_doubt, 1, "{line:?}");
        assert!(!report.is_done());
        rig.wait_for_what_was_sent();
        let report = rig.cycle().await;
        assert!(report.is_done(), "{line:?}: {report:?}");
        assert_eq!(rig.foreign.changes().len(), sent, "{line:?}");
        let event = rig.foreign.get(&ada(), "m").unwrap();
        assert_eq!(event.span, EventSpan::Timed(hours(16, 17)));
    }
}

#[tokio::test]
async fn an_event_that_its_owner_moved_after_a_lost_answer_is_theirs() {
    let rig = rig(OverrideAction::Move).await;
    rig.foreign.line([Line::RequestLost]);
    rig.cycle().await;
    rig.foreign.edit(&ada(), "m", |event| event.span = EventSpan::Timed(hours(20, 21)));
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(rig.foreign.changes(), []);
    assert!(matches!(rig.change().await.state, EventChangeState::NotDone { .. }));
}

#[tokio::test]
async fn a_move_that_happened_is_done_whatever_else_its_owner_changed_since() {
    let rig = rig(OverrideAction::Move).await;
    rig.foreign.line([Line::AnswerLost]);
    rig.cycle().await;
    rig.foreign.edit(&ada(), "m", |event| event.context.subject = "Other".into());
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(rig.change().await.state, EventChangeState::Done);
    assert_eq!(rig.foreign.changes().len(), 1);
}

#[tokio::test]
async fn a_removal_that_never_arrived_is_not_called_done_because_its_owner_moved_the_event_away() {
    let rig = rig(OverrideAction::Delete).await;
    rig.foreign.line([Line::RequestLost]);
    rig.cycle().await;
    let far = EventSpan::Timed(hours(24 * 30, 24 * 30 + 1));
    rig.foreign.edit(&ada(), "m", |event| event.span = far);
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert!(matches!(rig.change().await.state, EventChangeState::NotDone { .. }));
    assert_eq!(rig.foreign.get(&ada(), "m").unwrap().span, far);
}

#[tokio::test]
async fn what_was_not_sent_yet_is_known_not_to_be_done() {
    let events = [meeting("a", 9, 10), meeting("b", 10, 11)];
    let rig = Rig::with(overriding(OverrideAction::Delete), [work("s", 8)], events).await;
    rig.foreign.line([Line::HangsBefore]);
    rig.cycle_and_die().await;
    let state = async |id: &str| {
        let changes = rig.changes().await;
        changes.into_iter().find(|it| it.kept.id.0 == id).unwrap().state
    };
    assert_eq!(state("a").await, EventChangeState::Sent);
    assert_eq!(state("b").await, EventChangeState::Planned);
    rig.wait_for_what_was_sent();
    // Its owner removes it: that was not us.
    rig.foreign.remove(&ada(), "b");
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(state("a").await, EventChangeState::Done);
    assert!(matches!(state("b").await, EventChangeState::NotDone { .. }));
    let told = rig.description(&shift_key("s")).unwrap();
    assert!(told.contains("Subject of a") && !told.contains("Subject of b"), "{told}");
}

#[tokio::test]
async fn after_a_doubt_is_settled_its_calendar_is_acted_on_in_the_same_cycle() {
    let rig = rig(OverrideAction::Delete).await;
    let private = domain::Visibility::Private;
    rig.foreign.put(&ada(), ForeignEvent { visibility: private, ..meeting("p", 12, 13) });
    rig.clock.tick(SignedDuration::from_millis(1));
    rig.foreign.line([Line::RequestLost]);
    rig.cycle().await;
    rig.wait_for_what_was_sent();
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(report.conflicts.changed, 1);
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.left().await, [Left::Private]);
}

#[tokio::test]
async fn a_request_that_is_carried_out_late_is_known_and_can_be_taken_back() {
    let rig = rig(OverrideAction::Delete).await;
    rig.foreign.line([Line::RequestLost]);
    rig.cycle().await;
    let report = rig.cycle().await;
    assert_eq!((report.conflicts.in_doubt, rig.foreign.changes().len()), (1, 0), "{report:?}");
    assert_eq!(rig.change().await.state, EventChangeState::Sent, "it is as it was, for now");
    // It was under way all the time.
    rig.foreign.remove(&ada(), "m");
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    let change = rig.change().await;
    assert_eq!(change.state, EventChangeState::Done);
    rig.undo(&change).await.unwrap();
    assert!(rig.foreign.get(&ada(), "m").is_some());
}

#[tokio::test]
async fn while_nobody_knows_nothing_else_is_done() {
    let rig = rig(OverrideAction::Delete).await;
    rig.foreign.line([Line::RequestLost]);
    rig.cycle().await;
    rig.foreign.unreadable(Some(engine::port::FailureClass::Refused));
    rig.wait(1);
    let report = rig.cycle().await;
    assert!(!report.is_done());
    assert_eq!(rig.change().await.state, EventChangeState::Sent);
    assert_eq!(rig.left().await, [Left::Waits]);
}

#[tokio::test]
async fn two_replicas_do_it_once() {
    let rig = rig(OverrideAction::Delete).await;
    let (one, two) = futures_util::future::join(rig.cycle(), rig.cycle_of_another()).await;
    assert_eq!(one.conflicts.changed + two.conflicts.changed, 1);
    for _ in 0..2 {
        rig.wait(1);
        rig.cycle().await;
        rig.cycle_of_another().await;
    }
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.changes().await.len(), 1);
}

#[tokio::test]
async fn a_replica_that_is_stuck_is_not_overtaken_while_it_holds_the_calendar() {
    let rig = rig(OverrideAction::Delete).await;
    rig.foreign.line([Line::HangsBefore]);
    let stuck = rig.cycle_of_another();
    let mut stuck = std::pin::pin!(stuck);
    assert!(futures_util::future::poll_immediate(stuck.as_mut()).await.is_none());
    let report = rig.cycle().await;
    assert!(!report.is_done(), "its calendar is another's");
    assert_eq!(rig.foreign.changes(), []);
}
