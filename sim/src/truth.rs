//! What the script holds to be true: who works when. The source reads it; the oracle reads it too,
//! on a path of its own.

use std::collections::BTreeMap;

use domain::time::{LocalTimePolicy, resolve};
use domain::{
    Activity, Directory, Employee, EmployeeId, Entity, EntityKey, Fingerprint, OpenShift,
    OpenShiftId, ScheduleGroup, ScheduleGroupId, ScheduleItem, Shift, ShiftId, TimeOff, TimeOffId,
    TimeOffReason, TimeOffReasonId, TimeOffSpan, UtcInterval,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// Everything, by number.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Who there is, by id.
    pub people: BTreeMap<String, Person>,
    /// Group names by id.
    pub groups: BTreeMap<String, String>,
    /// Names of reasons by id.
    pub reasons: BTreeMap<String, String>,
    /// Assigned work.
    pub shifts: BTreeMap<u32, Work>,
    /// Granted absences.
    pub absences: BTreeMap<u32, Absent>,
    /// Work that can be claimed, by how many; nobody's name counts.
    pub open: BTreeMap<u32, (Work, u32)>,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// What colleagues call them.
    pub name: String,
    /// Where their calendar is.
    pub email: Option<String>,
    /// Where they live.
    pub zone: &'static str,
    /// When they want to work, as a text.
    pub available: Option<&'static str>,
}

/// One shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Who works.
    pub who: String,
    /// For which group.
    pub group: Option<String>,
    /// What.
    pub label: &'static str,
    /// On which local day it starts.
    pub day: Date,
    /// At which hour of that day.
    pub hour: i8,
    /// In which zone.
    pub zone: &'static str,
    /// How long, in real minutes.
    pub minutes: i64,
    /// Whether there is a break in the middle.
    pub with_break: bool,
    /// Free text.
    pub notes: Option<String>,
}

/// One absence.
#[derive(Debug, Clone, PartialEq)]
pub struct Absent {
    /// Who.
    pub who: String,
    /// Why.
    pub reason: Option<String>,
    /// From which local day.
    pub first: Date,
    /// For how many days; 0 for some hours of that day.
    pub days: i64,
    /// In which zone.
    pub zone: &'static str,
    /// Free text.
    pub notes: Option<String>,
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

impl Work {
    /// When, as a source works it out.
    #[must_use]
    pub fn interval(&self) -> UtcInterval {
        let local = self.day.at(self.hour, 30, 0, 0);
        let start = resolve(local, &zone(self.zone), LocalTimePolicy::default());
        let start = start.map_or(Timestamp::UNIX_EPOCH, |(start, _)| start);
        let end = start + SignedDuration::from_mins(self.minutes.max(1));
        UtcInterval::new(start, end).unwrap_or_else(|_| unreachable!("it lasts a minute at least"))
    }

    /// The break, if there is one: half an hour, unpaid, two hours after the start.
    #[must_use]
    pub fn pause(&self) -> Option<UtcInterval> {
        let start = self.interval().start() + SignedDuration::from_hours(2);
        let pause = UtcInterval::new(start, start + SignedDuration::from_mins(30)).ok()?;
        (self.with_break && self.interval().contains(&pause)).then_some(pause)
    }

    fn open_entity(&self, id: &str, open_slots: u32) -> Option<Entity> {
        Some(Entity::OpenShift(OpenShift {
            id: OpenShiftId::new(id).ok()?,
            group: self.group.as_ref().and_then(|it| ScheduleGroupId::new(it).ok()),
            label: self.label.into(),
            interval: self.interval(),
            day: self.day,
            open_slots,
            activities: Vec::new(),
            notes: self.notes.clone(),
        }))
    }

