//! `/callbacks/{mirror}/…`: what a mirror's vendor sends us.
//!
//! Only the way in: which mirror is meant, and how much is read and for how long. Everything else,
//! authentication before all, is the connector's ([`Inbound`]). Answering is a task of its own: a
//! vendor that hangs up does not stop a decision that has begun.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use domain::MirrorName;
use domain::limits::CALLBACK_BYTES_MAX;
use engine::port::{Approvals, Inbound, InboundCall, InboundReply};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::error::{ApiError, Code};
use crate::state::ServerState;

/// Who answers what is sent about one mirror.
#[derive(Clone)]
pub struct CallbackRoute {
    /// Speaks the vendor's language.
    pub inbound: Arc<dyn Inbound>,
    /// Asks the system of record.
    pub approvals: Arc<dyn Approvals>,
}

/// The routes of all mirrors that are called.
pub type CallbackRoutes = BTreeMap<MirrorName, CallbackRoute>;

/// `POST /callbacks/{mirror}/{*rest}`.
pub(crate) async fn callback(
    State(state): State<Arc<ServerState>>,
    Path((mirror, path)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let refuse = |code| ApiError::new(code, &*state.entropy);
    let mirror = MirrorName::new(&mirror).map_err(|_| refuse(Code::NotFound))?;
    let route = state.callbacks.get(&mirror).ok_or_else(|| refuse(Code::NotFound))?;
    let (head, body) = request.into_parts();
    let body = state.callback_bodies.read(&head.extensions, body, CALLBACK_BYTES_MAX).await;
    let body = body.map_err(refuse)?;
    let call = InboundCall { path, headers: first_of_each(&head.headers), body: body.into() };
    let CallbackRoute { inbound, approvals } = route.clone();
    let answering = tokio::spawn(async move { inbound.answer(call, approvals).await });
    match answering.await {
        Ok(reply) => Ok(response(reply)),
        Err(error) => Err(ApiError::internal(&error, &*state.entropy)),
    }
}

/// Headers by lower-case name, the first of each; those that are no text are left out.
pub(crate) fn first_of_each(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut first = BTreeMap::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            first.entry(name.as_str().to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    first
}

fn response(reply: InboundReply) -> Response {
    let InboundReply { status, body } = reply;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = !body.is_empty();
    let mut response = (status, Body::from(body)).into_response();
    if json {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}
