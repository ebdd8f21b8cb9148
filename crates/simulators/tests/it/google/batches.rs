//! Batches, and channels.

use bytes::Bytes;
use http::Request;
use serde_json::json;
use simulators::google::{Options, Quotas};

use super::world::{ANNA, World, event};

fn batch(world: &World, parts: &[(&str, &str, Option<String>)]) -> super::world::Answer {
    let mut body = String::new();
    for (number, (method, target, inner)) in parts.iter().enumerate() {
        body.push_str(&format!(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n{method} \
             /calendar/v3{target} HTTP/1.1\r\n"
        ));
        match inner {
            Some(inner) => body.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{inner}\r\n",
                inner.len()
            )),
            None => body.push_str("\r\n\r\n"),
        }
    }
    body.push_str("--b--\r\n");
    let request = Request::post("/batch/calendar/v3")
        .header("content-type", "multipart/mixed; boundary=b")
        .header("authorization", format!("Bearer {}", world.token))
        .body(Bytes::from(body));
    world.answer(request.unwrap())
}

#[test]
fn a_batch_answers_each_part_for_itself_and_in_its_own_order() {
    let world = World::new(Options::default());
    let made = event("Shift", 8).to_string();
    let answer = batch(
        &world,
        &[
            ("POST", "/calendars/primary/events", Some(made)),
            ("GET", "/calendars/primary/events/nowhere", None),
        ],
    );
    assert_eq!(answer.status, 200);
    let (first, second) =
        (answer.text.find("<response-1>").unwrap(), answer.text.find("<response-0>").unwrap());
    assert!(first < second, "{}", answer.text);
    assert!(answer.text.contains("HTTP/1.1 404 Not Found"));
    assert!(answer.text.contains("HTTP/1.1 200 OK"));
    assert_eq!(world.google.live_events(ANNA).len(), 1);
}

#[test]
fn a_batch_holds_fifty_and_each_counts() {
    let quotas = Quotas { project: 60, user: 60, ..Quotas::default() };
    let world = World::new(Options { quotas: Some(quotas), ..Options::default() });
    let parts = |count: usize| vec![("GET", "/colors", None); count];
    assert_eq!(batch(&world, &parts(51)).status, 400);
    assert_eq!(batch(&world, &parts(50)).text.matches("200 OK").count(), 50);
    let answer = batch(&world, &parts(20));
    assert_eq!(answer.text.matches("200 OK").count(), 10);
    assert_eq!(world.google.counts().counted, 70);
}

#[test]
fn a_channel_tells_that_something_changed_until_it_ends() {
    let world = World::new(Options::default());
    let watch = "/calendars/primary/events/watch";
    let mut body = json!({
        "id": "c-1", "type": "web_hook", "address": "https://rota.example.com/hooks/google",
        "token": "secret", "params": { "ttl": "600" },
    });
    let channel = world.post(watch, &body);
    assert_eq!(channel.status, 200);
    let expected = world.google.now().as_millisecond() + 600_000;
    assert_eq!(channel.body["expiration"], expected.to_string());
    assert_eq!(world.post(watch, &body).told(), (400, "channelIdNotUnique"));
    body["id"] = "c 2".into();
    assert_eq!(world.post(watch, &body).status, 400);
    world.post("/calendars/primary/events", &event("Shift", 8));
    let states = || -> Vec<String> {
        let notices = world.google.take_notices();
        let state = |it: &simulators::google::channel::Notice| {
            let header = |name| it.headers.iter().find(|(key, _)| *key == name).unwrap().1.clone();
            assert_eq!(header("x-goog-channel-token"), "secret");
            header("x-goog-resource-state")
        };
        notices.iter().map(state).collect()
    };
    assert_eq!(states(), ["sync", "exists"]);
    let stop = json!({ "id": "c-1", "resourceId": channel.body["resourceId"] });
    assert_eq!(world.post("/channels/stop", &stop).status, 204);
    assert_eq!(world.post("/channels/stop", &stop).status, 404);
    body["id"] = "c-3".into();
    assert_eq!(world.post(watch, &body).status, 200);
    world.pass(601);
    let token = world.token_for(ANNA, &["calendar"]);
    let shift = event("Late", 9);
    world.ask_as(&token, "POST", "/calendars/primary/events", (&[], Some(&shift)));
    assert_eq!(states(), ["sync"]);
}
