//! How a request to a vendor failed, classified once, as data.
//!
//! Each connector's `classify.rs` makes these; retry, breaker, quarantine and exit code match on
//! [`FailureClass`] and on nothing else.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{QuotaScope, RemoteId};

/// One failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub class: FailureClass,
    /// What was being done: a verb clause such as `` put an item into `alice/` ``; no personal
    /// data beyond the calendar's own address, no secrets.
    pub operation: String,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What the vendor or the transport said, cut short, without bodies or secrets.
    pub detail: String,
}

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Asked to slow down. Not applied. Nothing is sent to `scope` until `retry_after` has passed.
    Throttled {
        /// How long the vendor asked to wait; `None` when it named no time.
        retry_after: Option<Duration>,
        /// How far the closure reaches.
        scope: QuotaScope,
    },
    /// Could not be reached or is not ready. Surely not applied; worth another attempt.
    Unavailable,
    /// Its turn came after [`Write::not_after`](super::Write::not_after): nothing was sent, and the
    /// vendor has no part in that.
    TooLate,
    /// Sent, but no usable answer came: applied or not. Settled by looking, never by repeating.
    Unknown,
    /// The item is not in the state that the request required (etag differs, already exists).
    Precondition,
    /// Another item holds the same identity, at this remote id where the vendor says so.
    Duplicate {
        /// Where the other item is.
        at: Option<RemoteId>,
    },
    /// The item is not there.
    Missing,
    /// The whole calendar is not there.
    CalendarMissing,
    /// The delta token is not accepted any more: list in full.
    DeltaExpired,
    /// Our credentials are not accepted: nothing will work until the operator mends that.
    Unauthorised,
    /// Our credentials are good, and may not do this here; elsewhere they may.
    Forbidden,
    /// Whoever the calendar belongs to is said not to exist: nothing of ours is there to be
    /// removed, and nothing can be put there.
    OwnerMissing,
    /// The vendor will never accept this item as it is.
    Refused,
    /// The vendor cannot do this at all.
    Unsupported,
    /// We cannot make sense of a definite answer, or sent something that makes no sense.
    Bug,
}

impl FailureClass {
    /// Whether the same request may be answered another time, so that this says nothing of what
    /// was asked.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Unavailable
            | Self::TooLate
            | Self::Unknown
            | Self::Unauthorised => true,
            Self::Precondition
            | Self::Duplicate { .. }
            | Self::Missing
            | Self::CalendarMissing
            | Self::DeltaExpired
            | Self::Forbidden
            | Self::OwnerMissing
            | Self::Refused
            | Self::Unsupported
            | Self::Bug => false,
        }
    }

    /// The word for it in reports, metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable => "unavailable",
            Self::TooLate => "too_late",
            Self::Unknown => "unknown",
            Self::Precondition => "precondition",
            Self::Duplicate { .. } => "duplicate",
            Self::Missing => "missing",
            Self::CalendarMissing => "calendar_missing",
            Self::DeltaExpired => "delta_expired",
            Self::Unauthorised => "unauthorised",
            Self::Forbidden => "forbidden",
            Self::OwnerMissing => "owner_missing",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Bug => "bug",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.operation)?;
        if let Some(status) = self.status {
            write!(f, "HTTP {status}: ")?;
        }
        write!(f, "{} ({})", self.detail, self.class.as_str())
    }
}

impl std::error::Error for Failure {}
