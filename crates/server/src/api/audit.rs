//! Who called what, on its way into the store.
//!
//! Calls that change a schedule are durable together with the change and do not come here. The
//! others are written in groups, each second or when many wait: a crash loses at most those. When
//! the store fails for so long that too many wait, the oldest are dropped, counted and told.
//!
//! Calls of nobody that we know, and those that are too many, are counted: one line for each
//! operation and status of a minute, however many there were, written when the minute is over. So
//! nobody without a token fills the disk, or pushes out what clients did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::limits::{API_CALL_MEMORY, API_CALLS_WAITING_MAX};
use engine::port::{ApiCall, ClientId, Store};
use jiff::Timestamp;

/// Milliseconds between two groups.
const GROUP_MS: i64 = 1000;
/// Calls that make a group at once.
const GROUP: usize = 4096;
/// Seconds of which calls are counted together.
const MINUTE: i64 = 60;

/// What waits to be written down.
pub(super) struct Audit {
    store: Arc<dyn Store>,
    waiting: Arc<Mutex<Waiting>>,
    written_ms: AtomicI64,
}

#[derive(Default)]
struct Waiting {
    calls: Vec<ApiCall>,
    /// The minute that is counted.
    minute: i64,
    counts: BTreeMap<(Option<ClientId>, &'static str, u16), u64>,
}

impl Waiting {
    /// The minute is over: a line for each count.
    fn end_minute(&mut self) {
        let at = Timestamp::from_second(self.minute * MINUTE).unwrap_or(Timestamp::MIN);
        for ((client, operation, status), count) in std::mem::take(&mut self.counts) {
            let calls = if count == 1 { "call" } else { "calls" };
            let (operation, target) = (operation.to_owned(), Some(format!("{count} {calls}")));
            self.calls.push(ApiCall { at, client, operation, target, status, context: None });
        }
    }
}

fn locked(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Audit {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, waiting: Arc::default(), written_ms: AtomicI64::new(0) }
    }

    /// Notes one call, and has a group written when it is time.
    pub fn note(&self, call: ApiCall, now: Timestamp) {
        let mut waiting = locked(&self.waiting);
        let calls = &mut waiting.calls;
        if calls.len() >= API_CALLS_WAITING_MAX {
            let lost = calls.len() / 2;
            calls.drain(..lost);
            tracing::error!(calls = lost, "calls of the API are not written down: store too slow");
        }
        calls.push(call);
        let first = calls.len() == 1;
        let full = calls.len() >= GROUP;
        drop(waiting);
        let due = now.as_millisecond() - self.written_ms.load(Ordering::Relaxed) >= GROUP_MS;
        if full || due {
            self.written_ms.store(now.as_millisecond(), Ordering::Relaxed);
            self.write_after(Duration::ZERO, None, now);
        } else if first {
            // The last ones of a burst, after which nobody calls.
            self.write_after(Duration::from_millis(GROUP_MS.unsigned_abs()), None, now);
        }
    }

    /// Counts one call, and has the counts of a minute that is over written.
    pub fn tally(
        &self,
        client: Option<ClientId>,
        operation: &'static str,
        status: u16,
        now: Timestamp,
    ) {
        let minute = now.as_second().div_euclid(MINUTE);
        let mut waiting = locked(&self.waiting);
        let over = waiting.minute != minute && !waiting.counts.is_empty();
        if waiting.minute != minute {
            waiting.end_minute();
            waiting.minute = minute;
        }
        let first = waiting.counts.is_empty();
        *waiting.counts.entry((client, operation, status)).or_insert(0) += 1;
        drop(waiting);
        if over {
            self.write_after(Duration::ZERO, None, now);
        }
        if first {
            // Also when nobody calls any more.
            self.write_after(Duration::from_secs(MINUTE.unsigned_abs()), Some(minute), now);
        }
    }

    /// Writes what waits after a while; with the counts, if they are of this minute.
    fn write_after(&self, pause: Duration, minute: Option<i64>, now: Timestamp) {
        let (store, waiting) = (Arc::clone(&self.store), Arc::clone(&self.waiting));
        tokio::spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            {
                let mut waiting = locked(&waiting);
                if minute == Some(waiting.minute) {
                    waiting.end_minute();
                }
            }
            write(store.as_ref(), &waiting, now).await;
        });
    }

    /// Writes everything that waits.
    pub async fn flush(&self, now: Timestamp) {
        locked(&self.waiting).end_minute();
        write(self.store.as_ref(), &self.waiting, now).await;
    }
}

async fn write(store: &dyn Store, waiting: &Mutex<Waiting>, now: Timestamp) {
    let mut calls = std::mem::take(&mut locked(waiting).calls);
    if calls.is_empty() {
        return;
    }
    let kept_from = now.saturating_sub(API_CALL_MEMORY).unwrap_or(Timestamp::MIN);
    if let Err(error) = store.add_api_calls(&calls, kept_from).await {
        tracing::warn!("calls of the API are not written down yet: {error}");
        let mut waiting = locked(waiting);
        calls.append(&mut waiting.calls);
        waiting.calls = calls;
    }
}
