//! What a command would change in the roster. Pure.
//!
//! A swap exchanges the employees of two shifts; both keep their ids and groups. A claim lowers
//! the open slots by one (the last one removes the open shift) and makes a shift. An absence is
//! kept as days when it covers whole local days of the employee. What is changed to what it shows
//! already is not changed at all, so that texts and instants which a mirror shows a little
//! differently (trimmed, in whole seconds) stay as they are.

use domain::{Command, time::local_day};
use domain::{
    Directory, Employee, EmployeeId, Entity, EntityKey, EntityKind, OpenShift, OpenShiftId,
    OpenShiftItem, Refusal, Request, ScheduleItem, Shift, ShiftId, ShiftItem, TimeOff, TimeOffId,
    TimeOffItem, TimeOffSpan, UtcInterval,
};
use jiff::tz::TimeZone;

use super::book::{Book, key};
use crate::port::RosterChange;

/// What effects and rules are worked out on.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// The zone of those who have none of their own.
    pub zone: &'a TimeZone,
    /// The people, groups and reasons.
    pub directory: &'a Directory,
    /// What is in the roster.
    pub book: &'a Book<'a>,
    /// Unused ids.
    pub fresh_ids: &'a [String],
}

impl Grounds<'_> {
    /// The zone that somebody's days are counted in: their own, or else the roster's.
    #[must_use]
    pub fn zone_of(&self, employee: &EmployeeId) -> TimeZone {
        let own = self.directory.employees.get(employee).and_then(|it| it.time_zone.as_deref());
        own.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(|| self.zone.clone())
    }

    fn fresh(&self) -> Result<&str, Refusal> {
        self.fresh_ids.first().map(String::as_str).ok_or(Refusal::NotReachable)
    }
}

/// What `command` would change, when it is granted; for steps of a request, when it is approved.
///
/// # Errors
/// When what it names is not there any more, or makes no sense as it is there.
pub fn effect(grounds: &Grounds<'_>, command: &Command) -> Result<RosterChange, Refusal> {
    let book = grounds.book;
    match command {
        Command::CreateShift { item } => new_shift(grounds, item).map(one),
        Command::EditShift { shift, item } => {
            let before = book.shift(shift).ok_or(Refusal::Outdated)?;
            Ok(changed(
                Entity::Shift(before.clone()),
                Entity::Shift(shift_as(before, item, grounds)),
            ))
        }
        Command::DeleteShift { shift } => {
            book.shift(shift).ok_or(Refusal::Outdated)?;
            Ok(without(key(EntityKind::Shift, shift.into())))
        }
        Command::CreateOpenShift { item } => new_open_shift(grounds, item).map(one),
        Command::EditOpenShift { open_shift, item } => {
            let before = book.open_shift(open_shift).ok_or(Refusal::Outdated)?;
            if item.open_slots == 0 {
                return Ok(without(key(EntityKind::OpenShift, open_shift.into())));
            }
            let after = open_shift_as(before, item, grounds);
            Ok(changed(Entity::OpenShift(before.clone()), Entity::OpenShift(after)))
        }
        Command::DeleteOpenShift { open_shift } => {
            book.open_shift(open_shift).ok_or(Refusal::Outdated)?;
            Ok(without(key(EntityKind::OpenShift, open_shift.into())))
        }
        Command::AssignOpenShift { open_shift, item } => {
            let before = book.open_shift(open_shift).ok_or(Refusal::NoSlotLeft)?;
            Ok(with_slot_taken(before, new_shift(grounds, item)?))
        }
        Command::CreateTimeOff { item } => new_time_off(grounds, item).map(one),
        Command::EditTimeOff { time_off, item } => {
            let before = book.time_off(time_off).ok_or(Refusal::Outdated)?;
            let after = time_off_as(before, item, grounds);
            Ok(changed(Entity::TimeOff(before.clone()), Entity::TimeOff(after)))
        }
        Command::DeleteTimeOff { time_off } => {
            book.time_off(time_off).ok_or(Refusal::Outdated)?;
            Ok(without(key(EntityKind::TimeOff, time_off.into())))
        }
        Command::Request { request, step: _ } => requested(grounds, request),
        Command::SetAvailability { item } => {
            let before = grounds.directory.employees.get(&item.employee);
            let before = before.ok_or(Refusal::UnknownEmployee)?;
            let availability = Some(item.availability.clone());
            let after = Employee { availability, ..before.clone() };
            Ok(changed(Entity::Employee(before.clone()), Entity::Employee(after)))
        }
    }
}

