//! Rest between two stretches of work.

use domain::{Refusal, UtcInterval};

use super::Case;

/// Before and after a stretch of work there is so much rest. Shifts that touch or overlap are one
/// stretch: a day planned in two adjoining parts is no rest of zero hours. Any gap at all is rest,
/// and must be long enough.
pub(super) fn rest(case: &Case<'_>) -> Option<Refusal> {
    let required = case.rules.rest_min?;
    case.work().filter(|it| it.moved()).find_map(|placed| {
        let shifts = case.shifts_after(&placed.after.employee);
        let stretches = stretches(shifts.into_iter().map(|it| it.interval).collect());
        let here = stretches.iter().position(|it| it.contains(&placed.after.interval))?;
        let before = here.checked_sub(1).map(|earlier| (stretches[earlier], stretches[here]));
        let after = stretches.get(here + 1).map(|later| (stretches[here], *later));
        [before, after].into_iter().flatten().find_map(|(earlier, later)| {
            let left = later.start().duration_since(earlier.end()).unsigned_abs();
            (left < required).then_some(Refusal::RestTooShort { required, left })
        })
    })
}

/// Intervals in order, those that touch or overlap as one.
fn stretches(mut intervals: Vec<UtcInterval>) -> Vec<UtcInterval> {
    intervals.sort_unstable();
    let mut merged: Vec<UtcInterval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if interval.start() <= last.end() => *last = last.hull(&interval),
            Some(_) | None => merged.push(interval),
        }
    }
    merged
}
