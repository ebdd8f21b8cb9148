//! A running server with a store, a clock and chance in the test's hands.
//!
//! The store counts how often it is asked and can be told to fail; it holds what a feed needs
//! and refuses everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::*;
use engine::port::*;
use jiff::Timestamp;
use server::feed::issue::{IssuedLink, LinkPolicy, issue_link};
use server::feed::render::FeedOptions;
use server::{ServerParts, ServerState};
use tokio::net::TcpListener;

use crate::client::{self, Answer};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn roster() -> RosterName {
    RosterName::new("emea").unwrap()
}

pub fn anna() -> EmployeeId {
    EmployeeId::new("anna").unwrap()
}

/// Time that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn advance(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// As no clock of ours should be.
    pub fn set_back(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_sub(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
    async fn sleep_until(&self, _: Timestamp) {
        panic!("the server waits on no clock");
    }
}

/// Different bytes every time, the same in every run.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            let next = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// What a feed needs of a store.
#[derive(Default)]
pub struct FakeStore {
    pub entries: Mutex<BTreeMap<EntityKey, RosterEntry>>,
    pub links: Mutex<Vec<FeedLink>>,
    pub keys: Mutex<Vec<FeedKey>>,
    seq: AtomicI64,
    asked: AtomicUsize,
    broken: AtomicBool,
}

impl FakeStore {
    /// Adds or changes an entity, as an ingest at `changed_at` does.
    pub fn put(&self, entity: Entity, changed_at: Timestamp) -> ChangeSeq {
        let seq = self.next();
        let mut entries = self.entries.lock().unwrap();
        let version = entries.get(&entity.key()).map_or(1, |it| it.version + 1);
        let entry = RosterEntry {
            fingerprint: entity.fingerprint(),
            version,
            changed_at,
            seq,
            at: SourceRef("week-47.csv:2".into()),
            entity,
        };
        entries.insert(entry.entity.key(), entry);
        seq
    }

    /// Deletes an entity, as an ingest does.
    pub fn delete(&self, key: &EntityKey) -> ChangeSeq {
        self.entries.lock().unwrap().remove(key).unwrap();
        self.next()
    }

    /// How often anything was asked so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn next(&self) -> ChangeSeq {
        ChangeSeq(self.seq.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn ask(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Failed { operation: "read", detail: "disk on fire".into() });
        }
        Ok(())
    }

    fn select(&self, wanted: impl Fn(&RosterEntry) -> bool) -> Vec<RosterEntry> {
        let entries = self.entries.lock().unwrap();
        entries.values().filter(|it| wanted(it)).cloned().collect()
    }
}

/// What no feed needs.
pub fn unused<T>() -> Result<T, StoreError> {
    panic!("feeds do not ask for this");
}

pub type Answered<T> = Result<T, StoreError>;

#[async_trait]
impl ApiStore for FakeStore {
    async fn add_api_client(&self, _: ApiClient) -> Answered<bool> {
        unused()
    }
    async fn api_clients(&self) -> Answered<Vec<ApiClient>> {
        unused()
    }
    async fn api_client(&self, _: &ClientId) -> Answered<Option<ApiClient>> {
        unused()
    }
    async fn revoke_api_client(&self, _: &ClientId, _: Timestamp) -> Answered<bool> {
        unused()
    }
    async fn add_api_token(&self, _: ApiToken, _: Timestamp, _: usize) -> Answered<()> {
        unused()
    }
    async fn api_token(&self, _: &[u8; 32]) -> Answered<Option<(ApiToken, ApiClient)>> {
        unused()
    }
    async fn incarnation(&self, _: &str) -> Answered<String> {
        unused()
    }
    async fn seq_before(&self, _: &RosterName, _: Timestamp) -> Answered<ChangeSeq> {
        unused()
    }
    async fn entity_page(
        &self,
        _: &RosterName,
        _: &EntityFilter,
        _: Option<&PagePlace>,
        _: u64,
        _: usize,
    ) -> Answered<Vec<StoredEntity>> {
        unused()
    }
    async fn entity_count(&self, _: &RosterName, _: &EntityFilter) -> Answered<u64> {
        unused()
    }
    async fn entity_changes(
        &self,
        _: &RosterName,
        _: &BTreeSet<EntityKind>,
        _: ChangeSeq,
        _: usize,
    ) -> Answered<Vec<ChangedEntity>> {
        unused()
    }
    async fn kept_answer(&self, _: &ClientId, _: &str) -> Answered<Option<KeptAnswer>> {
        unused()
    }
    async fn commit_schedule(&self, _: &RosterName, _: ScheduleCommit) -> Answered<IngestReceipt> {
        unused()
    }
    async fn add_sync_job(&self, _: SyncJob, _: usize, _: Timestamp) -> Answered<JobAdded> {
        unused()
    }
    async fn put_sync_job(&self, _: &SyncJob) -> Answered<bool> {
        unused()
    }
    async fn sync_job(&self, _: &str) -> Answered<Option<SyncJob>> {
        unused()
    }
    async fn open_sync_jobs(&self, _: &RosterName) -> Answered<Vec<SyncJob>> {
        unused()
    }
    async fn add_api_calls(&self, _: &[ApiCall], _: Timestamp) -> Answered<()> {
        unused()
    }
    async fn api_calls(&self, _: Option<&ClientId>, _: usize) -> Answered<Vec<ApiCall>> {
        unused()
    }
}

