//! The store, kept in memory: the same promises, no database.
//!
//! Every method is carried out at once, under one lock: so it is one transaction. Nothing depends
//! on an order that could differ between two runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{
    CalendarKey, ConnectionName, EmployeeId, EntityKey, EntityKind, Fingerprint, ItemKey,
    MirrorName, RosterName, SyncWindow,
};
use engine::port::{
    ApprovalCommit, ApprovalStore, AuditEntry, AuditId, CalendarState, ChangeSeq, ChangesOf,
    CommitReceipt, ConflictCounts, ConflictRow, ConflictStore, Cursor, Drift, DriftStore,
    DriftWrite, Epoch, EventChange, FeedId, FeedKey, FeedLink, FeedStore, FoundEntity, Grant,
    HookStore, IdentityHint, IngestCommit, IngestReceipt, KeptSubscription, LeaseDomain,
    LeaseGrant, LedgerCommit, LedgerRow, MeetingNote, MirrorCounts, RemoteId, ReportRow,
    RequestRow, RosterCounts, RosterEntry, RosterIndexRow, Scope, SourceState, Store, StoreError,
    Subject,
};
use jiff::Timestamp;

mod api;
mod approvals;
mod conflicts;
mod feeds;
mod ledger;
mod overview;
mod parts;
mod roster;
mod subjects;

use api::Api;
use approvals::Approvals;
use conflicts::Conflicts;
use feeds::Feeds;
use ledger::{Ledgers, Mirror};
use roster::Roster;

/// A store that is gone when it is dropped. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rosters: BTreeMap<RosterName, Roster>,
    ledgers: Ledgers,
    approvals: BTreeMap<MirrorName, Approvals>,
    feeds: Feeds,
    api: Api,
    subscriptions: BTreeMap<(ConnectionName, String), KeptSubscription>,
    reports: BTreeMap<String, ReportRow>,
}

impl State {
    fn roster(&self, name: &RosterName) -> Option<&Roster> {
        self.rosters.get(name)
    }

