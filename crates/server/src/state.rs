//! What the server needs, put together once by `app`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use domain::RosterName;
use domain::limits::CALLBACK_BODIES_MAX;
use engine::port::{Clock, Entropy, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::api::{Api, ApiParts};
use crate::callback::CallbackRoutes;
use crate::dashboard::{Dashboard, DashboardParts};
use crate::feed::Feeds;
use crate::feed::render::FeedOptions;
use crate::health::Readiness;
use crate::hook::HookRoutes;
use crate::intake::Intake;

/// What the server is made of.
pub struct ServerParts {
    /// Where rosters and feed links are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For the ids of errors.
    pub entropy: Arc<dyn Entropy>,
    /// The rosters that have feeds, and how those look.
    pub feeds: BTreeMap<RosterName, FeedOptions>,
    /// The mirrors that are called by their vendors.
    pub callbacks: CallbackRoutes,
    /// The connections over which vendors send hints.
    pub hooks: HookRoutes,
    /// What the Schedule API serves.
    pub api: ApiParts,
    /// The dashboard; without it, `/` says how there would be one.
    pub dashboard: Option<DashboardParts>,
    /// What `/metrics` shows; without it there is no such route. Its recorder must be installed
    /// already.
    pub metrics: Option<PrometheusHandle>,
}

/// What the server's handlers share.
pub struct ServerState {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) dashboard: Option<Dashboard>,
    pub(crate) callbacks: CallbackRoutes,
    pub(crate) hooks: HookRoutes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) callback_bodies: Intake,
    /// Turns of those who have shown nothing yet, so that they leave a reader to the engine.
    pub(crate) lookups: Arc<Semaphore>,
    pub(crate) readiness: Readiness,
    pub(crate) api: Arc<Api>,
    feeds: Feeds,
}

impl ServerState {
    /// Puts the parts together; connects to nothing.
    #[must_use]
    pub fn new(parts: ServerParts) -> Self {
        let ServerParts { store, clock, entropy, feeds, callbacks, hooks, api, .. } = parts;
        let (dashboard, metrics) = (parts.dashboard, parts.metrics);
        let at_hand = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&entropy));
        let lookups = Arc::new(Semaphore::new(store.readers().saturating_sub(1).max(1)));
        let api = Api::new(api, at_hand.0, at_hand.1, at_hand.2, Arc::clone(&lookups));
        let dashboard = dashboard.map(|it| Dashboard::new(it, api.heavy_turns()));
        let feeds = Feeds::new(Arc::clone(&store), Arc::clone(&clock), feeds, Arc::clone(&lookups));
        Self {
            store,
            clock,
            entropy,
            metrics,
            dashboard,
            callbacks,
            hooks,
            callback_bodies: Intake::new(CALLBACK_BODIES_MAX),
            lookups,
            readiness: Readiness::default(),
            api: Arc::new(api),
            feeds,
        }
    }

    /// The Schedule API, for whoever ends the process.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// The feeds, for those who change rosters or links in this process.
    #[must_use]
    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState").field("feeds", &self.feeds).finish_non_exhaustive()
    }
}
