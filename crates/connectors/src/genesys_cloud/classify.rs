//! What an answer of Genesys Cloud means for us, once and for all.

use engine::port::{Failure, FailureClass, QuotaScope};
use http::StatusCode;
use jiff::Timestamp;

use super::budget::asked_wait;
use super::wire::{ErrorBody, short};
use crate::transport::{Answer, SendError};

/// No answer came.
pub(super) fn unsent(error: &SendError, operation: &str) -> Failure {
    let class = match error {
        SendError::NotSent { .. } => FailureClass::Unavailable,
        SendError::Unanswered { .. } => FailureClass::Unknown,
        SendError::TooLarge { .. } => FailureClass::Bug,
    };
    Failure { class, operation: operation.into(), status: None, detail: error.to_string() }
}

/// An answer that is no success.
pub(super) fn refused(answer: &Answer, operation: &str, now: Timestamp) -> Failure {
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (code, message) = (body.code.unwrap_or_default(), body.message.unwrap_or_default());
    let class = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => FailureClass::Throttled {
            retry_after: asked_wait(&answer.headers, &message, now),
            scope: QuotaScope::Connection,
        },
        StatusCode::UNAUTHORIZED => FailureClass::Unauthorised,
        StatusCode::FORBIDDEN => FailureClass::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => FailureClass::Missing,
        // The SDKs do not say what a stale version gets; both are known for it elsewhere.
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => FailureClass::Precondition,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => FailureClass::Unavailable,
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            FailureClass::Unknown
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => FailureClass::Unsupported,
        _ => FailureClass::Refused,
    };
    let words = [code, message].into_iter().filter(|it| !it.is_empty());
    let detail = short(&words.collect::<Vec<_>>().join(": "));
    let status = Some(answer.status.as_u16());
    Failure { class, operation: operation.into(), status, detail }
}

/// A definite answer that we cannot make sense of.
pub(super) fn nonsense(operation: &str, detail: impl std::fmt::Display) -> Failure {
    Failure {
        class: FailureClass::Bug,
        operation: operation.into(),
        status: None,
        detail: short(&detail.to_string()),
    }
}
