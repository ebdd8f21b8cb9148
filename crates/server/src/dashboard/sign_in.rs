//! Signing in and out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::limits::DASHBOARD_FORM_BYTES_MAX;
use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::answer::{error, later, message, page, see, see_with};
use super::tries::Tried;
use super::view::SignIn;
use crate::error::ApiError;
use crate::state::ServerState;

/// `GET /sign-in`.
pub(super) async fn form(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match &state.dashboard {
        Some(it) if it.door.knows(&head, state.clock.now()) => see("/"),
        Some(_) | None => page(StatusCode::OK, &SignIn { told: None }),
    }
}

/// `POST /sign-in`: the field `password`.
pub(super) async fn sign_in(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let Some(dashboard) = &state.dashboard else { return see("/") };
    let (head, body) = request.into_parts();
    if !dashboard.door.is_own(&head.headers) {
        return from_elsewhere();
    }
    let read = dashboard.forms.read(&head.extensions, body, DASHBOARD_FORM_BYTES_MAX).await;
    let body = match read {
        Ok(body) => body,
        Err(code) => return error(ApiError::new(code, &*state.entropy)),
    };
    let password = field(&body, "password").unwrap_or_default();
    let now = state.clock.now();
    match dashboard.door.attempt(&head, &password, now) {
        Tried::Right => {
            // Not from where: that is somebody's address.
            tracing::info!("dashboard: somebody signed in");
            see_with("/", dashboard.door.open(&head, &*state.entropy, now))
        }
        Tried::Wrong => {
            let told = Some(
                "That is not the password. It is in the file that `[dashboard] \
                             password_file` names.",
            );
            page(StatusCode::FORBIDDEN, &SignIn { told })
        }
        Tried::TooMany { seconds } => {
            let told = "Too many wrong passwords. Wait a quarter of an hour; who is signed in \
                        stays so.";
            let told = SignIn { told: Some(told) };
            later(page(StatusCode::TOO_MANY_REQUESTS, &told), seconds)
        }
    }
}

/// `POST /sign-out`.
pub(super) async fn sign_out(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let Some(dashboard) = &state.dashboard else { return see("/") };
    let (head, _) = request.into_parts();
    if !dashboard.door.is_own(&head.headers) {
        return from_elsewhere();
    }
    see_with("/sign-in", dashboard.door.close(&head))
}

fn from_elsewhere() -> Response {
    let told = "This form was not sent by a page of this dashboard, so nothing was done. Behind a \
                reverse proxy: it must pass on the `Host` that the browser asked for (nginx: \
                `proxy_set_header Host $host`), or `[server] public_url` must name the address \
                that the browser shows.";
    message(StatusCode::FORBIDDEN, "Not from here", told)
}

/// The first field of this name in a form.
fn field(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    let mut pairs = form.split('&').filter_map(|it| it.split_once('='));
    let (_, value) = pairs.find(|(it, _)| *it == name)?;
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}
