//! A sync job: what a client of the Schedule API asked to be brought up to date, and how far it is.

use domain::{Fingerprint, Fingerprinter, MirrorName, RosterName, ScheduleGroupId, UtcInterval};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ClientId;

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncJob {
    /// Its id.
    pub id: String,
    /// Who asked for it.
    pub client: ClientId,
    /// Of which roster.
    pub roster: RosterName,
    /// What is to be brought up to date.
    pub order: SyncOrder,
    /// How far it is.
    pub status: JobStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun, the last time.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Shifts that it is about, once they are counted.
    pub records_total: u64,
    /// Those of them that are as they should be in every mirror of the job.
    pub records_processed: u64,
    /// Those that could not be brought there.
    pub records_failed: u64,
    /// Mirror by mirror.
    pub mirrors: Vec<MirrorTally>,
    /// What went wrong; no personal data.
    pub errors: Vec<JobError>,
}

/// What a job is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncOrder {
    /// The mirrors.
    pub mirrors: Vec<MirrorName>,
    /// The client's words for direction and provider, to be said again.
    pub direction: String,
    /// See `direction`.
    pub provider: String,
    /// Shifts of this group are counted.
    pub group: Option<ScheduleGroupId>,
    /// Shifts within this window are counted; else those in the mirrors' own.
    pub window: Option<UtcInterval>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It waits for its turn.
    Queued,
    /// It is being carried out.
    Running,
    /// Everything is as it should be.
    Completed,
    /// Some of it is.
    PartlyCompleted,
    /// None of it is.
    Failed,
}

impl JobStatus {
    /// The word for it in the store and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::PartlyCompleted => "partly_completed",
            Self::Failed => "failed",
        }
    }

    /// Whether it is not over yet.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Queued | Self::Running => true,
            Self::Completed | Self::PartlyCompleted | Self::Failed => false,
        }
    }
}

/// What a job did in one mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorTally {
    /// Which.
    pub mirror: MirrorName,
    /// Items made.
    pub created: u64,
    /// Items replaced.
    pub updated: u64,
    /// Items removed.
    pub deleted: u64,
    /// Items that were as they should be.
    pub unchanged: u64,
    /// Items refused or postponed.
    pub failed: u64,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// A stable word.
    pub code: String,
    /// What happened; no personal data.
    pub message: String,
    /// In which mirror.
    pub mirror: Option<MirrorName>,
    /// With which shift or absence.
    pub entity: Option<String>,
}

impl SyncJob {
    /// The hash of what is asked for: two jobs with the same one do the same.
    #[must_use]
    pub fn print(&self) -> Fingerprint {
        let SyncOrder { mirrors, direction, provider, group, window } = &self.order;
        let mut print = Fingerprinter::new("sync_job/1");
        print.text(self.client.0.as_str()).text(direction).text(provider);
        print.optional(group.as_ref().map(ScheduleGroupId::as_str));
        for mirror in mirrors {
            print.text(mirror.as_str());
        }
        if let Some(window) = window {
            print.instant(window.start()).instant(window.end());
        }
        print.finish()
    }
}
