//! Writing a roster that is its own record.

use std::sync::atomic::Ordering;

use engine::port::{ApiStore as _, Store as _};
use serde_json::{Value, json as object};

use super::world::{LIST, World, assert_refused, ids, json, to_write, ward};

#[tokio::test]
async fn a_shift_is_made_changed_and_removed_and_each_change_is_told() {
    let world = World::new().await;
    let client = world.everything().await;
    let token = json(&world.get(&client, LIST).await)["deltaToken"].as_str().unwrap().to_owned();
    let made = world.write(&client, "POST", LIST, &[], &to_write("ada", 100)).await;
    assert_eq!((made.status, made.header("etag")), (201, Some("\"v1\"")), "{}", made.text());
    let place = made.header("location").unwrap().to_owned();
    let shift = json(&made);
    assert_eq!(json(&world.get(&client, &place).await), shift);
    // What was read can be sent back, changed.
    let mut other = shift.clone();
    other["label"] = "Late".into();
    let changed = world.write(&client, "PUT", &place, &[("If-Match", "\"v1\"")], &other).await;
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"v2\"")));
    assert_eq!(json(&changed)["label"], "Late");
    let stale = world.write(&client, "PUT", &place, &[("If-Match", "\"v1\"")], &other).await;
    assert_refused(&stale, 412, "precondition_failed");
    let stale =
        world.write(&client, "DELETE", &place, &[("If-Match", "\"v1\"")], &Value::Null).await;
    assert_refused(&stale, 412, "precondition_failed");
    let gone =
        world.write(&client, "DELETE", &place, &[("If-Match", "\"v2\"")], &Value::Null).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_eq!(world.deleted.load(Ordering::SeqCst), 1);
    assert_refused(&world.get(&client, &place).await, 404, "not_found");
    let again = world.write(&client, "DELETE", &place, &[], &Value::Null).await;
    assert_refused(&again, 404, "not_found");
    let changes = json(&world.get(&client, &format!("{LIST}?since={token}")).await);
    assert_eq!(ids(&changes), [shift["id"].as_str().unwrap()]);
    assert_eq!(changes["entities"][0]["deleted"], true);
}

#[tokio::test]
async fn the_same_key_makes_one_shift_whatever_happens_in_between() {
    let world = World::new().await;
    let client = world.everything().await;
    let key = [("Idempotency-Key", "order-17")];
    let first = world.write(&client, "POST", LIST, &key, &to_write("ada", 100)).await;
    let restarted = World::over(world.store, 1000).await;
    let again = restarted.write(&client, "POST", LIST, &key, &to_write("ada", 100)).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(json(&first), json(&again));
    assert_eq!(json(&restarted.get(&client, LIST).await)["total"], 4);
    let other = restarted.write(&client, "POST", LIST, &key, &to_write("ada", 200)).await;
    assert_refused(&other, 409, "idempotency_key_reused");
    // Keys are each client's own.
    let colleague = restarted.client("colleague", &ward(), &engine::port::ApiScope::ALL).await;
    let theirs = restarted.write(&colleague, "POST", LIST, &key, &to_write("ada", 200)).await;
    assert_eq!(theirs.status, 201, "{}", theirs.text());
}

#[tokio::test]
async fn the_rules_decide_and_say_why_not() {
    let world = World::new().await;
    let client = world.everything().await;
    let seq = world.store.roster_seq(&ward()).await.unwrap();
    for (body, rule) in [
        (to_write("ada", 32), "overlaps"),
        (to_write("ada", 40), "rest_too_short"),
        (to_write("zed", 100), "unknown_employee"),
        (to_write("ada", 2), "begun"),
    ] {
        let answer = world.write(&client, "POST", LIST, &[], &body).await;
        assert_refused(&answer, 409, "refused_by_rules");
        assert_eq!(json(&answer)["details"][0]["field"], rule, "{body}");
    }
    assert_eq!(world.store.roster_seq(&ward()).await.unwrap(), seq);
    let calls = world.store.api_calls(None, 100).await.unwrap();
    assert!(calls.iter().all(|it| it.operation != "createSchedule" || it.status == 409));
}

#[tokio::test]
async fn what_a_body_may_not_be_is_said_with_its_place() {
    let world = World::new().await;
    let client = world.everything().await;
    let mut misspelt = to_write("ada", 100);
    misspelt["userID"] = "ada".into();
    let mut blank = to_write("ada", 100);
    (blank["label"], blank["userId"]) = ("  ".into(), "a\u{7}".into());
    for body in [object!({}), object!([]), misspelt, blank.clone()] {
        let answer = world.write(&client, "POST", LIST, &[], &body).await;
        assert_refused(&answer, 400, "invalid_body");
    }
    let answer = json(&world.write(&client, "POST", LIST, &[], &blank).await);
    let fields: Vec<_> =
        answer["details"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(fields, ["userId", "label"]);
    let bearer = format!("Bearer {}", client.token);
    let other = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain")];
    assert_refused(&world.send("POST", LIST, &other, b"{}").await, 415, "unsupported_media_type");
    let mut backwards = to_write("ada", 100);
    backwards["end"] = backwards["start"].clone();
    let answer = world.write(&client, "POST", LIST, &[], &backwards).await;
    assert_refused(&answer, 409, "refused_by_rules");
}

#[tokio::test]
async fn jobs_are_queued_once_and_tell_how_far_they_are() {
    let world = World::new().await;
    let client = world.everything().await;
    let jobs = format!("{LIST}/sync/jobs");
    let body = object!({"direction": "push", "targetProvider": "caldav"});
    let queued = world.write(&client, "POST", &jobs, &[], &body).await;
    assert_eq!(queued.status, 202, "{}", queued.text());
    let job = json(&queued);
    assert_eq!((&job["status"], &job["recordsProcessed"]), (&"queued".into(), &0.into()));
    let place = queued.header("location").unwrap().to_owned();
    assert_eq!(json(&world.get(&client, &place).await), job);
    let same = json(&world.write(&client, "POST", &jobs, &[], &body).await);
    assert_eq!(same["jobId"], job["jobId"]);
    let none = object!({"targetProvider": "google"});
    let answer = world.write(&client, "POST", &jobs, &[], &none).await;
    assert_refused(&answer, 404, "no_such_mirror");
    let unknown = object!({"targetProvider": "fax"});
    assert_refused(&world.write(&client, "POST", &jobs, &[], &unknown).await, 400, "invalid_body");
    for guess in ["0", "00000000000000000000000000000000", "x'--"] {
        assert_refused(&world.get(&client, &format!("{jobs}/{guess}")).await, 404, "not_found");
    }
}
