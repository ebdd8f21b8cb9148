//! The body of an answer, which may end too early.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The connection is to be closed without another word.
#[derive(Debug, thiserror::Error)]
#[error("a fault closes the connection")]
pub(super) struct Closed;

/// A body that is whole, or one that promises more than it gives.
#[derive(Debug)]
pub(super) struct AnswerBody {
    rest: Option<Bytes>,
    promised: u64,
    breaks: bool,
}

impl AnswerBody {
    pub fn whole(data: Bytes) -> Self {
        Self {
            promised: data.len() as u64,
            rest: (!data.is_empty()).then_some(data),
            breaks: false,
        }
    }

    /// Half of it, and then the end of the connection; of an empty one, some bytes of none.
    pub fn cut(data: &Bytes) -> Self {
        let half = data.slice(..data.len() / 2);
        Self {
            promised: data.len().max(16) as u64,
            rest: (!half.is_empty()).then_some(half),
            breaks: true,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        match self.rest.take() {
            Some(data) => {
                self.promised -= data.len() as u64;
                // What was given so far should be on its way before the end comes.
                context.waker().wake_by_ref();
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            None if self.breaks => Poll::Ready(Some(Err(Closed))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}
