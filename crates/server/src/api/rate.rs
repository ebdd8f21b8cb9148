//! How often: requests of one client in a minute, and where it stands, told on every answer.
//!
//! Kept in memory, so each process counts for itself. Calls of nobody that we know share one
//! count. Minutes are those of the clock: the count of all begins anew with each.

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

/// The counts of this minute.
#[derive(Debug)]
pub(super) struct Rates {
    limit: u32,
    counts: Mutex<(i64, HashMap<ClientId, u32>, u32)>,
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
    pub fn count(&self, client: Option<&ClientId>, now: Timestamp) -> Standing {
        let second = now.as_second();
        let minute = second.div_euclid(MINUTE);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, clients, nobody) = &mut *counts;
        if *of != minute || clients.len() > API_CLIENTS_COUNTED_MAX {
            *of = minute;
            clients.clear();
            *nobody = 0;
        }
        let used = match client {
            None => nobody,
            // Looked up first: most calls are not a client's first of the minute.
            Some(client) => match clients.get_mut(client) {
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
        let over: Vec<bool> = (0..3).map(|_| rates.count(Some(&one), at(100)).is_over()).collect();
        assert_eq!(over, [false, false, true]);
        assert!(!rates.count(Some(&two), at(100)).is_over());
        assert!(!rates.count(None, at(100)).is_over());
        assert_eq!(rates.count(None, at(100)).reset_seconds, 20);
        assert!(!rates.count(Some(&one), at(120)).is_over());
    }
}
