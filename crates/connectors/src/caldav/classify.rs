//! What follows from a failed exchange: (request, status, precondition) → [`FailureClass`]. Pure.
//!
//! A status is a definite answer, so a write that got one was applied only if the status says so;
//! the exceptions are the statuses of a server or gateway that lost its way in the middle (408,
//! 500, 502, 504), after which a write may have been applied. Texts are never searched for words.

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope};

use super::client::CallError;
use super::wire::Condition;
use crate::transport::SendError;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Anything about the account: where its calendars are, what it may do.
    Account,
    /// Anything about one calendar that changes nothing.
    Read,
    /// What changed since a token.
    Changes,
    /// PUT with `If-None-Match: *`.
    Create,
    /// PUT with `If-Match`.
    Update,
    /// DELETE with `If-Match`.
    Delete,
    /// MKCALENDAR, or extended MKCOL.
    MakeCalendar,
}

impl Asked {
    const fn writes(self) -> bool {
        match self {
            Self::Account | Self::Read | Self::Changes => false,
            Self::Create | Self::Update | Self::Delete | Self::MakeCalendar => true,
        }
    }

    /// The class of a request that the server answered by naming another place: it did nothing,
    /// and only the operator can say whether the credentials may go there. Where that was about
    /// one calendar, the others need not stop.
    const fn redirected(self) -> FailureClass {
        match self {
            Self::Account => FailureClass::Unauthorised,
            Self::Read
            | Self::Changes
            | Self::Create
            | Self::Update
            | Self::Delete
            | Self::MakeCalendar => FailureClass::Forbidden,
        }
    }

    /// The class of a request that may have been seen and has no usable answer.
    pub(super) const fn unanswered(self) -> FailureClass {
        match self.writes() {
            true => FailureClass::Unknown,
            false => FailureClass::Unavailable,
        }
    }
}

/// Classifies an exchange without an answer.
pub(super) fn class_of_error(asked: Asked, error: &CallError) -> FailureClass {
    match error {
        CallError::Send(SendError::NotSent { .. }) => FailureClass::Unavailable,
        CallError::Send(SendError::Unanswered { .. }) => asked.unanswered(),
        // A write may have been applied, whatever was said at length. A read would be answered
        // like this again.
        CallError::Send(SendError::TooLarge { .. }) => match asked.writes() {
            true => FailureClass::Unknown,
            false => FailureClass::Refused,
        },
        CallError::Redirected { .. } => asked.redirected(),
        CallError::Unsendable { .. } => FailureClass::Bug,
    }
}

/// Classifies an answer that is not the one hoped for. `at` of a `Duplicate` is for the caller.
pub(super) fn class_of(
    asked: Asked,
    status: u16,
    condition: Option<&Condition>,
    retry_after: Option<Duration>,
) -> FailureClass {
    match condition {
        // RFC 9110 §10.2.3: what says when to come back is throttling, whatever it is called.
        _ if status == 429 || (status == 503 && retry_after.is_some()) => {
            FailureClass::Throttled { retry_after, scope: QuotaScope::Connection }
        }
        Some(Condition::UidConflict { .. }) => FailureClass::Duplicate { at: None },
        Some(Condition::ValidSyncToken) => FailureClass::DeltaExpired,
        Some(Condition::NeedPrivileges) => FailureClass::Forbidden,
        Some(Condition::SupportedReport | Condition::MatchesWithinLimits) => {
            FailureClass::Unsupported
        }
        Some(Condition::ResourceMustBeNull) => FailureClass::Precondition,
        Some(Condition::QuotaNotExceeded) => FailureClass::Unavailable,
        Some(Condition::Other(_)) if asked.writes() && matches!(status, 403 | 409 | 412) => {
            FailureClass::Refused
        }
        Some(Condition::Other(_)) | None => class_of_status(asked, status),
    }
}

fn class_of_status(asked: Asked, status: u16) -> FailureClass {
    match (asked, status) {
        (_, 401 | 407) => FailureClass::Unauthorised,
        // A bad token in its other spellings: CCS and Xandikos answer 500, some 400, 403, 409 or
        // 410 (specs/caldav-server-matrix.json, `sync-token.invalid-token`). If it was something
        // else, the listing in full that follows will meet it again.
        (Asked::Changes, 400 | 403 | 409 | 410 | 412 | 500) => FailureClass::DeltaExpired,
        (_, 402 | 403) => FailureClass::Forbidden,
        (Asked::Update | Asked::Delete, 404 | 410) => FailureClass::Missing,
        (Asked::MakeCalendar, 404 | 409 | 410) => FailureClass::Refused,
        (Asked::Create | Asked::Update, 409) | (_, 404 | 410) => FailureClass::CalendarMissing,
        (_, 405 | 501) | (Asked::Changes, 415 | 507) => FailureClass::Unsupported,
        (_, 412) if asked.writes() => FailureClass::Precondition,
        (_, 421 | 423 | 425 | 503 | 507) => FailureClass::Unavailable,
        (_, 408 | 500..) => asked.unanswered(),
        // "Accepted" and its like: it may be done, or be done later.
        (_, 200..300) if asked.writes() => FailureClass::Unknown,
        (_, 300..400) => asked.redirected(),
        (_, 400..500) if asked.writes() => FailureClass::Refused,
        (_, _) => FailureClass::Bug,
    }
}

/// Whether the answer to a PUT leaves open if the calendar or only the item is the trouble, so
/// that the calendar has to be looked at: iCloud answers 404 for an event that it dislikes, SOGo
/// a bare 409 for a `UID` that is taken, and RFC 4918 §9.7.1 wants 409 for a missing parent.
pub(super) const fn is_ambiguous(asked: Asked, status: u16, class: &FailureClass) -> bool {
    matches!(asked, Asked::Create | Asked::Update)
        && matches!(status, 404 | 409 | 410)
        && matches!(class, FailureClass::CalendarMissing | FailureClass::Missing)
}

/// The class of an ambiguous answer when the calendar turns out to be there.
pub(super) const fn class_beside_calendar(asked: Asked, status: u16) -> FailureClass {
    match (asked, status) {
        (_, 409) => FailureClass::Duplicate { at: None },
        (Asked::Update, _) => FailureClass::Missing,
        (_, _) => FailureClass::Refused,
    }
}
