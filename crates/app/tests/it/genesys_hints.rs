//! An event that Amazon EventBridge hands on reaches the serving binary, and calendars follow in
//! seconds, not at the next poll.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::json;

use crate::feeds::Service;
use crate::genesys::{Site, now, shown};

const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Much less than the poll interval of 15 minutes, much more than a hint takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What EventBridge sends; the status of the answer.
fn posts(service: &Service, path: &str, secret: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(&service.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\
         User-Agent: Amazon/EventBridge/ApiDestinations\r\n\
         X-Rotabridge-Hook-Secret: {secret}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Whoever is refused for its length may be hung up on while it still sends.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[9..12]).parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn until(limit: Duration, holds: impl Fn() -> bool) -> Option<Duration> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if holds() {
            return Some(started.elapsed());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

/// A site with one agent who works tomorrow, the service, and the agent.
fn open() -> (Site, Service, String) {
    let mut site = Site::new();
    site.world.write("hook-secret", KEY);
    let keys = "requests_per_minute = 100000\nhook_secret_file = \"hook-secret\"";
    site.world.edit("requests_per_minute = 100000", keys);
    let team = site.genesys.add_team(&site.unit, "Ward");
    let anna = site.genesys.hire(&team, "Anna Ode", "anna@example.com");
    site.agents.insert("anna".into(), anna.clone());
    works(&site, &anna, 1);
    let service = Service::start(&site.world);
    let first = until(PATIENCE, || shown(site.world.server(), &anna).len() == 1);
    assert!(first.is_some(), "the first reading");
    (site, service, anna)
}

/// Plans a shift on one of the days to come.
fn works(site: &Site, agent: &str, day: i64) {
    let start = now() + SignedDuration::from_hours(24 * day);
    let start = start.round(jiff::Unit::Hour).unwrap();
    site.genesys.add_shift(agent, start, &[(480, "0")]);
}

fn event(site: &Site) -> String {
    let topic = format!("v2.workforcemanagement.businessunits.{}.schedules", site.unit);
    json!({
        "version": "0", "detail-type": "v2.workforcemanagement.businessunits.{id}.schedules",
        "detail": { "topicName": topic, "version": "2", "eventBody": { "status": "Complete" } },
    })
    .to_string()
}

#[test]
fn an_event_has_the_schedule_read_at_once_and_shown_in_seconds() {
    let (site, service, anna) = open();
    for day in 2..5 {
        works(&site, &anna, day);
        let before = shown(site.world.server(), &anna).len();
        assert_eq!(posts(&service, "/hooks/genesys", KEY, &event(&site)), 204);
        let took = until(PATIENCE, || shown(site.world.server(), &anna).len() == before + 1);
        let took = took.expect("the poll interval is 15 minutes, and nobody waits for it");
        println!("shown after {took:?}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    // The same event twice, as EventBridge may send it, changes nothing.
    for _ in 0..2 {
        assert_eq!(posts(&service, "/hooks/genesys", KEY, &event(&site)), 204);
    }
    std::thread::sleep(Duration::from_secs(5));
    let wanted = site.wanted();
    let found: std::collections::BTreeSet<_> =
        shown(site.world.server(), &anna).into_iter().collect();
    assert_eq!(found, wanted);
}

#[test]
fn whoever_does_not_know_the_secret_or_sends_too_much_has_nothing_read() {
    let (site, service, anna) = open();
    works(&site, &anna, 2);
    let before = site.genesys.counts().requests;
    let wrong = format!("{}0", &KEY[..31]);
    assert_eq!(posts(&service, "/hooks/genesys", &wrong, &event(&site)), 401);
    assert_eq!(posts(&service, "/hooks/genesys", "", &event(&site)), 401);
    assert_eq!(posts(&service, "/hooks/other", KEY, &event(&site)), 404);
    let large = format!("{{\"detail\":\"{}\"}}", "x".repeat(300 * 1024));
    assert_eq!(posts(&service, "/hooks/genesys", KEY, &large), 413);
    assert_eq!(posts(&service, "/hooks/genesys", KEY, "not an event"), 400);
    let adherence = event(&site).replace(".schedules", ".adherence");
    assert_eq!(posts(&service, "/hooks/genesys", KEY, &adherence), 204);
    // Longer than a hint that is believed takes.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(site.genesys.counts().requests, before, "nothing is asked of the vendor");
    assert_eq!(shown(site.world.server(), &anna).len(), 1);
}

#[test]
fn a_secret_that_is_none_is_told_by_its_key() {
    let site = Site::new();
    site.world.write("hook-secret", "short");
    let keys = "requests_per_minute = 100000\nhook_secret_file = \"hook-secret\"";
    site.world.edit("requests_per_minute = 100000", keys);
    site.world.run(&["plan"]).exits(2).says("`hook_secret_file`");
    site.world.write("hook-secret", KEY);
    let run = site.world.run(&["doctor"]);
    run.says("`/hooks/genesys` takes events as hints");
    run.says("there is no `public_url`");
    let text = format!("{}{}", run.stdout, run.stderr);
    assert!(!text.contains(KEY), "{text}");
}
