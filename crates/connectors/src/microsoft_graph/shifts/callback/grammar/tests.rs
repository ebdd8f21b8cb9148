//! Every form of a callback that is known, in every order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::wire::read_elements;
use super::*;

fn read(elements: &[Value]) -> Result<Change, Unsupported> {
    let json = json!({ "requests": elements }).to_string();
    read_change(&read_elements(json.as_bytes()).unwrap())
}

fn element(method: &str, url: &str, body: Value) -> Value {
    json!({ "id": url.rsplit('/').next(), "method": method, "url": url, "body": body })
}

fn side(start: &str, end: &str) -> Value {
    json!({ "isActive": true, "startDateTime": start, "endDateTime": end, "displayName": "Late" })
}

fn early() -> Value {
    side("2026-11-23T07:00:00Z", "2026-11-23T15:00:00Z")
}

fn late() -> Value {
    side("2026-11-24T15:00:00Z", "2026-11-24T23:00:00Z")
}

fn shift(user: &str, draft: Value) -> Value {
    json!({ "userId": user, "schedulingGroupId": "TAG_1", "draftShift": draft })
}

fn post_shift(id: &str, user: &str, draft: Value) -> Value {
    element("POST", &format!("/shifts/{id}"), shift(user, draft))
}

fn delete_shift(id: &str) -> Value {
    element("DELETE", &format!("/shifts/{id}"), json!(null))
}

fn put_open_shift(slots: i64) -> Value {
    let mut draft = early();
    draft["openSlotCount"] = json!(slots);
    let body = json!({ "schedulingGroupId": "TAG_1", "draftOpenShift": draft });
    element("PUT", "/openshifts/OPNSHFT_1", body)
}

fn swap(method: &str, id: &str, state: &str, assigned_to: &str) -> Value {
    let body = json!({
        "state": state, "assignedTo": assigned_to, "senderUserId": "u-1", "senderShiftId": "SHFT_1",
        "recipientUserId": "u-2", "recipientShiftId": "SHFT_2",
    });
    element(method, &format!("/swapRequests/{id}"), body)
}

fn claim(method: &str, id: &str, state: &str, assigned_to: &str) -> Value {
    let body = json!({ "state": state, "assignedTo": assigned_to, "senderUserId": "u-1",
        "openShiftId": "OPNSHFT_1" });
    element(method, &format!("/openshiftrequests/{id}"), body)
}

fn offer(method: &str, state: &str, assigned_to: &str) -> Value {
    let body = json!({ "state": state, "assignedTo": assigned_to, "senderUserId": "u-1",
        "senderShiftId": "SHFT_1", "recipientUserId": "u-2" });
    element(method, "/offershiftrequests/SREQ_1", body)
}

fn absence(method: &str, state: &str) -> Value {
    let body = json!({ "state": state, "assignedTo": "Manager", "senderUserId": "u-1",
        "timeOffReasonId": "TOR_1", "startDateTime": "2026-11-23T00:00:00Z",
        "endDateTime": "2026-11-24T00:00:00Z" });
    element(method, "/timeOffRequests/SREQ_1", body)
}

fn swap_approval() -> Vec<Value> {
    vec![
        swap("PUT", "SREQ_1", "Approved", "Manager"),
        delete_shift("SHFT_1"),
        delete_shift("SHFT_2"),
        post_shift("SHFT_3", "u-2", early()),
        post_shift("SHFT_4", "u-1", late()),
        swap("PUT", "SREQ_7", "Declined", "System"),
        swap("PUT", "SREQ_6", "declined", "SYSTEM"),
    ]
}

fn claim_approval() -> Vec<Value> {
    vec![
        claim("PUT", "SREQ_1", "Approved", "Manager"),
        post_shift("SHFT_9", "u-1", early()),
        put_open_shift(0),
        claim("PUT", "SREQ_2", "Declined", "System"),
        claim("PUT", "SREQ_3", "Declined", "System"),
    ]
}

