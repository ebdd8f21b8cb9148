//! The way between a process and the target: slow, lossy, and watched.
//!
//! A request that was sent goes on when its process dies. Every effect on the target passes
//! [`Wire::carry_out`], where the oracle looks at each instant; every request passes
//! [`ShakyTarget::send`], where budgets are counted and intents must be durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::limits::REQUEST_TIMEOUT;
use domain::{CalendarKey, Employee, Entity, EntityKey, Fingerprint, MirrorName};
use engine::port::{
    Capabilities, Clock, Content, DeltaToken, ETag, Failure, FailureClass, Finding, IntentState,
    Item, Listing, Opened, Placement, Probe, RemoteId, Sighting, Store, Target, Verb, Written,
};
use futures_util::FutureExt;
use jiff::SignedDuration;
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::MemoryTarget;
use testkit::seeded_entropy::SeededEntropy;

use crate::Sabotage;
use crate::budget::Budget;
use crate::executor::{Deliveries, give_way};
use crate::faults::{Fate, Faults, Request};
use crate::people::{is_copy, is_persons};
use crate::trace::Trace;
use crate::truth::Truth;

/// What all processes of a world share.
pub struct Wire {
    /// The calendars themselves.
    pub target: MemoryTarget,
    /// Time.
    pub clock: ManualClock,
    /// What happened.
    pub trace: Trace,
    /// Which mirror everything belongs to.
    pub mirror: MirrorName,
    /// Whether effects may come later than their sending, even later than their caller's death.
    pub late: bool,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
    chance: SeededEntropy,
    deliveries: Deliveries,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    faults: Faults,
    store: Arc<MemoryStore>,
    /// Whose each calendar is.
    owners: BTreeMap<CalendarKey, String>,
    /// Copies that people made.
    copies: BTreeSet<(CalendarKey, RemoteId)>,
    refusals: BTreeMap<EntityKey, u32>,
    /// What ever had which natural key.
    natural: BTreeMap<Fingerprint, BTreeSet<EntityKey>>,
    /// Items of ours that people changed or removed.
    meddled: BTreeSet<(CalendarKey, RemoteId)>,
    /// What we ever made where.
    made: BTreeSet<(CalendarKey, EntityKey)>,
    writes: u64,
}

/// One request, as far as the oracle looks at it.
#[derive(Debug, Clone)]
struct Call {
    request: Request,
    verb: Option<Verb>,
    calendar: CalendarKey,
    key: Option<EntityKey>,
    remote: Option<RemoteId>,
}

impl Wire {
    /// A wire to `target`.
    #[must_use]
    pub fn new(
        (target, mirror): (MemoryTarget, MirrorName),
        (clock, trace): (ManualClock, Trace),
        (chance, deliveries): (SeededEntropy, Deliveries),
        late: bool,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let inner = Mutex::default();
        Self { target, clock, trace, mirror, late, sabotage, chance, deliveries, inner }
    }

    /// From now on this goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// From now on intents are looked for here.
    pub fn set_store(&self, store: &Arc<MemoryStore>) {
        self.lock().store = Arc::clone(store);
    }

    /// Whose a calendar is.
    pub fn set_owner(&self, calendar: CalendarKey, person: &str) {
        self.lock().owners.insert(calendar, person.to_owned());
    }

    /// A person made this copy: that it is one too many is not our doing.
    pub fn note_copy(&self, calendar: &CalendarKey, id: &RemoteId) {
        self.lock().copies.insert((calendar.clone(), id.clone()));
    }

    /// All this is true from now on.
    pub fn note_truth(&self, truth: &Truth) {
        let mut inner = self.lock();
        for (key, natural) in truth.natural_keys() {
            inner.natural.entry(natural).or_default().insert(key);
        }
    }

    /// A person changed or removed this item of ours, as a draft.
    pub fn note_meddling(&self, calendar: &CalendarKey, id: &RemoteId) {
        self.lock().meddled.insert((calendar.clone(), id.clone()));
    }

    /// Whether exactly this is shown there.
    #[must_use]
    pub fn shows(&self, calendar: &CalendarKey, id: &RemoteId, content: &Content) -> bool {
        let everything = self.target.everything();
        let item = everything.get(calendar).and_then(|items| items.get(id));
        item.is_some_and(|item| item.content.as_ref() == Some(content))
    }

