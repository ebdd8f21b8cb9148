//! The port, in terms of the other files: placing, opening and writing. Listing and looking is in
//! `read`, who may see shared calendars in `sharing`, `check` in `check`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::{
    CalendarKey, Directory, Employee, Entity, EntityKind, ItemKey, MirrorName, ScheduleGroupId,
};
use engine::port::{
    Capabilities, ContentForm, DeltaToken, ETag, Failure, FailureClass, Finding, Item,
    ItemIdentity, Listing, Opened, Placement, Probe, RemoteId, Sighting, Target, Write, WriteWhat,
    Written,
};
use futures_util::future::join_all;
use http::Method;

use super::calendars::{Calendars, Home, Wanted};
use super::classify::Asked;
use super::client::{As, Ask, BATCH_MAX, Client, Done};
use super::config::{ForeignAccess, SharedWith};
use super::connection::Connection;
use super::map;
use super::scopes::Scopes;
use super::wire::Event;

/// Nobody is sent mail for what we write.
pub(super) const SILENT: (&str, &str) = ("sendUpdates", "none");

/// What a target is made of.
pub(super) struct Setup {
    pub mirror: MirrorName,
    /// IANA name of the roster's zone.
    pub time_zone: String,
    pub connection: Arc<Connection>,
    pub home: Home,
    pub shared_with: SharedWith,
    pub scopes: Scopes,
    pub foreign: ForeignAccess,
    /// The name of a person's own calendar in which every event is a wish.
    pub wishes_in: Option<String>,
}

/// The calendars of one mirror.
pub(super) struct GoogleTarget {
    pub setup: Setup,
    pub calendars: Calendars,
    capabilities: Capabilities,
    directory: Mutex<Arc<Directory>>,
    /// Where each person's calendar of wishes is (`wishing.rs`).
    pub wishing: Mutex<BTreeMap<CalendarKey, Arc<str>>>,
}

/// A calendar, found.
pub(super) struct Spot {
    pub who: As,
    pub calendar: Arc<str>,
}

impl GoogleTarget {
    pub fn new(setup: Setup) -> Self {
        let connection = &setup.connection;
        let is_shared = matches!(setup.home, Home::Shared { .. });
        let capabilities = Capabilities {
            kinds: vec![EntityKind::OpenShift, EntityKind::Shift, EntityKind::TimeOff],
            content: ContentForm::CalendarEvent,
            personal: !is_shared,
            identity: ItemIdentity::OriginTag,
            publishes: false,
            // A sync token cannot be had for our events only, and others are none of our business.
            deltas: setup.home != Home::Primary,
            look_size_max: BATCH_MAX.min(connection.client.together_max()),
            batch_size_max: BATCH_MAX.min(connection.client.together_max()),
            quotas: connection.quotas.clone(),
        };
        let calendars = Calendars::new(
            Arc::clone(&connection.client),
            Arc::clone(&connection.clock),
            setup.mirror.clone(),
            setup.home.clone(),
        );
        let (directory, wishing) = (Mutex::default(), Mutex::default());
        Self { setup, calendars, capabilities, directory, wishing }
    }

    pub(super) fn client(&self) -> &Client {
        &self.setup.connection.client
    }

    pub(super) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As whom a calendar is written.
    pub(super) fn who(&self, calendar: &CalendarKey) -> As {
        let user: Arc<str> = match &self.setup.home {
            Home::Own(_) | Home::Primary => calendar.as_str().into(),
            Home::Shared { organiser, .. } => Arc::clone(organiser),
        };
        As { user, scopes: self.setup.scopes.clone() }
    }

    /// Where a calendar is.
    ///
    /// # Errors
    /// `CalendarMissing` when it is not there.
    pub(super) async fn spot(
        &self,
        calendar: &CalendarKey,
        operation: &str,
    ) -> Result<Spot, Failure> {
        let who = self.who(calendar);
        match self.calendars.id(calendar, &who).await? {
            Some(id) => Ok(Spot { who, calendar: id }),
            None => Err(Failure {
                class: FailureClass::CalendarMissing,
                operation: operation.to_owned(),
                status: None,
                detail: "there is no calendar of this mirror".into(),
            }),
        }
    }

