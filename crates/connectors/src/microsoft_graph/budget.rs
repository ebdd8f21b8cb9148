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
//!
//! Who waits for a place keeps nobody from the windows: with a place, one looks again whether there
//! is still room in them. The whole wait is bounded.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::limits::BATCH_REQUESTS_MAX;
use engine::port::{Clock, QuotaDeclaration, QuotaScope};
use http::Method;
use jiff::Timestamp;
use tokio::sync::{Mutex as Queue, Semaphore, SemaphorePermit};

/// How long a request counts: the vendor's second, and 2 % for jitter on the way.
const COUNTS_FOR: Duration = Duration::from_millis(1020);
/// How long ago a request may have been sent whose answer comes now, so that what was sent with it
/// is remembered.
const LOOKED_BACK: Duration = Duration::from_secs(4);
/// Longest wait for a turn; what would wait longer is not sent, so that whoever called keeps the
/// lease that it works under.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The budgets of one connection.
#[derive(Debug)]
pub struct Budgets {
    clock: Arc<dyn Clock>,
    per_second: usize,
    per_team: usize,
    books: Mutex<Books>,
    queues: Mutex<BTreeMap<Domain, Arc<Queue<()>>>>,
    under_way: Semaphore,
}

/// What was sent, and what the vendor said to that.
#[derive(Debug, Default)]
struct Books {
    windows: BTreeMap<Domain, Window>,
    closed: BTreeMap<Domain, Timestamp>,
    /// Of each kind: the teams on which it was throttled, and when.
    throttled: BTreeMap<Domain, BTreeMap<Domain, Timestamp>>,
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

impl Domain {
    const fn scope(&self) -> QuotaScope {
        match self {
            Self::Team(_) => QuotaScope::Calendar,
            Self::Reads | Self::Writes | Self::Deletions | Self::Members => QuotaScope::Connection,
        }
    }
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
    /// In order; also those that count no longer, for as long as an answer to them may come.
    sent: VecDeque<Timestamp>,
}

impl Window {
    /// The first instant, not before `now`, at which so many more fit.
    fn free_at(&self, now: Timestamp, count: usize) -> Timestamp {
        let gone = self.sent.iter().take_while(|it| after(**it, COUNTS_FOR) <= now).count();
        let over = (self.sent.len() - gone + count).saturating_sub(self.requests);
        match over.checked_sub(1).and_then(|it| self.sent.get(gone + it)) {
            Some(oldest) => after(*oldest, COUNTS_FOR).max(now),
            None => now,
        }
    }

    fn send(&mut self, now: Timestamp, count: usize) {
        while self.sent.front().is_some_and(|it| after(*it, LOOKED_BACK) <= now) {
            self.sent.pop_front();
        }
        self.sent.extend(std::iter::repeat_n(now, count));
    }

    /// The most that any second held of late.
    fn most(&self, now: Timestamp) -> usize {
        let late = |it: &&Timestamp| after(**it, LOOKED_BACK) > now;
        let (mut held, mut most) = (VecDeque::new(), 0);
        for at in self.sent.iter().filter(late) {
            while held.front().is_some_and(|it| after(*it, COUNTS_FOR) <= *at) {
                held.pop_front();
            }
            held.push_back(*at);
            most = most.max(held.len());
        }
        most
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Books {
    /// The first instant, not before `now`, at which `domain` has room for so many more.
    fn free_at(&self, domain: &Domain, now: Timestamp, count: usize) -> Timestamp {
        let window = self.windows.get(domain).map_or(now, |it| it.free_at(now, count));
        window.max(self.closed.get(domain).copied().unwrap_or(now))
    }

    /// Which budget was exceeded by a request of `kind`, as far as can be told: an answer does not
    /// say. A team that was asked less than it takes is not it while all teams together were asked
    /// about as much as they may be; nor is it one team where several are refused at once.
    fn exceeded(&mut self, kind: &Domain, team: Option<Domain>, now: Timestamp) -> Domain {
        let Some(team) = team else { return kind.clone() };
        let throttled = self.throttled.entry(kind.clone()).or_default();
        throttled.retain(|_, at| after(*at, COUNTS_FOR) > now);
        throttled.insert(team.clone(), now);
        let several = throttled.len() > 1;
        let below = |domain: &Domain, part: fn(usize) -> usize| {
            self.windows.get(domain).is_none_or(|it| it.most(now) < part(it.requests))
        };
        let all_of_it = below(&team, |rate| rate) && !below(kind, |rate| rate - rate / 5);
        if several || all_of_it { kind.clone() } else { team }
    }
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
            books: Mutex::default(),
            queues: Mutex::default(),
            under_way: Semaphore::new(under_way.unwrap_or(Semaphore::MAX_PERMITS)),
        }
    }

