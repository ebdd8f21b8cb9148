//! Time, as the engine gets it.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// The only clock there is. Simulated time implements it too.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// The current instant. Never earlier than an instant it gave before.
    fn now(&self) -> Timestamp;

    /// Completes at `at` or, when that has passed, at once. Cancelling it has no effect.
    async fn sleep_until(&self, at: Timestamp);

    /// What the machine's clock shows, which goes back when it is set back, while [`Self::now`]
    /// does not: instants that others gave us, and those that we give to others, are of this one.
    fn machine(&self) -> Timestamp {
        self.now()
    }

    /// An instant of somebody else's clock as [`Self::now`] will show it. They differ after the
    /// machine's clock was ahead and was set right.
    fn ours(&self, theirs: Timestamp) -> Timestamp {
        let ahead = self.now().duration_since(self.machine());
        // Less is the time between the two readings.
        let differs = ahead >= SignedDuration::from_secs(1);
        if differs { theirs.saturating_add(ahead).unwrap_or(theirs) } else { theirs }
    }
}
