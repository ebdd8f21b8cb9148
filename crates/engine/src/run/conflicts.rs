//! Events of people that stand in the way of shifts: looked for, told of and, where the operator
//! chose so, changed. Part of a cycle, after its drains.
//!
//! First everything is looked at and decided ([`look`]), then the guard sees the sum, and then each
//! calendar's changes are carried out under its lease ([`act`]): made durable with all that is
//! needed to take them back, sent once, and written down. What a crash leaves is settled by
//! looking, before anything else is decided for that calendar ([`settle`]). [`undo`] takes one
//! change back.
//!
//! A calendar is looked at when something was written to it in this cycle, when mirrors are read
//! back, when something there is not settled, when its vendor hints at a change, and when its last
//! look is long ago: where the vendor tells of changes, that may be much longer. That a calendar is
//! to be looked at is durable before anything is written to it, so a cycle that dies, is stopped by
//! the guard or cannot read the calendar leaves the look to the next one.

use std::collections::BTreeSet;

use domain::limits::EVENT_CHANGES_PER_CYCLE_MAX;
use domain::{CalendarKey, EntityKey};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::Serialize;

use super::cycle::{CycleError, CycleOptions, Cycling, Equipment};
use super::gate::Shut;
use super::lease::lease;
use super::project::Projector;
use crate::plan::conflict::{Conflict, ConflictRules, Verdict};
use crate::port::{
    ChangesOf, ConflictWrite, ForeignEvents, LeaseDomain, LedgerCommit, Left, Store, StoreError,
    Topic,
};
use crate::report::CycleReport;

mod act;
pub mod look;
mod settle;
mod unavailable;
pub mod undo;

use act::Acting;
use look::{LookFailure, Looked, Lookout};

/// The guard stopped what would have changed too many events of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("mirror {mirror} would change {changes} events of people at once, more than {changes_max}")]
pub struct EventRefusal {
    /// Which mirror.
    pub mirror: String,
    /// How many.
    pub changes: u64,
    /// How many may be changed.
    pub changes_max: u64,
}

/// Lets changes of people's events pass, or refuses them.
///
/// # Errors
/// When there are more than the rules let pass and more than the operator said are meant.
pub fn judge(
    mirror: &domain::MirrorName,
    changes: u64,
    rules: &ConflictRules,
    allowance: Option<u64>,
) -> Result<(), EventRefusal> {
    let changes_max = rules.changes_max;
    if changes > changes_max && allowance.is_none_or(|it| changes > it) {
        return Err(EventRefusal { mirror: mirror.to_string(), changes, changes_max });
    }
    Ok(())
}

/// How many changes of events are among these.
#[must_use]
pub fn changes_in<'c>(conflicts: impl IntoIterator<Item = &'c Conflict>) -> u64 {
    let changes = conflicts.into_iter().filter(|it| match it.verdict {
        Verdict::Change(_) => true,
        Verdict::Leave(_) => false,
    });
    changes.count() as u64
}

/// What is to be looked at beside what a cycle writes to.
#[derive(Debug, Default)]
pub(super) struct Due {
    calendars: BTreeSet<CalendarKey>,
    /// Calendars in which something is not settled.
    unsettled: BTreeSet<CalendarKey>,
    /// Everything, because nothing was looked at yet.
    everything: bool,
}

impl Due {
    pub(super) fn is_nothing(&self) -> bool {
        self.calendars.is_empty() && self.unsettled.is_empty() && !self.everything
    }

    /// Every calendar that is somebody's, where all are to be looked at.
    pub(super) fn everywhere(
        &self,
        projector: &Projector<'_>,
    ) -> impl Iterator<Item = CalendarKey> + use<> {
        let homes = self.everything.then(|| projector.homes());
        homes.unwrap_or_default().into_keys()
    }
}