/// The request's step, the words for its effects, and the ids of what is overtaken.
fn told(elements: &[Value]) -> (RequestKind, Step, Vec<String>, Vec<String>) {
    let Change::Request(change) = read(elements).unwrap() else { panic!("{elements:?}") };
    let word = |effect: &ItemChange| {
        let verb = match effect {
            ItemChange::Create(_) => "make",
            ItemChange::Edit(..) => "change",
            ItemChange::Delete { .. } => "remove",
        };
        format!("{verb} {}", effect.id())
    };
    let effects = change.effects.iter().map(word).collect();
    let overtaken = change.overtaken.into_iter().map(|it| it.id).collect();
    (change.request.kind, change.step, effects, overtaken)
}

fn step(elements: &[Value]) -> (RequestKind, Step) {
    let (kind, step, effects, overtaken) = told(elements);
    assert!(effects.is_empty() && overtaken.is_empty());
    (kind, step)
}

fn faults(elements: &[Value]) -> Vec<(String, Fault)> {
    read(elements).unwrap_err().faults.into_iter().collect()
}

fn items(elements: &[Value]) -> Vec<ItemChange> {
    let Change::Items(items) = read(elements).unwrap() else { panic!("{elements:?}") };
    items
}

#[test]
fn shift_is_made_and_changed_with_everything_that_it_says() {
    let mut draft = early();
    draft["notes"] = json!("bring keys");
    draft["activities"] = json!([{ "displayName": "Break", "isPaid": false,
        "startDateTime": "2026-11-23T12:00:00Z", "endDateTime": "2026-11-23T12:30:00Z" }]);
    let at = |text: &str| text.parse().unwrap();
    let interval = |from: &str, to: &str| UtcInterval::new(at(from), at(to)).unwrap();
    let expected = Item {
        kind: ItemKind::Shift,
        id: "SHFT_1".into(),
        user: Some("u-1".into()),
        group: Some("TAG_1".into()),
        interval: interval("2026-11-23T07:00:00Z", "2026-11-23T15:00:00Z"),
        label: Some("Late".into()),
        notes: Some("bring keys".into()),
        activities: vec![Activity {
            label: "Break".into(),
            interval: interval("2026-11-23T12:00:00Z", "2026-11-23T12:30:00Z"),
            paid: false,
        }],
        slots: 1,
        reason: None,
    };
    let body = shift("u-1", draft);
    assert_eq!(
        items(&[element("POST", "/shifts/SHFT_1", body.clone())]),
        [ItemChange::Create(expected.clone())]
    );
    assert_eq!(
        items(&[element("PUT", "/Shifts/SHFT_1", body)]),
        [ItemChange::Edit(expected, Stage::Draft)]
    );
}

#[test]
fn removal_is_told_at_the_draft_and_again_when_it_is_shared() {
    let check = |body: Value, stage| {
        let kind = ItemKind::Shift;
        let removed = [ItemChange::Delete { kind, id: "SHFT_1".into(), stage }];
        assert_eq!(items(&[element("PUT", "/shifts/SHFT_1", body)]), removed);
    };
    let inactive = json!({ "isActive": false });
    check(json!({ "draftShift": inactive, "sharedShift": early() }), Stage::Draft);
    check(json!({ "draftShift": null, "sharedShift": inactive }), Stage::Shared);
    let staged = json!({ "userId": "u-1", "sharedShift": early(), "isStagedForDeletion": true });
    check(staged, Stage::Draft);
}

#[test]
fn open_shifts_and_time_off_are_items_too() {
    let changed = items(&[put_open_shift(3)]);
    assert!(matches!(&changed[..], [ItemChange::Edit(item, Stage::Draft)] if item.slots == 3));
    let mut draft = early();
    draft["timeOffReasonId"] = json!("TOR_1");
    let body = json!({ "userId": "u-1", "sharedTimeOff": draft });
    let made = items(&[element("POST", "/timesoff/TOFF_1", body)]);
    assert!(matches!(&made[..], [ItemChange::Create(item)]
        if item.kind == ItemKind::TimeOff && item.reason.as_deref() == Some("TOR_1")));
    let removed = items(&[element("DELETE", "/openshifts/OPNSHFT_1", json!(null))]);
    assert_eq!(removed[0].kind(), ItemKind::OpenShift);
}

