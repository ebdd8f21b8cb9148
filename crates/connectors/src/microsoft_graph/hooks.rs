//! Change notifications of Graph: subscriptions to the events of mailboxes, and what is sent for
//! them (Learn, "Receive change notifications through webhooks" and "Reduce missing subscriptions
//! and change notifications", read 2026-11; `calendars.md` §1.8).
//!
//! Hints only: of a message no more is read than which subscription it names and the secret in it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::port::{
    Failure, FailureClass, HookCall, HookMessage, Hooks, InboundReply, Notice, NoticeKind, Proof,
    Subscription, Topic,
};
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::classify::About;
use super::client::{Ask, Version, segment};
use super::connection::Connection;

/// How long a subscription to events lasts at most: 10,080 minutes, less a day for clocks that
/// differ.
const LIFE: Duration = Duration::from_secs((10_080 - 1_440) * 60);
/// Notices of one message that are read: Graph sends some hundred at most.
const NOTICES_MAX: usize = 1000;
/// Characters of a validation token that is echoed.
const TOKEN_CHARS_MAX: usize = 4096;
const PREFER: HeaderName = HeaderName::from_static("prefer");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("IdType=\"ImmutableId\"");

/// The hints of one connection.
#[derive(Debug)]
pub(super) struct GraphHooks {
    pub connection: Arc<Connection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    value: Vec<Told>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    subscription_id: String,
    client_state: Option<String>,
    lifecycle_event: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Made {
    id: String,
    expiration_date_time: String,
}

fn reply(status: u16, body: Vec<u8>) -> InboundReply {
    InboundReply { status, body }
}

/// What is echoed cannot be anything but a text, whoever sent it, and whoever looks at it.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

fn notice(told: Told) -> Option<Notice> {
    let what = match told.lifecycle_event.as_deref() {
        None => NoticeKind::Changed,
        Some("reauthorizationRequired") => NoticeKind::Renew,
        Some("subscriptionRemoved") => NoticeKind::Gone,
        Some(_) => NoticeKind::Missed,
    };
    let secret = SecretString::from(told.client_state.unwrap_or_default());
    let proof = Proof::Subscription { id: told.subscription_id, secret };
    Some(Notice { proof, what })
}

impl GraphHooks {
    async fn send(&self, ask: Ask) -> Result<Subscription, Failure> {
        let operation = "read a subscription".to_owned();
        let made: Made = self.connection.graph().send(&ask).await?.json()?;
        let expires_at = made.expiration_date_time.parse().map_err(|_| Failure {
            class: FailureClass::Unknown,
            operation,
            status: None,
            detail: "it does not say when it runs out".into(),
        })?;
        Ok(Subscription { id: made.id, detail: String::new(), expires_at })
    }

    fn until(&self) -> String {
        let until = self.connection.clock().now().saturating_add(LIFE);
        format!("{:.0}", until.unwrap_or(Timestamp::MAX))
    }
}

#[async_trait]
impl Hooks for GraphHooks {
    fn read(&self, call: &HookCall) -> HookMessage {
        let token = form_urlencoded::parse(call.query.as_bytes())
            .find(|(name, _)| name == "validationToken")
            .map(|(_, value)| value.into_owned());
        if let Some(token) = token {
            let status = if token.chars().count() <= TOKEN_CHARS_MAX { 200 } else { 400 };
            let body = if status == 200 { escaped(&token).into_bytes() } else { Vec::new() };
            return HookMessage { reply: reply(status, body), notices: Vec::new() };
        }
        let Ok(message) = serde_json::from_slice::<Message>(&call.body) else {
            return HookMessage { reply: reply(400, Vec::new()), notices: Vec::new() };
        };
        let notices = message.value.into_iter().take(NOTICES_MAX).filter_map(notice).collect();
        HookMessage { reply: reply(202, Vec::new()), notices }
    }

    fn subscribes(&self, topic: &Topic) -> bool {
        match topic {
            Topic::Calendar { mirror, calendar: _ } => self.connection.is_of_mailboxes(mirror),
            Topic::Source => false,
        }
    }

    async fn subscribe(
        &self,
        topic: &Topic,
        url: &str,
        secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        let operation = "subscribe to the changes of a mailbox".to_owned();
        let Topic::Calendar { mirror: _, calendar } = topic else {
            let detail = "Graph tells of mailboxes only".into();
            let class = FailureClass::Unsupported;
            return Err(Failure { class, operation, status: None, detail });
        };
        // A name, not a path of a URL: Graph takes it as it is written, so what would end the name
        // cannot be asked for.
        let mailbox = calendar.as_str();
        if mailbox.contains(['/', '?', '#', '%']) {
            let detail =
                "the mailbox's name holds `/`, `?`, `#` or `%`; expected an id or an address";
            let (class, detail) = (FailureClass::Refused, detail.into());
            return Err(Failure { class, operation, status: None, detail });
        }
        let body = json!({
            "changeType": "created,updated,deleted", "notificationUrl": url,
            "lifecycleNotificationUrl": url, "clientState": secret.expose_secret(),
            "resource": format!("/users/{mailbox}/events"),
            "expirationDateTime": self.until(),
        });
        let ask = Ask::new(Method::POST, Version::V1, "/subscriptions", operation);
        let ask = ask.header(PREFER, IMMUTABLE).json(&body);
        self.send(ask).await
    }

    async fn renew(
        &self,
        _topic: &Topic,
        subscription: &Subscription,
        _url: &str,
        _secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        let path = format!("/subscriptions/{}", segment(&subscription.id));
        let operation = "renew a subscription to the changes of a mailbox";
        let ask = Ask::new(Method::PATCH, Version::V1, path, operation).about(About::Directory);
        self.send(ask.json(&json!({ "expirationDateTime": self.until() }))).await
    }

    async fn unsubscribe(&self, subscription: &Subscription) -> Result<(), Failure> {
        let path = format!("/subscriptions/{}", segment(&subscription.id));
        let operation = "end a subscription to the changes of a mailbox";
        let ask = Ask::new(Method::DELETE, Version::V1, path, operation);
        match self.connection.graph().send(&ask).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.failure.class == FailureClass::Missing => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}
