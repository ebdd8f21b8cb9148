//! Requests to a Schedule API: a token when one is needed, patience when the server asks for it.
//!
//! One request at a time. An attempt that failed for reasons that pass is repeated with growing,
//! jittered waits; after several failures in a row nothing is sent for a while (the breaker), then
//! one request is let through to see.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::limits::RETRY_AFTER_MAX;
use engine::port::{Clock, Entropy, Failure, FailureClass};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::classify::{class_of_error, class_of_status, is_worth_repeating};
use super::wire::{Refusal, Token};
use crate::transport::{Answer, HttpClient, http_date, retry_after};

/// Attempts at one request.
const ATTEMPTS_MAX: u32 = 4;
/// First wait after an attempt that failed; doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest of them, where the server does not name a longer one.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Failed requests in a row after which nothing is sent for a while.
const FAILURES_MAX: u32 = 5;
/// How long, the first time; doubled while it does not help.
const OPEN_FIRST: Duration = Duration::from_secs(30);
/// And at most.
const OPEN_MAX: Duration = Duration::from_secs(10 * 60);
/// How long before its end a token is not used any more.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// Below this share of the requests of a stretch, what is left is spread over it.
const SLOW_BELOW: f64 = 0.2;

/// What a client is made of.
pub(super) struct Setup {
    pub http: HttpClient,
    /// Path of the server's address, without a `/` at its end.
    pub base_path: String,
    pub client_id: String,
    pub secret: SecretString,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// A client of one server.
pub(super) struct Client {
    setup: Setup,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Held>,
    /// Nothing is sent before this.
    next_at: Option<Timestamp>,
    failures: u32,
    open_until: Option<Timestamp>,
}

#[derive(Clone)]
struct Held {
    token: SecretString,
    scopes: Option<String>,
    until: Timestamp,
}

/// An answer that is of use.
pub(super) enum Got<T> {
    /// This, in so many bytes.
    Body(T, usize),
    /// Nothing changed.
    NotModified,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("http", &self.setup.http).finish_non_exhaustive()
    }
}

impl Client {
    pub fn new(setup: Setup) -> Self {
        Self { setup, state: Mutex::default() }
    }

    /// Which host is asked.
    pub fn host(&self) -> &str {
        self.setup.http.host()
    }

    /// The clock that waits are measured by.
    pub fn clock(&self) -> &dyn Clock {
        self.setup.clock.as_ref()
    }

    /// What the token is for, separated by spaces; `None` where the server does not say, because
    /// it is all that the client has.
    ///
    /// # Errors
    /// When there is no token to be had.
    pub async fn scopes(&self) -> Result<Option<String>, Failure> {
        Ok(self.token().await?.scopes)
    }

