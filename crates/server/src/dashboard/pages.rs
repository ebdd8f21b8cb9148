//! The pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::limits::DASHBOARD_REFRESH;
use engine::port::StoreError;
use http::StatusCode;
use http::request::Parts;

use super::Dashboard;
use super::answer::{message, page, see, store_failed};
use super::data::after_in;
use super::view::{AttentionView, ConflictsView, OverviewView};
use crate::state::ServerState;

/// `GET /`.
pub(super) async fn overview(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let making = async {
        let dashboard = signed_in(&state, &head)?;
        let status = dashboard.status(&state).await?;
        let refresh = DASHBOARD_REFRESH.as_secs();
        let view = OverviewView::of(&status, refresh, state.clock.now());
        Ok(page(StatusCode::OK, &view))
    };
    whichever(making.await)
}

/// `GET /conflicts`, with the page's `after`.
pub(super) async fn conflicts(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let making = async {
        let dashboard = signed_in(&state, &head)?;
        let after = dashboard.place(after_in(&head)).map_err(|()| Instead::NoSuchPage)?;
        let found = dashboard.conflicts(&state, after.as_ref()).await?;
        let status = dashboard.status(&state).await?;
        let next = found.next.clone().map(|it| dashboard.places.name(it, &*state.entropy));
        let view = ConflictsView::of(&found, next, after.is_some(), &status);
        Ok(page(StatusCode::OK, &view))
    };
    whichever(making.await)
}

/// `GET /attention`.
pub(super) async fn attention(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let making = async {
        let dashboard = signed_in(&state, &head)?;
        let found = dashboard.attention(&state).await?;
        let status = dashboard.status(&state).await?;
        Ok(page(StatusCode::OK, &AttentionView::of(&found, &status)))
    };
    whichever(making.await)
}

/// What is shown instead of a page.
enum Instead {
    SignIn,
    NoSuchPage,
    Failed(Arc<StoreError>),
}

impl From<StoreError> for Instead {
    fn from(error: StoreError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl From<Arc<StoreError>> for Instead {
    fn from(error: Arc<StoreError>) -> Self {
        Self::Failed(error)
    }
}

/// The dashboard, for somebody who signed in.
fn signed_in<'s>(state: &'s ServerState, head: &Parts) -> Result<&'s Dashboard, Instead> {
    let known = state.dashboard.as_ref().filter(|it| it.door.knows(head, state.clock.now()));
    known.ok_or(Instead::SignIn)
}

fn whichever(made: Result<Response, Instead>) -> Response {
    match made {
        Ok(page) => page,
        Err(Instead::SignIn) => see("/sign-in"),
        Err(Instead::NoSuchPage) => {
            let told = "There is no such page of conflicts, or not any more. Begin with the first.";
            message(StatusCode::BAD_REQUEST, "No such page", told)
        }
        Err(Instead::Failed(error)) => store_failed(&error),
    }
}
