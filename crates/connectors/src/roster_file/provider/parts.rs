//! Activities that stand in rows of their own, brought to the work that they are part of.

use std::collections::HashMap;

use domain::limits::SHIFT_DURATION_MAX;
use domain::{Activity, EmployeeId, Entity, EntityId, EntityKind, UtcInterval};
use engine::port::SourceEntity;

use super::tables::Spot;
use crate::roster_file::map::Part;
use crate::table::RowFault;

/// Work that has a native id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent {
    /// Which of the entities it is.
    pub index: usize,
    /// Where it stands.
    pub spot: Spot,
}

/// An activity whose work may stand further down, or in another file.
#[derive(Debug)]
pub(super) struct PendingPart {
    activity: Activity,
    /// The id that the row names its work by.
    parent: Option<String>,
    /// The row's own id, which is the work's in some exports.
    id: Option<String>,
    employee: Option<EmployeeId>,
    parent_cell: Option<usize>,
    start_cell: Option<usize>,
    spot: Spot,
}

impl PendingPart {
    /// Remembers a row.
    pub fn new(part: Part<'_>, employee: Option<EmployeeId>, spot: Spot) -> Self {
        let Part { parent, id, activity, start_cell } = part;
        Self {
            activity,
            parent: parent.map(|field| field.value.clone().into_owned()),
            id: id.map(|field| field.value.clone().into_owned()),
            employee,
            parent_cell: parent.and_then(|field| field.cell),
            start_cell,
            spot,
        }
    }
}

type Natives = HashMap<(EntityKind, EntityId), Parent>;

/// An employee's shifts: when, and which of the entities.
type ByEmployee = HashMap<EmployeeId, Vec<(UtcInterval, usize)>>;

/// Adds every part to its work; gives back what is wrong with those that have none.
pub(super) fn attach(
    parts: Vec<PendingPart>,
    entities: &mut [SourceEntity],
    natives: &Natives,
) -> Vec<(RowFault, Spot)> {
    let mut faults = Vec::new();
    if parts.is_empty() {
        return faults;
    }
    let by_employee = shifts_by_employee(entities);
    for part in parts {
        let (spot, start_cell) = (part.spot, part.start_cell);
        let whole = match find(&part, natives, &by_employee) {
            Ok(index) => entities.get_mut(index).and_then(work),
            Err(fault) => {
                faults.push((fault, spot));
                continue;
            }
        };
        let interval = part.activity.interval;
        match whole {
            Some((span, activities)) if span.contains(&interval) => activities.push(part.activity),
            Some((span, _)) => {
                let message = format!("the activity is {interval}, outside its shift {span}");
                let hint = "an activity after midnight has the date of that day";
                faults.push((RowFault::cell(start_cell, message).hint(hint), spot));
            }
            None => faults.push((RowFault::row("its shift was not kept"), spot)),
        }
    }
    for (_, activities) in entities.iter_mut().filter_map(work) {
        activities.sort_by(|a, b| {
            let key = |it: &Activity| (it.interval.start(), it.interval.end());
            key(a).cmp(&key(b)).then_with(|| a.label.cmp(&b.label))
        });
    }
    faults
}

fn find(
    part: &PendingPart,
    natives: &Natives,
    by_employee: &ByEmployee,
) -> Result<usize, RowFault> {
    let named = |id: &String| {
        let id = EntityId::new(id).ok()?;
        let of = |kind| natives.get(&(kind, id.clone()));
        let parent = of(EntityKind::Shift).or_else(|| of(EntityKind::OpenShift))?;
        Some(parent.index)
    };
    if let Some(parent) = &part.parent {
        return named(parent).ok_or_else(|| {
            RowFault::cell(part.parent_cell, format!("no row has the id `{parent}`"))
                .hint("the shift's own row must be in one of the files, and be good")
        });
    }
    if let Some(index) = part.id.as_ref().and_then(named) {
        return Ok(index);
    }
    let Some(employee) = &part.employee else {
        return Err(RowFault::row("the activity names neither its shift nor an employee"));
    };
    containing(by_employee.get(employee), &part.activity.interval).ok_or_else(|| {
        let message = format!(
            "no shift of this employee contains the activity at {}",
            part.activity.interval
        );
        RowFault::cell(part.start_cell, message)
            .hint("an activity after midnight has the date of that day")
    })
}

/// The latest starting of an employee's shifts (in order of start) that contains `interval`.
fn containing(shifts: Option<&Vec<(UtcInterval, usize)>>, interval: &UtcInterval) -> Option<usize> {
    let shifts = shifts?;
    let started = shifts.partition_point(|(span, _)| span.start() <= interval.start());
    shifts[..started]
        .iter()
        .rev()
        .take_while(|(span, _)| {
            interval.start().duration_since(span.start()).unsigned_abs() <= SHIFT_DURATION_MAX
        })
        .find(|(span, _)| span.contains(interval))
        .map(|(_, index)| *index)
}

fn shifts_by_employee(entities: &[SourceEntity]) -> ByEmployee {
    let mut by_employee = ByEmployee::new();
    for (index, entity) in entities.iter().enumerate() {
        if let Entity::Shift(shift) = &entity.entity {
            by_employee.entry(shift.employee.clone()).or_default().push((shift.interval, index));
        }
    }
    for shifts in by_employee.values_mut() {
        shifts.sort();
    }
    by_employee
}

/// When some work is, and its parts.
fn work(entity: &mut SourceEntity) -> Option<(UtcInterval, &mut Vec<Activity>)> {
    match &mut entity.entity {
        Entity::Shift(shift) => Some((shift.interval, &mut shift.activities)),
        Entity::OpenShift(open) => Some((open.interval, &mut open.activities)),
        Entity::Employee(_)
        | Entity::ScheduleGroup(_)
        | Entity::TimeOff(_)
        | Entity::TimeOffReason(_) => None,
    }
}
