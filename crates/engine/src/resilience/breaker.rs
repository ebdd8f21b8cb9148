//! A circuit breaker per connection: closed, open, half-open. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// Failures in a row that open it.
const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open the first time; doubles each time the probe fails.
const OPEN_FIRST: Duration = Duration::from_secs(2);
/// The longest it stays open.
const OPEN_MAX: Duration = Duration::from_secs(300);

/// Whether requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// They are.
    Closed,
    /// None is, until this instant.
    Open {
        /// When one probe is let through.
        until: Timestamp,
    },
    /// One probe is under way; nothing else is let through.
    HalfOpen,
}

/// The state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    state: BreakerState,
    failures: u32,
    opened: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: BreakerState::Closed, failures: 0, opened: 0 }
    }
}

/// Whether a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Go,
    /// Not before this instant.
    Until(Timestamp),
    /// Not before the probe that is under way has come back.
    Probing,
}

impl Breaker {
    /// Its state.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// How often in a row it opened without a success in between.
    #[must_use]
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// Asks for one request to pass; taking [`Passage::Go`] while half-open is the probe.
    pub fn pass(&mut self, now: Timestamp) -> Passage {
        match self.state {
            BreakerState::Closed => Passage::Go,
            BreakerState::Open { until } if now < until => Passage::Until(until),
            BreakerState::Open { .. } => {
                self.state = BreakerState::HalfOpen;
                Passage::Go
            }
            BreakerState::HalfOpen => Passage::Probing,
        }
    }

    /// An answer came, whatever it said.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// No answer came, or the vendor said that it is down.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures += 1;
        let probe_failed = self.state == BreakerState::HalfOpen;
        if probe_failed || (self.state == BreakerState::Closed && self.failures >= FAILURES_TO_OPEN)
        {
            let wait = OPEN_FIRST.saturating_mul(1 << self.opened.min(16)).min(OPEN_MAX);
            self.opened += 1;
            self.state =
                BreakerState::Open { until: now.saturating_add(wait).unwrap_or(Timestamp::MAX) };
        }
    }

    /// A probe was called off before it was sent.
    pub fn called_off(&mut self, now: Timestamp) {
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Open { until: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn opens_after_failures_in_a_row_and_probes_one_at_a_time() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(at(0));
        }
        assert_eq!(breaker.pass(at(0)), Passage::Go);
        breaker.failed(at(0));
        assert_eq!(breaker.pass(at(1)), Passage::Until(at(2)));
        assert_eq!(breaker.pass(at(2)), Passage::Go);
        assert_eq!(breaker.pass(at(2)), Passage::Probing);
        breaker.failed(at(3));
        assert_eq!(breaker.pass(at(6)), Passage::Until(at(7)));
        assert_eq!(breaker.pass(at(7)), Passage::Go);
        breaker.answered();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn an_answer_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.failed(at(0));
            breaker.failed(at(0));
            breaker.answered();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
