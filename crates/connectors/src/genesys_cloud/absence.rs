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

/// Days of one question; the vendor takes at most 33 (`genesys.md` §1.2).
const DAYS_AT_ONCE: i64 = 28;

impl Genesys {
    /// The approved requests of these agents of a management unit on days of a schedule, by agent.
    /// Nothing where we may not read them: that is told by `doctor`.
    pub(super) async fn approved(
        &self,
        team: &str,
        agents: &[String],
        days: &[(Date, Date)],
    ) -> Result<BTreeMap<String, Vec<TimeOffRequest>>, Failure> {
        let mut found: BTreeMap<String, Vec<TimeOffRequest>> = BTreeMap::new();
        if !self.reads_requests() || agents.is_empty() {
            return Ok(found);
        }
        let path =
            format!("workforcemanagement/managementunits/{}/timeoffrequests/query", segment(team));
        let what = format!("read the time off of management unit `{}`", short(team));
        for (first, last) in ranges(days) {
            let body = TimeOffQuery {
                user_ids: Some(agents),
                statuses: &["APPROVED"],
                date_range: DateRange { start_date: first.to_string(), end_date: last.to_string() },
            };
            let ask = Ask::question(path.as_str(), &body, what.as_str());
            let requests = match self.listed::<TimeOffRequest>(&ask).await {
                Ok(requests) => requests,
                Err(failure) if failure.class == FailureClass::Forbidden => {
                    self.may_not_read_requests();
                    return Ok(BTreeMap::new());
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
        Ok(found)
    }
}

/// First and last days of questions that cover these days.
fn ranges(days: &[(Date, Date)]) -> Vec<(Date, Date)> {
    let mut ranges = Vec::new();
    for (first, end) in days {
        let mut from = *first;
        while from < *end {
            let next = from.saturating_add(jiff::Span::new().days(DAYS_AT_ONCE)).min(*end);
            ranges.push((from, next.yesterday().unwrap_or(from)));
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
    for request in requests {
        for date in &request.full_day_management_unit_dates {
            if around.covers(*date) && taken.insert(*date) {
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
    added.extend(whole_days(days, who, &around.unit.zone, around)?);
    Ok(added)
}
