//! Driving a mirror's target.
//!
//! Small on purpose: every method is required, every difference between vendors is data in
//! [`Capabilities`] or a [`FailureClass`](super::FailureClass). One call is at most one attempt:
//! repeating, waiting and settling are the engine's business.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    CalendarEvent, CalendarKey, Directory, Employee, Entity, EntityKind, EventSpan, Fingerprint,
    ItemKey, OriginTag, ScheduleItem, UtcInterval,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Failure;

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub String);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque!(
    /// The vendor's name of one item, unique in its calendar.
    RemoteId);
opaque!(
    /// An opaque version of one item, usable as a write precondition: for HTTP the strong entity
    /// tag with its quotes.
    ETag);
opaque!(
    /// An opaque resume point that a provider gave.
    DeltaToken);

/// Where a mirror is kept.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it can do; constant.
    fn capabilities(&self) -> &Capabilities;

    /// Tells who there is. Called before anything else in every cycle, and whenever that changes.
    fn meet(&self, directory: Arc<Directory>);

    /// Which calendar an entity belongs to. `employee` is whose it is, where it is somebody's.
    /// Pure: the same configuration gives the same answer.
    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement;

    /// The remote id that [`Self::create`] will give, where it is deterministic. An equal answer
    /// for equal arguments is what makes a lost answer harmless.
    fn remote_id(&self, calendar: &CalendarKey, key: &ItemKey, generation: u32)
    -> Option<RemoteId>;

    /// Looks whether it can be reached and written, and what is granted too much. Writes nothing.
    async fn check(&self) -> Vec<Finding>;

    /// Makes sure that the calendar is there and ready to be written, making what is missing.
    /// Idempotent.
    ///
    /// # Errors
    /// [`Failure`]; the calendar may exist all the same.
    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure>;

    /// Lists the items of a calendar, or what changed since `since`.
    ///
    /// # Errors
    /// `DeltaExpired` when the token is not good any more; `CalendarMissing`; others.
    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure>;

    /// Looks for certain items: by remote id, or else by origin tag, or else by the natural key of
    /// what they show. One sighting per probe, in
    /// the same order. At most [`Capabilities::look_size_max`] probes are given.
    ///
    /// # Errors
    /// [`Failure`]; an item that is not there is no failure but `Sighting::Absent`.
    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure>;

    /// Which of these items, gone from a calendar, lie in another calendar of the same owner by
    /// now: whoever moves an item does not want it deleted. One answer per id, in the same order;
    /// at most [`Capabilities::look_size_max`] are given. Says no of what it cannot see.
    ///
    /// # Errors
    /// [`Failure`]; nothing is said then of any.
    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure>;

    /// Makes a new item; refuses when one with the same remote id exists. A vendor that knows a
    /// repetition may give the item that is there, which shows `item` then.
    ///
    /// # Errors
    /// `Precondition` or `Duplicate` when it exists; others.
    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure>;

    /// Replaces an item in place, if it still has the etag given.
    ///
    /// # Errors
    /// `Precondition` when it has another etag; `Missing` when it is not there; others.
    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure>;

    /// Removes an item, if it still has the etag given.
    ///
    /// # Errors
    /// `Precondition` when it has another etag; `Missing` when it was not there; others.
    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure>;

    /// Carries out several writes, of one or several calendars, each of them as [`Self::create`],
    /// [`Self::update`] or [`Self::delete`] would. One outcome per write, in the same order; they
    /// may be carried out in any. One that fails keeps no other from being carried out. At most
    /// [`Capabilities::batch_size_max`] are given, no two of them of one item.
    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>>;

    /// Shows to everybody what was written inside `interval`. Called once after a calendar was
    /// drained, where [`Capabilities::publishes`]. Idempotent.
    ///
    /// # Errors
    /// [`Failure`]; it may have been done all the same, and is asked for again.
    async fn publish(&self, calendar: &CalendarKey, interval: &UtcInterval) -> Result<(), Failure>;

    /// Requests sent since the process started, of every kind.
    fn requests_sent(&self) -> u64;
}

