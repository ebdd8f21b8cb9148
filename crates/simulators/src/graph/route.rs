//! Which route a request takes below `/v1.0` and `/beta`, and which roles it needs.
//!
//! Names of collections and actions are matched whatever their case, as Graph does; ids are not.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::change::{Edit, Scope, Write};
use super::http::{Ask, Reply};
use super::quota::Counted;
use super::state::{Entity, Kind, State, Stored, Team, Who};
use super::token::{self, Session};
use super::wire::Shape;
use super::{
    Graph, batch, directory, error, list, mailbox, organise, planned, preference, registration,
    request, schedule, share, wire,
};

const SCHEDULE_READ: &[&str] = &["Schedule.Read.All", "Schedule.ReadWrite.All"];
const SCHEDULE_WRITE: &[&str] = &["Schedule.ReadWrite.All"];
const MEMBERS_READ: &[&str] = &["TeamMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"];
const TEAM_READ: &[&str] =
    &["Team.ReadBasic.All", "TeamSettings.Read.All", "Group.Read.All", "Group.ReadWrite.All"];
const USER_READ: &[&str] = &["User.Read.All", "User.ReadBasic.All", "Directory.Read.All"];
const APPLICATION_READ: &[&str] = &["Application.Read.All", "Directory.Read.All"];
const INTEGRATION: &[&str] = &["WorkforceIntegration.ReadWrite.All"];
const INTEGRATION_READ: &[&str] =
    &["WorkforceIntegration.Read.All", "WorkforceIntegration.ReadWrite.All"];
const PREFERENCES_READ: &[&str] =
    &["UserShiftPreferences.Read.All", "UserShiftPreferences.ReadWrite.All"];
const PREFERENCES_WRITE: &[&str] = &["UserShiftPreferences.ReadWrite.All"];

/// A request whose sender is known.
pub(super) struct Call<'a> {
    pub graph: &'a Graph,
    pub ask: &'a Ask,
    pub session: Session,
    pub beta: bool,
    pub now: Timestamp,
}

