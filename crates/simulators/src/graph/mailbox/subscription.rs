//! Change notifications: subscriptions, the handshake, and what is sent (Learn, "Receive change
//! notifications through webhooks"; `calendars.md` §1.8).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::graph::error;
use crate::graph::http::Reply;
use crate::graph::route::{Call, not_allowed};
use crate::graph::state::State;
use crate::graph::{Graph, wire};

/// The longest life of a subscription on events.
const LIFE_MAX: SignedDuration = SignedDuration::from_mins(10_080);
/// A shorter one is made as long as this.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(45);
/// How long an endpoint may take to echo the token.
const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Carries one POST; gives the status, the content type and the body of the answer.
pub type Notify = Arc<dyn Fn(&Notice) -> Result<(u16, String, String), String> + Send + Sync>;

/// One POST to somebody's endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where to.
    pub url: String,
    /// Its content type.
    pub content_type: &'static str,
    /// Its body.
    pub body: String,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Who made it.
    pub app: String,
    /// The id of the mailbox's owner.
    pub user: String,
    /// What was written as `resource`.
    pub resource: String,
    /// Which changes are told, joined by commas.
    pub change_type: String,
    /// Where they are told.
    pub notification_url: String,
    /// Where the subscription's own life is told.
    pub lifecycle_url: Option<String>,
    /// What every notification carries.
    pub client_state: Option<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Whether ids are immutable ones.
    pub immutable: bool,
}

impl State {
    /// Notes who is to be told of a change.
    pub(in crate::graph) fn tell(&mut self, user: &str, event: &str, change: &str, now: Timestamp) {
        let Some(mailbox) = self.mailboxes.get(user) else { return };
        let told = self.subscriptions.values().filter(|it| {
            it.user == user
                && it.expires_at > now
                && it.change_type.split(',').any(|kind| kind.trim() == change)
        });
        let calendar = mailbox.events.get(event).map_or(&mailbox.primary, |it| &it.calendar);
        let due: Vec<Notice> = told
            .map(|it| {
                let id = mailbox.shown_id(event, calendar, it.immutable);
                let resource = format!("Users/{user}/Events/{id}");
                let mut value = it.notice("resource", resource.as_str());
                value.insert("changeType".into(), change.into());
                value.insert(
                    "resourceData".into(),
                    json!({
                        "@odata.type": "#Microsoft.Graph.Event", "@odata.id": resource, "id": id,
                    }),
                );
                it.post(&it.notification_url, value)
            })
            .collect();
        self.notices_due.extend(due);
    }
}

impl Subscription {
    fn notice(&self, name: &str, value: &str) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("subscriptionId".into(), self.id.as_str().into());
        map.insert("subscriptionExpirationDateTime".into(), self.expires_at.to_string().into());
        map.insert("tenantId".into(), crate::graph::TENANT.into());
        map.insert(name.into(), value.into());
        map.insert("clientState".into(), self.client_state.clone().into());
        map
    }

    fn post(&self, url: &str, value: Map<String, Value>) -> Notice {
        let body = json!({ "value": [value] }).to_string();
        Notice { url: url.to_owned(), content_type: "application/json", body }
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id, "resource": self.resource, "changeType": self.change_type,
            "applicationId": self.app, "clientState": self.client_state,
            "notificationUrl": self.notification_url,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": wire::millis(self.expires_at), "creatorId": self.app,
            "includeResourceData": null, "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": null, "encryptionCertificateId": null,
            "notificationQueryOptions": null, "notificationUrlAppId": null,
        })
    }
}

fn bad(message: &str) -> Reply {
    error::plain(400, "InvalidRequest", message)
}

/// Answers a request below `/subscriptions`.
pub(in crate::graph) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Reply, Reply> {
    match (call.method(), rest) {
        ("POST", []) => create(call),
        ("GET", []) => call.graph.read(|state| {
            let own = state.subscriptions.values().filter(|it| it.app == call.session.app);
            let value: Vec<Value> = own.map(Subscription::shown).collect();
            Ok(Reply::json(200, json!({ "value": value })))
        }),
        ("GET", [id]) => call.graph.read(|state| {
            let found = state.subscriptions.get(*id).ok_or_else(missing)?;
            Ok(Reply::json(200, found.shown()))
        }),
        ("PATCH", [id]) => {
            let body = call.body()?;
            if body.contains_key("lifecycleNotificationUrl") {
                return Err(bad("lifecycleNotificationUrl cannot be changed."));
            }
            let expires_at = life(call, &body)?;
            change(call, id, |it| it.expires_at = expires_at)
        }
        ("POST", [id, action]) if action.eq_ignore_ascii_case("reauthorize") => {
            change(call, id, |_| {}).map(|_| Reply::status(204))
        }
        ("DELETE", [id]) => call.graph.update(|state| {
            state.subscriptions.remove(*id).ok_or_else(missing)?;
            Ok(Reply::status(204))
        }),
        _ => Err(not_allowed()),
    }
}

fn missing() -> Reply {
    error::plain(404, "ResourceNotFound", "The object was not found.")
}

fn change(
    call: &Call<'_>,
    id: &str,
    change: impl FnOnce(&mut Subscription),
) -> Result<Reply, Reply> {
    call.graph.update(|state| {
        let live = |it: &&mut Subscription| it.expires_at > call.now;
        let found = state.subscriptions.get_mut(id).filter(live).ok_or_else(missing)?;
        change(found);
        Ok(Reply::json(200, found.shown()))
    })
}

