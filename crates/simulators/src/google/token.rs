//! The token endpoint: a service account proves who it is, and as whom it wants to act, by a JWT
//! that its key signed (RFC 7523 §2.1;
//! developers.google.com/identity/protocols/oauth2/service-account), and whether an access token
//! lets somebody in.
//!
//! The access token is opaque; its seal is not one that anybody but this module could check.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rustls::SignatureScheme;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::{Ask, Reply};
use super::options::{SCOPE_PREFIX, ServiceAccount};
use super::{Google, error};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How far clocks may be apart.
const SKEW_SECONDS: i64 = 300;
const LIFETIME_SECONDS_MAX: i64 = 3600;

/// Who asks, by their access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The service account's client id: its project, too.
    pub client: String,
    /// As whom.
    pub user: String,
    /// Without [`SCOPE_PREFIX`].
    pub scopes: Vec<String>,
}

/// Why there is no token.
struct Denied {
    status: u16,
    error: &'static str,
    text: String,
}

fn denied(status: u16, error: &'static str, text: &str) -> Denied {
    Denied { status, error, text: text.to_owned() }
}

/// The public key of the played service account.
pub(super) fn played_public_key() -> Vec<u8> {
    let text: String = include_str!("key.pub.b64").split_whitespace().collect();
    STANDARD.decode(text).unwrap_or_default()
}

/// Answers `POST /token`.
pub(super) fn give(google: &Google, ask: &Ask, now: Timestamp) -> Reply {
    if ask.method != "POST" {
        return Reply::status(405);
    }
    match granted(google, ask, now) {
        Ok(session) => {
            google.desk().counts.tokens += 1;
            let seconds = google.options().token_lifetime.as_secs();
            let token = sealed(&session, now, seconds);
            let body =
                json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" });
            Reply::json(200, body).header("cache-control", "no-cache, no-store, max-age=0")
        }
        Err(Denied { status, error, text }) => {
            Reply::json(status, json!({ "error": error, "error_description": text }))
        }
    }
}

fn granted(google: &Google, ask: &Ask, now: Timestamp) -> Result<Session, Denied> {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&ask.body).into_owned().collect();
    let get = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    if get("grant_type") != GRANT {
        let text = "Invalid grant_type: ";
        return Err(denied(400, "unsupported_grant_type", text));
    }
    let assertion = get("assertion");
    let malformed = || denied(400, "invalid_request", "Bad Request");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let decoded = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let header = decoded(header).ok_or_else(malformed)?;
    let claims = decoded(claims).ok_or_else(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let issuer = claims["iss"].as_str().unwrap_or_default();
    let accounts = &google.options().accounts;
    let account = accounts
        .iter()
        .find(|it| it.email == issuer)
        .ok_or_else(|| denied(400, "invalid_grant", "Invalid grant: account not found"))?;
    let is_signed = header["alg"] == "RS256"
        && header["kid"].as_str().is_none_or(|it| it == account.key_id)
        && verified(&account.public_key, signed.as_bytes(), &signature);
    if !is_signed {
        return Err(denied(400, "invalid_grant", "Invalid JWT Signature."));
    }
    check_times(&claims, now)?;
    let audience = claims["aud"].as_str().unwrap_or_default();
    // The host may be a proxy's or a test's.
    if !(audience.ends_with("/token") && audience.contains("://")) {
        let text = "Invalid JWT: Failed audience check. The right audience is \
                    https://oauth2.googleapis.com/token";
        return Err(denied(400, "invalid_grant", text));
    }
    session(google, account, &claims)
}

