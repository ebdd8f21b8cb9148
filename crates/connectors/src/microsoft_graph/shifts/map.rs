//! Items of a team's schedule ⇄ items of a schedule product. Pure.
//!
//! Written: the draft side, with ids looked up before ([`Place`]). Read: the draft where there is
//! one, else what is shared. Colours are written and never read: they mean nothing.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use domain::{
    Activity, AvailabilityItem, EmployeeId, Fingerprint, Fingerprinter, OpenShiftItem,
    ScheduleItem, ShiftItem, TimeOffItem, UtcInterval,
};
use engine::port::{ETag, RemoteId, RemoteItem};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::people::{Index, Meaning};
use super::wire::{AbsenceBody, Collection, Part, PartBody, Planned, Side, WorkBody, utc};

/// Colours by label.
pub type Themes = BTreeMap<String, &'static str>;

/// The vendor's ids of what an item names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Whose it is, of shifts and absences.
    pub user: Option<String>,
    /// Which group of the team, of shifts and open shifts.
    pub group: Option<String>,
    /// Which kind of absence.
    pub reason: Option<String>,
}

/// One write: where it goes and what it says, its shared side left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Which collection it goes to.
    pub collection: Collection,
    /// What it says.
    pub properties: Map<String, Value>,
}

/// What is written of an item; `None` for availability, which is not in a schedule, and where
/// `place` lacks an id that is needed.
#[must_use]
pub fn body(item: &ScheduleItem, place: &Place, themes: &Themes) -> Option<Body> {
    let Place { user, group, reason } = place;
    let (collection, ids, side) = match item {
        ScheduleItem::Shift(ShiftItem {
            employee: _,
            group: _,
            label,
            interval,
            activities,
            notes,
        }) => {
            let side = work((label, *interval, activities, notes.as_deref()), None, themes);
            let ids = json!({ "userId": user.as_ref()?, "schedulingGroupId": group.as_ref()? });
            (Collection::Shifts, ids, json!(side))
        }
        ScheduleItem::OpenShift(OpenShiftItem {
            group: _,
            label,
            interval,
            open_slots,
            activities,
            notes,
        }) => {
            let slots = Some(*open_slots);
            let side = work((label, *interval, activities, notes.as_deref()), slots, themes);
            let ids = json!({ "schedulingGroupId": group.as_ref()? });
            (Collection::OpenShifts, ids, json!(side))
        }
        ScheduleItem::TimeOff(TimeOffItem { employee: _, reason: named, interval }) => {
            let label = named.as_ref().map(domain::TimeOffReasonId::as_str);
            let side = AbsenceBody {
                start_date_time: utc(interval.start()),
                end_date_time: utc(interval.end()),
                time_off_reason_id: reason.clone()?,
                theme: label.and_then(|it| themes.get(it)).copied(),
            };
            (Collection::TimesOff, json!({ "userId": user.as_ref()? }), json!(side))
        }
        ScheduleItem::Availability(AvailabilityItem { employee: _, availability: _ }) => {
            return None;
        }
    };
    let Value::Object(mut properties) = ids else { return None };
    properties.insert(collection.sides().0.to_owned(), side);
    Some(Body { collection, properties })
}

type Work<'a> = (&'a str, UtcInterval, &'a [Activity], Option<&'a str>);

fn work(
    (label, interval, activities, notes): Work<'_>,
    open_slot_count: Option<u32>,
    themes: &Themes,
) -> WorkBody {
    WorkBody {
        start_date_time: utc(interval.start()),
        end_date_time: utc(interval.end()),
        display_name: seen(Some(label)).map(str::to_owned),
        notes: seen(notes).map(str::to_owned),
        theme: themes.get(label.trim()).copied(),
        activities: activities.iter().map(|it| part(it, themes)).collect(),
        open_slot_count,
    }
}

fn part(activity: &Activity, themes: &Themes) -> PartBody {
    let Activity { label, interval, paid } = activity;
    PartBody {
        is_paid: *paid,
        start_date_time: utc(interval.start()),
        end_date_time: utc(interval.end()),
        code: label.clone(),
        display_name: label.clone(),
        theme: themes.get(label.trim()).copied(),
    }
}

