//! The rounds of one cycle: everything that was surveyed, then what nobody knows, then what had
//! to wait for something else.
//!
//! A calendar that is to be drained again in a later round is published in that one: people are
//! told of changes once.

use std::collections::{BTreeMap, BTreeSet};

use domain::CalendarKey;
use domain::limits::ROUNDS_PER_CYCLE_MAX;

use super::cycle::{CycleError, Cycling, Equipment, Looking, waits_to_be_published};
use super::drain::{Reading, Removals, Task};
use super::drains::{Rest, drain_calendars, tasks};
use super::survey::{Survey, Surveyor, kinds_of};
use crate::plan::guard::{DeletionCount, judge};
use crate::plan::state::Seen;
use crate::port::{CalendarState, Scope};
use crate::report::CycleReport;

/// Drains every calendar that something is to be done about, or that waits to be published, and,
/// when reading back, every calendar.
///
/// `read_back` says whether all calendars are read back, and whether those are in which something
/// may be made; `looking`, in which of the others what changed is read.
pub(super) async fn drain_all(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    survey: Survey,
    (all, touched): (bool, bool),
    looking: Looking<'_>,
    report: &mut CycleReport,
) -> Result<Rest, CycleError> {
    let states = cycling.states.values();
    let mut work = tasks(survey.plan.by_calendar());
    if cycling.publishes && cycling.writes {
        for state in states.clone().filter(|state| waits_to_be_published(state)) {
            work.entry(state.calendar.clone()).or_default();
        }
    }
    let opened: BTreeSet<CalendarKey> =
        states.clone().filter(|it| it.read_at.is_some()).map(|it| it.calendar.clone()).collect();
    for (calendar, key) in &cycling.drifts.due {
        let task = work.entry(calendar.clone()).or_default();
        if !task.keys.contains(key) {
            task.keys.push(key.clone());
        }
    }
    let can_look = |state: &&CalendarState| state.read_at.is_some() && state.token.is_some();
    let looked_at: BTreeSet<CalendarKey> = states
        .filter(can_look)
        .filter(|state| looking.includes(&state.calendar))
        .map(|state| state.calendar.clone())
        .collect();
    for calendar in &looked_at {
        work.entry(calendar.clone()).or_default();
    }
    if all {
        for calendar in survey.calendars.iter().chain(&opened) {
            work.entry(calendar.clone()).or_default();
        }
    }
    let reading = |calendar: &CalendarKey| {
        if touched || !opened.contains(calendar) {
            Reading::Everything
        } else if looked_at.contains(calendar) {
            Reading::Changes
        } else {
            Reading::Nothing
        }
    };
    drain_calendars(cycling, equipment, work, &reading, report).await
}

/// Does what had to be counted first. What nobody knows is removed: items of ours without an
/// entity, and, where that is wanted, items of others. For what people removed, the system of
/// record is asked. In either case for all of it or, when the guard finds it too much, for none.
pub(super) async fn settle_counted(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    mut rest: Rest,
    count: DeletionCount,
    allowance: Option<u64>,
    report: &mut CycleReport,
) -> Result<Rest, CycleError> {
    let mut work: BTreeMap<CalendarKey, Task> = BTreeMap::new();
    let kept = remove_unknown(cycling, &mut rest, &mut work, (count, allowance), report);
    ask_for_removals(cycling, &mut rest, &mut work, (count, allowance), report);
    for (calendar, position) in std::mem::take(&mut rest.positions) {
        // What is not removed is to be found again.
        if !kept.contains(&calendar)
            && let Some(task) = work.get_mut(&calendar)
        {
            task.position = Some(position);
        }
    }
    if work.is_empty() {
        return Ok(rest);
    }
    rest.unpublished.retain(|calendar| !work.contains_key(calendar));
    let more = drain_calendars(cycling, equipment, work, &|_| Reading::Nothing, report).await?;
    rest.again.extend(more.again);
    rest.unpublished.extend(more.unpublished);
    Ok(rest)
}

