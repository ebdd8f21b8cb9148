//! Telling of calls that were turned away, without letting who makes them fill the log.
//!
//! The first says why at once: a wrong secret after a rotation looks exactly like this, and then
//! nothing that people ask for is answered. Later ones are counted, and told once in a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::microsoft_graph::shifts::callback::envelope::OpenError;

/// No more than one line in this time.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Calls that were turned away since the process started.
#[derive(Debug, Default)]
pub struct TurnedAway(Mutex<Since>);

#[derive(Debug, Default)]
struct Since {
    told_at: Option<Timestamp>,
    untold: u64,
}

impl TurnedAway {
    /// Counts one, and says so if nothing was said for a while.
    pub fn note(&self, error: &OpenError, now: Timestamp) {
        if let Some(calls) = self.due(now) {
            tracing::warn!(
                %error,
                calls,
                "callbacks turned away; if they are from Shifts, the secret that it uses is not \
                 the one in `callback_secret_file`: run `rotabridge shifts rotate-secret`"
            );
        }
    }

    /// How many calls are to be told of now; `None` while it is too early.
    fn due(&self, now: Timestamp) -> Option<u64> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.untold += 1;
        // A clock that was set back must not silence it.
        let waited = since.told_at.map(|it| now.duration_since(it).unsigned_abs());
        if waited.is_some_and(|it| it < LINE_EVERY) {
            return None;
        }
        since.told_at = Some(now);
        Some(std::mem::take(&mut since.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_counts_all_that_came() {
        let (log, start) = (TurnedAway::default(), Timestamp::UNIX_EPOCH);
        let after = |seconds| start + jiff::SignedDuration::from_secs(seconds);
        assert_eq!(log.due(after(0)), Some(1));
        assert_eq!(log.due(after(1)), None);
        assert_eq!(log.due(after(59)), None);
        assert_eq!(log.due(after(60)), Some(3));
        assert_eq!(log.due(after(61)), None);
        assert_eq!(log.due(after(-60)), Some(2));
    }
}
