//! Asking Genesys Cloud to decide: time off, and nothing else.
//!
//! An OAuth client speaks for no agent. It can make requests for time off in an agent's name and
//! decide them; it cannot cancel one (only the agent can), so what is taken back is denied. Shifts
//! are changed by uploading a schedule, so they cannot be decided from a mirror, and shift trades
//! only where two agents are matched already (`trades.rs`); see
//! `docs/adr/0012-what-people-ask-for.md`.
//!
//! Nothing is repeated blindly: before a request is made, one of the same employee, kind and time
//! is looked for. A stale version (409) means that somebody else was faster: it is read again.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Command, CommandKind, Directory, EligibilityQuestion, Eligible, EmployeeId, Entity, EntityKey,
    Refusal, Request, RequestStep, ShiftId, TimeOffId, TimeOffItem,
};
use engine::port::{
    Decider, Facts, FactsNeeded, Failure, FailureClass, RosterChange, SourceEntity, SourceError,
    Verdict,
};
use http::Method;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::client::{Ask, segment};
use super::directory::Unit;
use super::map::{Around, Day, timed_off, whole_days};
use super::provider::Genesys;
use super::trades::{Swap, shifts_of};
use super::weeks::Head;
use super::wire::{
    IntegrationStatus, Metadata, NewTimeOff, Reference, TimeOffPatch, TimeOffRequest,
    TimeOffRequests, TimeOffWhen, short,
};

/// How often a change is tried that somebody else gets in the way of.
pub(super) const TRIES_MAX: u32 = 3;
const MINUTES_PER_DAY: i64 = 24 * 60;

/// The deciding side of a connection.
#[derive(Debug)]
pub(super) struct GenesysDecider {
    genesys: Arc<Genesys>,
    decides: BTreeSet<CommandKind>,
    by_itself: BTreeSet<CommandKind>,
}

/// Where somebody works.
pub(super) struct Home {
    pub team: String,
    pub unit: Arc<Unit>,
    /// The management unit's zone: the days of a request are its days.
    pub tz: TimeZone,
}

/// Of an agent. Its business unit comes "with expand=businessUnit", which the operation does not
/// have: it is asked for nowhere, and may be there nevertheless.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentHome {
    #[serde(default)]
    management_unit: Option<Reference>,
    #[serde(default)]
    business_unit: Option<Reference>,
}

impl GenesysDecider {
    pub fn new(genesys: Arc<Genesys>, decides: BTreeSet<CommandKind>) -> Self {
        Self { genesys, decides, by_itself: BTreeSet::new() }
    }

