//! Events one by one: ids that stay taken, etags, the trash, series.

use serde_json::json;
use simulators::google::Options;

use super::world::{ANNA, World, event};

const EVENTS: &str = "/calendars/primary/events";

fn with_id(id: &str) -> serde_json::Value {
    let mut body = event("Shift", 8);
    body["id"] = id.into();
    body
}

#[test]
fn ids_are_base32hex_and_stay_taken_after_deletion() {
    let world = World::new(Options::default());
    for bad in ["rb1z9", "ABCDE", "rb-12", "rb1"] {
        assert_eq!(world.post(EVENTS, &with_id(bad)).told(), (400, "invalid"), "{bad}");
    }
    let made = world.post(EVENTS, &with_id("rb123"));
    assert_eq!((made.status, made.body["status"].as_str()), (200, Some("confirmed")));
    assert_eq!(world.post(EVENTS, &with_id("rb123")).told(), (409, "duplicate"));
    let one = format!("{EVENTS}/rb123");
    assert_eq!(world.ask("DELETE", &one, None).status, 204);
    assert_eq!(world.ask("DELETE", &one, None).told(), (410, "deleted"));
    assert_eq!(world.post(EVENTS, &with_id("rb123")).told(), (409, "duplicate"));
    let gone = world.get(&one);
    assert_eq!((gone.status, gone.body["status"].as_str()), (200, Some("cancelled")));
    assert!(world.get(EVENTS).ids().is_empty());
    // It stays deleted unless the update says otherwise.
    let etag = gone.etag();
    let kept = world.put_if(&one, &etag, &event("Shift", 9));
    assert_eq!(kept.body["status"], "cancelled");
    let mut body = event("Shift", 9);
    body["status"] = "confirmed".into();
    assert_eq!(world.put_if(&one, &kept.etag(), &body).body["status"], "confirmed");
    assert_eq!(world.get(EVENTS).ids(), ["rb123"]);
}

#[test]
fn what_a_person_deleted_lies_in_the_trash_and_cannot_be_taken_back_by_an_app() {
    let world = World::new(Options::default());
    world.post(EVENTS, &with_id("rb123"));
    world.anna.deletes(ANNA, "rb123").unwrap();
    let mut body = event("Shift", 8);
    body["status"] = "confirmed".into();
    let one = format!("{EVENTS}/rb123");
    assert_eq!(world.ask("PUT", &one, Some(&body)).told(), (403, "forbidden"));
    world.anna.restores(ANNA, "rb123").unwrap();
    assert_eq!(world.ask("PUT", &one, Some(&body)).status, 200);
}

#[test]
fn an_etag_is_held_against_if_match_and_if_none_match() {
    let world = World::new(Options::default());
    let made = world.post(EVENTS, &with_id("rb123"));
    let one = format!("{EVENTS}/rb123");
    let changed = world.put_if(&one, &made.etag(), &event("Late", 8));
    assert_eq!(changed.status, 200);
    assert_ne!(changed.etag(), made.etag());
    let stale = world.put_if(&one, &made.etag(), &event("Early", 8));
    assert_eq!(stale.told(), (412, "conditionNotMet"));
    let etag = changed.etag();
    let get = |etag: &str| {
        world.ask_as(&world.token, "GET", &one, (&[("if-none-match", etag)], None)).status
    };
    assert_eq!((get(&etag), get(&made.etag())), (304, 200));
    let stale = world.ask_as(&world.token, "DELETE", &one, (&[("if-match", &made.etag())], None));
    assert_eq!(stale.status, 412);
}

#[test]
fn an_update_replaces_and_a_patch_adds() {
    let world = World::new(Options::default());
    let mut body = with_id("rb123");
    body["location"] = "Ward".into();
    body["extendedProperties"] = json!({ "private": { "a": "1", "b": "2" } });
    world.post(EVENTS, &body);
    let one = format!("{EVENTS}/rb123");
    let patch = json!({ "extendedProperties": { "private": { "a": "3", "b": null } } });
    let patched = world.ask("PATCH", &one, Some(&patch)).body;
    assert_eq!(patched["extendedProperties"], json!({ "private": { "a": "3" } }));
    assert_eq!(patched["location"], "Ward");
    let put = world.ask("PUT", &one, Some(&event("Late", 8))).body;
    assert!(put.get("location").is_none() && put.get("extendedProperties").is_none());
    assert_eq!(world.ask("PUT", &one, Some(&json!({ "summary": "Late" }))).status, 400);
}

#[test]
fn what_the_documents_forbid_is_refused() {
    let world = World::new(Options::default());
    let own = world.post("/calendars", &json!({ "summary": "Shifts" })).id();
    let with = |name: &str, value: serde_json::Value, calendar: &str| {
        let mut body = event("Shift", 8);
        body[name] = value;
        world.post(&format!("/calendars/{calendar}/events"), &body).status
    };
    assert_eq!(with("eventType", "outOfOffice".into(), &own), 400);
    assert_eq!(with("eventType", "outOfOffice".into(), "primary"), 200);
    assert_eq!(with("colorId", "12".into(), &own), 400);
    assert_eq!(with("transparency", "free".into(), &own), 400);
    assert_eq!(with("end", json!({ "date": "2026-11-25" }), &own), 400);
    assert_eq!(with("end", json!({ "dateTime": "2026-11-24T07:00:00Z" }), &own), 400);
    assert_eq!(with("nonsense", 1.into(), &own), 400);
    let long = "x".repeat(1025);
    assert_eq!(with("extendedProperties", json!({ "private": { "a": long } }), &own), 400);
}

#[test]
fn importing_twice_leaves_one() {
    let world = World::new(Options::default());
    let mut body = event("Shift", 8);
    let import = format!("{EVENTS}/import");
    assert_eq!(world.post(&import, &body).told(), (400, "required"));
    body["iCalUID"] = "a@example.com".into();
    let first = world.post(&import, &body);
    body["summary"] = "Late".into();
    let second = world.post(&import, &body);
    assert_eq!(first.id(), second.id());
    assert_eq!(world.get(EVENTS).ids().len(), 1);
}

#[test]
fn a_series_has_instances_that_change_and_go_one_by_one() {
    let world = World::new(Options::default());
    let mut body = event("Standup", 8);
    body["recurrence"] = json!(["RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=TU"]);
    assert_eq!(world.post(EVENTS, &body).status, 400, "a series needs a zone");
    for side in ["start", "end"] {
        body[side]["timeZone"] = "Europe/Berlin".into();
    }
    let series = world.post(EVENTS, &body).id();
    let instances = format!("{EVENTS}/{series}/instances");
    let ids = world.get(&instances).ids();
    let expected = ["20261124T080000Z", "20261201T080000Z", "20261208T080000Z"];
    assert_eq!(ids, expected.map(|it| format!("{series}_{it}")));
    let patch = json!({ "summary": "Long standup" });
    let one = world.ask("PATCH", &format!("{EVENTS}/{}", ids[1]), Some(&patch)).body;
    assert_eq!(one["recurringEventId"], series.as_str());
    assert_eq!(world.ask("DELETE", &format!("{EVENTS}/{}", ids[2]), None).status, 204);
    assert_eq!(world.get(&instances).ids(), ids[..2]);
    let single = format!("{EVENTS}?singleEvents=true");
    assert_eq!(world.get(&single).ids(), ids[..2]);
    // As such: the series, and both exceptions, the cancelled one included.
    assert_eq!(world.get(EVENTS).ids().len(), 3);
}
