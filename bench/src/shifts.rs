//! A tenant's first sync with Shifts, in virtual time, beside what the vendor's budgets allow.
//!
//! 2,000 employees in 40 teams of 50, ten shifts each in two weeks: the real connector, the real
//! engine and a store in memory, against the played Graph, which holds to its quotas (30 requests
//! a second of an app in a tenant, 4 on a team) and answers each request after 120 ms. The time
//! beside ours is what the requests that Graph saw need at least, whatever their order: of each
//! budget its requests by its rate, and of those the longest. Then the same once more with nothing
//! changed, and once more with one shift in a hundred changed.
//!
//! The process that is measured holds the played Graph and the store as well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connectors::microsoft_graph::MicrosoftGraphConfig;
use connectors::microsoft_graph::shifts::config::ShiftsMirrorConfig;
use connectors::{ConnectionConfig as _, ConnectionContext, MirrorConfig as _, MirrorContext};
use domain::policy::{DeletionGuard, PrivacyTier};
use domain::{
    Activity, ConnectionName, Employee, EmployeeId, Entity, MirrorName, RosterName, ScheduleGroup,
    ScheduleGroupId, Shift, ShiftId, UtcInterval,
};
use engine::mapping::MappingProfile;
use engine::port::{ChangeSeq, Clock, IngestCommit, SourceRef, SourceState, Store, Target, Upsert};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use simulators::graph::{
    APP, Fault, Graph, Options, Provisioning, Quotas, Role, SECRET, Seen, TENANT, What,
};
use testkit::memory_store::MemoryStore;
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

use crate::Setting;
use crate::child::Figures;
use crate::measure::{peak_mib, processor_seconds};
use crate::report::{Report, Row, Trouble, Unit};
use crate::virtual_time::{self, ToGraph, VirtualClock, for_graph};

const TEAMS: usize = 40;
const EMPLOYEES_EACH: usize = 50;
const SHIFTS_EACH: usize = 10;
const SHIFTS: usize = TEAMS * EMPLOYEES_EACH * SHIFTS_EACH;
/// How long each request takes.
const LATENCY: Duration = Duration::from_millis(120);
/// Longest first sync, in parts of what the budgets allow.
const GOAL: f64 = 1.05;
/// Cycles until a sync is complete, at most.
const CYCLES_MAX: usize = 5;

/// Measures.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let figures = Figures::of_child(&["shifts"], "the tenant's sync")?;
    let mut rows = Vec::new();
    for name in ["first", "again", "changed"] {
        let time = figures.runs(&format!("{name}.seconds"))?;
        let ideal = figures.runs(&format!("{name}.ideal"))?;
        let beside = ("budgets", &ideal);
        let what = format!("{}: virtual time", long(name));
        rows.push(match name {
            "first" => Row::near(what, Unit::Seconds, &time, beside, GOAL),
            _ => Row::seen(what, Unit::Seconds, &time, Some(beside)),
        });
        let writes = figures.of(&format!("{name}.writes"))?;
        let expected = figures.of(&format!("{name}.expected"))?;
        let what = format!("{}: writes that Graph took", long(name));
        rows.push(Row::exactly(what, writes, expected));
        let throttled = figures.of(&format!("{name}.throttled"))?;
        rows.push(Row::exactly(format!("{}: answers 429", long(name)), throttled, 0.0));
        let reads = figures.runs(&format!("{name}.reads"))?;
        rows.push(Row::seen(format!("{}: reads", long(name)), Unit::Count(""), &reads, None));
    }
    for (name, what, unit) in [
        ("processor", "all of it: processor's time", Unit::Seconds),
        ("peak", "peak memory, vendor and store included", Unit::MiB),
        ("before", "of that before the first sync", Unit::MiB),
    ] {
        rows.push(Row::seen(what, unit, &figures.runs(name)?, None));
    }
    let note = format!(
        "{TEAMS} teams × {EMPLOYEES_EACH} employees × {SHIFTS_EACH} shifts; {} ms for each \
         request; schedules take 3 s to be made. Expected writes: one for each shift, two for \
         each team (its schedule, its group), and one share.",
        LATENCY.as_millis(),
    );
    Ok(Report { rows, notes: vec![note] })
}

fn long(name: &str) -> &'static str {
    match name {
        "first" => "first sync",
        "again" => "nothing changed",
        _ => "1 % changed",
    }
}

/// The process that is measured: prints names and numbers.
pub fn be_the_child() -> Result<(), Trouble> {
    virtual_time::run(whole())?;
    println!("processor {}", processor_seconds("self")?);
    println!("peak {}", peak()?);
    Ok(())
}

fn peak() -> Result<f64, Trouble> {
    peak_mib("self").ok_or_else(|| Trouble::Needs("/proc".into()))
}

async fn whole() -> Result<(), Trouble> {
    let world = World::new()?;
    world.ingest(0, world.shifts()?).await?;
    println!("before {}", peak()?);
    world.sync("first", SHIFTS + TEAMS * 3).await?;
    world.sync("again", 0).await?;
    let (shifts, touched) = world.one_percent()?;
    let changes = shifts.len();
    world.ingest(1, shifts).await?;
    world.sync("changed", changes + touched).await
}

