//! Counts what a cycle has done while it runs, so that one that the store or the disk stops can
//! still tell what it did before.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::port::Verb;
use engine::report::CycleReport;
use engine::run::watch::{Event, Watcher};

/// A watcher that counts, and tells another one.
pub struct Tally<'w> {
    next: &'w dyn Watcher,
    written: &'w AtomicU64,
    created: AtomicU64,
    updated: AtomicU64,
    deleted: AtomicU64,
    failed: AtomicU64,
}

impl<'w> Tally<'w> {
    /// Counts nothing yet; `next` is told everything, and `written` counts on for whoever looks
    /// on.
    pub fn before(next: &'w dyn Watcher, written: &'w AtomicU64) -> Self {
        let zero = AtomicU64::default;
        Self { next, written, created: zero(), updated: zero(), deleted: zero(), failed: zero() }
    }

    /// What was done so far.
    pub fn so_far(&self) -> CycleReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CycleReport {
            created: count(&self.created),
            updated: count(&self.updated),
            deleted: count(&self.deleted),
            failed: count(&self.failed),
            ..CycleReport::default()
        }
    }
}

impl Watcher for Tally<'_> {
    fn on(&self, event: &Event) {
        if matches!(event, Event::Written { .. }) {
            self.written.fetch_add(1, Ordering::Relaxed);
        }
        let counter = match event {
            Event::Written { verb: Verb::Create, .. } => Some(&self.created),
            Event::Written { verb: Verb::Update, .. } => Some(&self.updated),
            Event::Written { verb: Verb::Delete, .. } => Some(&self.deleted),
            Event::Failed { .. } => Some(&self.failed),
            Event::Planned { .. } | Event::Waiting { .. } | Event::CalendarDone { .. } => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.next.on(event);
    }
}
