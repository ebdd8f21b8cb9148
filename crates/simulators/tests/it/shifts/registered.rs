//! An integration from its registration by an app to what the app's own writes tell it.

use serde_json::json;
use simulators::graph::Options;
use simulators::graph::integration::{CallOptions, Workforce};

use super::receiver::{Receiver, SECRET, Say};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_integration_is_told_of_what_apps_write_and_may_refuse_it() {
    let receiver = Receiver::start(|call| {
        let ours = call.passthrough.as_deref() == Some("ours");
        match call.path.as_str() {
            "/rota/v1/connect" => Say::Status(200),
            _ if ours => Say::Yes,
            _ => Say::No(409, "not from here"),
        }
    });
    let receiver = receiver.await;
    let world = World::new(Options { quotas: None, ..Options::default() });
    let workforce = Workforce::install(&world.graph, CallOptions::default()).unwrap();
    let body = json!({
        "displayName": "Rota", "apiVersion": 1, "isActive": true, "url": receiver.url,
        "encryption": { "protocol": "sharedSecret", "secret": SECRET },
        "supportedEntities": "Shift,SwapRequest",
    });
    let made = world.ask("POST", "/v1.0/teamwork/workforceIntegrations", Some(&body));
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(receiver.last().path, "/rota/v1/connect");
    let schedule = json!({
        "enabled": true, "timeZone": "Europe/Berlin", "workforceIntegrationIds": [made.id()],
    });
    let path = format!("/v1.0/teams/{}/schedule", world.team);
    assert_eq!(world.ask("PUT", &path, Some(&schedule)).status, 200);
    let group = world.group(&[&world.anna]);
    let shift = World::shift(&world.anna, &group, 24, "sharedShift");
    let refused = world.post("/shifts", &shift);
    assert_eq!((refused.status, refused.code()), (403, "WorkforceIntegrationError"));
    assert!(refused.body.to_string().contains("not from here"));
    let made = world.with("X-MS-WFMPassthrough", "ours").post("/shifts", &shift);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(receiver.last().told(), [format!("POST /shifts/{}", made.id())]);
    assert_eq!(receiver.last().bodies()[0]["sharedShift"]["isActive"], true);
    assert_eq!(workforce.exchanges().len(), 3);
}
