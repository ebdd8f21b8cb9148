//! Running futures one at a time, in an order that the seed decides, in time that only moves when
//! nobody has anything to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use engine::port::Clock;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use jiff::{SignedDuration, Timestamp};
use testkit::manual_clock::ManualClock;
use testkit::seeded_entropy::SeededEntropy;

/// Polls after which a world counts as going in circles.
const POLLS_MAX: u64 = 400_000;

/// What goes on whether or not the process that began it still lives: requests under way.
#[derive(Clone, Default)]
pub struct Deliveries(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Deliveries {
    /// Adds one.
    pub fn spawn(&self, delivery: BoxFuture<'static, ()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    }

    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Gives way to everybody else once: an await point.
pub async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How rough the executor is with processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roughness {
    /// Of 10,000 polls so many are the last of their process.
    pub crashes: u64,
    /// Of 10,000 polls so many are followed by a pause of that process.
    pub pauses: u64,
}

/// How the activity of a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It came to its end.
    Finished,
    /// It was killed.
    Crashed,
}

/// Runs futures in virtual time.
pub struct Executor {
    clock: ManualClock,
    chance: SeededEntropy,
    deliveries: Deliveries,
    under_way: Vec<Task>,
}

struct Task {
    future: LocalBoxFuture<'static, ()>,
    woken: Arc<Woken>,
    /// Which process it is; `None` for a delivery.
    process: Option<usize>,
    paused_until: Option<Timestamp>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Task {
    fn new(future: LocalBoxFuture<'static, ()>, process: Option<usize>) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { future, woken, process, paused_until: None }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.woken.0.load(Ordering::Relaxed) && self.paused_until.is_none_or(|until| until <= now)
    }

    fn poll(&mut self) -> Poll<()> {
        self.woken.0.store(false, Ordering::Relaxed);
        self.paused_until = None;
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl Executor {
    /// An executor that nothing runs on yet.
    #[must_use]
    pub fn new(clock: ManualClock, chance: SeededEntropy, deliveries: Deliveries) -> Self {
        Self { clock, chance, deliveries, under_way: Vec::new() }
    }

    /// Runs one activity per process until each has ended; requests that are under way then go
    /// on the next time.
    ///
    /// # Errors
    /// When nothing can go on, or everything goes on for ever.
    pub fn run(
        &mut self,
        activities: Vec<LocalBoxFuture<'static, ()>>,
        roughness: Roughness,
    ) -> Result<Vec<Ending>, String> {
        let mut endings = vec![Ending::Finished; activities.len()];
        let mut tasks: Vec<Task> = std::mem::take(&mut self.under_way);
        let processes = activities.into_iter().enumerate();
        tasks.extend(processes.map(|(index, future)| Task::new(future, Some(index))));
        for _ in 0..POLLS_MAX {
            tasks.extend(self.deliveries.take().into_iter().map(|it| Task::new(it, None)));
            if tasks.iter().all(|task| task.process.is_none()) {
                self.under_way = tasks;
                return Ok(endings);
            }
            let now = self.clock.now();
            let due: Vec<usize> = (0..tasks.len()).filter(|it| tasks[*it].is_due(now)).collect();
            if due.is_empty() {
                self.let_time_pass(&tasks)?;
                continue;
            }
            let index = due[self.chance.below(due.len() as u64) as usize];
            if tasks[index].poll().is_ready() {
                drop(tasks.remove(index));
                continue;
            }
            let Some(process) = tasks[index].process else { continue };
            if self.chance.below(10_000) < roughness.crashes {
                endings[process] = Ending::Crashed;
                drop(tasks.remove(index));
            } else if self.chance.below(10_000) < roughness.pauses {
                let pause = SignedDuration::from_secs(5 + self.chance.below(200) as i64);
                tasks[index].paused_until = Some(now + pause);
            }
        }
        Err(format!("still going on after {POLLS_MAX} steps"))
    }

    /// Lets requests under way land, and nothing else.
    pub fn settle(&mut self, until: Timestamp) {
        let mut tasks: Vec<Task> = std::mem::take(&mut self.under_way);
        tasks.extend(self.deliveries.take().into_iter().map(|it| Task::new(it, None)));
        self.clock.advance_to(until);
        tasks.retain_mut(|task| task.poll().is_pending());
        self.under_way = tasks;
    }

    fn let_time_pass(&self, tasks: &[Task]) -> Result<(), String> {
        let now = self.clock.now();
        let paused = tasks.iter().filter_map(|task| task.paused_until).filter(|it| *it > now);
        let next = [self.clock.next_wake(), paused.min()].into_iter().flatten().min();
        match next {
            Some(next) => {
                self.clock.advance_to(next);
                Ok(())
            }
            None => Err("nothing can go on: everybody waits, and for no time".into()),
        }
    }
}
