//! The Schedule API: `/oauth/token`, `/api/v2/wfm/schedules…` and `/openapi.json`.
//!
//! One endpoint is one file, and says in its [`Operation`] who may call it, what it takes and
//! which answers it gives; `/openapi.json` is made of the same. What all have in common is done
//! once, in [`dispatch`]: who calls ([`access`]), how often ([`rate`]), what is written down
//! ([`audit`]), and the form of errors.
//!
//! A client is bound to one roster: everything it asks is about that one, and what is in others
//! does not exist for it. Writes go through the roster's rules ([`ScheduleDesk`]) and only where
//! it is its own record.
//!
//! What holds for readers: pages never show an entity twice, unless it was moved to another time
//! while they were read in the order of time, and what changed while they were read is in the
//! changes since the token that all of them carry ([`cursor`], [`delta`]). Asked by time,
//! no change is left out, also of the same second ([`journal`]).

mod access;
mod ahead;
mod audit;
mod create;
mod cursor;
mod delete;
mod delta;
mod describe;
mod dispatch;
mod heavy;
mod icall;
pub mod issue;
mod job;
mod job_create;
mod job_get;
mod journal;
mod list;
mod one;
mod openapi;
mod parameters;
mod rate;
mod replace;
mod stored;
mod token;
mod wire;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::routing::{MethodFilter, on};
use domain::limits::{API_BODIES_MAX, API_TOKEN_BODIES_MAX};
use domain::{MirrorName, RosterName};
use engine::port::{ChangeSeq, Clock, EntityFilter, Entropy, Store};
use engine::run::schedule_desk::ScheduleDesk;
use tokio::sync::{Notify, Semaphore};

use crate::feed::render::FeedOptions;
use crate::intake::Intake;
use crate::state::ServerState;

pub(crate) use dispatch::outside;
pub use job::SyncProvider;

use access::Access;
use ahead::Ahead;
use audit::Audit;
use dispatch::Operation;
use heavy::Heavy;
use journal::Journal;
use rate::Rates;

/// What the API is made of.
#[derive(Default)]
pub struct ApiParts {
    /// The rosters that clients can be bound to.
    pub rosters: BTreeMap<RosterName, ApiRoster>,
    /// Requests that one client may send in a minute.
    pub requests_per_minute: u32,
    /// Names and ids of clients that are a mirror's connection: they write nothing, whatever they
    /// were given.
    pub never_write: BTreeSet<String>,
}

/// One roster.
pub struct ApiRoster {
    /// Writes it, where it is its own record.
    pub desk: Option<Arc<ScheduleDesk>>,
    /// Called when it was written: with the number of deletions.
    pub written: Arc<dyn Fn(u64) + Send + Sync>,
    /// Its mirrors.
    pub mirrors: Vec<ApiMirror>,
    /// Told when a job was queued.
    pub queued: Arc<Notify>,
    /// How an employee's calendar looks.
    pub feed: FeedOptions,
}

/// One mirror.
#[derive(Debug, Clone)]
pub struct ApiMirror {
    /// Its name.
    pub name: MirrorName,
    /// What clients call its kind.
    pub provider: SyncProvider,
    /// How far back it looks.
    pub past: Duration,
    /// How far ahead it looks.
    pub future: Duration,
}

/// The API of this process.
pub struct Api {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    rosters: BTreeMap<RosterName, ApiRoster>,
    access: Access,
    rates: Rates,
    audit: Audit,
    journal: Journal,
    counts: Mutex<HashMap<(RosterName, EntityFilter), (ChangeSeq, u64)>>,
    incarnation: OnceLock<String>,
    bodies: Intake,
    token_bodies: Intake,
    lookups: Arc<Semaphore>,
    heavy: Heavy,
    ahead: Ahead,
    description: OnceLock<bytes::Bytes>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("rosters", &self.rosters.keys()).finish_non_exhaustive()
    }
}

/// Every endpoint.
const OPERATIONS: [Operation; 10] = [
    token::OPERATION,
    list::OPERATION,
    create::OPERATION,
    one::OPERATION,
    replace::OPERATION,
    delete::OPERATION,
    job_create::OPERATION,
    job_get::OPERATION,
    icall::OPERATION,
    openapi::OPERATION,
];

impl Api {
    /// Puts the parts together; connects to nothing. Who has shown no secret yet waits for a turn
    /// of `lookups` before the store is asked.
    #[must_use]
    pub fn new(
        parts: ApiParts,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        lookups: Arc<Semaphore>,
    ) -> Self {
        let ApiParts { rosters, requests_per_minute, never_write } = parts;
        Self {
            access: Access::new(never_write, Arc::clone(&lookups)),
            heavy: Heavy::new(store.readers().saturating_sub(1).max(1)),
            rates: Rates::new(requests_per_minute),
            audit: Audit::new(Arc::clone(&store)),
            store,
            clock,
            entropy,
            rosters,
            journal: Journal::default(),
            counts: Mutex::default(),
            ahead: Ahead::default(),
            incarnation: OnceLock::new(),
            bodies: Intake::new(API_BODIES_MAX),
            token_bodies: Intake::new(API_TOKEN_BODIES_MAX),
            lookups,
            description: OnceLock::new(),
        }
    }

    /// The turns of reads that take the store longer than a page does.
    pub(crate) fn heavy_turns(&self) -> Arc<Semaphore> {
        self.heavy.all_turns()
    }

    /// Writes down what was called and is not written down yet; for the end of a process.
    pub async fn flush(&self) {
        self.audit.flush(self.clock.now()).await;
    }
}

/// Adds the endpoints to a router.
pub(crate) fn routes(mut router: Router<Arc<ServerState>>) -> Router<Arc<ServerState>> {
    for operation in &OPERATIONS {
        let Ok(filter) = MethodFilter::try_from(operation.method()) else { continue };
        router = router.route(operation.path, on(filter, dispatch::handler(operation)));
    }
    router
}
