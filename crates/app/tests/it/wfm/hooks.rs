//! A webhook of the example server reaches the serving binary, and the calendars follow at once.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::ExampleServer;
use super::styles::{events_of, world};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn until(holds: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// What is planned after the first reading is shown within a minute, or not.
fn follows(secret_of_the_system: &str) -> Option<bool> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hook = format!("http://127.0.0.1:{port}/hooks/exports");
    let switches = ["--webhook-url", &hook, "--webhook-secret", secret_of_the_system];
    let server = ExampleServer::start(&switches)?;
    let shift = |id: &str, start: &str, end: &str| {
        json!({ "kind": "shift", "id": id, "employee": "anna", "label": "Late",
                "start": start, "end": end })
    };
    server.plans(&json!({ "kind": "employee", "id": "anna" }));
    server.plans(&shift("1", "2030-03-30T21:00:00Z", "2030-03-31T05:00:00Z"));
    let world = world(&server, "webhook_secret_file = \"hook-secret\"");
    world.write("hook-secret", SECRET);
    world.edit("listen = \"127.0.0.1:0\"", &format!("listen = \"127.0.0.1:{port}\""));
    let mut command = world.command(&["serve"]);
    let mut serving = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_first = until(|| events_of(&world).len() == 1);
    server.plans(&shift("2", "2030-04-01T08:00:00Z", "2030-04-01T16:00:00Z"));
    let shows = || events_of(&world).len() == 2;
    let follows = match secret_of_the_system == SECRET {
        true => until(shows),
        false => {
            // Longer than a hint that is believed takes.
            std::thread::sleep(Duration::from_secs(15));
            shows()
        }
    };
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(is_first, "the first reading");
    Some(follows)
}

#[test]
fn a_webhook_has_the_schedule_read_at_once() {
    assert_ne!(follows(SECRET), Some(false), "the poll interval is 15 minutes");
}

#[test]
fn a_webhook_of_somebody_else_does_nothing() {
    let other = "whsec_c29tZWJvZHkgZWxzZSBhbHRvZ2V0aGVyLCBzdXJlbHk=";
    assert_ne!(follows(other), Some(true));
}
