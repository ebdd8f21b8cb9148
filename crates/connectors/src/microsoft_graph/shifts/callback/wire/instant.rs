//! Instants as the vendor spells them, and as it once did.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};

/// Reads `2024-10-11T21:27:59.0134605Z`, the same without a zone (which is UTC), and, from older
/// traffic, `5/31/2020 11:00:00 PM +00:00`. A blank that was a `+` before a URL was decoded is
/// read as one.
#[must_use]
pub fn read_instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return TimeZone::UTC.to_timestamp(civil).ok();
    }
    if let Some((civil, offset)) = text.rsplit_once(' ')
        && let Ok(instant) = format!("{civil}+{offset}").parse::<Timestamp>()
    {
        return Some(instant);
    }
    read_invariant(text)
}

/// Month, day, year, the half of the day, an offset: .NET's culture-invariant form.
fn read_invariant(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let mut day = words.next()?.splitn(3, '/');
    let mut number = || day.next()?.parse::<i16>().ok();
    let (month, day, year) = (number()?, number()?, number()?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;

    let mut clock = words.next()?.splitn(3, ':');
    let mut number = || clock.next().map_or(Some(0), |part| part.parse::<i8>().ok());
    let (hour, minute, second) = (number()?, number()?, number()?);
    let mut rest = words.next();
    let hour = match rest.map(str::to_ascii_uppercase).as_deref() {
        Some(half @ ("AM" | "PM")) => {
            rest = words.next();
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour % 12 + if half == "PM" { 12 } else { 0 }
        }
        Some(_) | None => hour,
    };
    let civil = date.to_datetime(Time::new(hour, minute, second, 0).ok()?);
    let offset = rest.map_or(Some(Offset::UTC), read_offset)?;
    if words.next().is_some() {
        return None;
    }
    offset.to_timestamp(civil).ok()
}

fn read_offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let minutes = hours.parse::<i64>().ok()?.checked_mul(60)? + minutes.parse::<u8>().ok()? as i64;
    let seconds = SignedDuration::from_mins(minutes.checked_mul(sign)?).as_secs();
    Offset::from_seconds(i32::try_from(seconds).ok()?).ok()
}

/// For serde: null and what is no instant are none.
///
/// An edit whose times cannot be read is refused by the grammar, element by element.
pub fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(read_instant))
}
