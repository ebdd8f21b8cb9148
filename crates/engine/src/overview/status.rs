//! Per roster and mirror, how things stand.

use jiff::Timestamp;
use serde::Serialize;

use super::line::{MirrorLine, RosterLine, mirror_subject, roster_subject};
use super::request::RequestLine;
use super::{MirrorOutline, Outline};
use crate::plan::drift::tell;
use crate::port::{
    ChangeSeq, ConflictCounts, MirrorCounts, ReportRow, RosterCounts, Standing, Store, StoreError,
};

/// How everything stands; what `status --json` prints.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The rosters, in the order of the configuration.
    pub rosters: Vec<RosterStatus>,
    /// The mirrors, in the order of the configuration.
    pub mirrors: Vec<MirrorStatus>,
}

/// One roster.
#[derive(Debug, Clone, Serialize)]
pub struct RosterStatus {
    /// Its name.
    pub name: String,
    /// When the source was last read, well or not.
    pub read_at: Option<Timestamp>,
    /// How that came out.
    pub last: Option<RosterLine>,
    /// How much it holds.
    #[serde(flatten)]
    pub counts: RosterCounts,
}

/// One mirror.
#[derive(Debug, Clone, Serialize)]
pub struct MirrorStatus {
    /// Its name.
    pub name: String,
    /// Its roster.
    pub roster: String,
    /// When its last cycle ended, well or not.
    pub cycled_at: Option<Timestamp>,
    /// How that came out.
    pub last: Option<MirrorLine>,
    /// How much its ledger holds.
    #[serde(flatten)]
    pub counts: MirrorCounts,
    /// Writes that wait, or whose outcome is not known.
    pub backlog: u64,
    /// Changes of the roster that no complete cycle has looked at yet.
    pub lag_changes: i64,
    /// Events of people that stand in the way of shifts, and what was done about them.
    pub conflicts: ConflictCounts,
    /// Who changes our items back each time, the first few.
    pub contests: Vec<String>,
    /// Requests that people made there and that are not decided yet, the newest ones.
    pub requests: Vec<RequestLine>,
}

/// Open requests that are told; there may be more.
const REQUESTS_TOLD_MAX: usize = 20;

/// Contested items that are told; the rest are counted.
const CONTESTS_TOLD_MAX: usize = 5;

/// Gathers it, one question to the store after the other.
///
/// # Errors
/// When the store fails.
pub async fn status(store: &dyn Store, outline: &Outline) -> Result<Status, StoreError> {
    let reports = store.reports().await?;
    let report = |subject: &str| reports.iter().find(|report| report.subject == *subject);
    let mut status = Status { rosters: Vec::new(), mirrors: Vec::new() };
    for name in &outline.rosters {
        let report = report(&roster_subject(name));
        status.rosters.push(RosterStatus {
            name: name.to_string(),
            read_at: report.map(|report| report.at),
            last: report.and_then(|report| serde_json::from_str(&report.body).ok()),
            counts: store.roster_counts(name).await?,
        });
    }
    for outline in &outline.mirrors {
        let report = report(&mirror_subject(&outline.name));
        status.mirrors.push(mirror_status(store, outline, report).await?);
    }
    Ok(status)
}

async fn mirror_status(
    store: &dyn Store,
    MirrorOutline { name, roster }: &MirrorOutline,
    report: Option<&ReportRow>,
) -> Result<MirrorStatus, StoreError> {
    let counts = store.mirror_counts(name).await?;
    let mut contests = Vec::new();
    if counts.contested > 0 {
        let told = store.standing_drifts(name, Standing::Contested, CONTESTS_TOLD_MAX).await?;
        contests = told.iter().map(|it| format!("{}: {}", it.key, tell(it, name))).collect();
    }
    let requests = store.requests(name, true, REQUESTS_TOLD_MAX).await?;
    let ChangeSeq(reached) = store.cursor(name).await?.seq;
    let ChangeSeq(latest) = store.roster_seq(roster).await?;
    Ok(MirrorStatus {
        name: name.to_string(),
        roster: roster.to_string(),
        cycled_at: report.map(|report| report.at),
        last: report.and_then(|report| serde_json::from_str(&report.body).ok()),
        backlog: counts.planned + counts.in_doubt,
        conflicts: store.conflict_counts(name).await?,
        counts,
        lag_changes: (latest - reached).max(0),
        contests,
        requests: requests.into_iter().map(RequestLine::of).collect(),
    })
}
