//! Genesys Cloud's workforce management, played, as far as those who read and write schedules from
//! outside need it: tokens, business and management units, users, activity codes, schedules with
//! their versions, time-off requests, the supervisor's side of shift trades, notification topics
//! and channels.
//!
//! It keeps one organisation in memory, behaves as described or as [`Options`] say, holds to the
//! rate limit, fails by [`Fault`]s given as data, and remembers every request it saw. [`Genesys`]
//! is the vendor without sockets, for virtual time; [`GenesysServer`] listens on a thread of its
//! own. Written from the rebuilt specification (SDK 269) and its reference page; it shares no code
//! with the connector.
//!
//! What people do (plan, publish, move, leave) is in [`people`].
//!
//! ```
//! use simulators::genesys::{Fault, GenesysServer, Options, What};
//!
//! let server = GenesysServer::start(Options::default()).unwrap();
//! let unit = server.add_business_unit("Support", "Europe/Berlin");
//! let team = server.add_team(&unit, "Inbound");
//! let anna = server.hire(&team, "Anna Ode", "anna.ode@example.com");
//! server.set_faults([Fault::on("GET").at("/users").times(1).then(What::ResetBefore)]);
//! assert!(server.shifts_of(&anna).is_empty() && server.requests().is_empty());
//! ```

mod channel;
mod directory;
mod error;
mod handle;
mod http;
mod options;
pub mod people;
mod quota;
mod route;
mod schedule;
mod serve;
pub mod state;
mod time_off;
mod token;
pub mod trade;
mod wire;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use handle::{Counts, Fault, Handled, Seen, Unanswered, What};
pub use options::{CLIENT, Client, Clock, Durations, Options, PERMISSIONS, RateForm, SECRET};

use handle::Desk;
use state::State;

/// The vendor without sockets. Cheap to clone: all clones are the same vendor.
#[derive(Clone)]
pub struct Genesys {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    state: Mutex<State>,
    desk: Mutex<Desk>,
    /// Where it is reached, without `/` at its end.
    base: String,
}

impl std::fmt::Debug for Genesys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Genesys({})", self.shared.base)
    }
}

impl Genesys {
    /// An organisation without anybody, reached by [`Self::handle`] only.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let base = options.address.clone();
        Self::at(options, base)
    }

    fn at(options: Options, base: String) -> Self {
        let state = Mutex::new(State::new(options.seed));
        Self { shared: Arc::new(Shared { options, state, desk: Mutex::default(), base }) }
    }

    /// Reads the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// Changes the state behind everybody's back: no version grows. For setting up worlds.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state())
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

    fn base(&self) -> &str {
        &self.shared.base
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "a played vendor has a clock of its own")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// A running server; stops when it is dropped. All of [`Genesys`] can be asked of it directly.
#[derive(Debug)]
pub struct GenesysServer {
    genesys: Genesys,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GenesysServer {
    /// Starts one, without anybody in it.
    ///
    /// # Errors
    /// When the address cannot be listened on or no thread can be started.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let genesys = Genesys::at(options, format!("http://{address}"));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = genesys.clone();
        let thread = std::thread::Builder::new()
            .name("genesys-server".into())
            .spawn(move || runtime.block_on(serve::serve(listener, served, stopped)))?;
        Ok(Self { genesys, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Its URL, without `/` at its end: the API's and the sign-in's in one.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The vendor behind it.
    #[must_use]
    pub fn genesys(&self) -> &Genesys {
        &self.genesys
    }
}

impl Deref for GenesysServer {
    type Target = Genesys;

    fn deref(&self) -> &Genesys {
        &self.genesys
    }
}

impl Drop for GenesysServer {
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
