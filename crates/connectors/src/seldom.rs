//! Telling of what others can make happen as often as they like, without letting them fill the
//! log: the first at once, later ones counted and told once in a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// No more than one line in this time.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// How often something happened since it was last told.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Since>);

#[derive(Debug, Default)]
struct Since {
    told_at: Option<Timestamp>,
    untold: u64,
}

impl Seldom {
    /// Counts one; how many are to be told of now, `None` while it is too early.
    pub fn due(&self, now: Timestamp) -> Option<u64> {
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
        let (log, start) = (Seldom::default(), Timestamp::UNIX_EPOCH);
        let after = |seconds| start + jiff::SignedDuration::from_secs(seconds);
        assert_eq!(log.due(after(0)), Some(1));
        assert_eq!(log.due(after(1)), None);
        assert_eq!(log.due(after(59)), None);
        assert_eq!(log.due(after(60)), Some(3));
        assert_eq!(log.due(after(61)), None);
        assert_eq!(log.due(after(-60)), Some(2));
    }
}
