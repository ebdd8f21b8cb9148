//! `POST /oauth/token`: an access token for a client's id and secret (RFC 6749 §4.4).
//!
//! Tokens are opaque, kept by their hash, and so survive a restart; they end after an hour, or
//! when their client is revoked. Wrong secrets are counted for each client that is named, and for
//! all unknown ones together: beyond the limit they are not looked at any more for a while. The
//! right secret is always taken, so that nobody can lock a client out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::limits::{
    API_TOKEN_LIFETIME, API_TOKENS_PER_CLIENT_MAX, TOKEN_FAILURES_PER_MINUTE_MAX,
};
use engine::port::{ApiClient, ApiScope, ApiToken, ClientId};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Api;
use super::access::hash;
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use crate::error::Code;

pub(super) const OPERATION: Operation = Operation {
    id: "getToken",
    verb: "POST",
    path: "/oauth/token",
    needs: Needs::Secret,
    handle,
    describe,
};

/// An access token, shown once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
struct TokenForm<'a> {
    access_token: &'a str,
    /// Always `Bearer`.
    token_type: &'a str,
    /// Seconds until it ends.
    expires_in: u64,
    /// What it is for, separated by spaces.
    scope: &'a str,
}

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { token(&api, &call).await })
}

async fn token(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let form = form(call)?;
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => return Err(Code::UnsupportedGrantType.into()),
        None => return Err(Refused::at(Code::InvalidRequest, "grant_type", "is missing")),
    }
    let (id, secret) = credentials(&call.headers, &form)?;
    let client = {
        let _turn = api.lookups.acquire().await;
        api.store.api_client(&id).await?
    };
    let client = match admit(client, &secret) {
        Some(client) => client,
        None => return Err(api.access.failed(&id, call.now)),
    };
    let scopes = scopes(api, &client, form.get("scope").map(String::as_str))?;
    let mut random = [0; 32];
    api.entropy.fill(&mut random);
    let secret = URL_SAFE_NO_PAD.encode(random);
    let token = ApiToken {
        hash: hash(&secret),
        client: client.id.clone(),
        scopes: scopes.clone(),
        expires_at: call.now.saturating_add(API_TOKEN_LIFETIME).unwrap_or(Timestamp::MAX),
    };
    api.store.add_api_token(token, call.now, API_TOKENS_PER_CLIENT_MAX).await?;
    let scope = scopes.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(" ");
    let form = TokenForm {
        access_token: &secret,
        token_type: "Bearer",
        expires_in: API_TOKEN_LIFETIME.as_secs(),
        scope: &scope,
    };
    let answer = Answer::json(StatusCode::OK, serde_json::to_vec(&form).unwrap_or_default());
    let no = HeaderValue::from_static;
    let answer = answer.with(CACHE_CONTROL, no("no-store")).with(PRAGMA, no("no-cache"));
    // Whose token it is is the only thing that the audit tells.
    Ok(Answer { proven: Some(client.id.clone()), ..answer.about(client.id.0) })
}

/// The form of the request, each field once.
fn form(call: &Call) -> Result<HashMap<String, String>, Refused> {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = kind.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = "expected `application/x-www-form-urlencoded`";
        return Err(Refused::at(Code::UnsupportedMediaType, "Content-Type", message));
    }
    let text = std::str::from_utf8(&call.body);
    let bad = |field: &str, message: &str| Refused::at(Code::InvalidRequest, field, message);
    let text = text.map_err(|_| bad("body", "is no text"))?;
    let mut form = HashMap::new();
    for pair in text.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        let (Some(name), Some(value)) = (name, value) else {
            return Err(bad("body", "holds bytes that are no UTF-8"));
        };
        if form.insert(name, value).is_some() {
            return Err(bad("body", "a field stands there twice"));
        }
    }
    Ok(form)
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

