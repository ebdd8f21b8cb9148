//! Instants, half-open intervals, and the only way from local time to an instant.
//!
//! Instants are UTC ([`jiff::Timestamp`]). Intervals hold their start and not their end. Whoever
//! turns a civil time into an instant says what happens in a gap and in a fold
//! ([`LocalTimePolicy`]) and learns what was decided ([`Resolution`]), so that it can be reported.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};

/// A half-open interval of UTC instants: `start` is in it, `end` is not. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "IntervalParts", into = "IntervalParts")]
pub struct UtcInterval {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct IntervalParts {
    start: Timestamp,
    end: Timestamp,
}

/// The end of an interval is not after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interval ends at {end}, which is not after its start at {start}")]
pub struct IntervalError {
    /// The start that was given.
    pub start: Timestamp,
    /// The end that was given.
    pub end: Timestamp,
}

impl UtcInterval {
    /// Makes `[start, end)`.
    ///
    /// # Errors
    /// When `end` is not after `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, IntervalError> {
        if end > start { Ok(Self { start, end }) } else { Err(IntervalError { start, end }) }
    }

    /// The first instant of the interval.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant after the interval.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// The elapsed time from start to end; a night with a DST change counts its real hours.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unsigned_abs()
    }

    /// The same interval without fractions of a second, which no target keeps: both ends are cut,
    /// and one that would be empty lasts a second.
    #[must_use]
    pub fn to_whole_seconds(&self) -> Self {
        let cut = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
        let (start, end) = (cut(self.start), cut(self.end));
        if end > start {
            return Self { start, end };
        }
        Self { start, end: Timestamp::from_second(start.as_second() + 1).unwrap_or(self.end) }
    }

    /// Whether the two intervals share an instant; touching ends do not.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every instant of `other` is in this interval.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl UtcInterval {
    /// What both cover; `None` when they do not overlap.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).ok()
    }

    /// The shortest interval that covers both, and what lies between them.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl fmt::Display for UtcInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

impl TryFrom<IntervalParts> for UtcInterval {
    type Error = IntervalError;
    fn try_from(parts: IntervalParts) -> Result<Self, IntervalError> {
        Self::new(parts.start, parts.end)
    }
}

impl From<UtcInterval> for IntervalParts {
    fn from(interval: UtcInterval) -> Self {
        Self { start: interval.start, end: interval.end }
    }
}

/// The half-open interval of instants that one cycle looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncWindow {
    /// What is inside: entities that overlap this interval.
    pub interval: UtcInterval,
}

impl SyncWindow {
    /// The window around `now`, from `past` before it to `future` after it.
    ///
    /// Both ends are floored to the hour, so that cycles within one hour look at the same
    /// window. Instants outside the representable range are clamped to it.
    #[must_use]
    pub fn around(now: Timestamp, past: Duration, future: Duration) -> Self {
        let hour = 3600;
        let floor = now.as_second().div_euclid(hour) * hour;
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let at = |second: i64| {
            let second = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
            Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
        };
        let start = at(floor.saturating_sub(seconds(past)));
        let end = at(floor.saturating_add(seconds(future)).max(start.as_second() + 1));
        Self { interval: UtcInterval { start, end } }
    }

    /// The shortest window of whole UTC days around this one: the same for most of a day, for
    /// sources that tell what changed inside one window only.
    #[must_use]
    pub fn to_whole_days(&self) -> Self {
        let day = 24 * 3600;
        let at = |second: i64, otherwise| Timestamp::from_second(second).unwrap_or(otherwise);
        let (start, end) = (self.interval.start, self.interval.end);
        let first = at(start.as_second().div_euclid(day) * day, start);
        let past = end.as_second() + i64::from(end.subsec_nanosecond() > 0);
        let last = at((past + day - 1).div_euclid(day) * day, end);
        Self { interval: UtcInterval { start: first.min(start), end: last.max(end) } }
    }

    /// Whether an entity over `interval` is inside: it shares an instant with the window.
    #[must_use]
    pub fn admits(&self, interval: &UtcInterval) -> bool {
        self.interval.overlaps(interval)
    }
}

/// What to do with a local time that a clock skips (spring forward).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapPolicy {
    /// Move on by the length of the gap: 02:30 becomes 03:30, as RFC 5545 §3.3.5 asks.
    #[default]
    After,
    /// Move back by the length of the gap: 02:30 becomes 01:30.
    Before,
    /// Report the time as wrong.
    Refuse,
}

