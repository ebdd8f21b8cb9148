//! From the contract's words to the domain's, and back. Pure.
//!
//! What is wrong with an entity is said with the name of its field, what was found and what was
//! expected; values of people's fields are never repeated.

mod command;
mod said;
mod time;

use domain::availability::AvailabilityError;
use domain::id::IdError;
use domain::limits::{
    ACTIVITIES_MAX, LABEL_BYTES_MAX, NOTES_BYTES_MAX, SHIFT_DURATION_MAX, TIME_OFF_DAYS_MAX,
};
use domain::{
    Activity, Employee, EmployeeId, Entity, EntityId, EntityKey, EntityKind, OpenShift,
    OpenShiftId, ScheduleGroup, ScheduleGroupId, Shift, ShiftId, TimeOff, TimeOffId, TimeOffReason,
    TimeOffReasonId, TimeOffSpan, UtcInterval,
};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::wire::{WireActivity, WireEntity};

pub use command::{command, question};
pub use said::{Capabilities, Changes, Deletions, capabilities, refusal};
pub use time::{Span, day, moment};

/// What is wrong with one field of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which field; empty when the entity as a whole is meant.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
}

impl Wrong {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    fn inside(self, outer: &str) -> Self {
        let field = match self.field.is_empty() {
            true => outer.to_owned(),
            false => format!("{outer}.{}", self.field),
        };
        Self { field, ..self }
    }
}

/// What one entity of a listing says.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are said to be")]
pub enum Said {
    /// It is like this.
    Is(Entity),
    /// It is not there, or not for people to see yet.
    Gone(EntityKey),
}

/// How entities are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The zone of local days that name none.
    pub zone: Option<TimeZone>,
    /// Whether what is not published counts.
    pub drafts: bool,
}

/// Reads one entity.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn entity(value: &Value, reading: &Reading) -> Result<Said, Wrong> {
    let wire = record(value)?;
    let key = key(&wire.kind, &wire.id)?;
    if wire.deleted {
        return Ok(Said::Gone(key));
    }
    match wire.status.as_deref() {
        None | Some("published") => {}
        Some("draft") if reading.drafts => {}
        Some("draft") => return Ok(Said::Gone(key)),
        Some(_) => return Err(Wrong::new("status", "expected `published` or `draft`")),
    }
    of_kind(key.kind, wire, reading).map(Said::Is)
}

/// Names an entity.
///
/// # Errors
/// When the kind is unknown or the id cannot be one.
pub fn key(kind: &str, id: &str) -> Result<EntityKey, Wrong> {
    let kind: EntityKind = kind
        .parse()
        .map_err(|error: domain::entity::UnknownKind| Wrong::new("kind", error.to_string()))?;
    Ok(EntityKey { kind, id: EntityId::new(id).map_err(|error| bad_id("id", &error))? })
}

/// The record, or which of its fields has a type that it must not have.
fn record(value: &Value) -> Result<WireEntity, Wrong> {
    let Some(object) = value.as_object() else {
        return Err(Wrong::new("", format!("is {}; expected an object", type_of(value))));
    };
    for field in ["kind", "id"] {
        match object.get(field) {
            Some(Value::String(_)) => {}
            None => return Err(Wrong::new(field, "is missing; expected a text")),
            Some(other) => {
                return Err(Wrong::new(field, format!("is {}; expected a text", type_of(other))));
            }
        }
    }
    <WireEntity as serde::Deserialize>::deserialize(value).map_err(|_| mistyped(value))
}

/// Tries the fields one by one: serde names values, and those can be people's.
fn mistyped(value: &Value) -> Wrong {
    let object = value.as_object().into_iter().flatten();
    for (field, content) in object.filter(|(field, _)| !matches!(field.as_str(), "kind" | "id")) {
        let alone = serde_json::json!({ "kind": "", "id": "", (field): content });
        if <WireEntity as serde::Deserialize>::deserialize(&alone).is_err() {
            let expected = expected_of(field);
            return Wrong::new(field, format!("is {}; expected {expected}", type_of(content)));
        }
    }
    Wrong::new("", "cannot be read")
}

fn expected_of(field: &str) -> &'static str {
    match field {
        "deleted" => "true or false",
        "start" | "end" => "an instant like `2026-11-29T06:00:00Z`, or whole seconds since 1970",
        "length_minutes" | "open_slots" => "a whole number that is not negative",
        "activities" => "a list of objects",
        "qualifications" => "a list of texts",
        _ => "a text",
    }
}

