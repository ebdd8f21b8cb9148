//! What stands in the mirror already when the vendor is about to make it. Pure.
//!
//! Only another system of record can bring that about: it makes a shift, its schedule is read and
//! shown, and only then we hear that it granted what a person asked for in the mirror.

use super::land::places;
use super::replay::is_being_written;
use super::translate::remote_ids;
use super::world::World;
use crate::port::{Ask, AskWhat, AskedRequest, RosterChange};

/// Whether an entity of `change` that the vendor would make stands in the mirror at a place that
/// the ask does not name, or we may be making it there at this moment.
///
/// Of a request it may stand there: the vendor is told yes, and the one that it does not know is
/// removed when it has made its own. Else the request would stay open for ever.
#[must_use]
pub fn would_stand_twice(
    world: &World,
    ask: &Ask,
    known: Option<&AskedRequest>,
    change: &RosterChange,
) -> bool {
    let named = remote_ids(ask, known);
    places(world, ask, &change.upserts).iter().any(|(key, at)| {
        let Some(row) = world.row(&ask.calendar, key) else { return false };
        let there = row.remote.as_ref().map(|it| &it.id);
        let unnamed = there.is_none_or(|id| id != at && !named.contains(id));
        let is_request = matches!(ask.what, AskWhat::Request { .. });
        unnamed && (is_being_written(row) || (there.is_some() && !is_request))
    })
}
