//! Handing several writes to a target at once, where it takes them so.
//!
//! Each write was let through the gate for itself, so a batch spends no budget that its writes
//! would not have spent. What is let through at the same instant goes together, also of several
//! calendars; nobody waits for a batch to fill. That makes full batches where it matters: when one
//! comes back it makes room for as many writes at once as it held.
//!
//! Not given: that a batch is carried out in any order, or as a whole.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::gate::{Gate, Pass};
use crate::port::{Clock, Failure, FailureClass, Target, Write, Written, write_one};

/// A write that could not be sent for so long after it was let through must be let through anew:
/// budgets count it where it was, and are stretched by little more than this.
const FRESH_FOR: SignedDuration = SignedDuration::from_millis(10);

type Outcome = Result<Option<Written>, Failure>;

/// Why a write was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// Meanwhile somebody heard that nothing is to be sent.
    Closed,
    /// Too much time has passed since it was let through.
    Stale,
}

/// The batches of one target.
pub struct Batches<'a> {
    target: &'a dyn Target,
    gate: &'a Gate,
    clock: &'a dyn Clock,
    size_max: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<Ticket>,
    given: u64,
}

struct Ticket {
    number: u64,
    admitted_at: Timestamp,
    write: Write,
    tell: oneshot::Sender<Result<Outcome, NotSent>>,
}

impl<'a> Batches<'a> {
    /// Nothing is under way.
    #[must_use]
    pub fn new(target: &'a dyn Target, gate: &'a Gate, clock: &'a dyn Clock) -> Self {
        let size_max = target.capabilities().batch_size_max.max(1);
        Self { target, gate, clock, size_max, waiting: Mutex::default() }
    }

    /// Sends a write that `pass` lets through now, together with others; ends the pass.
    ///
    /// # Errors
    /// When the pass was not good any more; then the write needs another one.
    pub async fn send(&self, write: Write, pass: Pass<'_>) -> Result<Outcome, NotSent> {
        let outcome = if self.size_max == 1 {
            let outcomes = self.target.write_all(std::slice::from_ref(&write)).await;
            outcomes.into_iter().next().unwrap_or_else(|| Err(unknown(LEFT_OUT)))
        } else {
            let (tell, told) = oneshot::channel();
            let number =
                self.lock().put(Ticket { number: 0, admitted_at: pass.admitted_at(), write, tell });
            let_others_queue().await;
            // Whoever comes first takes the others along.
            let group = self.lock().take(number, self.size_max);
            self.carry_out(group).await;
            let called_off = |_| Ok(Err(unknown("the batch that it was part of was called off")));
            match told.await.unwrap_or_else(called_off) {
                Ok(outcome) => outcome,
                Err(why) => {
                    pass.call_off();
                    return Err(why);
                }
            }
        };
        pass.ended(outcome.as_ref().err());
        Ok(outcome)
    }

    async fn carry_out(&self, group: Vec<Ticket>) {
        let (mut writes, mut tells) = (Vec::new(), Vec::new());
        for Ticket { number: _, admitted_at, write, tell } in group {
            let now = self.clock.now();
            if now.duration_since(admitted_at) > FRESH_FOR {
                // Whoever asked may have gone.
                drop(tell.send(Err(NotSent::Stale)));
            } else if self.gate.is_closed_to(&write.calendar) {
                drop(tell.send(Err(NotSent::Closed)));
            } else {
                writes.push(write);
                tells.push(tell);
            }
        }
        let outcomes = match writes.as_slice() {
            [] => return,
            [write] => vec![write_one(self.target, write).await],
            several => self.target.write_all(several).await,
        };
        // Before anybody goes on, the gate hears what the vendor asks for.
        for (write, outcome) in writes.iter().zip(&outcomes) {
            if let Err(failure) = outcome {
                self.gate.hear(&write.calendar, failure);
            }
        }
        let mut outcomes = outcomes.into_iter();
        for tell in tells {
            let left_out = || Err(unknown(LEFT_OUT));
            drop(tell.send(Ok(outcomes.next().unwrap_or_else(left_out))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put(&mut self, ticket: Ticket) -> u64 {
        self.given += 1;
        let number = self.given;
        self.queue.push_back(Ticket { number, ..ticket });
        number
    }

    /// The write of this number and those that waited longest; nothing when it was taken along.
    fn take(&mut self, number: u64, size: usize) -> Vec<Ticket> {
        let Some(at) = self.queue.iter().position(|it| it.number == number) else {
            return Vec::new();
        };
        let own = self.queue.remove(at);
        let others = (size - 1).min(self.queue.len());
        own.into_iter().chain(self.queue.drain(..others)).collect()
    }
}

/// Lets everybody else who has something to send queue it first.
async fn let_others_queue() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

const LEFT_OUT: &str = "the target said nothing of it";

fn unknown(detail: &str) -> Failure {
    Failure {
        class: FailureClass::Unknown,
        operation: "carry out a write in a batch".into(),
        status: None,
        detail: detail.into(),
    }
}
