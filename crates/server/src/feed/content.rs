//! One rendered feed with everything that answers about it need, made once. Pure.
//!
//! A feed is asked for a thousand times more often than it changes. So the body is compressed and
//! the headers are put together when it changes, and an answer is a copy of them.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, LAST_MODIFIED, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::condition::{Known, accepts_gzip, http_date, known};
use crate::body::ServerBody;
use crate::body_file::BodyFile;

/// Tells search engines to leave a feed alone, should its address ever become public.
pub const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");
/// Five minutes: shorter than any calendar client asks again by itself, long enough for a client
/// that asks twice in a row.
const CACHE_CONTROL_VALUE: HeaderValue = HeaderValue::from_static("private, max-age=300");
const VARY_VALUE: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// SHA-256 of a body.
pub type Digest256 = [u8; 32];

/// The digest by which bodies are compared and named.
#[must_use]
pub fn digest(body: &[u8]) -> Digest256 {
    Sha256::digest(body).into()
}

/// One encoding of a feed.
#[derive(Debug)]
struct Variant {
    etag: HeaderValue,
    body: Bytes,
    /// The same bytes as the kernel likes them, made when they are first asked for.
    file: OnceLock<Option<Arc<BodyFile>>>,
    /// Of a 200.
    headers: HeaderMap,
    /// Of a 304 about it: what RFC 9110 §15.4.5 asks for.
    not_modified: HeaderMap,
}

/// One rendered feed.
#[derive(Debug)]
pub struct Content {
    digest: Digest256,
    modified_at: Timestamp,
    plain: Variant,
    /// Absent where compression gained nothing.
    gzip: Option<Variant>,
}

impl Content {
    /// Prepares the answers about a body that became what it is at `modified_at`.
    ///
    /// Takes milliseconds: it compresses at the highest level.
    #[must_use]
    pub fn new(body: Vec<u8>, modified_at: Timestamp) -> Self {
        let digest = digest(&body);
        let tag: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
        let gzip = compress(&body).map(|compressed| {
            // Apache's mod_deflate, as a proxy, makes the same tag of the plain one.
            Variant::new(
                &format!("\"{tag}-gzip\""),
                compressed.into(),
                modified_at,
                Some(HeaderValue::from_static("gzip")),
            )
        });
        let plain = Variant::new(&format!("\"{tag}\""), body.into(), modified_at, None);
        Self { digest, modified_at, plain, gzip }
    }

    /// The digest of the plain body.
    #[must_use]
    pub fn digest(&self) -> Digest256 {
        self.digest
    }

    /// When the body became what it is.
    #[must_use]
    pub fn modified_at(&self) -> Timestamp {
        self.modified_at
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn cost(&self) -> usize {
        const HEADERS: usize = 4096;
        let gzip = self.gzip.as_ref().map_or(0, |gzip| gzip.body.len());
        HEADERS + self.plain.body.len() + gzip
    }

    /// The answer to a GET or HEAD with these headers: 200, or 304 where the client has it.
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap, now: Timestamp) -> Response<ServerBody> {
        let plain = &self.plain;
        let variant = match &self.gzip {
            Some(gzip) if accepts_gzip(headers) => gzip,
            Some(_) | None => plain,
        };
        // Two changes within one second: the second one's date lies a second ahead. A date in
        // the future must not be sent (RFC 9110 §8.8.2.1), so it is left out for that second.
        let dated = self.modified_at.as_second() <= now.as_second();
        let gzip = self.gzip.as_ref().unwrap_or(plain);
        let etags = [&plain.etag, &gzip.etag];
        let same = match known(headers, &etags, dated.then_some(self.modified_at)) {
            Known::Nothing => None,
            Known::Current => Some(variant),
            Known::Tag(etag) if *etag == plain.etag => Some(plain),
            Known::Tag(_) => Some(gzip),
        };
        let (status, mut headers, body) = match same {
            Some(same) => {
                (StatusCode::NOT_MODIFIED, same.not_modified.clone(), ServerBody::empty())
            }
            None => (StatusCode::OK, variant.headers.clone(), variant.body()),
        };
        if !dated {
            headers.remove(LAST_MODIFIED);
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl Variant {
    fn new(etag: &str, body: Bytes, modified_at: Timestamp, encoding: Option<HeaderValue>) -> Self {
        // Hexadecimal digits in quotes are always a header value.
        let etag = HeaderValue::from_str(etag).unwrap_or(HeaderValue::from_static("\"\""));
        let not_modified = HeaderMap::from_iter([
            (ETAG, etag.clone()),
            (CACHE_CONTROL, CACHE_CONTROL_VALUE),
            (VARY, VARY_VALUE),
        ]);
        let text = HeaderValue::from_static;
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, text("text/calendar; charset=utf-8")),
            (ETAG, etag.clone()),
            (CACHE_CONTROL, CACHE_CONTROL_VALUE),
            (VARY, VARY_VALUE),
            (CONTENT_DISPOSITION, text("inline; filename=\"shifts.ics\"")),
            (REFERRER_POLICY, text("no-referrer")),
            (X_ROBOTS_TAG, text("noindex")),
            (X_CONTENT_TYPE_OPTIONS, text("nosniff")),
        ]);
        headers.extend(http_date(modified_at).map(|date| (LAST_MODIFIED, date)));
        headers.extend(encoding.map(|encoding| (CONTENT_ENCODING, encoding)));
        Self { etag, body, file: OnceLock::new(), headers, not_modified }
    }

    fn body(&self) -> ServerBody {
        let bytes = self.body.clone();
        match self.file.get_or_init(|| BodyFile::new(&bytes)) {
            Some(file) => ServerBody::filed(bytes, Arc::clone(file)),
            None => ServerBody::whole(bytes),
        }
    }
}

/// The body in gzip, if that is smaller. The same bytes always give the same: no time is in it.
fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish());
    compressed.ok().filter(|it| it.len() < body.len())
}
