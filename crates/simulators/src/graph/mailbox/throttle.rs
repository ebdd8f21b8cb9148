//! How many requests are let through to one mailbox: 10,000 in ten minutes and four at once, for
//! each app (Learn, "Microsoft Graph service-specific throttling limits", Outlook; `calendars.md`
//! §1.7). Of a batch at most four are under way at once: Graph itself sees to that.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::MailboxOptions;
use crate::graph::error;
use crate::graph::http::Reply;

const PERIOD: SignedDuration = SignedDuration::from_secs(600);

/// What was asked of each mailbox by each app.
#[derive(Debug, Default)]
pub(in crate::graph) struct Windows(BTreeMap<(String, String), Window>);

#[derive(Debug, Default)]
struct Window {
    sent: VecDeque<Timestamp>,
    /// What is under way: until when, and in which batch.
    busy: Vec<(Timestamp, Option<u64>)>,
}

impl Windows {
    /// Counts a request; how long it takes.
    ///
    /// # Errors
    /// 429 with `Retry-After` when it is one too many.
    pub fn take(
        &mut self,
        options: &MailboxOptions,
        (app, mailbox): (&str, &str),
        batch: Option<u64>,
        now: Timestamp,
    ) -> Result<Duration, Reply> {
        let window = self.0.entry((app.to_owned(), mailbox.to_owned())).or_default();
        let takes = SignedDuration::try_from(options.takes).unwrap_or_default();
        window.busy.retain(|(until, _)| *until > now);
        let at_once = usize::try_from(options.at_once).unwrap_or(usize::MAX);
        let (same, others): (Vec<&(Timestamp, Option<u64>)>, Vec<_>) =
            window.busy.iter().partition(|(_, it)| it.is_some() && *it == batch);
        let room = at_once.saturating_sub(others.len());
        // What else is in the batch waits inside Graph for its turn; what others do does not.
        let own = if batch.is_some() { same.len().min(at_once - 1) } else { same.len() };
        if own >= room {
            return Err(refused("Application is over its MailboxConcurrency limit.", 1.0));
        }
        let turns = same.len() / at_once.max(1) + 1;
        window.sent.push_back(now);
        while window.sent.front().is_some_and(|it| now.duration_since(*it) >= PERIOD) {
            window.sent.pop_front();
        }
        let limit = usize::try_from(options.requests).unwrap_or(usize::MAX);
        if window.sent.len() > limit {
            let oldest = window.sent[window.sent.len() - limit.max(1)];
            let wait = (PERIOD - now.duration_since(oldest)).as_secs_f64() + 0.128;
            return Err(refused("Application is over its MailboxRequests limit.", wait));
        }
        let turns = i32::try_from(turns).unwrap_or(i32::MAX);
        let until = now.checked_add(takes * turns).unwrap_or(now);
        window.busy.push((until, batch));
        Ok((takes * turns).unsigned_abs())
    }
}

/// `Retry-After` may have a fraction (`calendars.md` §1.7).
fn refused(message: &str, wait: f64) -> Reply {
    error::plain(429, "ApplicationThrottled", message).header("retry-after", format!("{wait:.3}"))
}
