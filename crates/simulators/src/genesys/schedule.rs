//! Schedules: their heads, their agents with versions, what is published, what changed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::route::Call;
use super::state::{AgentSchedule, Schedule, State};
use super::wire::{self, instant, metadata};

const VIEW: [&str; 2] = ["wfm:schedule:view", "wfm:publishedSchedule:view"];
/// How far `recent` reaches.
const RECENT_WEEKS: i64 = 26;

/// A schedule's place in the path: business unit, week, id.
type Place<'a> = (&'a str, &'a str, &'a str);

fn date(call: &Call<'_>, name: &str) -> Result<Option<Date>, Reply> {
    let Some(text) = call.ask.one(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| error::plain(400, "invalid.date", "Invalid date"))
}

fn check(call: &Call<'_>, unit: &str) -> Result<(), Reply> {
    if !call.genesys.read(|state| state.business_units.contains_key(unit)) {
        return Err(error::not_found("business unit"));
    }
    call.session.may_in(unit, &VIEW)
}

pub(super) fn heads(call: &Call<'_>, unit: &str, week: &str) -> Result<Reply, Reply> {
    check(call, unit)?;
    let (earliest, latest) = (date(call, "earliestWeekDate")?, date(call, "latestWeekDate")?);
    let only_published = call.ask.flag("includeOnlyPublished");
    let exact: Option<Date> = match week {
        "recent" => None,
        week => Some(week.parse().map_err(|_| error::plain(400, "invalid.date", "Invalid date"))?),
    };
    call.genesys.read(|state| {
        let today = call.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let reach = jiff::Span::new().weeks(RECENT_WEEKS);
        let (from, to) = (today.saturating_sub(reach), today.saturating_add(reach));
        let wanted = |it: &&Schedule| {
            let near = match exact {
                Some(week) => it.week_date == week,
                None => it.week_date >= from && it.week_date <= to,
            };
            it.business_unit == unit
                && near
                && (it.published || !only_published)
                && earliest.is_none_or(|first| it.week_date >= first)
                && latest.is_none_or(|last| it.week_date <= last)
        };
        let entities: Vec<Value> = state.schedules.iter().filter(wanted).map(wire::head).collect();
        Ok(Reply::json(json!({ "entities": entities })))
    })
}

fn find<'s>(state: &'s State, (unit, week, id): Place<'_>) -> Result<&'s Schedule, Reply> {
    let found = state
        .schedules
        .iter()
        .find(|it| it.id == id && it.business_unit == unit && it.week_date.to_string() == week);
    found.ok_or_else(|| error::not_found("schedule"))
}

pub(super) fn head(call: &Call<'_>, place: Place<'_>) -> Result<Reply, Reply> {
    check(call, place.0)?;
    call.genesys.read(|state| {
        let schedule = find(state, place)?;
        let mut body = wire::head(schedule);
        if call.ask.all("expand").iter().any(|it| it == "managementUnits.agents") {
            let units = state.management_units.values();
            let units = units.filter(|it| it.business_unit == place.0).map(|it| {
                let agents = state.agents_of(&it.id);
                let agents: Vec<_> =
                    agents.into_iter().filter(|it| schedule.of(it).is_some()).collect();
                let unit = wire::reference("workforcemanagement/managementunits", &it.id);
                json!({
                    "managementUnit": unit,
                    "agentCount": agents.len(),
                    "agents": agents.iter().map(|it| wire::user_reference(it)).collect::<Vec<_>>(),
                })
            });
            body["managementUnits"] = units.collect();
        }
        Ok(Reply::json(body))
    })
}

fn strings(body: &Value, name: &str) -> Result<Option<BTreeSet<String>>, Reply> {
    match &body[name] {
        Value::Null => Ok(None),
        Value::Array(list) => list
            .iter()
            .map(|it| it.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Some)
            .ok_or_else(|| error::invalid(name, "expected ids")),
        _ => Err(error::invalid(name, "expected a list")),
    }
}

pub(super) fn query(call: &Call<'_>, place: Place<'_>) -> Result<Reply, Reply> {
    check(call, place.0)?;
    let body = call.ask.json()?;
    let Some(unit) = body["managementUnitId"].as_str() else {
        return Err(error::invalid("managementUnitId", "is required"));
    };
    let only = strings(&body, "userIds")?;
    call.genesys.update(|state| {
        let home = state.management_units.get(unit).map(|it| it.business_unit.as_str());
        if home != Some(place.0) {
            return Err(error::not_found("management unit"));
        }
        let schedule = find(state, place)?;
        let mut agents = state.agents_of(unit);
        agents.retain(|it| only.as_ref().is_none_or(|only| only.contains(it)));
        let agents: Vec<_> =
            agents.iter().filter_map(|agent| Some((agent.as_str(), schedule.of(agent)?))).collect();
        let count = agents.len();
        let is_stuck = agents.iter().any(|(agent, _)| state.stuck.contains(*agent));
        if is_stuck || is_processing(call, state, count) {
            return Ok(processing(call));
        }
        let schedule = find(state, place)?;
        let entry = |agent: &String| {
            let it = schedule.of(agent)?;
            let mut entry = wire::agent_schedule(agent, &it, schedule);
            entry["metadata"] = metadata(it.version, it.modified);
            Some(entry)
        };
        let mut agents = state.agents_of(unit);
        agents.retain(|it| only.as_ref().is_none_or(|only| only.contains(it)));
        agents.retain(|it| !state.hidden.contains(it));
        let zone = state.business_units.get(place.0).map(|it| it.zone.clone());
        let result = json!({
            "businessUnitTimeZone": zone,
            "agentSchedules": agents.iter().filter_map(entry).collect::<Vec<_>>(),
        });
        Ok(complete(call, state, count, result))
    })
}