#[test]
fn manager_assigns_an_open_shift() {
    let assigned = read(&[put_open_shift(1), post_shift("SHFT_1", "u-1", early())]).unwrap();
    let Change::Assign { open_shift, shift } = assigned else { panic!("{assigned:?}") };
    assert_eq!((open_shift.id(), shift.id.as_str()), ("OPNSHFT_1", "SHFT_1"));
}

#[test]
fn swap_goes_through_its_six_steps() {
    use RequestKind::Swap;
    assert_eq!(step(&[swap("POST", "SREQ_1", "Pending", "Recipient")]), (Swap, Step::Asked));
    assert_eq!(step(&[swap("PUT", "SREQ_1", "Pending", "Manager")]), (Swap, Step::Agreed));
    let declined = |by| step(&[swap("PUT", "SREQ_1", "Declined", by)]).1;
    assert_eq!(declined("Recipient"), Step::DeclinedByColleague);
    assert_eq!(declined("Manager"), Step::DeclinedByManager);
    assert_eq!(declined("System"), Step::DeclinedBySystem);
    let cancelled = element("DELETE", "/swapRequests/SREQ_1", json!(null));
    assert_eq!(step(&[cancelled]), (Swap, Step::Cancelled));
    let (kind, step, effects, overtaken) = told(&swap_approval());
    assert_eq!((kind, step), (Swap, Step::Approved));
    assert_eq!(effects, ["remove SHFT_1", "remove SHFT_2", "make SHFT_3", "make SHFT_4"]);
    assert_eq!(overtaken, ["SREQ_6", "SREQ_7"]);
}

#[test]
fn swap_that_the_colleague_has_not_answered_can_be_approved() {
    let mut elements = swap_approval();
    elements[0] = swap("PUT", "SREQ_1", "Approved", "Recipient");
    assert_eq!(told(&elements).1, Step::Approved);
    let alone = [swap("PUT", "SREQ_1", "Approved", "Recipient")];
    assert_eq!(step(&alone), (RequestKind::Swap, Step::Agreed));
}

#[test]
fn open_shift_is_claimed_granted_refused_and_taken_back() {
    use RequestKind::OpenShift;
    assert_eq!(step(&[claim("POST", "SREQ_1", "Pending", "Manager")]), (OpenShift, Step::Asked));
    let declined = step(&[claim("PUT", "SREQ_1", "Declined", "Manager")]);
    assert_eq!(declined, (OpenShift, Step::DeclinedByManager));
    let cancelled = element("DELETE", "/openshiftrequests/SREQ_1", json!(null));
    assert_eq!(step(&[cancelled]), (OpenShift, Step::Cancelled));
    let (kind, step, effects, overtaken) = told(&claim_approval());
    assert_eq!((kind, step), (OpenShift, Step::Approved));
    assert_eq!(effects, ["make SHFT_9", "change OPNSHFT_1"]);
    assert_eq!(overtaken, ["SREQ_2", "SREQ_3"]);
}

#[test]
fn offer_moves_the_shift_in_either_way() {
    use RequestKind::Offer;
    assert_eq!(step(&[offer("POST", "Pending", "Recipient")]), (Offer, Step::Asked));
    assert_eq!(step(&[offer("PUT", "Pending", "Manager")]), (Offer, Step::Agreed));
    let declined = step(&[offer("PUT", "Declined", "Recipient")]);
    assert_eq!(declined, (Offer, Step::DeclinedByColleague));
    let approved = || offer("PUT", "Approved", "Manager");
    let again = [approved(), delete_shift("SHFT_1"), post_shift("SHFT_2", "u-2", early())];
    assert_eq!(told(&again).2, ["remove SHFT_1", "make SHFT_2"]);
    let moved = element("PUT", "/shifts/SHFT_1", shift("u-2", early()));
    assert_eq!(told(&[moved, approved()]).2, ["change SHFT_1"]);
    assert_eq!(step(&[approved()]), (Offer, Step::Approved));
}

