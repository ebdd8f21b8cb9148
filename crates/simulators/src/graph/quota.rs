//! Quotas: how many requests are let through in a second, by whom and on what.
//!
//! A sliding window, so that no second of any phase holds more than the quota. What is refused
//! counts too ("requests made while throttled still count", `shifts.md` §1.6).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error;
use super::http::Reply;
use super::options::Quotas;
use super::token::Session;

/// What was asked of each quota in the last second.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<Domain, VecDeque<Timestamp>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Domain {
    app: String,
    what: What,
    /// The tenant, or the team.
    whose: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Team,
    Reads,
    Writes,
    Deletes,
    Members,
}

/// What of a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Something below a team's schedule.
    Schedule,
    /// The list of a team's members.
    Members,
}

impl Windows {
    /// Counts a request.
    ///
    /// # Errors
    /// 429 with `Retry-After` when it is one too many.
    pub fn take(
        &mut self,
        quotas: &Quotas,
        (session, method): (&Session, &str),
        (counted, team): (Counted, &str),
        now: Timestamp,
    ) -> Result<(), Reply> {
        let tenant = session.tenant.as_str();
        let of_tenant = match (counted, method) {
            (Counted::Members, _) => (What::Members, tenant, quotas.members),
            (Counted::Schedule, "GET") => (What::Reads, tenant, quotas.reads),
            (Counted::Schedule, "DELETE") => (What::Deletes, tenant, quotas.deletes),
            (Counted::Schedule, _) => (What::Writes, tenant, quotas.writes),
        };
        let of_team = (What::Team, team, quotas.team);
        let length = SignedDuration::from_secs(1)
            - SignedDuration::try_from(quotas.tolerance).unwrap_or(SignedDuration::ZERO);
        let mut wait = None;
        for (what, whose, limit) in [of_tenant, of_team] {
            let domain = Domain { app: session.app.clone(), what, whose: whose.to_owned() };
            let window = self.0.entry(domain).or_default();
            window.push_back(now);
            while window.front().is_some_and(|it| now.duration_since(*it) >= length) {
                window.pop_front();
            }
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            if window.len() > limit {
                // Free again once so many have left the window that one more fits.
                let last = window.get(window.len() - limit.max(1)).copied().unwrap_or(now);
                wait = wait.max(Some(length - now.duration_since(last)));
            }
        }
        wait.map_or(Ok(()), |wait| Err(throttled(quotas, wait.unsigned_abs())))
    }
}

fn throttled(quotas: &Quotas, wait: Duration) -> Reply {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(quotas.retry_after_seconds);
    error::plain(429, "TooManyRequests", "Too many requests. Please retry after the given time.")
        .header("retry-after", seconds.to_string())
}
