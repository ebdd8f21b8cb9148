//! One method per request of the contract.
//!
//! Nothing is followed; what only reads is sent again a few times when the system is not ready or
//! asks to wait ([`super::pace`]). A command is sent once per call: whoever has its key decides
//! about sending it again.

use std::sync::Arc;

use bytes::Bytes;
use engine::port::{Clock, Entropy, Failure, FailureClass};
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::classify::{Effect, class_of, class_of_error};
use super::map::{Capabilities, capabilities};
use super::pace::{ATTEMPTS_MAX, Pace};
use super::wire::{WireCapabilities, WireEligible, WireError, WirePage, WireVerdict};
use crate::transport::{Answer, HttpClient, retry_after};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("Rotabridge/", env!("CARGO_PKG_VERSION")));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of the system's own words that are repeated.
const WORDS_MAX: usize = 200;

/// RFC 3986 §2.3: what stands for itself in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One system, over one connection.
#[derive(Debug)]
pub struct Wfm {
    http: HttpClient,
    base: String,
    authorization: Option<HeaderValue>,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

/// Which part of the schedule is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What lies in time overlaps this.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Entities on one page.
    pub limit: u32,
    /// Only what changed.
    pub changed: Option<ChangedSince>,
    /// Which page, unless it is the first.
    pub page: Option<String>,
    /// The entity tag of the listing that we have.
    pub known: Option<String>,
}

/// Since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedSince {
    /// Since the listing that gave this token.
    Token(String),
    /// Edited at this instant or later.
    Edited(Timestamp),
}

/// A page, or that nothing changed since the listing that we have.
#[derive(Debug, Clone)]
pub enum PageAnswer {
    /// HTTP 304.
    Unchanged,
    /// A page.
    Page {
        /// What it says.
        page: WirePage,
        /// The entity tag of its listing.
        tag: Option<String>,
        /// How long it was.
        bytes: usize,
    },
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `GET` or `POST`.
    pub method: Method,
    /// Below the base, with its `/` and its query.
    pub path: String,
    /// Beside those that every request has.
    pub headers: HeaderMap,
    /// JSON, if there is one.
    pub body: Option<Bytes>,
    /// What it may do.
    pub effect: Effect,
    /// A verb clause for messages.
    pub operation: String,
}

impl Ask {
    /// A read.
    pub fn get(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
            body: None,
            effect: Effect::Reads,
            operation: operation.into(),
        }
    }

    /// Something that is sent, and whether it may change anything.
    pub fn post(path: &str, body: &impl Serialize, effect: Effect, operation: &str) -> Self {
        // Our own types have no maps with keys that are no texts.
        let body = serde_json::to_vec(body).unwrap_or_default();
        let (method, body) = (Method::POST, Some(body.into()));
        let (path, operation) = (path.to_owned(), operation.to_owned());
        Self { method, path, headers: HeaderMap::new(), body, effect, operation }
    }

    /// Under this key.
    pub fn keyed(mut self, key: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(key) {
            self.headers.insert(IDEMPOTENCY_KEY, value);
        }
        self
    }

    fn failure(&self, class: FailureClass, status: Option<u16>, detail: String) -> Failure {
        Failure { class, operation: self.operation.clone(), status, detail }
    }
}

impl Query {
    /// What is asked for, below the base.
    pub fn path(&self) -> String {
        let Self { from, until, limit, changed, page, known: _ } = self;
        let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
        let (from, until) = (encode(&from.to_string()), encode(&until.to_string()));
        let mut path = format!("/schedule?from={from}&until={until}&limit={limit}");
        match changed {
            None => {}
            Some(ChangedSince::Token(token)) => path.push_str(&format!("&since={}", encode(token))),
            Some(ChangedSince::Edited(at)) => {
                path.push_str(&format!("&edited_since={}", encode(&at.to_string())));
            }
        }
        if let Some(page) = page {
            path.push_str(&format!("&page={}", encode(page)));
        }
        path
    }
}

impl Wfm {
    /// `base` is the path below which the contract lies; `per_minute` what the operator said.
    pub(super) fn new(
        http: HttpClient,
        base: &str,
        authorization: Option<HeaderValue>,
        per_minute: Option<u32>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let pace = Pace::new(Arc::clone(&clock), entropy, per_minute);
        let base = base.trim_end_matches('/').to_owned();
        Self { http, base, authorization, pace, clock }
    }

    /// Asks what the system chose of the contract.
    ///
    /// # Errors
    /// [`Failure`]; `Unsupported` when it chose what we cannot work with.
    pub async fn capabilities(&self) -> Result<(Capabilities, Answer), Failure> {
        let ask = Ask::get("/capabilities", "read the capabilities");
        let answer = self.read(&ask).await?;
        let wire: WireCapabilities = json(&ask, &answer)?;
        let read = capabilities(wire).map_err(|wrong| {
            let detail = format!("`{}` {}", wrong.field, wrong.message);
            ask.failure(FailureClass::Unsupported, Some(200), detail)
        })?;
        self.pace.declared(read.requests_per_minute);
        Ok((read, answer))
    }

    /// Asks for one page of a listing.
    ///
    /// # Errors
    /// [`Failure`]: `DeltaExpired` when the token is not good any more, `Precondition` when the
    /// snapshot is not kept any more.
    pub async fn page(&self, query: &Query) -> Result<PageAnswer, Failure> {
        let mut ask = Ask::get(query.path(), "list the schedule");
        if let Some(known) = query.known.as_ref().and_then(|it| HeaderValue::from_str(it).ok()) {
            ask.headers.insert(IF_NONE_MATCH, known);
        }
        let answer = self.read(&ask).await?;
        if answer.status == 304 {
            return Ok(PageAnswer::Unchanged);
        }
        let tag = answer.headers.get(ETAG).and_then(|it| it.to_str().ok()).map(str::to_owned);
        Ok(PageAnswer::Page { page: json(&ask, &answer)?, tag, bytes: answer.body.len() })
    }

