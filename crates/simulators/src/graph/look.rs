//! Setting up worlds, and looking at them without the REST side: for tests.

use super::state::{Activity, Item, Kind, Member, Planned, Role, Schedule, Team, User};
use super::{Graph, Options, Provisioning, schedule};

/// Something as somebody sees it in the schedule of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    /// A shift, an open shift or a time off.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user: Option<String>,
    /// The id of its group.
    pub group: Option<String>,
    /// What it says.
    pub item: Item,
}

impl Visible {
    /// What it says is done when.
    #[must_use]
    pub fn activities(&self) -> &[Activity] {
        &self.item.activities
    }
}

impl Graph {
    /// Adds a person to the tenant of the first app, and gives their id.
    pub fn add_user(&self, display_name: &str) -> String {
        let tenant = self.tenant();
        self.update(|state| {
            let id = state.new_id("");
            let name: String = display_name.chars().filter(char::is_ascii_alphanumeric).collect();
            let upn = format!("{}@rota.example", name.to_ascii_lowercase());
            let user = User {
                id: id.clone(),
                tenant,
                display_name: display_name.into(),
                email: Some(upn.clone()),
                upn,
            };
            state.users.insert(id.clone(), user);
            id
        })
    }

    /// Adds a team to the tenant of the first app, without a schedule, and gives its id.
    pub fn add_team(&self, display_name: &str, members: &[(&str, Role)]) -> String {
        let tenant = self.tenant();
        let member = |(user, role): &(&str, Role)| Member { user: (*user).into(), role: *role };
        self.update(|state| {
            let id = state.new_id("");
            let team = Team {
                id: id.clone(),
                tenant,
                display_name: display_name.into(),
                members: members.iter().map(member).collect(),
                schedule: None,
                entities: Default::default(),
                gone: Default::default(),
            };
            state.teams.insert(id.clone(), team);
            id
        })
    }

    /// Gives a team a schedule that is there at once, with the default reasons for time off.
    pub fn add_schedule(&self, team: &str, schedule: Schedule) {
        let now = self.now();
        self.update(|state| {
            let provisioning = Provisioning::AtOnce;
            let options = Options { provisioning, ..self.options().clone() };
            schedule::store(state, team, schedule, &options, now);
        });
    }

    /// Adds somebody to a team; who is in it gets the role.
    pub fn add_member(&self, team: &str, user: &str, role: Role) {
        self.update(|state| {
            let Some(team) = state.teams.get_mut(team) else { return };
            team.members.retain(|it| it.user != user);
            team.members.push(Member { user: user.into(), role });
        });
    }

    /// Removes somebody from a team. Their shifts stay.
    pub fn remove_member(&self, team: &str, user: &str) {
        self.update(|state| {
            if let Some(team) = state.teams.get_mut(team) {
                team.members.retain(|it| it.user != user);
            }
        });
    }

    /// Removes a team with all it holds.
    pub fn remove_team(&self, team: &str) {
        self.update(|state| state.teams.remove(team));
    }

    /// What employees see in a team's schedule: the shared sides, by kind and id.
    #[must_use]
    pub fn seen_by_employees(&self, team: &str) -> Vec<Visible> {
        self.visible(team, |planned| planned.shared.clone())
    }

    /// What managers see: the drafts, and what is shared without a draft; nothing that the next
    /// sharing deletes.
    #[must_use]
    pub fn seen_by_managers(&self, team: &str) -> Vec<Visible> {
        self.visible(team, |planned| planned.planned().cloned())
    }

    fn visible(&self, team: &str, side: impl Fn(&Planned) -> Option<Item>) -> Vec<Visible> {
        self.read(|state| {
            let Some(team) = state.teams.get(team) else { return Vec::new() };
            let kinds = [Kind::Shift, Kind::OpenShift, Kind::TimeOff];
            let ids =
                kinds.into_iter().flat_map(|kind| team.all(kind).map(move |(id, _)| (kind, id)));
            ids.filter_map(|(kind, id)| {
                let planned = team.planned(kind, id)?;
                Some(Visible {
                    kind,
                    id: id.clone(),
                    user: planned.user.clone(),
                    group: planned.group.clone(),
                    item: side(planned)?,
                })
            })
            .collect()
        })
    }

    fn tenant(&self) -> String {
        self.read(|state| state.apps.first().map(|it| it.tenant.clone())).unwrap_or_default()
    }
}
