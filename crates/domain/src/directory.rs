//! Who there is: the people, groups and kinds of absence of one roster.

use std::collections::BTreeMap;

use crate::{
    Employee, EmployeeId, Entity, ScheduleGroup, ScheduleGroupId, TimeOffReason, TimeOffReasonId,
};

/// The people, groups and time-off reasons of one roster: what a connector needs to name them in
/// its vendor's way, and to recognise them there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// Everybody, by id.
    pub employees: BTreeMap<EmployeeId, Employee>,
    /// Groups that have a name of their own, by id.
    pub groups: BTreeMap<ScheduleGroupId, ScheduleGroup>,
    /// Time-off reasons that have a name of their own, by id.
    pub reasons: BTreeMap<TimeOffReasonId, TimeOffReason>,
}

impl Directory {
    /// Adds what belongs into a directory; entities of other kinds are left out.
    pub fn add(&mut self, entity: Entity) {
        match entity {
            Entity::Employee(it) => drop(self.employees.insert(it.id.clone(), it)),
            Entity::ScheduleGroup(it) => drop(self.groups.insert(it.id.clone(), it)),
            Entity::TimeOffReason(it) => drop(self.reasons.insert(it.id.clone(), it)),
            Entity::OpenShift(_) | Entity::Shift(_) | Entity::TimeOff(_) => {}
        }
    }

    /// What people call a group: its name, or its id where it has none.
    #[must_use]
    pub fn group_name<'a>(&'a self, id: &'a ScheduleGroupId) -> &'a str {
        self.groups.get(id).map_or(id.as_str(), |it| &it.name)
    }

    /// What people call a time-off reason: its name, or its id where it has none.
    #[must_use]
    pub fn reason_name<'a>(&'a self, id: &'a TimeOffReasonId) -> &'a str {
        self.reasons.get(id).map_or(id.as_str(), |it| &it.name)
    }

    /// The group that somebody's work belongs to: the one it names, else their own.
    #[must_use]
    pub fn group_of<'a>(
        &'a self,
        named: Option<&'a ScheduleGroupId>,
        employee: Option<&EmployeeId>,
    ) -> Option<&'a ScheduleGroupId> {
        named.or_else(|| self.employees.get(employee?)?.group.as_ref())
    }
}
