//! What Graph says of calendars and events, as it spells it (Learn, "event resource type" and
//! "calendar resource type", read 2026-11). A reader of other people's texts: what is unknown in
//! them is left alone.

use serde::Deserialize;
use serde_json::Value;

/// One calendar.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Calendar {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether it may be written.
    pub can_edit: Option<bool>,
}

/// One event, or what is left of one in a delta.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Its id; an immutable one, because we ask so.
    pub id: String,
    /// Its version.
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    /// Why it is told of as gone.
    #[serde(rename = "@removed")]
    pub removed: Option<Value>,
    /// What its maker gave to be made once only.
    pub transaction_id: Option<String>,
    /// Its title.
    pub subject: Option<String>,
    /// Its text.
    pub body: Option<Body>,
    /// When it begins.
    pub start: Option<DateTime>,
    /// When it ends.
    pub end: Option<DateTime>,
    /// Whether it is whole days.
    pub is_all_day: Option<bool>,
    /// `free`, `busy` and so on.
    pub show_as: Option<String>,
    /// `normal`, `private` and so on.
    pub sensitivity: Option<String>,
    /// Its labels.
    pub categories: Option<Vec<String>>,
    /// Where it is.
    pub location: Option<Location>,
    /// Whether it rings.
    pub is_reminder_on: Option<bool>,
    /// So many minutes before.
    pub reminder_minutes_before_start: Option<i64>,
    /// `singleInstance`, `occurrence`, `exception` or `seriesMaster`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The series that it is an occurrence of.
    pub series_master_id: Option<String>,
    /// Whether its organiser called it off.
    pub is_cancelled: Option<bool>,
    /// Whether it is the mailbox owner's.
    pub is_organizer: Option<bool>,
    /// What the owner answered.
    pub response_status: Option<ResponseStatus>,
    /// Who is invited.
    pub attendees: Option<Vec<Attendee>>,
    /// Where it can be looked at.
    pub web_link: Option<String>,
    /// Where it is held, if not in Teams.
    pub online_meeting_url: Option<String>,
    /// Where it is held in Teams.
    pub online_meeting: Option<OnlineMeeting>,
    /// Marks, where they were asked for.
    pub single_value_extended_properties: Option<Vec<Property>>,
}

/// A text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Body {
    /// `text` or `html`.
    pub content_type: Option<String>,
    /// The text.
    pub content: Option<String>,
}

/// A civil time and its zone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DateTime {
    /// Without an offset.
    pub date_time: String,
    /// A Windows or IANA name.
    pub time_zone: Option<String>,
}

/// A place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Location {
    /// What it is called.
    pub display_name: Option<String>,
}

/// An answer to an invitation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseStatus {
    /// `accepted`, `declined` and so on.
    pub response: Option<String>,
}

/// Somebody who is invited.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attendee {
    /// Who.
    pub email_address: Option<EmailAddress>,
}

/// An address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmailAddress {
    /// The address itself.
    pub address: Option<String>,
}

/// A meeting in Teams.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OnlineMeeting {
    /// Where it can be joined.
    pub join_url: Option<String>,
}

/// A single-value extended property.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Property {
    /// `String {guid} Name X`.
    pub id: String,
    /// Its value.
    pub value: Option<String>,
}

/// One page of a delta.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DeltaPage {
    /// What is on it.
    pub value: Vec<Event>,
    /// Where the next page of the round is.
    #[serde(rename = "@odata.nextLink")]
    pub next_link: Option<String>,
    /// Where the next round begins.
    #[serde(rename = "@odata.deltaLink")]
    pub delta_link: Option<String>,
}
