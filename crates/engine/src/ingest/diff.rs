//! What changed between the roster and a reading of its source. Pure.
//!
//! What is absent from a full reading was deleted, but for the past that nobody tells any more: of
//! people who left, and of days before those that the source tells of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::{
    EmployeeId, Entity, EntityId, EntityKey, EntityKind, Fingerprint, SyncWindow, UtcInterval,
};
use jiff::Timestamp;

use super::EMPLOYEES_FILE;
use super::pair::{Leftover, pair, with_id};
use crate::port::{
    Absence, Identity, IdentityHint, ReadingKind, RosterIndexRow, SourceEntity, Upsert,
};

/// What an ingest would change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RosterDiff {
    /// New and changed entities, ordered by key.
    pub upserts: Vec<Upsert>,
    /// Deleted entities, ordered by key.
    pub tombstones: Vec<EntityKey>,
    /// Entities that are there and mean the same as before.
    pub unchanged: u64,
    /// How many of the deleted ones lie in time, and how much stays because its employee leaves
    /// with this reading; what the guard looks at. An empty reading is no departure of everybody.
    pub lost: u64,
    /// How many entities the roster had inside the window that lie in time, without those that
    /// stay because nobody tells of them any more; what the guard compares deletions with.
    pub present_before: u64,
}

/// What the roster had, as far as a diff needs it.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// All live entities, in small; for a part, those that it is about.
    pub index: Vec<RosterIndexRow>,
    /// For a part: what of the index was deleted when the part does not have it.
    pub scope: Option<BTreeSet<EntityKey>>,
    /// Ids that were read back from a mirror.
    pub hints: Vec<IdentityHint>,
}

/// The first half of a diff: what matched, and which entities of the roster must be loaded to
/// pair the rest.
#[derive(Debug)]
pub struct Matching {
    before: Vec<RosterIndexRow>,
    scope: Option<BTreeSet<EntityKey>>,
    taken: BTreeSet<EntityKey>,
    ready: Vec<(SourceEntity, Option<EntityKey>)>,
    unmatched: Vec<SourceEntity>,
    absence: Absence,
    untold: Untold,
    removed: Vec<EntityKey>,
}

/// What a reading tells nothing of.
#[derive(Debug, Clone, Copy, Default)]
struct Untold {
    /// What ended by then.
    ended_by: Option<Timestamp>,
    /// What began before then: where the first day is cut off by beginnings and not by ends, the
    /// night into it is missing although it is not over.
    begun_before: Option<Timestamp>,
}

impl Untold {
    fn of(absence: Absence, entities: &[SourceEntity]) -> Self {
        let Absence::MeansDeletedFrom(from) = absence else { return Self::default() };
        let mut starts = entities.iter().filter_map(|it| Some(it.entity.interval()?.start()));
        let reaches_back = starts.any(|start| start < from);
        Self { ended_by: Some(from), begun_before: (!reaches_back).then_some(from) }
    }

    /// Whether nothing was told of it that concerns what lies ahead of `now`.
    fn has(self, row: &RosterIndexRow, now: Timestamp) -> bool {
        let ended = self.ended_by.is_some_and(|it| is_over(row, now.min(it)));
        let begun = |it: Timestamp| row.starts_at.is_some_and(|start| start < now.min(it));
        ended || self.begun_before.is_some_and(begun)
    }
}

impl Matching {
    /// Live entities that the reading does not have as they were: those without native ids, which
    /// may have moved, and those that are over, whose employee may have left.
    #[must_use]
    pub fn to_load(&self, window: &SyncWindow, now: Timestamp) -> Vec<EntityKey> {
        let may_have_moved = |row: &RosterIndexRow| {
            row.twin.is_some() && !self.unmatched.is_empty() && self.is_compared(row, window)
        };
        let may_be_a_leavers = |row: &RosterIndexRow| {
            self.scope.is_none()
                && self.absence != Absence::MeansNothing
                && is_over(row, now)
                && inside(row, window)
        };
        self.before
            .iter()
            .filter(|row| !self.taken.contains(&row.key))
            .filter(|row| !self.untold.has(row, now))
            .filter(|row| may_have_moved(row) || may_be_a_leavers(row))
            .map(|row| row.key.clone())
            .collect()
    }

    /// Whether the reading would have it, if it were still there and lies in time.
    fn is_compared(&self, row: &RosterIndexRow, window: &SyncWindow) -> bool {
        match &self.scope {
            Some(scope) => scope.contains(&row.key),
            None => inside(row, window),
        }
    }
}

