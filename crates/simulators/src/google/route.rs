//! Which part answers a request, what it needs of scopes, and what counts towards a quota.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::http::{Ask, Reply};
use super::state::{Calendar, State};
use super::token::Session;
use super::{Google, acl, calendars, channel, error, events, list, token};

/// One request of the API, with who asks.
pub(super) struct Call<'a> {
    pub google: &'a Google,
    pub ask: &'a Ask,
    pub session: Session,
    pub now: Timestamp,
}

const FULL: &str = "calendar";
const MADE: &str = "calendar.app.created";
const OWNED: &str = "calendar.events.owned";
const EVENTS: &str = "calendar.events";

/// What a scope lets one do with events (discovery document of 2026-10-30).
const WRITE_EVENTS: [&str; 4] = [FULL, MADE, EVENTS, OWNED];
const READ_EVENTS: [&str; 7] = [
    FULL,
    MADE,
    EVENTS,
    OWNED,
    "calendar.events.owned.readonly",
    "calendar.events.readonly",
    "calendar.readonly",
];
const CALENDARS: [&str; 3] = [FULL, MADE, "calendar.calendars"];
const READ_CALENDARS: [&str; 5] =
    [FULL, MADE, "calendar.calendars", "calendar.calendars.readonly", "calendar.readonly"];
const READ_LIST: [&str; 4] =
    [FULL, "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly"];
const ONE_OF_LIST: [&str; 5] =
    [FULL, MADE, "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly"];
const CHANGE_LIST: [&str; 3] = [FULL, MADE, "calendar.calendarlist"];
const ACL: [&str; 2] = [FULL, "calendar.acls"];
const READ_ACL: [&str; 4] = [FULL, "calendar.acls", "calendar.acls.readonly", "calendar.readonly"];
const MOVE: [&str; 3] = [FULL, EVENTS, OWNED];

/// Answers a request below `/calendar/v3`.
pub(super) fn answer(
    google: &Google,
    ask: &Ask,
    rest: &[&str],
    now: Timestamp,
) -> Result<Reply, Reply> {
    let session = token::who(google, ask, now)?;
    if let Some(quotas) = &google.options().quotas {
        let mut desk = google.desk();
        let taken = desk.windows.take(quotas, (&session.client, &session.user), now);
        desk.counts.throttled += u64::from(taken.is_err());
        taken?;
    }
    let call = Call { google, ask, session, now };
    let off = google.read(|state| {
        state.users.get(&call.session.user).is_some_and(|user| user.without_calendar)
    });
    if off {
        let message = "The user must be signed up for Google Calendar.";
        return Err(error::refusal(403, "notACalendarUser", message));
    }
    match (ask.method.as_str(), rest) {
        ("GET", ["colors"]) => colors(),
        ("POST", ["calendars"]) => call.with(&CALENDARS, calendars::insert),
        ("GET", ["calendars", id]) => call.with(&READ_CALENDARS, |it| calendars::get(it, id)),
        ("PUT", ["calendars", id]) => call.with(&CALENDARS, |it| calendars::update(it, id)),
        ("PATCH", ["calendars", id]) => call.with(&CALENDARS, |it| calendars::update(it, id)),
        ("DELETE", ["calendars", id]) => call.with(&CALENDARS, |it| calendars::delete(it, id)),
        ("GET", ["users", "me", "calendarList"]) => call.with(&READ_LIST, calendars::list),
        ("GET", ["users", "me", "calendarList", id]) => {
            call.with(&ONE_OF_LIST, |it| calendars::listed(it, id))
        }
        ("PATCH", ["users", "me", "calendarList", id]) => {
            call.with(&CHANGE_LIST, |it| calendars::relist(it, id))
        }
        ("GET", ["calendars", id, "acl"]) => call.with(&READ_ACL, |it| acl::list(it, id)),
        ("POST", ["calendars", id, "acl"]) => call.with(&ACL, |it| acl::insert(it, id)),
        ("DELETE", ["calendars", id, "acl", rule]) => {
            call.with(&ACL, |it| acl::delete(it, id, rule))
        }
        ("POST", ["channels", "stop"]) => channel::stop(&call),
        (method, ["calendars", id, "events", rest @ ..]) => of_events(&call, method, id, rest),
        _ => Err(error::not_found()),
    }
}

