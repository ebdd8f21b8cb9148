//! Bodies as the Schedule API spells them. Read from its description, not shared with it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

/// Answer of `/oauth/token`.
#[derive(Deserialize)]
pub(super) struct Token {
    pub access_token: String,
    pub expires_in: u64,
    /// Left out where it is what was asked for (RFC 6749 §5.1).
    #[serde(default)]
    pub scope: Option<String>,
}

/// A page of the schedule, or of its changes. Whatever else it says is not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub entities: Vec<Schedule>,
    pub next_uri: Option<String>,
    pub delta_token: String,
}

/// One entity.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schedule {
    pub id: String,
    /// One that we do not know is left out.
    pub kind: String,
    pub version: u64,
    #[serde(default)]
    pub deleted: bool,
    pub user_id: Option<String>,
    pub schedule_group_id: Option<String>,
    pub label: Option<String>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub day: Option<Date>,
    #[serde(default)]
    pub activities: Vec<Part>,
    pub notes: Option<String>,
    pub open_slots: Option<u32>,
    pub reason_id: Option<String>,
    pub all_day: Option<Days>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub m365_id: Option<String>,
    pub google_id: Option<String>,
    pub time_zone: Option<String>,
    #[serde(default)]
    pub qualifications: Vec<String>,
    pub availability: Option<String>,
}

/// A part of work.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub label: String,
    pub start: Timestamp,
    pub end: Timestamp,
    #[serde(default = "yes")]
    pub paid: bool,
}

fn yes() -> bool {
    true
}

/// Whole local days.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Days {
    pub first_day: Date,
    pub end_day: Date,
    pub time_zone: String,
}

/// The form of errors.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Refusal {
    pub code: String,
    pub context_id: String,
}
