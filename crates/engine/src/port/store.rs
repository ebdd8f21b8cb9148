//! Keeping roster, ledger, leases and audit.
//!
//! Every method is one transaction, durable when it returns. Two implementations (`store`) and an
//! in-memory one (`testkit`) pass the same conformance suite.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    CalendarKey, Employee, EmployeeId, Entity, EntityKey, EntityKind, Fingerprint, ItemKey,
    MirrorName, RosterName, SyncWindow, UtcInterval,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::{LedgerRow, LedgerWrite};
use super::{
    ApiStore, ApprovalStore, ChangeSeq, ConflictStore, ConflictWrite, DeltaToken, DriftStore,
    DriftWrite, FeedStore, HookStore, IdentityHint, IngestCommit, IngestReceipt, OverviewStore,
    PartStore, RosterEntry, RosterIndexRow, SourceState,
};

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or could not be reached.
    #[error("store cannot {operation}: {detail}")]
    Failed {
        /// What was being done.
        operation: &'static str,
        /// What the database said; never a secret.
        detail: String,
    },
    /// A stored value cannot be read back; the row is named.
    #[error("store holds an unreadable {what} at {place}: {detail}")]
    Corrupt {
        /// What was expected.
        what: &'static str,
        /// Which row.
        place: String,
        /// Why it cannot be read.
        detail: String,
    },
    /// Somebody else changed the roster in between: read again and try again.
    #[error(
        "roster `{roster}` was changed by somebody else meanwhile \
         (change {found}, expected {expected})"
    )]
    Superseded {
        /// Which roster.
        roster: RosterName,
        /// The sequence that the caller had seen.
        expected: i64,
        /// The sequence that is there.
        found: i64,
    },
    /// The store was written by another version of this program.
    #[error("store has schema version {found}, this program needs {expected}")]
    Version {
        /// The version that is there.
        found: i64,
        /// The version that is needed.
        expected: i64,
    },
}

