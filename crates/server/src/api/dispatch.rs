//! What every call has in common: who calls, how often, what is written down, how errors look.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use domain::limits::API_BODY_BYTES_MAX;
use engine::port::{ApiCall, ApiScope, ClientId, StoreError};
use http::header::{ALLOW, HeaderName, HeaderValue};
use http::{Extensions, HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::access::Caller;
use super::describe::Description;
use super::rate::{By, Standing};
use super::{Api, OPERATIONS};
use crate::error::{ApiError, Code, Detail};
use crate::state::ServerState;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Anybody.
    Nothing,
    /// Anybody, who shows a secret in the call itself.
    Secret,
    /// A client whose token holds this scope.
    Scope(ApiScope),
}

/// One endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    /// Its name, also in the audit.
    pub id: &'static str,
    /// Its method.
    pub verb: &'static str,
    /// Its path; `{id}` is the last part of it.
    pub path: &'static str,
    /// Who may call.
    pub needs: Needs,
    /// Answers a call.
    pub handle: fn(Arc<Api>, Call) -> Handling,
    /// Says what it takes and gives.
    pub describe: fn(&mut Description),
}

impl Operation {
    pub fn method(&self) -> Method {
        Method::from_bytes(self.verb.as_bytes()).unwrap_or(Method::GET)
    }
}

/// An answer that will be.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Result<Answer, Refused>> + Send>>;

/// One call.
pub(crate) struct Call {
    /// Who calls; nobody where anybody may.
    pub caller: Option<Arc<Caller>>,
    /// Its headers.
    pub headers: HeaderMap,
    /// What stands after `?`, as it came.
    pub query: String,
    /// What stands at the place of `{id}`.
    pub id: String,
    /// Its body.
    pub body: Bytes,
    /// When it came.
    pub now: Timestamp,
}

impl Call {
    /// Who calls, where a scope is needed.
    pub fn caller(&self) -> Result<&Arc<Caller>, Refused> {
        self.caller.as_ref().ok_or_else(|| Code::TokenMissing.into())
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What the call was about, for the audit.
    pub target: Option<String>,
    /// Whether it was written down together with what it did.
    pub audited: bool,
    /// Who showed in the call itself who they are.
    pub proven: Option<ClientId>,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { status, headers, body, target: None, audited: false, proven: None }
    }

    /// An answer with a JSON body.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }
            .with(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// The same with a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same about something.
    pub fn about(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }
}

/// Why a call is not answered.
#[derive(Debug)]
pub(crate) struct Refused {
    pub code: Code,
    pub details: Vec<Detail>,
    pub retry_after: Option<u64>,
    /// For the log.
    pub cause: Option<String>,
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self { code, details: Vec::new(), retry_after: None, cause: None }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self { cause: Some(error.to_string()), ..Code::StoreUnavailable.into() }
    }
}

impl Refused {
    /// About one place.
    pub fn at(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        let detail = Detail { field: field.into(), message: message.into() };
        Self { details: vec![detail], ..code.into() }
    }
}

/// The status of calls that are too many.
const TOO_MANY: u16 = StatusCode::TOO_MANY_REQUESTS.as_u16();

/// A whole answer that will be.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The handler of one endpoint.
pub(super) fn handler(
    operation: &'static Operation,
) -> impl Fn(State<Arc<ServerState>>, Request) -> Answering + Clone {
    move |State(state): State<Arc<ServerState>>, request: Request| {
        Box::pin(async move { answer(&state.api, operation, request).await })
    }
}

async fn answer(api: &Arc<Api>, operation: &'static Operation, request: Request) -> Response {
    let now = api.clock.now();
    let (head, body) = request.into_parts();
    let mut who = None;
    let known = match operation.needs {
        Needs::Nothing | Needs::Secret => Ok(()),
        Needs::Scope(_) => match api.access.caller(api.store.as_ref(), &head.headers, now).await {
            Ok(caller) => {
                who = Some(caller);
                Ok(())
            }
            Err(refused) => Err(refused),
        },
    };
    let by = match (who.as_deref(), operation.needs) {
        (Some(caller), _) => By::Client(&caller.client),
        (None, Needs::Secret) => By::Secret,
        (None, Needs::Nothing | Needs::Scope(_)) => By::Nobody,
    };
    let standing = api.rates.count(by, now);
    let answered = match known {
        _ if standing.is_over() && operation.needs != Needs::Secret => Err(too_often(&standing)),
        Err(refused) => Err(refused),
        Ok(()) => {
            let path = head.uri.path();
            let query = head.uri.query().unwrap_or_default().to_owned();
            let id = last_segment(operation, path);
            let (caller, headers) = (who.clone(), head.headers);
            let call = Call { caller, headers, query, id, body: Bytes::new(), now };
            match carry_out(api, operation, call, (&head.extensions, body)).await {
                // The right secret is always taken: nobody can keep a client out.
                Err(_) if standing.is_over() => Err(too_often(&standing)),
                answered => answered,
            }
        }
    };
    finish(api, operation, who, answered, &standing, now)
}

