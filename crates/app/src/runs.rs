//! One ingest or one cycle, with all that belongs to it: progress, metrics, the kept report.
//!
//! Shared by `sync`, `serve`, `recover`, `purge` and `demo`, so that all of them tell the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{ConnectionName, MirrorName, RosterName};
use engine::plan::guard::GuardRefusal;
use engine::port::{FieldFault, RemoteId, ReportRow, StoreError};
use engine::report::{CycleReport, IngestReport, OtherItem, Problem, Unmapped};
use engine::run::cycle::{CycleError, CycleOptions, Looking, run_cycle_looking};
use engine::run::gate::GateStatus;
use engine::run::ingest::IngestError;
use engine::run::watch::Watcher;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::output::progress::WaitLog;
use crate::tally::Tally;
use crate::wiring::{MirrorWorks, RosterWorks, Works};
use crate::{event, impersonal};

/// Problems that are told; the rest are counted.
const PROBLEMS_TOLD_MAX: usize = 5;
/// Readings tried when another process changes the roster at the same moment.
const INGESTS_MAX: u32 = 3;

/// How an ingest or a cycle came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is as it should be.
    Done,
    /// Some of it is; the next run goes on.
    Partly,
    /// None of it is.
    Failed,
    /// The guard refused.
    Refused,
}

impl Outcome {
    /// The word for it in metrics and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly done",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

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

/// What one ingest did.
#[derive(Debug)]
pub struct RosterRun {
    /// Which roster.
    pub name: RosterName,
    /// What it did, or why not.
    pub result: Result<IngestReport, IngestError>,
}

impl RosterRun {
    /// How it came out.
    pub fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Done,
            Err(IngestError::Guard(_)) => Outcome::Refused,
            Err(IngestError::Source(_) | IngestError::Store(_)) => Outcome::Failed,
        }
    }
}

/// What one cycle did.
#[derive(Debug)]
pub struct MirrorRun {
    /// Which mirror.
    pub name: MirrorName,
    /// Of which roster.
    pub roster: RosterName,
    /// What it did, or why not.
    pub result: Result<CycleReport, CycleError>,
    /// What it had done when it failed, if it did.
    pub so_far: CycleReport,
}

impl MirrorRun {
    /// How it came out.
    pub fn outcome(&self) -> Outcome {
        match &self.result {
            Err(_) => Outcome::Failed,
            Ok(report) if report.refused.is_some() => Outcome::Refused,
            Ok(report) if report.conflicts.refused.is_some() => Outcome::Refused,
            Ok(report) if report.is_done() => Outcome::Done,
            Ok(report) if achieved_nothing(report) => Outcome::Failed,
            Ok(_) => Outcome::Partly,
        }
    }
}

/// Nothing was written or found, and no single item is to blame: the whole target is.
fn achieved_nothing(report: &CycleReport) -> bool {
    report.writes() + report.adopted + report.failed + report.busy == 0
}

/// A roster's last ingest as it is kept for `status`, and printed by `sync --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterLine {
    /// Its name.
    pub name: RosterName,
    /// How it came out.
    pub outcome: Outcome,
    /// Whether the source said that nothing changed.
    pub unread: bool,
    /// New or changed entities.
    pub upserted: u64,
    /// Deleted entities.
    pub deleted: u64,
    /// Entities that mean the same as before.
    pub unchanged: u64,
    /// Decisions that an operator should know of, such as gaps and folds.
    pub notes: usize,
    /// Rows left out because the operator chose so.
    pub skipped: usize,
    /// Where the first of those is, and what is wrong with it.
    #[serde(default)]
    pub skipped_first: Option<String>,
    /// Why it failed or was refused.
    pub error: Option<String>,
}

impl RosterLine {
    /// Of one ingest.
    pub fn of(run: &RosterRun) -> Self {
        let mut line = Self {
            name: run.name.clone(),
            outcome: run.outcome(),
            unread: false,
            upserted: 0,
            deleted: 0,
            unchanged: 0,
            notes: 0,
            skipped: 0,
            skipped_first: None,
            error: None,
        };
        match &run.result {
            Ok(report) => {
                line.unread = report.unread;
                line.upserted = report.upserted;
                line.deleted = report.deleted;
                line.unchanged = report.unchanged;
                line.notes = report.notes.len();
                line.skipped = FieldFault::count(&report.skipped);
                let first = report.skipped.first();
                line.skipped_first = first.map(|it| format!("{}: {}", it.spot(), it.message));
            }
            Err(error) => line.error = Some(error.to_string()),
        }
        line
    }
}

