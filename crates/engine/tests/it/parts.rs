//! One entity as several items, through whole cycles: nothing doubled, nothing left, whatever the
//! mapping was before and wherever the cycle was cut.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::policy::DeletionGuard;
use domain::{Activity, CalendarKey, Employee, Entity, Part, ScheduleGroupId, Shift};
use engine::mapping::{ActivitiesAs, MappingProfile, Shows};
use engine::port::{ChangeSeq, Content, Store, Target};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use testkit::builders::{employee, hour, hours, ingest, mirror, roster, shift};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{Habits, MemoryTarget};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

struct World {
    store: MemoryStore,
    target: MemoryTarget,
    gate: Gate,
    clock: ManualClock,
    owner: NamedOwner,
    profile: MappingProfile,
    seq: i64,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new(hour(0));
        let target = MemoryTarget::new(Habits::default());
        let entropy = Arc::new(SeededEntropy::new(1));
        let gate = Gate::new(Arc::new(clock.clone()), entropy, target.capabilities());
        let owner = NamedOwner::new("me", Obituaries::default());
        let profile = MappingProfile::default();
        Self { store: MemoryStore::new(), target, gate, clock, owner, profile, seq: 0 }
    }

    async fn put(&mut self, entities: impl IntoIterator<Item = Entity>) {
        let commit = ingest(ChangeSeq(self.seq), entities);
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    async fn cycle(&self) -> CycleReport {
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: mirror(),
            roster: roster(),
            profile: self.profile.clone(),
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
        run_cycle(&spec, equipment, CycleOptions::default()).await.expect("cycles")
    }

    /// The titles of all items, by part; panics where a part is there twice.
    fn titles(&self) -> BTreeMap<Part, String> {
        let mut titles = BTreeMap::new();
        self.target.for_each(|_, _, item| {
            let origin = item.origin.as_ref().expect("all are ours");
            let Some(Content::Event(event)) = &item.content else { panic!("events only") };
            let before = titles.insert(origin.part, event.summary.clone());
            assert_eq!(before, None, "{:?} is there twice", origin.part);
        });
        titles
    }
}

fn with_email(id: &str) -> Entity {
    let email = Some(format!("{id}@example.com"));
    Entity::Employee(Employee { email, ..employee(id) })
}

fn writes(report: &CycleReport) -> (u64, u64, u64) {
    assert_eq!(report.refused, None);
    (report.created, report.updated, report.deleted)
}

fn with_break() -> Shift {
    let activities = vec![Activity { label: "Break".into(), interval: hours(9, 10), paid: false }];
    Shift { label: "Late".into(), activities, ..shift("a", "ada", 6) }
}

#[tokio::test]
async fn from_text_to_blocks_and_back_leaves_exactly_the_right_items() {
    let mut world = World::new();
    world.put([with_email("ada"), Entity::Shift(with_break())]).await;
    assert_eq!(writes(&world.cycle().await), (1, 0, 0));

    world.profile.activities_as = ActivitiesAs::Blocks;
    assert_eq!(writes(&world.cycle().await), (2, 1, 0));
    let titles: Vec<_> = world.titles().into_iter().collect();
    let expected = [(Part::Main, "Late"), (Part::Block(1), "Break"), (Part::Block(2), "Late")];
    assert_eq!(titles, expected.map(|(part, title)| (part, title.to_owned())));
    assert_eq!(writes(&world.cycle().await), (0, 0, 0));

    // A break less: the blocks after it go, and the guard lets them, for nothing is lost.
    world.put([Entity::Shift(Shift { activities: vec![], ..with_break() })]).await;
    assert_eq!(writes(&world.cycle().await), (0, 1, 2));
    world.put([Entity::Shift(with_break())]).await;
    assert_eq!(writes(&world.cycle().await), (2, 1, 0));

    world.profile.activities_as = ActivitiesAs::Text;
    assert_eq!(writes(&world.cycle().await), (0, 1, 2));
    assert_eq!(world.titles().into_keys().collect::<Vec<_>>(), [Part::Main]);
    assert_eq!(world.store.rows(&mirror()).len(), 1);
    assert_eq!(writes(&world.cycle().await), (0, 0, 0));
}

#[tokio::test]
async fn a_lost_store_finds_every_part_again() {
    let mut world = World::new();
    world.profile.activities_as = ActivitiesAs::Blocks;
    world.put([with_email("ada"), Entity::Shift(with_break())]).await;
    world.cycle().await;
    world.store = MemoryStore::new();
    world.seq = 0;
    world.put([with_email("ada"), Entity::Shift(with_break())]).await;
    let report = world.cycle().await;
    assert_eq!((writes(&report), report.adopted), ((0, 0, 0), 3));
    assert_eq!(world.titles().len(), 3);
}

fn of_group(id: &str, who: &str, start: i64) -> Entity {
    let group = ScheduleGroupId::new("support").ok();
    Entity::Shift(Shift { group, ..shift(id, who, start) })
}

#[tokio::test]
async fn a_head_count_follows_the_shifts_and_counts_as_loss_only_where_nobody_works() {
    let mut world = World::new();
    world.profile.shows = Shows::HeadCount;
    let calendar = CalendarKey::new("support").expect("a key");
    world.profile.groups.insert("support".into(), calendar);
    let people = ["ada", "bob"].map(|id| Entity::Employee(employee(id)));
    world.put(people).await;
    // 6 to 14 and 10 to 18: one, two, one.
    world.put([of_group("a", "ada", 6), of_group("b", "bob", 10)]).await;
    assert_eq!(writes(&world.cycle().await), (3, 0, 0));
    let told = |world: &World| world.titles().into_values().collect::<Vec<_>>();
    assert_eq!(told(&world), ["support: 1", "support: 2", "support: 1"]);
    assert_eq!(writes(&world.cycle().await), (0, 0, 0));

    // Both at once: what covers the time now replaces what covered it.
    world.put([of_group("b", "bob", 6)]).await;
    assert_eq!(writes(&world.cycle().await), (0, 1, 2));
    assert_eq!(told(&world), ["support: 2"]);
    assert_eq!(writes(&world.cycle().await), (0, 0, 0));
}
