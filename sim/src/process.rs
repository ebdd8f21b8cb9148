//! One process of ours: the production engine, on a store and a target that are shaky.

use std::sync::{Arc, Mutex, PoisonError};

use domain::policy::DeletionGuard;
use domain::{RosterName, SyncWindow};
use engine::port::{Clock, ForeignEvents, RosterEntry, Store, Target};
use engine::report::CycleReport;
use engine::run::conflicts::undo::undo;
use engine::run::cycle::{CycleOptions, Equipment, Looking, MirrorSpec, run_cycle_looking};
use engine::run::gate::Gate;
use engine::run::ingest::{Ingest, IngestError};
use engine::run::recover::gather_hints;
use engine::run::watch::Unwatched;
use testkit::manual_clock::ManualClock;
use testkit::ownership::NamedOwner;
use testkit::seeded_entropy::SeededEntropy;

use crate::setup::Setup;
use crate::shaky_store::ShakyStore;
use crate::source::{Lie, ScriptedSource};
use crate::strangers::Strangers;
use crate::wire::{ShakyForeign, ShakyTarget, Wire};

/// What a process is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// One ingest and one cycle.
    Sync {
        /// Read the mirror back.
        read_back: bool,
    },
    /// Rebuild a lost ledger.
    Recover,
    /// Take back everything that was done to people's events.
    Undo,
}

/// One process.
pub struct Process {
    /// Unique over restarts.
    pub name: String,
    /// The way to the target.
    pub wire: Arc<Wire>,
    /// The store, as it sees it.
    pub store: ShakyStore,
    /// The source.
    pub source: Arc<ScriptedSource>,
    /// What it keeps in agreement.
    pub spec: MirrorSpec,
    /// Who it is.
    pub owner: NamedOwner,
    /// Whether nobody else changes the roster.
    pub alone: bool,
    target: ShakyTarget,
    foreign: Option<ShakyForeign>,
    gate: Gate,
    clock: ManualClock,
    outcome: Mutex<Option<bool>>,
}

/// What a process is made of.
pub struct Parts {
    /// Unique over restarts.
    pub name: String,
    /// The way to the target.
    pub wire: Arc<Wire>,
    /// The store, as it sees it.
    pub store: ShakyStore,
    /// The source.
    pub source: Arc<ScriptedSource>,
    /// What it keeps in agreement.
    pub spec: MirrorSpec,
    /// Who it is.
    pub owner: NamedOwner,
    /// Whether nobody else changes the roster.
    pub alone: bool,
}

impl Process {
    /// Starts a process.
    #[must_use]
    pub fn start(parts: Parts, entropy: SeededEntropy) -> Arc<Self> {
        let Parts { name, wire, store, source, spec, owner, alone } = parts;
        let target = ShakyTarget::new(Arc::clone(&wire), name.clone());
        let clock = wire.clock.clone();
        let gate = Gate::new(Arc::new(clock.clone()), Arc::new(entropy), target.capabilities());
        let outcome = Mutex::new(None);
        let foreign = wire.strangers.as_ref().map(|_| ShakyForeign { wire: Arc::clone(&wire) });
        let process = Self {
            name,
            wire,
            store,
            source,
            spec,
            owner,
            alone,
            target,
            foreign,
            gate,
            clock,
            outcome,
        };
        Arc::new(process)
    }

    /// Does a job.
    pub async fn work(self: Arc<Self>, job: Job) {
        let done = match job {
            Job::Sync { read_back } => self.sync(read_back).await,
            Job::Recover => self.recover().await,
            Job::Undo => self.undo().await,
        };
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    }

    /// Whether the last job came to its end with everything as it should be.
    pub fn take_outcome(&self) -> bool {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.take().unwrap_or(false)
    }

    fn log(&self, text: impl std::fmt::Display) {
        self.wire.trace.line(format_args!("{}: {text}", self.name));
    }

