//! Spending one budget: concurrency, rate, and closures asked for by the vendor. Pure.
//!
//! Full speed while the budget lasts. A rate is a sliding window over the instants at which
//! requests were let through: never more than so many in any stretch of the period, also right
//! after a burst, because vendors count so. A `Retry-After` closes the whole domain: nothing is
//! sent until it has passed, then one request goes first, and only when it comes back unthrottled
//! do the others follow. So k throttled answers cost k times their `Retry-After` plus one slot,
//! for the whole domain and not for each request.

use std::collections::VecDeque;
use std::time::Duration;

use domain::limits::RETRY_AFTER_MAX;
use jiff::Timestamp;

use crate::port::{QuotaDeclaration, Rate};

/// By how much the period is stretched, in parts of it: requests that leave us so far apart may
/// arrive a little closer together.
const JITTER_MARGIN: f64 = 0.02;
/// Marks kept of one rate. A rate of more requests has several in one mark.
const MARKS_MAX: u32 = 64;
/// Into how many slots the period is divided where requests share marks; a little below
/// [`MARKS_MAX`], because the margin must fit in as well.
const SLOTS: u32 = 60;

/// One budget being spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    concurrency: usize,
    under_way: usize,
    sent: Option<SlidingLog>,
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
            under_way: 0,
            sent: declaration.rate.map(SlidingLog::new),
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
        if let Some(until) = self.sent.as_mut().and_then(|sent| sent.admit(now)) {
            return Admission::Until(until);
        }
        self.under_way += 1;
        Admission::Go
    }

    /// Takes back an admission of this instant, whose request was not sent.
    pub fn take_back(&mut self, admitted_at: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(sent) = self.sent.as_mut() {
            sent.take_back(admitted_at);
        }
    }

    /// Lets nothing go for so long.
    pub fn close(&mut self, now: Timestamp, wait: Duration) {
        let until = now.saturating_add(wait.min(RETRY_AFTER_MAX)).unwrap_or(Timestamp::MAX);
        self.closed_until = Some(self.closed_until.map_or(until, |old| old.max(until)));
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
                self.close(now, wait);
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
}

/// The instants at which requests were let through, as far back as they still count.
#[derive(Debug, Clone, PartialEq)]
struct SlidingLog {
    requests: u32,
    /// How long an admission counts.
    counts_for: Duration,
    /// Admissions this close together share a mark; nothing where each has its own.
    slot: Duration,
    /// Oldest first.
    marks: VecDeque<Mark>,
    /// Admissions in all marks.
    admitted: u32,
}

/// Some admissions.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    first: Timestamp,
    /// All of them count as long as the last does: too few go rather than too many.
    last: Timestamp,
    admissions: u32,
}

impl SlidingLog {
    fn new(rate: Rate) -> Self {
        let Rate { requests, per } = rate;
        let shared = requests > MARKS_MAX;
        Self {
            requests: requests.max(1),
            counts_for: per.mul_f64(1.0 + JITTER_MARGIN),
            slot: if shared { per / SLOTS } else { Duration::ZERO },
            marks: VecDeque::new(),
            admitted: 0,
        }
    }

    /// Notes one admission now, or says when there can be one.
    fn admit(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.forget(now);
        if self.admitted >= self.requests {
            let oldest = self.marks.front().map_or(now, |mark| mark.last);
            return Some(later(oldest, self.counts_for));
        }
        self.admitted += 1;
        match self.marks.back_mut() {
            Some(mark) if self.slot > Duration::ZERO && now < later(mark.first, self.slot) => {
                mark.last = now;
                mark.admissions += 1;
            }
            Some(_) | None => {
                self.marks.push_back(Mark { first: now, last: now, admissions: 1 });
            }
        }
        None
    }

    /// Drops what does not count any more.
    fn forget(&mut self, now: Timestamp) {
        // A clock that was set back: what was sent was sent before now, whatever it said then.
        if self.marks.back().is_some_and(|mark| mark.last > now) {
            for mark in &mut self.marks {
                mark.first = mark.first.min(now);
                mark.last = mark.last.min(now);
            }
        }
        while let Some(mark) = self.marks.front() {
            if now < later(mark.last, self.counts_for) {
                break;
            }
            self.admitted -= mark.admissions;
            self.marks.pop_front();
        }
    }

    fn take_back(&mut self, admitted_at: Timestamp) {
        let spans = |mark: &Mark| (mark.first..=mark.last).contains(&admitted_at);
        let Some(index) = self.marks.iter().position(spans) else { return };
        self.admitted -= 1;
        self.marks[index].admissions -= 1;
        if self.marks[index].admissions == 0 {
            self.marks.remove(index);
        }
    }
}

