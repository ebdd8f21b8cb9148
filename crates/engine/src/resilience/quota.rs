//! Spending one budget: concurrency, rate, and closures asked for by the vendor. Pure.
//!
//! Full speed while the budget lasts. A `Retry-After` closes the whole domain: nothing is sent
//! until it has passed, then one request goes first, and only when it comes back unthrottled do
//! the others follow. So k throttled answers cost k times their `Retry-After` plus one slot, for
//! the whole domain and not for each request.

use std::time::Duration;

use domain::limits::RETRY_AFTER_MAX;
use jiff::Timestamp;

use crate::port::{QuotaDeclaration, Rate};

/// One budget being spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    concurrency: usize,
    rate: Option<Rate>,
    under_way: usize,
    tokens: f64,
    filled_at: Option<Timestamp>,
    closed_until: Option<Timestamp>,
    probing: bool,
    throttles: u32,
}

/// Whether one more request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; it counts as under way.
    Go,
    /// Not before this instant.
    Until(Timestamp),
    /// Not before one that is under way has come back.
    Full,
}

/// How a request ended, for the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an answer that was no throttling.
    Answered,
    /// With a throttling; the time that the vendor asked to wait, or our own backoff.
    Throttled(Duration),
    /// Without an answer.
    Failed,
}

impl Quota {
    /// A fresh budget, full.
    #[must_use]
    pub fn new(declaration: &QuotaDeclaration) -> Self {
        Self {
            concurrency: declaration.concurrency.unwrap_or(usize::MAX).max(1),
            rate: declaration.rate,
            under_way: 0,
            tokens: declaration.rate.map_or(0.0, |rate| f64::from(rate.requests)),
            filled_at: None,
            closed_until: None,
            probing: false,
            throttles: 0,
        }
    }

    /// Asks for one request.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        if let Some(until) = self.closed_until {
            if now < until {
                return Admission::Until(until);
            }
            self.closed_until = None;
            self.probing = true;
        }
        let room = if self.probing { 1 } else { self.concurrency };
        if self.under_way >= room {
            return Admission::Full;
        }
        if let Some(until) = self.short_of_tokens(now) {
            return Admission::Until(until);
        }
        self.under_way += 1;
        if self.rate.is_some() {
            self.tokens -= 1.0;
        }
        Admission::Go
    }

    /// Takes back an admission whose request was not sent.
    pub fn take_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.rate.is_some() {
            self.tokens += 1.0;
        }
    }

    /// A request was sent, and nobody waits for its answer any more: it has cost its share.
    pub fn abandoned(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// A request that was admitted has ended.
    pub fn ended(&mut self, now: Timestamp, ending: Ending) {
        self.under_way = self.under_way.saturating_sub(1);
        match ending {
            Ending::Answered => {
                if self.closed_until.is_none() {
                    self.probing = false;
                    self.throttles = 0;
                }
            }
            Ending::Throttled(wait) => {
                let wait = wait.min(RETRY_AFTER_MAX);
                let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                self.closed_until = Some(self.closed_until.map_or(until, |old| old.max(until)));
                self.throttles += 1;
            }
            Ending::Failed => {}
        }
    }

    /// Until when nothing goes, because the vendor asked so.
    #[must_use]
    pub fn closed_until(&self) -> Option<Timestamp> {
        self.closed_until
    }

    /// Throttled answers since the last one that was not.
    #[must_use]
    pub fn throttles(&self) -> u32 {
        self.throttles
    }

    /// Fills up, and says when there will be a token if there is none.
    fn short_of_tokens(&mut self, now: Timestamp) -> Option<Timestamp> {
        let rate = self.rate?;
        let per_second = f64::from(rate.requests) / rate.per.as_secs_f64();
        let since = self.filled_at.unwrap_or(now);
        if now > since {
            let elapsed = now.duration_since(since).as_secs_f64();
            self.tokens = (self.tokens + elapsed * per_second).min(f64::from(rate.requests));
        }
        self.filled_at = Some(now.max(since));
        if self.tokens >= 1.0 {
            return None;
        }
        // One millisecond more than exact, so that rounding never asks twice.
        let wait =
            Duration::from_secs_f64((1.0 - self.tokens) / per_second) + Duration::from_millis(1);
        Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::port::QuotaScope;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn quota(concurrency: Option<usize>, rate: Option<(u32, u64)>) -> Quota {
        Quota::new(&QuotaDeclaration {
            scope: QuotaScope::Connection,
            concurrency,
            rate: rate
                .map(|(requests, seconds)| Rate { requests, per: Duration::from_secs(seconds) }),
        })
    }

    #[test]
    fn three_throttlings_cost_three_waits_and_one_probe_each() {
        let mut quota = quota(Some(4), None);
        for _ in 0..4 {
            assert_eq!(quota.admit(at(0)), Admission::Go);
        }
        assert_eq!(quota.admit(at(0)), Admission::Full);
        let second = Duration::from_secs(1);
        for _ in 0..4 {
            quota.ended(at(10), Ending::Throttled(second));
        }
        assert_eq!(quota.admit(at(1009)), Admission::Until(at(1010)));
        assert_eq!(quota.admit(at(1010)), Admission::Go);
        assert_eq!(quota.admit(at(1010)), Admission::Full);
        quota.ended(at(1020), Ending::Throttled(second));
        assert_eq!(quota.admit(at(2020)), Admission::Go);
        quota.ended(at(2030), Ending::Answered);
        for _ in 0..4 {
            assert_eq!(quota.admit(at(2030)), Admission::Go);
        }
    }

    #[test]
    fn an_answer_that_was_under_way_does_not_open_a_closed_domain() {
        let mut quota = quota(Some(2), None);
        quota.admit(at(0));
        quota.admit(at(0));
        quota.ended(at(5), Ending::Throttled(Duration::from_secs(1)));
        quota.ended(at(6), Ending::Answered);
        assert_eq!(quota.admit(at(7)), Admission::Until(at(1005)));
    }

    proptest! {
        #[test]
        fn never_more_in_any_period_than_the_rate_and_one_burst(
            requests in 1u32..20, seconds in 1u64..10,
            gaps in prop::collection::vec(0i64..400, 1..200),
        ) {
            let mut quota = quota(None, Some((requests, seconds)));
            let (mut now, mut sent) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if quota.admit(at(now)) == Admission::Go {
                    sent.push(now);
                    quota.ended(at(now), Ending::Answered);
                }
            }
            let per = i64::try_from(seconds).unwrap() * 1000;
            for (index, from) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|it| **it < from + per).count();
                prop_assert!(within <= 2 * requests as usize, "{within} in {per} ms");
            }
        }
    }
}
