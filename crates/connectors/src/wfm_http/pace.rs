//! When a request may be sent, and how long to wait before it is sent again.
//!
//! A source is read outside the engine's gate, so the budget is kept here: never more requests in
//! any minute than the system takes, nothing at all until a `Retry-After` has passed, and full
//! jitter between attempts. One pace serves all that is asked over one connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::limits::READ_WAIT_MAX;
use engine::port::{Clock, Entropy};
use jiff::Timestamp;

/// A minute, and a little for jitter on the way.
const MINUTE: Duration = Duration::from_millis(61_000);
/// Requests in a minute where nobody says how many.
const PER_MINUTE_DEFAULT: u32 = 300;
/// The first wait between two attempts, before jitter.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Attempts at one request that only reads.
pub(super) const ATTEMPTS_MAX: u32 = 4;

/// The budget of one connection.
#[derive(Debug)]
pub struct Pace {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    per_minute: usize,
    /// What the operator said; the system's word does not change it.
    fixed: bool,
    sent: VecDeque<Timestamp>,
    closed_until: Option<Timestamp>,
}

impl Books {
    /// Takes a place, and says when that is.
    fn place(&mut self, now: Timestamp) -> Timestamp {
        while self.sent.len() >= self.per_minute {
            let Some(oldest) = self.sent.pop_front() else { break };
            if self.sent.len() < self.per_minute {
                let at = after(oldest, MINUTE).max(now);
                self.sent.push_back(at);
                return at;
            }
        }
        self.sent.push_back(now);
        now
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Pace {
    /// `per_minute` is what the operator said.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, per_minute: Option<u32>) -> Self {
        let books = Books {
            per_minute: per_minute.unwrap_or(PER_MINUTE_DEFAULT).max(1) as usize,
            fixed: per_minute.is_some(),
            sent: VecDeque::new(),
            closed_until: None,
        };
        Self { clock, entropy, books: Mutex::new(books) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the system's word for how much it takes, unless the operator said otherwise.
    pub fn declared(&self, per_minute: Option<u32>) {
        let mut books = self.books();
        if let (Some(per_minute), false) = (per_minute, books.fixed) {
            books.per_minute = per_minute.max(1) as usize;
        }
    }

    /// Waits until one request may be sent.
    pub async fn turn(&self) {
        let mut at = self.books().place(self.clock.now());
        loop {
            at = at.max(self.books().closed_until.unwrap_or(at));
            if at <= self.clock.now() {
                return;
            }
            self.clock.sleep_until(at).await;
        }
    }

    /// Sends nothing for so long. Says whether that is short enough to wait for it.
    pub fn close(&self, wait: Option<Duration>, attempt: u32) -> bool {
        let wait = wait.unwrap_or_else(|| self.backoff(attempt));
        let until = after(self.clock.now(), wait);
        let mut books = self.books();
        books.closed_until = Some(books.closed_until.map_or(until, |it| it.max(until)));
        wait <= READ_WAIT_MAX
    }

    /// Waits before the next attempt: longer each time, and by chance, so that many who failed
    /// together do not come back together.
    pub async fn pause(&self, attempt: u32) {
        let until = after(self.clock.now(), self.backoff(attempt));
        self.clock.sleep_until(until).await;
    }

    fn backoff(&self, attempt: u32) -> Duration {
        let most = BACKOFF_FIRST.saturating_mul(1 << attempt.min(6));
        most.mul_f64(0.1 + 0.9 * self.entropy.fraction())
    }
}
