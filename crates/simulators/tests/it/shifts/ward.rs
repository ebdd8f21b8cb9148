//! A ward with a manager, two nurses and an integration: where these tests happen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use simulators::graph::integration::CallOptions;
use simulators::graph::people::{NewShift, People, Person, TeamPeople, working};
use simulators::graph::state::{
    Entity, Group, Integration, Kind, Provision, Reason, Schedule, State, Stored, Tracked, Who,
};
use simulators::graph::{Clock, Graph, Options, Role, TENANT};

use super::receiver::{Receiver, SECRET};

pub struct Ward {
    pub graph: Graph,
    pub team: TeamPeople,
    pub manager: Person,
    pub anna: Person,
    pub ben: Person,
    pub group: String,
    pub reason: String,
}

pub const ALL: &str = "Shift,SwapRequest,UserShiftPreferences,OpenShift,OpenShiftRequest,\
                       OfferShiftRequest,TimeOff,TimeOffRequest";

const FILTERED: &str = "SwapRequest,OfferShiftRequest,TimeOffReason";

/// When the tests happen.
pub fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// `hour` hours after now.
pub fn at(hour: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hour)
}

impl Ward {
    /// One whose integration supports everything.
    pub fn with(receiver: &Receiver) -> Self {
        Self::supporting(receiver, ALL, FILTERED)
    }

    /// One whose integration is not waited for.
    pub fn impatient(receiver: &Receiver) -> Self {
        let deadline = Duration::from_millis(50);
        Self::new(receiver, (ALL, FILTERED), CallOptions { deadline, ..CallOptions::default() })
    }

    pub fn supporting(receiver: &Receiver, supported: &str, filtered: &str) -> Self {
        Self::new(receiver, (supported, filtered), CallOptions::default())
    }

    fn new(receiver: &Receiver, (supported, filtered): (&str, &str), options: CallOptions) -> Self {
        let clock: Clock = Arc::new(now);
        let graph = Graph::new(Options { clock: Some(clock), ..Options::default() });
        let people = People::of(&graph, options).unwrap();
        let [manager, anna, ben] = ["Mia", "Anna", "Ben"].map(|name| graph.add_user(name));
        let members = [
            (manager.as_str(), Role::Owner),
            (anna.as_str(), Role::Member),
            (ben.as_str(), Role::Member),
        ];
        let id = graph.add_team("Ward 1", &members);
        let users = vec![anna.clone(), ben.clone()];
        let (group, reason) = graph.update(|state| {
            let integration = integration(receiver, supported, filtered);
            let schedule = schedule(&integration.id);
            state.integrations.insert(integration.id.clone(), integration);
            state.teams.get_mut(&id).unwrap().schedule = Some(schedule);
            let (display_name, code, is_active) = ("Nurses".into(), None, true);
            let nurses = Group { display_name, code, is_active, users };
            let display_name = "Vacation".into();
            let reason = Reason { display_name, code: None, icon: "plane".into(), is_active };
            let group = put(state, &id, Kind::SchedulingGroup, Entity::Group(nurses));
            (group, put(state, &id, Kind::TimeOffReason, Entity::Reason(reason)))
        });
        let team = people.team(&id);
        let [manager, anna, ben] = [manager, anna, ben].map(|user| team.person(&user));
        Self { graph, team, manager, anna, ben, group, reason }
    }

    /// A shift of eight hours that everybody sees.
    pub async fn shift(&self, person: &Person, hour: i64) -> String {
        let item = working(at(hour), at(hour + 8));
        let new = NewShift::of(person.user(), &self.group, item);
        let id = self.manager.creates_shift(new).await.unwrap();
        self.manager.shares(&id).await.unwrap();
        id
    }

    /// An open shift that everybody sees.
    pub async fn open_shift(&self, slots: i32) -> String {
        let item = working(at(24), at(32));
        let id = self.manager.creates_open_shift(&self.group, item, slots).await.unwrap();
        self.manager.shares(&id).await.unwrap();
        id
    }

    /// The shifts that everybody sees, by owner and start in hours from now.
    pub fn roster(&self) -> BTreeSet<(String, i64)> {
        let all = self.graph.seen_by_employees(self.team.id());
        let shifts = all.into_iter().filter(|it| it.kind == Kind::Shift);
        shifts
            .map(|it| {
                let user = it.user.unwrap();
                (user, it.item.start.duration_since(now()).as_hours())
            })
            .collect()
    }

    pub fn calls(&self) -> usize {
        self.team.people().workforce().exchanges().len()
    }
}

fn tracked(version: u64) -> Tracked {
    Tracked {
        created_at: now(),
        created_by: Who::System,
        modified_at: now(),
        modified_by: Who::System,
        version,
    }
}

fn put(state: &mut State, team: &str, kind: Kind, entity: Entity) -> String {
    let id = state.new_id(kind.prefix());
    let entities = state.teams.get_mut(team).unwrap().entities.entry(kind).or_default();
    entities.insert(id.clone(), Stored { entity, tracked: tracked(1) });
    id
}

fn integration(receiver: &Receiver, supported: &str, filtered: &str) -> Integration {
    let set = |text: &str| text.split(',').map(str::to_owned).collect();
    Integration {
        id: "WFI_1".into(),
        tenant: TENANT.into(),
        display_name: "Rota".into(),
        api_version: 1,
        is_active: true,
        url: receiver.url.clone(),
        secret: SECRET.into(),
        supported: set(supported),
        eligibility: set(filtered),
        tracked: tracked(1),
    }
}

fn schedule(integration: &str) -> Schedule {
    Schedule {
        enabled: true,
        time_zone: "Europe/Berlin".into(),
        provision: Provision::Completed,
        open_shifts_enabled: true,
        swap_shifts_requests_enabled: true,
        offer_shift_requests_enabled: true,
        time_off_requests_enabled: true,
        time_clock_enabled: false,
        copies_activities: true,
        start_day_of_week: None,
        integrations: vec![integration.into()],
    }
}
