//! The machine's clock, made never to go backwards.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::port::Clock;
use jiff::Timestamp;

/// How long to sleep at most before looking at the clock again: it may be set meanwhile, and a
/// laptop may have slept.
const NAP_MAX: Duration = Duration::from_secs(60);

/// The real time. When the machine's clock is set back, it goes on from where it was at its own
/// pace, until the machine has caught up: it neither stands still nor goes back.
#[derive(Debug)]
pub struct SystemClock {
    latest: Mutex<Reading>,
}

/// What was told last, and when that was by the clock that nobody sets.
#[derive(Debug, Clone, Copy)]
struct Reading {
    told: Timestamp,
    at: Instant,
}

impl Reading {
    /// What is told next, when the machine's clock says `machine`.
    fn next(self, machine: Timestamp, at: Instant) -> Self {
        let elapsed = at.saturating_duration_since(self.at);
        let own = self.told.saturating_add(elapsed).unwrap_or(Timestamp::MAX);
        Self { told: machine.max(own), at }
    }
}

impl SystemClock {
    /// The clock of this machine.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn new() -> Self {
        let reading = Reading { told: Timestamp::now(), at: Instant::now() };
        Self { latest: Mutex::new(reading) }
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = latest.next(Timestamp::now(), Instant::now());
        latest.told
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn machine(&self) -> Timestamp {
        Timestamp::now()
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
    #[expect(clippy::disallowed_methods, reason = "an instant to count from")]
    fn a_clock_that_is_set_back_goes_on_at_its_own_pace_and_catches_up_when_set_forward() {
        let hour = Duration::from_secs(3600);
        let told: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let first = Reading { told, at: Instant::now() };
        let set_back = first.next(told - 5 * hour, first.at + hour);
        assert_eq!(set_back.told, told + hour);
        let caught_up = set_back.next(told + 6 * hour, set_back.at + hour);
        assert_eq!(caught_up.told, told + 6 * hour);
    }
}