/// Has what nobody knows removed, if the guard lets it; the calendars in which it stays.
fn remove_unknown(
    cycling: &Cycling<'_>,
    rest: &mut Rest,
    work: &mut BTreeMap<CalendarKey, Task>,
    (count, allowance): (DeletionCount, Option<u64>),
    report: &mut CycleReport,
) -> BTreeSet<CalendarKey> {
    let orphans = std::mem::take(&mut rest.orphans);
    let others = std::mem::take(&mut rest.others);
    let found = (orphans.len() + others.len()) as u64;
    if found == 0 {
        return BTreeSet::new();
    }
    let places = orphans.iter().map(|(calendar, ..)| calendar);
    let places = places.chain(others.iter().map(|(calendar, _)| calendar)).cloned();
    if !cycling.writes {
        report.held += found;
        return places.collect();
    }
    let count = DeletionCount {
        present: count.present + report.created + report.adopted + found,
        deletions: count.deletions + found,
    };
    let subject = format!("mirror {}", cycling.spec.name);
    if let Err(refusal) = judge(subject, count, &cycling.spec.guard, allowance) {
        report.refused = Some(refusal);
        report.complete = false;
        return places.collect();
    }
    cycling.judge_unknown(found);
    for (calendar, key, item) in orphans {
        let task = work.entry(calendar).or_default();
        task.keys.push(key.clone());
        task.seen.insert(key, Seen::Present(item));
    }
    for (calendar, item) in others {
        work.entry(calendar).or_default().others.push(item);
    }
    BTreeSet::new()
}

/// Has the record asked for what people removed, or has it put right where that is too much. What
/// the record itself deletes does not count: that it wants.
fn ask_for_removals(
    cycling: &Cycling<'_>,
    rest: &mut Rest,
    work: &mut BTreeMap<CalendarKey, Task>,
    (count, allowance): (DeletionCount, Option<u64>),
    report: &mut CycleReport,
) {
    let asks = std::mem::take(&mut rest.asks);
    let deletions = asks.len() as u64;
    let count = DeletionCount { present: count.present.max(deletions), deletions };
    let subject = format!("mirror {}", cycling.spec.name);
    let verdict = judge(subject, count, &cycling.spec.guard, allowance);
    if let (Err(refusal), Some((calendar, _))) = (&verdict, asks.first()) {
        report.too_many_removed(calendar.clone(), refusal);
    }
    let removals = if verdict.is_ok() { Removals::Asked } else { Removals::TooMany };
    for (calendar, key) in asks {
        let task = work.entry(calendar).or_default();
        task.removals = removals;
        task.keys.push(key.clone());
        task.seen.insert(key, Seen::Absent);
    }
}

/// Plans again what had to wait, until nothing has to any more, and publishes what is left.
pub(super) async fn later_rounds(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    mut rest: Rest,
    report: &mut CycleReport,
) -> Result<(), CycleError> {
    for _ in 1..ROUNDS_PER_CYCLE_MAX {
        if rest.again.is_empty() {
            break;
        }
        let clock = cycling.clock.now();
        let surveyor = Surveyor {
            store: cycling.store,
            mirror: &cycling.spec.name,
            roster: &cycling.spec.roster,
            window: &cycling.window,
            kinds: kinds_of(cycling.spec.profile.shows),
            now: cycling.due_by.max(clock),
            clock,
            purge: cycling.purge,
        };
        rest.again.sort();
        rest.again.dedup();
        let survey = surveyor.survey(cycling.projector, &Scope::Keys(rest.again)).await?;
        let mut work = tasks(survey.plan.by_calendar());
        for calendar in rest.unpublished {
            work.entry(calendar).or_default();
        }
        rest = drain_calendars(cycling, equipment, work, &|_| Reading::Nothing, report).await?;
    }
    report.complete &= rest.again.is_empty();
    if !rest.unpublished.is_empty() {
        let work = rest.unpublished.into_iter().map(|calendar| (calendar, Task::default()));
        drain_calendars(cycling, equipment, work.collect(), &|_| Reading::Nothing, report).await?;
    }
    Ok(())
}
