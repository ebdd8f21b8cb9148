//! How the `scal` source treats a server that is slow, full or away: a stub that answers what a
//! test says, and time that passes when it is waited for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use connectors::scal::ScalConfig;
use connectors::{ConnectionConfig, ConnectionContext};
use domain::{ConnectionName, SyncWindow, UtcInterval};
use engine::port::{Clock, FailureClass, FindingLevel, Reading, ReadingKind, Source, SourceError};
use jiff::{SignedDuration, Timestamp};
use testkit::seeded_entropy::SeededEntropy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::genesys::world::{Jumping, START, at};

const PAGE: &str = r#"{"entities":[{"id":"s1","kind":"shift","version":1,"userId":"anna",
    "label":"Late","start":"2026-11-24T13:30:00Z","end":"2026-11-24T21:30:00Z"}],
    "deltaToken":"d1"}"#;

/// What the stub says to one request for the schedule.
#[derive(Clone)]
struct Says {
    status: u16,
    headers: String,
    body: String,
}

fn says(status: u16, headers: &[(&str, &str)]) -> Says {
    let body = if status == 200 { PAGE.to_owned() } else { r#"{"code":"busy"}"#.to_owned() };
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Says { status, headers, body }
}

#[derive(Default)]
struct Stub {
    /// What is said to requests for the schedule, one after the other; then [`PAGE`].
    script: VecDeque<Says>,
    scope: String,
    expires_in: u64,
    /// Method and path of every request, the token in it, and when it came.
    log: Vec<(String, String, Timestamp)>,
    tokens: u32,
}

struct World {
    stub: Arc<Mutex<Stub>>,
    clock: Jumping,
    source: Arc<dyn Source>,
}

impl World {
    async fn new() -> Self {
        let clock = Jumping::from(at(START));
        let scope = "wfm:schedule:read user:read".to_owned();
        let stub = Stub { scope, expires_in: 3600, ..Stub::default() };
        let stub = Arc::new(Mutex::new(stub));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (theirs, time) = (Arc::clone(&stub), clock.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&theirs), time.clone()));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "a secret of some length").unwrap();
        let text = format!(
            "url = \"http://127.0.0.1:{port}\"\nclient_id = \"me\"\nclient_secret_file = \"secret\"\n"
        );
        let config: ScalConfig = toml::from_str(&text).unwrap();
        config.validate().unwrap();
        let context = ConnectionContext {
            name: ConnectionName::new("other").unwrap(),
            base: folder.path().to_owned(),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let source = config.source(&context).unwrap();
        Self { stub, clock, source }
    }

    fn script(&self, says: impl IntoIterator<Item = Says>) {
        self.stub.lock().unwrap().script = says.into_iter().collect();
    }

    async fn read(&self) -> Result<Reading, SourceError> {
        let day = SignedDuration::from_hours(24);
        let interval = UtcInterval::new(at(START) - day, at(START) + day * 7).unwrap();
        self.source.read(&SyncWindow { interval }, None).await
    }

    async fn fails(&self) -> engine::port::Failure {
        match self.read().await {
            Err(SourceError::Failed(failure)) => failure,
            other => panic!("expected a failure, found {other:?}"),
        }
    }

    /// When the schedule was asked for so far, in seconds since the beginning.
    fn asked(&self) -> Vec<f64> {
        let stub = self.stub.lock().unwrap();
        let of_schedule = stub.log.iter().filter(|it| it.0.contains("/schedules"));
        of_schedule.map(|it| it.2.duration_since(at(START)).as_secs_f64()).collect()
    }
}

async fn serve(mut stream: TcpStream, stub: Arc<Mutex<Stub>>, clock: Jumping) {
    loop {
        let Some(head) = request(&mut stream).await else { return };
        let line = head.lines().next().unwrap_or_default();
        let path = line.rsplit_once(' ').map_or("", |it| it.0).to_owned();
        let authorization = head.lines().find(|it| it.to_lowercase().starts_with("authorization"));
        let Says { status, headers, body } = {
            let mut stub = stub.lock().unwrap();
            let authorization = authorization.unwrap_or_default().to_owned();
            stub.log.push((path.clone(), authorization, clock.now()));
            if path.contains("/oauth/token") {
                stub.tokens += 1;
                let body = format!(
                    r#"{{"access_token":"t{}","expires_in":{},"scope":"{}"}}"#,
                    stub.tokens, stub.expires_in, stub.scope
                );
                Says { status: 200, headers: String::new(), body }
            } else if path.contains("/schedules") {
                stub.script.pop_front().unwrap_or_else(|| says(200, &[]))
            } else {
                Says { status: 200, headers: String::new(), body: "{}".to_owned() }
            }
        };
        let answer =
            format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A request's head; its body is read and dropped.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let head_end = loop {
        if let Some(end) = text.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.ok().filter(|it| *it > 0)?;
        text.extend_from_slice(&chunk[..count]);
    };
    let head = String::from_utf8(text[..head_end].to_vec()).unwrap();
    let length = head.lines().find_map(|it| {
        it.to_lowercase().strip_prefix("content-length:").map(|it| it.trim().parse::<usize>())
    });
    let mut missing = (head_end + 4 + length.map_or(0, Result::unwrap)).saturating_sub(text.len());
    while missing > 0 {
        let mut chunk = vec![0; missing];
        missing -= stream.read(&mut chunk).await.ok().filter(|it| *it > 0)?;
    }
    Some(head)
}

