//! The tables of map and classify, and signatures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::HOOK_AGE_MAX;
use domain::{CommandKind, Entity, Refusal, TimeOffSpan};
use engine::port::{Clock, FailureClass, HookCall, Hooks as _, NoticeKind, QuotaScope};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::manual_clock::ManualClock;

use super::classify::{Effect, class_of};
use super::inbound::{Doubt, SignedHooks, key_of, notice, verify};
use super::map::{Reading, Said, Wrong, capabilities, entity, refusal};
use super::wire::WireCapabilities;

fn reading() -> Reading {
    Reading { zone: Some(TimeZone::get("Europe/Berlin").unwrap()), drafts: false }
}

fn shift(more: Value) -> Value {
    let mut shift = json!({ "kind": "shift", "id": "s1", "employee": "ada", "label": "Late" });
    for (name, value) in more.as_object().unwrap() {
        shift[name] = value.clone();
    }
    shift
}

fn read(value: &Value) -> Result<Said, Wrong> {
    entity(value, &reading())
}

#[track_caller]
fn is(value: &Value) -> Entity {
    match read(value).unwrap() {
        Said::Is(entity) => entity,
        Said::Gone(key) => panic!("{key} is gone"),
    }
}

#[track_caller]
fn check_wrong(value: &Value, field: &str, says: &str) {
    let wrong = read(value).unwrap_err();
    assert_eq!(wrong.field, field, "{wrong:?}");
    assert!(wrong.message.contains(says), "{wrong:?}");
}

#[test]
fn an_instant_is_the_same_in_every_spelling_and_so_is_a_length() {
    let spellings = [
        json!({ "start": "2026-11-29T06:00:00Z", "end": "2026-11-29T14:00:00Z" }),
        json!({ "start": "2026-11-29T07:00:00+01:00", "end": "2026-11-29T15:00:00+01:00" }),
        json!({ "start": "2026-11-29T06:00:00Z", "length_minutes": 480 }),
        json!({ "start": 1_795_932_000, "end": 1_795_960_800 }),
        json!({ "start": 1_795_932_000, "end": "2026-11-29T14:00:00Z", "length_minutes": 480 }),
    ];
    let first = is(&shift(spellings[0].clone()));
    for spelling in spellings {
        assert_eq!(is(&shift(spelling.clone())), first, "{spelling}");
    }
}

#[test]
fn a_shift_belongs_to_the_local_day_of_its_start_unless_the_system_says_otherwise() {
    let night = json!({ "start": "2026-11-28T23:30:00Z", "length_minutes": 480 });
    let Entity::Shift(by_zone) = is(&shift(night)) else { panic!() };
    assert_eq!(by_zone.day.to_string(), "2026-11-29");
    let mut said = json!({ "start": "2026-11-28T23:30:00Z", "length_minutes": 480 });
    said["day"] = "2026-11-28".into();
    let Entity::Shift(said) = is(&shift(said)) else { panic!() };
    assert_eq!(said.day.to_string(), "2026-11-28");
}

