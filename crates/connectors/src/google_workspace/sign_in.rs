//! Signing in: one token per employee and set of scopes, kept in memory, renewed ahead of its end.
//!
//! - Whoever needs a token takes the one that is held. One task at a time asks for a new one for
//!   the same employee; those who wait share its outcome.
//! - Ahead of the end the first who comes renews; when that fails, the token that is held goes on
//!   being used.
//! - A token that Google refuses is dropped once, by the first who meets the refusal.
//!
//! Secrets and tokens are in no text that leaves here, and neither are addresses.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::limits::TOKEN_BYTES_MAX;
use engine::port::{Clock, Failure, FailureClass, QuotaScope};
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::form_urlencoded;

use super::classify::class_of_sign_in;
use super::scopes::Scopes;
use super::service_account::ServiceAccount;
use super::wire::{Grant, TokenRefusal};
use crate::ConnectionError;
use crate::transport::{HttpClient, http_date, retry_after};

/// How long before its end a token is renewed; they live an hour.
const AHEAD: Duration = Duration::from_secs(10 * 60);
/// How long before its end a token is not used any more: what is sent last has to arrive.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a refusal is believed without asking again: a cycle asks for many at once.
const REFUSAL_BELIEVED: Duration = Duration::from_secs(10);
/// Tokens that are kept before those that ended are looked for: at about 1,500 bytes each.
const KEPT_BEFORE_SWEEP: usize = 4096;
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInError {
    /// What follows from it.
    pub class: FailureClass,
    /// What the token endpoint answered.
    pub status: Option<u16>,
    /// The endpoint's word for it.
    pub code: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: Option<String>,
}

impl SignInError {
    fn new(class: FailureClass, what: impl Into<String>) -> Self {
        Self { class, status: None, code: String::new(), what: what.into(), mend: None }
    }

    /// The failure of the request that needed the token, which was not sent.
    pub fn failure(&self, operation: &str) -> Failure {
        let detail = match &self.mend {
            Some(mend) => format!("cannot sign in: {}; {mend}", self.what),
            None => format!("cannot sign in: {}", self.what),
        };
        let (class, status) = (self.class.clone(), self.status);
        Failure { class, operation: operation.to_owned(), status, detail }
    }
}

/// A token; a clone is the same one.
#[derive(Clone)]
pub struct Token {
    number: u64,
    renew_at: Timestamp,
    until: Timestamp,
    authorization: HeaderValue,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Token {
    /// The value of `Authorization`, marked so that nothing prints it.
    pub fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }
}

/// As whom, and for what.
type Whose = (Arc<str>, Scopes);

#[derive(Default)]
struct Slot {
    /// Held by the one who asks.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    refusal: Option<(Timestamp, SignInError)>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one who keeps the tokens of a connection.
pub struct SignIn {
    http: HttpClient,
    /// The token endpoint's path.
    path: String,
    base: PathBuf,
    file: PathBuf,
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<Whose, Arc<Slot>>>,
    numbered: AtomicU64,
    skew: Mutex<Option<SignedDuration>>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SignIn {
    pub(super) fn new(
        http: HttpClient,
        path: String,
        (base, file): (PathBuf, PathBuf),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (slots, numbered, skew) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Self { http, path, base, file, clock, slots, numbered, skew }
    }

    /// Requests for tokens sent since it was made.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.http.requests_sent()
    }

    /// How far our clock was ahead of Google's when we last asked.
    #[must_use]
    pub fn skew(&self) -> Option<SignedDuration> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the credential, as the next request for a token will.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn account(&self) -> Result<ServiceAccount, ConnectionError> {
        ServiceAccount::load(&self.base, &self.file)
    }

