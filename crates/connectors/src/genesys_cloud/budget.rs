//! Spending the vendor's budget: so many requests in a minute, as its headers tell. Pure.
//!
//! `inin-ratelimit-count`, `-allowed` and `-reset` stand in every answer (`genesys.md` §1.7).
//! All of a minute's requests are used, the first four fifths at once, the rest evenly over what
//! is left of the minute, so that others who share the client are not shut out by a burst at its
//! end.

use std::time::Duration;

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use domain::limits::RETRY_AFTER_MAX;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// Under this share of what is left of the budget requests are spread.
const SLOW_BELOW: f64 = 0.2;

/// What an answer tells of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Requests counted in this minute, that one included.
    pub count: u32,
    /// Requests allowed in it.
    pub allowed: u32,
    /// When the next one begins.
    pub resets_at: Timestamp,
}

impl Told {
    /// Reads it; `None` where the headers are not there.
    #[must_use]
    pub fn of(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
        let reset = number("inin-ratelimit-reset")?;
        let resets_at = now.saturating_add(SignedDuration::from_secs(reset.into())).ok()?;
        let (count, allowed) = (number("inin-ratelimit-count")?, number("inin-ratelimit-allowed")?);
        Some(Self { count, allowed, resets_at })
    }
}

/// How long a 429 asks to wait: by `Retry-After`, by `inin-ratelimit-reset`, or in its message
/// ("Retry the request in `13` seconds"); the longest of them.
#[must_use]
pub fn asked_wait(headers: &HeaderMap, message: &str, now: Timestamp) -> Option<Duration> {
    let by_header = crate::transport::retry_after(headers, now);
    let reset = headers.get("inin-ratelimit-reset").and_then(|it| it.to_str().ok());
    let reset = reset.and_then(|it| it.trim().parse().ok()).map(Duration::from_secs);
    let bracket = message.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let text = bracket.and_then(|(number, _)| number.trim().parse().ok()).map(Duration::from_secs);
    [by_header, reset, text].into_iter().flatten().max().map(|it| it.min(RETRY_AFTER_MAX))
}

/// The budget of one connection.
#[derive(Debug)]
pub struct Budget {
    /// What the operator allows in a minute.
    most: u32,
    allowed: u32,
    spent: u32,
    under_way: u32,
    resets_at: Option<Timestamp>,
    closed_until: Option<Timestamp>,
    /// When the last request was let go while they were spread.
    last_at: Option<Timestamp>,
}

impl Budget {
    /// A budget of so many requests per minute, or fewer where the vendor says so.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            allowed: most,
            spent: 0,
            under_way: 0,
            resets_at: None,
            closed_until: None,
            last_at: None,
        }
    }

    /// Takes one request out of it, or says when to ask again.
    ///
    /// # Errors
    /// When to ask again.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.closed_until.filter(|it| now < *it) {
            return Err(until);
        }
        self.closed_until = None;
        if self.resets_at.is_some_and(|it| now >= it) {
            (self.resets_at, self.spent, self.last_at) = (None, self.under_way, None);
        }
        // Until an answer tells when the vendor's minute ends, it is counted from here.
        self.resets_at = self.resets_at.or_else(|| now.checked_add(MINUTE).ok());
        if let Some(resets_at) = self.resets_at {
            let left = self.allowed.saturating_sub(self.spent);
            if left == 0 {
                return Err(resets_at);
            }
            if f64::from(left) < f64::from(self.allowed) * SLOW_BELOW {
                // One gap more than there are requests: the last one goes before the end.
                let gap = resets_at.duration_since(now).as_secs_f64() / f64::from(left + 1);
                let gap = SignedDuration::try_from_secs_f64(gap).unwrap_or_default();
                let due = self.last_at.unwrap_or(now) + gap;
                if self.last_at.is_some() && now < due {
                    return Err(due.min(resets_at));
                }
                self.last_at = Some(now);
            }
        }
        self.spent += 1;
        self.under_way += 1;
        Ok(())
    }

    /// A request came to its end, with what its answer told.
    pub fn give_back(&mut self, told: Option<Told>) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(Told { count, allowed, resets_at }) = told {
            self.allowed = allowed.min(self.most);
            self.spent = count.saturating_add(self.under_way);
            self.resets_at = Some(resets_at);
        }
    }

    /// Nothing is sent until then.
    pub fn close(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Until when nothing is sent.
    #[must_use]
    pub fn closed_until(&self) -> Option<Timestamp> {
        self.closed_until
    }
}
