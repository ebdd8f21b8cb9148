//! Looking at calendars, and deciding: reads, and writes nothing. So `plan` shows what a cycle
//! would do by doing the same.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::{ConflictPolicy, OverrideAction};
use domain::{
    CalendarKey, EmployeeId, Entity, EntityKind, MirrorName, Part, RosterName, ShowAs, SyncWindow,
    UtcInterval,
};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;

use super::shut_words;
use crate::plan::conflict::{Conflict, ConflictRules, Situation, Working, decide};
use crate::plan::unavailable::{Hopes, Wish, is_wish, wishes as wishes_of};
use crate::port::{
    ChangesOf, Content, ForeignEvents, LedgerRow, Placement, RemoteId, RosterEntry, Store,
    StoreError,
};
use crate::run::cycle::{Cycling, Equipment, MirrorSpec};
use crate::run::observe::{ReadFailure, Reader};
use crate::run::project::Projector;
use crate::run::survey::Overlay;

/// Calendars looked at at once where only `plan` wants to know.
const LOOKS_AT_ONCE: usize = 8;

/// What was seen in one calendar, and what follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Which one.
    pub calendar: CalendarKey,
    /// When.
    pub at: Timestamp,
    /// What stands in the way there, and what is to be done about it.
    pub conflicts: Vec<Conflict>,
    /// Whose calendar it is, where it is one person's.
    pub owner: Option<EmployeeId>,
    /// What they wish there.
    pub wishes: Vec<Wish>,
}

/// Why a calendar could not be looked at.
#[derive(Debug)]
pub enum LookFailure {
    /// The store failed.
    Store(StoreError),
    /// People's events could not be read.
    Unread(String),
}

impl From<StoreError> for LookFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReadFailure> for LookFailure {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Shut(shut) => Self::Unread(shut_words(&shut)),
            ReadFailure::Failed(failure) => Self::Unread(failure.to_string()),
        }
    }
}

/// What looking needs.
pub struct Lookout<'a> {
    mirror: &'a MirrorName,
    roster: &'a RosterName,
    store: &'a dyn Store,
    foreign: &'a dyn ForeignEvents,
    rules: &'a ConflictRules,
    projector: &'a Projector<'a>,
    /// Changes of the roster that are not in the store.
    overlay: &'a Overlay,
    equipment: Equipment<'a>,
    homes: BTreeMap<CalendarKey, BTreeSet<EmployeeId>>,
    window: SyncWindow,
    now: Timestamp,
    deadline: Timestamp,
}

static NO_OVERLAY: Overlay = Overlay::new();

impl<'a> Lookout<'a> {
    pub(super) fn of_cycle(
        cycling: &'a Cycling<'a>,
        equipment: Equipment<'a>,
        foreign: &'a dyn ForeignEvents,
        rules: &'a ConflictRules,
        now: Timestamp,
    ) -> Self {
        Self {
            mirror: &cycling.spec.name,
            roster: &cycling.spec.roster,
            store: cycling.store,
            foreign,
            rules,
            projector: cycling.projector,
            overlay: &NO_OVERLAY,
            equipment,
            homes: cycling.projector.homes(),
            window: cycling.window,
            now,
            deadline: cycling.deadline,
        }
    }

    /// Looks at one calendar.
    ///
    /// # Errors
    /// When the store fails, or people's events cannot be read.
    pub async fn look(&self, calendar: &CalendarKey) -> Result<Looked, LookFailure> {
        let ledger = self.store.ledger_of_calendar(self.mirror, calendar).await?;
        let shifts = self.shifts(calendar, &ledger).await?;
        let at = self.now;
        let owner = self.homes.get(calendar).filter(|it| it.len() == 1);
        let owner = owner.and_then(|it| it.first().cloned());
        let unavailable = self.rules.unavailable.as_ref().filter(|_| owner.is_some());
        let (conflicts, wishes) = (Vec::new(), Vec::new());
        let mut looked = Looked { calendar: calendar.clone(), at, conflicts, owner, wishes };
        let Some(within) = self.within(&shifts, unavailable.is_some()) else { return Ok(looked) };
        let reader = Reader {
            target: self.equipment.target,
            gate: self.equipment.gate,
            clock: self.equipment.clock,
            watcher: self.equipment.watcher,
            mirror: self.mirror,
            calendar,
            deadline: self.deadline,
        };
        let mut events = reader.request(|| self.foreign.overlapping(calendar, &within)).await?;
        let which = ChangesOf::Calendar(calendar.clone());
        let changes = self.store.event_changes(self.mirror, &which).await?;
        let ours = ours(&ledger);
        if let Some(rules) = unavailable {
            let (within, now) = (&within, self.now);
            let hopes =
                Hopes { rules, now, within, events: &events, ours: &ours, changes: &changes };
            looked.wishes = wishes_of(hopes);
            let wished: Vec<bool> = events.iter().map(|it| is_wish(it, hopes)).collect();
            let mut wished = wished.into_iter();
            events.retain(|_| !wished.next().unwrap_or(false));
        }
        looked.conflicts = decide(Situation {
            mirror: self.mirror,
            calendar,
            now: self.now,
            shifts: &shifts,
            events: &events,
            ours: &ours,
            changes: &changes,
            rules: self.rules,
        });
        Ok(looked)
    }

