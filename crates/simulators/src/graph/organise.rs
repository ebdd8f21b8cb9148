//! Scheduling groups and reasons for time off: POST, PUT, DELETE.
//!
//! Neither is ever gone: DELETE sets `isActive` to false, and lists go on showing it.

use super::change::Edit;
use super::error;
use super::http::Reply;
use super::parse;
use super::route::{Call, not_allowed};
use super::state::{Entity, Group, Kind, Reason, Team};

/// Answers anything but reads.
pub(super) fn answer(
    call: &Call<'_>,
    team: &str,
    kind: Kind,
    rest: &[&str],
) -> Result<Reply, Reply> {
    match (call.method(), rest) {
        ("POST", []) => {
            let after = sent(call, kind)?;
            let id = call.graph.update(|state| {
                check(call.team(state, team)?, &after)?;
                Ok(state.new_id(kind.prefix()))
            })?;
            call.commit(team, vec![Edit::make(kind, id.as_str(), after)])?;
            call.stored(201, team, kind, &id)
        }
        ("PUT" | "PATCH", [id]) => {
            let after = sent(call, kind)?;
            let edit = call.graph.read(|state| {
                let found = call.team(state, team)?;
                current(call, found, kind, id)?;
                check(found, &after)?;
                Ok(Edit::replace(found, kind, id, after))
            })?;
            call.commit(team, vec![edit])?;
            call.replaced(team, kind, id)
        }
        ("DELETE", [id]) => {
            let edit = call.graph.read(|state| {
                let found = call.team(state, team)?;
                let after = inactive(current(call, found, kind, id)?);
                keeps_a_reason(found, kind, id)?;
                Ok(Edit::replace(found, kind, id, after))
            })?;
            call.commit(team, vec![edit])?;
            Ok(Reply::status(204))
        }
        _ => Err(not_allowed()),
    }
}

fn sent(call: &Call<'_>, kind: Kind) -> Result<Entity, Reply> {
    let body = call.body()?;
    if kind == Kind::SchedulingGroup {
        Ok(Entity::Group(parse::group(&body)?))
    } else {
        Ok(Entity::Reason(parse::reason(&body)?))
    }
}

fn current(call: &Call<'_>, team: &Team, kind: Kind, id: &str) -> Result<Entity, Reply> {
    let stored = team.get(kind, id).ok_or_else(|| error::missing(kind.type_name()))?;
    call.if_match(&stored.tracked.etag())?;
    Ok(stored.entity.clone())
}

fn check(team: &Team, after: &Entity) -> Result<(), Reply> {
    let Entity::Group(group) = after else { return Ok(()) };
    if group.users.iter().all(|user| team.has_member(user)) {
        Ok(())
    } else {
        Err(error::bad("All users of a scheduling group must be members of the team."))
    }
}

fn inactive(entity: Entity) -> Entity {
    match entity {
        Entity::Group(group) => Entity::Group(Group { is_active: false, ..group }),
        Entity::Reason(reason) => Entity::Reason(Reason { is_active: false, ..reason }),
        other @ (Entity::Planned(_) | Entity::Request(_)) => other,
    }
}

/// A team keeps at least one reason.
fn keeps_a_reason(team: &Team, kind: Kind, id: &str) -> Result<(), Reply> {
    if kind != Kind::TimeOffReason {
        return Ok(());
    }
    let mut others = team.all(kind).map(|(id, _)| id).filter(|other| *other != id);
    if others.any(|other| team.reason(other).is_some_and(|it| it.is_active)) {
        Ok(())
    } else {
        Err(error::bad("A team must have at least one time off reason."))
    }
}
