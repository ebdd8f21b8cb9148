//! The way between a process and the target: slow, lossy, and watched.
//!
//! A request that was sent goes on when its process dies. Every effect on the target passes
//! [`Wire::carry_out`], where the oracle looks at each instant; every request passes
//! [`ShakyTarget::send`], where budgets are counted and intents must be durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{CalendarKey, EntityKey, Fingerprint, ItemKey, MirrorName, OriginTag};
use engine::port::{Content, Failure, FailureClass, IntentState, RemoteId, Store, Verb};
use futures_util::FutureExt;
use jiff::SignedDuration;
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::{KeptItem, MemoryTarget};
use testkit::seeded_entropy::SeededEntropy;

use crate::Sabotage;
use crate::executor::Deliveries;
use crate::faults::{Fate, Faults, Request};
use crate::people::{is_copy, is_persons};
use crate::strangers::Strangers;
use crate::trace::Trace;
use crate::truth::Truth;

mod foreign;
mod target;

pub use foreign::ShakyForeign;
pub use target::ShakyTarget;

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
    /// People's own events, where somebody looks at them.
    pub strangers: Option<Mutex<Strangers>>,
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
    refusals: BTreeMap<ItemKey, u32>,
    /// What ever had which natural key.
    natural: BTreeMap<Fingerprint, BTreeSet<EntityKey>>,
    /// Items of ours that people changed or removed.
    meddled: BTreeSet<(CalendarKey, RemoteId)>,
    /// What we ever made where.
    made: BTreeSet<(CalendarKey, ItemKey)>,
    writes: u64,
}

/// One request, as far as the oracle looks at it.
#[derive(Debug, Clone)]
struct Call {
    request: Request,
    verb: Option<Verb>,
    calendar: CalendarKey,
    key: Option<ItemKey>,
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
        let (inner, strangers) = (Mutex::default(), None);
        Self { target, clock, trace, mirror, late, sabotage, strangers, chance, deliveries, inner }
    }

    /// From now on this goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// From now on intents are looked for here.
    pub fn set_store(&self, store: &Arc<MemoryStore>) {
        self.lock().store = Arc::clone(store);
    }

    /// Where intents are looked for.
    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.lock().store)
    }

    /// People's own events.
    pub fn strangers(&self) -> Option<MutexGuard<'_, Strangers>> {
        let strangers = self.strangers.as_ref()?;
        Some(strangers.lock().unwrap_or_else(PoisonError::into_inner))
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
        if let Some(mut strangers) = self.strangers() {
            strangers.note_truth(truth);
        }
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
    pub fn was_made(&self, calendar: &CalendarKey, key: &ItemKey) -> bool {
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

    /// Promise 2: a part of an entity has one item in the calendars of one person.
    fn check_alone(&self, calendar: &CalendarKey, key: &ItemKey) {
        if self.target.habits().schedule {
            self.check_natural_keys(calendar);
            return;
        }
        let inner = self.lock();
        let owner = inner.owners.get(calendar);
        let mut places = Vec::new();
        self.target.for_each(|other, id, item| {
            let ours = item.origin.as_ref();
            let same = ours.is_some_and(|it| it.item() == *key && it.mirror == self.mirror);
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
                store.item_row(&self.mirror, &call.calendar, key).is_some_and(|it| sent(&it))
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
        let item_of = |item: &KeptItem| item.origin.as_ref().map(OriginTag::item);
        let key = item_of(item);
        let like = items.values().filter(|it| item_of(it) == key).count();
        let copied =
            self.lock().copies.iter().any(|(calendar, id)| {
                *calendar == call.calendar && Some(id) == call.remote.as_ref()
            });
        call.verb == Some(Verb::Delete) && key.is_some() && (like > 1 || copied)
    }
}
