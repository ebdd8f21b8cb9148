//! One person, their calendar, and a mirror that minds what else is in it.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::{ConflictPolicy, DeletionGuard, OverrideAction};
use domain::{CalendarKey, ConnectionName, Employee, Entity, EntityKey};
use engine::mapping::MappingProfile;
use engine::plan::conflict::ConflictRules;
use engine::port::{
    Approvals, AuditEntry, ChangeSeq, ChangesOf, Clock, ConflictRow, ConflictStore, Content,
    EventChange, HookStore, IngestCommit, KeptSubscription, Left, Store, Subscription, Target,
    Topic,
};
use engine::report::CycleReport;
use engine::run::conflicts::undo::{UndoError, undo};
use engine::run::cycle::{
    CycleOptions, Equipment, Looking, MirrorSpec, Others, run_cycle, run_cycle_looking,
};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use futures_util::future::poll_immediate;
use jiff::SignedDuration;
use testkit::builders::{calendar, employee, hour, ingest, mirror, roster, shift};
use testkit::manual_clock::ManualClock;
use testkit::memory_foreign::MemoryForeign;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{Habits, MemoryTarget};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

/// How long after its last look the calendar is looked at again.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(3600);

pub struct Rig {
    pub store: Arc<MemoryStore>,
    pub approvals: Option<Box<dyn Approvals>>,
    pub target: MemoryTarget,
    pub foreign: MemoryForeign,
    pub spec: MirrorSpec,
    pub clock: ManualClock,
    gate: Gate,
    owner: NamedOwner,
    other: NamedOwner,
    pub gone: Obituaries,
    seq: i64,
}

/// Ada's calendar.
pub fn ada() -> CalendarKey {
    calendar("ada@example.com/shifts")
}

/// The schedule wins.
pub fn overriding(action: OverrideAction) -> ConflictRules {
    ConflictRules { policy: ConflictPolicy::WfmPriorityOverride, action, ..only_reporting() }
}

/// Nothing is touched.
pub fn only_reporting() -> ConflictRules {
    ConflictRules { look_interval: LOOK_INTERVAL, ..ConflictRules::default() }
}

/// Ada works eight hours from so many hours after midnight.
pub fn work(id: &str, start: i64) -> Entity {
    Entity::Shift(shift(id, "ada", start))
}

fn person(id: &str) -> Entity {
    let email = Some(format!("{id}@example.com"));
    Entity::Employee(Employee { email, ..employee(id) })
}