/// What must be kept, and how it may be changed.
#[async_trait]
pub trait Store:
    ApiStore
    + ApprovalStore
    + ConflictStore
    + DriftStore
    + FeedStore
    + HookStore
    + OverviewStore
    + PartStore
{
    /// How many questions it answers at once: whoever asks on behalf of strangers leaves one of
    /// these to the engine.
    fn readers(&self) -> usize {
        2
    }

    // ---- roster ------------------------------------------------------------------------------

    /// All live entities of a roster, in small; with the last place of the change sequence.
    async fn roster_index(
        &self,
        roster: &RosterName,
    ) -> Result<(ChangeSeq, Vec<RosterIndexRow>), StoreError>;

    /// The live entities with these keys; missing ones are left out. In no particular order.
    async fn roster_entries(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterEntry>, StoreError>;

    /// The live entities of one employee that overlap `window`, ordered by start and then key;
    /// employees, groups and reasons are not among them.
    async fn employee_entries(
        &self,
        roster: &RosterName,
        employee: &EmployeeId,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError>;

    /// All live entities of one kind that does not lie in time, ordered by id: employees, groups,
    /// reasons.
    async fn entries_of_kind(
        &self,
        roster: &RosterName,
        kind: EntityKind,
    ) -> Result<Vec<RosterEntry>, StoreError>;

    /// All live employees, ordered by id.
    async fn employees(&self, roster: &RosterName) -> Result<Vec<Employee>, StoreError> {
        let entries = self.entries_of_kind(roster, EntityKind::Employee).await?;
        Ok(entries
            .into_iter()
            .filter_map(|entry| match entry.entity {
                Entity::Employee(employee) => Some(employee),
                Entity::OpenShift(_)
                | Entity::ScheduleGroup(_)
                | Entity::Shift(_)
                | Entity::TimeOff(_)
                | Entity::TimeOffReason(_) => None,
            })
            .collect())
    }

    /// What is remembered of the last reading; the default when it was never read.
    async fn source_state(&self, roster: &RosterName) -> Result<SourceState, StoreError>;

    /// Carries out one ingest, all or nothing.
    ///
    /// # Errors
    /// `Superseded` when the roster's sequence is not `commit.expected` any more.
    async fn commit_ingest(
        &self,
        roster: &RosterName,
        commit: IngestCommit,
    ) -> Result<IngestReceipt, StoreError>;

    /// Ids that `recover` read back and the next ingest shall give again.
    async fn identity_hints(&self, roster: &RosterName) -> Result<Vec<IdentityHint>, StoreError>;

    /// Adds identity hints; one for a key that has one replaces it.
    async fn add_identity_hints(
        &self,
        roster: &RosterName,
        hints: &[IdentityHint],
    ) -> Result<(), StoreError>;

    /// The entity with this id, of whatever kind, live or deleted, in whichever roster; for
    /// `explain`. An exact id, or a unique beginning of one of at least 6 characters; at most 20.
    async fn find_entities(&self, id: &str) -> Result<Vec<FoundEntity>, StoreError>;

    /// The last place in a roster's change sequence; cheap, however much it holds.
    async fn roster_seq(&self, roster: &RosterName) -> Result<ChangeSeq, StoreError>;

    /// How much a roster holds. Counts all of it: not to be asked for the sequence alone.
    async fn roster_counts(&self, roster: &RosterName) -> Result<RosterCounts, StoreError>;

    // ---- ledger ------------------------------------------------------------------------------

    /// What a planner must know of the entities in `scope`: each key with its live entity, if
    /// any, and its ledger rows in this mirror (one per calendar and part). Ordered by key.
    /// At most `limit` subjects with a key after `after`; fewer than `limit` means that was all.
    ///
    /// Keys that stand only in the ledger are subjects too. `kinds` limits the roster's side.
    async fn subjects(
        &self,
        mirror: &MirrorName,
        roster: &RosterName,
        kinds: &[EntityKind],
        scope: &Scope,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Subject>, StoreError>;

    /// All ledger rows of one calendar, ordered by key and part.
    async fn ledger_of_calendar(
        &self,
        mirror: &MirrorName,
        calendar: &CalendarKey,
    ) -> Result<Vec<LedgerRow>, StoreError>;

    /// Writes ledger rows, calendar states, the cursor and audit entries.
    ///
    /// Every write to a calendar is fenced: it takes effect only if the lease on that calendar
    /// still has the epoch given (whether or not its time has run out), and then the lease is
    /// also renewed to `renew_until`. Writes of calendars that fail this change nothing and are
    /// named in the receipt; the others are carried out all the same. Audit entries of a fenced
    /// calendar are dropped with it.
    ///
    /// A put is skipped, and the stored row stays as it is, where the stored intent is
    /// [`super::IntentState::Sent`] with a `not_before` later than the put's `changed_at`: that is
    /// what a vendor was granted, and may have been committed between a drain's reading and this
    /// commit.
    /// The receipt names it, so that nothing is sent of it. Removals are not held back, nor is
    /// anything in [`ApprovalStore::commit_approvals`].
    async fn commit_ledger(
        &self,
        mirror: &MirrorName,
        commit: LedgerCommit,
    ) -> Result<CommitReceipt, StoreError>;

    /// Calendars that this mirror has ever opened, ordered by key.
    async fn calendar_states(&self, mirror: &MirrorName) -> Result<Vec<CalendarState>, StoreError>;

    /// Up to where the roster was planned for this mirror; the default before the first time.
    async fn cursor(&self, mirror: &MirrorName) -> Result<Cursor, StoreError>;

    /// How much a mirror's ledger holds.
    async fn mirror_counts(&self, mirror: &MirrorName) -> Result<MirrorCounts, StoreError>;

    /// How many items that end after `instant`, or do not lie in time, are in the mirror as far as
    /// we know: what a plan can delete. What is over is history and does not count.
    async fn items_after(&self, mirror: &MirrorName, instant: Timestamp)
    -> Result<u64, StoreError>;

    /// The audit entries of one entity in all mirrors, oldest first; at most the last 1,000.
    async fn history(&self, key: &EntityKey) -> Result<Vec<AuditEntry>, StoreError>;

    // ---- leases ------------------------------------------------------------------------------

    /// Tries to take a lease on each domain for `owner` until `until`. One answer per domain, in
    /// the same order. A lease is granted when it is free, has run out at `now`, or is already
    /// `owner`'s; unless it was already `owner`'s, its epoch grows by one. Epochs never repeat,
    /// also after a release.
    async fn acquire_leases(
        &self,
        domains: &[LeaseDomain],
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<LeaseGrant>, StoreError>;

    /// Takes a lease from `from`, an owner known to be dead, if it still has `epoch`.
    async fn take_over_lease(
        &self,
        domain: &LeaseDomain,
        from: &str,
        epoch: Epoch,
        owner: &str,
        until: Timestamp,
    ) -> Result<LeaseGrant, StoreError>;

    /// Gives leases back, where they still have these epochs.
    async fn release_leases(&self, leases: &[(LeaseDomain, Epoch)]) -> Result<(), StoreError>;

    // ---- reports -----------------------------------------------------------------------------

    /// Keeps the last report of a roster's ingest or a mirror's cycle, as JSON, under a subject
    /// such as `mirror/ward-caldav`.
    async fn put_report(&self, report: ReportRow) -> Result<(), StoreError>;

    /// The last report of every subject, ordered by subject.
    async fn reports(&self) -> Result<Vec<ReportRow>, StoreError>;
}

/// The last report about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// `roster/<name>` or `mirror/<name>`.
    pub subject: String,
    /// When it was made.
    pub at: Timestamp,
    /// The report, as JSON text.
    pub body: String,
}

/// An entity that `explain` found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundEntity {
    /// In which roster.
    pub roster: RosterName,
    /// Its last known state.
    pub entry: RosterEntry,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// Its ledger rows in every mirror.
    pub ledger: Vec<(MirrorName, LedgerRow)>,
}

/// How much a roster holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RosterCounts {
    /// Live employees.
    pub employees: u64,
    /// Live shifts.
    pub shifts: u64,
    /// Live open shifts.
    pub open_shifts: u64,
    /// Live absences.
    pub time_off: u64,
    /// The last place in the change sequence.
    pub seq: ChangeSeq,
}

/// How much a mirror's ledger holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MirrorCounts {
    /// Items that are in the mirror, as far as we know.
    pub items: u64,
    /// Intents that wait to be sent.
    pub planned: u64,
    /// Intents whose outcome is not known yet.
    pub in_doubt: u64,
    /// Entities set aside after repeated refusals.
    pub quarantined: u64,
    /// Calendars opened.
    pub calendars: u64,
    /// Items that somebody changed: left as they are,
    pub left: u64,
    /// or changed back each time they are put right.
    pub contested: u64,
}

