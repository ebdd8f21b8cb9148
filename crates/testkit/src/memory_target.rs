//! A strict calendar server, or a schedule product, kept in memory.
//!
//! It does what it is asked at once and without mercy: preconditions are checked, tokens expire,
//! identities are unique. What differs between servers are [`Habits`]. Faults are not its
//! business: whoever wants some wraps it. People use the same calendars; their side is in
//! [`MemoryTarget::put_foreign`] and its neighbours. What a schedule product does differently is
//! in [`schedule`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{
    CalendarEvent, CalendarKey, Employee, Entity, EntityKey, EntityKind, EventSpan, Fingerprint,
    ItemKey, OriginTag,
};
use engine::port::{
    Capabilities, Content, ContentForm, DeltaToken, ETag, Failure, FailureClass, Finding,
    FindingLevel, Item, ItemIdentity, ListEntry, Listing, Opened, Placement, Probe,
    QuotaDeclaration, RemoteId, RemoteItem, Revision, Sighting, Target, Write, Written,
    write_one_by_one,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

mod calendar;
pub mod schedule;

use calendar::Calendar;

/// What differs between servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// Whether we choose where an item is; else the server does, and an item whose place is not
    /// known is found by its origin tag.
    pub chosen_ids: bool,
    /// Whether an answer to a write carries the new etag.
    pub etag_on_write: bool,
    /// Whether the server stores something else than it was given: here, it drops labels.
    pub rewrites: bool,
    /// Whether an answer to a write carries what was stored.
    pub echo_on_write: bool,
    /// Whether a listing carries the items, or only their etags.
    pub items_in_listing: bool,
    /// Whether listings give tokens.
    pub deltas: bool,
    /// Whether a second item with the same origin is refused, wherever it is.
    pub unique_identity: bool,
    /// Whether the tag of an item goes along when a person copies it.
    pub tags_copied: bool,
    /// Whether calendars are there before they are opened.
    pub ready_made: bool,
    /// The most probes in one look.
    pub look_size_max: usize,
    /// The most writes in one batch.
    pub batch_size_max: usize,
    /// The budgets that it declares; keeping them is the caller's business.
    pub quotas: Vec<QuotaDeclaration>,
    /// Whether it is a schedule product: it takes items of a schedule, chooses ids itself, shows
    /// no origin tags, and keeps drafts until they are published.
    pub schedule: bool,
}

impl Default for Habits {
    /// Those of a plain CalDAV server.
    fn default() -> Self {
        Self {
            chosen_ids: true,
            etag_on_write: true,
            rewrites: false,
            echo_on_write: false,
            items_in_listing: false,
            deltas: true,
            unique_identity: true,
            tags_copied: false,
            ready_made: false,
            look_size_max: 100,
            batch_size_max: 1,
            quotas: Vec::new(),
            schedule: false,
        }
    }
}

impl Habits {
    /// Those of a schedule product.
    #[must_use]
    pub fn of_a_schedule() -> Self {
        Self {
            chosen_ids: false,
            items_in_listing: true,
            deltas: false,
            unique_identity: false,
            schedule: true,
            ..Self::default()
        }
    }
}

/// One item as the server keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptItem {
    /// Its version.
    pub etag: ETag,
    /// What it shows; `None` for what is no event in our terms.
    pub content: Option<Content>,
    /// The tag that it carries. A schedule product shows it to nobody: it is kept for those who
    /// look into its memory.
    pub origin: Option<OriginTag>,
    /// Which revision it says that it shows.
    pub revision: Option<Revision>,
    /// Whatever else is in it, for items that are not ours.
    pub body: String,
}

impl KeptItem {
    /// The fingerprint of what it shows.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.content.as_ref().map(Content::fingerprint)
    }
}

/// The server.
#[derive(Debug)]
pub struct MemoryTarget {
    habits: Habits,
    capabilities: Capabilities,
    requests: AtomicU64,
    calendars_made: AtomicU64,
    calendars: Mutex<BTreeMap<CalendarKey, Calendar>>,
}

