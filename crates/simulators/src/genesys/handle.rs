//! A request from its arrival to its answer: the log, faults, correlation ids.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;

use super::http::{Ask, Reply};
use super::quota::Minutes;
use super::{Genesys, error, route};
use crate::fault::first;

/// One fault: which requests it meets, and what happens then.
pub type Fault = crate::fault::Fault<What>;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Refused with a status and a code. Not applied.
    Refusal {
        /// The status.
        status: u16,
        /// `code`.
        code: String,
    },
    /// Applied, and answered with this status nevertheless.
    StatusAfterApply(u16),
    /// The connection ends before anything is applied.
    ResetBefore,
    /// Applied; the connection ends without an answer.
    ResetAfterApply,
    /// Applied; no answer ever comes, and the connection stays open.
    LoseAnswerAfterApply,
    /// Applied and answered, later.
    Delay(Duration),
    /// Answered 200 with a body that is not what was asked for. Not applied.
    Garbage(String),
}

/// One request that was seen. Nothing secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When it came.
    pub at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path with its query, as it was sent.
    pub target: String,
    /// Its body; empty for the sign-in.
    pub body: String,
    /// The status that it was answered with; `None` when it was not answered.
    pub status: Option<u16>,
}

impl Seen {
    /// Whether it counts against the rate limit: not the sign-in, not a download.
    #[must_use]
    pub fn is_api(&self) -> bool {
        self.target.starts_with("/api/")
    }
}

/// What was counted so far, logged or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests of the API: without sign-ins and downloads.
    pub requests: u64,
    /// Access tokens that were given.
    pub tokens: u64,
    /// Results that were downloaded.
    pub downloads: u64,
    /// Requests that were refused because of the rate limit.
    pub throttled: u64,
}

/// What is kept of requests.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub faults: Vec<Fault>,
    pub seen: Vec<Seen>,
    pub counts: Counts,
    pub minutes: Minutes,
    numbered: u64,
}

/// What became of a request that was handed in directly.
#[derive(Debug)]
pub struct Handled {
    /// How much later the answer comes.
    pub delay: Duration,
    /// The answer, if one comes.
    pub answer: Result<Response<Bytes>, Unanswered>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The connection ended.
    #[error("the connection was reset")]
    Reset,
    /// The connection stays open, and nothing ever comes.
    #[error("no answer ever comes")]
    Never,
}

impl Genesys {
    /// Answers a request without sockets: its URI may be absolute or begin with `/`. The delay is
    /// the caller's to wait.
    #[must_use]
    pub fn handle(&self, request: Request<Bytes>) -> Handled {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        let method = parts.method.as_str().to_owned();
        let ask = Ask { method, target, headers: parts.headers, body };
        let (delay, reply) = self.dispatch(&ask);
        Handled { delay, answer: reply.map(response) }
    }

    fn dispatch(&self, ask: &Ask) -> (Duration, Result<Reply, Unanswered>) {
        let now = self.now();
        let (what, number) = self.arrived(ask, now);
        let apply = || route::answer(self, ask, now);
        let (delay, reply) = match what {
            None => (Duration::ZERO, Ok(apply())),
            Some(What::Delay(wait)) => (wait, Ok(apply())),
            Some(What::Refusal { status, code }) => {
                (Duration::ZERO, Ok(error::plain(status, &code, "The request was refused.")))
            }
            Some(What::StatusAfterApply(status)) => {
                apply();
                let reply = error::plain(status, "internal.server.error", "The request failed.");
                (Duration::ZERO, Ok(reply))
            }
            Some(What::Garbage(text)) => {
                let raw = Some(Bytes::from(text));
                (Duration::ZERO, Ok(Reply { status: 200, raw, ..Reply::default() }))
            }
            Some(What::ResetBefore) => (Duration::ZERO, Err(Unanswered::Reset)),
            Some(What::ResetAfterApply) => {
                apply();
                (Duration::ZERO, Err(Unanswered::Reset))
            }
            Some(What::LoseAnswerAfterApply) => {
                apply();
                (Duration::ZERO, Err(Unanswered::Never))
            }
        };
        let context = format!("{number:08x}-0000-4000-8000-{number:012x}");
        let reply = reply.map(|mut reply| {
            if reply.status >= 400
                && let Some(body) = reply.body.as_mut().and_then(|it| it.as_object_mut())
            {
                body.entry("contextId").or_insert_with(|| context.as_str().into());
            }
            reply.header("inin-correlation-id", context)
        });
        self.answered(number, reply.as_ref().ok());
        (delay, reply)
    }

    fn arrived(&self, ask: &Ask, now: Timestamp) -> (Option<What>, u64) {
        let mut desk = self.desk();
        desk.numbered += 1;
        let number = desk.numbered;
        let is_api = ask.target.starts_with("/api/");
        desk.counts.requests += u64::from(is_api);
        let what = first(&mut desk.faults, &ask.method, &ask.target);
        if self.options().log {
            let body = if is_api {
                String::from_utf8_lossy(&ask.body).into_owned()
            } else {
                String::new()
            };
            let (method, target) = (ask.method.clone(), ask.target.clone());
            desk.seen.push(Seen { at: now, method, target, body, status: None });
        }
        (what, number)
    }

    fn answered(&self, number: u64, reply: Option<&Reply>) {
        let mut desk = self.desk();
        let place = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let status = reply.map(|it| it.status);
        if let Some(entry) = desk.seen.get_mut(place) {
            entry.status = status;
        }
        desk.counts.throttled += u64::from(status == Some(429));
    }

    /// Replaces the faults; what they counted so far is forgotten.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.desk().faults = faults.into_iter().collect();
    }

    /// The requests that were seen, in their order; none without [`super::Options::log`].
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.desk().seen.clone()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.desk().counts
    }
}

fn response(reply: Reply) -> Response<Bytes> {
    let Reply { status, headers, body, raw } = reply;
    let text = body.map(|body| Bytes::from(body.to_string()));
    let mut response = Response::new(raw.or(text).unwrap_or_default());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map = response.headers_mut();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    if !response.body().is_empty() {
        let json = HeaderValue::from_static("application/json;charset=utf-8");
        response.headers_mut().insert("content-type", json);
    }
    response
}
