//! What happens while a cycle runs, for progress bars, logs and metrics.

use domain::{CalendarKey, EntityKey, MirrorName};
use jiff::Timestamp;

use crate::plan::summary::PlanCounts;
use crate::port::Verb;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The survey is done: so much is to be written.
    Planned {
        /// Which mirror.
        mirror: MirrorName,
        /// How much.
        counts: PlanCounts,
    },
    /// One item is as it should be.
    Written {
        /// In which calendar.
        calendar: CalendarKey,
        /// Which entity.
        key: EntityKey,
        /// What was done.
        verb: Verb,
    },
    /// One item was refused or postponed.
    Failed {
        /// In which calendar.
        calendar: CalendarKey,
        /// Which entity.
        key: EntityKey,
        /// Why; no personal data, no secrets.
        reason: String,
    },
    /// Nothing is sent until this instant.
    Waiting {
        /// Until when.
        until: Timestamp,
        /// Why.
        why: Wait,
    },
    /// A calendar is done for this cycle.
    CalendarDone {
        /// Which one.
        calendar: CalendarKey,
    },
}

/// Why nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The vendor asked for it.
    Throttled,
    /// The target does not answer.
    Unavailable,
    /// Our own budget is spent.
    Budget,
}

/// Whoever wants to know.
pub trait Watcher: Send + Sync {
    /// Called for every event, in order, from within the cycle: must not block.
    fn on(&self, event: &Event);
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn on(&self, _event: &Event) {}
}
