//! From what the store keeps to what clients see, a hundred times per request.
//!
//! Shifts are by far the most of what is read. Their texts and instants stand in the store as
//! clients get them, so they are copied from one JSON to the other without being made into ids,
//! instants and intervals first; a test compares that with the long way.

use std::borrow::Cow;

use domain::EntityKind;
use engine::port::StoredEntity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dispatch::Refused;
use super::wire::{self, Schedule};
use crate::error::Code;

/// A shift as it is kept.
#[derive(Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    employee: Cow<'a, str>,
    #[serde(borrow)]
    group: Option<Cow<'a, str>>,
    #[serde(borrow)]
    label: Cow<'a, str>,
    #[serde(borrow)]
    interval: Stretch<'a>,
    #[serde(borrow)]
    day: Cow<'a, str>,
    #[serde(borrow)]
    activities: Vec<KeptPart<'a>>,
    #[serde(borrow)]
    notes: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Stretch<'a> {
    #[serde(borrow)]
    start: Cow<'a, str>,
    #[serde(borrow)]
    end: Cow<'a, str>,
}

#[derive(Deserialize)]
struct KeptPart<'a> {
    #[serde(borrow)]
    label: Cow<'a, str>,
    #[serde(borrow)]
    interval: Stretch<'a>,
    paid: bool,
}

/// A shift as clients see it; the order of fields is that of [`Schedule`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: Cow<'a, str>,
    kind: &'static str,
    version: u32,
    changed_at: Timestamp,
    user_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_group_id: Option<Cow<'a, str>>,
    label: Cow<'a, str>,
    start: Cow<'a, str>,
    end: Cow<'a, str>,
    day: Cow<'a, str>,
    activities: Vec<ShownPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct ShownPart<'a> {
    label: Cow<'a, str>,
    start: Cow<'a, str>,
    end: Cow<'a, str>,
    paid: bool,
}

impl<'a> ShownPart<'a> {
    fn of(kept: KeptPart<'a>) -> Self {
        let KeptPart { label, interval: Stretch { start, end }, paid } = kept;
        Self { label, start, end, paid }
    }
}

/// Writes a stored entity as clients see it.
pub(super) fn write(
    out: &mut Vec<u8>,
    kind: EntityKind,
    stored: &StoredEntity,
) -> Result<(), Refused> {
    if kind == EntityKind::Shift {
        return write_shift(out, stored).map_err(|error| {
            let cause = Some(format!("stored shift cannot be read: {error}"));
            Refused { cause, ..Code::Internal.into() }
        });
    }
    let entity = wire::read(kind, &stored.body)?;
    out.extend(Schedule::of(&entity, stored.version, stored.changed_at).json());
    Ok(())
}

fn write_shift(out: &mut Vec<u8>, stored: &StoredEntity) -> Result<(), serde_json::Error> {
    let Kept { id, employee, group, label, interval, day, activities, notes } =
        serde_json::from_str(&stored.body)?;
    let Stretch { start, end } = interval;
    let shown = Shown {
        id,
        kind: EntityKind::Shift.as_str(),
        version: stored.version,
        changed_at: stored.changed_at,
        user_id: employee,
        schedule_group_id: group,
        label,
        start,
        end,
        day,
        activities: activities.into_iter().map(ShownPart::of).collect(),
        notes,
    };
    serde_json::to_writer(out, &shown)
}

#[cfg(test)]
mod tests {
    use domain::{Activity, Entity, ScheduleGroupId, Shift};
    use engine::port::PagePlace;
    use testkit::builders::{hours, midnight, shift};

    use super::*;

    #[test]
    fn the_short_way_says_the_same_as_the_long_one() {
        let plain = shift("s1", "ada", 6);
        let full = Shift {
            group: Some(ScheduleGroupId::new("Süd \"A\"").unwrap()),
            label: "Früh\n\u{1f}".into(),
            activities: vec![Activity {
                label: "夜勤 \\".into(),
                interval: hours(7, 8),
                paid: false,
            }],
            notes: Some("\u{2028}\u{0}".into()),
            ..shift("s\"2", "ada", 30)
        };
        for entity in [plain, full].map(Entity::Shift) {
            let body = serde_json::to_string(&entity).unwrap();
            let place = PagePlace::default();
            let stored = StoredEntity { place, version: 3, changed_at: midnight(), body };
            let mut out = Vec::new();
            write(&mut out, EntityKind::Shift, &stored).unwrap();
            let long = Schedule::of(&entity, 3, midnight()).json();
            assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(long).unwrap());
        }
    }
}
