//! The way in for mirrors' vendors: whom it leads to, and what never gets there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use domain::limits::{BODY_BYTES_FREE, CALLBACK_BODIES_MAX, CALLBACK_BYTES_MAX, CONNECTIONS_MAX};
use domain::{CalendarKey, CommandKind, Directory, MirrorName, Refusal};
use engine::port::{
    Answer, Approvals, Ask, AskedQuestion, Inbound, InboundCall, InboundReply, Offered,
};
use server::callback::CallbackRoute;
use server::{ServerParts, ServerState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{self, parse, post};
use crate::world::World;

/// Says what it was sent.
struct Echo;

#[async_trait::async_trait]
impl Inbound for Echo {
    async fn answer(&self, call: InboundCall, _: Arc<dyn Approvals>) -> InboundReply {
        let InboundCall { path, headers, body } = call;
        assert_ne!(path, "v1/panic", "asked to");
        let passthrough = headers.get("x-ms-wfmpassthrough").cloned().unwrap_or_default();
        let text = format!("{path} {passthrough} {}", body.len());
        InboundReply { status: 200, body: text.into_bytes() }
    }
}

/// Is never asked.
struct Nobody(BTreeSet<CommandKind>);

#[async_trait::async_trait]
impl Approvals for Nobody {
    fn kinds(&self) -> &BTreeSet<CommandKind> {
        &self.0
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &self.0
    }
    async fn directory(&self) -> Result<Arc<Directory>, Refusal> {
        Ok(Arc::default())
    }
    async fn decide_together(&self, _: Vec<Ask>) -> Answer {
        Answer::Refused(Refusal::Unknown)
    }
    async fn offered(&self, _: &CalendarKey, _: AskedQuestion) -> Result<Vec<Offered>, Refusal> {
        Ok(vec![])
    }
}

async fn stage() -> SocketAddr {
    let world = World::new().await;
    let route =
        CallbackRoute { inbound: Arc::new(Echo), approvals: Arc::new(Nobody(BTreeSet::new())) };
    let state = Arc::new(ServerState::new(ServerParts {
        store: world.store.clone(),
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        feeds: [].into(),
        callbacks: [(MirrorName::new("emea-shifts").unwrap(), route)].into(),
        hooks: Default::default(),
        api: server::api::ApiParts::default(),
        dashboard: None,
        metrics: None,
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, state, std::future::pending()));
    address
}

#[tokio::test]
async fn a_call_reaches_its_mirrors_connector_whole() {
    let address = stage().await;
    let path = "/callbacks/emea-shifts/v1/teams/team-1/update";
    let answer = post(address, path, "X-MS-WFMPassthrough: abc\r\n", b"sealed").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "v1/teams/team-1/update abc 6");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn what_names_no_mirror_or_is_no_call_goes_nowhere() {
    let address = stage().await;
    for path in ["/callbacks/other/v1/connect", "/callbacks/a%20b/v1/connect", "/callbacks/"] {
        assert_eq!(post(address, path, "", b"").await.status, 404, "{path}");
    }
    let path = "/callbacks/emea-shifts/v1/connect";
    assert_eq!(client::request(address, "GET", path, &[]).await.status, 405);
    assert_eq!(client::request(address, "PUT", path, &[]).await.status, 405);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_no_further() {
    let address = stage().await;
    let path = "/callbacks/emea-shifts/v1/connect";
    let body = vec![7; CALLBACK_BYTES_MAX];
    let answer = post(address, path, "", &body).await;
    assert_eq!(answer.text(), format!("v1/connect  {CALLBACK_BYTES_MAX}"));
    let answer = post(address, path, "", &vec![7; CALLBACK_BYTES_MAX + 1]).await;
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains(r#""code":"body_not_read""#));
}

#[tokio::test]
async fn a_mistake_of_ours_is_an_error_of_ours_and_ends_nothing_else() {
    let address = stage().await;
    let answer = post(address, "/callbacks/emea-shifts/v1/panic", "", b"").await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains(r#""code":"internal""#));
    let path = "/callbacks/emea-shifts/v1/connect";
    assert_eq!(post(address, path, "", b"").await.status, 200);
}

#[tokio::test]
async fn bodies_that_never_come_hold_nobody_up_for_long() {
    let address = stage().await;
    let path = "/callbacks/emea-shifts/v1/connect";
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    let mut slow = Vec::new();
    for _ in 0..CALLBACK_BODIES_MAX {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    // The slow ones are told to go, and whoever came after them is answered.
    loop {
        let answer = post(address, path, "", b"whole").await;
        match answer.status {
            200 => break,
            408 => {}
            other => panic!("{other}"),
        }
    }
    let mut told = Vec::new();
    slow[0].read_to_end(&mut told).await.unwrap();
    assert_eq!(parse(&told).status, 408);
}

#[tokio::test]
async fn slow_bodies_take_neither_the_places_nor_the_connections_of_others() {
    let address = stage().await;
    let path = "/callbacks/emea-shifts/v1/connect";
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    let mut slow = Vec::new();
    for number in 0..CONNECTIONS_MAX + 8 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        if number < 2 * CALLBACK_BODIES_MAX {
            // As much as makes it take a place.
            stream.write_all(&vec![7; BODY_BYTES_FREE + 1]).await.unwrap();
        }
        slow.push(stream);
    }
    // A body of the usual size needs no place, and the slow ones make room for its connection.
    let body = vec![7; BODY_BYTES_FREE];
    let whole = post(address, path, "", &body);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(2), whole).await;
    assert_eq!(answer.expect("an answer before the slow ones are told to go").status, 200);
}
