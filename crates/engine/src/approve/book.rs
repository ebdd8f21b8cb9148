//! Facts, in the order in which rules look things up.

use std::collections::BTreeMap;

use domain::{
    EmployeeId, Entity, EntityId, EntityKey, EntityKind, OpenShift, OpenShiftId, Shift, ShiftId,
    TimeOff, TimeOffId,
};

/// Entities by key, and by whose they are.
#[derive(Debug, Default)]
pub struct Book<'a> {
    by_key: BTreeMap<EntityKey, &'a Entity>,
    shifts: BTreeMap<&'a EmployeeId, Vec<&'a Shift>>,
    absences: BTreeMap<&'a EmployeeId, Vec<&'a TimeOff>>,
}

impl<'a> Book<'a> {
    /// Puts facts in order.
    #[must_use]
    pub fn of(entities: &'a [Entity]) -> Self {
        let mut book = Self::default();
        for entity in entities {
            book.by_key.insert(entity.key(), entity);
            match entity {
                Entity::Shift(it) => book.shifts.entry(&it.employee).or_default().push(it),
                Entity::TimeOff(it) => book.absences.entry(&it.employee).or_default().push(it),
                Entity::Employee(_)
                | Entity::OpenShift(_)
                | Entity::ScheduleGroup(_)
                | Entity::TimeOffReason(_) => {}
            }
        }
        book
    }

    /// The live shift with this id.
    #[must_use]
    pub fn shift(&self, id: &ShiftId) -> Option<&'a Shift> {
        match self.by_key.get(&key(EntityKind::Shift, id.into()))? {
            Entity::Shift(it) => Some(it),
            Entity::Employee(_)
            | Entity::OpenShift(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOff(_)
            | Entity::TimeOffReason(_) => None,
        }
    }

    /// The live open shift with this id.
    #[must_use]
    pub fn open_shift(&self, id: &OpenShiftId) -> Option<&'a OpenShift> {
        match self.by_key.get(&key(EntityKind::OpenShift, id.into()))? {
            Entity::OpenShift(it) => Some(it),
            Entity::Employee(_)
            | Entity::Shift(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOff(_)
            | Entity::TimeOffReason(_) => None,
        }
    }

    /// The live absence with this id.
    #[must_use]
    pub fn time_off(&self, id: &TimeOffId) -> Option<&'a TimeOff> {
        match self.by_key.get(&key(EntityKind::TimeOff, id.into()))? {
            Entity::TimeOff(it) => Some(it),
            Entity::Employee(_)
            | Entity::OpenShift(_)
            | Entity::ScheduleGroup(_)
            | Entity::Shift(_)
            | Entity::TimeOffReason(_) => None,
        }
    }

    /// Somebody's work.
    #[must_use]
    pub fn shifts_of(&self, employee: &EmployeeId) -> &[&'a Shift] {
        self.shifts.get(employee).map_or(&[], Vec::as_slice)
    }

    /// Somebody's absences.
    #[must_use]
    pub fn absences_of(&self, employee: &EmployeeId) -> &[&'a TimeOff] {
        self.absences.get(employee).map_or(&[], Vec::as_slice)
    }

    /// Everybody's work, by whose it is.
    pub fn all_shifts(&self) -> impl Iterator<Item = &'a Shift> {
        self.shifts.values().flatten().copied()
    }
}

/// A key of these parts.
#[must_use]
pub fn key(kind: EntityKind, id: EntityId) -> EntityKey {
    EntityKey { kind, id }
}