/// Answers a request below `/v1.0` or `/beta`.
pub(super) fn answer(
    graph: &Graph,
    ask: &Ask,
    beta: bool,
    segments: &[&str],
    now: Timestamp,
) -> Result<Reply, Reply> {
    let session = token::session(graph, ask, now)?;
    let call = Call { graph, ask, session, beta, now };
    let names: Vec<String> = segments.iter().map(|it| it.to_ascii_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match (call.method(), names.as_slice()) {
        ("POST", ["$batch"]) => batch::answer(&call),
        (_, ["teams", _, "schedule", ..]) => {
            let team = segments.get(1).copied().unwrap_or_default();
            call.within_quota(Counted::Schedule, team)?;
            let get = call.method() == "GET";
            call.session.need(if get { SCHEDULE_READ } else { SCHEDULE_WRITE })?;
            below_schedule(&call, team, segments.get(3..).unwrap_or_default())
        }
        ("GET", ["teams", _, "members"]) => {
            call.within_quota(Counted::Members, segments[1])?;
            call.session.need(MEMBERS_READ)?;
            directory::members(&call, segments[1])
        }
        ("GET", ["teams", _]) => {
            call.session.need(TEAM_READ)?;
            directory::team(&call, segments[1])
        }
        ("GET", ["users", _]) => {
            call.session.need(USER_READ)?;
            directory::user(&call, segments[1])
        }
        (_, ["users", _, "calendar" | "calendars" | "events" | "calendarview", ..]) => {
            mailbox::answer(&call, segments[1], &segments[2..])
        }
        (_, ["subscriptions", ..]) => mailbox::subscriptions(&call, &segments[1..]),
        (method, ["users", _, "settings", "shiftpreferences"]) => match method {
            "GET" => {
                call.session.need(PREFERENCES_READ)?;
                preference::get(&call, segments[1])
            }
            "PUT" | "PATCH" => {
                call.session.need(PREFERENCES_WRITE)?;
                preference::put(&call, segments[1])
            }
            _ => Err(not_allowed()),
        },
        ("GET", [name]) if name.starts_with("applications") => {
            call.session.need(APPLICATION_READ)?;
            directory::application(&call, segments[0])
        }
        (method, ["teamwork", "workforceintegrations", ..]) => {
            call.session.need(if method == "GET" { INTEGRATION_READ } else { INTEGRATION })?;
            registration::answer(&call, segments.get(2).copied())
        }
        _ => Err(not_found(segments)),
    }
}

fn below_schedule(call: &Call<'_>, team: &str, rest: &[&str]) -> Result<Reply, Reply> {
    let method = call.method();
    let [collection, rest @ ..] = rest else {
        return match method {
            "GET" => schedule::get(call, team),
            "PUT" => schedule::put(call, team),
            _ => Err(not_allowed()),
        };
    };
    call.schedule_ready(team)?;
    if collection.eq_ignore_ascii_case("share") && rest.is_empty() && method == "POST" {
        return share::answer(call, team);
    }
    let kind = Kind::ALL.into_iter().find(|it| it.collection().eq_ignore_ascii_case(collection));
    let kind = kind.ok_or_else(|| not_found(&[collection]))?;
    match (method, rest) {
        ("GET", []) => list::answer(call, team, kind),
        ("GET", [id]) => call.stored(200, team, kind, id),
        // microsoft-graph-docs#13815: the reference once said PATCH, and Shifts answered this.
        ("PATCH", [_]) if !call.graph.options().patches => {
            Err(error::plain(404, "UnknownError", ""))
        }
        (_, rest) => match kind {
            Kind::SchedulingGroup | Kind::TimeOffReason => organise::answer(call, team, kind, rest),
            Kind::Shift | Kind::OpenShift | Kind::TimeOff => {
                planned::answer(call, team, kind, rest)
            }
            Kind::OfferRequest
            | Kind::SwapRequest
            | Kind::OpenShiftRequest
            | Kind::TimeOffRequest => request::answer(call, team, kind, rest),
        },
    }
}

/// 405.
pub(super) fn not_allowed() -> Reply {
    error::plain(405, "MethodNotAllowed", "The method is not allowed for this resource.")
}

/// 400, as Graph answers for a path that it does not know.
pub(super) fn not_found(segments: &[&str]) -> Reply {
    let segment = segments.last().copied().unwrap_or_default();
    let message = format!("Resource not found for the segment '{segment}'.");
    error::plain(400, "BadRequest", &message)
}

impl Call<'_> {
    pub fn method(&self) -> &str {
        &self.ask.method
    }

    pub fn shape(&self) -> Shape {
        Shape { unknown_members: self.ask.prefers("include-unknown-enum-members") }
    }

    pub fn who(&self) -> Who {
        Who::App(self.session.app.clone())
    }

    /// The body, which must be a JSON object.
    pub fn body(&self) -> Result<Map<String, Value>, Reply> {
        let kind = self.ask.header("content-type").unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            let message = "A Content-Type header of application/json is needed.";
            return Err(error::plain(415, "UnsupportedMediaType", message));
        }
        match serde_json::from_slice(&self.ask.body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) | Err(_) => {
                let message = "Unable to read JSON request payload.";
                Err(error::plain(400, "BadRequest", message))
            }
        }
    }

    fn within_quota(&self, counted: Counted, team: &str) -> Result<(), Reply> {
        let Some(quotas) = &self.graph.options().quotas else { return Ok(()) };
        let mut desk = self.graph.desk();
        let taken =
            desk.windows.take(quotas, (&self.session, self.method()), (counted, team), self.now);
        if taken.is_err() {
            desk.counts.throttled += 1;
        }
        taken
    }

    /// A team of the caller's tenant.
    pub fn team<'s>(&self, state: &'s State, id: &str) -> Result<&'s Team, Reply> {
        let team = state.teams.get(id).filter(|it| it.tenant == self.session.tenant);
        team.ok_or_else(|| error::missing("team"))
    }

    fn schedule_ready(&self, team: &str) -> Result<(), Reply> {
        self.graph.read(|state| {
            let found = self.team(state, team)?.schedule.as_ref();
            let found = found.ok_or_else(|| error::missing("schedule"))?;
            if schedule::ready(&found.provision, &self.graph.options().provisioning, self.now) {
                Ok(())
            } else {
                let message = "The schedule is being provisioned.";
                Err(error::shifts(409, "Conflict", message))
            }
        })
    }

    /// Answers an entity of a team.
    pub fn stored(&self, status: u16, team: &str, kind: Kind, id: &str) -> Result<Reply, Reply> {
        self.graph.read(|state| {
            let team = self.team(state, team)?;
            let stored = team.get(kind, id).ok_or_else(|| error::missing(kind.type_name()))?;
            let mut body = self.shown(state, team, kind, (id, stored));
            let context = format!(
                "{}/$metadata#teams('{}')/schedule/{}/$entity",
                self.root(),
                team.id,
                kind.collection()
            );
            body.insert("@odata.context".into(), context.into());
            Ok(Reply::json(status, body.into()))
        })
    }

    /// An entity, as this call's version shows it.
    pub fn shown(
        &self,
        state: &State,
        team: &Team,
        kind: Kind,
        (id, stored): (&str, &Stored),
    ) -> Map<String, Value> {
        let mut map = match wire::entity(kind, id, stored, self.shape()) {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        if let (true, Entity::Planned(planned)) = (self.beta, &stored.entity) {
            wire::infos(&mut map, state, team, kind, planned);
        }
        map
    }

    /// The URL of this call's version.
    pub fn root(&self) -> String {
        let version = if self.beta { "beta" } else { "v1.0" };
        format!("{}/{version}", self.graph.shared.base)
    }

    /// Whether `If-Match`, if it is there, names what is stored.
    pub fn if_match(&self, etag: &str) -> Result<(), Reply> {
        match self.ask.header("if-match") {
            None | Some("*") => Ok(()),
            Some(wanted) if wanted.trim_start_matches("W/") == etag => Ok(()),
            Some(_) => {
                let status = self.graph.options().stale_etag_status;
                let code = if status == 409 { "Conflict" } else { "PreconditionFailed" };
                Err(error::shifts(status, code, "The item was changed by somebody else."))
            }
        }
    }

    /// Lets edits of a team's schedule happen, if its workforce integration agrees.
    pub fn commit(&self, team: &str, edits: Vec<Edit>) -> Result<(), Reply> {
        self.commit_as(self.who(), team, edits)
    }

    /// Likewise, in somebody's name.
    pub fn commit_as(&self, who: Who, team: &str, edits: Vec<Edit>) -> Result<(), Reply> {
        let mut write = Write::new(Scope::Team(team.to_owned()), who, edits);
        write.passthrough = self.ask.header("x-ms-wfmpassthrough").map(String::from);
        self.graph.commit(&write).map_err(error::refused)
    }

    /// Answers a replaced entity: 204, or the entity when the client prefers it.
    pub fn replaced(&self, team: &str, kind: Kind, id: &str) -> Result<Reply, Reply> {
        if self.ask.prefers("return=representation") {
            self.stored(200, team, kind, id)
        } else {
            Ok(Reply::status(204))
        }
    }
}
