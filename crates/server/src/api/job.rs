//! Sync jobs as clients see them.

use std::fmt;

use engine::port::{JobError, JobStatus, MirrorTally, SyncJob};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What clients call a kind of mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncProvider {
    /// Calendars on a CalDAV server.
    Caldav,
    /// Google Calendar.
    Google,
    /// Outlook calendars.
    MicrosoftGraph,
    /// Microsoft Teams Shifts.
    MicrosoftShifts,
}

impl SyncProvider {
    /// Of a mirror of this kind; `None` where clients have no word for it.
    #[must_use]
    pub fn of_mirror_kind(kind: &str) -> Option<Self> {
        match kind {
            "caldav" => Some(Self::Caldav),
            "google" => Some(Self::Google),
            "outlook" => Some(Self::MicrosoftGraph),
            "shifts" => Some(Self::MicrosoftShifts),
            _ => None,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caldav => "caldav",
            Self::Google => "google",
            Self::MicrosoftGraph => "microsoft_graph",
            Self::MicrosoftShifts => "microsoft_shifts",
        }
    }
}

impl fmt::Display for SyncProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A job and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SyncJob")]
pub(super) struct Job {
    /// Its id.
    job_id: String,
    /// queued, running, completed, partly_completed or failed.
    #[schemars(with = "Status")]
    status: &'static str,
    /// As it was asked for.
    direction: String,
    /// As it was asked for.
    target_provider: String,
    /// As it was asked for.
    schedule_group_id: Option<String>,
    /// As it was asked for.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    sync_window_start: Option<Timestamp>,
    /// As it was asked for.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    sync_window_end: Option<Timestamp>,
    /// Shifts that it is about, once they are counted.
    records_total: u64,
    /// Shifts that are as they should be in every mirror of the job.
    records_processed: u64,
    /// Shifts that could not be brought there.
    records_failed: u64,
    /// What was done, mirror by mirror.
    mirrors: Vec<Tally>,
    /// What went wrong.
    errors: Vec<Failed>,
    /// When it was asked for.
    #[schemars(with = "String", extend("format" = "date-time"))]
    created_at: Timestamp,
    /// When it was begun.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    completed_at: Option<Timestamp>,
}

/// How far a job is.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what `JobStatus` is called")]
enum Status {
    Queued,
    Running,
    Completed,
    PartlyCompleted,
    Failed,
}

/// What was done in one mirror. Everything that it shows counts, not only shifts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MirrorTally")]
struct Tally {
    mirror: String,
    created: u64,
    updated: u64,
    deleted: u64,
    unchanged: u64,
    failed: u64,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SyncError")]
struct Failed {
    /// Stable.
    code: String,
    message: String,
    mirror: Option<String>,
    /// Kind and id of what it is about.
    entity: Option<String>,
}

/// An instant that RFC 3339 can write; an end that was left open is none.
fn told(at: Timestamp) -> Option<Timestamp> {
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    (year >= 0 && at < Timestamp::MAX).then_some(at)
}

impl Job {
    pub fn of(job: &SyncJob) -> Self {
        let order = &job.order;
        let tally = |it: &MirrorTally| {
            let MirrorTally { mirror, created, updated, deleted, unchanged, failed } = it.clone();
            Tally { mirror: mirror.to_string(), created, updated, deleted, unchanged, failed }
        };
        let failed = |it: &JobError| {
            let JobError { code, message, mirror, entity } = it.clone();
            Failed { code, message, mirror: mirror.map(|it| it.to_string()), entity }
        };
        Self {
            job_id: job.id.clone(),
            status: JobStatus::as_str(job.status),
            direction: order.direction.clone(),
            target_provider: order.provider.clone(),
            schedule_group_id: order.group.as_ref().map(ToString::to_string),
            sync_window_start: order.window.and_then(|it| told(it.start())),
            sync_window_end: order.window.and_then(|it| told(it.end())),
            records_total: job.records_total,
            records_processed: job.records_processed,
            records_failed: job.records_failed,
            mirrors: job.mirrors.iter().map(tally).collect(),
            errors: job.errors.iter().map(failed).collect(),
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.ended_at,
        }
    }

    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
