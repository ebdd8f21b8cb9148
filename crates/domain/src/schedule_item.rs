//! What a schedule product shows of an entity, in no vendor's spelling.
//!
//! The counterpart of [`crate::CalendarEvent`] for targets that know shifts, open shifts and time
//! off themselves. Made from an [`Entity`], and read back by the connector; equal meaning has an
//! equal fingerprint. Such products assign ids and have no room for an origin tag, so an item is
//! also known by its [`ScheduleItem::natural_key`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::shift::fingerprint_activities;
use crate::{
    Activity, Availability, Directory, EmployeeId, Entity, EntityKind, Fingerprint, Fingerprinter,
    OpenShift, ScheduleGroupId, Shift, TimeOff, TimeOffReasonId, UtcInterval,
};

/// One item of a schedule product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScheduleItem {
    /// Assigned work.
    Shift(ShiftItem),
    /// Work that employees may claim.
    OpenShift(OpenShiftItem),
    /// A granted absence.
    TimeOff(TimeOffItem),
    /// When somebody is available for work.
    Availability(AvailabilityItem),
}

/// Assigned work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftItem {
    /// Who works.
    pub employee: EmployeeId,
    /// The group that the work is done for: the shift's own, else the employee's.
    pub group: Option<ScheduleGroupId>,
    /// What kind of work it is.
    pub label: String,
    /// When, half-open, in UTC, in whole seconds.
    pub interval: UtcInterval,
    /// Its parts in order, inside the shift, without overlap.
    pub activities: Vec<Activity>,
    /// Free text; `None` and a blank text mean the same.
    pub notes: Option<String>,
}

/// Work that employees may claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenShiftItem {
    /// Whose members may claim it.
    pub group: Option<ScheduleGroupId>,
    /// What kind of work it is.
    pub label: String,
    /// When, half-open, in UTC, in whole seconds.
    pub interval: UtcInterval,
    /// How many can still claim it.
    pub open_slots: u32,
    /// Its parts in order, inside the shift, without overlap.
    pub activities: Vec<Activity>,
    /// Free text; `None` and a blank text mean the same.
    pub notes: Option<String>,
}

/// A granted absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOffItem {
    /// Who is absent.
    pub employee: EmployeeId,
    /// The kind of absence.
    pub reason: Option<TimeOffReasonId>,
    /// When, half-open, in UTC, in whole seconds; local days as their instants.
    pub interval: UtcInterval,
}

/// When somebody is available for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvailabilityItem {
    /// Whose.
    pub employee: EmployeeId,
    /// When.
    pub availability: Availability,
}

impl ScheduleItem {
    /// What is shown of `entity`. `None` for kinds that are not shown, for employees who said
    /// nothing of their availability, and for an absence whose zone is unknown.
    #[must_use]
    pub fn of(entity: &Entity, directory: &Directory) -> Option<Self> {
        match entity {
            Entity::Shift(it) => Some(Self::Shift(ShiftItem::of(it, directory))),
            Entity::OpenShift(it) => Some(Self::OpenShift(OpenShiftItem::of(it))),
            Entity::TimeOff(it) => TimeOffItem::of(it).map(Self::TimeOff),
            Entity::Employee(it) => {
                let availability = it.availability.clone()?;
                let item = AvailabilityItem { employee: it.id.clone(), availability };
                Some(Self::Availability(item))
            }
            Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => None,
        }
    }

    /// The kind of entity that it shows.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        match self {
            Self::Shift(_) => EntityKind::Shift,
            Self::OpenShift(_) => EntityKind::OpenShift,
            Self::TimeOff(_) => EntityKind::TimeOff,
            Self::Availability(_) => EntityKind::Employee,
        }
    }

    /// The instants it covers, where it lies in time.
    #[must_use]
    pub fn interval(&self) -> Option<UtcInterval> {
        match self {
            Self::Shift(it) => Some(it.interval),
            Self::OpenShift(it) => Some(it.interval),
            Self::TimeOff(it) => Some(it.interval),
            Self::Availability(_) => None,
        }
    }

    /// The hash of everything that a reader sees.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprinter::new("schedule_item/1");
        match self {
            Self::Shift(ShiftItem { employee, group, label, interval, activities, notes }) => {
                print.number(1).text(employee.as_str());
                work(&mut print, group.as_ref(), label, interval, activities, notes.as_deref());
            }
            Self::OpenShift(OpenShiftItem {
                group,
                label,
                interval,
                open_slots,
                activities,
                notes,
            }) => {
                print.number(2).number(i64::from(*open_slots));
                work(&mut print, group.as_ref(), label, interval, activities, notes.as_deref());
            }
            Self::TimeOff(TimeOffItem { employee, reason, interval }) => {
                print
                    .number(3)
                    .text(employee.as_str())
                    .optional(reason.as_ref().map(TimeOffReasonId::as_str))
                    .instant(interval.start())
                    .instant(interval.end());
            }
            Self::Availability(AvailabilityItem { employee, availability }) => {
                print.number(4).text(employee.as_str()).text(&availability.to_string());
            }
        }
        print.finish()
    }

    /// What tells one item from another where nothing marks it as ours: its kind, whose or which
    /// group's it is, and when. Two items of one calendar with the same key show the same thing
    /// twice.
    #[must_use]
    pub fn natural_key(&self) -> Fingerprint {
        let mut print = Fingerprinter::new("natural_key/1");
        let (number, who, group) = match self {
            Self::Shift(it) => (1, Some(&it.employee), None),
            Self::OpenShift(it) => (2, None, it.group.as_ref()),
            Self::TimeOff(it) => (3, Some(&it.employee), None),
            Self::Availability(it) => (4, Some(&it.employee), None),
        };
        print
            .number(number)
            .optional(who.map(EmployeeId::as_str))
            .optional(group.map(ScheduleGroupId::as_str));
        if let Some(interval) = self.interval() {
            print.instant(interval.start()).instant(interval.end());
        }
        print.finish()
    }
}

