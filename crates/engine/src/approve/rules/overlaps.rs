//! Nobody is in two places, or works while absent.

use domain::{Refusal, UtcInterval};

use super::Case;

/// Work does not overlap other work of the same employee, and an absence does not overlap work.
/// Where overlapping work is allowed, absences over work are still refused: the work must be
/// given to somebody first.
pub(super) fn own_work(case: &Case<'_>) -> Option<Refusal> {
    let mut work = case.work().filter(|it| it.moved() && !case.rules.overlap_allowed);
    let by_work = work.find_map(|placed| {
        let (id, interval) = (&placed.after.id, placed.after.interval);
        let others = case.shifts_after(&placed.after.employee).into_iter();
        first(others.filter(|it| it.id != *id).map(|it| it.interval), &interval)
    });
    let by_absence = || {
        case.absences().filter(|it| it.moved()).find_map(|placed| {
            let interval = placed.after.span.interval().ok()?;
            let work = case.shifts_after(&placed.after.employee).into_iter();
            first(work.map(|it| it.interval), &interval)
        })
    };
    by_work.or_else(by_absence).map(|with| Refusal::Overlaps { with })
}

/// Nobody works during an absence, or is absent twice at once.
pub(super) fn absent(case: &Case<'_>) -> Option<Refusal> {
    let by_work = case.work().filter(|it| it.moved()).find_map(|placed| {
        let absences = case.absences_after(&placed.after.employee).into_iter();
        first(absences.filter_map(|it| it.span.interval().ok()), &placed.after.interval)
    });
    let by_absence = || {
        case.absences().filter(|it| it.moved()).find_map(|placed| {
            let interval = placed.after.span.interval().ok()?;
            let others = case.absences_after(&placed.after.employee).into_iter();
            let others = others.filter(|it| it.id != placed.after.id);
            first(others.filter_map(|it| it.span.interval().ok()), &interval)
        })
    };
    by_work.or_else(by_absence).map(|during| Refusal::Absent { during })
}

/// The earliest of `others` that overlaps `interval`.
fn first(others: impl Iterator<Item = UtcInterval>, interval: &UtcInterval) -> Option<UtcInterval> {
    others.filter(|it| it.overlaps(interval)).min()
}
