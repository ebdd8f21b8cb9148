//! What is written is what is read back, and what does not count makes no difference.

use domain::{
    CalendarKey, Directory, Employee, ScheduleGroup, ScheduleGroupId, TimeOffReason,
    TimeOffReasonId,
};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::microsoft_graph::shifts::config::ShiftsMirrorConfig;
use crate::microsoft_graph::shifts::people::{Addresses, Facts};
use crate::microsoft_graph::shifts::wire::{Group, Member, Reason};

const TEAM: &str = "team-1";

fn employee(id: &str, email: &str, group: Option<&str>) -> Employee {
    let id = EmployeeId::new(id).unwrap();
    let group = group.map(|it| ScheduleGroupId::new(it).unwrap());
    Employee { email: Some(email.into()), group, ..Employee::unnamed(id) }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.add(domain::Entity::Employee(employee("anna", "Anna@Example.com", Some("g-1"))));
    directory.add(domain::Entity::Employee(employee("ben", "ben@example.com", None)));
    let id = ScheduleGroupId::new("g-1").unwrap();
    directory.add(domain::Entity::ScheduleGroup(ScheduleGroup { id, name: "Ward 1".into() }));
    let id = TimeOffReasonId::new("r-1").unwrap();
    directory.add(domain::Entity::TimeOffReason(TimeOffReason { id, name: "Vacation".into() }));
    directory
}

fn member(id: &str, email: &str) -> Member {
    Member { user_id: Some(id.into()), email: Some(email.into()), roles: vec![] }
}

fn group(id: &str, name: &str, code: Option<&str>) -> Group {
    Group {
        id: id.into(),
        display_name: Some(name.into()),
        code: code.map(str::to_owned),
        is_active: Some(true),
        ..Group::default()
    }
}

fn reason(id: &str, name: &str, code: Option<&str>) -> Reason {
    Reason {
        id: id.into(),
        display_name: Some(name.into()),
        code: code.map(str::to_owned),
        is_active: Some(true),
        ..Reason::default()
    }
}

fn facts() -> Facts {
    Facts {
        members: vec![
            member("U-ANNA", "anna@example.com"),
            member("u-ben", "BEN@example.com"),
            member("u-boss", "boss@example.com"),
        ],
        groups: vec![
            group("TAG_1", "ward 1", None),
            group("TAG_2", "Everyone", Some("*")),
            group("TAG_3", "Night", Some("g-night")),
        ],
        reasons: vec![reason("TOR_1", "Vacation", None), reason("TOR_2", "Time off", Some("*"))],
    }
}

fn index() -> Index {
    let text = format!("{{ teams = [{{ group = \"*\", team_id = \"{TEAM}\" }}] }}");
    let config = toml::de::ValueDeserializer::parse(&text).unwrap();
    let config = ShiftsMirrorConfig::deserialize(config).unwrap();
    let (teams, team) = (config.checked_teams().unwrap(), CalendarKey::new(TEAM).unwrap());
    let directory = directory();
    let addresses = Addresses::of(&directory);
    Index::of(&facts(), &directory, &addresses, (&teams, &team), "Time off")
}

fn place(item: &ScheduleItem, index: &Index) -> Place {
    let (employee, group, reason) = match item {
        ScheduleItem::Shift(it) => (Some(&it.employee), Some(&it.group), None),
        ScheduleItem::OpenShift(it) => (None, Some(&it.group), None),
        ScheduleItem::TimeOff(it) => (Some(&it.employee), None, Some(&it.reason)),
        ScheduleItem::Availability(_) => panic!("not in a schedule"),
    };
    Place {
        user: employee.map(|it| index.users[it].clone()),
        group: group.map(|it| index.groups[it].0.clone()),
        reason: reason.map(|it| index.reasons[it].clone()),
    }
}

fn written(item: &ScheduleItem) -> (Collection, Value) {
    let themes = Themes::from([("Late".to_owned(), "darkBlue")]);
    let body = body(item, &place(item, &index()), &themes).unwrap();
    (body.collection, Value::Object(body.properties))
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + minute * 60).unwrap()
}

