//! Sign-in, as Microsoft Entra does it: client credentials for access tokens, and whether an
//! access token lets somebody in.
//!
//! The token has the form of Entra's (a JWT with `roles`, `exp`, `tid`, `appid`); its signature is
//! not one that anybody but this module could check, and no client may try.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::{Ask, Reply};
use super::options::App;
use super::wire::millis;
use super::{Graph, assertion};

/// Who asks, by their access token.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub app: String,
    pub tenant: String,
    pub roles: Vec<String>,
}

/// Why Entra gives no token.
#[derive(Debug)]
pub(super) struct Denied {
    pub status: u16,
    pub error: &'static str,
    /// The number behind `AADSTS`.
    pub code: u32,
    pub text: String,
}

impl Denied {
    pub fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { status, error, code, text: text.into() }
    }

    /// 401 `invalid_client`.
    pub fn client(code: u32, text: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, text)
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Denied> {
        self.get(name).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            Denied::new(400, "invalid_request", 900_144, text)
        })
    }
}

/// Answers `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn give(graph: &Graph, ask: &Ask, tenant: &str, now: Timestamp) -> Reply {
    if ask.method != "POST" {
        return Reply::status(405);
    }
    let form = Form(url::form_urlencoded::parse(&ask.body).into_owned().collect());
    match granted(graph, &form, tenant, now) {
        Ok(app) => {
            graph.desk().counts.tokens += 1;
            let seconds = graph.options().token_lifetime.as_secs();
            let token = signed(&app, now, seconds);
            Reply::json(
                200,
                json!({
                    "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds,
                    "access_token": token,
                }),
            )
            .header("cache-control", "no-store")
        }
        Err(denied) => denial(&denied, now),
    }
}

fn granted(graph: &Graph, form: &Form, tenant: &str, now: Timestamp) -> Result<App, Denied> {
    let apps = graph.read(|state| state.apps.clone());
    if !apps.iter().any(|app| app.tenant == tenant) {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
        );
        return Err(Denied::new(400, "invalid_request", 90_002, text));
    }
    let client = form.need("client_id")?;
    let grant = form.need("grant_type")?;
    if grant != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(Denied::new(400, "unsupported_grant_type", 70_003, text));
    }
    let app = apps.into_iter().find(|app| app.tenant == tenant && app.app_id == client);
    let app = app.ok_or_else(|| {
        let text = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'."
        );
        Denied::new(400, "unauthorized_client", 700_016, text)
    })?;
    let scope = form.need("scope")?;
    if !scope.ends_with("/.default") || scope.contains(' ') {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have \
             a scope value with /.default suffixed to the resource identifier."
        );
        return Err(Denied::new(400, "invalid_scope", 1_002_012, text));
    }
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), None) => check_secret(&app, secret, now)?,
        (None, Some(text)) => {
            const JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            if form.need("client_assertion_type")? != JWT {
                let text = "The client assertion type is not supported.";
                return Err(Denied::new(400, "invalid_request", 90_023, text));
            }
            assertion::check(&app, text, now)?;
        }
        _ => {
            let text = "The request body must contain the following parameter: \
                        'client_assertion' or 'client_secret'.";
            return Err(Denied::client(7_000_218, text));
        }
    }
    Ok(app)
}

fn check_secret(app: &App, secret: &str, now: Timestamp) -> Result<(), Denied> {
    let App { app_id, secrets, .. } = app;
    let Some(known) = secrets.iter().find(|it| it.text == secret) else {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the \
             client secret value, not the client secret ID, for a secret added to app '{app_id}'."
        );
        return Err(Denied::client(7_000_215, text));
    };
    if known.ends_at <= now {
        let text = format!("The provided client secret keys for app '{app_id}' are expired.");
        return Err(Denied::client(7_000_222, text));
    }
    Ok(())
}

fn denial(denied: &Denied, now: Timestamp) -> Reply {
    let Denied { status, error, code, text } = denied;
    let (trace, correlation) =
        ("0e8a1c52-0000-0000-0000-000000000001", "0e8a1c52-0000-0000-0000-000000000002");
    let time = format!("{}Z", millis(now).replace('T', " ").split('.').next().unwrap_or(""));
    let description = format!(
        "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
    );
    Reply::json(
        *status,
        json!({
            "error": error, "error_description": description, "error_codes": [code],
            "timestamp": time, "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}

fn signed(app: &App, now: Timestamp, seconds: u64) -> String {
    let issued = now.as_second();
    let expires = issued.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "played" });
    let claims = json!({
        "aud": "https://graph.microsoft.com",
        "iss": format!("https://sts.windows.net/{}/", app.tenant),
        "iat": issued, "nbf": issued, "exp": expires,
        "appid": app.app_id, "app_displayname": app.display_name, "idtyp": "app",
        "roles": app.roles, "tid": app.tenant, "ver": "1.0",
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let body = format!("{}.{}", part(&header), part(&claims));
    let seal = seal(&body);
    format!("{body}.{seal}")
}

fn seal(body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"the played sign-in");
    hash.update(body.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Who asks.
///
/// # Errors
/// 401, spelled as Graph does, when the token is missing, foreign, altered or expired.
pub(super) fn session(graph: &Graph, ask: &Ask, now: Timestamp) -> Result<Session, Reply> {
    let refuse = |message: &str| {
        super::error::plain(401, "InvalidAuthenticationToken", message).header(
            "www-authenticate",
            "Bearer realm=\"\", authorization_uri=\
             \"https://login.microsoftonline.com/common/oauth2/authorize\", \
             client_id=\"00000003-0000-0000-c000-000000000000\"",
        )
    };
    let header = ask.header("authorization").unwrap_or_default();
    let token = header.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| refuse("Access token is empty."))?;
    let claims = claims(token).ok_or_else(|| refuse("Access token validation failure."))?;
    if claims["exp"].as_i64().is_none_or(|exp| exp <= now.as_second()) {
        return Err(refuse("Lifetime validation failed, the token is expired."));
    }
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let (app, tenant) = (text("appid"), text("tid"));
    let since = claims["iat"].as_i64().unwrap_or_default();
    if graph.desk().revoked_until.is_some_and(|until| since < until.as_second()) {
        return Err(refuse("Access token has been revoked."));
    }
    let roles = claims["roles"].as_array().into_iter().flatten();
    let roles = roles.filter_map(|it| it.as_str().map(String::from)).collect();
    Ok(Session { app, tenant, roles })
}

fn claims(token: &str) -> Option<Value> {
    let (body, found) = token.rsplit_once('.')?;
    if seal(body) != found {
        return None;
    }
    let (_, claims) = body.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

impl Session {
    /// # Errors
    /// 403 when none of the roles was granted.
    pub fn need(&self, any_of: &[&str]) -> Result<(), Reply> {
        if self.roles.iter().any(|it| any_of.contains(&it.as_str())) {
            Ok(())
        } else {
            Err(super::error::forbidden(any_of))
        }
    }
}

impl Graph {
    /// Makes every access token that was given before the present second unacceptable.
    pub fn revoke_tokens(&self) {
        let now = self.now();
        self.desk().revoked_until = Some(now);
    }
}