/// What a target can do, as data that the planner reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    /// Which kinds of entity it shows.
    pub kinds: Vec<EntityKind>,
    /// In which form it takes them.
    pub content: ContentForm,
    /// Whether a calendar is meant for one employee. Then two employees whose addresses turn out
    /// to be the same get nothing, rather than each other's shifts.
    pub personal: bool,
    /// What tells our items from others.
    pub identity: ItemIdentity,
    /// Whether what is written is seen by nobody until it is published.
    pub publishes: bool,
    /// Whether [`Target::list`] gives delta tokens.
    pub deltas: bool,
    /// The most probes in one [`Target::look`].
    pub look_size_max: usize,
    /// The most writes in one [`Target::write_all`]; 1 where the vendor takes them one by one.
    /// Each of them spends the budgets for itself.
    pub batch_size_max: usize,
    /// The budgets that its vendor grants.
    pub quotas: Vec<QuotaDeclaration>,
}

impl Capabilities {
    /// Those of a connection over which nothing but subscriptions is kept.
    #[must_use]
    pub fn of_subscriptions() -> Self {
        let scope = QuotaScope::Connection;
        Self {
            kinds: vec![],
            content: ContentForm::CalendarEvent,
            personal: false,
            identity: ItemIdentity::OriginTag,
            publishes: false,
            deltas: false,
            look_size_max: 1,
            batch_size_max: 1,
            quotas: vec![QuotaDeclaration { scope, concurrency: Some(1), rate: None }],
        }
    }
}

/// In which form a target takes entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentForm {
    /// As events of a calendar, made by the mapping profile.
    CalendarEvent,
    /// As items of a schedule.
    ScheduleItem,
}

/// What tells our items from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemIdentity {
    /// An origin tag that every item carries, and that is worth nothing on any other: a copy that
    /// somebody makes of an item is theirs.
    OriginTag,
    /// An origin tag that every item carries, and that goes along when somebody copies an item:
    /// of several, the one at the remote id that the ledger has is ours, the others are theirs.
    CopiedTag,
    /// Nothing but the ledger. An item that the ledger does not know is ours if it has the
    /// natural key of something that is to be made there.
    NaturalKey,
}

/// One budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaDeclaration {
    /// What shares it.
    pub scope: QuotaScope,
    /// Requests under way at once.
    pub concurrency: Option<usize>,
    /// Requests over time.
    pub rate: Option<Rate>,
}

/// What shares a budget: a quota domain is a connection and a scope of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaScope {
    /// Everything that goes over the connection.
    Connection,
    /// One calendar (a mailbox, a team).
    Calendar,
}

/// At most so many requests in any stretch of so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests; at least 1.
    pub requests: u32,
    /// In this time.
    pub per: Duration,
}

/// Where an entity belongs in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In this calendar.
    In(CalendarKey),
    /// Nowhere, and the operator should know why (`employee has no e-mail address`).
    Unmapped(String),
    /// Nowhere, by design.
    NotShown,
}

/// What an item shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An event of a calendar.
    Event(CalendarEvent),
    /// An item of a schedule.
    Schedule(ScheduleItem),
}

impl Content {
    /// The hash of what a reader of the target sees.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Event(event) => event.fingerprint(),
            Self::Schedule(item) => item.fingerprint(),
        }
    }

    /// When it is, where it lies in time and is an item of a schedule.
    #[must_use]
    pub fn interval(&self) -> Option<UtcInterval> {
        match self {
            Self::Event(_) => None,
            Self::Schedule(item) => item.interval(),
        }
    }

    /// What tells it from others where nothing marks it; `None` for events of a calendar.
    #[must_use]
    pub fn natural_key(&self) -> Option<Fingerprint> {
        match self {
            Self::Event(_) => None,
            Self::Schedule(item) => Some(item.natural_key()),
        }
    }
}

/// One item to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it shows.
    pub content: Content,
    /// Who wrote it, from which entity.
    pub origin: OriginTag,
    /// Which revision of the entity it shows.
    pub revision: Revision,
}

/// Which revision of an entity an item shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Grows with every change; 0 for the first.
    pub sequence: u32,
    /// When the entity was last changed in the roster.
    pub revised_at: Timestamp,
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Of what.
    pub what: WriteWhat,
    /// From when on it must not be sent any more: whoever wrote it may have lost the calendar when
    /// the answer comes. Of use where a second owner would make a second item.
    pub not_after: Timestamp,
}

