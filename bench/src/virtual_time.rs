//! Virtual time: hours of waiting pass in an instant, and everything is in one process.
//!
//! The run time's clock stands still while anything can go on, and jumps to whoever waits for the
//! earliest instant when nothing can. So the real connector and the real engine, which wait by
//! [`engine::port::Clock`], take the time that they would take, and their own computing takes
//! none. The vendor reads the same clock and is reached through pipes, because the run time does
//! not see what is still in a socket.

use std::future::Future;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use connectors::transport::{Dial, Stream};
use engine::port::Clock;
use jiff::{SignedDuration, Timestamp};
use simulators::graph::Graph;
use tokio::time::Instant;

use crate::report::Trouble;

/// Bytes that a pipe holds before its writer has to wait.
const PIPE_BYTES: usize = 64 * 1024;

/// Runs `future` in virtual time.
pub fn run<T>(future: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build()?.block_on(future)
}

/// The clock of [`run`]; to be made inside of it.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    start: Timestamp,
    origin: Instant,
}

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.origin.elapsed());
        self.start.saturating_add(passed.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(self.start);
        if wait.is_positive() {
            tokio::time::sleep_until(self.origin + wait.unsigned_abs()).await;
        }
    }
}

/// The way to a played Graph in this process: each connection is a pipe, and a task behind it.
pub struct ToGraph(pub Graph);

#[async_trait]
impl Dial for ToGraph {
    async fn dial(&self, _: &str, _: u16) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let graph = self.0.clone();
        tokio::spawn(async move { graph.serve_over(theirs).await });
        Ok(Box::new(ours))
    }
}

/// The same clock, for the played Graph.
pub fn for_graph(clock: &VirtualClock) -> simulators::graph::Clock {
    let clock = clock.clone();
    Arc::new(move || clock.now())
}
