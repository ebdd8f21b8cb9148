//! Shift trades, as a supervisor's client sees and decides them: agents agree among themselves.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::Genesys;
use super::error;
use super::http::Reply;
use super::people::{change, monday_of, place_of};
use super::route::Call;
use super::state::State;
use super::wire::{instant, metadata, reference, user_reference};

const VIEW: [&str; 2] = ["wfm:shiftTradeRequest:view", "wfm:shiftTradeRequest:edit"];
const EDIT: [&str; 1] = ["wfm:shiftTradeRequest:edit"];

/// One trade.
#[derive(Debug, Clone)]
pub struct Trade {
    /// Its id.
    pub id: String,
    /// `Unmatched`, `Matched`, `Approved`, `Denied` and others.
    pub state: String,
    /// Who began it, with which shift.
    pub initiating: (String, Traded),
    /// Whom it is meant for.
    pub target: String,
    /// What they give, once they agreed.
    pub receiving: Option<Traded>,
    /// Grows with every change.
    pub version: u32,
    /// When it last changed.
    pub modified: Timestamp,
    /// How often somebody changes it after it was told.
    pub meddled: u32,
}

/// A shift that is traded.
#[derive(Debug, Clone)]
pub struct Traded {
    /// Its id.
    pub id: String,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// The first day of its week.
    pub week: Date,
}

impl Genesys {
    /// Two agents agree to trade two published shifts; the trade's id.
    pub fn agree_to_trade(&self, shift: &str, for_shift: &str) -> String {
        let id = self.offer_trade(shift, for_shift);
        let receiving = self.update(|state| traded(state, for_shift).1);
        self.update(|state| {
            let trade = state.trades.get_mut(&id).expect("a trade that was just made");
            trade.state = "Matched".into();
            trade.receiving = Some(receiving);
            trade.version += 1;
        });
        id
    }

    /// An agent asks the owner of another shift to trade, who has not answered; the trade's id.
    pub fn offer_trade(&self, shift: &str, for_shift: &str) -> String {
        let now = self.now();
        self.update(|state| {
            let (initiating, (target, _)) = (traded(state, shift), traded(state, for_shift));
            let id = state.new_id();
            let trade = Trade {
                id: id.clone(),
                state: "Unmatched".into(),
                initiating,
                target,
                receiving: None,
                version: 1,
                modified: now,
                meddled: 0,
            };
            state.trades.insert(id.clone(), trade);
            id
        })
    }

    /// Somebody changes a trade after it was told, so often.
    pub fn set_trade_meddled(&self, trade: &str, times: u32) {
        self.update(|state| {
            state.trades.get_mut(trade).expect("a trade that is there").meddled = times;
        });
    }
}

fn traded(state: &mut State, shift: &str) -> (String, Traded) {
    let (schedule, agent) = place_of(state, shift);
    let schedule = state.schedules.iter().find(|it| it.id == schedule);
    let part = schedule.and_then(|it| it.of(&agent)).expect("somebody who is in the schedule");
    let found = part.shifts.iter().find(|it| it.id == shift).expect("a shift that is there");
    let tz = state.business_unit_of(&agent).expect("an agent with a business unit").tz();
    let week = monday_of(tz.to_datetime(found.start).date());
    (agent.clone(), Traded { id: shift.to_owned(), start: found.start, end: found.end(), week })
}

pub(super) fn answer(call: &Call<'_>, unit: &str, path: &[&str]) -> Result<Reply, Reply> {
    if !call.genesys.read(|state| state.business_units.contains_key(unit)) {
        return Err(error::not_found("business unit"));
    }
    match (call.ask.method.as_str(), path) {
        ("POST", ["query", "jobs"]) => {
            call.session.may_in(unit, &VIEW)?;
            query(call, unit)
        }
        ("POST", ["state", "bulk", "jobs"]) => {
            call.session.may_in(unit, &EDIT)?;
            bulk(call, unit)
        }
        ("GET", ["query" | "evaluate", "jobs", id] | ["state", "bulk", "jobs", id]) => {
            call.session.may_in(unit, &VIEW)?;
            job(call, id)
        }
        _ => Err(error::plain(404, "not.found", "HTTP 404 Not Found")),
    }
}