/// What to do with a local time that a clock shows twice (autumn back).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldPolicy {
    /// The first of the two, still in summer time, as RFC 5545 §3.3.5 asks.
    #[default]
    Earlier,
    /// The second of the two, already in standard time.
    Later,
    /// Report the time as wrong.
    Refuse,
}

/// How local times are turned into instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LocalTimePolicy {
    /// For local times that do not exist.
    pub gap: GapPolicy,
    /// For local times that exist twice.
    pub fold: FoldPolicy,
}

/// How a local time became an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The clock shows it once.
    Unambiguous,
    /// The clock skips it; [`GapPolicy`] decided.
    Gap,
    /// The clock shows it twice; [`FoldPolicy`] decided.
    Fold,
}

/// A local time that the policy refuses, or that lies outside the representable range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalTimeError {
    /// The clock skips it and the policy is [`GapPolicy::Refuse`].
    #[error("{local} does not exist in {zone}: clocks skip it")]
    Gap {
        /// The local time.
        local: DateTime,
        /// The IANA name of its zone.
        zone: String,
    },
    /// The clock shows it twice and the policy is [`FoldPolicy::Refuse`].
    #[error("{local} exists twice in {zone}: clocks show it again")]
    Fold {
        /// The local time.
        local: DateTime,
        /// The IANA name of its zone.
        zone: String,
    },
    /// Outside the years -9999 to 9999.
    #[error("{local} in {zone} is outside the years that can be represented")]
    Range {
        /// The local time.
        local: DateTime,
        /// The IANA name of its zone.
        zone: String,
    },
}

/// Turns a local time into the instant that it names in `zone`, by `policy`.
///
/// # Errors
/// When the policy refuses a gap or a fold, or the instant cannot be represented.
pub fn resolve(
    local: DateTime,
    zone: &TimeZone,
    policy: LocalTimePolicy,
) -> Result<(Timestamp, Resolution), LocalTimeError> {
    let name = || zone.iana_name().unwrap_or("a fixed offset").to_owned();
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let (instant, resolution) = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => (ambiguous.compatible(), Resolution::Unambiguous),
        AmbiguousOffset::Gap { .. } => match policy.gap {
            GapPolicy::After => (ambiguous.later(), Resolution::Gap),
            GapPolicy::Before => (ambiguous.earlier(), Resolution::Gap),
            GapPolicy::Refuse => {
                return Err(LocalTimeError::Gap { local, zone: name() });
            }
        },
        AmbiguousOffset::Fold { .. } => match policy.fold {
            FoldPolicy::Earlier => (ambiguous.earlier(), Resolution::Fold),
            FoldPolicy::Later => (ambiguous.later(), Resolution::Fold),
            FoldPolicy::Refuse => {
                return Err(LocalTimeError::Fold { local, zone: name() });
            }
        },
    };
    let instant = instant.map_err(|_| LocalTimeError::Range { local, zone: name() })?;
    Ok((instant, resolution))
}

/// The calendar day that a clock in `zone` shows at `instant`.
#[must_use]
pub fn local_day(instant: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(instant).date()
}

/// The instants of the local days `first` up to but not including `end`, in `zone`.
///
/// A day starts at its first instant: where clocks skip midnight, that is after the gap; where
/// they show it twice, the earlier one. A day that a zone skipped altogether is empty, and so
/// absent here.
///
/// # Errors
/// When `end` is not after `first`, or an instant cannot be represented.
pub fn days_to_interval(first: Date, end: Date, zone: &TimeZone) -> Result<UtcInterval, DaysError> {
    let start_of = |day: Date| {
        day.to_zoned(zone.clone())
            .map(|midnight| midnight.timestamp())
            .map_err(|_| DaysError::Range)
    };
    let (start, stop) = (start_of(first)?, start_of(end)?);
    UtcInterval::new(start, stop).map_err(|_| DaysError::Empty { first, end })
}

