//! What follows from a failed exchange: (request, status, reason) → [`FailureClass`]. Pure.
//!
//! 403 and 429 over a budget mean the same
//! (developers.google.com/workspace/calendar/api/guides/errors, read 2026-11): the reason tells
//! them from a refusal. Texts are not searched for words, but for the token endpoint's, which has
//! no other.

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope, RemoteId};

use super::sign_in::THROTTLED;
use crate::transport::SendError;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Anything about an account: which calendars it has.
    Account,
    /// Anything about one calendar that changes nothing.
    Read,
    /// What changed since a token.
    Changes,
    /// A new event, under this id.
    Create(RemoteId),
    /// Another content for an event.
    Update,
    /// An event's end.
    Delete,
    /// A calendar, or who may see it.
    MakeCalendar,
    /// A channel, or its end.
    Channel,
}

impl Asked {
    /// Whether it changes anything.
    pub const fn writes(&self) -> bool {
        match self {
            Self::Account | Self::Read | Self::Changes => false,
            Self::Create(_) | Self::Update | Self::Delete | Self::MakeCalendar | Self::Channel => {
                true
            }
        }
    }

    /// The class of a request that may have been seen and has no usable answer.
    pub const fn unanswered(&self) -> FailureClass {
        match self.writes() {
            true => FailureClass::Unknown,
            false => FailureClass::Unavailable,
        }
    }
}

/// Classifies an exchange without an answer.
pub(super) fn class_of_error(asked: &Asked, error: &SendError) -> FailureClass {
    match error {
        SendError::NotSent { .. } => FailureClass::Unavailable,
        SendError::Unanswered { .. } => asked.unanswered(),
        SendError::TooLarge { .. } => match asked.writes() {
            true => FailureClass::Unknown,
            false => FailureClass::Refused,
        },
    }
}

/// Whether a refusal is one for asking too much, however it is spelled.
pub(super) fn is_throttling(status: u16, reason: &str) -> bool {
    const REASONS: [&str; 7] = [
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "dailyLimitExceeded",
        "calendarLimits",
        "concurrentLimitExceeded",
        "variableTermLimitExceeded",
    ];
    status == 429 || (status == 403 && REASONS.contains(&reason))
}

/// Classifies an answer that is no success.
pub(super) fn class_of(
    asked: &Asked,
    (status, reason): (u16, &str),
    wait: Option<Duration>,
    exceeded: QuotaScope,
) -> FailureClass {
    if is_throttling(status, reason) {
        return FailureClass::Throttled { retry_after: wait, scope: exceeded };
    }
    match (asked, status) {
        (_, 401) => FailureClass::Unauthorised,
        // The project has no Calendar API, or the whole project may not: nothing will work.
        (_, 403) if matches!(reason, "accessNotConfigured" | "SERVICE_DISABLED") => {
            FailureClass::Unauthorised
        }
        (_, 403) => FailureClass::Forbidden,
        (Asked::Update | Asked::Delete, 404 | 410) => FailureClass::Missing,
        (Asked::Changes, 400 | 410) => FailureClass::DeltaExpired,
        (Asked::Read | Asked::Changes | Asked::Create(_) | Asked::Channel, 404) => {
            FailureClass::CalendarMissing
        }
        (Asked::Create(id), 409) => FailureClass::Duplicate { at: Some(id.clone()) },
        (_, 409 | 412) if asked.writes() => FailureClass::Precondition,
        // With a time to come back it is a refusal; else nobody knows how far it came.
        (_, 503) if wait.is_some() => FailureClass::Unavailable,
        (_, 408 | 500..) => asked.unanswered(),
        (_, 400..500) if asked.writes() => FailureClass::Refused,
        (_, _) => FailureClass::Bug,
    }
}

/// Classifies a refusal of the token endpoint. It speaks of an employee with the same code as of
/// the service account itself; only its words tell.
pub(super) fn class_of_sign_in(status: u16, code: &str, text: &str) -> FailureClass {
    let of_account = ["Invalid JWT", "account not found"];
    match (status, code) {
        (429, _) => THROTTLED,
        (500.., _) => FailureClass::Unavailable,
        (_, "invalid_grant") if of_account.iter().any(|it| text.contains(it)) => {
            FailureClass::Unauthorised
        }
        (_, "invalid_grant") if text.contains("Invalid email or User ID") => {
            FailureClass::OwnerMissing
        }
        (_, "invalid_grant") => FailureClass::Forbidden,
        (_, _) => FailureClass::Unauthorised,
    }
}
