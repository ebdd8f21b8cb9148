//! How long to wait after a failure: exponential, capped, with full jitter. Pure.

use std::time::Duration;

/// Base and cap of an exponential wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub base: Duration,
    /// Upper bound of every wait.
    pub cap: Duration,
}

/// Between attempts at one request.
pub const BETWEEN_ATTEMPTS: Backoff =
    Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(20) };

impl Backoff {
    /// How long to wait after failure number `failures` (from 1). `fraction` is a random number
    /// in `[0, 1)`: full jitter, so that many who failed together do not come back together.
    #[must_use]
    pub fn delay(&self, failures: u32, fraction: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        let bound = self.base.saturating_mul(1u32 << doublings.min(31)).min(self.cap);
        bound.mul_f64(fraction.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_never_beyond() {
        let bound = |failures| BETWEEN_ATTEMPTS.delay(failures, 1.0).as_millis();
        assert_eq!([1, 2, 3].map(bound), [200, 400, 800]);
        assert_eq!([40, u32::MAX].map(bound), [20_000, 20_000]);
        assert_eq!(BETWEEN_ATTEMPTS.delay(3, 0.0), Duration::ZERO);
    }
}
