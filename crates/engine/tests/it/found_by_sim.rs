//! Mistakes that the simulation found, each with the smallest world that shows it.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::DeletionGuard;
use domain::{CalendarKey, Employee, Entity, EntityKey, Fingerprinter, Shift};
use engine::mapping::MappingProfile;
use engine::port::{
    ChangeSeq, Clock, Failure, FailureClass, Fenced, IngestCommit, Intent, IntentState,
    LeaseDomain, LeaseGrant, LedgerCommit, LedgerRow, LedgerWrite, QuotaDeclaration, QuotaScope,
    Rate, RemoteId, Store, Target, Verb,
};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::{Gate, Shut};
use engine::run::watch::Unwatched;
use jiff::{SignedDuration, Timestamp};
use testkit::builders::{
    calendar, employee, hour, hours, ingest, ledger_row, mirror, roster, shift,
};
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
            first_future: None,
            others: Others::default(),
            conflicts: None,
            drift: engine::plan::drift::DriftPolicy::default(),
        };
        let equipment = Equipment {
            store: &self.store,
            target: &self.target,
            gate: &self.gate,
            clock: &self.clock,
            ownership: &self.owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: None,
        };
        run_cycle(&spec, equipment, options).await.expect("cycles")
    }

    /// A cycle at another time.
    async fn cycle_at(&mut self, at: Timestamp) -> CycleReport {
        let now = std::mem::replace(&mut self.clock, ManualClock::new(at));
        let report = self.cycle(CycleOptions::default()).await;
        self.clock = now;
        report
    }

    fn lose_store(&mut self) {
        self.store = MemoryStore::new();
        self.seq = 0;
    }

    /// A process made an intent durable, and died.
    async fn crash_before_sending(&self, calendar: &CalendarKey, key: &EntityKey, id: &RemoteId) {
        let domain = LeaseDomain::calendar(&mirror(), calendar);
        let leased = self.store.acquire_leases(&[domain], "dead", hour(-2), hour(-1)).await;
        let Ok([LeaseGrant::Granted(epoch)]) = leased.as_deref() else { panic!("{leased:?}") };
        let intent = Intent {
            verb: Verb::Create,
            fingerprint: Fingerprinter::new("test").finish(),
            remote_id: Some(id.clone()),
            state: IntentState::Sent,
            attempts: 0,
            not_before: None,
        };
        let row = LedgerRow { intent: Some(intent), ..ledger_row(key.clone(), calendar) };
        let commit = LedgerCommit {
            fences: vec![Fenced { calendar: calendar.clone(), epoch: *epoch }],
            writes: vec![LedgerWrite::Put(row)],
            ..LedgerCommit::default()
        };
        self.store.commit_ledger(&mirror(), commit).await.expect("commits");
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

const READ_BACK: CycleOptions = CycleOptions {
    read_back: true,
    allow_deletions: None,
    allow_event_changes: None,
    purge: false,
    writes: true,
};

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

/// World 105593: a cycle that ends early leaves requests behind that were sent.
#[tokio::test]
async fn a_request_that_nobody_waits_for_has_cost_its_share_and_one_called_off_has_not() {
    let rate = Some(Rate { requests: 1, per: Duration::from_secs(10) });
    let quota = QuotaDeclaration { scope: QuotaScope::Connection, concurrency: Some(1), rate };
    let world = World::new(Habits { quotas: vec![quota], ..Habits::default() });
    let ada = calendar("ada");
    world.gate.enter(Some(&ada), hour(0), &Unwatched).await.expect("passes").call_off();
    drop(world.gate.enter(Some(&ada), hour(0), &Unwatched).await.expect("passes again"));
    let shut = world.gate.enter(Some(&ada), hour(0), &Unwatched).await;
    assert!(matches!(shut, Err(Shut::Until(_))), "{shut:?}");
}

/// World 102996: an intent that was never sent does not make ours what a person keeps there.
#[tokio::test]
async fn somebody_elses_item_where_ours_would_have_been_is_not_touched() {
    let mut world = World::new(Habits::default());
    world.put([with_email("ada"), Entity::Shift(shift("a", "ada", 6))]).await;
    let ada = calendar("ada@example.com/shifts");
    let key = Entity::Shift(shift("a", "ada", 6)).key();
    let id = world.target.remote_id(&ada, &key.clone().into(), 0).expect("we choose ids here");
    world.crash_before_sending(&ada, &key, &id).await;
    world.target.put_foreign(&ada, &id, "dentist");
    world.cycle(READ_BACK).await;
    let expected = ["ada@example.com/shifts foreign", "ada@example.com/shifts shift/a"];
    assert_eq!(world.places(), expected);
    assert_eq!(writes(&world.cycle(READ_BACK).await), (0, 0, 0));
}

/// World 106990: a shift that was over in the former calendar, and is not in the new one.
#[tokio::test]
async fn a_lengthened_shift_moves_even_if_it_was_history_where_it_stood() {
    let mut world = World::new(Habits::default());
    let over = Shift { interval: hours(-30, -25), ..shift("a", "ada", 0) };
    world.put([with_email("ada"), Entity::Shift(over.clone())]).await;
    world.cycle_at(hour(-6)).await;
    assert_eq!(world.places(), ["ada@example.com/shifts shift/a"]);
    let longer = Shift { interval: hours(-30, -20), ..over };
    let elsewhere = Some("ada.lovelace@example.com".into());
    let ada = Entity::Employee(Employee { email: elsewhere, ..employee("ada") });
    world.put([ada, Entity::Shift(longer)]).await;
    let report = world.cycle(CycleOptions::default()).await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(world.places(), ["ada.lovelace@example.com/shifts shift/a"]);
}

/// Worlds 1798 and 451: what recovering finds to differ is put right later, not made twice.
#[tokio::test]
async fn an_item_that_differs_while_recovering_is_not_made_a_second_time() {
    for chosen_ids in [true, false] {
        let mut world = World::new(Habits { chosen_ids, ..Habits::default() });
        world.put([with_email("ada"), Entity::Shift(shift("a", "ada", 6))]).await;
        world.cycle(CycleOptions::default()).await;
        world.lose_store();
        let later = Shift { label: "Late".into(), ..shift("a", "ada", 6) };
        world.put([with_email("ada"), Entity::Shift(later)]).await;
        let recovering = CycleOptions { writes: false, ..READ_BACK };
        assert_eq!(writes(&world.cycle(recovering).await), (0, 0, 0));
        assert_eq!(writes(&world.cycle(CycleOptions::default()).await), (0, 1, 0));
        assert_eq!(world.places(), ["ada@example.com/shifts shift/a"]);
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
