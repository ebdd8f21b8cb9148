//! Requests and answers.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::error;

/// A request, from a socket or handed in directly.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub method: String,
    /// The path with its query, as it was sent.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Ask {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path().split('/').filter(|it| !it.is_empty());
        parts.map(decoded).collect()
    }

    /// All values of a parameter of the query: a list is its name again and again.
    pub fn all(&self, name: &str) -> Vec<String> {
        let Some((_, query)) = self.target.split_once('?') else { return Vec::new() };
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }

    /// A parameter of the query.
    pub fn one(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// A number of the query.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn number(&self, name: &str, default: usize) -> Result<usize, Reply> {
        match self.one(name) {
            None => Ok(default),
            Some(text) => {
                text.parse().map_err(|_| error::invalid(name, &format!("`{text}` is not a number")))
            }
        }
    }

    /// Whether a parameter is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.one(name).as_deref() == Some("true")
    }

    /// The body.
    ///
    /// # Errors
    /// 415 without its type, 400 when it is no JSON object.
    pub fn json(&self) -> Result<Value, Reply> {
        let kind = self.header("content-type").unwrap_or_default();
        if !kind.starts_with("application/json") {
            return Err(error::plain(415, "unsupported.media.type", "Unsupported media type"));
        }
        let body = serde_json::from_slice::<Value>(&self.body);
        body.ok()
            .filter(|it| it.is_object() || it.is_array())
            .ok_or_else(|| error::plain(400, "bad.request", "The request could not be parsed."))
    }
}

fn decoded(part: &str) -> String {
    let part = part.replace('+', "%2B");
    url::form_urlencoded::parse(format!("p={part}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// An answer; its body is JSON, or text as it is, or nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// In place of `body`: bytes that were made before.
    pub raw: Option<Bytes>,
}

impl Reply {
    pub fn json(body: Value) -> Self {
        Self { status: 200, body: Some(body), ..Self::default() }
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