/// Why days are not an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DaysError {
    /// The last day is before the first.
    #[error("days from {first} up to {end} are empty")]
    Empty {
        /// The first day, included.
        first: Date,
        /// The end, not included.
        end: Date,
    },
    /// Outside the years -9999 to 9999.
    #[error("the days are outside the years that can be represented")]
    Range,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn check(zone_name: &str, local: DateTime, expected: &str, resolution: Resolution) {
        let policy = LocalTimePolicy::default();
        let (instant, found) = resolve(local, &zone(zone_name), policy).unwrap();
        assert_eq!((instant.to_string().as_str(), found), (expected, resolution), "{zone_name}");
    }

    #[test]
    fn gaps_move_on_and_folds_take_the_first() {
        let (gap, fold) = (Resolution::Gap, Resolution::Fold);
        check("Europe/Berlin", date(2027, 3, 28).at(2, 30, 0, 0), "2027-03-28T01:30:00Z", gap);
        check("Europe/Berlin", date(2026, 10, 25).at(2, 30, 0, 0), "2026-10-25T00:30:00Z", fold);
        check("America/New_York", date(2027, 3, 14).at(2, 30, 0, 0), "2027-03-14T07:30:00Z", gap);
        check("America/New_York", date(2026, 11, 1).at(1, 30, 0, 0), "2026-11-01T05:30:00Z", fold);
        // Lord Howe moves by half an hour.
        check(
            "Australia/Lord_Howe",
            date(2026, 10, 4).at(2, 15, 0, 0),
            "2026-10-03T15:45:00Z",
            gap,
        );
        check(
            "Australia/Lord_Howe",
            date(2026, 4, 5).at(1, 45, 0, 0),
            "2026-04-04T14:45:00Z",
            fold,
        );
    }

    #[test]
    fn a_zone_that_abolished_dst_has_neither_gap_nor_fold_afterwards() {
        // America/Mexico_City changed its clocks for the last time on 2022-10-30.
        let plain = Resolution::Unambiguous;
        let spring = date(2027, 4, 4).at(2, 30, 0, 0);
        check("America/Mexico_City", spring, "2027-04-04T08:30:00Z", plain);
    }

    #[test]
    fn a_refusing_policy_names_the_time_and_the_zone() {
        let policy = LocalTimePolicy { gap: GapPolicy::Refuse, fold: FoldPolicy::Refuse };
        let gap = resolve(date(2027, 3, 28).at(2, 30, 0, 0), &zone("Europe/Berlin"), policy);
        assert_eq!(
            gap.unwrap_err().to_string(),
            "2027-03-28T02:30:00 does not exist in Europe/Berlin: clocks skip it"
        );
    }

    #[test]
    fn a_night_over_a_change_has_its_real_length() {
        let berlin = zone("Europe/Berlin");
        let at = |local| resolve(local, &berlin, LocalTimePolicy::default()).unwrap().0;
        let (from, to) = (date(2026, 10, 24).at(22, 0, 0, 0), date(2026, 10, 25).at(6, 0, 0, 0));
        let night = UtcInterval::new(at(from), at(to)).unwrap();
        assert_eq!(night.duration(), Duration::from_secs(9 * 3600));
    }

    proptest! {
        #[test]
        fn in_every_zone_a_resolved_time_reads_back_unless_it_was_in_a_gap(
            index in 0usize..600, second in 0i64..2_000_000_000,
        ) {
            let names: Vec<_> = jiff::tz::db().available().collect();
            let zone = zone(names[index % names.len()].as_str());
            let shown = zone.to_datetime(Timestamp::from_second(second).unwrap());
            let (instant, resolution) = resolve(shown, &zone, LocalTimePolicy::default()).unwrap();
            prop_assert_ne!(resolution, Resolution::Gap);
            prop_assert_eq!(zone.to_datetime(instant), shown);
        }

        #[test]
        fn in_every_zone_days_tile_without_gap_or_overlap(
            index in 0usize..600, day in -20_000i32..40_000,
        ) {
            let names: Vec<_> = jiff::tz::db().available().collect();
            let zone = zone(names[index % names.len()].as_str());
            let first = date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let second = first.tomorrow().unwrap();
            let third = second.tomorrow().unwrap();
            let days = (
                days_to_interval(first, second, &zone),
                days_to_interval(second, third, &zone),
                days_to_interval(first, third, &zone),
            );
            // A zone that skipped a whole day (Samoa, 2011-12-30) has an empty one.
            if let (Ok(one), Ok(two), Ok(both)) = days {
                prop_assert_eq!(one.end(), two.start());
                prop_assert_eq!((both.start(), both.end()), (one.start(), two.end()));
            }
        }
    }

    #[test]
    fn a_window_floors_to_the_hour_and_admits_what_overlaps() {
        let now: Timestamp = "2026-11-21T03:45:10Z".parse().unwrap();
        let window = SyncWindow::around(now, Duration::from_secs(3600), Duration::from_secs(7200));
        assert_eq!(window.interval.to_string(), "2026-11-21T02:00:00Z/2026-11-21T05:00:00Z");
        let touching = UtcInterval::new(window.interval.end(), Timestamp::MAX).unwrap();
        assert!(!window.admits(&touching));
    }
}