impl Rig {
    /// At midnight, with Ada in the roster.
    pub async fn new(rules: ConflictRules) -> Self {
        let clock = ManualClock::new(hour(0));
        let target = MemoryTarget::new(Habits::default());
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
            future: 14 * day,
            first_future: None,
            others: Others::default(),
            conflicts: Some(rules),
            drift: engine::plan::drift::DriftPolicy::default(),
        };
        let gone = Obituaries::default();
        let owner = NamedOwner::new("me", gone.clone());
        let other = NamedOwner::new("you", gone.clone());
        let (store, foreign) = (Arc::new(MemoryStore::new()), MemoryForeign::new());
        let approvals = None;
        let mut rig = Self {
            store,
            approvals,
            target,
            foreign,
            spec,
            clock,
            gate,
            owner,
            other,
            gone,
            seq: 0,
        };
        rig.put([person("ada")]).await;
        rig
    }

    /// With this shift and these events.
    pub async fn with(
        rules: ConflictRules,
        shifts: impl IntoIterator<Item = Entity>,
        events: impl IntoIterator<Item = engine::port::ForeignEvent>,
    ) -> Self {
        let mut rig = Self::new(rules).await;
        rig.put(shifts).await;
        events.into_iter().for_each(|event| rig.foreign.put(&ada(), event));
        rig
    }

    pub async fn put(&mut self, entities: impl IntoIterator<Item = Entity>) {
        let commit = ingest(ChangeSeq(self.seq), entities);
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    /// The roster does not have it any more.
    pub async fn remove(&mut self, key: &EntityKey) {
        let commit =
            IngestCommit { tombstones: vec![key.clone()], ..ingest(ChangeSeq(self.seq), []) };
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    pub async fn put_people(&mut self, count: usize) {
        self.put((0..count).map(|n| person(&format!("p{n}")))).await;
    }

    fn equipment<'a>(&'a self, owner: &'a NamedOwner) -> Equipment<'a> {
        Equipment {
            store: &*self.store,
            target: &self.target,
            gate: &self.gate,
            clock: &self.clock,
            ownership: owner,
            watcher: &Unwatched,
            foreign: Some(&self.foreign),
            approvals: self.approvals.as_deref(),
        }
    }

    pub async fn cycle_with(&self, options: CycleOptions) -> CycleReport {
        run_cycle(&self.spec, self.equipment(&self.owner), options).await.expect("cycles")
    }

    pub async fn cycle(&self) -> CycleReport {
        self.cycle_with(CycleOptions::default()).await
    }

    /// A cycle that follows a hint.
    pub async fn cycle_looking_at(&self, calendar: &CalendarKey) -> CycleReport {
        let hinted = std::collections::BTreeSet::from([calendar.clone()]);
        let equipment = self.equipment(&self.owner);
        let options = CycleOptions::default();
        let looking = Looking::At(&hinted);
        run_cycle_looking(&self.spec, equipment, options, looking).await.expect("cycles")
    }

    /// The vendor promises to tell of a calendar's changes, for so many hours.
    pub async fn subscribe(&self, calendar: &CalendarKey, hours: i64) {
        let expires_at = self.clock.now() + SignedDuration::from_hours(hours);
        let (id, detail) = ("sub-1".to_owned(), String::new());
        let kept = KeptSubscription {
            connection: ConnectionName::new("m365").expect("a plain name"),
            topic: Topic::Calendar { mirror: mirror(), calendar: calendar.clone() },
            subscription: Subscription { id, detail, expires_at },
            made_at: self.clock.now(),
            secret_hash: [0; 32],
        };
        self.store.put_subscription(&kept).await.expect("keeps");
    }

    /// A cycle of another process that shares the store.
    pub async fn cycle_of_another(&self) -> CycleReport {
        let options = CycleOptions::default();
        run_cycle(&self.spec, self.equipment(&self.other), options).await.expect("cycles")
    }

    /// A cycle of a process that is killed where it waits for ever.
    pub async fn cycle_and_die(&self) {
        let cycle = run_cycle(&self.spec, self.equipment(&self.other), CycleOptions::default());
        let cycle = std::pin::pin!(cycle);
        assert!(poll_immediate(cycle).await.is_none(), "it came to its end");
        self.gone.add("you");
    }

    pub async fn undo(&self, change: &EventChange) -> Result<EventChange, UndoError> {
        undo(&self.spec, self.equipment(&self.owner), &self.foreign, &change.id).await
    }

    /// An undoing process that is killed where it waits for ever.
    pub async fn undo_and_die(&self, change: &EventChange) {
        let equipment = self.equipment(&self.other);
        let undoing = undo(&self.spec, equipment, &self.foreign, &change.id);
        let undoing = std::pin::pin!(undoing);
        assert!(poll_immediate(undoing).await.is_none(), "it came to its end");
        self.gone.add("you");
    }

    /// Lets so many hours pass.
    pub fn wait(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }

    /// Lets pass how long what was sent may still take effect.
    pub fn wait_for_what_was_sent(&self) {
        let within = domain::limits::EVENT_CHANGE_LANDS_WITHIN.as_secs();
        self.clock.advance(SignedDuration::from_secs(within.cast_signed()));
    }

    pub async fn conflicts(&self) -> Vec<ConflictRow> {
        self.store.conflicts(&mirror(), None).await.expect("reads")
    }

    /// Why each conflict that stands is left.
    pub async fn left(&self) -> Vec<Left> {
        self.conflicts().await.iter().map(|it| it.left).collect()
    }

    pub async fn changes(&self) -> Vec<EventChange> {
        self.store.event_changes(&mirror(), &ChangesOf::Calendar(ada())).await.expect("reads")
    }

    /// The one change that there is.
    pub async fn change(&self) -> EventChange {
        let mut changes = self.changes().await;
        assert_eq!(changes.len(), 1, "{changes:?}");
        changes.remove(0)
    }

    pub async fn history(&self, key: &EntityKey) -> Vec<AuditEntry> {
        self.store.history(key).await.expect("reads")
    }

    /// What the item of a shift says.
    pub fn description(&self, key: &EntityKey) -> Option<String> {
        let row = self.store.row(&mirror(), &ada(), key).expect("is in the ledger");
        let id = row.remote.expect("is there").id;
        match &self.target.everything()[&ada()][&id].content {
            Some(Content::Event(event)) => event.description.clone(),
            other => panic!("no event: {other:?}"),
        }
    }
}