    /// The time in which events matter: all that is to come where people wish by them.
    fn within(&self, shifts: &[Working], wishes: bool) -> Option<UtcInterval> {
        let of_shifts = self.around(shifts);
        let to_come = UtcInterval::new(self.now, self.window.interval.end()).ok();
        match (of_shifts, to_come.filter(|_| wishes)) {
            (Some(one), Some(other)) => Some(one.hull(&other)),
            (one, other) => one.or(other),
        }
    }

    /// The time in which events can stand in the way, and those may go that do.
    fn around(&self, shifts: &[Working]) -> Option<UtcInterval> {
        let end = shifts.iter().map(|it| it.interval.end()).max()?;
        let moves = self.rules.policy == ConflictPolicy::WfmPriorityOverride
            && self.rules.action == OverrideAction::Move;
        let end = if moves { end.saturating_add(self.rules.move_within).ok()? } else { end };
        let start = shifts.iter().map(|it| it.interval.start()).min()?;
        UtcInterval::new(start, end).ok()
    }

    /// The shifts that stand in a calendar, are not over, and take their employee's time.
    async fn shifts(
        &self,
        calendar: &CalendarKey,
        ledger: &[LedgerRow],
    ) -> Result<Vec<Working>, StoreError> {
        let mut people = self.homes.get(calendar).cloned().unwrap_or_default();
        people.extend(ledger.iter().filter_map(|row| row.employee.clone()));
        let window = SyncWindow { interval: self.window.interval };
        let asked: Vec<_> = people.iter().map(|it| (it.clone(), window)).collect();
        let stored = self.store.entries_of_employees(self.roster, &asked).await?;
        let stored = stored.iter().filter(|it| !self.overlay.contains_key(&it.entity.key()));
        let planned =
            self.overlay.values().flatten().filter(|it| {
                it.entity.employee().is_some_and(|employee| people.contains(employee))
            });
        let here = |entry: &&RosterEntry| {
            entry.entity.interval().is_some_and(|it| self.window.admits(&it) && it.end() > self.now)
                && match self.projector.place(&entry.entity) {
                    Some(Placement::In(place)) => place == *calendar,
                    Some(Placement::Unmapped(_) | Placement::NotShown) | None => false,
                }
        };
        Ok(stored.chain(planned).filter(here).filter_map(|it| self.working(&it.entity)).collect())
    }

    fn working(&self, entity: &Entity) -> Option<Working> {
        if entity.kind() != EntityKind::Shift {
            return None;
        }
        let (title, taken) = match self.projector.content(entity, Part::Main)? {
            Content::Event(event) => (Some(event.summary), event.show_as != ShowAs::Free),
            Content::Schedule(_) => (None, true),
        };
        let interval = entity.interval()?;
        taken.then(|| Working { key: entity.key(), interval, title })
    }
}

/// Where our own items are or are intended to be.
fn ours(ledger: &[LedgerRow]) -> BTreeSet<RemoteId> {
    let mut ours = BTreeSet::new();
    for row in ledger {
        ours.extend(row.remote.as_ref().map(|it| it.id.clone()));
        ours.extend(row.intent.as_ref().and_then(|it| it.remote_id.clone()));
    }
    ours
}

/// What a cycle would find and do, calendar by calendar, without doing it; and why some could not
/// be looked at. Nothing where the mirror does not look for conflicts.
///
/// # Errors
/// When the store fails.
pub async fn preview(
    spec: &MirrorSpec,
    equipment: Equipment<'_>,
    projector: &Projector<'_>,
    overlay: &Overlay,
) -> Result<(Vec<Looked>, Vec<(CalendarKey, String)>), StoreError> {
    let (Some(rules), Some(foreign)) = (&spec.conflicts, equipment.foreign) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let now = equipment.clock.now();
    let lookout = Lookout {
        mirror: &spec.name,
        roster: &spec.roster,
        store: equipment.store,
        foreign,
        rules,
        projector,
        overlay,
        equipment,
        homes: projector.homes(),
        window: SyncWindow::around(now, spec.past, spec.future),
        now,
        deadline: now,
    };
    let (mut looked, mut unread) = (Vec::new(), Vec::new());
    let looks = lookout.homes.keys().map(|calendar| {
        let lookout = &lookout;
        async move { (calendar, lookout.look(calendar).await) }
    });
    let mut looks = stream::iter(looks).buffered(LOOKS_AT_ONCE);
    while let Some((calendar, found)) = looks.next().await {
        match found {
            Ok(found) => looked.push(found),
            Err(LookFailure::Store(error)) => return Err(error),
            Err(LookFailure::Unread(reason)) => unread.push((calendar.clone(), reason)),
        }
    }
    Ok((looked, unread))
}
