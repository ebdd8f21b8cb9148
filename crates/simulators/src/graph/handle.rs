//! A request from its arrival to its answer: the log, faults, request ids.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::Graph;
use super::error;
use super::fault::{Fault, What};
use super::http::{Ask, Reply, answer};
use super::wire::millis;
use crate::fault::first;

/// One request that Graph saw. Items of a batch stand behind their batch. Nothing secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When it came.
    pub at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path with its query, as it was sent.
    pub target: String,
    /// The team it is about.
    pub team: Option<String>,
    /// Whether it came in a batch.
    pub in_batch: bool,
    /// Whether it carried `X-MS-WFMPassthrough`.
    pub passthrough: bool,
    /// Whether it carried `MS-APP-ACTS-AS`.
    pub acts_as: bool,
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
    /// Access tokens that were given.
    pub tokens: u64,
    /// Requests that were refused because of a quota, items of batches included.
    pub throttled: u64,
    /// Requests below `schedule` that were answered with 2xx and changed something.
    pub writes: u64,
    /// Requests below `schedule` that were answered with 2xx and changed nothing.
    pub reads: u64,
    /// Requests on mailboxes, items of batches one by one.
    pub of_mailboxes: u64,
    /// Those of them that were answered with 2xx and changed something.
    pub mailbox_writes: u64,
}

/// What is kept of requests.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub faults: Vec<Fault>,
    pub seen: Vec<Seen>,
    pub counts: Counts,
    pub windows: super::quota::Windows,
    pub mailboxes: super::mailbox::Windows,
    pub batches: u64,
    pub revoked_until: Option<Timestamp>,
    requests_numbered: u64,
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

impl Graph {
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
            batch: None,
        };
        self.desk().counts.requests += 1;
        let (delay, reply) = self.dispatch(&ask);
        Handled { delay, answer: reply.map(response) }
    }

    /// Logs a request, lets faults at it, and answers it.
    pub(super) fn dispatch(&self, ask: &Ask) -> (Duration, Result<Reply, Unanswered>) {
        let now = self.now();
        let (what, id) = self.arrived(ask, now);
        let apply = || self.finished(ask, &id, now, answer(self, ask, now));
        let (mut delay, mut reply) = match what {
            None => (Duration::ZERO, Ok(apply())),
            Some(What::Delay(wait)) => (wait, Ok(apply())),
            Some(What::Refusal { status, code, retry_after }) => {
                let mut reply = error::plain(status, &code, "The request was refused.");
                if let Some(wait) = retry_after {
                    reply = reply.header("retry-after", wait);
                }
                (Duration::ZERO, Ok(self.finished(ask, &id, now, reply)))
            }
            Some(What::StatusAfterApply(status)) => {
                apply();
                let reply = error::plain(status, "ServiceError", "The request failed.");
                (Duration::ZERO, Ok(self.finished(ask, &id, now, reply)))
            }
            Some(What::Garbage(text)) => {
                let reply = Reply::json(200, text.into());
                (Duration::ZERO, Ok(self.finished(ask, &id, now, reply)))
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
        if let (Some(number), Ok(reply)) = (id.logged, &reply) {
            let mut desk = self.desk();
            if let Some(entry) = desk.seen.get_mut(number) {
                entry.status = Some(reply.status);
            }
        }
        (delay, reply)
    }

    fn arrived(&self, ask: &Ask, now: Timestamp) -> (Option<What>, Arrival) {
        let mut desk = self.desk();
        desk.requests_numbered += 1;
        let number = desk.requests_numbered;
        let what = first(&mut desk.faults, &ask.method, &ask.target);
        let request_id = format!("{number:08x}-0000-4000-8000-{number:012x}");
        if !self.options().log {
            return (what, Arrival { request_id, logged: None });
        }
        desk.seen.push(Seen {
            at: now,
            method: ask.method.clone(),
            target: ask.target.clone(),
            team: team_of(ask),
            in_batch: ask.in_batch,
            passthrough: ask.headers.contains_key("x-ms-wfmpassthrough"),
            acts_as: ask.headers.contains_key("ms-app-acts-as"),
            status: None,
        });
        (what, Arrival { request_id, logged: Some(desk.seen.len() - 1) })
    }

    fn finished(&self, ask: &Ask, arrival: &Arrival, now: Timestamp, mut reply: Reply) -> Reply {
        let client_id = ask.header("client-request-id").unwrap_or(&arrival.request_id);
        if let Some(body) = &mut reply.body
            && let Some(error) = body.get_mut("error").and_then(|it| it.as_object_mut())
        {
            let date = millis(now);
            error.insert(
                "innerError".into(),
                json!({
                    "date": date.split('.').next(), "request-id": arrival.request_id,
                    "client-request-id": client_id,
                }),
            );
        }
        if below_schedule(ask) && reply.status < 300 {
            let mut desk = self.desk();
            let counts = &mut desk.counts;
            let counter = if ask.method == "GET" { &mut counts.reads } else { &mut counts.writes };
            *counter += 1;
        }
        let client_id = client_id.to_owned();
        reply
            .header("request-id", arrival.request_id.as_str())
            .header("client-request-id", client_id)
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

struct Arrival {
    request_id: String,
    logged: Option<usize>,
}

/// The team a request is about, by its path.
pub(super) fn team_of(ask: &Ask) -> Option<String> {
    let segments = ask.segments();
    let at = segments.iter().position(|it| it.eq_ignore_ascii_case("teams"))?;
    segments.get(at + 1).cloned()
}

fn below_schedule(ask: &Ask) -> bool {
    let path = ask.path();
    path.len() > 5 && path.to_ascii_lowercase().contains("/schedule")
}

fn response(reply: Reply) -> Response<Bytes> {
    let Reply { status, headers, body, fate: _ } = reply;
    let data = body.map(|body| match body {
        // Only a fault answers a bare text: garbage.
        serde_json::Value::String(text) => text.into_bytes(),
        body => body.to_string().into_bytes(),
    });
    let mut response = Response::new(Bytes::from(data.unwrap_or_default()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map = response.headers_mut();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    if !response.body().is_empty() {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert("content-type", json);
    }
    response
}