#[async_trait]
impl ApprovalStore for FakeStore {
    async fn ledger_at(
        &self,
        _: &MirrorName,
        _: Option<&CalendarKey>,
        _: &[RemoteId],
    ) -> Answered<Vec<LedgerRow>> {
        unused()
    }
    async fn ledger_of(&self, _: &MirrorName, _: &[EntityKey]) -> Answered<Vec<LedgerRow>> {
        unused()
    }
    async fn entries_of_employees(
        &self,
        _: &RosterName,
        _: &[(EmployeeId, SyncWindow)],
    ) -> Answered<Vec<RosterEntry>> {
        unused()
    }
    async fn entries_within(
        &self,
        _: &RosterName,
        _: EntityKind,
        _: &SyncWindow,
    ) -> Answered<Vec<RosterEntry>> {
        unused()
    }
    async fn grants(&self, _: &MirrorName, _: &[Fingerprint]) -> Answered<Vec<Grant>> {
        unused()
    }
    async fn requests_at(&self, _: &MirrorName, _: &[RemoteId]) -> Answered<Vec<RequestRow>> {
        unused()
    }
    async fn requests(&self, _: &MirrorName, _: bool, _: usize) -> Answered<Vec<RequestRow>> {
        unused()
    }
    async fn requests_to_approve(
        &self,
        _: &MirrorName,
        _: Timestamp,
        _: usize,
    ) -> Answered<Vec<RequestRow>> {
        unused()
    }
    async fn commit_approvals(
        &self,
        _: &RosterName,
        _: &MirrorName,
        _: ApprovalCommit,
    ) -> Answered<IngestReceipt> {
        unused()
    }
}

#[async_trait]
impl ConflictStore for FakeStore {
    async fn conflicts(
        &self,
        _: &MirrorName,
        _: Option<&CalendarKey>,
    ) -> Answered<Vec<ConflictRow>> {
        unused()
    }
    async fn conflict_counts(&self, _: &MirrorName) -> Answered<ConflictCounts> {
        unused()
    }
    async fn conflict_looks(&self, _: &MirrorName) -> Answered<Vec<(CalendarKey, Timestamp)>> {
        unused()
    }
    async fn event_changes(&self, _: &MirrorName, _: &ChangesOf) -> Answered<Vec<EventChange>> {
        unused()
    }
    async fn meeting_notes(&self, _: &MirrorName) -> Answered<Vec<MeetingNote>> {
        unused()
    }
    async fn event_change(&self, _: &AuditId) -> Answered<Option<(MirrorName, EventChange)>> {
        unused()
    }
}

#[async_trait]
impl FeedStore for FakeStore {
    async fn add_feed_link(&self, link: FeedLink) -> Answered<()> {
        self.links.lock().unwrap().push(link);
        Ok(())
    }
    async fn feed_link_by_token(&self, hash: &[u8; 32]) -> Answered<Option<FeedLink>> {
        self.ask()?;
        let links = self.links.lock().unwrap();
        Ok(links.iter().find(|it| it.token_hash == *hash).cloned())
    }
    async fn feed_links(&self) -> Answered<Vec<FeedLink>> {
        Ok(self.links.lock().unwrap().clone())
    }
    async fn revoke_feed_link(&self, id: &FeedId, at: Timestamp) -> Answered<bool> {
        let mut links = self.links.lock().unwrap();
        let live = links.iter_mut().find(|it| it.id == *id && it.revoked_at.is_none());
        Ok(live.map(|it| it.revoked_at = Some(at)).is_some())
    }
    async fn feed_keys(&self, now: Timestamp) -> Answered<Vec<FeedKey>> {
        self.ask()?;
        let keys = self.keys.lock().unwrap();
        let known = |it: &&FeedKey| it.retires_at.is_none_or(|at| at >= now);
        Ok(keys.iter().rev().filter(known).cloned().collect())
    }
    async fn rotate_feed_key(&self, key: FeedKey, former_retire_at: Timestamp) -> Answered<()> {
        let mut keys = self.keys.lock().unwrap();
        for former in keys.iter_mut() {
            let earlier = former.retires_at.unwrap_or(former_retire_at);
            former.retires_at = Some(earlier.min(former_retire_at));
        }
        keys.push(key);
        Ok(())
    }
}