/// Id and secret, by HTTP Basic or from the form; not by both (RFC 6749 §2.3).
fn credentials(
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<(ClientId, String), Refused> {
    let in_form = form.get("client_id").zip(form.get("client_secret"));
    let Some(header) = headers.get(AUTHORIZATION) else {
        let (id, secret) = in_form.ok_or_else(|| Refused::from(Code::InvalidClient))?;
        return Ok((ClientId(id.clone()), secret.clone()));
    };
    let text = header.to_str().unwrap_or_default();
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("basic") || in_form.is_some() {
        return Err(Code::InvalidRequest.into());
    }
    let read = || {
        let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((ClientId(decode(id)?), decode(secret)?))
    };
    read().ok_or_else(|| Code::InvalidClient.into())
}

/// The client, if this is its secret. An unknown client takes as long as a wrong secret.
fn admit(client: Option<ApiClient>, secret: &str) -> Option<ApiClient> {
    let given = hash(secret);
    let kept = client.as_ref().map_or([0; 32], |it| it.secret_hash);
    let same = bool::from(kept.ct_eq(&given));
    client.filter(|it| same && it.revoked_at.is_none())
}

/// What the token is for: what was asked for, or everything that the client may.
fn scopes(
    api: &Api,
    client: &ApiClient,
    asked: Option<&str>,
) -> Result<BTreeSet<ApiScope>, Refused> {
    let mut may = client.scopes.clone();
    if api.access.never_writes(&client.id, &client.name) {
        may.remove(&ApiScope::ScheduleWrite);
    }
    let Some(asked) = asked.filter(|it| !it.trim().is_empty()) else { return Ok(may) };
    let scope = |word: &str| {
        let known = word.parse::<ApiScope>().ok().filter(|it| may.contains(it));
        known.ok_or_else(|| Refused::from(Code::InvalidScope))
    };
    asked.split_whitespace().map(scope).collect()
}

impl super::access::Access {
    /// A wrong secret: told so, or, when there were too many, to wait.
    fn failed(&self, id: &ClientId, now: Timestamp) -> Refused {
        let wait = self.count_failure(id, now);
        match wait {
            None => Code::InvalidClient.into(),
            Some(seconds) => Refused { retry_after: Some(seconds), ..Code::RateLimited.into() },
        }
    }
}

/// Failures of this minute.
#[derive(Debug, Default)]
pub(super) struct Failures {
    minute: i64,
    counts: HashMap<ClientId, u32>,
}

impl Failures {
    /// Counts one; how long to wait, when there were too many.
    pub fn count(&mut self, id: &ClientId, now: Timestamp) -> Option<u64> {
        const MINUTE: i64 = 60;
        let second = now.as_second();
        if self.minute != second.div_euclid(MINUTE) {
            self.minute = second.div_euclid(MINUTE);
            self.counts.clear();
        }
        // Guessed ids share one count once there are many of them.
        let many = self.counts.len() >= 1000 && !self.counts.contains_key(id);
        let id = if many { ClientId(String::new()) } else { id.clone() };
        let count = self.counts.entry(id).or_insert(0);
        *count = count.saturating_add(1);
        let over = *count > TOKEN_FAILURES_PER_MINUTE_MAX;
        over.then(|| (MINUTE - second.rem_euclid(MINUTE)).unsigned_abs())
    }
}

fn describe(it: &mut Description) {
    it.summary(
        "An access token",
        "Client credentials (RFC 6749 §4.4), by HTTP Basic or in the form. `rotabridge client \
         add` makes a client.",
    );
    it.body(
        "application/x-www-form-urlencoded",
        json!({
            "type": "object",
            "required": ["grant_type"],
            "properties": {
                "grant_type": {"type": "string", "enum": ["client_credentials"]},
                "client_id": {"type": "string"},
                "client_secret": {"type": "string", "format": "password"},
                "scope": {"type": "string", "description": "Separated by spaces; all by default."},
            },
        }),
    );
    it.answer::<TokenForm<'static>>(200, "The token");
    it.refuses(&[
        Code::InvalidClient,
        Code::InvalidRequest,
        Code::InvalidScope,
        Code::UnsupportedGrantType,
        Code::UnsupportedMediaType,
        Code::RateLimited,
        Code::StoreUnavailable,
    ]);
}
