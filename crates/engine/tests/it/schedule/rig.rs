//! A mirror in a schedule product that forgets to answer when it is told to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::policy::DeletionGuard;
use domain::{
    CalendarKey, Directory, Employee, Entity, EntityKey, ItemKey, ScheduleItem, Shift, UtcInterval,
};
use engine::mapping::MappingProfile;
use engine::port::{
    Capabilities, ChangeSeq, Clock, Content, DeltaToken, ETag, Failure, FailureClass, Fenced,
    Finding, IngestCommit, Item, LeaseDomain, LeaseGrant, LedgerCommit, LedgerRow, LedgerWrite,
    Listing, Opened, Placement, Probe, RemoteId, Sighting, Store, Target, Write, Written,
    write_one_by_one,
};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::SignedDuration;
use testkit::builders::{calendar, hour, ingest, ledger_row, mirror, roster};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{Habits, KeptItem, MemoryTarget};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

pub const READ_BACK: CycleOptions = CycleOptions {
    read_back: true,
    allow_deletions: None,
    allow_event_changes: None,
    purge: false,
    writes: true,
};
pub const PURGE: CycleOptions = CycleOptions { purge: true, ..READ_BACK };

/// The product, on a bad line.
pub struct BadLine {
    pub target: MemoryTarget,
    pub publishing_fails: AtomicBool,
    /// Nothing can be made, because our credentials are refused.
    pub locked_out: AtomicBool,
    /// Every update is refused.
    pub updates_refused: AtomicBool,
    /// Answers to so many creations get lost; their effect does not.
    pub creations_lost: AtomicU64,
}

/// A store, a target and a way to it.
pub struct Rig {
    pub store: MemoryStore,
    pub line: BadLine,
    pub spec: MirrorSpec,
    gate: Gate,
    clock: ManualClock,
    owner: NamedOwner,
    seq: i64,
}

/// The team of everybody without a group.
pub fn team() -> CalendarKey {
    calendar("team")
}

/// What is shown of an entity where nobody has a group.
pub fn item_of(entity: &Entity) -> Content {
    let item = ScheduleItem::of(entity, &Directory::default());
    Content::Schedule(item.expect("is shown in schedules"))
}

pub fn kept(content: Option<Content>) -> KeptItem {
    let (etag, body) = (ETag(String::new()), String::new());
    KeptItem { etag, content, origin: None, revision: None, body }
}

