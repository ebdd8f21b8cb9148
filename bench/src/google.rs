//! A Workspace's first sync with Google Calendar, in virtual time, beside what the vendor's budgets
//! allow.
//!
//! 5,000 employees with forty shifts each in eight weeks: the real connector, the real engine and a
//! store in memory, against the played Google, which holds to its quotas (10,000 requests a minute
//! of a project, 600 of a user) and answers each batch, list and sign-in after 120 ms. The time
//! beside ours is what the requests that Google counted need at least, whatever their order. Then
//! the same once more with nothing changed; once more with one shift in a hundred changed; and then
//! each calendar is asked for what changed since it was listed.
//!
//! The process that is measured holds the played Google and the store as well.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::google_workspace::{GoogleMirrorConfig, GoogleWorkspaceConfig};
use connectors::transport::{Dial, Stream};
use connectors::{ConnectionConfig as _, ConnectionContext, MirrorConfig as _, MirrorContext};
use domain::policy::DeletionGuard;
use domain::{
    CalendarKey, ConnectionName, Employee, EmployeeId, Entity, MirrorName, RosterName, Shift,
    ShiftId, UtcInterval,
};
use engine::mapping::MappingProfile;
use engine::port::{Clock, IngestCommit, SourceRef, SourceState, Store, Target, Upsert};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use simulators::google::{Fault, Google, Options, Quotas, What};
use testkit::memory_store::MemoryStore;
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

use crate::measure::{Runs, peak_mib, timed};
use crate::report::{Report, Row, Trouble, Unit};
use crate::virtual_time::{self, VirtualClock};
use crate::{Setting, child};

const EMPLOYEES: usize = 5_000;
const SHIFTS_EACH: usize = 40;
const SHIFTS: usize = EMPLOYEES * SHIFTS_EACH;
/// How long each request takes.
const LATENCY: Duration = Duration::from_millis(120);
/// Longest first sync, in parts of what the budgets allow.
const GOAL: f64 = 1.05;
/// Cycles until a sync is complete, at most.
const CYCLES_MAX: usize = 5;
/// Bytes that a pipe holds before its writer has to wait.
const PIPE_BYTES: usize = 64 * 1024;

/// Measures.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let said = crate::measure::run(&mut child::again(&["google"])?)?;
    let said = said.well("the Workspace's sync")?;
    let mut figures = BTreeMap::new();
    for line in said.stdout.lines() {
        if let Some((name, value)) = line.split_once(' ') {
            figures.insert(name.to_owned(), value.parse::<f64>().map_err(Trouble::failed)?);
        }
    }
    let of = |name: &str| {
        let value = figures.get(name).copied();
        value.ok_or_else(|| Trouble::failed(format!("nothing was said of `{name}`")))
    };
    let runs = |name: &str| of(name).map(|value| Runs::of([value]));
    let exactly = |what: String, found: f64, expected: f64| {
        Row::fact(what, format!("{found}"), "–".into(), &format!("{expected}"), found == expected)
    };
    let mut rows = Vec::new();
    for (name, long) in LONG {
        let time = runs(&format!("{name}.seconds"))?;
        let ideal = runs(&format!("{name}.ideal"))?;
        let (what, beside) = (format!("{long}: virtual time"), ("budgets", &ideal));
        rows.push(match name {
            "first" => Row::near(what, Unit::Seconds, &time, beside, GOAL),
            _ => Row::seen(what, Unit::Seconds, &time, Some(beside)),
        });
        for (figure, what) in [
            ("writes", "writes that Google took"),
            ("throttled", "refusals over budget"),
            ("counted", "requests that Google counted"),
            ("requests", "of them and of batches, on the wire"),
        ] {
            let found = of(&format!("{name}.{figure}"))?;
            match of(&format!("{name}.{figure}.expected")) {
                Ok(expected) => rows.push(exactly(format!("{long}: {what}"), found, expected)),
                Err(_) => {
                    let found = Runs::of([found]);
                    rows.push(Row::seen(format!("{long}: {what}"), Unit::Count(""), &found, None));
                }
            }
        }
    }
    let (real, peak) = (runs("real")?, runs("peak")?);
    rows.push(Row::seen("all of it: processor's time", Unit::Seconds, &real, None));
    rows.push(Row::seen("peak memory, vendor and store included", Unit::MiB, &peak, None));
    let note = format!(
        "{EMPLOYEES} employees × {SHIFTS_EACH} shifts; {} ms for each request. Expected writes: \
         one for each shift, and one for each employee's calendar.",
        LATENCY.as_millis(),
    );
    Ok(Report { rows, notes: vec![note] })
}

