//! Time, as the engine gets it.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

/// The only clock there is. Simulated time implements it too.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// The current instant. Never earlier than an instant it gave before.
    fn now(&self) -> Timestamp;

    /// Completes at `at` or, when that has passed, at once. Cancelling it has no effect.
    async fn sleep_until(&self, at: Timestamp);
}
