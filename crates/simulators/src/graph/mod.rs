//! Microsoft Graph, played, as far as Shifts and those who write to it need it: tokens, teams and
//! people, schedules with all they hold, batches, workforce integrations.
//!
//! It keeps its tenants in memory, behaves as documented or as [`Options`] say, holds to the
//! quotas, fails by [`Fault`]s given as data, and remembers every request it saw. [`Graph`] is the
//! vendor without sockets, for virtual time; [`GraphServer`] listens on a thread of its own.
//! Written from the vendor's specification; it shares no code with the connector.
//!
//! Every write, by an app or by a person, passes [`Graph::commit`], which asks the team's workforce
//! integration first (see [`change`]).
//!
//! ```
//! use simulators::graph::{APP, Fault, GraphServer, Options, Role, TENANT, What};
//!
//! let server = GraphServer::start(Options::default()).unwrap();
//! let anna = server.add_user("Anna");
//! let team = server.add_team("Ward 1", &[(&anna, Role::Owner)]);
//! server.set_faults([Fault::on("POST").at("/shifts").times(1).then(What::ResetAfterApply)]);
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! assert!(server.seen_by_employees(&team).is_empty() && server.requests().is_empty());
//! ```

mod assertion;
mod batch;
pub mod change;
mod commit;
pub mod decide;
mod directory;
mod error;
mod fault;
mod handle;
mod http;
pub mod integration;
mod list;
mod look;
pub mod mailbox;
mod options;
mod organise;
mod parse;
pub mod people;
mod planned;
mod preference;
mod quota;
mod registration;
mod request;
mod route;
mod schedule;
mod serve;
mod share;
pub mod state;
mod token;
mod wire;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use fault::{Fault, What};
pub use handle::{Counts, Handled, Seen, Unanswered};
pub use look::Visible;
pub use options::{
    APP, App, Certificate, ClientSecret, Clock, Options, Provisioning, Quotas, ROLES, SECRET,
    TENANT,
};
pub use state::{Kind, Role};

use change::Callbacks;
use handle::Desk;
use state::State;

/// The vendor without sockets. Cheap to clone: all clones are the same vendor.
#[derive(Clone)]
pub struct Graph {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    state: Mutex<State>,
    desk: Mutex<Desk>,
    callbacks: RwLock<Option<Arc<dyn Callbacks>>>,
    /// Where it is reached, without `/` at its end.
    base: String,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Graph({})", self.shared.base)
    }
}

impl Graph {
    /// The vendor with nothing but its app registrations, reached by [`Self::handle`] only.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self::at(options, "https://graph.microsoft.com".into())
    }

    /// The same, which calls itself by this URL: the links that it gives lead there.
    #[must_use]
    pub fn at(options: Options, base: String) -> Self {
        let state = State { apps: options.apps.clone(), seed: options.seed, ..State::default() };
        let callbacks = RwLock::new(options.callbacks.clone());
        let (state, desk) = (Mutex::new(state), Mutex::default());
        Self { shared: Arc::new(Shared { options, state, desk, callbacks, base }) }
    }

    /// Reads the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// Changes the state behind everybody's back: no callback, no etag. For setting up worlds;
    /// entities are changed by [`Self::commit`].
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state())
    }

    /// Says who is asked before a write from now on.
    pub fn set_callbacks(&self, callbacks: Option<Arc<dyn Callbacks>>) {
        let mut place = self.shared.callbacks.write().unwrap_or_else(PoisonError::into_inner);
        *place = callbacks;
    }

    /// What time it is there.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.shared.options.clock {
            Some(clock) => clock(),
            None => machine_time(),
        }
    }

    fn options(&self) -> &Options {
        &self.shared.options
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn callbacks(&self) -> Option<Arc<dyn Callbacks>> {
        self.shared.callbacks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[expect(clippy::disallowed_methods, reason = "a played vendor has a clock of its own")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// A running server; stops when it is dropped. All of [`Graph`] can be asked of it directly.
#[derive(Debug)]
pub struct GraphServer {
    graph: Graph,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GraphServer {
    /// Starts one, with nothing but its app registrations.
    ///
    /// # Errors
    /// When the address cannot be listened on or no thread can be started.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let graph = Graph::at(options, format!("http://{address}"));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = graph.clone();
        let thread = std::thread::Builder::new()
            .name("graph-server".into())
            .spawn(move || runtime.block_on(serve::serve(listener, served, stopped)))?;
        Ok(Self { graph, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without `/` at its end: Graph's and the sign-in's in one.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The vendor behind it.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }
}

impl Deref for GraphServer {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.graph
    }
}

impl Drop for GraphServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread is gone already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}