#[test]
fn time_off_is_asked_for_granted_and_taken_back() {
    use RequestKind::TimeOff;
    let asked = read(&[absence("POST", "Pending")]).unwrap();
    let Change::Request(asked) = asked else { panic!("{asked:?}") };
    assert_eq!(asked.asked.reason.as_deref(), Some("TOR_1"));
    assert!(asked.asked.interval.is_some() && asked.step == Step::Asked);
    let mut draft = early();
    draft["timeOffReasonId"] = json!("TOR_1");
    let body = json!({ "userId": "u-1", "draftTimeOff": draft });
    let made = element("POST", "/timesoff/TOFF_1", body);
    assert_eq!(told(&[made, absence("PUT", "Approved")]).2, ["make TOFF_1"]);
    assert_eq!(step(&[absence("PUT", "Approved")]), (TimeOff, Step::Approved));
    assert_eq!(step(&[absence("PUT", "Declined")]), (TimeOff, Step::DeclinedByManager));
    let cancelled = element("DELETE", "/timeOffRequests/SREQ_1", json!(null));
    assert_eq!(step(&[cancelled]), (TimeOff, Step::Cancelled));
}

#[test]
fn several_automatic_declines_are_one_change() {
    let three = ["SREQ_2", "SREQ_1", "SREQ_3"].map(|id| claim("PUT", id, "Declined", "System"));
    let (_, step, _, overtaken) = told(&three);
    assert_eq!(step, Step::DeclinedBySystem);
    assert_eq!(overtaken, ["SREQ_2", "SREQ_3"]);
}

#[test]
fn preferences_reasons_and_null_bodies_are_told_apart() {
    let body = json!({ "availability": [{ "timeZone": "UTC", "timeSlots": null }] });
    let said = read(&[element("PUT", "/settings/shiftpreferences", body)]);
    assert!(
        said.is_ok_and(|it| matches!(it, Change::Preferences(it) if it.availability.len() == 1))
    );
    let reason = read(&[element("PUT", "/timeoffReasons/TOR_1", json!({ "isActive": false }))]);
    assert_eq!(reason, Ok(Change::Reason { id: "TOR_1".into() }));
    assert_eq!(read(&[element("PUT", "/shifts/SHFT_1", json!(null))]), Ok(Change::Nothing));
    assert_eq!(read(&[]), Ok(Change::Nothing));
}

#[test]
fn what_is_not_known_is_named_and_all_of_it_is_refused() {
    let card = element("POST", "/timecards/TCK_1", json!({}));
    let read = element("GET", "/shifts/SHFT_1", json!(null));
    let bad = element("POST", "/shifts/SHFT_2", json!({ "userId": 7 }));
    let timeless = element("POST", "/shifts/SHFT_3", shift("u-1", json!({})));
    let nobody = element("POST", "/shifts/SHFT_4", json!({ "draftShift": early() }));
    let good = delete_shift("SHFT_5");
    assert_eq!(
        faults(&[card, read, bad, timeless, nobody, good]),
        [
            ("SHFT_1".into(), Fault::Operation),
            ("SHFT_2".into(), Fault::Unreadable),
            ("SHFT_3".into(), Fault::Unreadable),
            ("SHFT_4".into(), Fault::Unreadable),
            ("SHFT_5".into(), Fault::Together),
            ("TCK_1".into(), Fault::Entity),
        ]
    );
}

#[test]
fn elements_that_make_no_sense_together_are_refused() {
    let together = |elements: &[Value]| {
        assert!(faults(elements).iter().all(|(_, fault)| *fault == Fault::Together));
    };
    together(&[
        swap("PUT", "SREQ_1", "Approved", "Manager"),
        claim("PUT", "SREQ_2", "Approved", "Manager"),
    ]);
    together(&[swap("PUT", "SREQ_1", "Declined", "Manager"), delete_shift("SHFT_1")]);
    together(&[swap("PUT", "SREQ_1", "Approved", "Manager"), delete_shift("SHFT_1")]);
    together(&[absence("PUT", "Approved"), delete_shift("SHFT_1")]);
    together(&[delete_shift("SHFT_1"), post_shift("SHFT_1", "u-1", early())]);
    let reason = element("PUT", "/timeoffReasons/TOR_1", json!({}));
    together(&[reason, delete_shift("SHFT_1")]);
}