    /// The calendars that we have read: one that was only opened is nobody's business.
    #[must_use]
    pub fn opened(&self) -> BTreeSet<CalendarKey> {
        let store = Arc::clone(&self.lock().store);
        let states = store.calendar_states(&self.mirror).now_or_never();
        let states = states.and_then(Result::ok).unwrap_or_default().into_iter();
        states.filter(|it| it.read_at.is_some()).map(|it| it.calendar).collect()
    }

    /// Whether the ledger knows what is there to be ours.
    #[must_use]
    pub fn is_known(&self, calendar: &CalendarKey, id: &RemoteId) -> bool {
        let store = Arc::clone(&self.lock().store);
        let at = |row: &engine::port::LedgerRow| {
            let there = row.remote.as_ref().map(|it| &it.id);
            row.calendar == *calendar && there == Some(id)
        };
        store.rows(&self.mirror).iter().any(at)
    }

    /// Whether a person made an item, and we did not take it over.
    fn is_foreign(&self, calendar: &CalendarKey, id: &RemoteId) -> bool {
        is_persons(id) && !self.is_known(calendar, id)
    }

    /// Promise 9: in the end everybody sees what was written.
    pub fn check_published(&self) {
        let meddled = self.lock().meddled.clone();
        for place in self.target.drafts() {
            if !meddled.contains(&place) && !self.is_foreign(&place.0, &place.1) {
                let (calendar, id) = place;
                self.trace
                    .violation("9 (published)", format_args!("{calendar}/{id} is still a draft"));
            }
        }
    }

    /// Whether we ever made an item of this entity there.
    #[must_use]
    pub fn was_made(&self, calendar: &CalendarKey, key: &EntityKey) -> bool {
        self.lock().made.contains(&(calendar.clone(), key.clone()))
    }

