//! How much work there is on one day and in one week.
//!
//! A shift counts for the local day on which it starts, whole: a night shift belongs to the
//! evening. Its real hours count, also over a clock change; unpaid activities do not. A command
//! that leaves too much work but not more than there was is no reason to refuse it.

use std::time::Duration;

use domain::schedule_item::without_overlap;
use domain::time::local_day;
use domain::{Refusal, Shift};
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Case, Placed};

/// Work that starts on one local day.
pub(super) fn day(case: &Case<'_>) -> Option<Refusal> {
    let allowed = case.rules.day_work_max?;
    case.work().filter(weighs).find_map(|placed| {
        let (day, would_be) = too_much(case, &placed, allowed, |day| day)?;
        Some(Refusal::DayTooLong { day, allowed, would_be })
    })
}

/// Work that starts in one week, Monday to Sunday.
pub(super) fn week(case: &Case<'_>) -> Option<Refusal> {
    let allowed = case.rules.week_work_max?;
    case.work().filter(weighs).find_map(|placed| {
        let (monday, would_be) = too_much(case, &placed, allowed, monday_of)?;
        Some(Refusal::WeekTooLong { monday, allowed, would_be })
    })
}

fn weighs(placed: &Placed<'_, Shift>) -> bool {
    placed.moved()
        || placed.before.is_some_and(|before| before.activities != placed.after.activities)
}

/// The day or week that `placed` counts for and the work there, when that is too much and more
/// than it was.
fn too_much(
    case: &Case<'_>,
    placed: &Placed<'_, Shift>,
    allowed: Duration,
    stretch: fn(Date) -> Date,
) -> Option<(Date, Duration)> {
    let employee = &placed.after.employee;
    let zone = case.grounds.zone_of(employee);
    let of = |shift: &Shift| stretch(local_day(shift.interval.start(), &zone));
    let here = of(placed.after);
    let sum = |shifts: &[&Shift]| -> Duration {
        shifts.iter().filter(|it| of(it) == here).map(|it| paid(it)).sum()
    };
    let would_be = sum(&case.shifts_after(employee));
    let was = sum(case.grounds.book.shifts_of(employee));
    (would_be > allowed && would_be > was).then_some((here, would_be))
}

/// The working time of a shift.
fn paid(shift: &Shift) -> Duration {
    let parts = without_overlap(&shift.activities, &shift.interval);
    let unpaid: Duration =
        parts.iter().filter(|it| !it.paid).map(|it| it.interval.duration()).sum();
    shift.interval.duration().saturating_sub(unpaid)
}

/// The Monday of a day's week.
pub(crate) fn monday_of(day: Date) -> Date {
    let since = i32::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(Span::new().days(since)).unwrap_or(day)
}

/// The local days of `interval`, at most those that an absence may have.
pub(crate) fn days_of(interval: &domain::UtcInterval, zone: &TimeZone) -> Vec<Date> {
    let first = local_day(interval.start(), zone);
    // The end is not part of it.
    let end = interval.end() - jiff::SignedDuration::from_nanos(1);
    let last = local_day(end, zone);
    let most = usize::try_from(domain::limits::TIME_OFF_DAYS_MAX).unwrap_or(usize::MAX);
    let days = first.series(Span::new().days(1)).take_while(|day| *day <= last);
    days.take(most.saturating_add(2)).collect()
}
