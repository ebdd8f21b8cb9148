//! What Entra's token endpoint and Graph itself say, as they spell it: tokens, errors, pages,
//! batches. The bodies of one product's resources are in the folder of that product.
//!
//! A reader of other people's texts: nothing here fails because something unknown is in them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How often an error may be wrapped in another: seen is twice (microsoft-graph-docs-contrib#2884).
const NESTING_MAX: usize = 4;
/// Characters of a vendor's text that go into ours.
const TEXT_CHARS_MAX: usize = 300;

/// A granted token (Learn, "OAuth 2.0 client credentials flow", successful response).
#[derive(Deserialize)]
pub(super) struct Grant {
    pub access_token: String,
    /// Seconds; the first version of the endpoint gave text.
    pub expires_in: Seconds,
    /// Seconds after which to ask anew, where the token lives long.
    pub refresh_in: Option<Seconds>,
}

/// A number of seconds, as a number or as text.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Seconds(pub u32);

impl TryFrom<Value> for Seconds {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number.and_then(|it| u32::try_from(it).ok()).map(Self).ok_or("expected seconds")
    }
}

/// A refused token (the same page, error response).
#[derive(Debug, Default, Deserialize)]
pub(super) struct TokenRefusal {
    #[serde(default)]
    pub error: String,
    #[serde(default)]
    pub error_description: String,
    #[serde(default)]
    pub error_codes: Vec<u64>,
    pub trace_id: Option<String>,
}

impl TokenRefusal {
    /// The number of the error: the list's first, or the one that the description starts with.
    pub fn number(&self) -> Option<u64> {
        let described = || {
            let rest = self.error_description.strip_prefix("AADSTS")?;
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..end].parse().ok()
        };
        self.error_codes.first().copied().or_else(described)
    }
}

/// What we read of a token's payload. It is Graph's to verify; we only report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// Granted application permissions.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The application's name.
    #[serde(default)]
    pub app_displayname: Option<String>,
    /// The tenant's id.
    #[serde(default)]
    pub tid: Option<String>,
}

/// What Graph said of a request that it did not fulfil, unwrapped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Every code, the outermost first: `Forbidden`, `MissingUserIdHeaderInAppContext`.
    pub codes: Vec<String>,
    /// The innermost message, cut short.
    pub message: String,
    /// What the workforce integration that refused said, and under which name.
    pub external: Option<External>,
}

/// What another system said through Graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Its words.
    pub message: String,
    /// The display name of the integration.
    pub source: Option<String>,
}

impl Told {
    /// Whether this code is among them.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|it| it.eq_ignore_ascii_case(code))
    }

    /// Reads an error's body. What is none tells nothing.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let mut told = Self::default();
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            told.unwrap(&value, 0);
        }
        told
    }

    /// Shifts puts the error of its own server, as text, where Graph has the message.
    fn unwrap(&mut self, body: &Value, depth: usize) {
        let Some(error) = body.get("error").filter(|it| it.is_object()) else {
            return;
        };
        self.add_code(error);
        let text = |key: &str| error.get(key).and_then(Value::as_str);
        let inner = ["innerError", "innererror"].iter().find_map(|key| error.get(key));
        let mut inner = inner;
        for _ in 0..NESTING_MAX {
            let Some(it) = inner else { break };
            self.add_code(it);
            inner = ["innerError", "innererror"].iter().find_map(|key| it.get(key));
        }
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            self.add_code(detail);
        }
        if let Some(message) = text("externalErrorMessage") {
            let source = text("externalSource").map(short);
            self.external = Some(External { message: short(message), source });
        }
        let message = text("message").unwrap_or_default();
        let wrapped = message.trim_start().starts_with('{') && depth < NESTING_MAX;
        match wrapped.then(|| serde_json::from_str::<Value>(message).ok()).flatten() {
            Some(body) if body.get("error").is_some() => self.unwrap(&body, depth + 1),
            Some(_) | None => self.message = short(message),
        }
    }

    fn add_code(&mut self, of: &Value) {
        if let Some(code) = of.get("code").and_then(Value::as_str)
            && !code.is_empty()
            && self.codes.len() < TEXT_CHARS_MAX
            && !self.has(code)
        {
            self.codes.push(short(code));
        }
    }
}

/// The beginning of a text on one line, without control characters.
pub(super) fn short(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut cut: String =
        chars.by_ref().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

/// One page of a collection.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub next_link: Option<String>,
}

/// Several requests in one (Learn, "Combine multiple HTTP requests using JSON batching").
#[derive(Debug, Serialize)]
pub(super) struct BatchRequest {
    pub requests: Vec<BatchItem>,
}

#[derive(Debug, Serialize)]
pub(super) struct BatchItem {
    pub id: String,
    pub method: String,
    pub url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BatchResponse {
    pub responses: Vec<BatchAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BatchAnswer {
    pub id: String,
    pub status: u16,
    /// Values are text; we have no use for others.
    #[serde(default)]
    pub headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub body: Value,
}

/// `GET /applications(appId='…')?$select=passwordCredentials`.
#[derive(Debug, Deserialize)]
pub(super) struct Application {
    #[serde(rename = "passwordCredentials", default)]
    pub secrets: Vec<PasswordCredential>,
}

/// One client secret, without the secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PasswordCredential {
    pub end_date_time: Option<Timestamp>,
    /// The first three characters of the secret.
    pub hint: Option<String>,
}
