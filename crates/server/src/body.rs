//! The body of an answer: bytes that are there already, or whatever axum streams.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::body_file::BodyFile;
use crate::seats::Answering;

/// The body of an answer.
#[derive(Debug)]
pub struct ServerBody {
    form: Form,
    /// Set once it is on its way: its connection is busy until it was handed over.
    _answering: Option<Answering>,
}

#[derive(Debug)]
enum Form {
    Whole(Option<Bytes>),
    Filed(Option<Bytes>, Arc<BodyFile>),
    Streamed(axum::body::Body),
}

impl ServerBody {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { form: Form::Whole(None), _answering: None }
    }

    /// These bytes, in one piece.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self::of(Form::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl ServerBody {
    /// These bytes, which stand in this file too.
    pub(crate) fn filed(bytes: Bytes, file: Arc<BodyFile>) -> Self {
        Self::of(Form::Filed(Some(bytes), file))
    }

    fn of(form: Form) -> Self {
        Self { form, _answering: None }
    }

    /// Keeps the connection busy for as long as it is there.
    pub(crate) fn keeping(self, answering: Answering) -> Self {
        Self { _answering: Some(answering), ..self }
    }

    /// The file that holds the same bytes, if there is one.
    pub(crate) fn file(&self) -> Option<&Arc<BodyFile>> {
        match &self.form {
            Form::Filed(_, file) => Some(file),
            Form::Whole(_) | Form::Streamed(_) => None,
        }
    }
}

impl From<axum::body::Body> for ServerBody {
    fn from(body: axum::body::Body) -> Self {
        Self::of(Form::Streamed(body))
    }
}

impl From<&'static str> for ServerBody {
    fn from(text: &'static str) -> Self {
        Self::whole(Bytes::from_static(text.as_bytes()))
    }
}

impl Body for ServerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.form {
            Form::Whole(bytes) | Form::Filed(bytes, _) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Form::Streamed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Whole(bytes) | Form::Filed(bytes, _) => bytes.is_none(),
            Form::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Whole(bytes) | Form::Filed(bytes, _) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Form::Streamed(body) => body.size_hint(),
        }
    }
}
