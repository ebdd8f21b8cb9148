//! The pages after the one that is asked for, read along with it.
//!
//! Who follows `nextUri` from page to page asks for the next one in a moment, and a statement costs
//! the store more than the entities of one page do. So whoever has followed it twice gets twice as
//! many entities read as the last time, up to [`API_AHEAD_ENTITIES_MAX`], and what is not asked for
//! yet is kept for [`API_AHEAD_AGE_MAX`].
//!
//! It is kept for one walk of one client: what changes after it was read comes with the changes
//! since that walk's `deltaToken`, and would be lost to a walk that begins after the change.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::RosterName;
use domain::limits::{
    API_AHEAD_AGE_MAX, API_AHEAD_BYTES_MAX, API_AHEAD_ENTITIES_MAX, API_AHEAD_RUNS_MAX,
};
use engine::port::{ClientId, EntityFilter, PagePlace, StoredEntity};
use jiff::Timestamp;

/// Where the next page of a walk begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Who walks.
    pub client: ClientId,
    /// Where the change sequence was when the walk began.
    pub seq: i64,
    pub roster: RosterName,
    pub filter: EntityFilter,
    /// The entity after which it begins.
    pub after: PagePlace,
}

/// What is kept of the walks.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<HashMap<Place, Run>>);

/// Entities of one walk in the order of pages, without a gap, and how they were read.
#[derive(Debug)]
pub(super) struct Run {
    pub entities: VecDeque<StoredEntity>,
    read_at: Timestamp,
    /// How many were to be read.
    reach: usize,
    /// Whether it may be more the next time.
    may_grow: bool,
}

impl Run {
    /// The first run that is read for a walk by pages of `size`.
    pub fn begin(entities: VecDeque<StoredEntity>, size: usize, now: Timestamp) -> Self {
        Self { entities, read_at: now, reach: size, may_grow: true }
    }

    /// How many to read after this one.
    pub fn next_reach(&self) -> usize {
        match self.may_grow {
            true => (self.reach * 2).min(API_AHEAD_ENTITIES_MAX).max(self.reach),
            false => self.reach,
        }
    }

    /// The run that was read after this one, for pages of `size`. All its entities share a text:
    /// when that is too long, only the first page of it is to be kept, and less read from now on.
    pub fn then(&self, entities: VecDeque<StoredEntity>, size: usize, now: Timestamp) -> Self {
        let reach = self.next_reach();
        let bytes: usize = entities.iter().map(|it| it.body.len()).sum();
        match bytes <= API_AHEAD_BYTES_MAX {
            true => Self { entities, read_at: now, reach, may_grow: self.may_grow },
            false => Self {
                // One more than the page, which tells that there is a next one.
                entities: entities.into_iter().take(size + 1).collect(),
                read_at: now,
                reach: size.max(reach / 2),
                may_grow: false,
            },
        }
    }

    /// A clock that was set back makes nothing younger.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now >= self.read_at && now.duration_since(self.read_at).unsigned_abs() < API_AHEAD_AGE_MAX
    }
}

impl Ahead {
    /// Takes what was read for this place a moment ago; nobody else gets it then.
    pub fn take(&self, place: &Place, now: Timestamp) -> Option<Run> {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place)?;
        run.is_fresh(now).then_some(run)
    }

    /// Keeps what stands after this place.
    pub fn keep(&self, place: Place, run: Run, now: Timestamp) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|_, it| it.is_fresh(now));
        if runs.len() < API_AHEAD_RUNS_MAX {
            runs.insert(place, run);
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::builders::midnight;

    use super::*;

    fn entities(count: usize, bytes: usize) -> VecDeque<StoredEntity> {
        let body = "x".repeat(bytes);
        let one = |number: usize| StoredEntity {
            id: number.to_string().into(),
            ends_at_ms: 0,
            starts_at_ms: 0,
            version: 1,
            changed_at: midnight(),
            body: body.clone().into(),
        };
        (0..count).map(one).collect()
    }

    fn begun(size: usize, at: Timestamp) -> Run {
        Run::begin(VecDeque::new(), size, at)
    }

    fn place(after: usize) -> Place {
        let filter = EntityFilter {
            kind: domain::EntityKind::Shift,
            employee: None,
            group: None,
            ends_after: None,
            starts_before: None,
        };
        Place {
            client: ClientId("c".into()),
            seq: 1,
            roster: RosterName::new("ward").unwrap(),
            filter,
            after: PagePlace { id: after.to_string(), ..PagePlace::default() },
        }
    }

    #[test]
    fn a_walk_reads_twice_as_much_each_time_until_the_limit() {
        let mut run = begun(100, midnight());
        let mut reaches = Vec::new();
        for _ in 0..5 {
            run = run.then(entities(run.next_reach() + 1, 9), 100, midnight());
            reaches.push(run.reach);
        }
        assert_eq!(reaches, [200, 400, 800, 1000, 1000]);
        assert_eq!(begun(API_AHEAD_ENTITIES_MAX, midnight()).next_reach(), 1000);
    }

    #[test]
    fn of_large_entities_less_is_read_from_then_on_and_no_long_text_is_kept() {
        let run = begun(100, midnight());
        let run = run.then(entities(201, 5000), 100, midnight());
        assert_eq!((run.entities.len(), run.reach), (201, 200));
        let run = run.then(entities(401, 5000), 100, midnight());
        assert_eq!((run.entities.len(), run.reach), (101, 200));
        let run = run.then(entities(201, 5000), 100, midnight());
        assert_eq!((run.entities.len(), run.next_reach()), (201, 200));
    }

    #[test]
    fn runs_of_others_stay_when_there_is_room_for_no_more() {
        let ahead = Ahead::default();
        let later = midnight() + jiff::SignedDuration::from_secs(1);
        for number in 0..=API_AHEAD_RUNS_MAX {
            ahead.keep(place(number), begun(1, midnight()), later);
        }
        assert!(ahead.take(&place(0), later).is_some());
        assert!(ahead.take(&place(API_AHEAD_RUNS_MAX), later).is_none());
        // When they are old they make room.
        let much_later = midnight() + jiff::SignedDuration::from_secs(5);
        ahead.keep(place(0), begun(1, much_later), much_later);
        assert!(ahead.take(&place(0), much_later).is_some());
        assert_eq!(ahead.0.lock().unwrap().len(), 0);
    }
}
