//! Those who have no link, or want more than their link gives.

use std::io;
use std::sync::{Arc, Mutex};

use domain::limits::{FEED_LINK_LIFETIME, FEED_TOKEN_BYTES_MAX, REQUEST_HEAD_BYTES_MAX};
use server::feed::issue::LinkPolicy;
use tracing_subscriber::fmt::MakeWriter;

use crate::client::{parse, raw, request};
use crate::world::{World, path};

#[tokio::test]
async fn a_wrong_token_of_the_right_length_is_unknown() {
    let world = World::new().await;
    let right = world.subscribe().await;
    assert_eq!(world.get(&right).await.status, 200);
    for index in [7, 25, 48] {
        let mut wrong = right.clone().into_bytes();
        wrong[index] = if wrong[index] == b'A' { b'B' } else { b'A' };
        let wrong = String::from_utf8(wrong).unwrap();
        let answer = world.get(&wrong).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(answer.text().contains("ask for a new one"));
    }
}

#[tokio::test]
async fn a_signed_link_for_somebody_else_cannot_be_made_from_one_s_own() {
    let world = World::new().await;
    let lifetime = FEED_LINK_LIFETIME;
    let own = path(&world.issue(LinkPolicy::Signed { lifetime }).await);
    assert_eq!(world.get(&own).await.status, 200);
    for index in "/feeds/s.".len()..own.len() - ".ics".len() {
        let mut forged = own.clone().into_bytes();
        forged[index] = if forged[index] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(world.get(&forged).await.status, 404, "at {index}");
    }
}

#[tokio::test]
async fn tricks_with_the_path_open_nothing() {
    let world = World::new().await;
    let right = world.subscribe().await;
    assert_eq!(world.get(&right).await.status, 200);
    let token = right.strip_prefix("/feeds/").unwrap();
    for trick in [
        format!("/feeds//{token}"),
        format!("/feeds/./{token}"),
        format!("/feeds/x/../{token}"),
        format!("/feeds/%2e%2e/{token}"),
        format!("/feeds/{token}/"),
        format!("/feeds/{token}%00"),
        format!("/feeds/{token}.ics"),
        format!("/feeds/{}", token.trim_end_matches(".ics")),
        format!("/feeds/{}", token.to_uppercase()),
        format!("/FEEDS/{token}"),
        format!("//feeds/{token}"),
        format!("/feeds/%{:02x}{}", token.as_bytes()[0], &token[1..]),
        "/feeds/.ics".into(),
        "/feeds/".into(),
        "/feeds".into(),
        "/feeds/../healthz".into(),
        format!("/feeds/{}.ics", "A".repeat(FEED_TOKEN_BYTES_MAX * 2)),
        "/feeds/s..ics".into(),
    ] {
        assert_eq!(world.get(&trick).await.status, 404, "{trick}");
    }
    // A query is not part of the link: some clients add one.
    assert_eq!(world.get(&format!("{right}?nocache=1")).await.status, 200);
}

#[tokio::test]
async fn other_methods_are_refused_with_those_allowed() {
    let world = World::new().await;
    let path = world.subscribe().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "get"] {
        let answer = request(world.address, method, &path, &[]).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let filler = "x".repeat(REQUEST_HEAD_BYTES_MAX);
    for request in [
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Filler: {filler}\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(200)),
        format!("GET /{filler} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let answer = raw(world.address, request.as_bytes()).await;
        // Refused in words, or by closing while it still sends.
        if !answer.is_empty() {
            let status = parse(&answer).status;
            assert!(matches!(status, 400 | 414 | 431), "{status}");
        }
    }
    assert_eq!(world.get(&path).await.status, 200);
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let world = World::new().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET /healthz\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nBad Header: b\r\n\r\n",
    ] {
        let answer = raw(world.address, bytes).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{bytes:?}");
    }
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let one = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = raw(world.address, format!("{one}{one}{last}").as_bytes()).await;
    let text = String::from_utf8(answer).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(text.matches("END:VCALENDAR").count(), 2);
    assert!(text.ends_with("ok\n"));
}

/// Everything that is logged, in one place.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logged {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_line_and_no_answer_repeats_a_token() {
    let logged = Logged::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(logged.clone())
        .finish();
    // One thread runs everything here, so its default subscriber sees everything.
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let link = world.issue(LinkPolicy::Subscription).await;
    let path = path(&link);
    assert_eq!(world.get(&path).await.status, 200);
    world.store.set_broken(true);
    world.clock.advance(std::time::Duration::from_secs(2));
    let answer = world.get(&path).await;
    assert_eq!(answer.status, 503);
    let refused = request(world.address, "POST", &path, &[]).await;
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("feed not served"), "{logged}");
    for text in [&*logged, answer.text(), refused.text()] {
        assert!(!text.contains(link.token.expose()), "{text}");
    }
}
