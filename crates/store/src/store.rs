//! The port, method by method: says what was being done when something fails, and nothing else.

mod overview;
mod part;

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    CalendarKey, ConnectionName, EmployeeId, EntityKey, EntityKind, Fingerprint, MirrorName,
    RosterName, SyncWindow,
};
use engine::port::{
    ApiCall, ApiClient, ApiStore, ApiToken, ApprovalCommit, ApprovalStore, AuditEntry, AuditId,
    CalendarState, ChangeSeq, ChangedEntity, ChangesOf, ClientId, CommitReceipt, ConflictCounts,
    ConflictRow, ConflictStore, Cursor, Drift, DriftStore, DriftWrite, EntityFilter, Epoch,
    EventChange, FeedId, FeedKey, FeedLink, FeedStore, FoundEntity, Grant, HookStore, IdentityHint,
    IngestCommit, IngestReceipt, JobAdded, KeptAnswer, KeptSubscription, LeaseDomain, LeaseGrant,
    LedgerCommit, LedgerRow, MeetingNote, MirrorCounts, PagePlace, RemoteId, ReportRow, RequestRow,
    RosterCounts, RosterEntry, RosterIndexRow, ScheduleCommit, Scope, SourceState, Store,
    StoreError, StoredEntity, Subject, SyncJob,
};
use jiff::Timestamp;

use crate::backend::Backend;
use crate::lease::{Claim, TakeOver};
use crate::ledger::READ_ROWS;
use crate::roster::ENTITY_PAGE_ROWS;
use crate::subjects::Question;
use crate::{api, approval, conflict, drift, feed, hook, lease, ledger, report, roster, subjects};

/// The store on SQLite or PostgreSQL.
#[derive(Debug)]
pub(crate) struct SqlStore {
    backend: Backend,
}

impl SqlStore {
    pub fn new(backend: Backend) -> Self {
        Self { backend }
    }
}

/// Awaits `$work` and says what it was.
macro_rules! doing {
    ($operation:literal, $work:expr) => {
        $work.await.map_err(|fault| fault.during($operation))
    };
}
use doing;

#[async_trait]
impl ApiStore for SqlStore {
    async fn add_api_client(&self, client: ApiClient) -> Result<bool, StoreError> {
        doing!("add a client", api::clients::add(&self.backend, &client))
    }

    async fn api_clients(&self) -> Result<Vec<ApiClient>, StoreError> {
        doing!("list clients", api::clients::list(&self.backend))
    }

    async fn api_client(&self, id: &ClientId) -> Result<Option<ApiClient>, StoreError> {
        doing!("find a client", api::clients::get(&self.backend, id))
    }

    async fn revoke_api_client(&self, id: &ClientId, at: Timestamp) -> Result<bool, StoreError> {
        doing!("revoke a client", api::clients::revoke(&self.backend, id, at))
    }

    async fn add_api_token(
        &self,
        token: ApiToken,
        now: Timestamp,
        keep: usize,
    ) -> Result<(), StoreError> {
        doing!("add a token", api::clients::add_token(&self.backend, &token, now, keep))
    }