    fn entity(&self, id: &str) -> Option<Entity> {
        let activity = |interval| Activity { label: "Break".into(), interval, paid: false };
        Some(Entity::Shift(Shift {
            id: ShiftId::new(id).ok()?,
            employee: EmployeeId::new(&self.who).ok()?,
            group: self.group.as_ref().and_then(|it| ScheduleGroupId::new(it).ok()),
            label: self.label.into(),
            interval: self.interval(),
            day: self.day,
            activities: self.pause().map(activity).into_iter().collect(),
            notes: self.notes.clone(),
        }))
    }
}

impl Absent {
    /// The day after the last.
    #[must_use]
    pub fn end(&self) -> Date {
        self.first.saturating_add(Span::new().days(self.days.max(1)))
    }

    fn span(&self) -> TimeOffSpan {
        if self.days > 0 {
            return TimeOffSpan::AllDay {
                first: self.first,
                end: self.end(),
                zone: self.zone.into(),
            };
        }
        let hours = Work {
            who: self.who.clone(),
            group: None,
            label: "",
            day: self.first,
            hour: 13,
            zone: self.zone,
            minutes: 120,
            with_break: false,
            notes: None,
        };
        TimeOffSpan::Timed(hours.interval())
    }

    fn entity(&self, id: &str) -> Option<Entity> {
        Some(Entity::TimeOff(TimeOff {
            id: TimeOffId::new(id).ok()?,
            employee: EmployeeId::new(&self.who).ok()?,
            reason: self.reason.as_ref().and_then(|it| TimeOffReasonId::new(it).ok()),
            span: self.span(),
            notes: self.notes.clone(),
        }))
    }
}

/// The native id of a shift.
#[must_use]
pub fn shift_id(number: u32) -> String {
    format!("s{number}")
}

/// The native id of an open shift.
#[must_use]
pub fn open_id(number: u32) -> String {
    format!("o{number}")
}

/// The native id of an absence.
#[must_use]
pub fn absence_id(number: u32) -> String {
    format!("a{number}")
}

impl Truth {
    /// People, groups and reasons, as a source names them.
    #[must_use]
    pub fn organisation(&self) -> Vec<Entity> {
        let person = |(id, it): (&String, &Person)| {
            Some(Entity::Employee(Employee {
                name: Some(it.name.clone()),
                email: it.email.clone(),
                time_zone: Some(it.zone.into()),
                availability: it.available.and_then(|text| text.parse().ok()),
                ..Employee::unnamed(EmployeeId::new(id).ok()?)
            }))
        };
        let group = |(id, name): (&String, &String)| {
            let id = ScheduleGroupId::new(id).ok()?;
            Some(Entity::ScheduleGroup(ScheduleGroup { id, name: name.clone() }))
        };
        let reason = |(id, name): (&String, &String)| {
            let id = TimeOffReasonId::new(id).ok()?;
            Some(Entity::TimeOffReason(TimeOffReason { id, name: name.clone() }))
        };
        let people = self.people.iter().filter_map(person);
        let groups = self.groups.iter().filter_map(group);
        people.chain(groups).chain(self.reasons.iter().filter_map(reason)).collect()
    }

    /// The natural keys of everything that a schedule product shows of it, whenever it is.
    #[must_use]
    pub fn natural_keys(&self) -> Vec<(EntityKey, Fingerprint)> {
        let directory = Directory::default();
        let all = self.schedule().into_iter().chain(self.organisation());
        let natural = |entity: Entity| {
            Some((entity.key(), ScheduleItem::of(&entity, &directory)?.natural_key()))
        };
        all.filter_map(natural).collect()
    }

    /// One shift, under its native id.
    #[must_use]
    pub fn shift(&self, number: u32) -> Option<Entity> {
        self.shifts.get(&number)?.entity(&shift_id(number))
    }

    /// Shifts, absences and open shifts, under their native ids.
    #[must_use]
    pub fn schedule(&self) -> Vec<Entity> {
        let shifts = self.shifts.iter().filter_map(|(number, it)| it.entity(&shift_id(*number)));
        let absences = self.absences.iter();
        let absences = absences.filter_map(|(number, it)| it.entity(&absence_id(*number)));
        let open = self.open.iter();
        let open =
            open.filter_map(|(number, (it, slots))| it.open_entity(&open_id(*number), *slots));
        shifts.chain(absences).chain(open).collect()
    }
}
