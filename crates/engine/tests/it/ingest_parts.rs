//! A source that is read part by part: what is concluded from a part, and what survives between
//! two of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Mutex;

use async_trait::async_trait;
use domain::policy::DeletionGuard;
use domain::{Entity, Fingerprinter, Shift};
use engine::port::{
    ApiStore as _, Clock as _, DeltaToken, Finding, Identity, Marks, PartStore, Reading,
    ReadingKind, ReadingPart, Resume, Source, SourceEntity, SourceError, SourceRef, Store,
};
use engine::run::ingest::{Ingest, IngestError};
use jiff::SignedDuration;
use testkit::builders::{employee, employee_id, hour, hours, roster, shift, window};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;

/// Gives its parts one after the other, and tells how often it was asked.
#[derive(Default)]
struct Parts {
    parts: Mutex<Vec<ReadingPart>>,
    resumed: Mutex<Vec<Option<Resume>>>,
    /// Moved on by twenty minutes by each reading.
    slows: Mutex<Option<ManualClock>>,
}

#[async_trait]
impl Source for Parts {
    async fn check(&self) -> Vec<Finding> {
        vec![]
    }

    async fn read(
        &self,
        _: &domain::SyncWindow,
        _: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        unreachable!("it is read part by part")
    }

    async fn read_on(
        &self,
        _: &domain::SyncWindow,
        resume: Option<&Resume>,
        _: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        if let Some(clock) = &*self.slows.lock().unwrap() {
            clock.advance(SignedDuration::from_mins(20));
        }
        let mut resumed = self.resumed.lock().unwrap();
        resumed.push(resume.cloned());
        let mut parts = self.parts.lock().unwrap();
        let kind = if parts.is_empty() {
            ReadingKind::Unchanged
        } else {
            ReadingKind::Part(parts.remove(0))
        };
        let next = Some(DeltaToken(format!("after {}", resumed.len())));
        Ok(Reading { kind, next, notes: vec![], skipped: vec![] })
    }
}

fn numbered(entity: impl Into<Entity>) -> SourceEntity {
    let twin = Fingerprinter::new("twin").finish();
    SourceEntity {
        entity: entity.into(),
        identity: Identity::Assigned { twin },
        at: SourceRef("a part".into()),
    }
}

fn of_shift(id: &str, whose: &str, start: i64) -> SourceEntity {
    numbered(Entity::Shift(shift(id, whose, start)))
}

fn person(id: &str) -> SourceEntity {
    let entity = Entity::Employee(employee(id));
    SourceEntity { entity, identity: Identity::Native, at: SourceRef("a part".into()) }
}

struct World {
    store: MemoryStore,
    clock: ManualClock,
    source: Parts,
    guard: DeletionGuard,
}

impl World {
    fn new() -> Self {
        let guard = DeletionGuard { deleted_share_max: 1.0, deletions_free: 100 };
        let (store, source) = (MemoryStore::new(), Parts::default());
        Self { store, clock: ManualClock::new(hour(12)), source, guard }
    }

    async fn take(&self, parts: Vec<ReadingPart>) -> Result<(u64, u64, u64), IngestError> {
        *self.source.parts.lock().unwrap() = parts;
        let name = roster();
        let ingest = Ingest {
            roster: &name,
            source: &self.source,
            store: &self.store,
            clock: &self.clock,
            window: window(-100, 1000),
            employees: vec![],
            guard: self.guard,
        };
        let report = ingest.run(None).await?;
        Ok((report.upserted, report.deleted, report.unchanged))
    }

    async fn shifts(&self) -> Vec<Shift> {
        let window = window(-1000, 2000);
        let all = self.store.roster_index(&roster()).await.unwrap().1;
        let keys: Vec<_> = all.into_iter().map(|it| it.key).collect();
        let entries = self.store.roster_entries(&roster(), &keys).await.unwrap();
        let mut shifts: Vec<Shift> = entries
            .into_iter()
            .filter_map(|it| match it.entity {
                Entity::Shift(shift) if window.admits(&shift.interval) => Some(shift),
                _ => None,
            })
            .collect();
        shifts.sort_by_key(|it| (it.employee.clone(), it.interval.start()));
        shifts
    }
}

fn day_of(whose: &str, day: i64, entities: Vec<SourceEntity>) -> ReadingPart {
    let complete = vec![(employee_id(whose), hours(day * 24, day * 24 + 24))];
    ReadingPart { entities, complete, ..ReadingPart::default() }
}

#[tokio::test]
async fn what_starts_in_a_stretch_that_is_told_in_full_and_is_not_told_is_gone() {
    let world = World::new();
    let both = vec![of_shift("1", "anna", 0), of_shift("2", "anna", 30), of_shift("3", "ben", 1)];
    world.take(vec![ReadingPart { entities: both, ..ReadingPart::default() }]).await.unwrap();
    let counts = world.take(vec![day_of("anna", 0, vec![])]).await.unwrap();
    assert_eq!(counts, (0, 1, 0));
    let left: Vec<_> = world.shifts().await.into_iter().map(|it| it.id.to_string()).collect();
    assert_eq!(left, ["2", "3"]);
}

