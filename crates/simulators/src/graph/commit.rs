//! How a write is told, asked for and applied. See [`change`](super::change).

use std::collections::BTreeMap;

use super::Graph;
use super::change::{Change, Edit, Element, Method, Refused, Scope, Subject, Write};
use super::state::{
    Entity, Integration, Kind, Planned, Preferences, State, Stored, Team, Tracked, Who,
};
use super::wire::{self, Shape};

impl Edit {
    /// Makes something new.
    #[must_use]
    pub fn make(kind: Kind, id: impl Into<String>, after: Entity) -> Self {
        Self::Entity { kind, id: id.into(), version: None, after: Some(after) }
    }

    /// Replaces what is there.
    #[must_use]
    pub fn replace(team: &Team, kind: Kind, id: &str, after: Entity) -> Self {
        Self::Entity { kind, id: id.into(), version: version(team, kind, id), after: Some(after) }
    }

    /// Deletes what is there.
    #[must_use]
    pub fn delete(team: &Team, kind: Kind, id: &str) -> Self {
        Self::Entity { kind, id: id.into(), version: version(team, kind, id), after: None }
    }
}

fn version(team: &Team, kind: Kind, id: &str) -> Option<u64> {
    team.get(kind, id).map(|it| it.tracked.version)
}

impl Graph {
    /// Asks the workforce integration whether a write may happen, and lets it happen.
    ///
    /// The lock is not held while the integration is asked.
    ///
    /// # Errors
    /// When the integration refuses, or when somebody was quicker. Nothing is changed then.
    pub fn commit(&self, write: &Write) -> Result<(), Refused> {
        if let Some(callbacks) = self.callbacks()
            && let Some((integration, change)) = self.asked_about(write)
        {
            callbacks.update(&integration, &change).map_err(|refusal| Refused::ByIntegration {
                integration: integration.display_name,
                refusal,
            })?;
        }
        self.settle(write)
    }

    /// Who is asked about a write, and what.
    pub(super) fn asked_about(&self, write: &Write) -> Option<(Integration, Change)> {
        self.read(|state| Some((called(state, &write.scope)?, told(state, write))))
    }

    /// Lets a write happen that was asked about.
    pub(super) fn settle(&self, write: &Write) -> Result<(), Refused> {
        let now = self.now();
        self.update(|state| {
            if overtaken(state, write) {
                return Err(Refused::Overtaken);
            }
            for edit in &write.edits {
                apply(state, &write.scope, &write.who, edit, now);
            }
            Ok(())
        })
    }
}

/// Who is called about something in this scope.
fn called(state: &State, scope: &Scope) -> Option<Integration> {
    match scope {
        Scope::Team(team) => state.integration_of(team).cloned(),
        Scope::User(user) => {
            let mut teams = state.teams.values().filter(|it| it.has_member(user));
            teams.find_map(|team| state.integration_of(&team.id)).cloned()
        }
    }
}

/// What an integration is told of a write.
fn told(state: &State, write: &Write) -> Change {
    let Write { scope, who, passthrough, edits } = write;
    let elements = edits.iter().map(|edit| element(state, scope, edit)).collect();
    Change { scope: scope.clone(), who: who.clone(), passthrough: passthrough.clone(), elements }
}

fn element(state: &State, scope: &Scope, edit: &Edit) -> Element {
    // Who is told learns all there is to know.
    let shape = Shape { unknown_members: true };
    match edit {
        Edit::Entity { kind, id, version: _, after } => {
            let team = match scope {
                Scope::Team(team) => state.teams.get(team),
                Scope::User(_) => None,
            };
            let stored = team.and_then(|team| team.get(*kind, id));
            let before = stored.map(|it| wire::entity(*kind, id, it, shape));
            let body = after.as_ref().map(|after| {
                let mut map = wire::content(*kind, after, shape);
                map.insert("id".into(), id.as_str().into());
                if let Some(stored) = stored {
                    wire::tracking(&mut map, &stored.tracked);
                }
                map.into()
            });
            let method = match (&before, &body) {
                (_, None) => Method::Delete,
                (None, Some(_)) => Method::Post,
                (Some(_), Some(_)) => Method::Put,
            };
            Element { method, subject: Subject::Of(*kind), id: id.clone(), body, before }
        }
        Edit::Preferences { after } => Element {
            method: Method::Put,
            subject: Subject::ShiftPreferences,
            id: after.id.clone(),
            body: Some(serde_json::json!({ "id": after.id, "availability": after.availability })),
            before: None,
        },
    }
}

fn overtaken(state: &State, write: &Write) -> bool {
    let Scope::Team(team) = &write.scope else { return false };
    let Some(team) = state.teams.get(team) else { return true };
    write.edits.iter().any(|edit| match edit {
        Edit::Entity { kind, id, version: prepared, after: _ } => {
            version(team, *kind, id) != *prepared
        }
        Edit::Preferences { .. } => false,
    })
}

fn apply(state: &mut State, scope: &Scope, who: &Who, edit: &Edit, now: jiff::Timestamp) {
    let mut tracked = Tracked {
        created_at: now,
        created_by: who.clone(),
        modified_at: now,
        modified_by: who.clone(),
        version: state.next_version(),
    };
    match (edit, scope) {
        (Edit::Entity { kind, id, version: _, after }, Scope::Team(team)) => {
            if after.as_ref().is_some_and(|after| shows_news(state, team, (*kind, id), after)) {
                state.notifications.written += 1;
            }
            let Some(team) = state.teams.get_mut(team) else { return };
            let entities: &mut BTreeMap<_, _> = team.entities.entry(*kind).or_default();
            let Some(entity) = after.clone() else {
                entities.remove(id);
                team.gone.insert(id.clone());
                return;
            };
            if let Some(Stored { tracked: before, .. }) = entities.get(id) {
                tracked.created_at = before.created_at;
                tracked.created_by = before.created_by.clone();
            }
            entities.insert(id.clone(), Stored { entity, tracked });
        }
        (Edit::Preferences { after }, Scope::User(user)) => {
            let after = Preferences { tracked, ..after.clone() };
            state.preferences.insert(user.clone(), after);
        }
        // An edit that does not belong to its scope changes nothing.
        (Edit::Entity { .. }, Scope::User(_)) | (Edit::Preferences { .. }, Scope::Team(_)) => {}
    }
}

/// Whether somebody is notified: the shared side is another one than before, or somebody else's.
fn shows_news(state: &State, team: &str, (kind, id): (Kind, &str), after: &Entity) -> bool {
    let Entity::Planned(after) = after else { return false };
    let before = state.teams.get(team).and_then(|it| it.planned(kind, id));
    let seen = |it: &Planned| it.shared.clone().map(|shared| (it.user.clone(), shared));
    after.shared.is_some() && before.and_then(seen) != seen(after)
}
