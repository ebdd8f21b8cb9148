//! Connections of the played Graph.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{Graph, Unanswered};

/// More than Graph takes (4 MiB), so that a client's mistake is seen as such.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Serves until `stopped`, or until nobody is left who could stop it.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    graph: Graph,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let graph = Arc::new(graph);
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        // Out of file descriptors, or a client that left at once: the next one may do better.
        let Ok((stream, _)) = accepted else { continue };
        graph.desk().counts.connections += 1;
        tokio::spawn(connection(stream, Arc::clone(&graph)));
    }
}

async fn connection(stream: TcpStream, graph: Arc<Graph>) {
    // Refused only when the connection is gone already.
    let _ = stream.set_nodelay(true);
    graph.serve_over(stream).await;
}

impl Graph {
    /// Answers one connection, which may be a pipe inside this process, to its end: for virtual
    /// time, where sockets would not be waited for.
    pub async fn serve_over(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request| handle(self, request));
        let serving = http1::Builder::new()
            .pipeline_flush(true)
            .serve_connection(TokioIo::new(stream), service);
        // How it ends is the client's business, or a fault's.
        let _ = serving.await;
    }
}

async fn handle(
    graph: &Graph,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Unanswered> {
    if says_no_length(&request) {
        // microsoft-graph-docs#2262: also where there is no body.
        let mut refusal = Response::new(Full::default());
        *refusal.status_mut() = http::StatusCode::LENGTH_REQUIRED;
        return Ok(refusal);
    }
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Unanswered::Reset)?.to_bytes();
    let subscribes = parts.uri.path().to_ascii_lowercase().contains("/subscriptions");
    let asks_nobody =
        parts.method == http::Method::GET || (graph.callbacks().is_none() && !subscribes);
    let request = Request::from_parts(parts, body);
    let handled = if asks_nobody {
        graph.handle(request)
    } else {
        // A write may have to wait for a workforce integration, which may ask Graph meanwhile.
        let graph = graph.clone();
        let handling = tokio::task::spawn_blocking(move || graph.handle(request));
        handling.await.map_err(|_| Unanswered::Reset)?
    };
    if !handled.delay.is_zero() {
        tokio::time::sleep(handled.delay).await;
    }
    match handled.answer {
        Ok(response) => Ok(response.map(Full::new)),
        Err(Unanswered::Never) => std::future::pending().await,
        Err(Unanswered::Reset) => Err(Unanswered::Reset),
    }
}

/// Whether it is of a method that takes a body, and does not say how long that is.
fn says_no_length(request: &Request<Incoming>) -> bool {
    let takes_a_body =
        matches!(*request.method(), http::Method::POST | http::Method::PUT | http::Method::PATCH);
    let says = |name| request.headers().contains_key(name);
    takes_a_body && !says(http::header::CONTENT_LENGTH) && !says(http::header::TRANSFER_ENCODING)
}
