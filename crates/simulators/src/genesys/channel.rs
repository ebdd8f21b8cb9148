//! Notification channels, as far as they can be had without a WebSocket: made, and told what to
//! listen to; and which topics there are.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::route::Call;
use super::wire::instant;

/// A 21st channel removes the oldest.
const CHANNELS_MAX: usize = 20;
const TOPICS_MAX: usize = 1000;

pub(super) fn answer(call: &Call<'_>, path: &[&str]) -> Result<Reply, Reply> {
    match (call.ask.method.as_str(), path) {
        ("POST", ["channels"]) => Ok(make(call)),
        ("GET", ["channels"]) => Ok(call.genesys.read(|state| {
            let all = state.channels.iter().map(|(id, until, _)| channel(id, *until));
            Reply::json(json!({ "entities": all.collect::<Vec<_>>() }))
        })),
        ("GET", ["availabletopics"]) => Ok(topics(call)),
        (method, ["channels", id, "subscriptions"]) => subscriptions(call, method, id),
        _ => Err(error::plain(404, "not.found", "HTTP 404 Not Found")),
    }
}

/// Topics that there are, as far as they are about schedules.
const TOPICS: [&str; 8] = [
    "v2.users.{id}.workforcemanagement.schedules",
    "v2.users.{id}.workforcemanagement.timeoffrequests",
    "v2.workforcemanagement.agents",
    "v2.workforcemanagement.businessunits.{id}.schedules",
    "v2.workforcemanagement.managementunits.{id}",
    "v2.workforcemanagement.managementunits.{id}.adherence",
    "v2.workforcemanagement.managementunits.{id}.agents.sync",
    "v2.workforcemanagement.managementunits.{id}.schedules",
];

fn topics(call: &Call<'_>) -> Reply {
    let expand = call.ask.all("expand");
    let untold = &call.genesys.options().topics_without_eventbridge;
    let topic = |id: &str| {
        let mut topic = json!({ "id": id });
        if expand.iter().any(|it| it == "transports") {
            topic["transports"] = match untold.contains(id) {
                true => json!(["Websocket"]),
                false => json!(["EventBridge", "Websocket"]),
            };
        }
        topic
    };
    Reply::json(json!({ "entities": TOPICS.map(topic) }))
}

fn channel(id: &str, until: jiff::Timestamp) -> Value {
    json!({
        "connectUri": format!("wss://streaming.mypurecloud.de/channels/{id}"), "id": id,
        "expires": instant(until),
    })
}

fn make(call: &Call<'_>) -> Reply {
    let until = call.now + SignedDuration::from_hours(24);
    call.genesys.update(|state| {
        let id = format!("streaming-0-{}", state.new_id());
        state.channels.push((id.clone(), until, Vec::new()));
        if state.channels.len() > CHANNELS_MAX {
            state.channels.remove(0);
        }
        Reply::json(channel(&id, until))
    })
}

fn subscriptions(call: &Call<'_>, method: &str, id: &str) -> Result<Reply, Reply> {
    let asked: Vec<String> = match method {
        "POST" | "PUT" => {
            let body = call.ask.json()?;
            let topics = body.as_array().into_iter().flatten();
            topics.filter_map(|it| it["id"].as_str().map(str::to_owned)).collect()
        }
        "GET" | "DELETE" => Vec::new(),
        _ => return Err(error::plain(405, "method.not.allowed", "HTTP 405 Method Not Allowed")),
    };
    // What is about one user is heard by that user only.
    let (own, kept): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|it| it.starts_with("v2.users."));
    if !own.is_empty() && !call.ask.flag("ignoreErrors") {
        return Err(error::invalid("id", "the topic needs a user context"));
    }
    call.genesys.update(|state| {
        let found = state.channels.iter_mut().find(|(it, _, _)| it == id);
        let (_, _, topics) = found.ok_or_else(|| error::not_found("channel"))?;
        if matches!(method, "PUT" | "DELETE") {
            topics.clear();
        }
        topics.extend(kept);
        topics.truncate(TOPICS_MAX);
        if method == "DELETE" {
            return Ok(Reply { status: 200, ..Reply::default() });
        }
        let permitted = topics.iter().map(|it| json!({ "id": it, "state": "Permitted" }));
        let rejected = own.iter().map(|it| json!({ "id": it, "state": "Rejected" }));
        let entities: Vec<Value> = permitted.chain(rejected).collect();
        Ok(Reply::json(json!({ "entities": entities })))
    })
}
