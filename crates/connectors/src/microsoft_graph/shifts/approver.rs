//! Granting requests in somebody's name, where no manager is needed.
//!
//! As an application one may not approve any more (ended 2026-01-01); `approveForUser` is there
//! instead, in beta only (Learn, "scheduleChangeRequest: approveForUser", read 2026-11). It carries
//! no passthrough: the callback that follows from it names the shifts that Shifts is about to make,
//! and is decided like a manager's.
//!
//! Whose yes it is depends on whose turn it is: that of the colleague who was asked, or that of a
//! team owner (the same page: `userId` is "the assignee"). A colleague's yes passes the request on,
//! and it is granted when it comes back.

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

const DECIDED: &str = "it is decided already";

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
#[serde(rename_all = "camelCase")]
struct Request {
    state: Option<String>,
    assigned_to: Option<String>,
    recipient_user_id: Option<String>,
}

impl Request {
    fn is_pending(&self) -> bool {
        self.state.as_deref().is_none_or(|it| it.eq_ignore_ascii_case("pending"))
    }

    /// The colleague, while it is their turn.
    fn colleague(&self) -> Option<&str> {
        let turn = self.assigned_to.as_deref()?;
        self.recipient_user_id.as_deref().filter(|_| turn.eq_ignore_ascii_case("recipient"))
    }
}

/// Whether somebody else than a manager is asked first.
const fn asks_a_colleague(kind: CommandKind) -> bool {
    matches!(kind, CommandKind::OfferRequest | CommandKind::SwapRequest)
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
        let read = || Ask::get(path.clone(), operation.clone()).about(About::Item);
        let mut user = self.user.clone();
        if asks_a_colleague(kind) {
            let there = self.caller.read(read()).await?.json::<Request>()?;
            if !there.is_pending() {
                return Err(read().failure(FailureClass::Missing, DECIDED).failure);
            }
            user = there.colleague().map_or(user, str::to_owned);
        }
        let (version, action) = APPROVE;
        let ask = Ask::new(Method::POST, version, format!("{path}/{action}"), operation.clone());
        let ask = ask.about(About::Item).json(&json!({ "userId": user }));
        let Err(failure) = self.caller.write_as_somebody(ask).await else { return Ok(()) };
        match failure.class {
            // Was it decided by somebody else meanwhile?
            FailureClass::Precondition | FailureClass::Refused => {
                if self.caller.read(read()).await?.json::<Request>()?.is_pending() {
                    return Err(failure);
                }
                Err(Failure { class: FailureClass::Missing, detail: DECIDED.into(), ..failure })
            }
            FailureClass::Throttled { .. }
            | FailureClass::Unavailable
            | FailureClass::Unknown
            | FailureClass::Duplicate { .. }
            | FailureClass::Missing
            | FailureClass::CalendarMissing
            | FailureClass::DeltaExpired
            | FailureClass::TooLate
            | FailureClass::Unauthorised
            | FailureClass::Forbidden
            | FailureClass::OwnerMissing
            | FailureClass::Unsupported
            | FailureClass::Bug => Err(failure),
        }
    }
}
