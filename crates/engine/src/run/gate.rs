//! The way to one connection: every request passes here, and nowhere else are budgets spent.
//!
//! The thin asynchronous part of [`crate::resilience`]. One gate per connection, shared by all
//! mirrors and calendars that use it. Where it is full, whoever came first goes first: a calendar
//! whose answers come quickly must not keep others from being served at all.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::CalendarKey;
use futures_util::future::select;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::watch::{Event, Wait, Watcher};
use crate::port::{
    Capabilities, Clock, Entropy, Failure, FailureClass, QuotaDeclaration, QuotaScope,
};
use crate::resilience::backoff::{BETWEEN_ATTEMPTS, Backoff};
use crate::resilience::breaker::{Breaker, BreakerState, Passage};
use crate::resilience::quota::{Admission, Ending, Quota};

/// After this many openings in a row a cycle gives the connection up.
const OPENINGS_PER_CYCLE_MAX: u32 = 3;
/// How long to wait after a throttling that names no time.
const THROTTLED_WITHOUT_TIME: Backoff =
    Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(120) };

/// No throttling is waited out for less.
const THROTTLED_MIN: Duration = Duration::from_millis(200);

/// The way to one connection.
#[derive(Debug)]
pub struct Gate {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    declared: Vec<QuotaDeclaration>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    quotas: BTreeMap<(usize, Option<CalendarKey>), Quota>,
    unauthorised: Option<String>,
    line: Line,
}

/// Who waits for room on the connection.
#[derive(Debug, Default)]
struct Line {
    /// How many have come.
    numbers: u64,
    waiting: BTreeSet<u64>,
}

/// Somebody who wants to pass, for as long as they do.
struct Caller<'a> {
    gate: &'a Gate,
    number: u64,
}

/// Why a request may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shut {
    /// Not before this instant, which is later than the caller wants to wait.
    Until(Timestamp),
    /// The target has not answered for so long that this cycle gives it up.
    Down,
    /// Our credentials are not accepted.
    Unauthorised(String),
}

/// The right to send one request. Dropping it without [`Pass::ended`] or [`Pass::call_off`] counts
/// as a request that was sent and is not waited for.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    calendar: Option<CalendarKey>,
    admitted_at: Timestamp,
    open: bool,
}

/// How a gate stands, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GateStatus {
    /// The breaker.
    pub breaker: BreakerState,
    /// Until when a budget is closed, for the one that is closed longest.
    pub closed_until: Option<Timestamp>,
}

enum Attempt {
    Go(Timestamp),
    Wait(Timestamp, Wait),
    /// Something that is under way must come back first.
    Full,
    /// The same, of the connection: others may have come before.
    InLine,
    Shut(Shut),
}

