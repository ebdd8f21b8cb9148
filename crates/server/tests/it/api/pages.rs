//! Pages: whole, filtered, and while the schedule changes.

use engine::port::ApiScope;
use jiff::SignedDuration;
use testkit::builders::shift;

use super::world::{Client, LIST, World, assert_refused, ids, json, ward};

#[tokio::test]
async fn pages_have_the_form_that_is_promised() {
    let world = World::new().await;
    let client = world.everything().await;
    let answer = world.get(&client, &format!("{LIST}?pageSize=2")).await;
    assert!(answer.header("last-modified").is_some());
    let page = json(&answer);
    assert_eq!(ids(&page), ["s1", "s2"]);
    let numbers = ["pageSize", "pageNumber", "total"].map(|it| page[it].as_u64().unwrap());
    assert_eq!(numbers, [2, 1, 3]);
    let expected = serde_json::json!({
        "id": "s1", "kind": "shift", "version": 1, "changedAt": "2026-11-21T00:00:00Z",
        "userId": "ada", "label": "Early", "start": "2026-11-22T06:00:00Z",
        "end": "2026-11-22T14:00:00Z", "day": "2026-11-22", "activities": [],
    });
    assert_eq!(page["entities"][0], expected);
    let next = page["nextUri"].as_str().unwrap();
    let last = json(&world.get(&client, next).await);
    assert_eq!((ids(&last), &last["nextUri"]), (vec!["s3".to_owned()], &serde_json::Value::Null));
    assert_eq!(last["deltaToken"], page["deltaToken"]);
    assert_eq!(last["pageNumber"], 2);
    let by_number = json(&world.get(&client, &format!("{LIST}?pageSize=2&pageNumber=2")).await);
    assert_eq!(ids(&by_number), ["s3"]);
}

#[tokio::test]
async fn filters_are_applied_and_misspelt_ones_refused() {
    let world = World::new().await;
    let client = world.everything().await;
    let ask = async |query: &str| json(&world.get(&client, &format!("{LIST}?{query}")).await);
    assert_eq!(ids(&ask("userId=ada").await), ["s1", "s3"]);
    assert_eq!(ids(&ask("userId=nobody").await), [""; 0]);
    assert_eq!(ids(&ask("scheduleGroupId=nowhere").await), [""; 0]);
    assert_eq!(ids(&ask("windowStart=2026-11-22T14:00:00Z").await), ["s3"]);
    assert_eq!(ids(&ask("windowEnd=2026-11-22T07:00:00%2B01:00").await), [""; 0]);
    assert_eq!(ids(&ask("windowEnd=2026-11-22T07:00:01+01:00").await), ["s1", "s2"]);
    let all = ask("kind=shift,employee&pageSize=4").await;
    assert_eq!(
        (ids(&all), &all["total"]),
        (["ada", "bob", "s1", "s2"].map(String::from).into(), &5.into())
    );
    assert_eq!(ids(&json(&world.get(&client, all["nextUri"].as_str().unwrap()).await)), ["s3"]);
    for bad in
        ["userID=ada", "kind=shifts", "pageSize=0", "pageSize=1001", "windowStart=now", "since=x"]
    {
        let answer = world.get(&client, &format!("{LIST}?{bad}")).await;
        assert_refused(&answer, 400, "invalid_parameter");
    }
}

#[tokio::test]
async fn a_walk_during_changes_and_the_changes_after_it_give_the_whole_schedule() {
    let world = World::new().await;
    let client = world.everything().await;
    let many: Vec<_> = (10..40).map(|n| shift(&format!("m{n}"), "ada", n * 24)).collect();
    world.commit(testkit::builders::hour(1), &many, &[]).await;
    let mut path = format!("{LIST}?pageSize=5");
    let (mut seen, mut step) = (Vec::new(), 0);
    let token = loop {
        let page = json(&world.get(&client, &path).await);
        seen.extend(ids(&page));
        let token = page["deltaToken"].as_str().unwrap().to_owned();
        let Some(next) = page["nextUri"].as_str() else { break token };
        path = next.to_owned();
        // One comes before what was read and one after it, and one that was not read goes.
        step += 1;
        let new = [
            shift(&format!("a{step}"), "bob", 2000 + step * 24),
            shift(&format!("z{step}"), "bob", 4000 + step * 24),
        ];
        let gone = format!("m{}", 40 - step);
        world.commit(testkit::builders::hour(2), &new, &[&gone]).await;
    };
    let once: std::collections::BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(once.len(), seen.len(), "one came twice: {seen:?}");
    let mut have = once;
    let changes = json(&world.get(&client, &format!("{LIST}?since={token}&pageSize=1000")).await);
    for entity in changes["entities"].as_array().unwrap() {
        let id = entity["id"].as_str().unwrap().to_owned();
        if entity["deleted"] == true {
            have.remove(&id)
        } else {
            have.insert(id)
        };
    }
    let whole = json(&world.get(&client, &format!("{LIST}?pageSize=1000")).await);
    assert_eq!(have.into_iter().collect::<Vec<_>>(), ids(&whole));
}