fn session(google: &Google, account: &ServiceAccount, claims: &Value) -> Result<Session, Denied> {
    let scope = claims["scope"].as_str().unwrap_or_default();
    let scopes: Option<Vec<String>> = scope
        .split_whitespace()
        .map(|it| it.strip_prefix(SCOPE_PREFIX).map(String::from))
        .collect();
    let scopes = scopes.filter(|it| !it.is_empty()).ok_or_else(|| {
        denied(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    })?;
    let user = match claims["sub"].as_str().filter(|it| *it != account.email) {
        None => return Ok(own_session(account, scopes)),
        Some(user) => user.to_ascii_lowercase(),
    };
    if scopes.iter().any(|it| !account.delegated.contains(it)) {
        let text = "Client is unauthorized to retrieve access tokens using this method, or client \
                    not authorized for any of the scopes requested.";
        return Err(denied(401, "unauthorized_client", text));
    }
    let is_known = google.read(|state| state.users.get(&user).is_some_and(|it| !it.suspended));
    if !is_known {
        return Err(denied(400, "invalid_grant", "Invalid email or User ID"));
    }
    Ok(Session { client: account.client_id.clone(), user, scopes })
}

fn own_session(account: &ServiceAccount, scopes: Vec<String>) -> Session {
    Session { client: account.client_id.clone(), user: account.email.clone(), scopes }
}

fn check_times(claims: &Value, now: Timestamp) -> Result<(), Denied> {
    let now = now.as_second();
    let (Some(issued), Some(expires)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err(denied(400, "invalid_request", "Bad Request"));
    };
    let is_short = expires - issued <= LIFETIME_SECONDS_MAX && expires > issued;
    let is_now = issued - SKEW_SECONDS <= now && now < expires + SKEW_SECONDS;
    if is_short && is_now {
        return Ok(());
    }
    let text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
                timeframe. Check your iat and exp values in the JWT claim.";
    Err(denied(400, "invalid_grant", text))
}

fn verified(public_key: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let provider = rustls::crypto::ring::default_provider();
    let mapping = provider.signature_verification_algorithms.mapping;
    let found = mapping.iter().filter(|(known, _)| *known == SignatureScheme::RSA_PKCS1_SHA256);
    let mut algorithms = found.flat_map(|(_, algorithms)| algorithms.iter());
    algorithms.any(|it| it.verify_signature(public_key, text, signature).is_ok())
}

fn sealed(session: &Session, now: Timestamp, seconds: u64) -> String {
    let issued = now.as_second();
    let expires = issued.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
    let Session { client, user, scopes } = session;
    let claims = json!({
        "client": client, "user": user, "scopes": scopes, "iat": issued, "exp": expires,
    });
    let body = format!("ya29.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let seal = seal(&body);
    format!("{body}.{seal}")
}

fn seal(body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"the played token endpoint");
    hash.update(body.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Who asks.
///
/// # Errors
/// 401 when the token is missing, foreign, altered, revoked or expired.
pub(super) fn who(google: &Google, ask: &Ask, now: Timestamp) -> Result<Session, Reply> {
    let refuse = || error::refusal(401, "authError", "Invalid Credentials");
    let header = ask.header("authorization").unwrap_or_default();
    let token = header.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| error::refusal(401, "required", "Login Required."))?;
    let (body, found) = token.rsplit_once('.').ok_or_else(refuse)?;
    if seal(body) != found {
        return Err(refuse());
    }
    let claims = body.strip_prefix("ya29.").and_then(|it| URL_SAFE_NO_PAD.decode(it).ok());
    let claims: Option<Value> = claims.and_then(|it| serde_json::from_slice(&it).ok());
    let claims = claims.ok_or_else(refuse)?;
    let since = claims["iat"].as_i64().unwrap_or_default();
    let is_over = claims["exp"].as_i64().is_none_or(|it| it <= now.as_second());
    if is_over || google.desk().revoked_until.is_some_and(|it| since < it.as_second()) {
        return Err(refuse());
    }
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let scopes = claims["scopes"].as_array().into_iter().flatten();
    let scopes = scopes.filter_map(|it| it.as_str().map(String::from)).collect();
    Ok(Session { client: text("client"), user: text("user"), scopes })
}

impl Session {
    /// Whether one of these scopes was granted.
    pub fn has(&self, any_of: &[&str]) -> bool {
        self.scopes.iter().any(|it| any_of.contains(&it.as_str()))
    }
}

impl Google {
    /// Makes every access token that was given before the present second unacceptable.
    pub fn revoke_tokens(&self) {
        let now = self.now();
        self.desk().revoked_until = Some(now);
    }
}
