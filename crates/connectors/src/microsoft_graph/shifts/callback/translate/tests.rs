//! Changes as asks: names looked up, what is missing refused.

use domain::{DayAvailability, UtcInterval};
use serde_json::json;

use super::super::grammar::read_change;
use super::super::wire::{PreferencesBody, read_elements};
use super::*;

fn names() -> TeamNames {
    TeamNames {
        users: [("u-1", "alice"), ("u-2", "bob")]
            .map(|(user, id)| (user.to_owned(), EmployeeId::new(id).unwrap()))
            .into(),
        groups: [("TAG_1".to_owned(), ScheduleGroupId::new("ward").unwrap())].into(),
        reasons: [("TOR_1".to_owned(), TimeOffReasonId::new("leave").unwrap())].into(),
        no_group: Some("TAG_0".to_owned()),
        ..TeamNames::default()
    }
}

fn told(elements: serde_json::Value) -> Result<AskWhat, NoAsk> {
    let json = json!({ "requests": elements }).to_string();
    let change = read_change(&read_elements(json.as_bytes()).unwrap()).unwrap();
    let mut all = ask(&change, &names(), Some("U-1"))?;
    assert_eq!(all.len(), 1);
    Ok(all.remove(0))
}

fn interval() -> UtcInterval {
    let at = |text: &str| text.parse().unwrap();
    UtcInterval::new(at("2026-11-23T07:00:00Z"), at("2026-11-23T15:00:00Z")).unwrap()
}

fn side() -> serde_json::Value {
    json!({ "startDateTime": "2026-11-23T07:00:00.5Z", "endDateTime": "2026-11-23T15:00:00Z",
        "displayName": "Early", "timeOffReasonId": "TOR_1", "openSlotCount": 2 })
}

fn shift(user: &str, group: &str) -> serde_json::Value {
    json!([{ "id": "SHFT_1", "method": "POST", "url": "/shifts/SHFT_1",
        "body": { "userId": user, "schedulingGroupId": group, "draftShift": side() } }])
}

#[test]
fn people_groups_and_reasons_become_those_of_the_roster() {
    let item = ShiftItem {
        employee: EmployeeId::new("alice").unwrap(),
        group: Some(ScheduleGroupId::new("ward").unwrap()),
        label: "Early".into(),
        interval: interval(),
        activities: vec![],
        notes: None,
    };
    let made = AskWhat::Create { at: remote("SHFT_1"), item: ScheduleItem::Shift(item) };
    assert_eq!(told(shift("U-1", "TAG_1")), Ok(made));
    let refused = |refusal| Err(NoAsk::Refused(refusal));
    assert_eq!(told(shift("u-3", "TAG_1")), refused(Refusal::UnknownEmployee));
    assert_eq!(told(shift("u-1", "TAG_9")), refused(Refusal::Unknown));
    let groupless = told(shift("u-1", "tag_0"));
    assert!(matches!(groupless, Ok(AskWhat::Create { item: ScheduleItem::Shift(it), .. })
        if it.group.is_none()));
    let absence = TimeOffItem {
        employee: EmployeeId::new("bob").unwrap(),
        reason: Some(TimeOffReasonId::new("leave").unwrap()),
        interval: interval(),
    };
    let body = json!({ "userId": "u-2", "draftTimeOff": side() });
    assert_eq!(
        told(json!([{ "method": "PUT", "url": "/timesoff/TOFF_1", "body": body }])),
        Ok(AskWhat::Edit { at: remote("TOFF_1"), item: ScheduleItem::TimeOff(absence) })
    );
}

#[test]
fn steps_of_requests_name_items_by_the_vendor_s_ids() {
    let swap = json!([{ "method": "PUT", "url": "/swapRequests/SREQ_1", "body": {
        "state": "Approved", "assignedTo": "Manager", "senderShiftId": "SHFT_1",
        "recipientShiftId": "SHFT_2" } },
        { "method": "PUT", "url": "/swapRequests/SREQ_2", "body": {
        "state": "Declined", "assignedTo": "System" } }]);
    assert_eq!(
        told(swap),
        Ok(AskWhat::Request {
            at: remote("SREQ_1"),
            request: Some(AskedRequest::Swap { given: remote("SHFT_1"), wanted: remote("SHFT_2") }),
            step: RequestStep::Approved,
            makes: vec![],
            declines: vec![remote("SREQ_2")],
        })
    );
    let cancelled = json!([{ "method": "DELETE", "url": "/timeOffRequests/SREQ_1" }]);
    assert_eq!(
        told(cancelled),
        Ok(AskWhat::Request {
            at: remote("SREQ_1"),
            request: None,
            step: RequestStep::Cancelled,
            makes: vec![],
            declines: vec![],
        })
    );
    let empty = json!([{ "method": "POST", "url": "/timeOffRequests/SREQ_1",
        "body": { "state": "Pending", "assignedTo": "Manager" } }]);
    assert_eq!(told(empty), Err(NoAsk::Unreadable));
}

