//! What a schedule product must hold.

use domain::{
    Activity, AvailabilityItem, CalendarKey, EmployeeId, EntityId, EntityKey, EntityKind,
    OpenShiftItem, OriginTag, ScheduleGroupId, ScheduleItem, ShiftItem, TimeOffItem,
    TimeOffReasonId, UtcInterval,
};
use engine::port::Content;
use jiff::{SignedDuration, Timestamp};
use testkit::memory_target::MemoryTarget;

use super::{Expected, Found, Oracle, when_absent, zoned};
use crate::people::is_persons;
use crate::truth::{Person, Work, absence_id, open_id, shift_id};

/// The team of a group, or of nobody's.
fn team_of(group: Option<&String>) -> Option<CalendarKey> {
    let name = group.map_or_else(|| "team".into(), |group| format!("team-{group}"));
    CalendarKey::new(name).ok()
}

fn interval_of(work: &Work) -> Option<UtcInterval> {
    let start = zoned(work.day, work.hour, 30, work.zone);
    UtcInterval::new(start, start + SignedDuration::from_mins(work.minutes)).ok()
}

/// Whose an item is.
pub(super) fn whose(item: &ScheduleItem) -> Option<&EmployeeId> {
    match item {
        ScheduleItem::Shift(it) => Some(&it.employee),
        ScheduleItem::TimeOff(it) => Some(&it.employee),
        ScheduleItem::Availability(it) => Some(&it.employee),
        ScheduleItem::OpenShift(_) => None,
    }
}

impl Oracle<'_> {
    pub(super) fn expect_schedule(&self, expected: &mut Vec<Expected>) {
        let mut expect = |kind, id: String, team: Option<CalendarKey>, item: ScheduleItem| {
            if let (Some(team), Ok(id)) = (team, EntityId::new(id)) {
                let key = EntityKey { kind, id }.into();
                let (calendars, content) = (vec![team], Content::Schedule(item));
                expected.push(Expected { key, calendars, optional: false, content });
            }
        };
        for (number, work) in &self.truth.shifts {
            if let Some(item) = self.shift(work) {
                let team = team_of(work.group.as_ref());
                expect(EntityKind::Shift, shift_id(*number), team, item);
            }
        }
        for (number, (work, slots)) in &self.truth.open {
            if let Some(item) = self.open_shift(work, *slots) {
                let team = team_of(work.group.as_ref());
                expect(EntityKind::OpenShift, open_id(*number), team, item);
            }
        }
        for (number, absent) in &self.truth.absences {
            let (from, to, _) = when_absent(absent);
            let Some(interval) = self.inside(from, to) else { continue };
            let Ok(employee) = EmployeeId::new(&absent.who) else { continue };
            let reason = absent.reason.as_ref().and_then(|it| TimeOffReasonId::new(it).ok());
            let item = ScheduleItem::TimeOff(TimeOffItem { employee, reason, interval });
            expect(EntityKind::TimeOff, absence_id(*number), team_of(None), item);
        }
        for (id, person) in &self.truth.people {
            if let Some(item) = available(id, person) {
                expect(EntityKind::Employee, id.clone(), team_of(None), item);
            }
        }
    }

    fn inside(&self, from: Timestamp, to: Timestamp) -> Option<UtcInterval> {
        UtcInterval::new(from, to).ok().filter(|_| self.in_window(from, to))
    }

    fn shift(&self, work: &Work) -> Option<ScheduleItem> {
        let interval = interval_of(work)?;
        self.inside(interval.start(), interval.end())?;
        let mut activities = Vec::new();
        if work.with_break && work.minutes >= 150 {
            let from = interval.start() + SignedDuration::from_mins(120);
            let to = from + SignedDuration::from_mins(30);
            let interval = UtcInterval::new(from, to).ok()?;
            activities.push(Activity { label: "Break".into(), interval, paid: false });
        }
        Some(ScheduleItem::Shift(ShiftItem {
            employee: EmployeeId::new(&work.who).ok()?,
            group: work.group.as_ref().and_then(|it| ScheduleGroupId::new(it).ok()),
            label: work.label.into(),
            interval,
            activities,
            notes: work.notes.clone().filter(|_| !self.rewrites),
        }))
    }

    fn open_shift(&self, work: &Work, open_slots: u32) -> Option<ScheduleItem> {
        let interval = interval_of(work)?;
        self.inside(interval.start(), interval.end())?;
        Some(ScheduleItem::OpenShift(OpenShiftItem {
            group: work.group.as_ref().and_then(|it| ScheduleGroupId::new(it).ok()),
            label: work.label.into(),
            interval,
            open_slots,
            activities: Vec::new(),
            notes: work.notes.clone().filter(|_| !self.rewrites),
        }))
    }

    /// Everything that is there. What people made counts only where it must be gone.
    pub(super) fn find_schedule(
        &self,
        target: &MemoryTarget,
        others_go: bool,
        found: &mut Vec<Found>,
    ) {
        let (start, end) = self.window();
        target.for_each(|calendar, id, item| {
            let over = item.content.as_ref().and_then(Content::interval).map(|it| it.end());
            let must_go = others_go
                && self.opened.contains(calendar)
                && over.is_some_and(|it| it > start && it <= end);
            let origin = item.origin.as_ref().map(OriginTag::item);
            let nobody = EntityId::new("nobody").ok();
            let nobody = nobody.map(|id| EntityKey { kind: EntityKind::Shift, id }.into());
            if let Some(key) = origin.or(nobody) {
                let (calendar, content) = (calendar.clone(), item.content.clone());
                let spare = is_persons(id) && !must_go;
                found.push(Found { key, calendar, content, spare });
            }
        });
    }
}

fn available(id: &str, person: &Person) -> Option<ScheduleItem> {
    let availability = person.available?.parse().ok()?;
    let employee = EmployeeId::new(id).ok()?;
    Some(ScheduleItem::Availability(AvailabilityItem { employee, availability }))
}
