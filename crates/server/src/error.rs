//! The errors that callers of our API see: one table from fact to stable code to HTTP status.
//!
//! Codes are append-only and alphabetical: programs match on them. Messages may change. Feeds
//! answer people, not programs, and have their own words in [`crate::feed::Refusal`].

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use engine::port::{Entropy, StoreError};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;

/// What went wrong, as callers may distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is longer than it may be, or broke off.
    BodyNotRead,
    /// A mistake of ours.
    Internal,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// There is nothing at this path, or no right to know.
    NotFound,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The store did not answer.
    StoreUnavailable,
}

impl Code {
    /// Every code, in the order in which they sort.
    pub const ALL: [Self; 6] = [
        Self::BodyNotRead,
        Self::Internal,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::RequestTimeout,
        Self::StoreUnavailable,
    ];

    /// The table: stable code, HTTP status, message.
    #[must_use]
    pub const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BodyNotRead => (
                "body_not_read",
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is longer than this path takes, or it broke off",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "a mistake of ours; the log knows it under `contextId`",
            ),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "this path does not take this method; `Allow` names those it takes",
            ),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "there is nothing at this path"),
            Self::RequestTimeout => {
                ("request_timeout", StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
            }
            Self::StoreUnavailable => (
                "store_unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer; try again later",
            ),
        }
    }
}

/// An error on its way to a caller, with the id under which the log knows it.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    context_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireError<'a> {
    code: &'a str,
    message: &'a str,
    status: u16,
    context_id: &'a str,
    details: [(); 0],
}

impl ApiError {
    /// An error that is the caller's to mend.
    #[must_use]
    pub fn new(code: Code, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let context_id = format!("{:016x}", u64::from_be_bytes(random));
        Self { code, context_id }
    }

    /// The store failed: logged here, under the id that the caller sees.
    #[must_use]
    pub fn store(error: &StoreError, entropy: &dyn Entropy) -> Self {
        let this = Self::new(Code::StoreUnavailable, entropy);
        tracing::error!(context.id = %this.context_id, "request not answered: {error}");
        this
    }
}

impl ApiError {
    /// A mistake of ours: logged here, under the id that the caller sees.
    #[must_use]
    pub fn internal(detail: &dyn std::fmt::Display, entropy: &dyn Entropy) -> Self {
        let this = Self::new(Code::Internal, entropy);
        tracing::error!(context.id = %this.context_id, "request not answered: {detail}");
        this
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status, message) = self.code.row();
        let wire = WireError {
            code,
            message,
            status: status.as_u16(),
            context_id: &self.context_id,
            details: [],
        };
        // A struct of texts and numbers always serialises.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.code == Code::StoreUnavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_snake_case_and_in_order() {
        let codes = Code::ALL.map(|code| code.row().0);
        assert!(codes.is_sorted());
        for code in codes {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }
}
