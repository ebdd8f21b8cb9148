//! A workforce integration in a few lines: it opens, remembers, and answers by a script.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::opener::open;

/// 64 bytes.
pub const SECRET: &str = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";

/// A call as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: String,
    pub language: String,
    pub passthrough: Option<String>,
    pub body: Value,
}

impl Call {
    /// `METHOD /url` of every element.
    pub fn told(&self) -> Vec<String> {
        let requests = self.body["requests"].as_array().unwrap();
        let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
        requests.iter().map(|it| format!("{} {}", text(it, "method"), text(it, "url"))).collect()
    }

    /// The bodies of the elements.
    pub fn bodies(&self) -> Vec<&Value> {
        self.body["requests"].as_array().unwrap().iter().map(|it| &it["body"]).collect()
    }
}

/// What the script says to a call.
pub enum Say {
    /// Success for every element.
    Yes,
    /// This status, code and message for every element.
    No(u16, &'static str),
    /// These ids for every element.
    Data(Vec<String>),
    /// This, with HTTP status 200.
    Json(Value),
    /// This HTTP status and nothing else.
    Status(u16),
    /// Nothing, ever.
    Nothing,
}

type Script = Arc<Mutex<dyn FnMut(&Call) -> Say + Send>>;

/// The integration.
pub struct Receiver {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    /// Starts one in the current runtime.
    pub async fn start(script: impl FnMut(&Call) -> Say + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rota/", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(Mutex::new(script));
        let seen = Arc::clone(&calls);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                tokio::spawn(async move {
                    let service = service_fn(|it| answer(it, &seen, &script));
                    // How it ends is the caller's business.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, calls }
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The last call.
    pub fn last(&self) -> Call {
        self.calls().pop().unwrap()
    }
}

async fn answer(
    request: http::Request<Incoming>,
    seen: &Mutex<Vec<Call>>,
    script: &Script,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    assert_eq!(parts.method, "POST");
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| parts.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
    let call = Call {
        path: parts.uri.path().to_owned(),
        language: header("accept-language").unwrap(),
        passthrough: header("x-ms-wfmpassthrough"),
        body: open(SECRET, &body),
    };
    seen.lock().unwrap().push(call.clone());
    let said = (script.lock().unwrap())(&call);
    let each = |status: u16, body: &Value| {
        let requests = call.body["requests"].as_array().into_iter().flatten();
        let all = requests.map(|it| json!({ "id": it["id"], "status": status, "body": body }));
        (200, json!({ "responses": all.collect::<Vec<_>>() }))
    };
    let (status, body) = match said {
        Say::Yes => each(200, &json!({ "eTag": "1", "error": null, "data": null })),
        Say::No(status, message) => {
            let error = json!({ "code": "no", "message": message });
            each(status, &json!({ "error": error, "data": null }))
        }
        Say::Data(ids) => each(200, &json!({ "data": ids, "error": null })),
        Say::Json(body) => (200, body),
        Say::Status(status) => (status, Value::Null),
        Say::Nothing => std::future::pending().await,
    };
    let response = http::Response::builder().status(status);
    Ok(response.body(Full::new(Bytes::from(body.to_string()))).unwrap())
}
