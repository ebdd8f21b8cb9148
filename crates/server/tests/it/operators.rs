//! Health, metrics, errors of the API and shutting down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::CONNECTIONS_MAX;
use metrics_exporter_prometheus::PrometheusBuilder;
use server::{ServerParts, ServerState, Side};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{get, parse, request};
use crate::world::{World, roster};

#[tokio::test]
async fn health_needs_nobody_and_readiness_needs_the_store() {
    let world = World::new().await;
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.text(), r#"{"status":"ready","lastCycleAt":"2026-11-21T05:45:00Z"}"#);
    world.store.set_broken(true);
    // Who asks all the time is answered from memory for a second.
    assert_eq!(world.get("/readyz").await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.get("/healthz").await.status, 200);
    let unready = world.get("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.text().contains(r#""code":"store_unavailable""#));
    assert!(!unready.text().contains("fire"));
}

#[tokio::test]
async fn what_is_not_there_answers_in_the_api_s_form() {
    let world = World::new().await;
    let answer = world.get("/api/v2/nothing").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(error["code"], "not_found");
    assert_eq!(error["status"], 404);
    assert_eq!(error["details"], serde_json::json!([]));
    let id = error["contextId"].as_str().unwrap();
    assert_eq!(id.len(), 16);
    let again = world.get("/api/v2/nothing").await;
    assert!(!again.text().contains(id));
    let refused = request(world.address, "POST", "/healthz", &[]).await;
    assert_eq!(refused.status, 405);
    assert!(refused.text().contains(r#""code":"method_not_allowed""#));
    assert_eq!(refused.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn metrics_count_answers_and_name_no_link() {
    let world = World::new().await;
    assert_eq!(world.get("/metrics").await.status, 404);

    let recorder = PrometheusBuilder::new().build_recorder();
    let state = metrics::with_local_recorder(&recorder, || {
        Arc::new(ServerState::new(ServerParts {
            store: world.store.clone(),
            clock: world.clock.clone(),
            entropy: world.entropy.clone(),
            feeds: BTreeMap::from([(roster(), Default::default())]),
            callbacks: [].into(),
            hooks: Default::default(),
            api: server::api::ApiParts::default(),
            dashboard: None,
            metrics: Some(recorder.handle()),
        }))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, state, std::future::pending()));
    let path = world.subscribe().await;
    for path in [&path, &path, "/feeds/unknown.ics"] {
        get(address, path, &[]).await;
    }
    let metrics = get(address, "/metrics", &[]).await;
    let text = metrics.text();
    for line in [
        r#"rotabridge_feed_responses_total{outcome="sent"} 2"#,
        r#"rotabridge_feed_responses_total{outcome="unknown"} 1"#,
        "rotabridge_feed_renders_total 1",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains(&path[7..50]));
}

#[tokio::test]
async fn operators_have_a_side_of_their_own_where_one_is_wanted() {
    let world = World::new().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let state = Arc::new(ServerState::new(ServerParts {
        store: world.store.clone(),
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        feeds: BTreeMap::from([(roster(), Default::default())]),
        callbacks: [].into(),
        hooks: Default::default(),
        api: server::api::ApiParts { requests_per_minute: 9, ..Default::default() },
        dashboard: None,
        metrics: Some(recorder.handle()),
    }));
    let feed = world.subscribe().await;
    let paths = ["/healthz", "/readyz", "/metrics", &feed, "/openapi.json"];
    for (side, expected) in [
        (Side::Everything, [200, 200, 200, 200, 200]),
        (Side::Public, [200, 404, 404, 200, 200]),
        (Side::Operators, [200, 200, 200, 404, 404]),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let never = std::future::pending();
        tokio::spawn(server::serve_side(listener, Arc::clone(&state), side, never));
        let mut found = Vec::new();
        for path in paths {
            found.push(get(address, path, &[]).await.status);
        }
        assert_eq!(found, expected, "{side:?}");
    }
}

#[tokio::test]
async fn shutting_down_ends_idle_connections_and_takes_no_new_ones() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    idle.write_all(ask.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 64 * 1024];
    let mut read = 0;
    while !bytes[..read].ends_with(b"END:VCALENDAR\r\n") {
        read += idle.read(&mut bytes[read..]).await.unwrap();
    }
    assert_eq!(parse(&bytes[..read]).status, 200);
    world.shut_down();
    let rest = async {
        assert_eq!(idle.read(&mut bytes).await.unwrap(), 0);
        world.stopped.await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(10), rest).await.expect("everything closed in time");
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn idle_connections_make_room_for_whoever_asks_something() {
    let world = World::new().await;
    let ask = "GET /healthz HTTP/1.1\r\nhost: rota\r\n\r\n";
    let mut idle = Vec::new();
    for number in 0..CONNECTIONS_MAX + 8 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        match number % 3 {
            // Says nothing, stops in the middle of its head, or keeps its connection after an
            // answer.
            0 => {}
            1 => stream.write_all(&ask.as_bytes()[..20]).await.unwrap(),
            _ => {
                stream.write_all(ask.as_bytes()).await.unwrap();
                let mut bytes = [0; 256];
                assert!(stream.read(&mut bytes).await.unwrap() > 0);
            }
        }
        idle.push(stream);
    }
    // Long before one of them is closed for its silence.
    let answer = tokio::time::timeout(Duration::from_secs(5), world.get("/healthz")).await;
    assert_eq!(answer.expect("an answer").status, 200);
    // The one that came first is the one that had to go.
    let mut bytes = [0; 16];
    let first = tokio::time::timeout(Duration::from_secs(5), idle[0].read(&mut bytes)).await;
    assert!(matches!(first.expect("closed"), Ok(0) | Err(_)));
}