    /// A token to act as `user` now, at the latest at `deadline`.
    ///
    /// # Errors
    /// When none is held and none can be had.
    pub async fn token(
        &self,
        user: &Arc<str>,
        scopes: &Scopes,
        deadline: Instant,
    ) -> Result<Token, SignInError> {
        let slot = self.slot(user, scopes);
        let now = self.clock.now();
        let held = slot.lock().token.clone();
        match held {
            Some(token) if now < token.renew_at => return Ok(token),
            Some(token) if now < token.until => {
                let Ok(_turn) = slot.turn.try_lock() else { return Ok(token) };
                let renewed = self.renew(&slot, user, scopes, deadline).await;
                return Ok(renewed.unwrap_or(token));
            }
            Some(_) | None => {}
        }
        let Ok(_turn) = tokio::time::timeout_at(deadline, slot.turn.lock()).await else {
            let what = "somebody else's request for a token takes too long";
            return Err(SignInError::new(FailureClass::Unavailable, what));
        };
        let (held, refusal) = {
            let state = slot.lock();
            (state.token.clone(), state.refusal.clone())
        };
        let now = self.clock.now();
        if let Some(token) = held.filter(|it| now < it.until) {
            return Ok(token);
        }
        if let Some((_, error)) = refusal.filter(|(until, _)| now < *until) {
            return Err(error);
        }
        self.renew(&slot, user, scopes, deadline).await
    }

    /// Asks whether a token can be had, whatever is held: for `doctor`.
    ///
    /// # Errors
    /// When none can be had.
    pub async fn try_out(
        &self,
        user: &Arc<str>,
        scopes: &Scopes,
        deadline: Instant,
    ) -> Result<(), SignInError> {
        self.ask(user, scopes, deadline).await.map(drop)
    }

    /// Google refused `token`: it is not used again.
    pub fn refused(&self, user: &Arc<str>, scopes: &Scopes, token: &Token) {
        let slot = self.slot(user, scopes);
        let mut state = slot.lock();
        if state.token.as_ref().is_some_and(|it| it.number == token.number) {
            state.token = None;
        }
    }

    fn slot(&self, user: &Arc<str>, scopes: &Scopes) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT_BEFORE_SWEEP && slots.len().is_power_of_two() {
            let now = self.clock.now();
            slots.retain(|_, slot| {
                let is_good = slot.lock().token.as_ref().is_some_and(|it| now < it.until);
                is_good || Arc::strong_count(slot) > 1
            });
        }
        Arc::clone(slots.entry((Arc::clone(user), scopes.clone())).or_default())
    }

    /// Asks for a token, and keeps what comes of it. The caller has the turn.
    async fn renew(
        &self,
        slot: &Slot,
        user: &Arc<str>,
        scopes: &Scopes,
        deadline: Instant,
    ) -> Result<Token, SignInError> {
        let outcome = self.ask(user, scopes, deadline).await;
        let mut state = slot.lock();
        match &outcome {
            Ok(token) => {
                state.token = Some(token.clone());
                state.refusal = None;
            }
            Err(error) => {
                let until = self.clock.now().saturating_add(REFUSAL_BELIEVED);
                let is_refusal = matches!(
                    error.class,
                    FailureClass::Unauthorised
                        | FailureClass::Forbidden
                        | FailureClass::OwnerMissing
                );
                state.refusal = until.ok().filter(|_| is_refusal).map(|it| (it, error.clone()));
            }
        }
        outcome
    }

