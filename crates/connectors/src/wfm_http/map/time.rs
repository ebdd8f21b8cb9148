//! Instants and days, as the contract allows them.

use std::time::Duration;

use domain::UtcInterval;
use domain::time::local_day;
use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::Wrong;
use crate::wfm_http::wire::WireMoment;

/// Seconds since 1970 that no schedule has: milliseconds were meant.
const SECONDS_MAX: i64 = 100_000_000_000;

/// From an instant to a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// UTC, half-open.
    pub interval: UtcInterval,
    /// The offset that the start was written with, where it was.
    offset: Option<Offset>,
}

impl Span {
    /// The local day that work over this span belongs to: the one that is said; else that of its
    /// start, in the zone given or else at the offset that the start was written with.
    pub fn day(&self, said: Option<&str>, zone: Option<&TimeZone>) -> Result<Date, Wrong> {
        if let Some(said) = said {
            return day("day", said);
        }
        Ok(match (zone, self.offset) {
            (Some(zone), _) => local_day(self.interval.start(), zone),
            (None, Some(offset)) => offset.to_datetime(self.interval.start()).date(),
            (None, None) => local_day(self.interval.start(), &TimeZone::UTC),
        })
    }
}

/// Reads a start with an end or a length; both, when they agree.
pub fn span(
    start: Option<&WireMoment>,
    end: Option<&WireMoment>,
    length_minutes: Option<u32>,
) -> Result<Span, Wrong> {
    let Some(start) = start else {
        return Err(Wrong::new("start", "is missing; expected an instant"));
    };
    let (start, offset) = moment("start", start)?;
    let by_end = end.map(|end| moment("end", end)).transpose()?.map(|it| it.0);
    let by_length = length_minutes.map(|minutes| {
        let length = SignedDuration::from_secs(i64::from(minutes) * 60);
        start.checked_add(length).map_err(|_| Wrong::new("length_minutes", "is too much"))
    });
    let (field, end) = match (by_end, by_length.transpose()?) {
        (None, None) => {
            return Err(Wrong::new("end", "is missing; expected `end` or `length_minutes`"));
        }
        (Some(end), Some(other)) if end != other => {
            let message =
                format!("ends it at {other}, and `end` at {end}; expected one, or both alike");
            return Err(Wrong::new("length_minutes", message));
        }
        (Some(end), _) => ("end", end),
        (None, Some(end)) => ("length_minutes", end),
    };
    let interval = UtcInterval::new(start, end).map_err(|_| {
        Wrong::new(field, format!("ends it at {end}, which is not after its start at {start}"))
    })?;
    Ok(Span { interval, offset })
}

/// Reads an instant, and the offset that it was written with.
pub fn moment(field: &str, given: &WireMoment) -> Result<(Timestamp, Option<Offset>), Wrong> {
    match given {
        WireMoment::Seconds(seconds) if seconds.abs() >= SECONDS_MAX => {
            let message =
                format!("is {seconds}; expected seconds since 1970, these seem milliseconds");
            Err(Wrong::new(field, message))
        }
        WireMoment::Seconds(seconds) => {
            let at = Timestamp::from_second(*seconds);
            at.map(|at| (at, None)).map_err(|_| Wrong::new(field, "is out of reach"))
        }
        WireMoment::Text(text) => instant(field, text),
    }
}

fn instant(field: &str, text: &str) -> Result<(Timestamp, Option<Offset>), Wrong> {
    const EXPECTED: &str = "expected an instant like `2026-11-29T06:00:00Z` or \
                            `2026-11-29T07:00:00+01:00`";
    let shown: String = text.chars().take(40).collect();
    let Ok(at) = text.parse::<Timestamp>() else {
        let local = text.parse::<jiff::civil::DateTime>().is_ok();
        let what = if local { "has no offset" } else { "is no instant" };
        return Err(Wrong::new(field, format!("`{shown}` {what}; {EXPECTED}")));
    };
    let pieces = Pieces::parse(text).ok();
    let offset = pieces.and_then(|it| it.to_numeric_offset()).filter(|it| it.seconds() != 0);
    Ok((at, offset))
}

/// Reads a local day.
pub fn day(field: &str, text: &str) -> Result<Date, Wrong> {
    let plain = text.len() == 10;
    text.parse().ok().filter(|_| plain).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Wrong::new(field, format!("`{shown}` is no day; expected one like `2026-11-29`"))
    })
}

/// How instants are sent: UTC, to the second where nothing finer is said.
pub fn sent(at: Timestamp) -> String {
    at.to_string()
}

/// Minutes as a length of time; nothing where none were said.
pub fn minutes(given: Option<u64>) -> Duration {
    Duration::from_secs(given.unwrap_or(0).saturating_mul(60))
}
