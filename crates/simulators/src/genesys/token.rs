//! The sign-in: client credentials, and who a token speaks for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;

use super::http::{Ask, Reply};
use super::options::Client;
use super::state::Token;
use super::{Genesys, error};

fn refused(status: u16, code: &str, description: &str) -> Reply {
    let body = json!({
        "error": code, "description": description, "error_description": description,
    });
    Reply { status, body: Some(body), ..Reply::default() }
}

/// `POST /oauth/token`.
pub(super) fn give(genesys: &Genesys, ask: &Ask, now: Timestamp) -> Reply {
    if ask.method != "POST" {
        return error::plain(405, "method.not.allowed", "HTTP 405 Method Not Allowed");
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&ask.body).into_owned().collect();
    let grant = form.iter().find(|(name, _)| name == "grant_type").map(|(_, value)| value.as_str());
    if grant != Some("client_credentials") {
        return refused(400, "unsupported_grant_type", "the grant type is not supported");
    }
    let Some((id, secret)) = basic(ask) else {
        return refused(400, "invalid_request", "client credentials are missing");
    };
    let clients = &genesys.options().clients;
    let Some(client) = clients.iter().find(|it| it.id == id && it.secret == secret) else {
        return refused(401, "invalid_client", "client not found or invalid client secret");
    };
    let lifetime = genesys.options().token_lifetime;
    let expires_at = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
    let text = genesys.update(|state| {
        let text = format!("played-{}", state.new_id());
        let client = client.id.clone();
        state.tokens.insert(text.clone(), Token { client, expires_at });
        text
    });
    genesys.desk().counts.tokens += 1;
    Reply::json(json!({
        "access_token": text, "token_type": "bearer", "expires_in": lifetime.as_secs(),
    }))
}

fn basic(ask: &Ask) -> Option<(String, String)> {
    let text = ask.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Who asks.
pub(super) struct Session {
    pub token: String,
    pub client: Client,
}

impl Session {
    /// # Errors
    /// 401 without a token that is good.
    pub fn of(genesys: &Genesys, ask: &Ask, now: Timestamp) -> Result<Self, Reply> {
        let bearer = ask.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        let Some(token) = bearer else {
            let message = "No authentication bearer token specified in authorization header.";
            return Err(error::plain(401, "authentication.required", message));
        };
        let known = genesys.read(|state| state.tokens.get(token).cloned());
        let client = known.filter(|it| now < it.expires_at).and_then(|it| {
            let clients = &genesys.options().clients;
            clients.iter().find(|client| client.id == it.client)
        });
        match client {
            Some(client) => Ok(Self { token: token.to_owned(), client: client.clone() }),
            None => Err(error::plain(401, "bad.credentials", "Invalid login credentials.")),
        }
    }

    /// # Errors
    /// 403 without any of them.
    pub fn may(&self, any: &[&str]) -> Result<(), Reply> {
        let has = any.iter().any(|it| self.client.permissions.contains(*it));
        if has { Ok(()) } else { Err(error::missing_permissions(any)) }
    }

    pub fn sees(&self, business_unit: &str) -> bool {
        let divisions = self.client.business_units.as_ref();
        divisions.is_none_or(|it| it.contains(business_unit))
    }

    /// # Errors
    /// 403 when it lies in another division.
    pub fn may_in(&self, business_unit: &str, any: &[&str]) -> Result<(), Reply> {
        self.may(any)?;
        if self.sees(business_unit) { Ok(()) } else { Err(error::other_division()) }
    }
}

impl Genesys {
    /// No token that was given so far is good any more.
    pub fn revoke_tokens(&self) {
        self.update(|state| state.tokens.clear());
    }
}