#[test]
fn what_is_wrong_is_told_with_its_field_and_what_was_expected() {
    let at = "2026-11-29T06:00:00Z";
    check_wrong(&json!(["s1"]), "", "is a list; expected an object");
    check_wrong(&json!({ "kind": "shift" }), "id", "is missing");
    check_wrong(&json!({ "kind": "shift", "id": 7 }), "id", "is a number; expected a text");
    check_wrong(&json!({ "kind": "shit", "id": "1" }), "kind", "expected one of");
    check_wrong(&shift(json!({})), "start", "is missing");
    check_wrong(&shift(json!({ "start": "2026-11-29T06:00:00" })), "start", "has no offset");
    check_wrong(&shift(json!({ "start": "six" })), "start", "is no instant");
    check_wrong(&shift(json!({ "start": 1_795_932_000_000_i64 })), "start", "milliseconds");
    check_wrong(&shift(json!({ "start": at })), "end", "expected `end` or `length_minutes`");
    check_wrong(&shift(json!({ "start": at, "end": at })), "end", "not after its start");
    let both = json!({ "start": at, "length_minutes": 30, "end": "2026-11-29T07:00:00Z" });
    check_wrong(&shift(both), "length_minutes", "expected one, or both alike");
    let text = json!({ "start": at, "length_minutes": "480" });
    check_wrong(&shift(text), "length_minutes", "is a text");
    check_wrong(
        &shift(json!({ "start": at, "length_minutes": 60 * 24 * 8 })),
        "length_minutes",
        "192 hours",
    );
    let part = json!([{ "label": "Break", "start": "2026-11-29T05:00:00Z", "length_minutes": 30 }]);
    let parts = json!({ "start": at, "length_minutes": 60, "activities": part });
    check_wrong(&shift(parts), "activities[0]", "outside its shift");
    check_wrong(&shift(json!({ "status": "secret" })), "status", "`published` or `draft`");
}

#[test]
fn an_absence_has_days_with_a_zone_or_instants_and_never_both() {
    let off = |more: Value| {
        let mut off = json!({ "kind": "time_off", "id": "t1", "employee": "ada" });
        for (name, value) in more.as_object().unwrap() {
            off[name] = value.clone();
        }
        off
    };
    let days = off(json!({ "first_day": "2026-12-24", "last_day": "2026-12-26" }));
    let Entity::TimeOff(it) = is(&days) else { panic!() };
    let TimeOffSpan::AllDay { first, end, zone } = it.span else { panic!() };
    assert_eq!((first.to_string(), end.to_string()), ("2026-12-24".into(), "2026-12-27".into()));
    assert_eq!(zone, "Europe/Berlin", "the capabilities' zone");
    let own = off(json!({ "first_day": "2026-12-24", "time_zone": "Asia/Tokyo" }));
    let Entity::TimeOff(it) = is(&own) else { panic!() };
    let starts_at = it.span.interval().unwrap().start();
    assert_eq!(starts_at.to_string(), "2026-12-23T15:00:00Z");
    check_wrong(&off(json!({})), "first_day", "expected `first_day` or `start`");
    check_wrong(&off(json!({ "first_day": "24.12.2026" })), "first_day", "is no day");
    check_wrong(
        &off(json!({ "first_day": "2026-12-24", "last_day": "2026-12-23" })),
        "last_day",
        "is before `first_day`",
    );
    let both = off(json!({ "first_day": "2026-12-24", "start": "2026-12-24T00:00:00Z" }));
    check_wrong(&both, "start", "not both");
    let zoneless = Reading { zone: None, drafts: false };
    let wrong = entity(&off(json!({ "first_day": "2026-12-24" })), &zoneless).unwrap_err();
    assert_eq!(wrong.field, "time_zone");
}

#[test]
fn drafts_and_deleted_entities_are_not_there() {
    let gone =
        |value: &Value| matches!(read(value), Ok(Said::Gone(key)) if key.id.as_str() == "s1");
    assert!(gone(&json!({ "kind": "shift", "id": "s1", "deleted": true })));
    let draft = shift(json!({ "start": 0, "length_minutes": 60, "status": "draft" }));
    assert!(gone(&draft));
    let with_drafts = Reading { drafts: true, ..reading() };
    assert!(matches!(entity(&draft, &with_drafts), Ok(Said::Is(_))));
}

#[test]
fn an_address_without_an_at_sign_is_refused_without_repeating_it() {
    let person = json!({ "kind": "employee", "id": "ada", "email": "ada.example.com" });
    let wrong = read(&person).unwrap_err();
    assert_eq!(wrong.field, "email");
    assert!(!wrong.message.contains("ada"), "{wrong:?}");
    let number = json!({ "kind": "employee", "id": "ada", "name": 5_551_234 });
    let wrong = read(&number).unwrap_err();
    assert_eq!(wrong.field, "name");
    assert_eq!(wrong.message, "is a number; expected a text");
}

