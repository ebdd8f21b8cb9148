//! The first page: how rosters and mirrors stand.

use askama::Template;
use engine::overview::{MirrorStatus, Outcome, RosterStatus, Status, thousands};
use jiff::Timestamp;
use serde_json::Value;

use super::{Badge, Moment, Tone};

/// The first page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewView {
    refresh_seconds: u64,
    now: Moment,
    headline: Badge,
    rosters: Vec<RosterRow>,
    mirrors: Vec<MirrorRow>,
    remarks: Vec<Remark>,
}

struct RosterRow {
    name: String,
    read: Option<Moment>,
    outcome: Badge,
    employees: String,
    shifts: String,
    open_shifts: String,
    time_off: String,
}

struct MirrorRow {
    name: String,
    roster: String,
    cycled: Option<Moment>,
    outcome: Badge,
    connection: Badge,
    items: String,
    calendars: String,
    backlog: String,
    behind: String,
    set_aside: Badge,
    conflicts: Badge,
    drift: Badge,
}

/// One sentence about a roster or a mirror.
struct Remark {
    about: String,
    told: String,
}

impl OverviewView {
    pub fn of(status: &Status, refresh_seconds: u64, now: Timestamp) -> Self {
        Self {
            refresh_seconds,
            now: Moment::of(now),
            headline: headline(status),
            rosters: status.rosters.iter().map(|it| roster(it, now)).collect(),
            mirrors: status.mirrors.iter().map(|it| mirror(it, now)).collect(),
            remarks: remarks(status),
        }
    }
}

fn headline(status: &Status) -> Badge {
    let rosters = status.rosters.iter().map(|it| it.last.as_ref().map(|it| it.outcome));
    let mirrors = status.mirrors.iter().map(|it| it.last.as_ref().map(|it| it.outcome));
    let outcomes: Vec<Option<Outcome>> = rosters.chain(mirrors).collect();
    let troubled = outcomes.iter().filter(|it| it.is_some_and(|it| it != Outcome::Done)).count();
    let waiting = outcomes.iter().filter(|it| it.is_none()).count();
    if outcomes.is_empty() {
        Badge::new(Tone::Plain, "There is no roster yet, so there is nothing to do.")
    } else if troubled > 0 {
        let what = if troubled == 1 { "roster or mirror is" } else { "rosters or mirrors are" };
        Badge::new(Tone::Bad, format!("{troubled} {what} not as they should be."))
    } else if waiting > 0 {
        Badge::new(Tone::Plain, "Some rosters or mirrors were not looked at yet.")
    } else {
        Badge::new(Tone::Good, "Every roster was read, and every mirror’s last cycle ended well.")
    }
}

fn outcome(last: Option<Outcome>) -> Badge {
    let tone = match last {
        None => return Badge::new(Tone::Plain, "never"),
        Some(Outcome::Done) => Tone::Good,
        Some(Outcome::Partly) => Tone::Worth,
        Some(Outcome::Failed | Outcome::Refused) => Tone::Bad,
    };
    Badge::new(tone, last.map_or("", Outcome::as_str))
}

fn roster(it: &RosterStatus, now: Timestamp) -> RosterRow {
    let RosterStatus { name, read_at, last, counts } = it;
    RosterRow {
        name: name.clone(),
        read: read_at.map(|at| Moment::ago(at, now)),
        outcome: outcome(last.as_ref().map(|it| it.outcome)),
        employees: thousands(counts.employees),
        shifts: thousands(counts.shifts),
        open_shifts: thousands(counts.open_shifts),
        time_off: thousands(counts.time_off),
    }
}

fn mirror(it: &MirrorStatus, now: Timestamp) -> MirrorRow {
    let MirrorStatus { name, roster, cycled_at, last, counts, backlog, lag_changes, .. } = it;
    let counted = |count: u64| {
        let tone = if count == 0 { Tone::Plain } else { Tone::Worth };
        Badge::new(tone, thousands(count))
    };
    let drift = counts.left + counts.contested;
    MirrorRow {
        name: name.clone(),
        roster: roster.clone(),
        cycled: cycled_at.map(|at| Moment::ago(at, now)),
        outcome: outcome(last.as_ref().map(|it| it.outcome)),
        connection: connection(last.as_ref().and_then(|it| it.gate.as_ref()), now),
        items: thousands(counts.items),
        calendars: thousands(counts.calendars),
        backlog: thousands(*backlog),
        behind: thousands(lag_changes.unsigned_abs()),
        set_aside: counted(counts.quarantined),
        conflicts: counted(it.conflicts.open),
        drift: counted(drift),
    }
}

/// How the connection stood at the end of the last cycle: its breaker, and its budget.
fn connection(gate: Option<&Value>, now: Timestamp) -> Badge {
    let Some(gate) = gate else { return Badge::new(Tone::Plain, "not used yet") };
    let breaker = &gate["breaker"];
    let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    if let Some(until) = instant(&breaker["open"]["until"]) {
        let until = until.strftime("%H:%M:%SZ");
        return Badge::new(Tone::Bad, format!("does not answer; breaker open until {until}"));
    }
    if breaker == "half_open" {
        return Badge::new(Tone::Worth, "breaker half open: one request tries");
    }
    match instant(&gate["closed_until"]).filter(|until| *until > now) {
        Some(until) => {
            let until = until.strftime("%H:%M:%SZ");
            Badge::new(Tone::Worth, format!("budget used up until {until}"))
        }
        None => Badge::new(Tone::Good, "working"),
    }
}

/// What `rotabridge status` says below its tables.
fn remarks(status: &Status) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for last in status.rosters.iter().filter_map(|it| it.last.as_ref()) {
        let about = format!("roster {}", last.name);
        let told = last.error.clone().into_iter().chain(last.left_out());
        remarks.extend(told.map(|told| Remark { about: about.clone(), told }));
    }
    for mirror in &status.mirrors {
        let about = || format!("mirror {}", mirror.name);
        if let Some(last) = &mirror.last {
            let problem = last.problems.first();
            let problem = problem.map(|it| format!("`{}`: {}", it.calendar, it.reason));
            let told = last.error.clone().or(problem);
            remarks.extend(told.map(|told| Remark { about: about(), told }));
        }
        let left = mirror.counts.left;
        if left > 0 {
            let told = format!("{} items are left as people changed them", thousands(left));
            remarks.push(Remark { about: about(), told });
        }
        let contests = mirror.contests.iter().cloned();
        let requests = mirror.requests.iter().map(|it| it.told());
        remarks.extend(contests.chain(requests).map(|told| Remark { about: about(), told }));
    }
    remarks
}