/// Matches what means the same as before. `kind` must not be [`ReadingKind::Unchanged`], which
/// changes nothing.
#[must_use]
pub fn matching(before: Before, kind: ReadingKind) -> Matching {
    let (entities, absence, removed) = match kind {
        ReadingKind::Unchanged => (vec![], Absence::MeansNothing, vec![]),
        ReadingKind::Full { entities, absence } => (entities, absence, vec![]),
        ReadingKind::Changes { upserts, removed } => (upserts, Absence::MeansNothing, removed),
        ReadingKind::Part(part) => (part.entities, Absence::MeansDeleted, vec![]),
    };
    let untold = Untold::of(absence, &entities);
    let (mut taken, mut ready) = (BTreeSet::new(), Vec::new());
    let mut unmatched = Vec::new();
    for it in entities {
        match it.identity {
            Identity::Native => {
                taken.insert(it.entity.key());
                ready.push((it, None));
            }
            Identity::Assigned { twin } => {
                let fingerprint = it.entity.fingerprint();
                unmatched.push((it, fingerprint, twin));
            }
        }
    }
    // Which of several that mean the same gets an id must not depend on the order of lines.
    unmatched.sort_by_key(|(_, fingerprint, twin)| (*fingerprint, *twin));
    // First what is the same record, then what merely means the same: an export may stamp every
    // line with the time at which it was made.
    let assigned = before.index.iter().filter(|row| row.twin.is_some());
    let known = assigned.clone().map(|row| (row.key.clone(), row.fingerprint, row.twin));
    match_equal(known, true, &mut taken, &mut ready, &mut unmatched);
    let known = assigned.map(|row| (row.key.clone(), row.fingerprint, None));
    let live: BTreeSet<&EntityKey> = before.index.iter().map(|row| &row.key).collect();
    let hints = before
        .hints
        .iter()
        .filter(|hint| !live.contains(&hint.key))
        .map(|hint| (hint.key.clone(), hint.fingerprint, None));
    match_equal(known.chain(hints), false, &mut taken, &mut ready, &mut unmatched);
    let unmatched = unmatched.into_iter().map(|(it, _, _)| it).collect();
    let Before { index, scope, hints: _ } = before;
    Matching { before: index, scope, taken, ready, unmatched, absence, untold, removed }
}

type Unmatched = (SourceEntity, Fingerprint, Fingerprint);

/// Gives entities the ids of what was there with the same fingerprint (and twin, if `by_twin`).
fn match_equal(
    known: impl Iterator<Item = (EntityKey, Fingerprint, Option<Fingerprint>)>,
    by_twin: bool,
    taken: &mut BTreeSet<EntityKey>,
    ready: &mut Vec<(SourceEntity, Option<EntityKey>)>,
    unmatched: &mut Vec<Unmatched>,
) {
    if unmatched.is_empty() {
        return;
    }
    let mut same: HashMap<(EntityKind, Fingerprint, Option<Fingerprint>), Vec<EntityKey>> =
        HashMap::new();
    for (key, fingerprint, twin) in known.filter(|(key, _, _)| !taken.contains(key)) {
        same.entry((key.kind, fingerprint, twin)).or_default().push(key);
    }
    for keys in same.values_mut() {
        keys.sort_unstable_by(|a, b| b.cmp(a));
    }
    let rest = std::mem::take(unmatched);
    for (it, fingerprint, twin) in rest {
        let like = (it.entity.kind(), fingerprint, by_twin.then_some(twin));
        match same.get_mut(&like).and_then(Vec::pop) {
            Some(key) => {
                taken.insert(key.clone());
                ready.push((it, Some(key)));
            }
            None => unmatched.push((it, fingerprint, twin)),
        }
    }
}

/// The second half: pairs the rest with the entities that were loaded, and says what changes.
/// `now` is the instant that was given to [`Matching::to_load`].
#[must_use]
pub fn diff(
    matching: Matching,
    loaded: &[Entity],
    window: &SyncWindow,
    now: Timestamp,
) -> RosterDiff {
    let Matching { before, scope, mut taken, mut ready, unmatched, absence, untold, removed } =
        matching;
    let known: BTreeMap<EntityKey, RosterIndexRow> =
        before.into_iter().map(|row| (row.key.clone(), row)).collect();
    assign_ids(&known, loaded, unmatched, &mut taken, &mut ready);
    let of_leavers = match (&scope, absence) {
        (None, Absence::MeansDeleted | Absence::MeansDeletedFrom(_)) => {
            past_of_leavers(loaded, &ready, now)
        }
        (Some(_), _) | (None, Absence::MeansNothing) => BTreeMap::new(),
    };
    let mut diff = RosterDiff::default();
    for (it, key) in ready {
        let entity = match &key {
            Some(key) => with_id(it.entity, key),
            None => it.entity,
        };
        let twin = match it.identity {
            Identity::Native => None,
            Identity::Assigned { twin } => Some(twin),
        };
        let fingerprint = entity.fingerprint();
        match known.get(&entity.key()) {
            Some(row) if row.fingerprint == fingerprint => diff.unchanged += 1,
            Some(_) | None => {
                diff.upserts.push(Upsert { entity, fingerprint, twin, at: it.at });
            }
        }
    }
    for row in known.values() {
        let in_window = inside(row, window);
        let is_absent = !taken.contains(&row.key);
        let leaver = of_leavers.get(&row.key);
        let leaves_now = leaver.is_some_and(|it| known.contains_key(it) && !taken.contains(it));
        let stays = leaver.is_some() || untold.has(row, now);
        let counts = leaves_now || !(is_absent && stays);
        diff.present_before += u64::from(in_window && counts);
        diff.lost += u64::from(leaves_now);
        // Who is not named any more has left; a successor may get the same address.
        let may_go = match &scope {
            Some(scope) => scope.contains(&row.key),
            None => in_window || row.key.kind == EntityKind::Employee,
        };
        if may_go && is_absent && !stays && absence != Absence::MeansNothing {
            diff.tombstones.push(row.key.clone());
        }
    }
    diff.tombstones.extend(removed.into_iter().filter(|key| known.contains_key(key)));
    diff.upserts.sort_by_cached_key(|upsert| upsert.entity.key());
    diff.tombstones.sort();
    diff.tombstones.dedup();
    diff.lost +=
        diff.tombstones.iter().filter(|key| key.kind != EntityKind::Employee).count() as u64;
    diff
}

