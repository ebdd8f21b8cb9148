//! Everybody concerned is known, and nothing is longer than schedules go.

use std::time::Duration;

use domain::limits::{SHIFT_DURATION_MAX, TIME_OFF_DAYS_MAX};
use domain::{Entity, Refusal, UtcInterval};

use super::Case;

/// Nobody works or is absent who is not in the roster.
pub(super) fn employees(case: &Case<'_>) -> Option<Refusal> {
    let known = |entity: &Entity| {
        entity.employee().is_none_or(|id| case.grounds.directory.employees.contains_key(id))
    };
    (!case.change.upserts.iter().all(known)).then_some(Refusal::UnknownEmployee)
}

/// The longest absence.
fn absence_max() -> Duration {
    let days = u64::try_from(TIME_OFF_DAYS_MAX).unwrap_or(u64::MAX);
    Duration::from_secs(days.saturating_mul(24 * 3600))
}

/// Whether an absence is longer than any may be.
pub(crate) fn is_too_long(absence: &UtcInterval) -> bool {
    absence.duration() > absence_max()
}

/// Work and absences end within the longest that this program takes from any source; what a
/// vendor can show is the connector's business.
pub(super) fn length(case: &Case<'_>) -> Option<Refusal> {
    let absence_max = absence_max();
    case.change.upserts.iter().find_map(|entity| {
        let longest = match entity {
            Entity::Shift(_) | Entity::OpenShift(_) => SHIFT_DURATION_MAX,
            Entity::TimeOff(_) => absence_max,
            Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => {
                return None;
            }
        };
        let length = entity.interval()?.duration();
        let shortest = Duration::from_secs(1);
        (length > longest).then_some(Refusal::BadLength { shortest, longest })
    })
}