fn anything() -> impl Strategy<Value = Value> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "MERGE", ""]);
    let url = prop::sample::select(vec![
        "/shifts/A",
        "/openshifts/B",
        "/timesoff/C",
        "/timeoffReasons/D",
        "/swapRequests/E",
        "/openshiftrequests/F",
        "/offershiftrequests/G",
        "/timeOffRequests/H",
        "/timecards/I",
        "/settings/shiftpreferences",
        "/shifts/A/requestableShifts",
        "/",
        "",
    ]);
    let word = || prop::sample::select(vec!["Pending", "Approved", "Declined", "x", "System"]);
    let body = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(shift("u-1", early())),
        Just(json!({ "draftShift": { "isActive": false } })),
        (word(), word()).prop_map(|(state, by)| json!({ "state": state, "assignedTo": by })),
    ];
    ("[a-e]", method, url, body).prop_map(
        |(id, method, url, body)| json!({ "id": id, "method": method, "url": url, "body": body }),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_of_elements_gives_the_same_change(
        elements in prop_oneof![
            Just(swap_approval()),
            Just(claim_approval()),
            Just(vec![put_open_shift(1), post_shift("SHFT_1", "u-1", early())]),
            prop::collection::vec(anything(), 0..6),
        ].prop_flat_map(|elements| (Just(elements.clone()), Just(elements).prop_shuffle())),
    ) {
        prop_assert_eq!(read(&elements.0), read(&elements.1));
    }
}

#[test]
fn what_people_write_has_bounds() {
    use domain::limits::{ACTIVITIES_MAX, LABEL_BYTES_MAX, NOTES_BYTES_MAX};

    let reads = |change: &dyn Fn(&mut Value)| {
        let mut draft = early();
        change(&mut draft);
        read(&[post_shift("SHFT_1", "u-1", draft)]).map(|_| ()).map_err(|it| it.faults)
    };
    let because = |fault| Err([("SHFT_1".to_owned(), fault)].into());
    let (bad, much) = (|| because(Fault::Unreadable), || because(Fault::TooMuch));
    let text = |bytes: usize| json!("x".repeat(bytes));
    assert_eq!(reads(&|it| it["displayName"] = text(LABEL_BYTES_MAX)), Ok(()));
    assert_eq!(reads(&|it| it["displayName"] = text(LABEL_BYTES_MAX + 1)), much());
    assert_eq!(reads(&|it| it["displayName"] = json!("a\u{1b}[2Jb")), much());
    assert_eq!(reads(&|it| it["notes"] = json!("one\r\n\ttwo")), Ok(()));
    assert_eq!(reads(&|it| it["notes"] = text(NOTES_BYTES_MAX + 1)), much());
    assert_eq!(reads(&|it| it["endDateTime"] = json!("2201-01-01T00:00:00Z")), bad());
    assert_eq!(reads(&|it| it["startDateTime"] = json!("1969-01-01T00:00:00Z")), bad());
    let activities = |count: usize| json!(vec![early(); count]);
    assert_eq!(reads(&|it| it["activities"] = activities(ACTIVITIES_MAX)), Ok(()));
    assert_eq!(reads(&|it| it["activities"] = activities(ACTIVITIES_MAX + 1)), much());
}

#[test]
fn ids_that_are_no_ids_are_unreadable() {
    for id in ["..", "a%2Fb", "a%3Fb", "a%0Ab"] {
        let fault = read(&[delete_shift(id)]).unwrap_err().faults;
        assert_eq!(fault.into_values().collect::<Vec<_>>(), [Fault::Unreadable], "{id}");
    }
    let mut asked = swap("POST", "SREQ_1", "Pending", "Recipient");
    asked["body"]["recipientShiftId"] = json!("../SHFT_2");
    assert!(read(&[asked]).is_err());
}
