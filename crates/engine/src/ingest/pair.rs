//! Giving ids to entities of a source that has none. Pure.
//!
//! What is equal keeps its id; that part is in [`super::diff`]. Here are the leftovers: entities
//! that were in the roster and are not in the reading, and entities in the reading that were not
//! in the roster. Some of them are the same shift, moved or changed. They are paired by what is
//! least likely to change, in passes from strict to loose; what stays unpaired was deleted or is
//! new. Pairing wrongly does no harm beyond one update in place of a deletion and a creation.

use std::collections::BTreeMap;

use domain::{Entity, EntityKey, EntityKind, Fingerprint};
use jiff::civil::Date;

/// Days over which a shift of the same kind counts as moved rather than as another one.
const MOVED_DAYS_MAX: i32 = 7;

/// One leftover, with what pairing looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    kind: EntityKind,
    owner: String,
    day: Option<Date>,
    start: i64,
    label: String,
    twin: Fingerprint,
    meaning: Fingerprint,
    /// Distinguishes leftovers; the caller's own index.
    pub index: usize,
}

impl Leftover {
    /// Takes from an entity what pairing looks at.
    #[must_use]
    pub fn new(entity: &Entity, twin: Fingerprint, index: usize) -> Self {
        let owner = entity.employee().map(ToString::to_string);
        let group = entity.group().map(ToString::to_string);
        let (day, label) = match entity {
            Entity::Shift(shift) => (Some(shift.day), shift.label.clone()),
            Entity::OpenShift(open) => (Some(open.day), open.label.clone()),
            Entity::TimeOff(off) => {
                let label = off.reason.as_ref().map(ToString::to_string).unwrap_or_default();
                (first_day(off), label)
            }
            Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => {
                (None, String::new())
            }
        };
        Self {
            kind: entity.kind(),
            owner: owner.or(group).unwrap_or_default(),
            day,
            start: entity.interval().map_or(0, |interval| interval.start().as_second()),
            label,
            twin,
            meaning: entity.fingerprint(),
            index,
        }
    }
}

fn first_day(off: &domain::TimeOff) -> Option<Date> {
    match &off.span {
        domain::TimeOffSpan::AllDay { first, .. } => Some(*first),
        domain::TimeOffSpan::Timed(interval) => {
            Some(domain::time::local_day(interval.start(), &jiff::tz::TimeZone::UTC))
        }
    }
}

/// Pairs leftovers: `(index before, index now)`. Each leftover is in at most one pair; the result
/// does not depend on the order of the input, but for leftovers that are alike in everything.
#[must_use]
pub fn pair(before: Vec<Leftover>, now: Vec<Leftover>) -> Vec<(usize, usize)> {
    let (mut before, mut now) = (before, now);
    before.sort();
    now.sort();
    let mut pairs = Vec::new();
    let day_label_twin = |it: &Leftover| (it.day, it.label.clone(), Some(it.twin));
    let day_twin = |it: &Leftover| (it.day, String::new(), Some(it.twin));
    let day_label = |it: &Leftover| (it.day, it.label.clone(), None);
    let day_only = |it: &Leftover| (it.day, String::new(), None);
    pass(&mut before, &mut now, &mut pairs, day_label_twin);
    pass(&mut before, &mut now, &mut pairs, day_twin);
    pass(&mut before, &mut now, &mut pairs, day_label);
    pass(&mut before, &mut now, &mut pairs, day_only);
    pair_moved(&mut before, &mut now, &mut pairs);
    pairs
}

type Likeness = (Option<Date>, String, Option<Fingerprint>);

/// Pairs what is alike by `likeness`, of one kind and one owner, in order of start.
fn pass(
    before: &mut Vec<Leftover>,
    now: &mut Vec<Leftover>,
    pairs: &mut Vec<(usize, usize)>,
    likeness: impl Fn(&Leftover) -> Likeness,
) {
    let full = |it: &Leftover| (it.kind, it.owner.clone(), likeness(it));
    let mut waiting: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for it in before.iter().rev() {
        waiting.entry(full(it)).or_default().push(it.index);
    }
    let mut paired = std::collections::BTreeSet::new();
    now.retain(|it| match waiting.get_mut(&full(it)).and_then(Vec::pop) {
        Some(earlier) => {
            pairs.push((earlier, it.index));
            paired.insert(earlier);
            false
        }
        None => true,
    });
    before.retain(|it| !paired.contains(&it.index));
}

/// Pairs what has the same kind, owner, label and twin with the nearest day. Where two are as near,
/// their places among the sorted leftovers decide; indexes would repeat the order of the input.
fn pair_moved(
    before: &mut Vec<Leftover>,
    now: &mut Vec<Leftover>,
    pairs: &mut Vec<(usize, usize)>,
) {
    let mut near: Vec<(i32, usize, usize)> = Vec::new();
    let mut by_likeness: BTreeMap<_, Vec<(usize, Option<Date>)>> = BTreeMap::new();
    for (place, it) in before.iter().enumerate() {
        let like = (it.kind, it.owner.as_str(), it.label.as_str(), it.twin);
        by_likeness.entry(like).or_default().push((place, it.day));
    }
    for (place, it) in now.iter().enumerate() {
        let like = (it.kind, it.owner.as_str(), it.label.as_str(), it.twin);
        for (earlier, day) in by_likeness.get(&like).into_iter().flatten() {
            if let (Some(from), Some(to)) = (*day, it.day) {
                let days = (to - from).get_days().abs();
                if days <= MOVED_DAYS_MAX {
                    near.push((days, *earlier, place));
                }
            }
        }
    }
    near.sort_unstable();
    let (mut used_before, mut used_now) =
        (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for (_, earlier, later) in near {
        let (earlier, later) = (before[earlier].index, now[later].index);
        if !used_before.contains(&earlier) && !used_now.contains(&later) {
            used_before.insert(earlier);
            used_now.insert(later);
            pairs.push((earlier, later));
        }
    }
    before.retain(|it| !used_before.contains(&it.index));
    now.retain(|it| !used_now.contains(&it.index));
}

/// The same entity under another id.
///
/// # Panics
/// Never: an [`domain::EntityId`] is a valid id of every kind.
#[must_use]
pub fn with_id(entity: Entity, key: &EntityKey) -> Entity {
    let id = key.id.as_str();
    match entity {
        Entity::Shift(mut it) => {
            if let Ok(id) = domain::ShiftId::new(id) {
                it.id = id;
            }
            Entity::Shift(it)
        }
        Entity::OpenShift(mut it) => {
            if let Ok(id) = domain::OpenShiftId::new(id) {
                it.id = id;
            }
            Entity::OpenShift(it)
        }
        Entity::TimeOff(mut it) => {
            if let Ok(id) = domain::TimeOffId::new(id) {
                it.id = id;
            }
            Entity::TimeOff(it)
        }
        // People, groups and reasons are always named by their source.
        Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => entity,
    }
}
