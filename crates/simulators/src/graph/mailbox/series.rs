//! Series: their occurrences, and those that differ.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};

use super::{Event, Span};

/// Occurrences of a series without an end that are there.
const OCCURRENCES_MAX: u32 = 200;

/// What makes an event a series: every so many days, so many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Days from one to the next.
    pub every_days: i64,
    /// How many there are.
    pub count: u32,
    /// The days of those that were deleted.
    pub deleted: BTreeSet<Date>,
}

/// The id of an occurrence.
pub(super) fn occurrence_id(master: &str, day: Date) -> String {
    format!("{master}.OID.{day}")
}

/// The series and the day behind the id of an occurrence.
pub(super) fn parse_occurrence(id: &str) -> Option<(&str, Date)> {
    let (master, day) = id.rsplit_once(".OID.")?;
    Some((master, day.parse().ok()?))
}

fn first_day(master: &Event) -> Date {
    match master.span {
        Span::Timed(start, _) => start.to_zoned(TimeZone::UTC).date(),
        Span::AllDay(first, _) => first,
    }
}

/// The days of a series, and when its occurrence of that day is.
pub(super) fn days(master: &Event) -> Vec<(Date, Span)> {
    let Some(series) = &master.series else { return Vec::new() };
    let first = first_day(master);
    let nth = |n: u32| {
        let days = series.every_days * i64::from(n);
        let day = first.checked_add(days.days()).ok()?;
        let span = match master.span {
            Span::Timed(start, end) => {
                let by = SignedDuration::from_hours(24 * days);
                Span::Timed(start.checked_add(by).ok()?, end.checked_add(by).ok()?)
            }
            Span::AllDay(from, to) => {
                Span::AllDay(from.checked_add(days.days()).ok()?, to.checked_add(days.days()).ok()?)
            }
        };
        Some((day, span))
    };
    let all = (0..series.count.min(OCCURRENCES_MAX)).filter_map(nth);
    all.filter(|(day, _)| !series.deleted.contains(day)).collect()
}

/// One occurrence as it follows from its series.
pub(super) fn occurrence(master: &Event, day: Date) -> Option<Event> {
    let (_, span) = days(master).into_iter().find(|(it, _)| *it == day)?;
    Some(Event {
        id: occurrence_id(&master.id, day),
        span,
        series: None,
        occurrence_of: Some((master.id.clone(), day)),
        transaction_id: None,
        ..master.clone()
    })
}

/// `recurrence`, as Graph writes it.
pub(super) fn shown(master: &Event) -> Value {
    let Some(series) = &master.series else { return Value::Null };
    json!({
        "pattern": {
            "type": "daily", "interval": series.every_days, "month": 0, "dayOfMonth": 0,
            "firstDayOfWeek": "sunday", "index": "first", "daysOfWeek": [],
        },
        "range": {
            "type": "numbered", "startDate": first_day(master).to_string(), "endDate": "0001-01-01",
            "recurrenceTimeZone": "UTC", "numberOfOccurrences": series.count,
        },
    })
}

/// A series, as a client writes it: daily or weekly, numbered.
pub(super) fn parsed(value: &Value) -> Option<Series> {
    let (pattern, range) = (&value["pattern"], &value["range"]);
    let interval = pattern["interval"].as_i64().filter(|it| *it > 0)?;
    let every_days = match pattern["type"].as_str()? {
        "daily" => interval,
        "weekly" => interval * 7,
        _ => return None,
    };
    let count = range["numberOfOccurrences"].as_u64().unwrap_or(u64::from(OCCURRENCES_MAX));
    Some(Series { every_days, count: u32::try_from(count).ok()?, deleted: BTreeSet::new() })
}