fn later(instant: Timestamp, by: Duration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
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

    /// Sends as fast as the budget lets it through, with pauses; the instants of sending, in ms.
    fn sent_greedily(requests: u32, per: u64, pauses: &[i64]) -> Vec<Timestamp> {
        let rate = Some(Rate { requests, per: Duration::from_millis(per) });
        let scope = QuotaScope::Connection;
        let mut quota = Quota::new(&QuotaDeclaration { scope, concurrency: None, rate });
        let (mut now, mut sent) = (at(0), Vec::new());
        for pause in pauses {
            now = now.saturating_add(Duration::from_micros(pause.unsigned_abs())).unwrap();
            loop {
                match quota.admit(now) {
                    Admission::Go => break,
                    Admission::Until(until) => {
                        assert!(until > now, "a wait that is over at once");
                        now = until;
                    }
                    Admission::Full => panic!("nothing is under way"),
                }
            }
            quota.ended(now, Ending::Answered);
            sent.push(now);
            let marks = quota.sent.as_ref().map_or(0, |it| it.marks.len());
            assert!(marks <= MARKS_MAX as usize, "{marks} marks");
        }
        sent
    }

    #[test]
    fn a_burst_is_not_followed_by_a_refill() {
        let sent = sent_greedily(4, 1000, &[0; 12]);
        let millis: Vec<_> = sent.iter().map(|it| it.as_millisecond()).collect();
        assert_eq!(millis, [0, 0, 0, 0, 1020, 1020, 1020, 1020, 2040, 2040, 2040, 2040]);
    }

    #[test]
    fn what_is_taken_back_has_cost_nothing_and_what_is_abandoned_has() {
        let mut quota = quota(None, Some((2, 1)));
        assert_eq!(quota.admit(at(0)), Admission::Go);
        assert_eq!(quota.admit(at(10)), Admission::Go);
        quota.take_back(at(0));
        assert_eq!(quota.admit(at(20)), Admission::Go);
        quota.abandoned();
        assert_eq!(quota.admit(at(30)), Admission::Until(at(1030)));
    }

    #[test]
    fn a_clock_that_is_set_back_costs_one_period_at_most() {
        let mut quota = quota(None, Some((1, 1)));
        assert_eq!(quota.admit(at(3_600_000)), Admission::Go);
        assert_eq!(quota.admit(at(0)), Admission::Until(at(1020)));
        assert_eq!(quota.admit(at(1020)), Admission::Go);
    }

    proptest! {
        #[test]
        fn never_more_in_any_period_than_the_rate(
            requests in prop_oneof![1u32..20, 60u32..300], per in 50u64..4000,
            pauses in prop::collection::vec(prop_oneof![Just(0i64), 0i64..400_000], 1..700),
        ) {
            let sent = sent_greedily(requests, per, &pauses);
            let per = Duration::from_millis(per);
            for (index, from) in sent.iter().enumerate() {
                let until = from.saturating_add(per).unwrap();
                let within = sent[index..].iter().take_while(|it| **it <= until).count();
                prop_assert!(within <= requests as usize, "{within} in {per:?}");
            }
        }

        #[test]
        fn never_slower_than_a_twentieth_over_what_is_allowed(
            requests in prop_oneof![1u32..20, 60u32..300], per in 50u64..4000,
            spread in 0i64..3000,
        ) {
            let count = requests as usize * 8;
            let pauses = vec![spread; count];
            let sent = sent_greedily(requests, per, &pauses);
            let took = sent[count - 1].duration_since(at(0)).as_secs_f64();
            // Whole periods between the first and the last, or what the sender itself takes.
            let periods = (count as f64 / f64::from(requests) - 1.0) * per as f64 / 1000.0;
            let own = spread as f64 * count as f64 / 1e6;
            let ideal = periods.max(own) + spread as f64 * f64::from(requests) / 1e6;
            prop_assert!(took <= ideal * 1.05, "{took} s, ideal {ideal} s");
        }

        #[test]
        fn requests_called_off_never_make_room_for_more(
            requests in prop_oneof![1u32..6, 65u32..90],
            steps in prop::collection::vec((0i64..200, 0u8..4), 1..300),
        ) {
            let mut quota = quota(None, Some((requests, 1)));
            let (mut now, mut sent, mut open) = (0, Vec::new(), VecDeque::new());
            for (gap, what) in steps {
                now += gap;
                match (what, open.pop_front()) {
                    (0, Some(called_off)) => quota.take_back(at(called_off)),
                    (_, before) => {
                        sent.extend(before);
                        if quota.admit(at(now)) == Admission::Go {
                            open.push_back(now);
                        }
                    }
                }
            }
            sent.extend(open);
            for (index, from) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|it| **it <= from + 1000).count();
                prop_assert!(within <= requests as usize, "{within} in 1 s");
            }
        }
    }
}
