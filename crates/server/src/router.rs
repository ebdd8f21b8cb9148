//! Every route but the feeds, which are answered in front of it; see [`crate::front`].

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use domain::limits::REQUEST_BYTES_MAX;
use http::Uri;

use crate::api;
use crate::callback;
use crate::dashboard;
use crate::error::{ApiError, Code};
use crate::health;
use crate::hook;
use crate::serve::Side;
use crate::state::ServerState;

/// The routes of one side. What is not among them is a 404 in the API's form.
pub(crate) fn router(state: Arc<ServerState>, side: Side) -> Router {
    let mut routes = Router::new().route("/healthz", get(health::healthz));
    if side != Side::Public {
        routes =
            routes.route("/readyz", get(health::readyz)).route("/metrics", get(health::metrics));
        routes = dashboard::routes(routes, &state);
    }
    if side != Side::Operators {
        routes = routes
            .route("/callbacks/{mirror}/{*path}", post(callback::callback))
            .route("/hooks/{connection}", post(hook::hook));
        routes = api::routes(routes);
    }
    routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(state)
}

async fn nothing_here(State(state): State<Arc<ServerState>>, uri: Uri) -> Response {
    elsewhere(&state, uri.path(), Code::NotFound)
}

async fn other_method(State(state): State<Arc<ServerState>>, uri: Uri) -> Response {
    elsewhere(&state, uri.path(), Code::MethodNotAllowed)
}

fn elsewhere(state: &ServerState, path: &str, code: Code) -> Response {
    let of_api = api::outside(&state.api, path, code);
    of_api.unwrap_or_else(|| ApiError::new(code, &*state.entropy).into_response())
}
