//! The way to the vendor's API: the budget, the token, and a few more tries for what is only read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::limits::RETRY_AFTER_MAX;
use engine::port::{Clock, Entropy, Failure, FailureClass};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::Full;
use jiff::Timestamp;
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::budget::{Budget, Told};
use super::classify::{nonsense, refused, unsent};
use super::token::SignIn;
use crate::transport::{Answer, Dial, HttpClient, HttpOptions, PublicOnly};

/// How often something is asked that only reads, when there is hope.
const TRIES_MAX: u32 = 4;
/// The wait before the second try; it doubles.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// What a 429 that names no time is taken to ask for: the budget is one of minutes.
const WAIT_ASSUMED: Duration = Duration::from_secs(60);

/// One request.
pub(super) struct Ask {
    method: Method,
    /// Below `/api/v2/`, with its query.
    path: String,
    body: Option<Bytes>,
    /// What it is for: a verb clause.
    operation: String,
    /// Whether it changes nothing, and so may be sent again.
    reads: bool,
}

impl Ask {
    pub fn get(path: impl Into<String>, operation: impl Into<String>) -> Self {
        let (path, operation) = (path.into(), operation.into());
        Self { method: Method::GET, path, body: None, operation, reads: true }
    }

    /// A POST that only asks.
    pub fn question(
        path: impl Into<String>,
        body: &impl Serialize,
        operation: impl Into<String>,
    ) -> Self {
        Self { reads: true, ..Self::write(Method::POST, path, body, operation) }
    }

    pub fn write(
        method: Method,
        path: impl Into<String>,
        body: &impl Serialize,
        operation: impl Into<String>,
    ) -> Self {
        // Our own types: nothing in them refuses to be written.
        let body = serde_json::to_vec(body).ok().map(Bytes::from);
        Self { method, path: path.into(), body, operation: operation.into(), reads: false }
    }
}

/// One part of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
}

/// The way to one organisation.
pub(super) struct Client {
    http: HttpClient,
    /// The path of the API's address.
    base: String,
    /// The API's address.
    api: Url,
    sign_in: SignIn,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    budget: Mutex<Budget>,
    places: Semaphore,
    tls: Arc<ClientConfig>,
    options: HttpOptions,
    dial: Option<Arc<dyn Dial>>,
    /// The client of the place that results were last downloaded from.
    downloads: Mutex<Option<(String, Arc<HttpClient>)>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("http", &self.http).finish_non_exhaustive()
    }
}

/// What a client is made of.
pub(super) struct ClientParts {
    pub http: HttpClient,
    pub base: String,
    pub api: Url,
    pub sign_in: SignIn,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub requests_per_minute: u32,
    pub concurrency: usize,
    pub tls: Arc<ClientConfig>,
    pub options: HttpOptions,
    pub dial: Option<Arc<dyn Dial>>,
}

impl Client {
    pub fn new(parts: ClientParts) -> Self {
        let ClientParts { http, base, api, sign_in, clock, entropy, tls, options, dial, .. } =
            parts;
        Self {
            budget: Mutex::new(Budget::new(parts.requests_per_minute)),
            places: Semaphore::new(parts.concurrency),
            downloads: Mutex::new(None),
            http,
            base,
            api,
            sign_in,
            clock,
            entropy,
            tls,
            options,
            dial,
        }
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Sends a request and reads its answer.
    pub async fn json<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Failure> {
        let body = self.send(ask).await?;
        serde_json::from_slice(&body).map_err(|error| nonsense(&ask.operation, error))
    }

    /// Sends a request; the body of its answer.
    pub async fn send(&self, ask: &Ask) -> Result<Bytes, Failure> {
        let mut tries = 1;
        loop {
            let failure = match self.once(ask).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let wait = match &failure.class {
                // Not applied: whoever asks may ask again, once the budget is open.
                FailureClass::Throttled { .. } => Some(Duration::ZERO),
                FailureClass::Unavailable => Some(self.backoff(tries)),
                FailureClass::Unknown if ask.reads => Some(self.backoff(tries)),
                _ => None,
            };
            match wait.filter(|_| tries < TRIES_MAX) {
                Some(wait) => self.sleep(wait).await,
                None => return Err(failure),
            }
            tries += 1;
        }
    }

    fn backoff(&self, tries: u32) -> Duration {
        let longest = AGAIN_AFTER * 2u32.saturating_pow(tries - 1);
        let mut bytes = [0; 2];
        self.entropy.fill(&mut bytes);
        longest.mul_f64(0.5 + f64::from(u16::from_be_bytes(bytes)) / 131_072.0)
    }

    async fn sleep(&self, wait: Duration) {
        let until = self.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.clock.sleep_until(until).await;
    }

    async fn once(&self, ask: &Ask) -> Result<Bytes, Failure> {
        let place = self.places.acquire().await;
        let mut replaced = false;
        loop {
            let token = self.sign_in.token().await?;
            self.take_turn(&ask.operation).await?;
            let answer = self.exchange(ask, token.authorization.clone()).await;
            let now = self.clock.now();
            let told = answer.as_ref().ok().and_then(|it| Told::of(&it.headers, now));
            self.budget().give_back(told);
            let answer = answer?;
            if answer.status.is_success() {
                return Ok(answer.body);
            }
            let failure = refused(&answer, &ask.operation, now);
            if let FailureClass::Throttled { retry_after, .. } = &failure.class {
                let wait = retry_after.unwrap_or(WAIT_ASSUMED);
                self.budget().close(now.saturating_add(wait).unwrap_or(Timestamp::MAX));
            }
            if failure.class == FailureClass::Unauthorised && !replaced {
                self.sign_in.refused(&token);
                replaced = true;
                continue;
            }
            drop(place);
            return Err(failure);
        }
    }

    /// Waits for a turn in the budget.
    async fn take_turn(&self, operation: &str) -> Result<(), Failure> {
        let begun = self.clock.now();
        loop {
            let now = self.clock.now();
            let until = match self.budget().take(now) {
                Ok(()) => return Ok(()),
                Err(until) => until,
            };
            let longest = begun.saturating_add(RETRY_AFTER_MAX).unwrap_or(Timestamp::MAX);
            if until > longest {
                let wait = Duration::try_from(until.duration_since(now)).ok();
                return Err(Failure {
                    class: FailureClass::Throttled {
                        retry_after: wait,
                        scope: engine::port::QuotaScope::Connection,
                    },
                    operation: operation.into(),
                    status: None,
                    detail: format!("the budget of requests is closed until {until}"),
                });
            }
            self.clock.sleep_until(until).await;
        }
    }

    async fn exchange(
        &self,
        ask: &Ask,
        authorization: http::HeaderValue,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(format!("{}/api/v2/{}", self.base, ask.path))
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json");
        if ask.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(ask.body.clone().unwrap_or_default()))
            .map_err(|error| nonsense(&ask.operation, error))?;
        self.http.send(request).await.map_err(|error| unsent(&error, &ask.operation))
    }

