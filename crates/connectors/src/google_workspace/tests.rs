//! The tables of map, classify, budget and multipart.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{EntityId, EntityKey, EntityKind, ItemKey, MirrorName, Part as ItemPart};
use engine::port::{Clock, FailureClass, QuotaScope, RemoteId};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;

use super::budget::Budgets;
use super::classify::{Asked, class_of, class_of_sign_in};
use super::map;
use super::multipart::{self, Part};
use super::scopes::{Scope, Scopes};
use super::wire;
use crate::transport::Answer;

#[test]
fn a_refusal_means_what_was_asked_and_why() {
    let create = || Asked::Create(RemoteId("rb1".into()));
    let throttled = || FailureClass::Throttled { retry_after: None, scope: QuotaScope::Connection };
    let taken = FailureClass::Duplicate { at: Some(RemoteId("rb1".into())) };
    let table = [
        (create(), 409, "duplicate", taken),
        (create(), 404, "notFound", FailureClass::CalendarMissing),
        (create(), 400, "invalid", FailureClass::Refused),
        (create(), 500, "backendError", FailureClass::Unknown),
        (create(), 503, "backendError", FailureClass::Unknown),
        (create(), 403, "rateLimitExceeded", throttled()),
        (create(), 403, "userRateLimitExceeded", throttled()),
        (create(), 403, "quotaExceeded", throttled()),
        (create(), 429, "", throttled()),
        (create(), 403, "forbidden", FailureClass::Forbidden),
        (create(), 403, "accessNotConfigured", FailureClass::Unauthorised),
        (create(), 401, "authError", FailureClass::Unauthorised),
        (Asked::Update, 412, "conditionNotMet", FailureClass::Precondition),
        (Asked::Update, 404, "notFound", FailureClass::Missing),
        (Asked::Delete, 410, "deleted", FailureClass::Missing),
        (Asked::Changes, 410, "fullSyncRequired", FailureClass::DeltaExpired),
        (Asked::Changes, 400, "invalid", FailureClass::DeltaExpired),
        (Asked::Read, 404, "notFound", FailureClass::CalendarMissing),
        (Asked::Read, 502, "", FailureClass::Unavailable),
        (Asked::Read, 400, "badRequest", FailureClass::Bug),
        (Asked::MakeCalendar, 504, "", FailureClass::Unknown),
    ];
    for (asked, status, reason, expected) in table {
        let found = class_of(&asked, (status, reason), None, QuotaScope::Connection);
        assert_eq!(found, expected, "{asked:?} {status} {reason}");
    }
}

#[test]
fn a_refused_sign_in_is_about_one_person_or_about_all() {
    let table = [
        (401, "unauthorized_client", "Client is unauthorized", FailureClass::Unauthorised),
        (400, "invalid_grant", "Invalid email or User ID", FailureClass::OwnerMissing),
        (400, "invalid_grant", "Invalid JWT Signature.", FailureClass::Unauthorised),
        (400, "invalid_grant", "Invalid grant: account not found", FailureClass::Unauthorised),
        (500, "internal_failure", "", FailureClass::Unavailable),
    ];
    for (status, code, text, expected) in table {
        assert_eq!(class_of_sign_in(status, code, text), expected, "{code} {text}");
    }
}

#[test]
fn an_id_is_base32hex_and_another_one_for_each_generation_mirror_and_part() {
    let part_id = |mirror: &str, id: &str, part, generation| {
        let entity = EntityKey { kind: EntityKind::Shift, id: EntityId::new(id).unwrap() };
        let item = ItemKey { entity, part };
        map::event_id(&MirrorName::new(mirror).unwrap(), &item, generation).0
    };
    let id = |mirror, id, generation| part_id(mirror, id, ItemPart::Main, generation);
    let all = [
        id("a", "1", 0),
        id("a", "1", 1),
        id("b", "1", 0),
        id("a", "ä 🚑", 0),
        part_id("a", "1", ItemPart::Block(1), 0),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    for id in &all {
        let fits = id.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'v').contains(&it));
        assert!(fits && (5..=1024).contains(&id.len()), "{id}");
    }
    // Calendars out there hold it; computed with Python's `hashlib`.
    assert_eq!(all[0], "rbd669b8070b9247c95025827b04244c9c");
}