fn span(start: i64, end: i64) -> UtcInterval {
    UtcInterval::new(at(start), at(end)).unwrap()
}

fn shift() -> ScheduleItem {
    ScheduleItem::Shift(ShiftItem {
        employee: EmployeeId::new("anna").unwrap(),
        group: Some(ScheduleGroupId::new("g-1").unwrap()),
        label: "Late".into(),
        interval: span(0, 480),
        activities: vec![Activity { label: "Break".into(), interval: span(60, 75), paid: false }],
        notes: Some("Keys at the desk".into()),
    })
}

#[test]
fn a_shift_is_written_as_graph_documents_it() {
    let (collection, body) = written(&shift());
    assert_eq!(collection, Collection::Shifts);
    assert_eq!(
        body,
        json!({
            "userId": "U-ANNA", "schedulingGroupId": "TAG_1",
            "draftShift": {
                "startDateTime": "2026-11-18T11:06:40Z", "endDateTime": "2026-11-18T19:06:40Z",
                "displayName": "Late", "notes": "Keys at the desk", "theme": "darkBlue",
                "activities": [{
                    "isPaid": false, "code": "Break", "displayName": "Break",
                    "startDateTime": "2026-11-18T12:06:40Z",
                    "endDateTime": "2026-11-18T12:21:40Z",
                }],
            },
        })
    );
}

fn read(collection: Collection, mut body: Value) -> Planned {
    body["id"] = "SHFT_1".into();
    let _ = collection;
    Planned::deserialize(&body).unwrap()
}

fn fingerprint_read(collection: Collection, planned: &Planned) -> Option<Fingerprint> {
    remote_item(collection, planned, &index()).and_then(|it| it.fingerprint)
}

#[test]
fn sharing_changes_neither_meaning_nor_version() {
    let (collection, body) = written(&shift());
    let draft = read(collection, body.clone());
    let mut shared = body.clone();
    shared["sharedShift"] = shared["draftShift"].take();
    let shared = read(collection, shared);
    let mut both = body.clone();
    both["sharedShift"] = both["draftShift"].clone();
    let both = read(collection, both);
    let items = [draft, shared, both].map(|it| remote_item(collection, &it, &index()).unwrap());
    assert_eq!(items[0], items[1]);
    assert_eq!(items[0], items[2]);
}

#[test]
fn the_draft_wins_over_what_is_shared() {
    let (collection, mut body) = written(&shift());
    body["sharedShift"] = json!({
        "startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2020-01-01T08:00:00Z",
    });
    let planned = read(collection, body);
    assert_eq!(fingerprint_read(collection, &planned), Some(shift().fingerprint()));
}

#[test]
fn what_is_staged_for_deletion_or_inactive_or_empty_is_not_there() {
    let (collection, body) = written(&shift());
    let mut staged = body.clone();
    staged["isStagedForDeletion"] = true.into();
    let mut inactive = body.clone();
    inactive["draftShift"]["isActive"] = false.into();
    let mut empty = body;
    empty["draftShift"] = Value::Null;
    for gone in [staged, inactive, empty] {
        assert_eq!(remote_item(collection, &read(collection, gone), &index()), None);
    }
}

#[test]
fn what_names_strangers_is_foreign_and_what_names_a_strange_group_is_known_by_its_key() {
    let (collection, body) = written(&shift());
    let mut strange = body.clone();
    strange["userId"] = "u-boss".into();
    let item = remote_item(collection, &read(collection, strange), &index()).unwrap();
    assert_eq!((item.fingerprint, item.natural_key), (None, None));
    let mut group = body;
    group["schedulingGroupId"] = "TAG_else".into();
    let item = remote_item(collection, &read(collection, group), &index()).unwrap();
    assert_eq!((item.fingerprint, item.natural_key), (None, Some(shift().natural_key())));
}

#[test]
fn a_colour_means_nothing_and_a_moved_break_does() {
    let (collection, body) = written(&shift());
    let version = |body: &Value| {
        let planned = read(collection, body.clone());
        remote_item(collection, &planned, &index()).unwrap().etag.unwrap()
    };
    let mut coloured = body.clone();
    coloured["draftShift"]["theme"] = "pink".into();
    assert_eq!(version(&coloured), version(&body));
    let mut moved = body.clone();
    moved["draftShift"]["activities"][0]["endDateTime"] = "2026-11-18T12:36:40Z".into();
    assert_ne!(version(&moved), version(&body));
}

