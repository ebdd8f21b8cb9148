//! A contact centre, played: a generated roster that looks like a real one.
//!
//! Support, sales and back office; early, late and night shifts with their breaks; part-time,
//! leave, sickness, open shifts. A pure function of its [`Spec`]: the same one gives the same
//! bytes. What comes out is CSV text as a workforce-management system would export it
//! ([`ContactCentre::roster_csv`], [`ContactCentre::employees_csv`]), so that whoever shows it
//! (the `demo` command, tests) reads it through the real connector; and one believable change
//! after the other ([`ContactCentre::next_change`]).
//!
//! Kept by construction: no employee has two shifts at once, a shift during an absence, less than
//! eleven hours between two shifts, or more than five shifts in a calendar week. Changes keep it
//! so. All people are invented; their addresses are at example.com.

pub(crate) mod chance;
mod change;
mod day;
mod files;
mod names;
mod plan;
#[cfg(test)]
mod tests;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use change::Change;
pub use files::COLUMNS;

/// Least time between two shifts of one employee.
const REST_MIN: SignedDuration = SignedDuration::from_hours(11);

/// Which contact centre.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Another seed, other people and other shifts.
    pub seed: u64,
    /// How many employees.
    pub employees: usize,
    /// How many weeks are planned.
    pub weeks: usize,
    /// The Monday of the first week; another day is taken back to its Monday.
    pub first_monday: Date,
    /// Where its clocks are.
    pub zone: TimeZone,
}

/// A contact centre's published schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactCentre {
    /// Where its clocks are.
    pub zone: TimeZone,
    /// Who works there, ordered by id.
    pub employees: Vec<Employee>,
    /// Assigned work, ordered by employee and start.
    pub shifts: Vec<Shift>,
    /// Unassigned work.
    pub open_shifts: Vec<OpenShift>,
    /// Granted absences.
    pub absences: Vec<Absence>,
}

/// Somebody who works there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Employee {
    /// `E0001` and so on.
    pub id: String,
    /// First and last name.
    pub name: String,
    /// Unique, at example.com.
    pub email: String,
    /// Where they belong.
    pub group: &'static str,
}

/// Assigned work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Kept over every change.
    pub id: String,
    /// The employee's id.
    pub employee: String,
    /// The schedule group.
    pub group: &'static str,
    /// `Early`, `Day`, `Late`, `Night` or `Office`.
    pub label: &'static str,
    /// When it is.
    pub hours: Hours,
    /// Its parts: without gaps, from start to end.
    pub activities: Vec<Activity>,
    /// What the planner wrote.
    pub notes: Option<&'static str>,
}

/// Unassigned work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenShift {
    /// Kept over every change.
    pub id: String,
    /// Whose members may claim it.
    pub group: &'static str,
    /// As of a shift.
    pub label: &'static str,
    /// When it is.
    pub hours: Hours,
    /// How many can still claim it.
    pub open_slots: u32,
    /// Its parts.
    pub activities: Vec<Activity>,
}

/// An absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Its id.
    pub id: String,
    /// The employee's id.
    pub employee: String,
    /// Why.
    pub reason: &'static str,
    /// When.
    pub span: AbsenceSpan,
}

/// When somebody is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AbsenceSpan {
    /// From the first day to the last, both included.
    Days(Date, Date),
    /// Part of a day.
    Hours(Hours),
}

impl AbsenceSpan {
    /// Whether somebody can work then all the same.
    fn leaves(&self, hours: &Hours) -> bool {
        match self {
            Self::Days(first, last) => hours.from.date() > *last || hours.to.date() < *first,
            Self::Hours(away) => away.is_apart(hours, SignedDuration::ZERO),
        }
    }
}

/// Local times of the contact centre, and the instants that they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// When it starts, on the clocks there.
    pub from: DateTime,
    /// When it ends.
    pub to: DateTime,
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Hours {
    /// Local times at which no clock is changed anywhere; `None` outside the calendar.
    fn new(from: DateTime, to: DateTime, zone: &TimeZone) -> Option<Self> {
        let instant = |local: DateTime| Some(local.to_zoned(zone.clone()).ok()?.timestamp());
        Some(Self { from, to, start: instant(from)?, end: instant(to)? })
    }

    /// Whether somebody can do both with `rest` in between.
    fn is_apart(&self, other: &Self, rest: SignedDuration) -> bool {
        let gap = |a: &Self, b: &Self| b.start.duration_since(a.end) >= rest;
        gap(self, other) || gap(other, self)
    }
}

/// A part of some work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What is done.
    pub label: &'static str,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Whether it counts as working time.
    pub paid: bool,
}

/// Makes the contact centre of `spec`.
#[must_use]
pub fn generate(spec: &Spec) -> ContactCentre {
    plan::plan(spec)
}
