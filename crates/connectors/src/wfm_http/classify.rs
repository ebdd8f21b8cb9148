//! What follows from a failed exchange: (what was asked, status, code) → [`FailureClass`]. Pure.
//!
//! The contract's codes decide where there is one; otherwise the status does. A status is a
//! definite answer, except those of a server or gateway that lost its way in the middle.

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope};

use crate::transport::SendError;

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may be sent again at will.
    Reads,
    /// It may change the schedule; sent again under its key, it does so once.
    Decides,
}

impl Effect {
    /// The class of a request that may have been seen and has no usable answer.
    pub const fn unanswered(self) -> FailureClass {
        match self {
            Self::Reads => FailureClass::Unavailable,
            Self::Decides => FailureClass::Unknown,
        }
    }
}

/// Classifies an exchange without an answer.
pub const fn class_of_error(effect: Effect, error: &SendError) -> FailureClass {
    match (error, effect) {
        (SendError::NotSent { .. }, _) => FailureClass::Unavailable,
        (SendError::TooLarge { .. }, Effect::Reads) => FailureClass::Refused,
        (SendError::Unanswered { .. } | SendError::TooLarge { .. }, effect) => effect.unanswered(),
    }
}

/// Classifies an answer that is no success.
pub fn class_of(
    effect: Effect,
    status: u16,
    code: Option<&str>,
    retry_after: Option<Duration>,
) -> FailureClass {
    if status == 429 || (status == 503 && retry_after.is_some()) {
        return FailureClass::Throttled { retry_after, scope: QuotaScope::Connection };
    }
    match (status, code) {
        (400..500, Some("since_expired")) => FailureClass::DeltaExpired,
        (400..500, Some("snapshot_gone")) => FailureClass::Precondition,
        (410, _) => FailureClass::DeltaExpired,
        (409 | 412, _) => FailureClass::Precondition,
        (401 | 407, _) => FailureClass::Unauthorised,
        (402 | 403, _) => FailureClass::Forbidden,
        (404, _) => FailureClass::Missing,
        (405 | 501, _) => FailureClass::Unsupported,
        (421 | 423 | 425 | 503, _) => FailureClass::Unavailable,
        (408 | 500.., _) => effect.unanswered(),
        // It names another place: only the operator can say whether the token may go there.
        (300..400, _) => FailureClass::Forbidden,
        (400..500, _) => FailureClass::Refused,
        (_, _) => FailureClass::Bug,
    }
}
