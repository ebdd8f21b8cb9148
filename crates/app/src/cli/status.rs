//! `rotabridge status`: per roster and mirror, how things stand.

use clap::Args;
use engine::plan::drift::tell;
use engine::port::{ChangeSeq, ConflictCounts, MirrorCounts, RosterCounts, Standing, Store};
use jiff::Timestamp;
use serde::Serialize;

use super::Session;
use super::requests::RequestLine;
use crate::config::Config;
use crate::failure::{Exit, Failure, thousands};
use crate::output::{Output, Table, time};
use crate::runs::{MirrorLine, RosterLine, mirror_subject, roster_subject};
use crate::wiring::{Opening, open_store};

/// The flags of `status`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// What `status --json` prints.
#[derive(Debug, Serialize)]
struct Status {
    rosters: Vec<RosterStatus>,
    mirrors: Vec<MirrorStatus>,
}

/// One roster.
#[derive(Debug, Serialize)]
struct RosterStatus {
    name: String,
    /// When the source was last read, well or not.
    read_at: Option<Timestamp>,
    /// How that came out.
    last: Option<RosterLine>,
    #[serde(flatten)]
    counts: RosterCounts,
}

/// One mirror.
#[derive(Debug, Serialize)]
struct MirrorStatus {
    name: String,
    roster: String,
    /// When its last cycle ended, well or not.
    cycled_at: Option<Timestamp>,
    /// How that came out.
    last: Option<MirrorLine>,
    #[serde(flatten)]
    counts: MirrorCounts,
    /// Writes that wait, or whose outcome is not known.
    backlog: u64,
    /// Changes of the roster that no complete cycle has looked at yet.
    lag_changes: i64,
    /// Events of people that stand in the way of shifts, and what was done about them.
    conflicts: ConflictCounts,
    /// Who changes our items back each time, the first few.
    contests: Vec<String>,
    /// Requests that people made there and that are not decided yet, the newest ones.
    requests: Vec<RequestLine>,
}

/// Open requests that are told; there may be more.
const REQUESTS_TOLD_MAX: usize = 20;

/// Contested items that are told; the rest are counted.
const CONTESTS_TOLD_MAX: usize = 5;

/// Runs it.
///
/// # Errors
/// When the store fails.
pub async fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let store = open_store(&config, Opening::Look).await?;
    let status = gather(&config, store.as_ref()).await?;
    if arguments.json {
        session.output.json(&status)?;
    } else {
        print(&status, session.clock.now(), &session.output)?;
    }
    Ok(Exit::Done)
}

async fn gather(config: &Config, store: &dyn Store) -> Result<Status, Failure> {
    let reports = store.reports().await?;
    let report = |subject: String| reports.iter().find(|report| report.subject == subject);
    let mut status = Status { rosters: Vec::new(), mirrors: Vec::new() };
    for section in &config.rosters {
        let report = report(roster_subject(&section.name));
        status.rosters.push(RosterStatus {
            name: section.name.to_string(),
            read_at: report.map(|report| report.at),
            last: report.and_then(|report| serde_json::from_str(&report.body).ok()),
            counts: store.roster_counts(&section.name).await?,
        });
    }
    for section in &config.mirrors {
        let report = report(mirror_subject(&section.name));
        let counts = store.mirror_counts(&section.name).await?;
        let mut contests = Vec::new();
        if counts.contested > 0 {
            let drifts = store.drifts(&section.name).await?.into_iter();
            let contested = drifts.filter(|it| it.standing == Standing::Contested);
            let told = contested.map(|it| format!("{}: {}", it.key, tell(&it, &section.name)));
            contests = told.take(CONTESTS_TOLD_MAX).collect();
        }
        let requests = store.requests(&section.name, true, REQUESTS_TOLD_MAX).await?;
        let ChangeSeq(reached) = store.cursor(&section.name).await?.seq;
        let ChangeSeq(latest) = store.roster_seq(&section.roster).await?;
        status.mirrors.push(MirrorStatus {
            name: section.name.to_string(),
            roster: section.roster.to_string(),
            cycled_at: report.map(|report| report.at),
            last: report.and_then(|report| serde_json::from_str(&report.body).ok()),
            backlog: counts.planned + counts.in_doubt,
            conflicts: store.conflict_counts(&section.name).await?,
            counts,
            lag_changes: (latest - reached).max(0),
            contests,
            requests: requests.into_iter().map(RequestLine::of).collect(),
        });
    }
    Ok(status)
}