    async fn api_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ApiToken, ApiClient)>, StoreError> {
        doing!("find a token", api::clients::token(&self.backend, hash))
    }

    async fn incarnation(&self, fresh: &str) -> Result<String, StoreError> {
        doing!("read the store's mark", api::clients::incarnation(&self.backend, fresh))
    }

    async fn seq_before(
        &self,
        roster: &RosterName,
        at: Timestamp,
    ) -> Result<ChangeSeq, StoreError> {
        doing!("find a place in time", api::pages::seq_before(&self.backend, roster, at))
    }

    async fn entity_page(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
        after: Option<&PagePlace>,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntity>, StoreError> {
        let page = api::pages::page(&self.backend, roster, filter, after, (skip, limit));
        doing!("read a page of the schedule", page)
    }

    async fn entity_count(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
    ) -> Result<u64, StoreError> {
        doing!("count the schedule", api::pages::count(&self.backend, roster, filter))
    }

    async fn entity_changes(
        &self,
        roster: &RosterName,
        kinds: &BTreeSet<EntityKind>,
        since: ChangeSeq,
        limit: usize,
    ) -> Result<Vec<ChangedEntity>, StoreError> {
        let changes = api::pages::changes(&self.backend, roster, kinds, since, limit);
        doing!("read changes of the schedule", changes)
    }

    async fn kept_answer(
        &self,
        client: &ClientId,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        doing!("find an earlier answer", api::writes::kept(&self.backend, client, key))
    }

    async fn commit_schedule(
        &self,
        roster: &RosterName,
        commit: ScheduleCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let committing = api::writes::commit(&self.backend, roster, &commit);
        doing!("commit a change of the schedule", committing)
    }

    async fn add_sync_job(
        &self,
        job: SyncJob,
        limit: usize,
        kept_from: Timestamp,
    ) -> Result<JobAdded, StoreError> {
        doing!("queue a job", api::jobs::add(&self.backend, &job, limit, kept_from))
    }

    async fn put_sync_job(&self, job: &SyncJob) -> Result<bool, StoreError> {
        doing!("keep a job", api::jobs::put(&self.backend, job))
    }

    async fn sync_job(&self, id: &str) -> Result<Option<SyncJob>, StoreError> {
        doing!("find a job", api::jobs::get(&self.backend, id))
    }

    async fn open_sync_jobs(&self, roster: &RosterName) -> Result<Vec<SyncJob>, StoreError> {
        doing!("list jobs", api::jobs::open(&self.backend, roster))
    }

    async fn add_api_calls(
        &self,
        calls: &[ApiCall],
        kept_from: Timestamp,
    ) -> Result<(), StoreError> {
        doing!("keep who called what", api::calls::add(&self.backend, calls, kept_from))
    }

    async fn api_calls(
        &self,
        client: Option<&ClientId>,
        limit: usize,
    ) -> Result<Vec<ApiCall>, StoreError> {
        doing!("list calls", api::calls::list(&self.backend, client, limit))
    }
}

#[async_trait]
impl ApprovalStore for SqlStore {
    async fn ledger_at(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
        at: &[RemoteId],
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let ids: Vec<_> = at.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let reading = async {
            let mut session = self.backend.reading(ids.len().div_ceil(READ_ROWS)).await?;
            ledger::at(&mut session, mirror, calendar, &ids).await
        };
        doing!("find ledger rows by remote id", reading)
    }

    async fn ledger_of(
        &self,
        mirror: &MirrorName,
        keys: &[EntityKey],
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let keys: Vec<_> = keys.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let reading = async {
            let mut session = self.backend.reading(keys.len().div_ceil(READ_ROWS)).await?;
            ledger::of_keys(&mut session, mirror, &keys).await
        };
        doing!("find ledger rows of entities", reading)
    }

    async fn entries_of_employees(
        &self,
        roster: &RosterName,
        employees: &[(EmployeeId, SyncWindow)],
    ) -> Result<Vec<RosterEntry>, StoreError> {
        let reading = async {
            let pages = employees.len().div_ceil(ENTITY_PAGE_ROWS);
            let mut session = self.backend.reading(pages).await?;
            roster::of_employees(&mut session, roster, employees).await
        };
        doing!("read employees' entities", reading)
    }

    async fn entries_within(
        &self,
        roster: &RosterName,
        kind: EntityKind,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        let reading = async {
            let mut session = self.backend.reader().await?;
            roster::within(&mut session, roster, kind, window).await
        };
        doing!("read entities of a time", reading)
    }

    async fn grants(
        &self,
        mirror: &MirrorName,
        keys: &[Fingerprint],
    ) -> Result<Vec<Grant>, StoreError> {
        doing!("find grants", approval::grants(&self.backend, mirror, keys))
    }

    async fn requests_at(
        &self,
        mirror: &MirrorName,
        at: &[RemoteId],
    ) -> Result<Vec<RequestRow>, StoreError> {
        doing!("find requests", approval::requests_at(&self.backend, mirror, at))
    }

    async fn requests(
        &self,
        mirror: &MirrorName,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError> {
        doing!("list requests", approval::requests(&self.backend, mirror, pending, limit))
    }

    async fn requests_to_approve(
        &self,
        mirror: &MirrorName,
        due_by: Timestamp,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let due = approval::requests_to_approve(&self.backend, mirror, due_by, limit);
        doing!("list requests to be granted", due)
    }

    async fn commit_approvals(
        &self,
        roster: &RosterName,
        mirror: &MirrorName,
        commit: ApprovalCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let committing = approval::commit(&self.backend, roster, mirror, &commit);
        doing!("commit what was decided", committing)
    }
}

#[async_trait]
impl ConflictStore for SqlStore {
    async fn conflicts(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        doing!("read conflicts", conflict::rows(&self.backend, mirror, calendar))
    }

    async fn conflict_counts(&self, mirror: &MirrorName) -> Result<ConflictCounts, StoreError> {
        doing!("count conflicts", conflict::counts(&self.backend, mirror))
    }

