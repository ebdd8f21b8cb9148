//! Webhooks of the system: signed as Standard Webhooks asks, and no more than a hint.
//!
//! <https://www.standardwebhooks.com> (specification 1.0.0, read 2026-11-29): the headers
//! `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`, a list of
//! `v1,<base64>` separated by blanks, each an HMAC-SHA256 over `id.timestamp.body`. Several
//! signatures let a secret be changed without a pause. The same message may come twice: a hint
//! twice is a look more.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::limits::{HOOK_AGE_MAX, HOOK_SIGNATURES_MAX};
use engine::port::{
    Clock, HookCall, HookMessage, Hooks, InboundReply, Notice, NoticeKind, Proof, Topic,
};
use hmac::{Hmac, KeyInit as _, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use crate::seldom::Seldom;

/// Bytes that a secret must have: what Standard Webhooks recommends at least.
const KEY_BYTES_MIN: usize = 24;

/// The key of the signatures, ready to be used.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Reads a secret: `whsec_` and base64, or any other text as it is.
///
/// # Errors
/// What is wrong with it, without it.
pub fn key_of(secret: &SecretString) -> Result<Key, String> {
    let text = secret.expose_secret();
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| "does not hold base64 after `whsec_`".to_owned())?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() < KEY_BYTES_MIN {
        return Err(format!("holds {} bytes; expected at least {KEY_BYTES_MIN}", bytes.len()));
    }
    Hmac::new_from_slice(&bytes).map(Key).map_err(|_| "is no key".to_owned())
}

impl Key {
    fn over(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// A header is missing or cannot be read.
    Header(&'static str),
    /// It was signed too long ago, or in the future.
    Age {
        /// When, by the sender's clock.
        at: Timestamp,
    },
    /// None of its signatures is ours.
    Signature,
}

/// Looks whether a message is genuine and young.
///
/// # Errors
/// Why not.
pub fn verify(key: &Key, call: &HookCall, now: Timestamp) -> Result<(), Doubt> {
    let header = |name: &'static str| call.headers.get(name).ok_or(Doubt::Header(name));
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signatures = header("webhook-signature")?;
    let at = timestamp.parse::<i64>().ok().and_then(|it| Timestamp::from_second(it).ok());
    let at = at.ok_or(Doubt::Header("webhook-timestamp"))?;
    let age = now.duration_since(at).abs();
    if age > SignedDuration::try_from(HOOK_AGE_MAX).unwrap_or(SignedDuration::MAX) {
        return Err(Doubt::Age { at });
    }
    let tags = signatures.split(' ').filter_map(|it| it.strip_prefix("v1,"));
    let tags = tags.take(HOOK_SIGNATURES_MAX).filter_map(|it| STANDARD.decode(it).ok());
    // `verify_slice` takes as long whatever differs.
    let ours = |tag: Vec<u8>| key.over(id, timestamp, &call.body).verify_slice(&tag).is_ok();
    if tags.map(ours).fold(false, |any, it| any | it) { Ok(()) } else { Err(Doubt::Signature) }
}

#[derive(Deserialize)]
struct WireHook {
    #[serde(rename = "type")]
    kind: String,
}

/// What a genuine message says; nothing for kinds that we do not know, and for `ping`.
pub fn notice(body: &[u8]) -> Option<NoticeKind> {
    let hook: WireHook = serde_json::from_slice(body).ok()?;
    match hook.kind.as_str() {
        "schedule.changed" => Some(NoticeKind::Changed),
        "schedule.missed" => Some(NoticeKind::Missed),
        _ => None,
    }
}

/// The webhooks of one connection.
#[derive(Debug)]
pub struct SignedHooks {
    key: Key,
    clock: Arc<dyn Clock>,
    doubted: Seldom,
}

impl SignedHooks {
    /// Takes the key of the signatures.
    pub fn new(key: Key, clock: Arc<dyn Clock>) -> Self {
        Self { key, clock, doubted: Seldom::default() }
    }
}

#[async_trait]
impl Hooks for SignedHooks {
    fn read(&self, call: &HookCall) -> HookMessage {
        let reply = |status| InboundReply { status, body: vec![] };
        if let Err(doubt) = verify(&self.key, call, self.clock.machine()) {
            if let Some(calls) = self.doubted.due(self.clock.now()) {
                tracing::warn!(
                    ?doubt,
                    calls,
                    "webhooks are not believed; if they are the system's, its secret is not the \
                     one in `webhook_secret_file`, or the clocks differ"
                );
            }
            return HookMessage { reply: reply(401), notices: vec![] };
        }
        let notice = notice(&call.body).map(|what| Notice { proof: Proof::Signed, what });
        HookMessage { reply: reply(204), notices: notice.into_iter().collect() }
    }

    fn subscribes(&self, _: &Topic) -> bool {
        // The address is entered in the system once, by its administrator.
        false
    }
}
