//! A roster pushed into an in-memory CalDAV server, beside vdirsyncer pushing the same items.
//!
//! One server process for each side, fresh for every run and kept to processor 0; the clients in
//! turn on processor 1. Ours is `rotabridge sync` from a CSV file with its SQLite store, intents
//! durable before they are sent; vdirsyncer's items are byte for byte what we had put, its status
//! is on the same file system. A time is a whole process, from start to end.

use std::path::Path;

use crate::measure::{Finished, Runs};
use crate::product::Installation;
use crate::report::{Report, Row, Trouble, Unit};
use crate::sample::Csv;
use crate::stub::{CLIENT_CPU, Stub};
use crate::vdirsyncer::{Vdirsyncer, make_equal};
use crate::{Setting, machine, tools};

const PUSH_GOAL: f64 = 8.0;
const QUIET_GOAL: f64 = 20.0;
const CHANGE_GOAL: f64 = 10.0;
const REQUESTS_BESIDE_WRITES_MAX: f64 = 5.0;
const MEMORY_PLACE: &str = "/dev/shm";

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let program = tools::of_python("vdirsyncer")?;
    tools::on_path("taskset")?;
    let mut report = Report::default();
    let disk = std::env::temp_dir();
    let memory = Path::new(MEMORY_PLACE);
    let shapes = [(1, 10_000, disk.as_path()), (10, 1_000, &disk), (1, 10_000, memory)];
    for (calendars, each, place) in shapes {
        if !place.is_dir() {
            continue;
        }
        let shape = Shape { calendars, each };
        let mut series = Series::default();
        for run in 0..setting.runs {
            eprintln!("bench: caldav: {} in {}, run {}", shape, place.display(), run + 1);
            series.measure(shape, place)?;
        }
        let file_system = machine::file_system(place);
        report.rows.extend(series.rows(&format!("{shape}, {file_system}"), shape));
        let (mean, writes) = (series.object_bytes.median(), series.change_writes.median());
        report.notes.push(format!(
            "{shape}, {file_system}: {mean:.0} bytes an item; the 1 % are {writes:.0} writes, \
             half of them changes, a quarter deletions, a quarter new ones."
        ));
    }
    report.notes.push(format!(
        "vdirsyncer {} from a folder of files; its PUTs are one at a time, ours four (the default \
         of `concurrency`). \"Requests beside writes\" are those of the first push, for each \
         calendar.",
        machine::version(&program, "--version"),
    ));
    Ok(report)
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    calendars: usize,
    each: usize,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.calendars, self.each)
    }
}

/// The three syncs of one side.
#[derive(Debug, Default)]
struct Side {
    push: Runs,
    quiet: Runs,
    change: Runs,
    memory: Runs,
    push_requests: Runs,
    quiet_requests: Runs,
    change_requests: Runs,
}

impl Side {
    fn push(&mut self, finished: &Finished, stub: &mut Stub) -> Result<(), Trouble> {
        self.push.push(finished.seconds);
        self.memory.push(finished.peak_mib);
        self.push_requests.push(stub.requests()?);
        Ok(())
    }

    fn quiet(&mut self, finished: &Finished, stub: &mut Stub) -> Result<(), Trouble> {
        self.quiet.push(finished.seconds);
        self.quiet_requests.push(stub.requests()?);
        Ok(())
    }

    fn change(&mut self, finished: &Finished, stub: &mut Stub) -> Result<(), Trouble> {
        self.change.push(finished.seconds);
        self.change_requests.push(stub.requests()?);
        Ok(())
    }
}

/// Both sides, several times.
#[derive(Debug, Default)]
struct Series {
    ours: Side,
    other: Side,
    object_bytes: Runs,
    change_writes: Runs,
}