fn too_often(standing: &Standing) -> Refused {
    let retry_after = Some(standing.reset_seconds);
    Refused { retry_after, ..Code::RateLimited.into() }
}

async fn carry_out(
    api: &Arc<Api>,
    operation: &'static Operation,
    mut call: Call,
    (request, body): (&Extensions, Body),
) -> Result<Answer, Refused> {
    if let (Needs::Scope(scope), Some(caller)) = (operation.needs, &call.caller)
        && !caller.may(scope)
    {
        return Err(Refused::at(Code::InsufficientScope, "scope", format!("`{scope}` is needed")));
    }
    if operation.verb != "GET" {
        let intake = match operation.needs {
            Needs::Nothing | Needs::Secret => &api.token_bodies,
            Needs::Scope(_) => &api.bodies,
        };
        call.body = intake.read(request, body, API_BODY_BYTES_MAX).await?;
    }
    // A task of its own: a client that hangs up does not stop what has begun.
    let handling = (operation.handle)(Arc::clone(api), call);
    if operation.verb == "GET" {
        return handling.await;
    }
    match tokio::spawn(handling).await {
        Ok(answered) => answered,
        Err(error) => Err(Refused { cause: Some(error.to_string()), ..Code::Internal.into() }),
    }
}

/// What stands at the place of `{id}`, decoded; empty where the path has none, or it is no text.
fn last_segment(operation: &Operation, path: &str) -> String {
    let Some(prefix) = operation.path.strip_suffix("{id}") else { return String::new() };
    let raw = path.strip_prefix(prefix).unwrap_or_default();
    percent_decode_str(raw).decode_utf8().map(Into::into).unwrap_or_default()
}

fn finish(
    api: &Arc<Api>,
    operation: &'static Operation,
    who: Option<Arc<Caller>>,
    answered: Result<Answer, Refused>,
    standing: &Standing,
    now: Timestamp,
) -> Response {
    let client = who.map(|it| it.client.clone());
    let (status, told, mut response) = match answered {
        Ok(Answer { status, headers, body, target, audited, proven }) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            let told = (!audited).then_some((client.or(proven), target, None));
            (status, told, response)
        }
        Err(refused) => {
            let status = refused.code.status();
            let error = refused.into_error(api);
            let context = Some(error.context_id().to_owned());
            (status, Some((client, None, context)), error.into_response())
        }
    };
    let (operation, status) = (operation.id, status.as_u16());
    match told {
        None => {}
        // What costs nothing to send must not fill the disk.
        Some((client, _, _)) if client.is_none() || status == TOO_MANY => {
            api.audit.tally(client, operation, status, now);
        }
        Some((client, target, context)) => {
            let operation = operation.to_owned();
            api.audit.note(ApiCall { at: now, client, operation, target, status, context }, now);
        }
    }
    standing.put_into(response.headers_mut());
    response
}

impl Refused {
    /// As callers see it; what is ours to mend is logged.
    fn into_error(self, api: &Api) -> ApiError {
        let Self { code, details, retry_after, cause } = self;
        let error = ApiError::new(code, &*api.entropy).with(details, retry_after);
        if let Some(cause) = cause {
            let id = error.context_id();
            tracing::error!(context.id = %id, "request not answered: {cause}");
        }
        error
    }
}

/// Whether a path is one of the API's.
fn is_ours(path: &str) -> bool {
    path.starts_with("/api/v2/") || path.starts_with("/oauth/")
}

/// Answers a call to a path that the API does not have, or by a method that the path does not.
fn unknown_path(api: &Arc<Api>, code: Code) -> Response {
    let now = api.clock.now();
    let standing = api.rates.count(By::Nobody, now);
    let refused = if standing.is_over() { too_often(&standing) } else { code.into() };
    api.audit.tally(None, "unknown", refused.code.status().as_u16(), now);
    let mut response = refused.into_error(api).into_response();
    standing.put_into(response.headers_mut());
    response
}

/// The answer to a path outside the routes, if it is one of the API's.
pub(crate) fn outside(api: &Arc<Api>, path: &str, code: Code) -> Option<Response> {
    if !is_ours(path) && path != "/openapi.json" {
        return None;
    }
    let mut response = unknown_path(api, code);
    if code == Code::MethodNotAllowed && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let takes = OPERATIONS.iter().filter(|it| matches(it.path, path)).map(|it| it.verb);
        let allow = takes.collect::<Vec<_>>().join(", ");
        if let Ok(allow) = HeaderValue::from_str(&allow) {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    Some(response)
}

/// Whether a path is one of the template's; a path without a place before one with.
fn matches(template: &str, path: &str) -> bool {
    match template.strip_suffix("{id}") {
        None => template == path,
        Some(prefix) => {
            let exact = OPERATIONS.iter().any(|it| it.path == path);
            !exact
                && path.strip_prefix(prefix).is_some_and(|it| !it.is_empty() && !it.contains('/'))
        }
    }
}