    async fn conflict_looks(
        &self,
        mirror: &MirrorName,
    ) -> Result<Vec<(CalendarKey, Timestamp)>, StoreError> {
        doing!("read when conflicts were looked for", conflict::looks(&self.backend, mirror))
    }

    async fn event_changes(
        &self,
        mirror: &MirrorName,
        which: &ChangesOf,
    ) -> Result<Vec<EventChange>, StoreError> {
        doing!("read changes of events", conflict::changes(&self.backend, mirror, which))
    }

    async fn meeting_notes(&self, mirror: &MirrorName) -> Result<Vec<MeetingNote>, StoreError> {
        doing!("read notes of meetings", conflict::notes(&self.backend, mirror))
    }

    async fn event_change(
        &self,
        id: &AuditId,
    ) -> Result<Option<(MirrorName, EventChange)>, StoreError> {
        doing!("find a change of an event", conflict::change(&self.backend, id))
    }
}

#[async_trait]
impl DriftStore for SqlStore {
    async fn drifts(&self, mirror: &MirrorName) -> Result<Vec<Drift>, StoreError> {
        doing!("list drift", drift::drifts(&self.backend, mirror))
    }

    async fn put_drifts(
        &self,
        mirror: &MirrorName,
        writes: &[DriftWrite],
    ) -> Result<(), StoreError> {
        doing!("write drift", drift::put(&self.backend, mirror, writes))
    }
}

#[async_trait]
impl HookStore for SqlStore {
    async fn subscriptions(&self) -> Result<Vec<KeptSubscription>, StoreError> {
        doing!("list subscriptions", hook::all(&self.backend))
    }

    async fn subscriptions_at(
        &self,
        connection: &ConnectionName,
        ids: &[String],
    ) -> Result<Vec<KeptSubscription>, StoreError> {
        doing!("find subscriptions", hook::at(&self.backend, connection, ids))
    }

    async fn put_subscription(&self, kept: &KeptSubscription) -> Result<(), StoreError> {
        doing!("keep a subscription", hook::put(&self.backend, kept))
    }

    async fn remove_subscription(
        &self,
        connection: &ConnectionName,
        id: &str,
    ) -> Result<(), StoreError> {
        doing!("remove a subscription", hook::remove(&self.backend, connection, id))
    }
}

#[async_trait]
impl FeedStore for SqlStore {
    async fn add_feed_link(&self, link: FeedLink) -> Result<(), StoreError> {
        doing!("add a feed link", feed::add_link(&self.backend, &link))
    }

    async fn feed_link_by_token(&self, hash: &[u8; 32]) -> Result<Option<FeedLink>, StoreError> {
        doing!("find a feed link", feed::link_by_token(&self.backend, hash))
    }

    async fn feed_links(&self) -> Result<Vec<FeedLink>, StoreError> {
        doing!("list feed links", feed::links(&self.backend))
    }

    async fn revoke_feed_link(&self, id: &FeedId, at: Timestamp) -> Result<bool, StoreError> {
        doing!("revoke a feed link", feed::revoke(&self.backend, id, at))
    }

    async fn feed_keys(&self, now: Timestamp) -> Result<Vec<FeedKey>, StoreError> {
        doing!("list feed keys", feed::keys(&self.backend, now))
    }

    async fn rotate_feed_key(
        &self,
        key: FeedKey,
        former_retire_at: Timestamp,
    ) -> Result<(), StoreError> {
        doing!("rotate the feed key", feed::rotate(&self.backend, &key, former_retire_at))
    }
}

#[async_trait]
impl Store for SqlStore {
    fn readers(&self) -> usize {
        self.backend.readers()
    }

    async fn roster_index(
        &self,
        roster: &RosterName,
    ) -> Result<(ChangeSeq, Vec<RosterIndexRow>), StoreError> {
        doing!("read the roster", roster::index(&self.backend, roster))
    }

