//! Time-off requests, as an administrator's client makes, reads and decides them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::options::Durations;
use super::route::Call;
use super::state::{State, TimeOff};
use super::wire::{self, user_reference};

const VIEW: [&str; 1] = ["wfm:timeOffRequest:view"];
const ADD: [&str; 1] = ["wfm:timeOffRequest:add"];
const EDIT: [&str; 1] = ["wfm:timeOffRequest:edit"];
/// The longest range of days that a query takes.
const RANGE_DAYS_MAX: i32 = 33;
const INTEGRATION: [&str; 4] = ["Processing", "Error", "AutomaticallyComplete", "ManuallyComplete"];

pub(super) fn answer(call: &Call<'_>, unit: &str, path: &[&str]) -> Result<Reply, Reply> {
    let home = call
        .genesys
        .read(|state| state.management_units.get(unit).map(|it| it.business_unit.clone()));
    let home = home.ok_or_else(|| error::not_found("management unit"))?;
    match (call.ask.method.as_str(), path) {
        ("POST", ["timeoffrequests"]) => {
            call.session.may_in(&home, &ADD)?;
            create(call, unit)
        }
        ("POST", ["timeoffrequests", "query"]) => {
            call.session.may_in(&home, &VIEW)?;
            query(call, unit)
        }
        ("POST", ["timeoffrequests", "integrationstatus", "query"]) => {
            call.session.may_in(&home, &VIEW)?;
            integration_query(call)
        }
        ("PATCH", ["timeoffrequests", id, "users", user, "integrationstatus"]) => {
            call.session.may_in(&home, &EDIT)?;
            set_integration(call, id, user)
        }
        ("GET", ["users", user, "timeoffrequests"]) => {
            call.session.may_in(&home, &VIEW)?;
            Ok(call.genesys.update(|state| {
                let of_user = state.time_off.values().filter(|it| it.user == *user);
                let all: Vec<Value> = of_user.map(|it| told(call, state, it)).collect();
                meddle(state, user);
                Reply::json(json!({ "timeOffRequests": all }))
            }))
        }
        ("GET", ["users", user, "timeoffrequests", id]) => {
            call.session.may_in(&home, &VIEW)?;
            call.genesys.read(|state| {
                let found = state.time_off.get(*id).filter(|it| it.user == *user);
                let found = found.ok_or_else(|| error::not_found("time off request"))?;
                Ok(Reply::json(told(call, state, found)))
            })
        }
        ("PATCH", ["users", user, "timeoffrequests", id]) => {
            call.session.may_in(&home, &EDIT)?;
            patch(call, user, id)
        }
        _ => Err(error::plain(404, "not.found", "HTTP 404 Not Found")),
    }
}

/// A request, as the options and [`Genesys::spoil_time_off`](super::Genesys::spoil_time_off) say.
fn told(call: &Call<'_>, state: &State, it: &TimeOff) -> Value {
    let mut value = wire::time_off(it);
    let lists = ["partialDayStartDateTimes", "fullDayManagementUnitDates", "payableMinutes"];
    match call.genesys.options().durations {
        Durations::Both => {}
        Durations::DailyAndNull => {
            value["durationMinutes"] = Value::Null;
            for name in lists {
                if value[name].as_array().is_some_and(Vec::is_empty) {
                    value[name] = Value::Null;
                }
            }
        }
        Durations::DailyAndEmpty => value["durationMinutes"] = json!([]),
    }
    for (name, spoilt) in state.spoilt.get(&it.id).and_then(Value::as_object).into_iter().flatten()
    {
        value[name] = spoilt.clone();
    }
    value
}

/// Somebody else changes what was just told.
fn meddle(state: &mut State, user: &str) {
    for (id, times) in &mut state.meddled {
        let request = state.time_off.get_mut(id).filter(|it| it.user == user);
        if let Some(request) = request.filter(|_| *times > 0) {
            *times -= 1;
            request.version += 1;
            request.notes = format!("edited {times} times more");
        }
    }
}

fn days(body: &Value) -> Result<Option<Vec<Date>>, Reply> {
    let Some(list) = body["fullDayManagementUnitDates"].as_array() else { return Ok(None) };
    let days = list.iter().map(|it| it.as_str().and_then(|it| it.parse().ok()));
    let days: Option<Vec<Date>> = days.collect();
    days.map(Some).ok_or_else(|| error::plain(400, "invalid.date", "Invalid date"))
}

