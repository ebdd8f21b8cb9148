//! When an event is: `DTSTART` with `DTEND`, with `DURATION`, or alone (RFC 5545 §3.6.1).

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendarComponent, ICalendarDuration, ICalendarEntry, ICalendarProperty, ICalendarValue,
};
use domain::time::{LocalTimePolicy, resolve};
use domain::{EventSpan, UtcInterval};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::Unreadable;
use crate::zone::Zones;

const DAY_SECONDS: i64 = 24 * 3600;

/// 0000-01-01T00:00:00Z: years have four digits and no sign.
const FIRST_INSTANT: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// One end of an event.
enum Moment {
    Day(Date),
    /// With the zone in which it was written, for durations in days.
    Instant(Timestamp, TimeZone),
}

pub(super) fn read_span<'o>(
    component: &'o ICalendarComponent,
    zones: &Zones<'o>,
) -> Result<EventSpan, Unreadable> {
    let start = component.property(&ICalendarProperty::Dtstart).ok_or(Unreadable::NoStart)?;
    let start = moment(start, "DTSTART", zones)?;
    let end = component.property(&ICalendarProperty::Dtend);
    let duration = component.property(&ICalendarProperty::Duration);
    let end = match (end, duration) {
        (Some(end), _) => moment(end, "DTEND", zones)?,
        (None, Some(duration)) => match duration.values.first() {
            Some(ICalendarValue::Duration(duration)) => after(&start, duration)?,
            _ => {
                return Err(Unreadable::BadTime { property: "DURATION" });
            }
        },
        (None, None) => match start {
            Moment::Day(day) => Moment::Day(day.tomorrow().map_err(|_| Unreadable::Range)?),
            Moment::Instant(..) => return Err(Unreadable::Empty),
        },
    };
    match (start, end) {
        (Moment::Day(first), Moment::Day(end)) if end > first => {
            Ok(EventSpan::AllDay { first, end })
        }
        (Moment::Instant(start, _), Moment::Instant(end, _)) => {
            // A zone may have moved it before the first year that can be written back.
            if start < FIRST_INSTANT {
                return Err(Unreadable::Range);
            }
            let interval = UtcInterval::new(start, end).map_err(|_| Unreadable::Empty)?;
            Ok(EventSpan::Timed(interval))
        }
        (Moment::Day(_), Moment::Day(_)) => Err(Unreadable::Empty),
        (Moment::Day(_), Moment::Instant(..)) | (Moment::Instant(..), Moment::Day(_)) => {
            Err(Unreadable::Mixed)
        }
    }
}

fn moment<'o>(
    entry: &'o ICalendarEntry,
    property: &'static str,
    zones: &Zones<'o>,
) -> Result<Moment, Unreadable> {
    let bad = || Unreadable::BadTime { property };
    let Some(ICalendarValue::PartialDateTime(found)) = entry.values.first() else {
        return Err(bad());
    };
    let date = date_of(found).ok_or_else(bad)?;
    if !found.has_time() {
        return Ok(Moment::Day(date));
    }
    let local = date.to_datetime(time_of(found).ok_or_else(bad)?);
    // A zone in the value itself wins over a `TZID` beside it, which the rules forbid (§3.2.19).
    if let Some(hours) = found.tz_hour {
        let minutes = i64::from(hours) * 60 + i64::from(found.tz_minute.unwrap_or(0));
        let offset = if found.tz_minus { -minutes } else { minutes };
        let instant = local.to_zoned(TimeZone::UTC).map_err(|_| bad())?.timestamp();
        let instant = instant.checked_sub(SignedDuration::from_secs(offset * 60));
        return Ok(Moment::Instant(instant.map_err(|_| bad())?, TimeZone::UTC));
    }
    let zone = match entry.tz_id() {
        Some(tzid) => zones.get(tzid).ok_or_else(|| Unreadable::UnknownZone {
            property,
            tzid: tzid.chars().take(60).collect(),
        })?,
        None => zones.floating.clone().ok_or(Unreadable::Floating { property })?,
    };
    Ok(Moment::Instant(instant_of(local, &zone)?, zone))
}

/// Adds a duration: days by the calendar, the rest as elapsed time (§3.3.6).
fn after(start: &Moment, duration: &ICalendarDuration) -> Result<Moment, Unreadable> {
    let ICalendarDuration { neg, weeks, days, hours, minutes, seconds } = *duration;
    if neg {
        return Err(Unreadable::Empty);
    }
    let days = i64::from(weeks) * 7 + i64::from(days);
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    let range = |_| Unreadable::Range;
    match start {
        Moment::Day(first) if seconds % DAY_SECONDS == 0 => {
            let days = Span::new().try_days(days + seconds / DAY_SECONDS).map_err(range)?;
            Ok(Moment::Day(first.checked_add(days).map_err(range)?))
        }
        Moment::Day(_) => Err(Unreadable::Mixed),
        Moment::Instant(start, zone) => {
            let local = zone.to_datetime(*start);
            let day = if days == 0 {
                *start
            } else {
                let days = Span::new().try_days(days).map_err(range)?;
                instant_of(local.checked_add(days).map_err(range)?, zone)?
            };
            let end = day.checked_add(SignedDuration::from_secs(seconds)).map_err(range)?;
            Ok(Moment::Instant(end, zone.clone()))
        }
    }
}

/// Gaps move on, folds take the first, as §3.3.5 asks.
fn instant_of(local: DateTime, zone: &TimeZone) -> Result<Timestamp, Unreadable> {
    let resolved = resolve(local, zone, LocalTimePolicy::default());
    resolved.map(|(instant, _)| instant).map_err(|_| Unreadable::Range)
}

fn date_of(found: &PartialDateTime) -> Option<Date> {
    let number = |number: Option<u8>| i8::try_from(number?).ok();
    Date::new(i16::try_from(found.year?).ok()?, number(found.month)?, number(found.day)?).ok()
}

fn time_of(found: &PartialDateTime) -> Option<Time> {
    let number = |number: Option<u8>| i8::try_from(number?).ok();
    // A leap second (60) is the last moment of its minute: nobody's schedule starts in one.
    let second = found.second.unwrap_or(0);
    let second = if second == 60 { 59 } else { second };
    Time::new(number(found.hour)?, number(found.minute)?, number(Some(second))?, 0).ok()
}
