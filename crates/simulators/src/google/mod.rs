//! Google Calendar, played: the token endpoint, calendars and who may see them, events with series
//! and invitations, sync tokens, batches, channels.
//!
//! It keeps its users in memory, behaves as documented or as [`Options`] say, holds to the quotas,
//! fails by [`Fault`]s given as data, and remembers every request it saw. [`Google`] is the vendor
//! without sockets, for virtual time; [`GoogleServer`] listens on a thread of its own. Written from
//! the discovery document of 2026-10-30 and the guides; it shares no code with the connector.
//!
//! Where it is stricter than Google: a field that nobody knows is refused, and so is a batch of
//! more than 50.
//!
//! Not played: `freebusy`, settings, `quickAdd`, conferences, rooms, sharing with a group of
//! addresses by its members, monthly and yearly series.
//!
//! ```
//! use simulators::google::{Fault, GoogleServer, Options, What};
//!
//! let server = GoogleServer::start(Options::default()).unwrap();
//! let anna = server.add_user("anna@example.com", "Europe/Berlin");
//! server.set_faults([Fault::on("POST").at("/events").times(1).then(What::ResetAfterApply)]);
//! assert!(server.live_events(anna.email()).is_empty() && server.requests().is_empty());
//! ```

mod acl;
mod batch;
mod calendars;
pub mod channel;
mod commit;
mod draft;
mod error;
mod events;
mod fault;
mod handle;
mod http;
mod list;
mod options;
pub mod people;
mod quota;
mod route;
mod series;
mod serve;
pub mod state;
mod token;
pub mod when;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;

pub use fault::{Fault, What};
pub use handle::{Counts, Handled, Seen, Unanswered};
pub use options::{
    BatchOrder, CLIENT_ID, Clock, Options, PageMood, QuotaSpelling, Quotas, SCOPE_PREFIX,
    SERVICE_ACCOUNT, ServiceAccount,
};
pub use people::{Person, Plan};

use handle::Desk;
use state::State;

/// The private key of the played service account; made up, so it may be printed.
const KEY: &str = include_str!("key.pem");

/// The vendor without sockets. Cheap to clone: all clones are the same vendor.
#[derive(Clone)]
pub struct Google {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    state: Mutex<State>,
    desk: Mutex<Desk>,
}

impl std::fmt::Debug for Google {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Google")
    }
}

impl Google {
    /// The vendor without users, reached by [`Self::handle`] only.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let (state, desk) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { options, state, desk }) }
    }

    /// Reads the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// Changes the state behind everybody's back: for setting up worlds.
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

    /// The file of the played service account, as the Cloud console gives it, for a token endpoint
    /// below `url`.
    #[must_use]
    pub fn service_account_file(url: &str) -> String {
        let account = ServiceAccount::default();
        json!({
            "type": "service_account",
            "project_id": "played-project",
            "private_key_id": account.key_id,
            "private_key": KEY,
            "client_email": account.email,
            "client_id": account.client_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": format!("{url}/token"),
            "universe_domain": "googleapis.com",
        })
        .to_string()
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
}

#[expect(clippy::disallowed_methods, reason = "a played vendor has a clock of its own")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// A running server; stops when it is dropped. All of [`Google`] can be asked of it directly.
#[derive(Debug)]
pub struct GoogleServer {
    google: Google,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GoogleServer {
    /// Starts one, without users.
    ///
    /// # Errors
    /// When the address cannot be listened on or no thread can be started.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let google = Google::new(options);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = google.clone();
        let thread = std::thread::Builder::new()
            .name("google-server".into())
            .spawn(move || runtime.block_on(serve::serve(listener, served, stopped)))?;
        Ok(Self { google, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without `/` at its end: the API's and the token endpoint's in one.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The file of the played service account, for this server.
    #[must_use]
    pub fn service_account(&self) -> String {
        Google::service_account_file(&self.url())
    }

    /// The vendor behind it.
    #[must_use]
    pub fn google(&self) -> &Google {
        &self.google
    }
}

impl Deref for GoogleServer {
    type Target = Google;

    fn deref(&self) -> &Google {
        &self.google
    }
}

impl Drop for GoogleServer {
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
