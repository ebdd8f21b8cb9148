//! `rotabridge status`: per roster and mirror, how things stand.

use clap::Args;
use engine::overview::{self, ConnectionStanding, MirrorStatus, RosterStatus, Status};
use engine::port::{MirrorCounts, RosterCounts};
use jiff::Timestamp;

use super::Session;
use crate::failure::{Exit, Failure, thousands};
use crate::output::{Output, Table, time};
use crate::wiring::{Opening, open_store};

/// The flags of `status`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When the store fails.
pub async fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let store = open_store(&config, Opening::Look).await?;
    let status = overview::status(store.as_ref(), &config.outline()).await?;
    if arguments.json {
        session.output.json(&status)?;
    } else {
        print(&status, session.clock.now(), &session.output)?;
    }
    Ok(Exit::Done)
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
        "LAG",
        "CONNECTION",
    ];
    let mut table = Table::new(&header).right(&[3, 4, 5, 6, 7, 8]);
    for mirror in &status.mirrors {
        let MirrorStatus { name, cycled_at, last, counts, backlog, lag_changes, .. } = mirror;
        let outcome = last.as_ref().map_or("", |line| line.outcome.as_str());
        let head = [name.clone(), when(*cycled_at), outcome.to_owned()];
        let lag = lag_changes.unsigned_abs();
        let open = mirror.conflicts.open;
        let counts = [counts.items, counts.calendars, *backlog, counts.quarantined, open, lag];
        let gate = last.as_ref().and_then(|line| line.gate.as_ref());
        let connection = ConnectionStanding::of(gate, now).to_string();
        table.row(head.into_iter().chain(counts.map(thousands)).chain([connection]));
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
