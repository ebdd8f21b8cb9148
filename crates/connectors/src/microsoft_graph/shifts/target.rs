//! The port, in terms of the other files.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::GROUP_COMMIT_INTENTS_MAX;
use domain::{
    CalendarKey, Directory, Employee, Entity, EntityKind, ItemKey, ScheduleGroupId, ScheduleItem,
    UtcInterval,
};
use engine::port::{
    Capabilities, Content, ContentForm, DeltaToken, ETag, Failure, FailureClass, Finding, Item,
    ItemIdentity, Listing, Opened, Placement, Probe, QuotaDeclaration, QuotaScope, RemoteId,
    Sighting, Target, Write, WriteWhat, Written,
};

use jiff::Timestamp;

use super::call::Caller;
use super::callback::names::{Names, TeamNames};
use super::check::Checker;
use super::config::Teams;
use super::provision::Provision;
use super::read::Reader;
use super::team::{TeamBook, refused};
use super::write::Writer;
use crate::microsoft_graph::connection::Connection;

/// Longest and shortest shift that Shifts takes (Learn, "shift resource type").
const SHIFT_MAX: Duration = Duration::from_secs(24 * 3600);
const SHIFT_MIN: Duration = Duration::from_secs(60);
/// Calls of one team that may wait for their turns at once, for each request per second: enough to
/// keep a team busy whose answers take a second.
const CALLS_PER_REQUEST: usize = 1;
/// Calls that may wait for their turns at once.
const CALLS_MAX: usize = 64;

/// The schedules of one mirror's teams.
pub struct ShiftsTarget {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// What is known of the teams.
    pub book: Arc<TeamBook>,
    /// Where groups go.
    pub teams: Arc<Teams>,
    /// What makes what is missing.
    pub provision: Arc<Provision>,
    /// What reads.
    pub reader: Reader,
    /// What writes.
    pub writer: Writer,
    /// What `doctor` asks.
    pub checker: Checker,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// What such a target can do over a connection.
#[must_use]
pub fn capabilities(connection: &Connection) -> Capabilities {
    Capabilities {
        kinds: vec![
            EntityKind::Shift,
            EntityKind::OpenShift,
            EntityKind::TimeOff,
            EntityKind::Employee,
        ],
        content: ContentForm::ScheduleItem,
        personal: false,
        identity: ItemIdentity::NaturalKey,
        publishes: true,
        deltas: false,
        look_size_max: GROUP_COMMIT_INTENTS_MAX,
        batch_size_max: 1,
        quotas: connection.quotas().iter().map(quota_of_calls).collect(),
    }
}

/// The engine admits calls, and requests wait for their own turns (`budget.rs`): so more calls may
/// be under way than requests, but not so many of one team that others have no room.
fn quota_of_calls(declared: &QuotaDeclaration) -> QuotaDeclaration {
    let QuotaDeclaration { scope, concurrency, rate } = *declared;
    let requests = rate.map_or(CALLS_MAX, |it| usize::try_from(it.requests).unwrap_or(CALLS_MAX));
    let calls = match scope {
        QuotaScope::Connection => requests.max(concurrency.unwrap_or(1)),
        QuotaScope::Calendar => requests * CALLS_PER_REQUEST,
    };
    QuotaDeclaration { scope, concurrency: Some(calls.clamp(1, CALLS_MAX)), rate }
}

impl ShiftsTarget {
    fn zone_of(&self, calendar: &CalendarKey) -> &str {
        self.teams.zone_of(calendar).unwrap_or(&self.provision.time_zone)
    }

    async fn write_in_time(&self, write: &Write) -> Result<Option<Written>, Failure> {
        let Write { calendar, what, not_after } = write;
        let until = *not_after;
        match what {
            WriteWhat::Create(item) => {
                self.writer.create(calendar, scheduled(calendar, item)?, until).await.map(Some)
            }
            WriteWhat::Update { remote, etag, item } => {
                let item = (scheduled(calendar, item)?, until);
                self.writer.update(calendar, remote, etag.as_ref(), item).await.map(Some)
            }
            WriteWhat::Delete { remote, etag } => {
                let zone = (self.zone_of(calendar), until);
                self.writer.delete(calendar, remote, etag.as_ref(), zone).await.map(|()| None)
            }
        }
    }

    fn place_in_team(
        &self,
        group: Option<&ScheduleGroupId>,
        employee: Option<&Employee>,
    ) -> Placement {
        let group = group.or_else(|| employee.and_then(|it| it.group.as_ref()));
        let found = self.teams.of_group(group.map(ScheduleGroupId::as_str));
        match (found, group) {
            (Some(team), _) => Placement::In(team.clone()),
            (None, Some(group)) => {
                unmapped(format!("group `{group}` is none of those in the mirror's `teams`"))
            }
            (None, None) if employee.is_some() => unmapped("employee has no group"),
            (None, None) => unmapped("belongs to no group"),
        }
    }

