//! Connections of the played server, and what faults do to them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::body::{AnswerBody, Closed};
use super::fault::What;
use super::protocol::{Ask, Reply, answer};
use super::{Seen, Shared};
use crate::fault::first;

const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Serves until `stopped`, or until nobody is left who could stop it.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let started = Instant::now();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        // Out of file descriptors, or a client that left at once: the next one may do better.
        let Ok((stream, _)) = accepted else { continue };
        shared.world().connections += 1;
        tokio::spawn(connection(stream, Arc::clone(&shared), started));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, started: Instant) {
    // Refused only when the connection is gone already.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handle(&shared, started, request));
    let serving =
        http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), service);
    // How it ends is the client's business, or a fault's.
    let _ = serving.await;
}

async fn handle(
    shared: &Shared,
    started: Instant,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Closed> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Closed)?.to_bytes();
    let ask = Ask {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        headers: &parts.headers,
        body,
    };
    let (what, number) = arrived(shared, started, &ask);
    let reply = |ask: &Ask<'_>| {
        let mut world = shared.world();
        let reply = answer(shared, &mut world.calendars, ask);
        note(&mut world.seen, number, reply.status);
        reply
    };
    match what {
        None => Ok(response(shared, reply(&ask), AnswerBody::whole)),
        Some(What::Delay(wait)) => {
            tokio::time::sleep(wait).await;
            Ok(response(shared, reply(&ask), AnswerBody::whole))
        }
        Some(What::Status { code, retry_after }) => {
            let mut refusal = Reply::status(code);
            if let Some(wait) = retry_after {
                refusal = refusal.header("retry-after", wait);
            }
            note(&mut shared.world().seen, number, code);
            Ok(response(shared, refusal, AnswerBody::whole))
        }
        Some(What::Garbage(text)) => {
            note(&mut shared.world().seen, number, 207);
            let garbage = Reply::xml(207, text);
            Ok(response(shared, garbage, AnswerBody::whole))
        }
        Some(What::StatusAfterApply(code)) => {
            reply(&ask);
            Ok(response(shared, Reply::status(code), AnswerBody::whole))
        }
        Some(What::ResetBefore) => Err(Closed),
        Some(What::ResetAfterApply) => {
            reply(&ask);
            Err(Closed)
        }
        Some(What::TruncateBody) => {
            Ok(response(shared, reply(&ask), |data| AnswerBody::cut(&data)))
        }
        Some(What::LoseAnswerAfterApply) => {
            reply(&ask);
            std::future::pending().await
        }
    }
}

/// Counts and logs a request, and says what happens to it and where it stands in the log.
fn arrived(shared: &Shared, started: Instant, ask: &Ask<'_>) -> (Option<What>, Option<usize>) {
    let mut world = shared.world();
    world.count += 1;
    let what = first(&mut world.faults, ask.method, ask.path);
    if !shared.options.log {
        return (what, None);
    }
    world.seen.push(Seen {
        at: started.elapsed(),
        method: ask.method.to_owned(),
        path: ask.path.to_owned(),
        status: None,
    });
    (what, Some(world.seen.len() - 1))
}

fn note(seen: &mut [Seen], number: Option<usize>, status: u16) {
    if let Some(entry) = number.and_then(|number| seen.get_mut(number)) {
        entry.status = Some(status);
    }
}

fn response(
    shared: &Shared,
    reply: Reply,
    body: impl FnOnce(Bytes) -> AnswerBody,
) -> Response<AnswerBody> {
    let Reply { status, headers, body: data } = reply;
    let mut map = HeaderMap::with_capacity(headers.len() + 2);
    let date = shared.options.date.clone().map(|date| ("date", date));
    for (name, value) in headers.into_iter().chain(date) {
        if let Ok(value) = HeaderValue::try_from(value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    let mut response = Response::new(body(data));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = map;
    response
}
