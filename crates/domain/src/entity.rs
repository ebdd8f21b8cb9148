//! The closed list of things that are synchronised.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Employee, EmployeeId, EntityId, Fingerprint, OpenShift, ScheduleGroup, ScheduleGroupId, Shift,
    TimeOff, TimeOffReason, UtcInterval,
};

/// Which of the closed list an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// [`Employee`].
    Employee,
    /// [`OpenShift`].
    OpenShift,
    /// [`ScheduleGroup`].
    ScheduleGroup,
    /// [`Shift`].
    Shift,
    /// [`TimeOff`].
    TimeOff,
    /// [`TimeOffReason`].
    TimeOffReason,
}

impl EntityKind {
    /// Every kind, in the order in which they sort.
    pub const ALL: [Self; 6] = [
        Self::Employee,
        Self::OpenShift,
        Self::ScheduleGroup,
        Self::Shift,
        Self::TimeOff,
        Self::TimeOffReason,
    ];

    /// The word for it in the store, in logs and on the wire: `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::OpenShift => "open_shift",
            Self::ScheduleGroup => "schedule_group",
            Self::Shift => "shift",
            Self::TimeOff => "time_off",
            Self::TimeOffReason => "time_off_reason",
        }
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not a kind of entity; expected one of employee, open_shift, \
     schedule_group, shift, time_off, time_off_reason"
)]
pub struct UnknownKind {
    /// What was found.
    pub found: String,
}

impl FromStr for EntityKind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind { found: text.chars().take(40).collect() })
    }
}

/// An entity's kind and id: unique within one roster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityKey {
    /// Which kind it is.
    pub kind: EntityKind,
    /// Its id among those of its kind.
    pub id: EntityId,
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// Anything that a roster holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entity {
    /// A person who works.
    Employee(Employee),
    /// Unassigned work.
    OpenShift(OpenShift),
    /// People planned together.
    ScheduleGroup(ScheduleGroup),
    /// Assigned work.
    Shift(Shift),
    /// A granted absence.
    TimeOff(TimeOff),
    /// A kind of absence.
    TimeOffReason(TimeOffReason),
}

impl Entity {
    /// Its kind and id.
    #[must_use]
    pub fn key(&self) -> EntityKey {
        let id = match self {
            Self::Employee(it) => EntityId::from(&it.id),
            Self::OpenShift(it) => EntityId::from(&it.id),
            Self::ScheduleGroup(it) => EntityId::from(&it.id),
            Self::Shift(it) => EntityId::from(&it.id),
            Self::TimeOff(it) => EntityId::from(&it.id),
            Self::TimeOffReason(it) => EntityId::from(&it.id),
        };
        EntityKey { kind: self.kind(), id }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        match self {
            Self::Employee(_) => EntityKind::Employee,
            Self::OpenShift(_) => EntityKind::OpenShift,
            Self::ScheduleGroup(_) => EntityKind::ScheduleGroup,
            Self::Shift(_) => EntityKind::Shift,
            Self::TimeOff(_) => EntityKind::TimeOff,
            Self::TimeOffReason(_) => EntityKind::TimeOffReason,
        }
    }

    /// The hash of its meaning; see [`crate::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Employee(it) => it.fingerprint(),
            Self::OpenShift(it) => it.fingerprint(),
            Self::ScheduleGroup(it) => it.fingerprint(),
            Self::Shift(it) => it.fingerprint(),
            Self::TimeOff(it) => it.fingerprint(),
            Self::TimeOffReason(it) => it.fingerprint(),
        }
    }

    /// Whose it is, where it is somebody's; an employee is their own.
    #[must_use]
    pub fn employee(&self) -> Option<&EmployeeId> {
        match self {
            Self::Employee(it) => Some(&it.id),
            Self::Shift(it) => Some(&it.employee),
            Self::TimeOff(it) => Some(&it.employee),
            Self::OpenShift(_) | Self::ScheduleGroup(_) | Self::TimeOffReason(_) => None,
        }
    }

    /// The group it names, where it names one.
    #[must_use]
    pub fn group(&self) -> Option<&ScheduleGroupId> {
        match self {
            Self::Employee(it) => it.group.as_ref(),
            Self::OpenShift(it) => it.group.as_ref(),
            Self::ScheduleGroup(it) => Some(&it.id),
            Self::Shift(it) => it.group.as_ref(),
            Self::TimeOff(_) | Self::TimeOffReason(_) => None,
        }
    }

    /// The instants it covers, for the kinds that lie in time; all-day absences cover their
    /// local days. An absence whose zone is unknown has none.
    #[must_use]
    pub fn interval(&self) -> Option<UtcInterval> {
        match self {
            Self::OpenShift(it) => Some(it.interval),
            Self::Shift(it) => Some(it.interval),
            Self::TimeOff(it) => it.span.interval().ok(),
            Self::Employee(_) | Self::ScheduleGroup(_) | Self::TimeOffReason(_) => None,
        }
    }
}
