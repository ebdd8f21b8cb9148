//! Which route a request takes: who asks, the rate limit, and then the answer.

use bytes::Bytes;
use jiff::Timestamp;

use super::http::{Ask, Reply};
use super::token::{Session, give};
use super::{Genesys, channel, directory, error, schedule, time_off, trade};

/// A request with who sends it and when.
pub(super) struct Call<'a> {
    pub genesys: &'a Genesys,
    pub ask: &'a Ask,
    pub session: Session,
    pub now: Timestamp,
}

/// Answers a request. Faults and the log are the caller's.
pub(super) fn answer(genesys: &Genesys, ask: &Ask, now: Timestamp) -> Reply {
    let segments = ask.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["oauth", "token"] => give(genesys, ask, now),
        ["downloads", id] => download(genesys, ask, id, now),
        ["api", "v2", rest @ ..] => {
            let session = match Session::of(genesys, ask, now) {
                Ok(session) => session,
                Err(refusal) => return refusal,
            };
            let standing = genesys
                .options()
                .rate
                .map(|allowed| genesys.desk().minutes.take(&session.token, allowed, now));
            if let Some(standing) = standing.filter(|it| it.is_over()) {
                return standing.refusal(genesys.options().rate_form);
            }
            let call = Call { genesys, ask, session, now };
            let reply = routed(&call, rest).unwrap_or_else(|refusal| refusal);
            match standing.filter(|_| genesys.options().rate_headers) {
                Some(standing) => standing.told(reply),
                None => reply,
            }
        }
        _ => error::plain(404, "not.found", "HTTP 404 Not Found"),
    }
}

fn routed(call: &Call<'_>, path: &[&str]) -> Result<Reply, Reply> {
    let method = call.ask.method.as_str();
    match (method, path) {
        ("GET", ["users"]) => directory::users(call),
        ("GET", ["users", "me"]) => Err(no_user()),
        ("GET", ["users", id]) => directory::user(call, id),
        ("GET", ["organizations", "me"]) => Ok(directory::organization()),
        (_, ["notifications", rest @ ..]) => channel::answer(call, rest),
        (_, ["workforcemanagement", rest @ ..]) => managed(call, rest),
        _ => Err(error::plain(404, "not.found", "HTTP 404 Not Found")),
    }
}

/// Client credentials stand for nobody.
fn no_user() -> Reply {
    error::plain(
        400,
        "bad.request",
        "This request requires a user context. Client credentials cannot be used here.",
    )
}

fn managed(call: &Call<'_>, path: &[&str]) -> Result<Reply, Reply> {
    let method = call.ask.method.as_str();
    match (method, path) {
        ("GET", ["businessunits"]) => Ok(directory::business_units(call)),
        ("GET", ["businessunits", unit]) => directory::business_unit(call, unit),
        ("GET", ["businessunits", unit, "managementunits"]) => {
            directory::management_units(call, Some(unit))
        }
        ("GET", ["managementunits"]) => directory::management_units(call, None),
        ("GET", ["managementunits", unit]) => directory::management_unit(call, unit),
        ("GET", ["managementunits", unit, "users"]) => directory::agents_of_unit(call, unit),
        ("GET", ["businessunits", unit, "users"]) => directory::agents(call, unit),
        ("GET", ["agents", agent, "managementunit"]) => directory::unit_of_agent(call, agent),
        ("GET", ["businessunits", unit, "activitycodes"]) => directory::activity_codes(call, unit),
        ("GET", ["businessunits", unit, "weeks", week, "schedules"]) => {
            schedule::heads(call, unit, week)
        }
        ("GET", ["businessunits", unit, "weeks", week, "schedules", id]) => {
            schedule::head(call, (unit, week, id))
        }
        (
            "POST",
            ["businessunits", unit, "weeks", week, "schedules", id, "agentschedules", "query"],
        ) => schedule::query(call, (unit, week, id)),
        (
            "GET",
            ["businessunits", unit, "weeks", week, "schedules", id, "history", "agents", agent],
        ) => schedule::history(call, (unit, week, id), agent),
        ("POST", ["businessunits", unit, "agentschedules", "search"]) => {
            schedule::search(call, unit, None)
        }
        ("POST", ["managementunits", unit, "agentschedules", "search"]) => {
            let home = call
                .genesys
                .read(|state| state.management_units.get(*unit).map(|it| it.business_unit.clone()));
            let home = home.ok_or_else(|| error::not_found("management unit"))?;
            schedule::search(call, &home, Some(unit))
        }
        (_, ["businessunits", unit, "shifttrading", "trades", rest @ ..]) => {
            trade::answer(call, unit, rest)
        }
        (_, ["managementunits", unit, rest @ ..]) => time_off::answer(call, unit, rest),
        ("POST", ["agentschedules", "mine"]) | (_, ["timeoffrequests", ..]) => Err(no_user()),
        _ => Err(error::plain(404, "not.found", "HTTP 404 Not Found")),
    }
}

/// A result under its signed address. Like the storage behind it, it takes no second credential.
fn download(genesys: &Genesys, ask: &Ask, id: &str, now: Timestamp) -> Reply {
    if ask.headers.contains_key("authorization") {
        return error::plain(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    let found = genesys.read(|state| state.downloads.get(id).cloned());
    match found {
        Some((until, body)) if now < until => {
            genesys.desk().counts.downloads += 1;
            Reply { status: 200, raw: Some(body), ..Reply::default() }
        }
        Some(_) | None => {
            let raw = Some(Bytes::from_static(b"<Error><Code>AccessDenied</Code></Error>"));
            Reply { status: 403, raw, ..Reply::default() }
        }
    }
}