/// What is seen of a text: nothing of a blank one.
fn seen(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|it| !it.is_empty())
}

impl Body {
    /// The same as a whole replacement of what is there: the shared side stays as it is, because
    /// what a PUT leaves out may go.
    #[must_use]
    pub fn replacing(mut self, there: &Value) -> Value {
        let shared = self.collection.sides().1;
        if let Some(side) = there.get(shared).filter(|it| it.is_object()) {
            self.properties.insert(shared.to_owned(), side.clone());
        }
        Value::Object(self.properties)
    }
}

/// The side that counts; `None` when the item is not there (any more).
#[must_use]
pub fn side(planned: &Planned) -> Option<&Side> {
    if planned.is_staged_for_deletion == Some(true) {
        return None;
    }
    let side = planned.draft_shift.as_ref().or(planned.shared_shift.as_ref())?;
    (side.is_active != Some(false)).then_some(side)
}

/// An item as the engine takes it; `None` when it is not there (any more).
#[must_use]
pub fn remote_item(collection: Collection, planned: &Planned, index: &Index) -> Option<RemoteItem> {
    let side = side(planned).filter(|it| !(taken(collection, it)))?;
    let shown = Shown::of(collection, planned, side, index);
    let (fingerprint, natural_key) = match &shown {
        Shown::Whole(item) => (Some(item.fingerprint()), Some(item.natural_key())),
        Shown::Partly(item) => (None, Some(item.natural_key())),
        Shown::Foreign => (None, None),
    };
    Some(RemoteItem {
        remote_id: RemoteId(planned.id.clone()),
        etag: Some(version(planned, side)),
        origin: None,
        fingerprint,
        natural_key,
        span: None,
        ends_at: side.end_date_time,
    })
}

/// Whether nothing of an open shift is left to be claimed: nobody sees it any more. What gave away
/// the last slot leaves it so, and the roster without it.
fn taken(collection: Collection, side: &Side) -> bool {
    collection == Collection::OpenShifts && side.open_slot_count.is_some_and(|it| it < 1)
}

/// How much of an item can be said in the roster's terms.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// All of it.
    Whole(ScheduleItem),
    /// Whose it is and when, but not its group or reason; those are left out here.
    Partly(ScheduleItem),
    /// Not even that.
    Foreign,
}

impl Shown {
    /// Reads one side of an item.
    #[must_use]
    pub fn of(collection: Collection, planned: &Planned, side: &Side, index: &Index) -> Self {
        let Some(interval) = interval(side.start_date_time, side.end_date_time) else {
            return Self::Foreign;
        };
        let employee = planned.user_id.as_deref().and_then(|it| index.employee(it)).cloned();
        let read = match collection {
            Collection::Shifts => shift(planned, side, interval, employee, index),
            Collection::OpenShifts => open_shift(planned, side, interval, index),
            Collection::TimesOff => time_off(side, interval, employee, index),
        };
        match read {
            Some((item, true)) => Self::Whole(item),
            Some((item, false)) => Self::Partly(item),
            None => Self::Foreign,
        }
    }
}

/// An item, and whether that is all of it.
type Read = Option<(ScheduleItem, bool)>;

fn shift(
    planned: &Planned,
    side: &Side,
    interval: UtcInterval,
    employee: Option<EmployeeId>,
    index: &Index,
) -> Read {
    let (group, known) = or_none(index.group(planned.scheduling_group_id.as_deref()));
    let (activities, readable) = activities(side);
    let item = ShiftItem {
        employee: employee?,
        group,
        label: label(side),
        interval,
        activities,
        notes: notes(side),
    };
    Some((ScheduleItem::Shift(item), known && readable))
}

