//! An organisation's first reading from Genesys Cloud, in virtual time, beside what its budget
//! allows.
//!
//! 50,000 agents in 500 management units of five business units, ten published weeks with five
//! shifts each: the real connector against the played vendor, which holds to 300 requests a minute
//! and answers each after 120 ms. Each part is dropped when it was read, as it is once the store
//! has it; what the connector remembers is kept. The time beside ours is what the requests that the
//! vendor counted need at least. Then the same once more with nothing changed.
//!
//! The process that is measured holds the played vendor as well, and no store.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use connectors::genesys_cloud::GenesysCloudConfig;
use connectors::transport::{Dial, Stream};
use connectors::{ConnectionConfig as _, ConnectionContext};
use domain::{ConnectionName, Entity, SyncWindow};
use engine::port::{Clock, Marks, ReadingKind, Resume, Source, SourceMark, StoreError};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use simulators::genesys::state::{Activity, AgentSchedule, Shift};
use simulators::genesys::{CLIENT, Counts, Fault, Genesys, Options, SECRET, What};
use testkit::seeded_entropy::SeededEntropy;

use crate::Setting;
use crate::child::Figures;
use crate::measure::{peak_mib, processor_seconds};
use crate::people::{Counted, Vendor};
use crate::report::{Report, Row, Trouble, Unit};
use crate::virtual_time::{self, VirtualClock};

const UNITS: usize = 5;
const TEAMS_EACH: usize = 100;
const AGENTS_EACH: usize = 100;
const WEEKS: i64 = 10;
const SHIFTS_EACH: usize = 5;
const AGENTS: usize = UNITS * TEAMS_EACH * AGENTS_EACH;
const SHIFTS: usize = AGENTS * WEEKS as usize * SHIFTS_EACH;
/// How long each request takes.
const LATENCY: Duration = Duration::from_millis(120);
const REQUESTS_PER_MINUTE: f64 = 300.0;
/// Longest first reading, in parts of what the budget allows.
const GOAL: f64 = 1.05;
/// Bytes that a pipe holds before its writer has to wait.
const PIPE_BYTES: usize = 256 * 1024;

/// Measures.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let figures = Figures::of_child(&["genesys"], "the organisation's reading")?;
    let (time, ideal) = (figures.runs("first.seconds")?, figures.runs("first.ideal")?);
    let what = "first reading: virtual time";
    let mut rows = vec![Row::near(what, Unit::Seconds, &time, ("budget", &ideal), GOAL)];
    for (name, what, expected) in [
        ("first.shifts", "first reading: shifts", SHIFTS),
        ("first.people", "first reading: people", AGENTS),
        ("first.throttled", "first reading: refusals over budget", 0),
        ("again.requests", "nothing changed: requests", UNITS),
        ("again.throttled", "nothing changed: refusals over budget", 0),
    ] {
        rows.push(Row::exactly(what, figures.of(name)?, expected as f64));
    }
    for (name, what, unit) in [
        ("first.requests", "first reading: requests", Unit::Count("")),
        ("processor", "all of it: processor's time", Unit::Seconds),
        ("peak", "peak memory, vendor included", Unit::MiB),
    ] {
        rows.push(Row::seen(what, unit, &figures.runs(name)?, None));
    }
    let note =
        format!("{}; {} ms for each request; without a store.", about(), LATENCY.as_millis());
    Ok(Report { rows, notes: vec![note] })
}

/// The process that is measured: prints names and numbers.
pub fn be_the_child() -> Result<(), Trouble> {
    virtual_time::run(whole())?;
    println!("processor {}", processor_seconds("self")?);
    println!("peak {}", peak_mib("self").ok_or_else(|| Trouble::Needs("/proc".into()))?);
    Ok(())
}

async fn whole() -> Result<(), Trouble> {
    let world = World::new()?;
    let token = world.read("first", None).await?;
    world.clock.sleep_until(world.clock.now() + SignedDuration::from_mins(2)).await;
    world.read("again", token).await.map(drop)
}

/// The way to the played vendor in this process: each connection is a pipe, and a task behind it.
struct ToGenesys(Genesys);

#[async_trait]
impl Dial for ToGenesys {
    async fn dial(&self, _: &str, _: u16) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let genesys = self.0.clone();
        tokio::spawn(async move { genesys.serve_over(theirs).await });
        Ok(Box::new(ours))
    }
}

/// What the connector has remembered.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Marks for Kept {
    async fn beginning_with(&self, beginning: &str) -> Result<Vec<SourceMark>, StoreError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.range(beginning.to_owned()..);
        let found = found.take_while(|(name, _)| name.starts_with(beginning));
        let mark = |(name, value): (&String, &String)| SourceMark {
            name: name.clone(),
            value: value.clone(),
        };
        Ok(found.map(mark).collect())
    }
}

struct World {
    genesys: Genesys,
    clock: Arc<VirtualClock>,
    source: Arc<dyn Source>,
    kept: Kept,
    window: SyncWindow,
    _folder: tempfile::TempDir,
}