    async fn roster_entries(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterEntry>, StoreError> {
        let reading = async {
            let mut session = self.backend.reading(keys.len().div_ceil(ENTITY_PAGE_ROWS)).await?;
            roster::entries(&mut session, roster, keys).await
        };
        doing!("read entities", reading)
    }

    async fn employee_entries(
        &self,
        roster: &RosterName,
        employee: &EmployeeId,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        doing!(
            "read an employee's entities",
            roster::of_employee(&self.backend, roster, employee, window)
        )
    }

    async fn entries_of_kind(
        &self,
        roster: &RosterName,
        kind: EntityKind,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        doing!("read entities of a kind", roster::of_kind(&self.backend, roster, kind))
    }

    async fn source_state(&self, roster: &RosterName) -> Result<SourceState, StoreError> {
        doing!("read the source's state", roster::source_state(&self.backend, roster))
    }

    async fn commit_ingest(
        &self,
        roster: &RosterName,
        commit: IngestCommit,
    ) -> Result<IngestReceipt, StoreError> {
        doing!("commit an ingest", roster::ingest::commit(&self.backend, roster, &commit))
    }

    async fn identity_hints(&self, roster: &RosterName) -> Result<Vec<IdentityHint>, StoreError> {
        doing!("read identity hints", roster::hints(&self.backend, roster))
    }

    async fn add_identity_hints(
        &self,
        roster: &RosterName,
        hints: &[IdentityHint],
    ) -> Result<(), StoreError> {
        doing!("add identity hints", roster::add_hints(&self.backend, roster, hints))
    }

    async fn find_entities(&self, id: &str) -> Result<Vec<FoundEntity>, StoreError> {
        doing!("find an entity", roster::find::entities(&self.backend, id))
    }

    async fn roster_seq(&self, roster: &RosterName) -> Result<ChangeSeq, StoreError> {
        let reading = async {
            let mut session = self.backend.reader().await?;
            roster::seq(&mut session, roster).await
        };
        doing!("read the change sequence", reading)
    }

    async fn roster_counts(&self, roster: &RosterName) -> Result<RosterCounts, StoreError> {
        doing!("count the roster", roster::counts(&self.backend, roster))
    }

    async fn subjects(
        &self,
        mirror: &MirrorName,
        roster: &RosterName,
        kinds: &[EntityKind],
        scope: &Scope,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Subject>, StoreError> {
        let question = Question { mirror, roster, kinds, after, limit };
        doing!("read what is to be planned", subjects::subjects(&self.backend, question, scope))
    }

    async fn ledger_of_calendar(
        &self,
        mirror: &MirrorName,
        calendar: &CalendarKey,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        doing!(
            "read the ledger of a calendar",
            ledger::of_calendar(&self.backend, mirror, calendar)
        )
    }

    async fn commit_ledger(
        &self,
        mirror: &MirrorName,
        commit: LedgerCommit,
    ) -> Result<CommitReceipt, StoreError> {
        doing!("commit to the ledger", ledger::commit::commit(&self.backend, mirror, &commit))
    }

    async fn calendar_states(&self, mirror: &MirrorName) -> Result<Vec<CalendarState>, StoreError> {
        doing!("read the states of calendars", ledger::calendar_states(&self.backend, mirror))
    }

    async fn cursor(&self, mirror: &MirrorName) -> Result<Cursor, StoreError> {
        doing!("read the cursor", ledger::cursor(&self.backend, mirror))
    }

    async fn mirror_counts(&self, mirror: &MirrorName) -> Result<MirrorCounts, StoreError> {
        doing!("count the ledger", ledger::counts(&self.backend, mirror))
    }

    async fn items_after(
        &self,
        mirror: &MirrorName,
        instant: Timestamp,
    ) -> Result<u64, StoreError> {
        doing!("count the ledger", ledger::items_after(&self.backend, mirror, instant))
    }

    async fn history(&self, key: &EntityKey) -> Result<Vec<AuditEntry>, StoreError> {
        doing!("read the audit", report::history(&self.backend, key))
    }

    async fn acquire_leases(
        &self,
        domains: &[LeaseDomain],
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<LeaseGrant>, StoreError> {
        let claim = Claim { owner, now, until };
        doing!("acquire leases", lease::acquire(&self.backend, domains, claim))
    }

    async fn take_over_lease(
        &self,
        domain: &LeaseDomain,
        from: &str,
        epoch: Epoch,
        owner: &str,
        until: Timestamp,
    ) -> Result<LeaseGrant, StoreError> {
        let wish = TakeOver { from, epoch, owner, until };
        doing!("take over a lease", lease::take_over(&self.backend, domain, wish))
    }

    async fn release_leases(&self, leases: &[(LeaseDomain, Epoch)]) -> Result<(), StoreError> {
        doing!("release leases", lease::release(&self.backend, leases))
    }

    async fn put_report(&self, report: ReportRow) -> Result<(), StoreError> {
        doing!("keep a report", report::put_report(&self.backend, &report))
    }

    async fn reports(&self) -> Result<Vec<ReportRow>, StoreError> {
        doing!("read the reports", report::reports(&self.backend))
    }
}
