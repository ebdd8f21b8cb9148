//! Whether one process keeps the budgets of its target: counted where requests arrive.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::CalendarKey;
use domain::limits::RETRY_AFTER_MAX;
use engine::port::{QuotaDeclaration, QuotaScope, Rate};
use jiff::{SignedDuration, Timestamp};

/// What one process sends to one connection.
#[derive(Debug)]
pub struct Budget {
    declared: Vec<QuotaDeclaration>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    under_way: BTreeMap<CalendarKey, usize>,
    sent: Vec<(Timestamp, CalendarKey)>,
    closed_connection: Option<Timestamp>,
    closed_calendars: BTreeMap<CalendarKey, Timestamp>,
}

impl Budget {
    /// Counts against these declarations.
    #[must_use]
    pub fn new(declared: Vec<QuotaDeclaration>) -> Self {
        Self { declared, inner: Mutex::default() }
    }

    /// A request is sent now. What it exceeds, if it exceeds something.
    pub fn begin(&self, calendar: &CalendarKey, now: Timestamp) -> Option<String> {
        let mut inner = self.lock();
        *inner.under_way.entry(calendar.clone()).or_default() += 1;
        inner.sent.push((now, calendar.clone()));
        let closed = inner.closed_connection.max(inner.closed_calendars.get(calendar).copied());
        if let Some(until) = closed.filter(|until| now < *until) {
            return Some(format!("a request to {calendar} at {now}, closed until {until}"));
        }
        let declared = self.declared.iter();
        declared.filter_map(|quota| inner.exceeded(quota, calendar, now)).next()
    }

    /// A request has come back, or nobody waits for it any more.
    pub fn end(&self, calendar: &CalendarKey) {
        if let Some(count) = self.lock().under_way.get_mut(calendar) {
            *count = count.saturating_sub(1);
        }
    }

    /// The process has been told to send nothing for so long.
    pub fn close(
        &self,
        scope: QuotaScope,
        calendar: &CalendarKey,
        now: Timestamp,
        retry_after: std::time::Duration,
    ) {
        let wait = SignedDuration::try_from(retry_after.min(RETRY_AFTER_MAX));
        let until = now + wait.unwrap_or_default();
        let mut inner = self.lock();
        match scope {
            QuotaScope::Connection => {
                inner.closed_connection = inner.closed_connection.max(Some(until));
            }
            QuotaScope::Calendar => {
                let closed = inner.closed_calendars.entry(calendar.clone()).or_insert(until);
                *closed = (*closed).max(until);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn exceeded(
        &self,
        quota: &QuotaDeclaration,
        calendar: &CalendarKey,
        now: Timestamp,
    ) -> Option<String> {
        let QuotaDeclaration { scope, concurrency, rate } = quota;
        let shares = |other: &CalendarKey| match scope {
            QuotaScope::Connection => true,
            QuotaScope::Calendar => other == calendar,
        };
        let under_way: usize =
            self.under_way.iter().filter(|(it, _)| shares(it)).map(|(_, count)| count).sum();
        if concurrency.is_some_and(|most| under_way > most) {
            return Some(format!("{under_way} requests at once of {concurrency:?} ({scope:?})"));
        }
        let Rate { requests, per } = (*rate)?;
        let from = now - SignedDuration::try_from(per).unwrap_or_default();
        let recent = self.sent.iter().rev().take_while(|(at, _)| *at > from);
        let recent = recent.filter(|(_, it)| shares(it)).count();
        (recent > requests as usize)
            .then(|| format!("{recent} requests in {per:?} of {requests} ({scope:?})"))
    }
}