    async fn home(&self, who: &EmployeeId) -> Result<Option<Home>, Failure> {
        let path = format!("workforcemanagement/agents/{}/managementunit", segment(who.as_str()));
        let ask = Ask::get(path, "find an agent");
        let home = match self.genesys.client().json::<AgentHome>(&ask).await {
            Ok(home) => home,
            Err(failure) if failure.class == FailureClass::Missing => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Some(Reference { id: team }) = home.management_unit else { return Ok(None) };
        let unit = match home.business_unit {
            Some(unit) => Some(self.genesys.known_unit(&unit.id).await),
            None => self.genesys.unit_with(&team).await.transpose(),
        };
        let unit = match unit {
            None => return Ok(None),
            Some(Ok(unit)) => unit,
            Some(Err(SourceError::Failed(failure))) => return Err(failure),
            Some(Err(error)) => {
                return Err(super::classify::nonsense("read a business unit", error));
            }
        };
        let zone = unit.teams.get(&team).map(|it| it.zone.as_str());
        let tz = zone.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or_else(|| unit.tz.clone());
        Ok(Some(Home { team, unit, tz }))
    }

    /// Decides a swap, if two are matched for it there.
    async fn swap(
        &self,
        ids: (&ShiftId, &ShiftId),
        step: RequestStep,
        named: &[Entity],
    ) -> Result<Verdict, Failure> {
        let Some((given, wanted)) = shifts_of(ids, named) else {
            return Ok(Verdict::Refused(Refusal::Outdated));
        };
        let (here, there) = (self.home(&given.employee).await?, self.home(&wanted.employee).await?);
        let (Some(here), Some(there)) = (here, there) else {
            return Ok(Verdict::Refused(Refusal::UnknownEmployee));
        };
        let swap = Swap { given: (given, &here), wanted: (wanted, &there) };
        self.genesys.trade(&swap, step).await
    }

    fn of_user(home: &Home, who: &EmployeeId) -> String {
        format!(
            "workforcemanagement/managementunits/{}/users/{}/timeoffrequests",
            segment(&home.team),
            segment(who.as_str())
        )
    }

    async fn requests(
        &self,
        home: &Home,
        who: &EmployeeId,
    ) -> Result<Vec<TimeOffRequest>, Failure> {
        let ask = Ask::get(Self::of_user(home, who), "look for time-off requests");
        let list: TimeOffRequests = self.genesys.client().json(&ask).await?;
        if list.odd > 0 {
            tracing::warn!(
                requests = list.odd,
                "time-off requests that cannot be read are passed over"
            );
        }
        Ok(list.time_off_requests)
    }

    /// Makes a request, or finds that it is there, with this status.
    async fn ensure(&self, item: &TimeOffItem, status: Wanted) -> Result<Verdict, Failure> {
        let Some(code) = item.reason.as_ref().map(|it| it.as_str().to_owned()) else {
            return Ok(Verdict::Refused(Refusal::ReasonNotOffered { reason: String::new() }));
        };
        let Some(home) = self.home(&item.employee).await? else {
            return Ok(Verdict::Refused(Refusal::UnknownEmployee));
        };
        let is_time_off = home.unit.codes.get(&code).and_then(|it| it.category.as_deref());
        if is_time_off != Some("TimeOff") {
            return Ok(Verdict::Refused(Refusal::ReasonNotOffered { reason: code }));
        }
        let Some(when) = self.when(item, &home.tz) else {
            let (shortest, longest) = (60, 60 * MINUTES_PER_DAY.unsigned_abs());
            let seconds = std::time::Duration::from_secs;
            let (shortest, longest) = (seconds(shortest), seconds(longest));
            return Ok(Verdict::Refused(Refusal::BadLength { shortest, longest }));
        };
        for _ in 0..TRIES_MAX {
            let all = self.requests(&home, &item.employee).await?;
            let alike = |it: &&TimeOffRequest| it.activity_code_id == code && same(it, &when);
            let live = |it: &&TimeOffRequest| matches!(it.status.as_str(), "PENDING" | "APPROVED");
            // Who approved it there, or another request for the same time, is not undone by
            // declining or taking back one that still waits.
            let open = |it: &&TimeOffRequest| match status {
                Wanted::Denied => it.status == "PENDING",
                Wanted::Pending | Wanted::Approved => live(it),
            };
            let found = all.iter().filter(alike).find(open);
            let step = match (found, status) {
                (Some(it), Wanted::Pending) => Step::There(it.clone()),
                (Some(it), Wanted::Approved) if it.status == "APPROVED" => Step::There(it.clone()),
                (Some(it), Wanted::Approved) => Step::Change(it.clone(), "APPROVED"),
                (Some(it), Wanted::Denied) => Step::Change(it.clone(), "DENIED"),
                (None, Wanted::Denied) => return Ok(Verdict::Granted(RosterChange::default())),
                (None, Wanted::Pending | Wanted::Approved) => Step::Make,
            };
            let done = match step {
                Step::There(request) => Ok(request),
                Step::Make => self.make(&home, item, (&code, &when), status).await,
                Step::Change(request, to) => {
                    self.change(&home, &item.employee, &request, (to, None, None)).await
                }
            };
            match done {
                Err(failure) if failure.class == FailureClass::Precondition => {}
                Err(failure) if failure.class == FailureClass::Refused => {
                    return Ok(Verdict::Refused(Refusal::NotEligible));
                }
                Err(failure) => return Err(failure),
                Ok(request) => return self.told(&home, item, &request, status).await,
            }
        }
        Ok(Verdict::Refused(Refusal::Outdated))
    }

    async fn told(
        &self,
        home: &Home,
        item: &TimeOffItem,
        request: &TimeOffRequest,
        wanted: Wanted,
    ) -> Result<Verdict, Failure> {
        // The vendor's own rules may refuse at once: no balance, a blocked day.
        if wanted != Wanted::Denied && matches!(request.status.as_str(), "DENIED" | "CANCELED") {
            return Ok(Verdict::Refused(Refusal::NotEligible));
        }
        let mut change = RosterChange::default();
        if request.status == "APPROVED" && wanted == Wanted::Approved {
            self.mark_integrated(home, &item.employee, request).await;
            change.upserts = entities(home, &item.employee, request);
        }
        Ok(Verdict::Granted(change))
    }

    async fn make(
        &self,
        home: &Home,
        item: &TimeOffItem,
        (code, when): (&str, &TimeOffWhen),
        status: Wanted,
    ) -> Result<TimeOffRequest, Failure> {
        let path =
            format!("workforcemanagement/managementunits/{}/timeoffrequests", segment(&home.team));
        let body = NewTimeOff {
            status: if status == Wanted::Pending { "PENDING" } else { "APPROVED" },
            users: vec![Reference { id: item.employee.to_string() }],
            activity_code_id: code.to_owned(),
            when: when.clone(),
        };
        let ask = Ask::write(Method::POST, path, &body, "make a time-off request");
        let made: TimeOffRequests = self.genesys.client().json(&ask).await?;
        let made = made.time_off_requests.into_iter().next();
        made.ok_or_else(|| {
            super::classify::nonsense("make a time-off request", "the answer holds none")
        })
    }

    async fn change(
        &self,
        home: &Home,
        who: &EmployeeId,
        request: &TimeOffRequest,
        (status, activity_code_id, when): (&'static str, Option<String>, Option<TimeOffWhen>),
    ) -> Result<TimeOffRequest, Failure> {
        let path = format!("{}/{}", Self::of_user(home, who), segment(&request.id));
        let metadata = Metadata { version: request.metadata.version, date_modified: None };
        let body = TimeOffPatch { status, activity_code_id, when, metadata };
        let ask = Ask::write(Method::PATCH, path, &body, "decide a time-off request");
        self.genesys.client().json(&ask).await
    }

    /// Tells the vendor that the request has reached where it was to be shown. Whether that works
    /// decides nothing.
    async fn mark_integrated(&self, home: &Home, who: &EmployeeId, request: &TimeOffRequest) {
        if !self.genesys.marks_integrated() {
            return;
        }
        let path = format!(
            "workforcemanagement/managementunits/{}/timeoffrequests/{}/users/{}/integrationstatus",
            segment(&home.team),
            segment(&request.id),
            segment(who.as_str())
        );
        let body = IntegrationStatus { integration_status: "AutomaticallyComplete" };
        let ask = Ask::write(Method::PATCH, path, &body, "mark a time-off request");
        if let Err(failure) = self.genesys.client().send(&ask).await {
            tracing::warn!(
                failure.class = failure.class.as_str(),
                "a time-off request stays unmarked"
            );
        }
    }

    /// Changes or takes back an absence that is in the roster.
    async fn alter(
        &self,
        kind: CommandKind,
        id: &TimeOffId,
        named: &[Entity],
        to: Option<&TimeOffItem>,
    ) -> Result<Verdict, Failure> {
        let found = named.iter().find_map(|it| match it {
            Entity::TimeOff(off) if off.id == *id => Some(off),
            _ => None,
        });
        let Some(off) = found else { return Ok(Verdict::Refused(Refusal::Unknown)) };
        let not_here = Verdict::Refused(Refusal::NotHere { kind });
        // Whose id names no request stands on a schedule only, which nobody can change alone.
        let Some((request_id, _)) = id.as_str().split_once('.') else { return Ok(not_here) };
        let Some(home) = self.home(&off.employee).await? else {
            return Ok(Verdict::Refused(Refusal::UnknownEmployee));
        };
        for _ in 0..TRIES_MAX {
            let all = self.requests(&home, &off.employee).await?;
            let Some(request) = all.into_iter().find(|it| it.id == request_id) else {
                return Ok(not_here);
            };
            let parts = entities(&home, &off.employee, &request);
            let whole = parts.len() == 1 && parts.iter().all(|it| it.key() == key_of(off));
            if !whole && request.status == "APPROVED" {
                // A request of several weeks is several absences here; one of them is none there.
                return Ok(not_here);
            }
            let change = match to {
                None if request.status == "DENIED" => return Ok(taken_back(off)),
                None => ("DENIED", None, None),
                Some(item) => {
                    let when = self.when(item, &home.tz);
                    let Some(when) = when.filter(|_| item.employee == off.employee) else {
                        return Ok(not_here);
                    };
                    let code = item.reason.as_ref().map(|it| it.as_str().to_owned());
                    ("APPROVED", code, Some(when))
                }
            };
            match self.change(&home, &off.employee, &request, change).await {
                Err(failure) if failure.class == FailureClass::Precondition => {}
                Err(failure) if failure.class == FailureClass::Refused => {
                    return Ok(Verdict::Refused(Refusal::NotEligible));
                }
                Err(failure) => return Err(failure),
                Ok(_) if to.is_none() => return Ok(taken_back(off)),
                Ok(changed) => {
                    let upserts = entities(&home, &off.employee, &changed);
                    let kept = upserts.iter().any(|it| it.key() == key_of(off));
                    let tombstones = if kept { vec![] } else { vec![key_of(off)] };
                    return Ok(Verdict::Granted(RosterChange { upserts, tombstones }));
                }
            }
        }
        Ok(Verdict::Refused(Refusal::Outdated))
    }

    /// The days, or the hours of one day, of an absence; `None` when it is neither.
    fn when(&self, item: &TimeOffItem, tz: &TimeZone) -> Option<TimeOffWhen> {
        let (start, end) =
            (tz.to_datetime(item.interval.start()), tz.to_datetime(item.interval.end()));
        let midnight = Time::midnight();
        if start.time() == midnight && end.time() == midnight {
            let days = start.date().series(jiff::Span::new().days(1));
            let days: Vec<String> =
                days.take_while(|it| *it < end.date()).map(|it| it.to_string()).collect();
            let duration_minutes = vec![self.genesys.day_minutes(); days.len()];
            return Some(TimeOffWhen {
                full_day_management_unit_dates: Some(days),
                partial_day_start_date_times: None,
                duration_minutes,
            });
        }
        let minutes = i64::try_from(item.interval.duration().as_secs() / 60).ok()?;
        (1..=MINUTES_PER_DAY).contains(&minutes).then(|| TimeOffWhen {
            full_day_management_unit_dates: None,
            partial_day_start_date_times: Some(vec![item.interval.start().to_string()]),
            duration_minutes: vec![minutes],
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Pending,
    Approved,
    Denied,
}

enum Step {
    There(TimeOffRequest),
    Change(TimeOffRequest, &'static str),
    Make,
}

fn key_of(off: &domain::TimeOff) -> EntityKey {
    Entity::TimeOff(off.clone()).key()
}

fn taken_back(off: &domain::TimeOff) -> Verdict {
    Verdict::Granted(RosterChange { upserts: vec![], tombstones: vec![key_of(off)] })
}

/// Whether a request is about this time.
fn same(request: &TimeOffRequest, when: &TimeOffWhen) -> bool {
    let days: Vec<String> =
        request.full_day_management_unit_dates.iter().map(ToString::to_string).collect();
    let starts: Vec<String> =
        request.partial_day_start_date_times.iter().map(ToString::to_string).collect();
    let none = Vec::new();
    let same_days = days == *when.full_day_management_unit_dates.as_ref().unwrap_or(&none);
    let same_starts = starts == *when.partial_day_start_date_times.as_ref().unwrap_or(&none);
    let same_minutes = days.is_empty() && request.minutes() == when.duration_minutes;
    same_days && same_starts && (!days.is_empty() || same_minutes)
}

/// The absences that a request is in the roster, under the ids that the next reading gives them.
fn entities(home: &Home, who: &EmployeeId, request: &TimeOffRequest) -> Vec<Entity> {
    let head =
        Head { id: String::new(), week: jiff::civil::Date::MIN, version: None, days: vec![] };
    let around = Around { unit: &home.unit, head: &head, team: &home.team };
    let code = request.activity_code_id.as_str();
    let (zone, tz) = around.team_zone();
    let days = request.full_day_management_unit_dates.iter().map(|date| Day {
        date: *date,
        code: code.to_owned(),
        request: Some(request.id.clone()),
    });
    let mut found: Vec<SourceEntity> =
        whole_days(days.collect(), who, (&zone, &tz), &around).unwrap_or_default();
    // One that has hours which are none would have been refused when it was made.
    for interval in super::absence::hours_of(request).unwrap_or_default() {
        found.extend(timed_off(who, interval, (code, Some(&request.id)), short("")).ok());
    }
    found.into_iter().map(|it| it.entity).collect()
}

#[async_trait]
impl Decider for GenesysDecider {
    fn decides(&self) -> &BTreeSet<CommandKind> {
        &self.decides
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &self.by_itself
    }

    fn needs(&self, _: &Command, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn decide(&self, command: &Command, facts: &Facts, _: &str) -> Result<Verdict, Failure> {
        let kind = command.kind();
        let nothing = Verdict::Granted(RosterChange::default());
        match command {
            Command::Request { request: Request::TimeOff { item }, step } => match step {
                RequestStep::Asked => self.ensure(item, Wanted::Pending).await,
                RequestStep::Agreed => Ok(nothing),
                RequestStep::Approved => self.ensure(item, Wanted::Approved).await,
                RequestStep::Declined | RequestStep::Cancelled => {
                    self.ensure(item, Wanted::Denied).await
                }
            },
            Command::Request { request: Request::Swap { given, wanted }, step }
                if self.decides.contains(&kind) =>
            {
                self.swap((given, wanted), *step, &facts.entities).await
            }
            Command::CreateTimeOff { item } => self.ensure(item, Wanted::Approved).await,
            Command::EditTimeOff { time_off, item } => {
                self.alter(kind, time_off, &facts.entities, Some(item)).await
            }
            Command::DeleteTimeOff { time_off } => {
                self.alter(kind, time_off, &facts.entities, None).await
            }
            Command::Request {
                request: Request::OpenShift { .. } | Request::Swap { .. } | Request::Offer { .. },
                step: _,
            }
            | Command::CreateShift { .. }
            | Command::EditShift { .. }
            | Command::DeleteShift { .. }
            | Command::CreateOpenShift { .. }
            | Command::EditOpenShift { .. }
            | Command::DeleteOpenShift { .. }
            | Command::AssignOpenShift { .. }
            | Command::SetAvailability { .. } => Ok(Verdict::Refused(Refusal::NotHere { kind })),
        }
    }

    fn needs_for(&self, _: &EligibilityQuestion, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn eligible(
        &self,
        question: &EligibilityQuestion,
        facts: &Facts,
    ) -> Result<Vec<Eligible>, Failure> {
        Ok(match question {
            EligibilityQuestion::TimeOffReasons { employee: _ } => {
                facts.directory.reasons.keys().cloned().map(Eligible::Reason).collect()
            }
            EligibilityQuestion::SwapFor { .. } | EligibilityQuestion::OfferOf { .. } => vec![],
        })
    }
}
