//! Who called what, on its way into the store.
//!
//! Calls that change a schedule are durable together with the change and do not come here. The
//! others are written in groups, each second or when many wait: a crash loses at most those. When
//! the store fails for so long that too many wait, the oldest are dropped, counted and told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::limits::{API_CALL_MEMORY, API_CALLS_WAITING_MAX};
use engine::port::{ApiCall, Store};
use jiff::Timestamp;

/// Milliseconds between two groups.
const GROUP_MS: i64 = 1000;
/// Calls that make a group at once.
const GROUP: usize = 4096;

/// What waits to be written down.
pub(super) struct Audit {
    store: Arc<dyn Store>,
    waiting: Arc<Mutex<Vec<ApiCall>>>,
    written_ms: AtomicI64,
}

impl Audit {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, waiting: Arc::default(), written_ms: AtomicI64::new(0) }
    }

    /// Notes one call, and has a group written when it is time.
    pub fn note(&self, call: ApiCall, now: Timestamp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= API_CALLS_WAITING_MAX {
            let lost = waiting.len() / 2;
            waiting.drain(..lost);
            tracing::error!(calls = lost, "calls of the API are not written down: store too slow");
        }
        waiting.push(call);
        let first = waiting.len() == 1;
        let full = waiting.len() >= GROUP;
        drop(waiting);
        let due = now.as_millisecond() - self.written_ms.load(Ordering::Relaxed) >= GROUP_MS;
        if full || due {
            self.written_ms.store(now.as_millisecond(), Ordering::Relaxed);
            let (store, waiting) = (Arc::clone(&self.store), Arc::clone(&self.waiting));
            tokio::spawn(async move { write(store.as_ref(), &waiting, now).await });
        } else if first {
            // The last ones of a burst, after which nobody calls.
            let (store, waiting) = (Arc::clone(&self.store), Arc::clone(&self.waiting));
            tokio::spawn(async move {
                let pause = std::time::Duration::from_millis(GROUP_MS.unsigned_abs());
                tokio::time::sleep(pause).await;
                write(store.as_ref(), &waiting, now).await;
            });
        }
    }

    /// Writes everything that waits.
    pub async fn flush(&self, now: Timestamp) {
        write(self.store.as_ref(), &self.waiting, now).await;
    }
}

async fn write(store: &dyn Store, waiting: &Mutex<Vec<ApiCall>>, now: Timestamp) {
    let mut calls = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
    if calls.is_empty() {
        return;
    }
    let kept_from = now.saturating_sub(API_CALL_MEMORY).unwrap_or(Timestamp::MIN);
    if let Err(error) = store.add_api_calls(&calls, kept_from).await {
        tracing::warn!("calls of the API are not written down yet: {error}");
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        calls.append(&mut waiting);
        *waiting = calls;
    }
}
