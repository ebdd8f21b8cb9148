//! One ingest or one cycle, with all that belongs to it: progress, metrics, the kept report.
//!
//! Shared by `sync`, `serve`, `recover`, `purge` and `demo`, so that all of them tell the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{ConnectionName, MirrorName};
pub use engine::overview::{MirrorLine, MirrorRun, Outcome, RosterLine, RosterRun};
use engine::overview::{mirror_subject, roster_subject};
use engine::port::{RemoteId, ReportRow, StoreError};
use engine::report::{OtherItem, Problem, Unmapped};
use engine::run::cycle::{CycleOptions, Looking, run_cycle_looking};
use engine::run::ingest::IngestError;
use engine::run::watch::Watcher;
use jiff::Timestamp;
use serde::Serialize;

use crate::event;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::output::progress::WaitLog;
use crate::tally::Tally;
use crate::wiring::{MirrorWorks, RosterWorks, Works};

/// Problems that are told; the rest are counted.
const PROBLEMS_TOLD_MAX: usize = 5;
/// Readings tried when another process changes the roster at the same moment.
const INGESTS_MAX: u32 = 3;

/// The exit code for several outcomes: a refusal before all, nothing done only if nothing was.
/// That a roster was read counts as something done only where there is no mirror to show it.
pub fn exit_for(rosters: &[Outcome], mirrors: &[Outcome]) -> Exit {
    let has = |outcome| rosters.contains(&outcome) || mirrors.contains(&outcome);
    let shown = if mirrors.is_empty() { rosters } else { mirrors };
    let done = shown.contains(&Outcome::Done);
    if has(Outcome::Refused) {
        Exit::Refused
    } else if has(Outcome::Partly) || (has(Outcome::Failed) && done) {
        Exit::Partly
    } else if has(Outcome::Failed) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// Reads one roster's source, and keeps the report.
pub async fn ingest(
    works: &Works,
    roster: &RosterWorks,
    allow_deletions: Option<u64>,
) -> RosterRun {
    let mut tries = 0;
    let result = loop {
        tries += 1;
        let result = match works.ingest(roster) {
            Ok(ingest) => ingest.run(allow_deletions).await,
            Err(error) => Err(IngestError::Source(error)),
        };
        match result {
            Err(IngestError::Store(StoreError::Superseded { .. })) if tries < INGESTS_MAX => {}
            other => break other,
        }
    };
    let run = RosterRun { name: roster.name.clone(), result };
    match &run.result {
        Ok(report) => event::ingested(report),
        Err(error) => {
            event::ingest_failed(run.name.as_str(), run.outcome().as_str(), &error.to_string());
        }
    }
    keep(works, roster_subject(&run.name), &RosterLine::of(&run)).await;
    run
}

/// Runs one cycle of one mirror, and keeps the report.
pub async fn cycle(
    works: &Works,
    mirror: &MirrorWorks,
    options: CycleOptions,
    output: &Output,
) -> MirrorRun {
    cycle_looking(works, mirror, options, Looking::Nowhere, output).await
}

/// The same, and what people changed is looked for in some calendars.
pub async fn cycle_looking(
    works: &Works,
    mirror: &MirrorWorks,
    options: CycleOptions,
    looking: Looking<'_>,
    output: &Output,
) -> MirrorRun {
    let name = mirror.spec.name.as_str();
    let clock = Arc::clone(&works.outside.clock);
    let watcher: Box<dyn Watcher> = match output.bars() {
        Some(bars) => Box::new(bars.mirror(name, clock)),
        None => Box::new(WaitLog::new(name, clock)),
    };
    let tally = Tally::before(watcher.as_ref(), &mirror.written);
    let result =
        run_cycle_looking(&mirror.spec, works.equipment(mirror, &tally), options, looking).await;
    let so_far = tally.so_far();
    drop(watcher);
    let (name_of, roster) = (mirror.spec.name.clone(), mirror.spec.roster.clone());
    let run = MirrorRun { name: name_of, roster, result, so_far };
    match &run.result {
        Ok(report) => event::cycled(name, report, run.outcome().as_str()),
        Err(error) => event::cycle_failed(name, &run.so_far, &error.to_string()),
    }
    let mut line = MirrorLine::of(&run, options.read_back, Some(&mirror.gate.status()));
    if line.read_back_at.is_none() {
        line.read_back_at = last_read_back(works, &run.name).await;
    }
    keep(works, mirror_subject(&run.name), &line).await;
    run
}

/// Runs a cycle of each of these mirrors: those of one connection one after the other, because
/// they share its budgets, and different connections at once.
pub async fn cycles(
    works: &Works,
    mirrors: &[&MirrorWorks],
    options: impl Fn(&MirrorWorks) -> CycleOptions,
    output: &Output,
) -> Vec<MirrorRun> {
    let mut connections: BTreeMap<&ConnectionName, Vec<(usize, &MirrorWorks)>> = BTreeMap::new();
    for (index, mirror) in mirrors.iter().enumerate() {
        connections.entry(&mirror.connection).or_default().push((index, mirror));
    }
    let options = &options;
    let lanes = connections.into_values().map(|lane| async move {
        let mut runs = Vec::with_capacity(lane.len());
        for (index, mirror) in lane {
            runs.push((index, cycle(works, mirror, options(mirror), output).await));
        }
        runs
    });
    let mut runs: Vec<_> =
        futures_util::future::join_all(lanes).await.into_iter().flatten().collect();
    runs.sort_by_key(|(index, _)| *index);
    runs.into_iter().map(|(_, run)| run).collect()
}

/// When a mirror was last read back to the end, as far as is known.
pub async fn last_read_back(works: &Works, mirror: &MirrorName) -> Option<Timestamp> {
    let reports = works.reports().await.ok()?;
    let body = &reports.get(&mirror_subject(mirror))?.body;
    serde_json::from_str::<MirrorLine>(body).ok()?.read_back_at
}

/// Keeps a report for `status`. That it cannot be kept is logged and no failure: the work itself
/// is done and kept.
async fn keep(works: &Works, subject: String, line: &impl Serialize) {
    let Ok(body) = serde_json::to_string(line) else { return };
    let row = ReportRow { subject, at: works.outside.clock.now(), body };
    if let Err(error) = works.store.put_report(row).await {
        tracing::warn!("report not kept: {error}");
    }
}

/// Says why a mirror is not as it should be, if it is not.
pub fn tell(run: &MirrorRun, output: &Output) {
    let name = &run.name;
    let report = match &run.result {
        Ok(report) => report,
        Err(error) => {
            let mut text = format!("mirror `{name}` is not up to date: {error}");
            if run.so_far.writes() > 0 {
                text.push_str(&format!("\n  before that: {}", event::counts(&run.so_far)));
            }
            return output.failure(&Failure::saying(text));
        }
    };
    if let Some(refusal) = &report.refused {
        return output.failure(&Failure::refused(refusal, "--allow-deletions"));
    }
    if let Some(refusal) = &report.conflicts.refused {
        return output.failure(&Failure::events_refused(refusal, "--allow-event-changes"));
    }
    for Unmapped { reason, count, .. } in &report.unmapped {
        output.say(format!("mirror `{name}`: {count} belong to no calendar: {reason}"));
    }
    tell_others(name, &report.others, output);
    if run.outcome() == Outcome::Done {
        return;
    }
    let summary = match run.outcome() {
        Outcome::Failed => format!("mirror `{name}` could not be brought up to date"),
        Outcome::Done | Outcome::Partly | Outcome::Refused => {
            format!("mirror `{name}` is only partly up to date")
        }
    };
    let mut text = summary;
    for Problem { calendar, key, reason } in report.problems.iter().take(PROBLEMS_TOLD_MAX) {
        match key {
            Some(key) => text.push_str(&format!("\n  {key} in `{calendar}`: {reason}")),
            None => text.push_str(&format!("\n  calendar `{calendar}`: {reason}")),
        }
    }
    if report.problems.len() > PROBLEMS_TOLD_MAX {
        let more = report.problems.len() - PROBLEMS_TOLD_MAX;
        text.push_str(&format!("\n  … and {more} more; `--json` names them"));
    }
    let hint =
        "running again goes on where it stopped; `rotabridge doctor` looks at the connection";
    output.failure(
        &Failure { exit: exit_for(&[], &[run.outcome()]), ..Failure::saying(text) }.hint(hint),
    );
}

/// Says what people see in a mirror that the roster does not have.
fn tell_others(name: &MirrorName, others: &[OtherItem], output: &Output) {
    let (told, rest) = others.split_at(others.len().min(PROBLEMS_TOLD_MAX));
    for OtherItem { calendar, id: RemoteId(id), ends_at } in told {
        let until = ends_at.map_or(String::new(), |it| format!(", until {it},"));
        output.say(format!(
            "mirror `{name}`: `{id}` in `{calendar}`{until} is not in the roster, and stays"
        ));
    }
    if !rest.is_empty() {
        output.say(format!("mirror `{name}`: … and {} more; `--json` names them", rest.len()));
    }
    if !told.is_empty() {
        output.say("`existing = \"remove\"` in the mirror's section takes such items away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_comes_first_and_nothing_done_is_a_failure() {
        use Outcome::{Done, Failed, Partly, Refused};
        let check = |rosters: &[Outcome], mirrors: &[Outcome], exit| {
            assert_eq!(exit_for(rosters, mirrors), exit, "{rosters:?} {mirrors:?}");
        };
        check(&[], &[], Exit::Done);
        check(&[Done], &[Done], Exit::Done);
        check(&[Done], &[Failed], Exit::Failed);
        check(&[Done, Failed], &[Done], Exit::Partly);
        check(&[Done], &[Done, Failed], Exit::Partly);
        check(&[Done], &[Partly], Exit::Partly);
        check(&[Failed], &[], Exit::Failed);
        check(&[Done, Failed], &[], Exit::Partly);
        check(&[Refused, Done], &[Done], Exit::Refused);
        check(&[Done], &[Refused, Failed, Done], Exit::Refused);
    }
}
