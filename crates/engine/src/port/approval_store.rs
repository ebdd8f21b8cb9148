//! Keeping what was asked for, and what was decided.

use async_trait::async_trait;
use domain::{
    CalendarKey, CommandKind, EmployeeId, EntityKey, EntityKind, Fingerprint, MirrorName,
    RequestStep, RosterName, SyncWindow,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Answer, ChangeSeq, IngestReceipt, Landing, LedgerRow, LedgerWrite, RemoteId, RosterEntry,
    StoreError, Upsert,
};

/// What must be kept of approvals. Every method is one transaction.
#[async_trait]
pub trait ApprovalStore: Send + Sync {
    /// The ledger rows whose item is, or is intended to be, at one of these remote ids, in this
    /// calendar, or in any where none is given. In no particular order.
    async fn ledger_at(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
        at: &[RemoteId],
    ) -> Result<Vec<LedgerRow>, StoreError>;

    /// The ledger rows of these entities, in whichever calendars of the mirror.
    async fn ledger_of(
        &self,
        mirror: &MirrorName,
        keys: &[EntityKey],
    ) -> Result<Vec<LedgerRow>, StoreError>;

    /// The live entities of each of these employees that overlap their window, as
    /// [`super::Store::employee_entries`], for many at once; each once. Ordered by start and then
    /// key, over all employees.
    async fn entries_of_employees(
        &self,
        roster: &RosterName,
        employees: &[(EmployeeId, SyncWindow)],
    ) -> Result<Vec<RosterEntry>, StoreError>;

    /// The live entities of one kind that lies in time and overlap `window`. In no particular
    /// order.
    async fn entries_within(
        &self,
        roster: &RosterName,
        kind: EntityKind,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError>;

    /// What was granted under these keys before; those without a grant are left out. In no
    /// particular order.
    async fn grants(
        &self,
        mirror: &MirrorName,
        keys: &[Fingerprint],
    ) -> Result<Vec<Grant>, StoreError>;

    /// The requests with these remote ids; missing ones are left out. In no particular order.
    async fn requests_at(
        &self,
        mirror: &MirrorName,
        at: &[RemoteId],
    ) -> Result<Vec<RequestRow>, StoreError>;

    /// Requests of a mirror, the newest first; at most `limit`. Only those under way if
    /// `pending`.
    async fn requests(
        &self,
        mirror: &MirrorName,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError>;

    /// Requests that are to be granted in the mirror by an instant, that one included, the
    /// longest due first; at most `limit`. Whatever their step: what is not to be granted any
    /// more is put without [`RequestRow::approve_at`].
    async fn requests_to_approve(
        &self,
        mirror: &MirrorName,
        due_by: Timestamp,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError>;

    /// Commits what was decided of several asks of one mirror: roster, ledger, requests and
    /// grants, all or nothing, durable when it returns.
    ///
    /// Ledger writes are not fenced: they put what a vendor is about to do, and the owner of the
    /// calendar settles it by looking.
    ///
    /// # Errors
    /// `Superseded` when the roster changes and its sequence is not `commit.expected` any more,
    /// or when one of `commit.new_rows` is there already.
    async fn commit_approvals(
        &self,
        roster: &RosterName,
        mirror: &MirrorName,
        commit: ApprovalCommit,
    ) -> Result<IngestReceipt, StoreError>;
}

/// What was decided of several asks.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalCommit {
    /// The sequence that the decisions rest on; checked only when the roster changes.
    pub expected: ChangeSeq,
    /// The instant.
    pub at: Timestamp,
    /// New and changed entities, in the order of the decisions; versions as in an ingest. One
    /// that is here twice counts twice, for its version and in the sequence; the last stays.
    pub upserts: Vec<Upsert>,
    /// Deleted entities, also of those above.
    pub tombstones: Vec<EntityKey>,
    /// Ledger rows of what the vendor is about to do.
    pub ledger: Vec<LedgerWrite>,
    /// The same, of entities that the roster knew before and the ledger did not: rows that must
    /// not be there yet, or somebody is writing what the vendor is about to do.
    pub new_rows: Vec<LedgerRow>,
    /// Requests to be put, replacing those with the same remote id.
    pub requests: Vec<RequestRow>,
    /// Grants to be put, replacing those with the same key.
    pub grants: Vec<Grant>,
    /// Grants older than this are dropped, and so are requests that are over and did not change
    /// since.
    pub grants_kept_from: Timestamp,
}

/// Something granted, kept so that its repetition gets the same answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// What the ask means, without the ids that a vendor makes anew.
    pub key: Fingerprint,
    /// When it was granted.
    pub at: Timestamp,
    /// When the vendor stopped waiting for the answer to its last attempt: what arrives late of an
    /// earlier attempt moves nothing.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What was answered.
    pub answer: Answer,
    /// The entities that it made, changed or deleted, with the version that it left them at (for
    /// a deleted one: the last it had). When one has another version now, the same ask means
    /// something new.
    pub touched: Vec<(EntityKey, u32)>,
    /// Where what it made was to be.
    pub landed: Vec<Landing>,
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestRow {
    /// Its remote id.
    pub at: RemoteId,
    /// In which calendar.
    pub calendar: CalendarKey,
    /// What it is about.
    pub kind: CommandKind,
    /// How far it got.
    pub step: RequestStep,
    /// What is asked for.
    pub request: super::AskedRequest,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// From when on it is to be granted in the mirror, where no manager is asked.
    pub approve_at: Option<Timestamp>,
}