const LONG: [(&str, &str); 4] = [
    ("first", "first sync"),
    ("again", "nothing changed"),
    ("changed", "1 % changed"),
    ("deltas", "what changed, asked of each calendar"),
];

/// The process that is measured: prints names and numbers.
pub fn be_the_child() -> Result<(), Trouble> {
    let (seconds, done) = timed(|| virtual_time::run(whole()));
    done?;
    println!("real {seconds}");
    println!("peak {}", peak_mib("self").ok_or_else(|| Trouble::Needs("/proc".into()))?);
    Ok(())
}

async fn whole() -> Result<(), Trouble> {
    let world = World::new()?;
    world.ingest(world.everything()?).await?;
    world.sync("first", SHIFTS + EMPLOYEES).await?;
    world.sync("again", 0).await?;
    let tokens = world.list().await?;
    let changed = world.one_percent()?;
    let changes = changed.len();
    world.ingest(changed).await?;
    world.sync("changed", changes).await?;
    world.deltas(tokens, changes).await
}

/// The way to a played Google in this process: each connection is a pipe, and a task behind it.
struct ToGoogle(Google);

#[async_trait]
impl Dial for ToGoogle {
    async fn dial(&self, _: &str, _: u16) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let google = self.0.clone();
        tokio::spawn(async move { google.serve_over(theirs).await });
        Ok(Box::new(ours))
    }
}

/// A Workspace, its roster, and what keeps them equal.
struct World {
    google: Google,
    clock: Arc<VirtualClock>,
    store: MemoryStore,
    employees: Vec<Employee>,
    spec: MirrorSpec,
    target: Arc<dyn Target>,
    gate: Gate,
}

type Tokens = Vec<(CalendarKey, engine::port::DeltaToken)>;

