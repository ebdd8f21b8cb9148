//! Taking a change of somebody's event back, in the object as it is now. Pure.
//!
//! Only what was changed is put back: what the owner did to the event since stays as it is.

use domain::EventSpan;
use engine::port::{Failure, FailureClass, ForeignChange};

use super::object::{Moment, Object, Place};
use crate::caldav::provider::Doing;

/// Why a change cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// The event, or its series, is gone.
    Gone,
    /// It is not as the change left it.
    Changed,
    /// Its owner is not among those who are invited.
    NotInvited,
    /// A label is no change that is taken back.
    Label,
}

impl Hindrance {
    pub fn failure(self, doing: Doing<'_>) -> Failure {
        let (class, detail) = match self {
            Self::Gone => (FailureClass::Missing, "it, or the series it was in, is gone"),
            Self::Changed => (FailureClass::Precondition, "it is not where it was moved to"),
            Self::NotInvited => {
                (FailureClass::Precondition, "its owner is not among those who are invited")
            }
            Self::Label => return no_relabelling(doing),
        };
        doing.failure(class, detail)
    }
}

pub(super) fn no_relabelling(doing: Doing<'_>) -> Failure {
    doing.failure(FailureClass::Refused, "a label is no change that is taken back")
}

/// `now` with `change` taken back, which was made to it when it was `before`; `None` where that is
/// so already. `who` is the owner's address.
pub(super) fn taken_back(
    mut now: Object,
    before: &Object,
    change: &ForeignChange,
    occurrence: Option<Moment>,
    who: Option<&str>,
) -> Result<Option<Object>, Hindrance> {
    let mut before = before.clone();
    match change {
        ForeignChange::Delete => {
            // Something is there: it is back, or its owner made it anew.
            let Some(occurrence) = occurrence else { return Ok(None) };
            if !now.lacks(occurrence).ok_or(Hindrance::Gone)? {
                return Ok(None);
            }
            now.with(occurrence, &before).map(Some).ok_or(Hindrance::Gone)
        }
        ForeignChange::Decline { .. } => {
            let (place, there) = places(&mut now, &mut before, occurrence)?;
            let who = who.ok_or(Hindrance::NotInvited)?;
            if !is_declined(&now, place, who) {
                return Ok(None);
            }
            if !now.answered_as(place, (&before, there), who) {
                return Err(Hindrance::NotInvited);
            }
            Ok(Some(tidied(now, occurrence)))
        }
        ForeignChange::Move { to, note } => {
            let (place, there) = places(&mut now, &mut before, occurrence)?;
            let was = span(&before, there).ok_or(Hindrance::Changed)?;
            let is = span(&now, place).ok_or(Hindrance::Changed)?;
            if is == was {
                return Ok(None);
            }
            if is != *to {
                return Err(Hindrance::Changed);
            }
            now.moved_back(place, (&before, there), &was, note.as_deref());
            Ok(Some(tidied(now, occurrence)))
        }
        ForeignChange::Relabel { .. } => Err(Hindrance::Label),
    }
}

fn tidied(object: Object, occurrence: Option<Moment>) -> Object {
    match occurrence {
        Some(occurrence) => object.without_needless(occurrence),
        None => object,
    }
}

/// Where the event is now, and where it was.
fn places(
    now: &mut Object,
    before: &mut Object,
    occurrence: Option<Moment>,
) -> Result<(Place, Place), Hindrance> {
    if occurrence.is_some_and(|it| now.lacks(it) == Some(true)) {
        return Err(Hindrance::Gone);
    }
    let place = now.place_to_change(occurrence).ok_or(Hindrance::Gone)?;
    // Somebody made a series of it.
    if occurrence.is_none() && now.repeats(place) {
        return Err(Hindrance::Changed);
    }
    Ok((place, before.place_to_change(occurrence).ok_or(Hindrance::Gone)?))
}

fn is_declined(object: &Object, place: Place, who: &str) -> bool {
    let (_, invited) = object.people(place);
    invited.iter().any(|(it, answer)| it.eq_ignore_ascii_case(who) && answer == "DECLINED")
}

fn span(object: &Object, place: Place) -> Option<EventSpan> {
    let alone = object.alone(place).text();
    let found = ical::read_object(alone.as_bytes()).ok()?;
    Some(found.first()?.event.as_ref().ok()?.span)
}
