//! Making what is missing in a team: its schedule, groups, their members, kinds of absence.
//!
//! A schedule comes to be asynchronously, so a PUT is followed by looking until it is there (Learn,
//! "Create or replace schedule"). Looking inside one call is bounded, because the call works under
//! a lease; what takes longer is told as a team that is to be left alone for some seconds, and
//! after some minutes as a failure.
//!
//! Only ever added to: members whom somebody else put into a group stay, reasons that the team had
//! are used as they are, settings that are none of our business are sent back as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{CalendarKey, CommandKind, EmployeeId, ScheduleGroupId, TimeOffReasonId};
use engine::port::{Clock, Failure, FailureClass, Opened, QuotaScope};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::{Caller, if_match};
use super::config::Teams;
use super::people::{Index, WantedGroup, WantedReason, wanted_groups};
use super::team::{TeamBook, read_members, refused, schedule_path};
use super::wire::{Group, Member, Reason, Schedule};
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, Version, segment};

/// Looks at a schedule that is being made, inside one call.
const LOOKS_PER_CALL: u32 = 6;
/// How long between them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a team is left alone after that.
const LEAVE_ALONE: Duration = Duration::from_secs(5);
/// How long a schedule may take altogether.
const PROVISIONING_MAX: Duration = Duration::from_secs(5 * 60);
/// Attempts at changing a group that somebody else changes at the same time.
const GROUP_ATTEMPTS: u32 = 5;
/// How long between the first two; doubles.
const GROUP_WAIT: Duration = Duration::from_millis(500);

/// Makes what is missing.
pub struct Provision {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// What is known of the teams.
    pub book: Arc<TeamBook>,
    /// Where groups go.
    pub teams: Arc<Teams>,
    /// What people may ask for.
    pub two_way: BTreeSet<CommandKind>,
    /// The roster's zone, for teams without one of their own.
    pub time_zone: String,
    /// The name of the reason for absences without one.
    pub reason_default: String,
    /// Since when schedules are being made.
    pub waiting: Mutex<BTreeMap<CalendarKey, Timestamp>>,
}

impl Provision {
    /// Makes a team ready to be written, and learns all about it.
    ///
    /// # Errors
    /// When its schedule cannot be made, or is not ready yet (`Throttled`); when groups or
    /// reasons cannot be brought about.
    pub async fn open(&self, team: &CalendarKey) -> Result<Opened, Failure> {
        let _alone = self.book.alone(team).await;
        let opened = self.schedule(team).await?;
        self.book.learn(team).await?;
        let directory = self.book.directory();
        for group in wanted_groups(&directory, &self.teams, team) {
            let in_group = directory.employees.values().filter(|it| it.group == group);
            let people: Vec<EmployeeId> = in_group.map(|it| it.id.clone()).collect();
            self.bring_about_group(team, group.as_ref(), &people).await?;
        }
        for reason in directory.reasons.keys() {
            self.bring_about_reason(team, Some(reason)).await?;
        }
        Ok(opened)
    }

    /// Makes sure that a group is there and has `employee` in it.
    ///
    /// # Errors
    /// When it cannot be brought about.
    pub async fn group(
        &self,
        team: &CalendarKey,
        group: Option<&ScheduleGroupId>,
        employee: Option<&EmployeeId>,
    ) -> Result<Arc<Index>, Failure> {
        let _alone = self.book.alone(team).await;
        let people: Vec<EmployeeId> = employee.into_iter().cloned().collect();
        self.bring_about_group(team, group, &people).await
    }

    /// Makes sure that a kind of absence is there.
    ///
    /// # Errors
    /// When it cannot be brought about.
    pub async fn reason(
        &self,
        team: &CalendarKey,
        reason: Option<&TimeOffReasonId>,
    ) -> Result<Arc<Index>, Failure> {
        let _alone = self.book.alone(team).await;
        self.bring_about_reason(team, reason).await
    }

