//! Entities as the Schedule API spells them ⇄ entities of ours. Pure.

use domain::{
    Activity, Employee, EmployeeId, Entity, EntityId, EntityKey, EntityKind, OpenShift,
    OpenShiftId, ScheduleGroup, ScheduleGroupId, Shift, ShiftId, TimeOff, TimeOffId, TimeOffReason,
    TimeOffReasonId, TimeOffSpan, UtcInterval,
};
use engine::port::FieldFault;
use jiff::tz::TimeZone;

use super::wire::{Days, Part, Schedule};

/// One entity, as far as it concerns us.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are told as they are")]
pub(super) enum Told {
    /// It is like this.
    Is(Entity),
    /// It is gone, or not asked for any more.
    Gone(EntityKey),
    /// It is of a kind that we do not know.
    Unknown,
}

/// Reads one entity.
///
/// # Errors
/// What is wrong with it, without names or texts of it.
#[expect(clippy::result_large_err, reason = "a fault ends the reading")]
pub(super) fn read(schedule: Schedule) -> Result<Told, FieldFault> {
    let Ok(kind) = schedule.kind.parse::<EntityKind>() else { return Ok(Told::Unknown) };
    let (place, version) = (format!("{kind}/{}", schedule.id), schedule.version);
    let read = if schedule.deleted {
        EntityId::new(&schedule.id).map(|id| Told::Gone(EntityKey { kind, id })).map_err(text)
    } else {
        entity(kind, schedule).map(Told::Is)
    };
    read.map_err(|message| FieldFault {
        place: format!("{place} (version {version})"),
        line: 0,
        text: String::new(),
        field: None,
        column: None,
        message,
        hint: Some("it is wrong at the server; its operator can mend it".into()),
        stands_for: 1,
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[expect(clippy::too_many_lines, reason = "each field of each kind, once")]
fn entity(kind: EntityKind, schedule: Schedule) -> Result<Entity, String> {
    let Schedule {
        id,
        kind: _,
        version: _,
        deleted: _,
        user_id,
        schedule_group_id,
        label,
        start,
        end,
        day,
        activities,
        notes,
        open_slots,
        reason_id,
        all_day,
        name,
        email,
        m365_id,
        google_id,
        time_zone,
        qualifications,
        availability,
    } = schedule;
    let group = schedule_group_id.map(ScheduleGroupId::new).transpose().map_err(text)?;
    let owner = || {
        let id = user_id.as_deref().ok_or("`userId` is missing")?;
        EmployeeId::new(id).map_err(text)
    };
    let interval = || {
        let (start, end) = start.zip(end).ok_or("`start` or `end` is missing")?;
        UtcInterval::new(start, end).map_err(text)
    };
    let named = |name: Option<String>| name.ok_or("`name` is missing");
    let day_of = |interval: &UtcInterval| {
        day.unwrap_or_else(|| TimeZone::UTC.to_datetime(interval.start()).date())
    };
    Ok(match kind {
        EntityKind::Shift => {
            let interval = interval()?;
            Entity::Shift(Shift {
                id: ShiftId::new(&id).map_err(text)?,
                employee: owner()?,
                group,
                label: label.ok_or("`label` is missing")?,
                day: day_of(&interval),
                interval,
                activities: parts(activities)?,
                notes,
            })
        }
        EntityKind::OpenShift => {
            let interval = interval()?;
            Entity::OpenShift(OpenShift {
                id: OpenShiftId::new(&id).map_err(text)?,
                group,
                label: label.ok_or("`label` is missing")?,
                day: day_of(&interval),
                interval,
                open_slots: open_slots.filter(|it| *it > 0).ok_or("`openSlots` is missing or 0")?,
                activities: parts(activities)?,
                notes,
            })
        }
        EntityKind::TimeOff => Entity::TimeOff(TimeOff {
            id: TimeOffId::new(&id).map_err(text)?,
            employee: owner()?,
            reason: reason_id.map(TimeOffReasonId::new).transpose().map_err(text)?,
            span: match all_day {
                None => TimeOffSpan::Timed(interval()?),
                Some(Days { first_day, end_day, time_zone }) => {
                    let (first, end, zone) = (first_day, end_day, time_zone);
                    let span = TimeOffSpan::AllDay { first, end, zone };
                    span.interval().map_err(text)?;
                    span
                }
            },
            notes,
        }),
        EntityKind::Employee => Entity::Employee(Employee {
            id: EmployeeId::new(&id).map_err(text)?,
            name,
            email,
            number: None,
            m365_id,
            google_id,
            group,
            time_zone,
            qualifications,
            availability: availability.map(|it| it.parse().map_err(text)).transpose()?,
        }),
        EntityKind::ScheduleGroup => Entity::ScheduleGroup(ScheduleGroup {
            id: ScheduleGroupId::new(&id).map_err(text)?,
            name: named(name)?,
        }),
        EntityKind::TimeOffReason => Entity::TimeOffReason(TimeOffReason {
            id: TimeOffReasonId::new(&id).map_err(text)?,
            name: named(name)?,
        }),
    })
}

fn parts(parts: Vec<Part>) -> Result<Vec<Activity>, String> {
    let part = |Part { label, start, end, paid }: Part| {
        let interval = UtcInterval::new(start, end).map_err(text)?;
        Ok(Activity { label, interval, paid })
    };
    parts.into_iter().map(part).collect()
}