fn open_shift(planned: &Planned, side: &Side, interval: UtcInterval, index: &Index) -> Read {
    // The group is part of its natural key.
    let Meaning::Known(group) = index.group(planned.scheduling_group_id.as_deref()) else {
        return None;
    };
    let (activities, readable) = activities(side);
    let slots = u32::try_from(side.open_slot_count.unwrap_or(1));
    let item = OpenShiftItem {
        group,
        label: label(side),
        interval,
        open_slots: slots.unwrap_or_default(),
        activities,
        notes: notes(side),
    };
    Some((ScheduleItem::OpenShift(item), readable && slots.is_ok()))
}

fn time_off(
    side: &Side,
    interval: UtcInterval,
    employee: Option<EmployeeId>,
    index: &Index,
) -> Read {
    let (reason, known) = or_none(index.reason(side.time_off_reason_id.as_deref()));
    let item = TimeOffItem { employee: employee?, reason, interval };
    Some((ScheduleItem::TimeOff(item), known))
}

fn or_none<T>(meaning: Meaning<Option<T>>) -> (Option<T>, bool) {
    match meaning {
        Meaning::Known(value) => (value, true),
        Meaning::Unknown => (None, false),
    }
}

fn label(side: &Side) -> String {
    seen(side.display_name.as_deref()).unwrap_or_default().to_owned()
}

fn notes(side: &Side) -> Option<String> {
    seen(side.notes.as_deref()).map(str::to_owned)
}

/// The parts in order, and whether all of them could be read.
fn activities(side: &Side) -> (Vec<Activity>, bool) {
    let read: Vec<Activity> = side.activities.iter().filter_map(activity).collect();
    let all = read.len() == side.activities.len();
    let mut read = read;
    read.sort_by_key(|it| (it.interval.start(), it.interval.end()));
    (read, all)
}

fn activity(part: &Part) -> Option<Activity> {
    let Part { is_paid, start_date_time, end_date_time, code, display_name } = part;
    Some(Activity {
        label: display_name.as_ref().or(code.as_ref()).cloned().unwrap_or_default(),
        interval: interval(*start_date_time, *end_date_time)?,
        paid: is_paid.unwrap_or(true),
    })
}

fn interval(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<UtcInterval> {
    UtcInterval::new(start?, end?).ok().map(|it| it.to_whole_seconds())
}

/// The version of an item for the engine: a hash of what a manager sees of it.
///
/// Graph's own etag changes also when a schedule is shared, which changes nothing that counts
/// here: each share would make every item look changed by somebody. Ours stays the same then, and
/// Graph's still guards the moment between reading and writing ([`super::write`]).
#[must_use]
pub fn version(planned: &Planned, side: &Side) -> ETag {
    let Planned {
        id: _,
        etag: _,
        user_id,
        scheduling_group_id,
        draft_shift: _,
        shared_shift: _,
        is_staged_for_deletion: _,
    } = planned;
    let Side {
        is_active: _,
        start_date_time,
        end_date_time,
        display_name,
        notes,
        activities,
        open_slot_count,
        time_off_reason_id,
    } = side;
    let mut print = Fingerprinter::new("shifts_version/1");
    for text in [user_id, scheduling_group_id, display_name, notes, time_off_reason_id] {
        print.optional(seen(text.as_deref()));
    }
    for at in [start_date_time, end_date_time] {
        print.number(at.map_or(i64::MIN, Timestamp::as_second));
    }
    print.number(open_slot_count.unwrap_or(-1));
    let mut parts: Vec<&Part> = activities.iter().collect();
    parts.sort_by_key(|it| (it.start_date_time, it.end_date_time));
    for Part { is_paid, start_date_time, end_date_time, code, display_name } in parts {
        for at in [start_date_time, end_date_time] {
            print.number(at.map_or(i64::MIN, Timestamp::as_second));
        }
        print.number(i64::from(is_paid.unwrap_or(true)));
        print.optional(seen(code.as_deref())).optional(seen(display_name.as_deref()));
    }
    etag(print.finish())
}

/// An etag from a hash, in the form of a strong one.
#[must_use]
pub fn etag(print: Fingerprint) -> ETag {
    ETag(format!("\"{print}\""))
}