proptest! {
    #[test]
    fn whatever_is_in_an_entity_it_is_read_or_told(
        kind in prop_oneof![Just("shift"), Just("open_shift"), Just("time_off"), Just("employee")],
        field in prop_oneof![Just("start"), Just("end"), Just("length_minutes"), Just("day"),
            Just("activities"), Just("first_day"), Just("last_day"), Just("time_zone"),
            Just("open_slots"), Just("availability"), Just("qualifications"), Just("deleted")],
        value in prop_oneof![
            any::<i64>().prop_map(Value::from), ".{0,12}".prop_map(Value::from),
            Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!([1])),
            Just(json!(true)),
        ],
    ) {
        let mut it = json!({ "kind": kind, "id": "1", "employee": "ada", "label": "x" });
        it[field] = value;
        let _ = read(&it);
    }

    #[test]
    fn a_length_ends_where_the_same_end_does(
        start in 0_i64..4_000_000_000, minutes in 1_u32..10_000,
    ) {
        let end = start + i64::from(minutes) * 60;
        let by_length = is(&shift(json!({ "start": start, "length_minutes": minutes })));
        let by_end = is(&shift(json!({ "start": start, "end": end })));
        prop_assert_eq!(by_length, by_end);
    }
}

fn chosen(more: Value) -> Result<super::map::Capabilities, Wrong> {
    let mut it = json!({ "contract": "1", "changes": "window" });
    for (name, value) in more.as_object().unwrap() {
        it[name] = value.clone();
    }
    capabilities(serde_json::from_value::<WireCapabilities>(it).unwrap())
}

#[test]
fn capabilities_of_a_later_contract_are_taken_as_far_as_they_are_known() {
    let later = json!({ "contract": "1.7", "commands": ["shift", "teleport"], "new": 1 });
    let it = chosen(later).unwrap();
    assert_eq!(it.commands.into_iter().collect::<Vec<_>>(), [CommandKind::Shift]);
    for (more, field) in [
        (json!({ "contract": "2" }), "contract"),
        (json!({ "changes": "guess" }), "changes"),
        (json!({ "deletions": "never" }), "deletions"),
        (json!({ "page_size_max": 0 }), "page_size_max"),
        (json!({ "window_days_max": 0 }), "window_days_max"),
        (json!({ "time_zone": "Middle/Earth" }), "time_zone"),
    ] {
        assert_eq!(chosen(more).unwrap_err().field, field);
    }
}

#[test]
fn a_refusal_of_the_house_is_told_in_its_own_words() {
    let kind = CommandKind::Shift;
    let said = |it: Value| refusal(&serde_json::from_value(it).unwrap(), kind);
    let rest = json!({ "code": "rest_too_short", "required_minutes": 660, "left_minutes": 480 });
    let (required, left) = (Duration::from_secs(11 * 3600), Duration::from_secs(8 * 3600));
    assert_eq!(said(rest).unwrap(), Refusal::RestTooShort { required, left });
    let house = json!({ "code": "rule_7", "message": "not on\nSundays" });
    assert_eq!(said(house).unwrap(), Refusal::Other { said: "not on Sundays".into() });
    let long = json!({ "code": "rule_7", "message": "x".repeat(5_000) });
    let Refusal::Other { said: words } = said(long).unwrap() else { panic!() };
    assert_eq!(words.len(), domain::limits::REFUSAL_CHARS_MAX);
    assert_eq!(said(json!({ "code": "overlaps" })).unwrap_err().field, "start");
}

