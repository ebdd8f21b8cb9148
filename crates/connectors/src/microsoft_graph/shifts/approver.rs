//! Granting requests in somebody's name, where no manager is needed.
//!
//! As an application one may not approve any more (ended 2026-01-01); `approveForUser` is there
//! instead, in beta only (Learn, "scheduleChangeRequest: approveForUser", read 2026-11). It carries
//! no passthrough: the callback that follows from it names the shifts that Shifts is about to make,
//! and is decided like a manager's.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{CalendarKey, CommandKind};
use engine::port::{Approver, Failure, FailureClass, RemoteId};
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::call::Caller;
use super::team::{refused, schedule_path};
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, Version, segment};

/// Which interface an operation is in: the only place to change when one comes to v1.0.
const APPROVE: (Version, &str) = (Version::Beta, "approveForUser");

/// Grants in the name of an owner of the teams.
pub struct ShiftsApprover {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// The owner's object id.
    pub user: String,
}

/// The collection of a kind of request; `None` for what is none.
#[must_use]
pub const fn collection(kind: CommandKind) -> Option<&'static str> {
    match kind {
        CommandKind::OfferRequest => Some("offerShiftRequests"),
        CommandKind::OpenShiftRequest => Some("openShiftChangeRequests"),
        CommandKind::SwapRequest => Some("swapShiftsChangeRequests"),
        CommandKind::TimeOffRequest => Some("timeOffRequests"),
        CommandKind::Availability
        | CommandKind::OpenShift
        | CommandKind::Shift
        | CommandKind::TimeOff => None,
    }
}

/// What is looked at of a request.
#[derive(Deserialize)]
struct Request {
    state: Option<String>,
}

#[async_trait]
impl Approver for ShiftsApprover {
    async fn approve(
        &self,
        calendar: &CalendarKey,
        kind: CommandKind,
        request: &RemoteId,
    ) -> Result<(), Failure> {
        let operation = format!("approve `{request}` in team `{calendar}`");
        let Some(collection) = collection(kind) else {
            let failure = refused(operation, format!("`{kind}` is no request"));
            return Err(Failure { class: FailureClass::Bug, ..failure });
        };
        let path = schedule_path(calendar, &format!("/{collection}/{}", segment(&request.0)));
        let (version, action) = APPROVE;
        let ask = Ask::new(Method::POST, version, format!("{path}/{action}"), operation.clone());
        let ask = ask.about(About::Item).json(&json!({ "userId": self.user }));
        let Err(failure) = self.caller.write_as_somebody(ask).await else { return Ok(()) };
        match failure.class {
            // Was it decided by somebody else meanwhile?
            FailureClass::Precondition | FailureClass::Refused => {
                let ask = Ask::get(path, operation).about(About::Item);
                let there = self.caller.read(ask).await?.json::<Request>()?;
                let pending = there.state.is_none_or(|it| it.eq_ignore_ascii_case("pending"));
                if pending {
                    return Err(failure);
                }
                let detail = "it is decided already".to_owned();
                Err(Failure { class: FailureClass::Missing, detail, ..failure })
            }
            FailureClass::Throttled { .. }
            | FailureClass::Unavailable
            | FailureClass::Unknown
            | FailureClass::Duplicate { .. }
            | FailureClass::Missing
            | FailureClass::CalendarMissing
            | FailureClass::DeltaExpired
            | FailureClass::Unauthorised
            | FailureClass::Forbidden
            | FailureClass::OwnerMissing
            | FailureClass::Unsupported
            | FailureClass::Bug => Err(failure),
        }
    }
}
