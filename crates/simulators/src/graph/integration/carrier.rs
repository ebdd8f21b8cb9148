//! What carries a callback to the integration: HTTP, or anything else that answers.

use std::fmt::Debug;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// More than this is no answer to a callback.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One POST to an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// Its headers, in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Its sealed body.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// The answer, or why there is none.
pub type Carrying<'a> = Pin<Box<dyn Future<Output = Result<Got, String>> + Send + 'a>>;

/// Something that takes a POST to an integration. [`HttpCarrier`] in general; a simulation in
/// virtual time gives one of its own that calls the product directly.
pub trait Carrier: Debug + Send + Sync {
    /// Takes it there. Deadlines are the caller's: it drops what takes too long.
    fn carry(&self, post: Post) -> Carrying<'_>;
}

/// Plain HTTP/1.1, with connections kept open. They live on a thread of its own, so that callers
/// on any thread and in any runtime share them.
#[derive(Debug)]
pub struct HttpCarrier {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Option<Runtime>,
}

impl HttpCarrier {
    /// Starts its thread.
    ///
    /// # Errors
    /// When there can be none.
    pub fn start() -> std::io::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("shifts-callbacks").enable_all();
        Ok(Self { client, runtime: Some(runtime.build()?) })
    }
}

impl Drop for HttpCarrier {
    fn drop(&mut self) {
        // It may be dropped where nothing may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Carrier for HttpCarrier {
    fn carry(&self, post: Post) -> Carrying<'_> {
        let Some(runtime) = &self.runtime else {
            return Box::pin(async { Err("the carrier stopped".to_owned()) });
        };
        let mut task = Aborting(runtime.spawn(post_to(self.client.clone(), post)));
        Box::pin(async move {
            let done = (&mut task.0).await;
            done.unwrap_or_else(|error| Err(error.to_string()))
        })
    }
}

/// Ends a task whose result nobody waits for any longer, and with it its connection.
struct Aborting(JoinHandle<Result<Got, String>>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn post_to(client: Client<HttpConnector, Full<Bytes>>, post: Post) -> Result<Got, String> {
    let mut request = http::Request::post(&post.url);
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(post.body)).map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| chain(&error))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Got { status, body })
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
