//! What has begun stays, and what is asked for is asked for in time.

use domain::{Command, Entity, Refusal, RequestStep};

use super::Case;

/// Work that has begun is not changed, removed or made any more. An absence is not changed,
/// removed or made once it is over: sick people report on the day itself. An open shift whose
/// time has come may still be removed.
pub(super) fn begun(case: &Case<'_>) -> Option<Refusal> {
    let (now, book) = (case.now, case.grounds.book);
    let mut work = case.work().flat_map(|it| [Some(it.after), it.before]).flatten();
    let mut absences = case.absences().flat_map(|it| [Some(it.after), it.before]).flatten();
    let is_over = |span: &domain::TimeOffSpan| span.interval().is_ok_and(|it| it.end() <= now);
    let open = |entity: &Entity| match entity {
        Entity::OpenShift(after) => {
            let before = book.open_shift(&after.id);
            after.interval.start() <= now || before.is_some_and(|it| it.interval.start() <= now)
        }
        Entity::Employee(_)
        | Entity::ScheduleGroup(_)
        | Entity::Shift(_)
        | Entity::TimeOff(_)
        | Entity::TimeOffReason(_) => false,
    };
    let removed = match case.command {
        Command::DeleteShift { shift } => {
            book.shift(shift).is_some_and(|it| it.interval.start() <= now)
        }
        Command::DeleteTimeOff { time_off } => {
            book.time_off(time_off).is_some_and(|it| is_over(&it.span))
        }
        Command::CreateShift { .. }
        | Command::EditShift { .. }
        | Command::CreateOpenShift { .. }
        | Command::EditOpenShift { .. }
        | Command::DeleteOpenShift { .. }
        | Command::AssignOpenShift { .. }
        | Command::CreateTimeOff { .. }
        | Command::EditTimeOff { .. }
        | Command::Request { .. }
        | Command::SetAvailability { .. } => false,
    };
    let has_begun = removed
        || work.any(|it| it.interval.start() <= now)
        || absences.any(|it| is_over(&it.span))
        || case.change.upserts.iter().any(open);
    has_begun.then_some(Refusal::Begun)
}

/// An employee asks so long before the start of the first shift or absence concerned.
pub(super) fn notice(case: &Case<'_>) -> Option<Refusal> {
    let Command::Request { request, step: RequestStep::Asked } = case.command else {
        return None;
    };
    let notice = *case.rules.notice.get(&request.kind())?;
    let starts = case.change.upserts.iter().filter_map(Entity::interval).map(|it| it.start());
    let left = starts.min()?.duration_since(case.now);
    let late = left.is_negative() || left.unsigned_abs() < notice;
    late.then_some(Refusal::TooLate { notice })
}
