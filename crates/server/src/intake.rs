//! Bodies on their way in: how much of them is read, for how long, and what they hold together.
//!
//! Anybody may begin to send, and nobody knows who it is before the body is here. So what is short
//! is read at once, in a short time; only what is longer takes one of the places, whose number
//! bounds the memory of all, and gets its time when it has one. Meanwhile the connection counts as
//! idle ([`crate::seats`]): when all connections are taken, slow ones make room for others.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use domain::limits::{BODY_BYTES_FREE, BODY_PLACE_WAIT_MAX, BODY_TIMEOUT};
use http::Extensions;
use hyper::body::Body as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::Code;
use crate::seats::Seat;

/// The places for long bodies of one kind.
#[derive(Debug)]
pub(crate) struct Intake(Semaphore);

impl Intake {
    pub fn new(places: usize) -> Self {
        Self(Semaphore::new(places))
    }

    /// Reads a body of at most so many bytes; `request` is what is known of its request.
    pub async fn read(
        &self,
        request: &Extensions,
        mut body: Body,
        bytes_max: usize,
    ) -> Result<Bytes, Code> {
        let late = |_| Code::RequestTimeout;
        let _waiting = request.get::<Arc<Seat>>().map(Seat::waiting);
        let mut read = Vec::new();
        let free = BODY_BYTES_FREE.min(bytes_max);
        if timeout(BODY_TIMEOUT, take(&mut body, &mut read, free)).await.map_err(late)?? {
            return Ok(read.into());
        }
        let place = timeout(BODY_PLACE_WAIT_MAX, self.0.acquire());
        let _place = place.await.map_err(late)?;
        match timeout(BODY_TIMEOUT, take(&mut body, &mut read, bytes_max)).await.map_err(late)?? {
            true => Ok(read.into()),
            // What is longer than it may be and what breaks off are the caller's doing alike.
            false => Err(Code::BodyNotRead),
        }
    }
}

/// Reads until there are more than so many bytes; whether it was all.
async fn take(body: &mut Body, into: &mut Vec<u8>, bytes_max: usize) -> Result<bool, Code> {
    while into.len() <= bytes_max {
        match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(true),
            Some(Err(_)) => return Err(Code::BodyNotRead),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    into.extend_from_slice(&bytes);
                }
            }
        }
    }
    Ok(false)
}
