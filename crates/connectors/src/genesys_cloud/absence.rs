//! Approved requests for time off that no schedule has yet: the vendor puts them on a schedule
//! when somebody plans anew (`genesys.md` §3), and people want to see them before.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EmployeeId, Entity, TimeOffSpan, UtcInterval};
use engine::port::{Failure, FailureClass, SourceEntity};
use jiff::SignedDuration;
use jiff::civil::Date;

use super::client::{Ask, segment};
use super::map::{Around, Day, timed_off, whole_days};
use super::provider::Genesys;
use super::wire::{DateRange, TimeOffQuery, TimeOffRequest, short};

/// Days of one question, without the one before and the one after them: days of a management unit
/// need not be those of its business unit. The vendor takes at most 33 (`genesys.md` §1.2).
const DAYS_AT_ONCE: i64 = 28;

/// What is known of approved requests.
#[derive(Debug)]
pub(super) enum Approved {
    /// Nobody wants to know.
    NotAsked,
    /// We may not read them: `doctor` says so.
    Forbidden,
    /// These, by agent.
    Read(BTreeMap<String, Vec<TimeOffRequest>>),
}

impl Approved {
    /// Those of one agent.
    pub fn of(&self, agent: &str) -> &[TimeOffRequest] {
        match self {
            Self::NotAsked | Self::Forbidden => &[],
            Self::Read(found) => found.get(agent).map(Vec::as_slice).unwrap_or_default(),
        }
    }
}

impl Genesys {
    /// The approved requests in a management unit on some days: of these agents, or of all.
    pub(super) async fn approved(
        &self,
        team: &str,
        agents: Option<&[String]>,
        days: &[(Date, Date)],
    ) -> Result<Approved, Failure> {
        let mut found: BTreeMap<String, Vec<TimeOffRequest>> = BTreeMap::new();
        if !self.wants_requests() || agents.is_some_and(<[String]>::is_empty) {
            return Ok(Approved::NotAsked);
        }
        if !self.may_read_requests() {
            return Ok(Approved::Forbidden);
        }
        let path =
            format!("workforcemanagement/managementunits/{}/timeoffrequests/query", segment(team));
        let what = format!("read the time off of management unit `{}`", short(team));
        for (first, last) in ranges(days) {
            let body = TimeOffQuery {
                user_ids: agents,
                statuses: &["APPROVED"],
                date_range: DateRange { start_date: first.to_string(), end_date: last.to_string() },
            };
            let ask = Ask::question(path.as_str(), &body, what.as_str());
            let requests = match self.listed::<TimeOffRequest>(&ask).await {
                Ok(requests) => requests,
                Err(failure) if failure.class == FailureClass::Forbidden => {
                    self.may_read_requests_is(false);
                    return Ok(Approved::Forbidden);
                }
                Err(failure) => return Err(failure),
            };
            for request in requests.into_iter().filter(|it| it.status == "APPROVED") {
                let of_agent = found.entry(request.user.id.clone()).or_default();
                if !of_agent.iter().any(|it| it.id == request.id) {
                    of_agent.push(request);
                }
            }
        }
        Ok(Approved::Read(found))
    }
}

/// First and last days of questions that cover these days, and one more at each end.
fn ranges(days: &[(Date, Date)]) -> Vec<(Date, Date)> {
    let mut ranges = Vec::new();
    for (first, end) in days {
        let mut from = *first;
        while from < *end {
            let next = from.saturating_add(jiff::Span::new().days(DAYS_AT_ONCE)).min(*end);
            ranges.push((from.yesterday().unwrap_or(from), next));
            from = next;
        }
    }
    ranges
}

/// What requests add to what a schedule shows: days and hours on which it shows no absence.
pub(super) fn beside(
    who: &EmployeeId,
    shown: &[SourceEntity],
    requests: &[TimeOffRequest],
    around: &Around<'_>,
) -> Result<Vec<SourceEntity>, String> {
    let mut taken: BTreeSet<Date> = BTreeSet::new();
    let mut hours: Vec<UtcInterval> = Vec::new();
    for it in shown {
        let Entity::TimeOff(off) = &it.entity else { continue };
        match &off.span {
            TimeOffSpan::AllDay { first, end, .. } => {
                taken.extend(first.series(jiff::Span::new().days(1)).take_while(|it| it < end));
            }
            TimeOffSpan::Timed(interval) => hours.push(*interval),
        }
    }
    let (mut days, mut added) = (Vec::new(), Vec::new());
    let (zone, tz) = around.team_zone();
    for request in requests {
        for date in &request.full_day_management_unit_dates {
            // A day of a management unit is read with the week in which it starts.
            if around.covers(around.day_of(*date, &tz)) && taken.insert(*date) {
                let (code, request) = (request.activity_code_id.clone(), request.id.clone());
                days.push(Day { date: *date, code, request: Some(request) });
            }
        }
        let starts = request.partial_day_start_date_times.iter();
        for (start, minutes) in starts.zip(&request.duration_minutes) {
            let end = start.checked_add(SignedDuration::from_mins(*minutes));
            let interval = end.ok().and_then(|end| UtcInterval::new(*start, end).ok());
            let interval = interval.ok_or("a request has hours that are none")?;
            let day = domain::time::local_day(*start, &around.unit.tz);
            let overlaps =
                hours.iter().any(|it| it.start() < interval.end() && interval.start() < it.end());
            if around.covers(day) && !overlaps && !taken.contains(&day) {
                hours.push(interval);
                let of = (request.activity_code_id.as_str(), Some(request.id.as_str()));
                added.push(timed_off(who, interval, of, around.place())?);
            }
        }
    }
    added.extend(whole_days(days, who, (&zone, &tz), around)?);
    Ok(added)
}
