//! How dates, times and lengths are written. Pure.
//!
//! Without a declaration: ISO 8601 dates, clock times with 24 hours or with AM and PM. Everything
//! that could also mean something else (`0830`, `510`, `8,5`, `25.10.2026`) has to be declared;
//! `init --from` proposes the declaration.

use std::str::FromStr;

use jiff::civil::{Date, Time, date};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Span, Timestamp};

/// Days that a time may lie after the day that it is counted from.
const DAYS_LATER_MAX: i64 = 7;
const MINUTES_PER_DAY: i64 = 24 * 60;
/// Characters of a value that are looked at as a date with a time.
const MOMENT_CHARS_MAX: usize = 64;

/// What a field of time can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A time of some day.
    Time(Time),
    /// `24:00`: the end of some day.
    Midnight,
    /// A time so many days after some day.
    Later(i64, Time),
    /// A local date and time.
    Local(jiff::civil::DateTime),
    /// An instant, with the offset that it was written with.
    Instant(Timestamp, Offset),
}

/// How dates are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DateFormat {
    /// `2026-10-25`.
    #[default]
    Iso,
    /// In strftime's letters.
    Pattern(String),
    /// Days since 1899-12-30, as spreadsheets count; a fraction is a time.
    Serial,
    /// Days since the day given.
    DaysSince(Date),
}

/// How times of day are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// `22:00`, `6:30`, `22:00:15`, `24:00`, `10 PM`, `10:30 p.m.`.
    #[default]
    Clock,
    /// Minutes since midnight; from 1440 on they are of the next day.
    Minutes,
    /// Hours with a fraction: `8.5`, `8,5`.
    Hours,
    /// `0830`.
    Compact,
    /// In strftime's letters.
    Pattern(String),
}

/// What a length without a unit is counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LengthUnit {
    /// Minutes.
    #[default]
    Minutes,
    /// Hours.
    Hours,
}

impl FromStr for DateFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "excel" {
            return Ok(Self::Serial);
        }
        if let Some(day) = text.strip_prefix("days since ") {
            let day = day
                .trim()
                .parse()
                .map_err(|_| format!("`{day}` is no day; expected `days since 2026-01-05`"))?;
            return Ok(Self::DaysSince(day));
        }
        // Two days that differ in everything: what is written in this format can be read again.
        let round_trips = [date(2026, 1, 31), date(2039, 12, 5)].into_iter().all(|day| {
            let written = jiff::fmt::strtime::format(text, day).ok();
            written.and_then(|it| Date::strptime(text, &it).ok()) == Some(day)
        });
        match round_trips {
            true => Ok(Self::Pattern(text.to_owned())),
            false => Err(format!(
                "`{text}` does not say year, month and day; expected one like `%d.%m.%Y`, `excel` \
                 or `days since 2026-01-05`"
            )),
        }
    }
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "clock" => return Ok(Self::Clock),
            "minutes" => return Ok(Self::Minutes),
            "hours" => return Ok(Self::Hours),
            "hhmm" => return Ok(Self::Compact),
            _ => {}
        }
        let round_trips = [Time::constant(7, 5, 0, 0), Time::constant(22, 40, 0, 0)];
        let round_trips = round_trips.into_iter().all(|time| {
            let written = jiff::fmt::strtime::format(text, time.on(2026, 1, 31)).ok();
            written.and_then(|it| Time::strptime(text, &it).ok()) == Some(time)
        });
        match round_trips {
            true => Ok(Self::Pattern(text.to_owned())),
            false => Err(format!(
                "`{text}` does not say hour and minute; expected `clock`, `minutes`, `hours`, \
                 `hhmm` or one like `%H.%M`"
            )),
        }
    }
}

impl DateFormat {
    /// A word for it, for messages.
    pub fn shown(&self) -> String {
        match self {
            Self::Iso => "one like `2026-10-25`".to_owned(),
            Self::Pattern(pattern) => format!("the form `{pattern}`"),
            Self::Serial => "days since 1899-12-30, as in spreadsheets".to_owned(),
            Self::DaysSince(day) => format!("a count of days since {day}"),
        }
    }

