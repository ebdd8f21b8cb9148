//! A CalDAV server, played: RFC 4918, 4791, 5689 and 6578 as far as a calendar client uses them.
//!
//! It keeps its calendars in memory, behaves like other servers by [`Options`], fails by
//! [`Fault`]s given as data, and remembers every request it saw. It runs on a thread of its own,
//! so that a client under test can be blocked without blocking it, and it is quick enough to be
//! the other side of a benchmark. Written from the RFCs; it shares no code with the connector.
//!
//! ```
//! use simulators::caldav::{CaldavServer, Fault, Options, What};
//!
//! let server = CaldavServer::start(Options::default()).unwrap();
//! server.add_calendar("anna/");
//! server.set_faults([Fault::on("PUT").skip(2).times(1).then(What::ResetAfterApply)]);
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! assert!(server.requests().is_empty());
//! ```

mod body;
mod calendars;
mod fault;
mod options;
mod protocol;
mod report;
mod serve;
mod xml;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

pub use fault::{Fault, What};
pub use options::{
    Account, Making, Options, PutEtag, Rewriting, SyncSupport, TokenRefusal, UidCheck, WellKnown,
};

use calendars::Calendars;

/// One request that the server saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When it was complete, since the server started.
    pub at: Duration,
    /// Its method.
    pub method: String,
    /// Its path, as it was sent.
    pub path: String,
    /// The status that it was answered with; `None` when it was not answered.
    pub status: Option<u16>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    /// What `Authorization` must say.
    authorization: Option<String>,
    world: Mutex<World>,
}

#[derive(Debug, Default)]
struct World {
    calendars: Calendars,
    faults: Vec<Fault>,
    seen: Vec<Seen>,
    count: u64,
    connections: u64,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server; stops when it is dropped.
#[derive(Debug)]
pub struct CaldavServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl CaldavServer {
    /// Starts one, with an empty calendar home.
    ///
    /// # Errors
    /// When the address cannot be listened on or no thread can be started.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut world = World::default();
        world.calendars.add_home(&options.home);
        let shared = Arc::new(Shared {
            authorization: options.account.as_ref().map(Account::header),
            options,
            world: Mutex::new(world),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("caldav-server".into())
            .spawn(move || runtime.block_on(serve::serve(listener, seen, stopped)))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the calendar home, with `/` at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.shared.options.home)
    }

    /// The URL of the server itself, with `/` at its end.
    #[must_use]
    pub fn root_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Makes a calendar below the home; one that exists stays as it is.
    pub fn add_calendar(&self, below: &str) {
        let path = self.path(below);
        self.shared.world().calendars.make_calendar(&path);
    }

    /// Makes a folder below the home that is no calendar.
    pub fn add_folder(&self, below: &str) {
        let path = self.path(below);
        self.shared.world().calendars.make_folder(&path);
    }

    /// Removes a calendar and all it holds.
    pub fn remove_calendar(&self, below: &str) {
        let path = self.path(below);
        self.shared.world().calendars.remove(&path);
    }

    /// All objects of a calendar by name; empty when there is no such calendar.
    #[must_use]
    pub fn objects(&self, below: &str) -> BTreeMap<String, Bytes> {
        self.shared.world().calendars.objects(&self.path(below))
    }

    /// Puts an object, as somebody else would.
    pub fn put_object(&self, below: &str, name: &str, data: impl Into<Bytes>) {
        let path = self.path(below);
        self.shared.world().calendars.put(&path, name, data.into());
    }

    /// Removes an object, as somebody else would.
    pub fn remove_object(&self, below: &str, name: &str) {
        let path = self.path(below);
        self.shared.world().calendars.delete(&path, name);
    }

    /// Makes every token that was given out so far unacceptable.
    pub fn expire_tokens(&self, below: &str) {
        let path = self.path(below);
        self.shared.world().calendars.expire_tokens(&path);
    }

    /// Replaces the faults; what they counted so far is forgotten.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.world().faults = faults.into_iter().collect();
    }

    /// Every request so far, in the order in which they came. Empty without [`Options::log`].
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.world().seen.clone()
    }

    /// How many requests with this method came so far. 0 without [`Options::log`].
    #[must_use]
    pub fn count(&self, method: &str) -> usize {
        let world = self.shared.world();
        world.seen.iter().filter(|it| it.method == method).count()
    }

    /// How many requests came so far, logged or not.
    #[must_use]
    pub fn count_all(&self) -> u64 {
        self.shared.world().count
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.world().connections
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        let mut world = self.shared.world();
        world.seen.clear();
        world.count = 0;
    }

    fn path(&self, below: &str) -> String {
        format!("{}{}", self.shared.options.home, below)
    }
}

impl Drop for CaldavServer {
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