#[async_trait]
impl PartStore for FakeStore {
    async fn index_starting(
        &self,
        _: &RosterName,
        _: &[(EmployeeId, UtcInterval)],
    ) -> Answered<Vec<RosterIndexRow>> {
        unused()
    }
    async fn index_at(&self, _: &RosterName, _: &[EntityKey]) -> Answered<Vec<RosterIndexRow>> {
        unused()
    }
    async fn count_within(&self, _: &RosterName, _: &SyncWindow) -> Answered<u64> {
        unused()
    }
    async fn source_marks(&self, _: &RosterName, _: &str) -> Answered<Vec<SourceMark>> {
        unused()
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn roster_entries(
        &self,
        _: &RosterName,
        keys: &[EntityKey],
    ) -> Answered<Vec<RosterEntry>> {
        self.ask()?;
        Ok(self.select(|it| keys.contains(&it.entity.key())))
    }
    async fn employee_entries(
        &self,
        _: &RosterName,
        employee: &EmployeeId,
        window: &SyncWindow,
    ) -> Answered<Vec<RosterEntry>> {
        self.ask()?;
        Ok(self.select(|it| {
            let inside = it.entity.interval().is_some_and(|it| window.admits(&it));
            inside && it.entity.employee() == Some(employee)
        }))
    }
    async fn entries_of_kind(
        &self,
        _: &RosterName,
        kind: EntityKind,
    ) -> Answered<Vec<RosterEntry>> {
        self.ask()?;
        Ok(self.select(|it| it.entity.kind() == kind))
    }
    async fn roster_seq(&self, _: &RosterName) -> Answered<ChangeSeq> {
        self.ask()?;
        Ok(ChangeSeq(self.seq.load(Ordering::SeqCst)))
    }
    async fn roster_counts(&self, _: &RosterName) -> Answered<RosterCounts> {
        self.ask()?;
        let seq = ChangeSeq(self.seq.load(Ordering::SeqCst));
        Ok(RosterCounts { seq, ..RosterCounts::default() })
    }
    async fn reports(&self) -> Answered<Vec<ReportRow>> {
        self.ask()?;
        Ok(vec![ReportRow {
            subject: "roster/emea".into(),
            at: at("2026-11-21T05:45:00Z"),
            body: "{}".into(),
        }])
    }

    async fn roster_index(&self, _: &RosterName) -> Answered<(ChangeSeq, Vec<RosterIndexRow>)> {
        unused()
    }
    async fn source_state(&self, _: &RosterName) -> Answered<SourceState> {
        unused()
    }
    async fn commit_ingest(&self, _: &RosterName, _: IngestCommit) -> Answered<IngestReceipt> {
        unused()
    }
    async fn identity_hints(&self, _: &RosterName) -> Answered<Vec<IdentityHint>> {
        unused()
    }
    async fn add_identity_hints(&self, _: &RosterName, _: &[IdentityHint]) -> Answered<()> {
        unused()
    }
    async fn find_entities(&self, _: &str) -> Answered<Vec<FoundEntity>> {
        unused()
    }
    async fn subjects(
        &self,
        _: &MirrorName,
        _: &RosterName,
        _: &[EntityKind],
        _: &Scope,
        _: Option<&EntityKey>,
        _: usize,
    ) -> Answered<Vec<Subject>> {
        unused()
    }
    async fn ledger_of_calendar(
        &self,
        _: &MirrorName,
        _: &CalendarKey,
    ) -> Answered<Vec<LedgerRow>> {
        unused()
    }
    async fn commit_ledger(&self, _: &MirrorName, _: LedgerCommit) -> Answered<CommitReceipt> {
        unused()
    }
    async fn calendar_states(&self, _: &MirrorName) -> Answered<Vec<CalendarState>> {
        unused()
    }
    async fn cursor(&self, _: &MirrorName) -> Answered<Cursor> {
        unused()
    }
    async fn mirror_counts(&self, _: &MirrorName) -> Answered<MirrorCounts> {
        unused()
    }
    async fn items_after(&self, _: &MirrorName, _: Timestamp) -> Answered<u64> {
        unused()
    }
    async fn history(&self, _: &EntityKey) -> Answered<Vec<AuditEntry>> {
        unused()
    }
    async fn acquire_leases(
        &self,
        _: &[LeaseDomain],
        _: &str,
        _: Timestamp,
        _: Timestamp,
    ) -> Answered<Vec<LeaseGrant>> {
        unused()
    }
    async fn take_over_lease(
        &self,
        _: &LeaseDomain,
        _: &str,
        _: Epoch,
        _: &str,
        _: Timestamp,
    ) -> Answered<LeaseGrant> {
        unused()
    }
    async fn release_leases(&self, _: &[(LeaseDomain, Epoch)]) -> Answered<()> {
        unused()
    }
    async fn put_report(&self, _: ReportRow) -> Answered<()> {
        unused()
    }
}

/// Harmless entities.
pub fn shift(id: &str, start: &str, end: &str) -> Shift {
    let interval = UtcInterval::new(at(start), at(end)).unwrap();
    Shift {
        id: ShiftId::new(id).unwrap(),
        employee: anna(),
        group: None,
        label: "Late".into(),
        interval,
        day: interval.start().to_zoned(jiff::tz::TimeZone::UTC).datetime().date(),
        activities: vec![],
        notes: None,
    }
}

/// It is 2026-11-21T06:00:00Z and Anna has two shifts.
pub struct World {
    pub store: Arc<FakeStore>,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<CountingEntropy>,
    pub state: Arc<ServerState>,
    pub address: SocketAddr,
    stop: tokio::sync::watch::Sender<()>,
    pub stopped: tokio::task::JoinHandle<()>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(FeedOptions::default()).await
    }

