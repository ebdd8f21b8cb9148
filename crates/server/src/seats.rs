//! Who sits where: which connections are open, and which of them has been idle for longest.
//!
//! A connection is idle while no request of it is being answered, and while the body of one is
//! waited for: who sends it slowly is who keeps others out. When all places are taken, the
//! one that has been idle for longest makes room; one that is being answered never does. Asked
//! only then, so an answer costs two atomic writes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// The value of [`Seat::idle_since`] while a request is being answered.
const BUSY: u64 = 0;

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    /// Counts whatever happens; orders what became idle.
    ticks: Arc<AtomicU64>,
    taken: Mutex<Vec<Weak<Seat>>>,
}

/// One connection's.
#[derive(Debug)]
pub(crate) struct Seat {
    ticks: Arc<AtomicU64>,
    idle_since: AtomicU64,
    leaving: AtomicBool,
    leave: Notify,
}

impl Seats {
    /// A seat for a connection that has just come.
    pub fn take(&self) -> Arc<Seat> {
        let seat = Arc::new(Seat {
            ticks: Arc::clone(&self.ticks),
            idle_since: AtomicU64::new(tick(&self.ticks)),
            leaving: AtomicBool::new(false),
            leave: Notify::new(),
        });
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgets those who left each time that the list would grow.
        if taken.len() == taken.capacity() {
            taken.retain(|it| it.strong_count() > 0);
        }
        taken.push(Arc::downgrade(&seat));
        seat
    }

    /// Asks the connection that has been idle for longest to leave; none when all are busy.
    pub fn make_room(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = taken.iter().filter_map(Weak::upgrade).filter_map(|seat| {
            let since = seat.idle_since.load(Ordering::Acquire);
            (since != BUSY && !seat.leaving.load(Ordering::Acquire)).then_some((since, seat))
        });
        if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
            longest.leaving.store(true, Ordering::Release);
            longest.leave.notify_one();
        }
    }
}

impl Seat {
    /// A request has come; it is being answered until what is returned is dropped.
    pub fn answering(self: &Arc<Self>) -> Answering {
        self.idle_since.store(BUSY, Ordering::Release);
        Answering(Arc::clone(self))
    }

    /// The rest of a request is waited for: until what is returned is dropped, the connection is
    /// idle.
    pub fn waiting(self: &Arc<Self>) -> Waiting {
        self.idle_since.store(tick(&self.ticks), Ordering::Release);
        Waiting(Arc::clone(self))
    }

    /// Completes when the connection is to leave.
    pub async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// Whether no request is being answered.
    pub fn is_idle(&self) -> bool {
        self.idle_since.load(Ordering::Acquire) != BUSY
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Seat>);

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(seat) = self;
        seat.idle_since.store(tick(&seat.ticks), Ordering::Release);
    }
}

/// A request that has not arrived in full.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Seat>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.idle_since.store(BUSY, Ordering::Release);
    }
}

/// The next number, from 1.
fn tick(ticks: &AtomicU64) -> u64 {
    ticks.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_asked(seat: &Seat) -> bool {
        seat.leaving.load(Ordering::Acquire)
    }

    #[test]
    fn the_longest_idle_leaves_first_and_a_busy_one_never() {
        let seats = Seats::default();
        let (first, second, third) = (seats.take(), seats.take(), seats.take());
        drop(first.answering());
        let busy = second.answering();
        seats.make_room();
        assert!([&first, &second].iter().all(|it| !is_asked(it)) && is_asked(&third));
        seats.make_room();
        assert!(is_asked(&first) && !is_asked(&second));
        seats.make_room();
        assert!(!is_asked(&second));
        drop(busy);
        seats.make_room();
        assert!(is_asked(&second));
    }

    #[test]
    fn who_lets_its_body_be_waited_for_makes_room() {
        let seats = Seats::default();
        let (slow, busy) = (seats.take(), seats.take());
        let (_one, _two) = (slow.answering(), busy.answering());
        let waiting = slow.waiting();
        seats.make_room();
        assert!(is_asked(&slow) && !is_asked(&busy));
        drop(waiting);
        assert!(!slow.is_idle(), "its body has arrived: it is answered first");
    }

    #[test]
    fn who_left_is_forgotten() {
        let seats = Seats::default();
        for _ in 0..10_000 {
            drop(seats.take());
        }
        assert!(seats.taken.lock().unwrap().len() < 16);
    }
}
