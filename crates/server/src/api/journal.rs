//! `If-Modified-Since` has the resolution of a second, and changes have not. How none is lost.
//!
//! A change carries the instant at which it was decided, and becomes visible a little later, when
//! it is committed. So "changed at or after T" is not enough: somebody who read at T may have
//! missed what was decided before T and committed after it. What is remembered here is what was
//! visible: for each second in which an answer with `Last-Modified` was given, the place in the
//! change sequence of the earliest of them. Who then asks by that second gets everything after
//! that place, and everything decided in that second or later: some of it twice, none of it never.
//!
//! For a second that is not remembered (another process answered, or the client's own clock is
//! used) the same is reached by a margin longer than any commit takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use domain::RosterName;
use domain::limits::{API_SECONDS_REMEMBERED_MAX, CHANGE_VISIBLE_WITHIN};
use engine::port::ChangeSeq;
use jiff::Timestamp;

use super::Api;
use super::dispatch::Refused;

/// What was visible when.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<HashMap<RosterName, BTreeMap<i64, ChangeSeq>>>);

impl Journal {
    /// An answer is given at `now` that shows everything up to `seq`.
    pub fn seen(&self, roster: &RosterName, now: Timestamp, seq: ChangeSeq) {
        let mut journal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = match journal.get_mut(roster) {
            Some(seconds) => seconds,
            None => journal.entry(roster.clone()).or_default(),
        };
        let place = seconds.entry(now.as_second()).or_insert(seq);
        *place = (*place).min(seq);
        while seconds.len() > API_SECONDS_REMEMBERED_MAX {
            seconds.pop_first();
        }
    }

    fn at(&self, roster: &RosterName, second: i64) -> Option<ChangeSeq> {
        let journal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        journal.get(roster)?.get(&second).copied()
    }
}

impl Api {
    /// The place after which everything stands that somebody who read in this second may not have.
    pub(super) async fn seq_of_second(
        &self,
        roster: &RosterName,
        second: Timestamp,
    ) -> Result<ChangeSeq, Refused> {
        match self.journal.at(roster, second.as_second()) {
            Some(seen) => Ok(seen.min(self.store.seq_before(roster, second).await?)),
            None => {
                let from = second.saturating_sub(CHANGE_VISIBLE_WITHIN).unwrap_or(Timestamp::MIN);
                Ok(self.store.seq_before(roster, from).await?)
            }
        }
    }
}
