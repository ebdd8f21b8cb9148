//! Signing in: one token per connection, kept in memory, renewed ahead of its end.
//!
//! - Whoever needs a token takes the one that is held. One task at a time asks for a new one,
//!   however many wait for it; they share its outcome, also a failure.
//! - Ahead of the end one task is started that renews; nobody waits for it, and when it fails the
//!   token that is held goes on being used.
//! - A token that Graph refuses is dropped once, by the first who meets the refusal.
//!
//! When to do what is decided in `token.rs`. Secrets and tokens are in no text that leaves here.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::limits::TOKEN_BYTES_MAX;
use engine::port::{Clock, Entropy, Failure, FailureClass, QuotaScope};
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::form_urlencoded;

use super::aadsts;
use super::client::GraphFailure;
use super::credential::{Credential, CredentialFiles};
use super::token::{Span, Standing, Token, standing};
use super::wire::{Grant, TokenRefusal, short};
use crate::ConnectionError;
use crate::transport::{Answer, HttpClient, http_date, retry_after};

/// How long nobody tries again to renew ahead after that failed.
const AHEAD_AGAIN: Duration = Duration::from_secs(30);
/// From which age on a token is renewed because it may lack a permission granted since.
const PERMISSIONS_STALE: Duration = Duration::from_secs(5 * 60);

