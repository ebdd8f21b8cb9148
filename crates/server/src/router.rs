//! Every route but the feeds, which are answered in front of it; see [`crate::front`].

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use domain::limits::REQUEST_BYTES_MAX;

use crate::callback;
use crate::error::{ApiError, Code};
use crate::health;
use crate::hook;
use crate::state::ServerState;

/// The routes. What is not among them is a 404 in the API's form.
pub(crate) fn router(state: Arc<ServerState>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/callbacks/{mirror}/{*path}", post(callback::callback))
        .route("/hooks/{connection}", post(hook::hook))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(state)
}

async fn nothing_here(State(state): State<Arc<ServerState>>) -> ApiError {
    ApiError::new(Code::NotFound, &*state.entropy)
}

async fn other_method(State(state): State<Arc<ServerState>>) -> ApiError {
    ApiError::new(Code::MethodNotAllowed, &*state.entropy)
}
