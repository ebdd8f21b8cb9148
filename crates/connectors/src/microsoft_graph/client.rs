//! One authenticated exchange with Graph; the only decision is whether to ask again after a 401.
//!
//! Nothing is followed, nothing is repeated but that: a request that Graph refused for its token
//! was not acted on. It may have been counted, so asking again spends of the budgets, too. Waiting
//! for a token, and asking again with a new one, has the time of one
//! request altogether, which is shorter than a lease (`domain::limits::REQUEST_TIMEOUT`).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine::port::{Clock, Entropy, Failure, FailureClass, QuotaScope};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::budget::{Budgets, TooLong};
use super::classify::{About, Asked, class_of, class_of_error, scope_of};
use super::sign_in::{SignIn, random_id};
use super::wire::{Told, short};
use crate::transport::{Answer, HttpClient, retry_after};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("Rotabridge/", env!("CARGO_PKG_VERSION")));
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// RFC 3986 §2.3: what stands for itself in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which of Graph's two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `v1.0`.
    V1,
    /// `beta`: may change without notice.
    Beta,
}

impl Version {
    /// Its part of the path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// Where dots do not stand for themselves, either.
const DOTS: &AsciiSet = &SEGMENT.add(b'.');

/// One id as a segment of a path. One of only dots would climb (RFC 3986 §5.2.4).
pub fn segment(id: &str) -> impl fmt::Display + '_ {
    let climbs = id.bytes().all(|it| it == b'.');
    utf8_percent_encode(id, if climbs { DOTS } else { SEGMENT })
}

/// Gives a turn to who sends something a second time, and has a place still.
#[async_trait]
pub trait TurnAgain: fmt::Debug + Send + Sync {
    /// Waits until `count` requests may be sent again.
    ///
    /// # Errors
    /// When it would take too long.
    async fn again(&self, count: usize) -> Result<(), TooLong>;
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Option<Bytes>, String>,
    about: About,
    only_reads: bool,
    /// What it spends, if that is not what it looks like: a request of which path, how often.
    spends: Option<(Method, String, usize)>,
    /// Who gives the turn for a second time, where the connection's budgets do not count it.
    again: Option<Arc<dyn TurnAgain>>,
    /// From when on it must not be sent any more.
    pub(super) not_after: Timestamp,
    operation: String,
}

impl Ask {
    /// A request of `path` (below the version, with its `/` and its query, ready to be sent).
    /// `operation` is a verb clause for messages: `` list the shifts of team `…` ``.
    #[must_use]
    pub fn new(
        method: Method,
        version: Version,
        path: impl Into<String>,
        operation: impl Into<String>,
    ) -> Self {
        let path = path.into();
        let about = match scope_of(&path) {
            QuotaScope::Calendar => About::Team,
            QuotaScope::Connection => About::Directory,
        };
        Self {
            method,
            version,
            path,
            headers: HeaderMap::new(),
            body: Ok(None),
            about,
            only_reads: false,
            spends: None,
            again: None,
            not_after: Timestamp::MAX,
            operation: operation.into(),
        }
    }

    /// A read from `v1.0`.
    #[must_use]
    pub fn get(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self::new(Method::GET, Version::V1, path, operation)
    }

    /// Says what is not there when Graph answers 404. Without it: the team, if the path names one.
    #[must_use]
    pub fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// Says that it changes nothing although its method could.
    #[must_use]
    pub(super) fn only_reads(mut self) -> Self {
        self.only_reads = true;
        self
    }

    /// Says that it spends as much as so many requests like another one.
    #[must_use]
    pub(super) fn spends_like(mut self, ask: &Self, count: usize) -> Self {
        self.spends = Some((ask.method.clone(), ask.path.clone(), count));
        self.again.clone_from(&ask.again);
        self
    }

    /// Says who gives the turn when it is sent a second time: whoever gave the first.
    #[must_use]
    pub fn turns_again_by(mut self, turns: Arc<dyn TurnAgain>) -> Self {
        self.again = Some(turns);
        self
    }

