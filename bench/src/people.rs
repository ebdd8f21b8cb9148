//! Many people's first sync with calendars of theirs, in virtual time, beside what the vendor's
//! budgets allow: what `google` and `outlook` have in common.
//!
//! 5,000 employees with forty shifts each in eight weeks: the real connector, the real engine and a
//! store in memory, against a played vendor that holds to its quotas. Then the same once more with
//! nothing changed; and once more with one shift in a hundred changed. Then two cycles look
//! everywhere for what people changed since: the first sees what we wrote ourselves come back, the
//! second nothing.
//!
//! The process that is measured holds the played vendor and the store as well.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::DeletionGuard;
use domain::{Employee, EmployeeId, Entity, MirrorName, RosterName, Shift, ShiftId, UtcInterval};
use engine::mapping::MappingProfile;
use engine::port::{Clock, IngestCommit, SourceRef, SourceState, Store, Target, Upsert};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, Looking, MirrorSpec, Others, run_cycle_looking};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use testkit::memory_store::MemoryStore;
use testkit::ownership::{NamedOwner, Obituaries};

use crate::child::Figures;
use crate::measure::{Runs, peak_mib, processor_seconds};
use crate::report::{Report, Row, Trouble, Unit};
use crate::virtual_time::{self, VirtualClock};

/// So many people.
pub const EMPLOYEES: usize = 5_000;
/// Shifts of each.
pub const SHIFTS_EACH: usize = 40;
/// So many shifts.
pub const SHIFTS: usize = EMPLOYEES * SHIFTS_EACH;
/// How long each request takes.
pub const LATENCY: Duration = Duration::from_millis(120);
/// Longest first sync, in parts of what the budgets allow.
const GOAL: f64 = 1.05;
/// Most time of the processor for asking everybody what changed.
const PROCESSOR_GOAL: f64 = 30.0;
/// Cycles until a sync is complete, at most.
const CYCLES_MAX: usize = 5;

/// What a vendor counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Writes that it took.
    pub writes: u64,
    /// Requests against its budgets, those in batches one by one.
    pub counted: u64,
    /// Requests on the wire.
    pub requests: u64,
    /// Refusals over budget.
    pub throttled: u64,
}

impl Counted {
    /// What of it was not counted `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            writes: self.writes - before.writes,
            counted: self.counted - before.counted,
            requests: self.requests - before.requests,
            throttled: self.throttled - before.throttled,
        }
    }
}

/// A played vendor.
pub trait Vendor {
    /// What it counted so far.
    fn counted(&self) -> Counted;
    /// Seconds that so many requests need at least by the budgets.
    fn ideal(&self, counted: u64) -> f64;
}

/// Measures in a process of its own.
pub fn run(name: &str, vendor: &str, note: &str) -> Result<Report, Trouble> {
    let figures = Figures::of_child(&[name], "the first sync")?;
    let mut rows = Vec::new();
    for (name, long) in LONG {
        let time = figures.runs(&format!("{name}.seconds"))?;
        let ideal = figures.runs(&format!("{name}.ideal"))?;
        let (what, beside) = (format!("{long}: virtual time"), ("budgets", &ideal));
        rows.push(match name {
            "first" => Row::near(what, Unit::Seconds, &time, beside, GOAL),
            _ => Row::seen(what, Unit::Seconds, &time, Some(beside)),
        });
        for (figure, what) in [
            ("writes", format!("writes that {vendor} took")),
            ("throttled", "refusals over budget".to_owned()),
            ("counted", format!("requests that {vendor} counted")),
            ("requests", "of them and of batches, on the wire".to_owned()),
        ] {
            let what = format!("{long}: {what}");
            let found = figures.of(&format!("{name}.{figure}"))?;
            rows.push(match figures.of(&format!("{name}.{figure}.expected")) {
                Ok(expected) => Row::exactly(what, found, expected),
                Err(_) => Row::seen(what, Unit::Count(""), &Runs::of([found]), None),
            });
        }
    }
    let asking = figures.runs("deltas.processor")?;
    let what = "what changed, asked of everybody: processor's time, vendor included";
    rows.push(Row::limit(what, Unit::Seconds, &asking, PROCESSOR_GOAL));
    let (processor, peak) = (figures.runs("processor")?, figures.runs("peak")?);
    rows.push(Row::seen("all of it: processor's time", Unit::Seconds, &processor, None));
    rows.push(Row::seen("peak memory, vendor and store included", Unit::MiB, &peak, None));
    let note = format!(
        "{EMPLOYEES} employees × {SHIFTS_EACH} shifts; {} ms for each request. {note}",
        LATENCY.as_millis(),
    );
    Ok(Report { rows, notes: vec![note] })
}