    /// The server's time, as its last answer said.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, Failure> {
        let answer = self.send("look whether the server is there", |setup| {
            let path = format!("{}/healthz", setup.base_path);
            Request::builder().method(Method::GET).uri(path)
        });
        let date = answer.await?.headers.get(DATE).and_then(|it| it.to_str().ok()).map(http_date);
        Ok(date.flatten())
    }

    /// Gets a path below the server's address, or one that the server named.
    ///
    /// # Errors
    /// When there is no answer of use.
    pub async fn get<T: DeserializeOwned>(
        &self,
        operation: &str,
        path: &str,
    ) -> Result<Got<T>, Failure> {
        let mut token = self.token().await?;
        let mut answer = self.get_with(operation, path, &token).await;
        if matches!(&answer, Err(failure) if failure.class == FailureClass::Unauthorised) {
            // It may have been revoked before its time: one more, with a new one.
            lock(&self.state).token = None;
            token = self.token().await?;
            answer = self.get_with(operation, path, &token).await;
        }
        let answer = answer?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Got::NotModified);
        }
        let body = serde_json::from_slice(&answer.body);
        body.map(|body| Got::Body(body, answer.body.len())).map_err(|error| Failure {
            class: FailureClass::Bug,
            operation: operation.to_owned(),
            status: Some(answer.status.as_u16()),
            detail: format!(
                "the answer is not what a Schedule API gives: line {}, column {}",
                error.line(),
                error.column()
            ),
        })
    }

    async fn get_with(&self, operation: &str, path: &str, token: &Held) -> Result<Answer, Failure> {
        let bearer = format!("Bearer {}", token.token.expose_secret());
        let bearer = sensitive(&bearer);
        self.send(operation, |setup| {
            let request = Request::builder().method(Method::GET);
            let request = request.uri(format!("{}{path}", setup.base_path));
            request.header(AUTHORIZATION, bearer.clone()).header(ACCEPT, "application/json")
        })
        .await
    }

    /// A token that is good for a while.
    async fn token(&self) -> Result<Held, Failure> {
        let now = self.setup.clock.now();
        if let Some(held) = lock(&self.state).token.clone().filter(|it| it.until > now) {
            return Ok(held);
        }
        let operation = "get an access token";
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let secret = encode(self.setup.secret.expose_secret());
        let pair = format!("{}:{secret}", encode(&self.setup.client_id));
        let basic = sensitive(&format!("Basic {}", STANDARD.encode(pair)));
        let answer = self.send_with(operation, b"grant_type=client_credentials", |setup| {
            let request = Request::builder().method(Method::POST);
            let request = request.uri(format!("{}/oauth/token", setup.base_path));
            let form = "application/x-www-form-urlencoded";
            request.header(AUTHORIZATION, basic.clone()).header(CONTENT_TYPE, form)
        });
        let answer = answer.await?;
        let unreadable = |_: serde_json::Error| Failure {
            class: FailureClass::Bug,
            operation: operation.to_owned(),
            status: Some(answer.status.as_u16()),
            detail: "the answer holds no token".to_owned(),
        };
        let token: Token = serde_json::from_slice(&answer.body).map_err(unreadable)?;
        let lasts = Duration::from_secs(token.expires_in).saturating_sub(TOKEN_MARGIN);
        let held = Held {
            token: token.access_token.into(),
            scopes: token.scope,
            until: now.saturating_add(lasts).unwrap_or(Timestamp::MAX),
        };
        lock(&self.state).token = Some(held.clone());
        Ok(held)
    }

    async fn send(
        &self,
        operation: &str,
        build: impl Fn(&Setup) -> http::request::Builder,
    ) -> Result<Answer, Failure> {
        self.send_with(operation, b"", build).await
    }

    /// Sends, again while that may help.
    async fn send_with(
        &self,
        operation: &str,
        body: &'static [u8],
        build: impl Fn(&Setup) -> http::request::Builder,
    ) -> Result<Answer, Failure> {
        self.breaker_lets_pass(operation)?;
        let attempts_max = self.attempts_max();
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.wait_for_turn().await;
            let request = build(&self.setup).body(Full::new(Bytes::from_static(body)));
            let request = request.map_err(|error| Failure {
                class: FailureClass::Bug,
                operation: operation.to_owned(),
                status: None,
                detail: error.to_string(),
            })?;
            let failure = match self.setup.http.send(request).await {
                Ok(answer) => {
                    self.heed(&answer.headers);
                    let fine =
                        answer.status.is_success() || answer.status == StatusCode::NOT_MODIFIED;
                    if fine {
                        self.succeeded();
                        return Ok(answer);
                    }
                    self.failure_of(operation, &answer)
                }
                Err(error) => Failure {
                    class: class_of_error(&error),
                    operation: operation.to_owned(),
                    status: None,
                    detail: error.to_string(),
                },
            };
            if !is_worth_repeating(&failure.class) {
                return Err(failure);
            }
            if attempt >= attempts_max {
                self.failed();
                return Err(failure);
            }
            self.back_off(attempt, &failure.class);
        }
    }

    fn failure_of(&self, operation: &str, answer: &Answer) -> Failure {
        let wait = retry_after(&answer.headers, self.setup.clock.machine());
        let told: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        // Codes and ids are ours to show; messages are somebody else's text.
        let plain = |text: &str| {
            let ok = |it: char| it.is_ascii_alphanumeric() || it == '_';
            text.chars().filter(|it| ok(*it)).take(64).collect::<String>()
        };
        let (code, context) = (plain(&told.code), plain(&told.context_id));
        Failure {
            class: class_of_status(answer.status, wait),
            operation: operation.to_owned(),
            status: Some(answer.status.as_u16()),
            detail: match code.is_empty() {
                true => "the server says no more".to_owned(),
                false => format!("`{code}`, known to the server as {context}"),
            },
        }
    }

    /// Slows down where little is left of what the server allows.
    fn heed(&self, headers: &HeaderMap) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
        let limit = number("x-ratelimit-limit");
        let left = number("x-ratelimit-remaining");
        let (Some(limit), Some(left), Some(reset)) = (limit, left, number("x-ratelimit-reset"))
        else {
            return;
        };
        let wait = spread(limit, left, Duration::from_secs(u64::from(reset)));
        let until = self.setup.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        lock(&self.state).next_at = Some(until).filter(|_| !wait.is_zero());
    }

    fn back_off(&self, attempt: u32, class: &FailureClass) {
        let doubled = BACKOFF_FIRST.saturating_mul(1 << attempt.min(16)).min(BACKOFF_MAX);
        let jittered = doubled.mul_f64(self.setup.entropy.fraction());
        let asked = if let FailureClass::Throttled { retry_after: Some(asked), .. } = class {
            *asked
        } else {
            Duration::ZERO
        };
        let wait = asked.min(RETRY_AFTER_MAX).saturating_add(jittered);
        let until = self.setup.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        let mut state = lock(&self.state);
        state.next_at = state.next_at.max(Some(until));
    }

    async fn wait_for_turn(&self) {
        let until = lock(&self.state).next_at.take();
        if let Some(until) = until.filter(|it| *it > self.setup.clock.now()) {
            self.setup.clock.sleep_until(until).await;
        }
    }

    fn breaker_lets_pass(&self, operation: &str) -> Result<(), Failure> {
        let now = self.setup.clock.now();
        let open_until = lock(&self.state).open_until.filter(|it| *it > now);
        let Some(until) = open_until else { return Ok(()) };
        Err(Failure {
            class: FailureClass::Unavailable,
            operation: operation.to_owned(),
            status: None,
            detail: format!("the server failed several times; it is left alone until {until}"),
        })
    }

    /// One, where it is to be seen whether the server is there again.
    fn attempts_max(&self) -> u32 {
        if lock(&self.state).failures >= FAILURES_MAX { 1 } else { ATTEMPTS_MAX }
    }

    fn failed(&self) {
        let mut state = lock(&self.state);
        state.failures = state.failures.saturating_add(1);
        if let Some(more) = state.failures.checked_sub(FAILURES_MAX) {
            let wait = OPEN_FIRST.saturating_mul(1 << more.min(16)).min(OPEN_MAX);
            state.open_until = self.setup.clock.now().saturating_add(wait).ok();
        }
    }

    fn succeeded(&self) {
        let mut state = lock(&self.state);
        (state.failures, state.open_until) = (0, None);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A header that is not shown in logs. What does not fit into one is left empty, and refused there.
fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// How long to wait before the next request, so that what is left lasts.
pub(super) fn spread(limit: u32, left: u32, reset: Duration) -> Duration {
    if f64::from(left) >= f64::from(limit) * SLOW_BELOW {
        return Duration::ZERO;
    }
    reset.min(RETRY_AFTER_MAX) / left.saturating_add(1)
}