    /// Says from when on it must not be sent any more.
    #[must_use]
    pub fn not_after(mut self, instant: Timestamp) -> Self {
        self.not_after = instant;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Gives it a body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).map_err(|error| error.to_string());
        self.body = body.map(|it| Some(it.into()));
        self
    }

    /// What is asked, for classification.
    #[must_use]
    pub fn asked(&self) -> Asked {
        let safe = matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let writes = !safe && !self.only_reads;
        Asked { about: self.about, writes, scope: scope_of(&self.path) }
    }

    /// A failure of this request.
    #[must_use]
    pub fn failure(&self, class: FailureClass, detail: impl Into<String>) -> GraphFailure {
        let (operation, detail) = (self.operation.clone(), detail.into());
        Failure { class, operation, status: None, detail }.into()
    }

    /// The failure that is an answer of Graph's, if it is one.
    pub(super) fn refusal(&self, answer: &Answer, clock: &dyn Clock) -> Result<(), GraphFailure> {
        if answer.status.is_success() {
            return Ok(());
        }
        let status = answer.status.as_u16();
        let told = Told::of(&answer.body);
        let wait = retry_after(&answer.headers, clock.machine());
        let failure = Failure {
            class: class_of(self.asked(), status, &told, wait),
            operation: self.operation.clone(),
            status: Some(status),
            detail: detail(answer, &told),
        };
        Err(GraphFailure { failure, told: Box::new(told) })
    }
}

/// A failed request, and what Graph said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphFailure {
    /// What the engine takes.
    pub failure: Failure,
    /// Codes and messages; empty when there was no answer.
    pub told: Box<Told>,
}

impl From<Failure> for GraphFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, told: Box::default() }
    }
}

impl From<GraphFailure> for Failure {
    fn from(failure: GraphFailure) -> Self {
        failure.failure
    }
}

impl fmt::Display for GraphFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for GraphFailure {}

/// A success.
#[derive(Debug, Clone)]
pub struct GraphAnswer {
    /// 200 to 299.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body; empty for 204.
    pub body: Bytes,
    asked: Asked,
    operation: String,
}

impl GraphAnswer {
    pub(super) fn new(ask: &Ask, answer: Answer) -> Self {
        let Answer { status, headers, body } = answer;
        Self { status, headers, body, asked: ask.asked(), operation: ask.operation.clone() }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When it is something else: `Unknown` after a write, which was applied but whose effect we
    /// cannot read, and `Bug` after a read.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GraphFailure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let class = match self.asked.writes {
                true => FailureClass::Unknown,
                false => FailureClass::Bug,
            };
            let failure = Failure {
                class,
                operation: self.operation.clone(),
                status: Some(self.status.as_u16()),
                // Without serde's words: they repeat values, and those can be people's.
                detail: format!(
                    "the answer is not what Graph describes ({:?} at line {} column {})",
                    error.classify(),
                    error.line(),
                    error.column()
                ),
            };
            GraphFailure::from(failure)
        })
    }
}

/// Graph, as one application in one tenant.
#[derive(Debug)]
pub struct Graph {
    http: HttpClient,
    pub(super) url: Url,
    sign_in: Arc<SignIn>,
    budgets: Arc<Budgets>,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Graph {
    /// `url` is where `/v1.0` and `/beta` are; `http` is a client of its origin.
    #[must_use]
    pub(super) fn new(
        http: HttpClient,
        url: Url,
        (sign_in, budgets): (Arc<SignIn>, Arc<Budgets>),
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { http, url, sign_in, budgets, clock, entropy }
    }

    /// Requests sent since it was made, those for tokens included.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.http.requests_sent() + self.sign_in.requests_sent()
    }

    /// An id that nobody has used.
    #[must_use]
    pub fn random_id(&self) -> String {
        random_id(self.entropy.as_ref())
    }

    /// How it signs in.
    #[must_use]
    pub fn sign_in(&self) -> &Arc<SignIn> {
        &self.sign_in
    }

    /// Sends one request, and gives the answer if it is a success.
    ///
    /// Cancelling it closes its connection; a write may have been applied.
    ///
    /// # Errors
    /// [`GraphFailure`], classified; a redirect is none that we follow.
    pub async fn send(&self, ask: &Ask) -> Result<GraphAnswer, GraphFailure> {
        let answer = self.exchange(ask).await?;
        ask.refusal(&answer, self.clock.as_ref())?;
        Ok(GraphAnswer::new(ask, answer))
    }