#[tokio::test]
async fn a_request_that_failed_is_repeated_with_growing_waits() {
    let world = World::new().await;
    world.script([says(503, &[]), says(500, &[]), says(502, &[])]);
    let reading = world.read().await.unwrap();
    assert!(matches!(&reading.kind, ReadingKind::Full { entities, .. } if !entities.is_empty()));
    let asked = world.asked();
    assert_eq!(asked.len(), 4, "three that failed, and one");
    // Doubled each time and jittered: none is longer than 1, 2 and 4 s.
    for (attempt, pair) in asked.windows(2).enumerate() {
        let (wait, most) = (pair[1] - pair[0], f64::from(1 << attempt));
        assert!(wait > 0.0 && wait <= most + 0.01, "wait {attempt}: {wait} s of at most {most} s");
    }
}

#[tokio::test]
async fn after_five_failed_readings_the_server_is_left_alone_and_then_asked_once() {
    let world = World::new().await;
    world.script(vec![says(503, &[]); 1000]);
    for reading in 1..=5 {
        assert_eq!(world.fails().await.class, FailureClass::Unavailable);
        assert_eq!(world.asked().len(), 4 * reading);
    }
    // Open: nothing is sent, and it says until when.
    let failure = world.fails().await;
    assert!(failure.detail.contains("it is left alone until 20"), "{failure}");
    assert_eq!(world.asked().len(), 20);
    // Half open: one request looks, and when that does not help, the next look is later.
    world.clock.pass(SignedDuration::from_secs(31));
    world.fails().await;
    assert_eq!(world.asked().len(), 21);
    world.clock.pass(SignedDuration::from_secs(31));
    world.fails().await;
    assert_eq!(world.asked().len(), 21, "a minute now");
    world.clock.pass(SignedDuration::from_secs(31));
    world.script([]);
    world.read().await.unwrap();
    assert_eq!(world.asked().len(), 22);
    // Closed: patience is as at first.
    world.script([says(503, &[]), says(503, &[])]);
    world.read().await.unwrap();
    assert_eq!(world.asked().len(), 25);
}

#[tokio::test]
async fn whoever_is_asked_to_wait_waits_as_long_as_that() {
    let world = World::new().await;
    world.script([says(429, &[("Retry-After", "7")]), says(503, &[("Retry-After", "1")])]);
    world.read().await.unwrap();
    let asked = world.asked();
    assert_eq!(asked.len(), 3);
    assert!((7.0..8.01).contains(&(asked[1] - asked[0])), "{asked:?}");
    // Four times 429, and it is a failure that says so.
    world.script(vec![says(429, &[("Retry-After", "2")]); 4]);
    let failure = world.fails().await;
    assert!(matches!(failure.class, FailureClass::Throttled { .. }), "{failure:?}");
    assert_eq!(world.asked().len(), 7);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_once_when_it_is_refused() {
    let world = World::new().await;
    world.stub.lock().unwrap().expires_in = 600;
    let tokens = || world.stub.lock().unwrap().tokens;
    world.read().await.unwrap();
    world.clock.pass(SignedDuration::from_secs(500));
    world.read().await.unwrap();
    assert_eq!(tokens(), 1, "still good");
    world.clock.pass(SignedDuration::from_secs(45));
    world.read().await.unwrap();
    assert_eq!(tokens(), 2, "a minute before its end it is not used any more");
    // Revoked before its time.
    world.script([says(401, &[])]);
    world.read().await.unwrap();
    assert_eq!(tokens(), 3);
    assert!(world.stub.lock().unwrap().log.last().unwrap().1.ends_with("Bearer t3"));
    // The client itself is not let in any more: not tried for ever.
    let before = world.asked().len();
    world.script(vec![says(401, &[]); 10]);
    assert_eq!(world.fails().await.class, FailureClass::Unauthorised);
    assert_eq!((tokens(), world.asked().len() - before), (4, 2));
}

#[tokio::test]
async fn under_a_fifth_of_the_budget_what_is_left_is_spread_over_the_rest_of_the_minute() {
    let world = World::new().await;
    let left = |left: &str| {
        let headers = [
            ("X-RateLimit-Limit", "100"),
            ("X-RateLimit-Remaining", left),
            ("X-RateLimit-Reset", "55"),
        ];
        says(200, &headers)
    };
    let mut waits = Vec::new();
    for remaining in ["60", "20", "10", "0"] {
        world.script([left(remaining)]);
        world.read().await.unwrap();
        world.read().await.unwrap();
        let asked = world.asked();
        waits.push(asked[asked.len() - 1] - asked[asked.len() - 2]);
    }
    assert_eq!(waits, [0.0, 0.0, 5.0, 55.0]);
}

#[tokio::test]
async fn doctor_names_everything_that_is_wrong_and_not_only_the_first() {
    let world = World::new().await;
    world.stub.lock().unwrap().scope = "wfm:schedule:write".into();
    let findings = world.source.check().await;
    let said = |level, text: &str| {
        findings.iter().any(|it| it.level == level && it.message.contains(text))
    };
    assert!(said(FindingLevel::Error, "has not `wfm:schedule:read`"), "{findings:?}");
    assert!(said(FindingLevel::Warning, "may write schedules"), "{findings:?}");
    assert!(said(FindingLevel::Warning, "has not `user:read`"), "{findings:?}");
    assert_eq!(world.asked().len(), 0, "what is known to be refused is not asked for");
}
