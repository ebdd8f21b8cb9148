//! A little roster in Berlin, so that each line of a test says something about the test.

use std::sync::Arc;

use domain::time::{LocalTimePolicy, days_to_interval, resolve};
use domain::{
    Activity, Command, Directory, Employee, Entity, OpenShift, OpenShiftId, Refusal, RuleSet,
    ScheduleGroup, ScheduleGroupId, Shift, ShiftId, ShiftItem, TimeOff, TimeOffId, TimeOffItem,
    TimeOffReason, TimeOffReasonId, TimeOffSpan, UtcInterval,
};
use engine::approve::judge;
use engine::port::{Facts, RosterChange, Verdict};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use testkit::builders::{employee_id, instant};

pub fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("a test says it right")
}

/// The instant of a local time in Berlin: `2026-11-23T08:00`.
pub fn local(text: &str) -> Timestamp {
    let local: DateTime = text.parse().expect("a test says it right");
    resolve(local, &berlin(), LocalTimePolicy::default()).expect("a test says it right").0
}

pub fn from_to(from: &str, to: &str) -> UtcInterval {
    UtcInterval::new(local(from), local(to)).expect("a test says it right")
}

/// The 23rd of November 2026 is a Monday.
pub fn monday(from: &str, to: &str) -> UtcInterval {
    from_to(&format!("2026-11-23T{from}"), &format!("2026-11-23T{to}"))
}

pub fn tuesday(from: &str, to: &str) -> UtcInterval {
    from_to(&format!("2026-11-24T{from}"), &format!("2026-11-24T{to}"))
}

pub fn group_id(id: &str) -> ScheduleGroupId {
    ScheduleGroupId::new(id).expect("a test says it right")
}

pub fn reason_id(id: &str) -> TimeOffReasonId {
    TimeOffReasonId::new(id).expect("a test says it right")
}

pub fn shift(id: &str, employee: &str, interval: UtcInterval) -> Shift {
    Shift {
        id: ShiftId::new(id).expect("a test says it right"),
        employee: employee_id(employee),
        group: None,
        label: "Ward".into(),
        interval,
        day: domain::time::local_day(interval.start(), &berlin()),
        activities: vec![],
        notes: None,
    }
}

pub fn open_shift(id: &str, slots: u32, interval: UtcInterval) -> OpenShift {
    OpenShift {
        id: OpenShiftId::new(id).expect("a test says it right"),
        group: None,
        label: "Ward".into(),
        interval,
        day: domain::time::local_day(interval.start(), &berlin()),
        open_slots: slots,
        activities: vec![],
        notes: None,
    }
}

pub fn time_off(id: &str, employee: &str, span: TimeOffSpan) -> TimeOff {
    TimeOff {
        id: TimeOffId::new(id).expect("a test says it right"),
        employee: employee_id(employee),
        reason: Some(reason_id("leave")),
        span,
        notes: None,
    }
}

/// Whole days, from the first up to but not including the end.
pub fn days(first: &str, end: &str) -> TimeOffSpan {
    let (first, end) =
        (first.parse().expect("a test says it right"), end.parse().expect("a test says it right"));
    TimeOffSpan::AllDay { first, end, zone: "Europe/Berlin".into() }
}

pub fn leave(employee: &str, first: &str, end: &str) -> TimeOffItem {
    let (first, end): (Date, Date) =
        (first.parse().expect("a test says it right"), end.parse().expect("a test says it right"));
    TimeOffItem {
        employee: employee_id(employee),
        reason: Some(reason_id("leave")),
        interval: days_to_interval(first, end, &berlin()).expect("a test says it right"),
    }
}

pub fn unpaid(interval: UtcInterval) -> Activity {
    Activity { label: "Break".into(), interval, paid: false }
}

pub fn item(shift: &Shift) -> ShiftItem {
    let Shift { id: _, employee, group, label, interval, day: _, activities, notes } =
        shift.clone();
    ShiftItem { employee, group, label, interval, activities, notes }
}

pub fn make(shift: &Shift) -> Command {
    Command::CreateShift { item: item(shift) }
}

pub fn edit(shift: &Shift) -> Command {
    Command::EditShift { shift: shift.id.clone(), item: item(shift) }
}

/// What is in the roster, and by which rules it is judged.
#[derive(Clone)]
pub struct Page {
    pub rules: RuleSet,
    pub now: Timestamp,
    pub directory: Directory,
    pub entities: Vec<Entity>,
}

impl Page {
    /// Ada and Ben of the ward, Cem of the kitchen; nothing planned; the 20th of November.
    pub fn new(rules: RuleSet) -> Self {
        let mut directory = Directory::default();
        for (id, group) in [("ada", "ward"), ("ben", "ward"), ("cem", "kitchen")] {
            let group = Some(group_id(group));
            let who = Employee { group, ..Employee::unnamed(employee_id(id)) };
            directory.add(Entity::Employee(who));
        }
        for (id, name) in [("ward", "The ward"), ("kitchen", "The kitchen")] {
            let group = ScheduleGroup { id: group_id(id), name: name.into() };
            directory.add(Entity::ScheduleGroup(group));
        }
        for (id, name) in [("leave", "Annual leave"), ("sick", "Sick")] {
            let reason = TimeOffReason { id: reason_id(id), name: name.into() };
            directory.add(Entity::TimeOffReason(reason));
        }
        Self { rules, now: instant("2026-11-20T12:00:00Z"), directory, entities: vec![] }
    }

    pub fn with(mut self, entity: Entity) -> Self {
        self.entities.push(entity);
        self
    }

    pub fn with_shift(self, id: &str, employee: &str, interval: UtcInterval) -> Self {
        self.with(Entity::Shift(shift(id, employee, interval)))
    }

    pub fn facts(&self) -> Facts {
        Facts {
            now: self.now,
            directory: Arc::new(self.directory.clone()),
            entities: self.entities.clone(),
            fresh_ids: vec!["fresh-1".into(), "fresh-2".into()],
        }
    }

    pub fn judge(&self, command: &Command) -> Result<RosterChange, Refusal> {
        match judge(&self.rules, &berlin(), command, &self.facts()) {
            Verdict::Granted(change) => Ok(change),
            Verdict::Refused(refusal) => Err(refusal),
        }
    }

    pub fn refusal(&self, command: &Command) -> Option<Refusal> {
        self.judge(command).err()
    }

    /// The roster after `change`.
    pub fn after(mut self, change: &RosterChange) -> Self {
        self.entities.retain(|it| {
            let key = it.key();
            !change.tombstones.contains(&key) && change.upserts.iter().all(|it| it.key() != key)
        });
        self.entities.extend(change.upserts.iter().cloned());
        self
    }
}

/// No rule but that nothing overlaps.
pub fn lenient() -> RuleSet {
    RuleSet { rest_min: None, group_match: false, ..RuleSet::default() }
}
