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
use super::wire::{DateRange, OneRequest, TimeOffQuery, TimeOffRequest, short};

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
    /// These.
    Read(Requests),
}

/// Requests that were read.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By agent.
    pub found: BTreeMap<String, Vec<TimeOffRequest>>,
    /// Of whom one cannot be understood: what is known of their time off stays.
    pub odd: BTreeSet<String>,
    /// Whether one cannot be understood of whom it is not even known whose it is.
    pub nameless: bool,
}

impl Approved {
    /// Those of one agent.
    pub fn of(&self, agent: &str) -> &[TimeOffRequest] {
        match self {
            Self::NotAsked | Self::Forbidden => &[],
            Self::Read(read) => read.found.get(agent).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    /// Whether an agent may have requests that could not be understood.
    pub fn is_odd(&self, agent: &str) -> bool {
        match self {
            Self::NotAsked | Self::Forbidden => false,
            Self::Read(read) => read.nameless || read.odd.contains(agent),
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
        let mut read = Requests::default();
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
            let requests = match self.listed::<OneRequest>(&ask).await {
                Ok(requests) => requests,
                Err(failure) if failure.class == FailureClass::Forbidden => {
                    self.may_read_requests_is(false);
                    return Ok(Approved::Forbidden);
                }
                Err(failure) => return Err(failure),
            };
            for request in requests {
                read.take(request);
            }
        }
        Ok(Approved::Read(read))
    }
}

impl Requests {
    fn take(&mut self, request: OneRequest) {
        match request {
            OneRequest::Good(request) if request.status == "APPROVED" => {
                let of_agent = self.found.entry(request.user.id.clone()).or_default();
                if !of_agent.iter().any(|it| it.id == request.id) {
                    of_agent.push(request);
                }
            }
            OneRequest::Good(_) => {}
            OneRequest::Odd(Some(agent)) => drop(self.odd.insert(agent)),
            OneRequest::Odd(None) => self.nameless = true,
        }
    }
}

/// The hours of a request that is about parts of days.
///
/// # Errors
/// When it is not said how long they take, or they take no time.
pub(super) fn hours_of(request: &TimeOffRequest) -> Result<Vec<UtcInterval>, String> {
    let (starts, minutes) = (&request.partial_day_start_date_times, request.minutes());
    if minutes.len() < starts.len() {
        return Err("it does not say how long the hours of a request take".into());
    }
    let interval = |(start, minutes): (&jiff::Timestamp, i64)| {
        let end = start.checked_add(SignedDuration::from_mins(minutes)).ok()?;
        UtcInterval::new(*start, end).ok()
    };
    let hours: Option<Vec<_>> = starts.iter().zip(minutes).map(interval).collect();
    hours.ok_or_else(|| "a request has hours that are none".into())
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

/// What requests add to what a schedule shows.
#[derive(Default)]
pub(super) struct Beside {
    pub entities: Vec<SourceEntity>,
    /// What of them cannot be understood; then what is known of time off stays.
    pub odd: Option<String>,
}

/// What requests add to what a schedule shows: days and hours on which it shows no absence.
pub(super) fn beside(
    who: &EmployeeId,
    shown: &[SourceEntity],
    requests: &[TimeOffRequest],
    around: &Around<'_>,
) -> Result<Beside, String> {
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
    let (mut days, mut beside) = (Vec::new(), Beside::default());
    let (zone, tz) = around.team_zone();
    for request in requests {
        for date in &request.full_day_management_unit_dates {
            // A day of a management unit is read with the week in which it starts.
            if around.covers(around.day_of(*date, &tz)) && taken.insert(*date) {
                let (code, request) = (request.activity_code_id.clone(), request.id.clone());
                days.push(Day { date: *date, code, request: Some(request) });
            }
        }
        let of_request = match hours_of(request) {
            Ok(of_request) => of_request,
            Err(why) => {
                beside.odd = Some(why);
                continue;
            }
        };
        for interval in of_request {
            let day = domain::time::local_day(interval.start(), &around.unit.tz);
            let overlaps =
                hours.iter().any(|it| it.start() < interval.end() && interval.start() < it.end());
            if around.covers(day) && !overlaps && !taken.contains(&day) {
                hours.push(interval);
                let of = (request.activity_code_id.as_str(), Some(request.id.as_str()));
                beside.entities.push(timed_off(who, interval, of, around.place())?);
            }
        }
    }
    beside.entities.extend(whole_days(days, who, (&zone, &tz), around)?);
    Ok(beside)
}