/// What a JSON value is, in words.
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn of_kind(kind: EntityKind, wire: WireEntity, reading: &Reading) -> Result<Entity, Wrong> {
    match kind {
        EntityKind::Shift => shift(wire, reading).map(Entity::Shift),
        EntityKind::OpenShift => open_shift(wire, reading).map(Entity::OpenShift),
        EntityKind::TimeOff => time_off(wire, reading).map(Entity::TimeOff),
        EntityKind::Employee => employee(wire).map(Entity::Employee),
        EntityKind::ScheduleGroup => {
            let name = text("name", wire.name)?.unwrap_or_else(|| wire.id.clone());
            let id = ScheduleGroupId::new(&wire.id).map_err(|error| bad_id("id", &error))?;
            Ok(Entity::ScheduleGroup(ScheduleGroup { id, name }))
        }
        EntityKind::TimeOffReason => {
            let name = text("name", wire.name)?.unwrap_or_else(|| wire.id.clone());
            let id = TimeOffReasonId::new(&wire.id).map_err(|error| bad_id("id", &error))?;
            Ok(Entity::TimeOffReason(TimeOffReason { id, name }))
        }
    }
}

fn shift(wire: WireEntity, reading: &Reading) -> Result<Shift, Wrong> {
    let span = work_span(&wire)?;
    let day = span.day(wire.day.as_deref(), reading.zone.as_ref())?;
    let employee = needed("employee", wire.employee)?;
    Ok(Shift {
        id: ShiftId::new(&wire.id).map_err(|error| bad_id("id", &error))?,
        employee: EmployeeId::new(employee).map_err(|error| bad_id("employee", &error))?,
        group: group(wire.group)?,
        label: needed("label", text("label", wire.label)?)?,
        interval: span.interval,
        day,
        activities: activities(wire.activities, &span.interval)?,
        notes: notes(wire.notes),
    })
}

fn open_shift(wire: WireEntity, reading: &Reading) -> Result<OpenShift, Wrong> {
    let span = work_span(&wire)?;
    let day = span.day(wire.day.as_deref(), reading.zone.as_ref())?;
    Ok(OpenShift {
        id: OpenShiftId::new(&wire.id).map_err(|error| bad_id("id", &error))?,
        group: group(wire.group)?,
        label: needed("label", text("label", wire.label)?)?,
        interval: span.interval,
        day,
        open_slots: match wire.open_slots {
            Some(0) => {
                let message = "is 0; expected at least 1, or the entity `deleted`";
                return Err(Wrong::new("open_slots", message));
            }
            slots => slots.unwrap_or(1),
        },
        activities: activities(wire.activities, &span.interval)?,
        notes: notes(wire.notes),
    })
}

fn work_span(wire: &WireEntity) -> Result<Span, Wrong> {
    let span = time::span(wire.start.as_ref(), wire.end.as_ref(), wire.length_minutes)?;
    if span.interval.duration() > SHIFT_DURATION_MAX {
        let (hours, max) =
            (span.interval.duration().as_secs() / 3600, SHIFT_DURATION_MAX.as_secs() / 3600);
        let field = if wire.end.is_some() { "end" } else { "length_minutes" };
        return Err(Wrong::new(field, format!("makes {hours} hours; expected at most {max}")));
    }
    Ok(span)
}

fn time_off(wire: WireEntity, reading: &Reading) -> Result<TimeOff, Wrong> {
    let timed = wire.start.is_some() || wire.end.is_some() || wire.length_minutes.is_some();
    let span = match (&wire.first_day, timed) {
        (Some(_), true) => {
            let message = "stands beside `first_day`; expected days or instants, not both";
            return Err(Wrong::new("start", message));
        }
        (Some(first), false) => days(first, &wire, reading)?,
        (None, true) => {
            let span = time::span(wire.start.as_ref(), wire.end.as_ref(), wire.length_minutes)?;
            TimeOffSpan::Timed(span.interval)
        }
        (None, false) => {
            let message = "is missing; expected `first_day` or `start`";
            return Err(Wrong::new("first_day", message));
        }
    };
    let employee = needed("employee", wire.employee)?;
    let reason = wire.reason.filter(|it| !it.is_empty()).map(TimeOffReasonId::new).transpose();
    Ok(TimeOff {
        id: TimeOffId::new(&wire.id).map_err(|error| bad_id("id", &error))?,
        employee: EmployeeId::new(employee).map_err(|error| bad_id("employee", &error))?,
        reason: reason.map_err(|error| bad_id("reason", &error))?,
        span,
        notes: notes(wire.notes),
    })
}

fn days(first: &str, wire: &WireEntity, reading: &Reading) -> Result<TimeOffSpan, Wrong> {
    let first = day("first_day", first)?;
    let last = match &wire.last_day {
        Some(text) => day("last_day", text)?,
        None => first,
    };
    let count = i64::from((last - first).get_days()) + 1;
    if !(1..=TIME_OFF_DAYS_MAX).contains(&count) {
        let message = match count < 1 {
            true => "is before `first_day`; it is the last day of the absence, included".to_owned(),
            false => format!("makes {count} days; expected at most {TIME_OFF_DAYS_MAX}"),
        };
        return Err(Wrong::new("last_day", message));
    }
    let zone = match &wire.time_zone {
        Some(name) => {
            zone("time_zone", name)?;
            name.clone()
        }
        None => match reading.zone.as_ref().and_then(TimeZone::iana_name) {
            Some(name) => name.to_owned(),
            None => {
                let message = "is missing; whole days need the zone that they are counted in, \
                               here or in the capabilities";
                return Err(Wrong::new("time_zone", message));
            }
        },
    };
    let end = last.tomorrow().map_err(|_| Wrong::new("last_day", "is the last day there is"))?;
    Ok(TimeOffSpan::AllDay { first, end, zone })
}