/// A mirror's last cycle as it is kept for `status`, and printed by `sync --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MirrorLine {
    /// Its name.
    pub name: MirrorName,
    /// Its roster.
    pub roster: RosterName,
    /// How it came out.
    pub outcome: Outcome,
    /// Items made.
    pub created: u64,
    /// Items replaced.
    pub updated: u64,
    /// Items removed.
    pub deleted: u64,
    /// Items that were as they should be.
    pub unchanged: u64,
    /// Items found as they should be, without having known of them.
    pub adopted: u64,
    /// Items refused or postponed.
    pub failed: u64,
    /// Items left for later on purpose.
    pub held: u64,
    /// Items set aside after repeated refusals.
    pub quarantined: u64,
    /// Items seen that are not ours.
    pub foreign: u64,
    /// Those of them that people see beside ours, the first 100.
    #[serde(default)]
    pub others: Vec<OtherLine>,
    /// Events of people that were changed, because a policy says so.
    #[serde(default)]
    pub events_changed: u64,
    /// Changes of people's events that wait for another cycle or are not known to be done.
    #[serde(default)]
    pub events_waiting: u64,
    /// Calendars that could not be looked into for people's events.
    #[serde(default)]
    pub events_unread: u64,
    /// Items that somebody had changed and that were put right.
    #[serde(default)]
    pub drifted: u64,
    /// Items that somebody changed and that are left as they are.
    #[serde(default)]
    pub left: u64,
    /// Items that somebody changes back each time.
    #[serde(default)]
    pub contested: u64,
    /// Requests that people made by changing items, and that were granted.
    #[serde(default)]
    pub granted: u64,
    /// Those that were refused, and put right.
    #[serde(default)]
    pub refused: u64,
    /// Copies that somebody made of our items.
    #[serde(default)]
    pub copies: u64,
    /// Calendars left to another process that is at work on them.
    pub busy: u64,
    /// Requests sent.
    pub requests: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// Whether the mirror was read back.
    pub read_back: bool,
    /// When it was last read back to the end.
    pub read_back_at: Option<Timestamp>,
    /// Entities that belong to no calendar.
    pub unmapped: Vec<Unmapped>,
    /// Problems, the first 100.
    pub problems: Vec<ProblemLine>,
    /// Why it failed or was refused.
    pub error: Option<String>,
    /// How its connection stood at the end: the breaker, and until when a budget is closed.
    pub gate: Option<serde_json::Value>,
}

/// An item that is not ours and stands beside ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherLine {
    /// In which calendar.
    pub calendar: String,
    /// Which, as the vendor calls it.
    pub id: String,
    /// When it is over.
    pub ends_at: Option<Timestamp>,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemLine {
    /// In which calendar.
    pub calendar: String,
    /// How the log calls that calendar.
    #[serde(default)]
    pub mark: String,
    /// With which entity, if with one.
    pub entity: Option<String>,
    /// What.
    pub reason: String,
}

impl MirrorLine {
    /// Of one cycle.
    pub fn of(run: &MirrorRun, read_back: bool, gate: Option<&GateStatus>) -> Self {
        let report = run.result.as_ref().unwrap_or(&run.so_far).clone();
        let done = run.outcome() == Outcome::Done;
        let error = match &run.result {
            Err(error) => Some(error.to_string()),
            Ok(CycleReport { refused, conflicts, .. }) => {
                let events = conflicts.refused.as_ref().map(ToString::to_string);
                refused.as_ref().map(GuardRefusal::to_string).or(events)
            }
        };
        let duration = report.ended_at.duration_since(report.started_at);
        Self {
            name: run.name.clone(),
            roster: run.roster.clone(),
            outcome: run.outcome(),
            created: report.created,
            updated: report.updated,
            deleted: report.deleted,
            unchanged: report.unchanged,
            adopted: report.adopted,
            failed: report.failed,
            held: report.held,
            quarantined: report.quarantined,
            foreign: report.foreign,
            others: report.others.into_iter().map(OtherLine::of).collect(),
            events_changed: report.conflicts.changed,
            events_waiting: report.conflicts.put_off
                + report.conflicts.in_doubt
                + report.conflicts.failed,
            events_unread: report.conflicts.unread,
            drifted: report.drifted,
            left: report.left,
            contested: report.contested,
            granted: report.granted,
            refused: report.refused_requests,
            copies: report.copies,
            busy: report.busy,
            requests: report.requests,
            duration_ms: duration.as_millis().unsigned_abs() as u64,
            read_back,
            read_back_at: (read_back && done).then_some(report.ended_at),
            unmapped: report.unmapped,
            problems: report.problems.into_iter().map(ProblemLine::of).collect(),
            error,
            gate: gate.and_then(|gate| serde_json::to_value(gate).ok()),
        }
    }
}

impl OtherLine {
    fn of(other: OtherItem) -> Self {
        let OtherItem { calendar, id: RemoteId(id), ends_at } = other;
        Self { calendar: calendar.to_string(), id, ends_at }
    }
}

impl ProblemLine {
    fn of(problem: Problem) -> Self {
        let Problem { calendar, key, reason } = problem;
        let entity = key.map(|key| key.to_string());
        let mark = impersonal::mark(calendar.as_str());
        Self { calendar: calendar.to_string(), mark, entity, reason }
    }
}

/// Where the last report of a roster is kept.
pub fn roster_subject(name: &RosterName) -> String {
    format!("roster/{name}")
}

/// Where the last report of a mirror is kept.
pub fn mirror_subject(name: &MirrorName) -> String {
    format!("mirror/{name}")
}

impl RosterLine {
    /// That rows are left out, if some are, and where the first is.
    pub fn left_out(&self) -> Option<String> {
        let first = self.skipped_first.as_ref()?;
        let rows = match self.skipped {
            1 => "1 row is".to_owned(),
            count => format!("{count} rows are"),
        };
        Some(format!("roster `{}`: {rows} left out, the first at {first}", self.name))
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