    /// Takes note of a calendar that turned out to be gone.
    pub(super) fn noted(&self, calendar: &CalendarKey, failure: Failure) -> Failure {
        if failure.class == FailureClass::CalendarMissing {
            self.calendars.forget(calendar);
        }
        failure
    }

    fn insertion(&self, spot: &Spot, calendar: &CalendarKey, item: &Item) -> Result<Ask, Failure> {
        let operation = format!("put an event into `{calendar}`");
        let origin = &item.origin;
        let id = map::event_id(&self.setup.mirror, &origin.item(), origin.generation);
        let Some((mut event, _)) = map::new_event(item) else { return Err(no_event(operation)) };
        event.id = Some(id.0.clone());
        let segments = ["calendars", &*spot.calendar, "events"];
        let ask = Ask::new(Method::POST, &segments, &spot.who, Asked::Create(id), operation);
        Ok(ask.query(&[SILENT]).json(&event))
    }

    fn replacement(
        spot: &Spot,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Ask, Failure> {
        let operation = format!("replace an event in `{calendar}`");
        let Some(etag) = etag else { return Err(without_etag(operation)) };
        let Some((event, _)) = map::new_event(item) else { return Err(no_event(operation)) };
        let segments = ["calendars", &*spot.calendar, "events", &remote.0];
        let ask = Ask::new(Method::PUT, &segments, &spot.who, Asked::Update, operation);
        Ok(ask.query(&[SILENT]).if_match(etag).json(&event))
    }

    fn deletion(
        spot: &Spot,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<Ask, Failure> {
        let operation = format!("delete an event in `{calendar}`");
        let Some(etag) = etag else { return Err(without_etag(operation)) };
        let segments = ["calendars", &*spot.calendar, "events", &remote.0];
        let ask = Ask::new(Method::DELETE, &segments, &spot.who, Asked::Delete, operation);
        Ok(ask.query(&[SILENT]).if_match(etag))
    }

    /// What an answer to an insertion or a replacement left.
    fn written(
        &self,
        calendar: &CalendarKey,
        ask: &Ask,
        outcome: Result<Done, Failure>,
    ) -> Result<Written, Failure> {
        let done = outcome.map_err(|failure| self.noted(calendar, failure))?;
        let event: Event = done.json(ask)?;
        let mirror = &self.setup.mirror;
        let item = map::remote_item(&event, map::Expected { mirror, item: None });
        Ok(Written { remote_id: item.remote_id, etag: item.etag, echoed: item.fingerprint })
    }

    /// What to do about an id that is taken: by an event that an app deleted, it is taken back.
    async fn taken(
        &self,
        spot: &Spot,
        calendar: &CalendarKey,
        item: &Item,
        refusal: Failure,
    ) -> Result<Written, Failure> {
        let origin = &item.origin;
        let id = map::event_id(&self.setup.mirror, &origin.item(), origin.generation);
        let operation = format!("look at an event in `{calendar}`");
        let segments = ["calendars", &*spot.calendar, "events", &id.0];
        let ask = Ask::new(Method::GET, &segments, &spot.who, Asked::Read, operation);
        let event: Event = match self.client().send(&ask).await {
            Ok(done) => done.json(&ask)?,
            Err(failure) if failure.status == Some(404) => return Err(refusal),
            Err(failure) => return Err(failure),
        };
        if !map::is_cancelled(&event) {
            return Err(refusal);
        }
        // What its owner moved to another calendar looks deleted here.
        self.fetch_back(spot, calendar, &id).await?;
        let etag = map::etag(&event);
        let ask = Self::replacement(spot, calendar, &id, etag.as_ref(), item)?;
        let outcome = self.client().send(&ask).await;
        match self.written(calendar, &ask, outcome) {
            // It lies in somebody's trash. Under another generation there is room.
            Err(failure) if failure.class == FailureClass::Forbidden => Err(refusal),
            outcome => outcome,
        }
    }

    /// Finishes a creation, whatever became of the insertion.
    async fn created(
        &self,
        spot: &Spot,
        calendar: &CalendarKey,
        item: &Item,
        (ask, outcome): (&Ask, Result<Done, Failure>),
    ) -> Result<Written, Failure> {
        match self.written(calendar, ask, outcome) {
            Err(failure) if matches!(failure.class, FailureClass::Duplicate { .. }) => {
                self.taken(spot, calendar, item, failure).await
            }
            outcome => outcome,
        }
    }

    fn ask(&self, spot: &Spot, write: &Write) -> Result<Ask, Failure> {
        let Write { calendar, what, not_after: _ } = write;
        match what {
            WriteWhat::Create(item) => self.insertion(spot, calendar, item),
            WriteWhat::Update { remote, etag, item } => {
                Self::replacement(spot, calendar, remote, etag.as_ref(), item)
            }
            WriteWhat::Delete { remote, etag } => {
                Self::deletion(spot, calendar, remote, etag.as_ref())
            }
        }
    }

    async fn finish(
        &self,
        spot: &Spot,
        write: &Write,
        (ask, outcome): (&Ask, Result<Done, Failure>),
    ) -> Result<Option<Written>, Failure> {
        let Write { calendar, what, not_after: _ } = write;
        match what {
            WriteWhat::Create(item) => {
                self.created(spot, calendar, item, (ask, outcome)).await.map(Some)
            }
            WriteWhat::Update { .. } => self.written(calendar, ask, outcome).map(Some),
            WriteWhat::Delete { .. } => outcome.map(|_| None),
        }
    }

    /// Writes of one calendar, and so as one person, in one batch.
    async fn write_some(
        &self,
        calendar: &CalendarKey,
        writes: &[&Write],
    ) -> Vec<Result<Option<Written>, Failure>> {
        let spot = match self.spot(calendar, &format!("write to `{calendar}`")).await {
            Ok(spot) => spot,
            Err(failure) => return writes.iter().map(|_| Err(failure.clone())).collect(),
        };
        let (mut asks, mut unsent) = (Vec::new(), BTreeMap::new());
        for (number, write) in writes.iter().enumerate() {
            match self.ask(&spot, write) {
                Ok(ask) => asks.push(ask),
                Err(failure) => drop(unsent.insert(number, failure)),
            }
        }
        let answers = self.client().send_all(&asks).await;
        let mut answers = asks.iter().zip(answers);
        let mut outcomes = Vec::with_capacity(writes.len());
        for (number, write) in writes.iter().enumerate() {
            outcomes.push(match (unsent.remove(&number), answers.by_ref()) {
                (Some(failure), _) => Err(failure),
                (None, answers) => match answers.next() {
                    Some(answer) => self.finish(&spot, write, answer).await,
                    None => Err(no_event(format!("write to `{calendar}`"))),
                },
            });
        }
        outcomes
    }

    fn place_of(&self, group: Option<&ScheduleGroupId>, employee: Option<&Employee>) -> Placement {
        let Some(it) = employee else { return unmapped("employee is not known") };
        match &self.setup.home {
            Home::Own(_) | Home::Primary => match address(it) {
                Some(address) => placed(&address),
                None => unmapped("employee has neither a Google id nor an e-mail address"),
            },
            Home::Shared { .. } => match group.or(it.group.as_ref()) {
                Some(group) => placed(group.as_str()),
                None => unmapped("employee has no group"),
            },
        }
    }

    fn wanted<'a>(&self, calendar: &'a CalendarKey, who: &'a As) -> Wanted<'a> {
        let directory = self.directory();
        let own_zone = || {
            let mut all = directory.employees.values();
            let found = all.find(|it| address(it).as_deref() == Some(calendar.as_str()))?;
            found.time_zone.clone()
        };
        let name = match &self.setup.home {
            Home::Own(name) => name.clone(),
            Home::Primary => String::new(),
            Home::Shared { name, .. } => match ScheduleGroupId::new(calendar.as_str()) {
                Ok(group) => format!("{name} – {}", directory.group_name(&group)),
                Err(_) => format!("{name} – {calendar}"),
            },
        };
        let time_zone = own_zone().unwrap_or_else(|| self.setup.time_zone.clone());
        Wanted { key: calendar, who, name, time_zone }
    }
}

/// The address of an employee's account, in lower case: Google's are alike in both.
pub(super) fn address(employee: &Employee) -> Option<String> {
    let text = employee.google_id.as_deref().or(employee.email.as_deref())?.trim();
    (!text.is_empty()).then(|| text.to_ascii_lowercase())
}

fn placed(key: &str) -> Placement {
    match CalendarKey::new(key) {
        Ok(key) => Placement::In(key),
        Err(error) => unmapped(error.to_string()),
    }
}

fn unmapped(why: impl Into<String>) -> Placement {
    Placement::Unmapped(why.into())
}

fn no_event(operation: String) -> Failure {
    let detail = "the item is no event of a calendar".into();
    Failure { class: FailureClass::Bug, operation, status: None, detail }
}

fn without_etag(operation: String) -> Failure {
    let detail = "no etag is known, so it cannot be replaced or deleted safely; nothing was sent";
    Failure { class: FailureClass::Refused, operation, status: None, detail: detail.into() }
}

#[async_trait]
impl Target for GoogleTarget {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn meet(&self, directory: Arc<Directory>) {
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        match entity {
            Entity::Shift(it) => self.place_of(it.group.as_ref(), employee),
            Entity::TimeOff(_) => self.place_of(None, employee),
            Entity::OpenShift(it) => match (&self.setup.home, &it.group) {
                (Home::Shared { .. }, Some(group)) => placed(group.as_str()),
                (Home::Shared { .. }, None) => unmapped("the open shift has no group"),
                // It is nobody's yet, so nobody's own calendar shows it.
                (Home::Own(_) | Home::Primary, _) => Placement::NotShown,
            },
            Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => {
                Placement::NotShown
            }
        }
    }

    fn remote_id(&self, _: &CalendarKey, key: &ItemKey, generation: u32) -> Option<RemoteId> {
        Some(map::event_id(&self.setup.mirror, key, generation))
    }

    async fn check(&self) -> Vec<Finding> {
        super::check::findings(self).await
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        let who = self.who(calendar);
        let opened = self.calendars.open(&self.wanted(calendar, &who)).await?;
        if matches!(self.setup.home, Home::Shared { .. })
            && self.setup.shared_with == SharedWith::Group
        {
            self.share(calendar).await?;
        }
        Ok(opened)
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        self.listing(calendar, since).await
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.sightings(calendar, probes).await
    }

    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        self.elsewhere(calendar, items).await
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        let spot = self.spot(calendar, &format!("put an event into `{calendar}`")).await?;
        let ask = self.insertion(&spot, calendar, item)?;
        let outcome = self.client().send(&ask).await;
        self.created(&spot, calendar, item, (&ask, outcome)).await
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let spot = self.spot(calendar, &format!("replace an event in `{calendar}`")).await?;
        let ask = Self::replacement(&spot, calendar, remote, etag, item)?;
        let outcome = self.client().send(&ask).await;
        self.written(calendar, &ask, outcome)
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        let spot = self.spot(calendar, &format!("delete an event in `{calendar}`")).await?;
        let ask = Self::deletion(&spot, calendar, remote, etag)?;
        self.client().send(&ask).await.map(drop)
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        let mut by_calendar: BTreeMap<&CalendarKey, Vec<usize>> = BTreeMap::new();
        for (number, write) in writes.iter().enumerate() {
            by_calendar.entry(&write.calendar).or_default().push(number);
        }
        let parts = by_calendar.into_iter().map(|(calendar, numbers)| async move {
            let some: Vec<&Write> = numbers.iter().map(|number| &writes[*number]).collect();
            let outcomes = self.write_some(calendar, &some).await;
            numbers.into_iter().zip(outcomes).collect::<Vec<_>>()
        });
        let mut all: Vec<_> = join_all(parts).await.into_iter().flatten().collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn publish(&self, _: &CalendarKey, _: &domain::UtcInterval) -> Result<(), Failure> {
        Ok(())
    }

    fn requests_sent(&self) -> u64 {
        self.client().requests_sent()
    }
}
