//! `/healthz`, `/readyz` and `/metrics`: for operators and their machines.
//!
//! `/healthz` says that the process answers; it asks nobody, so that a slow database does not get
//! the process killed. `/readyz` asks the store, at most once a second, however many ask it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::limits::READY_RECHECK;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::{ApiError, Code};
use crate::state::ServerState;

/// `GET /healthz`: 200 as long as the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// What the store said last, and when.
pub(crate) type Readiness = tokio::sync::Mutex<Option<(Timestamp, Ready)>>;

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    status: &'static str,
    /// When a roster was last read or a mirror last cycled; `null` before the first time.
    last_cycle_at: Option<Timestamp>,
}

/// `GET /readyz`: 200 when the store answers, with the time of the last cycle; else 503.
pub(crate) async fn readyz(State(state): State<Arc<ServerState>>) -> Result<Response, ApiError> {
    let now = state.clock.now();
    // One asks, the others wait for what it is told.
    let mut known = state.readiness.lock().await;
    if let Some((at, ready)) = *known
        && now >= at
        && now.duration_since(at).unsigned_abs() < READY_RECHECK
    {
        return Ok(Json(ready).into_response());
    }
    let reports = state.store.reports().await;
    let reports = reports.map_err(|error| ApiError::store(&error, &*state.entropy))?;
    let ready =
        Ready { status: "ready", last_cycle_at: reports.iter().map(|report| report.at).max() };
    *known = Some((now, ready));
    Ok(Json(ready).into_response())
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(State(state): State<Arc<ServerState>>) -> Result<Response, ApiError> {
    let Some(handle) = &state.metrics else {
        return Err(ApiError::new(Code::NotFound, &*state.entropy));
    };
    handle.run_upkeep();
    let form = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((form, handle.render()).into_response())
}
