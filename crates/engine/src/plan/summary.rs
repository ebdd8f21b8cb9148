//! A plan as people and programs read it: what would be written, and why.

use std::collections::BTreeMap;

use domain::{CalendarKey, EntityKey, ItemKey, Part};
use serde::Serialize;

use super::reconcile::{Action, Because, Hold, Step};
use crate::port::Verb;

/// All writes that a cycle intends, in small; printable, serialisable, comparable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What will be written, looked at or held, ordered by calendar and entity.
    pub entries: Vec<PlanEntry>,
}

/// One intended action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanEntry {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Which entity.
    pub key: EntityKey,
    /// Which of its items.
    #[serde(skip_serializing_if = "Part::is_main")]
    pub part: Part,
    /// What will be done.
    pub what: PlannedAction,
}

/// What will be done to one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// A new item.
    Create(Because),
    /// A replacement.
    Update(Because),
    /// A removal.
    Delete(Because),
    /// It must be looked at before anything can be decided.
    Look,
    /// Only the ledger changes.
    Record,
    /// It is left for now.
    Hold(Hold),
}

/// How many actions of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PlanCounts {
    /// New items.
    pub create: u64,
    /// Replacements.
    pub update: u64,
    /// Removals.
    pub delete: u64,
    /// Items to be looked at.
    pub look: u64,
    /// Items held.
    pub hold: u64,
}

impl Plan {
    /// Adds one step.
    pub fn push(&mut self, step: &Step) {
        let what = match &step.action {
            Action::Nothing => return,
            Action::Create(because) => PlannedAction::Create(*because),
            Action::Update { because, .. } => PlannedAction::Update(*because),
            Action::Delete { because, .. } => PlannedAction::Delete(*because),
            Action::Look => PlannedAction::Look,
            Action::Adopt(_) | Action::Forget | Action::DropIntent => PlannedAction::Record,
            Action::Hold(hold) => PlannedAction::Hold(hold.clone()),
        };
        let (calendar, key, part) = (step.calendar.clone(), step.key.clone(), step.part);
        self.entries.push(PlanEntry { calendar, key, part, what });
    }

    /// How many actions of each sort.
    #[must_use]
    pub fn counts(&self) -> PlanCounts {
        let mut counts = PlanCounts::default();
        for entry in &self.entries {
            match &entry.what {
                PlannedAction::Create(_) => counts.create += 1,
                PlannedAction::Update(_) => counts.update += 1,
                PlannedAction::Delete(_) => counts.delete += 1,
                PlannedAction::Look => counts.look += 1,
                PlannedAction::Record => {}
                PlannedAction::Hold(_) => counts.hold += 1,
            }
        }
        counts
    }

    /// The items of each calendar that something is to be done about, in key order.
    #[must_use]
    pub fn by_calendar(&self) -> BTreeMap<CalendarKey, Vec<ItemKey>> {
        let mut calendars: BTreeMap<CalendarKey, Vec<ItemKey>> = BTreeMap::new();
        for entry in &self.entries {
            let acts = match &entry.what {
                PlannedAction::Create(_)
                | PlannedAction::Update(_)
                | PlannedAction::Delete(_)
                | PlannedAction::Look
                | PlannedAction::Record => true,
                PlannedAction::Hold(hold) => *hold == Hold::MovesFirst,
            };
            if acts {
                let item = ItemKey { entity: entry.key.clone(), part: entry.part };
                calendars.entry(entry.calendar.clone()).or_default().push(item);
            }
        }
        calendars
    }
}

impl PlannedAction {
    /// The verb, where something is sent.
    #[must_use]
    pub fn verb(&self) -> Option<Verb> {
        match self {
            Self::Create(_) => Some(Verb::Create),
            Self::Update(_) => Some(Verb::Update),
            Self::Delete(_) => Some(Verb::Delete),
            Self::Look | Self::Record | Self::Hold(_) => None,
        }
    }
}
