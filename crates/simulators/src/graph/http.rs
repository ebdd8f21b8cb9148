//! Requests and answers, and which route a request takes.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::{Graph, Unanswered, error, token};

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
    /// In which one.
    pub batch: Option<u64>,
}

impl Ask {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether `Prefer` asks for something.
    pub fn prefers(&self, what: &str) -> bool {
        let values = self.headers.get_all("prefer").iter().filter_map(|it| it.to_str().ok());
        values.flat_map(|it| it.split([',', ';'])).any(|it| it.trim().eq_ignore_ascii_case(what))
    }

    /// What `Prefer` says of something: the part behind `=`.
    pub fn preference(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all("prefer").iter().filter_map(|it| it.to_str().ok());
        let mut parts = values.flat_map(|it| it.split([',', ';'])).map(str::trim);
        parts.find_map(|it| Some(it.strip_prefix(name)?.strip_prefix('=')?.trim().to_owned()))
    }

    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path().split('/').filter(|it| !it.is_empty());
        parts.map(decoded).collect()
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

/// An answer; its body is JSON or nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub fate: Fate,
}

/// What faults of its items do to a batch as a whole.
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
        Self { status, body: Some(body), ..Self::default() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers a request. Faults and the log are the caller's.
pub(super) fn answer(graph: &Graph, ask: &Ask, now: Timestamp) -> Reply {
    let segments = ask.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [tenant, "oauth2", "v2.0", "token"] => token::give(graph, ask, tenant, now),
        [version @ ("v1.0" | "beta"), rest @ ..] => {
            super::route::answer(graph, ask, *version == "beta", rest, now)
                .unwrap_or_else(|refusal| refusal)
        }
        _ => error::plain(400, "BadRequest", "Invalid version."),
    }
}