fn of_events(call: &Call<'_>, method: &str, id: &str, rest: &[&str]) -> Result<Reply, Reply> {
    match (method, rest) {
        ("GET", []) => call.with(&READ_EVENTS, |it| list::list(it, id)),
        ("POST", []) => call.with(&WRITE_EVENTS, |it| events::insert(it, id)),
        ("POST", ["import"]) => call.with(&WRITE_EVENTS, |it| events::import(it, id)),
        ("POST", ["watch"]) => call.with(&READ_EVENTS, |it| channel::watch(it, id)),
        ("GET", [event]) => call.with(&READ_EVENTS, |it| events::get(it, id, event)),
        ("GET", [event, "instances"]) => {
            call.with(&READ_EVENTS, |it| list::instances(it, id, event))
        }
        ("PUT", [event]) => call.with(&WRITE_EVENTS, |it| events::update(it, id, event)),
        ("PATCH", [event]) => call.with(&WRITE_EVENTS, |it| events::patch(it, id, event)),
        ("DELETE", [event]) => call.with(&WRITE_EVENTS, |it| events::delete(it, id, event)),
        ("POST", [event, "move"]) => call.with(&MOVE, |it| events::relocate(it, id, event)),
        _ => Err(error::not_found()),
    }
}

fn colors() -> Result<Reply, Reply> {
    let color = json!({ "background": "#a4bdfc", "foreground": "#1d1d1d" });
    let of = |count: u32| -> Map<String, Value> {
        (1..=count).map(|it| (it.to_string(), color.clone())).collect()
    };
    let body = json!({
        "kind": "calendar#colors", "updated": "2012-02-14T00:00:00.000Z",
        "calendar": of(24), "event": of(11),
    });
    Ok(Reply::json(200, body))
}

impl Call<'_> {
    fn with(
        &self,
        scopes: &[&str],
        answer: impl FnOnce(&Self) -> Result<Reply, Reply>,
    ) -> Result<Reply, Reply> {
        match self.session.has(scopes) {
            true => answer(self),
            false => Err(error::insufficient()),
        }
    }

    /// The body: a JSON object.
    pub fn body(&self) -> Result<Map<String, Value>, Reply> {
        let kind = self.ask.header("content-type").unwrap_or_default();
        if !kind.starts_with("application/json") {
            return Err(error::refusal(400, "badRequest", "Bad content type."));
        }
        match serde_json::from_slice(&self.ask.body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) | Err(_) => Err(error::refusal(400, "parseError", "Parse Error")),
        }
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let found = self.ask.query().into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    /// Whether the etag in `If-Match`, where there is one, is this one.
    pub fn matches(&self, etag: &str) -> Result<(), Reply> {
        match self.ask.header("if-match") {
            None | Some("*") => Ok(()),
            Some(expected) if expected == etag => Ok(()),
            Some(_) => Err(error::stale()),
        }
    }

    /// A calendar that may be used with this role at least, by who asks and by their scopes.
    pub fn calendar<'s>(
        &self,
        state: &'s State,
        id: &str,
        role: &str,
    ) -> Result<(String, &'s Calendar), Reply> {
        let Session { client, user, scopes } = &self.session;
        let id = state.calendar_id(user, id);
        let calendar = state.calendars.get(&id).ok_or_else(error::not_found)?;
        // Who may not see it is told that it is not there.
        let theirs = state.role(user, calendar).ok_or_else(error::not_found)?;
        let rank = |role: &str| super::state::ROLES.iter().position(|it| *it == role);
        if rank(&theirs) < rank(role) {
            let message = "You need to have writer access to this calendar.";
            return Err(error::refusal(403, "requiredAccessLevel", message));
        }
        // Some scopes are about some calendars only.
        let reaches = |scope: &String| match scope.as_str() {
            MADE => calendar.made_by.as_ref() == Some(client),
            OWNED | "calendar.events.owned.readonly" => theirs == "owner",
            "calendar.calendarlist" | "calendar.calendarlist.readonly" => false,
            _ => true,
        };
        match scopes.iter().any(reaches) {
            true => Ok((id, calendar)),
            false => Err(error::insufficient()),
        }
    }
}
