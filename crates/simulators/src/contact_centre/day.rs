//! A working day from inside: what is done when, with breaks and an unpaid lunch.

use jiff::{SignedDuration, Timestamp};

use super::chance::Chance;
use super::{Activity, Hours};

/// What a group does most, and what else.
fn channels(group: &str) -> (&'static str, &'static str) {
    match group {
        "Sales EN" => ("Outbound", "Callbacks"),
        "Back office" => ("Case work", "Mail"),
        _ => ("Inbound", "Chat"),
    }
}

/// The parts of some work; `id` decides the details, so that they stay when the work is moved.
pub(super) fn activities(id: &str, group: &str, hours: &Hours) -> Vec<Activity> {
    let mut chance = Chance::of_text(id);
    let (first, second) = channels(group);
    let (first, second) = if chance.percent(50) { (first, second) } else { (second, first) };
    let last = match chance.below(10) {
        0 => "Training",
        1 | 2 => "Team meeting",
        _ => second,
    };
    let lunch = chance.pick([30, 30, 45]);
    let minutes = hours.end.duration_since(hours.start).as_mins();
    let quarter = |of_four: i64| minutes * of_four / 4 / 15 * 15;
    // Elapsed time, not clock time: on the night of a change every part keeps its length.
    let plan: Vec<(&'static str, i64, bool)> = if minutes >= 7 * 60 {
        vec![
            (first, quarter(1), true),
            ("Break", quarter(1) + 15, true),
            (second, quarter(2), true),
            ("Lunch", quarter(2) + lunch, false),
            (first, quarter(3), true),
            ("Break", quarter(3) + 15, true),
            (last, minutes, true),
        ]
    } else {
        vec![(first, quarter(2), true), ("Break", quarter(2) + 15, true), (last, minutes, true)]
    };
    let at = |minute: i64| hours.start + SignedDuration::from_mins(minute);
    let mut from: Timestamp = hours.start;
    let mut parts = Vec::with_capacity(plan.len());
    for (label, until, paid) in plan {
        let to = at(until);
        parts.push(Activity { label, start: from, end: to, paid });
        from = to;
    }
    parts
}
