//! The first page: how rosters and mirrors stand.

use askama::Template;
use engine::overview::{
    ConnectionStanding, MirrorStatus, Outcome, RosterStatus, Status, ago, instant, thousands,
};
use jiff::Timestamp;

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
    lag: String,
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
            headline: headline(status, now),
            rosters: status.rosters.iter().map(|it| roster(it, now)).collect(),
            mirrors: status.mirrors.iter().map(|it| mirror(it, now)).collect(),
            remarks: remarks(status),
        }
    }
}

/// Good news only where nothing is left to do, and everything was looked at.
fn headline(status: &Status, now: Timestamp) -> Badge {
    let rosters =
        status.rosters.iter().map(|it| (it.read_at, it.last.as_ref().map(|it| it.outcome)));
    let mirrors = status.mirrors.iter();
    let mirrors = mirrors.map(|it| (it.cycled_at, it.last.as_ref().map(|it| it.outcome)));
    let all: Vec<(Option<Timestamp>, Option<Outcome>)> = rosters.chain(mirrors).collect();
    let troubled = all.iter().filter(|(_, it)| it.is_some_and(|it| it != Outcome::Done)).count();
    let is_waiting = all.iter().any(|(_, it)| it.is_none());
    let quarantined: u64 = status.mirrors.iter().map(|it| it.counts.quarantined).sum();
    let owing = status.mirrors.iter().filter(|it| it.backlog > 0 || it.lag_changes > 0).count();
    if all.is_empty() {
        return Badge::new(Tone::Plain, "There is no roster yet, so there is nothing to do.");
    }
    if troubled > 0 {
        let what = if troubled == 1 { "roster or mirror is" } else { "rosters or mirrors are" };
        return Badge::new(Tone::Bad, format!("{troubled} {what} not as they should be."));
    }
    if is_waiting {
        return Badge::new(Tone::Plain, "Some rosters or mirrors were not looked at yet.");
    }
    if quarantined > 0 {
        let what = if quarantined == 1 { "item was" } else { "items were" };
        let told =
            format!("{} {what} refused again and again and set aside.", thousands(quarantined));
        return Badge::new(Tone::Worth, told);
    }
    let oldest = all.iter().filter_map(|(at, _)| *at).min();
    let oldest = oldest.map(|at| {
        format!("; what was looked at the longest ago, at {}, {}", instant(at), ago(at, now))
    });
    let oldest = oldest.unwrap_or_default();
    if owing > 0 {
        let what = if owing == 1 { "mirror has" } else { "mirrors have" };
        let told = format!("Nothing failed; {owing} {what} something left to do{oldest}.");
        return Badge::new(Tone::Plain, told);
    }
    let told = "Every roster was read, and every mirror’s last cycle ended well";
    Badge::new(Tone::Good, format!("{told}{oldest}."))
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
        connection: connection(ConnectionStanding::of(
            last.as_ref().and_then(|it| it.gate.as_ref()),
            now,
        )),
        items: thousands(counts.items),
        calendars: thousands(counts.calendars),
        backlog: thousands(*backlog),
        lag: thousands(lag_changes.unsigned_abs()),
        set_aside: counted(counts.quarantined),
        conflicts: counted(it.conflicts.open),
        drift: counted(drift),
    }
}

/// How the connection stood at the end of the last cycle: its breaker, and its quota.
fn connection(standing: ConnectionStanding) -> Badge {
    let tone = match standing {
        ConnectionStanding::Unused => Tone::Plain,
        ConnectionStanding::Working => Tone::Good,
        ConnectionStanding::Spent { .. } | ConnectionStanding::Trying => Tone::Worth,
        ConnectionStanding::Silent { .. } => Tone::Bad,
    };
    Badge::new(tone, standing.to_string())
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