fn assign_ids(
    known: &BTreeMap<EntityKey, RosterIndexRow>,
    loaded: &[Entity],
    unmatched: Vec<SourceEntity>,
    taken: &mut BTreeSet<EntityKey>,
    ready: &mut Vec<(SourceEntity, Option<EntityKey>)>,
) {
    // The store gives them in no particular order.
    let mut loaded: Vec<&Entity> = loaded.iter().collect();
    loaded.sort_by_cached_key(|it| it.key());
    let twin_of = |entity: &Entity| known.get(&entity.key()).and_then(|row| row.twin);
    let earlier: Vec<Leftover> = loaded
        .iter()
        .enumerate()
        .filter_map(|(index, it)| twin_of(it).map(|twin| Leftover::new(it, twin, index)))
        .collect();
    let now: Vec<Leftover> = unmatched
        .iter()
        .enumerate()
        .filter_map(|(index, it)| match it.identity {
            Identity::Native => None,
            Identity::Assigned { twin } => Some(Leftover::new(&it.entity, twin, index)),
        })
        .collect();
    let pairs: BTreeMap<usize, usize> =
        pair(earlier, now).into_iter().map(|(before, now)| (now, before)).collect();
    for (index, it) in unmatched.into_iter().enumerate() {
        let key = match pairs.get(&index) {
            Some(before) => loaded[*before].key(),
            None => free_key(it.entity.key(), known, taken),
        };
        taken.insert(key.clone());
        ready.push((it, Some(key)));
    }
}

/// The provisional key, or one derived from it, that no live entity has and nobody took.
fn free_key(
    key: EntityKey,
    known: &BTreeMap<EntityKey, RosterIndexRow>,
    taken: &BTreeSet<EntityKey>,
) -> EntityKey {
    let mut candidate = key.clone();
    let mut number = 1u32;
    while known.contains_key(&candidate) || taken.contains(&candidate) {
        number += 1;
        if let Ok(id) = EntityId::new(format!("{}-{number}", key.id)) {
            candidate.id = id;
        }
    }
    candidate
}

/// What is over of those who are not named any more, with whose it is. Who is only described by
/// the operator's own file is not named by the source.
fn past_of_leavers(
    loaded: &[Entity],
    ready: &[(SourceEntity, Option<EntityKey>)],
    now: Timestamp,
) -> BTreeMap<EntityKey, EntityKey> {
    let over = |it: &&Entity| it.interval().is_some_and(|it| it.end() <= now);
    let mut past = loaded.iter().filter(over).peekable();
    if past.peek().is_none() {
        return BTreeMap::new();
    }
    let named: HashSet<&EmployeeId> = ready
        .iter()
        .filter(|(it, _)| it.at.0 != EMPLOYEES_FILE)
        .filter_map(|(it, _)| it.entity.employee())
        .collect();
    let leaver = |employee: &EmployeeId| EntityKey {
        kind: EntityKind::Employee,
        id: EntityId::from(employee),
    };
    past.filter_map(|it| Some((it.key(), it.employee().filter(|id| !named.contains(id))?)))
        .map(|(key, employee)| (key, leaver(employee)))
        .collect()
}

fn is_over(row: &RosterIndexRow, now: Timestamp) -> bool {
    row.ends_at.is_some_and(|ends_at| ends_at <= now)
}

/// Whether an entity lies in time and inside the window; only such may be concluded to be
/// deleted because a reading of that window does not have them.
fn inside(row: &RosterIndexRow, window: &SyncWindow) -> bool {
    match (row.starts_at, row.ends_at) {
        (Some(start), Some(end)) => {
            UtcInterval::new(start, end).is_ok_and(|interval| window.admits(&interval))
        }
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}