fn starts(body: &Value) -> Result<Option<Vec<Timestamp>>, Reply> {
    let Some(list) = body["partialDayStartDateTimes"].as_array() else { return Ok(None) };
    let starts = list.iter().map(|it| it.as_str().and_then(|it| it.parse().ok()));
    let starts: Option<Vec<Timestamp>> = starts.collect();
    starts.map(Some).ok_or_else(|| error::plain(400, "invalid.date", "Invalid date"))
}

/// Minutes for each of `count` days.
fn minutes(body: &Value, count: usize) -> Result<Vec<u32>, Reply> {
    if let Some(list) = body["durationMinutes"].as_array() {
        let minutes = list.iter().map(|it| it.as_u64().and_then(|it| u32::try_from(it).ok()));
        let minutes: Option<Vec<u32>> = minutes.collect();
        return minutes
            .filter(|it| it.len() == count)
            .ok_or_else(|| error::invalid("durationMinutes", "must match the size of the dates"));
    }
    match body["dailyDurationMinutes"].as_u64().and_then(|it| u32::try_from(it).ok()) {
        Some(minutes) => Ok(vec![minutes; count]),
        None => Err(error::invalid("durationMinutes", "one of the durations is required")),
    }
}

fn check_code(state: &State, unit: &str, code: &str) -> Result<(), Reply> {
    let home = state.management_units.get(unit).map(|it| it.business_unit.as_str());
    let codes = home.and_then(|it| state.business_units.get(it)).map(|it| &it.activity_codes);
    let known = codes.and_then(|it| it.get(code)).filter(|it| it.category == "TimeOff");
    if known.is_some() {
        Ok(())
    } else {
        Err(error::invalid("activityCodeId", "is not of the TimeOff category"))
    }
}

fn create(call: &Call<'_>, unit: &str) -> Result<Reply, Reply> {
    let body = call.ask.json()?;
    let status = body["status"].as_str().unwrap_or_default();
    if !matches!(status, "PENDING" | "APPROVED") {
        return Err(error::invalid("status", "expected PENDING or APPROVED"));
    }
    let users = body["users"].as_array().cloned().unwrap_or_default();
    if users.is_empty() {
        return Err(error::invalid("users", "is required"));
    }
    let code = body["activityCodeId"].as_str().unwrap_or_default();
    let (days, starts) = (days(&body)?.unwrap_or_default(), starts(&body)?.unwrap_or_default());
    if days.is_empty() == starts.is_empty() {
        return Err(error::invalid("fullDayManagementUnitDates", "expected days, or starts"));
    }
    let minutes = minutes(&body, days.len() + starts.len())?;
    call.genesys.update(|state| {
        check_code(state, unit, code)?;
        let mut made = Vec::new();
        for user in &users {
            let user = user["id"].as_str().unwrap_or_default();
            let works_here =
                state.users.get(user).and_then(|it| it.management_unit.as_deref()) == Some(unit);
            if !works_here {
                return Err(error::not_found("user"));
            }
            let request = TimeOff {
                id: state.new_id(),
                user: user.into(),
                management_unit: unit.into(),
                code: code.into(),
                status: status.into(),
                substatus: (status == "APPROVED").then_some("ManualApproval"),
                days: days.clone(),
                starts: starts.clone(),
                minutes: minutes.clone(),
                notes: body["notes"].as_str().unwrap_or_default().into(),
                version: 1,
                integration: None,
                submitted: call.now,
                modified: call.now,
            };
            made.push(told(call, state, &request));
            state.time_off.insert(request.id.clone(), request);
        }
        Ok(Reply::json(json!({ "timeOffRequests": made })))
    })
}

fn patch(call: &Call<'_>, user: &str, id: &str) -> Result<Reply, Reply> {
    let body = call.ask.json()?;
    let Some(version) = body["metadata"]["version"].as_u64() else {
        return Err(error::invalid("metadata.version", "is required"));
    };
    let status = body["status"].as_str();
    if status.is_some_and(|it| !matches!(it, "PENDING" | "APPROVED" | "DENIED")) {
        return Err(error::invalid("status", "expected PENDING, APPROVED or DENIED"));
    }
    let (new_days, new_starts) = (days(&body)?, starts(&body)?);
    call.genesys.update(|state| {
        let found = state.time_off.get(id).filter(|it| it.user == user).cloned();
        let mut request = found.ok_or_else(|| error::not_found("time off request"))?;
        if version != u64::from(request.version) {
            return Err(error::conflict("time off request"));
        }
        if let Some(code) = body["activityCodeId"].as_str() {
            check_code(state, &request.management_unit, code)?;
            request.code = code.into();
        }
        if new_days.is_some() || new_starts.is_some() {
            request.days = new_days.unwrap_or_default();
            request.starts = new_starts.unwrap_or_default();
            request.minutes = minutes(&body, request.days.len() + request.starts.len())?;
        }
        if let Some(status) = status {
            request.status = status.into();
            request.substatus = (status == "APPROVED").then_some("ManualApproval");
        }
        if let Some(notes) = body["notes"].as_str() {
            request.notes = notes.into();
        }
        request.version += 1;
        request.modified = call.now;
        let reply = Reply::json(told(call, state, &request));
        state.time_off.insert(request.id.clone(), request);
        Ok(reply)
    })
}

