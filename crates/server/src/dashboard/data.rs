//! The same as JSON: `/api/admin/v1/…`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use engine::overview::{ChangeLine, ConflictLine, ConflictsPage};
use http::HeaderMap;
use http::header::{ACCEPT, WWW_AUTHENTICATE};
use http::request::Parts;
use serde::Serialize;

use super::Dashboard;
use super::answer::{error, guarded};
use super::door::Kept;
use crate::error::{ApiError, Code, Detail};
use crate::state::ServerState;

/// What `/api/admin/v1/conflicts` answers.
#[derive(Serialize)]
struct Conflicts {
    conflicts: Vec<ConflictLine>,
    changes: Vec<ChangeLine>,
    /// What `after` is for the next page.
    next: Option<String>,
}

/// `GET /api/admin/v1/status`: what `rotabridge status --json` prints.
pub(super) async fn status(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let answering = async {
        let status = admitted(&state, &head)?.status(&state).await;
        let status = status.map_err(|error| ApiError::store(&error, &*state.entropy))?;
        Ok(Json(&*status).into_response())
    };
    whichever(&head, answering.await)
}

/// `GET /api/admin/v1/conflicts`, with the page's `after`.
pub(super) async fn conflicts(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let answering = async {
        let dashboard = admitted(&state, &head)?;
        let after = dashboard.place(after_in(&head)).map_err(|()| {
            let message = "expected what `next` of the page before said, a moment ago".to_owned();
            let detail = Detail { field: "after".to_owned(), message };
            ApiError::new(Code::InvalidParameter, &*state.entropy).with(vec![detail], None)
        })?;
        let page = dashboard.conflicts(&state, after.as_ref()).await;
        let page = page.map_err(|error| ApiError::store(&error, &*state.entropy))?;
        let ConflictsPage { conflicts, changes, next } = page;
        let next = next.map(|it| dashboard.places.name(it, &*state.entropy));
        Ok(Json(Conflicts { conflicts, changes, next }).into_response())
    };
    whichever(&head, answering.await)
}

/// `GET /api/admin/v1/attention`.
pub(super) async fn attention(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let answering = async {
        let found = admitted(&state, &head)?.attention(&state).await;
        let found = found.map_err(|error| ApiError::store(&error, &*state.entropy))?;
        Ok(Json(found).into_response())
    };
    whichever(&head, answering.await)
}

fn whichever(head: &Parts, answered: Result<Response, ApiError>) -> Response {
    let mut response = answered.map_or_else(error, guarded);
    if is_browser(&head.headers) {
        // It would ask for the password itself, remember it, and send it with everything.
        response.headers_mut().remove(WWW_AUTHENTICATE);
    }
    response
}

/// Whether a browser asks, and not a program.
fn is_browser(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok());
    headers.contains_key("sec-fetch-mode") || accepted.any(|it| it.contains("text/html"))
}

/// The dashboard, for who shows the password or signed in.
fn admitted<'s>(state: &'s ServerState, head: &Parts) -> Result<&'s Dashboard, ApiError> {
    let refuse = |code| ApiError::new(code, &*state.entropy);
    let dashboard = state.dashboard.as_ref().ok_or_else(|| refuse(Code::NotFound))?;
    match dashboard.door.admit(head, state.clock.now()) {
        Ok(()) => Ok(dashboard),
        Err(Kept::Out) => Err(refuse(Code::NotSignedIn)),
        Err(Kept::Waiting { seconds }) => {
            Err(refuse(Code::RateLimited).with(Vec::new(), Some(seconds)))
        }
    }
}

/// The name that a query gives as `after`, if it gives one.
pub(super) fn after_in(head: &Parts) -> Option<&str> {
    head.uri.query()?.split('&').find_map(|it| it.strip_prefix("after="))
}
