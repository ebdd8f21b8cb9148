//! What changed between the roster and a reading of its source. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Entity, EntityId, EntityKey, EntityKind, Fingerprint, SyncWindow, UtcInterval};

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
    /// How many of the deleted ones lie in time; what the guard looks at.
    pub lost: u64,
    /// How many entities the roster had inside the window that lie in time; what the guard
    /// compares deletions with.
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
    removed: Vec<EntityKey>,
}

impl Matching {
    /// Live entities without native ids that the reading does not have as they were: candidates
    /// for having moved.
    #[must_use]
    pub fn to_load(&self, window: &SyncWindow) -> Vec<EntityKey> {
        if self.unmatched.is_empty() {
            return vec![];
        }
        self.before
            .iter()
            .filter(|row| row.twin.is_some() && !self.taken.contains(&row.key))
            .filter(|row| self.is_compared(row, window))
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
    Matching { before: index, scope, taken, ready, unmatched, absence, removed }
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
#[must_use]
pub fn diff(matching: Matching, loaded: &[Entity], window: &SyncWindow) -> RosterDiff {
    let Matching { before, scope, mut taken, mut ready, unmatched, absence, removed } = matching;
    let known: BTreeMap<EntityKey, RosterIndexRow> =
        before.into_iter().map(|row| (row.key.clone(), row)).collect();
    assign_ids(&known, loaded, unmatched, &mut taken, &mut ready);
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
        diff.present_before += u64::from(in_window);
        // Who is not named any more has left; a successor may get the same address.
        let may_go = match &scope {
            Some(scope) => scope.contains(&row.key),
            None => in_window || row.key.kind == EntityKind::Employee,
        };
        if may_go && absence == Absence::MeansDeleted && !taken.contains(&row.key) {
            diff.tombstones.push(row.key.clone());
        }
    }
    diff.tombstones.extend(removed.into_iter().filter(|key| known.contains_key(key)));
    diff.upserts.sort_by_cached_key(|upsert| upsert.entity.key());
    diff.tombstones.sort();
    diff.tombstones.dedup();
    diff.lost =
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