fn work(
    print: &mut Fingerprinter,
    group: Option<&ScheduleGroupId>,
    label: &str,
    interval: &UtcInterval,
    activities: &[Activity],
    notes: Option<&str>,
) {
    print
        .optional(group.map(ScheduleGroupId::as_str))
        .text(label.trim())
        .instant(interval.start())
        .instant(interval.end())
        .optional(notes.and_then(seen));
    fingerprint_activities(print, activities);
}

/// What is seen of a text: nothing of a blank one.
fn seen(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

impl ShiftItem {
    fn of(shift: &Shift, directory: &Directory) -> Self {
        let Shift { id: _, employee, group, label, interval, day: _, activities, notes } = shift;
        let interval = interval.to_whole_seconds();
        Self {
            employee: employee.clone(),
            group: directory.group_of(group.as_ref(), Some(employee)).cloned(),
            label: label.clone(),
            interval,
            activities: without_overlap(activities, &interval),
            notes: notes.as_deref().and_then(seen).map(str::to_owned),
        }
    }
}

impl OpenShiftItem {
    fn of(open_shift: &OpenShift) -> Self {
        let OpenShift { id: _, group, label, interval, day: _, open_slots, activities, notes } =
            open_shift;
        let interval = interval.to_whole_seconds();
        Self {
            group: group.clone(),
            label: label.clone(),
            interval,
            open_slots: *open_slots,
            activities: without_overlap(activities, &interval),
            notes: notes.as_deref().and_then(seen).map(str::to_owned),
        }
    }
}

impl TimeOffItem {
    fn of(time_off: &TimeOff) -> Option<Self> {
        let TimeOff { id: _, employee, reason, span, notes: _ } = time_off;
        let interval = span.interval().ok()?.to_whole_seconds();
        Some(Self { employee: employee.clone(), reason: reason.clone(), interval })
    }
}

/// An activity that covers an instant: the last of several is shown.
type Covering = (Timestamp, Reverse<Timestamp>, Reverse<usize>);

/// The same activities inside `within`, in order and without overlap: where several cover an
/// instant, the one that started last is shown (of those, the one that ends first), and an
/// enclosing one is split around it.
#[must_use]
pub fn without_overlap(activities: &[Activity], within: &UtcInterval) -> Vec<Activity> {
    let inside: Vec<(usize, UtcInterval)> = activities
        .iter()
        .enumerate()
        .filter_map(|(index, it)| {
            Some((index, it.interval.to_whole_seconds().intersection(within)?))
        })
        .collect();
    let mut borders: BTreeMap<Timestamp, (Vec<Covering>, Vec<Covering>)> = BTreeMap::new();
    for (index, it) in &inside {
        let covering = (it.start(), Reverse(it.end()), Reverse(*index));
        borders.entry(it.start()).or_default().0.push(covering);
        borders.entry(it.end()).or_default().1.push(covering);
    }
    let ends: Vec<Timestamp> = borders.keys().skip(1).copied().collect();
    let mut parts: Vec<(usize, UtcInterval)> = Vec::new();
    let mut covering = BTreeSet::new();
    for ((start, (beginning, ending)), end) in borders.into_iter().zip(ends) {
        for over in &ending {
            covering.remove(over);
        }
        covering.extend(beginning);
        let Ok(piece) = UtcInterval::new(start, end) else { continue };
        let Some((_, _, Reverse(index))) = covering.last() else { continue };
        match parts.last_mut() {
            Some((last, before)) if last == index && before.end() == piece.start() => {
                if let Ok(longer) = UtcInterval::new(before.start(), piece.end()) {
                    *before = longer;
                }
            }
            Some(_) | None => parts.push((*index, piece)),
        }
    }
    let part = |(index, interval): (usize, UtcInterval)| {
        let Activity { label, interval: _, paid } = &activities[index];
        Activity { label: label.clone(), interval, paid: *paid }
    };
    parts.into_iter().map(part).collect()
}
