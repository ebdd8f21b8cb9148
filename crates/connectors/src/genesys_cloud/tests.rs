//! The pure parts: the budget, which schedule is in force, what a schedule means.

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::budget::{Budget, Told, asked_wait};
use super::client::{Place, place_of};
use super::history::ends_with_nothing;
use super::weeks::in_force;
use super::wire::{Metadata, ScheduleHead};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn head(id: &str, week: &str, weeks: u8, modified: &str) -> ScheduleHead {
    ScheduleHead {
        id: id.into(),
        week_date: week.parse().unwrap(),
        week_count: Some(weeks),
        published: Some(true),
        metadata: Some(Metadata { version: 1, date_modified: Some(modified.into()) }),
    }
}

fn shown(heads: &[ScheduleHead]) -> Vec<String> {
    let (first, end) = ("2026-01-01".parse().unwrap(), "2027-01-01".parse().unwrap());
    let found = in_force(heads, first, end);
    let days = |days: &[(jiff::civil::Date, jiff::civil::Date)]| {
        let days = days.iter().map(|(first, end)| format!("{first}/{end}"));
        days.collect::<Vec<_>>().join(" ")
    };
    found.values().map(|it| format!("{} {}", it.id, days(&it.days))).collect()
}

#[test]
fn what_was_published_last_is_in_force_and_the_rest_stays() {
    let heads = [
        head("four", "2026-11-02", 4, "2026-10-01T00:00:00Z"),
        head("one", "2026-11-16", 1, "2026-11-10T00:00:00Z"),
        head("new", "2026-11-02", 1, "2026-11-01T00:00:00Z"),
    ];
    assert_eq!(
        shown(&heads),
        [
            "new 2026-11-02/2026-11-09",
            "four 2026-11-09/2026-11-16 2026-11-23/2026-11-30",
            "one 2026-11-16/2026-11-23",
        ]
    );
}

#[test]
fn what_was_published_last_is_told_by_instants_and_not_by_their_spelling() {
    let heads = [
        head("later", "2026-11-02", 1, "2026-10-14T08:31:22.118Z"),
        head("earlier", "2026-11-02", 1, "2026-10-14T08:31:22Z"),
    ];
    assert_eq!(shown(&heads), ["later 2026-11-02/2026-11-09"]);
}

#[test]
fn results_are_fetched_from_this_machine_only_where_the_api_is_there() {
    let place = |url: &str, api: &str| place_of(&url.parse().unwrap(), &api.parse().unwrap());
    let (here, there) = ("http://127.0.0.1:8001", "https://api.mypurecloud.de");
    assert_eq!(place("http://localhost:8002/x", here), Some(Place::Own));
    assert_eq!(place("http://[::1]:8002/x", here), Some(Place::Own));
    assert_eq!(place("https://api.mypurecloud.de/x", there), Some(Place::Own));
    assert_eq!(place("https://results.s3.amazonaws.com/x?y=z", there), Some(Place::Outside));
    for refused in ["http://127.0.0.1:8002/x", "https://localhost:8443/x", "http://10.0.0.1/x"] {
        assert_eq!(place(refused, there), None, "{refused}");
    }
    assert_eq!(place("http://10.0.0.1:8002/x", here), None);
    assert_eq!(place("ftp://127.0.0.1/x", here), None);
}

#[test]
fn a_history_ends_with_nothing_only_where_it_says_so() {
    let ends = |text: &str| ends_with_nothing(&serde_json::from_str(text).unwrap());
    let at = |time: &str| format!(r#""metadata":{{"dateModified":"2026-10-{time}:00:00Z"}}"#);
    let base = r#""basePublishedSchedule":{"shifts":[{"id":"a"}],
        "fullDayTimeOffMarkers":[{"businessUnitDate":"2026-10-20"}]}"#;
    let (early, late) = (at("15T10"), at("16T10"));
    let all = r#""deletes":{"agentSchedule":true}"#;
    let both = r#""deletes":{"shiftIds":["a"],"fullDayTimeOffMarkerDates":["2026-10-20"]}"#;
    let new = r#""shifts":[{"id":"b"}]"#;
    let dropped = r#""droppedChanges":[{"shiftIds":["c"]}]"#;
    for (text, nothing) in [
        ("{}".to_owned(), true),
        (format!("{{{base}}}"), false),
        (format!("{{{base},\"changes\":[{{{both}}}]}}"), true),
        (format!("{{{base},\"changes\":[{{{all}}}]}}"), true),
        // Newest first, as it may be told: by when it was, something is left.
        (format!("{{{base},\"changes\":[{{{late},{new}}},{{{early},{all}}}]}}"), false),
        (format!("{{{base},\"changes\":[{{{late},{all}}},{{{early},{new}}}]}}"), true),
        (format!("{{{base},\"changes\":[{{{both}}}],{dropped}}}"), false),
        (format!("{{{base},\"changes\":[{{{all}}}],{dropped}}}"), true),
    ] {
        assert_eq!(ends(&text), nothing, "{text}");
    }
}

