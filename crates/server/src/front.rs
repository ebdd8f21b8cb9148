//! Where every request arrives: feeds are answered here, the rest goes to the router.
//!
//! Feeds are by far the most requests and nearly all of them are answered from memory, so they
//! do not pass through the router: one look at the path, one hash, one look into a map, and the
//! answer is ready without a task, a box or a copy of the body. Whatever needs the store is
//! boxed and awaited.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt as _;

use crate::body::ServerBody;
use crate::body_file::Offer;
use crate::dashboard::Peer;
use crate::router::router;
use crate::seats::{Seat, Seats};
use crate::serve::Side;
use crate::state::ServerState;

/// The service behind one connection.
pub(crate) struct Front {
    state: Arc<ServerState>,
    router: Router,
    side: Side,
    offer: Arc<Offer>,
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    peer: Peer,
}

impl Front {
    pub fn new(state: Arc<ServerState>, side: Side) -> Self {
        let (seats, router) = (Arc::<Seats>::default(), router(Arc::clone(&state), side));
        // It serves no connection itself, so it sits nowhere.
        let seat = Seats::default().take();
        Self { state, router, side, offer: Arc::default(), seats, seat, peer: Peer(None) }
    }

    /// The service behind one more connection, with who is at its other end.
    pub fn for_connection(&self, peer: Peer) -> Self {
        Self {
            state: Arc::clone(&self.state),
            router: self.router.clone(),
            side: self.side,
            offer: Arc::default(),
            seats: Arc::clone(&self.seats),
            seat: self.seats.take(),
            peer,
        }
    }

    /// Who sits where.
    pub fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// This connection's place among them.
    pub fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    /// Where this connection's stream finds the file of the body that it is to send.
    pub fn offer(&self) -> Arc<Offer> {
        Arc::clone(&self.offer)
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<ServerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        let answering = self.seat.answering();
        if self.side != Side::Operators && request.uri().path().starts_with("/feeds/") {
            if let Some(response) = self.state.feeds().answer_at_once(&request) {
                if let Some(file) = response.body().file() {
                    self.offer.put(file);
                }
                return Answer::Ready(Some(response.map(|body| body.keeping(answering))));
            }
            let state = Arc::clone(&self.state);
            return Answer::Later(Box::pin(async move {
                let response = state.feeds().answer_in_time(&request).await;
                response.map(|body| body.keeping(answering))
            }));
        }
        request.extensions_mut().insert(Arc::clone(&self.seat));
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.side);
        let router = self.router.clone();
        Answer::Later(Box::pin(async move {
            let Ok(response) = router.oneshot(request).await;
            response.map(|body| ServerBody::from(body).keeping(answering))
        }))
    }
}

/// An answer that is there, or will be.
pub(crate) enum Answer {
    Ready(Option<Response<ServerBody>>),
    Later(Pin<Box<dyn Future<Output = Response<ServerBody>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response<ServerBody>, Infallible>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // Asked again after its answer, which nobody does, it waits for ever.
            Self::Ready(response) => {
                response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it)))
            }
            Self::Later(future) => future.as_mut().poll(cx).map(Ok),
        }
    }
}