/// From eight to four, five days a week, with a break and a meal.
fn pattern(agent: &str, week: Date) -> AgentSchedule {
    let shift = |day: usize| {
        let date = week.saturating_add(jiff::Span::new().days(day as i64));
        let start: Timestamp = format!("{date}T07:00:00Z").parse().unwrap_or(Timestamp::MIN);
        let parts = [(120, "0"), (15, "1"), (120, "0"), (30, "2"), (195, "0")];
        let mut at = start;
        let activities = parts.map(|(minutes, code)| {
            let begins = at;
            at = at.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX);
            let (minutes, code) = (minutes as u32, code.to_owned());
            let description = String::new();
            Activity { start: begins, minutes, code, description, paid: true, time_off: None }
        });
        let id = format!("{agent}-{date}");
        Shift { id, start, minutes: 480, activities: activities.into() }
    };
    let shifts = (0..SHIFTS_EACH).map(shift).collect();
    AgentSchedule { version: 1, shifts, ..AgentSchedule::default() }
}

/// Hires everybody, and publishes so many weeks from a Monday on.
pub fn organise(genesys: &Genesys, first: Date) {
    for unit in 0..UNITS {
        let unit = genesys.add_business_unit(&format!("Unit {unit}"), "Europe/Berlin");
        for team in 0..TEAMS_EACH {
            let team = genesys.add_team(&unit, &format!("Team {team}"));
            for agent in 0..AGENTS_EACH {
                genesys.hire(&team, "Somebody", &format!("{agent}.{team}@example.com"));
            }
        }
        for week in 0..WEEKS {
            let week = first.saturating_add(jiff::Span::new().weeks(week));
            genesys.publish_pattern(&unit, week, Arc::new(pattern));
        }
    }
}

/// What [`organise`] makes, in words.
pub fn about() -> String {
    let units = UNITS * TEAMS_EACH;
    format!(
        "{AGENTS} agents in {units} management units × {WEEKS} weeks × {SHIFTS_EACH} shifts with \
         five activities each"
    )
}

impl Vendor for Genesys {
    fn counted(&self) -> Counted {
        let Counts { requests, tokens: _, downloads: _, throttled } = self.counts();
        Counted { writes: 0, counted: requests, requests, throttled }
    }

    fn ideal(&self, counted: u64) -> f64 {
        counted as f64 / REQUESTS_PER_MINUTE * 60.0
    }
}

impl World {
    fn new() -> Result<Self, Trouble> {
        let start: Timestamp = "2026-11-23T00:00:00Z".parse().map_err(Trouble::failed)?;
        let clock = Arc::new(VirtualClock::starting_at(start));
        let read = Arc::clone(&clock);
        let genesys = Genesys::new(Options {
            clock: Some(Arc::new(move || read.now())),
            address: "http://localhost:1".into(),
            log: false,
            ..Options::default()
        });
        genesys.set_faults([Fault::on_any().then(What::Delay(LATENCY))]);
        organise(&genesys, "2026-11-23".parse().map_err(Trouble::failed)?);
        let folder = tempfile::tempdir().map_err(Trouble::failed)?;
        std::fs::write(folder.path().join("secret"), SECRET).map_err(Trouble::failed)?;
        let text = format!(
            "client_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n\
             api_url = \"http://localhost:1\"\nlogin_url = \"http://localhost:1\"\n"
        );
        let config: GenesysCloudConfig = toml::from_str(&text).map_err(Trouble::failed)?;
        let config = config.reached_by(Arc::new(ToGenesys(genesys.clone())));
        let context = ConnectionContext {
            name: ConnectionName::new("genesys").map_err(Trouble::failed)?,
            base: folder.path().to_owned(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let source = config.source(&context).map_err(Trouble::failed)?;
        let week = Duration::from_secs(7 * 24 * 3600);
        let window = SyncWindow::around(start, week, week * 10);
        Ok(Self { genesys, clock, source, kept: Kept::default(), window, _folder: folder })
    }

    /// Reads all parts, and prints what it took.
    async fn read(
        &self,
        name: &str,
        mut resume: Option<Resume>,
    ) -> Result<Option<Resume>, Trouble> {
        let (before, started) = (self.genesys.counted(), self.clock.now());
        let (mut shifts, mut people) = (0, 0);
        loop {
            let reading = self.source.read_on(&self.window, resume.as_ref(), &self.kept).await;
            let reading = reading.map_err(Trouble::failed)?;
            if let Some(token) = reading.next {
                resume = Some(Resume { token, window: Some(self.window), void: false });
            }
            let ReadingKind::Part(part) = reading.kind else { break };
            for it in &part.entities {
                shifts += usize::from(matches!(it.entity, Entity::Shift(_)));
                people += usize::from(matches!(it.entity, Entity::Employee(_)));
            }
            let mut kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, value) in part.marks {
                match value {
                    Some(value) => kept.insert(name, value),
                    None => kept.remove(&name),
                };
            }
            if !part.more {
                break;
            }
        }
        let counted = self.genesys.counted().since(before);
        println!("{name}.seconds {}", self.clock.now().duration_since(started).as_secs_f64());
        println!("{name}.ideal {}", self.genesys.ideal(counted.counted));
        println!("{name}.requests {}", counted.requests);
        println!("{name}.throttled {}", counted.throttled);
        println!("{name}.shifts {shifts}");
        println!("{name}.people {people}");
        Ok(resume)
    }
}