    /// Waits until there is a token to send `ask` with.
    ///
    /// # Errors
    /// When none can be had.
    pub async fn signed_in(&self, ask: &Ask) -> Result<(), GraphFailure> {
        let token = self.sign_in.token(self.http.deadline()).await;
        token.map(drop).map_err(|error| error.failure(&ask.operation))
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer, GraphFailure> {
        let deadline = self.http.deadline();
        let mut may_ask_again = true;
        loop {
            let token = self.sign_in.token(deadline).await;
            let token = token.map_err(|error| error.failure(&ask.operation))?;
            let request = self.request(ask, token.authorization())?;
            let sent = self.http.send_until(deadline, request).await;
            let answer = sent.map_err(|error| {
                ask.failure(class_of_error(ask.asked(), &error), error.to_string())
            })?;
            match answer.status {
                StatusCode::UNAUTHORIZED if may_ask_again && self.sign_in.refused(&token) => {
                    may_ask_again = false;
                    self.turn_again(ask).await?;
                }
                StatusCode::FORBIDDEN => {
                    self.sign_in.forbidden(&token);
                    return Ok(answer);
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn turn_again(&self, ask: &Ask) -> Result<(), GraphFailure> {
        let count = ask.spends.as_ref().map_or(1, |(_, _, count)| *count);
        let turn = match (&ask.again, &ask.spends) {
            (Some(turns), _) => turns.again(count).await,
            (None, Some((method, path, _))) => self.budgets.again(method, path, count).await,
            (None, None) => self.budgets.again(&ask.method, &ask.path, count).await,
        };
        turn.map_err(|TooLong { wait, scope }| {
            let class = FailureClass::Throttled { retry_after: Some(wait), scope };
            ask.failure(class, "the token was refused, and the budget to ask again is spent")
        })
    }

    fn request(
        &self,
        ask: &Ask,
        authorization: HeaderValue,
    ) -> Result<Request<Full<Bytes>>, GraphFailure> {
        let unsendable = |detail: String| ask.failure(FailureClass::Bug, detail);
        let base = self.url.path().trim_end_matches('/');
        let path = format!("{base}/{}{}", ask.version.as_str(), ask.path);
        let uri: Uri = path.parse().map_err(|error| unsendable(format!("path: {error}")))?;
        let body = ask.body.clone().map_err(unsendable)?;
        let mut request = Request::new(Full::new(body.clone().unwrap_or_default()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.extend(ask.headers.clone());
        headers.insert(USER_AGENT, OURSELVES);
        headers.insert(ACCEPT, JSON);
        if body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        } else if takes_a_body(&ask.method) {
            // Without it Graph answers 411 (microsoft-graph-docs#2262, read 2026-11), and what
            // sends the request leaves it out of an empty one.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        headers.insert(AUTHORIZATION, authorization);
        // Vendor support finds a request by it (Learn, "Best practices", reliability and support).
        if let Ok(id) = HeaderValue::from_str(&random_id(self.entropy.as_ref())) {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        Ok(request)
    }
}

const fn takes_a_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// What Graph said, in one clause: codes, message, whose words they are, and the request's name.
fn detail(answer: &Answer, told: &Told) -> String {
    let mut text = match told.codes.is_empty() {
        true => answer.status.canonical_reason().unwrap_or("refused").to_owned(),
        false => told.codes.join(", "),
    };
    if let Some(external) = &told.external {
        let source = external.source.as_deref().unwrap_or("a workforce integration");
        text = format!("{text}: `{source}` says: {}", external.message);
    } else if !told.message.is_empty() {
        text = format!("{text}: {}", told.message);
    }
    let request = answer.headers.get(REQUEST_ID).and_then(|it| it.to_str().ok());
    match request {
        Some(id) => format!("{text} (request {})", short(id)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn an_id_of_only_dots_does_not_climb() {
        for (id, expected) in [("..", "%2E%2E"), (".", "%2E"), ("a..b", "a..b"), ("..a", "..a")] {
            assert_eq!(segment(id).to_string(), expected);
        }
    }
}
