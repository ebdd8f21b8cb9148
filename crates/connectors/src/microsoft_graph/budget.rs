//! Spending the vendor's budgets request by request.
//!
//! The engine's gate admits one call of a port at a time, and a call may need several requests: an
//! update in place reads, then writes. So each request also waits here for its turn, in the order
//! of arrival: first for its team's budget, then for that of the whole connection, then for its
//! place among the requests under way. Budgets count as the vendor counts them (Learn, "Microsoft
//! Graph service-specific throttling limits", Teams): reads, writes and deletions of an application
//! in a tenant each for themselves, and everything that is asked of one team.
//!
//! A budget is a sliding window over the instants at which requests were sent: never more than so
//! many in any second, also right after a pause. A second counts a little longer here, because what
//! leaves us a second apart may arrive closer together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::port::{Clock, QuotaDeclaration, QuotaScope};
use http::Method;
use jiff::Timestamp;
use tokio::sync::{Mutex as Queue, Semaphore, SemaphorePermit};

/// How long a request counts: the vendor's second, and 2 % for jitter on the way.
const COUNTS_FOR: Duration = Duration::from_millis(1020);
/// Longest wait for a turn; what would wait longer is not sent, so that whoever called keeps the
/// lease that it works under.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The budgets of one connection.
#[derive(Debug)]
pub struct Budgets {
    clock: Arc<dyn Clock>,
    per_second: usize,
    per_team: usize,
    windows: Mutex<BTreeMap<Domain, Arc<Queue<Window>>>>,
    closed: Mutex<BTreeMap<Domain, Timestamp>>,
    under_way: Semaphore,
}

/// What shares a budget.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Domain {
    Reads,
    Writes,
    Deletions,
    Members,
    Team(String),
}

/// The right to send; given back when it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    _place: Option<SemaphorePermit<'a>>,
}

/// It would take too long until there is a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// For so long.
    pub wait: Duration,
    /// Whose budget it is.
    pub scope: QuotaScope,
}

#[derive(Debug)]
struct Window {
    requests: usize,
    sent: VecDeque<Timestamp>,
}

impl Window {
    /// The first instant, not before `now`, at which so many more fit.
    fn free_at(&mut self, now: Timestamp, count: usize) -> Timestamp {
        while self.sent.front().is_some_and(|it| after(*it, COUNTS_FOR) <= now) {
            self.sent.pop_front();
        }
        let over = (self.sent.len() + count).saturating_sub(self.requests);
        match over.checked_sub(1).and_then(|it| self.sent.get(it)) {
            Some(oldest) => after(*oldest, COUNTS_FOR).max(now),
            None => now,
        }
    }

    fn send(&mut self, now: Timestamp, count: usize) {
        self.sent.extend(std::iter::repeat_n(now, count));
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Budgets {
    /// Full budgets, as they are declared.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, declared: &[QuotaDeclaration]) -> Self {
        let of = |scope| declared.iter().find(move |it| it.scope == scope);
        let rate = |scope| {
            let rate = of(scope).and_then(|it| it.rate);
            rate.map_or(usize::MAX, |it| usize::try_from(it.requests).unwrap_or(usize::MAX))
        };
        let under_way = of(QuotaScope::Connection).and_then(|it| it.concurrency);
        Self {
            clock,
            per_second: rate(QuotaScope::Connection),
            per_team: rate(QuotaScope::Calendar),
            windows: Mutex::default(),
            closed: Mutex::default(),
            under_way: Semaphore::new(under_way.unwrap_or(Semaphore::MAX_PERMITS)),
        }
    }

    /// How many requests on one team may go together.
    #[must_use]
    pub fn together_max(&self) -> usize {
        self.per_team.min(self.per_second)
    }

    /// Waits until `count` requests (at most [`Self::together_max`]) like this one may be sent.
    ///
    /// # Errors
    /// When it would take longer than some seconds; then nothing was spent.
    pub async fn turn(
        &self,
        method: &Method,
        path: &str,
        count: usize,
    ) -> Result<Turn<'_>, TooLong> {
        let team = team_of(path).map(|team| Domain::Team(team.to_owned()));
        let kind = kind_of(method, path);
        let mut team_window = match &team {
            Some(team) => Some(self.window(team).lock_owned().await),
            None => None,
        };
        if let (Some(team), Some(window)) = (&team, team_window.as_mut()) {
            self.wait_for(team, window, count).await?;
        }
        let mut window = self.window(&kind).lock_owned().await;
        self.wait_for(&kind, &mut window, count).await?;
        // The semaphore is never closed.
        let place = self.under_way.acquire().await.ok();
        let now = self.clock.now();
        window.send(now, count);
        if let Some(team_window) = team_window.as_mut() {
            team_window.send(now, count);
        }
        Ok(Turn { _place: place })
    }

    /// The vendor asked to wait so long with requests like this one.
    pub fn close(&self, method: &Method, path: &str, wait: Duration) {
        let team = team_of(path).map(|team| Domain::Team(team.to_owned()));
        let domain = team.unwrap_or_else(|| kind_of(method, path));
        let until = after(self.clock.now(), wait);
        let mut closed = lock(&self.closed);
        let known = closed.entry(domain).or_insert(until);
        *known = until.max(*known);
    }

    async fn wait_for(
        &self,
        domain: &Domain,
        window: &mut Window,
        count: usize,
    ) -> Result<(), TooLong> {
        let started = self.clock.now();
        loop {
            let now = self.clock.now();
            let free_at = window.free_at(now, count).max(self.closed_until(domain, now));
            if free_at <= now {
                return Ok(());
            }
            if free_at > after(started, WAIT_MAX) {
                let wait = free_at.duration_since(now).unsigned_abs();
                let scope = match domain {
                    Domain::Team(_) => QuotaScope::Calendar,
                    Domain::Reads | Domain::Writes | Domain::Deletions | Domain::Members => {
                        QuotaScope::Connection
                    }
                };
                return Err(TooLong { wait, scope });
            }
            self.clock.sleep_until(free_at).await;
        }
    }

