//! Vendors' hints from outside: which are taken, which are not, and how fast they are answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use domain::limits::HOOK_BYTES_MAX;
use domain::{CalendarKey, ConnectionName, MirrorName};
use engine::port::*;
use secrecy::SecretString;
use server::hook::{Hint, HintTaker, HookRoute, secret_hash};
use server::{ServerParts, ServerState};
use testkit::memory_store::MemoryStore;
use tokio::net::TcpListener;

use crate::client::{self, post};
use crate::world::{World, at};

/// A vendor whose messages are lines such as `changed 1 secret`, and whose handshake is a query.
struct Lines;

#[async_trait::async_trait]
impl Hooks for Lines {
    fn read(&self, call: &HookCall) -> HookMessage {
        if let Some(token) = call.query.strip_prefix("validationToken=") {
            let reply = InboundReply { status: 200, body: token.as_bytes().to_vec() };
            return HookMessage { reply, notices: vec![] };
        }
        let text = String::from_utf8_lossy(&call.body).into_owned();
        let notices = text.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let what = match words.next()? {
                "changed" => NoticeKind::Changed,
                "missed" => NoticeKind::Missed,
                "renew" => NoticeKind::Renew,
                _ => NoticeKind::Gone,
            };
            let proof = match (words.next(), words.next()) {
                (Some(id), Some(secret)) => {
                    Proof::Subscription { id: id.into(), secret: SecretString::from(secret) }
                }
                _ => Proof::Signed,
            };
            Some(Notice { proof, what })
        });
        HookMessage {
            reply: InboundReply { status: 202, body: vec![] },
            notices: notices.collect(),
        }
    }
    fn subscribes(&self, _: &Topic) -> bool {
        false
    }
}

#[derive(Default)]
struct Taken(Mutex<Vec<Hint>>);

impl HintTaker for Taken {
    fn take(&self, hint: Hint) {
        self.0.lock().unwrap().push(hint);
    }
}

fn topic() -> Topic {
    let calendar = CalendarKey::new("ada").unwrap();
    Topic::Calendar { mirror: MirrorName::new("emea-outlook").unwrap(), calendar }
}

async fn stage() -> (SocketAddr, Arc<Taken>) {
    let world = World::new().await;
    let connection = ConnectionName::new("m365").unwrap();
    let store = Arc::new(MemoryStore::new());
    let expires_at = at("2026-12-24T00:00:00Z");
    let kept = KeptSubscription {
        connection: connection.clone(),
        topic: topic(),
        subscription: Subscription { id: "1".into(), detail: String::new(), expires_at },
        made_at: at("2026-11-21T00:00:00Z"),
        secret_hash: secret_hash("secret"),
    };
    store.put_subscription(&kept).await.unwrap();
    let taken = Arc::<Taken>::default();
    let route =
        HookRoute { hooks: Arc::new(Lines), taker: Arc::clone(&taken) as Arc<dyn HintTaker> };
    let state = Arc::new(ServerState::new(ServerParts {
        store,
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        feeds: [].into(),
        callbacks: [].into(),
        hooks: [(connection, route)].into(),
        api: server::api::ApiParts::default(),
        dashboard: None,
        metrics: None,
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, state, std::future::pending()));
    (address, taken)
}

fn hint(what: NoticeKind) -> Hint {
    Hint { topic: topic(), subscription: Some("1".into()), what }
}

#[tokio::test]
async fn a_hint_that_knows_its_secret_is_taken_and_answered_as_its_vendor_wants() {
    let (address, taken) = stage().await;
    let body = b"changed 1 secret\nmissed 1 secret\nrenew 1 secret\ngone 1 secret\n";
    let answer = post(address, "/hooks/m365", "", body).await;
    assert_eq!((answer.status, answer.text()), (202, ""));
    use NoticeKind::{Changed, Gone, Missed, Renew};
    assert_eq!(*taken.0.lock().unwrap(), [Changed, Missed, Renew, Gone].map(hint));
}

#[tokio::test]
async fn hints_that_know_no_secret_are_not_taken() {
    let (address, taken) = stage().await;
    let forged = ["changed 1 Secret", "changed 1 secre", "changed 2 secret", "changed 1 "];
    for body in forged {
        let answer = post(address, "/hooks/m365", "", body.as_bytes()).await;
        assert_eq!(answer.status, 404, "{body}");
    }
    assert_eq!(*taken.0.lock().unwrap(), []);
    // A good one among them is taken, and only that.
    let body = format!("{}\nchanged 1 secret", forged.join("\n"));
    assert_eq!(post(address, "/hooks/m365", "", body.as_bytes()).await.status, 202);
    assert_eq!(*taken.0.lock().unwrap(), [hint(NoticeKind::Changed)]);
}

#[tokio::test]
async fn what_its_connector_found_signed_is_about_the_source() {
    let (address, taken) = stage().await;
    assert_eq!(post(address, "/hooks/m365", "", b"changed").await.status, 202);
    let what = NoticeKind::Changed;
    let signed = Hint { topic: Topic::Source, subscription: None, what };
    assert_eq!(*taken.0.lock().unwrap(), [signed]);
}

#[tokio::test]
async fn a_handshake_is_answered_as_text_and_looked_at_by_nobody_else() {
    let (address, taken) = stage().await;
    let path = "/hooks/m365?validationToken=<b>hello</b>";
    let answer = post(address, &path.replace('<', "%3C").replace('>', "%3E"), "", b"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(*taken.0.lock().unwrap(), []);
}

#[tokio::test]
async fn what_names_no_connection_is_too_long_or_is_no_post_goes_nowhere() {
    let (address, taken) = stage().await;
    for path in ["/hooks/other", "/hooks/", "/hooks/a%20b", "/hooks/m365/more"] {
        assert_eq!(post(address, path, "", b"changed 1 secret").await.status, 404, "{path}");
    }
    assert_eq!(client::request(address, "GET", "/hooks/m365", &[]).await.status, 405);
    let long = vec![b'x'; HOOK_BYTES_MAX + 1];
    assert_eq!(post(address, "/hooks/m365", "", &long).await.status, 413);
    assert_eq!(*taken.0.lock().unwrap(), []);
}
