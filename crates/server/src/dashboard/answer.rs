//! Answers to browsers: pages, and what they are allowed to do.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::limits::DASHBOARD_REFRESH;
use engine::port::StoreError;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, REFRESH, RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::view::Message;
use crate::error::ApiError;
use crate::state::ServerState;

/// On every answer. A page may load its style and its icon from here and send its forms here,
/// and nothing else.
const GUARDS: [(HeaderName, &str); 7] = [
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: browsers would then not say which page sends a form.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const STYLE: &str = include_str!("../../templates/dashboard.css");
const ICON: &str = include_str!("../../templates/dashboard.svg");

fn guard(headers: &mut HeaderMap) {
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Any answer, guarded.
pub(super) fn guarded(mut response: Response) -> Response {
    guard(response.headers_mut());
    response
}

fn text(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    guarded(response)
}

/// A page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => text(status, "text/html; charset=utf-8", html),
        Err(error) => {
            tracing::error!("dashboard: a page cannot be made: {error}");
            let sorry = "a mistake of ours; the log knows it\n";
            text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", sorry)
        }
    }
}

/// Sends a browser elsewhere, as after a form.
pub(super) fn see(path: &'static str) -> Response {
    let mut response = text(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty());
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    response
}

/// The same with cookies.
pub(super) fn see_with(
    path: &'static str,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    let mut response = see(path);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A page that says one thing.
pub(super) fn message(status: StatusCode, title: &str, told: &str) -> Response {
    page(status, &Message { title, told })
}

/// The same, and when to come again.
pub(super) fn later(response: Response, seconds: u64) -> Response {
    let mut response = response;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// The store failed: logged here. A screen that nobody stands at tries again by itself.
pub(super) fn store_failed(error: &StoreError) -> Response {
    tracing::error!("dashboard: page not made: {error}");
    let told = "The store does not answer; the log says why. This page loads itself again.";
    let mut response = message(StatusCode::SERVICE_UNAVAILABLE, "Not now", told);
    response.headers_mut().insert(REFRESH, HeaderValue::from(DASHBOARD_REFRESH.as_secs()));
    response
}

/// An error in the API's form.
pub(super) fn error(error: ApiError) -> Response {
    guarded(error.into_response())
}

/// `GET /` where there is no dashboard.
pub(super) async fn there_is_none() -> Response {
    let told = "there is no dashboard here: `[dashboard] password_file = \"…\"` in the \
                configuration switches it on\n";
    text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", told)
}

/// `GET /dashboard.css`.
pub(super) async fn style(State(_): State<Arc<ServerState>>) -> Response {
    text(StatusCode::OK, "text/css; charset=utf-8", STYLE)
}

/// `GET /dashboard.svg`.
pub(super) async fn icon(State(_): State<Arc<ServerState>>) -> Response {
    text(StatusCode::OK, "image/svg+xml", ICON)
}
