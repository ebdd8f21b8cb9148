//! Those who send too much, too slowly, or nonsense.

use std::time::Duration;

use domain::limits::API_BODY_BYTES_MAX;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{LIST, World, assert_refused, json};
use crate::client::parse;

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let world = World::new().await;
    for path in
        [LIST, &format!("{LIST}/s1"), &format!("{LIST}/sync/jobs/1"), &format!("{LIST}/icall")]
    {
        assert_refused(&world.send("GET", path, &[], b"").await, 401, "token_missing");
        let garbage = [("Authorization", "Bearer x.y.z")];
        assert_refused(&world.send("GET", path, &garbage, b"").await, 401, "invalid_token");
        let basic = [("Authorization", "Basic YTpi")];
        assert_refused(&world.send("GET", path, &basic, b"").await, 401, "token_missing");
    }
}

#[tokio::test]
async fn other_methods_and_paths_get_an_answer_in_the_same_form() {
    let world = World::new().await;
    let answer = world.send("PATCH", LIST, &[], b"").await;
    assert_refused(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    let answer = world.send("POST", &format!("{LIST}/s1"), &[], b"").await;
    assert_refused(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, PUT, DELETE"));
    assert_refused(&world.send("GET", "/api/v2/users", &[], b"").await, 404, "not_found");
    assert_refused(&world.send("GET", "/oauth/authorize", &[], b"").await, 404, "not_found");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let world = World::new().await;
    let client = world.everything().await;
    let long = vec![b' '; API_BODY_BYTES_MAX + 1];
    let bearer = format!("Bearer {}", client.token);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_refused(&world.send("POST", LIST, &headers, &long).await, 413, "body_not_read");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = world.send("POST", "/oauth/token", &form, &long).await;
    assert_refused(&answer, 413, "body_not_read");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::new().await;
    let client = world.everything().await;
    let head = format!(
        "POST {LIST} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        client.token
    );
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer));
    reading.await.expect("an answer in time").unwrap();
    assert_refused(&parse(&answer), 408, "request_timeout");
}

#[tokio::test]
async fn the_description_names_every_path_and_every_status_that_was_seen() {
    let world = World::new().await;
    let description = json(&world.send("GET", "/openapi.json", &[], b"").await);
    assert_eq!(description["openapi"], "3.1.0");
    let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 7, "{paths:?}");
    let list = &description["paths"][LIST];
    for (method, statuses) in [
        ("get", &["200", "304", "400", "401", "403", "409", "429", "500", "503"][..]),
        (
            "post",
            &["201", "400", "401", "403", "404", "408", "409", "413", "415", "429", "500", "503"],
        ),
    ] {
        let found: Vec<&String> = list[method]["responses"].as_object().unwrap().keys().collect();
        assert_eq!(found, statuses, "{method}");
    }
    let text = description.to_string();
    assert!(!text.contains("\"$ref\":\"#/$defs"), "a schema is not where it is looked for");
}