impl World {
    fn new() -> Result<Self, Trouble> {
        let start: Timestamp = "2026-11-23T00:00:00Z".parse().map_err(Trouble::failed)?;
        let clock = Arc::new(VirtualClock::starting_at(start));
        let read = Arc::clone(&clock);
        let google = Google::new(Options {
            clock: Some(Arc::new(move || read.now())),
            quotas: Some(Quotas { tolerance: Duration::ZERO, ..Quotas::default() }),
            log: false,
            ..Options::default()
        });
        google.set_faults([
            Fault::on_any().at("/batch/").then(What::Delay(LATENCY)),
            Fault::on_any().at("/token").then(What::Delay(LATENCY)),
            Fault::on_any().at("calendarList").then(What::Delay(LATENCY)),
        ]);
        let mut employees = Vec::new();
        for index in 0..EMPLOYEES {
            let email = format!("e{index}@example.com");
            google.add_user(&email, "Europe/Berlin");
            let id = EmployeeId::new(format!("e{index}")).map_err(Trouble::failed)?;
            employees.push(Employee { email: Some(email), ..Employee::unnamed(id) });
        }
        let (spec, target, gate) = mirror(&google, &clock)?;
        let store = MemoryStore::new();
        Ok(Self { google, clock, store, employees, spec, target, gate })
    }

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
        let day = i64::try_from(index / 5 * 7 + index % 5).map_err(Trouble::failed)?;
        let start: Timestamp = "2026-11-23T08:00:00Z".parse().map_err(Trouble::failed)?;
        let start = start + SignedDuration::from_hours(24 * day);
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
        self.google.clear_log();
        let started = self.clock.now();
        let mut cycles = 0;
        loop {
            let report = self.cycle().await?;
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

    fn told(&self, name: &str, started: Timestamp) {
        let counts = self.google.counts();
        println!("{name}.seconds {}", self.clock.now().duration_since(started).as_secs_f64());
        println!("{name}.ideal {}", ideal(counts.counted));
        println!("{name}.writes {}", counts.writes);
        println!("{name}.counted {}", counts.counted);
        println!("{name}.requests {}", counts.requests);
        println!("{name}.throttled {}", counts.throttled);
        println!("{name}.throttled.expected 0");
    }

    async fn cycle(&self) -> Result<CycleReport, Trouble> {
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
        run_cycle(&self.spec, equipment, CycleOptions::default()).await.map_err(Trouble::failed)
    }

    /// A token of each calendar, from one whole listing each.
    async fn list(&self) -> Result<Tokens, Trouble> {
        let mut tokens = Vec::new();
        for employee in &self.employees {
            let key = CalendarKey::new(employee.email.as_deref().unwrap_or_default());
            let key = key.map_err(Trouble::failed)?;
            let listing = self.patiently(&key, None).await?;
            tokens.extend(listing.next.map(|token| (key, token)));
        }
        Ok(tokens)
    }

    /// Asks each calendar what changed: one request for each.
    async fn deltas(&self, tokens: Tokens, changes: usize) -> Result<(), Trouble> {
        self.clock.sleep_until(self.clock.now() + SignedDuration::from_secs(61)).await;
        self.google.clear_log();
        let started = self.clock.now();
        let mut entries = 0;
        for (key, token) in &tokens {
            entries += self.patiently(key, Some(token)).await?.entries.len();
        }
        if entries != changes {
            return Err(Trouble::failed(format!("{entries} changes told, {changes} made")));
        }
        println!("deltas.writes.expected 0");
        println!("deltas.counted.expected {EMPLOYEES}");
        self.told("deltas", started);
        Ok(())
    }

    async fn patiently(
        &self,
        key: &CalendarKey,
        since: Option<&engine::port::DeltaToken>,
    ) -> Result<engine::port::Listing, Trouble> {
        loop {
            match self.target.list(key, since).await {
                Err(failure) => match failure.class {
                    engine::port::FailureClass::Throttled { retry_after: Some(wait), .. } => {
                        let wait = SignedDuration::try_from(wait).map_err(Trouble::failed)?;
                        self.clock.sleep_until(self.clock.now() + wait).await;
                    }
                    _ => return Err(Trouble::failed(failure)),
                },
                Ok(listing) => return Ok(listing),
            }
        }
    }
}

fn mirror(
    google: &Google,
    clock: &Arc<VirtualClock>,
) -> Result<(MirrorSpec, Arc<dyn Target>, Gate), Trouble> {
    let folder = tempfile::tempdir()?;
    // Without TLS only this machine may be named; nothing listens there.
    let url = "http://127.0.0.1:1";
    std::fs::write(folder.path().join("google.json"), Google::service_account_file(url))?;
    let connection: GoogleWorkspaceConfig =
        section(&format!("{{ service_account_file = \"google.json\", api_url = \"{url}\" }}"))?;
    let connection = connection.reached_by(Arc::new(ToGoogle(google.clone())));
    let config: GoogleMirrorConfig = section("{}")?;
    let name = MirrorName::new("google").map_err(Trouble::failed)?;
    let entropy = Arc::new(SeededEntropy::new(1));
    let context = ConnectionContext {
        name: ConnectionName::new("google").map_err(Trouble::failed)?,
        base: folder.path().to_owned(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: entropy.clone(),
    };
    let mirror = MirrorContext {
        name: name.clone(),
        two_way: Default::default(),
        time_zone: "Europe/Berlin".into(),
    };
    let parts = connection.mirror(&context, &mirror, &config).map_err(Trouble::failed)?;
    // The file is read at each sign-in, and the folder is temporary.
    let _ = folder.keep();
    let gate = Gate::new(context.clock, entropy, parts.target.capabilities());
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let spec = MirrorSpec {
        name,
        roster: RosterName::new("staff").map_err(Trouble::failed)?,
        profile: MappingProfile::default(),
        target_profile: config.profile(),
        guard: DeletionGuard::default(),
        past: days(7),
        future: days(60),
        first_future: None,
        others: Others::Report,
        conflicts: None,
        drift: engine::plan::drift::DriftPolicy::default(),
    };
    Ok((spec, parts.target, gate))
}

fn section<T: DeserializeOwned>(text: &str) -> Result<T, Trouble> {
    let section = toml::de::ValueDeserializer::parse(text).map_err(Trouble::failed)?;
    T::deserialize(section).map_err(Trouble::failed)
}

/// Seconds that so many requests need at least by the project's budget: a minute's worth goes at
/// once, and the rest by its rate. Nobody's own budget is as tight here.
fn ideal(counted: u64) -> f64 {
    let minutes = counted.div_ceil(u64::from(Quotas::default().project)).saturating_sub(1);
    minutes as f64 * 60.0 + LATENCY.as_secs_f64()
}
