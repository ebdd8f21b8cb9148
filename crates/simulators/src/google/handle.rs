//! A request from its arrival to its answer: the log, faults, counts.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;

use super::fault::{Fault, What};
use super::http::{Ask, Body, Reply, answer};
use super::{Google, error};
use crate::fault::first;

/// One request that Google saw. Parts of a batch stand behind their batch. Nothing secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When it came.
    pub at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path with its query, as it was sent.
    pub target: String,
    /// As whom, where a good token says so.
    pub user: Option<String>,
    /// Whether it came in a batch.
    pub in_batch: bool,
    /// Its body, where it was text and no sign-in.
    pub body: Option<String>,
    /// The status that it was answered with; `None` when it was not answered.
    pub status: Option<u16>,
}

/// What was counted so far, logged or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections.
    pub connections: u64,
    /// Requests on the wire: a batch is one.
    pub requests: u64,
    /// Requests as the quota counts them: those of the API, each part of a batch for itself.
    pub counted: u64,
    /// Access tokens that were given.
    pub tokens: u64,
    /// Requests that were refused because of a quota.
    pub throttled: u64,
    /// Requests of the API that were answered with 2xx and changed something.
    pub writes: u64,
    /// Requests of the API that were answered with 2xx and changed nothing.
    pub reads: u64,
}

/// What is kept of requests.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub faults: Vec<Fault>,
    pub seen: Vec<Seen>,
    pub counts: Counts,
    pub windows: super::quota::Windows,
    pub revoked_until: Option<Timestamp>,
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

impl Google {
    /// Answers a request without sockets: its URI may be absolute or begin with `/`. The delay is
    /// the caller's to wait.
    #[must_use]
    pub fn handle(&self, request: Request<Bytes>) -> Handled {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        let ask = Ask {
            method: parts.method.as_str().to_owned(),
            target: target.to_owned(),
            headers: parts.headers,
            body,
            in_batch: false,
        };
        self.desk().counts.requests += 1;
        let (delay, reply) = self.dispatch(&ask);
        Handled { delay, answer: reply.map(response) }
    }

    /// Logs a request, lets faults at it, and answers it.
    pub(super) fn dispatch(&self, ask: &Ask) -> (Duration, Result<Reply, Unanswered>) {
        let now = self.now();
        let (what, logged) = self.arrived(ask, now);
        let apply = || answer(self, ask, now);
        let (mut delay, mut reply) = match what {
            None => (Duration::ZERO, Ok(apply())),
            Some(What::Delay(wait)) => (wait, Ok(apply())),
            Some(What::Refusal { status, reason, retry_after }) => {
                let mut reply = error::refusal(status, reason, "The request was refused.");
                if let Some(wait) = retry_after {
                    reply = reply.header("retry-after", wait.to_string());
                }
                (Duration::ZERO, Ok(reply))
            }
            Some(What::StatusAfterApply(status)) => {
                apply();
                let reply = error::refusal(status, "backendError", "Backend Error");
                (Duration::ZERO, Ok(reply))
            }
            Some(What::Garbage(text)) => {
                let body = Body::Text("text/html".into(), text);
                (Duration::ZERO, Ok(Reply { status: 200, body, ..Reply::default() }))
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
        if let Ok(Reply { fate, .. }) = &reply {
            delay += fate.delay;
            if let Some(unanswered) = fate.unanswered {
                reply = Err(unanswered);
            }
        }
        if let Ok(reply) = &reply {
            self.answered(ask, logged, reply.status);
        }
        (delay, reply)
    }

    fn arrived(&self, ask: &Ask, now: Timestamp) -> (Option<What>, Option<usize>) {
        let user = super::token::who(self, ask, now).ok().map(|it| it.user);
        let mut desk = self.desk();
        let what = first(&mut desk.faults, &ask.method, &ask.target);
        if is_of_api(ask) {
            desk.counts.counted += 1;
        }
        if !self.options().log {
            return (what, None);
        }
        let body = is_of_api(ask).then(|| String::from_utf8(ask.body.to_vec()).ok()).flatten();
        desk.seen.push(Seen {
            at: now,
            method: ask.method.clone(),
            target: ask.target.clone(),
            user,
            in_batch: ask.in_batch,
            body: body.filter(|it| !it.is_empty()),
            status: None,
        });
        (what, Some(desk.seen.len() - 1))
    }

    fn answered(&self, ask: &Ask, logged: Option<usize>, status: u16) {
        let mut desk = self.desk();
        if let Some(entry) = logged.and_then(|it| desk.seen.get_mut(it)) {
            entry.status = Some(status);
        }
        if is_of_api(ask) && (200..300).contains(&status) {
            let counts = &mut desk.counts;
            let counter = if ask.method == "GET" { &mut counts.reads } else { &mut counts.writes };
            *counter += 1;
        }
    }

    /// Replaces the faults; what they counted so far is forgotten.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.desk().faults = faults.into_iter().collect();
    }

    /// Every request so far, in the order in which they came. Empty without [`Options::log`].
    ///
    /// [`Options::log`]: super::Options::log
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.desk().seen.clone()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.desk().counts
    }

    /// Forgets the requests so far, and what was counted.
    pub fn clear_log(&self) {
        let mut desk = self.desk();
        desk.seen.clear();
        desk.counts = Counts::default();
    }
}

fn is_of_api(ask: &Ask) -> bool {
    ask.path().starts_with("/calendar/v3/")
}

fn response(reply: Reply) -> Response<Bytes> {
    let Reply { status, headers, body, fate: _ } = reply;
    let (kind, data) = match body {
        Body::Nothing => (None, Vec::new()),
        Body::Json(value) => {
            (Some("application/json; charset=UTF-8".to_owned()), value.to_string().into_bytes())
        }
        Body::Text(kind, text) => (Some(kind), text.into_bytes()),
    };
    let mut response = Response::new(Bytes::from(data));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map = response.headers_mut();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    if let Some(Ok(kind)) = kind.map(HeaderValue::try_from) {
        map.insert("content-type", kind);
    }
    response
}