    fn mirror(&self, name: &MirrorName) -> Option<&Mirror> {
        self.ledgers.mirrors.get(name)
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One ledger row of a main item, for a test that looks at it without being asynchronous.
    #[must_use]
    pub fn row(
        &self,
        mirror: &MirrorName,
        calendar: &CalendarKey,
        key: &EntityKey,
    ) -> Option<LedgerRow> {
        self.item_row(mirror, calendar, &key.clone().into())
    }

    /// The same of any item.
    #[must_use]
    pub fn item_row(
        &self,
        mirror: &MirrorName,
        calendar: &CalendarKey,
        ItemKey { entity, part }: &ItemKey,
    ) -> Option<LedgerRow> {
        let place = (calendar.clone(), *part);
        self.lock().mirror(mirror)?.rows.get(entity)?.get(&place).cloned()
    }

    /// All ledger rows of a mirror, ordered by key and calendar.
    #[must_use]
    pub fn rows(&self, mirror: &MirrorName) -> Vec<LedgerRow> {
        let state = self.lock();
        state.mirror(mirror).map(|it| it.all_rows().cloned().collect()).unwrap_or_default()
    }

    fn of_conflicts<T: Default>(
        &self,
        mirror: &MirrorName,
        ask: impl FnOnce(&Conflicts) -> T,
    ) -> T {
        self.lock().mirror(mirror).map(|it| ask(&it.conflicts)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn roster_index(
        &self,
        roster: &RosterName,
    ) -> Result<(ChangeSeq, Vec<RosterIndexRow>), StoreError> {
        Ok(self.lock().roster(roster).map(Roster::index).unwrap_or_default())
    }

    async fn roster_entries(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterEntry>, StoreError> {
        let state = self.lock();
        let Some(roster) = state.roster(roster) else { return Ok(Vec::new()) };
        let keys: BTreeSet<_> = keys.iter().collect();
        Ok(keys.into_iter().filter_map(|key| roster.live(key)).cloned().collect())
    }

    async fn employee_entries(
        &self,
        roster: &RosterName,
        employee: &EmployeeId,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        let state = self.lock();
        Ok(state.roster(roster).map(|it| it.of_employee(employee, window)).unwrap_or_default())
    }

    async fn entries_of_kind(
        &self,
        roster: &RosterName,
        kind: EntityKind,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        let state = self.lock();
        Ok(state.roster(roster).map(|it| it.of_kind(kind)).unwrap_or_default())
    }

    async fn source_state(&self, roster: &RosterName) -> Result<SourceState, StoreError> {
        Ok(self.lock().roster(roster).map(|it| it.source.clone()).unwrap_or_default())
    }

    async fn commit_ingest(
        &self,
        roster: &RosterName,
        commit: IngestCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let mut state = self.lock();
        state.rosters.entry(roster.clone()).or_default().ingest(roster, commit)
    }

    async fn identity_hints(&self, roster: &RosterName) -> Result<Vec<IdentityHint>, StoreError> {
        Ok(self.lock().roster(roster).map(Roster::hints).unwrap_or_default())
    }

    async fn add_identity_hints(
        &self,
        roster: &RosterName,
        hints: &[IdentityHint],
    ) -> Result<(), StoreError> {
        self.lock().rosters.entry(roster.clone()).or_default().add_hints(hints);
        Ok(())
    }

    async fn find_entities(&self, id: &str) -> Result<Vec<FoundEntity>, StoreError> {
        Ok(self.lock().find(id))
    }

    async fn roster_seq(&self, roster: &RosterName) -> Result<ChangeSeq, StoreError> {
        Ok(ChangeSeq(self.lock().roster(roster).map_or(0, |it| it.seq)))
    }

    async fn roster_counts(&self, roster: &RosterName) -> Result<RosterCounts, StoreError> {
        Ok(self.lock().roster(roster).map(Roster::counts).unwrap_or_default())
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
        let state = self.lock();
        let empty = (Roster::default(), Mirror::default());
        let question = subjects::Question {
            roster: state.roster(roster).unwrap_or(&empty.0),
            mirror: state.mirror(mirror).unwrap_or(&empty.1),
            kinds,
            after,
            limit,
        };
        Ok(question.answer(scope))
    }

    async fn ledger_of_calendar(
        &self,
        mirror: &MirrorName,
        calendar: &CalendarKey,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let state = self.lock();
        let rows = state.mirror(mirror).into_iter().flat_map(|it| it.in_calendar(calendar));
        Ok(rows.cloned().collect())
    }

    async fn commit_ledger(
        &self,
        mirror: &MirrorName,
        commit: LedgerCommit,
    ) -> Result<CommitReceipt, StoreError> {
        Ok(self.lock().ledgers.commit(mirror, commit))
    }

    async fn calendar_states(&self, mirror: &MirrorName) -> Result<Vec<CalendarState>, StoreError> {
        let state = self.lock();
        let calendars = state.mirror(mirror).map(|it| it.calendars.values().cloned().collect());
        Ok(calendars.unwrap_or_default())
    }

    async fn cursor(&self, mirror: &MirrorName) -> Result<Cursor, StoreError> {
        Ok(self.lock().mirror(mirror).map(|it| it.cursor.clone()).unwrap_or_default())
    }

    async fn mirror_counts(&self, mirror: &MirrorName) -> Result<MirrorCounts, StoreError> {
        Ok(self.lock().mirror(mirror).map(Mirror::counts).unwrap_or_default())
    }

    async fn items_after(
        &self,
        mirror: &MirrorName,
        instant: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(self.lock().mirror(mirror).map_or(0, |it| it.items_after(instant)))
    }

    async fn history(&self, key: &EntityKey) -> Result<Vec<AuditEntry>, StoreError> {
        Ok(self.lock().ledgers.history(key))
    }

    async fn acquire_leases(
        &self,
        domains: &[LeaseDomain],
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<LeaseGrant>, StoreError> {
        let mut state = self.lock();
        let leases = &mut state.ledgers;
        Ok(domains.iter().map(|domain| leases.acquire(domain, owner, now, until)).collect())
    }

    async fn take_over_lease(
        &self,
        domain: &LeaseDomain,
        from: &str,
        epoch: Epoch,
        owner: &str,
        until: Timestamp,
    ) -> Result<LeaseGrant, StoreError> {
        Ok(self.lock().ledgers.take_over(domain, (from, epoch), owner, until))
    }

    async fn release_leases(&self, leases: &[(LeaseDomain, Epoch)]) -> Result<(), StoreError> {
        self.lock().ledgers.release(leases);
        Ok(())
    }

    async fn put_report(&self, report: ReportRow) -> Result<(), StoreError> {
        self.lock().reports.insert(report.subject.clone(), report);
        Ok(())
    }

    async fn reports(&self) -> Result<Vec<ReportRow>, StoreError> {
        Ok(self.lock().reports.values().cloned().collect())
    }
}

#[async_trait]
impl ApprovalStore for MemoryStore {
    async fn ledger_at(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
        at: &[RemoteId],
    ) -> Result<Vec<LedgerRow>, StoreError> {
        Ok(self.lock().mirror(mirror).map(|it| it.at(calendar, at)).unwrap_or_default())
    }

    async fn ledger_of(
        &self,
        mirror: &MirrorName,
        keys: &[EntityKey],
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let state = self.lock();
        let Some(mirror) = state.mirror(mirror) else { return Ok(Vec::new()) };
        let keys: BTreeSet<_> = keys.iter().collect();
        Ok(keys.into_iter().flat_map(|key| mirror.of_key(key)).cloned().collect())
    }

    async fn entries_of_employees(
        &self,
        roster: &RosterName,
        employees: &[(EmployeeId, SyncWindow)],
    ) -> Result<Vec<RosterEntry>, StoreError> {
        Ok(self.lock().roster(roster).map(|it| it.of_employees(employees)).unwrap_or_default())
    }

    async fn entries_within(
        &self,
        roster: &RosterName,
        kind: EntityKind,
        window: &SyncWindow,
    ) -> Result<Vec<RosterEntry>, StoreError> {
        Ok(self.lock().roster(roster).map(|it| it.within(kind, window)).unwrap_or_default())
    }

    async fn grants(
        &self,
        mirror: &MirrorName,
        keys: &[Fingerprint],
    ) -> Result<Vec<Grant>, StoreError> {
        Ok(self.lock().approvals(mirror).map(|it| it.grants(keys)).unwrap_or_default())
    }

    async fn requests_at(
        &self,
        mirror: &MirrorName,
        at: &[RemoteId],
    ) -> Result<Vec<RequestRow>, StoreError> {
        Ok(self.lock().approvals(mirror).map(|it| it.requests_at(at)).unwrap_or_default())
    }

    async fn requests(
        &self,
        mirror: &MirrorName,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let state = self.lock();
        Ok(state.approvals(mirror).map(|it| it.requests(pending, limit)).unwrap_or_default())
    }

    async fn requests_to_approve(
        &self,
        mirror: &MirrorName,
        due_by: Timestamp,
        limit: usize,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let state = self.lock();
        Ok(state.approvals(mirror).map(|it| it.to_approve(due_by, limit)).unwrap_or_default())
    }

    async fn commit_approvals(
        &self,
        roster: &RosterName,
        mirror: &MirrorName,
        commit: ApprovalCommit,
    ) -> Result<IngestReceipt, StoreError> {
        self.lock().commit_approvals(roster, mirror, commit)
    }
}

#[async_trait]
impl ConflictStore for MemoryStore {
    async fn conflicts(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        Ok(self.of_conflicts(mirror, |it| it.rows(calendar)))
    }

    async fn conflict_counts(&self, mirror: &MirrorName) -> Result<ConflictCounts, StoreError> {
        Ok(self.of_conflicts(mirror, Conflicts::counts))
    }

    async fn conflict_looks(
        &self,
        mirror: &MirrorName,
    ) -> Result<Vec<(CalendarKey, Timestamp)>, StoreError> {
        Ok(self.of_conflicts(mirror, Conflicts::looks))
    }

    async fn event_changes(
        &self,
        mirror: &MirrorName,
        which: &ChangesOf,
    ) -> Result<Vec<EventChange>, StoreError> {
        Ok(self.of_conflicts(mirror, |it| it.changes(which)))
    }

    async fn meeting_notes(&self, mirror: &MirrorName) -> Result<Vec<MeetingNote>, StoreError> {
        Ok(self.of_conflicts(mirror, Conflicts::notes))
    }

    async fn event_change(
        &self,
        id: &AuditId,
    ) -> Result<Option<(MirrorName, EventChange)>, StoreError> {
        let state = self.lock();
        let mut mirrors = state.ledgers.mirrors.iter();
        Ok(mirrors.find_map(|(name, it)| Some((name.clone(), it.conflicts.change(id)?.clone()))))
    }
}

#[async_trait]
impl DriftStore for MemoryStore {
    async fn drifts(&self, mirror: &MirrorName) -> Result<Vec<Drift>, StoreError> {
        let state = self.lock();
        let drifts = state.mirror(mirror).map(|it| it.drifts.values().cloned().collect());
        Ok(drifts.unwrap_or_default())
    }

    async fn put_drifts(
        &self,
        mirror: &MirrorName,
        writes: &[DriftWrite],
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let kept = state.ledgers.mirrors.entry(mirror.clone()).or_default();
        writes.iter().cloned().for_each(|write| kept.write_drift(write));
        Ok(())
    }
}

#[async_trait]
impl HookStore for MemoryStore {
    async fn subscriptions(&self) -> Result<Vec<KeptSubscription>, StoreError> {
        Ok(self.lock().subscriptions.values().cloned().collect())
    }

    async fn subscriptions_at(
        &self,
        connection: &ConnectionName,
        ids: &[String],
    ) -> Result<Vec<KeptSubscription>, StoreError> {
        let state = self.lock();
        let all = state.subscriptions.values();
        let wanted =
            all.filter(|it| it.connection == *connection && ids.contains(&it.subscription.id));
        Ok(wanted.cloned().collect())
    }

    async fn put_subscription(&self, kept: &KeptSubscription) -> Result<(), StoreError> {
        let place = (kept.connection.clone(), kept.subscription.id.clone());
        self.lock().subscriptions.insert(place, kept.clone());
        Ok(())
    }

    async fn remove_subscription(
        &self,
        connection: &ConnectionName,
        id: &str,
    ) -> Result<(), StoreError> {
        self.lock().subscriptions.remove(&(connection.clone(), id.to_owned()));
        Ok(())
    }
}

#[async_trait]
impl FeedStore for MemoryStore {
    async fn add_feed_link(&self, link: FeedLink) -> Result<(), StoreError> {
        self.lock().feeds.add(link)
    }

    async fn feed_link_by_token(&self, hash: &[u8; 32]) -> Result<Option<FeedLink>, StoreError> {
        Ok(self.lock().feeds.by_token(hash))
    }

    async fn feed_links(&self) -> Result<Vec<FeedLink>, StoreError> {
        Ok(self.lock().feeds.links())
    }

    async fn revoke_feed_link(&self, id: &FeedId, at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.lock().feeds.revoke(id, at))
    }

    async fn feed_keys(&self, now: Timestamp) -> Result<Vec<FeedKey>, StoreError> {
        Ok(self.lock().feeds.keys(now))
    }

    async fn rotate_feed_key(
        &self,
        key: FeedKey,
        former_retire_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().feeds.rotate(key, former_retire_at);
        Ok(())
    }
}