    fn closed_until(&self, domain: &Domain, now: Timestamp) -> Timestamp {
        let mut closed = lock(&self.closed);
        let until = closed.get(domain).copied().filter(|it| *it > now);
        if until.is_none() {
            closed.remove(domain);
        }
        until.unwrap_or(now)
    }

    fn window(&self, domain: &Domain) -> Arc<Queue<Window>> {
        let requests = match domain {
            Domain::Reads | Domain::Writes => self.per_second,
            Domain::Deletions => (self.per_second / 2).max(1),
            Domain::Members => self.per_second.saturating_mul(2),
            Domain::Team(_) => self.per_team,
        };
        let mut windows = lock(&self.windows);
        let window = windows
            .entry(domain.clone())
            .or_insert_with(|| Arc::new(Queue::new(Window { requests, sent: VecDeque::new() })));
        Arc::clone(window)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn team_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/teams/")?;
    rest.split(['/', '?']).next().filter(|it| !it.is_empty())
}

fn kind_of(method: &Method, path: &str) -> Domain {
    let path = path.split('?').next().unwrap_or_default();
    match *method {
        Method::GET if path.ends_with("/members") => Domain::Members,
        Method::GET | Method::HEAD | Method::OPTIONS => Domain::Reads,
        Method::DELETE => Domain::Deletions,
        _ => Domain::Writes,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use async_trait::async_trait;
    use engine::port::Rate;
    use proptest::prelude::*;

    use super::*;

    /// Moves on by itself when somebody sleeps.
    #[derive(Debug)]
    struct Leaping(Mutex<Timestamp>);

    #[async_trait]
    impl Clock for Leaping {
        fn now(&self) -> Timestamp {
            *lock(&self.0)
        }

        async fn sleep_until(&self, at: Timestamp) {
            let mut now = lock(&self.0);
            *now = at.max(*now);
        }
    }

    fn budgets(per_second: u32, per_team: u32) -> (Arc<Leaping>, Budgets) {
        let clock = Arc::new(Leaping(Mutex::new(Timestamp::UNIX_EPOCH)));
        let per = |requests| Some(Rate { requests, per: Duration::from_secs(1) });
        let declared = [(QuotaScope::Connection, per_second), (QuotaScope::Calendar, per_team)]
            .map(|(scope, rate)| QuotaDeclaration { scope, concurrency: None, rate: per(rate) });
        (Arc::clone(&clock), Budgets::new(clock, &declared))
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("waits for something that is not time"),
        }
    }

    #[test]
    fn a_team_is_asked_four_times_in_any_second_and_another_one_does_not_wait() {
        let (clock, budgets) = budgets(30, 4);
        let turn = |path| drop(now(budgets.turn(&Method::GET, path, 1)).unwrap());
        for _ in 0..4 {
            turn("/teams/a/schedule");
        }
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        turn("/teams/b/schedule");
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        turn("/teams/a/schedule/shifts?$top=1");
        assert_eq!(clock.now(), after(Timestamp::UNIX_EPOCH, COUNTS_FOR));
    }

    #[test]
    fn deletions_have_half_the_budget_and_reads_and_writes_one_each() {
        let (clock, budgets) = budgets(2, 100);
        let turn = |method: Method| drop(now(budgets.turn(&method, "/teams/a/x", 1)).unwrap());
        for method in [Method::GET, Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            turn(method);
        }
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        turn(Method::DELETE);
        assert_eq!(clock.now(), after(Timestamp::UNIX_EPOCH, COUNTS_FOR));
    }

    #[test]
    fn what_the_vendor_closed_is_waited_for_if_it_is_short_and_not_asked_if_it_is_long() {
        let (clock, budgets) = budgets(30, 4);
        let path = "/teams/a/schedule";
        budgets.close(&Method::GET, path, Duration::from_secs(3));
        drop(now(budgets.turn(&Method::GET, path, 1)).unwrap());
        assert_eq!(clock.now().as_second(), 3);
        budgets.close(&Method::GET, path, Duration::from_secs(60));
        let refused = now(budgets.turn(&Method::GET, path, 1)).unwrap_err();
        let wait = Duration::from_secs(60);
        assert_eq!(refused, TooLong { wait, scope: QuotaScope::Calendar });
        drop(now(budgets.turn(&Method::GET, "/teams/b/schedule", 1)).unwrap());
        assert_eq!(clock.now().as_second(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_second_of_any_phase_holds_more_than_the_budget(
            asks in prop::collection::vec((0usize..3, 1usize..5, 0i64..500), 1..120),
        ) {
            let (clock, budgets) = budgets(7, 4);
            let mut sent: Vec<(usize, Timestamp)> = Vec::new();
            for (team, count, gap) in asks {
                let at = after(clock.now(), Duration::from_millis(gap.unsigned_abs()));
                now(clock.sleep_until(at));
                let path = format!("/teams/t{team}/schedule");
                drop(now(budgets.turn(&Method::GET, &path, count)).unwrap());
                sent.extend(std::iter::repeat_n((team, clock.now()), count));
            }
            let second = Duration::from_secs(1);
            for (index, (team, from)) in sent.iter().enumerate() {
                let within = sent[index..].iter().filter(|it| it.1 < after(*from, second));
                prop_assert!(within.clone().count() <= 7);
                prop_assert!(within.filter(|it| it.0 == *team).count() <= 4);
            }
        }
    }
}
