//! Channels: an address that is told, without a word about what, that a calendar changed
//! (developers.google.com/workspace/calendar/api/guides/push).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::http::Reply;
use super::route::Call;
use super::state::{Channel, State};
use super::{Google, error};
use crate::graph::integration::Post;

/// How long a channel lasts when nobody says, and at most: a week and a month.
const SECONDS_DEFAULT: i64 = 604_800;
const SECONDS_MAX: i64 = 2_592_000;
const ID_CHARS_MAX: usize = 64;
const TOKEN_CHARS_MAX: usize = 256;

/// A notice on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where to.
    pub address: String,
    /// Its headers, in lower case. There is no body.
    pub headers: Vec<(&'static str, String)>,
}

/// `events.watch`.
pub(super) fn watch(call: &Call<'_>, calendar: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (id, address, token) = (text("id"), text("address"), text("token"));
    let id_fits = (1..=ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_+/=".contains(&it));
    if !id_fits || text("type") != "web_hook" || token.chars().count() > TOKEN_CHARS_MAX {
        return Err(error::invalid("Invalid value for: id, type or token"));
    }
    let over_http = call.google.options().channels_over_http;
    if !(address.starts_with("https://") || (over_http && address.starts_with("http://"))) {
        let message = "WebHook callback must be HTTPS.";
        return Err(error::refusal(400, "push.webhookUrlNotHttps", message));
    }
    let expires_at = expiration(&body, call.now)?;
    let token = Some(token).filter(|it| !it.is_empty());
    call.google.update(|state| {
        let (calendar, _) = call.calendar(state, calendar, "reader")?;
        if state.channels.contains_key(&id) {
            let message = format!("Channel id {id} not unique");
            return Err(error::refusal(400, "channelIdNotUnique", &message));
        }
        let resource_id = format!("r{}", state.next_id());
        let resource_uri =
            format!("https://www.googleapis.com/calendar/v3/calendars/{calendar}/events?alt=json");
        let channel = Channel {
            calendar,
            resource_id: resource_id.clone(),
            resource_uri: resource_uri.clone(),
            address,
            token: token.clone(),
            expires_at,
            messages: 0,
            client: call.session.client.clone(),
        };
        state.channels.insert(id.clone(), channel);
        state.tell(&id, "sync");
        let mut body = json!({
            "kind": "api#channel", "id": id, "resourceId": resource_id,
            "resourceUri": resource_uri, "expiration": expires_at.as_millisecond().to_string(),
        });
        if let Some(token) = token {
            body["token"] = token.into();
        }
        Ok(Reply::json(200, body))
    })
}

fn expiration(body: &serde_json::Map<String, Value>, now: Timestamp) -> Result<Timestamp, Reply> {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse::<i64>().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    let bad = || error::invalid("Invalid value for: expiration");
    let after =
        |seconds: i64| now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let latest = after(SECONDS_MAX);
    if let Some(value) = body.get("expiration") {
        let at = number(value).and_then(|it| Timestamp::from_millisecond(it).ok());
        let at = at.filter(|it| *it > now).ok_or_else(bad)?;
        return Ok(at.min(latest));
    }
    let seconds = match body.get("params").and_then(|it| it.get("ttl")) {
        Some(value) => number(value).filter(|it| *it > 0).ok_or_else(bad)?,
        None => SECONDS_DEFAULT,
    };
    Ok(after(seconds).min(latest))
}

/// `channels.stop`.
pub(super) fn stop(call: &Call<'_>) -> Result<Reply, Reply> {
    let body = call.body()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, resource) = (text("id"), text("resourceId"));
    call.google.update(|state| {
        let known = state
            .channels
            .get(id)
            .is_some_and(|it| it.resource_id == resource && it.client == call.session.client);
        if !known {
            let message = format!("Channel '{id}' not found for project");
            return Err(error::refusal(404, "notFound", &message));
        }
        state.channels.remove(id);
        Ok(Reply::status(204))
    })
}

impl State {
    /// Puts a notice for every channel of a calendar on its way.
    pub(super) fn note_change(&mut self, calendar: &str, now: Timestamp) {
        self.channels.retain(|_, it| it.expires_at > now);
        let told: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, it)| it.calendar == calendar)
            .map(|(id, _)| id.clone())
            .collect();
        for id in told {
            self.tell(&id, "exists");
        }
    }

    fn tell(&mut self, id: &str, what: &str) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.messages += 1;
        let expiration = channel.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut headers = vec![
            ("x-goog-channel-id", id.to_owned()),
            ("x-goog-channel-expiration", expiration),
            ("x-goog-message-number", channel.messages.to_string()),
            ("x-goog-resource-id", channel.resource_id.clone()),
            ("x-goog-resource-state", what.to_owned()),
            ("x-goog-resource-uri", channel.resource_uri.clone()),
        ];
        headers.extend(channel.token.clone().map(|it| ("x-goog-channel-token", it)));
        self.notices.push(Notice { address: channel.address.clone(), headers });
    }
}

impl Google {
    /// Takes the notices that are on their way.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.update(|state| std::mem::take(&mut state.notices))
    }

    /// Carries the notices to where they go, where there is somebody to carry them. What is not
    /// taken there is lost, as it may be with Google ("not 100 % reliable").
    pub async fn carry_notices(&self) {
        let Some(carrier) = self.options().carrier.clone() else { return };
        for Notice { address, headers } in self.take_notices() {
            let post = Post { url: address, headers, body: bytes::Bytes::new() };
            // Lost, if it fails.
            let _ = carrier.carry(post).await;
        }
    }
}
