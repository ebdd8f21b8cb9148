//! What somebody asks for by changing an item of ours in a two-way mirror. Pure.
//!
//! A shift or an absence that was moved or removed is a request: everything else is put right.
//! Only where the item is all of the entity, and as long as it, does its new time say what is
//! wanted; a block of a shift, or a day that a person drags, does not.

use domain::{
    Activity, Directory, Entity, EntityKind, EventSpan, Refusal, ScheduleItem, ShiftItem,
    TimeOffItem, UtcInterval,
};

use super::state::Seen;
use crate::port::{AskWhat, Change, RemoteId};

/// Reads what was seen of an entity's item, at `at`, as a request; `shown` is when it should be.
#[must_use]
pub fn asked(
    entity: &Entity,
    at: &RemoteId,
    shown: &EventSpan,
    seen: &Seen,
    directory: &Directory,
) -> Option<(Change, AskWhat)> {
    let kind = match entity.kind() {
        kind @ (EntityKind::Shift | EntityKind::TimeOff) => kind,
        EntityKind::Employee
        | EntityKind::OpenShift
        | EntityKind::ScheduleGroup
        | EntityKind::TimeOffReason => return None,
    };
    let item = match seen {
        Seen::Absent => return Some((Change::Removed, AskWhat::Delete { at: at.clone(), kind })),
        Seen::Present(item) if item.remote_id == *at => item,
        Seen::Present(_) | Seen::NotLooked | Seen::AsKnown | Seen::Foreign => return None,
    };
    let own = entity.interval()?.to_whole_seconds();
    let (Some(EventSpan::Timed(moved)), EventSpan::Timed(shown)) = (item.span, shown) else {
        return None;
    };
    if item.fingerprint.is_none() || moved == *shown || *shown != own {
        return None;
    }
    let item = match ScheduleItem::of(entity, directory)? {
        ScheduleItem::Shift(item) => ScheduleItem::Shift(ShiftItem {
            interval: moved,
            activities: moved_along(&item.activities, &own, &moved),
            ..item
        }),
        ScheduleItem::TimeOff(item) => {
            ScheduleItem::TimeOff(TimeOffItem { interval: moved, ..item })
        }
        ScheduleItem::OpenShift(_) | ScheduleItem::Availability(_) => return None,
    };
    Some((Change::Moved, AskWhat::Edit { at: at.clone(), item }))
}

/// The parts of a shift that was moved: they go along with it when it is as long as before, else
/// those stay that still lie in it.
fn moved_along(activities: &[Activity], from: &UtcInterval, to: &UtcInterval) -> Vec<Activity> {
    let by = to.start().duration_since(from.start());
    let whole = to.end().duration_since(from.end()) == by;
    let place = |activity: &Activity| {
        let interval = activity.interval;
        if whole {
            let start = interval.start().checked_add(by).ok()?;
            let end = interval.end().checked_add(by).ok()?;
            return UtcInterval::new(start, end).ok();
        }
        let inside = interval.start() >= to.start() && interval.end() <= to.end();
        inside.then_some(interval)
    };
    let moved = activities
        .iter()
        .filter_map(|activity| Some(Activity { interval: place(activity)?, ..activity.clone() }));
    moved.collect()
}

/// What the item tells of a request that was not granted.
#[must_use]
pub fn told(change: Change, refusal: &Refusal) -> String {
    let what = match change {
        Change::Removed => "Deleting it",
        Change::Moved => "Moving it",
        Change::Altered | Change::Unreadable | Change::Untagged => "Changing it",
    };
    format!("{what} was not granted: {}", refusal.as_str().replace('_', " "))
}
