//! A pool of HTTP/1.1 connections to one origin that knows what it has sent.
//!
//! A request that fails is either [`SendError::NotSent`] (surely never seen by the other side) or
//! [`SendError::Unanswered`] (it may have been). A connection is driven by the task that uses it,
//! so that a request costs no hand-over between tasks and an idle connection that the other side
//! closed is noticed before a request is given to it. Nothing is sent twice, no redirect is
//! followed, no cookie is kept and no proxy is asked.
//!
//! Cancelling a call closes its connection; the request may have been seen.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use domain::limits::{CONNECT_TIMEOUT, CONNECTION_IDLE_MAX, RESPONSE_BYTES_MAX};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use url::Url;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The other side surely saw nothing of the request.
    #[error("{detail}")]
    NotSent {
        /// What went wrong.
        detail: String,
    },
    /// The other side may have seen the request; no complete answer came.
    #[error("{detail}")]
    Unanswered {
        /// What went wrong.
        detail: String,
    },
    /// The other side answered, with more than [`RESPONSE_BYTES_MAX`]; asked again, it would again.
    #[error("HTTP {status}, with a body of more than {RESPONSE_BYTES_MAX} bytes")]
    TooLarge {
        /// What it answered.
        status: StatusCode,
    },
}

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// How long one request may take, the answer included.
    pub timeout: Duration,
    /// Connections that are kept open while nobody uses them.
    pub idle_max: usize,
}

/// Bytes to and from the other side.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Reaches the other side by another way than TCP: inside one process, where time is virtual.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Opens a way to a port of a host.
    ///
    /// # Errors
    /// When there is none.
    async fn dial(&self, host: &str, port: u16) -> std::io::Result<Box<dyn Stream>>;
}

type Driver = http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>;

struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Option<Box<Driver>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A client of one origin. Shared by reference; as many requests at once as callers make.
pub struct HttpClient {
    host: String,
    port: u16,
    host_header: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    options: HttpOptions,
    idle: Mutex<Vec<Idle>>,
    sent: AtomicU64,
    /// TCP when `None`.
    dial: Option<Arc<dyn Dial>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Makes a client of the origin of `url`; connects to nothing yet.
    ///
    /// `tls` is used when the scheme is `https`. `None` when the URL has no host, a host that is
    /// no host name, or another scheme than `http` and `https`.
    #[must_use]
    pub fn new(url: &Url, tls: Arc<ClientConfig>, options: HttpOptions) -> Option<Self> {
        let host = url.host_str()?;
        let port = url.port_or_known_default()?;
        let host_header = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        // An IPv6 address stands in brackets in a URL and in `Host`, but nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let name = ServerName::try_from(host.to_owned()).ok()?;
                Some((TlsConnector::from(tls), name))
            }
            _ => return None,
        };
        Some(Self {
            host: host.to_owned(),
            port,
            host_header: HeaderValue::from_str(&host_header).ok()?,
            tls,
            options,
            idle: Mutex::new(Vec::new()),
            sent: AtomicU64::new(0),
            dial: None,
        })
    }

    /// The same client, whose connections are made by `dial` when there is one.
    #[must_use]
    pub fn dialled_by(self, dial: Option<Arc<dyn Dial>>) -> Self {
        Self { dial, ..self }
    }

    /// The host that it asks.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Requests that were given to a connection since the client was made.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// When a request that starts now has to be answered.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }

    /// Sends one request once, and reads the whole answer. The URI of `request` is a path.
    ///
    /// # Errors
    /// [`SendError`]; never for a status.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
        self.send_until(self.deadline(), request).await
    }

    /// The same, for one of several requests that share a [`Self::deadline`].
    ///
    /// # Errors
    /// [`SendError`]; never for a status.
    pub async fn send_until(
        &self,
        deadline: Instant,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, SendError> {
        request.headers_mut().insert(HOST, self.host_header.clone());
        while let Some(mut connection) = self.take_idle() {
            if connection.ready(deadline).await {
                match self.exchange(connection, request, deadline).await {
                    Err(Unsent::Returned { request: it, .. }) => request = *it,
                    Err(Unsent::Lost(error)) => return Err(error),
                    Ok(answer) => return Ok(answer),
                }
            }
        }
        let connection = self.connect(deadline).await?;
        match self.exchange(connection, request, deadline).await {
            Ok(answer) => Ok(answer),
            Err(Unsent::Lost(error)) => Err(error),
            Err(Unsent::Returned { detail, .. }) => Err(SendError::NotSent { detail }),
        }
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Answer, Unsent> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let exchanged = tokio::time::timeout_at(deadline, connection.exchange(request)).await;
        match exchanged {
            Err(_) => Err(Unsent::Lost(SendError::Unanswered {
                detail: format!("no complete answer in {:?}", self.options.timeout),
            })),
            Ok(Err(unsent)) => {
                if matches!(unsent, Unsent::Returned { .. }) {
                    self.sent.fetch_sub(1, Ordering::Relaxed);
                }
                Err(unsent)
            }
            Ok(Ok(answer)) => {
                self.put_idle(connection);
                Ok(answer)
            }
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let Idle { connection, since } = idle.pop()?;
        if since.elapsed() > CONNECTION_IDLE_MAX {
            // The last one used is the youngest: the others are older still.
            idle.clear();
            return None;
        }
        Some(connection)
    }

    fn put_idle(&self, connection: Connection) {
        if connection.driver.is_none() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.options.idle_max {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, SendError> {
        let deadline = deadline.min(Instant::now() + CONNECT_TIMEOUT);
        let connected = tokio::time::timeout_at(deadline, async {
            let plain = self.reach().await.map_err(|error| format!("cannot connect: {error}"))?;
            let stream: Box<dyn Stream> = match &self.tls {
                None => plain,
                Some((connector, name)) => Box::new(
                    connector
                        .connect(name.clone(), plain)
                        .await
                        .map_err(|error| format!("cannot agree on TLS: {error}"))?,
                ),
            };
            let (sender, driver) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| format!("cannot start HTTP: {error}"))?;
            Ok(Connection { sender, driver: Some(Box::new(driver)) })
        });
        match connected.await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(detail)) => Err(SendError::NotSent { detail }),
            Err(_) => {
                Err(SendError::NotSent { detail: format!("no connection in {CONNECT_TIMEOUT:?}") })
            }
        }
    }
}