    /// Has something decided, once.
    ///
    /// # Errors
    /// [`Failure`]: `Unknown` when there is no answer, and it may have been carried out.
    pub async fn decide(&self, ask: &Ask, deadline: Instant) -> Result<WireVerdict, Failure> {
        self.pace.turn().await;
        json(ask, &self.once(ask, deadline).await?)
    }

    /// Asks who or what could be chosen.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn eligible(&self, question: &impl Serialize) -> Result<WireEligible, Failure> {
        let operation = "ask who or what could be chosen";
        let ask = Ask::post("/eligibility", question, Effect::Reads, operation);
        json(&ask, &self.read(&ask).await?)
    }

    /// Waits before a command is sent again.
    pub async fn pause(&self, attempt: u32) {
        self.pace.pause(attempt).await;
    }

    /// When a request that starts now has to be answered.
    pub fn deadline(&self) -> Instant {
        self.http.deadline()
    }

    /// Sends what may be sent again, until there is an answer.
    async fn read(&self, ask: &Ask) -> Result<Answer, Failure> {
        let mut attempt = 0;
        loop {
            self.pace.turn().await;
            let failure = match self.once(ask, self.deadline()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            let again = match &failure.class {
                FailureClass::Throttled { retry_after, .. } => {
                    self.pace.close(*retry_after, attempt)
                }
                FailureClass::Unavailable => {
                    if attempt < ATTEMPTS_MAX {
                        self.pace.pause(attempt).await;
                    }
                    true
                }
                FailureClass::Unknown
                | FailureClass::Precondition
                | FailureClass::Duplicate { .. }
                | FailureClass::Missing
                | FailureClass::CalendarMissing
                | FailureClass::DeltaExpired
                | FailureClass::TooLate
                | FailureClass::Unauthorised
                | FailureClass::Forbidden
                | FailureClass::OwnerMissing
                | FailureClass::Refused
                | FailureClass::Unsupported
                | FailureClass::Bug => false,
            };
            if !again || attempt >= ATTEMPTS_MAX {
                return Err(failure);
            }
        }
    }

    async fn once(&self, ask: &Ask, deadline: Instant) -> Result<Answer, Failure> {
        let answer = self.exchange(ask, deadline).await.map_err(|error| {
            ask.failure(class_of_error(ask.effect, &error), None, error.to_string())
        })?;
        if answer.status.is_success() || answer.status == 304 {
            return Ok(answer);
        }
        let status = answer.status.as_u16();
        let told: WireError = serde_json::from_slice(&answer.body).unwrap_or_default();
        let wait = retry_after(&answer.headers, self.clock.machine());
        let class = class_of(ask.effect, status, told.code.as_deref(), wait);
        Err(ask.failure(class, Some(status), detail(&answer, &told)))
    }

    /// One exchange, whatever its status.
    ///
    /// # Errors
    /// [`SendError`](crate::transport::SendError) when there is no answer.
    pub async fn exchange(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<Answer, crate::transport::SendError> {
        let mut request = Request::new(Full::new(ask.body.clone().unwrap_or_default()));
        *request.method_mut() = ask.method.clone();
        let path = format!("{}{}", self.base, ask.path);
        *request.uri_mut() = Uri::try_from(path).map_err(|error| {
            crate::transport::SendError::NotSent { detail: format!("path: {error}") }
        })?;
        let headers = request.headers_mut();
        headers.extend(ask.headers.clone());
        headers.insert(USER_AGENT, OURSELVES);
        headers.insert(ACCEPT, JSON);
        if ask.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.http.send_until(deadline, request).await
    }
}

/// Reads a body.
fn json<T: DeserializeOwned>(ask: &Ask, answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let class = match ask.effect {
            Effect::Reads => FailureClass::Bug,
            Effect::Decides => FailureClass::Unknown,
        };
        // Without serde's words where they could repeat values.
        let detail = match looks_like(answer) {
            Some(what) => format!("{what}; expected JSON: is `url` right?"),
            None => format!(
                "the answer is not what the contract describes ({:?} at line {} column {}); \
                 `rotabridge wfm check` says more",
                error.classify(),
                error.line(),
                error.column()
            ),
        };
        ask.failure(class, Some(answer.status.as_u16()), detail)
    })
}

/// What came instead of JSON, where that is plain.
fn looks_like(answer: &Answer) -> Option<&'static str> {
    let start = answer.body.iter().find(|it| !it.is_ascii_whitespace());
    match start {
        None => Some("the answer is empty"),
        Some(b'<') => Some("the answer is a web page"),
        Some(_) => None,
    }
}

/// What the system said, in one clause.
fn detail(answer: &Answer, told: &WireError) -> String {
    if answer.status.is_redirection() {
        let to = answer.headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let to = to.and_then(|it| url::Url::parse(it).ok());
        let to = to.map_or("another place".to_owned(), |it| it.origin().ascii_serialization());
        return format!("it redirects to {to}; name the final address in `url`");
    }
    let reason = answer.status.canonical_reason().unwrap_or("refused");
    match (&told.code, &told.message) {
        (Some(code), Some(message)) => format!("{}: {}", plain(code), plain(message)),
        (Some(words), None) | (None, Some(words)) => plain(words),
        (None, None) => match looks_like(answer) {
            Some(what) if !answer.body.is_empty() => format!("{reason}: {what}"),
            Some(_) | None => reason.to_owned(),
        },
    }
}

fn plain(words: &str) -> String {
    words.chars().map(|it| if it.is_control() { ' ' } else { it }).take(WORDS_MAX).collect()
}
