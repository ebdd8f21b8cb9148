//! Keeping what the Schedule API needs: its clients and their tokens, the schedule page by page
//! and change by change, answers that may be asked for twice, sync jobs, and who called what.
//!
//! Secrets are never stored, only their hashes. An entity leaves the store as the JSON text of
//! [`domain::Entity`]: whoever serves a hundred of them per request cannot afford to read each.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use bytestring::ByteString;
use domain::{EmployeeId, EntityKey, EntityKind, Fingerprint, RosterName, ScheduleGroupId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChangeSeq, IngestReceipt, StoreError, SyncJob, Upsert};

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiScope {
    /// Read people's schedules as iCalendar.
    IcallRead,
    /// Be told who it is; it has no other meaning for a client without an end user.
    OpenId,
    /// Read schedules, and have mirrors synchronised.
    ScheduleRead,
    /// Write schedules, where the roster is its own record.
    ScheduleWrite,
    /// Read who the people are: names and addresses.
    UserRead,
}

impl ApiScope {
    /// Every scope, in the order in which they sort.
    pub const ALL: [Self; 5] =
        [Self::IcallRead, Self::OpenId, Self::ScheduleRead, Self::ScheduleWrite, Self::UserRead];

    /// The word for it in tokens, in the store and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IcallRead => "icall:read",
            Self::OpenId => "openid",
            Self::ScheduleRead => "wfm:schedule:read",
            Self::ScheduleWrite => "wfm:schedule:write",
            Self::UserRead => "user:read",
        }
    }
}

impl fmt::Display for ApiScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no scope; expected one of icall:read, openid, wfm:schedule:read, \
     wfm:schedule:write, user:read"
)]
pub struct UnknownScope {
    /// What was found.
    pub found: String,
}

impl FromStr for ApiScope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| UnknownScope { found: text.chars().take(40).collect() })
    }
}

/// Public id of a client: its `client_id`. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub String);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program that may use the API: on one roster, for some things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiClient {
    /// Its id.
    pub id: ClientId,
    /// What the operator calls it; no two that are not revoked share a name.
    pub name: String,
    /// SHA-256 of its secret, which has 256 bits of chance.
    pub secret_hash: [u8; 32],
    /// The one roster that it sees.
    pub roster: RosterName,
    /// What it may do.
    pub scopes: BTreeSet<ApiScope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Whose it is.
    pub client: ClientId,
    /// What it is for: at most what its client may do.
    pub scopes: BTreeSet<ApiScope>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Which live entities are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityFilter {
    /// Of which kind.
    pub kind: EntityKind,
    /// Whose.
    pub employee: Option<EmployeeId>,
    /// Of which group.
    pub group: Option<ScheduleGroupId>,
    /// Those that end after this instant; asked of kinds that lie in time only.
    pub ends_after: Option<Timestamp>,
    /// Those that start before this instant; asked of kinds that lie in time only.
    pub starts_before: Option<Timestamp>,
}

/// The last entity of a page: where the next one begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PagePlace {
    /// When it ends, in milliseconds since 1970; not looked at where pages are ordered by id.
    pub ends_at_ms: i64,
    /// When it starts, likewise.
    pub starts_at_ms: i64,
    /// Its id.
    pub id: String,
}

/// One live entity, as it is stored. The entities of a page share one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntity {
    /// Its id.
    pub id: ByteString,
    /// When it ends, in milliseconds since 1970; 0 where pages are ordered by id.
    pub ends_at_ms: i64,
    /// When it starts, likewise.
    pub starts_at_ms: i64,
    /// Counts its changes of meaning.
    pub version: u32,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// The entity as JSON.
    pub body: ByteString,
}

impl StoredEntity {
    /// Where it stands in the order of pages.
    #[must_use]
    pub fn place(&self) -> PagePlace {
        let Self { id, ends_at_ms, starts_at_ms, .. } = self;
        let (ends_at_ms, starts_at_ms) = (*ends_at_ms, *starts_at_ms);
        PagePlace { ends_at_ms, starts_at_ms, id: id.to_string() }
    }
}

/// One entity that changed, with what filters look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEntity {
    /// Kind and id.
    pub key: EntityKey,
    /// Where its last change stands in the sequence.
    pub seq: ChangeSeq,
    /// The version; of a deleted one the last it had.
    pub version: u32,
    /// When it was changed or deleted.
    pub at: Timestamp,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Whose it is.
    pub employee: Option<String>,
    /// Of which group.
    pub group: Option<String>,
    /// When it starts.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// The entity as JSON; of a deleted one as it last was.
    pub body: String,
}

/// A change of a roster that is its own record, asked for through the API.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleCommit {
    /// The sequence that the decision rests on.
    pub expected: ChangeSeq,
    /// The instant.
    pub at: Timestamp,
    /// New and changed entities.
    pub upserts: Vec<Upsert>,
    /// Deleted ones.
    pub tombstones: Vec<EntityKey>,
    /// The answer that a repetition gets, where the client named a key for that.
    pub answer: Option<KeptAnswer>,
    /// Answers older than this are dropped.
    pub answers_kept_from: Timestamp,
    /// Who did it: durable together with what was done.
    pub audit: ApiCall,
}