/// What one write does.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteWhat {
    /// As [`Target::create`].
    Create(Item),
    /// As [`Target::update`].
    Update {
        /// Where the item is.
        remote: RemoteId,
        /// The version that it must have.
        etag: Option<ETag>,
        /// What it shows then.
        item: Item,
    },
    /// As [`Target::delete`].
    Delete {
        /// Where the item is.
        remote: RemoteId,
        /// The version that it must have.
        etag: Option<ETag>,
    },
}

/// Carries out one write by itself.
///
/// # Errors
/// As the target's method for it.
pub async fn write_one<T>(target: &T, write: &Write) -> Result<Option<Written>, Failure>
where
    T: Target + ?Sized,
{
    let Write { calendar, what, not_after: _ } = write;
    match what {
        WriteWhat::Create(item) => target.create(calendar, item).await.map(Some),
        WriteWhat::Update { remote, etag, item } => {
            target.update(calendar, remote, etag.as_ref(), item).await.map(Some)
        }
        WriteWhat::Delete { remote, etag } => {
            target.delete(calendar, remote, etag.as_ref()).await.map(|()| None)
        }
    }
}

/// What [`Target::write_all`] does where the vendor takes writes one by one.
pub async fn write_one_by_one<T>(
    target: &T,
    writes: &[Write],
) -> Vec<Result<Option<Written>, Failure>>
where
    T: Target + ?Sized,
{
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        outcomes.push(write_one(target, write).await);
    }
    outcomes
}

/// What a successful write left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where the item is.
    pub remote_id: RemoteId,
    /// Its etag. `None` when the vendor gave none, or only a weak one: then the engine looks.
    pub etag: Option<ETag>,
    /// The fingerprint of the item as the vendor echoed it, where the answer carried it.
    pub echoed: Option<Fingerprint>,
}

/// What opening a calendar found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It was there.
    Found,
    /// It was made, and is empty.
    Made,
}

/// What a listing found.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Items that are there (in full), or that are new or changed (since a token).
    pub entries: Vec<ListEntry>,
    /// Items that are gone; empty in a full listing.
    pub removed: Vec<RemoteId>,
    /// Where to resume.
    pub next: Option<DeltaToken>,
    /// Whether these are all items, so that absence means something.
    pub full: bool,
}

/// One item of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct ListEntry {
    /// Where it is.
    pub remote_id: RemoteId,
    /// Its version.
    pub etag: Option<ETag>,
    /// What it shows, where the listing carried it.
    pub item: Option<RemoteItem>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Which item of which entity it is, where that is known.
    pub key: Option<ItemKey>,
    /// Which generation of it.
    pub generation: u32,
    /// Where it should be, where that is known.
    pub remote_id: Option<RemoteId>,
    /// What it shows: looked for by its natural key, where there is no remote id.
    pub shows: Option<Content>,
}

/// What was found where a probe pointed.
#[expect(clippy::large_enum_variant, reason = "nearly all probes find something")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// Nothing.
    Absent,
    /// An item.
    Present(RemoteItem),
    /// Items with the natural key that was looked for; at least one. Which of them are ours, the
    /// ledger tells.
    Alike(Vec<RemoteItem>),
}

/// One item as it stands in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteItem {
    /// Where it is.
    pub remote_id: RemoteId,
    /// Its version.
    pub etag: Option<ETag>,
    /// Whose it is. `None` when it carries no readable origin tag; a connector whose vendor drops
    /// tags may derive it from a deterministic identity instead.
    pub origin: Option<OriginTag>,
    /// The fingerprint of its content; `None` when it cannot be expressed in our terms.
    pub fingerprint: Option<Fingerprint>,
    /// What tells it from others where nothing marks it; `None` when it cannot be expressed in
    /// our terms, or where items carry an origin tag.
    pub natural_key: Option<Fingerprint>,
    /// When it is, where it is an event of a calendar and can be expressed in our terms: a person
    /// may have moved it.
    pub span: Option<EventSpan>,
    /// When it is over, where that is known: what is over is history, and is left alone.
    pub ends_at: Option<Timestamp>,
}

/// One thing that `doctor` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: FindingLevel,
    /// What was looked at (`connection nextcloud`).
    pub subject: String,
    /// What was found: a lower-case clause.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// As it should be.
    Good,
    /// Works, but somebody should look.
    Warning,
    /// Does not work.
    Error,
}