fn requested(grounds: &Grounds<'_>, request: &Request) -> Result<RosterChange, Refusal> {
    let book = grounds.book;
    match request {
        Request::OpenShift { open_shift, employee } => {
            let open = book.open_shift(open_shift).ok_or(Refusal::NoSlotLeft)?;
            let OpenShift {
                id: _,
                group,
                label,
                interval,
                day: _,
                open_slots: _,
                activities,
                notes,
            } = open.clone();
            let item =
                ShiftItem { employee: employee.clone(), group, label, interval, activities, notes };
            Ok(with_slot_taken(open, new_shift(grounds, &item)?))
        }
        Request::Swap { given, wanted } => {
            let given = book.shift(given).ok_or(Refusal::Outdated)?;
            let wanted = book.shift(wanted).ok_or(Refusal::Outdated)?;
            if given.employee == wanted.employee {
                return Err(Refusal::NotEligible);
            }
            let upserts = vec![
                Entity::Shift(handed_to(given, &wanted.employee, grounds)),
                Entity::Shift(handed_to(wanted, &given.employee, grounds)),
            ];
            Ok(RosterChange { upserts, tombstones: vec![] })
        }
        Request::Offer { given, to } => {
            let given = book.shift(given).ok_or(Refusal::Outdated)?;
            if given.employee == *to {
                return Err(Refusal::NotEligible);
            }
            Ok(one(Entity::Shift(handed_to(given, to, grounds))))
        }
        Request::TimeOff { item } => new_time_off(grounds, item).map(one),
    }
}

fn one(entity: Entity) -> RosterChange {
    RosterChange { upserts: vec![entity], tombstones: vec![] }
}

fn without(key: EntityKey) -> RosterChange {
    RosterChange { upserts: vec![], tombstones: vec![key] }
}

fn changed(before: Entity, after: Entity) -> RosterChange {
    if before == after { RosterChange::default() } else { one(after) }
}

fn with_slot_taken(open: &OpenShift, shift: Entity) -> RosterChange {
    let mut change = one(shift);
    match open.open_slots.checked_sub(1) {
        None | Some(0) => {
            change.tombstones.push(key(EntityKind::OpenShift, (&open.id).into()));
        }
        Some(open_slots) => {
            change.upserts.push(Entity::OpenShift(OpenShift { open_slots, ..open.clone() }));
        }
    }
    change
}

fn handed_to(shift: &Shift, employee: &EmployeeId, grounds: &Grounds<'_>) -> Shift {
    let day = local_day(shift.interval.start(), &grounds.zone_of(employee));
    Shift { employee: employee.clone(), day, ..shift.clone() }
}

fn new_shift(grounds: &Grounds<'_>, item: &ShiftItem) -> Result<Entity, Refusal> {
    let ShiftItem { employee, group, label, interval, activities, notes } = item.clone();
    let id = ShiftId::new(grounds.fresh()?).map_err(|_| Refusal::NotReachable)?;
    let day = local_day(interval.start(), &grounds.zone_of(&employee));
    Ok(Entity::Shift(Shift { id, employee, group, label, interval, day, activities, notes }))
}

fn shift_as(before: &Shift, item: &ShiftItem, grounds: &Grounds<'_>) -> Shift {
    let shown = ScheduleItem::of(&Entity::Shift(before.clone()), grounds.directory);
    let Some(ScheduleItem::Shift(shown)) = shown else { return before.clone() };
    let ShiftItem { employee, group, label, interval, activities, notes } = item.clone();
    let kept = |same: bool, before, new| if same { before } else { new };
    // A shift that names no group goes by its employee's: it still does when that was said.
    let own = grounds.directory.group_of(None, Some(&employee));
    let by_employee = before.group.is_none() && group.as_ref() == own;
    let interval = if shown.interval == interval { before.interval } else { interval };
    let stays = before.employee == employee && before.interval == interval;
    let day = local_day(interval.start(), &grounds.zone_of(&employee));
    Shift {
        id: before.id.clone(),
        group: if by_employee { None } else { group },
        label: kept(same_text(&shown.label, &label), before.label.clone(), label),
        interval,
        day: if stays { before.day } else { day },
        activities: if shown.activities == activities {
            before.activities.clone()
        } else {
            activities
        },
        notes: same_notes(before.notes.as_ref(), notes),
        employee,
    }
}

