//! A real-size public instance (NRP Instance24: 24,897 shifts, 150 employees, 364 days) kept in a
//! real Radicale, and compared item by item by an independent reader.
//!
//! Needs the instance as `../shared/rosters/nrp/Instance24.normalised.csv` beside the clone. The
//! reader (`bench/readers/compare_calendars.py`) is Python's caldav, icalendar and zoneinfo: it
//! makes of the CSV file what should be there, and of the server what is there, and shares no
//! code with us.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::servers::{DavServer, PASSWORD, USERNAME};

use crate::measure::{Finished, Runs, run as run_program};
use crate::product::{Counts, Installation};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, radicale, tools};

const ZONE: &str = "Europe/Berlin";
const COLUMNS: &str = "employee = \"employee\", activity = \"shift_code\", date = \"date\", \
                       start = \"start_local\", end = \"end_local\", end_date = \"end_date\"";

/// Measures, once: a first sync takes minutes of Radicale's time.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let roster = roster_file()?;
    let python = tools::of_python("python")?;
    let server = radicale::start()?;
    let folder = tempfile::tempdir()?;
    let keys = format!("time_zone = \"{ZONE}\"\n");
    let ours = Installation::with_source(
        folder.path(),
        &radicale::account(&server),
        None,
        COLUMNS,
        &keys,
    )?;
    let text = std::fs::read_to_string(&roster)
        .map_err(|error| Trouble::failed(format!("`{}`: {error}", roster.display())))?;
    std::fs::write(ours.roster_file(), &text)?;

    let mut report = Report::default();
    let mut step = |name: &str, expected: Option<u64>| -> Result<(), Trouble> {
        eprintln!("bench: instance24: {name}");
        let (finished, counts) = ours.sync()?;
        let compared = compare(&python, &server, &ours.roster_file())?;
        report.rows.extend(rows(name, &finished, counts, expected, &compared));
        Ok(())
    };
    step("first sync", Some(text.lines().count() as u64 - 1))?;
    step("nothing changed", Some(0))?;
    let (changed, writes) = one_percent_changed(&text);
    std::fs::write(ours.roster_file(), changed)?;
    step("1 % changed", Some(writes))?;
    report.notes.push(
        "150 calendars on one Radicale, its files on disk; four requests at once. Of the 1 %, a \
         quarter each is another activity, another end, a deletion and a new shift."
            .into(),
    );
    Ok(report)
}

fn roster_file() -> Result<PathBuf, Trouble> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../../shared/rosters/nrp/Instance24.normalised.csv");
    if path.is_file() {
        return Ok(path);
    }
    Err(Trouble::Needs("`../shared/rosters/nrp/Instance24.normalised.csv` beside the clone".into()))
}

fn rows(
    name: &str,
    finished: &Finished,
    counts: Counts,
    expected: Option<u64>,
    compared: &Compared,
) -> Vec<Row> {
    let Counts { created, updated, deleted, failed } = counts;
    let once = |value: f64| Runs::of([value]);
    let writes =
        format!("{created} created, {updated} updated, {deleted} deleted, {failed} failed");
    let exact = expected.is_none_or(|expected| expected == counts.writes()) && failed == 0;
    let goal = expected.map_or("–".into(), |expected| format!("{expected} writes"));
    vec![
        Row::seen(format!("{name}: time"), Unit::Seconds, &once(finished.seconds), None),
        Row::seen(format!("{name}: peak memory"), Unit::MiB, &once(finished.peak_mib), None),
        Row::fact(format!("{name}: writes"), writes, "–".into(), &goal, exact),
        Row::fact(
            format!("{name}: compared by the reader"),
            compared.said.clone(),
            "–".into(),
            "all equal",
            compared.equal,
        ),
    ]
}

struct Compared {
    said: String,
    equal: bool,
}

fn compare(python: &Path, server: &DavServer, roster: &Path) -> Result<Compared, Trouble> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers/compare_calendars.py");
    let mut command = Command::new(python);
    command.arg(script).arg(server.url()).arg(USERNAME).arg(PASSWORD).arg(roster).arg(ZONE);
    let finished = run_program(&mut command)?;
    let said = finished.stdout.lines().last().unwrap_or_default().to_owned();
    match finished.status.code() {
        Some(0) => Ok(Compared { said, equal: true }),
        Some(1) if !said.is_empty() => Ok(Compared { said, equal: false }),
        _ => Err(Trouble::failed(format!("the reader failed: {}", finished.stderr))),
    }
}

/// The file with one row in a hundred changed, and how many writes that is.
fn one_percent_changed(text: &str) -> (String, u64) {
    let mut out = Vec::new();
    let mut added = Vec::new();
    let mut writes = 0;
    for (index, line) in text.lines().enumerate() {
        let change = index % 100 == 50;
        let fields: Vec<&str> = line.split(',').collect();
        let [employee, code, date, start, length, end_date, end] = fields[..] else {
            out.push(line.to_owned());
            continue;
        };
        if !change {
            out.push(line.to_owned());
            continue;
        }
        writes += 1;
        match index / 100 % 4 {
            0 => out.push(format!("{employee},{code}x,{date},{start},{length},{end_date},{end}")),
            1 => {
                let end = end.replace(":00", ":15");
                out.push(format!("{employee},{code},{date},{start},{length},{end_date},{end}"));
            }
            2 => {}
            _ => {
                out.push(line.to_owned());
                added.push(format!("{employee},extra,{date},{start},{length},{end_date},{end}"));
            }
        }
    }
    out.extend(added);
    (out.join("\n") + "\n", writes)
}
