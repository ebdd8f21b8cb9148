//! Signing in: one token per connection, kept in memory, renewed ahead of its end.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::limits::TOKEN_BYTES_MAX;
use engine::port::{Clock, Failure, FailureClass, QuotaScope};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::classify::unsent;
use super::wire::{Grant, TokenRefusal, short};
use crate::ConnectionError;
use crate::secret::read_secret;
use crate::transport::{HttpClient, retry_after};

/// How long before its end a token is not used any more, or a tenth of its life if that is less.
const MARGIN: SignedDuration = SignedDuration::from_secs(300);
/// The shortest life that can be set on an OAuth client, believed when the answer names none.
const LIFETIME_ASSUMED: u64 = 300;

/// A token that is held.
#[derive(Clone)]
pub(super) struct Token {
    pub authorization: HeaderValue,
    number: u64,
    good_until: Timestamp,
}

/// The one who keeps the token of a connection.
pub(super) struct SignIn {
    http: HttpClient,
    path: String,
    client_id: String,
    secret_file: PathBuf,
    base: PathBuf,
    clock: Arc<dyn Clock>,
    turn: tokio::sync::Mutex<()>,
    held: Mutex<(u64, Option<Token>)>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

impl SignIn {
    pub fn new(
        http: HttpClient,
        (path, client_id): (String, String),
        (base, secret_file): (PathBuf, PathBuf),
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectionError> {
        // What cannot be read now is told now; it is read again for each sign-in.
        read_secret(&base, "client_secret_file", &secret_file)?;
        let (turn, held) = Default::default();
        Ok(Self { http, path, client_id, secret_file, base, clock, turn, held })
    }

    /// Which host is asked.
    pub fn host(&self) -> &str {
        self.http.host()
    }

    /// The token that is held, or a new one.
    ///
    /// # Errors
    /// When one cannot sign in.
    pub async fn token(&self) -> Result<Token, Failure> {
        if let Some(token) = self.good() {
            return Ok(token);
        }
        let _turn = self.turn.lock().await;
        if let Some(token) = self.good() {
            return Ok(token);
        }
        let (authorization, good_until) = self.ask().await?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 += 1;
        let token = Token { authorization, number: held.0, good_until };
        held.1 = Some(token.clone());
        Ok(token)
    }

    /// Drops a token that was refused.
    pub fn refused(&self, token: &Token) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.1.as_ref().is_some_and(|it| it.number == token.number) {
            held.1 = None;
        }
    }

    fn good(&self) -> Option<Token> {
        let now = self.clock.now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.1.clone().filter(|it| now < it.good_until)
    }

    async fn ask(&self) -> Result<(HeaderValue, Timestamp), Failure> {
        const OPERATION: &str = "sign in";
        let failure = |class, status, detail: String| Failure {
            class,
            operation: OPERATION.into(),
            status,
            detail,
        };
        let secret = read_secret(&self.base, "client_secret_file", &self.secret_file)
            .map_err(|error| failure(FailureClass::Unauthorised, None, error.to_string()))?;
        let basic = STANDARD.encode(format!("{}:{}", self.client_id, secret.expose_secret()));
        let mut basic = HeaderValue::try_from(format!("Basic {basic}"))
            .map_err(|error| failure(FailureClass::Bug, None, error.to_string()))?;
        basic.set_sensitive(true);
        let request = Request::post(self.path.as_str())
            .header(AUTHORIZATION, basic)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from_static(b"grant_type=client_credentials")))
            .map_err(|error| failure(FailureClass::Bug, None, error.to_string()))?;
        let now = self.clock.now();
        // A sign-in that was not answered did no harm: it is asked for again.
        let answer = self.http.send(request).await.map_err(|error| {
            let Failure { detail, .. } = unsent(&error, OPERATION);
            failure(FailureClass::Unavailable, None, detail)
        })?;
        let status = Some(answer.status.as_u16());
        if !answer.status.is_success() {
            let told: TokenRefusal = serde_json::from_slice(&answer.body).unwrap_or_default();
            let class = match answer.status.as_u16() {
                429 => FailureClass::Throttled {
                    retry_after: retry_after(&answer.headers, now),
                    scope: QuotaScope::Connection,
                },
                500.. => FailureClass::Unavailable,
                _ => FailureClass::Unauthorised,
            };
            let description = told.description.or(told.error_description);
            let words = [told.error, description].into_iter().flatten();
            let words = short(&words.collect::<Vec<_>>().join(": "));
            let hint = "check `client_id`, `client_secret_file` and `region`";
            return Err(failure(class, status, format!("refused ({words}); {hint}")));
        }
        let grant: Option<Grant> = serde_json::from_slice(&answer.body).ok();
        let grant = grant.filter(|it| it.access_token.len() <= TOKEN_BYTES_MAX);
        let no_token = || {
            let detail = "the answer holds no token; is this the sign-in's address?".into();
            failure(FailureClass::Bug, status, detail)
        };
        let Grant { access_token, expires_in } = grant.ok_or_else(no_token)?;
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {access_token}")).map_err(|_| no_token())?;
        bearer.set_sensitive(true);
        let seconds = expires_in.unwrap_or(LIFETIME_ASSUMED).min(172_800);
        let life = SignedDuration::from_secs(seconds.try_into().unwrap_or(0));
        let good = life - (life / 10).min(MARGIN);
        Ok((bearer, now.saturating_add(good).unwrap_or(now)))
    }
}
