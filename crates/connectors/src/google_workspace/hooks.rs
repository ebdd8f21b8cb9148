//! Channels: Google tells an address of ours that a calendar changed, and nothing else
//! (developers.google.com/workspace/calendar/api/guides/push, read 2026-11).
//!
//! Google knows no renewal: another channel is made, and the former one goes on until it runs out.
//! Which of both a notice came by does not matter, because either only says "look again".

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{CalendarKey, MirrorName};
use engine::port::{
    Failure, FailureClass, HookCall, HookMessage, Hooks, InboundReply, Notice, NoticeKind, Proof,
    Subscription, Topic,
};
use http::Method;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::calendars::Home;
use super::classify::Asked;
use super::client::Ask;
use super::config::ForeignAccess;
use super::connection::Connection;
use super::provider::GoogleTarget;
use super::wire::{Channel, NewChannel, StopChannel};

/// How long a channel lasts when Google does not say: its documented default.
const LIFETIME_ASSUMED: Duration = Duration::from_secs(604_800);
const CHANNEL_ID: &str = "x-goog-channel-id";
const CHANNEL_TOKEN: &str = "x-goog-channel-token";
const RESOURCE_STATE: &str = "x-goog-resource-state";

/// The hints of one connection.
pub(super) struct GoogleHooks {
    connection: Arc<Connection>,
}

/// What is needed to end a channel.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    resource: String,
    mirror: MirrorName,
    calendar: CalendarKey,
}

impl GoogleHooks {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    fn target(&self, mirror: &MirrorName) -> Result<Arc<GoogleTarget>, Failure> {
        self.connection.target(mirror).ok_or_else(|| Failure {
            class: FailureClass::Missing,
            operation: format!("watch calendars of `{mirror}`"),
            status: None,
            detail: "this connection keeps no such mirror".into(),
        })
    }
}

#[async_trait]
impl Hooks for GoogleHooks {
    fn read(&self, call: &HookCall) -> HookMessage {
        let header = |name: &str| call.headers.get(name).map(String::as_str);
        let reply = |status| InboundReply { status, body: vec![] };
        let (Some(id), Some(token)) = (header(CHANNEL_ID), header(CHANNEL_TOKEN)) else {
            return HookMessage { reply: reply(400), notices: vec![] };
        };
        let what = match header(RESOURCE_STATE) {
            Some("exists" | "not_exists") => NoticeKind::Changed,
            // The first message of a channel says that there is one.
            Some(_) | None => return HookMessage { reply: reply(200), notices: vec![] },
        };
        let secret = SecretString::from(token.to_owned());
        let proof = Proof::Subscription { id: id.to_owned(), secret };
        HookMessage { reply: reply(200), notices: vec![Notice { proof, what }] }
    }

    fn subscribes(&self, topic: &Topic) -> bool {
        match topic {
            // Of somebody's first calendar we read no more than our own events, without a token:
            // a change there tells us nothing, unless its events are of interest themselves.
            Topic::Calendar { mirror, calendar: _ } => {
                self.connection.target(mirror).is_some_and(|it| {
                    it.setup.home != Home::Primary || it.setup.foreign != ForeignAccess::None
                })
            }
            Topic::Source => false,
        }
    }

    async fn subscribe(
        &self,
        topic: &Topic,
        url: &str,
        secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        let (mirror, calendar) = match topic {
            Topic::Calendar { mirror, calendar } => (mirror, calendar),
            Topic::Source => {
                return Err(Failure {
                    class: FailureClass::Unsupported,
                    operation: "watch a source".into(),
                    status: None,
                    detail: "Google is the source of no roster".into(),
                });
            }
        };
        let target = self.target(mirror)?;
        let operation = format!("watch `{calendar}`");
        let spot = target.spot(calendar, &operation).await?;
        let id = self.connection.client.random_id();
        let segments = ["calendars", &*spot.calendar, "events", "watch"];
        let ask = Ask::new(Method::POST, &segments, &spot.who, Asked::Channel, operation);
        let ask = ask.json(&NewChannel {
            id: &id,
            kind: "web_hook",
            address: url,
            token: secret.expose_secret(),
        });
        let channel: Channel = self.connection.client.send(&ask).await?.json(&ask)?;
        let told = channel.expiration.and_then(|it| it.parse().ok());
        let told = told.and_then(|it| Timestamp::from_millisecond(it).ok());
        let assumed = self.connection.clock.now().saturating_add(LIFETIME_ASSUMED);
        let detail = Detail {
            resource: channel.resource_id,
            mirror: mirror.clone(),
            calendar: calendar.clone(),
        };
        Ok(Subscription {
            id: channel.id,
            detail: serde_json::to_string(&detail).unwrap_or_default(),
            expires_at: told.or(assumed.ok()).unwrap_or(Timestamp::MIN),
        })
    }

    async fn renew(
        &self,
        topic: &Topic,
        _: &Subscription,
        url: &str,
        secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        self.subscribe(topic, url, secret).await
    }

    async fn unsubscribe(&self, subscription: &Subscription) -> Result<(), Failure> {
        let operation = "end a channel";
        let Ok(detail) = serde_json::from_str::<Detail>(&subscription.detail) else {
            return Err(Failure {
                class: FailureClass::Bug,
                operation: operation.into(),
                status: None,
                detail: "what was kept of it cannot be read; it runs out by itself".into(),
            });
        };
        let Detail { resource, mirror, calendar } = detail;
        let target = self.target(&mirror)?;
        let who = target.who(&calendar);
        let ask = Ask::new(Method::POST, &["channels", "stop"], &who, Asked::Delete, operation);
        let ask = ask.json(&StopChannel { id: &subscription.id, resource_id: &resource });
        match self.connection.client.send(&ask).await {
            Ok(_) => Ok(()),
            // It ran out already.
            Err(failure) if failure.class == FailureClass::Missing => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}
