//! The last ingest of a roster and the last cycle of a mirror, as they are kept to be told.

use domain::{MirrorName, RosterName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outcome::{MirrorRun, Outcome, RosterRun};
use super::words::mark;
use crate::plan::guard::GuardRefusal;
use crate::port::{FieldFault, RemoteId};
use crate::report::{CycleReport, OtherItem, Problem, Unmapped};
use crate::run::gate::GateStatus;

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
    #[must_use]
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
    #[must_use]
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
        let mark = mark(calendar.as_str());
        Self { calendar: calendar.to_string(), mark, entity, reason }
    }
}

/// Where the last report of a roster is kept.
#[must_use]
pub fn roster_subject(name: &RosterName) -> String {
    format!("roster/{name}")
}

/// Where the last report of a mirror is kept.
#[must_use]
pub fn mirror_subject(name: &MirrorName) -> String {
    format!("mirror/{name}")
}

impl RosterLine {
    /// That rows are left out, if some are, and where the first is.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let first = self.skipped_first.as_ref()?;
        let rows = match self.skipped {
            1 => "1 row is".to_owned(),
            count => format!("{count} rows are"),
        };
        Some(format!("roster `{}`: {rows} left out, the first at {first}", self.name))
    }
}
