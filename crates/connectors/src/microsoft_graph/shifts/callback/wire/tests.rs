//! The vendor's own examples, and the spellings that it does not show.

use serde_json::json;

use super::*;

fn elements(json: &Value) -> Vec<Element> {
    read_elements(json.to_string().as_bytes()).unwrap()
}

fn element(json: Value) -> Element {
    elements(&json!({ "requests": [json] })).remove(0)
}

/// The bodies of the vendor's examples whose names begin so; none when the folder is not there.
fn examples(beginning: &str) -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/examples/graph");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: {folder} is not there");
        return Vec::new();
    };
    let mut found: Vec<(String, Value)> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(beginning))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let example: Value = serde_json::from_str(&text).unwrap();
            (path.display().to_string(), example["body"].clone())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_example_of_a_callback_is_read() {
    for (path, body) in examples("wfi-") {
        if path.ends_with("-request.json") {
            let read = elements(&body);
            assert!(!read.is_empty(), "{path}");
            for element in read {
                assert!(!matches!(element.address.entity, EntityName::Other(_)), "{path}");
                element.read_body::<EntityBody>().unwrap();
            }
        } else {
            let answers: Answers = serde_json::from_value(body.clone()).unwrap();
            let count = body["responses"].as_array().unwrap().len();
            assert_eq!(answers.responses.len(), count, "{path}");
        }
    }
}

#[test]
fn every_example_of_an_entity_is_a_body_too() {
    fn reads<T: DeserializeOwned>(beginnings: &[&str]) {
        for (path, body) in beginnings.iter().flat_map(|beginning| examples(beginning)) {
            let bodies = body["value"].as_array().cloned().unwrap_or_else(|| vec![body]);
            for body in bodies.into_iter().filter(Value::is_object) {
                let read = T::deserialize(&body);
                assert!(read.is_ok(), "{path}: {:?}", read.err());
            }
        }
    }
    reads::<EntityBody>(&["shift-", "openshift-", "timeoff-", "beta-shift-", "beta-openshift-"]);
    reads::<RequestBody>(&[
        "swapshiftschangerequest-",
        "openshiftchangerequest-",
        "offershiftrequest-",
        "timeoffrequest-",
        "beta-timeoffrequest-",
    ]);
    reads::<ReasonBody>(&["timeoffreason-", "beta-timeoffreason-"]);
    reads::<PreferencesBody>(&["shiftpreferences-", "beta-shiftpreferences-"]);
}

#[test]
fn words_are_compared_without_regard_to_case_and_kept_when_unknown() {
    let body: RequestBody =
        serde_json::from_value(json!({ "state": "APPROVED", "assignedTo": "Manager" })).unwrap();
    assert_eq!((body.state, body.assigned_to), (State::Approved, Party::Manager));
    let body: RequestBody =
        serde_json::from_value(json!({ "state": "Frozen", "assignedTo": null })).unwrap();
    assert_eq!(body.state, State::Other(Some("Frozen".into())));
    assert_eq!(body.assigned_to, Party::Other(None));
}

#[test]
fn paths_are_read_however_they_are_spelled() {
    let of = |url: &str| {
        let Address { entity, id, question } = Address::read(url);
        assert_eq!(question, None, "{url}");
        (entity, id)
    };
    let id = || Some("X 1".to_owned());
    assert_eq!(of("/shifts/X%201"), (EntityName::Shift, id()));
    assert_eq!(of("Shifts/X 1/"), (EntityName::Shift, id()));
    assert_eq!(of("/openshifts/X 1"), (EntityName::OpenShift, id()));
    assert_eq!(of("/openShiftRequests/X 1"), (EntityName::OpenShiftRequest, id()));
    assert_eq!(of("/openshiftchangerequests/X 1"), (EntityName::OpenShiftRequest, id()));
    assert_eq!(of("/swapRequests/X 1"), (EntityName::SwapRequest, id()));
    assert_eq!(of("/offershiftrequests/X 1"), (EntityName::OfferRequest, id()));
    assert_eq!(of("/timeOffRequests/X 1"), (EntityName::TimeOffRequest, id()));
    assert_eq!(of("/timesoff/X 1"), (EntityName::TimeOff, id()));
    assert_eq!(of("/timeoffReasons/X 1"), (EntityName::TimeOffReason, id()));
    assert_eq!(of("/settings/shiftpreferences"), (EntityName::ShiftPreferences, None));
    assert_eq!(of("/timecards/X 1"), (EntityName::Other("timecards".into()), id()));
    assert_eq!(of(""), (EntityName::Other(String::new()), None));
}