fn life(call: &Call<'_>, body: &Map<String, Value>) -> Result<Timestamp, Reply> {
    let wanted = body.get("expirationDateTime").and_then(Value::as_str);
    let wanted: Timestamp = wanted
        .and_then(|it| it.parse().ok())
        .ok_or_else(|| bad("Subscription expiration must be given."))?;
    if wanted.duration_since(call.now) > LIFE_MAX {
        let message = "Subscription expiration can only be 10080 minutes in the future.";
        return Err(bad(message));
    }
    Ok(wanted.max(call.now + LIFE_MIN))
}

fn create(call: &Call<'_>) -> Result<Reply, Reply> {
    let body = call.body()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(String::from);
    let need = |name: &str| text(name).ok_or_else(|| bad(&format!("{name} is missing.")));
    // A name as it is: what is encoded in it names nobody.
    let resource = need("resource")?;
    let parts: Vec<&str> = resource.split('/').filter(|it| !it.is_empty()).collect();
    let user = match parts.as_slice() {
        [users, user, events]
            if users.eq_ignore_ascii_case("users") && events.eq_ignore_ascii_case("events") =>
        {
            (*user).to_owned()
        }
        _ => return Err(bad("The resource is not supported.")),
    };
    let client_state = text("clientState");
    if client_state.as_ref().is_some_and(|it| it.chars().count() > 128) {
        return Err(bad("clientState is longer than 128 characters."));
    }
    let user = call.graph.read(|state| {
        let mut users = state.users.values();
        let found = users.find(|it| it.id == user || it.upn.eq_ignore_ascii_case(&user));
        let found = found.filter(|it| state.mailboxes.contains_key(&it.id));
        found
            .map(|it| it.id.clone())
            .ok_or_else(|| error::plain(404, "ResourceNotFound", "The mailbox was not found."))
    })?;
    let subscription = Subscription {
        id: String::new(),
        app: call.session.app.clone(),
        user,
        resource,
        change_type: need("changeType")?,
        notification_url: need("notificationUrl")?,
        lifecycle_url: text("lifecycleNotificationUrl"),
        client_state,
        expires_at: life(call, &body)?,
        immutable: call.ask.prefers("IdType=\"ImmutableId\""),
    };
    let urls = [Some(&subscription.notification_url), subscription.lifecycle_url.as_ref()];
    for url in urls.into_iter().flatten() {
        call.graph.validate(url)?;
    }
    call.graph.update(|state| {
        let id = state.new_id("");
        let subscription = Subscription { id: id.clone(), ..subscription };
        let reply = Reply::json(201, subscription.shown());
        state.subscriptions.insert(id, subscription);
        Ok(reply)
    })
}

impl Graph {
    /// Has an endpoint echo a token, with what must be escaped in a URL and in HTML.
    fn validate(&self, url: &str) -> Result<(), Reply> {
        let token = "Validation: Testing client application reachability <b>&amp;</b> + 1%";
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("validationToken", token)
            .finish();
        let joint = if url.contains('?') { '&' } else { '?' };
        let notice = Notice {
            url: format!("{url}{joint}{query}"),
            content_type: "text/plain; charset=utf-8",
            body: String::new(),
        };
        let unescaped = |body: &str| {
            let text = body.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            text.replace("&#39;", "'").replace("&amp;", "&")
        };
        let fails = |detail: String| {
            let message = format!("Subscription validation request failed. {detail}");
            error::plain(400, "ValidationError", &message)
        };
        let (status, kind, body) = self.carry(&notice).map_err(fails)?;
        let plain = kind.to_ascii_lowercase().starts_with("text/plain");
        if status == 200 && plain && (body == token || unescaped(&body) == token) {
            return Ok(());
        }
        Err(fails(format!("HTTP status code is '{status}' of type '{kind}'.")))
    }

    fn carry(&self, notice: &Notice) -> Result<(u16, String, String), String> {
        match &self.options().mailbox.notify {
            Some(notify) => notify(notice),
            None => over_http(notice),
        }
    }

    /// Sends what is due; how many were taken by their receivers.
    pub fn deliver_notifications(&self) -> usize {
        let due = self.update(|state| std::mem::take(&mut state.notices_due));
        let taken = due
            .iter()
            .filter(|it| self.carry(it).is_ok_and(|(status, _, _)| (200..300).contains(&status)));
        taken.count()
    }

    /// Forgets what is due: notifications are lost at times.
    pub fn lose_notifications(&self) {
        self.update(|state| state.notices_due.clear());
    }

    /// Tells of the life of every subscription: `reauthorizationRequired`, `missed` or
    /// `subscriptionRemoved`, which removes them.
    pub fn tell_lifecycle(&self, event: &str) {
        self.update(|state| {
            let due: Vec<Notice> = state
                .subscriptions
                .values()
                .filter_map(|it| {
                    let url = it.lifecycle_url.as_ref()?;
                    Some(it.post(url, it.notice("lifecycleEvent", event)))
                })
                .collect();
            state.notices_due.extend(due);
            if event == "subscriptionRemoved" {
                state.subscriptions.clear();
            }
        });
    }
}

fn over_http(notice: &Notice) -> Result<(u16, String, String), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let url = url::Url::parse(&notice.url).map_err(|error| told(&error))?;
    if url.scheme() != "http" {
        return Err("only http is played".into());
    }
    let host = url.host_str().unwrap_or_default();
    let address = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
    let mut stream = TcpStream::connect(&address).map_err(|error| told(&error))?;
    stream.set_read_timeout(Some(VALIDATION_TIMEOUT)).map_err(|error| told(&error))?;
    let target = url.query().map_or(url.path().to_owned(), |it| format!("{}?{it}", url.path()));
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        notice.content_type,
        notice.body.len(),
        notice.body,
    );
    stream.write_all(request.as_bytes()).map_err(|error| told(&error))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| told(&error))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no end of its head")?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or("no status")?;
    let kind = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
    });
    Ok((status, kind.unwrap_or_default(), body.to_owned()))
}
