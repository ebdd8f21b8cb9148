//! Taking back what was done.

use domain::EventSpan;
use domain::policy::OverrideAction;
use engine::port::{
    AuditVerb, EventChangeState, FailureClass, ForeignEvent, ForeignRole, Left, RemoteId, Response,
};
use engine::run::conflicts::undo::UndoError;
use engine::run::cycle::CycleOptions;
use testkit::builders::{meeting, shift_key};
use testkit::memory_foreign::Line;

use super::rig::{Rig, ada, overriding, work};

async fn done(action: OverrideAction, event: ForeignEvent) -> Rig {
    let rig = Rig::with(overriding(action), [work("s", 8)], [event]).await;
    let report = rig.cycle().await;
    assert_eq!(report.conflicts.changed, 1, "{report:?}");
    rig
}

fn plain(event: ForeignEvent) -> (RemoteId, EventSpan, ForeignRole, engine::port::MeetingContext) {
    (event.id, event.span, event.role, event.context)
}

#[tokio::test]
async fn what_was_done_is_undone_and_stays_undone() {
    let invited = ForeignRole::Attendee(Response::Accepted);
    for (action, event) in [
        (OverrideAction::Delete, meeting("m", 9, 10)),
        (OverrideAction::Move, meeting("m", 9, 10)),
        (OverrideAction::Delete, ForeignEvent { role: invited, ..meeting("m", 9, 10) }),
    ] {
        let rig = done(action, event.clone()).await;
        let undone = rig.undo(&rig.change().await).await.unwrap();
        assert!(matches!(undone.state, EventChangeState::Undone { .. }));
        assert_eq!(plain(rig.foreign.get(&ada(), "m").unwrap()), plain(event));
        for options in
            [CycleOptions::default(), CycleOptions { read_back: true, ..CycleOptions::default() }]
        {
            rig.wait(1);
            rig.cycle_with(options).await;
        }
        assert_eq!(rig.foreign.changes().len(), 1, "not done again");
        assert_eq!(rig.left().await, [Left::Undone]);
        let history = rig.history(&shift_key("s")).await;
        assert!(history.iter().any(|it| it.verb == AuditVerb::EventRestored), "{history:?}");
    }
}

#[tokio::test]
async fn the_note_goes_with_what_it_tells() {
    let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
    assert!(rig.description(&shift_key("s")).is_some());
    rig.undo(&rig.change().await).await.unwrap();
    let report = rig.cycle().await;
    assert_eq!(report.updated, 1);
    assert_eq!(rig.description(&shift_key("s")), None);
    assert_eq!(rig.cycle().await.writes(), 0);
}

#[tokio::test]
async fn a_restored_event_with_a_new_id_is_left_alone_too() {
    let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
    rig.foreign.give_new_ids();
    rig.undo(&rig.change().await).await.unwrap();
    assert!(rig.foreign.get(&ada(), "m-again").is_some());
    rig.wait(1);
    rig.cycle().await;
    assert_eq!(rig.foreign.changes().len(), 1);
    assert_eq!(rig.left().await, [Left::Undone]);
}

#[tokio::test]
async fn undoing_twice_is_refused() {
    let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
    let change = rig.change().await;
    rig.undo(&change).await.unwrap();
    let error = rig.undo(&change).await.unwrap_err();
    assert!(matches!(error, UndoError::Already(_)), "{error}");
    assert_eq!(rig.foreign.restored().len(), 1);
}

#[tokio::test]
async fn what_its_owner_changed_since_is_not_overwritten() {
    let rig = done(OverrideAction::Move, meeting("m", 9, 10)).await;
    let change = rig.change().await;
    rig.foreign.edit(&ada(), "m", |event| event.context.subject = "Other".into());
    let error = rig.undo(&change).await.unwrap_err();
    assert!(matches!(error, UndoError::Changed { .. }), "{error}");
    rig.foreign.remove(&ada(), "m");
    let error = rig.undo(&change).await.unwrap_err();
    assert!(matches!(error, UndoError::Changed { .. }), "{error}");
    assert_eq!(rig.foreign.restored(), []);
    let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
    rig.foreign.put(&ada(), meeting("m", 9, 10));
    let error = rig.undo(&rig.change().await).await.unwrap_err();
    assert!(matches!(error, UndoError::Changed { .. }), "{error}");
}

