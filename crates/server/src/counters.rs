//! What the server counts: the only place of this crate that emits metrics.
//!
//! Handles are registered once, so that counting costs one atomic addition. The recorder must be
//! installed before a [`crate::ServerState`] is made. No label names a person, a link or a token.

use http::StatusCode;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use crate::feed::Refusal;

const RESPONSES: &str = "rotabridge_feed_responses_total";
const RENDERS: &str = "rotabridge_feed_renders_total";
const CACHE_BYTES: &str = "rotabridge_feed_cache_bytes";
const CONNECTIONS: &str = "rotabridge_http_connections";

/// What feeds count.
pub(crate) struct FeedCounters {
    sent: Counter,
    not_modified: Counter,
    gone: Counter,
    unknown: Counter,
    method: Counter,
    failed: Counter,
    renders: Counter,
    cache_bytes: Gauge,
}

impl FeedCounters {
    pub fn register() -> Self {
        describe_counter!(RESPONSES, "Answers to requests for feeds, by outcome");
        describe_counter!(RENDERS, "Feeds rendered because something changed");
        describe_gauge!(CACHE_BYTES, "Bytes of rendered feeds kept in memory");
        let response = |outcome: &'static str| counter!(RESPONSES, "outcome" => outcome);
        Self {
            sent: response("sent"),
            not_modified: response("not_modified"),
            gone: response("gone"),
            unknown: response("unknown"),
            method: response("method_not_allowed"),
            failed: response("failed"),
            renders: counter!(RENDERS),
            cache_bytes: gauge!(CACHE_BYTES),
        }
    }

    pub fn answered(&self, status: StatusCode) {
        if status == StatusCode::NOT_MODIFIED {
            self.not_modified.increment(1);
        } else {
            self.sent.increment(1);
        }
    }

    pub fn refused(&self, refusal: &Refusal) {
        let counter = match refusal {
            Refusal::Gone => &self.gone,
            Refusal::Method => &self.method,
            Refusal::Unknown => &self.unknown,
            Refusal::Failed | Refusal::TooLarge { .. } | Refusal::Unavailable(_) => &self.failed,
        };
        counter.increment(1);
    }

    pub fn rendered(&self, cache_bytes: usize) {
        self.renders.increment(1);
        self.cache_bytes.set(cache_bytes as f64);
    }
}

/// How many connections are open.
#[derive(Clone)]
pub(crate) struct ConnectionGauge(Gauge);

impl ConnectionGauge {
    pub fn register() -> Self {
        describe_gauge!(CONNECTIONS, "Open HTTP connections");
        Self(gauge!(CONNECTIONS))
    }

    pub fn set(&self, open: usize) {
        self.0.set(open as f64);
    }
}
