//! `POST /batch/calendar/v3`: several requests in one, as `multipart/mixed`
//! (developers.google.com/workspace/calendar/api/guides/batch).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::http::{Ask, Body, Fate, Reply};
use super::options::BatchOrder;
use super::{Google, error};

const BOUNDARY: &str = "batch_played_0123456789";

/// Answers a batch: its parts each with a status of their own.
pub(super) fn answer(google: &Google, ask: &Ask) -> Reply {
    if ask.method != "POST" {
        return Reply::status(405);
    }
    let parts = match parts(ask) {
        Ok(parts) => parts,
        Err(what) => return error::refusal(400, "badRequest", &what),
    };
    if parts.len() > google.options().batch_max {
        let message = "The batch request has too many calls.";
        return error::refusal(400, "batchSizeTooLarge", message);
    }
    let mut fate = Fate::default();
    let mut answers: Vec<String> = Vec::new();
    for Part { id, ask } in parts {
        let (delay, reply) = google.dispatch(&ask);
        fate.delay += delay;
        let reply = reply.unwrap_or_else(|unanswered| {
            fate.unanswered = Some(unanswered);
            Reply::status(504)
        });
        answers.push(written(id.as_deref(), reply));
    }
    match google.options().batch_order {
        BatchOrder::AsAsked => {}
        BatchOrder::Reversed => answers.reverse(),
    }
    let mut text = answers.concat();
    text.push_str(&format!("--{BOUNDARY}--\r\n"));
    let kind = format!("multipart/mixed; boundary={BOUNDARY}");
    Reply { status: 200, body: Body::Text(kind, text), fate, ..Reply::default() }
}

struct Part {
    id: Option<String>,
    ask: Ask,
}

fn parts(ask: &Ask) -> Result<Vec<Part>, String> {
    let kind = ask.header("content-type").unwrap_or_default();
    let boundary = kind.split(';').find_map(|it| it.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|it| it.trim_matches('"')).filter(|it| !it.is_empty());
    if !kind.starts_with("multipart/mixed") {
        return Err("Failed to parse batch request, error: no multipart/mixed.".into());
    }
    let boundary = boundary.ok_or("Failed to parse batch request, error: no boundary.")?;
    let text = std::str::from_utf8(&ask.body).map_err(|error| error.to_string())?;
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut closed = false;
    for piece in text.split(delimiter.as_str()).skip(1) {
        if piece.starts_with("--") {
            closed = true;
            break;
        }
        parts.push(part(ask, piece.trim_start_matches("\r\n"))?);
    }
    match (closed, parts.is_empty()) {
        (true, false) => Ok(parts),
        (false, _) => Err("Failed to parse batch request, error: it is cut short.".into()),
        (true, true) => Err("Failed to parse batch request, error: 0 items.".into()),
    }
}

fn part(batch: &Ask, text: &str) -> Result<Part, String> {
    let bad = |what: &str| format!("Failed to parse batch request, error: {what}.");
    let (head, inner) = text.split_once("\r\n\r\n").ok_or_else(|| bad("a part without headers"))?;
    let head = headers(head);
    let kind = head.get("content-type").and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/http") {
        return Err(bad("a part that is no application/http"));
    }
    let id = head.get("content-id").and_then(|it| it.to_str().ok()).map(String::from);
    let (inner_head, body) = inner.split_once("\r\n\r\n").unwrap_or((inner, ""));
    let (line, rest) = inner_head.split_once("\r\n").unwrap_or((inner_head, ""));
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(bad("a part without a request line"));
    };
    if !target.starts_with('/') {
        return Err(bad("a part with more than a path"));
    }
    let mut headers = headers(rest);
    let length = headers.get("content-length").and_then(|it| it.to_str().ok());
    let length = length.and_then(|it| it.parse::<usize>().ok());
    let body = body.strip_suffix("\r\n").unwrap_or(body);
    let body = length.and_then(|it| body.get(..it)).unwrap_or(body);
    if !headers.contains_key("authorization")
        && let Some(token) = batch.headers.get("authorization")
    {
        headers.insert("authorization", token.clone());
    }
    let ask = Ask {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
        in_batch: true,
    };
    Ok(Part { id, ask })
}

fn headers(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.split("\r\n") {
        if let Some((name, value)) = line.split_once(':')
            && let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.trim().to_ascii_lowercase()),
                HeaderValue::try_from(value.trim()),
            )
        {
            headers.insert(name, value);
        }
    }
    headers
}

fn written(id: Option<&str>, reply: Reply) -> String {
    let Reply { status, headers, body, fate: _ } = reply;
    let mut text = format!("--{BOUNDARY}\r\nContent-Type: application/http\r\n");
    if let Some(id) = id {
        let id = id.trim_start_matches('<').trim_end_matches('>');
        text.push_str(&format!("Content-ID: <response-{id}>\r\n"));
    }
    let reason = http::StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    text.push_str(&format!("\r\nHTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown")));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = match body {
        Body::Nothing => String::new(),
        Body::Json(value) => value.to_string(),
        Body::Text(_, text) => text,
    };
    if !body.is_empty() {
        text.push_str("Content-Type: application/json; charset=UTF-8\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}\r\n", body.len()));
    text
}
