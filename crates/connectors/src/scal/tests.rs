//! The tables of map and classify, and how slow is slow.

use std::time::Duration;

use domain::{Entity, TimeOffSpan};
use engine::port::{FailureClass, QuotaScope};
use http::StatusCode;

use super::classify::class_of_status;
use super::client::spread;
use super::map::{Told, read};
use super::wire::Schedule;

fn told(json: &str) -> Result<Told, String> {
    let schedule: Schedule = serde_json::from_str(json).unwrap();
    read(schedule).map_err(|fault| format!("{}: {}", fault.spot(), fault.message))
}

#[test]
fn a_shift_is_read_with_its_parts() {
    let json = r#"{"id":"s1","kind":"shift","version":3,"changedAt":"2026-11-20T09:00:00Z",
        "userId":"anna","scheduleGroupId":"north","label":"Late","start":"2026-11-21T14:30:00Z",
        "end":"2026-11-21T22:30:00Z","day":"2026-11-21","somethingNew":true,
        "activities":[{"label":"Break","start":"2026-11-21T18:00:00Z",
        "end":"2026-11-21T18:30:00Z","paid":false}]}"#;
    let Ok(Told::Is(Entity::Shift(shift))) = told(json) else { panic!("{:?}", told(json)) };
    assert_eq!((shift.id.as_str(), shift.employee.as_str()), ("s1", "anna"));
    assert_eq!((shift.group.unwrap().as_str(), shift.label.as_str()), ("north", "Late"));
    assert_eq!((shift.activities.len(), shift.activities[0].paid), (1, false));
}

#[test]
fn an_absence_keeps_its_days() {
    let json = r#"{"id":"o1","kind":"time_off","version":1,"userId":"anna","reasonId":"leave",
        "start":"2026-11-20T23:00:00Z","end":"2026-11-21T23:00:00Z","allDay":
        {"firstDay":"2026-11-21","endDay":"2026-11-22","timeZone":"Europe/Berlin"}}"#;
    let Ok(Told::Is(Entity::TimeOff(off))) = told(json) else { panic!("{:?}", told(json)) };
    assert!(matches!(off.span, TimeOffSpan::AllDay { .. }), "{off:?}");
}

#[test]
fn what_is_gone_needs_no_more_than_its_key_and_what_is_unknown_is_passed_over() {
    let gone = told(r#"{"id":"s1","kind":"shift","version":3,"deleted":true}"#).unwrap();
    assert!(matches!(gone, Told::Gone(key) if key.to_string() == "shift/s1"));
    let unknown = told(r#"{"id":"s1","kind":"parking_lot","version":3}"#).unwrap();
    assert_eq!(unknown, Told::Unknown);
}

#[test]
fn a_fault_names_the_entity_and_the_field() {
    let backwards = r#"{"id":"s1","kind":"shift","version":3,"userId":"anna","label":"Late",
        "start":"2026-11-21T14:30:00Z","end":"2026-11-21T14:30:00Z"}"#;
    let error = told(backwards).unwrap_err();
    assert!(error.starts_with("shift/s1 (version 3): interval ends at"), "{error}");
    let nobody = r#"{"id":"s1","kind":"shift","version":3,"label":"Late",
        "start":"2026-11-21T14:30:00Z","end":"2026-11-21T15:30:00Z"}"#;
    assert_eq!(told(nobody).unwrap_err(), "shift/s1 (version 3): `userId` is missing");
}

#[test]
fn statuses_are_classified() {
    let wait = Some(Duration::from_secs(7));
    let throttled = FailureClass::Throttled { retry_after: wait, scope: QuotaScope::Connection };
    for (status, class) in [
        (400, FailureClass::Refused),
        (401, FailureClass::Unauthorised),
        (403, FailureClass::Forbidden),
        (404, FailureClass::Unsupported),
        (408, FailureClass::Unavailable),
        (409, FailureClass::DeltaExpired),
        (410, FailureClass::DeltaExpired),
        (429, throttled),
        (500, FailureClass::Unavailable),
        (503, FailureClass::Unavailable),
        (302, FailureClass::Bug),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(class_of_status(status, wait), class, "{status}");
    }
}

#[test]
fn below_a_fifth_what_is_left_is_spread_over_the_rest_of_the_minute() {
    let minute = Duration::from_secs(60);
    assert_eq!(spread(100, 20, minute), Duration::ZERO);
    assert_eq!(spread(100, 19, minute), Duration::from_secs(3));
    assert_eq!(spread(100, 0, minute), minute);
}
