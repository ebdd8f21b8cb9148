//! Channels: Google tells an address of ours that a calendar changed, and nothing else
//! (developers.google.com/workspace/calendar/api/guides/push, read 2026-11).
//!
//! Google knows no renewal: another channel is made, and the former one goes on until it runs out.
//! Which of both a notice came by does not matter, because either only says "look again".
//!
//! A channel is of one calendar. Where people's own events matter, too, theirs are watched beside
//! ours: one subscription then has several channels, whose ids are its own with a number behind it.

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
use super::client::{As, Ask};
use super::config::ForeignAccess;
use super::connection::Connection;
use super::provider::{GoogleTarget, Spot};
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

/// What stands between a subscription's id and the number of a further channel.
const FURTHER: &str = "_";

/// What is needed to end the channels of a subscription.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    resource: String,
    /// Those of its further channels, in the order of their numbers.
    #[serde(default)]
    beside: Vec<String>,
    mirror: MirrorName,
    calendar: CalendarKey,
}

/// The id of a subscription's further channel.
fn further(id: &str, number: usize) -> String {
    format!("{id}{FURTHER}{number}")
}

/// Which subscription a channel belongs to.
fn subscription_of(channel: &str) -> &str {
    channel.split_once(FURTHER).map_or(channel, |(id, _)| id)
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

/// Where channels report to.
#[derive(Clone, Copy)]
struct Address<'a> {
    url: &'a str,
    secret: &'a SecretString,
}

impl GoogleHooks {
    /// The calendars of a person that matter beside the one that our events are in.
    async fn beside(
        &self,
        target: &GoogleTarget,
        calendar: &CalendarKey,
        spot: &Spot,
    ) -> Result<Vec<Arc<str>>, Failure> {
        let mut beside: Vec<Arc<str>> = Vec::new();
        if target.setup.foreign == ForeignAccess::None {
            return Ok(beside);
        }
        if target.setup.home != Home::Primary {
            beside.push("primary".into());
        }
        beside.extend(target.of_wishes(calendar, &spot.who).await?.map(|it| it.1));
        Ok(beside)
    }

    async fn watch(
        &self,
        who: &As,
        (calendar, id): (&str, &str),
        Address { url, secret }: Address<'_>,
        operation: &str,
    ) -> Result<Channel, Failure> {
        let segments = ["calendars", calendar, "events", "watch"];
        let ask = Ask::new(Method::POST, &segments, who, Asked::Channel, operation);
        let token = secret.expose_secret();
        let ask = ask.json(&NewChannel { id, kind: "web_hook", address: url, token });
        self.connection.client.send(&ask).await?.json(&ask)
    }

    /// When a channel runs out.
    fn end_of(&self, channel: &Channel) -> Timestamp {
        let told = channel.expiration.as_ref().and_then(|it| it.parse().ok());
        let told = told.and_then(|it| Timestamp::from_millisecond(it).ok());
        let assumed = self.connection.clock.now().saturating_add(LIFETIME_ASSUMED);
        told.or(assumed.ok()).unwrap_or(Timestamp::MIN)
    }

    /// Ends all channels of a subscription.
    async fn stop(&self, who: &As, id: &str, detail: &Detail) -> Result<(), Failure> {
        let beside = detail.beside.iter().enumerate();
        let beside = beside.map(|(number, resource)| (further(id, number), resource));
        for (id, resource) in std::iter::once((id.to_owned(), &detail.resource)).chain(beside) {
            let segments = ["channels", "stop"];
            let ask = Ask::new(Method::POST, &segments, who, Asked::Delete, "end a channel");
            let ask = ask.json(&StopChannel { id: &id, resource_id: resource });
            match self.connection.client.send(&ask).await {
                Ok(_) => {}
                // It ran out already.
                Err(failure) if failure.class == FailureClass::Missing => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
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
        let proof = Proof::Subscription { id: subscription_of(id).to_owned(), secret };
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
        let beside = self.beside(&target, calendar, &spot).await?;
        let id = self.connection.client.random_id();
        let address = Address { url, secret };
        let first = self.watch(&spot.who, (&spot.calendar, &id), address, &operation).await?;
        let mut detail = Detail {
            resource: first.resource_id.clone(),
            beside: Vec::with_capacity(beside.len()),
            mirror: mirror.clone(),
            calendar: calendar.clone(),
        };
        let mut expires_at = self.end_of(&first);
        for (number, other) in beside.iter().enumerate() {
            let id = further(&id, number);
            match self.watch(&spot.who, (other, &id), address, &operation).await {
                Ok(channel) => {
                    expires_at = expires_at.min(self.end_of(&channel));
                    detail.beside.push(channel.resource_id);
                }
                Err(failure) => {
                    // Half a promise is none. What cannot be ended runs out.
                    let _ = self.stop(&spot.who, &first.id, &detail).await;
                    return Err(failure);
                }
            }
        }
        let detail = serde_json::to_string(&detail).unwrap_or_default();
        Ok(Subscription { id: first.id, detail, expires_at })
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
        let target = self.target(&detail.mirror)?;
        let who = target.who(&detail.calendar);
        self.stop(&who, &subscription.id, &detail).await
    }
}