/// A tenant, its roster, and what keeps them equal.
struct World {
    graph: Graph,
    clock: Arc<VirtualClock>,
    store: MemoryStore,
    roster: RosterName,
    employees: Vec<Employee>,
    spec: MirrorSpec,
    target: Arc<dyn Target>,
    gate: Gate,
}

impl World {
    fn new() -> Result<Self, Trouble> {
        let start: Timestamp = "2026-11-23T00:00:00Z".parse().map_err(Trouble::failed)?;
        let clock = Arc::new(VirtualClock::starting_at(start));
        let graph = Graph::new(Options {
            clock: Some(for_graph(&clock)),
            provisioning: Provisioning::After(Duration::from_secs(3)),
            quotas: Some(Quotas { tolerance: Duration::ZERO, ..Quotas::default() }),
            ..Options::default()
        });
        graph.set_faults([Fault::on_any().then(What::Delay(LATENCY))]);
        let (mut employees, mut teams) = (Vec::new(), Vec::new());
        for team in 0..TEAMS {
            let group = ScheduleGroupId::new(group_name(team)).map_err(Trouble::failed)?;
            let mut users = Vec::new();
            for member in 0..EMPLOYEES_EACH {
                let index = team * EMPLOYEES_EACH + member;
                let user = graph.add_user(&format!("Employee {index}"));
                let id = EmployeeId::new(format!("e{index}")).map_err(Trouble::failed)?;
                employees.push(Employee {
                    m365_id: Some(user.clone()),
                    group: Some(group.clone()),
                    ..Employee::unnamed(id)
                });
                users.push(user);
            }
            let members: Vec<(&str, Role)> =
                users.iter().map(|user| (user.as_str(), Role::Member)).collect();
            teams.push((group_name(team), graph.add_team(&group_name(team), &members)));
        }
        let (spec, target, gate) = mirror(&graph, &clock, &teams)?;
        let roster = spec.roster.clone();
        let store = MemoryStore::new();
        Ok(Self { graph, clock, store, roster, employees, spec, target, gate })
    }

    /// Everything there is at first.
    fn shifts(&self) -> Result<Vec<Entity>, Trouble> {
        let group = |team| {
            let id = ScheduleGroupId::new(group_name(team)).map_err(Trouble::failed)?;
            Ok(Entity::ScheduleGroup(ScheduleGroup { id, name: group_name(team) }))
        };
        let mut all: Vec<Entity> = (0..TEAMS).map(group).collect::<Result<_, Trouble>>()?;
        all.extend(self.employees.iter().cloned().map(Entity::Employee));
        for employee in &self.employees {
            for index in 0..SHIFTS_EACH {
                all.push(Entity::Shift(self.shift(employee, index)?));
            }
        }
        Ok(all)
    }

    /// One shift in a hundred, changed in two ways in turn; and in how many teams.
    fn one_percent(&self) -> Result<(Vec<Entity>, usize), Trouble> {
        let (mut changed, mut teams) = (Vec::new(), std::collections::BTreeSet::new());
        for index in (50..SHIFTS).step_by(100) {
            let employee = self.employees.get(index / SHIFTS_EACH);
            let employee = employee.ok_or_else(|| Trouble::failed("nobody"))?;
            let mut shift = self.shift(employee, index % SHIFTS_EACH)?;
            if changed.len() % 2 == 0 {
                shift.notes = Some("Changed".into());
            } else {
                shift.label = "Another".into();
            }
            teams.insert(index / SHIFTS_EACH / EMPLOYEES_EACH);
            changed.push(Entity::Shift(shift));
        }
        Ok((changed, teams.len()))
    }

    /// One of ten in two weeks: five days of each.
    fn shift(&self, employee: &Employee, index: usize) -> Result<Shift, Trouble> {
        let day = i64::try_from(index / 5 * 7 + index % 5).map_err(Trouble::failed)?;
        let start: Timestamp = "2026-11-23T08:00:00Z".parse().map_err(Trouble::failed)?;
        let start = start + SignedDuration::from_hours(24 * day);
        let between = |from, to| {
            let hours = SignedDuration::from_hours;
            UtcInterval::new(start + hours(from), start + hours(to)).map_err(Trouble::failed)
        };
        let interval = between(0, 8)?;
        let pause = Activity { label: "Break".into(), interval: between(4, 5)?, paid: false };
        Ok(Shift {
            id: ShiftId::new(format!("{}-{index}", employee.id)).map_err(Trouble::failed)?,
            employee: employee.id.clone(),
            group: employee.group.clone(),
            label: "Early".into(),
            interval,
            day: TimeZone::UTC.to_datetime(start).date(),
            activities: vec![pause],
            notes: index.is_multiple_of(3).then(|| "Bring the badge".into()),
        })
    }

