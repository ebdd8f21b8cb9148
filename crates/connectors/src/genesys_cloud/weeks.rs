//! Which schedule is in force on which days. Pure.
//!
//! A schedule covers one to six weeks, and is published over others. That one which was published
//! over in part keeps its other weeks is not said anywhere; what was changed last wins each week.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::wire::ScheduleHead;

/// A published schedule, as far as it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub id: String,
    /// Its first day, in force or not: part of its address.
    pub week: Date,
    pub version: Option<u64>,
    /// First days, and days after the last, of the stretches in which it is in force.
    pub days: Vec<(Date, Date)>,
}

/// The schedules that are in force on some day from `first` up to `end`, by their first day.
pub(super) fn in_force(heads: &[ScheduleHead], first: Date, end: Date) -> BTreeMap<Date, Head> {
    let mut order: Vec<&ScheduleHead> =
        heads.iter().filter(|it| it.published != Some(false)).collect();
    // An instant, with parts of seconds or without: as texts `…22Z` would be after `…22.118Z`.
    let modified = |it: &ScheduleHead| {
        let text = it.metadata.as_ref().and_then(|it| it.date_modified.as_deref());
        text.and_then(|it| it.parse::<Timestamp>().ok())
    };
    order.sort_by_cached_key(|it| (modified(it), it.id.clone()));
    let mut by_week: BTreeMap<Date, &ScheduleHead> = BTreeMap::new();
    for head in order {
        for week in 0..i64::from(head.week_count.unwrap_or(1)) {
            by_week.insert(later(head.week_date, week), head);
        }
    }
    let mut found: BTreeMap<Date, Head> = BTreeMap::new();
    let mut keys: BTreeMap<&str, Date> = BTreeMap::new();
    for (week, head) in by_week {
        let next = later(week, 1);
        // One that lost its first week to another that begins there goes by its first own week.
        let taken = found.get(&head.week_date).is_some_and(|it| it.id != head.id);
        let own = if taken { week } else { head.week_date };
        let key = *keys.entry(head.id.as_str()).or_insert(own);
        let entry = found.entry(key).or_insert_with(|| Head {
            id: head.id.clone(),
            week: head.week_date,
            version: head.metadata.as_ref().map(|it| it.version),
            days: Vec::new(),
        });
        match entry.days.last_mut() {
            Some((_, end)) if *end == week => *end = next,
            Some(_) | None => entry.days.push((week, next)),
        }
    }
    found.retain(|_, head| head.days.iter().any(|(from, to)| *from < end && *to > first));
    found
}

fn later(day: Date, weeks: i64) -> Date {
    day.saturating_add(jiff::Span::new().weeks(weeks))
}
