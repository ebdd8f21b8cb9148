//! Assigned work and its labelled parts.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{EmployeeId, Fingerprint, Fingerprinter, ScheduleGroupId, ShiftId, UtcInterval};

/// One piece of work assigned to one employee, as published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// The system of record's id, or the one that was given to it when it was first seen.
    pub id: ShiftId,
    /// Who works.
    pub employee: EmployeeId,
    /// The group that the work is done for, where it is known.
    pub group: Option<ScheduleGroupId>,
    /// What kind of work it is, as people of this roster call it (`Late`, `Inbound`).
    pub label: String,
    /// When it is, half-open, in UTC.
    pub interval: UtcInterval,
    /// The local day that the work belongs to; a night shift belongs to the day it starts on.
    pub day: Date,
    /// Its parts, in order of their start; empty when the source knows none.
    pub activities: Vec<Activity>,
    /// Free text for the employee.
    pub notes: Option<String>,
}

/// A labelled, paid or unpaid part of a shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// What it is (`Break`, `Training`).
    pub label: String,
    /// When it is, half-open, in UTC; inside the shift.
    pub interval: UtcInterval,
    /// Whether it counts as working time.
    pub paid: bool,
}

impl Shift {
    /// The hash of its meaning: everything but the id and the derived day.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { id: _, employee, group, label, interval, day: _, activities, notes } = self;
        let mut print = Fingerprinter::new("shift/1");
        print
            .text(employee.as_str())
            .optional(group.as_ref().map(ScheduleGroupId::as_str))
            .text(label)
            .instant(interval.start())
            .instant(interval.end())
            .optional(notes.as_deref());
        fingerprint_activities(&mut print, activities);
        print.finish()
    }
}

/// Adds activities to the fingerprint of what they are part of.
pub(crate) fn fingerprint_activities(print: &mut Fingerprinter, activities: &[Activity]) {
    print.number(activities.len() as i64);
    for Activity { label, interval, paid } in activities {
        print
            .text(label)
            .instant(interval.start())
            .instant(interval.end())
            .number(i64::from(*paid));
    }
}