    /// Reads a date.
    pub fn read(&self, text: &str) -> Option<Date> {
        match self {
            Self::Pattern(pattern) => Date::strptime(pattern, text).ok(),
            // Exactly the ten characters: the library would also take a date with a time.
            Self::Iso if text.len() == 10 => text.parse().ok(),
            Self::Iso => None,
            Self::Serial => {
                let days: i64 = text.strip_suffix(".0").unwrap_or(text).parse().ok()?;
                days_after(date(1899, 12, 30), days)
            }
            Self::DaysSince(day) => days_after(*day, text.parse().ok()?),
        }
    }
}

fn days_after(day: Date, days: i64) -> Option<Date> {
    day.checked_add(Span::new().try_days(days).ok()?).ok()
}

impl TimeFormat {
    /// A word for it, for messages.
    pub fn shown(&self) -> String {
        match self {
            Self::Clock => "a time like `22:00` or `10:00 PM`, a local date and time, or an \
                            instant like `2026-10-25T22:00:00Z`"
                .to_owned(),
            Self::Minutes => "minutes since midnight".to_owned(),
            Self::Hours => "hours with a fraction, like `8.5`".to_owned(),
            Self::Compact => "four digits, like `0830`".to_owned(),
            Self::Pattern(pattern) => format!("the form `{pattern}`"),
        }
    }

    /// Reads a time of day.
    pub fn read(&self, text: &str) -> Option<Moment> {
        match self {
            Self::Clock => clock(text),
            Self::Minutes => minutes_of_day(text.parse().ok()?),
            Self::Hours => {
                let hours: f64 = text.replacen(',', ".", 1).parse().ok()?;
                let fits = (0.0..=24.0 * DAYS_LATER_MAX as f64).contains(&hours);
                fits.then(|| minutes_of_day((hours * 60.0).round() as i64))?
            }
            Self::Compact => {
                let plain = (3..=4).contains(&text.len()) && text.bytes().all(is_digit);
                let number: i64 = if plain { text.parse().ok()? } else { return None };
                let (hour, minute) = (number / 100, number % 100);
                let fits = hour < 24 || (hour, minute) == (24, 0);
                (fits && minute < 60).then(|| minutes_of_day(hour * 60 + minute))?
            }
            Self::Pattern(pattern) => Time::strptime(pattern, text).ok().map(Moment::Time),
        }
    }
}

/// Reads whatever a field of time says.
pub fn moment(text: &str, dates: &DateFormat, times: &TimeFormat) -> Option<Moment> {
    if let Some(moment) = times.read(text) {
        return Some(moment);
    }
    if let Some(moment) = iso(text) {
        return Some(moment);
    }
    if *dates == DateFormat::Serial
        && let Some(moment) = serial(text)
    {
        return Some(moment);
    }
    if text.len() > MOMENT_CHARS_MAX {
        return None;
    }
    // Dates and times may both hold blanks: `29 Nov 2026 10:00 PM`.
    let cuts = text.char_indices().filter(|(_, it)| it.is_whitespace() || *it == 'T');
    for (at, cut) in cuts {
        let (day, time) = (text[..at].trim_end(), text[at + cut.len_utf8()..].trim_start());
        let Some(day) = dates.read(day.trim_end_matches(',')) else { continue };
        let Some(time) = times.read(time) else { continue };
        return at_day(day, time);
    }
    None
}

/// A time on a day.
pub fn at_day(day: Date, moment: Moment) -> Option<Moment> {
    let local = match moment {
        Moment::Time(time) => day.to_datetime(time),
        Moment::Midnight => day.tomorrow().ok()?.to_datetime(Time::midnight()),
        Moment::Later(days, time) => days_after(day, days)?.to_datetime(time),
        Moment::Local(_) | Moment::Instant(..) => return None,
    };
    Some(Moment::Local(local))
}

fn iso(text: &str) -> Option<Moment> {
    let pieces = Pieces::parse(text).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let whole = |time: Time| time.with().subsec_nanosecond(0).build().ok();
    let local = pieces.date().to_datetime(whole(pieces.time()?)?);
    match pieces.to_numeric_offset() {
        Some(offset) => Some(Moment::Instant(offset.to_timestamp(local).ok()?, offset)),
        None => Some(Moment::Local(local)),
    }
}

