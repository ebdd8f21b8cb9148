//! How much memory a first sync of 25,000 shifts takes.
//!
//! The process's own high-water mark, read every 5 ms until it ends. The server is the played
//! one, in a process of its own.

use crate::measure::Runs;
use crate::product::Installation;
use crate::report::{Report, Row, Trouble, Unit};
use crate::sample::Csv;
use crate::stub::Stub;
use crate::{Setting, machine};

const MIB_MAX: f64 = 64.0;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let mut report = Report::default();
    for (calendars, each) in [(150, 167), (1, 25_000)] {
        let (mut first, mut again, mut full) = (Runs::default(), Runs::default(), Runs::default());
        for _ in 0..setting.runs {
            let folder = tempfile::tempdir()?;
            let stub = Stub::start(&[])?;
            let ours = Installation::new(folder.path(), &stub.server(), None)?;
            ours.put_roster(&Csv::new(calendars, each)?)?;
            first.push(ours.sync()?.0.peak_mib);
            again.push(ours.sync()?.0.peak_mib);
            let finished = crate::measure::run(&mut ours.command(&["sync", "--full", "--json"]))?;
            full.push(finished.well("`rotabridge sync --full`")?.peak_mib);
        }
        let named = |what: &str| format!("{calendars} calendars × {each}: {what}");
        let row = |what: &str, runs: &Runs| Row::limit(named(what), Unit::MiB, runs, MIB_MAX);
        report.rows.push(row("first sync", &first));
        report.rows.push(row("nothing changed", &again));
        report.rows.push(row("read back in full", &full));
    }
    report.notes.push(format!(
        "{} processors; the allocator is the system's. About 15 MiB are the program itself.",
        machine::cores(),
    ));
    Ok(report)
}
