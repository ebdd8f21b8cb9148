//! The errors that callers of our API see: one table from fact to stable code to HTTP status.
//!
//! Codes are append-only and alphabetical: programs match on them. Messages may change. Feeds
//! answer people, not programs, and have their own words in [`crate::feed::Refusal`].

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use engine::port::{Entropy, StoreError};
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use schemars::JsonSchema;
use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $status:ident, $message:literal;)*) => {
        /// What went wrong, as callers may distinguish it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order in which they sort.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The table: stable code, HTTP status, message.
            #[must_use]
            pub const fn row(self) -> (&'static str, StatusCode, &'static str) {
                match self {
                    $(Self::$name => ($code, StatusCode::$status, $message),)*
                }
            }
        }
    };
}

codes! {
    /// The body is longer than it may be, or broke off.
    BodyNotRead, "body_not_read", PAYLOAD_TOO_LARGE,
        "the body is longer than this path takes, or it broke off";
    /// The delta token is of another store, or of none.
    DeltaTokenExpired, "delta_token_expired", CONFLICT,
        "changes since this token are not known; read the schedule in full, without `since`";
    /// The same key was used for another body.
    IdempotencyKeyReused, "idempotency_key_reused", CONFLICT,
        "this `Idempotency-Key` was used for another request; choose a new one";
    /// The token does not hold the scope.
    InsufficientScope, "insufficient_scope", FORBIDDEN,
        "the token does not hold the scope that this needs; `details` names it";
    /// A mistake of ours.
    Internal, "internal", INTERNAL_SERVER_ERROR,
        "a mistake of ours; the log knows it under `contextId`";
    /// The body is not what this path takes.
    InvalidBody, "invalid_body", BAD_REQUEST,
        "the body is not what this path takes; `details` says where";
    /// Unknown client, or wrong secret.
    InvalidClient, "invalid_client", UNAUTHORIZED,
        "there is no such client, its secret is another one, or it is revoked";
    /// A parameter or header has a value that it cannot have.
    InvalidParameter, "invalid_parameter", BAD_REQUEST,
        "a parameter cannot be read, or is not known; `details` names it";
    /// A token request that makes no sense.
    InvalidRequest, "invalid_request", BAD_REQUEST,
        "a token is asked for with grant_type=client_credentials, and with HTTP Basic or \
         client_id and client_secret in the form";
    /// The scope was not given to the client.
    InvalidScope, "invalid_scope", BAD_REQUEST,
        "a scope that is asked for does not exist or was not given to this client";
    /// The token is unknown, revoked, or has ended.
    InvalidToken, "invalid_token", UNAUTHORIZED,
        "the token is not known or has ended; get another one from /oauth/token";
    /// The path exists, the method does not.
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED,
        "this path does not take this method; `Allow` names those it takes";
    /// No mirror of that provider.
    NoSuchMirror, "no_such_mirror", NOT_FOUND,
        "this client's roster has no mirror of that provider";
    /// There is nothing at this path, or no right to know.
    NotFound, "not_found", NOT_FOUND, "there is nothing at this path";
    /// Nobody signed in, or the password is another one.
    NotSignedIn, "not_signed_in", UNAUTHORIZED,
        "this is for operators: sign in at /sign-in, or send the dashboard's password as HTTP \
         Basic, with any name";
    /// A page of changes that is too far to be reached by its number.
    PageTooFar, "page_too_far", CONFLICT,
        "so far a page of changes is not reached by its number; follow `nextUri`";
    /// The shift has another version.
    PreconditionFailed, "precondition_failed", PRECONDITION_FAILED,
        "it was changed meanwhile: read it again, and send its ETag in If-Match";
    /// Too many requests.
    RateLimited, "rate_limited", TOO_MANY_REQUESTS,
        "too many requests; `Retry-After` says when to go on";
    /// The roster is read from elsewhere.
    ReadOnlyRoster, "read_only_roster", FORBIDDEN,
        "this roster is read from another system, which is where it is changed";
    /// The rules say no.
    RefusedByRules, "refused_by_rules", CONFLICT,
        "the rules of this roster do not allow it; `details` says which";
    /// The request did not arrive in time.
    RequestTimeout, "request_timeout", REQUEST_TIMEOUT, "the body did not arrive in time";
    /// The store did not answer.
    StoreUnavailable, "store_unavailable", SERVICE_UNAVAILABLE,
        "the store does not answer, or the roster is busy; try again later";
    /// No token.
    TokenMissing, "token_missing", UNAUTHORIZED,
        "this needs an access token: `Authorization: Bearer …`, from /oauth/token";
    /// Too many jobs wait.
    TooManyJobs, "too_many_jobs", TOO_MANY_REQUESTS,
        "too many sync jobs of this roster wait; go on when one of them has ended";
    /// Another grant type.
    UnsupportedGrantType, "unsupported_grant_type", BAD_REQUEST,
        "only grant_type=client_credentials is offered";
    /// Another content type.
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "the body has another Content-Type than this path takes";
    /// A window that is none.
    WindowEmpty, "window_empty", CONFLICT, "the window ends before it starts";
    /// A window of too many events.
    WindowTooLarge, "window_too_large", CONFLICT,
        "the window holds more than one calendar can; ask for a shorter one";
}