    fn place_of_employee(
        &self,
        group: Option<&ScheduleGroupId>,
        employee: Option<&Employee>,
    ) -> Placement {
        match employee {
            None => unmapped("employee is not known"),
            Some(it) if it.m365_id.is_none() && it.email.is_none() => {
                unmapped("employee has neither a Microsoft 365 id nor an e-mail address")
            }
            Some(_) => self.place_in_team(group, employee),
        }
    }
}

fn unmapped(why: impl Into<String>) -> Placement {
    Placement::Unmapped(why.into())
}

/// What Shifts takes no shift of; `None` when the length is fine.
fn bad_length(interval: &UtcInterval) -> Option<Placement> {
    let length = interval.to_whole_seconds().duration();
    let minutes = length.as_secs() / 60;
    if length > SHIFT_MAX {
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let lasts = format!("lasts {hours} h {minutes} min");
        return Some(unmapped(format!("{lasts}; Shifts takes shifts of at most 24 hours")));
    }
    if length < SHIFT_MIN {
        let lasts = format!("lasts {} s", length.as_secs());
        return Some(unmapped(format!("{lasts}; Shifts takes shifts of at least a minute")));
    }
    None
}

#[async_trait]
impl Target for ShiftsTarget {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn meet(&self, directory: Arc<Directory>) {
        self.book.meet(directory);
    }

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        match entity {
            Entity::Shift(it) => bad_length(&it.interval)
                .unwrap_or_else(|| self.place_of_employee(it.group.as_ref(), employee)),
            Entity::OpenShift(it) => bad_length(&it.interval)
                .unwrap_or_else(|| self.place_in_team(it.group.as_ref(), None)),
            Entity::TimeOff(it) => match it.span.interval() {
                Ok(_) => self.place_of_employee(None, employee),
                Err(error) => unmapped(error.to_string()),
            },
            Entity::Employee(it) => match it.availability {
                Some(_) => self.place_of_employee(None, Some(it)),
                None => Placement::NotShown,
            },
            Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => Placement::NotShown,
        }
    }

    fn remote_id(&self, _: &CalendarKey, _: &ItemKey, _: u32) -> Option<RemoteId> {
        None
    }

    async fn check(&self) -> Vec<Finding> {
        self.checker.check().await
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        self.provision.open(calendar).await
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        if since.is_some() {
            let operation = format!("list what changed in team `{calendar}`");
            let detail = "Shifts knows no changes since a time";
            let failure = refused(operation, detail);
            return Err(Failure { class: FailureClass::DeltaExpired, ..failure });
        }
        self.reader.list(calendar).await
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.reader.look(calendar, probes).await
    }

    async fn strayed(&self, _: &CalendarKey, items: &[RemoteId]) -> Result<Vec<bool>, Failure> {
        // Shifts tells what people do by callbacks, and has no way to move a shift to another team.
        Ok(vec![false; items.len()])
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        self.writer.create(calendar, scheduled(calendar, item)?, Timestamp::MAX).await
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let item = (scheduled(calendar, item)?, Timestamp::MAX);
        self.writer.update(calendar, remote, etag, item).await
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        let zone = (self.zone_of(calendar), Timestamp::MAX);
        self.writer.delete(calendar, remote, etag, zone).await
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(self.write_in_time(write).await);
        }
        outcomes
    }

    async fn publish(&self, calendar: &CalendarKey, interval: &UtcInterval) -> Result<(), Failure> {
        self.writer.publish(calendar, interval).await
    }

    fn requests_sent(&self) -> u64 {
        self.caller.requests_sent()
    }
}

fn scheduled<'i>(calendar: &CalendarKey, item: &'i Item) -> Result<&'i ScheduleItem, Failure> {
    match &item.content {
        Content::Schedule(it) => Ok(it),
        Content::Event(_) => Err(no_event(calendar)),
    }
}

fn no_event(calendar: &CalendarKey) -> Failure {
    let failure = refused(format!("write to team `{calendar}`"), "an event is no schedule item");
    Failure { class: FailureClass::Bug, ..failure }
}

/// What callbacks know of teams. Whoever waits for an answer does not wait for Graph where anything
/// is known: what is old is read again behind them, and what is missing from it at once.
pub struct NamesAtHand(pub Arc<TeamBook>);

#[async_trait]
impl Names for NamesAtHand {
    async fn of(
        &self,
        team: &CalendarKey,
        directory: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure> {
        let Self(book) = self;
        book.meet(Arc::clone(directory));
        if book.index_in_memory(team).is_none()
            && let Some(old) = book.old_index(team)
        {
            book.read_behind(team);
            return Ok(Arc::clone(&old.names));
        }
        Ok(Arc::clone(&book.index(team).await?.names))
    }

    async fn look_again(
        &self,
        team: &CalendarKey,
        directory: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure> {
        self.0.meet(Arc::clone(directory));
        Ok(Arc::clone(&self.0.index_again(team).await?.names))
    }
}
