//! Settling changes of people's events whose outcome is not known: a process was killed, or an
//! answer got lost. By looking, under the calendar's lease, and never by repeating.

use std::collections::BTreeSet;

use domain::limits::EVENT_CHANGE_LANDS_WITHIN;
use domain::{CalendarKey, EntityKey};
use jiff::Timestamp;

use super::act::{done, undone};
use super::shut_words;
use crate::plan::conflict::{Undoing, settled, undoing};
use crate::port::{
    ChangesOf, ConflictWrite, Epoch, EventChange, EventChangeState, Failure, FailureClass, Fenced,
    ForeignEvent, ForeignEvents, LeaseDomain, LedgerCommit, RemoteId,
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
            let was = change.state.clone();
            match settle_one(cycling, foreign, &change).await {
                Ok(state) => {
                    let told =
                        matches!(state, EventChangeState::Done | EventChangeState::Undone { .. });
                    let done = was == EventChangeState::Sent && state == EventChangeState::Done;
                    report.conflicts.changed += u64::from(done);
                    if was == EventChangeState::Undoing && state == EventChangeState::Done {
                        let reason = "was not undone: its owner changed the event meanwhile";
                        report.problem(calendar.clone(), format!("{} {reason}", change.id));
                    }
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
    let reader = reader(cycling, &change.calendar);
    if change.state == EventChangeState::Planned {
        return Ok(EventChangeState::NotDone { why: "its turn did not come".to_owned() });
    }
    let found = find(&reader, foreign, change).await.map_err(|it| words(&it))?;
    if change.state == EventChangeState::Undoing {
        return match end_undoing(&reader, foreign, change, found.as_ref()).await {
            Ok(Ended::Undone(at)) => Ok(EventChangeState::Undone { at }),
            // It stands as it was done; its owner made something else of it.
            Ok(Ended::GivenUp(_)) => Ok(EventChangeState::Done),
            Err(failure) => Err(words(&failure)),
        };
    }
    let state = settled(change, found.as_ref());
    let as_it_was = found.is_some_and(|it| it.etag.is_some() && it.etag == change.etag);
    if as_it_was && !state.is_done() && may_land(change, cycling.clock.now()) {
        return Err("what was asked for may still take effect".to_owned());
    }
    Ok(state)
}

/// Whether a request whose answer was lost may be carried out yet.
fn may_land(change: &EventChange, now: Timestamp) -> bool {
    let latest = change.changed_at.saturating_add(EVENT_CHANGE_LANDS_WITHIN);
    latest.is_ok_and(|latest| now < latest)
}

/// What reads from one calendar in a cycle.
pub(super) fn reader<'a>(cycling: &'a Cycling<'_>, calendar: &'a CalendarKey) -> Reader<'a> {
    Reader {
        target: cycling.target,
        gate: cycling.gate,
        clock: cycling.clock,
        watcher: cycling.watcher,
        mirror: &cycling.spec.name,
        calendar,
        deadline: cycling.deadline,
    }
}

/// The event that a change is about, as it is now.
pub(super) async fn find(
    reader: &Reader<'_>,
    foreign: &dyn ForeignEvents,
    change: &EventChange,
) -> Result<Option<ForeignEvent>, ReadFailure> {
    reader.request(|| foreign.find(reader.calendar, &change.kept.id)).await
}

/// How taking back ended.
pub(super) enum Ended {
    /// The event is back, here.
    Undone(RemoteId),
    /// Its owner made something else of it, for this reason it stays.
    GivenUp(&'static str),
}

/// Takes back what `change` did to the event, which now is as it was `found`.
pub(super) async fn end_undoing(
    reader: &Reader<'_>,
    foreign: &dyn ForeignEvents,
    change: &EventChange,
    found: Option<&ForeignEvent>,
) -> Result<Ended, ReadFailure> {
    match undoing(change, found) {
        Undoing::ToRestore => {}
        Undoing::Restored => return Ok(Ended::Undone(change.kept.id.clone())),
        Undoing::GivenUp(why) => return Ok(Ended::GivenUp(why)),
    }
    let (calendar, kept) = (reader.calendar, &change.kept);
    match reader.request(|| foreign.restore(calendar, kept, &change.change)).await {
        Ok(at) => Ok(Ended::Undone(at)),
        // Changed between the look and the write.
        Err(ReadFailure::Failed(Failure {
            class: FailureClass::Precondition | FailureClass::Missing,
            ..
        })) => Ok(Ended::GivenUp("its owner changed it just now")),
        Err(failure) => Err(failure),
    }
}

async fn write_down(
    cycling: &Cycling<'_>,
    mut change: EventChange,
    state: EventChangeState,
    epoch: Epoch,
) -> Result<(), CycleError> {
    let (store, mirror) = (cycling.store, &cycling.spec.name);
    change.changed_at = cycling.clock.now();
    let given_up = change.state == EventChangeState::Undoing;
    change.state = state;
    let mut commit = match &change.state {
        // Written down when it was done.
        EventChangeState::Done if given_up => LedgerCommit::default(),
        EventChangeState::Done => done(store, mirror, &change).await?,
        EventChangeState::Undone { .. } => undone(store, mirror, &change).await?,
        EventChangeState::Planned
        | EventChangeState::Sent
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