fn is_processing(call: &Call<'_>, state: &mut State, agents: usize) -> bool {
    let options = call.genesys.options();
    if agents < options.processing_from && !call.ask.flag("forceAsync") {
        return false;
    }
    let question = format!("{} {}", call.ask.target, String::from_utf8_lossy(&call.ask.body));
    let times = state.processing.entry(question).or_insert(0);
    *times = times.saturating_add(1);
    *times <= options.processing_times
}

const OPERATION: &str = "86cb276f-3af5-48da-94be-8945d8b5fc09";

fn processing(call: &Call<'_>) -> Reply {
    let body = json!({ "status": "Processing", "operationId": OPERATION, "progress": 0 });
    Reply::json(body).with_status(call.genesys.options().processing_status)
}

fn complete(call: &Call<'_>, state: &mut State, agents: usize, result: Value) -> Reply {
    let options = call.genesys.options();
    let mut body = json!({ "status": "Complete", "operationId": OPERATION, "progress": 100 });
    if agents >= options.download_from || call.ask.flag("forceDownloadService") {
        let id = state.put_download(call.now, &result);
        body["downloadUrl"] = format!("{}/downloads/{id}", call.genesys.base()).into();
    } else {
        body["result"] = result;
    }
    Reply::json(body)
}

fn given_instant(body: &Value, name: &str) -> Result<Timestamp, Reply> {
    let text = body[name].as_str().ok_or_else(|| error::invalid(name, "is required"))?;
    text.parse().map_err(|_| error::plain(400, "invalid.date", "Invalid date"))
}

pub(super) fn search(call: &Call<'_>, unit: &str, within: Option<&str>) -> Result<Reply, Reply> {
    check(call, unit)?;
    let body = call.ask.json()?;
    let (from, to) = (given_instant(&body, "startDate")?, given_instant(&body, "endDate")?);
    if to <= from {
        return Err(error::invalid("endDate", "is not after startDate"));
    }
    let only = strings(&body, "userIds")?;
    call.genesys.update(|state| {
        let agents: Vec<String> = state
            .users
            .values()
            .filter(|it| {
                let home =
                    it.management_unit.as_ref().and_then(|it| state.management_units.get(it));
                home.is_some_and(|it| {
                    it.business_unit == unit && within.is_none_or(|within| it.id == within)
                })
            })
            .map(|it| it.id.clone())
            .filter(|it| only.as_ref().is_none_or(|only| only.contains(it)))
            .collect();
        if is_processing(call, state, agents.len()) {
            return Ok(processing(call));
        }
        let tz = state.business_units.get(unit).map(|it| (it.tz(), it.zone.clone()));
        let (tz, zone) = tz.ok_or_else(|| error::not_found("business unit"))?;
        let mut entries: Vec<Value> = Vec::new();
        let mut references: Vec<Value> = Vec::new();
        for schedule in state.published(unit) {
            let (first, end) = schedule.days();
            let start_of = |day: Date| {
                day.to_zoned(tz.clone()).map(|it| it.timestamp()).unwrap_or(Timestamp::MAX)
            };
            if start_of(end) <= from || start_of(first) >= to {
                continue;
            }
            references.push(json!({
                "id": schedule.id, "weekDate": schedule.week_date.to_string(),
                "weekCount": schedule.week_count, "selfUri": wire::self_uri(schedule),
            }));
            for agent in &agents {
                let Some(it) = schedule.of(agent) else { continue };
                let mut it: AgentSchedule = it.into_owned();
                it.shifts.retain(|it| it.start < to && it.end() > from);
                it.markers.retain(|it| {
                    let next = it.date.tomorrow().unwrap_or(it.date);
                    start_of(it.date) < to && start_of(next) > from
                });
                entries.push(wire::agent_schedule(agent, &it, schedule));
            }
        }
        let result = json!({
            "agentSchedules": entries, "businessUnitTimeZone": zone,
            "publishedSchedules": references,
        });
        Ok(complete(call, state, agents.len(), result))
    })
}

pub(super) fn history(call: &Call<'_>, place: Place<'_>, agent: &str) -> Result<Reply, Reply> {
    check(call, place.0)?;
    call.genesys.read(|state| {
        let schedule = find(state, place)?;
        let it = schedule.agents.get(agent).ok_or_else(|| error::not_found("agent schedule"))?;
        let changes = it.history.iter().map(|change| {
            let shifts = it.shifts.iter().filter(|shift| change.changed.contains(&shift.id));
            let mut value = json!({
                "metadata": changed_at(change.at),
                "shifts": shifts.map(|it| wire::shift(it, schedule)).collect::<Vec<_>>(),
            });
            if !change.deleted.is_empty() || change.everything {
                value["deletes"] = json!({
                    "shiftIds": change.deleted, "fullDayTimeOffMarkerDates": [],
                    "agentSchedule": change.everything,
                });
            }
            value
        });
        let changed = |id: &String| it.history.iter().any(|it| it.changed.contains(id));
        let base = it.shifts.iter().filter(|it| !changed(&it.id));
        let markers: Vec<Value> = it.markers.iter().map(wire::marker).collect();
        Ok(Reply::json(json!({
            "basePublishedSchedule": {
                "metadata": changed_at(Timestamp::UNIX_EPOCH),
                "shifts": base.map(|it| wire::shift(it, schedule)).collect::<Vec<_>>(),
                "fullDayTimeOffMarkers": markers,
            },
            "changes": changes.collect::<Vec<_>>(), "droppedChanges": [],
            "priorPublishedSchedules": [],
        })))
    })
}

fn changed_at(at: Timestamp) -> Value {
    json!({ "dateModified": instant(at), "modifiedBy": { "id": "System" } })
}
