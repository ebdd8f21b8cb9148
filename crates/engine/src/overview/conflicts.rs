//! Which events of people stand in the way of which shifts, and what was done about them.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Employee, EmployeeId, Entity, EntityKey, EntityKind, EventSpan, MirrorName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::{became, what};
use super::{MirrorOutline, Outline};
use crate::port::{AuditId, ChangeOutline, ConflictPlace, ConflictRow, ForeignChange, Left};
use crate::port::{Store, StoreError};

/// A page of conflicts.
#[derive(Debug, Clone, Default)]
pub struct ConflictsPage {
    /// What stands, in the order of mirrors, calendars and shifts.
    pub conflicts: Vec<ConflictLine>,
    /// What was done to people's events, or is to be; only with the first page.
    pub changes: Vec<ChangeLine>,
    /// Where the next page goes on, if there is one.
    pub next: Option<Place>,
}

/// Where a page ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// In which mirror.
    pub mirror: MirrorName,
    /// After which conflict.
    pub after: ConflictPlace,
}

/// One event that stands in the way of one shift.
#[derive(Debug, Clone, Serialize)]
pub struct ConflictLine {
    /// In which mirror.
    pub mirror: MirrorName,
    /// In which calendar.
    pub calendar: String,
    /// The shift, and whose it is.
    pub shift: ShiftLine,
    /// When the event is.
    pub span: EventSpan,
    /// Since when we know.
    pub since: Timestamp,
    /// Whether somebody may want to look at it.
    pub open: bool,
    /// Why nothing is done about it.
    pub left: Left,
    /// The same in words.
    pub why: &'static str,
}

/// What was set out to be done to one event.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeLine {
    /// In which mirror.
    pub mirror: MirrorName,
    /// In which calendar.
    pub calendar: String,
    /// What `rotabridge undo` takes.
    pub audit_id: AuditId,
    /// For whose sake.
    pub shifts: Vec<ShiftLine>,
    /// What: `deleted`, `declined`, `moved` or `relabelled`.
    pub change: &'static str,
    /// What became of it, in words.
    pub became: String,
    /// When the event was.
    pub span: EventSpan,
    /// Where to it was moved.
    pub to: Option<EventSpan>,
    /// When it was decided.
    pub at: Timestamp,
    /// Whether it can be taken back.
    pub undoable: bool,
    /// Until when it can be.
    pub kept_until: Timestamp,
}

/// One shift and whose it is, as far as the roster still has it.
#[derive(Debug, Clone, Serialize)]
pub struct ShiftLine {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub label: Option<String>,
    /// When it starts.
    pub start: Option<Timestamp>,
    /// When it ends.
    pub end: Option<Timestamp>,
    /// Whose it is.
    pub employee: Option<EmployeeId>,
    /// What colleagues call them.
    pub name: Option<String>,
}

/// Gathers one page: at most `limit` conflicts, and as many changes of each mirror.
///
/// # Errors
/// When the store fails.
pub async fn conflicts(
    store: &dyn Store,
    outline: &Outline,
    after: Option<&Place>,
    limit: usize,
) -> Result<ConflictsPage, StoreError> {
    let mut page = ConflictsPage::default();
    let is_first = |it: &MirrorOutline| after.is_some_and(|place| place.mirror == it.name);
    let from = outline.mirrors.iter().position(is_first).unwrap_or(0);
    let mut last = after.cloned();
    for mirror in &outline.mirrors[from..] {
        let wanted = limit - page.conflicts.len();
        let place = last.as_ref().filter(|it| it.mirror == mirror.name).map(|it| &it.after);
        // One more than is told, to know whether there is more.
        let mut rows = store.conflict_page(&mirror.name, place, wanted + 1).await?;
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        if let Some(row) = rows.last() {
            last = Some(Place { mirror: mirror.name.clone(), after: ConflictPlace::of(row) });
        }
        let shifts = rows.iter().map(|row| &row.shift);
        let people = People::of(store, mirror, shifts.cloned().collect()).await?;
        page.conflicts.extend(rows.into_iter().map(|row| conflict(mirror, row, &people)));
        if more {
            page.next = last;
            break;
        }
    }
    if after.is_none() {
        for mirror in &outline.mirrors {
            let outlines = store.change_outlines(&mirror.name, limit).await?;
            let shifts = outlines.iter().flat_map(|it| it.shifts.iter().cloned());
            let people = People::of(store, mirror, shifts.collect()).await?;
            page.changes.extend(outlines.into_iter().map(|it| change(mirror, it, &people)));
        }
    }
    Ok(page)
}

