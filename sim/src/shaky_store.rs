//! The store as one process sees it: it takes a moment, it fails now and then, and other
//! processes get in between.

use std::collections::BTreeSet;
mod overview;
mod part;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    CalendarKey, ConnectionName, EmployeeId, EntityKey, EntityKind, Fingerprint, MirrorName,
    RosterName, SyncWindow,
};
use engine::port::{
    ApiCall, ApiClient, ApiStore, ApiToken, ApprovalCommit, ApprovalStore, AuditEntry, AuditId,
    CalendarState, ChangeSeq, ChangedEntity, ChangesOf, ClientId, CommitReceipt, ConflictCounts,
    ConflictRow, ConflictStore, ConflictWrite, Cursor, Drift, DriftStore, DriftWrite, EntityFilter,
    Epoch, EventChange, FeedId, FeedKey, FeedLink, FeedStore, FoundEntity, Grant, HookStore,
    IdentityHint, IngestCommit, IngestReceipt, IntentState, JobAdded, KeptAnswer, KeptSubscription,
    LeaseDomain, LeaseGrant, LedgerCommit, LedgerRow, LedgerWrite, MeetingNote, MirrorCounts,
    PagePlace, RemoteId, ReportRow, RequestRow, RosterCounts, RosterEntry, RosterIndexRow,
    ScheduleCommit, Scope, SourceState, Store, StoreError, StoredEntity, Subject, SyncJob,
};
use jiff::Timestamp;
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;

use crate::Sabotage;
use crate::executor::give_way;
use crate::faults::Faults;

/// The store as one process sees it.
pub struct ShakyStore {
    /// What it really holds.
    pub inner: Arc<MemoryStore>,
    /// What goes wrong.
    pub faults: Faults,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// When.
    pub chance: SeededEntropy,
}

fn broken(operation: &'static str) -> StoreError {
    StoreError::Failed { operation, detail: "the connection to the database broke".into() }
}

impl ShakyStore {
    async fn begin(&self, operation: &'static str) -> Result<(), StoreError> {
        give_way().await;
        if self.chance.below(1000) < self.faults.store_before {
            return Err(broken(operation));
        }
        Ok(())
    }

    async fn end<T>(
        &self,
        operation: &'static str,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        give_way().await;
        if self.chance.below(1000) < self.faults.store_after {
            return Err(broken(operation));
        }
        result
    }
}

/// One operation: an await point, perhaps a failure, the operation, and both again.
macro_rules! pass {
    ($self:ident, $operation:literal, $call:expr) => {{
        $self.begin($operation).await?;
        let result = $call.await;
        $self.end($operation, result).await
    }};
}
use pass;

#[async_trait]
impl Store for ShakyStore {
    fn readers(&self) -> usize {
        self.inner.readers()
    }

    async fn roster_index(
        &self,
        roster: &RosterName,
    ) -> Result<(ChangeSeq, Vec<RosterIndexRow>), StoreError> {
        pass!(self, "read the roster", self.inner.roster_index(roster))
    }

