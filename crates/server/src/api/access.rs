//! Who calls: from a bearer token to a client, with what the store said of it a moment ago.
//!
//! A token is known by its hash. That it was revoked, here or by another process, is noticed
//! within [`FEED_RECHECK`]; while the store does not answer, nobody is let in.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use domain::RosterName;
use domain::limits::{API_TOKENS_CACHED_MAX, FEED_RECHECK, TOKEN_BYTES_MAX};
use engine::port::{ApiScope, ClientId, Store};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::dispatch::Refused;
use super::token::Failures;
use crate::error::Code;

/// Hash of a secret.
pub(super) type Hash = [u8; 32];

/// The hash by which secrets are kept. They have 256 bits of chance, so nothing is to be guessed
/// that a slow hash could protect.
pub(super) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// A client whose token is good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Which.
    pub client: ClientId,
    /// The one roster that it sees.
    pub roster: RosterName,
    /// What its token is for.
    pub scopes: BTreeSet<ApiScope>,
    expires_at: Timestamp,
}

impl Caller {
    /// Whether its token is for this.
    pub fn may(&self, scope: ApiScope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// What is known of tokens.
pub(super) struct Access {
    never_write: BTreeSet<String>,
    known: Mutex<HashMap<Hash, (Arc<Caller>, Timestamp)>>,
    lookups: Arc<Semaphore>,
    failures: Mutex<Failures>,
}

impl Access {
    pub fn new(never_write: BTreeSet<String>, lookups: Arc<Semaphore>) -> Self {
        Self { never_write, known: Mutex::default(), lookups, failures: Mutex::default() }
    }

    /// Whether a client is also a mirror's connection, so that it may never write.
    pub fn never_writes(&self, id: &ClientId, name: &str) -> bool {
        self.never_write.contains(&id.0) || self.never_write.contains(name)
    }

    /// Counts a wrong secret; how long to wait, when there were too many.
    pub fn count_failure(&self, id: &ClientId, now: Timestamp) -> Option<u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).count(id, now)
    }

    /// Who sends these headers.
    pub async fn caller(
        &self,
        store: &dyn Store,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Arc<Caller>, Refused> {
        let token = bearer(headers)?;
        let hash = hash(token);
        if let Some(caller) = self.remembered(&hash, now) {
            return Ok(caller);
        }
        let _turn = self.lookups.acquire().await;
        let found = store.api_token(&hash).await?;
        let good = found.filter(|(token, client)| {
            bool::from(token.hash.ct_eq(&hash))
                && token.expires_at > now
                && client.revoked_at.is_none()
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((token, client)) = good else {
            known.remove(&hash);
            return Err(Code::InvalidToken.into());
        };
        let mut scopes: BTreeSet<ApiScope> = &token.scopes & &client.scopes;
        if self.never_writes(&client.id, &client.name) {
            scopes.remove(&ApiScope::ScheduleWrite);
        }
        let (client, roster) = (client.id, client.roster);
        let caller = Arc::new(Caller { client, roster, scopes, expires_at: token.expires_at });
        if known.len() >= API_TOKENS_CACHED_MAX {
            known.clear();
        }
        known.insert(hash, (Arc::clone(&caller), now));
        Ok(caller)
    }

    fn remembered(&self, hash: &Hash, now: Timestamp) -> Option<Arc<Caller>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (caller, seen_at) = known.get(hash)?;
        // A clock that was set back makes nothing younger.
        let recent = now >= *seen_at && now.duration_since(*seen_at).unsigned_abs() < FEED_RECHECK;
        (recent && now < caller.expires_at).then(|| Arc::clone(caller))
    }
}

/// RFC 6750 §2.1.
fn bearer(headers: &HeaderMap) -> Result<&str, Refused> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Err(Code::TokenMissing.into()) };
    let value = value.to_str().map_err(|_| Refused::from(Code::InvalidToken))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Code::TokenMissing.into());
    }
    let token = token.trim();
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return Err(Code::InvalidToken.into());
    }
    Ok(token)
}
