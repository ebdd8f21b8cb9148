//! Requests and answers, and which part of Google takes a request.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::{Google, Unanswered, batch, error, route, token};

/// A request, from a socket, from a batch or handed in directly.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub method: String,
    /// The path with its query, as it was sent.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether it came in a batch.
    pub in_batch: bool,
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
        self.path().split('/').filter(|it| !it.is_empty()).map(decoded).collect()
    }

    /// The parameters of the query, decoded, in their order.
    pub fn query(&self) -> Vec<(String, String)> {
        let Some((_, query)) = self.target.split_once('?') else { return Vec::new() };
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}

fn decoded(part: &str) -> String {
    // The query's coding differs only in `+`, which stays itself in a path.
    let part = part.replace('+', "%2B");
    url::form_urlencoded::parse(format!("p={part}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// What an answer carries.
#[derive(Debug, Clone, Default)]
pub(super) enum Body {
    /// Nothing.
    #[default]
    Nothing,
    /// JSON.
    Json(Value),
    /// Anything else, with its type.
    Text(String, String),
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    pub fate: Fate,
}

/// What faults of its parts do to a batch as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fate {
    /// How much later it is answered.
    pub delay: Duration,
    /// Why it is not answered.
    pub unanswered: Option<Unanswered>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), ..Self::default() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers a request. Faults and the log are the caller's.
pub(super) fn answer(google: &Google, ask: &Ask, now: Timestamp) -> Reply {
    let segments = ask.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["token"] => token::give(google, ask, now),
        ["batch", "calendar", "v3"] => batch::answer(google, ask),
        ["calendar", "v3", rest @ ..] => {
            route::answer(google, ask, rest, now).unwrap_or_else(|refusal| refusal)
        }
        _ => error::not_found(),
    }
}