    /// Writes that were carried out so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, call: &Call) -> Fate {
        let mut inner = self.lock();
        let fate = inner.faults.fate(call.request, &self.chance);
        match (&fate, &call.key) {
            (Fate::TooLate, _) if !self.late => Fate::LostAnswer,
            (Fate::Fails(FailureClass::Refused), Some(key)) => {
                let refusals = inner.refusals.entry(key.clone()).or_default();
                *refusals += 1;
                if *refusals > 2 { Fate::Answered } else { fate }
            }
            (Fate::Fails(FailureClass::Refused), None) => Fate::Answered,
            (Fate::Answered | Fate::LostAnswer | Fate::TooLate | Fate::Fails(_), _) => fate,
        }
    }

    fn latency(&self) -> SignedDuration {
        let slow = self.chance.chance(4);
        let millis = if slow { 1000 + self.chance.below(7000) } else { 2 + self.chance.below(60) };
        SignedDuration::from_millis(millis as i64)
    }

    /// The effect of one request on the target, and what the oracle says to it.
    fn carry_out<T>(
        &self,
        call: &Call,
        effect: impl FnOnce(&MemoryTarget) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let result = effect(&self.target);
        let Some(verb) = call.verb else { return result };
        let (calendar, what) = (&call.calendar, call.key.as_ref());
        match (&result, what) {
            (Ok(_), Some(key)) => {
                self.lock().writes += 1;
                self.trace.line(format_args!("  done: {verb:?} {key} in {calendar}"));
                if verb == Verb::Create {
                    self.lock().made.insert((calendar.clone(), key.clone()));
                    self.check_alone(calendar, key);
                }
            }
            (Ok(_), None) => {
                self.lock().writes += 1;
                self.trace.line(format_args!("  done: {verb:?} {:?} in {calendar}", call.remote));
            }
            (Err(failure), _) => {
                let class = failure.class.as_str();
                self.trace.line(format_args!("  refused: {verb:?} in {calendar}: {class}"));
            }
        }
        result
    }

    /// Promise 2: an entity has one item in the calendars of one person.
    fn check_alone(&self, calendar: &CalendarKey, key: &EntityKey) {
        if self.target.habits().schedule {
            self.check_natural_keys(calendar);
            return;
        }
        let inner = self.lock();
        let owner = inner.owners.get(calendar);
        let mut places = Vec::new();
        self.target.for_each(|other, id, item| {
            let ours = item.origin.as_ref();
            let same = ours.is_some_and(|it| it.key == *key && it.mirror == self.mirror);
            let theirs = other == calendar || (owner.is_some() && inner.owners.get(other) == owner);
            if same && theirs && !inner.copies.contains(&(other.clone(), id.clone())) {
                places.push(format!("{other}/{id}"));
            }
        });
        drop(inner);
        if places.len() > 1 {
            self.trace.violation("2 (no duplicates)", format_args!("{key} is at {places:?}"));
        }
    }

    /// Promise 2, where nothing marks our items: what shows the same thing is there no more often
    /// than there are entities that ever did.
    fn check_natural_keys(&self, calendar: &CalendarKey) {
        let mut places: BTreeMap<Fingerprint, Vec<RemoteId>> = BTreeMap::new();
        self.target.for_each(|other, id, item| {
            let natural = item.content.as_ref().and_then(Content::natural_key);
            if let Some(natural) = natural
                .filter(|_| other == calendar && !is_copy(id) && !self.is_foreign(calendar, id))
            {
                places.entry(natural).or_default().push(id.clone());
            }
        });
        let inner = self.lock();
        for (natural, ids) in places {
            let entities = inner.natural.get(&natural);
            if ids.len() > 1.max(entities.map_or(0, BTreeSet::len)) {
                let told = format_args!("{entities:?} in {calendar} at {ids:?}");
                self.trace.violation("2 (no duplicates)", told);
            }
        }
    }

    /// Promise 3: an intent is durable before it is sent.
    fn check_durable(&self, call: &Call) {
        let Some(verb) = call.verb else { return };
        let store = Arc::clone(&self.lock().store);
        let sent = |row: &engine::port::LedgerRow| {
            let intent = row.intent.as_ref();
            intent.is_some_and(|it| it.state == IntentState::Sent && it.verb == verb)
        };
        let durable = match (&call.key, &call.remote) {
            (Some(key), _) => {
                store.row(&self.mirror, &call.calendar, key).is_some_and(|it| sent(&it))
            }
            (None, remote) => store.rows(&self.mirror).iter().any(|row| {
                let at = row.intent.as_ref().and_then(|it| it.remote_id.as_ref());
                row.calendar == call.calendar && at == remote.as_ref() && sent(row)
            }),
        };
        // What is not ours needs no intent to be removed.
        let foreign = |id: &RemoteId| self.is_foreign(&call.calendar, id);
        let persons = verb == Verb::Delete && call.remote.as_ref().is_some_and(foreign);
        if !durable && !persons && !self.is_surplus(call) {
            let (calendar, what) = (&call.calendar, (&call.key, &call.remote));
            self.trace.violation(
                "3 (intents are durable)",
                format_args!("{verb:?} {what:?} in {calendar} is sent without one"),
            );
        }
    }

    /// Whether a further copy of something is removed, which needs no intent.
    fn is_surplus(&self, call: &Call) -> bool {
        let everything = self.target.everything();
        let Some(items) = everything.get(&call.calendar) else { return true };
        let Some(item) = call.remote.as_ref().and_then(|id| items.get(id)) else { return false };
        let key = item.origin.as_ref().map(|it| &it.key);
        let like = items.values().filter(|it| it.origin.as_ref().map(|it| &it.key) == key).count();
        let copied =
            self.lock().copies.iter().any(|(calendar, id)| {
                *calendar == call.calendar && Some(id) == call.remote.as_ref()
            });
        call.verb == Some(Verb::Delete) && key.is_some() && (like > 1 || copied)
    }
}

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
                if let FailureClass::Throttled { retry_after: Some(time), scope } = &class {
                    self.budget.close(*scope, &calendar, wire.clock.now(), *time);
                }
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

/// What the in-memory target answers at once.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
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
        key: &EntityKey,
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

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        let call = Call {
            request: Request::Create,
            verb: Some(Verb::Create),
            key: Some(item.origin.key.clone()),
            ..reading(Request::Create, calendar)
        };
        let (name, item) = (calendar.clone(), item.clone());
        let create = move |target: &MemoryTarget| at_once(target.create(&name, &item));
        self.send(call, create).await
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let call = Call {
            verb: Some(Verb::Update),
            key: Some(item.origin.key.clone()),
            remote: Some(remote.clone()),
            ..reading(Request::Change, calendar)
        };
        let (name, remote, etag) = (calendar.clone(), remote.clone(), etag.cloned());
        let item = item.clone();
        let update = move |target: &MemoryTarget| {
            at_once(target.update(&name, &remote, etag.as_ref(), &item))
        };
        self.send(call, update).await
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        let call = Call {
            verb: Some(Verb::Delete),
            remote: Some(remote.clone()),
            ..reading(Request::Change, calendar)
        };
        let (name, remote, etag) = (calendar.clone(), remote.clone(), etag.cloned());
        let delete =
            move |target: &MemoryTarget| at_once(target.delete(&name, &remote, etag.as_ref()));
        self.send(call, delete).await
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