fn print(status: &Status, now: Timestamp, output: &Output) -> Result<(), Failure> {
    let when = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| time::ago(at, now));
    let header = ["ROSTER", "READ", "", "EMPLOYEES", "SHIFTS", "OPEN", "TIME OFF"];
    let mut table = Table::new(&header).right(&[3, 4, 5, 6]);
    for RosterStatus { name, read_at, last, counts } in &status.rosters {
        let outcome = last.as_ref().map_or("", |line| line.outcome.as_str());
        let RosterCounts { employees, shifts, open_shifts, time_off, seq: _ } = *counts;
        let head = [name.clone(), when(*read_at), outcome.to_owned()];
        let counts = [employees, shifts, open_shifts, time_off].map(thousands);
        table.row(head.into_iter().chain(counts));
    }
    output.table(&table)?;
    if status.mirrors.is_empty() {
        return Ok(());
    }
    let header = [
        "MIRROR",
        "CYCLE",
        "",
        "ITEMS",
        "CALENDARS",
        "BACKLOG",
        "SET ASIDE",
        "CONFLICTS",
        "BEHIND",
    ];
    let mut table = Table::new(&header).right(&[3, 4, 5, 6, 7, 8]);
    for mirror in &status.mirrors {
        let MirrorStatus { name, cycled_at, last, counts, backlog, lag_changes, .. } = mirror;
        let outcome = last.as_ref().map_or("", |line| line.outcome.as_str());
        let head = [name.clone(), when(*cycled_at), outcome.to_owned()];
        let lag = lag_changes.unsigned_abs();
        let open = mirror.conflicts.open;
        let counts = [counts.items, counts.calendars, *backlog, counts.quarantined, open, lag];
        table.row(head.into_iter().chain(counts.map(thousands)));
    }
    output.data("")?;
    output.table(&table)?;
    for last in status.rosters.iter().filter_map(|it| it.last.as_ref()) {
        if let Some(error) = &last.error {
            output.data(format!("roster `{}`: {error}", last.name))?;
        }
        if let Some(left_out) = last.left_out() {
            output.data(left_out)?;
        }
    }
    status.mirrors.iter().try_for_each(|it| print_remarks(it, output))?;
    for last in status.mirrors.iter().filter_map(|it| it.last.as_ref()) {
        let problem = last.problems.first().map(|it| format!("`{}`: {}", it.calendar, it.reason));
        if let Some(reason) = last.error.clone().or(problem) {
            output.data(format!("mirror `{}`: {reason}", last.name))?;
        }
    }
    Ok(())
}

/// What people ask for in a mirror, and what they changed there.
fn print_remarks(mirror: &MirrorStatus, output: &Output) -> Result<(), Failure> {
    let MirrorStatus { name, counts, contests, requests, .. } = mirror;
    for request in requests {
        output.data(format!("mirror `{name}`: {}", request.told()))?;
    }
    let MirrorCounts { left, contested, .. } = counts;
    if *left > 0 {
        let left = thousands(*left);
        output.data(format!("mirror `{name}`: {left} items are left as people changed them"))?;
    }
    for contest in contests {
        output.data(format!("mirror `{name}`: {contest}"))?;
    }
    let more = contested.saturating_sub(contests.len() as u64);
    if more > 0 {
        let more = thousands(more);
        output.data(format!("mirror `{name}`: … and {more} more; see `rotabridge drift list`"))?;
    }
    Ok(())
}
