//! Events of Genesys Cloud that Amazon EventBridge hands on: no more than hints.
//!
//! The vendor's integration "Amazon EventBridge" sends events of chosen topics to a partner event
//! source; a rule there hands them to an *API destination*, an HTTPS address with a header of the
//! operator's choice (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>,
//! read 2026-11-29: the authorisation "API key" is a header's name and value). The body is the
//! event: `detail-type` is the topic with `{id}` in it, `detail.topicName` the topic itself,
//! `detail.eventBody` what changed. Nothing is signed, so the header is what shows that it is
//! genuine. Topics of business and management units belong to no user (`genesys.md` §1.5.3), so no
//! agent's token is needed.
//!
//! What is in an event is not believed: the source is read as at any other poll.

use std::sync::Arc;

use async_trait::async_trait;
use engine::port::{
    Clock, HookCall, HookMessage, Hooks, InboundReply, Notice, NoticeKind, Proof, Topic,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq};

use super::provider::Genesys;
use crate::seldom::Seldom;

/// The header that holds the secret.
pub const HEADER: &str = "x-rotabridge-hook-secret";
/// Bytes that a secret must have.
const SECRET_BYTES_MIN: usize = 24;
/// Secrets that are taken at once: the old one and the new one while it is changed.
const SECRETS_MAX: usize = 2;

/// What an event may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Schedules: their versions tell.
    Schedules,
    /// Requests for time off, which no version of a schedule tells of.
    Requests,
    /// Who works where.
    People,
}

/// The secrets of a file: one a line.
///
/// # Errors
/// What is wrong with them, without them.
pub fn secrets_of(text: &SecretString) -> Result<Vec<SecretString>, String> {
    let lines = text.expose_secret().lines().map(str::trim).filter(|it| !it.is_empty());
    let lines: Vec<&str> = lines.collect();
    if !(1..=SECRETS_MAX).contains(&lines.len()) {
        let found = lines.len();
        return Err(format!("holds {found} lines; expected a secret, or the old and the new one"));
    }
    for line in &lines {
        if line.len() < SECRET_BYTES_MIN {
            let found = line.len();
            return Err(format!("holds {found} bytes; expected at least {SECRET_BYTES_MIN}"));
        }
        if !line.bytes().all(|it| it.is_ascii_graphic()) {
            return Err("holds what no header can; expected letters, digits and signs".into());
        }
    }
    Ok(lines.into_iter().map(SecretString::from).collect())
}

/// An event, as far as it is read.
#[derive(Deserialize)]
struct WireEvent {
    #[serde(rename = "detail-type", default)]
    detail_type: Option<String>,
    #[serde(default)]
    detail: Option<WireDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDetail {
    #[serde(default)]
    topic_name: Option<String>,
}

/// What an event is about; `None` for topics that change nothing that we read.
///
/// # Errors
/// When it is no event.
pub fn about(body: &[u8]) -> Result<Option<About>, serde_json::Error> {
    let event: WireEvent = serde_json::from_slice(body)?;
    let named = event.detail.and_then(|it| it.topic_name);
    Ok([named, event.detail_type].into_iter().flatten().find_map(|topic| about_topic(&topic)))
}

fn about_topic(topic: &str) -> Option<About> {
    let of_user = topic.strip_prefix("v2.users.").and_then(|it| it.split_once('.'));
    let rest = match of_user {
        Some((_, rest)) => rest.strip_prefix("workforcemanagement.")?,
        None => topic.strip_prefix("v2.workforcemanagement.")?,
    };
    let mut words = rest.split('.').rev();
    match (words.next()?, words.next()) {
        // Agents sign in and take breaks all day: no schedule changes by it.
        ("adherence", _) => None,
        // Answers to questions, our own among them.
        ("query" | "search" | "complete", _) => None,
        ("timeoffrequests", _) => Some(About::Requests),
        ("agents", None) | ("sync", Some("agents")) => Some(About::People),
        // A management unit that moves to another business unit.
        (_, Some("managementunits")) => Some(About::People),
        _ => Some(About::Schedules),
    }
}

/// What Amazon EventBridge hands on to one connection.
pub(super) struct Events {
    genesys: Arc<Genesys>,
    secrets: Vec<SecretString>,
    clock: Arc<dyn Clock>,
    doubted: Seldom,
    odd: Seldom,
}

impl Events {
    pub fn new(genesys: Arc<Genesys>, secrets: Vec<SecretString>, clock: Arc<dyn Clock>) -> Self {
        Self { genesys, secrets, clock, doubted: Seldom::default(), odd: Seldom::default() }
    }

    /// Whether the header holds one of the secrets; how long that takes tells nothing of them.
    fn is_genuine(&self, call: &HookCall) -> bool {
        let given = call.headers.get(HEADER).map_or(&b""[..], |it| it.as_bytes());
        let same = |it: &SecretString| it.expose_secret().as_bytes().ct_eq(given);
        self.secrets.iter().map(same).fold(Choice::from(0), |any, it| any | it).into()
    }
}

#[async_trait]
impl Hooks for Events {
    fn read(&self, call: &HookCall) -> HookMessage {
        let answer =
            |status, notices| HookMessage { reply: InboundReply { status, body: vec![] }, notices };
        if !self.is_genuine(call) {
            if let Some(calls) = self.doubted.due(self.clock.now()) {
                tracing::warn!(
                    calls,
                    "events are not believed; if they are Amazon EventBridge's, the value of \
                     `{HEADER}` in its connection is not the one in `hook_secret_file`"
                );
            }
            return answer(401, vec![]);
        }
        match about(&call.body) {
            Err(_) => {
                if let Some(calls) = self.odd.due(self.clock.now()) {
                    tracing::warn!(
                        calls,
                        "events cannot be read; the rule in Amazon EventBridge must hand them on \
                         whole, without an input transformer"
                    );
                }
                answer(400, vec![])
            }
            Ok(None) => answer(204, vec![]),
            Ok(Some(about)) => {
                self.genesys.hint(about);
                answer(204, vec![Notice { proof: Proof::Signed, what: NoticeKind::Changed }])
            }
        }
    }

    fn subscribes(&self, _: &Topic) -> bool {
        // Rule and destination are made in AWS once, by its administrator.
        false
    }
}