/// What conflicts ask for in this cycle.
pub(super) async fn due(
    spec: &super::cycle::MirrorSpec,
    equipment: Equipment<'_>,
    options: CycleOptions,
    now: Timestamp,
) -> Result<Due, StoreError> {
    let (Some(rules), Some(_)) = (&spec.conflicts, equipment.foreign) else {
        return Ok(Due::default());
    };
    if options.purge || !options.writes {
        return Ok(Due::default());
    }
    let looks = equipment.store.conflict_looks(&spec.name).await?;
    let unsettled = equipment.store.event_changes(&spec.name, &ChangesOf::Unsettled).await?;
    let is_over = |at: &Timestamp, interval| at.saturating_add(interval).is_ok_and(|it| it <= now);
    let everything = looks.is_empty() || options.read_back;
    let mut due = looks;
    due.retain(|(_, at)| options.read_back || is_over(at, rules.look_interval));
    if !due.is_empty() && !options.read_back {
        let told = told_of(spec, equipment.store, now).await?;
        let told_interval = rules.told_interval.max(rules.look_interval);
        due.retain(|(calendar, at)| !told.contains(calendar) || is_over(at, told_interval));
    }
    Ok(Due {
        calendars: due.into_iter().map(|(calendar, _)| calendar).collect(),
        unsettled: unsettled.into_iter().map(|it| it.calendar).collect(),
        everything,
    })
}

/// The calendars of a mirror of whose changes its vendor tells us now.
async fn told_of(
    spec: &super::cycle::MirrorSpec,
    store: &dyn Store,
    now: Timestamp,
) -> Result<BTreeSet<CalendarKey>, StoreError> {
    let kept = store.subscriptions().await?.into_iter();
    let live = kept.filter(|it| it.subscription.expires_at > now);
    Ok(live
        .filter_map(|it| match it.topic {
            Topic::Calendar { mirror, calendar } if mirror == spec.name => Some(calendar),
            Topic::Calendar { .. } | Topic::Source => None,
        })
        .collect())
}

/// Looks for conflicts in what is `due` and in `touched`, and does what is to be done about them.
/// Returns the shifts whose items tell something new.
pub(super) async fn run(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    due: Due,
    touched: BTreeSet<CalendarKey>,
    allowance: Option<u64>,
    report: &mut CycleReport,
) -> Result<Vec<EntityKey>, CycleError> {
    let (Some(rules), Some(foreign)) = (&cycling.spec.conflicts, equipment.foreign) else {
        return Ok(Vec::new());
    };
    let everywhere = due.everywhere(cycling.projector);
    let Due { mut calendars, unsettled, everything: _ } = due;
    // What is settled is looked at again at once, and what was written down by that is no news.
    calendars.extend(unsettled.iter().cloned());
    let mut noted = settle::settle(cycling, equipment, foreign, unsettled, report).await?;
    let now = cycling.clock.now();
    let lookout = Lookout::of_cycle(cycling, equipment, foreign, rules, now);
    calendars.extend(touched);
    calendars.extend(everywhere);
    let (looked, mut again) =
        look_at(&lookout, calendars, cycling.calendars_at_once, report).await?;
    let changes = changes_in(looked.iter().flat_map(|it| &it.conflicts));
    let refused = judge(&cycling.spec.name, changes, rules, allowance).err();
    let mut allowed = if refused.is_some() { 0 } else { changes.min(EVENT_CHANGES_PER_CYCLE_MAX) };
    report.conflicts.put_off = changes - allowed;
    report.conflicts.refused = refused;
    let looked = looked.into_iter().map(|it| capped(it, &mut allowed)).collect::<Vec<_>>();
    noted.extend(act_on(cycling, equipment, foreign, looked, &mut again, report).await?);
    let mut conflicts: Vec<_> = again.into_iter().map(ConflictWrite::LookAgain).collect();
    conflicts.push(ConflictWrite::DropOld(now));
    let last = LedgerCommit { conflicts, ..LedgerCommit::default() };
    cycling.commits.commit(last).await.map_err(CycleError::Shared)?;
    Ok(noted)
}

