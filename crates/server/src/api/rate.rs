//! How often: requests of one client in a minute, and where it stands, told on every answer.
//!
//! Kept in memory, so each process counts for itself. Calls of nobody that we know share one
//! count, and those that ask for a token another one, so that neither keeps the other out. Minutes
//! are those of the clock: the count of all begins anew with each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::limits::API_CLIENTS_COUNTED_MAX;
use engine::port::ClientId;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const MINUTE: i64 = 60;

/// Whose count a call belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'c> {
    /// A client's that showed its token.
    Client(&'c ClientId),
    /// Of those who show a secret in the call.
    Secret,
    /// Of everybody else.
    Nobody,
}

/// The counts of one minute.
#[derive(Debug, Default)]
struct Counts {
    minute: i64,
    clients: HashMap<ClientId, u32>,
    secrets: u32,
    nobody: u32,
}

/// The counts of this minute.
#[derive(Debug)]
pub(super) struct Rates {
    limit: u32,
    counts: Mutex<Counts>,
}

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    limit: u32,
    /// With this call.
    used: u32,
    /// Until the count begins anew.
    pub reset_seconds: u64,
}

impl Rates {
    pub fn new(limit: u32) -> Self {
        Self { limit: limit.max(1), counts: Mutex::default() }
    }

    /// Counts one call.
    pub fn count(&self, by: By<'_>, now: Timestamp) -> Standing {
        let second = now.as_second();
        let minute = second.div_euclid(MINUTE);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute || counts.clients.len() > API_CLIENTS_COUNTED_MAX {
            *counts = Counts { minute, ..Counts::default() };
        }
        let Counts { minute: _, clients, secrets, nobody } = &mut *counts;
        let used = match by {
            By::Nobody => nobody,
            By::Secret => secrets,
            // Looked up first: most calls are not a client's first of the minute.
            By::Client(client) => match clients.get_mut(client) {
                Some(used) => used,
                None => clients.entry(client.clone()).or_insert(0),
            },
        };
        *used = used.saturating_add(1);
        let reset_seconds = (MINUTE - second.rem_euclid(MINUTE)).unsigned_abs();
        Standing { limit: self.limit, used: *used, reset_seconds }
    }
}

impl Standing {
    /// Whether it was one call too many.
    pub fn is_over(&self) -> bool {
        self.used > self.limit
    }

    /// Tells it.
    pub fn put_into(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.limit.saturating_sub(self.used)));
        headers.insert(RESET, HeaderValue::from(self.reset_seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_count_which_begins_anew_with_the_minute() {
        let rates = Rates::new(2);
        let (one, two) = (ClientId("one".into()), ClientId("two".into()));
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let count = |by: By<'_>, second: i64| rates.count(by, at(second));
        let over: Vec<bool> = (0..3).map(|_| count(By::Client(&one), 100).is_over()).collect();
        assert_eq!(over, [false, false, true]);
        assert!(!count(By::Client(&two), 100).is_over());
        assert!(!count(By::Nobody, 100).is_over());
        assert_eq!(count(By::Nobody, 100).reset_seconds, 20);
        assert!(count(By::Nobody, 100).is_over());
        assert!(!count(By::Secret, 100).is_over());
        assert!(!count(By::Client(&one), 120).is_over());
    }
}
