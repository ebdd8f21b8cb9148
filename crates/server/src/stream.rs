//! A connection's byte stream, which sends large bodies from a file instead of copying them.
//!
//! hyper hands over slices to be written. One that lies in the memory of the body on offer
//! ([`Offer`]) is sent with `sendfile` from that body's file, and what comes before it, the
//! answer's head, with `MSG_MORE`, so that both leave together. Every other slice is written as
//! usual, so whatever hyper does with an answer, the bytes on the wire are right.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::body_file::{BodyFile, Offer};

/// The stream of one connection.
#[derive(Debug)]
pub(crate) struct FeedStream {
    io: TokioIo<TcpStream>,
    offer: Arc<Offer>,
}

impl FeedStream {
    pub fn new(stream: TcpStream, offer: Arc<Offer>) -> Self {
        Self { io: TokioIo::new(stream), offer }
    }

    /// The file on offer and where in `slices` its body begins.
    fn offered(&self, slices: &[IoSlice<'_>]) -> Option<(Arc<BodyFile>, usize)> {
        let file = self.offer.get()?;
        let index = slices.iter().position(|it| file.offset_of(it).is_some())?;
        // A head of one piece, then the body: all that hyper makes of a feed.
        (index <= 1).then_some((file, index))
    }
}

impl Read for FeedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for FeedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let slices = [IoSlice::new(buf)];
        match self.offered(&slices) {
            Some((file, _)) => poll_send(self.io.inner(), cx, &file, &slices),
            None => Pin::new(&mut self.io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.offered(slices) {
            Some((file, index)) => poll_send(self.io.inner(), cx, &file, &slices[..=index]),
            None => Pin::new(&mut self.io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Sends as much as the socket takes now; at least one byte, or waits until it takes one.
fn poll_send(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    file: &BodyFile,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || send(stream, file, slices)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}

/// Sends the slices before the last one by copying, and the last one from `file`.
fn send(stream: &TcpStream, file: &BodyFile, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut sent = 0;
    for slice in slices {
        let done = match file.offset_of(slice) {
            Some(mut offset) => rustix::fs::sendfile(stream, file, Some(&mut offset), slice.len()),
            None => rustix::net::send(stream, slice, flags()),
        };
        match done {
            Ok(done) => sent += done,
            // What has left has left; the rest is tried again when the socket takes more.
            Err(_) if sent > 0 => return Ok(sent),
            Err(error) => return Err(error.into()),
        }
        if done != Ok(slice.len()) {
            break;
        }
    }
    Ok(sent)
}

/// More follows; and a client that is gone is an error, not a signal.
fn flags() -> rustix::net::SendFlags {
    #[cfg(target_os = "linux")]
    return rustix::net::SendFlags::MORE | rustix::net::SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    return rustix::net::SendFlags::empty();
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// Writes slices as hyper does, again and again until all have left.
    async fn write_all(stream: &mut FeedStream, mut parts: Vec<&[u8]>) {
        while !parts.is_empty() {
            let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let write =
                |cx: &mut Context<'_>| Pin::new(&mut *stream).poll_write_vectored(cx, &slices);
            let mut written = std::future::poll_fn(write).await.unwrap();
            while written > 0 {
                let step = written.min(parts[0].len());
                parts[0] = &parts[0][step..];
                written -= step;
                if parts[0].is_empty() {
                    parts.remove(0);
                }
            }
        }
    }

    #[tokio::test]
    async fn only_the_body_on_offer_is_sent_from_its_file() {
        // More than a socket takes at once.
        let size = 8 * 1024 * 1024;
        let body = Bytes::from(vec![b'm'; size]);
        let file = BodyFile::with_other_file(&body, &vec![b'f'; size]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut client, offer) = (client.unwrap(), Arc::new(Offer::default()));
        let mut stream = FeedStream::new(accepted.unwrap().0, Arc::clone(&offer));
        let write = async {
            write_all(&mut stream, vec![b"head", &body[..3]]).await;
            offer.put(&file);
            write_all(&mut stream, vec![b"head", &body]).await;
            write_all(&mut stream, vec![b"other", b"parts", &body[..2]]).await;
            drop(stream);
        };
        let mut received = Vec::new();
        let (read, ()) = tokio::join!(client.read_to_end(&mut received), write);
        read.unwrap();
        let expected = [b"headmmmhead", &vec![b'f'; size][..], b"otherpartsmm"].concat();
        assert!(received == expected, "{} bytes", received.len());
    }
}
