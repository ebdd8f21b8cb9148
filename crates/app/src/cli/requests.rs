//! Requests that people made in a mirror, as `status` and `explain` tell of them.

use domain::{CommandKind, RequestStep};
use engine::port::{AskedRequest, RemoteId, RequestRow};
use jiff::Timestamp;
use serde::Serialize;

use crate::output::time;

/// Requests of one mirror that are looked through; older ones are history.
pub const LOOKED_AT_MAX: usize = 1_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestLine {
    /// Which, as the vendor calls it.
    request: String,
    /// In which calendar it was made.
    calendar: String,
    /// What it is about.
    kind: CommandKind,
    /// How far it got.
    step: RequestStep,
    /// Since when.
    changed_at: Timestamp,
    /// When it is granted there without a manager.
    approve_at: Option<Timestamp>,
}

impl RequestLine {
    /// One that the store knows.
    pub fn of(row: RequestRow) -> Self {
        let RequestRow { at, calendar, kind, step, request: _, changed_at, approve_at } = row;
        let calendar = calendar.to_string();
        Self { request: at.to_string(), calendar, kind, step, changed_at, approve_at }
    }

    /// In one line.
    pub fn told(&self) -> String {
        let Self { request, calendar, kind, step, changed_at, approve_at } = self;
        let kind = kind.as_str().replace('_', " ");
        let step = match (step, approve_at) {
            (RequestStep::Asked | RequestStep::Agreed, Some(at)) => {
                format!("is granted without a manager at {}", time::instant(*at))
            }
            (RequestStep::Asked, None) => "waits for an answer".to_owned(),
            (RequestStep::Agreed, None) => "is agreed, and waits for a manager".to_owned(),
            (RequestStep::Approved, _) => "was approved".to_owned(),
            (RequestStep::Declined, _) => "was declined".to_owned(),
            (RequestStep::Cancelled, _) => "was taken back".to_owned(),
        };
        let since = time::instant(*changed_at);
        format!("{kind} `{request}` in `{calendar}` {step}, since {since}")
    }
}

/// Whether a request is about the item with this id.
pub fn is_about(request: &AskedRequest, item: &RemoteId) -> bool {
    match request {
        AskedRequest::OpenShift { open_shift, employee: _ } => open_shift == item,
        AskedRequest::Swap { given, wanted } => given == item || wanted == item,
        AskedRequest::Offer { given, to: _ } => given == item,
        AskedRequest::TimeOff { item: _ } => false,
    }
}
