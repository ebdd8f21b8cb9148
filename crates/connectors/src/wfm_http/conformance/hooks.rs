//! Webhooks: signed, young, and about something that we know.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use domain::limits::REQUEST_BYTES_MAX;
use engine::port::HookCall;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::talk::{Talk, told};
use super::{Check, Rule};
use crate::wfm_http::classify::Effect;
use crate::wfm_http::client::Ask;
use crate::wfm_http::inbound::{Doubt, Key, verify};
use crate::wfm_http::map::Capabilities;

/// How long a webhook is awaited.
const WAIT_MAX: Duration = Duration::from_secs(15);

const ARRIVES: Rule = Rule {
    name: "webhooks.arrive",
    rule: "POST /webhooks/test sends a webhook to the address that was entered",
    expected: "HTTP 202, and within 15 seconds a POST of a JSON object with `type`",
    hint: "enter the address that `--hooks-listen` listens at as the webhook's address, and look \
           whether a firewall is in between",
};
const SIGNED: Rule = Rule {
    name: "webhooks.signed",
    rule: "webhooks are signed as Standard Webhooks asks",
    expected: "`webhook-id`, `webhook-timestamp` in seconds, not older than 5 minutes, and \
               `webhook-signature` = `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`",
    hint: "the key is the base64 after `whsec_`, decoded; sign the bytes that are sent, and sign \
           again for each attempt",
};

/// Checks them, when there is somewhere to wait for them.
pub async fn check(
    talk: &Talk,
    chosen: &Capabilities,
    hooks: Option<(SocketAddr, Key)>,
    checks: &mut Vec<Check>,
) {
    let skipped = |why: &str| [ARRIVES.skipped(why), SIGNED.skipped(why)];
    if !chosen.webhooks {
        return checks.extend(skipped("the capabilities name no webhooks"));
    }
    let Some((address, key)) = hooks else {
        return checks
            .extend(skipped("`--hooks-listen` and `--webhook-secret-file` are needed for it"));
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            return checks.extend(skipped(&format!("cannot listen at {address}: {error}")));
        }
    };
    match arrives(talk, &listener).await {
        Ok(call) => {
            let typed = serde_json::from_slice::<serde_json::Value>(&call.body);
            let typed = typed.is_ok_and(|it| it.get("type").is_some_and(|it| it.is_string()));
            let found = (!typed).then(|| "its body is no JSON object with `type`".to_owned());
            checks.push(ARRIVES.unless(found));
            checks.push(signed(talk, &key, &call));
        }
        Err(found) => {
            checks.push(ARRIVES.failed(found));
            checks.push(SIGNED.skipped("none arrived"));
        }
    }
}

fn signed(talk: &Talk, key: &Key, call: &HookCall) -> Check {
    match verify(key, call, talk.now()) {
        Ok(()) => SIGNED.passed(),
        Err(Doubt::Header(name)) => SIGNED.failed(format!("`{name}` is missing, or unreadable")),
        Err(Doubt::Age { at }) => {
            SIGNED.failed(format!("signed at {at}, and it is {} here", talk.now()))
        }
        Err(Doubt::Signature) => SIGNED.failed("no signature is made with the secret given"),
    }
}

async fn arrives(talk: &Talk, listener: &TcpListener) -> Result<HookCall, String> {
    let (calls, mut arrived) = mpsc::channel(4);
    let wait = async {
        let ask = Ask::post("/webhooks/test", &json!({}), Effect::Decides, "ask for a webhook");
        let answer = talk.ask(&ask).await?;
        if !answer.status.is_success() {
            return Err(format!("POST /webhooks/test: {}", told(&answer)));
        }
        arrived.recv().await.ok_or_else(|| "nothing arrived".to_owned())
    };
    let serve = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let calls = calls.clone();
            let service = service_fn(move |request| take(request, calls.clone()));
            // Whoever breaks off may come again.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        }
    };
    tokio::select! {
        () = serve => Err("cannot listen".to_owned()),
        called = wait => called,
        () = talk.sleep(WAIT_MAX) => Err(format!("nothing arrived in {WAIT_MAX:?}")),
    }
}

async fn take(
    request: Request<Incoming>,
    calls: mpsc::Sender<HookCall>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut status = StatusCode::BAD_REQUEST;
    if let Ok(body) = Limited::new(body, REQUEST_BYTES_MAX).collect().await {
        let named = parts.headers.iter();
        let headers: BTreeMap<String, String> = named
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = body.to_bytes().to_vec();
        if calls.send(HookCall { query, headers, body }).await.is_ok() {
            status = StatusCode::NO_CONTENT;
        }
    }
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    Ok(response)
}
