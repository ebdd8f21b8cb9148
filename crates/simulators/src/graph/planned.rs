//! Shifts, open shifts and times off: POST, PUT, DELETE, `stageForDeletion`.
//!
//! PUT replaces the whole: a side that is not sent is gone, so who sends a draft alone takes the
//! shift from its employee's sight until the next sharing. It makes nothing (404), and it takes
//! back a staged deletion.

use super::change::Edit;
use super::http::Reply;
use super::parse;
use super::route::{Call, not_allowed};
use super::state::{Entity, Item, Kind, Planned, Team};
use super::{error, options};

/// Answers anything but reads.
pub(super) fn answer(
    call: &Call<'_>,
    team: &str,
    kind: Kind,
    rest: &[&str],
) -> Result<Reply, Reply> {
    match (call.method(), rest) {
        ("POST", []) => post(call, team, kind),
        ("PUT" | "PATCH", [id]) => put(call, team, kind, id),
        ("DELETE", [id]) => delete(call, team, kind, id),
        ("POST", [id, action]) if action.eq_ignore_ascii_case("stageForDeletion") => {
            stage(call, team, kind, id)
        }
        _ => Err(not_allowed()),
    }
}

fn post(call: &Call<'_>, team: &str, kind: Kind) -> Result<Reply, Reply> {
    let body = call.body()?;
    let after = parse::planned(kind, &body)?;
    let sent = body.get("id").and_then(|it| it.as_str());
    let id = call.graph.update(|state| {
        let options = call.graph.options();
        let found = call.team(state, team)?;
        check(options, found, kind, &after, None)?;
        match sent {
            Some(id) if options.honours_client_ids => {
                if found.get(kind, id).is_some() || found.gone.contains(id) {
                    return Err(error::shifts(409, "Conflict", "The id is taken."));
                }
                Ok(id.to_owned())
            }
            _ => Ok(state.new_id(kind.prefix())),
        }
    })?;
    call.commit(team, vec![Edit::make(kind, id.as_str(), Entity::Planned(after))])?;
    // The reference says 201 for shifts and times off, and 200 for open shifts.
    let status = if kind == Kind::OpenShift { 200 } else { 201 };
    call.stored(status, team, kind, &id)
}

fn put(call: &Call<'_>, team: &str, kind: Kind, id: &str) -> Result<Reply, Reply> {
    let after = parse::planned(kind, &call.body()?)?;
    let edit = call.graph.read(|state| {
        let found = call.team(state, team)?;
        let before = current(call, found, kind, id)?;
        check(call.graph.options(), found, kind, &after, Some(before))?;
        Ok(Edit::replace(found, kind, id, Entity::Planned(after)))
    })?;
    call.commit(team, vec![edit])?;
    call.replaced(team, kind, id)
}

fn delete(call: &Call<'_>, team: &str, kind: Kind, id: &str) -> Result<Reply, Reply> {
    let edit = call.graph.read(|state| {
        let found = call.team(state, team)?;
        current(call, found, kind, id)?;
        Ok(Edit::delete(found, kind, id))
    })?;
    call.commit(team, vec![edit])?;
    Ok(Reply::status(204))
}

fn stage(call: &Call<'_>, team: &str, kind: Kind, id: &str) -> Result<Reply, Reply> {
    let edit = call.graph.read(|state| {
        let found = call.team(state, team)?;
        let before = current(call, found, kind, id)?;
        let after = Planned { is_staged_for_deletion: true, ..before.clone() };
        Ok(Edit::replace(found, kind, id, Entity::Planned(after)))
    })?;
    call.commit(team, vec![edit])?;
    Ok(Reply::status(204))
}

/// What is stored, if the call's `If-Match` agrees to it.
fn current<'s>(
    call: &Call<'_>,
    team: &'s Team,
    kind: Kind,
    id: &str,
) -> Result<&'s Planned, Reply> {
    let missing = || error::missing(kind.type_name());
    let stored = team.get(kind, id).ok_or_else(missing)?;
    call.if_match(&stored.tracked.etag())?;
    team.planned(kind, id).ok_or_else(missing)
}

/// Whether what is referred to is there and fits. What did not change is not looked at again: an
/// employee who left keeps their shifts.
fn check(
    options: &options::Options,
    team: &Team,
    kind: Kind,
    after: &Planned,
    before: Option<&Planned>,
) -> Result<(), Reply> {
    let offered = team.schedule.as_ref().is_some_and(|it| it.open_shifts_enabled);
    if kind == Kind::OpenShift && options.checks_open_shifts_enabled && !offered {
        return Err(error::bad("Open shifts are not enabled for this schedule."));
    }
    let same_place = before.is_some_and(|it| (&it.user, &it.group) == (&after.user, &after.group));
    if !same_place {
        check_place(options, team, kind, after)?;
    }
    if kind == Kind::TimeOff {
        let reasons = |it: &Planned| -> Vec<Option<String>> {
            let sides = [&it.draft, &it.shared];
            sides.into_iter().flatten().map(|it: &Item| it.reason.clone()).collect()
        };
        let known = before.map(reasons).unwrap_or_default();
        for reason in reasons(after) {
            let active = reason.as_deref().and_then(|it| team.reason(it));
            if !active.is_some_and(|it| it.is_active) && !known.contains(&reason) {
                return Err(error::bad("The timeOffReasonId names no active time off reason."));
            }
        }
    }
    Ok(())
}

fn check_place(
    options: &options::Options,
    team: &Team,
    kind: Kind,
    after: &Planned,
) -> Result<(), Reply> {
    if kind != Kind::OpenShift {
        let user = after.user.as_deref();
        let user = user.ok_or_else(|| error::bad("The property 'userId' is missing."))?;
        if !team.has_member(user) {
            return Err(error::bad("The user is not a member of the team."));
        }
    }
    if kind == Kind::TimeOff {
        return Ok(());
    }
    let group = after.group.as_deref();
    let group = group.ok_or_else(|| error::bad("The property 'schedulingGroupId' is missing."))?;
    let group = team.group(group).filter(|it| it.is_active);
    let group = group.ok_or_else(|| error::missing("schedulingGroup"))?;
    let outside = |user: &String| !group.users.contains(user);
    if options.checks_group_membership && after.user.as_ref().is_some_and(outside) {
        return Err(error::bad("The user is not in the scheduling group."));
    }
    Ok(())
}
