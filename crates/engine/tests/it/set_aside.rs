//! What was refused too often is set aside: as it was, for some hours, and never in the way of
//! anything else.

use domain::limits::QUARANTINE;
use domain::{CalendarKey, Entity, Fingerprint, Fingerprinter};
use engine::plan::reconcile::{Action, Circumstances, Hold, plan_subject};
use engine::plan::state::{Projected, Seen};
use engine::port::{
    ChangeSeq, ETag, Intent, IntentState, LedgerRow, Placement, Remote, RemoteId, RosterEntry,
    SourceRef, Subject, Trouble, Verb,
};
use testkit::builders::{calendar, hour, ledger_row, shift, shift_key, window};

fn print(text: &str) -> Fingerprint {
    let mut print = Fingerprinter::new("test");
    print.text(text);
    print.finish()
}

fn entry() -> RosterEntry {
    let entity = Entity::Shift(shift("s", "ada", 90));
    let fingerprint = entity.fingerprint();
    let at = SourceRef("test".into());
    RosterEntry { entity, fingerprint, version: 2, changed_at: hour(0), seq: ChangeSeq(1), at }
}

/// A row whose update to `refused` was refused too often; `old` is still there.
fn set_aside(ada: &CalendarKey, refused: Fingerprint) -> LedgerRow {
    let due = hour(0) + QUARANTINE;
    LedgerRow {
        remote: Some(Remote {
            id: RemoteId("x".into()),
            etag: Some(ETag("1".into())),
            intended: print("old"),
            echoed: None,
            version: 1,
            adopted: false,
        }),
        intent: Some(Intent {
            verb: Verb::Update,
            fingerprint: refused,
            remote_id: None,
            state: IntentState::Planned,
            attempts: 3,
            not_before: Some(due),
        }),
        trouble: Some(Trouble {
            refusals: 3,
            reason: "400".into(),
            fingerprint: refused,
            quarantined_at: Some(hour(0)),
        }),
        ends_at: Some(hour(100)),
        ..ledger_row(shift_key("s"), ada)
    }
}

/// What is done about it at `hours`, when the roster shows it as `wanted`, or not at all.
fn action(wanted: Option<&str>, hours: i64, purge: bool) -> Option<Action> {
    let ada = calendar("ada");
    let row = set_aside(&ada, print("refused"));
    let entry = wanted.map(|_| entry());
    let projected = wanted.map(|wanted| Projected {
        placement: Placement::In(ada.clone()),
        fingerprint: Some(print(wanted)),
        more: None,
    });
    let subject = Subject { key: shift_key("s"), entry, ledger: vec![row] };
    let window = window(-100, 200);
    let now = hour(hours);
    let circumstances = Circumstances { window: &window, now, clock: now, purge };
    let steps = plan_subject(&subject, projected.as_ref(), circumstances, &|_| Seen::NotLooked);
    steps.into_iter().next().map(|step| step.action)
}

#[test]
fn it_waits_as_it_is_and_is_tried_again_when_its_time_has_come() {
    assert_eq!(action(Some("refused"), 1, false), Some(Action::Hold(Hold::Quarantined)));
    assert!(matches!(action(Some("refused"), 7, false), Some(Action::Update { .. })));
}

#[test]
fn another_content_is_tried_at_once() {
    assert!(matches!(action(Some("corrected"), 1, false), Some(Action::Update { .. })));
}

#[test]
fn what_was_deleted_meanwhile_goes_at_once_and_so_does_everything_in_a_purge() {
    assert!(matches!(action(None, 1, false), Some(Action::Delete { .. })));
    assert!(matches!(action(Some("refused"), 1, true), Some(Action::Delete { .. })));
}

#[test]
fn what_is_wanted_as_it_was_before_waits_for_nothing() {
    assert_eq!(action(Some("old"), 1, false), Some(Action::DropIntent));
}
