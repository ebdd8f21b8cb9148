//! Requests and answers exactly as the contract spells them (`docs/wfm-http/openapi.yaml`).
//!
//! Unknown fields are passed over: a later contract may have more. An entity is one flat record
//! whose fields are all optional here, so that what is missing or wrong can be said in words.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `GET /capabilities`.
#[derive(Debug, Clone, Deserialize)]
pub struct WireCapabilities {
    pub contract: String,
    #[serde(default)]
    pub product: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
    pub changes: String,
    #[serde(default)]
    pub deletions: Option<String>,
    #[serde(default)]
    pub ids: Option<String>,
    #[serde(default)]
    pub page_size_max: Option<u32>,
    #[serde(default)]
    pub window_days_max: Option<u32>,
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    #[serde(default)]
    pub commands: Vec<String>,
    #[serde(default)]
    pub grants_without_manager: Vec<String>,
    #[serde(default)]
    pub request_steps: Option<String>,
    #[serde(default)]
    pub validates: bool,
    #[serde(default)]
    pub eligibility: Vec<String>,
    #[serde(default)]
    pub webhooks: bool,
}

/// One page of `GET /schedule`.
#[derive(Debug, Clone, Deserialize)]
pub struct WirePage {
    /// Each is a [`WireEntity`], read one by one so that a bad one can be pointed at.
    pub entities: Vec<Value>,
    #[serde(default)]
    pub snapshot: Option<String>,
    #[serde(default)]
    pub total: Option<u64>,
    #[serde(default)]
    pub next_page: Option<String>,
    #[serde(default)]
    pub since: Option<String>,
    #[serde(default)]
    pub as_of: Option<String>,
}

/// An instant as the contract allows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum WireMoment {
    /// Seconds since 1970 in UTC.
    Seconds(i64),
    /// RFC 3339 with an offset.
    Text(String),
}

/// One entity, or the word that it is gone.
#[derive(Debug, Clone, Deserialize)]
pub struct WireEntity {
    pub kind: String,
    pub id: String,
    #[serde(default)]
    pub deleted: bool,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub employee: Option<String>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub start: Option<WireMoment>,
    #[serde(default)]
    pub end: Option<WireMoment>,
    #[serde(default)]
    pub length_minutes: Option<u32>,
    #[serde(default)]
    pub day: Option<String>,
    #[serde(default)]
    pub activities: Option<Vec<WireActivity>>,
    #[serde(default)]
    pub notes: Option<String>,
    #[serde(default)]
    pub open_slots: Option<u32>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub first_day: Option<String>,
    #[serde(default)]
    pub last_day: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    pub m365_id: Option<String>,
    #[serde(default)]
    pub google_id: Option<String>,
    #[serde(default)]
    pub qualifications: Option<Vec<String>>,
    #[serde(default)]
    pub availability: Option<String>,
}

/// A part of a shift.
#[derive(Debug, Clone, Deserialize)]
pub struct WireActivity {
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub start: Option<WireMoment>,
    #[serde(default)]
    pub end: Option<WireMoment>,
    #[serde(default)]
    pub length_minutes: Option<u32>,
    #[serde(default)]
    pub paid: Option<bool>,
}

/// The answer to `POST /commands` and `POST /commands/validate`.
#[derive(Debug, Clone, Deserialize)]
pub struct WireVerdict {
    pub granted: bool,
    #[serde(default)]
    pub changed: Vec<Value>,
    #[serde(default)]
    pub deleted: Vec<WireKey>,
    #[serde(default)]
    pub refusal: Option<WireRefusal>,
}

/// Names an entity.
#[derive(Debug, Clone, Deserialize)]
pub struct WireKey {
    pub kind: String,
    pub id: String,
}

/// Why something is refused.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct WireRefusal {
    pub code: String,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub start: Option<WireMoment>,
    #[serde(default)]
    pub end: Option<WireMoment>,
    #[serde(default)]
    pub day: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub required_minutes: Option<u64>,
    #[serde(default)]
    pub left_minutes: Option<u64>,
    #[serde(default)]
    pub allowed_minutes: Option<u64>,
    #[serde(default)]
    pub would_be_minutes: Option<u64>,
    #[serde(default)]
    pub left: Option<u32>,
    #[serde(default)]
    pub asked: Option<u32>,
    #[serde(default)]
    pub allowed: Option<u32>,
}

/// The answer to `POST /eligibility`.
#[derive(Debug, Clone, Deserialize)]
pub struct WireEligible {
    pub eligible: Vec<String>,
}

/// What an answer that is no success says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct WireError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

/// A command, as it is sent.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum WireCommand {
    CreateShift { item: WireWork },
    EditShift { shift: String, item: WireWork },
    DeleteShift { shift: String },
    CreateOpenShift { item: WireWork },
    EditOpenShift { open_shift: String, item: WireWork },
    DeleteOpenShift { open_shift: String },
    AssignOpenShift { open_shift: String, item: WireWork },
    CreateTimeOff { item: WireAbsence },
    EditTimeOff { time_off: String, item: WireAbsence },
    DeleteTimeOff { time_off: String },
    Request { step: &'static str, request: WireRequest },
    SetAvailability { employee: String, availability: String },
}

/// Work, as it is sent.
#[derive(Debug, Clone, Serialize)]
pub struct WireWork {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub label: String,
    pub start: String,
    pub end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_slots: Option<u32>,
    pub activities: Vec<WirePart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A part of some work, as it is sent.
#[derive(Debug, Clone, Serialize)]
pub struct WirePart {
    pub label: String,
    pub start: String,
    pub end: String,
    pub paid: bool,
}

/// An absence, as it is sent: instants always, days where it covers whole ones.
#[derive(Debug, Clone, Serialize)]
pub struct WireAbsence {
    pub employee: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub start: String,
    pub end: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub days: Option<WireDays>,
}

/// Whole local days.
#[derive(Debug, Clone, Serialize)]
pub struct WireDays {
    pub first_day: String,
    pub last_day: String,
    pub time_zone: String,
}

/// What an employee asks for, as it is sent.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WireRequest {
    OpenShift { open_shift: String, employee: String },
    Swap { given: String, wanted: String },
    Offer { given: String, to: String },
    TimeOff { item: WireAbsence },
}

/// A question of who or what could be chosen, as it is sent.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum WireQuestion {
    SwapFor { given: String, from: String, until: String },
    OfferOf { given: String },
    TimeOffReasons { employee: String },
}
