//! How a mirror's connection stood at the end of the last cycle: its breaker, and its quota.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

/// How it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionStanding {
    /// Nothing was sent yet.
    Unused,
    /// It answered.
    Working,
    /// The vendor's quota was used up until this instant.
    Spent {
        /// When requests are sent again.
        until: Timestamp,
    },
    /// It had not answered; one request tried whether it does.
    Trying,
    /// It did not answer, so nothing is sent.
    Silent {
        /// When one request tries again.
        until: Timestamp,
    },
}

impl ConnectionStanding {
    /// Reads what a cycle's report holds of its gate, [`crate::run::gate::GateStatus`] as it is
    /// written. A quota that is open again by `now` is not told of.
    #[must_use]
    pub fn of(gate: Option<&Value>, now: Timestamp) -> Self {
        let Some(gate) = gate else { return Self::Unused };
        let breaker = &gate["breaker"];
        let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        if let Some(until) = instant(&breaker["open"]["until"]) {
            return Self::Silent { until };
        }
        if breaker == "half_open" {
            return Self::Trying;
        }
        match instant(&gate["closed_until"]).filter(|until| *until > now) {
            Some(until) => Self::Spent { until },
            None => Self::Working,
        }
    }
}

impl fmt::Display for ConnectionStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |at: &Timestamp| at.strftime("%H:%M:%SZ");
        match self {
            Self::Unused => f.write_str("not used yet"),
            Self::Working => f.write_str("working"),
            Self::Spent { until } => write!(f, "quota used up until {}", clock(until)),
            Self::Trying => f.write_str("breaker half open: one request tries"),
            Self::Silent { until } => {
                write!(f, "does not answer; breaker open until {}", clock(until))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::breaker::BreakerState;
    use crate::run::gate::GateStatus;

    #[test]
    fn what_a_report_holds_of_a_gate_is_read_as_it_was_written() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = |breaker, closed_until| {
            let gate = serde_json::to_value(GateStatus { breaker, closed_until }).unwrap();
            ConnectionStanding::of(Some(&gate), at(100)).to_string()
        };
        assert_eq!(ConnectionStanding::of(None, at(100)).to_string(), "not used yet");
        assert_eq!(told(BreakerState::Closed, None), "working");
        assert_eq!(told(BreakerState::Closed, Some(at(99))), "working");
        assert_eq!(told(BreakerState::Closed, Some(at(160))), "quota used up until 00:02:40Z");
        assert_eq!(told(BreakerState::HalfOpen, None), "breaker half open: one request tries");
        let open = BreakerState::Open { until: at(160) };
        assert_eq!(told(open, None), "does not answer; breaker open until 00:02:40Z");
    }
}
