//! What the operator decides: which way changes go, who wins, how much may be deleted at once,
//! and how much of a shift others may read.

use serde::{Deserialize, Serialize};

/// Which way changes go between a roster and one mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the roster to the mirror; changes by people in the mirror are put right.
    #[default]
    Push,
    /// Requests made in the mirror also go back to the system of record, which decides.
    TwoWay,
}

/// What happens when something that we did not write stands where a shift is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// Tell, touch nothing.
    #[default]
    Report,
    /// Write ours beside it.
    KeepBoth,
    /// The schedule wins; chosen per mirror, and every use can be undone.
    WfmPriorityOverride,
}

/// What a policy that lets the schedule win does to somebody's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideAction {
    /// It is moved out of the way.
    #[default]
    Move,
    /// It is removed.
    Delete,
}

/// What becomes of events of one sort that stand where a shift is. The strictest rule that applies
/// to an event counts: they are in the order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventRule {
    /// They are no conflict.
    Ignore,
    /// They are told of, and stay.
    Report,
    /// They are treated as any other.
    Override,
}

/// Where an event is moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveTo {
    /// To the end of the shift, if that time is free.
    AfterShift,
    /// To the first free time after the shift.
    #[default]
    NextFree,
}

/// How much of a shift a calendar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyTier {
    /// Everything.
    #[default]
    Full,
    /// The title as it is configured, and the time; no list of activities, no notes.
    Title,
    /// The time only, titled "Busy".
    Busy,
}

/// How much one cycle may delete before the guard stops it.
///
/// Refused when deletions are more than `deletions_free` *and* more than `deleted_share_max` of
/// what was there, or when everything there was would go.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeletionGuard {
    /// Share of the items there were, 0 to 1.
    pub deleted_share_max: f64,
    /// This many may always go.
    pub deletions_free: u64,
}

impl Default for DeletionGuard {
    fn default() -> Self {
        Self { deleted_share_max: 0.2, deletions_free: 2 }
    }
}