const LONG: [(&str, &str); 5] = [
    ("first", "first sync"),
    ("again", "nothing changed"),
    ("changed", "1 % changed"),
    ("echoes", "what changed, after our own writes"),
    ("deltas", "what changed, asked of each calendar"),
];

/// The process that is measured: prints names and numbers.
pub fn be_the_child<V: Vendor>(
    new: impl FnOnce() -> Result<People<V>, Trouble>,
) -> Result<(), Trouble> {
    virtual_time::run(async { whole(new()?).await })?;
    println!("processor {}", processor_seconds("self")?);
    println!("peak {}", peak_mib("self").ok_or_else(|| Trouble::Needs("/proc".into()))?);
    Ok(())
}

async fn whole<V: Vendor>(people: People<V>) -> Result<(), Trouble> {
    people.ingest(people.everything()?).await?;
    people.sync("first", people.writes_expected).await?;
    people.sync("again", 0).await?;
    let changed = people.one_percent()?;
    let changes = changed.len();
    people.ingest(changed).await?;
    people.sync("changed", changes).await?;
    people.look("echoes").await?;
    people.look("deltas").await
}

/// People, their roster, and what keeps their calendars equal to it.
pub struct People<V> {
    /// Who plays the vendor.
    pub vendor: V,
    /// The time there and here.
    pub clock: Arc<VirtualClock>,
    /// Everybody.
    pub employees: Vec<Employee>,
    /// The mirror.
    pub spec: MirrorSpec,
    /// The way to the vendor.
    pub target: Arc<dyn Target>,
    /// The budgets.
    pub gate: Gate,
    /// Where the roster and the ledger are.
    pub store: MemoryStore,
    /// Writes of a first sync.
    pub writes_expected: usize,
}

impl<V: Vendor> People<V> {
    fn everything(&self) -> Result<Vec<Entity>, Trouble> {
        let mut all: Vec<Entity> = self.employees.iter().cloned().map(Entity::Employee).collect();
        for employee in &self.employees {
            for index in 0..SHIFTS_EACH {
                all.push(Entity::Shift(self.shift(employee, index)?));
            }
        }
        Ok(all)
    }

    /// One shift in a hundred, changed.
    fn one_percent(&self) -> Result<Vec<Entity>, Trouble> {
        let mut changed = Vec::new();
        for index in (50..SHIFTS).step_by(100) {
            let employee = self.employees.get(index / SHIFTS_EACH);
            let employee = employee.ok_or_else(|| Trouble::failed("nobody"))?;
            let mut shift = self.shift(employee, index % SHIFTS_EACH)?;
            shift.label = "Another".into();
            changed.push(Entity::Shift(shift));
        }
        Ok(changed)
    }

    /// Five days of each of eight weeks.
    fn shift(&self, employee: &Employee, index: usize) -> Result<Shift, Trouble> {
        let start: Timestamp = "2026-11-23T08:00:00Z".parse().map_err(Trouble::failed)?;
        let start = start + SignedDuration::from_hours(24 * day_of(index));
        let end = start + SignedDuration::from_hours(8);
        Ok(Shift {
            id: ShiftId::new(format!("{}-{index}", employee.id)).map_err(Trouble::failed)?,
            employee: employee.id.clone(),
            group: None,
            label: "Early".into(),
            interval: UtcInterval::new(start, end).map_err(Trouble::failed)?,
            day: TimeZone::UTC.to_datetime(start).date(),
            activities: vec![],
            notes: None,
        })
    }

    async fn ingest(&self, entities: Vec<Entity>) -> Result<(), Trouble> {
        let upsert = |(index, entity): (usize, Entity)| Upsert {
            fingerprint: entity.fingerprint(),
            twin: None,
            at: SourceRef(format!("weeks.csv:{}", index + 2)),
            entity,
        };
        let roster = &self.spec.roster;
        let commit = IngestCommit {
            upserts: entities.into_iter().enumerate().map(upsert).collect(),
            tombstones: vec![],
            state: SourceState::default(),
            at: self.clock.now(),
            expected: self.store.roster_index(roster).await.map_err(Trouble::failed)?.0,
            drop_hints: false,
            marks: vec![],
        };
        self.store.commit_ingest(roster, commit).await.map_err(Trouble::failed).map(drop)
    }