impl Gate {
    /// A gate with full budgets.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        capabilities: &Capabilities,
    ) -> Self {
        // A vendor may throttle what it never declared a budget for.
        let mut declared = capabilities.quotas.clone();
        for scope in [QuotaScope::Connection, QuotaScope::Calendar] {
            if declared.iter().all(|it| it.scope != scope) {
                declared.push(QuotaDeclaration { scope, concurrency: None, rate: None });
            }
        }
        Self { clock, entropy, declared, state: Mutex::default(), changed: Notify::new() }
    }

    /// Forgets what one cycle gave up: credentials may have been mended, a server may be back.
    pub fn begin_cycle(&self) {
        let mut state = self.lock();
        state.unauthorised = None;
        state.breaker = Breaker::default();
    }

    /// Waits for the right to send one request for `calendar`, but not beyond `deadline`.
    ///
    /// # Errors
    /// When it would take longer, or the connection was given up.
    pub async fn enter(
        &self,
        calendar: Option<&CalendarKey>,
        deadline: Timestamp,
        watcher: &dyn Watcher,
    ) -> Result<Pass<'_>, Shut> {
        let caller = self.caller();
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let attempt = self.attempt(calendar, caller.number);
            if !matches!(attempt, Attempt::InLine) {
                caller.step_aside();
            }
            match attempt {
                Attempt::Go(admitted_at) => {
                    let calendar = calendar.cloned();
                    return Ok(Pass { gate: self, calendar, admitted_at, open: true });
                }
                Attempt::Shut(shut) => return Err(shut),
                Attempt::Full | Attempt::InLine => changed.await,
                Attempt::Wait(until, _) if until > deadline => return Err(Shut::Until(until)),
                Attempt::Wait(until, why) => {
                    watcher.on(&Event::Waiting { until, why });
                    select(changed, self.clock.sleep_until(until)).await;
                }
            }
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> GateStatus {
        let state = self.lock();
        let closed_until = state.quotas.values().filter_map(Quota::closed_until).max();
        GateStatus { breaker: state.breaker.state(), closed_until }
    }

    fn caller(&self) -> Caller<'_> {
        let line = &mut self.lock().line;
        line.numbers += 1;
        Caller { gate: self, number: line.numbers }
    }

    fn attempt(&self, calendar: Option<&CalendarKey>, number: u64) -> Attempt {
        let now = self.clock.now();
        let mut guard = self.lock();
        let State { breaker, quotas, unauthorised, line } = &mut *guard;
        if let Some(detail) = unauthorised {
            return Attempt::Shut(Shut::Unauthorised(detail.clone()));
        }
        if breaker.opened() >= OPENINGS_PER_CYCLE_MAX {
            return Attempt::Shut(Shut::Down);
        }
        match breaker.pass(now) {
            Passage::Go => {}
            Passage::Until(until) => return Attempt::Wait(until, Wait::Unavailable),
            Passage::Probing => return Attempt::Full,
        }
        let mut admitted = Vec::with_capacity(self.declared.len());
        for (index, declaration) in self.declared.iter().enumerate() {
            let key = (index, quota_key(declaration.scope, calendar));
            let quota = quotas.entry(key.clone()).or_insert_with(|| Quota::new(declaration));
            let of_connection = declaration.scope == QuotaScope::Connection;
            let refused = match quota.admit(now) {
                Admission::Go => {
                    admitted.push(key);
                    if !of_connection || line.is_turn_of(number) {
                        continue;
                    }
                    Attempt::InLine
                }
                Admission::Full if of_connection => Attempt::InLine,
                Admission::Full => Attempt::Full,
                Admission::Until(until) if quota.closed_until().is_some() => {
                    Attempt::Wait(until, Wait::Throttled)
                }
                Admission::Until(until) => Attempt::Wait(until, Wait::Budget),
            };
            for key in &admitted {
                if let Some(quota) = quotas.get_mut(key) {
                    quota.take_back(now);
                }
            }
            breaker.called_off(now);
            if matches!(refused, Attempt::InLine) {
                line.waiting.insert(number);
            }
            return refused;
        }
        Attempt::Go(now)
    }

    fn ended(&self, calendar: Option<&CalendarKey>, failure: Option<&Failure>) {
        let now = self.clock.now();
        let mut guard = self.lock();
        let State { breaker, quotas, unauthorised, line: _ } = &mut *guard;
        let class = failure.map(|failure| &failure.class);
        match class {
            Some(FailureClass::Unavailable | FailureClass::Unknown) => breaker.failed(now),
            Some(FailureClass::Unauthorised) => {
                breaker.answered();
                *unauthorised = failure.map(|failure| failure.to_string());
            }
            Some(
                FailureClass::Throttled { .. }
                | FailureClass::Precondition
                | FailureClass::Duplicate { .. }
                | FailureClass::Missing
                | FailureClass::CalendarMissing
                | FailureClass::DeltaExpired
                | FailureClass::TooLate
                | FailureClass::Forbidden
                | FailureClass::OwnerMissing
                | FailureClass::Refused
                | FailureClass::Unsupported
                | FailureClass::Bug,
            )
            | None => breaker.answered(),
        }
        for (index, declaration) in self.declared.iter().enumerate() {
            let key = (index, quota_key(declaration.scope, calendar));
            if let Some(quota) = quotas.get_mut(&key) {
                let ending = self.ending(class, declaration.scope, quota);
                quota.ended(now, ending);
            }
        }
        drop(guard);
        self.changed.notify_waiters();
    }

    /// Closes at once what `failure` says is to be closed, for others who would go on before the
    /// request that met it has ended.
    pub(super) fn hear(&self, calendar: &CalendarKey, failure: &Failure) {
        let FailureClass::Throttled { retry_after: Some(told), scope } = &failure.class else {
            return;
        };
        let (now, mut state) = (self.clock.now(), self.lock());
        for (index, declaration) in self.declared.iter().enumerate() {
            let key = (index, quota_key(declaration.scope, Some(calendar)));
            if let Some(quota) = state.quotas.get_mut(&key).filter(|_| declaration.scope == *scope)
            {
                quota.close(now, *told);
            }
        }
    }

    /// Whether nothing goes to `calendar` now, because the vendor asked so.
    pub(super) fn is_closed_to(&self, calendar: &CalendarKey) -> bool {
        let (now, state) = (self.clock.now(), self.lock());
        let mut declared = self.declared.iter().enumerate();
        declared.any(|(index, it)| {
            let quota = state.quotas.get(&(index, quota_key(it.scope, Some(calendar))));
            quota.and_then(Quota::closed_until).is_some_and(|until| until > now)
        })
    }

    fn ending(&self, class: Option<&FailureClass>, scope: QuotaScope, quota: &Quota) -> Ending {
        match class {
            Some(FailureClass::Throttled { retry_after, scope: throttled }) => {
                if *throttled != scope {
                    return Ending::Failed;
                }
                // A time of nothing, or one that has passed by our clock, is no time.
                let told = retry_after.filter(|told| *told >= THROTTLED_MIN);
                let own = || {
                    let failures = quota.throttles() + 1;
                    let fraction = self.entropy.fraction();
                    THROTTLED_WITHOUT_TIME.delay(failures, fraction).max(THROTTLED_MIN)
                };
                Ending::Throttled(told.unwrap_or_else(own))
            }
            Some(FailureClass::Unavailable | FailureClass::Unknown) => Ending::Failed,
            Some(
                FailureClass::Unauthorised
                | FailureClass::Precondition
                | FailureClass::Duplicate { .. }
                | FailureClass::Missing
                | FailureClass::CalendarMissing
                | FailureClass::DeltaExpired
                | FailureClass::TooLate
                | FailureClass::Forbidden
                | FailureClass::OwnerMissing
                | FailureClass::Refused
                | FailureClass::Unsupported
                | FailureClass::Bug,
            )
            | None => Ending::Answered,
        }
    }

    /// How long to wait before another attempt at something that failed `failures` times.
    #[must_use]
    pub fn backoff(&self, failures: u32) -> Timestamp {
        let delay = BETWEEN_ATTEMPTS.delay(failures, self.entropy.fraction());
        self.clock.now().saturating_add(delay).unwrap_or(Timestamp::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn quota_key(scope: QuotaScope, calendar: Option<&CalendarKey>) -> Option<CalendarKey> {
    match scope {
        QuotaScope::Connection => None,
        QuotaScope::Calendar => calendar.cloned(),
    }
}

impl Line {
    /// Whether nobody waits who came before.
    fn is_turn_of(&self, number: u64) -> bool {
        self.waiting.first().is_none_or(|first| *first >= number)
    }
}

impl Caller<'_> {
    /// Keeps nobody who came later: passes, waits for something else, or has gone.
    fn step_aside(&self) {
        if self.gate.lock().line.waiting.remove(&self.number) {
            self.gate.changed.notify_waiters();
        }
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.step_aside();
    }
}

impl Pass<'_> {
    /// The request has ended: with an answer, or as `failure` says.
    pub fn ended(mut self, failure: Option<&Failure>) {
        if failure.is_some_and(|it| it.class == FailureClass::TooLate) {
            return self.call_off();
        }
        self.open = false;
        self.gate.ended(self.calendar.as_ref(), failure);
    }
}

impl Pass<'_> {
    /// When it was given.
    #[must_use]
    pub fn admitted_at(&self) -> Timestamp {
        self.admitted_at
    }

    /// The request was not sent after all.
    pub fn call_off(mut self) {
        self.open = false;
        let admitted_at = self.admitted_at;
        self.give_back(|quota| quota.take_back(admitted_at));
    }

    fn give_back(&self, give_back: impl Fn(&mut Quota)) {
        let mut guard = self.gate.lock();
        let State { breaker, quotas, unauthorised: _, line: _ } = &mut *guard;
        breaker.called_off(self.gate.clock.now());
        for (index, declaration) in self.gate.declared.iter().enumerate() {
            let key = (index, quota_key(declaration.scope, self.calendar.as_ref()));
            if let Some(quota) = quotas.get_mut(&key) {
                give_back(quota);
            }
        }
        drop(guard);
        self.gate.changed.notify_waiters();
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.open {
            self.give_back(Quota::abandoned);
        }
    }
}
