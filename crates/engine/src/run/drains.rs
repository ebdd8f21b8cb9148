//! Draining many calendars at once: leased in batches, some at a time, released when done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::pin;

use domain::{CalendarKey, EntityKey, ItemKey};
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::cycle::{CycleError, Cycling, Equipment};
use super::drain::{Drain, Reading, Task};
use super::lease::lease;
use crate::port::{CalendarState, Epoch, LeaseDomain, RemoteItem, StoreError};
use crate::report::{CalendarReport, CycleReport, Position};

/// What drains leave for later in the cycle.
#[derive(Default)]
pub(super) struct Rest {
    /// To be planned again.
    pub again: Vec<EntityKey>,
    /// Items of ours that nobody knows.
    pub orphans: Vec<(CalendarKey, ItemKey, RemoteItem)>,
    /// Items of others that are to go.
    pub others: Vec<(CalendarKey, RemoteItem)>,
    /// Items that people removed: the record is asked once the guard has seen how many.
    pub asks: Vec<(CalendarKey, ItemKey)>,
    /// How far calendars were read in which something is left.
    pub positions: BTreeMap<CalendarKey, Position>,
    /// Calendars that are published once they are drained again.
    pub unpublished: BTreeSet<CalendarKey>,
}

/// What is to be planned in each calendar.
pub(super) fn tasks(keys: BTreeMap<CalendarKey, Vec<ItemKey>>) -> BTreeMap<CalendarKey, Task> {
    let task = |keys| Task { keys, ..Task::default() };
    keys.into_iter().map(|(calendar, keys)| (calendar, task(keys))).collect()
}

/// Drains calendars; those whose turn it is to be read back are, as `reading` says.
pub(super) async fn drain_calendars(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    mut work: BTreeMap<CalendarKey, Task>,
    reading: &dyn Fn(&CalendarKey) -> Reading,
    report: &mut CycleReport,
) -> Result<Rest, CycleError> {
    let Equipment { store, clock, ownership, .. } = equipment;
    let at_once = cycling.calendars_at_once;
    let names: Vec<CalendarKey> = work.keys().cloned().collect();
    let mut batches = names.chunks(at_once);
    let mut draining = FuturesUnordered::new();
    let mut epochs: BTreeMap<&CalendarKey, Epoch> = BTreeMap::new();
    let (mut rest, mut done, mut finished) = (Rest::default(), Vec::new(), VecDeque::new());
    loop {
        while draining.len() < at_once {
            let Some(batch) = batches.next() else { break };
            let leasing = lease(store, clock, ownership, &cycling.spec.name, batch);
            let leased = meanwhile(leasing, &mut draining, &mut finished).await?;
            for calendar in leased.held {
                report.complete = false;
                report.busy += 1;
                report.cut.insert(calendar.clone());
                report.problem(calendar, "being drained by another process".into());
            }
            let states = meanwhile(states(cycling), &mut draining, &mut finished).await?;
            for (calendar, epoch) in leased.granted {
                let Some(calendar) = batch.iter().find(|it| **it == calendar) else {
                    continue;
                };
                let task = work.remove(calendar).unwrap_or_default();
                epochs.insert(calendar, epoch);
                let state = states.iter().find(|state| state.calendar == *calendar);
                let state = state.or_else(|| task.position.as_ref().map(|it| &it.state));
                let state = state.or_else(|| cycling.states.get(calendar)).cloned();
                let lease = (epoch, leased.until);
                let drain = Drain::new(cycling, calendar, lease, state, task);
                draining.push(drain.run(reading(calendar)));
            }
        }
        let mut calendar: CalendarReport = match finished.pop_front() {
            Some(calendar) => calendar,
            None => match draining.next().await {
                Some(calendar) => calendar,
                None => break,
            },
        };
        if let Some(epoch) = epochs.remove(&calendar.calendar) {
            done.push((LeaseDomain::calendar(&cycling.spec.name, &calendar.calendar), epoch));
        }
        rest.again.append(&mut calendar.again);
        let orphans = std::mem::take(&mut calendar.orphans).into_iter();
        let here = &calendar.calendar;
        rest.orphans.extend(orphans.map(|(key, item)| (here.clone(), key, item)));
        let others = std::mem::take(&mut calendar.others).into_iter();
        rest.others.extend(others.map(|item| (here.clone(), item)));
        let asks = std::mem::take(&mut calendar.asks).into_iter();
        rest.asks.extend(asks.map(|item| (here.clone(), item)));
        rest.positions.extend(calendar.position.take().map(|it| (here.clone(), it)));
        rest.unpublished.extend(calendar.publish_later.then(|| here.clone()));
        report.absorb(calendar)?;
        if done.len() >= at_once {
            let released = std::mem::take(&mut done);
            let releasing = store.release_leases(&released);
            meanwhile(releasing, &mut draining, &mut finished).await?;
        }
    }
    store.release_leases(&done).await?;
    Ok(rest)
}

/// How the calendars stand, where that must be known before they are drained. Read once they are
/// leased: nobody else adds to what is not published any more.
async fn states(cycling: &Cycling<'_>) -> Result<Vec<CalendarState>, StoreError> {
    if !cycling.publishes {
        return Ok(Vec::new());
    }
    cycling.store.calendar_states(&cycling.spec.name).await
}

/// Waits for `wanted` while the drains go on. Not to let them would be a deadlock: one of them may
/// hold the connection to the store that `wanted` waits for.
async fn meanwhile<T, D>(
    wanted: impl Future<Output = T>,
    draining: &mut FuturesUnordered<D>,
    finished: &mut VecDeque<D::Output>,
) -> T
where
    D: Future,
{
    let mut wanted = pin!(wanted);
    loop {
        if draining.is_empty() {
            return wanted.await;
        }
        match select(wanted.as_mut(), draining.next()).await {
            Either::Left((value, _)) => return value,
            Either::Right((drained, _)) => finished.extend(drained),
        }
    }
}