/// Has these calendars looked at by the next cycle, because this one does not come to it.
pub(super) async fn put_off(
    spec: &super::cycle::MirrorSpec,
    equipment: Equipment<'_>,
    calendars: impl IntoIterator<Item = CalendarKey>,
) -> Result<(), StoreError> {
    let (Some(_), Some(_)) = (&spec.conflicts, equipment.foreign) else { return Ok(()) };
    let conflicts: Vec<_> = calendars.into_iter().map(ConflictWrite::LookAgain).collect();
    if conflicts.is_empty() {
        return Ok(());
    }
    let commit = LedgerCommit { conflicts, ..LedgerCommit::default() };
    equipment.store.commit_ledger(&spec.name, commit).await.map(drop)
}

/// Looks at calendars, many at once; and those that could not be looked at.
async fn look_at(
    lookout: &Lookout<'_>,
    calendars: BTreeSet<CalendarKey>,
    at_once: usize,
    report: &mut CycleReport,
) -> Result<(Vec<Looked>, BTreeSet<CalendarKey>), CycleError> {
    let (mut looked, mut unread) = (Vec::new(), BTreeSet::new());
    let looks = calendars.into_iter().map(|calendar| async move {
        let found = lookout.look(&calendar).await;
        (calendar, found)
    });
    let mut looks = stream::iter(looks).buffered(at_once);
    while let Some((calendar, found)) = looks.next().await {
        match found {
            Ok(found) => {
                report.conflicts.looked += 1;
                looked.push(found);
            }
            Err(LookFailure::Store(error)) => return Err(error.into()),
            Err(LookFailure::Unread(reason)) => {
                report.conflicts.unread += 1;
                report.problem(calendar.clone(), format!("cannot look for conflicts: {reason}"));
                unread.insert(calendar);
            }
        }
    }
    Ok((looked, unread))
}

/// Leaves what is over `allowed` for another cycle.
fn capped(mut looked: Looked, allowed: &mut u64) -> Looked {
    for conflict in &mut looked.conflicts {
        match conflict.verdict {
            Verdict::Change(_) if *allowed > 0 => *allowed -= 1,
            Verdict::Change(_) => conflict.verdict = Verdict::Leave(Left::Waits),
            Verdict::Leave(_) => {}
        }
    }
    looked
}

/// Carries out what was decided, some calendars at a time, each under its lease. Where that did
/// not come to an end because somebody else acts there, is to be looked at `again`.
async fn act_on(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    foreign: &dyn ForeignEvents,
    looked: Vec<Looked>,
    again: &mut BTreeSet<CalendarKey>,
    report: &mut CycleReport,
) -> Result<Vec<EntityKey>, CycleError> {
    let Equipment { store, clock, ownership, .. } = equipment;
    let mirror = &cycling.spec.name;
    let mut noted = Vec::new();
    for batch in looked.chunks(cycling.calendars_at_once.max(1)) {
        let names: Vec<CalendarKey> = batch.iter().map(|it| it.calendar.clone()).collect();
        let leased = lease(store, clock, ownership, mirror, &names).await?;
        for calendar in leased.held {
            report.conflicts.unread += 1;
            report.problem(calendar.clone(), "being drained by another process".into());
            again.insert(calendar);
        }
        let acting = leased.granted.iter().filter_map(|(calendar, epoch)| {
            let looked = batch.iter().find(|it| it.calendar == *calendar)?;
            let acting = Acting::new(cycling, foreign, looked, *epoch, leased.until);
            Some(async move { (calendar.clone(), acting.run().await) })
        });
        let done = futures_util::future::join_all(acting).await;
        let leases: Vec<_> = leased
            .granted
            .iter()
            .map(|(calendar, epoch)| (LeaseDomain::calendar(mirror, calendar), *epoch))
            .collect();
        store.release_leases(&leases).await?;
        for (calendar, acted) in done {
            let acted = acted?;
            again.extend(acted.outrun.then_some(calendar));
            noted.extend(acted.told(report));
        }
    }
    Ok(noted)
}

/// What a shut gate means for people's events.
fn shut_words(shut: &Shut) -> String {
    match shut {
        Shut::Until(until) => format!("throttled until {until}"),
        Shut::Down => "the target does not answer".to_owned(),
        Shut::Unauthorised(detail) => detail.clone(),
    }
}