impl Rig {
    pub fn new(habits: Habits) -> Self {
        let clock = ManualClock::new(hour(0));
        let target = MemoryTarget::new(habits);
        let entropy = Arc::new(SeededEntropy::new(1));
        let gate = Gate::new(Arc::new(clock.clone()), entropy, target.capabilities());
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: mirror(),
            roster: roster(),
            profile: MappingProfile::default(),
            target_profile: "test/1".into(),
            guard: DeletionGuard::default(),
            past: day,
            future: 7 * day,
            first_future: None,
            others: Others::default(),
            conflicts: None,
            drift: engine::plan::drift::DriftPolicy::default(),
        };
        let line = BadLine {
            target,
            publishing_fails: AtomicBool::new(false),
            locked_out: AtomicBool::new(false),
            updates_refused: AtomicBool::new(false),
            creations_lost: AtomicU64::new(0),
        };
        let owner = NamedOwner::new("me", Obituaries::default());
        Self { store: MemoryStore::new(), line, spec, gate, clock, owner, seq: 0 }
    }

    pub async fn ingest(&mut self, mut commit: IngestCommit) {
        commit.expected = ChangeSeq(self.seq);
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    pub async fn put(&mut self, entities: impl IntoIterator<Item = Entity>) {
        self.ingest(ingest(ChangeSeq(0), entities)).await;
    }

    pub async fn remove(&mut self, keys: impl IntoIterator<Item = EntityKey>) {
        let tombstones = keys.into_iter().collect();
        self.ingest(IngestCommit { tombstones, ..ingest(ChangeSeq(0), []) }).await;
    }

    pub async fn cycle_with(&self, options: CycleOptions) -> CycleReport {
        let equipment = Equipment {
            store: &self.store,
            target: &self.line,
            gate: &self.gate,
            clock: &self.clock,
            ownership: &self.owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: None,
        };
        run_cycle(&self.spec, equipment, options).await.expect("cycles")
    }

    pub async fn cycle(&self) -> CycleReport {
        self.cycle_with(CycleOptions::default()).await
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub fn lose_store(&mut self) {
        self.store = MemoryStore::new();
        self.seq = 0;
    }

    /// Puts a row as a process that died left it, or as an approval puts it.
    pub async fn plant(&self, row: LedgerRow) {
        let domain = LeaseDomain::calendar(&mirror(), &row.calendar);
        let now = self.clock.now();
        let leases = std::slice::from_ref(&domain);
        let leased = self.store.acquire_leases(leases, "dead", now, now).await;
        let Ok([LeaseGrant::Granted(epoch)]) = leased.as_deref() else { panic!("{leased:?}") };
        let commit = LedgerCommit {
            fences: vec![Fenced { calendar: row.calendar.clone(), epoch: *epoch }],
            writes: vec![LedgerWrite::Put(row)],
            ..LedgerCommit::default()
        };
        self.store.commit_ledger(&mirror(), commit).await.expect("commits");
        self.store.release_leases(&[(domain, *epoch)]).await.expect("releases");
    }

    /// The row of an entity, or an empty one.
    pub fn row(&self, key: &EntityKey) -> LedgerRow {
        let row = self.store.row(&mirror(), &team(), key);
        row.unwrap_or_else(|| ledger_row(key.clone(), &team()))
    }

    pub fn remote_id(&self, key: &EntityKey) -> RemoteId {
        self.row(key).remote.expect("is there").id
    }

    /// A person puts something into the team, as a draft.
    pub fn person_puts(&self, id: &str, content: Content) {
        self.line.target.put(&team(), &RemoteId(id.into()), kept(Some(content)));
    }

    /// Remote ids of everything in the team, with what it shows.
    pub fn items(&self) -> Vec<(String, Option<Content>)> {
        let items = self.line.target.everything().remove(&team()).unwrap_or_default();
        items.into_iter().map(|(id, item)| (id.0, item.content)).collect()
    }

    /// What is in the team must be exactly what is shown of `entities`, and be seen by everybody.
    pub fn expect(&self, entities: &[Entity]) {
        let shown = |content: &Option<Content>| format!("{content:?}");
        let mut expected: Vec<_> = entities.iter().map(|it| shown(&Some(item_of(it)))).collect();
        let mut found: Vec<_> = self.items().iter().map(|(_, it)| shown(it)).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(self.line.target.drafts(), [], "everything is published");
    }

    pub fn requests(&self) -> u64 {
        self.line.requests_sent()
    }

    pub fn publishes(&self) -> u64 {
        self.line.target.told(&team()).publishes
    }
}

pub fn work(id: &str, start: i64) -> Entity {
    Entity::Shift(testkit::builders::shift(id, "ada", start))
}

pub fn late(id: &str, start: i64) -> Entity {
    Entity::Shift(Shift { label: "Late".into(), ..testkit::builders::shift(id, "ada", start) })
}

pub fn writes(report: &CycleReport) -> (u64, u64, u64) {
    (report.created, report.updated, report.deleted)
}

pub fn ids(rig: &Rig) -> BTreeSet<String> {
    rig.items().into_iter().map(|(id, _)| id).collect()
}

fn lost(class: FailureClass) -> Failure {
    Failure { class, operation: "do it".into(), status: None, detail: "the line broke".into() }
}

#[async_trait]
impl Target for BadLine {
    fn capabilities(&self) -> &Capabilities {
        self.target.capabilities()
    }

    fn meet(&self, directory: Arc<Directory>) {
        self.target.meet(directory);
    }

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        self.target.place(entity, employee)
    }

    fn remote_id(&self, _: &CalendarKey, _: &ItemKey, _: u32) -> Option<RemoteId> {
        None
    }

    async fn check(&self) -> Vec<Finding> {
        self.target.check().await
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        self.target.open(calendar).await
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        self.target.list(calendar, since).await
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.target.look(calendar, probes).await
    }

    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        self.target.strayed(calendar, items).await
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        if self.locked_out.load(Ordering::Relaxed) {
            return Err(lost(FailureClass::Unauthorised));
        }
        let written = self.target.create(calendar, item).await;
        let one_less = |left: u64| left.checked_sub(1);
        let order = Ordering::Relaxed;
        match self.creations_lost.fetch_update(order, order, one_less) {
            Ok(_) => Err(lost(FailureClass::Unknown)),
            Err(_) => written,
        }
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        if self.updates_refused.load(Ordering::Relaxed) {
            return Err(lost(FailureClass::Refused));
        }
        self.target.update(calendar, remote, etag, item).await
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        self.target.delete(calendar, remote, etag).await
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        write_one_by_one(self, writes).await
    }
    async fn publish(&self, calendar: &CalendarKey, interval: &UtcInterval) -> Result<(), Failure> {
        if self.publishing_fails.load(Ordering::Relaxed) {
            return Err(lost(FailureClass::Refused));
        }
        self.target.publish(calendar, interval).await
    }

    fn requests_sent(&self) -> u64 {
        self.target.requests_sent()
    }
}
