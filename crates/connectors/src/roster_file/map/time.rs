//! When a row is: from dates, local times and zones to instants.
//!
//! The only conversion of local time in this provider; it goes through [`domain::time::resolve`]
//! and reports what was decided.

use std::cmp::Ordering;

use domain::UtcInterval;
use domain::limits::{SHIFT_DURATION_MAX, TIME_OFF_DAYS_MAX};
use domain::time::{LocalTimeError, Resolution, local_day, resolve};
use domain::time_off::TimeOffSpan;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};

use super::Rules;
use crate::roster_file::wire::Field;
use crate::table::RowFault;

const TIME_FORMS: &str = "expected a time like `22:00`, a local date and time, \
    or an instant like `2026-10-25T22:00:00Z`";

/// The fields that say when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'r> {
    pub date: &'r Field<'r>,
    pub start: &'r Field<'r>,
    pub end: &'r Field<'r>,
    pub end_date: &'r Field<'r>,
    pub time_zone: &'r Field<'r>,
}

/// When work is, and how that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::roster_file) struct When {
    /// Half-open, UTC, to the second.
    pub interval: UtcInterval,
    /// The local day that it belongs to.
    pub day: Date,
    /// What was decided about a gap or a fold.
    pub note: Option<RowFault>,
}

/// What a field of time can say.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// A time of some day.
    Time(Time),
    /// `24:00`: the end of some day.
    Midnight,
    /// A local date and time.
    Local(DateTime),
    /// An instant, with the offset that it was written with.
    Instant(Timestamp, Offset),
}

impl<'r> Times<'r> {
    /// The instants of some work; at most `max` apart.
    ///
    /// # Errors
    /// When a field cannot be read, a policy refuses a local time, or the end is not after the
    /// start.
    pub fn when(&self, rules: &Rules) -> Result<When, RowFault> {
        let zone = self.zone(rules)?;
        let date = self.day_of(self.date, rules)?;
        let mut decisions = Decisions::default();
        let (start, day) = self.start(date, zone.as_ref(), rules, &mut decisions)?;
        let end = self.end(start, zone.as_ref(), rules, &mut decisions)?;
        let interval = UtcInterval::new(start, end).map_err(|error| {
            RowFault::cell(
                self.end.cell,
                format!("ends at {end}, which is not after its start at {}", error.start),
            )
            .hint("without an end date, an end before the start is on the next day")
        })?;
        if interval.duration() > SHIFT_DURATION_MAX {
            let message = format!(
                "lasts {} hours; expected at most {}",
                interval.duration().as_secs() / 3600,
                SHIFT_DURATION_MAX.as_secs() / 3600
            );
            return Err(RowFault::cell(self.end.cell, message));
        }
        Ok(When { interval, day: date.unwrap_or(day), note: decisions.note() })
    }

    /// When somebody is absent: whole days when neither start nor end is given.
    ///
    /// # Errors
    /// As [`Self::when`].
    pub fn absence(&self, rules: &Rules) -> Result<(TimeOffSpan, Option<RowFault>), RowFault> {
        if self.start.given().is_some() || self.end.given().is_some() {
            let when = self.when(rules)?;
            return Ok((TimeOffSpan::Timed(when.interval), when.note));
        }
        let first = self.day_of(self.date, rules)?.ok_or_else(|| {
            RowFault::cell(self.date.cell, "time off has neither a time nor a date")
                .hint("give the first day in the column mapped to `date`")
        })?;
        let last = self.day_of(self.end_date, rules)?.unwrap_or(first);
        let zone = self.zone(rules)?.ok_or_else(|| self.no_zone(self.date))?;
        let days = i64::from((last - first).get_days()) + 1;
        if !(1..=TIME_OFF_DAYS_MAX).contains(&days) {
            let message = if days < 1 {
                format!("the last day {last} is before the first day {first}")
            } else {
                format!("lasts {days} days; expected at most {TIME_OFF_DAYS_MAX}")
            };
            return Err(RowFault::cell(self.end_date.cell, message));
        }
        let end = last
            .tomorrow()
            .map_err(|_| RowFault::cell(self.end_date.cell, "is the last day that there is"))?;
        let span =
            TimeOffSpan::AllDay { first, end, zone: zone.iana_name().unwrap_or("UTC").to_owned() };
        if let Err(error) = span.interval() {
            return Err(RowFault::cell(self.date.cell, error.to_string()));
        }
        Ok((span, None))
    }

