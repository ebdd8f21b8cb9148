//! Unassigned work that employees may claim.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::shift::fingerprint_activities;
use crate::{Activity, Fingerprint, Fingerprinter, OpenShiftId, ScheduleGroupId, UtcInterval};

/// Work that one or more employees of a group can still take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenShift {
    /// The system of record's id, or the one that was given to it when it was first seen.
    pub id: OpenShiftId,
    /// Whose members may claim it; `None` means everybody of the roster.
    pub group: Option<ScheduleGroupId>,
    /// What kind of work it is.
    pub label: String,
    /// When it is, half-open, in UTC.
    pub interval: UtcInterval,
    /// The local day that the work belongs to.
    pub day: Date,
    /// How many can still claim it; at least 1, or it would not be open.
    pub open_slots: u32,
    /// Its parts, in order of their start.
    pub activities: Vec<Activity>,
    /// Free text.
    pub notes: Option<String>,
}

impl OpenShift {
    /// The hash of its meaning: everything but the id and the derived day.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { id: _, group, label, interval, day: _, open_slots, activities, notes } = self;
        let mut print = Fingerprinter::new("open_shift/1");
        print
            .optional(group.as_ref().map(ScheduleGroupId::as_str))
            .text(label)
            .instant(interval.start())
            .instant(interval.end())
            .number(i64::from(*open_slots))
            .optional(notes.as_deref());
        fingerprint_activities(&mut print, activities);
        print.finish()
    }
}
