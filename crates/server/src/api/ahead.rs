//! The pages after the one that is asked for, read along with it.
//!
//! Who follows `nextUri` asks for the next page in a moment, and a statement costs the store more
//! than the entities of one page do. So as many pages as were read so far are read at once, up to
//! [`API_AHEAD_ENTITIES_MAX`] entities, and what is not asked for yet is kept for
//! [`API_AHEAD_AGE_MAX`]. What changes in that time comes with the changes since `deltaToken`, as
//! everything does that changes while pages are read.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::RosterName;
use domain::limits::{
    API_AHEAD_AGE_MAX, API_AHEAD_BYTES_MAX, API_AHEAD_ENTITIES_MAX, API_AHEAD_RUNS_MAX,
};
use engine::port::{EntityFilter, PagePlace, StoredEntity};
use jiff::Timestamp;

/// Where a run of entities begins: after which one of a roster's that a filter admits.
pub(super) type Place = (RosterName, EntityFilter, PagePlace);

/// What was read ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<HashMap<Place, Run>>);

/// Entities in the order of pages, without a gap.
#[derive(Debug)]
struct Run {
    read_at: Timestamp,
    entities: VecDeque<StoredEntity>,
}

impl Run {
    /// A clock that was set back makes nothing younger.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now >= self.read_at && now.duration_since(self.read_at).unsigned_abs() < API_AHEAD_AGE_MAX
    }
}

/// How many entities to read for a page of `size`, which is the `number`th that is followed to.
pub(super) fn reach(size: usize, number: u64) -> usize {
    let pages = usize::try_from(number).unwrap_or(usize::MAX).min(API_AHEAD_ENTITIES_MAX / size);
    size * pages.max(1)
}

impl Ahead {
    /// Takes what was read after this place, and when; nobody else gets it then.
    pub fn take(
        &self,
        place: &Place,
        now: Timestamp,
    ) -> Option<(VecDeque<StoredEntity>, Timestamp)> {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place)?;
        run.is_fresh(now).then_some((run.entities, run.read_at))
    }

    /// Keeps what was read at `read_at` and stands after this place.
    pub fn keep(&self, place: Place, entities: VecDeque<StoredEntity>, read_at: Timestamp) {
        let bytes: usize = entities.iter().map(|it| it.body.len()).sum();
        if bytes > API_AHEAD_BYTES_MAX {
            return;
        }
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= API_AHEAD_RUNS_MAX {
            runs.retain(|_, it| it.is_fresh(read_at));
        }
        if runs.len() < API_AHEAD_RUNS_MAX {
            runs.insert(place, Run { read_at, entities });
        }
    }
}