fn conflict(mirror: &MirrorOutline, row: ConflictRow, people: &People) -> ConflictLine {
    let ConflictRow { calendar, shift, event: _, span, since, left } = row;
    ConflictLine {
        mirror: mirror.name.clone(),
        calendar: calendar.to_string(),
        shift: people.shift(&shift),
        span,
        since,
        open: left.is_open(),
        left,
        why: left.as_str(),
    }
}

fn change(mirror: &MirrorOutline, outline: ChangeOutline, people: &People) -> ChangeLine {
    let ChangeOutline { id, calendar, shifts, change, span, state, at, kept_until } = outline;
    ChangeLine {
        mirror: mirror.name.clone(),
        calendar: calendar.to_string(),
        audit_id: id,
        shifts: shifts.iter().map(|key| people.shift(key)).collect(),
        change: what(&change),
        became: became(&change, &state),
        span,
        to: match change {
            ForeignChange::Move { to, note: _ } => Some(to),
            ForeignChange::Delete
            | ForeignChange::Decline { .. }
            | ForeignChange::Relabel { .. } => None,
        },
        at,
        undoable: state.is_done(),
        kept_until,
    }
}

/// The shifts of a page and the people whose they are.
#[derive(Default)]
struct People {
    shifts: BTreeMap<EntityKey, Entity>,
    names: BTreeMap<EmployeeId, String>,
}

impl People {
    async fn of(
        store: &dyn Store,
        mirror: &MirrorOutline,
        shifts: BTreeSet<EntityKey>,
    ) -> Result<Self, StoreError> {
        if shifts.is_empty() {
            return Ok(Self::default());
        }
        let shifts: Vec<EntityKey> = shifts.into_iter().collect();
        let entries = store.roster_entries(&mirror.roster, &shifts).await?;
        let shifts: BTreeMap<_, _> =
            entries.into_iter().map(|it| (it.entity.key(), it.entity)).collect();
        let whose: BTreeSet<&EmployeeId> = shifts.values().filter_map(Entity::employee).collect();
        let key = |id: &&EmployeeId| EntityKey { kind: EntityKind::Employee, id: (*id).into() };
        let keys: Vec<EntityKey> = whose.iter().map(key).collect();
        let entries = store.roster_entries(&mirror.roster, &keys).await?;
        let named = entries.into_iter().filter_map(|it| match it.entity {
            Entity::Employee(Employee { id, name, .. }) => Some((id, name?)),
            Entity::OpenShift(_)
            | Entity::ScheduleGroup(_)
            | Entity::Shift(_)
            | Entity::TimeOff(_)
            | Entity::TimeOffReason(_) => None,
        });
        Ok(Self { names: named.collect(), shifts })
    }

    fn shift(&self, key: &EntityKey) -> ShiftLine {
        let entity = self.shifts.get(key);
        let interval = entity.and_then(Entity::interval);
        let employee = entity.and_then(Entity::employee);
        ShiftLine {
            id: key.id.to_string(),
            label: entity.and_then(label).map(str::to_owned),
            start: interval.map(|it| it.start()),
            end: interval.map(|it| it.end()),
            name: employee.and_then(|it| self.names.get(it)).cloned(),
            employee: employee.cloned(),
        }
    }
}

fn label(entity: &Entity) -> Option<&str> {
    match entity {
        Entity::Shift(it) => Some(&it.label),
        Entity::Employee(_)
        | Entity::OpenShift(_)
        | Entity::ScheduleGroup(_)
        | Entity::TimeOff(_)
        | Entity::TimeOffReason(_) => None,
    }
}
