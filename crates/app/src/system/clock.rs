//! The machine's clock, made never to go backwards.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use engine::port::Clock;
use jiff::Timestamp;

/// How long to sleep at most before looking at the clock again: it may be set meanwhile, and a
/// laptop may have slept.
const NAP_MAX: Duration = Duration::from_secs(60);

/// The real time. When the machine's clock is set back, it stands still until that is made up.
#[derive(Debug)]
pub struct SystemClock {
    latest: Mutex<Timestamp>,
}

impl SystemClock {
    /// The clock of this machine.
    pub fn new() -> Self {
        Self { latest: Mutex::new(Timestamp::MIN) }
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Timestamp::now().max(*latest);
        *latest
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.duration_since(self.now());
            if left.is_zero() || left.is_negative() {
                return;
            }
            tokio::time::sleep(left.unsigned_abs().min(NAP_MAX)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_backwards() {
        let clock = SystemClock::new();
        let ahead: Timestamp = "2199-01-01T00:00:00Z".parse().unwrap();
        *clock.latest.lock().unwrap() = ahead;
        assert_eq!(clock.now(), ahead);
    }
}
