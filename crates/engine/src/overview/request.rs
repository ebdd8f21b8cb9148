//! Requests that people made in a mirror.

use domain::{CommandKind, RequestStep};
use jiff::Timestamp;
use serde::Serialize;

use super::words::instant;
use crate::port::RequestRow;

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
    #[must_use]
    pub fn of(row: RequestRow) -> Self {
        let RequestRow { at, calendar, kind, step, request: _, changed_at, approve_at } = row;
        let calendar = calendar.to_string();
        Self { request: at.to_string(), calendar, kind, step, changed_at, approve_at }
    }

    /// In one line.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { request, calendar, kind, step, changed_at, approve_at } = self;
        let kind = kind.as_str().replace('_', " ");
        let step = match (step, approve_at) {
            (RequestStep::Asked | RequestStep::Agreed, Some(at)) => {
                format!("is granted without a manager at {}", instant(*at))
            }
            (RequestStep::Asked, None) => "waits for an answer".to_owned(),
            (RequestStep::Agreed, None) => "is agreed, and waits for a manager".to_owned(),
            (RequestStep::Approved, _) => "was approved".to_owned(),
            (RequestStep::Declined, _) => "was declined".to_owned(),
            (RequestStep::Cancelled, _) => "was taken back".to_owned(),
        };
        let since = instant(*changed_at);
        format!("{kind} `{request}` in `{calendar}` {step}, since {since}")
    }
}