    pub async fn with(options: FeedOptions) -> Self {
        let store = Arc::new(FakeStore::default());
        let changed_at = at("2026-11-20T09:00:00Z");
        for shift in [
            shift("s2", "2026-11-22T12:00:00Z", "2026-11-22T20:00:00Z"),
            shift("s1", "2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z"),
        ] {
            store.put(Entity::Shift(shift), changed_at);
        }
        Self::over(store, at("2026-11-21T06:00:00Z"), options).await
    }

    /// A server on a store that may be another one's too.
    pub async fn over(store: Arc<FakeStore>, now: Timestamp, options: FeedOptions) -> Self {
        let clock = Arc::new(ManualClock(AtomicI64::new(now.as_millisecond())));
        let entropy = Arc::new(CountingEntropy::default());
        let state = Arc::new(ServerState::new(ServerParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            feeds: BTreeMap::from([(roster(), options)]),
            callbacks: [].into(),
            hooks: Default::default(),
            api: server::api::ApiParts::default(),
            dashboard: None,
            metrics: None,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopping) = tokio::sync::watch::channel(());
        let shutdown = async move {
            let _ = stopping.changed().await;
        };
        let stopped = tokio::spawn(server::serve(listener, Arc::clone(&state), shutdown));
        Self { store, clock, entropy, state, address, stop, stopped }
    }

    pub async fn issue(&self, policy: LinkPolicy) -> IssuedLink {
        issue_link(&*self.store, &*self.entropy, &*self.clock, policy, &roster(), &anna())
            .await
            .unwrap()
    }

    /// The path of a new subscription to Anna's feed.
    pub async fn subscribe(&self) -> String {
        path(&self.issue(LinkPolicy::Subscription).await)
    }

    pub async fn get(&self, path: &str) -> Answer {
        client::get(self.address, path, &[]).await
    }

    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        client::get(self.address, path, &[(name, value)]).await
    }

    /// Says that an ingest of this process moved on.
    pub fn announce(&self, seq: ChangeSeq) {
        self.state.feeds().roster_changed(&roster(), seq);
    }

    pub fn shut_down(&self) {
        self.stop.send(()).unwrap();
    }
}

/// Where a link points.
pub fn path(link: &IssuedLink) -> String {
    format!("/feeds/{}.ics", link.token.expose())
}
