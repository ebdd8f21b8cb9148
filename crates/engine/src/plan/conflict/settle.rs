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
            if change.meaning_after == Some(meaning(event, &event.span)) {
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
            Some("it is not there any more, or was moved far away")
        }
        (ForeignChange::Move { .. }, Some(event)) => {
            let moved = change.meaning_after == Some(meaning(event, &event.span));
            (!moved).then_some("somebody has changed it since")
        }
        (ForeignChange::Relabel { .. }, Some(_)) => Some("a label is no change that is undone"),
    }
}

/// The times at which an event may be found: where it was, and where it was moved to.
#[must_use]
pub fn places(change: &EventChange) -> Vec<EventSpan> {
    let to = match &change.change {
        ForeignChange::Move { to, .. } => Some(*to),
        ForeignChange::Delete | ForeignChange::Decline { .. } | ForeignChange::Relabel { .. } => {
            None
        }
    };
    std::iter::once(change.span).chain(to).collect()
}