impl MemoryTarget {
    /// An empty server with these habits.
    #[must_use]
    pub fn new(habits: Habits) -> Self {
        let capabilities = if habits.schedule {
            schedule::capabilities(&habits)
        } else {
            Capabilities {
                kinds: vec![EntityKind::Shift, EntityKind::TimeOff],
                content: ContentForm::CalendarEvent,
                identity: if habits.tags_copied {
                    ItemIdentity::CopiedTag
                } else {
                    ItemIdentity::OriginTag
                },
                publishes: false,
                deltas: habits.deltas,
                personal: true,
                look_size_max: habits.look_size_max,
                batch_size_max: habits.batch_size_max,
                quotas: habits.quotas.clone(),
            }
        };
        let (requests, calendars_made) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { habits, capabilities, requests, calendars_made, calendars: Mutex::default() }
    }

    /// Its habits.
    #[must_use]
    pub fn habits(&self) -> &Habits {
        &self.habits
    }

    /// Where the items of an employee are: below their e-mail address.
    #[must_use]
    pub fn calendar_of(employee: &Employee) -> Option<CalendarKey> {
        employee.email.as_ref().and_then(|email| CalendarKey::new(format!("{email}/shifts")).ok())
    }

    /// Every item of every calendar.
    #[must_use]
    pub fn everything(&self) -> BTreeMap<CalendarKey, BTreeMap<RemoteId, KeptItem>> {
        let calendars = self.lock();
        calendars.iter().map(|(name, it)| (name.clone(), it.items.clone())).collect()
    }

    /// Calls `see` with every item, in order.
    pub fn for_each(&self, mut see: impl FnMut(&CalendarKey, &RemoteId, &KeptItem)) {
        for (name, calendar) in self.lock().iter() {
            calendar.items.iter().for_each(|(id, item)| see(name, id, item));
        }
    }

    /// A person puts an item of their own there, over whatever was there.
    pub fn put_foreign(&self, calendar: &CalendarKey, id: &RemoteId, body: &str) {
        let (content, origin, revision, etag) = (None, None, None, ETag(String::new()));
        let body = body.to_owned();
        self.put(calendar, id, KeptItem { etag, content, origin, revision, body });
    }

    /// A person puts this item there, over whatever was there: say, a copy of another one. It
    /// gets an etag of its own.
    pub fn put(&self, calendar: &CalendarKey, id: &RemoteId, item: KeptItem) {
        let mut calendars = self.lock();
        let calendar = calendars.entry(calendar.clone()).or_insert_with(|| self.fresh());
        calendar.put(id.clone(), |etag| KeptItem { etag, ..item });
    }

    /// A person changes an item; whether it was there.
    pub fn edit(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
        change: impl FnOnce(&mut KeptItem),
    ) -> bool {
        let mut calendars = self.lock();
        let Some(calendar) = calendars.get_mut(calendar) else { return false };
        let Some(mut item) = calendar.items.get(id).cloned() else { return false };
        change(&mut item);
        calendar.put(id.clone(), |etag| KeptItem { etag, ..item });
        true
    }

    /// A person copies an item, in the same calendar or to another one; whether it was there. The
    /// copy carries its tag where [`Habits::tags_copied`].
    pub fn copy(&self, from: (&CalendarKey, &RemoteId), to: (&CalendarKey, &RemoteId)) -> bool {
        let found = self.lock().get(from.0).and_then(|it| it.items.get(from.1).cloned());
        let Some(item) = found else { return false };
        let origin = item.origin.clone().filter(|_| self.habits.tags_copied);
        self.put(to.0, to.1, KeptItem { origin, ..item });
        true
    }

    /// A person moves an item to another calendar, where it keeps its id; whether it was there.
    pub fn relocate(&self, from: (&CalendarKey, &RemoteId), to: &CalendarKey) -> bool {
        self.copy(from, (to, from.1)) && self.remove(from.0, from.1)
    }

    /// A person removes an item; whether it was there.
    pub fn remove(&self, calendar: &CalendarKey, id: &RemoteId) -> bool {
        self.lock().get_mut(calendar).is_some_and(|calendar| calendar.remove(id).is_some())
    }

    /// A person removes a whole calendar.
    pub fn remove_calendar(&self, calendar: &CalendarKey) {
        self.lock().remove(calendar);
    }

