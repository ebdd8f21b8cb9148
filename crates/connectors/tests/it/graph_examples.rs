//! Every documented payload of Shifts: read, and with what it says; or not ours, and why.

use connectors::microsoft_graph::shifts::callback::wire::{
    EntityBody, PreferencesBody, ReasonBody, RequestBody, State, read_elements,
};
use connectors::microsoft_graph::shifts::wire::{Group, Integration, Schedule};
use connectors::microsoft_graph::wire::Told;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::shifts_payloads::shared;

/// What became of a payload.
#[derive(Debug, PartialEq)]
enum Fate {
    /// Understood.
    Read,
    /// There is nothing in it.
    Empty,
    /// We neither read nor write it.
    NotOurs(&'static str),
}

/// That each of these fields was read as it is written; absent ones as nothing.
fn same(body: &Value, fields: &[(&str, Option<&str>)]) {
    for (name, read) in fields {
        assert_eq!(*read, body[name].as_str(), "`{name}` of {body}");
    }
}

fn read<T: DeserializeOwned>(body: &Value) -> T {
    serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{error}: {body}"))
}

fn entity(body: &Value) {
    let it: EntityBody = read(body);
    same(
        body,
        &[
            ("id", it.id.as_deref()),
            ("userId", it.user_id.as_deref()),
            ("schedulingGroupId", it.scheduling_group_id.as_deref()),
        ],
    );
    for (kind, side) in [("draft", &it.draft_shift), ("shared", &it.shared_shift)] {
        let told = ["Shift", "OpenShift", "TimeOff"].map(|name| &body[format!("{kind}{name}")]);
        let told = told.into_iter().find(|it| it.is_object());
        assert_eq!(side.is_some(), told.is_some(), "the {kind} side of {body}");
        if let (Some(side), Some(told)) = (side, told) {
            same(
                told,
                &[
                    ("displayName", side.display_name.as_deref()),
                    ("notes", side.notes.as_deref()),
                    ("timeOffReasonId", side.time_off_reason_id.as_deref()),
                ],
            );
            // One has spaces in its times, which makes them none.
            let start = told["startDateTime"].as_str().and_then(|it| it.parse().ok());
            assert_eq!(side.start_date_time, start, "{told}");
            let activities = told["activities"].as_array().map_or(0, Vec::len);
            assert_eq!(side.activities.len(), activities, "{told}");
            assert_eq!(side.open_slot_count, told["openSlotCount"].as_i64(), "{told}");
        }
    }
}

fn request(body: &Value) {
    let it: RequestBody = read(body);
    same(
        body,
        &[
            ("id", it.id.as_deref()),
            ("senderUserId", it.sender_user_id.as_deref()),
            ("senderMessage", it.sender_message.as_deref()),
            ("senderShiftId", it.sender_shift_id.as_deref()),
            ("recipientUserId", it.recipient_user_id.as_deref()),
            ("recipientShiftId", it.recipient_shift_id.as_deref()),
            ("openShiftId", it.open_shift_id.as_deref()),
            ("managerUserId", it.manager_user_id.as_deref()),
            ("timeOffReasonId", it.time_off_reason_id.as_deref()),
        ],
    );
    let known = !matches!(it.state, State::Other(Some(_)));
    assert!(known, "a state that means nothing to us: {body}");
    assert_eq!(body["state"].is_string(), it.state != State::Other(None), "{body}");
}

fn one(name: &str, body: &Value) -> Fate {
    let (subject, rest) = name.split_once('-').unwrap_or((name, ""));
    match subject {
        "timecard" => return Fate::NotOurs("the time clock is switched off or left alone"),
        "schedule" if rest.contains("daynotes") => return Fate::NotOurs("notes of a day"),
        "schedule" if rest.contains("timecards") => return Fate::NotOurs("the time clock"),
        "schedule" if rest.starts_with("share") => {
            assert!(body["startDateTime"].is_string() && body["endDateTime"].is_string());
            assert!(body["notifyTeam"].is_boolean(), "as `shifts_payloads` sees us write it");
        }
        "schedulechangerequest" => assert!(body["userId"].is_string(), "as we write it"),
        _ if rest.starts_with("approve-") || rest.starts_with("decline-") => {
            return Fate::NotOurs("a person decides so; we decide by `approveForUser`");
        }
        "shift" | "openshift" | "timeoff" => entity(body),
        "schedule" if rest.ends_with("shifts-request") || rest.ends_with("shifts-response") => {
            entity(body);
        }
        "schedule" if rest.contains("timesoff") => entity(body),
        "timeoffreason" => reason(body),
        "schedule" if rest.contains("timeoffreasons") => reason(body),
        "schedulinggroup" => group(body),
        "schedule" if rest.contains("schedulinggroups") => group(body),
        "schedule" | "team" => {
            let it: Schedule = read(body);
            let enabled = body["enabled"].as_bool().unwrap_or_default();
            assert_eq!(it.flag("enabled"), enabled, "{body}");
        }
        "offershiftrequest"
        | "openshiftchangerequest"
        | "swapshiftschangerequest"
        | "timeoffrequest" => request(body),
        "shiftpreferences" => {
            let it: PreferencesBody = read(body);
            same(body, &[("id", it.id.as_deref())]);
            assert_eq!(it.availability.len(), body["availability"].as_array().unwrap().len());
            assert!(it.availability.iter().all(|it| it.recurrence.is_some()), "{body}");
        }
        "workforceintegration" => {
            let it: Integration = read(body);
            same(
                body,
                &[
                    ("url", it.url.as_deref()),
                    ("supportedEntities", it.supported_entities.as_deref()),
                ],
            );
        }
        "error" => {
            let told = Told::of(body.to_string().as_bytes());
            assert!(!told.codes.is_empty() && !told.message.is_empty(), "{told:?}");
            assert_eq!(told.external.is_some(), rest.starts_with("workforce"), "{told:?}");
        }
        "wfi" if rest.ends_with("-request") => {
            let elements = read_elements(body.to_string().as_bytes()).unwrap();
            assert_eq!(elements.len(), body["requests"].as_array().unwrap().len());
        }
        "wfi" => assert!(body["responses"].is_array(), "read by `callback/wire/tests.rs`"),
        other => panic!("nobody knows what a `{other}` is: {name}"),
    }
    Fate::Read
}

fn reason(body: &Value) {
    let it: ReasonBody = read(body);
    same(body, &[("id", it.id.as_deref()), ("displayName", it.display_name.as_deref())]);
    assert_eq!(it.is_active, body["isActive"].as_bool(), "{body}");
}

fn group(body: &Value) {
    let it: Group = read(body);
    same(body, &[("displayName", it.display_name.as_deref())]);
    let users = body["userIds"].as_array().map_or(0, Vec::len);
    assert_eq!(it.user_ids.len(), users, "{body}");
}

#[test]
fn every_documented_payload_is_read_or_is_not_ours_for_a_reason() {
    let Some(folder) = shared("examples/graph") else { return };
    let (mut read, mut empty, mut others) = (0, 0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let name = name.trim_start_matches("beta-").to_owned();
        let example: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let fates = match &example["body"] {
            Value::Null => vec![Fate::Empty],
            body => match body["value"].as_array() {
                Some(values) => values.iter().map(|it| one(&name, it)).collect(),
                None => vec![one(&name, body)],
            },
        };
        for fate in fates {
            match fate {
                Fate::Read => read += 1,
                Fate::Empty => empty += 1,
                Fate::NotOurs(why) => others.push((name.clone(), why)),
            }
        }
    }
    println!("{read} read, {empty} empty, {} not ours", others.len());
    assert!(read > 90 && empty > 90, "{read} {empty}");
    let subject = |it: &(String, &str)| {
        it.0.starts_with("timecard-")
            || it.0.contains("daynotes")
            || it.0.contains("timecards")
            || it.0.contains("-approve-")
            || it.0.contains("-decline-")
    };
    assert!(others.iter().all(subject), "{others:?}");
}