#[test]
fn claim_s_approval_makes_the_shift_and_leaves_the_open_shift_to_follow() {
    let claim = json!([
        { "method": "PUT", "url": "/openshifts/OPNSHFT_1", "body": { "draftOpenShift": side() } },
        { "method": "POST", "url": "/shifts/SHFT_1",
          "body": { "userId": "u-1", "draftShift": side() } },
        { "method": "PUT", "url": "/openshiftrequests/SREQ_1", "body": { "state": "Approved",
          "assignedTo": "Manager", "senderUserId": "u-1", "openShiftId": "OPNSHFT_1" } },
    ]);
    let Ok(AskWhat::Request { makes, request, .. }) = told(claim) else { panic!() };
    assert!(matches!(&makes[..], [(at, ScheduleItem::Shift(_))] if at.0 == "SHFT_1"));
    assert!(matches!(request, Some(AskedRequest::OpenShift { .. })));
}

#[test]
fn preferences_are_told_as_an_availability() {
    let read = |rules: serde_json::Value| {
        let body: PreferencesBody =
            serde_json::from_value(json!({ "availability": rules })).unwrap();
        availability::read(&body).map(|it| it.to_string())
    };
    let rule = |days: &[&str], slots: serde_json::Value| {
        json!({ "recurrence": { "pattern": { "type": "Weekly", "daysOfWeek": days } },
            "timeZone": "Pacific Standard Time", "timeSlots": slots })
    };
    let slot = |from: &str, to: &str| json!({ "startTime": from, "endTime": to });
    let night = slot("18:00:00.0000000", "00:00:00.0000000");
    assert_eq!(
        read(json!([
            rule(&["Monday", "friday"], json!(null)),
            rule(
                &["Thursday"],
                json!([slot("09:00:00", "12:00:00"), slot("11:00", "17:00"), night])
            ),
            rule(&["Tuesday"], json!([slot("00:00:00.0000000", "00:00:00.0000000")])),
        ]))
        .as_deref(),
        Some(
            "America/Los_Angeles; mon none; tue all; wed all; thu 09:00-17:00 18:00-00:00; \
             fri none; sat all; sun all"
        )
    );
    assert_eq!(read(json!([])), None);
    assert_eq!(read(json!([rule(&["Someday"], json!(null))])), None);
    assert_eq!(read(json!([rule(&["Monday"], json!([slot("22:00", "06:00")]))])), None);
    let body = json!({ "availability": [rule(&["Monday"], json!(null))] });
    let said = told(json!([{ "id": "x", "method": "PUT", "url": "/settings/shiftpreferences",
        "body": body }]));
    assert!(matches!(said, Ok(AskWhat::SetAvailability { item })
        if item.employee.as_str() == "alice"
            && item.availability.days[0] == DayAvailability::Within(vec![])));
}

#[test]
fn every_zone_that_windows_names_is_one_that_this_build_knows() {
    for (windows, iana) in windows_zones::ZONES {
        assert!(availability::known(iana), "{windows}: {iana}");
    }
    assert_eq!(windows_zones::iana("w. europe standard time").as_deref(), Some("Europe/Berlin"));
    assert_eq!(windows_zones::iana("Europe/Madrid").as_deref(), Some("Europe/Madrid"));
    assert_eq!(windows_zones::iana("Middle Earth Standard Time"), None);
}

#[test]
fn several_items_at_once_are_one_act_and_kinds_of_absence_cannot_be_asked_for() {
    let two = json!([{ "method": "DELETE", "url": "/shifts/A" },
        { "method": "DELETE", "url": "/shifts/B" }]);
    let two = json!({ "requests": two }).to_string();
    let two = read_change(&read_elements(two.as_bytes()).unwrap()).unwrap();
    let all = ask(&two, &names(), None).unwrap();
    let removed = |id: &str| AskWhat::Delete { at: remote(id), kind: EntityKind::Shift };
    assert_eq!(all, [removed("A"), removed("B")]);
    let reason = json!([{ "method": "POST", "url": "/timeoffReasons/A", "body": {} }]);
    assert_eq!(told(reason), Err(NoAsk::Unsupported));
}