#[tokio::test]
async fn under_new_ids_the_same_shifts_stay_the_same() {
    let world = World::new();
    let told = |ids: [&str; 2]| vec![of_shift(ids[0], "anna", 0), of_shift(ids[1], "anna", 10)];
    world.take(vec![day_of("anna", 0, told(["1", "2"]))]).await.unwrap();
    let counts = world.take(vec![day_of("anna", 0, told(["x", "y"]))]).await.unwrap();
    assert_eq!(counts, (0, 0, 2));
    let mut moved = told(["p", "q"]);
    moved[1] = of_shift("q", "anna", 12);
    let counts = world.take(vec![day_of("anna", 0, moved)]).await.unwrap();
    assert_eq!(counts, (1, 0, 1));
    let left: Vec<_> = world.shifts().await.into_iter().map(|it| it.id.to_string()).collect();
    assert_eq!(left, ["1", "2"]);
}

#[tokio::test]
async fn a_new_shift_never_takes_an_id_that_lives_elsewhere() {
    let world = World::new();
    world.take(vec![day_of("anna", 0, vec![of_shift("1", "anna", 0)])]).await.unwrap();
    world.take(vec![day_of("anna", 2, vec![of_shift("1", "anna", 50)])]).await.unwrap();
    let left: Vec<_> = world.shifts().await.into_iter().map(|it| it.id.to_string()).collect();
    assert_eq!(left, ["1", "1-2"]);
}

#[tokio::test]
async fn who_left_loses_what_is_ahead_and_keeps_what_has_begun() {
    let world = World::new();
    let mut entities = vec![person("anna"), person("ben")];
    entities.extend([6, 10, 13].map(|at| of_shift(&format!("b{at}"), "ben", at)));
    entities.push(of_shift("a", "anna", 13));
    let all = ReadingPart { entities, everybody: true, ..ReadingPart::default() };
    world.take(vec![all]).await.unwrap();
    let without =
        ReadingPart { entities: vec![person("anna")], everybody: true, ..ReadingPart::default() };
    assert_eq!(world.take(vec![without]).await.unwrap(), (0, 2, 1));
    let left: Vec<_> = world.shifts().await.into_iter().map(|it| it.id.to_string()).collect();
    assert_eq!(left, ["a", "b6", "b10"]);
    assert_eq!(world.store.employees(&roster()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn parts_are_taken_one_by_one_until_there_is_no_more() {
    let world = World::new();
    let mut first = day_of("anna", 0, vec![of_shift("1", "anna", 0)]);
    first.marks = vec![("week".into(), Some("7".into()))];
    first.more = true;
    let second = day_of("ben", 0, vec![of_shift("2", "ben", 0)]);
    assert_eq!(world.take(vec![first, second]).await.unwrap(), (2, 0, 0));
    let resumed = world.source.resumed.lock().unwrap().clone();
    let tokens: Vec<_> = resumed.into_iter().map(|it| it.map(|it| it.token.0)).collect();
    assert_eq!(tokens, [None, Some("after 1".into())]);
    let marks = world.store.source_marks(&roster(), "").await.unwrap();
    assert_eq!(marks[0].value, "7");
}

#[tokio::test]
async fn the_guard_counts_over_all_parts_of_a_reading_and_after_a_restart() {
    let mut world = World::new();
    let all = (0..10).map(|day| of_shift(&format!("{day}"), "anna", day * 24)).collect();
    world.take(vec![ReadingPart { entities: all, ..ReadingPart::default() }]).await.unwrap();
    world.guard = DeletionGuard { deleted_share_max: 0.2, deletions_free: 0 };
    let empty = |day: i64| ReadingPart { more: true, ..day_of("anna", day, vec![]) };
    let refused = world.take(vec![empty(0), empty(1), empty(2)]).await;
    assert!(matches!(refused, Err(IngestError::Guard(it)) if it.count.deletions == 3));
    assert_eq!(world.shifts().await.len(), 8);
    let refused = world.take(vec![empty(2)]).await;
    assert!(matches!(refused, Err(IngestError::Guard(it)) if it.count.deletions == 3));
}

#[tokio::test]
async fn what_a_long_reading_brings_has_changed_when_it_is_there_to_be_seen() {
    let world = World::new();
    let part = || vec![day_of("ada", 0, vec![of_shift("s1", "ada", 8)])];
    world.take(part()).await.unwrap();
    let before = world.store.roster_seq(&roster()).await.unwrap();
    *world.source.slows.lock().unwrap() = Some(world.clock.clone());
    // Somebody asks for changes in the middle of the reading, and then by that time again.
    let asked_at = world.clock.now() + SignedDuration::from_mins(10);
    world.take(vec![day_of("ada", 0, vec![of_shift("s1", "ada", 9)])]).await.unwrap();
    let from = world.store.seq_before(&roster(), asked_at).await.unwrap();
    assert_eq!(from, before, "the change would never be told");
}