    async fn ask(
        &self,
        user: &Arc<str>,
        scopes: &Scopes,
        deadline: Instant,
    ) -> Result<Token, SignInError> {
        let account = self
            .account()
            .map_err(|error| SignInError::new(FailureClass::Unauthorised, error.to_string()))?;
        let asked_at = self.clock.now();
        let issued_at = self.clock.machine();
        let request = self.request(&account, user, scopes, issued_at)?;
        let sent = self.http.send_until(deadline, request).await;
        let answer = sent.map_err(|error| {
            let what = format!("no answer from the token endpoint: {error}");
            let mend = "check that this machine reaches `token_url`";
            let error = SignInError::new(FailureClass::Unavailable, what);
            SignInError { mend: Some(mend.into()), ..error }
        })?;
        let date = answer.headers.get(DATE).and_then(|it| it.to_str().ok());
        if let Some(theirs) = date.and_then(http_date) {
            let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
            *skew = Some(self.clock.machine().duration_since(theirs));
        }
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let told: TokenRefusal = serde_json::from_slice(&answer.body).unwrap_or_default();
            let wait = retry_after(&answer.headers, self.clock.machine());
            return Err(explained(status, told, wait, &account, scopes));
        }
        let nonsense = |what: &str| SignInError {
            status: Some(status),
            ..SignInError::new(FailureClass::Bug, what)
        };
        let grant: Grant = serde_json::from_slice(&answer.body)
            .map_err(|_| nonsense("the token endpoint answered something that is no token"))?;
        self.token_of(&grant, asked_at)
            .ok_or_else(|| nonsense("the token endpoint gave a token that no header can hold"))
    }

    fn request(
        &self,
        account: &ServiceAccount,
        user: &str,
        scopes: &Scopes,
        now: Timestamp,
    ) -> Result<Request<Full<Bytes>>, SignInError> {
        let bug = |what: String| SignInError::new(FailureClass::Bug, what);
        let assertion = account.assertion(user, &scopes.spelled(), now).map_err(bug)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", JWT_BEARER)
            .append_pair("assertion", assertion.expose_secret());
        Request::post(&self.path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(Full::new(form.finish().into()))
            .map_err(|error| bug(format!("the request for a token cannot be sent: {error}")))
    }

    fn token_of(&self, grant: &Grant, asked_at: Timestamp) -> Option<Token> {
        let Grant { access_token, expires_in } = grant;
        if access_token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {access_token}")).ok()?;
        authorization.set_sensitive(true);
        let lifetime = Duration::from_secs(*expires_in);
        let after = |it: Duration| asked_at.saturating_add(it).unwrap_or(Timestamp::MAX);
        Some(Token {
            number: self.numbered.fetch_add(1, Ordering::Relaxed),
            renew_at: after(lifetime.saturating_sub(AHEAD.min(lifetime / 4))),
            until: after(lifetime.saturating_sub(MARGIN.min(lifetime / 10))),
            authorization,
        })
    }
}

/// What the token endpoint's refusal means, and what to do about it.
fn explained(
    status: u16,
    told: TokenRefusal,
    wait: Option<Duration>,
    account: &ServiceAccount,
    scopes: &Scopes,
) -> SignInError {
    let TokenRefusal { error: code, error_description: text } = told;
    let class = class_of_sign_in(status, &code, &text);
    let class = match class {
        FailureClass::Throttled { retry_after: _, scope } => {
            FailureClass::Throttled { retry_after: wait, scope }
        }
        other => other,
    };
    let (what, mend) = match (code.as_str(), &class) {
        ("unauthorized_client", _) => (
            "domain-wide delegation does not cover the scopes".to_owned(),
            Some(format!(
                "in the Admin console (Security, API controls, Domain-wide delegation) enter \
                 client id `{}` with {}; it can take a day until it is in force",
                account.client_id,
                scopes.listed()
            )),
        ),
        ("invalid_grant", FailureClass::Forbidden | FailureClass::OwnerMissing) => (
            "Google knows no such user".to_owned(),
            Some(
                "check the employee's `google_id` or `email`: it must be the first address of a \
                 user of this Workspace, no alias and no group, and not suspended"
                    .to_owned(),
            ),
        ),
        ("invalid_grant", _) if text.contains("account not found") => (
            "Google knows no such service account".to_owned(),
            Some("it was deleted: make another one, and replace `service_account_file`".into()),
        ),
        ("invalid_grant", _) if text.contains("Signature") => (
            "the key in `service_account_file` is not one of the service account's".to_owned(),
            Some("its key was deleted: make another one, and replace the file".into()),
        ),
        ("invalid_grant", _) if text.contains("short-lived") => (
            "Google finds the assertion too old or too new".to_owned(),
            Some("set this machine's clock by NTP".into()),
        ),
        ("", _) => (format!("the token endpoint answered HTTP {status}"), None),
        (code, _) => {
            let code: String = code.chars().filter(|it| it.is_ascii_graphic()).take(60).collect();
            (format!("the token endpoint answered `{code}`"), None)
        }
    };
    SignInError { class, status: Some(status), code, what, mend }
}

/// The budget of signing in is that of the connection.
pub(super) const THROTTLED: FailureClass =
    FailureClass::Throttled { retry_after: None, scope: QuotaScope::Connection };