    async fn roster_entries(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterEntry>, StoreError> {
        pass!(self, "read entities", self.inner.roster_entries(roster, keys))
    }

    async fn employee_entries(
        &self,
        roster: &RosterName,
        employee: &EmployeeId,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        pass!(self, "read entities", self.inner.employee_entries(roster, employee, window))
    }

    async fn entries_of_kind(
        &self,
        roster: &RosterName,
        kind: EntityKind,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        pass!(self, "read entities", self.inner.entries_of_kind(roster, kind))
    }

    async fn source_state(&self, roster: &RosterName) -> Result<SourceState, StoreError> {
        pass!(self, "read the source's state", self.inner.source_state(roster))
    }

    async fn commit_ingest(
        &self,
        roster: &RosterName,
        mut commit: IngestCommit,
    ) -> Result<IngestReceipt, StoreError> {
        if self.sabotage == Some(Sabotage::ForgetTombstones) {
            commit.tombstones.clear();
        }
        pass!(self, "commit an ingest", self.inner.commit_ingest(roster, commit))
    }

    async fn identity_hints(&self, roster: &RosterName) -> Result<Vec<IdentityHint>, StoreError> {
        pass!(self, "read hints", self.inner.identity_hints(roster))
    }

    async fn add_identity_hints(
        &self,
        roster: &RosterName,
        hints: &[IdentityHint],
    ) -> Result<(), StoreError> {
        pass!(self, "add hints", self.inner.add_identity_hints(roster, hints))
    }

    async fn find_entities(&self, id: &str) -> Result<Vec<FoundEntity>, StoreError> {
        pass!(self, "find entities", self.inner.find_entities(id))
    }

    async fn roster_seq(&self, roster: &RosterName) -> Result<ChangeSeq, StoreError> {
        pass!(self, "read the change sequence", self.inner.roster_seq(roster))
    }

    async fn roster_counts(&self, roster: &RosterName) -> Result<RosterCounts, StoreError> {
        pass!(self, "count", self.inner.roster_counts(roster))
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
        let found = self.inner.subjects(mirror, roster, kinds, scope, after, limit);
        pass!(self, "read subjects", found)
    }

    async fn ledger_of_calendar(
        &self,
        mirror: &MirrorName,
        calendar: &CalendarKey,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        pass!(self, "read the ledger", self.inner.ledger_of_calendar(mirror, calendar))
    }

    async fn commit_ledger(
        &self,
        mirror: &MirrorName,
        mut commit: LedgerCommit,
    ) -> Result<CommitReceipt, StoreError> {
        if self.sabotage == Some(Sabotage::SendBeforeDurable) {
            let sent = |write: &LedgerWrite| match write {
                LedgerWrite::Put(row) => {
                    row.intent.as_ref().is_some_and(|it| it.state == IntentState::Sent)
                }
                LedgerWrite::Remove { .. } => false,
            };
            commit.writes.retain(|write| !sent(write));
        }
        if self.sabotage == Some(Sabotage::ForgetEventChanges) {
            commit.conflicts.retain(|it| !matches!(it, ConflictWrite::Change(_)));
        }
        if self.sabotage == Some(Sabotage::ForgetUnpublished) {
            commit.calendars.iter_mut().for_each(|state| state.unpublished = None);
        }
        pass!(self, "commit to the ledger", self.inner.commit_ledger(mirror, commit))
    }

    async fn calendar_states(&self, mirror: &MirrorName) -> Result<Vec<CalendarState>, StoreError> {
        pass!(self, "read calendars", self.inner.calendar_states(mirror))
    }

    async fn cursor(&self, mirror: &MirrorName) -> Result<Cursor, StoreError> {
        pass!(self, "read the cursor", self.inner.cursor(mirror))
    }

    async fn mirror_counts(&self, mirror: &MirrorName) -> Result<MirrorCounts, StoreError> {
        pass!(self, "count", self.inner.mirror_counts(mirror))
    }

    async fn items_after(
        &self,
        mirror: &MirrorName,
        instant: Timestamp,
    ) -> Result<u64, StoreError> {
        pass!(self, "count", self.inner.items_after(mirror, instant))
    }

    async fn history(&self, key: &EntityKey) -> Result<Vec<AuditEntry>, StoreError> {
        pass!(self, "read the history", self.inner.history(key))
    }

    async fn acquire_leases(
        &self,
        domains: &[LeaseDomain],
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<LeaseGrant>, StoreError> {
        pass!(self, "take leases", self.inner.acquire_leases(domains, owner, now, until))
    }

    async fn take_over_lease(
        &self,
        domain: &LeaseDomain,
        from: &str,
        epoch: Epoch,
        owner: &str,
        until: Timestamp,
    ) -> Result<LeaseGrant, StoreError> {
        let taken = self.inner.take_over_lease(domain, from, epoch, owner, until);
        pass!(self, "take over a lease", taken)
    }

    async fn release_leases(&self, leases: &[(LeaseDomain, Epoch)]) -> Result<(), StoreError> {
        pass!(self, "give leases back", self.inner.release_leases(leases))
    }

    async fn put_report(&self, report: ReportRow) -> Result<(), StoreError> {
        self.inner.put_report(report).await
    }

    async fn reports(&self) -> Result<Vec<ReportRow>, StoreError> {
        self.inner.reports().await
    }
}

#[async_trait]
impl ConflictStore for ShakyStore {
    async fn conflicts(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        pass!(self, "read conflicts", self.inner.conflicts(mirror, calendar))
    }

    async fn conflict_counts(&self, mirror: &MirrorName) -> Result<ConflictCounts, StoreError> {
        pass!(self, "count conflicts", self.inner.conflict_counts(mirror))
    }

    async fn conflict_looks(
        &self,
        mirror: &MirrorName,
    ) -> Result<Vec<(CalendarKey, Timestamp)>, StoreError> {
        pass!(self, "read when conflicts were looked for", self.inner.conflict_looks(mirror))
    }

    async fn event_changes(
        &self,
        mirror: &MirrorName,
        which: &ChangesOf,
    ) -> Result<Vec<EventChange>, StoreError> {
        pass!(self, "read changes of events", self.inner.event_changes(mirror, which))
    }

    async fn meeting_notes(&self, mirror: &MirrorName) -> Result<Vec<MeetingNote>, StoreError> {
        pass!(self, "read notes of meetings", self.inner.meeting_notes(mirror))
    }

    async fn event_change(
        &self,
        id: &AuditId,
    ) -> Result<Option<(MirrorName, EventChange)>, StoreError> {
        pass!(self, "find a change of an event", self.inner.event_change(id))
    }
}

#[async_trait]
impl ApprovalStore for ShakyStore {
    async fn ledger_at(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
        at: &[RemoteId],
    ) -> Result<Vec<LedgerRow>, StoreError> {
        pass!(self, "find ledger rows", self.inner.ledger_at(mirror, calendar, at))
    }

    async fn ledger_of(
        &self,
        mirror: &MirrorName,
        keys: &[EntityKey],
    ) -> Result<Vec<LedgerRow>, StoreError> {
        pass!(self, "find ledger rows", self.inner.ledger_of(mirror, keys))
    }

    async fn entries_of_employees(
        &self,
        roster: &RosterName,
        employees: &[(EmployeeId, SyncWindow)],
    ) -> Result<Vec<RosterEntry>, StoreError> {
        pass!(self, "read entities", self.inner.entries_of_employees(roster, employees))
    }

    async fn entries_within(
        &self,
        roster: &RosterName,
        kind: EntityKind,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        pass!(self, "read entities", self.inner.entries_within(roster, kind, window))
    }

    async fn grants(
        &self,
        mirror: &MirrorName,
        keys: &[Fingerprint],
    ) -> Result<Vec<Grant>, StoreError> {
        pass!(self, "find grants", self.inner.grants(mirror, keys))
    }

    async fn requests_at(
        &self,
        mirror: &MirrorName,
        at: &[RemoteId],
    ) -> Result<Vec<RequestRow>, StoreError> {
        pass!(self, "find requests", self.inner.requests_at(mirror, at))
    }

    async fn requests(
        &self,
        mirror: &MirrorName,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError> {
        pass!(self, "list requests", self.inner.requests(mirror, pending, limit))
    }

    async fn requests_to_approve(
        &self,
        mirror: &MirrorName,
        due_by: Timestamp,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError> {
        pass!(self, "list requests", self.inner.requests_to_approve(mirror, due_by, limit))
    }

    async fn commit_approvals(
        &self,
        roster: &RosterName,
        mirror: &MirrorName,
        commit: ApprovalCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let committed = self.inner.commit_approvals(roster, mirror, commit);
        pass!(self, "commit what was decided", committed)
    }
}

/// The Schedule API is not part of the simulation.
#[async_trait]
impl ApiStore for ShakyStore {
    async fn add_api_client(&self, client: ApiClient) -> Result<bool, StoreError> {
        self.inner.add_api_client(client).await
    }

    async fn api_clients(&self) -> Result<Vec<ApiClient>, StoreError> {
        self.inner.api_clients().await
    }

    async fn api_client(&self, id: &ClientId) -> Result<Option<ApiClient>, StoreError> {
        self.inner.api_client(id).await
    }

    async fn revoke_api_client(&self, id: &ClientId, at: Timestamp) -> Result<bool, StoreError> {
        self.inner.revoke_api_client(id, at).await
    }

    async fn add_api_token(
        &self,
        token: ApiToken,
        now: Timestamp,
        keep: usize,
    ) -> Result<(), StoreError> {
        self.inner.add_api_token(token, now, keep).await
    }

    async fn api_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ApiToken, ApiClient)>, StoreError> {
        self.inner.api_token(hash).await
    }

    async fn incarnation(&self, fresh: &str) -> Result<String, StoreError> {
        self.inner.incarnation(fresh).await
    }

    async fn seq_before(
        &self,
        roster: &RosterName,
        at: Timestamp,
    ) -> Result<ChangeSeq, StoreError> {
        self.inner.seq_before(roster, at).await
    }

    async fn entity_page(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
        after: Option<&PagePlace>,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntity>, StoreError> {
        self.inner.entity_page(roster, filter, after, skip, limit).await
    }

    async fn entity_count(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
    ) -> Result<u64, StoreError> {
        self.inner.entity_count(roster, filter).await
    }

    async fn entity_changes(
        &self,
        roster: &RosterName,
        kinds: &BTreeSet<EntityKind>,
        since: ChangeSeq,
        limit: usize,
    ) -> Result<Vec<ChangedEntity>, StoreError> {
        self.inner.entity_changes(roster, kinds, since, limit).await
    }

    async fn kept_answer(
        &self,
        client: &ClientId,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.inner.kept_answer(client, key).await
    }

    async fn commit_schedule(
        &self,
        roster: &RosterName,
        commit: ScheduleCommit,
    ) -> Result<IngestReceipt, StoreError> {
        self.inner.commit_schedule(roster, commit).await
    }

    async fn add_sync_job(
        &self,
        job: SyncJob,
        limit: usize,
        kept_from: Timestamp,
    ) -> Result<JobAdded, StoreError> {
        self.inner.add_sync_job(job, limit, kept_from).await
    }

    async fn put_sync_job(&self, job: &SyncJob) -> Result<bool, StoreError> {
        self.inner.put_sync_job(job).await
    }

    async fn sync_job(&self, id: &str) -> Result<Option<SyncJob>, StoreError> {
        self.inner.sync_job(id).await
    }

    async fn open_sync_jobs(&self, roster: &RosterName) -> Result<Vec<SyncJob>, StoreError> {
        self.inner.open_sync_jobs(roster).await
    }

    async fn add_api_calls(
        &self,
        calls: &[ApiCall],
        kept_from: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.add_api_calls(calls, kept_from).await
    }

    async fn api_calls(
        &self,
        client: Option<&ClientId>,
        limit: usize,
    ) -> Result<Vec<ApiCall>, StoreError> {
        self.inner.api_calls(client, limit).await
    }
}

#[async_trait]
impl DriftStore for ShakyStore {
    async fn drifts(&self, mirror: &MirrorName) -> Result<Vec<Drift>, StoreError> {
        pass!(self, "list drift", self.inner.drifts(mirror))
    }

    async fn put_drifts(
        &self,
        mirror: &MirrorName,
        writes: &[DriftWrite],
    ) -> Result<(), StoreError> {
        pass!(self, "write drift", self.inner.put_drifts(mirror, writes))
    }
}

/// Subscriptions are not part of the simulation: hints come, or do not, without any.
#[async_trait]
impl HookStore for ShakyStore {
    async fn subscriptions(&self) -> Result<Vec<KeptSubscription>, StoreError> {
        self.inner.subscriptions().await
    }

    async fn subscriptions_at(
        &self,
        connection: &ConnectionName,
        ids: &[String],
    ) -> Result<Vec<KeptSubscription>, StoreError> {
        self.inner.subscriptions_at(connection, ids).await
    }

    async fn put_subscription(&self, kept: &KeptSubscription) -> Result<(), StoreError> {
        self.inner.put_subscription(kept).await
    }

    async fn remove_subscription(
        &self,
        connection: &ConnectionName,
        id: &str,
    ) -> Result<(), StoreError> {
        self.inner.remove_subscription(connection, id).await
    }
}

/// Feeds are not part of the simulation.
#[async_trait]
impl FeedStore for ShakyStore {
    async fn add_feed_link(&self, link: FeedLink) -> Result<(), StoreError> {
        self.inner.add_feed_link(link).await
    }

    async fn feed_link_by_token(&self, hash: &[u8; 32]) -> Result<Option<FeedLink>, StoreError> {
        self.inner.feed_link_by_token(hash).await
    }

    async fn feed_links(&self) -> Result<Vec<FeedLink>, StoreError> {
        self.inner.feed_links().await
    }

    async fn revoke_feed_link(&self, id: &FeedId, at: Timestamp) -> Result<bool, StoreError> {
        self.inner.revoke_feed_link(id, at).await
    }

    async fn feed_keys(&self, now: Timestamp) -> Result<Vec<FeedKey>, StoreError> {
        self.inner.feed_keys(now).await
    }

    async fn rotate_feed_key(
        &self,
        key: FeedKey,
        former_retire_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.rotate_feed_key(key, former_retire_at).await
    }
}