impl HttpClient {
    async fn reach(&self) -> std::io::Result<Box<dyn Stream>> {
        if let Some(dial) = &self.dial {
            return dial.dial(&self.host, self.port).await;
        }
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        // Delayed acknowledgements would cost 40 ms for a request of two segments.
        tcp.set_nodelay(true)?;
        Ok(Box::new(tcp))
    }
}

enum Unsent {
    /// Given back before a byte of it was written.
    Returned {
        request: Box<Request<Full<Bytes>>>,
        detail: String,
    },
    Lost(SendError),
}

impl Connection {
    /// Whether it can take a request now. Reads what came in while it was idle: an end there is
    /// the other side's farewell.
    async fn ready(&mut self, deadline: Instant) -> bool {
        // What came in is only known to a socket after the run time has asked the system, which
        // it does between turns; without this an end that is long there could still be missed.
        tokio::task::yield_now().await;
        let Self { sender, driver } = self;
        let ready = tokio::time::timeout_at(deadline, drive(driver, sender.ready())).await;
        matches!(ready, Ok(Ok(())))
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Unsent> {
        let Self { sender, driver } = self;
        let sent = drive(driver, sender.try_send_request(request)).await;
        let response = sent.map_err(|mut error| {
            let request = error.take_message();
            let detail = describe(error.error());
            match request {
                Some(request) => Unsent::Returned { request: Box::new(request), detail },
                None => Unsent::Lost(SendError::Unanswered { detail }),
            }
        })?;
        let (parts, body) = response.into_parts();
        let status = parts.status;
        let body = drive(driver, collect(body)).await.map_err(|lost| {
            Unsent::Lost(match lost {
                Uncollected::TooLarge => SendError::TooLarge { status },
                Uncollected::Broken(detail) => SendError::Unanswered {
                    detail: format!("HTTP {}, and then {detail}", status.as_u16()),
                },
            })
        })?;
        Ok(Answer { status, headers: parts.headers, body })
    }
}

/// Why a body is not whole.
enum Uncollected {
    TooLarge,
    Broken(String),
}

async fn collect(mut body: Incoming) -> Result<Bytes, Uncollected> {
    // `Content-Length`, where there is one.
    if body.size_hint().lower() > RESPONSE_BYTES_MAX as u64 {
        return Err(Uncollected::TooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Uncollected::Broken(describe(&error)))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > RESPONSE_BYTES_MAX {
                return Err(Uncollected::TooLarge);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// Polls the connection along with what waits for it. What the connection achieved in one turn
/// is seen in the same turn, so nothing has to be woken.
async fn drive<F: Future>(driver: &mut Option<Box<Driver>>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        if let Some(connection) = driver {
            // Its error, if any, was given to whoever waits for the answer.
            if Pin::new(connection.as_mut()).poll(context).is_ready() {
                *driver = None;
            }
        }
        future.as_mut().poll(context)
    })
    .await
}

/// What went wrong and why: hyper keeps the reason in the source.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