impl Series {
    fn measure(&mut self, shape: Shape, place: &Path) -> Result<(), Trouble> {
        let folder = tempfile::tempdir_in(place)?;
        let place = |name: &str| folder.path().join(name);
        let names: Vec<String> = (0..shape.calendars).map(|it| format!("e{it}")).collect();
        for name in ["ours", "other", "first", "changed"] {
            std::fs::create_dir(place(name))?;
        }

        let mut stub = Stub::start(&names)?;
        let ours = Installation::new(&place("ours"), &stub.server(), Some(CLIENT_CPU))?;
        let roster = Csv::new(shape.calendars, shape.each)?;
        ours.put_roster(&roster)?;
        self.ours.push(&ours.sync()?.0, &mut stub)?;
        expect(stub.dump(&place("first"), &names)?, roster.len())?;
        self.ours.quiet(&ours.sync()?.0, &mut stub)?;
        let roster = roster.with_one_percent_changed();
        ours.put_roster(&roster)?;
        let (finished, counts) = ours.sync()?;
        self.ours.change(&finished, &mut stub)?;
        self.change_writes.push(counts.writes() as f64);
        expect(stub.dump(&place("changed"), &names)?, roster.len())?;
        drop(stub);

        let mut stub = Stub::start(&names)?;
        let other = Vdirsyncer::new(&place("other"), &stub.url, &names, Some(CLIENT_CPU))?;
        let copy = |from: &str| -> Result<usize, Trouble> {
            let mut changed = 0;
            for name in &names {
                changed += make_equal(&place(from).join(name), &other.files(name))?;
            }
            Ok(changed)
        };
        self.object_bytes.push(mean_size(&place("first").join("e0"))?);
        copy("first")?;
        stub.requests()?;
        self.other.push(&other.sync()?, &mut stub)?;
        self.other.quiet(&other.sync()?, &mut stub)?;
        copy("changed")?;
        self.other.change(&other.sync()?, &mut stub)?;
        std::fs::create_dir(place("reached"))?;
        expect(stub.dump(&place("reached"), &names)?, roster.len())
    }

    fn rows(&self, shape_name: &str, shape: Shape) -> Vec<Row> {
        let Self { ours, other, change_writes, .. } = self;
        let named = |what: &str| format!("{shape_name}: {what}");
        let beside = |what: &str, a: &Runs, b: &Runs, goal: f64| {
            Row::beside(named(what), Unit::Seconds, a, ("vdirsyncer", b), goal)
        };
        let items = (shape.calendars * shape.each) as f64;
        let per_calendar = |requests: &Runs, writes: f64| {
            requests.map(|it| (it - writes) / shape.calendars as f64)
        };
        let count = Unit::Count("requests");
        vec![
            beside("first push", &ours.push, &other.push, PUSH_GOAL),
            Row::seen(
                named("first push, rate"),
                Unit::PerSecond("items"),
                &ours.push.map(|it| items / it),
                Some(("vdirsyncer", &other.push.map(|it| items / it))),
            ),
            beside("nothing changed", &ours.quiet, &other.quiet, QUIET_GOAL),
            beside("1 % changed", &ours.change, &other.change, CHANGE_GOAL),
            Row::limit(
                named("requests beside writes, first push, per calendar"),
                count,
                &per_calendar(&ours.push_requests, items),
                REQUESTS_BESIDE_WRITES_MAX,
            ),
            Row::limit(
                named("requests beside writes, 1 % changed, per calendar"),
                count,
                &per_calendar(&ours.change_requests, change_writes.median()),
                REQUESTS_BESIDE_WRITES_MAX,
            ),
            Row::seen(
                named("requests, nothing changed"),
                count,
                &ours.quiet_requests,
                Some(("vdirsyncer", &other.quiet_requests)),
            ),
            Row::seen(
                named("peak memory, first push"),
                Unit::MiB,
                &ours.memory,
                Some(("vdirsyncer", &other.memory)),
            ),
        ]
    }
}

fn expect(found: usize, expected: usize) -> Result<(), Trouble> {
    if found == expected {
        return Ok(());
    }
    Err(Trouble::failed(format!("{found} items at the server, expected {expected}")))
}

fn mean_size(folder: &Path) -> Result<f64, Trouble> {
    let (mut bytes, mut count) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
        count += 1;
    }
    Ok(bytes as f64 / f64::from(count))
}