fn same_text(one: &str, other: &str) -> bool {
    one.trim() == other.trim()
}

/// What notes become: as they were where nobody sees a difference.
fn same_notes(before: Option<&String>, new: Option<String>) -> Option<String> {
    let seen = |text: Option<&String>| text.map(|it| it.trim().to_owned()).unwrap_or_default();
    if seen(before) == seen(new.as_ref()) { before.cloned() } else { new }
}

fn new_open_shift(grounds: &Grounds<'_>, item: &OpenShiftItem) -> Result<Entity, Refusal> {
    let OpenShiftItem { group, label, interval, open_slots, activities, notes } = item.clone();
    if open_slots == 0 {
        return Err(Refusal::NoSlotLeft);
    }
    let id = OpenShiftId::new(grounds.fresh()?).map_err(|_| Refusal::NotReachable)?;
    let day = local_day(interval.start(), grounds.zone);
    Ok(Entity::OpenShift(OpenShift {
        id,
        group,
        label,
        interval,
        day,
        open_slots,
        activities,
        notes,
    }))
}

fn open_shift_as(before: &OpenShift, item: &OpenShiftItem, grounds: &Grounds<'_>) -> OpenShift {
    let shown = ScheduleItem::of(&Entity::OpenShift(before.clone()), grounds.directory);
    let Some(ScheduleItem::OpenShift(shown)) = shown else { return before.clone() };
    let OpenShiftItem { group, label, interval, open_slots, activities, notes } = item.clone();
    let stays = shown.interval == interval;
    let same_label = same_text(&shown.label, &label);
    OpenShift {
        id: before.id.clone(),
        group,
        label: if same_label { before.label.clone() } else { label },
        interval: if stays { before.interval } else { interval },
        day: if stays { before.day } else { local_day(interval.start(), grounds.zone) },
        open_slots,
        activities: if shown.activities == activities {
            before.activities.clone()
        } else {
            activities
        },
        notes: same_notes(before.notes.as_ref(), notes),
    }
}

fn new_time_off(grounds: &Grounds<'_>, item: &TimeOffItem) -> Result<Entity, Refusal> {
    let TimeOffItem { employee, reason, interval } = item.clone();
    let id = TimeOffId::new(grounds.fresh()?).map_err(|_| Refusal::NotReachable)?;
    let span = span_of(&interval, &grounds.zone_of(&employee));
    Ok(Entity::TimeOff(TimeOff { id, employee, reason, span, notes: None }))
}

fn time_off_as(before: &TimeOff, item: &TimeOffItem, grounds: &Grounds<'_>) -> TimeOff {
    let TimeOffItem { employee, reason, interval } = item.clone();
    let was = before.span.interval().ok().map(|it| it.to_whole_seconds());
    let span = if was == Some(interval) {
        before.span.clone()
    } else {
        span_of(&interval, &grounds.zone_of(&employee))
    };
    TimeOff { id: before.id.clone(), employee, reason, span, notes: before.notes.clone() }
}

/// Days when `interval` covers whole local days of `zone`, else the instants.
fn span_of(interval: &UtcInterval, zone: &TimeZone) -> TimeOffSpan {
    let (first, end) = (local_day(interval.start(), zone), local_day(interval.end(), zone));
    let days = domain::time::days_to_interval(first, end, zone);
    match (days, zone.iana_name()) {
        (Ok(days), Some(name)) if days == *interval => {
            TimeOffSpan::AllDay { first, end, zone: name.to_owned() }
        }
        (Ok(_) | Err(_), _) => TimeOffSpan::Timed(*interval),
    }
}
