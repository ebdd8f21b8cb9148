//! Whose turn it is: the budgets of mailboxes and of the application, request by request.
//!
//! The engine's gate admits calls of the port; one call may need several requests (opening a
//! calendar, the pages of a listing, a look). So each request, and each item of a batch, also waits
//! here: for its place among the four of its mailbox, and for the application's second. Of a batch
//! Graph sends at most four to one mailbox at once (Learn, "Combine multiple HTTP requests using
//! JSON batching"), so it takes as many places there as it has items, but no more than four.
//!
//! The 10,000 requests in ten minutes are the gate's to count: calls need few requests each, and
//! what comes too much is refused with the time to wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use engine::port::{Clock, QuotaScope};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::microsoft_graph::budget;
use crate::microsoft_graph::client::TurnAgain;

/// Requests of one application on one mailbox at once (Learn, "Microsoft Graph service-specific
/// throttling limits", Outlook; read 2026-11).
pub const PER_MAILBOX_AT_ONCE: usize = 4;
/// Requests of one application on one mailbox in [`PER_MAILBOX_PERIOD`] (the same page).
pub const PER_MAILBOX_REQUESTS: u32 = 10_000;
/// The time that they are counted over.
pub const PER_MAILBOX_PERIOD: Duration = Duration::from_secs(600);
/// The time that the application's own rate is counted over.
pub const SECOND: Duration = Duration::from_secs(1);
/// How long a request counts: the second, and 2 % for jitter on the way.
const COUNTS_FOR: Duration = Duration::from_millis(1020);
/// Longest wait for a turn: whoever called must keep the lease that it works under.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The budgets of one application, shared by all mirrors over its connection.
#[derive(Debug)]
pub struct Turns {
    clock: Arc<dyn Clock>,
    per_second: AtomicUsize,
    sent: Mutex<VecDeque<Timestamp>>,
    mailboxes: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// The right to send; given back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    _places: Vec<OwnedSemaphorePermit>,
}

/// It would take too long until there is a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// For so long.
    pub wait: Duration,
    /// Whose budget it is.
    pub scope: QuotaScope,
}

impl Turns {
    /// Full budgets, and no cap for the application yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let per_second = AtomicUsize::new(usize::MAX);
        Self { clock, per_second, sent: Mutex::default(), mailboxes: Mutex::default() }
    }

    /// Caps the application at so many requests in a second; of several caps the least holds.
    pub fn cap(&self, per_second: u32) {
        let per_second = usize::try_from(per_second).unwrap_or(usize::MAX);
        self.per_second.fetch_min(per_second, Ordering::Relaxed);
    }

    fn per_second(&self) -> usize {
        self.per_second.load(Ordering::Relaxed)
    }

    /// Waits until so many requests on each of these mailboxes may be sent together.
    ///
    /// # Errors
    /// When it would take longer than some seconds; then nothing was spent.
    pub async fn turn(&self, mailboxes: &BTreeMap<&str, usize>) -> Result<Turn, TooLong> {
        let deadline = after(self.clock.now(), WAIT_MAX);
        let mut places = Vec::with_capacity(mailboxes.len());
        // In the order of their names, so that two batches do not wait for each other.
        for (mailbox, count) in mailboxes {
            let places_of = self.places_of(mailbox);
            let wanted = u32::try_from((*count).min(PER_MAILBOX_AT_ONCE)).unwrap_or(1);
            let place = places_of.acquire_many_owned(wanted);
            tokio::select! {
                biased;
                // The semaphore is never closed.
                place = place => places.extend(place.ok()),
                () = self.clock.sleep_until(deadline) => {
                    let scope = QuotaScope::Calendar;
                    return Err(TooLong { wait: SECOND, scope });
                }
            }
        }
        self.second(mailboxes.values().sum(), deadline).await?;
        Ok(Turn { _places: places })
    }

    /// Waits for room in the application's second.
    async fn second(&self, count: usize, deadline: Timestamp) -> Result<(), TooLong> {
        loop {
            let now = self.clock.now();
            let free_at = self.spend(now, count.min(self.per_second()));
            let Some(free_at) = free_at else { return Ok(()) };
            if free_at > deadline {
                let wait = free_at.duration_since(now).unsigned_abs();
                return Err(TooLong { wait, scope: QuotaScope::Connection });
            }
            self.clock.sleep_until(free_at).await;
        }
    }

    /// Spends it, or says when there is room.
    fn spend(&self, now: Timestamp, count: usize) -> Option<Timestamp> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while sent.front().is_some_and(|it| after(*it, COUNTS_FOR) <= now) {
            sent.pop_front();
        }
        let over = (sent.len() + count).saturating_sub(self.per_second());
        if let Some(oldest) = over.checked_sub(1).and_then(|at| sent.get(at)) {
            return Some(after(*oldest, COUNTS_FOR));
        }
        sent.extend(std::iter::repeat_n(now, count));
        None
    }

    fn places_of(&self, mailbox: &str) -> Arc<Semaphore> {
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(PER_MAILBOX_AT_ONCE));
        Arc::clone(mailboxes.entry(mailbox.to_owned()).or_insert_with(new))
    }
}

#[async_trait]
impl TurnAgain for Turns {
    async fn again(&self, count: usize) -> Result<(), budget::TooLong> {
        let waited = self.second(count, after(self.clock.now(), WAIT_MAX)).await;
        waited.map_err(|TooLong { wait, scope }| budget::TooLong { wait, scope })
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