    fn start(
        &self,
        date: Option<Date>,
        zone: Option<&TimeZone>,
        rules: &Rules,
        decisions: &mut Decisions,
    ) -> Result<(Timestamp, Date), RowFault> {
        let local = match self.moment(self.start, rules)? {
            Moment::Instant(instant, offset) => {
                let day = match zone {
                    Some(zone) => local_day(instant, zone),
                    None => offset.to_datetime(instant).date(),
                };
                return Ok((instant, day));
            }
            Moment::Local(local) => local,
            Moment::Time(time) => {
                let none = || {
                    RowFault::cell(self.start.cell, "has a time and no date")
                        .hint("give the day in the column mapped to `date`")
                };
                date.ok_or_else(none)?.to_datetime(time)
            }
            Moment::Midnight => {
                return Err(RowFault::cell(
                    self.start.cell,
                    "`24:00` is the end of a day; expected a start like 00:00 of the next day",
                ));
            }
        };
        let zone = zone.ok_or_else(|| self.no_zone(self.start))?;
        let instant = decisions.resolve(local, zone, self.start, rules)?;
        Ok((instant, local.date()))
    }

    fn end(
        &self,
        start: Timestamp,
        zone: Option<&TimeZone>,
        rules: &Rules,
        decisions: &mut Decisions,
    ) -> Result<Timestamp, RowFault> {
        let moment = self.moment(self.end, rules)?;
        let end_date = self.day_of(self.end_date, rules)?;
        if let Moment::Instant(instant, _) = moment {
            return Ok(instant);
        }
        let zone = zone.ok_or_else(|| self.no_zone(self.end))?;
        // What the operator wrote counts, not what a gap made of it: 02:30 that became 03:30
        // still comes before 03:00 of the same day.
        let started = match decisions.start_local {
            Some(local) => local,
            None => zone.to_datetime(start),
        };
        let overflow = || RowFault::cell(self.end.cell, "is after the last day that there is");
        let next = |day: Date| day.tomorrow().map_err(|_| overflow());
        let local = match moment {
            Moment::Instant(instant, _) => return Ok(instant),
            Moment::Local(local) => match end_date {
                Some(day) if day != local.date() => {
                    let message = format!("is on {}, but the end date is {day}", local.date());
                    return Err(RowFault::cell(self.end.cell, message));
                }
                Some(_) | None => local,
            },
            Moment::Midnight => {
                next(end_date.unwrap_or(started.date()))?.to_datetime(Time::midnight())
            }
            Moment::Time(time) => match end_date {
                Some(day) => day.to_datetime(time),
                None => {
                    let same_day = started.date().to_datetime(time);
                    match same_day.cmp(&started) {
                        Ordering::Greater => same_day,
                        Ordering::Less => next(started.date())?.to_datetime(time),
                        // Nothing at all or a whole day: both are seen in exports.
                        Ordering::Equal => return Err(self.no_length()),
                    }
                }
            },
        };
        decisions.resolve_end(local, start, zone, self.end, rules)
    }

    fn no_length(&self) -> RowFault {
        let message = "start and end are equal; expected an end after the start";
        RowFault::cell(self.end.cell, message)
            .hint("a shift of 24 hours needs an `end_date`, or an end with its date")
    }

    fn zone(&self, rules: &Rules) -> Result<Option<TimeZone>, RowFault> {
        let Some(name) = self.time_zone.given() else {
            return Ok(rules.zone.clone());
        };
        TimeZone::get(name).map(Some).map_err(|_| {
            let message = format!("`{name}` is no IANA time zone");
            RowFault::cell(self.time_zone.cell, message).hint("write one like `Europe/Berlin`")
        })
    }

    fn no_zone(&self, field: &Field<'_>) -> RowFault {
        RowFault::cell(field.cell, "is local time, and no time zone is known")
            .hint("set `time_zone` for the connection, or map a column to it")
    }

    fn day_of(&self, field: &Field<'_>, rules: &Rules) -> Result<Option<Date>, RowFault> {
        let Some(text) = field.given() else {
            return Ok(None);
        };
        match (parse_date(text, rules), &rules.date_format) {
            (Some(day), _) => Ok(Some(day)),
            (None, Some(format)) => {
                let message = format!("`{}` is no date of the form `{format}`", brief(text));
                Err(RowFault::cell(field.cell, message))
            }
            (None, None) => {
                let message =
                    format!("`{}` is no date; expected one like `2026-10-25`", brief(text));
                let hint = "set `date_format` when dates are written in another way";
                Err(RowFault::cell(field.cell, message).hint(hint))
            }
        }
    }

    fn moment(&self, field: &Field<'_>, rules: &Rules) -> Result<Moment, RowFault> {
        let Some(text) = field.given() else {
            return Err(RowFault::cell(field.cell, format!("is empty; {TIME_FORMS}")));
        };
        parse_moment(text, rules).ok_or_else(|| {
            let message = format!("`{}` is no time; {TIME_FORMS}", brief(text));
            RowFault::cell(field.cell, message)
        })
    }
}