    /// Runs cycles until nothing is left to do, and prints what came of it.
    async fn sync(&self, name: &str, expected: usize) -> Result<(), Trouble> {
        let started = self.start();
        let mut cycles = 0;
        loop {
            let report = self.cycle(Looking::Nowhere).await?;
            cycles += 1;
            eprintln!("{name}: cycle {cycles}: {report:?}");
            if report.complete {
                break;
            }
            if cycles == CYCLES_MAX {
                return Err(Trouble::failed(format!("{name}: not complete: {report:?}")));
            }
        }
        println!("{name}.writes.expected {expected}");
        if expected == 0 {
            println!("{name}.counted.expected 0");
        }
        self.told(name, started);
        Ok(())
    }

    fn start(&self) -> (Timestamp, Counted) {
        (self.clock.now(), self.vendor.counted())
    }

    fn told(&self, name: &str, (started, before): (Timestamp, Counted)) {
        let counts = self.vendor.counted().since(before);
        println!("{name}.seconds {}", self.clock.now().duration_since(started).as_secs_f64());
        println!("{name}.ideal {}", self.vendor.ideal(counts.counted));
        println!("{name}.writes {}", counts.writes);
        println!("{name}.counted {}", counts.counted);
        println!("{name}.requests {}", counts.requests);
        println!("{name}.throttled {}", counts.throttled);
        println!("{name}.throttled.expected 0");
    }

    async fn cycle(&self, looking: Looking<'_>) -> Result<CycleReport, Trouble> {
        let owner = NamedOwner::new("bench", Obituaries::default());
        let equipment = Equipment {
            store: &self.store,
            target: &*self.target,
            gate: &self.gate,
            clock: &*self.clock,
            ownership: &owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: None,
        };
        let options = CycleOptions::default();
        let done = run_cycle_looking(&self.spec, equipment, options, looking).await;
        done.map_err(Trouble::failed)
    }

    /// Looks in each calendar for what changed there: nothing that we have to do.
    async fn look(&self, name: &str) -> Result<(), Trouble> {
        // As after a while of `serve`: what the budgets have left of the cycle before is not it.
        self.clock.sleep_until(self.clock.now() + SignedDuration::from_secs(61)).await;
        let (started, before) = (self.start(), processor_seconds("self")?);
        let report = self.cycle(Looking::Everywhere).await?;
        eprintln!("{name}: {report:?}");
        if !report.complete || report.writes() > 0 || report.drifted > 0 {
            return Err(Trouble::failed(format!("something was found to do: {report:?}")));
        }
        println!("{name}.writes.expected 0");
        println!("{name}.processor {}", processor_seconds("self")? - before);
        if name == "deltas" {
            println!("{name}.counted.expected {}", EMPLOYEES);
        }
        self.told(name, started);
        Ok(())
    }
}

/// On which day after the first Monday somebody has the shift of this number: five in a week.
pub fn day_of(index: usize) -> i64 {
    i64::try_from(index / 5 * 7 + index % 5).unwrap_or(i64::MAX)
}

/// Somebody by number, without an address.
pub fn somebody(index: usize) -> Result<Employee, Trouble> {
    let id = EmployeeId::new(format!("e{index}")).map_err(Trouble::failed)?;
    Ok(Employee::unnamed(id))
}

/// The mirror of everybody's shifts.
pub fn spec(name: MirrorName, target_profile: String) -> Result<MirrorSpec, Trouble> {
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    Ok(MirrorSpec {
        name,
        roster: RosterName::new("staff").map_err(Trouble::failed)?,
        profile: MappingProfile::default(),
        target_profile,
        guard: DeletionGuard::default(),
        past: days(7),
        future: days(60),
        first_future: None,
        others: Others::Report,
        conflicts: None,
        drift: engine::plan::drift::DriftPolicy::default(),
    })
}

/// A section of a configuration.
pub fn section<T: DeserializeOwned>(text: &str) -> Result<T, Trouble> {
    let section = toml::de::ValueDeserializer::parse(text).map_err(Trouble::failed)?;
    T::deserialize(section).map_err(Trouble::failed)
}
