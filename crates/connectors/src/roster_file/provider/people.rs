//! Employees, groups and reasons: entities that rows only name.

use std::collections::HashMap;

use domain::id::IdError;
use domain::{
    Employee, EmployeeId, Entity, ScheduleGroup, ScheduleGroupId, TimeOffReason, TimeOffReasonId,
};
use engine::port::{Identity, SourceEntity, SourceRef};

use crate::roster_file::map::Person;
use crate::roster_file::wire::Field;
use crate::table::RowFault;

/// Everybody and everything that rows have named so far; each once, with shared ids.
#[derive(Debug, Default)]
pub(super) struct People {
    employees: HashMap<Box<str>, Known>,
    groups: HashMap<Box<str>, (ScheduleGroup, SourceRef)>,
    reasons: HashMap<Box<str>, (TimeOffReason, SourceRef)>,
}

#[derive(Debug)]
struct Known {
    employee: Employee,
    at: SourceRef,
    differs: bool,
}

impl People {
    /// The employee that a row names, and a note when another row called them otherwise.
    pub fn employee(
        &mut self,
        person: &Person<'_>,
        at: impl FnOnce() -> SourceRef,
    ) -> Result<(EmployeeId, Option<RowFault>), RowFault> {
        let Person { id, name, email } = *person;
        if !self.employees.contains_key(id.value.as_ref()) {
            let employee = EmployeeId::new(&id.value).map_err(|error| bad_id(id, &error))?;
            let known = Known { employee: Employee::unnamed(employee), at: at(), differs: false };
            self.employees.insert(id.value.as_ref().into(), known);
        }
        let Some(known) = self.employees.get_mut(id.value.as_ref()) else {
            return Err(RowFault::cell(id.cell, "names an employee who was not kept"));
        };
        let differs = fill(&mut known.employee.name, name) | fill(&mut known.employee.email, email);
        let note = (differs && !known.differs).then(|| {
            RowFault::cell(id.cell, "has another name or address in an earlier row")
                .hint(format!("the earlier one counts; see {}", known.at.0))
        });
        known.differs |= differs;
        Ok((known.employee.id.clone(), note))
    }

    /// The group that a row names.
    pub fn group(
        &mut self,
        field: &Field<'_>,
        at: impl FnOnce() -> SourceRef,
    ) -> Result<ScheduleGroupId, RowFault> {
        if let Some((group, _)) = self.groups.get(field.value.as_ref()) {
            return Ok(group.id.clone());
        }
        let id = ScheduleGroupId::new(&field.value).map_err(|error| bad_id(field, &error))?;
        let group = ScheduleGroup { id: id.clone(), name: field.value.as_ref().to_owned() };
        self.groups.insert(field.value.as_ref().into(), (group, at()));
        Ok(id)
    }

    /// The reason that a row names.
    pub fn reason(
        &mut self,
        field: &Field<'_>,
        at: impl FnOnce() -> SourceRef,
    ) -> Result<TimeOffReasonId, RowFault> {
        if let Some((reason, _)) = self.reasons.get(field.value.as_ref()) {
            return Ok(reason.id.clone());
        }
        let id = TimeOffReasonId::new(&field.value).map_err(|error| bad_id(field, &error))?;
        let reason = TimeOffReason { id: id.clone(), name: field.value.as_ref().to_owned() };
        self.reasons.insert(field.value.as_ref().into(), (reason, at()));
        Ok(id)
    }

    /// All of them as entities, ordered by kind and id.
    pub fn into_entities(self) -> impl Iterator<Item = SourceEntity> {
        let Self { employees, groups, reasons } = self;
        let employees =
            employees.into_values().map(|known| (Entity::Employee(known.employee), known.at));
        let groups = groups.into_values().map(|(group, at)| (Entity::ScheduleGroup(group), at));
        let reasons = reasons.into_values().map(|(reason, at)| (Entity::TimeOffReason(reason), at));
        let mut all: Vec<(Entity, SourceRef)> = employees.chain(groups).chain(reasons).collect();
        all.sort_by_cached_key(|(entity, _)| entity.key());
        all.into_iter().map(|(entity, at)| SourceEntity { entity, identity: Identity::Native, at })
    }
}

/// Keeps the first value; says whether another one was given.
fn fill(kept: &mut Option<String>, given: Option<&str>) -> bool {
    match (kept.as_deref(), given) {
        (None, Some(given)) => {
            *kept = Some(given.to_owned());
            false
        }
        (Some(kept), Some(given)) => kept != given,
        (_, None) => false,
    }
}

pub(super) fn bad_id(field: &Field<'_>, error: &IdError) -> RowFault {
    RowFault::cell(field.cell, error.to_string())
}
