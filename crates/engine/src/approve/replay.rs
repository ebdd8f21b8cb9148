//! What is answered to a repetition of something granted. Pure.

use domain::{Entity, Refusal, RequestStep};

use super::land::{Outcome, Terms, not_before, places};
use super::request_rows::given_up;
use super::world::World;
use crate::port::{Answer, Ask, AskWhat, Grant, IntentState, LedgerRow, LedgerWrite, RequestRow};

/// The answer to a repetition: the same as before, with everything that is still
/// in doubt put to the places that the repetition names, and to its deadline. `None` when it is no
/// repetition: what was granted does not stand any more, or the vendor did it already and now
/// names other places, or places that something else has; so it is to be decided anew.
#[must_use]
pub fn replay(world: &World, ask: &Ask, grant: &Grant, terms: Terms<'_>) -> Option<Outcome> {
    let removes = matches!(ask.what, AskWhat::Delete { .. });
    let stands = grant.touched.iter().all(|(key, version)| match world.live(key) {
        Some(live) => live.version == *version && !removes,
        None => removes,
    });
    if !stands {
        let there = is_there_changed(world, ask, grant);
        return there.then(|| Outcome::just(grant.answer.clone()));
    }
    if ask.expires_at.is_some() && ask.expires_at < grant.expires_at {
        // An attempt that the vendor gave up before the one that we answered last.
        return Some(Outcome::just(grant.answer.clone()));
    }
    let rows = grant.touched.iter().filter_map(|(key, _)| world.row(&ask.calendar, key));
    if rows.into_iter().any(is_being_written) {
        // The vendor gave up, we are doing it now, and whether it is done nobody knows yet: to
        // agree as well would make it twice.
        return Some(Outcome::just(Answer::Refused(Refusal::NotReachable)));
    }
    let mut outcome = Outcome::just(grant.answer.clone());
    let mut renewed = Grant { expires_at: ask.expires_at.max(grant.expires_at), ..grant.clone() };
    if let AskWhat::Request { at, step, .. } = &ask.what
        && *step != RequestStep::Approved
    {
        let (_, first) = grant.landed.first()?;
        if first == at {
            return Some(outcome);
        }
        let before = world.request(first).filter(|it| it.step == *step)?;
        outcome.requests = vec![
            RequestRow { at: at.clone(), changed_at: terms.now, ..before.clone() },
            given_up(before, RequestStep::Cancelled, terms.now),
        ];
        renewed.landed.iter_mut().for_each(|(_, landed)| *landed = at.clone());
        outcome.grant = Some(renewed);
        return Some(outcome);
    }
    let left: Vec<Entity> =
        grant.touched.iter().filter_map(|(key, _)| Some(world.live(key)?.entity.clone())).collect();
    let places = places(world, ask, &left);
    let not_before = not_before(ask, terms.now);
    for (key, at) in places {
        let before = renewed.landed.iter_mut().find(|(landed, _)| *landed == key);
        let moved = before.as_ref().is_none_or(|(_, landed)| *landed != at);
        let row = world.row(&ask.calendar, &key);
        let taken = world.row_at(&ask.calendar, &at).is_some_and(|row| row.key != key);
        if taken || (moved && row.is_some_and(|row| !in_doubt(row))) {
            return None;
        }
        match before {
            Some((_, landed)) => *landed = at,
            None => renewed.landed.push((key, at)),
        }
    }
    for (key, _) in &grant.touched {
        let Some(row) = world.row(&ask.calendar, key).filter(|row| in_doubt(row)) else {
            continue;
        };
        let mut row = row.clone();
        if let Some(intent) = row.intent.as_mut() {
            let at = renewed.landed.iter().find(|(landed, _)| landed == key);
            intent.remote_id = at.map(|(_, at)| at.clone()).or(intent.remote_id.take());
            intent.not_before = intent.not_before.max(Some(not_before));
        }
        row.changed_at = terms.now;
        outcome.ledger.push(LedgerWrite::Put(row));
    }
    outcome.grant = (renewed != *grant).then_some(renewed);
    Some(outcome)
}

/// Whether what was made is there all the same, and was changed since.
fn is_there_changed(world: &World, ask: &Ask, grant: &Grant) -> bool {
    match &ask.what {
        AskWhat::Create { at, item: _ } => {
            grant.landed.iter().any(|(key, landed)| landed == at && world.live(key).is_some())
        }
        AskWhat::Edit { .. }
        | AskWhat::Delete { .. }
        | AskWhat::Assign { .. }
        | AskWhat::Request { .. }
        | AskWhat::SetAvailability { .. } => false,
    }
}

/// Whether the vendor may be doing, or have done, what was granted.
fn in_doubt(row: &LedgerRow) -> bool {
    row.intent.as_ref().is_some_and(|it| it.state == IntentState::Sent && it.not_before.is_some())
}

/// Whether a write of our own may be under way.
pub(crate) fn is_being_written(row: &LedgerRow) -> bool {
    row.intent.as_ref().is_some_and(|it| it.state == IntentState::Sent && it.not_before.is_none())
}