/// Days with a fraction, as spreadsheets count; to the second.
fn serial(text: &str) -> Option<Moment> {
    let days: f64 = text.parse().ok()?;
    if !(0.0..2_958_466.0).contains(&days) {
        return None;
    }
    let seconds = (days * 86_400.0).round() as i64;
    let time = seconds_of_day(seconds % 86_400)?;
    match seconds / 86_400 {
        0 => Some(Moment::Time(time)),
        whole => Some(Moment::Local(days_after(date(1899, 12, 30), whole)?.to_datetime(time))),
    }
}

fn seconds_of_day(seconds: i64) -> Option<Time> {
    Time::midnight().checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn minutes_of_day(minutes: i64) -> Option<Moment> {
    if !(0..=DAYS_LATER_MAX * MINUTES_PER_DAY).contains(&minutes) {
        return None;
    }
    let time = seconds_of_day(minutes % MINUTES_PER_DAY * 60)?;
    Some(match minutes / MINUTES_PER_DAY {
        0 => Moment::Time(time),
        1 if time == Time::midnight() => Moment::Midnight,
        days => Moment::Later(days, time),
    })
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// Reads `22:00`, `6:30`, `22:00:15`, `24:00`, `10 PM`, `10:30 p.m.`.
fn clock(text: &str) -> Option<Moment> {
    let (digits, half) = half_of_day(text)?;
    let mut parts = digits.split(':');
    let mut number = |lengths: std::ops::RangeInclusive<usize>| -> Option<i8> {
        let part = parts.next()?;
        let plain = lengths.contains(&part.len()) && part.bytes().all(is_digit);
        if plain { part.parse().ok() } else { None }
    };
    let colons = digits.bytes().filter(|it| *it == b':').count();
    let hour = number(1..=2)?;
    let minute = if colons == 0 { 0 } else { number(2..=2)? };
    let second = if colons < 2 { 0 } else { number(2..=2)? };
    // Without minutes it is only a time when it says which half of the day.
    if colons > 2 || (colons == 0 && half.is_none()) {
        return None;
    }
    let hour = match (half, hour) {
        (None, 24) if (minute, second) == (0, 0) => return Some(Moment::Midnight),
        (None, hour) => hour,
        (Some(_), hour) if !(1..=12).contains(&hour) => return None,
        (Some(Half::Before), 12) => 0,
        (Some(Half::Before), hour) | (Some(Half::After), hour @ 12) => hour,
        (Some(Half::After), hour) => hour + 12,
    };
    Time::new(hour, minute, second, 0).ok().map(Moment::Time)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Before,
    After,
}

/// Cuts AM or PM off; nothing when what follows the digits is something else.
fn half_of_day(text: &str) -> Option<(&str, Option<Half>)> {
    let end = text.bytes().rposition(is_digit)? + 1;
    let (digits, word) = text.split_at(end);
    if word.is_empty() {
        return Some((digits, None));
    }
    let mut letters = [0_u8; 2];
    let mut count = 0;
    for it in word.chars().filter(|it| !it.is_whitespace() && *it != '.') {
        let slot = letters.get_mut(count)?;
        *slot = u8::try_from(it).ok()?.to_ascii_lowercase();
        count += 1;
    }
    match &letters[..count] {
        b"am" | b"a" => Some((digits, Some(Half::Before))),
        b"pm" | b"p" => Some((digits, Some(Half::After))),
        _ => None,
    }
}

/// Reads a length of time: `480`, `8:00`, `7.5`, `7h 30m`, `PT8H`.
pub fn length(text: &str, unit: LengthUnit) -> Option<SignedDuration> {
    let length = if let Some((hours, minutes)) = text.split_once(':') {
        let plain = minutes.len() == 2 && minutes.bytes().all(is_digit);
        let (hours, minutes): (i64, i64) =
            if plain { (hours.parse().ok()?, minutes.parse().ok()?) } else { return None };
        let fits = (0..10_000).contains(&hours) && minutes < 60;
        fits.then(|| SignedDuration::from_mins(hours * 60 + minutes))?
    } else if let Ok(number) = text.replacen(',', ".", 1).parse::<f64>() {
        let minutes = match unit {
            LengthUnit::Minutes => number,
            LengthUnit::Hours => number * 60.0,
        };
        if !(0.0..1e6).contains(&minutes) {
            return None;
        }
        SignedDuration::from_secs((minutes * 60.0).round() as i64)
    } else {
        text.parse().ok()?
    };
    (!length.is_negative()).then_some(length)
}
