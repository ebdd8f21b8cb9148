//! Sharing: what managers planned becomes what employees see.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::error;
use super::http::Reply;
use super::parse::Fields;
use super::route::Call;
use super::state::{Entity, Item, Kind, Planned, State, Tracked};

/// Answers `POST /teams/{id}/schedule/share`.
pub(super) fn answer(call: &Call<'_>, team: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    let fields = Fields::of("share", &body, &["notifyTeam", "startDateTime", "endDateTime"])?;
    let notify = fields.flag("notifyTeam")?;
    let notify = notify.ok_or_else(|| error::bad("The parameter 'notifyTeam' is missing."))?;
    let start = fields.need_instant("startDateTime")?;
    let end = fields.instant("endDateTime")?.unwrap_or(Timestamp::MAX);
    if end <= start {
        return Err(error::bad("The endDateTime must be after the startDateTime."));
    }
    call.graph.update(|state| {
        call.team(state, team)?;
        let mut affected = BTreeSet::new();
        for kind in [Kind::Shift, Kind::OpenShift, Kind::TimeOff] {
            share(call, state, (team, kind), (start, end), &mut affected);
        }
        let members = call.team(state, team)?.members.len();
        if notify {
            state.notifications.team += u64::try_from(members).unwrap_or(u64::MAX);
        } else {
            state.notifications.affected += u64::try_from(affected.len()).unwrap_or(u64::MAX);
        }
        Ok(Reply::status(204))
    })
}

/// Shares what overlaps `[start, end)`: by the draft where there is one, since the draft is what
/// is shared; by the shared side for what is staged for deletion.
fn share(
    call: &Call<'_>,
    state: &mut State,
    (team, kind): (&str, Kind),
    (start, end): (Timestamp, Timestamp),
    affected: &mut BTreeSet<String>,
) {
    let inside = |it: &Item| it.start < end && it.end > start;
    let Some(found) = state.teams.get(team) else { return };
    let ids = found.all(kind).map(|(id, _)| id.clone());
    let due: Vec<(String, Planned)> = ids
        .filter_map(|id| {
            let planned = found.planned(kind, &id)?.clone();
            let side = match &planned {
                Planned { is_staged_for_deletion: true, draft, shared, .. } => {
                    shared.as_ref().or(draft.as_ref())
                }
                Planned { draft, .. } => draft.as_ref(),
            };
            side.is_some_and(inside).then_some((id, planned))
        })
        .collect();
    let keeps = call.graph.options().keeps_draft_after_share;
    for (id, mut planned) in due {
        let version = state.next_version();
        let Some(team) = state.teams.get_mut(team) else { return };
        let entities = team.entities.entry(kind).or_default();
        if planned.is_staged_for_deletion {
            affected.extend(planned.user.filter(|_| planned.shared.is_some()));
            entities.remove(&id);
            team.gone.insert(id);
            continue;
        }
        let changed = planned.shared != planned.draft;
        if !changed && keeps {
            continue;
        }
        if changed {
            affected.extend(planned.user.clone());
        }
        planned.shared = if keeps { planned.draft.clone() } else { planned.draft.take() };
        if let Some(stored) = entities.get_mut(&id) {
            let tracked = stored.tracked.clone();
            stored.entity = Entity::Planned(planned);
            stored.tracked =
                Tracked { modified_at: call.now, modified_by: call.who(), version, ..tracked };
        }
    }
}
