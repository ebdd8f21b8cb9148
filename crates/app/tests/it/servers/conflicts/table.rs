//! The cases and the policies, and what follows.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The policies, and rules for sorts of events beside them.
pub const POLICIES: [&str; 6] = [
    "conflict_policy = \"report\"",
    "conflict_policy = \"keep_both\"",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"delete\" }",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"move\" }",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"delete\", \
     all_day = \"override\", private = \"override\", tentative = \"override\", \
     out_of_office = \"override\", organised = \"override\" }",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"delete\", \
     all_day = \"ignore\", private = \"ignore\", tentative = \"ignore\", \
     out_of_office = \"ignore\", organised = \"ignore\" }",
];

/// The policy under which events are deleted.
pub const DELETE: usize = 2;

/// What follows under each policy: what is done to the event, or why it is left and told of; `-`
/// where it is no conflict.
type Words = [&'static str; 6];

/// What stands in the way of Anna's shift of that day, in UTC, which lasts from 07:00 to 15:00.
///
/// | | | when | report | keep both | delete | move | override all | ignore all |
const TABLE: [(&str, &str, &str, Words); 14] = [
    ("own", "2030-03-04", "09:00 10:00", ["report", "keep", "delete", "move", "delete", "delete"]),
    ("free", "2030-03-05", "09:00 10:00", ["-"; 6]),
    (
        "private",
        "2030-03-06",
        "09:00 10:00",
        ["report", "keep", "private", "private", "delete", "-"],
    ),
    (
        "invited",
        "2030-03-07",
        "09:00 10:00",
        ["report", "keep", "decline", "decline", "decline", "decline"],
    ),
    ("organised", "2030-03-08", "09:00 10:00", ["report", "keep", "delete", "move", "delete", "-"]),
    (
        "tentative",
        "2030-03-09",
        "09:00 10:00",
        ["report", "keep", "tentative", "tentative", "delete", "-"],
    ),
    ("declined", "2030-03-10", "09:00 10:00", ["-"; 6]),
    ("absent", "2030-03-11", "09:00 10:00", ["report", "keep", "absent", "absent", "delete", "-"]),
    (
        "unanswered",
        "2030-03-12",
        "09:00 10:00",
        ["report", "keep", "decline", "decline", "decline", "decline"],
    ),
    (
        "series",
        "2030-03-13",
        "09:00 10:00",
        ["report", "keep", "delete", "move", "delete", "delete"],
    ),
    ("day", "2030-03-14", "all day", ["report", "keep", "all day", "all day", "delete", "-"]),
    (
        "early",
        "2030-03-15",
        "06:30 07:30",
        ["report", "keep", "delete", "move", "delete", "delete"],
    ),
    ("late", "2030-03-16", "14:30 15:30", ["report", "keep", "delete", "move", "delete", "delete"]),
    ("before", "2030-03-17", "06:00 07:00", ["-"; 6]),
];

/// When an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Timed(Timestamp, Timestamp),
    Day(Date),
}

/// One event of Anna's, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    pub when: When,
    pub words: Words,
}

impl Case {
    pub fn title(&self) -> String {
        format!("About {}", self.name)
    }

    /// Its day, in UTC.
    pub fn day(&self) -> Date {
        match self.when {
            When::Timed(start, _) => start.to_zoned(TimeZone::UTC).date(),
            When::Day(day) => day,
        }
    }

    /// How `plan --json` tells when it is.
    pub fn planned_start(&self) -> String {
        match self.when {
            When::Timed(start, _) => start.to_string(),
            When::Day(day) => day.to_string(),
        }
    }
}

/// What is done to events, and why they are left, in a word each.
pub fn word(action: &str, because: &str) -> String {
    let why = match (action, because) {
        ("none", "the policy is to report") => "report",
        ("none", "the policy is to keep both") => "keep",
        ("none", "private events are only reported") => "private",
        ("none", "events of whole days are only reported") => "all day",
        ("none", "tentative events are only reported") => "tentative",
        ("none", "absences are only reported") => "absent",
        ("none", "it has begun") => "begun",
        ("none", other) => other,
        (action, _) => action,
    };
    why.to_owned()
}

/// Whether something is done to the event.
pub fn is_change(word: &str) -> bool {
    matches!(word, "delete" | "move" | "decline")
}

/// Every case of the table.
pub fn cases() -> Vec<Case> {
    let case = |(name, day, when, words): (&'static str, &str, &str, Words)| {
        let at = |time: &str| format!("{day}T{time}:00Z").parse().unwrap();
        let when = match when.split_once(' ').unwrap() {
            ("all", _) => When::Day(day.parse().unwrap()),
            (from, to) => When::Timed(at(from), at(to)),
        };
        Case { name, when, words }
    };
    TABLE.into_iter().map(case).collect()
}

/// Anna works on every day of the table.
pub fn roster() -> String {
    let mut roster = "employee,team,work,date,start,end\n".to_owned();
    for (_, day, ..) in TABLE {
        writeln!(roster, "anna,Front desk,Early,{day},08:00,16:00").unwrap();
    }
    roster
}

/// Anna is at work since an hour, with a meeting that goes on and one that is to come.
#[expect(clippy::disallowed_methods, reason = "what is under way depends on what time it is")]
pub fn under_way() -> (Vec<Case>, String) {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let now = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60).unwrap();
    let at = |minutes: i64| now + SignedDuration::from_mins(minutes);
    let local =
        |at: Timestamp, format: &str| at.to_zoned(zone.clone()).strftime(format).to_string();
    let roster = format!(
        "employee,team,work,date,start,end\nanna,Front desk,Early,{},{},{}\n",
        local(at(-60), "%Y-%m-%d"),
        local(at(-60), "%H:%M"),
        local(at(300), "%H:%M"),
    );
    let words = ["report", "keep", "begun", "begun", "begun", "begun"];
    let case = |name, from, to| Case { name, when: When::Timed(at(from), at(to)), words };
    (vec![case("going on", -30, 30), case("to come", 120, 180)], roster)
}