    /// How many requests like the one of this path may go together.
    #[must_use]
    pub fn together_max(&self, path: &str) -> usize {
        let most = self.per_second.min(BATCH_REQUESTS_MAX);
        if team_of(path).is_some() { self.per_team.min(most) } else { most }
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
        self.turn_of(method, path, count, true).await
    }

    /// The same for who still has a place, and sends a second time.
    ///
    /// # Errors
    /// As [`Self::turn`].
    pub async fn again(&self, method: &Method, path: &str, count: usize) -> Result<(), TooLong> {
        self.turn_of(method, path, count, false).await.map(drop)
    }

    async fn turn_of(
        &self,
        method: &Method,
        path: &str,
        count: usize,
        needs_place: bool,
    ) -> Result<Turn<'_>, TooLong> {
        let (kind, team) = (kind_of(method, path), team_of(path));
        let domains: Vec<Domain> = team.into_iter().chain([kind]).collect();
        let deadline = after(self.clock.now(), WAIT_MAX);
        loop {
            let mut queues = Vec::new();
            for domain in &domains {
                let queue = self.queue(domain).lock_owned();
                queues.push(self.in_time(deadline, domain.scope(), queue).await?);
                self.wait_for(domain, count, deadline).await?;
            }
            let place = match self.under_way.try_acquire() {
                _ if !needs_place => None,
                Ok(place) => Some(place),
                Err(_) => {
                    drop(queues);
                    let place = self.under_way.acquire();
                    // The semaphore is never closed.
                    self.in_time(deadline, QuotaScope::Connection, place).await?.ok()
                }
            };
            if self.spend(&domains, count) {
                return Ok(Turn { _place: place });
            }
        }
    }

    /// The vendor asked to wait so long with requests like this one.
    pub fn close(&self, method: &Method, path: &str, wait: Duration) {
        let now = self.clock.now();
        let mut books = lock(&self.books);
        let domain = books.exceeded(&kind_of(method, path), team_of(path), now);
        let until = after(now, wait);
        let known = books.closed.entry(domain).or_insert(until);
        *known = until.max(*known);
    }

    /// Spends it, if there is room for it now in each of them.
    fn spend(&self, domains: &[Domain], count: usize) -> bool {
        let now = self.clock.now();
        let mut books = lock(&self.books);
        if domains.iter().any(|it| books.free_at(it, now, count) > now) {
            return false;
        }
        for domain in domains {
            let requests = self.rate(domain);
            let window = books.windows.entry(domain.clone());
            let window = window.or_insert_with(|| Window { requests, sent: VecDeque::new() });
            window.send(now, count);
            books.closed.remove(domain);
        }
        true
    }

    async fn wait_for(
        &self,
        domain: &Domain,
        count: usize,
        deadline: Timestamp,
    ) -> Result<(), TooLong> {
        loop {
            let now = self.clock.now();
            let free_at = lock(&self.books).free_at(domain, now, count);
            if free_at <= now {
                return Ok(());
            }
            if free_at > deadline {
                let wait = free_at.duration_since(now).unsigned_abs();
                return Err(TooLong { wait, scope: domain.scope() });
            }
            self.clock.sleep_until(free_at).await;
        }
    }

    async fn in_time<T>(
        &self,
        deadline: Timestamp,
        scope: QuotaScope,
        waits: impl Future<Output = T>,
    ) -> Result<T, TooLong> {
        tokio::select! {
            biased;
            it = waits => Ok(it),
            // How much longer the others take, nobody knows.
            () = self.clock.sleep_until(deadline) => Err(TooLong { wait: COUNTS_FOR, scope }),
        }
    }

    fn rate(&self, domain: &Domain) -> usize {
        match domain {
            Domain::Reads | Domain::Writes => self.per_second,
            Domain::Deletions => (self.per_second / 2).max(1),
            Domain::Members => self.per_second.saturating_mul(2),
            Domain::Team(_) => self.per_team,
        }
    }

    fn queue(&self, domain: &Domain) -> Arc<Queue<()>> {
        Arc::clone(lock(&self.queues).entry(domain.clone()).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn team_of(path: &str) -> Option<Domain> {
    let rest = path.strip_prefix("/teams/")?;
    let team = rest.split(['/', '?']).next().filter(|it| !it.is_empty())?;
    Some(Domain::Team(team.to_owned()))
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
