//! Merging what many calendars want durable at once into one transaction.
//!
//! Whoever comes first carries out what everybody has queued; those who come meanwhile wait and
//! are carried out together. One fsync serves all of them.

use std::sync::{Arc, Mutex, PoisonError};

use domain::MirrorName;
use futures_util::lock::Mutex as AsyncMutex;

use crate::port::{CommitReceipt, LedgerCommit, Store, StoreError};

/// Merges commits to one mirror's ledger.
pub struct GroupCommit<'a> {
    store: &'a dyn Store,
    mirror: &'a MirrorName,
    waiting: Mutex<Vec<Waiting>>,
    carrying_out: AsyncMutex<()>,
}

struct Waiting {
    commit: LedgerCommit,
    slot: Slot,
}

type Outcome = Result<CommitReceipt, Arc<StoreError>>;
type Slot = Arc<Mutex<Option<Outcome>>>;

impl<'a> GroupCommit<'a> {
    /// Commits to the ledger of `mirror` in `store`.
    #[must_use]
    pub fn new(store: &'a dyn Store, mirror: &'a MirrorName) -> Self {
        Self { store, mirror, waiting: Mutex::default(), carrying_out: AsyncMutex::new(()) }
    }

    /// Makes one commit durable, together with others. Returns what was not done of the
    /// whole group.
    ///
    /// # Errors
    /// When the store failed; then nothing of the group is durable.
    pub async fn commit(&self, commit: LedgerCommit) -> Outcome {
        let slot = Slot::default();
        lock(&self.waiting).push(Waiting { commit, slot: Arc::clone(&slot) });
        let _turn = self.carrying_out.lock().await;
        if let Some(outcome) = lock(&slot).take() {
            return outcome;
        }
        let group = std::mem::take(&mut *lock(&self.waiting));
        let (merged, slots) = merge(group);
        let outcome = self.store.commit_ledger(self.mirror, merged).await.map_err(Arc::new);
        for other in slots {
            *lock(&other) = Some(outcome.clone());
        }
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn merge(group: Vec<Waiting>) -> (LedgerCommit, Vec<Slot>) {
    let mut merged = LedgerCommit::default();
    let mut slots = Vec::with_capacity(group.len());
    for Waiting { commit, slot } in group {
        let LedgerCommit {
            fences,
            renew_until,
            writes,
            calendars,
            drifts,
            cursor,
            audit,
            conflicts,
        } = commit;
        merged.fences.extend(fences);
        merged.renew_until = merged.renew_until.max(renew_until);
        merged.writes.extend(writes);
        merged.calendars.extend(calendars);
        merged.drifts.extend(drifts);
        merged.cursor = cursor.or(merged.cursor);
        merged.audit.extend(audit);
        merged.conflicts.extend(conflicts);
        slots.push(slot);
    }
    (merged, slots)
}
