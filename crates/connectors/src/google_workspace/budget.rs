//! Spending the vendor's budgets request by request.
//!
//! The engine's gate admits one call of a port at a time, and a call may need several requests: a
//! listing has pages, a creation may find its id taken. So each request also waits here for its
//! turn: for its user's budget, for the project's, and for its place among the requests under way.
//! Budgets count as the vendor counts them
//! (developers.google.com/workspace/calendar/api/guides/quota, as of 2026-05-01): requests in a
//! sliding minute, each part of a batch for itself, of a project and of a user in it. A minute
//! counts a little longer here, because what leaves us a minute apart may arrive closer together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::port::{Clock, QuotaScope};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a request counts: the vendor's minute, and 1 % for jitter on the way.
const COUNTS_FOR: Duration = Duration::from_millis(60_600);
/// Longest wait for a turn; what would wait longer is not sent, so that whoever called keeps the
/// lease that it works under.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Users whose windows are kept before empty ones are dropped.
const USERS_BEFORE_SWEEP: usize = 4096;

/// The budgets of one connection.
#[derive(Debug)]
pub struct Budgets {
    clock: Arc<dyn Clock>,
    project: u32,
    user: u32,
    books: Mutex<Books>,
    under_way: Semaphore,
}

#[derive(Debug, Default)]
struct Books {
    project: Window,
    users: BTreeMap<Arc<str>, Window>,
    /// Users whose requests were throttled lately, and when.
    throttled: BTreeMap<Arc<str>, Timestamp>,
}

/// What was sent lately.
#[derive(Debug, Default)]
struct Window {
    sent: VecDeque<(Timestamp, u32)>,
    total: u32,
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

impl Window {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, count)) = self.sent.front().copied() {
            if after(at, COUNTS_FOR) > now {
                break;
            }
            self.total -= count;
            self.sent.pop_front();
        }
    }

    /// The first instant, not before `now`, at which so many more fit.
    fn free_at(&mut self, now: Timestamp, count: u32, limit: u32) -> Timestamp {
        self.forget(now);
        let mut over = (self.total + count).saturating_sub(limit);
        for (at, gone) in &self.sent {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*gone);
            if over == 0 {
                return after(*at, COUNTS_FOR);
            }
        }
        now
    }

    fn send(&mut self, now: Timestamp, count: u32) {
        self.total += count;
        match self.sent.back_mut() {
            Some((at, sent)) if *at == now => *sent += count,
            _ => self.sent.push_back((now, count)),
        }
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Budgets {
    /// Full budgets: requests in a minute of the project and of a user, requests under way.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, (project, user): (u32, u32), under_way: usize) -> Self {
        let under_way = Semaphore::new(under_way);
        Self { clock, project, user, books: Mutex::default(), under_way }
    }

    /// How many requests may go together.
    #[must_use]
    pub fn together_max(&self) -> usize {
        usize::try_from(self.project.min(self.user)).unwrap_or(usize::MAX)
    }

    /// Waits until `count` requests (at most [`Self::together_max`]) as `user` may be sent.
    ///
    /// # Errors
    /// When it would take longer than some seconds; then nothing was spent.
    pub async fn turn(&self, user: &Arc<str>, count: usize) -> Result<Turn<'_>, TooLong> {
        let deadline = after(self.clock.now(), WAIT_MAX);
        let place = tokio::select! {
            biased;
            // The semaphore is never closed.
            place = self.under_way.acquire() => place.ok(),
            () = self.clock.sleep_until(deadline) => {
                // How much longer the others take, nobody knows.
                let scope = QuotaScope::Connection;
                return Err(TooLong { wait: WAIT_MAX, scope });
            }
        };
        self.again(user, count).await.map(|()| Turn { _place: place })
    }

    /// The same for who still has a place, and sends a second time.
    ///
    /// # Errors
    /// As [`Self::turn`].
    pub async fn again(&self, user: &Arc<str>, count: usize) -> Result<(), TooLong> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let deadline = after(self.clock.now(), WAIT_MAX);
        loop {
            let now = self.clock.now();
            let Some((free_at, scope)) = self.spend(user, count, now) else { return Ok(()) };
            if free_at > deadline {
                return Err(TooLong { wait: free_at.duration_since(now).unsigned_abs(), scope });
            }
            self.clock.sleep_until(free_at).await;
        }
    }

    /// Spends it if there is room now; else says when there is, and whose budget it is.
    fn spend(
        &self,
        user: &Arc<str>,
        count: u32,
        now: Timestamp,
    ) -> Option<(Timestamp, QuotaScope)> {
        let mut books = self.lock();
        let Books { project, users, throttled: _ } = &mut *books;
        if users.len() >= USERS_BEFORE_SWEEP && users.len().is_power_of_two() {
            users.retain(|_, window| {
                window.forget(now);
                window.total > 0
            });
        }
        let own = users.entry(Arc::clone(user)).or_default();
        let of_user = own.free_at(now, count, self.user);
        let of_project = project.free_at(now, count, self.project);
        if of_user > now || of_project > now {
            return Some(match of_user > of_project {
                true => (of_user, QuotaScope::Calendar),
                false => (of_project, QuotaScope::Connection),
            });
        }
        own.send(now, count);
        project.send(now, count);
        None
    }

    /// Google throttled a request as `user`. Whose budget was exceeded, an answer does not say for
    /// sure: several users at once, or one that is far from its own, mean the project's.
    pub fn exceeded(&self, user: &Arc<str>) -> QuotaScope {
        let now = self.clock.now();
        let mut books = self.lock();
        let Books { project, users, throttled } = &mut *books;
        throttled.retain(|_, at| after(*at, COUNTS_FOR) > now);
        throttled.insert(Arc::clone(user), now);
        let several = throttled.len() > 1;
        let own = users.get(user).map_or(0, |it| it.total);
        let near = |spent: u32, limit: u32| spent >= limit - limit / 5;
        let of_project = near(project.total, self.project) && !near(own, self.user);
        match several || of_project {
            true => QuotaScope::Connection,
            false => QuotaScope::Calendar,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