impl Code {
    /// Its HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// The error of RFC 6749 §5.2 that a token request is refused with.
    const fn oauth(self) -> Option<&'static str> {
        match self {
            Self::InvalidClient
            | Self::InvalidRequest
            | Self::InvalidScope
            | Self::UnsupportedGrantType => Some(self.row().0),
            Self::BodyNotRead
            | Self::DeltaTokenExpired
            | Self::IdempotencyKeyReused
            | Self::InsufficientScope
            | Self::Internal
            | Self::InvalidBody
            | Self::InvalidParameter
            | Self::InvalidToken
            | Self::MethodNotAllowed
            | Self::NoSuchMirror
            | Self::NotFound
            | Self::NotSignedIn
            | Self::PageTooFar
            | Self::PreconditionFailed
            | Self::RateLimited
            | Self::ReadOnlyRoster
            | Self::RefusedByRules
            | Self::RequestTimeout
            | Self::StoreUnavailable
            | Self::TokenMissing
            | Self::TooManyJobs
            | Self::UnsupportedMediaType
            | Self::WindowEmpty
            | Self::WindowTooLarge => None,
        }
    }

    /// What a 401 asks for.
    const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::InvalidClient | Self::NotSignedIn => Some("Basic realm=\"rotabridge\""),
            Self::InvalidToken => Some("Bearer realm=\"rotabridge\", error=\"invalid_token\""),
            Self::TokenMissing => Some("Bearer realm=\"rotabridge\""),
            Self::InsufficientScope => {
                Some("Bearer realm=\"rotabridge\", error=\"insufficient_scope\"")
            }
            Self::BodyNotRead
            | Self::DeltaTokenExpired
            | Self::IdempotencyKeyReused
            | Self::Internal
            | Self::InvalidBody
            | Self::InvalidParameter
            | Self::InvalidRequest
            | Self::InvalidScope
            | Self::MethodNotAllowed
            | Self::NoSuchMirror
            | Self::NotFound
            | Self::PageTooFar
            | Self::PreconditionFailed
            | Self::RateLimited
            | Self::ReadOnlyRoster
            | Self::RefusedByRules
            | Self::RequestTimeout
            | Self::StoreUnavailable
            | Self::TooManyJobs
            | Self::UnsupportedGrantType
            | Self::UnsupportedMediaType
            | Self::WindowEmpty
            | Self::WindowTooLarge => None,
        }
    }
}

/// One place that an error is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// The parameter, header or field; a rule, where rules refused.
    pub field: String,
    /// What was found, and what was expected.
    pub message: String,
}

/// An error on its way to a caller, with the id under which the log knows it.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    context_id: String,
    details: Vec<Detail>,
    retry_after: Option<u64>,
}

/// The form of every error.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Error")]
pub(crate) struct WireError<'a> {
    /// Stable: programs match on it.
    code: &'a str,
    /// For people; may change.
    message: &'a str,
    /// The HTTP status.
    status: u16,
    /// The id under which the operator's log knows it.
    context_id: &'a str,
    /// Where it is.
    details: &'a [Detail],
    /// The same code, where OAuth names it so.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl ApiError {
    /// An error that is the caller's to mend.
    #[must_use]
    pub fn new(code: Code, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let context_id = format!("{:016x}", u64::from_be_bytes(random));
        let retry_after = (code == Code::StoreUnavailable).then_some(60);
        Self { code, context_id, details: Vec::new(), retry_after }
    }

    /// The store failed: logged here, under the id that the caller sees.
    #[must_use]
    pub fn store(error: &StoreError, entropy: &dyn Entropy) -> Self {
        let this = Self::new(Code::StoreUnavailable, entropy);
        tracing::error!(context.id = %this.context_id, "request not answered: {error}");
        this
    }

    /// A mistake of ours: logged here, under the id that the caller sees.
    #[must_use]
    pub fn internal(detail: &dyn std::fmt::Display, entropy: &dyn Entropy) -> Self {
        let this = Self::new(Code::Internal, entropy);
        tracing::error!(context.id = %this.context_id, "request not answered: {detail}");
        this
    }

    /// The same, saying where.
    #[must_use]
    pub fn with(self, details: Vec<Detail>, retry_after: Option<u64>) -> Self {
        Self { details, retry_after: retry_after.or(self.retry_after), ..self }
    }

    /// The id under which the log knows it.
    #[must_use]
    pub fn context_id(&self) -> &str {
        &self.context_id
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
            details: &self.details,
            error: self.code.oauth(),
        };
        // A struct of texts and numbers always serialises.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, text: &'static str| {
            headers.insert(name, HeaderValue::from_static(text));
        };
        put(CONTENT_TYPE, "application/json");
        put(CACHE_CONTROL, "no-store");
        if let Some(challenge) = self.code.challenge() {
            put(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_snake_case_and_in_order() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.row().0).collect();
        assert!(codes.is_sorted(), "{codes:?}");
        for code in codes {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }
}
