//! One method per request that we send; no decisions but one: whether a redirect may be followed.
//!
//! Credentials go to the host that the operator named and to no other, and neither does anything
//! else. On that host a redirect is followed with the same method and body (RFC 6764 §5 and iCloud
//! need it); a redirected request was not acted on, so this repeats nothing. All of that together
//! has the time of one request.

use bytes::Bytes;
use domain::limits::REDIRECTS_MAX;
use engine::port::ETag;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use url::Url;

use crate::transport::{Answer, HttpClient, SendError};

const DEPTH: HeaderName = HeaderName::from_static("depth");
const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");
const CALENDAR: HeaderValue = HeaderValue::from_static("text/calendar; charset=utf-8");
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("Rotabridge/", env!("CARGO_PKG_VERSION")));

/// Why there is no answer to classify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    #[error(transparent)]
    Send(SendError),
    #[error("the server redirects to `{to}`")]
    Redirected {
        /// Scheme, host and port at most: a path could hold a secret.
        to: String,
    },
    #[error("a path or header cannot be sent: {detail}")]
    Unsendable { detail: String },
}

/// How far below a resource a request reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Itself,
    Members,
}

/// What must be true of the item for it to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expecting<'a> {
    Nothing,
    Version(&'a ETag),
}

/// A client of one server, on one account.
#[derive(Debug)]
pub(super) struct Client {
    http: HttpClient,
    origin: Url,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// `origin` is any URL on the server; `authorization` is marked as sensitive.
    pub fn new(http: HttpClient, origin: Url, authorization: Option<HeaderValue>) -> Self {
        Self { http, origin, authorization }
    }

    /// Requests sent since it was made.
    pub fn requests_sent(&self) -> u64 {
        self.http.requests_sent()
    }

    /// Asks what the server can do.
    pub async fn options(&self, path: &str) -> Result<Answer, CallError> {
        let (answer, _) = self.call("OPTIONS", path, HeaderMap::new(), Bytes::new()).await?;
        Ok(answer)
    }

    /// Asks for properties. Also gives the path that answered, after redirects.
    pub async fn propfind(
        &self,
        path: &str,
        depth: Depth,
        body: &'static str,
    ) -> Result<(Answer, String), CallError> {
        let headers = xml_headers(depth);
        let body = Bytes::from_static(body.as_bytes());
        self.call("PROPFIND", path, headers, body).await
    }

    /// Asks for a report. RFC 6578 §3.2 and RFC 4791 §7.9 want `Depth: 0` where the report itself
    /// names what it covers.
    pub async fn report(&self, path: &str, body: String) -> Result<Answer, CallError> {
        let headers = xml_headers(Depth::Itself);
        let (answer, _) = self.call("REPORT", path, headers, body.into()).await?;
        Ok(answer)
    }

    /// Reads an item.
    pub async fn get(&self, path: &str) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("text/calendar"));
        let (answer, _) = self.call("GET", path, headers, Bytes::new()).await?;
        Ok(answer)
    }

    /// Writes an item, if it is as expected.
    pub async fn put(
        &self,
        path: &str,
        expecting: Expecting<'_>,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, CALENDAR);
        match expecting {
            Expecting::Nothing => {
                headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            }
            Expecting::Version(etag) => {
                headers.insert(IF_MATCH, header_of(etag)?);
            }
        }
        let (answer, _) = self.call("PUT", path, headers, body).await?;
        Ok(answer)
    }

    /// Removes an item, if it has this version.
    pub async fn delete(&self, path: &str, etag: &ETag) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(IF_MATCH, header_of(etag)?);
        let (answer, _) = self.call("DELETE", path, headers, Bytes::new()).await?;
        Ok(answer)
    }

    /// Makes a calendar (RFC 4791 §5.3.1).
    pub async fn mkcalendar(&self, path: &str, body: String) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, XML);
        let (answer, _) = self.call("MKCALENDAR", path, headers, body.into()).await?;
        Ok(answer)
    }

    /// Makes a collection of the kind that `body` says (RFC 5689).
    pub async fn mkcol(&self, path: &str, body: String) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, XML);
        let (answer, _) = self.call("MKCOL", path, headers, body.into()).await?;
        Ok(answer)
    }

    async fn call(
        &self,
        method: &'static str,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Answer, String), CallError> {
        headers.insert(USER_AGENT, OURSELVES);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let unsendable = |detail: String| CallError::Unsendable { detail };
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|e| unsendable(e.to_string()))?;
        let mut path = path.to_owned();
        let deadline = self.http.deadline();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() =
                Uri::try_from(path.as_str()).map_err(|e| unsendable(e.to_string()))?;
            *request.headers_mut() = headers.clone();
            let answer = self.http.send_until(deadline, request).await.map_err(CallError::Send)?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
                return Ok((answer, path));
            }
            path = self.redirected(&path, &answer)?;
        }
        let to = "itself, in a circle".to_owned();
        Err(CallError::Redirected { to })
    }

    /// The path to ask instead, if it is on the same server.
    fn redirected(&self, path: &str, answer: &Answer) -> Result<String, CallError> {
        let location = answer.headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let here = self.origin.join(path).ok();
        let Some((here, location)) = here.zip(location) else {
            let to = "nowhere".to_owned();
            return Err(CallError::Redirected { to });
        };
        match here.join(location) {
            Ok(there) if there.origin() == here.origin() => {
                Ok(there[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
            }
            Ok(there) => Err(CallError::Redirected { to: there.origin().ascii_serialization() }),
            Err(_) => Err(CallError::Redirected { to: "something that is no URL".into() }),
        }
    }
}

fn xml_headers(depth: Depth) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, XML);
    let depth = match depth {
        Depth::Itself => "0",
        Depth::Members => "1",
    };
    headers.insert(DEPTH, HeaderValue::from_static(depth));
    headers
}

fn header_of(etag: &ETag) -> Result<HeaderValue, CallError> {
    HeaderValue::from_str(&etag.0)
        .map_err(|error| CallError::Unsendable { detail: error.to_string() })
}
