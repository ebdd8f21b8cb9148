//! A ward in Berlin whose schedule is mirrored in a schedule product, a desk for what people ask
//! for there, and the product doing, or not doing, what was granted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::policy::DeletionGuard;
use domain::{
    CalendarKey, CommandKind, Employee, Entity, EntityKey, EntityKind, Refusal, RequestStep,
    RuleSet, ScheduleGroup, ScheduleItem, ShiftItem, TimeOffReason, UtcInterval,
};
use engine::approve::OwnRecord;
use engine::mapping::MappingProfile;
use engine::port::{
    Answer, ApprovalStore, Approvals, Ask, AskWhat, AskedRequest, ChangeSeq, Clock, Content,
    Decider, ETag, LedgerRow, RemoteId, RequestRow, RosterEntry, Store,
};
use engine::report::CycleReport;
use engine::run::approval::{Desk, DeskEquipment};
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::{SignedDuration, Timestamp};
use testkit::builders::{calendar, employee_id, ingest, instant, mirror, roster};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{Habits, KeptItem, MemoryTarget};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

use super::pages::{berlin, group_id, item, reason_id, shift};

pub struct Office {
    pub store: Arc<MemoryStore>,
    pub target: MemoryTarget,
    pub clock: ManualClock,
    pub rules: RuleSet,
    desks: AtomicU64,
}

/// The team in which everything is.
pub fn team() -> CalendarKey {
    calendar("team-ward")
}

pub fn at(id: &str) -> RemoteId {
    RemoteId(id.into())
}

pub fn key(kind: EntityKind, id: &str) -> EntityKey {
    testkit::builders::key(kind, id)
}

pub fn shown(employee: &str, interval: UtcInterval) -> ShiftItem {
    let group = Some(group_id("ward"));
    ShiftItem { group, ..item(&shift("x", employee, interval)) }
}

pub fn create(id: &str, item: ScheduleItem) -> AskWhat {
    AskWhat::Create { at: at(id), item }
}

/// A step of a request that makes nothing.
pub fn step(id: &str, request: &AskedRequest, step: RequestStep) -> AskWhat {
    let request = Some(request.clone());
    AskWhat::Request { at: at(id), request, step, makes: vec![], declines: vec![] }
}

