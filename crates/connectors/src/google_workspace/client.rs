//! Authenticated exchanges with Google, alone or as a batch; the only decision is whether to ask
//! again after a 401.
//!
//! Nothing is followed, nothing is repeated but that: a request that Google refused for its token
//! was not acted on. It may have been counted, so asking again spends of the budgets, too. All of
//! that together has the time of one request, which is shorter than a lease.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use engine::port::{Clock, ETag, Entropy, Failure, FailureClass, QuotaScope};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::budget::{Budgets, TooLong};
use super::classify::{Asked, class_of, class_of_error, is_throttling};
use super::multipart::{self, Part};
use super::scopes::Scopes;
use super::sign_in::{SignIn, Token};
use super::wire::reason_of;
use crate::transport::{Answer, HttpClient, retry_after};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("Rotabridge/", env!("CARGO_PKG_VERSION")));
/// Requests in one batch: more than 50 are not advised, and the limit differs by product.
pub(super) const BATCH_MAX: usize = 50;
/// RFC 3986 §2.3: what stands for itself in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As whom a request is sent, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct As {
    pub user: Arc<str>,
    pub scopes: Scopes,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    method: Method,
    /// Below `/calendar/v3`, with its query.
    path: String,
    who: As,
    if_match: Option<ETag>,
    body: Result<Option<Bytes>, String>,
    pub asked: Asked,
    operation: String,
}

impl Ask {
    /// A request of a path made of `segments`. `operation` is a verb clause for messages:
    /// `` put an event into `…` ``.
    pub fn new(
        method: Method,
        segments: &[&str],
        who: &As,
        asked: Asked,
        operation: impl Into<String>,
    ) -> Self {
        let mut path = String::with_capacity(96);
        for segment in segments {
            // Writing to a text cannot fail. No id of Google's is of only dots.
            let _ = write!(path, "/{}", utf8_percent_encode(segment, SEGMENT));
        }
        let (who, operation) = (who.clone(), operation.into());
        Self { method, path, who, if_match: None, body: Ok(None), asked, operation }
    }

    /// Adds a query.
    pub fn query(mut self, parameters: &[(&str, &str)]) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        self.path = format!("{}?{}", self.path, query.finish());
        self
    }

    /// Only if it still has this etag.
    pub fn if_match(mut self, etag: &ETag) -> Self {
        self.if_match = Some(etag.clone());
        self
    }

    /// Gives it a body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).map_err(|error| error.to_string());
        self.body = body.map(|it| Some(it.into()));
        self
    }

    /// A failure of this request.
    pub fn failure(&self, class: FailureClass, detail: impl Into<String>) -> Failure {
        let (operation, detail) = (self.operation.clone(), detail.into());
        Failure { class, operation, status: None, detail }
    }

    fn headers(&self, token: &Token) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(AUTHORIZATION, token.authorization());
        headers.insert(ACCEPT, JSON);
        if let Some(etag) = &self.if_match {
            let value = HeaderValue::from_str(&etag.0).map_err(|_| {
                self.failure(FailureClass::Bug, "the etag cannot be sent in a header")
            })?;
            headers.insert(IF_MATCH, value);
        }
        Ok(headers)
    }
}

/// A success.
#[derive(Debug, Clone)]
pub(super) struct Done {
    body: Bytes,
    status: StatusCode,
}

impl Done {
    /// Reads the body.
    ///
    /// # Errors
    /// When it is something else: `Unknown` after a write, which was applied but whose effect we
    /// cannot read, and `Bug` after a read.
    pub fn json<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let class = match ask.asked.writes() {
                true => FailureClass::Unknown,
                false => FailureClass::Bug,
            };
            // Without serde's words: they repeat values, and those can be people's.
            let detail = format!(
                "the answer is not what Google describes ({:?} at line {} column {})",
                error.classify(),
                error.line(),
                error.column()
            );
            Failure { status: Some(self.status.as_u16()), ..ask.failure(class, detail) }
        })
    }
}

