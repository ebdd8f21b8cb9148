//! The player on a socket, spoken to in plain HTTP/1.1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::graph::change::{Callbacks, Change, Refusal};
use simulators::graph::state::Integration;
use simulators::graph::{APP, Fault, GraphServer, Options, Role, SECRET, TENANT, What};

/// Sends a request, and gives all that comes until the connection ends.
fn send(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    let text =
        format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn json_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn token(address: SocketAddr) -> String {
    let head = format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1");
    let scope = "https%3A%2F%2Fgraph.microsoft.com%2F.default";
    let body = format!(
        "grant_type=client_credentials&client_id={APP}&client_secret={SECRET}&scope={scope}"
    );
    json_of(&send(address, &head, &body))["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_reaches_it_and_faults_reach_the_client() {
    let server = GraphServer::start(Options::default()).unwrap();
    let anna = server.add_user("Anna");
    let team = server.add_team("Ward 1", &[(&anna, Role::Owner)]);
    let token = token(server.address());
    let head = format!("GET /v1.0/teams/{team}/members HTTP/1.1\r\nauthorization: Bearer {token}");
    let answer = send(server.address(), &head, "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("request-id: "), "{answer}");
    assert_eq!(json_of(&answer)["value"][0]["userId"], anna.as_str());
    server.set_faults([Fault::on("GET").times(1).then(What::ResetBefore)]);
    assert_eq!(send(server.address(), &head, ""), "");
    let log = format!("{:?}", server.requests());
    assert!(!log.contains(SECRET) && !log.contains(&token), "the log keeps no secret");
}

#[test]
fn a_write_that_does_not_say_how_long_its_body_is_gets_411() {
    let server = GraphServer::start(Options::default()).unwrap();
    for method in ["POST", "PUT", "PATCH"] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = format!("{method} /v1.0/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 411"), "{method}: {answer}");
    }
    let answer = send(server.address(), "POST /v1.0/x HTTP/1.1", "");
    assert!(answer.starts_with("HTTP/1.1 401"), "nothing is wrong with an empty one: {answer}");
}

/// Asks Graph for the schedule before it agrees to anything.
struct Asks {
    address: std::sync::Mutex<Option<(SocketAddr, String)>>,
}

impl Callbacks for Asks {
    fn connect(&self, _: &Integration) -> Result<(), Refusal> {
        Ok(())
    }

    fn update(&self, _: &Integration, _: &Change) -> Result<(), Refusal> {
        let (address, head) = self.address.lock().unwrap().clone().unwrap();
        let answer = send(address, &head, "");
        let status = 403;
        if answer.starts_with("HTTP/1.1 200") {
            Ok(())
        } else {
            Err(Refusal { status, message: answer })
        }
    }
}

#[test]
fn an_integration_may_ask_graph_while_it_is_asked() {
    let asks = Arc::new(Asks { address: std::sync::Mutex::default() });
    let callbacks: Arc<dyn Callbacks> = Arc::clone(&asks) as _;
    let options = Options { quotas: None, callbacks: Some(callbacks), ..Options::default() };
    let server = GraphServer::start(options).unwrap();
    let anna = server.add_user("Anna");
    let team = server.add_team("Ward 1", &[(&anna, Role::Owner)]);
    let token = token(server.address());
    let ask = |method: &str, path: &str, body: &Value| {
        let head = format!(
            "{method} /v1.0/{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json"
        );
        let answer = send(server.address(), &head, &body.to_string());
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        json_of(&answer)
    };
    let integration = json!({
        "displayName": "Rota", "apiVersion": 1, "url": "https://rota.example/",
        "encryption": { "protocol": "sharedSecret", "secret": "s".repeat(64) },
        "supportedEntities": "Shift",
    });
    let id = ask("POST", "teamwork/workforceIntegrations", &integration)["id"].clone();
    let schedule =
        json!({ "enabled": true, "timeZone": "Europe/Berlin", "workforceIntegrationIds": [id] });
    ask("PUT", &format!("teams/{team}/schedule"), &schedule);
    let head = format!("GET /v1.0/teams/{team}/schedule HTTP/1.1\r\nauthorization: Bearer {token}");
    *asks.address.lock().unwrap() = Some((server.address(), head));
    let group = json!({ "displayName": "Nurses", "isActive": true, "userIds": [anna] });
    let made = ask("POST", &format!("teams/{team}/schedule/schedulingGroups"), &group);
    assert_eq!(made["displayName"], "Nurses");
}
