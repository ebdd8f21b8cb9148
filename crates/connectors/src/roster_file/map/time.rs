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
use jiff::tz::TimeZone;

use super::Rules;
use super::formats::{Moment, at_day, length, moment};
use crate::roster_file::wire::Field;
use crate::table::RowFault;

/// The fields that say when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'r> {
    pub date: &'r Field<'r>,
    pub start: &'r Field<'r>,
    pub end: &'r Field<'r>,
    pub end_date: &'r Field<'r>,
    pub length: &'r Field<'r>,
    pub activity: &'r Field<'r>,
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
        let end = self.end((start, date), zone.as_ref(), rules, &mut decisions)?;
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
        let timed = self.start.given().is_some() || self.end.given().is_some();
        if timed && !self.is_full_day(rules) {
            let when = self.when(rules)?;
            return Ok((TimeOffSpan::Timed(when.interval), when.note));
        }
        let first = self.first_day(rules)?.ok_or_else(|| {
            RowFault::cell(self.date.cell, "time off has neither a time nor a date")
                .hint("give the first day in the column mapped to `date`")
        })?;
        let last = self.last_day(rules)?.unwrap_or(first);
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
        let moment = match self.table(rules) {
            Some((start, _)) => start,
            None => self.moment(self.start, rules)?,
        };
        let local = match moment {
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
            Moment::Later(..) => {
                let none = || RowFault::cell(self.start.cell, "has a time and no date");
                let over = || RowFault::cell(self.start.cell, "is after the last day there is");
                match at_day(date.ok_or_else(none)?, moment) {
                    Some(Moment::Local(local)) => local,
                    Some(_) | None => return Err(over()),
                }
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
        (start, date): (Timestamp, Option<Date>),
        zone: Option<&TimeZone>,
        rules: &Rules,
        decisions: &mut Decisions,
    ) -> Result<Timestamp, RowFault> {
        let moment = match self.table(rules) {
            Some((_, Some(end))) => end,
            Some((_, None)) => return self.by_length(start, rules),
            None if self.end.given().is_none() && self.length.given().is_some() => {
                return self.by_length(start, rules);
            }
            None => self.moment(self.end, rules)?,
        };
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
            Moment::Later(..) => {
                let day = end_date.or(date).unwrap_or(started.date());
                match at_day(day, moment) {
                    Some(Moment::Local(local)) => local,
                    Some(_) | None => return Err(overflow()),
                }
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

    /// The times that the operator gave for the row's activity, where the row has none itself.
    fn table(&self, rules: &Rules) -> Option<(Moment, Option<Moment>)> {
        if self.start.given().is_some() || rules.activity_times.is_empty() {
            return None;
        }
        rules.activity_times.get(self.activity.given()?).copied()
    }

    fn by_length(&self, start: Timestamp, rules: &Rules) -> Result<Timestamp, RowFault> {
        let Some(text) = self.length.given() else {
            let message = "is empty; expected an end or a length";
            return Err(RowFault::cell(self.length.cell.or(self.end.cell), message));
        };
        let length = length(text, rules.length_unit).ok_or_else(|| {
            let message = format!(
                "`{}` is no length; expected one like `480`, `8:00` or `7h 30m`",
                brief(text)
            );
            RowFault::cell(self.length.cell, message)
        })?;
        start.checked_add(length).map_err(|_| {
            RowFault::cell(self.length.cell, "ends after the last instant that there is")
        })
    }

    /// Whether the row says in words that it is about whole days.
    pub fn is_full_day(&self, rules: &Rules) -> bool {
        [self.start, self.end, self.length].into_iter().any(|it| rules.says_full_day(&it.value))
    }

    /// The first day of an absence, from the column for it or from the start.
    fn first_day(&self, rules: &Rules) -> Result<Option<Date>, RowFault> {
        match self.day_of(self.date, rules)? {
            Some(day) => Ok(Some(day)),
            None if rules.says_full_day(&self.start.value) => Ok(None),
            None => self.day_of(self.start, rules),
        }
    }

    /// The last day of an absence, from the column for it or from the end.
    fn last_day(&self, rules: &Rules) -> Result<Option<Date>, RowFault> {
        match self.day_of(self.end_date, rules)? {
            Some(day) => Ok(Some(day)),
            None => Ok(rules.dates.read(&self.end.value)),
        }
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
        rules.dates.read(text).map(Some).ok_or_else(|| {
            let expected = rules.dates.shown();
            let message = format!("`{}` is no date; expected {expected}", brief(text));
            RowFault::cell(field.cell, message)
                .hint("set `date_format` when dates are written in another way")
        })
    }

    fn moment(&self, field: &Field<'_>, rules: &Rules) -> Result<Moment, RowFault> {
        let expected = || rules.times.shown();
        let Some(text) = field.given() else {
            let fault = RowFault::cell(field.cell, format!("is empty; expected {}", expected()));
            let activity = self.activity.given().filter(|_| !rules.activity_times.is_empty());
            return Err(match activity {
                Some(it) => fault.hint(format!("`activity_times` has none for `{}`", brief(it))),
                None => fault,
            });
        };
        moment(text, &rules.dates, &rules.times).ok_or_else(|| {
            let message = format!("`{}` is no time; expected {}", brief(text), expected());
            RowFault::cell(field.cell, message)
                .hint("set `time_format` when times are written in another way")
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

/// The beginning of a value, for a message.
pub(super) fn brief(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}