/// Google, as one service account that acts as many people.
#[derive(Debug)]
pub(super) struct Client {
    http: HttpClient,
    /// The path below which everything is, without `/` at its end; mostly empty.
    base: String,
    pub sign_in: SignIn,
    budgets: Budgets,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Client {
    pub fn new(
        (http, base): (HttpClient, String),
        sign_in: SignIn,
        budgets: Budgets,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { http, base, sign_in, budgets, clock, entropy }
    }

    /// Requests sent since it was made, those for tokens included. A batch is one.
    pub fn requests_sent(&self) -> u64 {
        self.http.requests_sent() + self.sign_in.requests_sent()
    }

    /// How many requests may go together.
    pub fn together_max(&self) -> usize {
        self.budgets.together_max()
    }

    /// When a request that starts now has to be answered.
    pub fn deadline(&self) -> tokio::time::Instant {
        self.http.deadline()
    }

    /// A random id.
    pub fn random_id(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Sends one request, and gives the answer if it is a success.
    ///
    /// # Errors
    /// [`Failure`], classified.
    pub async fn send(&self, ask: &Ask) -> Result<Done, Failure> {
        let token = self.token(ask).await?;
        let turn = self.budgets.turn(&ask.who.user, 1).await;
        let _turn = turn.map_err(|it| too_long(ask, it))?;
        let deadline = self.deadline();
        let answer = self.exchange(ask, &token, deadline).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return self.judged(ask, answer);
        }
        // Refused for its token, and so not acted on.
        self.sign_in.refused(&ask.who.user, &ask.who.scopes, &token);
        let token = self.token(ask).await?;
        let again = self.budgets.again(&ask.who.user, 1).await;
        again.map_err(|it| too_long(ask, it))?;
        let answer = self.exchange(ask, &token, deadline).await?;
        self.judged(ask, answer)
    }

    async fn token(&self, ask: &Ask) -> Result<Token, Failure> {
        let As { user, scopes } = &ask.who;
        let token = self.sign_in.token(user, scopes, self.deadline()).await;
        token.map_err(|error| error.failure(&ask.operation))
    }

    async fn exchange(
        &self,
        ask: &Ask,
        token: &Token,
        deadline: tokio::time::Instant,
    ) -> Result<Answer, Failure> {
        let bug = |detail: String| ask.failure(FailureClass::Bug, detail);
        let target = self.target(ask);
        let uri: Uri = target.parse().map_err(|error| bug(format!("path: {error}")))?;
        let body = ask.body.clone().map_err(bug)?;
        let mut request = Request::new(Full::new(body.clone().unwrap_or_default()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = ask.headers(token)?;
        request.headers_mut().insert(USER_AGENT, OURSELVES);
        if body.is_some() {
            request.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        let sent = self.http.send_until(deadline, request).await;
        sent.map_err(|error| ask.failure(class_of_error(&ask.asked, &error), error.to_string()))
    }

    fn target(&self, ask: &Ask) -> String {
        format!("{}/calendar/v3{}", self.base, ask.path)
    }

    fn judged(&self, ask: &Ask, answer: Answer) -> Result<Done, Failure> {
        let Answer { status, headers, body } = answer;
        if status.is_success() {
            return Ok(Done { body, status });
        }
        let code = status.as_u16();
        let reason = reason_of(&body);
        let wait = retry_after(&headers, self.clock.machine());
        let scope = match is_throttling(code, &reason) {
            true => self.budgets.exceeded(&ask.who.user),
            false => QuotaScope::Calendar,
        };
        let class = class_of(&ask.asked, (code, &reason), wait, scope);
        let detail = match reason.as_str() {
            "" => status.canonical_reason().unwrap_or("refused").to_owned(),
            reason => format!("Google says `{reason}`"),
        };
        Err(Failure { status: Some(code), ..ask.failure(class, detail) })
    }

    /// Sends several requests of one person in one, at most [`BATCH_MAX`]; one outcome for each, in
    /// the same order.
    pub async fn send_all(&self, asks: &[Ask]) -> Vec<Result<Done, Failure>> {
        let Some(first) = asks.first() else { return Vec::new() };
        if let [only] = asks {
            return vec![self.send(only).await];
        }
        let answer = match self.batch(first, asks).await {
            Ok(answer) => answer,
            Err(failure) => return asks.iter().map(|it| Err(like(&failure, it))).collect(),
        };
        if !answer.status.is_success() {
            let judged = |it| self.judged(it, answer.clone());
            return asks.iter().map(judged).collect();
        }
        let mut told = multipart::read(&answer);
        let mut outcomes = Vec::with_capacity(asks.len());
        for (number, ask) in asks.iter().enumerate() {
            outcomes.push(match told.remove(&number) {
                // The token ended on the way: this part was not acted on.
                Some(answer) if answer.status == StatusCode::UNAUTHORIZED => self.send(ask).await,
                Some(answer) => self.judged(ask, answer),
                None => {
                    let detail = "the batch was answered without an answer to this part of it";
                    Err(ask.failure(ask.asked.unanswered(), detail))
                }
            });
        }
        outcomes
    }

    async fn batch(&self, first: &Ask, asks: &[Ask]) -> Result<Answer, Failure> {
        let token = self.token(first).await?;
        let turn = self.budgets.turn(&first.who.user, asks.len()).await;
        let _turn = turn.map_err(|it| too_long(first, it))?;
        let deadline = self.deadline();
        let answer = self.exchange_batch(first, asks, &token, deadline).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.sign_in.refused(&first.who.user, &first.who.scopes, &token);
        let token = self.token(first).await?;
        let again = self.budgets.again(&first.who.user, asks.len()).await;
        again.map_err(|it| too_long(first, it))?;
        self.exchange_batch(first, asks, &token, deadline).await
    }

    async fn exchange_batch(
        &self,
        first: &Ask,
        asks: &[Ask],
        token: &Token,
        deadline: tokio::time::Instant,
    ) -> Result<Answer, Failure> {
        let bug = |detail: String| first.failure(FailureClass::Bug, detail);
        let mut parts = Vec::with_capacity(asks.len());
        for ask in asks {
            let mut headers = ask.headers(token)?;
            // That of the batch is every part's.
            headers.remove(AUTHORIZATION);
            let body = ask.body.as_ref().map_err(|error| bug(error.clone()))?.as_ref();
            let (method, target) = (ask.method.as_str(), self.target(ask));
            parts.push(Part { method, target, headers, body });
        }
        // Long enough at random that no text holds it.
        let boundary = format!("rotabridge-{}", self.random_id());
        let body = multipart::written(&parts, &boundary);
        let request = Request::post(format!("{}/batch/calendar/v3", self.base))
            .header(CONTENT_TYPE, format!("multipart/mixed; boundary={boundary}"))
            .header(AUTHORIZATION, token.authorization())
            .header(USER_AGENT, OURSELVES)
            .body(Full::new(body.into()))
            .map_err(|error| bug(format!("the batch cannot be sent: {error}")))?;
        let sent = self.http.send_until(deadline, request).await;
        sent.map_err(|error| first.failure(class_of_error(&first.asked, &error), error.to_string()))
    }
}

/// The failure of a whole batch, as that of one of its parts.
fn like(failure: &Failure, ask: &Ask) -> Failure {
    // Batches are of reads or of writes, so what became of one became of all.
    Failure { operation: ask.operation.clone(), ..failure.clone() }
}

fn too_long(ask: &Ask, TooLong { wait, scope }: TooLong) -> Failure {
    let class = FailureClass::Throttled { retry_after: Some(wait), scope };
    ask.failure(class, "the budget is spent; nothing was sent")
}