/// Its approval, with what the product will make.
pub fn approval(
    id: &str,
    request: &AskedRequest,
    makes: impl IntoIterator<Item = (&'static str, ScheduleItem)>,
) -> AskWhat {
    let makes = makes.into_iter().map(|(id, item)| (at(id), item)).collect();
    let (request, step) = (Some(request.clone()), RequestStep::Approved);
    AskWhat::Request { at: at(id), request, step, makes, declines: vec![] }
}

pub fn granted(answer: &Answer) -> bool {
    matches!(answer, Answer::Granted { .. })
}

pub fn refused(answer: &Answer) -> Option<Refusal> {
    match answer {
        Answer::Refused(refusal) => Some(refusal.clone()),
        Answer::Granted { .. } => None,
    }
}

impl Office {
    /// The ward's people, and these entities; all of it mirrored.
    pub async fn open(rules: RuleSet, entities: impl IntoIterator<Item = Entity>) -> Self {
        let office = Self {
            store: Arc::new(MemoryStore::new()),
            target: MemoryTarget::new(Habits::of_a_schedule()),
            clock: ManualClock::new(instant("2026-11-20T12:00:00Z")),
            rules,
            desks: AtomicU64::new(1),
        };
        let mut all = vec![
            Entity::ScheduleGroup(ScheduleGroup { id: group_id("ward"), name: "Ward".into() }),
            Entity::TimeOffReason(TimeOffReason { id: reason_id("leave"), name: "Leave".into() }),
        ];
        for who in ["ada", "ben", "cem", "dee"] {
            let group = Some(group_id("ward"));
            all.push(Entity::Employee(Employee { group, ..Employee::unnamed(employee_id(who)) }));
        }
        all.extend(entities);
        office.put(all).await;
        office.cycle().await;
        office
    }

    pub async fn put(&self, entities: impl IntoIterator<Item = Entity>) {
        let seq = self.store.roster_counts(&roster()).await.expect("the office is in order").seq;
        self.store
            .commit_ingest(&roster(), ingest(seq, entities))
            .await
            .expect("the office is in order");
    }

    pub fn decider(&self) -> OwnRecord {
        OwnRecord { rules: self.rules.clone(), zone: berlin() }
    }

    /// A desk; each gives other ids.
    pub fn desk(&self) -> Desk {
        let seed = self.desks.fetch_add(1, Ordering::Relaxed);
        self.desk_of(Arc::new(self.decider()), seed)
    }

    pub fn desk_of(&self, decider: Arc<dyn Decider>, seed: u64) -> Desk {
        let equipment = DeskEquipment {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            decider,
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(seed)),
        };
        Desk::new(equipment, mirror(), roster(), &CommandKind::ALL.into_iter().collect())
    }

    /// An ask that the product waits half a minute for.
    pub fn ask(&self, what: AskWhat) -> Ask {
        let expires_at = Some(self.clock.now() + SignedDuration::from_secs(30));
        Ask { calendar: team(), what, expires_at }
    }

    /// Asks a desk that has just been opened: whatever was asked before, it knows from the store.
    pub async fn asked(&self, what: AskWhat) -> Answer {
        self.desk().decide(self.ask(what)).await
    }

    pub async fn cycle(&self) -> CycleReport {
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: mirror(),
            roster: roster(),
            profile: MappingProfile::default(),
            target_profile: "test/1".into(),
            guard: DeletionGuard::default(),
            past: 7 * day,
            future: 60 * day,
            first_future: None,
            others: Others::default(),
            conflicts: None,
            drift: engine::plan::drift::DriftPolicy::default(),
        };
        let (clock, entropy) = (Arc::new(self.clock.clone()), Arc::new(SeededEntropy::new(2)));
        let gate = Gate::new(clock, entropy, engine::port::Target::capabilities(&self.target));
        let owner = NamedOwner::new("me", Obituaries::default());
        let equipment = Equipment {
            store: self.store.as_ref(),
            target: &self.target,
            gate: &gate,
            clock: &self.clock,
            ownership: &owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: None,
        };
        run_cycle(&spec, equipment, CycleOptions::default()).await.expect("the office is in order")
    }

    /// Items made, changed and removed by the next cycle after every deadline has passed.
    pub async fn later_writes(&self) -> (u64, u64, u64) {
        self.clock.advance(SignedDuration::from_mins(10));
        let report = self.cycle().await;
        assert_eq!(self.unsettled().await, 0, "everything is settled");
        (report.created, report.updated, report.deleted)
    }

    async fn unsettled(&self) -> usize {
        let rows = self
            .store
            .ledger_of_calendar(&mirror(), &team())
            .await
            .expect("the office is in order");
        rows.iter().filter(|row| row.intent.is_some()).count()
    }

    /// The product puts an item there, as it does with what was granted.
    pub fn product_puts(&self, id: &str, item: ScheduleItem) {
        let kept = KeptItem {
            etag: ETag(String::new()),
            content: Some(Content::Schedule(item)),
            origin: None,
            revision: None,
            body: String::new(),
        };
        self.target.settle(&team(), &at(id), Some(kept));
    }

    pub fn product_removes(&self, id: &RemoteId) {
        self.target.settle(&team(), id, None);
    }

    /// What the product shows, by remote id.
    pub fn product_shows(&self) -> Vec<(RemoteId, ScheduleItem)> {
        let mut shown = Vec::new();
        self.target.for_each(|_, id, kept| {
            if let Some(Content::Schedule(item)) = &kept.content {
                shown.push((id.clone(), item.clone()));
            }
        });
        shown
    }

    pub async fn live(&self, key: &EntityKey) -> Option<RosterEntry> {
        let keys = std::slice::from_ref(key);
        self.store.roster_entries(&roster(), keys).await.expect("the office is in order").pop()
    }

    /// Everything that lies in time, as `kind/id employee start`, in order.
    pub async fn roster(&self) -> Vec<Entity> {
        let (_, index) = self.store.roster_index(&roster()).await.expect("the office is in order");
        let keys: Vec<EntityKey> =
            index.into_iter().filter(|it| it.ends_at.is_some()).map(|it| it.key).collect();
        let found =
            self.store.roster_entries(&roster(), &keys).await.expect("the office is in order");
        let mut entities: Vec<Entity> = found.into_iter().map(|it| it.entity).collect();
        entities.sort_by_key(Entity::key);
        entities
    }

    pub async fn row(&self, key: &EntityKey) -> Option<LedgerRow> {
        let keys = std::slice::from_ref(key);
        self.store.ledger_of(&mirror(), keys).await.expect("the office is in order").pop()
    }

    /// Where an entity's item is.
    pub async fn remote(&self, kind: EntityKind, id: &str) -> RemoteId {
        let row = self.row(&key(kind, id)).await.expect("it is in the ledger");
        row.remote.expect("it is there").id
    }

    /// Where the item of the entity that the product was to make at `id` is to be.
    pub async fn row_at(&self, id: &str) -> Option<LedgerRow> {
        let ids = [at(id)];
        self.store
            .ledger_at(&mirror(), Some(&team()), &ids)
            .await
            .expect("the office is in order")
            .pop()
    }

    pub async fn request(&self, id: &str) -> Option<RequestRow> {
        self.store.requests_at(&mirror(), &[at(id)]).await.expect("the office is in order").pop()
    }

    pub async fn seq(&self) -> ChangeSeq {
        self.store.roster_counts(&roster()).await.expect("the office is in order").seq
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