    async fn ingest(&self, expected: usize, entities: Vec<Entity>) -> Result<(), Trouble> {
        let upsert = |(index, entity): (usize, Entity)| Upsert {
            fingerprint: entity.fingerprint(),
            twin: None,
            at: SourceRef(format!("weeks.csv:{}", index + 2)),
            entity,
        };
        let commit = IngestCommit {
            upserts: entities.into_iter().enumerate().map(upsert).collect(),
            tombstones: vec![],
            state: SourceState::default(),
            at: self.clock.now(),
            expected: self.store.roster_index(&self.roster).await.map_err(Trouble::failed)?.0,
            drop_hints: false,
            marks: vec![],
        };
        let started = commit.expected == ChangeSeq(0);
        if started != (expected == 0) {
            return Err(Trouble::failed("the roster is not where it should be"));
        }
        self.store.commit_ingest(&self.roster, commit).await.map_err(Trouble::failed).map(drop)
    }

    /// Runs cycles until nothing is left to do, and prints what came of it.
    async fn sync(&self, name: &str, expected: usize) -> Result<(), Trouble> {
        self.graph.clear_log();
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
        let seconds = self.clock.now().duration_since(started).as_secs_f64();
        let (seen, counts) = (self.graph.requests(), self.graph.counts());
        let kinds = kinds(&seen);
        eprintln!("{name}: {kinds:?}");
        println!("{name}.seconds {seconds}");
        println!("{name}.ideal {}", ideal(&seen));
        println!("{name}.writes {}", counts.writes);
        println!("{name}.expected {expected}");
        println!("{name}.reads {}", counts.reads);
        println!("{name}.throttled {}", counts.throttled);
        Ok(())
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
}

fn group_name(team: usize) -> String {
    format!("team-{team:02}")
}

fn mirror(
    graph: &Graph,
    clock: &Arc<VirtualClock>,
    teams: &[(String, String)],
) -> Result<(MirrorSpec, Arc<dyn Target>, Gate), Trouble> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("secret"), SECRET)?;
    // Without TLS only this machine may be named; nothing listens there.
    let url = "http://127.0.0.1:1";
    let connection: MicrosoftGraphConfig = section(&format!(
        "{{ tenant_id = \"{TENANT}\", client_id = \"{APP}\", graph_url = \"{url}\", \
         login_url = \"{url}\", client_secret_file = \"secret\" }}"
    ))?;
    let connection = connection.reached_by(Arc::new(ToGraph(graph.clone())));
    let teams: Vec<String> = teams
        .iter()
        .map(|(group, team)| format!("{{ group = \"{group}\", team_id = \"{team}\" }}"))
        .collect();
    let config: ShiftsMirrorConfig = section(&format!("{{ teams = [{}] }}", teams.join(", ")))?;
    let name = MirrorName::new("shifts").map_err(Trouble::failed)?;
    let entropy = Arc::new(SeededEntropy::new(1));
    let context = ConnectionContext {
        name: ConnectionName::new("m365").map_err(Trouble::failed)?,
        base: folder.path().to_owned(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: entropy.clone(),
    };
    let mirror = MirrorContext::plain(name.clone(), "Europe/Berlin");
    let parts = connection.mirror(&context, &mirror, &config).map_err(Trouble::failed)?;
    // The secret is read at each sign-in, and the folder is temporary.
    let _ = folder.keep();
    let gate = Gate::new(context.clock, entropy, parts.target.capabilities());
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let spec = MirrorSpec {
        name,
        roster: RosterName::new("wards").map_err(Trouble::failed)?,
        profile: MappingProfile { privacy: PrivacyTier::Full, ..MappingProfile::default() },
        target_profile: config.profile(),
        guard: DeletionGuard::default(),
        past: days(7),
        future: days(28),
        first_future: config.first_future(),
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

/// Seconds that these requests need at least, by the budgets as the vendor counts them: of each,
/// a second's worth goes at once, and the rest by its rate.
fn ideal(seen: &[Seen]) -> f64 {
    let mut budgets: BTreeMap<(&str, &str), (f64, u32)> = BTreeMap::new();
    for request in seen {
        let Some(team) = &request.team else { continue };
        let (budget, rate) = match request.method.as_str() {
            "GET" if request.target.contains("/members") => ("members", 60.0),
            "GET" => ("reads", 30.0),
            "DELETE" => ("deletes", 15.0),
            _ => ("writes", 30.0),
        };
        budgets.entry((budget, "")).or_insert((rate, 0)).1 += 1;
        budgets.entry(("team", team)).or_insert((4.0, 0)).1 += 1;
    }
    let seconds = |(rate, count): &(f64, u32)| (f64::from(*count) / rate).ceil() - 1.0;
    let longest = budgets.values().map(seconds).fold(0.0, f64::max);
    longest + LATENCY.as_secs_f64()
}

/// How many requests of each kind there were.
fn kinds(seen: &[Seen]) -> BTreeMap<String, u32> {
    let mut kinds = BTreeMap::new();
    for request in seen {
        let path = request.target.split('?').next().unwrap_or_default();
        let words: Vec<&str> = path.split('/').skip(4).filter(|it| !it.contains('_')).collect();
        let status = request.status.unwrap_or_default();
        *kinds.entry(format!("{} {} {status}", request.method, words.join("/"))).or_default() += 1;
    }
    kinds
}
