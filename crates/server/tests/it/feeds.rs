//! What a feed holds, and when it changes.

use std::time::Duration;

use domain::{Entity, EntityId, EntityKey, EntityKind, TimeOff, TimeOffId, TimeOffSpan};
use jiff::civil::date;
use server::feed::render::FeedOptions;

use crate::client::{get, request};
use crate::world::{World, anna, at, roster, shift};

fn key(kind: EntityKind, id: &str) -> EntityKey {
    let id = EntityId::new(id).unwrap();
    EntityKey { kind, id }
}

fn lines<'a>(body: &'a str, name: &str) -> Vec<&'a str> {
    body.lines().filter(|line| line.starts_with(name)).collect()
}

#[tokio::test]
async fn a_feed_shows_shifts_in_order_and_passes_the_lint() {
    let world = World::new().await;
    let answer = world.get(&world.subscribe().await).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/calendar; charset=utf-8"));
    for (name, value) in [
        ("cache-control", "private, max-age=300"),
        ("vary", "Accept-Encoding"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex"),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "inline; filename=\"shifts.ics\""),
        ("last-modified", "Sat, 21 Nov 2026 06:00:00 GMT"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let body = answer.text();
    assert_eq!(lines(body, "DTSTART"), ["DTSTART:20261121T120000Z", "DTSTART:20261122T120000Z"]);
    assert_eq!(lines(body, "DTSTAMP")[0], "DTSTAMP:20261120T090000Z");
    assert_eq!(lines(body, "SEQUENCE")[0], "SEQUENCE:0");
    assert_eq!(ical::lint(&answer.body), []);
}

#[tokio::test]
async fn an_employee_without_shifts_has_a_valid_feed() {
    let world = World::new().await;
    let path = world.subscribe().await;
    world.store.entries.lock().unwrap().clear();
    let answer = world.get(&path).await;
    assert_eq!(answer.status, 200);
    assert_eq!(lines(answer.text(), "BEGIN:VEVENT"), [""; 0]);
    assert_eq!(ical::lint(&answer.body), []);
}

#[tokio::test]
async fn the_bytes_do_not_depend_on_when_they_are_asked_for() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let first = world.get(&path).await;
    for minutes in [1, 58, 61, 300] {
        world.clock.advance(Duration::from_secs(minutes * 60));
        let again = world.get(&path).await;
        assert_eq!(again.body, first.body);
        assert_eq!(again.lasting_headers(), first.lasting_headers());
    }
    let now = at("2026-11-22T09:00:00Z");
    let other = World::over(std::sync::Arc::clone(&world.store), now, FeedOptions::default()).await;
    let elsewhere = other.get(&path).await;
    assert_eq!(elsewhere.body, first.body);
    assert_eq!(elsewhere.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn what_is_asked_again_costs_the_store_nothing() {
    let world = World::new().await;
    let path = world.subscribe().await;
    world.get(&path).await;
    let asked = world.store.asked();
    for _ in 0..20 {
        world.get(&path).await;
    }
    assert_eq!(world.store.asked(), asked);
    // After the recheck time: the link and the roster's place, nothing else.
    world.clock.advance(Duration::from_secs(2));
    for _ in 0..20 {
        world.get(&path).await;
    }
    assert_eq!(world.store.asked(), asked + 2);
}

#[tokio::test]
async fn a_crowd_at_a_cold_feed_has_it_rendered_once() {
    let world = World::new().await;
    let path = world.subscribe().await;
    world.get(&path).await;
    let alone = world.store.asked();
    let cold = World::new().await;
    let path = cold.subscribe().await;
    let crowd = (0..30).map(|_| get(cold.address, &path, &[]));
    let answers = futures_util::future::join_all(crowd).await;
    assert!(answers.iter().all(|it| it.body == answers[0].body));
    // Links are looked up by each until one is known; everything else is asked once.
    assert!(cold.store.asked() <= alone + 30, "{}", cold.store.asked());
}

#[tokio::test]
async fn an_announced_change_shows_at_once_and_another_process_s_within_seconds() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let first = world.get(&path).await;

    let moved = shift("s1", "2026-11-21T13:00:00Z", "2026-11-21T21:00:00Z");
    let seq = world.store.put(Entity::Shift(moved), at("2026-11-21T05:59:00Z"));
    world.announce(seq);
    let second = world.get(&path).await;
    assert_ne!(second.header("etag"), first.header("etag"));
    assert_eq!(lines(second.text(), "DTSTART")[0], "DTSTART:20261121T130000Z");
    assert_eq!(lines(second.text(), "SEQUENCE")[0], "SEQUENCE:1");
    assert_eq!(lines(second.text(), "DTSTAMP")[0], "DTSTAMP:20261121T055900Z");

    world.store.delete(&key(EntityKind::Shift, "s1"));
    assert_eq!(world.get(&path).await.body, second.body);
    world.clock.advance(Duration::from_secs(2));
    let third = world.get(&path).await;
    assert_eq!(lines(third.text(), "BEGIN:VEVENT").len(), 1);
}

#[tokio::test]
async fn the_etag_changes_if_and_only_if_the_content_does() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let first = world.get(&path).await;

    // Somebody else's shift, and an open shift, move the roster on but not this feed.
    let mut others = shift("s3", "2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z");
    others.employee = domain::EmployeeId::new("ben").unwrap();
    world.announce(world.store.put(Entity::Shift(others), at("2026-11-21T05:59:00Z")));
    world.clock.advance(Duration::from_secs(60));
    let same = world.get(&path).await;
    assert_eq!(same.lasting_headers(), first.lasting_headers());

    let seq = world.store.delete(&key(EntityKind::Shift, "s2"));
    world.announce(seq);
    let changed = world.get(&path).await;
    assert_ne!(changed.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn a_deletion_moves_last_modified() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let first = world.get(&path).await;
    let before = first.header("last-modified").unwrap().to_owned();
    world.clock.advance(Duration::from_secs(90));
    let seq = world.store.delete(&key(EntityKind::Shift, "s1"));
    world.announce(seq);
    let after = world.get_with(&path, "If-Modified-Since", &before).await;
    assert_eq!(after.status, 200);
    assert_eq!(after.header("last-modified"), Some("Sat, 21 Nov 2026 06:01:30 GMT"));
}

#[tokio::test]
async fn a_shift_that_leaves_the_window_leaves_the_feed_on_the_hour() {
    let options = FeedOptions { past: Duration::from_secs(3600), ..FeedOptions::default() };
    let world = World::with(options).await;
    let path = world.subscribe().await;
    let count = |answer: &crate::client::Answer| lines(answer.text(), "BEGIN:VEVENT").len();
    assert_eq!(count(&world.get(&path).await), 2);
    // The first shift ends at 20:00; at 21:00 the window starts there.
    world.clock.advance(Duration::from_secs(14 * 3600 + 3599));
    assert_eq!(count(&world.get(&path).await), 2);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(count(&world.get(&path).await), 1);
}

#[tokio::test]
async fn an_all_day_absence_over_a_clock_change_stays_its_local_day() {
    let world = World::new().await;
    let path = world.subscribe().await;
    // In Auckland 2026-11-25 begins on the 24th in UTC; in Berlin clocks change on 2027-03-28.
    for (id, day, zone) in [
        ("t1", date(2026, 11, 25), "Pacific/Auckland"),
        ("t2", date(2026, 11, 28), "America/Los_Angeles"),
    ] {
        let time_off = TimeOff {
            id: TimeOffId::new(id).unwrap(),
            employee: anna(),
            reason: None,
            span: TimeOffSpan::AllDay {
                first: day,
                end: day.tomorrow().unwrap(),
                zone: zone.into(),
            },
            notes: None,
        };
        let entity = Entity::TimeOff(time_off);
        world.announce(world.store.put(entity, at("2026-11-21T05:00:00Z")));
    }
    let body = world.get(&path).await;
    assert_eq!(
        lines(body.text(), "DTSTART;VALUE=DATE"),
        ["DTSTART;VALUE=DATE:20261125", "DTSTART;VALUE=DATE:20261128"]
    );
    assert_eq!(
        lines(body.text(), "DTEND;VALUE=DATE"),
        ["DTEND;VALUE=DATE:20261126", "DTEND;VALUE=DATE:20261129"]
    );
    assert_eq!(ical::lint(&body.body), []);
}

#[tokio::test]
async fn an_absence_on_the_day_of_a_clock_change_is_that_day() {
    let store = std::sync::Arc::new(crate::world::FakeStore::default());
    let first = date(2027, 3, 28);
    let time_off = TimeOff {
        id: TimeOffId::new("t1").unwrap(),
        employee: anna(),
        reason: None,
        span: TimeOffSpan::AllDay {
            first,
            end: first.tomorrow().unwrap(),
            zone: "Europe/Berlin".into(),
        },
        notes: None,
    };
    store.put(Entity::TimeOff(time_off), at("2027-03-01T00:00:00Z"));
    let now = at("2027-03-27T12:00:00Z");
    let world = World::over(store, now, FeedOptions::default()).await;
    let body = world.get(&world.subscribe().await).await;
    assert_eq!(lines(body.text(), "DTSTART"), ["DTSTART;VALUE=DATE:20270328"]);
    assert_eq!(lines(body.text(), "DTEND"), ["DTEND;VALUE=DATE:20270329"]);
}

#[tokio::test]
async fn a_store_that_fails_means_later_and_not_an_old_feed() {
    let world = World::new().await;
    let path = world.subscribe().await;
    world.get(&path).await;
    world.store.set_broken(true);
    assert_eq!(world.get(&path).await.status, 200);
    world.clock.advance(Duration::from_secs(2));
    let answer = world.get(&path).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert!(!answer.text().contains("fire"));
    world.store.set_broken(false);
    assert_eq!(world.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_feed_over_the_limit_is_refused_and_not_cut() {
    let world = World::new().await;
    let path = world.subscribe().await;
    for index in 0..150 {
        let mut big =
            shift(&format!("big-{index}"), "2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z");
        big.notes = Some("x".repeat(domain::limits::NOTES_BYTES_MAX));
        world.store.put(Entity::Shift(big), at("2026-11-21T05:00:00Z"));
    }
    let answer = world.get(&path).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("too large"));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = World::new().await;
    let path = world.subscribe().await;
    for encoding in ["identity", "gzip"] {
        let headers = [("Accept-Encoding", encoding)];
        let get = get(world.address, &path, &headers).await;
        let head = request(world.address, "HEAD", &path, &headers).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.lasting_headers(), get.lasting_headers());
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(length.as_str()));
        assert_eq!(head.body, b"");
    }
    let gone = request(world.address, "HEAD", "/feeds/unknown.ics", &[]).await;
    assert_eq!((gone.status, gone.body.len()), (404, 0));
}

#[tokio::test]
async fn a_feed_of_a_roster_that_is_not_configured_is_unknown() {
    let world = World::new().await;
    let other = domain::RosterName::new("apac").unwrap();
    assert_ne!(other, roster());
    let link = server::feed::issue::issue_link(
        &*world.store,
        &*world.entropy,
        &*world.clock,
        server::feed::issue::LinkPolicy::Subscription,
        &other,
        &anna(),
    )
    .await
    .unwrap();
    assert_eq!(world.get(&crate::world::path(&link)).await.status, 404);
}

#[tokio::test]
async fn a_large_feed_arrives_whole_however_slowly_it_is_read() {
    let world = World::new().await;
    let path = world.subscribe().await;
    for index in 0..200 {
        let mut long = shift(&format!("l{index}"), "2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z");
        long.notes = Some(format!("{index} ").repeat(100));
        world.store.put(Entity::Shift(long), at("2026-11-21T05:00:00Z"));
    }
    let packed = get(world.address, &path, &[("Accept-Encoding", "gzip")]).await.gunzipped();
    assert!(packed.len() > 64 * 1024);
    // Sixty at once: far more than the sockets between the two hold.
    let one = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answers = crate::client::raw(world.address, (one.repeat(59) + &last).as_bytes()).await;
    let mut rest = &answers[..];
    for _ in 0..60 {
        let head = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert!(rest[..head].starts_with(b"HTTP/1.1 200 OK"));
        assert!(rest[head..].starts_with(&packed));
        rest = &rest[head + packed.len()..];
    }
    assert!(rest.is_empty());
}
