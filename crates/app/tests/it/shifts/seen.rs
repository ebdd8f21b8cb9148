//! What is seen of a schedule, in words of our own, so that two of them can be held side by side:
//! sorted lists, in which what is there twice stands twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use simulators::caldav::CaldavServer;
use simulators::graph::{Graph, Kind, Visible};

use crate::events;

/// Something in the schedule of a team.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The team's name.
    pub team: String,
    /// `shift`, `open shift` or `time off`.
    pub kind: &'static str,
    /// The employee's id in the roster; empty for open shifts.
    pub who: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// The group's name; empty for time off.
    pub group: String,
    /// What kind of work, or why somebody is away.
    pub label: String,
    pub slots: Option<i32>,
    pub notes: String,
    pub parts: Vec<Part>,
}

/// A part of a shift.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    pub start: Timestamp,
    pub end: Timestamp,
    pub label: String,
    pub paid: bool,
}

/// What to call teams and people.
pub struct Names {
    /// Teams by id.
    pub teams: BTreeMap<String, String>,
    /// Employees by user id.
    pub users: BTreeMap<String, String>,
}

/// What employees see in all teams.
pub fn by_employees(graph: &Graph, names: &Names) -> Vec<Line> {
    seen(graph, names, |team| graph.seen_by_employees(team))
}

/// What managers see in all teams: drafts too.
pub fn by_managers(graph: &Graph, names: &Names) -> Vec<Line> {
    seen(graph, names, |team| graph.seen_by_managers(team))
}

fn seen(graph: &Graph, names: &Names, look: impl Fn(&str) -> Vec<Visible>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (team, name) in &names.teams {
        for visible in look(team) {
            // Nobody sees an open shift of which nothing is left.
            if visible.item.open_slots == Some(0) {
                continue;
            }
            lines.push(line(graph, names, (team, name), visible));
        }
    }
    lines.sort();
    lines
}

fn line(graph: &Graph, names: &Names, (team, name): (&str, &str), visible: Visible) -> Line {
    let group = visible.group.as_deref().unwrap_or_default();
    let reason = visible.item.reason.as_deref().unwrap_or_default();
    let (group, reason) = graph.read(|state| {
        let team = &state.teams[team];
        let group = team.group(group).map(|it| it.display_name.clone());
        (group.unwrap_or_default(), team.reason(reason).map(|it| it.display_name.clone()))
    });
    let user = visible.user.as_deref().unwrap_or_default();
    let mut parts: Vec<Part> = visible
        .activities()
        .iter()
        .map(|it| Part {
            start: it.start,
            end: it.end,
            label: it.display_name.clone(),
            paid: it.is_paid,
        })
        .collect();
    parts.sort();
    let Visible { kind, item, .. } = visible;
    Line {
        team: name.to_owned(),
        kind: match kind {
            Kind::Shift => "shift",
            Kind::OpenShift => "open shift",
            _ => "time off",
        },
        who: names.users.get(user).map_or(user, String::as_str).to_owned(),
        start: item.start,
        end: item.end,
        group: if kind == Kind::TimeOff { String::new() } else { group },
        label: reason.or(item.display_name).unwrap_or_default(),
        slots: item.open_slots,
        notes: item.notes.unwrap_or_default(),
        parts,
    }
}

/// One entry of a calendar: whose, from, to, what it says.
pub type Entry = (String, Timestamp, Timestamp, String);

/// What the calendars are to show, if Shifts shows this: shifts and absences, under the label.
pub fn entries_of(lines: &[Line]) -> Vec<Entry> {
    let of_people = lines.iter().filter(|it| !it.who.is_empty());
    let title = |it: &Line| if it.label.is_empty() { "Shift" } else { &it.label }.to_owned();
    let entry = |it: &Line| (it.who.clone(), it.start, it.end, title(it));
    let mut entries: Vec<Entry> = of_people.map(entry).collect();
    entries.sort();
    entries
}

/// What the calendars of these people show.
pub fn entries(server: &CaldavServer, people: &[&str]) -> Vec<Entry> {
    let instant = |text: &str| {
        // Whole days: those of the tests that have them are UTC's.
        let day = jiff::civil::Date::strptime("%Y%m%d", text).map(|it| it.at(0, 0, 0, 0));
        let at = day.or_else(|_| jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text)).unwrap();
        at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
    };
    let all = events::events(server, people).into_iter();
    let mut entries: Vec<Entry> =
        all.map(|(who, title, from, to)| (who, instant(&from), instant(&to), title)).collect();
    entries.sort();
    entries
}

/// The same, as often; says what is missing and what is too much.
#[track_caller]
pub fn assert_same<T: Ord + Clone + std::fmt::Debug>(found: &[T], wanted: &[T]) {
    let difference = difference(found, wanted);
    assert!(difference.is_empty(), "{}", difference.join("\n"));
}

/// What is missing and what is too much.
pub fn difference<T: Ord + Clone + std::fmt::Debug>(found: &[T], wanted: &[T]) -> Vec<String> {
    let mut counts: BTreeMap<&T, i64> = BTreeMap::new();
    for it in found {
        *counts.entry(it).or_default() += 1;
    }
    for it in wanted {
        *counts.entry(it).or_default() -= 1;
    }
    let differing = counts.into_iter().filter(|(_, count)| *count != 0);
    let say = |(it, count): (&T, i64)| {
        let what = if count > 0 { "too much" } else { "missing" };
        format!("{} {what}: {it:?}", count.abs())
    };
    differing.map(say).take(12).collect()
}
