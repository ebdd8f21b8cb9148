//! Mistakes that the simulation found, each with the smallest world that shows it.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::DeletionGuard;
use domain::{Employee, Entity, EntityKey, Shift};
use engine::mapping::MappingProfile;
use engine::port::{
    ChangeSeq, Clock, Failure, FailureClass, IngestCommit, QuotaScope, Store, Target,
};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, run_cycle};
use engine::run::gate::{Gate, Shut};
use engine::run::watch::Unwatched;
use jiff::SignedDuration;
use testkit::builders::{calendar, employee, hour, ingest, mirror, roster, shift};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{Habits, MemoryTarget};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

/// A store, a target and a way to it.
struct World {
    store: MemoryStore,
    target: MemoryTarget,
    gate: Gate,
    clock: ManualClock,
    owner: NamedOwner,
    seq: i64,
}

impl World {
    fn new(habits: Habits) -> Self {
        let clock = ManualClock::new(hour(0));
        let target = MemoryTarget::new(habits);
        let entropy = Arc::new(SeededEntropy::new(1));
        let gate = Gate::new(Arc::new(clock.clone()), entropy, target.capabilities());
        let owner = NamedOwner::new("me", Obituaries::default());
        Self { store: MemoryStore::new(), target, gate, clock, owner, seq: 0 }
    }

    async fn ingest(&mut self, commit: IngestCommit) {
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    async fn put(&mut self, entities: impl IntoIterator<Item = Entity>) {
        self.ingest(ingest(ChangeSeq(self.seq), entities)).await;
    }

    async fn cycle(&self, options: CycleOptions) -> CycleReport {
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: mirror(),
            roster: roster(),
            profile: MappingProfile::default(),
            target_profile: "test/1".into(),
            guard: DeletionGuard::default(),
            past: day,
            future: 7 * day,
        };
        let equipment = Equipment {
            store: &self.store,
            target: &self.target,
            gate: &self.gate,
            clock: &self.clock,
            ownership: &self.owner,
            watcher: &Unwatched,
        };
        run_cycle(&spec, equipment, options).await.expect("cycles")
    }

    /// Which entity is in which calendar, as `calendar kind/id`.
    fn places(&self) -> Vec<String> {
        let mut places = Vec::new();
        self.target.for_each(|calendar, _, item| {
            let key: Option<&EntityKey> = item.origin.as_ref().map(|it| &it.key);
            places
                .push(key.map_or(format!("{calendar} foreign"), |key| format!("{calendar} {key}")));
        });
        places
    }
}

fn with_email(id: &str) -> Entity {
    let email = Some(format!("{id}@example.com"));
    Entity::Employee(Employee { email, ..employee(id) })
}

fn writes(report: &CycleReport) -> (u64, u64, u64) {
    (report.created, report.updated, report.deleted)
}

const READ_BACK: CycleOptions =
    CycleOptions { read_back: true, allow_deletions: None, purge: false, writes: true };

#[tokio::test]
async fn a_throttled_scope_without_a_declared_budget_is_closed_all_the_same() {
    let world = World::new(Habits { quotas: Vec::new(), ..Habits::default() });
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    let throttled = |scope| {
        let retry_after = Some(Duration::from_secs(20));
        let class = FailureClass::Throttled { retry_after, scope };
        Failure { class, operation: "write".into(), status: Some(429), detail: "slow".into() }
    };
    let until = hour(0) + SignedDuration::from_secs(20);
    let pass = world.gate.enter(Some(&ada), hour(0), &Unwatched).await.unwrap();
    pass.ended(Some(&throttled(QuotaScope::Calendar)));
    let shut = world.gate.enter(Some(&ada), hour(0), &Unwatched).await.unwrap_err();
    assert_eq!(shut, Shut::Until(until));
    let pass = world.gate.enter(Some(&bob), hour(0), &Unwatched).await.unwrap();
    pass.ended(Some(&throttled(QuotaScope::Connection)));
    for other in [&bob, &calendar("carol")] {
        let shut = world.gate.enter(Some(other), hour(0), &Unwatched).await.unwrap_err();
        assert_eq!(shut, Shut::Until(until));
    }
}

#[tokio::test]
async fn a_shift_that_goes_to_somebody_without_a_calendar_leaves_the_former_ones() {
    let mut world = World::new(Habits::default());
    let bob = Entity::Employee(employee("bob"));
    let other = Entity::Shift(shift("b", "ada", 30));
    world.put([with_email("ada"), bob, Entity::Shift(shift("a", "ada", 6)), other]).await;
    world.cycle(CycleOptions::default()).await;
    assert_eq!(
        world.places(),
        ["ada@example.com/shifts shift/a", "ada@example.com/shifts shift/b"]
    );
    world.put([Entity::Shift(Shift { label: "Late".into(), ..shift("a", "bob", 6) })]).await;
    world.cycle(CycleOptions::default()).await;
    assert_eq!(world.places(), ["ada@example.com/shifts shift/b"]);
}

#[tokio::test]
async fn a_server_that_rewrites_and_tells_no_etag_is_not_written_to_again_and_again() {
    let habits = Habits { etag_on_write: false, rewrites: true, ..Habits::default() };
    let mut world = World::new(habits);
    world.put([with_email("ada"), Entity::Shift(shift("a", "ada", 6))]).await;
    assert_eq!(writes(&world.cycle(CycleOptions::default()).await), (1, 0, 0));
    for _ in 0..3 {
        assert_eq!(writes(&world.cycle(READ_BACK).await), (0, 0, 0));
    }
    let later = Shift { label: "Late".into(), ..shift("a", "ada", 6) };
    world.put([Entity::Shift(later)]).await;
    assert_eq!(writes(&world.cycle(CycleOptions::default()).await), (0, 1, 0));
    assert_eq!(writes(&world.cycle(READ_BACK).await), (0, 0, 0));
    assert_eq!(world.clock.now(), hour(0));
}
