//! A roster file read into a roster: CSV text to shifts, and to what changes in the roster.
//!
//! What is timed is the connector as `sync` calls it (the file from the page cache, local times
//! with a zone, ids by content) and the engine's comparison with what the roster had; not the
//! store. One thread works at a time.

use std::fmt::Write as _;
use std::sync::Arc;

use connectors::registry::provider;
use connectors::{ConnectionConfig, ConnectionContext};
use domain::{ConnectionName, SyncWindow, UtcInterval};
use engine::ingest::diff::{Before, diff, matching};
use engine::port::{DeltaToken, ReadingKind, Source};
use jiff::Timestamp;
use testkit::manual_clock::ManualClock;
use testkit::seeded_entropy::SeededEntropy;

use crate::Setting;
use crate::measure::{Runs, timed};
use crate::report::{Report, Row, Trouble, Unit};

const EMPLOYEES: usize = 1_000;
const DAYS: usize = 250;
const PER_SECOND_MIN: f64 = 200_000.0;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("roster.csv"), text())?;
    let context = ConnectionContext {
        name: ConnectionName::new("files").map_err(Trouble::failed)?,
        base: folder.path().to_owned(),
        clock: Arc::new(ManualClock::new(crate::sample::epoch())),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let source = config()?.source(&context).map_err(Trouble::failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut parsed, mut ingested, mut unchanged) =
        (Runs::default(), Runs::default(), Runs::default());
    let shifts = (EMPLOYEES * DAYS) as f64;
    for _ in 0..setting.runs {
        let (seconds, first) = timed(|| runtime.block_on(read(source.as_ref(), None)));
        let (kind, token) = first?;
        parsed.push(shifts / seconds);
        let (more, changed) = timed(|| {
            let matching = matching(Before::default(), kind);
            diff(matching, &[], &always(), jiff::Timestamp::MIN).upserts.len()
        });
        if changed < EMPLOYEES * DAYS {
            return Err(Trouble::failed(format!("{changed} entities taken in")));
        }
        ingested.push(shifts / (seconds + more));
        let (seconds, again) = timed(|| runtime.block_on(read(source.as_ref(), token.as_ref())));
        if again?.0 != ReadingKind::Unchanged {
            return Err(Trouble::failed("the same file is not said to be unchanged"));
        }
        unchanged.push(seconds);
    }
    let rows = vec![
        Row::at_least("CSV to shifts", Unit::PerSecond("shifts"), &parsed, PER_SECOND_MIN),
        Row::at_least(
            "CSV to what changes in the roster",
            Unit::PerSecond("shifts"),
            &ingested,
            PER_SECOND_MIN,
        ),
        Row::limit("the same file once more", Unit::Seconds, &unchanged, 1.0),
    ];
    let note = format!("{} shifts of {EMPLOYEES} employees, one file.", EMPLOYEES * DAYS);
    Ok(Report { rows, notes: vec![note] })
}

async fn read(
    source: &dyn Source,
    since: Option<&DeltaToken>,
) -> Result<(ReadingKind, Option<DeltaToken>), Trouble> {
    let reading = source.read(&always(), since).await.map_err(Trouble::failed)?;
    Ok((reading.kind, reading.next))
}

fn always() -> SyncWindow {
    let interval = UtcInterval::new(Timestamp::MIN, Timestamp::MAX);
    SyncWindow { interval: interval.unwrap_or_else(|error| unreachable!("{error}")) }
}

fn config() -> Result<Box<dyn ConnectionConfig>, Trouble> {
    let text = r#"{ path = "roster.csv", time_zone = "Europe/Berlin", columns = {
        employee = "employee", group = "team", activity = "code", date = "date", start = "start",
        end = "end", end_date = "end_date" } }"#;
    let text = text.replace('\n', " ");
    let provider = provider("roster_file").ok_or_else(|| Trouble::failed("no such provider"))?;
    let section = toml::de::ValueDeserializer::parse(&text).map_err(Trouble::failed)?;
    (provider.parse)(section).map_err(Trouble::failed)
}

/// Early, late and night shifts, in the columns of the published rosters.
fn text() -> String {
    let mut text = "employee,team,skill,code,date,start,end,end_date\n".to_owned();
    for employee in 0..EMPLOYEES {
        for index in 0..DAYS {
            let day =
                jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(index as i64));
            let (code, start, end, later) = match (employee + index) % 3 {
                0 => ("Early", "06:00", "14:00", 0),
                1 => ("Late", "14:30", "22:30", 0),
                _ => ("Night", "22:30", "06:30", 1),
            };
            let last = day.saturating_add(jiff::Span::new().days(later));
            let team = employee % 20;
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "e{employee:05},Team {team},Nurse,{code},{day},{start},{end},{last}"
            );
        }
    }
    text
}
