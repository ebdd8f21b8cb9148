//! `rotabridge sync`: one ingest and one mirror cycle.

use clap::Args;
use engine::port::FieldFault;
use engine::run::cycle::CycleOptions;
use serde::Serialize;

use super::Session;
use crate::failure::{Exit, Failure, thousands};
use crate::output::{Output, Table};
use crate::runs::{self, MirrorLine, MirrorRun, Outcome, RosterLine, RosterRun};
use crate::wiring::{MirrorWorks, Opening, RosterWorks, Works};

/// Notes of a reading that are told; the rest are counted.
const NOTES_TOLD_MAX: usize = 5;

/// The flags of `sync`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this roster and its mirrors
    #[arg(long, value_name = "NAME")]
    roster: Option<String>,
    /// Only this mirror (and its roster)
    #[arg(long, value_name = "NAME")]
    mirror: Option<String>,
    /// Also read the mirrors back and repair what differs
    #[arg(long)]
    full: bool,
    /// So many deletions are meant: the guard lets them pass
    #[arg(long, value_name = "N")]
    allow_deletions: Option<u64>,
    /// So many changes of people's events are meant: the guard lets them pass
    #[arg(long, value_name = "N")]
    allow_event_changes: Option<u64>,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// What `sync --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    rosters: Vec<RosterLine>,
    mirrors: Vec<MirrorLine>,
}

/// Runs it.
///
/// # Errors
/// When nothing could be tried. What failed of that is told and in the exit code.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let works = session.works(Opening::Write).await?;
    let output = &session.output;
    let (rosters, mirrors) = chosen(&works, &arguments)?;
    let mut roster_runs = Vec::new();
    for roster in rosters {
        let run = runs::ingest(&works, roster, arguments.allow_deletions).await;
        roster_runs.push(told(run, output));
    }
    let current = |mirror: &&MirrorWorks| {
        let run = roster_runs.iter().find(|(line, _)| line.name == mirror.spec.roster);
        run.is_none_or(|(_, outcome)| *outcome == Outcome::Done)
    };
    let (mirrors, left): (Vec<_>, Vec<_>) = mirrors.into_iter().partition(current);
    for mirror in left {
        let name = &mirror.spec.name;
        output.say(format!("mirror `{name}` was left as it is, because its roster was not read"));
    }
    let options = CycleOptions {
        read_back: arguments.full,
        allow_deletions: arguments.allow_deletions,
        allow_event_changes: arguments.allow_event_changes,
        ..CycleOptions::default()
    };
    let mirror_runs = runs::cycles(&works, &mirrors, |_| options, output).await;
    let lines = mirrors
        .iter()
        .zip(&mirror_runs)
        .map(|(mirror, run)| MirrorLine::of(run, arguments.full, Some(&mirror.gate.status())));
    let lines: Vec<MirrorLine> = lines.collect();
    for run in &mirror_runs {
        runs::tell(run, output);
    }
    let roster_outcomes: Vec<Outcome> = roster_runs.iter().map(|(_, outcome)| *outcome).collect();
    let outcomes: Vec<Outcome> = mirror_runs.iter().map(MirrorRun::outcome).collect();
    let exit = runs::exit_for(&roster_outcomes, &outcomes);
    if arguments.json {
        let rosters = roster_runs.into_iter().map(|(line, _)| line).collect();
        output.json(&Report { rosters, mirrors: lines })?;
    } else if !lines.is_empty() {
        output.table(&table(&lines))?;
    }
    Ok(exit)
}

fn chosen<'w>(
    works: &'w Works,
    arguments: &Arguments,
) -> Result<(Vec<&'w RosterWorks>, Vec<&'w MirrorWorks>), Failure> {
    match (&arguments.mirror, &arguments.roster) {
        (Some(mirror), roster) => {
            let mirror = works.mirror(mirror)?;
            if let Some(roster) = roster
                && works.roster(roster)?.name != mirror.spec.roster
            {
                let (name, of) = (&mirror.spec.name, &mirror.spec.roster);
                return Err(Failure::usage(format!("mirror `{name}` shows roster `{of}`")));
            }
            Ok((vec![works.roster(mirror.spec.roster.as_str())?], vec![mirror]))
        }
        (None, Some(roster)) => {
            let roster = works.roster(roster)?;
            Ok((vec![roster], works.mirrors_of(&roster.name).collect()))
        }
        (None, None) => Ok((works.rosters.iter().collect(), works.mirrors.iter().collect())),
    }
}

/// Tells what came of an ingest, and keeps what the rest needs of it.
fn told(run: RosterRun, output: &Output) -> (RosterLine, Outcome) {
    let (line, outcome) = (RosterLine::of(&run), run.outcome());
    let RosterRun { name, result } = run;
    match result {
        Err(error) => output.failure(&Failure::from(error)),
        Ok(report) => {
            let [upserted, deleted, unchanged] =
                [report.upserted, report.deleted, report.unchanged].map(thousands);
            output.say(if report.unread {
                format!("roster `{name}`: the source is unchanged")
            } else {
                format!(
                    "roster `{name}`: {upserted} new or changed, {deleted} deleted, \
                     {unchanged} unchanged"
                )
            });
            remarks("note", &report.notes, output);
            remarks("left out", &report.skipped, output);
            if let Some(left_out) = line.left_out() {
                output.say(left_out);
            }
        }
    }
    (line, outcome)
}

pub(super) fn remarks(label: &str, faults: &[FieldFault], output: &Output) {
    let (told, rest) = faults.split_at(faults.len().min(NOTES_TOLD_MAX));
    for fault in told {
        output.say(format!("  {label}: {}: {}", fault.spot(), fault.message));
    }
    if !rest.is_empty() {
        output.say(format!("  … and {} more", FieldFault::count(rest)));
    }
}

fn table(lines: &[MirrorLine]) -> Table {
    let header = ["MIRROR", "CREATED", "UPDATED", "DELETED", "UNCHANGED", "FAILED", "REQUESTS", ""];
    let mut table = Table::new(&header).right(&[1, 2, 3, 4, 5, 6]);
    for line in lines {
        let counts =
            [line.created, line.updated, line.deleted, line.unchanged, line.failed, line.requests];
        let name = std::iter::once(line.name.to_string());
        let outcome = std::iter::once(line.outcome.as_str().to_owned());
        table.row(name.chain(counts.map(thousands)).chain(outcome));
    }
    table
}
