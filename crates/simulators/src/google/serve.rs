//! Connections of the played Google.

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

use super::{Google, Unanswered};

/// More than Google takes, so that a client's mistake is seen as such.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Serves until `stopped`, or until nobody is left who could stop it.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    google: Google,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let google = Arc::new(google);
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        // Out of file descriptors, or a client that left at once: the next one may do better.
        let Ok((stream, _)) = accepted else { continue };
        google.desk().counts.connections += 1;
        tokio::spawn(connection(stream, Arc::clone(&google)));
    }
}

async fn connection(stream: TcpStream, google: Arc<Google>) {
    // Refused only when the connection is gone already.
    let _ = stream.set_nodelay(true);
    google.serve_over(stream).await;
}

impl Google {
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
    google: &Google,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Unanswered> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Unanswered::Reset)?.to_bytes();
    let handled = google.handle(Request::from_parts(parts, body));
    google.carry_notices().await;
    if !handled.delay.is_zero() {
        tokio::time::sleep(handled.delay).await;
    }
    match handled.answer {
        Ok(response) => Ok(response.map(Full::new)),
        Err(Unanswered::Never) => std::future::pending().await,
        Err(Unanswered::Reset) => Err(Unanswered::Reset),
    }
}