#[test]
fn a_command_without_an_answer_is_unknown_and_a_read_is_not() {
    use Effect::{Decides, Reads};
    let check = |effect, status, code, expected: FailureClass| {
        assert_eq!(class_of(effect, status, code, None), expected, "{effect:?} {status}");
    };
    check(Decides, 500, None, FailureClass::Unknown);
    check(Reads, 500, None, FailureClass::Unavailable);
    check(Decides, 503, None, FailureClass::Unavailable);
    check(Reads, 401, None, FailureClass::Unauthorised);
    check(Reads, 410, None, FailureClass::DeltaExpired);
    check(Reads, 400, Some("since_expired"), FailureClass::DeltaExpired);
    check(Reads, 409, Some("snapshot_gone"), FailureClass::Precondition);
    check(Decides, 422, Some("key_reused"), FailureClass::Refused);
    check(Reads, 302, None, FailureClass::Forbidden);
    let wait = Some(Duration::from_secs(7));
    let scope = QuotaScope::Connection;
    let throttled = FailureClass::Throttled { retry_after: wait, scope };
    assert_eq!(class_of(Reads, 503, None, wait), throttled);
    assert_eq!(class_of(Reads, 429, None, wait), throttled);
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn call(at: Timestamp, signature: &str, body: &[u8]) -> HookCall {
    let headers = BTreeMap::from([
        ("webhook-id".to_owned(), "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
        ("webhook-timestamp".to_owned(), at.as_second().to_string()),
        ("webhook-signature".to_owned(), signature.to_owned()),
    ]);
    HookCall { query: String::new(), headers, body: body.to_vec() }
}

#[test]
fn the_example_of_the_standard_is_genuine_and_every_other_byte_is_not() {
    // The test vector of the specification's reference libraries.
    let key = key_of(&SecretString::from(SECRET)).unwrap();
    let at = Timestamp::from_second(1_614_265_330).unwrap();
    let body = br#"{"test": 2432232314}"#;
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(verify(&key, &call(at, signature, body), at), Ok(()));
    let several = format!("v1a,xyz v1,AAAA {signature}");
    assert_eq!(verify(&key, &call(at, &several, body), at), Ok(()));
    let other = verify(&key, &call(at, signature, br#"{"test": 2432232315}"#), at);
    assert_eq!(other, Err(Doubt::Signature));
    let cut = verify(&key, &call(at, "v1,g0hM9SsE", body), at);
    assert_eq!(cut, Err(Doubt::Signature));
    let late = at + SignedDuration::try_from(HOOK_AGE_MAX).unwrap() + SignedDuration::from_secs(1);
    assert_eq!(verify(&key, &call(at, signature, body), late), Err(Doubt::Age { at }));
    let early = at - SignedDuration::from_mins(6);
    assert_eq!(verify(&key, &call(at, signature, body), early), Err(Doubt::Age { at }));
    let mut headless = call(at, signature, body);
    headless.headers.remove("webhook-id");
    assert_eq!(verify(&key, &headless, at), Err(Doubt::Header("webhook-id")));
}

#[test]
fn a_genuine_webhook_is_a_hint_and_a_forged_one_is_nothing() {
    let at: Timestamp = "2026-11-29T10:00:00Z".parse().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(at));
    let key = key_of(&SecretString::from(SECRET)).unwrap();
    let hooks = SignedHooks::new(key, clock);
    let forged = hooks.read(&call(at, "v1,AAAA", br#"{"type":"schedule.changed"}"#));
    assert_eq!((forged.reply.status, forged.notices.len()), (401, 0));
    assert_eq!(notice(br#"{"type":"schedule.changed"}"#), Some(NoticeKind::Changed));
    assert_eq!(notice(br#"{"type":"schedule.missed"}"#), Some(NoticeKind::Missed));
    assert_eq!(notice(br#"{"type":"ping"}"#), None);
    assert_eq!(notice(b"not json"), None);
}

#[test]
fn a_weak_secret_is_refused_without_being_repeated() {
    for weak in ["whsec_c2hvcnQ=", "short", "whsec_%%%"] {
        let message = key_of(&SecretString::from(weak)).unwrap_err();
        assert!(!message.contains(weak), "{message}");
    }
}
