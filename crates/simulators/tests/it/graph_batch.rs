//! Batches: each item for itself.

use serde_json::{Value, json};
use simulators::graph::{Fault, Options, Unanswered, What};

use crate::world::World;

fn items(world: &World, group: &str, days: &[u32]) -> Value {
    let url = format!("/teams/{}/schedule/shifts", world.team);
    let item = |day: &u32| {
        json!({
            "id": day.to_string(), "method": "POST", "url": url,
            "headers": { "Content-Type": "application/json", "X-MS-WFMPassthrough": "ours" },
            "body": World::shift(&world.anna, group, *day, "draftShift"),
        })
    };
    json!({ "requests": days.iter().map(item).collect::<Vec<_>>() })
}

fn statuses(body: &Value) -> Vec<u64> {
    let responses = body["responses"].as_array().unwrap();
    responses.iter().map(|it| it["status"].as_u64().unwrap()).collect()
}

#[test]
fn each_item_is_throttled_for_itself() {
    let world = World::new(Options::default());
    let group = world.group(&[&world.anna]);
    world.pass(2_000);
    world.graph.clear_log();
    let answer = world.ask("POST", "$batch", Some(&items(&world, &group, &[20, 21, 22, 23, 24])));
    assert_eq!((answer.status, statuses(&answer.body)), (200, vec![201, 201, 201, 201, 429]));
    assert_eq!(answer.body["responses"][4]["headers"]["Retry-After"], "1");
    assert_eq!(world.graph.counts().requests, 1);
    let seen = world.graph.requests();
    assert_eq!(seen.iter().filter(|it| it.in_batch && it.passthrough).count(), 5);
}

#[test]
fn what_depends_on_a_failure_does_not_happen() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let mut batch = items(&world, &group, &[20, 21]);
    batch["requests"][0]["body"]["userId"] = json!("nobody");
    batch["requests"][1]["dependsOn"] = json!(["20"]);
    let answer = world.ask("POST", "$batch", Some(&batch));
    assert_eq!(statuses(&answer.body), [400, 424]);
    batch["requests"][1]["id"] = json!("20");
    assert_eq!(world.ask("POST", "$batch", Some(&batch)).status, 400);
    let many = json!({ "requests": vec![json!({ "id": "1" }); 21] });
    assert_eq!(world.ask("POST", "$batch", Some(&many)).status, 400);
}

#[test]
fn a_lost_answer_of_one_item_loses_the_answer_of_all() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let fault = Fault::on("POST").at("/shifts").skip(1).times(1).then(What::ResetAfterApply);
    world.graph.set_faults([fault]);
    let batch = items(&world, &group, &[20, 21, 22]);
    let lost = world.try_ask("POST", "/v1.0/$batch", Some(&batch));
    assert_eq!(lost.err(), Some(Unanswered::Reset));
    assert_eq!(world.graph.seen_by_managers(&world.team).len(), 3);
}

#[test]
fn custom_headers_of_items_may_be_dropped() {
    let options = Options { batch_keeps_custom_headers: false, quotas: None, ..Options::default() };
    let world = World::new(options);
    let group = world.group(&[&world.anna]);
    let answer = world.ask("POST", "$batch", Some(&items(&world, &group, &[20])));
    assert_eq!(statuses(&answer.body), [201]);
    assert!(world.graph.requests().iter().all(|it| !it.passthrough));
}