/// A random id in the form of a GUID.
#[must_use]
pub(super) fn random_id(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign in: {what}")]
pub struct SignInError {
    /// What follows from it.
    pub class: FailureClass,
    /// What Entra answered.
    pub status: Option<u16>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: Option<String>,
}

impl SignInError {
    fn new(class: FailureClass, what: impl Into<String>) -> Self {
        Self { class, status: None, what: what.into(), mend: None }
    }

    /// The failure of the request that needed the token, which was not sent.
    pub(super) fn failure(&self, operation: &str) -> GraphFailure {
        let detail = match &self.mend {
            Some(mend) => format!("{self}; {mend}"),
            None => self.to_string(),
        };
        let (class, status) = (self.class.clone(), self.status);
        Failure { class, operation: operation.to_owned(), status, detail }.into()
    }
}

/// As whom and where one signs in.
#[derive(Debug)]
pub(super) struct Identity {
    /// The token endpoint's path.
    pub path: String,
    /// The whole address of it.
    pub endpoint: String,
    pub client_id: String,
    pub scope: String,
    pub files: CredentialFiles,
    pub base: PathBuf,
}

/// The one who keeps the token of a connection.
pub struct SignIn {
    http: HttpClient,
    identity: Identity,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Held by the one who asks.
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Token>,
    /// Whether it may lack a permission, and is to be renewed.
    stale: bool,
    /// Whether the last one was dropped because Graph refused it.
    refused: bool,
    tokens: u64,
    /// Requests for a token that came to an end.
    attempts: u64,
    failed: Option<SignInError>,
    ahead_after: Option<Timestamp>,
    skew: Option<SignedDuration>,
}

impl State {
    fn holds(&self, token: &Token) -> bool {
        self.held.as_ref().is_some_and(|it| it.number() == token.number())
    }

    fn standing(&self, now: Timestamp) -> Standing {
        let span = self.held.as_ref().map(Token::span);
        let span = span.map(|it| match self.stale {
            true => Span { renew_at: it.from, ..it },
            false => it,
        });
        standing(span, now)
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl SignIn {
    pub(super) fn new(
        http: HttpClient,
        identity: Identity,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (turn, state) = (Arc::default(), Mutex::default());
        Self { http, identity, clock, entropy, turn, state }
    }

    /// Requests for tokens sent since it was made.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.http.requests_sent()
    }

    /// How far our clock was ahead of Entra's when we last asked.
    #[must_use]
    pub fn skew(&self) -> Option<SignedDuration> {
        self.lock().skew
    }

    /// Reads the credential, as the next request for a token will.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn credential(&self) -> Result<Credential, ConnectionError> {
        self.identity.files.load(&self.identity.base)
    }

    pub(super) fn client_id(&self) -> &str {
        &self.identity.client_id
    }

    /// A token to send now, at the latest at `deadline`.
    ///
    /// # Errors
    /// When none is held and none can be had; everybody who waited for the same request gets the
    /// same error.
    pub async fn token(self: &Arc<Self>, deadline: Instant) -> Result<Token, SignInError> {
        let seen = {
            let state = self.lock();
            let now = self.clock.now();
            match (state.standing(now), state.held.clone()) {
                (Standing::Use, Some(token)) => return Ok(token),
                (Standing::UseAndRenew, Some(token)) => {
                    let may = state.ahead_after.is_none_or(|after| now >= after);
                    drop(state);
                    if may {
                        self.renew_ahead();
                    }
                    return Ok(token);
                }
                (Standing::Wait, _) | (_, None) => state.attempts,
            }
        };
        let Ok(_turn) = tokio::time::timeout_at(deadline, self.turn.lock()).await else {
            let what = "somebody else's request for a token takes too long";
            return Err(SignInError::new(FailureClass::Unavailable, what));
        };
        if let Some(outcome) = self.outcome_since(seen) {
            return outcome;
        }
        self.renew(deadline).await
    }

    /// Graph refused `token`. Whether it is worth asking again with another one.
    pub(super) fn refused(&self, token: &Token) -> bool {
        let mut state = self.lock();
        if !state.holds(token) {
            // Somebody else met the same refusal earlier.
            return true;
        }
        let may = token.may_be_replaced(self.clock.now());
        if may {
            state.held = None;
            state.refused = true;
        }
        may
    }

    /// Graph says that `token` does not permit something. A permission granted after it was made
    /// is not in it: the next who needs one sees to a new one, if it is not fresh.
    pub(super) fn forbidden(&self, token: &Token) {
        let mut state = self.lock();
        let now = self.clock.now();
        let is_old = token.span().from.saturating_add(PERMISSIONS_STALE).is_ok_and(|it| now >= it);
        if is_old && state.holds(token) {
            state.stale = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of a request that somebody else made while we waited.
    fn outcome_since(&self, seen: u64) -> Option<Result<Token, SignInError>> {
        let state = self.lock();
        let held = state.held.as_ref().filter(|it| self.clock.now() < it.span().until);
        match held {
            Some(token) => Some(Ok(token.clone())),
            None if state.attempts > seen => state.failed.clone().map(Err),
            None => None,
        }
    }

    /// Renews without anybody waiting, unless somebody does already.
    fn renew_ahead(self: &Arc<Self>) {
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else {
            return;
        };
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _turn = turn;
            let standing = this.lock().standing(this.clock.now());
            if standing != Standing::Use {
                // A failure is kept in the state, and told to the next who waits.
                let _ = this.renew(this.http.deadline()).await;
            }
        });
    }

    /// Asks for a token, and keeps what comes of it. The caller has the turn.
    async fn renew(&self, deadline: Instant) -> Result<Token, SignInError> {
        let asked_at = self.clock.now();
        let outcome = self.ask(deadline).await;
        let mut state = self.lock();
        state.attempts += 1;
        let token = outcome.and_then(|grant| {
            let seconds = |it: u32| Duration::from_secs(it.into());
            let refresh_in = grant.refresh_in.map(|it| seconds(it.0));
            let span = Span::new(asked_at, seconds(grant.expires_in.0), refresh_in);
            state.tokens += 1;
            Token::new(state.tokens, span, state.refused, &grant.access_token).ok_or_else(|| {
                let what = "the token endpoint gave a token that no header can hold";
                SignInError::new(FailureClass::Bug, what)
            })
        });
        match token {
            Ok(token) => {
                state.held = Some(token.clone());
                (state.stale, state.refused) = (false, false);
                (state.failed, state.ahead_after) = (None, None);
                Ok(token)
            }
            Err(error) => {
                let wait = match &error.class {
                    FailureClass::Throttled { retry_after: Some(wait), .. } => *wait,
                    _ => AHEAD_AGAIN,
                };
                state.ahead_after = self.clock.now().saturating_add(wait).ok();
                state.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn ask(&self, deadline: Instant) -> Result<Grant, SignInError> {
        let credential = self
            .credential()
            .map_err(|error| SignInError::new(FailureClass::Unauthorised, error.to_string()))?;
        let request = self.request(&credential)?;
        let sent = self.http.send_until(deadline, request).await;
        let answer = sent.map_err(|error| {
            let mend = "check that this machine reaches `login_url`";
            let what = format!("no answer from `{}`: {error}", self.identity.endpoint);
            let error = SignInError::new(FailureClass::Unavailable, what);
            SignInError { mend: Some(mend.into()), ..error }
        })?;
        let date = answer.headers.get(DATE).and_then(|it| it.to_str().ok());
        if let Some(theirs) = date.and_then(http_date) {
            self.lock().skew = Some(self.clock.machine().duration_since(theirs));
        }
        if !answer.status.is_success() {
            return Err(self.explained(&answer, &credential));
        }
        let nonsense = |what: &str| {
            let status = Some(answer.status.as_u16());
            SignInError { status, ..SignInError::new(FailureClass::Bug, what) }
        };
        let grant: Grant = serde_json::from_slice(&answer.body)
            .map_err(|_| nonsense("the token endpoint answered something that is no token"))?;
        if grant.access_token.len() > TOKEN_BYTES_MAX {
            return Err(nonsense("the token endpoint gave an oversized token"));
        }
        Ok(grant)
    }

    fn request(&self, credential: &Credential) -> Result<Request<Full<Bytes>>, SignInError> {
        let bug = |what: String| SignInError::new(FailureClass::Bug, what);
        let Identity { path, endpoint, client_id, scope, files: _, base: _ } = &self.identity;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", client_id)
            .append_pair("scope", scope);
        match credential {
            Credential::Secret(secret) => {
                form.append_pair("client_secret", secret.expose_secret());
            }
            Credential::Certificate(certificate) => {
                let id = random_id(self.entropy.as_ref());
                let now = self.clock.machine();
                let assertion =
                    certificate.assertion(endpoint, client_id, &id, now).map_err(bug)?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.append_pair("client_assertion_type", kind)
                    .append_pair("client_assertion", assertion.expose_secret());
            }
        }
        Request::post(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header("client-request-id", random_id(self.entropy.as_ref()))
            .body(Full::new(form.finish().into()))
            .map_err(|error| bug(format!("the request for a token cannot be sent: {error}")))
    }

    /// What Entra's refusal means.
    fn explained(&self, answer: &Answer, credential: &Credential) -> SignInError {
        let status = answer.status.as_u16();
        let told: TokenRefusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        let number = told.number();
        let wait = retry_after(&answer.headers, self.clock.machine());
        let class = match status == 429 || (status == 503 && wait.is_some()) {
            true => FailureClass::Throttled { retry_after: wait, scope: QuotaScope::Connection },
            false => aadsts::class_of(status, number),
        };
        let explanation = number.and_then(aadsts::explain);
        let words = match explanation {
            Some(it) => it.what.to_owned(),
            None => match told.error_description.lines().next().or(Some(told.error.as_str())) {
                Some(text) if !text.is_empty() => short(&credential.redact(text)),
                _ => answer.status.canonical_reason().unwrap_or("refused").to_owned(),
            },
        };
        let what = match number {
            Some(number) if explanation.is_some() => format!("AADSTS{number}: {words}"),
            Some(_) | None => words,
        };
        let what = match &told.trace_id {
            Some(id) => format!("{what} (trace {})", short(&credential.redact(id))),
            None => what,
        };
        let mend = explanation.map(|it| it.mend.to_owned());
        SignInError { class, status: Some(status), what, mend }
    }
}