    /// Reads what lies under a signed address: without our token, which is none of its business.
    pub async fn download<T: DeserializeOwned>(
        &self,
        address: &str,
        operation: &str,
    ) -> Result<T, Failure> {
        let url = Url::parse(address).map_err(|error| nonsense(operation, error))?;
        let client = self.client_of(&url, operation)?;
        let mut path = url.path().to_owned();
        if let Some(query) = url.query() {
            path = format!("{path}?{query}");
        }
        let mut tries = 1;
        loop {
            let request = Request::get(path.as_str())
                .header(ACCEPT, "application/json")
                .body(Full::default())
                .map_err(|error| nonsense(operation, error))?;
            let failure = match client.send(request).await {
                Ok(answer) if answer.status.is_success() => {
                    let read = serde_json::from_slice(&answer.body);
                    return read.map_err(|error| nonsense(operation, error));
                }
                // Whoever answers there is not the API: their words are not repeated.
                Ok(answer) => Failure {
                    detail: "from the address of a result".into(),
                    ..refused(&answer, operation, self.clock.now())
                },
                Err(error) => unsent(&error, operation),
            };
            let hopeful =
                matches!(failure.class, FailureClass::Unavailable | FailureClass::Unknown);
            if !hopeful || tries == TRIES_MAX {
                return Err(failure);
            }
            self.sleep(self.backoff(tries)).await;
            tries += 1;
        }
    }

    fn client_of(&self, url: &Url, operation: &str) -> Result<Arc<HttpClient>, Failure> {
        let Some(place) = place_of(url, &self.api) else {
            let detail = "the result's address is neither at the API nor `https` on port 443";
            return Err(nonsense(operation, detail));
        };
        let origin = url.origin().ascii_serialization();
        let mut kept = self.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, client)) = &*kept
            && *of == origin
        {
            return Ok(Arc::clone(client));
        }
        let client = HttpClient::new(url, Arc::clone(&self.tls), self.options.clone())
            .ok_or_else(|| nonsense(operation, "the result's address has no host"))?;
        let outside = || PublicOnly::unless_at(&self.api) as Arc<dyn Dial>;
        let dial = self.dial.clone().or_else(|| (place == Place::Outside).then(outside));
        let client = Arc::new(client.dialled_by(dial));
        *kept = Some((origin, Arc::clone(&client)));
        Ok(client)
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a result may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the API is; or both are on this machine, and the API is trusted there already.
    Own,
    /// Somewhere on the public internet.
    Outside,
}

/// Where a result lies; `None` when nothing is fetched from there.
pub(super) fn place_of(url: &Url, api: &Url) -> Option<Place> {
    let on_this_machine = |it: &Url| match it.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_web = matches!(url.scheme(), "http" | "https");
    if url.origin() == api.origin() || (is_web && on_this_machine(url) && on_this_machine(api)) {
        return Some(Place::Own);
    }
    let is_public = url.scheme() == "https" && url.port_or_known_default() == Some(443);
    is_public.then_some(Place::Outside)
}
