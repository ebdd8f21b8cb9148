//! The dashboard: how everything stands, which events stand in the way and what does not get
//! through, for whoever looks after it; as pages, and as JSON under `/api/admin/v1/`.
//!
//! Pages are made here, whole, and need nothing from elsewhere and no script. What they tell is
//! gathered by [`engine::overview`], as for `rotabridge status`; nothing can be changed from here.
//!
//! Nobody sees anything without the password, which a file holds ([`door`]): people sign in with
//! it and get a session ([`session`]), programs send it as HTTP Basic. How often somebody may be
//! wrong is bounded ([`tries`]). Who it is comes before what they want: nothing of a request is
//! read for a stranger but the sign-in form. The store is asked one question at a time, among the
//! turns that leave the engine a reader.
//!
//! What is not here: people with rights of their own, and anything that is written.

mod answer;
mod browsers;
mod data;
mod door;
mod pages;
mod places;
mod session;
mod sign_in;
mod tries;
mod view;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use domain::limits::{DASHBOARD_PAGE_ROWS, DASHBOARD_RECHECK};
use engine::overview::{self, Attention, ConflictsPage, Outline, Place, Status};
use engine::port::StoreError;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use self::door::Door;
use self::places::Places;
use crate::intake::Intake;
use crate::state::ServerState;

pub(crate) use self::door::Peer;

/// What a dashboard is made of.
pub struct DashboardParts {
    /// Who knows it may look.
    pub password: SecretString,
    /// What there is to be told of.
    pub outline: Outline,
    /// How browsers reach it, where that is not the address that they ask: `https://host`. It is
    /// always at its host's root.
    pub public_url: Option<String>,
}

/// The dashboard of this process.
pub(crate) struct Dashboard {
    door: Door,
    forms: Intake,
    outline: Outline,
    places: Places,
    status: Mutex<Option<Reading>>,
    turns: Arc<Semaphore>,
}

/// What the store told.
struct Reading {
    began_at: Timestamp,
    ended_at: Timestamp,
    told: Told,
}

/// Shared by all who waited for it.
type Told = Result<Arc<Status>, Arc<StoreError>>;

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("outline", &self.outline).finish_non_exhaustive()
    }
}

impl Dashboard {
    /// Puts the parts together; who asks the store for long waits for one of `turns`.
    pub fn new(parts: DashboardParts, turns: Arc<Semaphore>) -> Self {
        let DashboardParts { password, outline, public_url } = parts;
        let door = Door::new(&password, public_url.as_deref());
        let (places, status) = (Places::default(), Mutex::default());
        // Forms are short, so they need no place.
        Self { door, forms: Intake::new(1), outline, places, status, turns }
    }

    /// How everything stands, or stood some seconds ago. One asks, the others wait for what it is
    /// told: also that it is told nothing, so a store that does not answer is not asked by each of
    /// them in turn.
    async fn status(&self, state: &ServerState) -> Told {
        let asked_at = state.clock.now();
        let mut known = self.status.lock().await;
        let now = state.clock.now();
        if let Some(Reading { began_at, ended_at, told }) = &*known {
            let is_fresh = now.duration_since(*ended_at).unsigned_abs() < DASHBOARD_RECHECK;
            if *began_at >= asked_at || (is_fresh && told.is_ok()) {
                return told.clone();
            }
        }
        let _turn = self.turn().await;
        let began_at = state.clock.now();
        let told = overview::status(state.store.as_ref(), &self.outline).await;
        let told = told.map(Arc::new).map_err(Arc::new);
        let ended_at = state.clock.now();
        *known = Some(Reading { began_at, ended_at, told: told.clone() });
        told
    }

    async fn conflicts(
        &self,
        state: &ServerState,
        after: Option<&Place>,
    ) -> Result<ConflictsPage, StoreError> {
        let _turn = self.turn().await;
        let store = state.store.as_ref();
        overview::conflicts(store, &self.outline, after, DASHBOARD_PAGE_ROWS).await
    }

    /// Where a page begins that is asked for by this name.
    fn place(&self, name: Option<&str>) -> Result<Option<Place>, ()> {
        name.map(|name| self.places.find(name).ok_or(())).transpose()
    }

    async fn attention(&self, state: &ServerState) -> Result<Attention, StoreError> {
        let _turn = self.turn().await;
        overview::attention(state.store.as_ref(), &self.outline, DASHBOARD_PAGE_ROWS).await
    }

    /// Nobody closes the turns, so there is always one.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }
}

/// Adds the routes to a router; where there is no dashboard, `/` says how there would be one.
pub(crate) fn routes(
    routes: Router<Arc<ServerState>>,
    state: &ServerState,
) -> Router<Arc<ServerState>> {
    if state.dashboard.is_none() {
        return routes.route("/", get(answer::there_is_none));
    }
    routes
        .route("/", get(pages::overview))
        .route("/conflicts", get(pages::conflicts))
        .route("/attention", get(pages::attention))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/dashboard.css", get(answer::style))
        .route("/dashboard.svg", get(answer::icon))
        .route("/api/admin/v1/status", get(data::status))
        .route("/api/admin/v1/conflicts", get(data::conflicts))
        .route("/api/admin/v1/attention", get(data::attention))
}