    fn equipment(&self) -> Equipment<'_> {
        Equipment {
            store: &self.store,
            target: &self.target,
            gate: &self.gate,
            clock: &self.clock,
            ownership: &self.owner,
            watcher: &Unwatched,
            foreign: self.foreign.as_ref().map(|it| it as &dyn ForeignEvents),
            approvals: None,
        }
    }

    fn window(&self) -> SyncWindow {
        SyncWindow::around(self.clock.now(), self.spec.past, self.spec.future)
    }

    async fn sync(&self, read_back: bool) -> bool {
        let ingested = self.ingest().await;
        let options = CycleOptions { read_back, ..CycleOptions::default() };
        let Some(report) = self.cycle(options).await else { return false };
        let Some(refusal) = &report.refused else { return ingested && report.is_done() };
        self.log(format_args!("the guard refused: {refusal}"));
        if self.source.lie() != Lie::Honest {
            return false;
        }
        let meant = CycleOptions { allow_deletions: Some(100_000), ..options };
        let report = self.cycle(meant).await;
        ingested && report.is_some_and(|report| report.is_done())
    }

    async fn cycle(&self, options: CycleOptions) -> Option<CycleReport> {
        let writes = self.wire.writes();
        // Hints come, are lost, or come when nothing happened: by the virtual second.
        let hinted = self.clock.now().as_second() % 2 == 0;
        let told = self.wire.strangers().map(|mut it| it.take_hints()).unwrap_or_default();
        let looking = match (hinted, told.is_empty()) {
            (_, false) => Looking::At(&told),
            (true, true) => Looking::Everywhere,
            (false, true) => Looking::Nowhere,
        };
        match run_cycle_looking(&self.spec, self.equipment(), options, looking).await {
            Ok(report) => {
                self.log(format_args!(
                    "cycle: {}+ {}~ {}- {}= adopted {} failed {} held {} complete {} {:?}",
                    report.created,
                    report.updated,
                    report.deleted,
                    report.unchanged,
                    report.adopted,
                    report.failed,
                    report.held,
                    report.complete,
                    report.problems.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>(),
                ));
                let stopped_before = report.refused.is_some() && report.complete;
                if stopped_before && self.alone && !self.wire.late && self.wire.writes() != writes {
                    self.wire.trace.violation("6 (guard)", "it refused, and writes were sent");
                }
                Some(report)
            }
            Err(error) => {
                self.log(format_args!("cycle failed: {error}"));
                None
            }
        }
    }

    /// Takes back everything that was done to people's events, the last change first.
    async fn undo(&self) -> bool {
        let Some(foreign) = &self.foreign else { return true };
        for id in Strangers::to_undo(&self.store.inner, &self.spec.name) {
            match undo(&self.spec, self.equipment(), foreign, &id).await {
                Ok(_) => self.log(format_args!("undone: {id}")),
                Err(error) => self.log(format_args!("not undone: {error}")),
            }
        }
        true
    }

    async fn ingest(&self) -> bool {
        let must_refuse = self.guard_must_refuse().await;
        let first = self.ingest_once(None).await;
        let refused = matches!(first, Err(IngestError::Guard(_)));
        if self.alone && must_refuse && first.is_ok() {
            let trace = &self.wire.trace;
            trace.violation("6 (guard)", "a source that lost too much was believed");
        }
        match first {
            Ok(()) => true,
            // The operator looks, and sees that it is true.
            Err(_) if refused && self.source.lie() == Lie::Honest => {
                self.ingest_once(Some(100_000)).await.is_ok()
            }
            Err(_) => false,
        }
    }

    async fn ingest_once(&self, allow_deletions: Option<u64>) -> Result<(), IngestError> {
        let ingest = Ingest {
            roster: &self.spec.roster,
            source: &*self.source,
            store: &self.store,
            clock: &self.clock,
            window: self.window(),
            employees: Vec::new(),
            guard: DeletionGuard::default(),
        };
        match ingest.run(allow_deletions).await {
            Ok(report) => {
                self.log(format_args!(
                    "ingest: {} changed, {} deleted, {} unchanged",
                    report.upserted, report.deleted, report.unchanged
                ));
                Ok(())
            }
            Err(error) => {
                self.log(format_args!("ingest failed: {error}"));
                Err(error)
            }
        }
    }

    /// Whether the source has lost more than an operator would want to lose by accident; only
    /// known where entries have ids.
    async fn guard_must_refuse(&self) -> bool {
        if !self.source.habits().native_ids || self.source.lie() == Lie::Unreachable {
            return false;
        }
        let window = self.window();
        let named = self.source.would_name(&window);
        let Ok((_, index)) = self.store.inner.roster_index(&self.spec.roster).await else {
            return false;
        };
        let inside = index.iter().filter(|row| match (row.starts_at, row.ends_at) {
            (Some(start), Some(end)) => {
                start < window.interval.end() && end > window.interval.start()
            }
            (Some(_) | None, _) => false,
        });
        let (mut present, mut lost, mut over) = (0u64, 0u64, Vec::new());
        for row in inside {
            present += 1;
            if !named.contains(&row.key) {
                lost += 1;
                over.extend(
                    row.ends_at.filter(|it| *it <= self.clock.now()).map(|_| row.key.clone()),
                );
            }
        }
        // In full, the past of those who left is not missed; changes name what was deleted.
        let people = self.source.truth().people;
        let Ok(over) = self.store.inner.roster_entries(&self.spec.roster, &over).await else {
            return false;
        };
        let of_a_leaver = |entry: &&RosterEntry| {
            entry.entity.employee().is_some_and(|it| !people.contains_key(it.as_str()))
        };
        let stay = over.iter().filter(of_a_leaver).count() as u64;
        let refuses = |present: u64, lost: u64| {
            lost > 0 && (lost >= present || (lost > 2 && lost * 5 > present))
        };
        refuses(present, lost) && refuses(present - stay, lost - stay)
    }

    async fn recover(&self) -> bool {
        match gather_hints(&self.spec, self.equipment(), &*self.source, Vec::new()).await {
            Ok(hints) => self.log(format_args!("recover: {hints} hints")),
            Err(error) => {
                self.log(format_args!("recover failed: {error}"));
                return false;
            }
        }
        if !self.ingest().await {
            return false;
        }
        let before = self.wire.writes();
        let options = CycleOptions { read_back: true, writes: false, ..CycleOptions::default() };
        let report = self.cycle(options).await;
        if self.wire.writes() != before {
            self.wire.trace.violation("2 (recover)", "recovering wrote to the mirror");
        }
        report.is_some()
    }
}

/// The mirror of every world.
///
/// # Panics
/// Never: the names are plain.
#[must_use]
pub fn mirror_of(roster: &RosterName, setup: &Setup) -> MirrorSpec {
    use engine::run::cycle::Others;
    use std::time::Duration;
    let hours = |hours: i64| Duration::from_secs(hours.unsigned_abs() * 3600);
    MirrorSpec {
        name: testkit::builders::mirror(),
        roster: roster.clone(),
        profile: engine::mapping::MappingProfile {
            privacy: setup.privacy,
            activities_as: if setup.blocks {
                engine::mapping::ActivitiesAs::Blocks
            } else {
                engine::mapping::ActivitiesAs::Text
            },
            ..Default::default()
        },
        target_profile: "sim/1".into(),
        guard: DeletionGuard::default(),
        past: hours(crate::oracle::PAST_HOURS),
        future: hours(crate::oracle::FUTURE_HOURS),
        first_future: setup.schedule.filter(|it| it.begins_near).map(|_| hours(48)),
        others: if setup.removes_others() { Others::Remove } else { Others::Report },
        conflicts: setup.strangers.map(|it| it.rules()),
        drift: engine::plan::drift::DriftPolicy::default(),
    }
}