fn texts(body: &Value, name: &str) -> Vec<String> {
    let list = body[name].as_array().into_iter().flatten();
    list.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

fn query(call: &Call<'_>, unit: &str) -> Result<Reply, Reply> {
    let body = call.ask.json()?;
    let (users, statuses) = (texts(&body, "userIds"), texts(&body, "statuses"));
    let day = |name: &str| body["dateRange"][name].as_str().and_then(|it| it.parse::<Date>().ok());
    let range = match (day("startDate"), day("endDate")) {
        (Some(first), Some(last)) => Some((first, last)),
        _ => None,
    };
    let too_long = range
        .is_some_and(|(first, last)| last < first || (last - first).get_days() >= RANGE_DAYS_MAX);
    if too_long || (range.is_none() && statuses != ["PENDING"]) {
        return Err(error::invalid("dateRange", "expected at most 33 days, or only PENDING"));
    }
    call.genesys.read(|state| {
        let here = state.management_units.get(unit);
        let own = here.and_then(|it| it.zone.as_deref());
        let own = own.and_then(|zone| jiff::tz::TimeZone::get(zone).ok());
        let home = here.and_then(|it| state.business_units.get(&it.business_unit));
        let tz = own.or_else(|| home.map(|it| it.tz()));
        let tz = tz.unwrap_or(jiff::tz::TimeZone::UTC);
        let wanted = |it: &&TimeOff| {
            let lies_in = |day: Date| range.is_none_or(|(first, last)| day >= first && day <= last);
            let in_range = it.days.iter().any(|day| lies_in(*day))
                || it.starts.iter().any(|at| lies_in(tz.to_datetime(*at).date()));
            let here = state.users.get(&it.user).and_then(|it| it.management_unit.as_deref());
            here == Some(unit)
                && (users.is_empty() || users.contains(&it.user))
                && (statuses.is_empty() || statuses.contains(&it.status))
                && in_range
        };
        let found: Vec<Value> =
            state.time_off.values().filter(wanted).map(|it| told(call, state, it)).collect();
        Ok(Reply::json(json!({ "entities": found })))
    })
}

fn integration_body(it: &TimeOff) -> Value {
    json!({
        "timeOffRequest": { "id": it.id }, "user": user_reference(&it.user),
        "integrationStatus": it.integration,
    })
}

fn integration_query(call: &Call<'_>) -> Result<Reply, Reply> {
    let body = call.ask.json()?;
    let lookups = body["timeOffRequestLookups"].as_array();
    let lookups = lookups.ok_or_else(|| error::invalid("timeOffRequestLookups", "is required"))?;
    call.genesys.read(|state| {
        let found = lookups.iter().filter_map(|it| {
            let request = state.time_off.get(it["timeOffRequestId"].as_str()?)?;
            let same = it["userId"].as_str() == Some(request.user.as_str());
            (same && request.integration.is_some()).then(|| integration_body(request))
        });
        Ok(Reply::json(json!({ "entities": found.collect::<Vec<_>>() })))
    })
}

fn set_integration(call: &Call<'_>, id: &str, user: &str) -> Result<Reply, Reply> {
    let body = call.ask.json()?;
    let status = body["integrationStatus"].as_str().unwrap_or_default();
    if !INTEGRATION.contains(&status) {
        return Err(error::invalid("integrationStatus", "is unknown"));
    }
    call.genesys.update(|state| {
        let found = state.time_off.get_mut(id).filter(|it| it.user == user);
        let request = found.ok_or_else(|| error::not_found("time off request"))?;
        request.integration = Some(status.into());
        Ok(Reply::json(integration_body(request)))
    })
}
