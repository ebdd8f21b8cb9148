//! Settling changes of people's events whose outcome is not known: a process was killed, or an
//! answer got lost. By looking, under the calendar's lease, and never by repeating.

use std::collections::BTreeSet;

use domain::{CalendarKey, EntityKey, UtcInterval};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::act::{done, undone};
use super::shut_words;
use crate::plan::conflict::{instants, places, settled};
use crate::port::{
    ChangesOf, ConflictWrite, Epoch, EventChange, EventChangeState, Fenced, ForeignEvent,
    ForeignEvents, LeaseDomain, LedgerCommit,
};
use crate::report::CycleReport;
use crate::run::cycle::{CycleError, Cycling, Equipment};
use crate::run::lease::lease;
use crate::run::observe::{ReadFailure, Reader};

/// Settles what is in doubt in these calendars. Returns the shifts whose items tell something new.
pub(super) async fn settle(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    foreign: &dyn ForeignEvents,
    calendars: BTreeSet<CalendarKey>,
    report: &mut CycleReport,
) -> Result<Vec<EntityKey>, CycleError> {
    let Equipment { store, clock, ownership, .. } = equipment;
    let mirror = &cycling.spec.name;
    let mut noted = Vec::new();
    for calendar in calendars {
        let leased =
            lease(store, clock, ownership, mirror, std::slice::from_ref(&calendar)).await?;
        let Some((_, epoch)) = leased.granted.first() else {
            report.conflicts.in_doubt += 1;
            continue;
        };
        let which = ChangesOf::Calendar(calendar.clone());
        let changes = store.event_changes(mirror, &which).await?;
        for change in changes.into_iter().filter(|it| it.state.is_unsettled()) {
            match settle_one(cycling, foreign, &change).await {
                Ok(state) => {
                    let told =
                        matches!(state, EventChangeState::Done | EventChangeState::Undone { .. });
                    report.conflicts.changed += u64::from(state == EventChangeState::Done);
                    let shifts = change.shifts.clone();
                    write_down(cycling, change, state, *epoch).await?;
                    noted.extend(shifts.into_iter().filter(|_| told));
                }
                Err(reason) => {
                    report.conflicts.in_doubt += 1;
                    report.problem(calendar.clone(), reason);
                }
            }
        }
        store.release_leases(&[(LeaseDomain::calendar(mirror, &calendar), *epoch)]).await?;
    }
    Ok(noted)
}

async fn settle_one(
    cycling: &Cycling<'_>,
    foreign: &dyn ForeignEvents,
    change: &EventChange,
) -> Result<EventChangeState, String> {
    let reader = Reader {
        target: cycling.target,
        gate: cycling.gate,
        clock: cycling.clock,
        watcher: cycling.watcher,
        mirror: &cycling.spec.name,
        calendar: &change.calendar,
        deadline: cycling.deadline,
    };
    if change.state == EventChangeState::Undoing {
        let restored = reader.request(|| foreign.restore(&change.calendar, &change.kept)).await;
        let restored = restored.map_err(|it| words(&it))?;
        return Ok(EventChangeState::Undone { at: restored });
    }
    let found = find(&reader, foreign, change).await.map_err(|it| words(&it))?;
    Ok(settled(change, found.as_ref()))
}

/// The event that a change is about, as it is now.
pub(super) async fn find(
    reader: &Reader<'_>,
    foreign: &dyn ForeignEvents,
    change: &EventChange,
) -> Result<Option<ForeignEvent>, ReadFailure> {
    // A day more on either side: days begin elsewhere at other instants.
    let day = jiff::SignedDuration::from_hours(24);
    let times = places(change).into_iter().filter_map(|it| instants(&it, &TimeZone::UTC));
    let wider = times.filter_map(|it| {
        UtcInterval::new(it.start().checked_sub(day).ok()?, it.end().checked_add(day).ok()?).ok()
    });
    for within in wider {
        let events = reader.request(|| foreign.overlapping(reader.calendar, &within)).await?;
        let found = events.into_iter().find(|event| event.id == change.kept.id);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn write_down(
    cycling: &Cycling<'_>,
    mut change: EventChange,
    state: EventChangeState,
    epoch: Epoch,
) -> Result<(), CycleError> {
    let (store, mirror) = (cycling.store, &cycling.spec.name);
    change.changed_at = cycling.clock.now();
    change.state = state;
    let mut commit = match &change.state {
        EventChangeState::Done => done(store, mirror, &change).await?,
        EventChangeState::Undone { .. } => undone(store, mirror, &change).await?,
        EventChangeState::Sent
        | EventChangeState::NotDone { .. }
        | EventChangeState::Refused { .. }
        | EventChangeState::Undoing => LedgerCommit::default(),
    };
    commit.fences = vec![Fenced { calendar: change.calendar.clone(), epoch }];
    commit.conflicts.push(ConflictWrite::Change(Box::new(change)));
    cycling.commits.commit(commit).await.map_err(CycleError::Shared)?;
    Ok(())
}

/// Why people's events could not be read.
pub(super) fn words(failure: &ReadFailure) -> String {
    match failure {
        ReadFailure::Shut(shut) => shut_words(shut),
        ReadFailure::Failed(failure) => failure.to_string(),
    }
}

/// The longest that settling or undoing waits for its turn.
pub(super) fn deadline(now: Timestamp) -> Timestamp {
    now.saturating_add(domain::limits::LEASE_DURATION).unwrap_or(now)
}