/// Reads the name of a zone.
pub(super) fn zone(field: &str, name: &str) -> Result<TimeZone, Wrong> {
    TimeZone::get(name)
        .map_err(|_| Wrong::new(field, "is no IANA time zone; expected one like `Europe/Berlin`"))
}

fn employee(wire: WireEntity) -> Result<Employee, Wrong> {
    let email = text("email", wire.email)?;
    if email.as_ref().is_some_and(|it| !it.contains('@')) {
        return Err(Wrong::new("email", "has no `@`; expected an address"));
    }
    if let Some(name) = &wire.time_zone {
        zone("time_zone", name)?;
    }
    let availability = wire.availability.map(|it| it.parse()).transpose();
    let availability = availability
        .map_err(|error: AvailabilityError| Wrong::new("availability", error.reason))?;
    Ok(Employee {
        id: EmployeeId::new(&wire.id).map_err(|error| bad_id("id", &error))?,
        name: text("name", wire.name)?,
        email,
        number: text("number", wire.number)?,
        m365_id: text("m365_id", wire.m365_id)?,
        google_id: text("google_id", wire.google_id)?,
        group: group(wire.group)?,
        time_zone: wire.time_zone,
        qualifications: wire.qualifications.unwrap_or_default(),
        availability,
    })
}

fn activities(
    given: Option<Vec<WireActivity>>,
    within: &UtcInterval,
) -> Result<Vec<Activity>, Wrong> {
    let given = given.unwrap_or_default();
    if given.len() > ACTIVITIES_MAX {
        let message = format!("has {} parts; expected at most {ACTIVITIES_MAX}", given.len());
        return Err(Wrong::new("activities", message));
    }
    let read = |(index, wire): (usize, WireActivity)| {
        activity(wire, within).map_err(|wrong| wrong.inside(&format!("activities[{index}]")))
    };
    let mut all = given.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|it| (it.interval.start(), it.interval.end()));
    Ok(all)
}

fn activity(wire: WireActivity, within: &UtcInterval) -> Result<Activity, Wrong> {
    let WireActivity { label, start, end, length_minutes, paid } = wire;
    let span = time::span(start.as_ref(), end.as_ref(), length_minutes)?;
    if !within.contains(&span.interval) {
        let message = format!("is at {}, outside its shift at {within}", span.interval);
        return Err(Wrong::new("", message));
    }
    Ok(Activity {
        label: needed("label", text("label", label)?)?,
        interval: span.interval,
        paid: paid.unwrap_or(true),
    })
}

fn group(given: Option<String>) -> Result<Option<ScheduleGroupId>, Wrong> {
    let given = given.filter(|it| !it.is_empty());
    given.map(ScheduleGroupId::new).transpose().map_err(|error| bad_id("group", &error))
}

/// A line of text; nothing when it is empty.
fn text(field: &str, given: Option<String>) -> Result<Option<String>, Wrong> {
    let Some(text) = given.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    if text.len() > LABEL_BYTES_MAX {
        let message = format!("has {} bytes; expected at most {LABEL_BYTES_MAX}", text.len());
        return Err(Wrong::new(field, message));
    }
    match text.chars().find(|it| it.is_control()) {
        Some(found) => {
            Err(Wrong::new(field, format!("holds {found:?}; expected no control characters")))
        }
        None => Ok(Some(text)),
    }
}

fn needed(field: &str, given: Option<String>) -> Result<String, Wrong> {
    given
        .filter(|it| !it.is_empty())
        .ok_or_else(|| Wrong::new(field, "is missing; expected a text"))
}

/// Several lines of text, without what no calendar can show; nobody's shift is missed for them.
fn notes(given: Option<String>) -> Option<String> {
    let mut text = given?.replace("\r\n", "\n").replace('\r', "\n");
    text.retain(|it| !it.is_control() || matches!(it, '\n' | '\t'));
    text.truncate(text.floor_char_boundary(NOTES_BYTES_MAX));
    (!text.trim().is_empty()).then_some(text)
}

fn bad_id(field: &str, error: &IdError) -> Wrong {
    let message = match error {
        IdError::Empty { .. } => "is empty; expected an id".to_owned(),
        IdError::TooLong { bytes, max, .. } => {
            format!("has {bytes} bytes; expected at most {max}")
        }
        IdError::Character { character, expected, .. } => {
            format!("holds {character:?}; expected {expected}")
        }
    };
    Wrong::new(field, message)
}
