//! Large bodies that the kernel can send without copying them.
//!
//! Copying 70 KB into a socket is half of what a plain feed costs: a bare loop around `writev`
//! reaches half of nginx's rate for lack of `sendfile`. So a large body that was asked for is
//! also written to a file in memory, and [`crate::stream`] sends from there.
//!
//! It is an optimisation only: the same bytes are in the answer's body, and wherever there is no
//! such file (another system, too many of them, a small body) those are copied as usual.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use domain::limits::{FEED_FILE_BYTES_MAX, FEED_FILE_BYTES_MIN, FEED_FILES_MAX};

/// How many there are in this process.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// A body, and a file that holds the same bytes. Neither ever changes.
pub(crate) struct BodyFile {
    bytes: Bytes,
    file: File,
    _counted: Counted,
}

/// One of at most [`FEED_FILES_MAX`].
struct Counted;

impl Counted {
    fn new() -> Option<Self> {
        let more = |files: usize| (files < FEED_FILES_MAX).then_some(files + 1);
        let counted = FILES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.ok().map(|_| Self)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        FILES.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BodyFile {
    /// Writes a body to a file in memory; `None` where that is not worth it or not possible.
    pub fn new(bytes: &Bytes) -> Option<Arc<Self>> {
        if !(FEED_FILE_BYTES_MIN..=FEED_FILE_BYTES_MAX).contains(&bytes.len()) {
            return None;
        }
        let counted = Counted::new()?;
        let mut file = file_in_memory().ok()?;
        file.write_all(bytes).ok()?;
        Some(Arc::new(Self { bytes: bytes.clone(), file, _counted: counted }))
    }

    /// A body whose file holds other bytes, to see which of the two is sent.
    #[cfg(test)]
    pub fn with_other_file(bytes: &Bytes, other: &[u8]) -> Arc<Self> {
        let counted = Counted::new().unwrap();
        let mut file = file_in_memory().unwrap();
        file.write_all(other).unwrap();
        Arc::new(Self { bytes: bytes.clone(), file, _counted: counted })
    }

    /// Where in the file the bytes of `slice` stand, if `slice` is a part of this very body: not
    /// one that is equal, but the same memory.
    pub fn offset_of(&self, slice: &[u8]) -> Option<u64> {
        let offset = slice.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        let inside = offset.checked_add(slice.len())? <= self.bytes.len();
        (inside && !slice.is_empty()).then_some(offset as u64)
    }
}

impl AsFd for BodyFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Debug for BodyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyFile({} bytes)", self.bytes.len())
    }
}

#[cfg(target_os = "linux")]
fn file_in_memory() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("rotabridge-feed", flags)?;
    Ok(File::from(file))
}

#[cfg(not(target_os = "linux"))]
fn file_in_memory() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a connection is about to send, put down by its service and picked up by its stream.
///
/// While it lies here the body's memory is not freed, so an address inside it means this body.
#[derive(Debug, Default)]
pub(crate) struct Offer(Mutex<Option<Arc<BodyFile>>>);

impl Offer {
    /// Puts down the file of the next answer's body.
    pub fn put(&self, file: &Arc<BodyFile>) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !place.as_ref().is_some_and(|it| Arc::ptr_eq(it, file)) {
            *place = Some(Arc::clone(file));
        }
    }

    /// The file that was put down last.
    pub fn get(&self) -> Option<Arc<BodyFile>> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_memory_is_found_in_a_file() {
        let body = Bytes::from(vec![7; FEED_FILE_BYTES_MIN]);
        let file = BodyFile::new(&body).unwrap();
        assert_eq!(file.offset_of(&body), Some(0));
        assert_eq!(file.offset_of(&body[100..200]), Some(100));
        let last = body.len() - 1;
        assert_eq!(file.offset_of(&body[last..]), Some(last as u64));
        assert_eq!(file.offset_of(&body[..0]), None);
        let equal = body.to_vec();
        assert_eq!(file.offset_of(&equal), None);
    }

    #[test]
    fn a_small_body_has_no_file() {
        let body = Bytes::from(vec![7; FEED_FILE_BYTES_MIN - 1]);
        assert!(BodyFile::new(&body).is_none());
    }
}