    /// Every token given so far is not good any more.
    pub fn expire_tokens(&self) {
        self.lock().values_mut().for_each(Calendar::expire_tokens);
    }

    /// An empty calendar, whose ids, etags and tokens no other has or had.
    fn fresh(&self) -> Calendar {
        Calendar::born(self.calendars_made.fetch_add(1, Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CalendarKey, Calendar>> {
        self.calendars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and carries it out in one calendar.
    fn request<T>(
        &self,
        operation: &str,
        calendar: &CalendarKey,
        carry_out: impl FnOnce(&mut Calendar) -> Result<T, FailureClass>,
    ) -> Result<T, Failure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut calendars = self.lock();
        if self.habits.ready_made {
            calendars.entry(calendar.clone()).or_insert_with(|| self.fresh());
        }
        let there = calendars.get_mut(calendar).ok_or(FailureClass::CalendarMissing);
        there.and_then(carry_out).map_err(|class| failure(operation, calendar, class))
    }

    /// What is kept of an item that is given.
    fn kept(&self, item: &Item, etag: ETag) -> KeptItem {
        let mut content = item.content.clone();
        match &mut content {
            Content::Event(event) if self.habits.rewrites => event.categories.clear(),
            Content::Schedule(item) if self.habits.rewrites => schedule::rewrite(item),
            Content::Event(_) | Content::Schedule(_) => {}
        }
        KeptItem {
            etag,
            content: Some(content),
            origin: Some(item.origin.clone()),
            revision: Some(item.revision),
            body: String::new(),
        }
    }

    fn written(&self, remote_id: RemoteId, kept: &KeptItem) -> Written {
        Written {
            remote_id,
            etag: self.habits.etag_on_write.then(|| kept.etag.clone()),
            echoed: kept.fingerprint().filter(|_| self.habits.echo_on_write),
        }
    }
}

fn failure(operation: &str, calendar: &CalendarKey, class: FailureClass) -> Failure {
    let statuses = [
        (FailureClass::Precondition, 412),
        (FailureClass::Missing, 404),
        (FailureClass::CalendarMissing, 404),
        (FailureClass::DeltaExpired, 403),
    ];
    let status = statuses.into_iter().find(|(it, _)| *it == class).map(|(_, status)| status);
    let operation = format!("{operation} `{calendar}`");
    Failure { class, operation, status, detail: "the server said so".into() }
}

fn seen(id: &RemoteId, kept: &KeptItem, habits: &Habits) -> RemoteItem {
    RemoteItem {
        remote_id: id.clone(),
        etag: Some(kept.etag.clone()),
        origin: kept.origin.clone().filter(|_| !habits.schedule),
        fingerprint: kept.fingerprint(),
        natural_key: kept.content.as_ref().and_then(Content::natural_key),
        span: kept.content.as_ref().and_then(span),
        ends_at: kept.content.as_ref().and_then(ends_at),
    }
}

/// When an event is.
fn span(content: &Content) -> Option<EventSpan> {
    match content {
        Content::Event(event) => Some(event.span),
        Content::Schedule(_) => None,
    }
}

/// When an item is over, wherever it is looked at from.
fn ends_at(content: &Content) -> Option<Timestamp> {
    match content {
        Content::Event(CalendarEvent { span: EventSpan::Timed(interval), .. }) => {
            Some(interval.end())
        }
        Content::Event(CalendarEvent { span: EventSpan::AllDay { end, .. }, .. }) => {
            // Days end last where clocks are twelve hours behind.
            let last = TimeZone::fixed(jiff::tz::offset(-12));
            end.to_zoned(last).ok().map(|midnight| midnight.timestamp())
        }
        Content::Schedule(item) => item.interval().map(|interval| interval.end()),
    }
}

#[async_trait]
impl Target for MemoryTarget {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn meet(&self, _: std::sync::Arc<domain::Directory>) {}

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        if self.habits.schedule {
            return schedule::place(entity, employee);
        }
        if entity.employee().is_none() {
            return Placement::NotShown;
        }
        match employee.map(Self::calendar_of) {
            Some(Some(calendar)) => Placement::In(calendar),
            Some(None) => Placement::Unmapped("employee has no e-mail address".into()),
            None => Placement::Unmapped("employee is not known".into()),
        }
    }

    fn remote_id(
        &self,
        _calendar: &CalendarKey,
        key: &ItemKey,
        generation: u32,
    ) -> Option<RemoteId> {
        let ItemKey { entity: EntityKey { kind, id }, part } = key;
        let id = || match part.is_main() {
            true => RemoteId(format!("{kind}-{id}-{generation}.ics")),
            false => RemoteId(format!("{kind}-{id}-{part}-{generation}.ics")),
        };
        self.habits.chosen_ids.then(id)
    }

    async fn check(&self) -> Vec<Finding> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        vec![Finding {
            level: FindingLevel::Good,
            subject: "memory".into(),
            message: "can be reached".into(),
            hint: None,
        }]
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut calendars = self.lock();
        if calendars.contains_key(calendar) {
            return Ok(Opened::Found);
        }
        calendars.insert(calendar.clone(), self.fresh());
        Ok(Opened::Made)
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        self.request("list", calendar, |it| {
            let since = since.map(|token| it.revision_of(token)).transpose()?;
            let changed = it.changed_since(since);
            let entries = changed.iter().filter_map(|id| {
                let kept = it.items.get(id)?;
                Some(ListEntry {
                    remote_id: id.clone(),
                    etag: Some(kept.etag.clone()),
                    item: self.habits.items_in_listing.then(|| seen(id, kept, &self.habits)),
                })
            });
            let entries: Vec<ListEntry> = entries.collect();
            let gone = |id: &RemoteId| since.is_some() && !it.items.contains_key(id);
            let removed = changed.iter().filter(|id| gone(id)).cloned().collect();
            let next = self.habits.deltas.then(|| it.token());
            Ok(Listing { entries, removed, next, full: since.is_none() })
        })
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.request("look into", calendar, |it| {
            let sight = |probe: &Probe| {
                if self.habits.schedule && probe.remote_id.is_none() {
                    return it.alike(probe, |id, kept| seen(id, kept, &self.habits));
                }
                let found = match (&probe.remote_id, &probe.key) {
                    (Some(id), _) => it.items.get_key_value(id),
                    (None, Some(key)) => it.by_origin(key, probe.generation),
                    (None, None) => None,
                };
                found.map_or(Sighting::Absent, |(id, kept)| {
                    Sighting::Present(seen(id, kept, &self.habits))
                })
            };
            Ok(probes.iter().map(sight).collect())
        })
    }

    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let calendars = self.lock();
        let others = || calendars.iter().filter(|(name, _)| *name != calendar);
        let elsewhere = |id: &RemoteId| others().any(|(_, it)| it.items.contains_key(id));
        Ok(items.iter().map(elsewhere).collect())
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        let OriginTag { generation, .. } = &item.origin;
        let key = &item.origin.item();
        let chosen = self.remote_id(calendar, key, *generation);
        self.request("create an item in", calendar, |it| {
            let id = chosen.unwrap_or_else(|| it.next_id());
            if it.items.contains_key(&id) {
                return Err(FailureClass::Precondition);
            }
            let twin = it.by_origin(key, *generation).map(|(id, _)| id.clone());
            if self.habits.unique_identity && self.habits.chosen_ids && twin.is_some() {
                return Err(FailureClass::Duplicate { at: twin });
            }
            let kept = it.put(id.clone(), |etag| self.kept(item, etag));
            Ok(self.written(id, kept))
        })
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        self.request("update an item in", calendar, |it| {
            it.require(remote, etag)?;
            let kept = it.put(remote.clone(), |etag| self.kept(item, etag));
            Ok(self.written(remote.clone(), kept))
        })
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        self.request("delete an item in", calendar, |it| {
            it.require(remote, etag)?;
            it.remove(remote);
            Ok(())
        })
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        write_one_by_one(self, writes).await
    }

    async fn publish(
        &self,
        calendar: &CalendarKey,
        interval: &domain::UtcInterval,
    ) -> Result<(), Failure> {
        self.request("publish", calendar, |it| {
            it.publish(interval);
            Ok(())
        })
    }

    fn requests_sent(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