/// What both kinds of jobs need: management units of the business unit, and weeks.
fn places(call: &Call<'_>, unit: &str) -> Result<(Value, Vec<String>), Reply> {
    let body = call.ask.json()?;
    let texts = |name: &str| -> Result<Vec<String>, Reply> {
        let list = body[name].as_array().filter(|it| !it.is_empty());
        let list = list.ok_or_else(|| error::invalid(name, "is required"))?;
        let texts: Option<_> = list.iter().map(|it| it.as_str().map(str::to_owned)).collect();
        texts.ok_or_else(|| error::invalid(name, "expected texts"))
    };
    let (units, weeks) = (texts("managementUnitIds")?, texts("weekDates")?);
    let here = |id: &String| {
        let of = |state: &State| state.management_units.get(id).map(|it| it.business_unit.clone());
        call.genesys.read(of).as_deref() == Some(unit)
    };
    if !units.iter().all(here) {
        return Err(error::not_found("management unit"));
    }
    if weeks.iter().any(|it| it.parse::<Date>().is_err()) {
        return Err(error::plain(400, "invalid.date", "Invalid date"));
    }
    Ok((body, weeks))
}

fn query(call: &Call<'_>, unit: &str) -> Result<Reply, Reply> {
    let (body, weeks) = places(call, unit)?;
    let users =
        body["userIds"].as_array().ok_or_else(|| error::invalid("userIds", "is required"))?;
    let named = |user: &str| users.iter().any(|it| it.as_str() == Some(user));
    let found = call.genesys.update(|state| {
        let mut found = Vec::new();
        for trade in state.trades.values() {
            let week = weeks.contains(&trade.initiating.1.week.to_string());
            if week && (named(&trade.initiating.0) || named(&trade.target)) {
                found.push(told(state, unit, trade));
            }
        }
        for trade in state.trades.values_mut().filter(|it| it.meddled > 0) {
            trade.meddled -= 1;
            trade.version += 1;
        }
        found
    });
    Ok(done(call, "QueryTrades", "queryTradesResult", json!({ "entities": found })))
}

fn told(state: &State, unit: &str, trade: &Trade) -> Value {
    let shift = |it: &Traded| {
        json!({
            "id": it.id, "startDate": instant(it.start), "endDate": instant(it.end),
            "weekDate": it.week.to_string(),
        })
    };
    let (agent, given) = &trade.initiating;
    let home = state.users.get(agent).and_then(|it| it.management_unit.clone());
    let reviewed = ["Approved", "Denied"].contains(&trade.state.as_str());
    let mut value = json!({
        "id": trade.id, "state": trade.state, "oneSided": false, "acceptableIntervals": [],
        "initiating": {
            "user": user_reference(agent), "shift": shift(given),
            "managementUnit":
                reference("workforcemanagement/managementunits", &home.unwrap_or_default()),
            "schedule": {
                "id": "schedule", "weekDate": given.week.to_string(),
                "businessUnit": reference("workforcemanagement/businessunits", unit),
            },
        },
        "target": { "user": user_reference(&trade.target) },
        "metadata": metadata(trade.version, trade.modified),
    });
    if let Some(it) = &trade.receiving {
        value["receiving"] = json!({ "user": user_reference(&trade.target), "shift": shift(it) });
    }
    if reviewed {
        value["reviewedDate"] = trade.modified.to_string().into();
    }
    value
}

fn bulk(call: &Call<'_>, unit: &str) -> Result<Reply, Reply> {
    let (body, _) = places(call, unit)?;
    let items = body["entities"].as_array().cloned().unwrap_or_default();
    let outcomes = call.genesys.update(|state| {
        let mut outcomes = Vec::new();
        for item in &items {
            outcomes.push(decide(state, item, call.now)?);
        }
        Ok::<_, Reply>(outcomes)
    })?;
    let result = json!({ "entities": outcomes });
    Ok(done(call, "BulkUpdateTradeStates", "bulkUpdateTradeStatesResult", result))
}