#[test]
fn a_429_is_understood_in_all_its_forms() {
    let now = at("2026-11-23T06:00:00Z");
    let headers = |pairs: &[(&'static str, &str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    };
    let wait = |pairs: &[(&'static str, &str)], text: &str| {
        asked_wait(&headers(pairs), text, now).map(|it| it.as_secs())
    };
    let text = "Rate limit exceeded the maximum. Retry the request in [13] seconds";
    assert_eq!(wait(&[("retry-after", "7")], ""), Some(7));
    assert_eq!(wait(&[("inin-ratelimit-reset", "9")], ""), Some(9));
    assert_eq!(wait(&[], text), Some(13));
    assert_eq!(wait(&[("retry-after", "7")], text), Some(13));
    assert_eq!(wait(&[], "slow down"), None);
}

#[test]
fn a_minute_is_used_up_and_its_last_fifth_is_spread() {
    let mut budget = Budget::new(300);
    let start = at("2026-11-23T06:00:00Z");
    let mut now = start;
    let told = |count| {
        let resets_at = start + SignedDuration::from_secs(60);
        Some(Told { count, allowed: 100, resets_at })
    };
    let (mut sent, mut times) = (0, Vec::new());
    while now < start + SignedDuration::from_secs(60) {
        match budget.take(now) {
            Ok(()) => {
                sent += 1;
                times.push(now.duration_since(start).as_secs());
                budget.give_back(told(sent));
            }
            Err(until) => now = until,
        }
    }
    assert_eq!(sent, 100);
    assert!(times[80] == 0 && times[99] > 50, "{times:?}");
    assert!(budget.take(now).is_ok(), "the next minute has a budget of its own");
}

#[test]
fn nothing_is_sent_while_the_budget_is_closed() {
    let mut budget = Budget::new(300);
    let now = at("2026-11-23T06:00:00Z");
    budget.close(now + SignedDuration::from_secs(13));
    assert_eq!(budget.take(now), Err(now + SignedDuration::from_secs(13)));
    assert!(budget.take(now + SignedDuration::from_secs(13)).is_ok());
}

proptest! {
    #[test]
    fn no_minute_holds_more_than_the_vendor_allows(
        allowed in 1u32..400, under_way in 1usize..8, latency_ms in 1i64..900,
    ) {
        let mut budget = Budget::new(1000);
        let start = at("2026-11-23T06:00:00Z");
        let (mut now, mut open) = (start, std::collections::VecDeque::new());
        let (mut minute, mut count, mut most) = (None::<Timestamp>, 0u32, 0u32);
        for _ in 0..2000 {
            while open.len() >= under_way || open.front().is_some_and(|(end, _)| *end <= now) {
                let (end, told): (Timestamp, Told) = open.pop_front().unwrap();
                now = now.max(end);
                budget.give_back(Some(told));
            }
            match budget.take(now) {
                Ok(()) => {
                    // The vendor's side.
                    let begun = minute.filter(|it| now.duration_since(*it).as_secs() < 60);
                    if begun.is_none() {
                        (minute, count) = (Some(now), 0);
                    }
                    count += 1;
                    most = most.max(count.saturating_sub(allowed));
                    let resets_at = minute.unwrap() + SignedDuration::from_secs(60);
                    let told = Told { count, allowed, resets_at };
                    open.push_back((now + SignedDuration::from_millis(latency_ms), told));
                }
                Err(until) => now = match open.front() {
                    Some((end, _)) => until.min(*end).max(now),
                    None => until,
                },
            }
        }
        // Before the first answer of a minute nobody knows: as many as are under way may be over.
        prop_assert!(most < u32::try_from(under_way).unwrap(), "{most} too many");
    }
}