/// Which entities a planner asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// Everything that could need a write since a cursor: entities changed after `since`;
    /// entities of employees that changed after `since`; entities that start at or after
    /// `entered_from` and before `entered_until` (they came into the window); and every ledger row
    /// with an intent.
    Changed {
        /// Exclusive.
        since: ChangeSeq,
        /// Inclusive.
        entered_from: Timestamp,
        /// Exclusive.
        entered_until: Timestamp,
    },
    /// All live entities that overlap the window or have a ledger row, and all ledger rows.
    All {
        /// The window, as milliseconds since the epoch are compared.
        window: SyncWindow,
    },
    /// Exactly these, in the given order's key order.
    Keys(Vec<EntityKey>),
}

/// What a planner must know of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Kind and id.
    pub key: EntityKey,
    /// The live entity; `None` when it was deleted or never there.
    pub entry: Option<RosterEntry>,
    /// Its ledger rows in this mirror, ordered by calendar and part.
    pub ledger: Vec<LedgerRow>,
}

/// One ledger commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerCommit {
    /// Which epoch we hold on each calendar that is written.
    pub fences: Vec<Fenced>,
    /// Until when the leases in `fences` are renewed; `None` leaves them.
    pub renew_until: Option<Timestamp>,
    /// Row writes; each calendar named must have a fence.
    pub writes: Vec<LedgerWrite>,
    /// Calendar states to be put; each calendar named must have a fence.
    pub calendars: Vec<CalendarState>,
    /// What people did; each calendar named must have a fence.
    pub drifts: Vec<DriftWrite>,
    /// The cursor to be put; not fenced.
    pub cursor: Option<Cursor>,
    /// What happened, for `explain`.
    pub audit: Vec<AuditEntry>,
    /// What stands in the way of shifts, and what is done about it; each calendar named must have
    /// a fence.
    pub conflicts: Vec<ConflictWrite>,
}

