//! One mirror of one roster on a calendar server in memory, and people who use the calendars too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::policy::{DeletionGuard, PrivacyTier};
use domain::{CalendarKey, Employee, Entity, EntityKey, EventSpan, MirrorName, Shift, UtcInterval};
use engine::mapping::MappingProfile;
use engine::plan::drift::DriftPolicy;
use engine::port::{Approvals, ChangeSeq, Content, Drift, DriftStore, RemoteId, Store, Target};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, Looking, MirrorSpec, Others, run_cycle_looking};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::SignedDuration;
use testkit::builders::{employee, hour, ingest, roster, shift, shift_key};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{Habits, KeptItem, MemoryTarget};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

/// One installation, with a mirror on a server that others may use too.
pub struct Rig {
    pub store: Arc<MemoryStore>,
    pub target: Arc<MemoryTarget>,
    pub clock: ManualClock,
    pub mirror: MirrorName,
    pub policy: DriftPolicy,
    pub privacy: PrivacyTier,
    pub approvals: Option<Box<dyn Approvals>>,
    gate: Gate,
    owner: NamedOwner,
    seq: i64,
}

/// How a rig finds out what people did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By reading what changed.
    Delta,
    /// By reading everything.
    FullReading,
}

pub const READINGS: [By; 2] = [By::Delta, By::FullReading];

/// Servers on which a copy does not carry our tag, and on which it does.
pub fn servers() -> [Habits; 2] {
    let plain = Habits::default();
    let copying = Habits {
        tags_copied: true,
        chosen_ids: false,
        items_in_listing: true,
        unique_identity: false,
        ..Habits::default()
    };
    [plain, copying]
}

impl Rig {
    pub fn new(habits: Habits, policy: DriftPolicy) -> Self {
        Self::on(Arc::new(MemoryTarget::new(habits)), "ward-caldav", policy)
    }

    /// Another installation on the same server.
    pub fn on(target: Arc<MemoryTarget>, mirror: &str, policy: DriftPolicy) -> Self {
        let clock = ManualClock::new(hour(0));
        let entropy = Arc::new(SeededEntropy::new(1));
        let gate = Gate::new(Arc::new(clock.clone()), entropy, target.capabilities());
        let owner = NamedOwner::new("me", Obituaries::default());
        let mirror = MirrorName::new(mirror).expect("a plain name");
        let (store, approvals) = (Arc::default(), None);
        let privacy = PrivacyTier::Full;
        Self { store, target, clock, mirror, policy, privacy, approvals, gate, owner, seq: 0 }
    }

    /// A rig with a shift of Ada's, `s`, and one of Bob's, `b`, that were mirrored.
    pub async fn settled(habits: Habits, policy: DriftPolicy) -> Self {
        let mut rig = Self::new(habits, policy);
        rig.put([with_email("ada"), with_email("bob")]).await;
        rig.put([Entity::Shift(shift("s", "ada", 30)), Entity::Shift(shift("b", "bob", 30))]).await;
        let report = rig.cycle().await;
        assert_eq!((report.created, report.is_done()), (2, true));
        rig
    }

    pub async fn put(&mut self, entities: impl IntoIterator<Item = Entity>) {
        let commit = ingest(ChangeSeq(self.seq), entities);
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    pub async fn delete(&mut self, key: EntityKey) {
        let mut commit = ingest(ChangeSeq(self.seq), []);
        commit.tombstones.push(key);
        let receipt = self.store.commit_ingest(&roster(), commit).await.expect("ingests");
        self.seq = receipt.seq.0;
    }

    pub async fn run(&self, options: CycleOptions, looking: Looking<'_>) -> CycleReport {
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: self.mirror.clone(),
            roster: roster(),
            profile: MappingProfile { privacy: self.privacy, ..MappingProfile::default() },
            target_profile: "test/1".into(),
            guard: DeletionGuard::default(),
            past: day,
            future: 30 * day,
            first_future: None,
            others: Others::default(),
            conflicts: None,
            drift: self.policy,
        };
        let equipment = Equipment {
            store: &*self.store,
            target: &*self.target,
            gate: &self.gate,
            clock: &self.clock,
            ownership: &self.owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: self.approvals.as_deref(),
        };
        run_cycle_looking(&spec, equipment, options, looking).await.expect("cycles")
    }

