//! Which absences may be had, how long, how often, and by how many at once.
//!
//! Days are local ones of the employee's zone. A day of which only a part is an absence counts as
//! a whole one; two absences on one day count once.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::time::days_to_interval;
use domain::{EmployeeId, Refusal, TimeOff, TimeOffReasonId, TimeOffRule};
use jiff::civil::Date;

use super::Case;
use super::hours::days_of;

/// This kind of absence may be asked for.
pub(super) fn reason_offered(case: &Case<'_>) -> Option<Refusal> {
    if !case.rules.only_named_reasons {
        return None;
    }
    case.absences().filter(|it| it.moved()).find_map(|placed| {
        let reason = placed.after.reason.as_ref();
        let named = reason.is_some_and(|id| case.rules.time_off.contains_key(id.as_str()));
        let name = reason.map_or("", |id| case.grounds.directory.reason_name(id)).to_owned();
        (!named).then_some(Refusal::ReasonNotOffered { reason: name })
    })
}

/// One absence has at most so many days.
pub(super) fn days_at_once(case: &Case<'_>) -> Option<Refusal> {
    case.absences().filter(|it| it.moved()).find_map(|placed| {
        let most = rule_of(case, placed.after)?.days_at_once_max?;
        let days = days(case, placed.after);
        let longest = Duration::from_secs(u64::from(most) * 24 * 3600);
        let shortest = Duration::from_secs(1);
        (days.len() > most as usize).then_some(Refusal::BadLength { shortest, longest })
    })
}

/// In one calendar year there are at most so many days of one kind of absence.
pub(super) fn balance(case: &Case<'_>) -> Option<Refusal> {
    case.absences().filter(|it| it.moved()).find_map(|placed| {
        let (wanted, reason) = (placed.after, placed.after.reason.as_ref()?);
        let allowed = rule_of(case, wanted)?.days_per_year?;
        let taken = taken_days(case, wanted, reason);
        let new: BTreeSet<Date> = days(case, wanted).difference(&taken).copied().collect();
        let years: BTreeSet<i16> = new.iter().map(|day| day.year()).collect();
        years.into_iter().find_map(|year| {
            let in_year = |days: &BTreeSet<Date>| {
                let count = days.iter().filter(|day| day.year() == year).count();
                u32::try_from(count).unwrap_or(u32::MAX)
            };
            let (left, asked) = (allowed.saturating_sub(in_year(&taken)), in_year(&new));
            let name = case.grounds.directory.reason_name(reason).to_owned();
            (asked > left).then_some(Refusal::BalanceSpent { reason: name, left, asked })
        })
    })
}

/// On no local day are more than so many of one group absent. Those who belong to no group count
/// as one.
pub(super) fn absent_max(case: &Case<'_>) -> Option<Refusal> {
    let allowed = case.rules.absent_max?;
    case.absences().filter(|it| it.moved()).find_map(|placed| {
        let employee = &placed.after.employee;
        let directory = case.grounds.directory;
        let group = directory.employees.get(employee)?.group.as_ref();
        let colleagues: Vec<&EmployeeId> = directory
            .employees
            .values()
            .filter(|it| it.group.as_ref() == group && it.id != *employee)
            .filter(|it| !case.grounds.book.absences_of(&it.id).is_empty())
            .map(|it| &it.id)
            .collect();
        let zone = case.grounds.zone_of(employee);
        days(case, placed.after).into_iter().find_map(|day| {
            let whole = days_to_interval(day, day.tomorrow().ok()?, &zone).ok()?;
            let absent = |who: &&&EmployeeId| {
                let mut absences = case.absences_after(who).into_iter();
                absences.any(|it| it.span.interval().is_ok_and(|it| it.overlaps(&whole)))
            };
            let others = colleagues.iter().filter(absent).count();
            (others >= allowed as usize).then_some(Refusal::TooManyAbsent { day, allowed })
        })
    })
}

fn rule_of<'a>(case: &Case<'a>, absence: &TimeOff) -> Option<&'a TimeOffRule> {
    case.rules.time_off.get(absence.reason.as_ref()?.as_str())
}

fn days(case: &Case<'_>, absence: &TimeOff) -> BTreeSet<Date> {
    let zone = case.grounds.zone_of(&absence.employee);
    let interval = absence.span.interval();
    interval.map(|it| days_of(&it, &zone).into_iter().collect()).unwrap_or_default()
}

/// The days of this kind of absence that the employee has without `wanted`.
fn taken_days(case: &Case<'_>, wanted: &TimeOff, reason: &TimeOffReasonId) -> BTreeSet<Date> {
    let others = case.absences_after(&wanted.employee).into_iter();
    let others = others.filter(|it| it.id != wanted.id && it.reason.as_ref() == Some(reason));
    others.flat_map(|it| days(case, it)).collect()
}
