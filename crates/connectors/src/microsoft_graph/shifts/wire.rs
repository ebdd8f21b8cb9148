//! What a team's schedule holds, as Graph spells it: read leniently, written exactly.
//!
//! Graph v1.0, resource types `schedule`, `shift`, `openShift`, `timeOff`, `schedulingGroup`,
//! `timeOffReason`, `workforceIntegration`, `aadUserConversationMember` (read 2026-11;
//! `shifts-api-surface.md`). One reader serves shifts, open shifts and time off, which differ in
//! the names of their two sides only.

use jiff::Timestamp;
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::callback::wire::read_instant;

/// A collection of items in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Collection {
    /// Assigned work.
    Shifts,
    /// Work that can be claimed.
    OpenShifts,
    /// Absences.
    TimesOff,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 3] = [Self::Shifts, Self::OpenShifts, Self::TimesOff];

    /// Its name in a path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shifts => "shifts",
            Self::OpenShifts => "openShifts",
            Self::TimesOff => "timesOff",
        }
    }

    /// What its ids begin with, as far as it was seen (`shifts.md` §1.1). Nobody promises it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Shifts => "SHFT_",
            Self::OpenShifts => "OPNSHFT_",
            Self::TimesOff => "TOFF_",
        }
    }

    /// The names of the side that managers see and of the one that everybody sees.
    #[must_use]
    pub const fn sides(self) -> (&'static str, &'static str) {
        match self {
            Self::Shifts => ("draftShift", "sharedShift"),
            Self::OpenShifts => ("draftOpenShift", "sharedOpenShift"),
            Self::TimesOff => ("draftTimeOff", "sharedTimeOff"),
        }
    }
}

/// A shift, an open shift or an absence, with both of its sides.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// Its version; changes also when it is shared.
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    /// Whose; none for open shifts.
    pub user_id: Option<String>,
    /// Which group of the team; none for absences.
    pub scheduling_group_id: Option<String>,
    /// What managers see.
    #[serde(alias = "draftOpenShift", alias = "draftTimeOff")]
    pub draft_shift: Option<Side>,
    /// What everybody sees.
    #[serde(alias = "sharedOpenShift", alias = "sharedTimeOff")]
    pub shared_shift: Option<Side>,
    /// Whether the next share removes it.
    pub is_staged_for_deletion: Option<bool>,
}

/// One side of an item.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Side {
    /// False when it is removed.
    pub is_active: Option<bool>,
    /// UTC.
    #[serde(deserialize_with = "instant")]
    pub start_date_time: Option<Timestamp>,
    /// UTC.
    #[serde(deserialize_with = "instant")]
    pub end_date_time: Option<Timestamp>,
    /// The label.
    pub display_name: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Its parts.
    #[serde(deserialize_with = "null_as_none")]
    pub activities: Vec<Part>,
    /// How many can claim it, of open shifts.
    pub open_slot_count: Option<i64>,
    /// The kind of absence.
    pub time_off_reason_id: Option<String>,
}

/// A part of a shift.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Part {
    /// Whether it is paid.
    pub is_paid: Option<bool>,
    /// UTC.
    #[serde(deserialize_with = "instant")]
    pub start_date_time: Option<Timestamp>,
    /// UTC.
    #[serde(deserialize_with = "instant")]
    pub end_date_time: Option<Timestamp>,
    /// The customer's own word for it.
    pub code: Option<String>,
    /// The label.
    pub display_name: Option<String>,
}

/// A group of a team's schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its version.
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    /// What people call it.
    pub display_name: Option<String>,
    /// What somebody else calls it.
    pub code: Option<String>,
    /// False when it was deleted: groups are never gone.
    pub is_active: Option<bool>,
    /// Who is in it.
    #[serde(deserialize_with = "null_as_none")]
    pub user_ids: Vec<String>,
}

/// A kind of absence of a team's schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reason {
    /// Its id.
    pub id: String,
    /// Its version.
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    /// What people call it.
    pub display_name: Option<String>,
    /// What somebody else calls it.
    pub code: Option<String>,
    /// Its picture.
    pub icon_type: Option<String>,
    /// False when it was deleted: reasons are never gone.
    pub is_active: Option<bool>,
}

/// A member of a team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Member {
    /// The Entra object id.
    pub user_id: Option<String>,
    /// The mail address, or the user principal name.
    pub email: Option<String>,
    /// `owner`, `guest`; none for ordinary members.
    #[serde(deserialize_with = "null_as_none")]
    pub roles: Vec<String>,
}

/// A workforce integration; its secret is never told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Integration {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// Where it is called.
    pub url: Option<String>,
    /// Whether it is in use.
    pub is_active: Option<bool>,
    /// What it is told of: names with commas between.
    pub supported_entities: Option<String>,
}

/// A schedule's settings, all of them: a PUT replaces what it leaves out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Schedule(pub Map<String, Value>);

impl Schedule {
    /// Whether a switch is on.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The workforce integrations; only the first one is called.
    #[must_use]
    pub fn integrations(&self) -> Vec<String> {
        let list = self.0.get("workforceIntegrationIds").and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.filter(|it| !it.is_empty()).map(str::to_owned).collect()
    }

    /// How far the making of it is, in small letters: `completed`, `failed` and others.
    #[must_use]
    pub fn provision_status(&self) -> String {
        self.text("provisionStatus").unwrap_or_default().to_ascii_lowercase()
    }

    /// The settings as a PUT takes them, with some of them changed.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let read_only = ["id", "provisionStatus", "provisionStatusCode"];
        let settings = self.0.iter().filter(|(name, value)| {
            !read_only.contains(&name.as_str())
                && !name.contains('@')
                && !value.is_null()
                // Collections, where somebody expanded them.
                && !value.as_array().is_some_and(|it| it.iter().any(Value::is_object))
        });
        let mut settings: Map<String, Value> =
            settings.map(|(name, value)| (name.clone(), value.clone())).collect();
        settings.extend(changes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Value::Object(settings)
    }
}

/// What is written of a shift or an open shift. Everything is said, because what a PUT leaves out
/// is not promised to go.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkBody {
    /// UTC, in whole seconds.
    pub start_date_time: String,
    /// UTC, in whole seconds.
    pub end_date_time: String,
    /// The label.
    pub display_name: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// The colour; white without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<&'static str>,
    /// The parts, without overlap.
    pub activities: Vec<PartBody>,
    /// How many can claim it, of open shifts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_slot_count: Option<u32>,
}

/// What is written of a part of a shift; all but the colour is required.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartBody {
    /// Whether it is paid.
    pub is_paid: bool,
    /// UTC, in whole seconds.
    pub start_date_time: String,
    /// UTC, in whole seconds.
    pub end_date_time: String,
    /// The roster's word for it.
    pub code: String,
    /// The label.
    pub display_name: String,
    /// The colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<&'static str>,
}

/// What is written of an absence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsenceBody {
    /// UTC, in whole seconds.
    pub start_date_time: String,
    /// UTC, in whole seconds.
    pub end_date_time: String,
    /// The kind of absence.
    pub time_off_reason_id: String,
    /// The colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<&'static str>,
}

/// An instant as Graph's own examples spell it.
#[must_use]
pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads an instant; `None` for what is none, so that one bad item spoils no list.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    // Some of the documentation's own examples have blanks in their times.
    let joined = |text: &str| read_instant(&text.replace(": ", ":"));
    Ok(text.and_then(|it| read_instant(&it).or_else(|| joined(&it))))
}

fn null_as_none<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
