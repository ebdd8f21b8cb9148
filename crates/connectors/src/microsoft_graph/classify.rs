//! What follows from an answer that is no success: (what was asked, status, codes) →
//! [`FailureClass`]. Pure.
//!
//! A status is a definite answer, except those of a server or gateway that lost its way in the
//! middle (408, 500, 502, 504, and 503 without a time to come back), after which a write may have
//! been applied. Graph's codes refine it; messages are looked at in one case, which says why.

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope};

use super::wire::Told;
use crate::transport::SendError;

/// What a path is about: it decides what is not there when nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Anything outside a team: an application, an integration, a person's settings.
    Directory,
    /// A team or its schedule as a whole; also listing and adding to it.
    Team,
    /// One item in a team's schedule.
    Item,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What it is about.
    pub about: About,
    /// Whether it changes anything.
    pub writes: bool,
    /// Whose budget it spends.
    pub scope: QuotaScope,
}

impl Asked {
    /// The class of a request that may have been seen and has no usable answer.
    #[must_use]
    pub const fn unanswered(self) -> FailureClass {
        match self.writes {
            true => FailureClass::Unknown,
            false => FailureClass::Unavailable,
        }
    }
}

/// Whose budget a path spends: besides those of the application there is one per team (Learn,
/// "Microsoft Graph service-specific throttling limits": 4 requests per second on a given team).
#[must_use]
pub fn scope_of(path: &str) -> QuotaScope {
    let team = path.strip_prefix("/teams/").and_then(|rest| rest.split(['/', '?']).next());
    match team.or_else(|| mailbox_of(path)) {
        Some(id) if !id.is_empty() => QuotaScope::Calendar,
        Some(_) | None => QuotaScope::Connection,
    }
}

/// Whose mailbox a path is about (the same page, Outlook: budgets are per mailbox).
fn mailbox_of(path: &str) -> Option<&str> {
    let mut parts = path.strip_prefix("/users/")?.split(['/', '?']);
    let user = parts.next()?;
    let of_calendar = ["calendar", "calendars", "events", "calendarView"];
    parts.next().filter(|it| of_calendar.contains(it)).map(|_| user)
}

/// Classifies an exchange without an answer.
#[must_use]
pub const fn class_of_error(asked: Asked, error: &SendError) -> FailureClass {
    match error {
        SendError::NotSent { .. } => FailureClass::Unavailable,
        SendError::Unanswered { .. } => asked.unanswered(),
        // A write may have been applied, whatever was said at length. A read would be answered
        // like this again.
        SendError::TooLarge { .. } => match asked.writes {
            true => FailureClass::Unknown,
            false => FailureClass::Refused,
        },
    }
}

/// Classifies an answer that is no success.
#[must_use]
pub fn class_of(
    asked: Asked,
    status: u16,
    told: &Told,
    retry_after: Option<Duration>,
) -> FailureClass {
    // 509 is Graph's own (Learn, "Microsoft Graph error responses": bandwidth limit exceeded).
    if matches!(status, 429 | 509) || (status == 503 && retry_after.is_some()) {
        return FailureClass::Throttled { retry_after, scope: asked.scope };
    }
    // Whoever decides for Shifts said no (shifts.md §1.5). With 502 and 504 they said nothing that
    // could be understood: that is no decision on the item.
    if asked.writes && status < 500 && told.has("WorkforceIntegrationError") {
        return FailureClass::Refused;
    }
    match status {
        // Exchange says it in passing, also of what asks for no version (msgraph-sdk-dotnet#1201).
        412 if !asked.writes => FailureClass::Unavailable,
        400..=410 if !asked.writes && tells_to_resync(told) => FailureClass::DeltaExpired,
        401 | 407 => FailureClass::Unauthorised,
        402 | 403 => FailureClass::Forbidden,
        404 | 410 => class_of_absence(asked, told),
        405 | 501 => FailureClass::Unsupported,
        409 | 412 => FailureClass::Precondition,
        // Locked, too early, a predecessor in a batch failed: surely not applied.
        421 | 423..=425 => FailureClass::Unavailable,
        408 | 500.. => asked.unanswered(),
        400..500 if asked.writes => FailureClass::Refused,
        _ => FailureClass::Bug,
    }
}

/// Whether a listing in full is asked for: 410, or another refusal, with these codes (Learn, "delta
/// query overview"; `calendars.md` §1.3).
fn tells_to_resync(told: &Told) -> bool {
    let resync = ["resyncRequired", "syncStateNotFound", "syncStateInvalid"];
    resync.iter().any(|code| told.has(code))
}

fn class_of_absence(asked: Asked, told: &Told) -> FailureClass {
    // The mailbox as a whole. Without a licence it may come back with all that is in it.
    if told.has("MailboxNotEnabledForRESTAPI") {
        return FailureClass::Forbidden;
    }
    if told.has("ErrorInvalidUser") || told.has("ErrorNonExistentMailbox") {
        return FailureClass::OwnerMissing;
    }
    // Shifts says 404 `UnknownError` of things that are there (microsoft-graph-docs#13815).
    if told.has("UnknownError") {
        return asked.unanswered();
    }
    match asked.about {
        About::Directory => FailureClass::Missing,
        About::Team => FailureClass::CalendarMissing,
        // Said also of teams that are there. Who needs to know asks for the team itself.
        About::Item if tells_of_no_team(told) => asked.unanswered(),
        About::Item => FailureClass::Missing,
    }
}

/// Whether it is the team that is said not to be there. The code is `NotFound` for a team and for
/// an item alike; only the message tells them apart (microsoft-graph-docs-contrib#4597: "Sorry, the
/// team was not found, or you may not have access to it").
fn tells_of_no_team(told: &Told) -> bool {
    told.has("TeamNotFound") || told.message.to_ascii_lowercase().contains("team was not found")
}
