//! A token, and when it is good for what. Pure.
//!
//! A token is renewed ahead of its end and is not used shortly before it: see [`standing`]. One
//! that Graph refuses is replaced, unless it is a replacement itself: see [`may_replace`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jiff::Timestamp;

use super::wire::Claims;

/// The longest time before its end at which a token is renewed; they live 60 to 90 minutes
/// (Learn, "Access tokens", token lifetime).
const AHEAD_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest time before its end from which on a token is not used any more: what is sent last
/// has to arrive, and clocks differ.
const MARGIN_MAX: Duration = Duration::from_secs(60);
/// A token that replaced a refused one, and is refused in this time too, is not the trouble.
const REPLACED_LATELY: Duration = Duration::from_secs(60);

/// When a token is good for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it was asked for.
    pub from: Timestamp,
    /// From here on it is renewed while it is used.
    pub renew_at: Timestamp,
    /// From here on it is not used.
    pub until: Timestamp,
}

impl Span {
    /// The span of a token asked for at `from` that lives for `lifetime`, and that Entra would
    /// like to see renewed after `refresh_in`, where it says so.
    #[must_use]
    pub fn new(from: Timestamp, lifetime: Duration, refresh_in: Option<Duration>) -> Self {
        let after = |duration: Duration| from.saturating_add(duration).unwrap_or(Timestamp::MAX);
        let ahead = lifetime.saturating_sub((lifetime / 4).min(AHEAD_MAX));
        Self {
            from,
            renew_at: after(refresh_in.map_or(ahead, |it| it.min(ahead))),
            until: after(lifetime.saturating_sub((lifetime / 10).min(MARGIN_MAX))),
        }
    }
}

/// What a task that needs a token does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Takes the one that is held.
    Use,
    /// Takes it, and sees to it that it is renewed.
    UseAndRenew,
    /// Waits for a new one.
    Wait,
}

/// Decides that at `now`, for the token that is held.
#[must_use]
pub fn standing(held: Option<Span>, now: Timestamp) -> Standing {
    match held {
        Some(span) if now < span.renew_at => Standing::Use,
        Some(span) if now < span.until => Standing::UseAndRenew,
        Some(_) | None => Standing::Wait,
    }
}

/// Whether a token that Graph refused is worth replacing at `now`: one that itself replaced a
/// refused one a moment ago is not, or a tenant that refuses us would be asked for ever.
#[must_use]
pub fn may_replace(span: Span, replaced_a_refused_one: bool, now: Timestamp) -> bool {
    !replaced_a_refused_one || now >= span.from.saturating_add(REPLACED_LATELY).unwrap_or(now)
}

/// A token that is held; a clone is the same one.
#[derive(Clone)]
pub struct Token(Arc<Held>);

struct Held {
    number: u64,
    span: Span,
    replaced_a_refused_one: bool,
    authorization: HeaderValue,
    claims: Claims,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("span", &self.0.span).finish_non_exhaustive()
    }
}

impl Token {
    /// `text` is the token as Entra gave it; `None` when no header can hold it. `number` tells it
    /// apart from others of the same connection.
    pub(super) fn new(
        number: u64,
        span: Span,
        replaced_a_refused_one: bool,
        text: &str,
    ) -> Option<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
        authorization.set_sensitive(true);
        let claims = claims(text);
        Some(Self(Arc::new(Held { number, span, replaced_a_refused_one, authorization, claims })))
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    pub(super) fn may_be_replaced(&self, now: Timestamp) -> bool {
        may_replace(self.0.span, self.0.replaced_a_refused_one, now)
    }

    /// The value of `Authorization`, marked so that nothing prints it.
    pub(super) fn authorization(&self) -> HeaderValue {
        self.0.authorization.clone()
    }

    /// What it says of us.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// When it is good for what.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.span
    }
}

/// Reads a token's payload. One that we cannot read says nothing; Graph may still take it.
fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).and_then(|it| URL_SAFE_NO_PAD.decode(it).ok());
    payload.and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default()
}
