//! How an ingest or a cycle came out.

use domain::{MirrorName, RosterName};
use serde::{Deserialize, Serialize};

use crate::report::{CycleReport, IngestReport};
use crate::run::cycle::CycleError;
use crate::run::ingest::IngestError;

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
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly done",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
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
    #[must_use]
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
    #[must_use]
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
