//! The schedule as clients see it: one flat form for every kind, times in UTC, and back.

use domain::limits::{ACTIVITIES_MAX, API_ID_CHARS_MAX, API_LABEL_CHARS_MAX, API_NOTES_CHARS_MAX};
use domain::{
    Activity, EmployeeId, Entity, EntityKey, EntityKind, OpenShift, ScheduleGroupId, Shift,
    ShiftItem, TimeOffSpan, UtcInterval,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dispatch::Refused;
use crate::error::{Code, Detail};

/// Ids hold no control characters and are not blank.
pub(super) const ID_PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*\
    [^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$";

/// One entity of the schedule. Which fields it has depends on its kind.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Schedule")]
pub(super) struct Schedule {
    /// Its id, unique among those of its kind.
    pub id: String,
    /// What it is: shift, open_shift, time_off, employee, schedule_group or time_off_reason.
    pub kind: &'static str,
    /// Counts its changes, from 1; its ETag is made of it.
    pub version: u32,
    /// When it was last changed, or deleted.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub changed_at: Timestamp,
    /// Only in changes: it was deleted, or is not what was asked for any more. Then it has no
    /// other fields.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Whose it is; of an employee, their own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_group_id: Option<String>,
    /// What kind of work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub start: Option<Timestamp>,
    /// When it ends; not in it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub end: Option<Timestamp>,
    /// The local day that work belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// The parts of work, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activities: Option<Vec<Part>>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Of an open shift: how many can still take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_slots: Option<u32>,
    /// Of an absence: its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_id: Option<String>,
    /// Of an absence of whole days: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_day: Option<Days>,
    /// Of an employee, group or kind of absence: what people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of an employee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Of an employee: object id in Microsoft Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub m365_id: Option<String>,
    /// Of an employee: user in Google Workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google_id: Option<String>,
    /// Of an employee: IANA name of the zone they live in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Of an employee: what they may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifications: Option<Vec<String>>,
    /// Of an employee: when they are available, such as `Europe/Berlin; mon 08:00-16:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<String>,
}

/// A part of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Activity")]
pub(super) struct Part {
    /// What it is.
    #[schemars(length(min = 1, max = API_LABEL_CHARS_MAX), regex(pattern = "\\S"))]
    pub label: String,
    /// When it starts.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start: Timestamp,
    /// When it ends; not in it any more.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end: Timestamp,
    /// Whether it counts as working time.
    #[serde(default = "yes")]
    pub paid: bool,
}

fn yes() -> bool {
    true
}

/// Whole local days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Days {
    /// The first day, in it.
    first_day: String,
    /// The day after the last.
    end_day: String,
    /// IANA name of the zone whose days these are.
    time_zone: String,
}

impl Schedule {
    /// One that has nothing but its key.
    fn bare(key: &EntityKey, version: u32, changed_at: Timestamp) -> Self {
        Self {
            id: key.id.to_string(),
            kind: key.kind.as_str(),
            version,
            changed_at,
            deleted: false,
            user_id: None,
            schedule_group_id: None,
            label: None,
            start: None,
            end: None,
            day: None,
            activities: None,
            notes: None,
            open_slots: None,
            reason_id: None,
            all_day: None,
            name: None,
            email: None,
            m365_id: None,
            google_id: None,
            time_zone: None,
            qualifications: None,
            availability: None,
        }
    }

    /// That something is gone.
    pub fn gone(key: &EntityKey, version: u32, at: Timestamp) -> Self {
        Self { deleted: true, ..Self::bare(key, version, at) }
    }

    /// An entity as clients see it.
    #[expect(clippy::too_many_lines, reason = "each field of each kind, once")]
    pub fn of(entity: &Entity, version: u32, changed_at: Timestamp) -> Self {
        let bare = Self::bare(&entity.key(), version, changed_at);
        let interval = entity.interval();
        let bare = Self {
            user_id: entity.employee().map(ToString::to_string),
            start: interval.map(|it| it.start()),
            end: interval.map(|it| it.end()),
            ..bare
        };
        let parts = |activities: &[Activity]| Some(activities.iter().map(Part::of).collect());
        match entity {
            Entity::Shift(it) => {
                let Shift { id: _, employee: _, interval: _, group, label, day, .. } = it;
                let Shift { activities, notes, .. } = it;
                Self {
                    schedule_group_id: group.as_ref().map(ToString::to_string),
                    label: Some(label.clone()),
                    day: Some(day.to_string()),
                    activities: parts(activities),
                    notes: notes.clone(),
                    ..bare
                }
            }
            Entity::OpenShift(it) => {
                let OpenShift {
                    id: _,
                    group,
                    label,
                    interval: _,
                    day,
                    open_slots,
                    activities,
                    notes,
                } = it;
                Self {
                    schedule_group_id: group.as_ref().map(ToString::to_string),
                    label: Some(label.clone()),
                    day: Some(day.to_string()),
                    open_slots: Some(*open_slots),
                    activities: parts(activities),
                    notes: notes.clone(),
                    ..bare
                }
            }
            Entity::TimeOff(it) => {
                let all_day = match &it.span {
                    TimeOffSpan::AllDay { first, end, zone } => Some(Days {
                        first_day: first.to_string(),
                        end_day: end.to_string(),
                        time_zone: zone.clone(),
                    }),
                    TimeOffSpan::Timed(_) => None,
                };
                let reason_id = it.reason.as_ref().map(ToString::to_string);
                Self { reason_id, all_day, notes: it.notes.clone(), ..bare }
            }
            Entity::Employee(it) => {
                let domain::Employee {
                    id: _,
                    name,
                    email,
                    // Inside the house: clients know people by id and address.
                    number: _,
                    m365_id,
                    google_id,
                    group,
                    time_zone,
                    qualifications,
                    availability,
                } = it.clone();
                Self {
                    name,
                    email,
                    m365_id,
                    google_id,
                    schedule_group_id: group.as_ref().map(ToString::to_string),
                    time_zone,
                    qualifications: Some(qualifications).filter(|it| !it.is_empty()),
                    availability: availability.as_ref().map(ToString::to_string),
                    ..bare
                }
            }
            Entity::ScheduleGroup(it) => Self { name: Some(it.name.clone()), ..bare },
            Entity::TimeOffReason(it) => Self { name: Some(it.name.clone()), ..bare },
        }
    }

    /// Its JSON.
    pub fn json(&self) -> Vec<u8> {
        // A struct of texts and numbers always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Part {
    fn of(activity: &Activity) -> Self {
        let Activity { label, interval, paid } = activity;
        Self { label: label.clone(), start: interval.start(), end: interval.end(), paid: *paid }
    }
}

/// Reads an entity whose kind is known from what the store keeps.
pub(super) fn read(kind: EntityKind, body: &str) -> Result<Entity, Refused> {
    let read = || -> Result<Entity, serde_json::Error> {
        Ok(match kind {
            EntityKind::Employee => Entity::Employee(serde_json::from_str(body)?),
            EntityKind::OpenShift => Entity::OpenShift(serde_json::from_str(body)?),
            EntityKind::ScheduleGroup => Entity::ScheduleGroup(serde_json::from_str(body)?),
            EntityKind::Shift => Entity::Shift(serde_json::from_str(body)?),
            EntityKind::TimeOff => Entity::TimeOff(serde_json::from_str(body)?),
            EntityKind::TimeOffReason => Entity::TimeOffReason(serde_json::from_str(body)?),
        })
    };
    read().map_err(|error| {
        let cause = Some(format!("stored {kind} cannot be read: {error}"));
        Refused { cause, ..Code::Internal.into() }
    })
}

/// A shift as clients write it. What the server sets (`id`, `version`, `changedAt`, `day`) may be
/// sent along and is not looked at.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ScheduleToWrite")]
pub(super) struct ToWrite {
    /// Who works.
    #[schemars(length(min = 1, max = API_ID_CHARS_MAX), regex(pattern = ID_PATTERN))]
    user_id: String,
    /// The group that the work is done for.
    #[serde(default)]
    #[schemars(length(min = 1, max = API_ID_CHARS_MAX), regex(pattern = ID_PATTERN))]
    schedule_group_id: Option<String>,
    /// What kind of work it is.
    #[schemars(length(min = 1, max = API_LABEL_CHARS_MAX), regex(pattern = "\\S"))]
    label: String,
    /// When it starts.
    #[schemars(with = "String", extend("format" = "date-time"))]
    start: Timestamp,
    /// When it ends; not in it any more.
    #[schemars(with = "String", extend("format" = "date-time"))]
    end: Timestamp,
    /// The parts of it, inside it.
    #[serde(default)]
    #[schemars(length(max = ACTIVITIES_MAX))]
    activities: Vec<Part>,
    /// Free text.
    #[serde(default)]
    #[schemars(length(max = API_NOTES_CHARS_MAX))]
    notes: Option<String>,
    /// Always `shift`: others cannot be written.
    #[serde(default)]
    kind: Option<OnlyShifts>,
    /// Sent back as it was read, and not looked at; so are the following.
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default)]
    version: Option<serde_json::Value>,
    #[serde(default)]
    changed_at: Option<serde_json::Value>,
    #[serde(default)]
    day: Option<serde_json::Value>,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnlyShifts {
    /// A shift.
    Shift,
}

impl ToWrite {
    /// What it asks for.
    pub fn item(self) -> Result<ShiftItem, Refused> {
        let Self {
            user_id,
            schedule_group_id,
            label,
            start,
            end,
            activities,
            notes,
            kind: None | Some(OnlyShifts::Shift),
            id: _,
            version: _,
            changed_at: _,
            day: _,
        } = self;
        let mut faults = Faults::default();
        let employee = faults.id("userId", &user_id, |it| EmployeeId::new(it));
        let group = schedule_group_id
            .map(|it| faults.id("scheduleGroupId", &it, |it| ScheduleGroupId::new(it)));
        faults.text("label", &label, API_LABEL_CHARS_MAX);
        if notes.as_ref().is_some_and(|it| it.chars().count() > API_NOTES_CHARS_MAX) {
            faults.add("notes", format!("is longer than {API_NOTES_CHARS_MAX} characters"));
        }
        if activities.len() > ACTIVITIES_MAX {
            faults.add("activities", format!("are more than {ACTIVITIES_MAX}"));
        }
        for part in &activities {
            faults.text("activities", &part.label, API_LABEL_CHARS_MAX);
        }
        let employee = faults.end(employee)?;
        let group = match group {
            Some(group) => Some(faults.end(group)?),
            None => None,
        };
        let interval = |start, end, field: &str| {
            UtcInterval::new(start, end)
                .map_err(|error| Refused::at(Code::RefusedByRules, field, error.to_string()))
        };
        let whole = interval(start, end, "end")?;
        let activities = activities
            .into_iter()
            .map(|Part { label, start, end, paid }| {
                let interval = interval(start, end, "activities")?;
                if !whole.contains(&interval) {
                    let message = "an activity is not inside the shift";
                    return Err(Refused::at(Code::RefusedByRules, "activities", message));
                }
                Ok(Activity { label, interval, paid })
            })
            .collect::<Result<Vec<_>, Refused>>()?;
        let interval = whole.to_whole_seconds();
        Ok(ShiftItem { employee, group, label, interval, activities, notes })
    }
}

/// What is wrong with a body.
#[derive(Debug, Default)]
struct Faults(Vec<Detail>);

impl Faults {
    fn add(&mut self, field: &str, message: String) {
        self.0.push(Detail { field: field.to_owned(), message });
    }

    fn text(&mut self, field: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.add(field, "is blank".to_owned());
        } else if text.chars().count() > chars_max {
            self.add(field, format!("is longer than {chars_max} characters"));
        }
    }

    fn id<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        text: &str,
        make: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if text.chars().count() > API_ID_CHARS_MAX {
            self.add(field, format!("is longer than {API_ID_CHARS_MAX} characters"));
            return None;
        }
        make(text).map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// What was read, if nothing at all was wrong.
    fn end<T>(&self, value: Option<T>) -> Result<T, Refused> {
        let refused = || Refused { details: self.0.clone(), ..Code::InvalidBody.into() };
        if self.0.is_empty() { value.ok_or_else(refused) } else { Err(refused()) }
    }
}

/// Reads a JSON body.
pub(super) fn body<T: serde::de::DeserializeOwned>(
    headers: &http::HeaderMap,
    body: &[u8],
) -> Result<T, Refused> {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = kind.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let found = format!("`{}` found, expected `application/json`", essence.escape_debug());
        return Err(Refused::at(Code::UnsupportedMediaType, "Content-Type", found));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refused::at(Code::InvalidBody, "body", error.to_string()))
}
