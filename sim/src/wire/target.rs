//! The target as one process sees it: what it sends meets faults, and is held to its budgets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::limits::REQUEST_TIMEOUT;
use domain::{CalendarKey, Employee, Entity, ItemKey};
use engine::port::{
    Capabilities, Clock, DeltaToken, ETag, Failure, FailureClass, Finding, Item, Listing, Opened,
    Placement, Probe, RemoteId, Sighting, Target, Verb, Write, WriteWhat, Written,
};

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::SignedDuration;
use testkit::memory_target::MemoryTarget;

use super::{Call, Wire};
use crate::Sabotage;
use crate::budget::Budget;
use crate::executor::give_way;
use crate::faults::{Fate, Request};

/// The target as one process sees it.
pub struct ShakyTarget {
    wire: Arc<Wire>,
    process: String,
    budget: Budget,
    requests: AtomicU64,
}

/// Ends a request however its caller ends.
struct UnderWay<'a>(&'a Budget, &'a CalendarKey);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

impl ShakyTarget {
    /// The target as `process` sees it.
    #[must_use]
    pub fn new(wire: Arc<Wire>, process: String) -> Self {
        let budget = Budget::new(wire.target.capabilities().quotas.clone());
        Self { wire, process, budget, requests: AtomicU64::new(0) }
    }

    async fn send<T: Send + 'static>(
        &self,
        call: Call,
        effect: impl FnOnce(&MemoryTarget) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let calendar = call.calendar.clone();
        let answer = self.exchange(call, effect).await;
        self.hear(&calendar, answer.as_ref().err());
        answer
    }

    /// The process learns from an answer that it is to send nothing for a time.
    fn hear(&self, calendar: &CalendarKey, failure: Option<&Failure>) {
        if let Some(FailureClass::Throttled { retry_after: Some(time), scope }) =
            failure.map(|it| &it.class)
        {
            self.budget.close(*scope, calendar, self.wire.clock.now(), *time);
        }
    }

    async fn exchange<T: Send + 'static>(
        &self,
        call: Call,
        effect: impl FnOnce(&MemoryTarget) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let wire = &self.wire;
        if let Some(excess) = self.budget.begin(&call.calendar, wire.clock.now()) {
            wire.trace.violation("8 (budgets hold)", format_args!("{}: {excess}", self.process));
        }
        let calendar = call.calendar.clone();
        let _under_way = UnderWay(&self.budget, &calendar);
        // Between our decision and the sending is a moment in which the process can be paused;
        // where a late write cannot be told from a timely one, no target can be kept exact.
        if wire.late || call.verb.is_none() {
            give_way().await;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let now = wire.clock.now();
        wire.check_durable(&call);
        let fate = wire.fate(&call);
        wire.trace.line(format_args!("{} sends {call:?}: {fate:?}", self.process));
        match fate {
            Fate::Fails(class) => {
                wire.clock.sleep_until(now + wire.latency()).await;
                Err(self.failure(class))
            }
            Fate::Answered => self.deliver(call, effect, wire.latency()).await,
            Fate::LostAnswer => {
                let _lost = self.deliver(call, effect, wire.latency()).await;
                Err(self.failure(FailureClass::Unknown))
            }
            Fate::TooLate => {
                let timeout = SignedDuration::try_from(REQUEST_TIMEOUT).unwrap_or_default();
                let landing = now
                    + timeout
                    + SignedDuration::from_millis(wire.latency().as_millis() as i64 * 3);
                self.spawn(call, effect, landing);
                wire.clock.sleep_until(now + timeout).await;
                Err(self.failure(FailureClass::Unknown))
            }
        }
    }

    async fn exchange_write(&self, write: &Write) -> Result<Option<Written>, Failure> {
        let Write { calendar, what, not_after: _ } = write;
        match what {
            WriteWhat::Create(item) => {
                let (call, effect) = creation(calendar, item);
                self.exchange(call, effect).await.map(Some)
            }
            WriteWhat::Update { remote, etag, item } => {
                let (call, effect) = change(calendar, remote, etag.as_ref(), item);
                self.exchange(call, effect).await.map(Some)
            }
            WriteWhat::Delete { remote, etag } => {
                let (call, effect) = removal(calendar, remote, etag.as_ref());
                self.exchange(call, effect).await.map(|()| None)
            }
        }
    }

    async fn deliver<T: Send + 'static>(
        &self,
        call: Call,
        effect: impl FnOnce(&MemoryTarget) -> Result<T, Failure> + Send + 'static,
        latency: SignedDuration,
    ) -> Result<T, Failure> {
        let wire = &self.wire;
        let now = wire.clock.now();
        if !wire.late {
            let result = wire.carry_out(&call, effect);
            wire.clock.sleep_until(now + latency).await;
            return result;
        }
        let slot = self.spawn(call, effect, now + latency / 2);
        wire.clock.sleep_until(now + latency).await;
        let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| Err(self.failure(FailureClass::Unknown)))
    }

    fn spawn<T: Send + 'static>(
        &self,
        call: Call,
        effect: impl FnOnce(&MemoryTarget) -> Result<T, Failure> + Send + 'static,
        landing: jiff::Timestamp,
    ) -> Arc<Mutex<Option<Result<T, Failure>>>> {
        let slot = Arc::new(Mutex::new(None));
        let (wire, answer) = (Arc::clone(&self.wire), Arc::clone(&slot));
        self.wire.deliveries.spawn(Box::pin(async move {
            wire.clock.sleep_until(landing).await;
            let result = wire.carry_out(&call, effect);
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }));
        slot
    }

    fn failure(&self, class: FailureClass) -> Failure {
        let blind = self.wire.sabotage == Some(Sabotage::RepeatBlindly);
        let class =
            if blind && class == FailureClass::Unknown { FailureClass::Unavailable } else { class };
        let operation = "do what was asked".to_owned();
        Failure { class, operation, status: None, detail: "something went wrong".into() }
    }
}