/// The epoch held on one calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fenced {
    /// Which calendar.
    pub calendar: CalendarKey,
    /// Under which epoch.
    pub epoch: Epoch,
}

/// What a ledger commit did not do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitReceipt {
    /// Calendars whose lease has another epoch now: nothing of theirs was written.
    pub fenced: BTreeSet<CalendarKey>,
    /// Rows that were not put because a vendor was given its time for them meanwhile: what was
    /// about to be sent of them must not be.
    pub held: BTreeSet<(CalendarKey, ItemKey)>,
}

/// What we know of one calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarState {
    /// Which calendar.
    pub calendar: CalendarKey,
    /// When it was last opened and read in full.
    pub read_at: Option<Timestamp>,
    /// Where to resume listing.
    pub token: Option<DeltaToken>,
    /// What was written there, or may have been, and is not published yet.
    pub unpublished: Option<UtcInterval>,
}

/// Up to where a roster was planned for a mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last change that was planned.
    pub seq: ChangeSeq,
    /// End of the window that was planned.
    pub window_end: Option<Timestamp>,
    /// Hash of all configuration that decides what an item looks like and where it is: another
    /// one means that everything is planned again.
    pub profile: Option<Fingerprint>,
}

/// One thing that was done, or refused, to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// In which mirror.
    pub mirror: MirrorName,
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Which entity.
    pub key: EntityKey,
    /// What.
    pub verb: AuditVerb,
    /// Which version of the entity.
    pub version: u32,
    /// Why, or why not; no personal data, no secrets.
    pub detail: String,
}

/// What was done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerb {
    /// Found as it should be, without having known of it.
    Adopted,
    /// Made.
    Created,
    /// Removed.
    Deleted,
    /// Knowledge of it dropped, because it was gone already.
    Forgotten,
    /// Set aside after repeated refusals.
    Quarantined,
    /// Refused by the vendor.
    Refused,
    /// Left for a later cycle.
    Deferred,
    /// Somebody's event was declined for its sake.
    EventDeclined,
    /// Somebody's event was removed for its sake.
    EventDeleted,
    /// Somebody's event was moved for its sake.
    EventMoved,
    /// What was done to somebody's event was taken back.
    EventRestored,
    /// Replaced.
    Updated,
    /// Left as somebody made it.
    Left,
    /// Somebody asked for something by changing it.
    Asked,
}

/// What a lease is on: `mirror/<mirror>/<calendar>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseDomain(pub String);

impl LeaseDomain {
    /// The right to drain one calendar of one mirror.
    #[must_use]
    pub fn calendar(mirror: &MirrorName, calendar: &CalendarKey) -> Self {
        Self(format!("mirror/{mirror}/{calendar}"))
    }
}

/// The fencing token of a lease: grows by one with every change of hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// The answer to one try for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseGrant {
    /// It is ours, under this epoch.
    Granted(Epoch),
    /// Somebody else has it.
    Held {
        /// Who.
        by: String,
        /// Under which epoch.
        epoch: Epoch,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}