/// An answer that is given again when the same is asked with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Whose key.
    pub client: ClientId,
    /// The key, as the client chose it.
    pub key: String,
    /// The hash of what was asked.
    pub request: Fingerprint,
    /// When.
    pub at: Timestamp,
    /// The entity that came of it.
    pub entity: EntityKey,
    /// Its version.
    pub version: u32,
    /// The entity as JSON.
    pub body: String,
}

/// One call of the API. No personal data: no names, addresses, filters or bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCall {
    /// When.
    pub at: Timestamp,
    /// Who, where that was proven.
    pub client: Option<ClientId>,
    /// What, as `/openapi.json` names it.
    pub operation: String,
    /// The schedule or job that it was about, where it was about one.
    pub target: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The `contextId` of an error.
    pub context: Option<String>,
}

/// What became of a new job.
#[expect(clippy::large_enum_variant, reason = "made once for a request, and taken apart")]
#[derive(Debug, Clone, PartialEq)]
pub enum JobAdded {
    /// It is queued.
    Queued,
    /// The same is under way already: this one.
    UnderWay(SyncJob),
    /// So many of this roster are under way that no more are taken.
    TooMany,
}

/// What the Schedule API keeps. Every method is one transaction.
#[async_trait]
pub trait ApiStore: Send + Sync {
    /// Adds a client; `false` when one that is not revoked has its name.
    async fn add_api_client(&self, client: ApiClient) -> Result<bool, StoreError>;

    /// All clients, ordered by name and time of making.
    async fn api_clients(&self) -> Result<Vec<ApiClient>, StoreError>;

    /// The client of this id, revoked or not.
    async fn api_client(&self, id: &ClientId) -> Result<Option<ApiClient>, StoreError>;

    /// Revokes a client and all its tokens; whether there was one that was not revoked yet.
    async fn revoke_api_client(&self, id: &ClientId, at: Timestamp) -> Result<bool, StoreError>;

    /// Adds a token and drops those of all clients that ended before `now`. Of one client at most
    /// `keep` stay, those that end last.
    async fn add_api_token(
        &self,
        token: ApiToken,
        now: Timestamp,
        keep: usize,
    ) -> Result<(), StoreError>;

    /// The token with this hash, with its client; whether they are still good is for the caller to
    /// see.
    async fn api_token(&self, hash: &[u8; 32])
    -> Result<Option<(ApiToken, ApiClient)>, StoreError>;

    /// What tells this store from one that was made anew: `fresh` if none was set before.
    async fn incarnation(&self, fresh: &str) -> Result<String, StoreError>;

    /// A place in a roster's sequence such that everything changed at or after `at` stands after
    /// it; the last place when nothing did. Nearly the latest such place: a change that was
    /// committed out of the order of time brings some before it along. 0 when that is longer ago
    /// than is known.
    async fn seq_before(&self, roster: &RosterName, at: Timestamp)
    -> Result<ChangeSeq, StoreError>;

    /// Live entities that `filter` admits, `skip` of them left out; at most `limit`, after `after`.
    /// Ordered by end, start and id, where they lie in time and the filter names an employee, a
    /// group or an instant; else by id.
    async fn entity_page(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
        after: Option<&PagePlace>,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntity>, StoreError>;

    /// How many live entities `filter` admits. Counts them.
    async fn entity_count(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
    ) -> Result<u64, StoreError>;

    /// What changed after `since`, deletions included, in the order of the sequence; at most
    /// `limit`.
    async fn entity_changes(
        &self,
        roster: &RosterName,
        kinds: &BTreeSet<EntityKind>,
        since: ChangeSeq,
        limit: usize,
    ) -> Result<Vec<ChangedEntity>, StoreError>;

    /// The answer that was kept under a client's key.
    async fn kept_answer(
        &self,
        client: &ClientId,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError>;

    /// Changes a roster, keeps the answer, and says who did it; all or nothing, durable when it
    /// returns.
    ///
    /// # Errors
    /// `Superseded` when the roster's sequence is not `commit.expected` any more.
    async fn commit_schedule(
        &self,
        roster: &RosterName,
        commit: ScheduleCommit,
    ) -> Result<IngestReceipt, StoreError>;

    /// Queues a job, unless the same is under way ([`SyncJob::print`]) or `limit` of its roster
    /// are. Drops jobs that ended before `kept_from`.
    async fn add_sync_job(
        &self,
        job: SyncJob,
        limit: usize,
        kept_from: Timestamp,
    ) -> Result<JobAdded, StoreError>;

    /// Puts a job as it stands now, unless it has ended: what ended stays as it is. Whether it was
    /// put.
    async fn put_sync_job(&self, job: &SyncJob) -> Result<bool, StoreError>;

    /// The job of this id.
    async fn sync_job(&self, id: &str) -> Result<Option<SyncJob>, StoreError>;

    /// The jobs of a roster that are under way, the oldest first.
    async fn open_sync_jobs(&self, roster: &RosterName) -> Result<Vec<SyncJob>, StoreError>;

    /// Appends calls, and drops those older than `kept_from`.
    async fn add_api_calls(
        &self,
        calls: &[ApiCall],
        kept_from: Timestamp,
    ) -> Result<(), StoreError>;

    /// The last calls, the newest first; of one client, where one is named. At most `limit`.
    async fn api_calls(
        &self,
        client: Option<&ClientId>,
        limit: usize,
    ) -> Result<Vec<ApiCall>, StoreError>;
}
