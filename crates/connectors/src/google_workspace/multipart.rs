//! Several requests in one, and their answers apart (RFC 2046 §5.1;
//! developers.google.com/workspace/calendar/api/guides/batch, read 2026-11). Pure.
//!
//! Answers come in any order; each names the request that it answers by `Content-ID`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::transport::Answer;

/// One request of a batch.
pub(super) struct Part<'a> {
    pub method: &'a str,
    /// The path with its query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Option<&'a Bytes>,
}

/// The body of a batch; parts are numbered in their order. `boundary` must be in none of them.
pub(super) fn written(parts: &[Part<'_>], boundary: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(parts.len() * 1024);
    for (number, Part { method, target, headers, body }) in parts.iter().enumerate() {
        let head = format!(
            "--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n\
             {method} {target} HTTP/1.1\r\n"
        );
        text.extend_from_slice(head.as_bytes());
        for (name, value) in headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        if let Some(body) = body {
            let head =
                format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
            text.extend_from_slice(head.as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body.map_or(&b""[..], |it| it));
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    text
}

/// The answers of a batch by the number of their request. What cannot be read is not among them.
pub(super) fn read(answer: &Answer) -> BTreeMap<usize, Answer> {
    let mut answers = BTreeMap::new();
    let kind = answer.headers.get(http::header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let boundary = kind.and_then(|kind| {
        let found = kind.split(';').find_map(|it| it.trim().strip_prefix("boundary="));
        found.map(|it| it.trim_matches('"'))
    });
    let (Some(boundary), Ok(text)) = (boundary, std::str::from_utf8(&answer.body)) else {
        return answers;
    };
    let delimiter = format!("--{boundary}");
    for piece in text.split(delimiter.as_str()).skip(1) {
        if piece.starts_with("--") {
            break;
        }
        answers.extend(part(piece));
    }
    answers
}

fn part(text: &str) -> Option<(usize, Answer)> {
    let (head, inner) = text.trim_start_matches(['\r', '\n']).split_once("\r\n\r\n")?;
    let id = headers(head).get("content-id")?.to_str().ok()?.to_owned();
    let id = id.trim_start_matches('<').trim_end_matches('>');
    let number = id.strip_prefix("response-").unwrap_or(id).parse().ok()?;
    let (head, body) = inner.split_once("\r\n\r\n").unwrap_or((inner, ""));
    let (line, head) = head.split_once("\r\n").unwrap_or((head, ""));
    let status: u16 = line.split_whitespace().nth(1)?.parse().ok()?;
    let headers = headers(head);
    let length = headers.get("content-length").and_then(|it| it.to_str().ok()?.parse().ok());
    let body = match length {
        Some(length) => body.get(..length)?,
        None => body.trim_end_matches(['\r', '\n']),
    };
    let status = StatusCode::from_u16(status).ok()?;
    let body = Bytes::copy_from_slice(body.as_bytes());
    Some((number, Answer { status, headers, body }))
}

fn headers(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.split("\r\n") {
        if let Some((name, value)) = line.split_once(':')
            && let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name.trim()), HeaderValue::try_from(value.trim()))
        {
            headers.insert(name, value);
        }
    }
    headers
}
