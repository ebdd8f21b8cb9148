//! What changed: by token, and by time.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;
use testkit::builders::{hour, shift};
use testkit::seeded_entropy::SeededEntropy;

use super::world::{Client, LIST, World, assert_refused, ids, json};
use engine::port::{ApiStore as _, Clock as _};

async fn token_of(world: &World, client: &Client) -> String {
    json(&world.get(client, LIST).await)["deltaToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn changes_since_a_token_hold_deletions_and_304_means_none() {
    let world = World::new().await;
    let client = world.everything().await;
    let since = format!("{LIST}?since={}", token_of(&world, &client).await);
    assert_eq!(world.get(&client, &since).await.status, 304);
    world.commit(hour(7), &[shift("s1", "bob", 200), shift("s4", "ada", 300)], &["s3"]).await;
    let changes = json(&world.get(&client, &since).await);
    let gone: Vec<bool> = changes["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["deleted"].as_bool().unwrap_or(false))
        .collect();
    assert_eq!(
        (ids(&changes), gone),
        (["s1", "s4", "s3"].map(String::from).into(), vec![false, false, true])
    );
    assert_eq!(changes["entities"][0]["version"], 2);
    let next = format!("{LIST}?since={}", changes["deltaToken"].as_str().unwrap());
    assert_eq!(world.get(&client, &next).await.status, 304);
    // Page by page the same.
    let first = json(&world.get(&client, &format!("{since}&pageSize=2")).await);
    assert_eq!(ids(&first), ["s1", "s4"]);
    let rest = json(&world.get(&client, first["nextUri"].as_str().unwrap()).await);
    assert_eq!((ids(&rest), &rest["nextUri"]), (vec!["s3".to_owned()], &Value::Null));
    assert_eq!(rest["deltaToken"], changes["deltaToken"]);
}

#[tokio::test]
async fn a_far_page_of_changes_is_not_counted_out_but_followed() {
    let world = World::new().await;
    let client = world.everything().await;
    let since = format!("{LIST}?since={}", token_of(&world, &client).await);
    world.commit(hour(7), &[shift("s1", "bob", 200)], &[]).await;
    let near = world.get(&client, &format!("{since}&pageSize=1000&pageNumber=6")).await;
    assert_eq!(near.status, 200);
    let far = world.get(&client, &format!("{since}&pageSize=1000&pageNumber=7")).await;
    assert_refused(&far, 409, "page_too_far");
    assert!(far.text().contains("follow `nextUri`"), "{}", far.text());
}

#[tokio::test]
async fn what_leaves_a_filter_is_told_as_gone() {
    let world = World::new().await;
    let client = world.everything().await;
    let since = format!("{LIST}?userId=ada&since={}", token_of(&world, &client).await);
    world.commit(hour(7), &[shift("s1", "bob", 30)], &[]).await;
    let changes = json(&world.get(&client, &since).await);
    let expected = serde_json::json!({
        "id": "s1", "kind": "shift", "version": 2, "deleted": true,
        "changedAt": "2026-11-21T07:00:00Z",
    });
    assert_eq!(changes["entities"], serde_json::json!([expected]));
}

#[tokio::test]
async fn a_token_of_another_store_is_refused_and_nothing_is_guessed() {
    let (world, other) = (World::new().await, World::new().await);
    let (client, there) = (world.everything().await, other.everything().await);
    // The other store was made by the same seed: it differs in what tells stores apart only.
    other.store.incarnation("ffffffffffffffff").await.unwrap();
    let token = token_of(&other, &there).await;
    let answer = world.get(&client, &format!("{LIST}?since={token}")).await;
    assert_refused(&answer, 409, "delta_token_expired");
    let own = token_of(&world, &client).await;
    let (start, _) = own.rsplit_once('-').unwrap();
    let ahead = world.get(&client, &format!("{LIST}?since={start}-999")).await;
    assert_refused(&ahead, 409, "delta_token_expired");
    for bad in
        ["d1-xyz-3", "d2-0000000000000000-3", "d1-0000000000000000--3", "d1-0000000000000000-"]
    {
        let answer = world.get(&client, &format!("{LIST}?since={bad}")).await;
        assert_refused(&answer, 400, "invalid_parameter");
    }
}

#[tokio::test]
async fn asked_by_the_time_of_the_last_answer_nothing_is_sent_twice_without_need() {
    let world = World::new().await;
    let client = world.everything().await;
    let first = world.get(&client, LIST).await;
    let at = first.header("last-modified").unwrap().to_owned();
    let ask = async |at: &str| world.get_with(&client, LIST, &[("If-Modified-Since", at)]).await;
    assert_eq!(ask(&at).await.status, 304);
    world.pass(3_000);
    world.commit(world.clock.now(), &[shift("s1", "ada", 31)], &["s2"]).await;
    world.pass(3_000);
    let changes = ask(&at).await;
    assert_eq!(ids(&json(&changes)), ["s1", "s2"]);
    let at = changes.header("last-modified").unwrap().to_owned();
    assert_eq!(ask(&at).await.status, 304);
    // A date that is none is as if it were not there.
    assert_eq!(ids(&json(&ask("yesterday").await)), ["s1", "s3"]);
}

/// What a client knows: versions by id.
type Known = BTreeMap<String, u64>;

fn apply(known: &mut Known, page: &Value) {
    for entity in page["entities"].as_array().unwrap() {
        let id = entity["id"].as_str().unwrap().to_owned();
        if entity["deleted"] == true {
            known.remove(&id);
        } else {
            known.insert(id, entity["version"].as_u64().unwrap());
        }
    }
}

/// Changes are decided at one instant and committed at another one, up to some seconds later;
/// several clients poll by time in between, also in the same second, also over a restart.
#[tokio::test]
async fn polled_by_seconds_no_change_is_ever_lost() {
    for seed in 0..12 {
        let chance = SeededEntropy::new(seed);
        let mut world = World::with_limit(1_000_000).await;
        let client = world.everything().await;
        let mut pollers: Vec<(Known, Option<String>)> = vec![(Known::new(), None); 3];
        for step in 0..60 {
            world.pass(i64::try_from(chance.below(700)).unwrap());
            let late = SignedDuration::from_millis(i64::try_from(chance.below(4000)).unwrap());
            let decided = world.clock.now() - late;
            let id = format!("n{}", chance.below(9));
            if chance.below(4) == 0 {
                world.commit(decided, &[], &[&id]).await;
            } else {
                let start = 100 + i64::try_from(chance.below(90)).unwrap();
                world.commit(decided, &[shift(&id, "ada", start)], &[]).await;
            }
            let who = usize::try_from(chance.below(4)).unwrap();
            if let Some(poller) = pollers.get_mut(who) {
                poll(&world, &client, poller).await;
            }
            if step == 30 && seed % 2 == 0 {
                let now = world.clock.now();
                world = World::over(world.store, 1_000_000).await;
                world.clock.advance_to(now);
            }
        }
        world.pass(1_500);
        let mut wanted = Known::new();
        apply(&mut wanted, &json(&world.get(&client, LIST).await));
        for poller in &mut pollers {
            poll(&world, &client, poller).await;
            assert_eq!(poller.0, wanted, "seed {seed}");
        }
    }
}

async fn poll(world: &World, client: &Client, (known, at): &mut (Known, Option<String>)) {
    let answer = match at {
        Some(at) => world.get_with(client, LIST, &[("If-Modified-Since", at)]).await,
        None => world.get(client, LIST).await,
    };
    if answer.status == 200 {
        apply(known, &json(&answer));
    } else {
        assert_eq!(answer.status, 304, "{}", answer.text());
    }
    *at = Some(answer.header("last-modified").unwrap().to_owned());
}