/// The page that is reached by following `nextUri` so often.
async fn follow(world: &World, client: &Client, times: usize) -> serde_json::Value {
    let mut page = json(&world.get(client, &format!("{LIST}?pageSize=2")).await);
    for _ in 0..times {
        page = json(&world.get(client, page["nextUri"].as_str().unwrap()).await);
    }
    page
}

#[tokio::test]
async fn next_pages_are_read_along_and_kept_for_a_moment() {
    let world = World::new().await;
    let client = world.everything().await;
    let many: Vec<_> = (10..30).map(|n| shift(&format!("m{n}"), "ada", n * 24)).collect();
    world.commit(testkit::builders::hour(1), &many, &[]).await;
    for (pause, fourth) in [(0, ["m16", "m17"]), (3, ["m17", "m18"])] {
        let third = follow(&world, &client, 2).await;
        assert_eq!(ids(&third), ["m14", "m15"]);
        // It goes after it was read along with the third page: the changes tell of it.
        world.commit(testkit::builders::hour(2), &[], &["m16"]).await;
        world.clock.advance(SignedDuration::from_secs(pause));
        let page = json(&world.get(&client, third["nextUri"].as_str().unwrap()).await);
        assert_eq!(ids(&page), fourth, "after {pause} s");
        world.commit(testkit::builders::hour(3), &many[6..7], &[]).await;
    }
}

#[tokio::test]
async fn what_was_read_along_for_one_walk_is_not_told_to_one_that_began_later() {
    let world = World::new().await;
    let (one, other) =
        (world.everything().await, world.client("other", &ward(), &ApiScope::ALL).await);
    let many: Vec<_> = (10..30).map(|n| shift(&format!("m{n}"), "ada", n * 24)).collect();
    world.commit(testkit::builders::hour(1), &many, &[]).await;
    let third = follow(&world, &one, 2).await;
    world.commit(testkit::builders::hour(2), &[], &["m16"]).await;
    // The deletion stands before their tokens: nothing would ever tell them of it.
    for client in [&one, &other] {
        let begun = json(&world.get(client, &format!("{LIST}?pageSize=2&pageNumber=3")).await);
        assert_eq!(ids(&begun), ["m14", "m15"]);
        let next = json(&world.get(client, begun["nextUri"].as_str().unwrap()).await);
        assert_eq!(ids(&next), ["m17", "m18"]);
    }
    let next = json(&world.get(&one, third["nextUri"].as_str().unwrap()).await);
    assert_eq!(ids(&next), ["m16", "m17"]);
}

#[tokio::test]
async fn one_entity_has_an_etag_and_is_not_sent_again() {
    let world = World::new().await;
    let client = world.everything().await;
    let path = format!("{LIST}/s1");
    let answer = world.get(&client, &path).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"v1\"")));
    let same = world.get_with(&client, &path, &[("If-None-Match", "\"v1\"")]).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    let employee = world.get(&client, &format!("{LIST}/ada?kind=employee")).await;
    assert_eq!(json(&employee)["name"], "Name of ada");
}

#[tokio::test]
async fn a_calendar_is_one_persons() {
    let world = World::new().await;
    let client = world.everything().await;
    let window = "windowStart=2026-11-21T00:00:00Z&windowEnd=2026-12-21T00:00:00Z";
    let path = format!("{LIST}/icall?userId=ada&{window}");
    let answer = world.get(&client, &path).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/calendar; charset=utf-8"));
    assert_eq!(answer.text().matches("BEGIN:VEVENT").count(), 2);
    let etag = answer.header("etag").unwrap().to_owned();
    let same = world.get_with(&client, &path, &[("If-None-Match", &etag)]).await;
    assert_eq!(same.status, 304);
    let nobody = world.get(&client, &format!("{LIST}/icall?userId=zed")).await;
    assert_refused(&nobody, 404, "not_found");
    assert_refused(&world.get(&client, &format!("{LIST}/icall")).await, 400, "invalid_parameter");
}
