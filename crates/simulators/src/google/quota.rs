//! Quotas: how many requests are let through in a minute, by project and by user.
//!
//! A sliding window, so that no minute of any phase holds more than the quota. What is refused does
//! not count. Each request of a batch counts as one.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::error;
use super::http::Reply;
use super::options::{QuotaSpelling, Quotas};

/// What was let through in the last minute.
#[derive(Debug, Default)]
pub(super) struct Windows {
    sent: BTreeMap<Domain, VecDeque<Timestamp>>,
    refused: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Domain {
    Project(String),
    User(String, String),
}

impl Windows {
    /// Counts a request.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn take(
        &mut self,
        quotas: &Quotas,
        (client, user): (&str, &str),
        now: Timestamp,
    ) -> Result<(), Reply> {
        let length = SignedDuration::from_secs(60)
            - SignedDuration::try_from(quotas.tolerance).unwrap_or(SignedDuration::ZERO);
        let domains = [
            (Domain::User(client.into(), user.into()), quotas.user, "userRateLimitExceeded"),
            (Domain::Project(client.into()), quotas.project, "rateLimitExceeded"),
        ];
        for (domain, limit, reason) in &domains {
            let window = self.sent.entry(domain.clone()).or_default();
            while window.front().is_some_and(|it| now.duration_since(*it) >= length) {
                window.pop_front();
            }
            if window.len() >= usize::try_from(*limit).unwrap_or(usize::MAX) {
                self.refused += 1;
                return Err(spelled(quotas.spelling, self.refused, reason));
            }
        }
        for (domain, ..) in domains {
            self.sent.entry(domain).or_default().push_back(now);
        }
        Ok(())
    }
}

fn spelled(spelling: QuotaSpelling, number: u64, reason: &str) -> Reply {
    let too_many = match spelling {
        QuotaSpelling::Forbidden => false,
        QuotaSpelling::TooMany => true,
        QuotaSpelling::ByTurns => number.is_multiple_of(2),
    };
    match too_many {
        true => error::refusal(429, "rateLimitExceeded", "Rate Limit Exceeded"),
        false => error::refusal(403, reason, "Rate Limit Exceeded"),
    }
}