#[tokio::test]
async fn a_new_guest_or_text_is_no_change_and_stays() {
    let rig = done(OverrideAction::Move, meeting("m", 9, 10)).await;
    // The vendor gives it a new version.
    rig.foreign.edit(&ada(), "m", |event| {
        event.context.attendees.push("b@example.com".into());
        event.context.body = Some("Their own words".into());
        event.categories.push("Important".into());
    });
    rig.undo(&rig.change().await).await.unwrap();
    let event = rig.foreign.get(&ada(), "m").unwrap();
    assert_eq!(event.span, meeting("m", 9, 10).span);
    assert_eq!(event.context.body.as_deref(), Some("Their own words"));
    assert!(event.context.attendees.contains(&"b@example.com".to_owned()));
    assert!(event.categories.contains(&"Important".to_owned()));
}

#[tokio::test]
async fn an_undoing_that_was_begun_is_given_up_where_its_owner_moved_the_event_meanwhile() {
    let later = EventSpan::Timed(testkit::builders::hours(20, 21));
    for by_hand in [false, true] {
        let rig = done(OverrideAction::Move, meeting("m", 9, 10)).await;
        let change = rig.change().await;
        rig.foreign.line([Line::HangsBefore]);
        rig.undo_and_die(&change).await;
        rig.foreign.edit(&ada(), "m", |event| event.span = later);
        if by_hand {
            let error = rig.undo(&change).await.unwrap_err();
            assert!(matches!(error, UndoError::Changed { .. }), "{error}");
        } else {
            let report = rig.cycle().await;
            let told = |it: &str| it.contains("was not undone");
            assert!(report.problems.iter().any(|it| told(&it.reason)), "{report:?}");
            assert!(rig.cycle().await.is_done(), "told once");
        }
        assert_eq!(rig.change().await.state, EventChangeState::Done);
        assert_eq!(rig.foreign.get(&ada(), "m").unwrap().span, later);
        assert_eq!(rig.foreign.restored(), []);
    }
}

#[tokio::test]
async fn what_was_not_done_cannot_be_undone() {
    let rules = overriding(OverrideAction::Delete);
    let rig = Rig::with(rules, [work("s", 8)], [meeting("m", 9, 10)]).await;
    rig.foreign.line([Line::RequestLost]);
    rig.cycle().await;
    let error = rig.undo(&rig.change().await).await.unwrap_err();
    assert!(matches!(error, UndoError::NotDone { .. }), "{error}");
}

#[tokio::test]
async fn killed_while_undoing_the_next_cycle_ends_it() {
    for line in [Line::HangsBefore, Line::HangsAfter] {
        let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
        let change = rig.change().await;
        rig.foreign.line([line.clone()]);
        rig.undo_and_die(&change).await;
        assert_eq!(rig.change().await.state, EventChangeState::Undoing, "{line:?}");
        let report = rig.cycle().await;
        assert!(report.is_done(), "{line:?}: {report:?}");
        assert!(matches!(rig.change().await.state, EventChangeState::Undone { .. }));
        assert_eq!(rig.foreign.everything().len(), 1, "{line:?}");
        assert_eq!(rig.description(&shift_key("s")), None);
        rig.wait(1);
        rig.cycle().await;
        assert_eq!(rig.foreign.changes().len(), 1, "{line:?}");
    }
}

#[tokio::test]
async fn killed_while_undoing_it_can_be_asked_for_again() {
    let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
    let change = rig.change().await;
    rig.foreign.line([Line::HangsAfter]);
    rig.undo_and_die(&change).await;
    rig.undo(&change).await.unwrap();
    assert_eq!(rig.foreign.everything().len(), 1);
}

#[tokio::test]
async fn a_calendar_that_refuses_leaves_it_to_be_ended_later() {
    let rig = done(OverrideAction::Delete, meeting("m", 9, 10)).await;
    let change = rig.change().await;
    rig.foreign.line([Line::Refuses(FailureClass::Refused)]);
    let error = rig.undo(&change).await.unwrap_err();
    assert!(matches!(error, UndoError::Unreachable { .. }), "{error}");
    rig.undo(&change).await.unwrap();
}
