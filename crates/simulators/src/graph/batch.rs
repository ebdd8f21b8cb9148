//! `$batch`: up to twenty requests in one (learn.microsoft.com/graph/json-batching).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::error;
use super::http::{Ask, Fate, Reply};
use super::route::Call;

const REQUESTS_MAX: usize = 20;

/// Answers a batch: its items one after the other, each with a status of its own.
pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Reply> {
    let body = call.body()?;
    let bad = |message: &str| error::plain(400, "BadRequest", message);
    let items = body.get("requests").and_then(Value::as_array);
    let items = items.ok_or_else(|| bad("Invalid batch payload format."))?;
    if items.len() > REQUESTS_MAX {
        return Err(bad("Number of batch request steps exceeds the maximum value of 20."));
    }
    let mut ids = BTreeSet::new();
    for item in items {
        let id = item["id"].as_str().filter(|it| !it.is_empty());
        let id = id.ok_or_else(|| bad("Request Ids must be specified for all requests."))?;
        if !ids.insert(id.to_ascii_lowercase()) {
            return Err(bad("Request Id must be unique."));
        }
    }
    let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    let mut fate = Fate::default();
    let number = {
        let mut desk = call.graph.desk();
        desk.batches += 1;
        desk.batches
    };
    let mut of_mailboxes: BTreeMap<String, u32> = BTreeMap::new();
    for item in items {
        let id = item["id"].as_str().unwrap_or_default();
        let reply = if depends_on_failed(item, &statuses) {
            error::plain(424, "FailedDependency", "A request that this one depends on failed.")
        } else {
            count_mailbox(item, &mut of_mailboxes);
            run(call, item, number, &mut fate)
        };
        statuses.insert(id.to_ascii_lowercase(), reply.status);
        responses.push(response(id, reply));
    }
    // Of one mailbox, four are under way at once (`calendars.md` §1.7).
    let at_once = call.graph.options().mailbox.at_once.max(1);
    let turns = of_mailboxes.values().map(|it| it.div_ceil(at_once)).max().unwrap_or(0);
    fate.delay += call.graph.options().mailbox.takes * turns;
    // Graph answers in no particular order, where it does not go by `dependsOn`.
    if turns > 0 {
        responses.reverse();
    }
    let reply = Reply::json(200, json!({ "responses": responses }));
    Ok(Reply { fate, ..reply })
}

fn depends_on_failed(item: &Value, statuses: &BTreeMap<String, u16>) -> bool {
    let depends = item["dependsOn"].as_array().into_iter().flatten().filter_map(Value::as_str);
    // One that did not run yet is as bad: Graph wants an order.
    let mut depends = depends.map(|id| statuses.get(&id.to_ascii_lowercase()));
    depends.any(|status| status.is_none_or(|status| *status >= 400))
}

fn count_mailbox(item: &Value, of_mailboxes: &mut BTreeMap<String, u32>) {
    let url = item["url"].as_str().unwrap_or_default().trim_start_matches('/');
    let mut parts = url.split('/');
    if let (Some("users"), Some(user), Some(_)) = (parts.next(), parts.next(), parts.next()) {
        *of_mailboxes.entry(user.to_owned()).or_default() += 1;
    }
}

fn run(call: &Call<'_>, item: &Value, number: u64, fate: &mut Fate) -> Reply {
    let method = item["method"].as_str().unwrap_or_default().to_ascii_uppercase();
    let url = item["url"].as_str().unwrap_or_default();
    if method.is_empty() || url.is_empty() {
        return error::plain(400, "BadRequest", "Invalid batch payload format.");
    }
    let headers = headers(call, item["headers"].as_object());
    let body = &item["body"];
    if !body.is_null() && !headers.contains_key("content-type") {
        let message = "Write request id : Content-Type header is needed for a body.";
        return error::plain(400, "BadRequest", message);
    }
    let version = if call.beta { "beta" } else { "v1.0" };
    let ask = Ask {
        method,
        target: format!("/{version}/{}", url.trim_start_matches('/')),
        headers,
        body: if body.is_null() { Bytes::new() } else { body.to_string().into() },
        in_batch: true,
        batch: Some(number),
    };
    let (delay, reply) = call.graph.dispatch(&ask);
    fate.delay += delay;
    reply.unwrap_or_else(|unanswered| {
        fate.unanswered = Some(unanswered);
        Reply::status(504)
    })
}

/// The headers of an item, and the access token of the batch.
fn headers(call: &Call<'_>, given: Option<&Map<String, Value>>) -> HeaderMap {
    let keeps = call.graph.options().batch_keeps_custom_headers;
    let mut headers = HeaderMap::new();
    for (name, value) in given.into_iter().flatten() {
        let name = HeaderName::try_from(name.to_ascii_lowercase());
        let value = value.as_str().map(HeaderValue::try_from);
        if let (Ok(name), Some(Ok(value))) = (name, value)
            && (keeps || !name.as_str().starts_with("x-"))
        {
            headers.insert(name, value);
        }
    }
    if let Some(token) = call.ask.headers.get("authorization") {
        headers.insert("authorization", token.clone());
    }
    headers
}

fn response(id: &str, reply: Reply) -> Value {
    let Reply { status, headers, body, fate: _ } = reply;
    let mut map = Map::new();
    for (name, value) in headers {
        let name = if name == "retry-after" { "Retry-After" } else { name };
        map.insert(name.into(), value.into());
    }
    let mut response = json!({ "id": id, "status": status });
    if let Value::Object(response) = &mut response {
        if let Some(body) = body {
            map.insert("Content-Type".into(), "application/json".into());
            response.insert("body".into(), body);
        }
        response.insert("headers".into(), map.into());
    }
    response
}