    async fn schedule(&self, team: &CalendarKey) -> Result<Opened, Failure> {
        let there = read_schedule(&self.caller, team).await?;
        let opened = if there.is_some() { Opened::Found } else { Opened::Made };
        let wanted = self.settings(team);
        let as_wanted = there.as_ref().is_some_and(|it| {
            let same = |(name, value): &(&'static str, Value)| it.0.get(*name) == Some(value);
            wanted.iter().all(same) && it.provision_status() != "failed"
        });
        if there.is_none() && !self.surely_has_none(team).await? {
            let operation = format!("read the schedule of team `{team}`");
            let detail = "it is said not to be there, and then to be there";
            let class = FailureClass::Unavailable;
            return Err(Failure { class, operation, status: Some(404), detail: detail.into() });
        }
        let mut schedule = match there {
            Some(there) if as_wanted => there,
            there => {
                let operation = format!("make the schedule of team `{team}`");
                write_schedule(&self.caller, team, &there.unwrap_or_default(), wanted, operation)
                    .await?
            }
        };
        let mut looks = 0;
        loop {
            match schedule.provision_status().as_str() {
                // What says nothing of it has no need to.
                "completed" | "" => {
                    lock(&self.waiting).remove(team);
                    return Ok(opened);
                }
                "failed" => return Err(self.not_provisioned(team, &schedule)),
                _ if looks >= LOOKS_PER_CALL => return Err(self.not_ready(team)),
                _ => looks += 1,
            }
            self.pause(LOOK_EVERY).await;
            if let Some(now) = read_schedule(&self.caller, team).await? {
                schedule = now;
            }
        }
    }

    /// Whether a schedule that was said not to be there really is not.
    ///
    /// Graph says so too of one that we "may not have access to" at the moment
    /// (microsoft-graph-docs-contrib#4597), and making it then would replace the settings that
    /// people made. So the team itself must answer (by its members: that needs no other permission
    /// than the rest), and both what lies in the schedule and, once more, the schedule must not.
    ///
    /// # Errors
    /// When the team is not there, or one of them cannot be read.
    async fn surely_has_none(&self, team: &CalendarKey) -> Result<bool, Failure> {
        read_members(&self.caller, team).await?;
        let path = schedule_path(team, "/schedulingGroups?$top=1");
        let operation = format!("see whether team `{team}` has a schedule");
        match self.caller.read(Ask::get(path, operation)).await {
            Err(failure) if is_missing(&failure) => {}
            // There is a schedule, or one is being made.
            Ok(_) => return Ok(false),
            Err(failure) if failure.class == FailureClass::Precondition => return Ok(false),
            Err(failure) => return Err(failure),
        }
        Ok(read_schedule(&self.caller, team).await?.is_none())
    }

    fn settings(&self, team: &CalendarKey) -> Vec<(&'static str, Value)> {
        let may = |kind| json!(self.two_way.contains(&kind));
        vec![
            ("enabled", json!(true)),
            ("timeZone", json!(self.teams.zone_of(team).unwrap_or(&self.time_zone))),
            // Whether there are open shifts at all: ours must be seen. What nobody may ask for is
            // refused when somebody does.
            ("openShiftsEnabled", json!(true)),
            ("swapShiftsRequestsEnabled", may(CommandKind::SwapRequest)),
            ("offerShiftRequestsEnabled", may(CommandKind::OfferRequest)),
            ("timeOffRequestsEnabled", may(CommandKind::TimeOffRequest)),
        ]
    }

    fn not_provisioned(&self, team: &CalendarKey, schedule: &Schedule) -> Failure {
        lock(&self.waiting).remove(team);
        let code = schedule.text("provisionStatusCode").unwrap_or("no code is given");
        refused(
            format!("make the schedule of team `{team}`"),
            format!(
                "Shifts gave up provisioning it: {}",
                crate::microsoft_graph::wire::short(code)
            ),
        )
    }

    fn not_ready(&self, team: &CalendarKey) -> Failure {
        let now = self.now();
        let since = *lock(&self.waiting).entry(team.clone()).or_insert(now);
        let waited = now.duration_since(since).unsigned_abs();
        let operation = format!("make the schedule of team `{team}`");
        if waited > PROVISIONING_MAX {
            lock(&self.waiting).remove(team);
            let detail = format!("Shifts has been provisioning it for {} s", waited.as_secs());
            return refused(operation, detail);
        }
        let (retry_after, scope) = (Some(LEAVE_ALONE), QuotaScope::Calendar);
        let detail = "Shifts is still provisioning it".to_owned();
        let class = FailureClass::Throttled { retry_after, scope };
        Failure { class, operation, status: None, detail }
    }

    async fn bring_about_group(
        &self,
        team: &CalendarKey,
        id: Option<&ScheduleGroupId>,
        people: &[EmployeeId],
    ) -> Result<Arc<Index>, Failure> {
        let mut index = self.index_while_alone(team).await?;
        let directory = self.book.directory();
        let wanted = WantedGroup::of(id, &directory);
        let users: Vec<String> =
            people.iter().filter_map(|it| index.users.get(it)).cloned().collect();
        let facts = self.book.facts(team).unwrap_or_default();
        let group = match wanted.find(&facts.groups) {
            None => {
                let body = json!({
                    "displayName": wanted.name, "code": wanted.code, "isActive": true,
                    "userIds": users,
                });
                self.make_group(team, &body).await?
            }
            Some(there) if change_of(there, &wanted, &users, &facts.members).is_none() => {
                return Ok(index);
            }
            Some(there) => {
                let id = &there.id;
                match self.change_group(team, id, &wanted, &users, &facts.members).await {
                    // Somebody may have left the team a moment ago.
                    Err(failure) if failure.class == FailureClass::Refused => {
                        let members = read_members(&self.caller, team).await?;
                        let still: Vec<String> =
                            users.into_iter().filter(|it| is_member(&members, it)).collect();
                        self.change_group(team, id, &wanted, &still, &members).await?
                    }
                    answer => answer?,
                }
            }
        };
        index = self.book.change(team, |facts| {
            facts.groups.retain(|it| it.id != group.id);
            facts.groups.push(group);
        });
        Ok(index)
    }

    async fn make_group(&self, team: &CalendarKey, body: &Value) -> Result<Group, Failure> {
        let operation = format!("add a scheduling group to team `{team}`");
        let path = schedule_path(team, "/schedulingGroups");
        let ask = Ask::new(Method::POST, Version::V1, path, operation).json(body);
        Ok(self.caller.write(ask).await?.json::<Group>()?)
    }

    async fn change_group(
        &self,
        team: &CalendarKey,
        id: &str,
        wanted: &WantedGroup<'_>,
        users: &[String],
        members: &[Member],
    ) -> Result<Group, Failure> {
        let path = schedule_path(team, &format!("/schedulingGroups/{}", segment(id)));
        let operation = format!("change a scheduling group of team `{team}`");
        let mut attempts = 0;
        loop {
            let read = Ask::get(path.clone(), operation.clone()).about(About::Item);
            let there = self.caller.read(read).await?.json::<Group>()?;
            let Some(body) = change_of(&there, wanted, users, members) else { return Ok(there) };
            let write = Ask::new(Method::PUT, Version::V1, path.clone(), operation.clone());
            let write = if_match(write.about(About::Item).json(&body), there.etag.as_deref());
            let answer = self.caller.write(write).await;
            attempts += 1;
            match answer {
                Ok(answer) if answer.body.is_empty() => return Ok(changed(there, &body)),
                Ok(answer) => {
                    let group = answer.json::<Group>()?;
                    let it = if group.id.is_empty() { changed(there, &body) } else { group };
                    return Ok(it);
                }
                // Shifts answers 409 while memberships are being brought about (shifts.md §1.4).
                Err(failure)
                    if failure.class == FailureClass::Precondition && attempts < GROUP_ATTEMPTS =>
                {
                    self.pause(GROUP_WAIT * 2u32.pow(attempts - 1)).await;
                }
                Err(failure) if failure.class == FailureClass::Precondition => {
                    return Err(Failure { class: FailureClass::Unavailable, ..failure });
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn bring_about_reason(
        &self,
        team: &CalendarKey,
        id: Option<&TimeOffReasonId>,
    ) -> Result<Arc<Index>, Failure> {
        let index = self.index_while_alone(team).await?;
        let directory = self.book.directory();
        let wanted = WantedReason::of(id, &directory, self.reason_default.trim());
        let facts = self.book.facts(team).unwrap_or_default();
        let there = wanted.find(&facts.reasons);
        if there.is_some_and(|it| it.is_active != Some(false) && wanted.is_called(it)) {
            return Ok(index);
        }
        let path = schedule_path(team, "/timeOffReasons");
        let icon = there.and_then(|it| it.icon_type.as_deref()).unwrap_or("none");
        let body = json!({
            "displayName": wanted.name, "code": wanted.code, "iconType": icon, "isActive": true,
        });
        let (ask, id) = match there {
            None => {
                let operation = format!("add a time-off reason to team `{team}`");
                (Ask::new(Method::POST, Version::V1, path, operation), None)
            }
            Some(there) => {
                let operation = format!("bring back or rename a time-off reason of team `{team}`");
                let path = format!("{path}/{}", segment(&there.id));
                let ask = Ask::new(Method::PUT, Version::V1, path, operation).about(About::Item);
                (if_match(ask, there.etag.as_deref()), Some(there.id.clone()))
            }
        };
        let answer = self.caller.write(ask.json(&body)).await?;
        let answered = match answer.body.is_empty() {
            true => Reason::default(),
            false => answer.json::<Reason>()?,
        };
        let made = match id {
            // What is there already may be answered without saying which it is.
            Some(id) if answered.id.is_empty() => Reason {
                id,
                display_name: Some(wanted.name.to_owned()),
                code: Some(wanted.code.to_owned()),
                is_active: Some(true),
                ..Reason::default()
            },
            Some(_) | None => answered,
        };
        Ok(self.book.change(team, |facts| {
            facts.reasons.retain(|it| it.id != made.id);
            facts.reasons.push(made);
        }))
    }

    /// What is known of a team; whoever calls it has it for itself already.
    async fn index_while_alone(&self, team: &CalendarKey) -> Result<Arc<Index>, Failure> {
        match self.book.index_in_memory(team) {
            Some(index) => Ok(index),
            None => self.book.learn(team).await,
        }
    }

    async fn pause(&self, time: Duration) {
        let until = self.now().saturating_add(time).unwrap_or(Timestamp::MAX);
        self.clock().sleep_until(until).await;
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.caller.connection().clock()
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_member(members: &[Member], user: &str) -> bool {
    let is = |it: &Member| it.user_id.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(user));
    members.iter().any(is)
}

/// What a group has to become; `None` when it is as it should be.
///
/// Who left the team may still stand in its groups, but may not be sent back: that would keep out
/// those who came (Learn, "Replace schedulingGroup": users are members of the team).
fn change_of(
    there: &Group,
    wanted: &WantedGroup<'_>,
    users: &[String],
    members: &[Member],
) -> Option<Value> {
    let is_in = |user: &String| there.user_ids.iter().any(|it| it.eq_ignore_ascii_case(user));
    let missing: Vec<&String> = users.iter().filter(|user| !is_in(user)).collect();
    let ours = there.code.as_deref() == Some(wanted.code);
    // A group that we found by its name keeps its owner's spelling.
    let renamed = ours && there.display_name.as_deref() != Some(wanted.name);
    if missing.is_empty() && !renamed && there.is_active != Some(false) {
        return None;
    }
    let name = if ours { Some(wanted.name) } else { there.display_name.as_deref() };
    let stay = there.user_ids.iter().filter(|it| is_member(members, it));
    let everybody: Vec<&String> = stay.chain(missing).collect();
    let mut body = json!({ "displayName": name, "isActive": true, "userIds": everybody });
    if let (Some(code), Value::Object(map)) = (&there.code, &mut body) {
        map.insert("code".into(), code.as_str().into());
    }
    Some(body)
}

/// A group after a PUT that was answered without it.
fn changed(there: Group, body: &Value) -> Group {
    let users = body["userIds"].as_array().into_iter().flatten();
    Group {
        user_ids: users.filter_map(Value::as_str).map(str::to_owned).collect(),
        is_active: Some(true),
        etag: None,
        ..there
    }
}

/// Reads a team's schedule; `None` when there is none.
///
/// # Errors
/// When it cannot be read. That the team is not there looks like a schedule that is not.
pub async fn read_schedule(
    caller: &Caller,
    team: &CalendarKey,
) -> Result<Option<Schedule>, Failure> {
    let operation = format!("read the schedule of team `{team}`");
    let answer = caller.read(Ask::get(schedule_path(team, ""), operation)).await;
    match answer {
        Ok(answer) => Ok(Some(answer.json::<Schedule>()?)),
        Err(failure) if is_missing(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn is_missing(failure: &Failure) -> bool {
    matches!(failure.class, FailureClass::CalendarMissing | FailureClass::Missing)
}

/// Writes all settings of a schedule, some of them changed; gives it as it is then.
///
/// # Errors
/// When it cannot be written.
pub async fn write_schedule(
    caller: &Caller,
    team: &CalendarKey,
    there: &Schedule,
    changes: impl IntoIterator<Item = (&'static str, Value)>,
    operation: String,
) -> Result<Schedule, Failure> {
    let body = there.with(changes);
    let ask = Ask::new(Method::PUT, Version::V1, schedule_path(team, ""), operation).json(&body);
    let answer = caller.write(ask).await?;
    if answer.body.is_empty() {
        return Ok(read_schedule(caller, team).await?.unwrap_or_default());
    }
    Ok(answer.json::<Schedule>()?)
}
