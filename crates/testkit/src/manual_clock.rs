//! Time that stands still until a test moves it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use engine::port::Clock;
use jiff::{SignedDuration, Timestamp};

/// A clock that a test moves. Clones are the same clock.
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    now: Timestamp,
    /// How far it moves on whenever somebody reads it.
    tick: SignedDuration,
    next_ticket: u64,
    /// Who sleeps, by when to wake them and the order in which they came.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let inner =
            Inner { now, tick: SignedDuration::ZERO, next_ticket: 0, sleepers: BTreeMap::new() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Moves on by `by` and wakes who slept until then, the earliest first. Going back is
    /// standing still: a clock never shows an earlier instant than before.
    pub fn advance(&self, by: SignedDuration) {
        let to = self.lock().now.saturating_add(by).unwrap_or(Timestamp::MAX);
        self.advance_to(to);
    }

    /// Moves on to `to`, as [`Self::advance`].
    pub fn advance_to(&self, to: Timestamp) {
        let mut inner = self.lock();
        inner.now = inner.now.max(to);
        let (now, mut due) = (inner.now, Vec::new());
        while let Some(entry) = inner.sleepers.first_entry().filter(|it| it.key().0 <= now) {
            due.push(entry.remove());
        }
        drop(inner);
        due.into_iter().for_each(Waker::wake);
    }

    /// From now on it moves on by `by` whenever somebody reads it, as a real clock does.
    pub fn tick(&self, by: SignedDuration) {
        self.lock().tick = by;
    }

    /// When the next sleeper is to be woken.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.lock().sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.lock().now)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let (now, tick) = {
            let inner = self.lock();
            (inner.now, inner.tick)
        };
        if !tick.is_zero() {
            self.advance(tick);
        }
        now
    }

    async fn sleep_until(&self, at: Timestamp) {
        Sleep { clock: self, at, ticket: None }.await;
    }
}

struct Sleep<'a> {
    clock: &'a ManualClock,
    at: Timestamp,
    ticket: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock;
        let mut inner = clock.lock();
        if inner.now >= self.at {
            return Poll::Ready(());
        }
        let ticket = *self.ticket.get_or_insert_with(|| {
            inner.next_ticket += 1;
            inner.next_ticket
        });
        inner.sleepers.insert((self.at, ticket), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.clock.lock().sleepers.remove(&(self.at, ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let start: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let clock = ManualClock::new(start);
        let at = start + SignedDuration::from_secs(5);
        let mut sleep = clock.sleep_until(at);
        assert!((&mut sleep).now_or_never().is_none());
        assert_eq!(clock.next_wake(), Some(at));
        clock.advance(SignedDuration::from_secs(-60));
        clock.advance(SignedDuration::from_secs(4));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(SignedDuration::from_secs(1));
        assert!((&mut sleep).now_or_never().is_some());
        assert_eq!((clock.now(), clock.next_wake()), (at, None));
    }
}