#[test]
fn only_the_reason_of_a_refusal_is_told() {
    let body = br#"{"error":{"errors":[{"domain":"global","reason":"notFound",
        "message":"anna@example.com"}],"code":404,"message":"anna@example.com"}}"#;
    assert_eq!(wire::reason_of(body), "notFound");
    assert_eq!(wire::reason_of(b"<html>"), "");
    let strange = br#"{"error":{"errors":[{"reason":"anna@example.com\n"}]}}"#;
    assert_eq!(wire::reason_of(strange), "annaexample.com");
}

#[test]
fn scopes_are_spelled_out_in_order_and_once() {
    let scopes = Scopes::of([Scope::CalendarListReadonly, Scope::AppCreated, Scope::AppCreated]);
    let prefix = "https://www.googleapis.com/auth/";
    let expected = format!("{prefix}calendar.app.created {prefix}calendar.calendarlist.readonly");
    assert_eq!(scopes.spelled(), expected);
}

#[test]
fn parts_of_a_batch_are_told_apart_in_whatever_order_they_are_answered() {
    let body = Bytes::from_static(b"{\"summary\":\"--b\"}");
    let part = |method, body| Part { method, target: "/x".into(), headers: HeaderMap::new(), body };
    let written = multipart::written(&[part("GET", None), part("POST", Some(&body))], "long-b");
    let text = String::from_utf8(written).unwrap();
    assert_eq!(text.matches("--long-b\r\n").count(), 2);
    assert!(text.contains("content-length: 17\r\n\r\n{\"summary\":\"--b\"}\r\n--long-b--"));
    let answer = |kind: &str, body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
        let body = Bytes::copy_from_slice(body.as_bytes());
        multipart::read(&Answer { status: StatusCode::OK, headers, body })
    };
    let text = "--z\r\nContent-Type: application/http\r\nContent-ID: <response-1>\r\n\r\n\
        HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}\r\n--z\r\n\
        Content-ID: response-0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--z--";
    let told = answer("multipart/mixed; boundary=\"z\"", text);
    let told: Vec<_> =
        told.iter().map(|(number, it)| (*number, it.status.as_u16(), it.body.len())).collect();
    assert_eq!(told, [(0, 204, 0), (1, 409, 2)]);
    assert!(answer("multipart/mixed; boundary=z", "--z\r\nContent-ID: <response-0>").is_empty());
    assert!(answer("text/html", text).is_empty());
}

#[derive(Debug)]
struct Moving(std::sync::Mutex<Timestamp>);

#[async_trait]
impl Clock for Moving {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut now = self.0.lock().unwrap();
        *now = at.max(*now);
    }
}

#[tokio::test]
async fn a_minute_holds_no_more_than_the_budget() {
    let start: Timestamp = "2026-11-23T06:00:00Z".parse().unwrap();
    let clock = Arc::new(Moving(std::sync::Mutex::new(start)));
    let budgets = Budgets::new(clock.clone(), (100, 30), 4);
    let [anna, ben]: [Arc<str>; 2] = ["anna".into(), "ben".into()];
    budgets.again(&anna, 30).await.unwrap();
    let wait = budgets.again(&anna, 1).await.unwrap_err();
    assert_eq!(wait.scope, QuotaScope::Calendar);
    assert!(wait.wait > Duration::from_secs(60) && wait.wait < Duration::from_secs(62));
    budgets.again(&ben, 30).await.unwrap();
    for number in 0..4 {
        budgets.again(&format!("c{number}").into(), 10).await.unwrap();
    }
    assert_eq!(budgets.again(&"d".into(), 1).await.unwrap_err().scope, QuotaScope::Connection);
    clock.sleep_until(start + jiff::SignedDuration::from_secs(55)).await;
    // A wait of some seconds is waited out.
    budgets.again(&anna, 30).await.unwrap();
    assert!(clock.now() > start + jiff::SignedDuration::from_secs(60));
}
