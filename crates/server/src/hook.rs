//! `/hooks/{connection}`: vendors' hints that something changed.
//!
//! Only the way in: which connection is meant, how much is read and for how long, and whether a
//! notice knows the secret of the subscription that it names. What it says is the connector's to
//! read ([`Hooks`]); what is done about it is [`HintTaker`]'s, later and elsewhere: the vendor is
//! answered at once. A hint asks for a look and for nothing else, so that a lost one costs time
//! and a forged one nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use domain::ConnectionName;
use domain::limits::{HOOK_BYTES_MAX, HOOK_LOOKUP_IDS_MAX};
use engine::port::{
    HookCall, HookMessage, Hooks, InboundReply, KeptSubscription, Notice, NoticeKind, Proof,
    StoreError, Topic,
};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::callback::first_of_each;
use crate::error::{ApiError, Code};
use crate::state::ServerState;

/// One hint that showed where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What it is about.
    pub topic: Topic,
    /// The vendor's id of the subscription; `None` where the message itself is signed.
    pub subscription: Option<String>,
    /// What is to be done.
    pub what: NoticeKind,
}

/// Does what hints ask for.
pub trait HintTaker: Send + Sync {
    /// Takes one hint. Must not block.
    fn take(&self, hint: Hint);
}

/// Who reads and who takes the hints of one connection.
#[derive(Clone)]
pub struct HookRoute {
    /// Speaks the vendor's language.
    pub hooks: Arc<dyn Hooks>,
    /// Looks again.
    pub taker: Arc<dyn HintTaker>,
}

/// The routes of all connections that vendors send hints to.
pub type HookRoutes = BTreeMap<ConnectionName, HookRoute>;

/// `POST /hooks/{connection}`.
pub(crate) async fn hook(
    State(state): State<Arc<ServerState>>,
    Path(connection): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let refuse = |code| ApiError::new(code, &*state.entropy);
    let connection = ConnectionName::new(&connection).map_err(|_| refuse(Code::NotFound))?;
    let route = state.hooks.get(&connection).ok_or_else(|| refuse(Code::NotFound))?;
    let (head, body) = request.into_parts();
    let body = state.callback_bodies.read(&head.extensions, body, HOOK_BYTES_MAX).await;
    let body = body.map_err(refuse)?;
    let query = head.uri.query().unwrap_or_default().to_owned();
    let headers = first_of_each(&head.headers);
    let HookMessage { reply, notices } =
        route.hooks.read(&HookCall { query, headers, body: body.into() });
    if notices.is_empty() {
        return Ok(response(reply));
    }
    let told = notices.len();
    let hints = admitted(&state, &connection, notices).await;
    let hints = hints.map_err(|_| refuse(Code::StoreUnavailable))?;
    let outcome = if hints.is_empty() { "refused" } else { "taken" };
    let name = connection.to_string();
    metrics::counter!("rotabridge_hints_total", "connection" => name, "outcome" => outcome)
        .increment(if hints.is_empty() { told } else { hints.len() } as u64);
    if hints.is_empty() {
        return Err(refuse(Code::NotFound));
    }
    hints.into_iter().for_each(|hint| route.taker.take(hint));
    Ok(response(reply))
}

/// The notices that show where they come from, as hints.
async fn admitted(
    state: &ServerState,
    connection: &ConnectionName,
    notices: Vec<Notice>,
) -> Result<Vec<Hint>, StoreError> {
    let mut ids: Vec<String> = notices.iter().filter_map(named).collect();
    ids.sort();
    ids.dedup();
    let mut kept = Vec::with_capacity(ids.len());
    for ids in ids.chunks(HOOK_LOOKUP_IDS_MAX) {
        // Who sends this has shown nothing yet: it waits among the others of whom that is true.
        let _turn = state.lookups.acquire().await;
        kept.extend(state.store.subscriptions_at(connection, ids).await?);
    }
    Ok(notices.iter().filter_map(|notice| admit(notice, &kept)).collect())
}

/// The subscription that a notice names, if that can be one of ours.
fn named(notice: &Notice) -> Option<String> {
    match &notice.proof {
        Proof::Subscription { id, .. } if !id.contains(char::is_control) => Some(id.clone()),
        Proof::Subscription { .. } | Proof::Signed => None,
    }
}

fn admit(notice: &Notice, kept: &[KeptSubscription]) -> Option<Hint> {
    let what = notice.what;
    match &notice.proof {
        Proof::Signed => Some(Hint { topic: Topic::Source, subscription: None, what }),
        Proof::Subscription { id, secret } => {
            let kept = kept.iter().find(|it| it.subscription.id == *id)?;
            let hash = secret_hash(secret.expose_secret());
            let same = bool::from(kept.secret_hash.ct_eq(&hash));
            let hint = || Hint { topic: kept.topic.clone(), subscription: Some(id.clone()), what };
            same.then(hint)
        }
    }
}

/// What is kept of a subscription's secret.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// What a handshake asks to be said again is text, whoever looks at it.
fn response(reply: InboundReply) -> Response {
    const TEXT: (HeaderName, HeaderValue) =
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    const NOSNIFF: (HeaderName, HeaderValue) =
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let InboundReply { status, body } = reply;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [TEXT, NOSNIFF], Body::from(body)).into_response()
}