/// What was decided about the local times of one row.
#[derive(Debug, Default)]
struct Decisions {
    cell: Option<usize>,
    said: Vec<String>,
    start_local: Option<DateTime>,
}

impl Decisions {
    fn resolve(
        &mut self,
        local: DateTime,
        zone: &TimeZone,
        field: &Field<'_>,
        rules: &Rules,
    ) -> Result<Timestamp, RowFault> {
        self.start_local = Some(local);
        let (instant, how) = settle(local, zone, field, rules)?;
        self.say(local, zone, field, instant, how);
        Ok(instant)
    }

    /// Like [`Self::resolve`], but an end that a clock shows twice, and whose chosen one would not
    /// be after the start, is the later one: work that lasts is meant.
    fn resolve_end(
        &mut self,
        local: DateTime,
        start: Timestamp,
        zone: &TimeZone,
        field: &Field<'_>,
        rules: &Rules,
    ) -> Result<Timestamp, RowFault> {
        let (mut instant, how) = settle(local, zone, field, rules)?;
        if how == Resolution::Fold && instant <= start {
            let later = zone.to_ambiguous_timestamp(local).later();
            instant = later.unwrap_or(instant);
        }
        self.say(local, zone, field, instant, how);
        Ok(instant)
    }

    fn say(
        &mut self,
        local: DateTime,
        zone: &TimeZone,
        field: &Field<'_>,
        instant: Timestamp,
        how: Resolution,
    ) {
        let name = zone.iana_name().unwrap_or("its zone");
        let said = match how {
            Resolution::Unambiguous => return,
            Resolution::Gap => format!(
                "{local} does not exist in {name}; taken as {} ({instant})",
                zone.to_datetime(instant)
            ),
            Resolution::Fold => {
                let offset = zone.to_offset(instant);
                format!("{local} exists twice in {name}; taken as the one at {offset} ({instant})")
            }
        };
        self.cell = self.cell.or(field.cell);
        self.said.push(said);
    }

    fn note(self) -> Option<RowFault> {
        (!self.said.is_empty()).then(|| RowFault::cell(self.cell, self.said.join("; ")))
    }
}

fn settle(
    local: DateTime,
    zone: &TimeZone,
    field: &Field<'_>,
    rules: &Rules,
) -> Result<(Timestamp, Resolution), RowFault> {
    resolve(local, zone, rules.local_times).map_err(|error| {
        let fault = RowFault::cell(field.cell, error.to_string());
        match error {
            LocalTimeError::Gap { .. } => {
                fault.hint("`dst_gap = \"after\"` or `\"before\"` decides such times")
            }
            LocalTimeError::Fold { .. } => {
                fault.hint("`dst_fold = \"earlier\"` or `\"later\"` decides such times")
            }
            LocalTimeError::Range { .. } => fault,
        }
    })
}

fn parse_date(text: &str, rules: &Rules) -> Option<Date> {
    match &rules.date_format {
        Some(format) => Date::strptime(format, text).ok(),
        // Exactly the ten characters: the library would also take a date with a time.
        None if text.len() == 10 => text.parse().ok(),
        None => None,
    }
}

fn parse_moment(text: &str, rules: &Rules) -> Option<Moment> {
    if let Some(moment) = parse_time(text) {
        return Some(moment);
    }
    if rules.date_format.is_some()
        && let Some((day, time)) = text.rsplit_once([' ', 'T'])
        && let Some(day) = parse_date(day.trim_end(), rules)
    {
        return match parse_time(time)? {
            Moment::Time(time) => Some(Moment::Local(day.to_datetime(time))),
            Moment::Midnight => {
                Some(Moment::Local(day.tomorrow().ok()?.to_datetime(Time::midnight())))
            }
            Moment::Local(_) | Moment::Instant(..) => None,
        };
    }
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

/// Reads `22:00`, `6:30`, `22:00:15` or `24:00`.
fn parse_time(text: &str) -> Option<Moment> {
    let mut parts = text.split(':');
    let mut number = |digits: std::ops::RangeInclusive<usize>| -> Option<i8> {
        let part = parts.next()?;
        let plain = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if plain { part.parse().ok() } else { None }
    };
    let (hour, minute) = (number(1..=2)?, number(2..=2)?);
    let second = if text.matches(':').count() == 1 { 0 } else { number(2..=2)? };
    if parts.next().is_some() {
        return None;
    }
    match (hour, minute, second) {
        (24, 0, 0) => Some(Moment::Midnight),
        _ => Time::new(hour, minute, second, 0).ok().map(Moment::Time),
    }
}

/// The beginning of a value, for a message.
pub(super) fn brief(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}