#[test]
fn a_replacement_keeps_what_everybody_sees() {
    let item = shift();
    let body = body(&item, &place(&item, &index()), &Themes::new()).unwrap();
    let shared = json!({ "displayName": "Old", "somethingNew": 7 });
    let there = json!({
        "id": "SHFT_1", "createdDateTime": "2026-01-01T00:00:00Z", "sharedShift": shared,
        "draftShift": { "displayName": "Old" },
    });
    let whole = body.replacing(&there);
    assert_eq!(whole["sharedShift"], shared);
    assert_eq!(whole["draftShift"]["displayName"], "Late");
    assert_eq!(whole.get("createdDateTime"), None);
}

#[test]
fn an_open_shift_of_which_nothing_is_left_is_not_there() {
    let label = "Late".to_owned();
    let (group, notes, activities) = (Some(ScheduleGroupId::new("g-1").unwrap()), None, vec![]);
    let interval = span(0, 480);
    let item = OpenShiftItem { group, label, interval, open_slots: 1, activities, notes };
    let (collection, mut body) = written(&ScheduleItem::OpenShift(item));
    assert!(remote_item(collection, &read(collection, body.clone()), &index()).is_some());
    body["draftOpenShift"]["openSlotCount"] = 0.into();
    assert_eq!(remote_item(collection, &read(collection, body), &index()), None);
}

fn text() -> impl Strategy<Value = String> {
    prop::string::string_regex("[A-Za-zÄß🚑 ]{0,12}").unwrap()
}

fn parts() -> impl Strategy<Value = Vec<Activity>> {
    let part = (text(), 1i64..60, 0i64..30, any::<bool>());
    prop::collection::vec(part, 0..5).prop_map(|parts| {
        let mut from = 0;
        let place = |(label, length, gap, paid): (String, i64, i64, bool)| {
            let start = from + gap;
            from = start + length;
            Activity { label, interval: span(start, from), paid }
        };
        parts.into_iter().map(place).collect()
    })
}

fn item() -> impl Strategy<Value = ScheduleItem> {
    let groups = prop::sample::select(vec![None, Some("g-1"), Some("g-night")]);
    let common = (text(), parts(), prop::option::of(text()), groups, 1u32..9, 0u8..3);
    (common, any::<bool>(), 480i64..1440).prop_map(
        |((label, activities, notes, group, open_slots, kind), flag, end)| {
            let employee = EmployeeId::new(if flag { "anna" } else { "ben" }).unwrap();
            let group = group.map(|it| ScheduleGroupId::new(it).unwrap());
            let interval = span(0, end);
            match kind {
                0 => ScheduleItem::Shift(ShiftItem {
                    employee,
                    group,
                    label,
                    interval,
                    activities,
                    notes,
                }),
                1 => ScheduleItem::OpenShift(OpenShiftItem {
                    group,
                    label,
                    interval,
                    open_slots,
                    activities,
                    notes,
                }),
                _ => ScheduleItem::TimeOff(TimeOffItem {
                    employee,
                    reason: flag.then(|| TimeOffReasonId::new("r-1").unwrap()),
                    interval,
                }),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_reads_back_as_the_same_and_is_written_the_same_again(item in item()) {
        let (collection, body) = written(&item);
        let planned = read(collection, body.clone());
        let found = remote_item(collection, &planned, &index()).unwrap();
        prop_assert_eq!(found.fingerprint, Some(item.fingerprint()));
        prop_assert_eq!(found.natural_key, Some(item.natural_key()));
        prop_assert_eq!(found.ends_at, item.interval().map(|it| it.end()));
        let Shown::Whole(again) = Shown::of(collection, &planned, side(&planned).unwrap(), &index())
        else {
            panic!("cannot be said in our terms");
        };
        prop_assert_eq!(written(&again).1, body);
    }
}
