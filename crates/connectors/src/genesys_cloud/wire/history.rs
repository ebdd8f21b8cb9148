//! What became of one agent's part of a schedule: `BuAgentScheduleHistoryResponse`.

use serde::Deserialize;

use super::{Reference, list};

/// `BuAgentScheduleHistoryResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// What was published at first.
    #[serde(default)]
    pub base_published_schedule: Option<HistoryChange>,
    /// What was changed since.
    #[serde(default, deserialize_with = "list")]
    pub changes: Vec<HistoryChange>,
    /// Changes that are told no more, because there were too many; of what form they are does not
    /// matter.
    #[serde(default, deserialize_with = "list")]
    pub dropped_changes: Vec<serde_json::Value>,
}

/// `BuAgentScheduleHistoryChange`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryChange {
    /// When.
    #[serde(default)]
    pub metadata: Option<HistoryMetadata>,
    /// Shifts that were made or changed.
    #[serde(default, deserialize_with = "list")]
    pub shifts: Vec<Reference>,
    /// Whole days off that were made or changed.
    #[serde(default, deserialize_with = "list")]
    pub full_day_time_off_markers: Vec<HistoryMarker>,
    /// What was deleted.
    #[serde(default)]
    pub deletes: Option<HistoryDeletes>,
}

/// `BuAgentScheduleHistoryChangeMetadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryMetadata {
    /// When it was changed.
    #[serde(default)]
    pub date_modified: Option<jiff::Timestamp>,
}

/// `BuFullDayTimeOffMarker`, as far as it is named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryMarker {
    /// A day of the business unit's zone.
    pub business_unit_date: String,
}

/// `BuAgentScheduleHistoryDeletedChange`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryDeletes {
    /// Ids of shifts.
    #[serde(default, deserialize_with = "list")]
    pub shift_ids: Vec<String>,
    /// Days of markers.
    #[serde(default, deserialize_with = "list")]
    pub full_day_time_off_marker_dates: Vec<String>,
    /// Whether all of it was deleted.
    #[serde(default)]
    pub agent_schedule: Option<bool>,
}