fn decide(state: &mut State, item: &Value, now: Timestamp) -> Result<Value, Reply> {
    let id = item["id"].as_str().unwrap_or_default();
    let version = item["metadata"]["version"].as_u64();
    let version = version.ok_or_else(|| error::invalid("metadata.version", "is required"))?;
    let to = item["state"].as_str().unwrap_or_default();
    if !matches!(to, "Approved" | "Denied") {
        return Err(error::invalid("state", "a supervisor approves or denies"));
    }
    let trade = state.trades.get(id).cloned();
    let mut trade = trade.ok_or_else(|| error::not_found("shift trade"))?;
    if version != u64::from(trade.version) {
        return Err(error::conflict("shift trade"));
    }
    let failure = match (trade.state.as_str(), to, &trade.receiving) {
        ("Matched", "Approved", Some(receiving)) => {
            let sides = [(&trade.initiating.1, &trade.target), (receiving, &trade.initiating.0)];
            exchange(state, sides, now)
        }
        ("Matched" | "Unmatched", "Denied", _) => None,
        _ => Some("TransitionNotAllowed"),
    };
    if failure.is_none() {
        trade.state = to.into();
        (trade.version, trade.modified) = (trade.version + 1, now);
        state.trades.insert(id.to_owned(), trade.clone());
    }
    let mut outcome = json!({
        "id": id, "state": trade.state, "metadata": metadata(trade.version, trade.modified),
    });
    if let Some(reason) = failure {
        outcome["failureReason"] = reason.into();
    }
    Ok(outcome)
}

/// Hands shifts over; why not, if one is not there any more.
fn exchange(
    state: &mut State,
    sides: [(&Traded, &String); 2],
    now: Timestamp,
) -> Option<&'static str> {
    let mut moves = Vec::new();
    for (shift, to) in sides {
        let has = |it: &super::state::Shift| it.id == shift.id && it.start == shift.start;
        let published = state.schedules.iter().filter(|it| it.published);
        let found = published.flat_map(|schedule| {
            let agents = schedule.agents.iter().filter(|(_, it)| !it.deleted);
            agents.filter_map(|(agent, part)| {
                let shift = part.shifts.iter().find(|it| has(it))?;
                Some((schedule.id.clone(), agent.clone(), shift.clone()))
            })
        });
        let Some(found) = found.into_iter().next() else {
            return Some("InitiatingAgentShiftNotFound");
        };
        moves.push((found, to.clone()));
    }
    for ((schedule, from, shift), to) in moves {
        let id = shift.id.clone();
        change(state, &schedule, &from, now, |it| {
            it.shifts.retain(|it| it.id != id);
            (vec![], vec![id.clone()])
        });
        change(state, &schedule, &to, now, |it| {
            it.shifts.push(shift);
            it.shifts.sort_by_key(|it| it.start);
            (vec![id.clone()], vec![])
        });
    }
    None
}

/// A job's answer: its result at once, or where it is to be had later.
fn done(call: &Call<'_>, kind: &str, name: &str, result: Value) -> Reply {
    let options = call.genesys.options();
    call.genesys.update(|state| {
        let id = state.new_id();
        let mut body = json!({ "id": id, "status": "Complete", "type": kind });
        if options.job_downloads {
            let download = state.put_download(call.now, &result);
            body["downloadUrl"] = format!("{}/downloads/{download}", call.genesys.base()).into();
        } else {
            body[name] = result;
        }
        if options.job_polls == 0 {
            return Reply::json(body);
        }
        let client = call.session.client.id.clone();
        state.jobs.insert(id.clone(), (client, options.job_polls, body));
        let body = json!({ "id": id, "status": "Processing", "type": kind });
        Reply::json(body).with_status(202)
    })
}

fn job(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.genesys.update(|state| {
        let job = state.jobs.get_mut(id).ok_or_else(|| error::not_found("job"))?;
        let (client, polls, body) = job;
        // "Only the user who started the operation can query the status."
        if *client != call.session.client.id {
            return Err(error::other_division());
        }
        *polls = polls.saturating_sub(1);
        if *polls > 0 {
            let body = json!({ "id": id, "status": "Processing", "type": body["type"] });
            return Ok(Reply::json(body).with_status(202));
        }
        Ok(Reply::json(body.clone()))
    })
}