fn reading(request: Request, calendar: &CalendarKey) -> Call {
    Call { request, verb: None, calendar: calendar.clone(), key: None, remote: None }
}

fn creation(
    calendar: &CalendarKey,
    item: &Item,
) -> (Call, impl FnOnce(&MemoryTarget) -> Result<Written, Failure> + Send + use<>) {
    let call = Call {
        request: Request::Create,
        verb: Some(Verb::Create),
        key: Some(item.origin.item()),
        ..reading(Request::Create, calendar)
    };
    let (name, item) = (calendar.clone(), item.clone());
    (call, move |target: &MemoryTarget| at_once(target.create(&name, &item)))
}

fn change(
    calendar: &CalendarKey,
    remote: &RemoteId,
    etag: Option<&ETag>,
    item: &Item,
) -> (Call, impl FnOnce(&MemoryTarget) -> Result<Written, Failure> + Send + use<>) {
    let call = Call {
        verb: Some(Verb::Update),
        key: Some(item.origin.item()),
        remote: Some(remote.clone()),
        ..reading(Request::Change, calendar)
    };
    let (name, remote, etag) = (calendar.clone(), remote.clone(), etag.cloned());
    let item = item.clone();
    let update =
        move |target: &MemoryTarget| at_once(target.update(&name, &remote, etag.as_ref(), &item));
    (call, update)
}

fn removal(
    calendar: &CalendarKey,
    remote: &RemoteId,
    etag: Option<&ETag>,
) -> (Call, impl FnOnce(&MemoryTarget) -> Result<(), Failure> + Send + use<>) {
    let call = Call {
        verb: Some(Verb::Delete),
        remote: Some(remote.clone()),
        ..reading(Request::Change, calendar)
    };
    let (name, remote, etag) = (calendar.clone(), remote.clone(), etag.cloned());
    (call, move |target: &MemoryTarget| at_once(target.delete(&name, &remote, etag.as_ref())))
}

/// What the in-memory target answers at once.
pub(super) fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap_or_else(|| unreachable!("the in-memory target never waits"))
}

#[async_trait]
impl Target for ShakyTarget {
    fn capabilities(&self) -> &Capabilities {
        self.wire.target.capabilities()
    }

    fn meet(&self, directory: std::sync::Arc<domain::Directory>) {
        self.wire.target.meet(directory);
    }

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        self.wire.target.place(entity, employee)
    }

    fn remote_id(
        &self,
        calendar: &CalendarKey,
        key: &ItemKey,
        generation: u32,
    ) -> Option<RemoteId> {
        self.wire.target.remote_id(calendar, key, generation)
    }

    async fn check(&self) -> Vec<Finding> {
        self.wire.target.check().await
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        let name = calendar.clone();
        let open = move |target: &MemoryTarget| at_once(target.open(&name));
        self.send(reading(Request::Read, calendar), open).await
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        let (name, since) = (calendar.clone(), since.cloned());
        let list = move |target: &MemoryTarget| at_once(target.list(&name, since.as_ref()));
        self.send(reading(Request::List, calendar), list).await
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        let (name, probes) = (calendar.clone(), probes.to_vec());
        let look = move |target: &MemoryTarget| at_once(target.look(&name, &probes));
        let mut seen = self.send(reading(Request::Read, calendar), look).await?;
        if self.wire.sabotage == Some(Sabotage::LookAway) {
            let alike = |it: &&mut Sighting| matches!(it, Sighting::Alike(_));
            seen.iter_mut().filter(alike).for_each(|it| *it = Sighting::Absent);
        }
        Ok(seen)
    }

    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        let (name, items) = (calendar.clone(), items.to_vec());
        let strayed = move |target: &MemoryTarget| at_once(target.strayed(&name, &items));
        self.send(reading(Request::Read, calendar), strayed).await
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        let (call, effect) = creation(calendar, item);
        self.send(call, effect).await
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let (call, effect) = change(calendar, remote, etag, item);
        self.send(call, effect).await
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        let (call, effect) = removal(calendar, remote, etag);
        self.send(call, effect).await
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        let outcomes = join_all(writes.iter().map(|write| self.exchange_write(write))).await;
        // What a batch is answered is known when all of it is.
        for (write, outcome) in writes.iter().zip(&outcomes) {
            self.hear(&write.calendar, outcome.as_ref().err());
        }
        outcomes
    }

    async fn publish(
        &self,
        calendar: &CalendarKey,
        interval: &domain::UtcInterval,
    ) -> Result<(), Failure> {
        let (name, interval) = (calendar.clone(), *interval);
        let publish = move |target: &MemoryTarget| at_once(target.publish(&name, &interval));
        self.send(reading(Request::Read, calendar), publish).await
    }

    fn requests_sent(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
