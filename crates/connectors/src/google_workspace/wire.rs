//! Bodies exactly as Google spells them (discovery document of 2026-10-30).
//!
//! What we write has exactly the members that we mean; of what we read, members that we do not
//! know are passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A token, as the endpoint gives it.
#[derive(Deserialize)]
pub(super) struct Grant {
    pub access_token: String,
    pub expires_in: u64,
}

/// Why the endpoint gives none (RFC 6749 §5.2).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRefusal {
    pub error: String,
    pub error_description: String,
}

/// The envelope of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RefusalBody {
    errors: Vec<RefusalReason>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RefusalReason {
    reason: String,
}

/// The reason of a refusal (`rateLimitExceeded`); empty where none is told. Of the texts around it
/// nothing is read: they can hold addresses.
pub(super) fn reason_of(body: &[u8]) -> String {
    let told: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let reason = told.error.errors.into_iter().next().map(|it| it.reason).unwrap_or_default();
    reason.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '.').take(80).collect()
}

/// An instant or a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Moment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Properties that no calendar shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Properties {
    /// Seen in this copy of the event only.
    #[serde(default)]
    pub private: BTreeMap<String, String>,
}

/// What rings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reminders {
    #[serde(default)]
    pub use_default: bool,
    #[serde(default)]
    pub overrides: Vec<Reminder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reminder {
    #[serde(default)]
    pub method: String,
    #[serde(default)]
    pub minutes: u32,
}

/// Somebody who is invited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attendee {
    #[serde(default)]
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<String>,
    #[serde(rename = "self", default, skip_serializing_if = "Option::is_none")]
    pub is_self: Option<bool>,
}

/// An event as we write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewEvent {
    /// Only where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub status: &'static str,
    pub event_type: &'static str,
    pub summary: String,
    pub start: Moment,
    pub end: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    pub transparency: &'static str,
    pub visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_id: Option<&'static str>,
    pub reminders: Reminders,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attendees: Vec<Attendee>,
    pub extended_properties: Properties,
}

/// An event as we read it; of a deleted one only the id is certain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    pub id: String,
    pub etag: Option<String>,
    pub status: Option<String>,
    pub event_type: Option<String>,
    pub summary: Option<String>,
    pub description: Option<String>,
    pub location: Option<String>,
    pub start: Moment,
    pub end: Moment,
    pub transparency: Option<String>,
    pub visibility: Option<String>,
    pub color_id: Option<String>,
    pub reminders: Option<Reminders>,
    pub attendees: Vec<Attendee>,
    pub organizer: Attendee,
    pub extended_properties: Properties,
    pub recurrence: Vec<String>,
    pub recurring_event_id: Option<String>,
    pub html_link: Option<String>,
    pub hangout_link: Option<String>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub items: Vec<T>,
    pub next_page_token: Option<String>,
    pub next_sync_token: Option<String>,
}

/// A calendar as we make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewCalendar {
    pub summary: String,
    pub description: String,
    pub time_zone: String,
}

/// A calendar, alone or in somebody's list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Calendar {
    pub id: String,
    pub summary: String,
    pub description: Option<String>,
    pub access_role: Option<String>,
    pub primary: bool,
}

/// Who may see a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(default)]
    pub role: String,
    pub scope: RuleScope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleScope {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A channel as we ask for it.
#[derive(Serialize)]
pub(super) struct NewChannel<'a> {
    pub id: &'a str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub address: &'a str,
    pub token: &'a str,
}

/// A channel as Google gives it: `expiration` is milliseconds, as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Channel {
    pub id: String,
    pub resource_id: String,
    #[serde(default)]
    pub expiration: Option<String>,
}

/// What ends a channel.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StopChannel<'a> {
    pub id: &'a str,
    pub resource_id: &'a str,
}
