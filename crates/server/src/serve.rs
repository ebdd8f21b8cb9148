//! Connections: accepting, bounding and closing them.
//!
//! HTTP/1.1 without TLS: a reverse proxy stands in front. What bounds a hostile client: the
//! number of connections, the bytes and the time of a request's head, and the age of a
//! connection, so that one which reads nothing of a large answer is closed too. When all places
//! are taken, the connection that has been idle for longest makes room for the next one.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::{
    CONNECTION_AGE_MAX, CONNECTION_DRAIN_MAX, CONNECTIONS_MAX, REQUEST_HEAD_BYTES_MAX,
    REQUEST_HEAD_TIMEOUT,
};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::counters::ConnectionGauge;
use crate::dashboard::Peer;
use crate::front::Front;
use crate::seats::Seats;
use crate::state::ServerState;
use crate::stream::FeedStream;

/// How long to wait when the system has no more open files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long an idle connection that makes room may take to end, before another one is asked.
const LEAVING_MAX: Duration = Duration::from_millis(50);

/// What is reached over one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Everything.
    Everything,
    /// What people, clients and vendors reach: all but the dashboard, `/metrics` and `/readyz`.
    Public,
    /// What operators and their machines reach: the dashboard, `/metrics`, `/readyz` and
    /// `/healthz`.
    Operators,
}

/// Serves everything over one address; see [`serve_side`].
pub async fn serve(
    listener: TcpListener,
    state: Arc<ServerState>,
    shutdown: impl Future<Output = ()> + Send,
) {
    serve_side(listener, state, Side::Everything, shutdown).await;
}

/// Serves until `shutdown` completes; then takes no more connections, lets requests that have
/// begun end within [`CONNECTION_DRAIN_MAX`], and returns.
///
/// Runs on whichever Tokio run time it is called in; connections are tasks of that run time.
/// Cancelling it stops accepting and leaves open connections to themselves.
pub async fn serve_side(
    listener: TcpListener,
    state: Arc<ServerState>,
    side: Side,
    shutdown: impl Future<Output = ()> + Send,
) {
    let front = Front::new(state, side);
    let gauge = ConnectionGauge::register();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stop, stopping) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places, front.seats()) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("connection not accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let peer = Peer(stream.peer_addr().ok().map(|it| it.ip()));
        let front = front.for_connection(peer);
        let (stopping, gauge) = (stopping.clone(), gauge.clone());
        let places = Arc::clone(&places);
        let open = move || CONNECTIONS_MAX - places.available_permits();
        tokio::spawn(async move {
            gauge.set(open());
            connection(stream, front, stopping).await;
            drop(place);
            gauge.set(open());
        });
    }
    drop((listener, stop));
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    let drained = tokio::time::timeout(CONNECTION_DRAIN_MAX, places.acquire_many(all)).await;
    if drained.is_err() {
        let left = CONNECTIONS_MAX - places.available_permits();
        tracing::warn!(connections = left, "stopping with {left} connections open");
    }
}

/// Takes the next connection. When all places are taken, those that have been idle for longest
/// make room for it; while all are being answered, it and those after it wait.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    seats: &Seats,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let (stream, _) = listener.accept().await?;
    let mut place = pin!(Arc::clone(places).acquire_owned());
    loop {
        if places.available_permits() == 0 {
            seats.make_room();
        }
        match tokio::time::timeout(LEAVING_MAX, place.as_mut()).await {
            Ok(place) => return Ok((stream, place.map_err(io::Error::other)?)),
            Err(_) => continue,
        }
    }
}

async fn connection(stream: TcpStream, front: Front, mut stopping: watch::Receiver<()>) {
    let seat = front.seat();
    // An answer is one write; waiting for more of it would only delay it.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIMEOUT)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .serve_connection(FeedStream::new(stream, front.offer()), front);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        _ = stopping.changed() => None,
        () = tokio::time::sleep(CONNECTION_AGE_MAX) => None,
        () = seat.asked_to_leave() => {
            connection.as_mut().graceful_shutdown();
            // One that stopped in the middle of a request's head does not leave by itself.
            let left = tokio::time::timeout(LEAVING_MAX, connection.as_mut()).await.is_ok();
            if left || seat.is_idle() {
                return;
            }
            None
        }
    };
    // What ends a connection early is the client's doing and nothing that an operator can mend.
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(CONNECTION_DRAIN_MAX, connection).await;
    }
}