    pub async fn cycle(&self) -> CycleReport {
        self.run(CycleOptions::default(), Looking::Nowhere).await
    }

    pub async fn look(&self, by: By) -> CycleReport {
        match by {
            By::Delta => self.run(CycleOptions::default(), Looking::Everywhere).await,
            By::FullReading => {
                let options = CycleOptions { read_back: true, ..CycleOptions::default() };
                self.run(options, Looking::Nowhere).await
            }
        }
    }

    pub async fn look_at(&self, calendars: &[CalendarKey]) -> CycleReport {
        let calendars: BTreeSet<CalendarKey> = calendars.iter().cloned().collect();
        self.run(CycleOptions::default(), Looking::At(&calendars)).await
    }

    /// What the audit log says of a shift: verb and detail.
    pub async fn history(&self, id: &str) -> Vec<String> {
        let entries = self.store.history(&shift_key(id)).await.expect("lists");
        entries.iter().map(|it| format!("{:?}: {}", it.verb, it.detail)).collect()
    }

    /// How many items are left, and how many contested.
    pub async fn counts(&self) -> (u64, u64) {
        let counts = self.store.mirror_counts(&self.mirror).await.expect("counts");
        (counts.left, counts.contested)
    }

    pub async fn drifts(&self) -> Vec<Drift> {
        self.store.drifts(&self.mirror).await.expect("lists")
    }

    /// Where the item of an entity is, as the ledger has it.
    pub fn place(&self, key: &EntityKey) -> (CalendarKey, RemoteId) {
        let row = self.store.rows(&self.mirror).into_iter().find(|row| row.key == *key);
        let row = row.expect("it is in the ledger");
        (row.calendar, row.remote.expect("it is there").id)
    }

    pub fn item(&self, calendar: &CalendarKey, id: &RemoteId) -> Option<KeptItem> {
        self.target.everything().get(calendar)?.get(id).cloned()
    }

    /// What is in the calendar of an employee: titles and starts, each with whether it is tagged.
    pub fn seen_by(&self, employee: &str) -> Vec<String> {
        let calendar = calendar_of(employee);
        let items = self.target.everything().remove(&calendar).unwrap_or_default();
        let mut seen: Vec<String> = items.values().map(told).collect();
        seen.sort();
        seen
    }

    pub async fn wait(&self, time: SignedDuration) {
        self.clock.advance(time);
    }
}

fn told(item: &KeptItem) -> String {
    let tag = if item.origin.is_some() { "" } else { " (untagged)" };
    match &item.content {
        Some(Content::Event(event)) => {
            let at = match event.span {
                EventSpan::Timed(interval) => {
                    let after = interval.start().duration_since(hour(0));
                    format!("{}h", after.as_hours())
                }
                EventSpan::AllDay { first, .. } => first.to_string(),
            };
            format!("{} at {at}{tag}", event.summary)
        }
        Some(Content::Schedule(_)) | None => format!("something else{tag}"),
    }
}

pub fn with_email(id: &str) -> Entity {
    let email = Some(format!("{id}@example.com"));
    Entity::Employee(Employee { email, ..employee(id) })
}

pub fn calendar_of(employee: &str) -> CalendarKey {
    CalendarKey::new(format!("{employee}@example.com/shifts")).expect("a calendar")
}

/// The same shift at another hour.
pub fn later(id: &str, employee: &str, start: i64) -> Entity {
    Entity::Shift(Shift { label: "Early".into(), ..shift(id, employee, start) })
}

/// A person moves an item by so many hours.
pub fn move_by(item: &mut KeptItem, hours: i64) {
    let Some(Content::Event(event)) = &mut item.content else { panic!("an event") };
    let EventSpan::Timed(interval) = event.span else { panic!("a timed one") };
    let by = SignedDuration::from_hours(hours);
    let moved = UtcInterval::new(interval.start() + by, interval.end() + by);
    event.span = EventSpan::Timed(moved.expect("an interval"));
}

/// A person gives an item another title.
pub fn rename(item: &mut KeptItem, title: &str) {
    let Some(Content::Event(event)) = &mut item.content else { panic!("an event") };
    title.clone_into(&mut event.summary);
}

/// What was written in a cycle: made, replaced, removed.
pub fn writes(report: &CycleReport) -> (u64, u64, u64) {
    (report.created, report.updated, report.deleted)
}
