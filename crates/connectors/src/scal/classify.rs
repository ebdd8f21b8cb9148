//! Status and headers to a failure class. Pure. Everything here reads: repeating is harmless.

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope};
use http::StatusCode;

use crate::transport::SendError;

/// What follows from a status that is no success.
pub(super) fn class_of_status(status: StatusCode, retry_after: Option<Duration>) -> FailureClass {
    match status.as_u16() {
        401 => FailureClass::Unauthorised,
        403 => FailureClass::Forbidden,
        // Only a delta token is refused so by what we read; others may say 410.
        409 | 410 => FailureClass::DeltaExpired,
        429 => FailureClass::Throttled { retry_after, scope: QuotaScope::Connection },
        408 | 500..=599 => FailureClass::Unavailable,
        404 => FailureClass::Unsupported,
        400..=499 => FailureClass::Refused,
        _ => FailureClass::Bug,
    }
}

/// What follows when there is no answer.
pub(super) fn class_of_error(error: &SendError) -> FailureClass {
    match error {
        SendError::NotSent { .. } | SendError::Unanswered { .. } => FailureClass::Unavailable,
        SendError::TooLarge { .. } => FailureClass::Refused,
    }
}

/// Whether another attempt may help.
pub(super) fn is_worth_repeating(class: &FailureClass) -> bool {
    match class {
        FailureClass::Throttled { .. } | FailureClass::Unavailable => true,
        FailureClass::Unknown
        | FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::CalendarMissing
        | FailureClass::DeltaExpired
        | FailureClass::TooLate
        | FailureClass::Unauthorised
        | FailureClass::Forbidden
        | FailureClass::OwnerMissing
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => false,
    }
}