#[test]
fn questions_are_read_with_either_names_and_unescaped() {
    let of = |url: &str| Address::read(url).question.unwrap();
    let at = |text: &str| text.parse::<Timestamp>().ok();
    let swap = |start, end| Question::RequestableShifts {
        shift: "SHFT_1".into(),
        request_type: "SwapRequest".into(),
        start,
        end,
    };
    let (first, last) = (at("2024-10-01T04:00:00Z"), at("2024-11-01T03:59:59.999Z"));
    for (from, to) in [("startTime", "endTime"), ("startDateTime", "enddatetime")] {
        let url = format!(
            "/shifts/SHFT_1/requestableShifts?requestType=SwapRequest\
             &{from}=2024-10-01T04:00:00.0000000Z&{to}=2024-11-01T03:59:59.9990000Z"
        );
        assert_eq!(of(&url), swap(first, last));
    }
    let url = "/shifts/SHFT_1/requestableShifts?requestType=SwapRequest\
               &startTime=5/31/2020 11:00:00 PM +00:00&endTime=7/1/2020 10:59:59 PM +00:00";
    assert_eq!(of(url), swap(at("2020-05-31T23:00:00Z"), at("2020-07-01T22:59:59Z")));
    let url = "/shifts/SHFT_1/requestableshifts?requesttype=SwapRequest&startTime=soon";
    assert_eq!(of(url), swap(None, None));
    assert_eq!(
        of("/users/u-1/timeOffReasons?requestType=TimeOffReason"),
        Question::TimeOffReasons { user: "u-1".into() }
    );
}

#[test]
fn instants_are_read_in_every_spelling_that_was_seen() {
    let check = |text: &str, expected: Option<&str>| {
        let expected = expected.map(|text| text.parse().unwrap());
        assert_eq!(read_instant(text), expected, "{text}");
    };
    check("2024-10-11T21:27:59.0134605Z", Some("2024-10-11T21:27:59.0134605Z"));
    check(" 2024-10-11T21:27:59+02:00", Some("2024-10-11T19:27:59Z"));
    check("2024-10-11T21:27:59 02:00", Some("2024-10-11T19:27:59Z"));
    check("2024-10-11T21:27:59", Some("2024-10-11T21:27:59Z"));
    check("5/31/2020 11:00:00 PM +00:00", Some("2020-05-31T23:00:00Z"));
    check("5/31/2020 12:00:00 AM -05:30", Some("2020-05-31T05:30:00Z"));
    check("12/1/2020 12:05:00 pm", Some("2020-12-01T12:05:00Z"));
    check("05/31/2020 23:00:00 +00:00", Some("2020-05-31T23:00:00Z"));
    for bad in ["", "now", "13/31/2020 1:00:00 PM", "5/31/2020 13:00:00 PM", "5/31/2020", "1/2/3"] {
        check(bad, None);
    }
    check("5/31/2020 1:00:00 PM +99999999999999:00", None);
}

#[test]
fn headers_ids_and_bodies_are_read_leniently() {
    let read = element(json!({
        "id": 7, "method": "put", "url": "/shifts/SHFT_1",
        "headers": { "x-ms-transaction-id": 1, "X-MS-EXPIRES": ["2024-10-11T21:27:59Z"] },
        "body": null,
    }));
    assert_eq!((read.id.as_str(), &read.method), ("7", &Method::Put));
    assert_eq!(read.transaction.as_deref(), Some("1"));
    assert_eq!(read.expires_at, "2024-10-11T21:27:59Z".parse().ok());
    assert_eq!(read.read_body::<EntityBody>().unwrap(), None);
    let read = element(json!({ "url": "/shifts/SHFT_1", "headers": null }));
    assert_eq!((read.id.as_str(), read.expires_at), ("SHFT_1", None));
    assert_eq!(read.method, Method::Other(String::new()));
    assert!(read_elements(b"\xEF\xBB\xBF{\"requests\":[]}").unwrap().is_empty());
}

#[test]
fn what_cannot_be_answered_item_by_item_is_an_error() {
    let error = |json: Value| read_elements(json.to_string().as_bytes()).unwrap_err().to_string();
    for other in [json!([]), json!({}), json!({ "requests": null }), json!("requests")] {
        assert_eq!(error(other), "callback is not the expected JSON");
    }
    assert_eq!(
        error(json!({ "requests": [{ "id": "a" }, { "method": "PUT", "url": "/shifts" }] })),
        "element 1 of the callback has no id, neither of its own nor in its url"
    );
    let many = vec![json!({ "id": "a" }); CALLBACK_ELEMENTS_MAX + 1];
    assert_eq!(
        error(json!({ "requests": many })),
        "callback has 1001 elements; expected at most 1000"
    );
}

#[test]
fn answers_are_spelled_as_the_vendor_s_examples() {
    let answers = Answers {
        responses: vec![
            Answer::accepted("SHFT_1", "e-1"),
            Answer::refused("SHFT_2", 403, "not_here", "No."),
            Answer::listed("SHFT_3", "e-2", vec!["SHFT_4".into()]),
        ],
    };
    assert_eq!(
        serde_json::to_value(&answers).unwrap(),
        json!({ "responses": [
            { "id": "SHFT_1", "status": 200,
              "body": { "eTag": "e-1", "error": null, "data": null } },
            { "id": "SHFT_2", "status": 403,
              "body": { "eTag": null, "error": { "code": "not_here", "message": "No." },
                        "data": null } },
            { "id": "SHFT_3", "status": 200,
              "body": { "eTag": "e-2", "error": null, "data": ["SHFT_4"] } },
        ] })
    );
}
