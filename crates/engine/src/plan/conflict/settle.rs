//! What looking at an event tells of a change that was sent, and whether it can be taken back.

use domain::EventSpan;

use super::{is_declined, meaning};
use crate::port::{EventChange, EventChangeState, ForeignChange, ForeignEvent};

/// What came of a change whose answer was lost; `found` is the event as it is now, `None` where it
/// is not there.
#[must_use]
pub fn settled(change: &EventChange, found: Option<&ForeignEvent>) -> EventChangeState {
    let not_done = |why: &str| EventChangeState::NotDone { why: why.to_owned() };
    match (&change.change, found) {
        // Gone is gone, whoever removed it.
        (ForeignChange::Delete | ForeignChange::Decline { .. }, None) => EventChangeState::Done,
        (ForeignChange::Delete, Some(_)) => not_done("it is still there"),
        (ForeignChange::Decline { .. }, Some(event)) if is_declined(event) => {
            EventChangeState::Done
        }
        (ForeignChange::Decline { .. }, Some(_)) => not_done("it is not declined"),
        (ForeignChange::Move { .. } | ForeignChange::Relabel { .. }, None) => {
            not_done("the event is gone")
        }
        (ForeignChange::Move { .. }, Some(event)) => {
            // What else its owner did to it meanwhile says nothing of where it is.
            if is_at(change, event) {
                EventChangeState::Done
            } else {
                not_done("it is not where it was to be moved")
            }
        }
        (ForeignChange::Relabel { by, .. }, Some(event)) => {
            if event.categories.contains(by) {
                EventChangeState::Done
            } else {
                not_done("it does not have the label")
            }
        }
    }
}

/// Why a change cannot be taken back, if it cannot: the event is not as the change left it.
#[must_use]
pub fn changed_since(change: &EventChange, found: Option<&ForeignEvent>) -> Option<&'static str> {
    match (&change.change, found) {
        (ForeignChange::Delete | ForeignChange::Decline { .. }, None) => None,
        (ForeignChange::Delete, Some(_)) => Some("somebody has put it back already"),
        (ForeignChange::Decline { .. }, Some(event)) if is_declined(event) => None,
        (ForeignChange::Decline { .. }, Some(_)) => Some("its owner has answered it since"),
        (ForeignChange::Move { .. } | ForeignChange::Relabel { .. }, None) => {
            Some("it is not there any more")
        }
        (ForeignChange::Move { .. }, Some(event)) => {
            let moved = change.meaning_after == Some(meaning(event, &event.span));
            (!moved).then_some("somebody has changed it since")
        }
        (ForeignChange::Relabel { .. }, Some(_)) => Some("a label is no change that is undone"),
    }
}

/// How a change stands whose taking back was begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undoing {
    /// The event is as the change left it.
    ToRestore,
    /// It is back already.
    Restored,
    /// Its owner did something else with it: taking back is given up.
    GivenUp(&'static str),
}

/// Looks at an event whose change was being taken back.
#[must_use]
pub fn undoing(change: &EventChange, found: Option<&ForeignEvent>) -> Undoing {
    match (&change.change, found) {
        (ForeignChange::Delete | ForeignChange::Decline { .. }, None) => Undoing::ToRestore,
        (ForeignChange::Delete, Some(_)) => Undoing::Restored,
        (ForeignChange::Decline { .. }, Some(event)) if is_declined(event) => Undoing::ToRestore,
        (ForeignChange::Decline { .. }, Some(_)) => Undoing::Restored,
        (ForeignChange::Move { .. }, Some(event)) if is_at(change, event) => Undoing::ToRestore,
        (ForeignChange::Move { .. }, Some(event)) if same_time(&event.span, &change.span) => {
            Undoing::Restored
        }
        (ForeignChange::Move { .. }, Some(_)) => Undoing::GivenUp("its owner moved it meanwhile"),
        (ForeignChange::Move { .. } | ForeignChange::Relabel { .. }, None) => {
            Undoing::GivenUp("it is not there any more")
        }
        (ForeignChange::Relabel { .. }, Some(_)) => {
            Undoing::GivenUp("a label is no change that is undone")
        }
    }
}

/// Whether an event is where a change moved it.
fn is_at(change: &EventChange, event: &ForeignEvent) -> bool {
    match &change.change {
        ForeignChange::Move { to, .. } => same_time(to, &event.span),
        ForeignChange::Delete | ForeignChange::Decline { .. } | ForeignChange::Relabel { .. } => {
            false
        }
    }
}

/// Whether two spans are one to vendors, who keep whole seconds.
#[must_use]
pub fn same_time(one: &EventSpan, other: &EventSpan) -> bool {
    match (one, other) {
        (EventSpan::Timed(one), EventSpan::Timed(other)) => {
            one.to_whole_seconds() == other.to_whole_seconds()
        }
        (EventSpan::AllDay { .. }, EventSpan::AllDay { .. }) => one == other,
        (EventSpan::Timed(_), EventSpan::AllDay { .. })
        | (EventSpan::AllDay { .. }, EventSpan::Timed(_)) => false,
    }
}
