//! What is shown.

use std::time::Duration;

use domain::limits::{DASHBOARD_PAGE_ROWS, DASHBOARD_RECHECK};
use engine::overview::{self, Outline};
use engine::port::{ReportRow, Store};
use serde_json::Value;
use testkit::builders::{hour, mirror, roster};

use super::stage::{HOSTILE, PASSWORD, Stage, outline};
use crate::world::World;

#[tokio::test]
async fn what_comes_from_elsewhere_is_text_and_nothing_else() {
    let stage = Stage::new().await;
    let cookie = stage.sign_in().await;
    let line = serde_json::json!({
        "name": mirror(), "roster": roster(), "outcome": "failed", "created": 0, "updated": 0,
        "deleted": 0, "unchanged": 0, "adopted": 0, "failed": 1, "held": 0, "quarantined": 0,
        "foreign": 0, "busy": 0, "requests": 1, "duration_ms": 1, "read_back": false,
        "read_back_at": null, "unmapped": [{ "reason": HOSTILE, "count": 1 }],
        "problems": [{ "calendar": HOSTILE, "entity": HOSTILE, "reason": HOSTILE }],
        "error": HOSTILE,
        "gate": { "breaker": { "open": { "until": "2030-01-01T00:00:00Z" } }, "closed_until": null }
    });
    let subject = format!("mirror/{}", mirror());
    let report = ReportRow { subject, at: hour(0), body: line.to_string() };
    stage.store.put_report(report).await.unwrap();
    for path in ["/", "/conflicts", "/attention"] {
        let page = stage.see(path, &cookie).await;
        assert_eq!(page.status, 200);
        let text = page.text();
        assert!(!text.contains("<script") && !text.contains("<img"), "{path}: {text}");
        assert!(text.contains("&#60;script&#62;alert("), "{path}: {text}");
    }
    let first = stage.see("/", &cookie).await;
    assert!(first.text().contains("breaker open until 00:00:00Z"), "{}", first.text());
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let stage = Stage::new().await;
    let cookie = stage.sign_in().await;
    let paths = [
        "/",
        "/conflicts",
        "/attention",
        "/sign-in",
        "/dashboard.css",
        "/dashboard.svg",
        "/api/admin/v1/status",
    ];
    for path in paths {
        for cookie in ["", &cookie] {
            let answer = stage.see(path, cookie).await;
            let policy = answer.header("content-security-policy").unwrap();
            for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            assert_eq!(answer.header("x-frame-options"), Some("DENY"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
            let text = answer.text();
            assert!(!text.contains("style=\"") && !text.contains("<style"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_conflict_is_told_with_whose_it_is_and_not_what_it_is_about() {
    let stage = Stage::new().await;
    let cookie = stage.sign_in().await;
    let page = stage.see("/conflicts", &cookie).await;
    let text = page.text();
    for part in ["(ada)", "s1", "ada@example.com", "the policy is to report", "a look: <b>1</b>"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let data: Value =
        serde_json::from_slice(&stage.ask("/api/admin/v1/conflicts", PASSWORD).await.body).unwrap();
    let conflict = &data["conflicts"][0];
    assert_eq!(conflict["shift"]["employee"], "ada");
    assert_eq!(conflict["left"], "reported");
    assert_eq!(conflict["mirror"], "ward-caldav");
    assert_eq!(data["next"], Value::Null);
}

#[tokio::test]
async fn what_does_not_get_through_is_told_with_what_mends_it() {
    let stage = Stage::new().await;
    let cookie = stage.sign_in().await;
    let nothing_known = stage.see("/attention", &cookie).await;
    assert!(!nothing_known.text().contains("is where it should be"), "{}", nothing_known.text());
    assert!(nothing_known.text().contains("mirror ward-caldav"), "{}", nothing_known.text());
    stage.ended_well().await;
    stage.passes(DASHBOARD_RECHECK);
    let quiet = stage.see("/attention", &cookie).await;
    assert!(quiet.text().contains("is where it should be"), "{}", quiet.text());
    stage.troubles().await;
    let page = stage.see("/attention", &cookie).await;
    let text = page.text();
    let places = [
        "shift/s1",
        "HTTP 403: no licence",
        "2026-11-20 22:00:00Z",
        "2026-11-21 04:00:00Z",
        "rotabridge drift release s3",
        "rotabridge drift release s2",
    ];
    let places = places.map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}")));
    assert!(places.is_sorted(), "what is contested comes first: {places:?}");
    let data = stage.ask("/api/admin/v1/attention", PASSWORD).await;
    let data: Value = serde_json::from_slice(&data.body).unwrap();
    assert_eq!(data["mirrors"][0]["troubles"][0]["reason"], "HTTP 403: no licence");
    assert_eq!(data["mirrors"][0]["drift"][0]["standing"], "contested");
}

#[tokio::test]
async fn many_conflicts_are_read_page_by_page_and_no_link_names_anybody() {
    let stage = Stage::new().await;
    let count = 2 * DASHBOARD_PAGE_ROWS + 1;
    stage.conflicts(count).await;
    let cookie = stage.sign_in().await;
    let mut path = "/conflicts".to_owned();
    let mut told = Vec::new();
    loop {
        let page = stage.see(&path, &cookie).await;
        told.push(page.text().matches("the policy is to report").count());
        let Some((_, rest)) = page.text().split_once("href=\"/conflicts?after=") else { break };
        let name = rest.split('"').next().unwrap();
        assert!(name.len() == 24 && name.bytes().all(|it| it.is_ascii_hexdigit()), "{name}");
        path = format!("/conflicts?after={name}");
    }
    assert_eq!(told, [DASHBOARD_PAGE_ROWS, DASHBOARD_PAGE_ROWS, 1]);
    let mut path = "/api/admin/v1/conflicts".to_owned();
    let mut told = 0;
    loop {
        let page = stage.ask(&path, PASSWORD).await;
        let page: Value = serde_json::from_slice(&page.body).unwrap();
        told += page["conflicts"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/admin/v1/conflicts?after={next}");
    }
    assert_eq!(told, count);
    assert_eq!(stage.see("/conflicts?after=0123", &cookie).await.status, 400);
    assert_eq!(stage.ask("/api/admin/v1/conflicts?after=0123", PASSWORD).await.status, 400);
}

#[tokio::test]
async fn the_data_is_what_status_prints_and_is_asked_of_the_store_now_and_then() {
    let stage = Stage::new().await;
    let expected = overview::status(stage.store.as_ref(), &outline()).await.unwrap();
    let told = stage.ask("/api/admin/v1/status", PASSWORD).await;
    assert_eq!(told.text(), serde_json::to_string(&expected).unwrap());
    stage.conflicts(2).await;
    let open = async || -> Value {
        let told = stage.ask("/api/admin/v1/status", PASSWORD).await;
        let told: Value = serde_json::from_slice(&told.body).unwrap();
        told["mirrors"][0]["conflicts"]["open"].clone()
    };
    assert_eq!(open().await, 1, "from memory");
    stage.passes(DASHBOARD_RECHECK);
    assert_eq!(open().await, 2);
}

#[tokio::test]
async fn the_first_page_has_no_good_news_before_all_is_done() {
    let stage = Stage::new().await;
    let cookie = stage.sign_in().await;
    let headline = async |expected: &str| {
        stage.passes(DASHBOARD_RECHECK);
        let page = stage.see("/", &cookie).await;
        assert!(page.text().contains(expected), "{expected}: {}", page.text());
        assert!(!page.text().contains("headline good"), "{}", page.text());
        page
    };
    headline("Some rosters or mirrors were not looked at yet.").await;
    stage.ended_well().await;
    // No cycle looked at the roster's changes yet, and the longest ago was the roster's reading.
    let page = headline("1 mirror has something left to do").await;
    assert!(page.text().contains("at 2026-11-20 22:00:00Z"), "{}", page.text());
    stage.troubles().await;
    headline("1 item was refused again and again and set aside.").await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_asked_once_for_all_who_wait_and_a_page_tries_again() {
    let world = World::new().await;
    let rosters = vec![crate::world::roster()];
    let stage = Stage::over(&world, Outline { rosters, mirrors: vec![] }).await;
    let cookie = stage.sign_in().await;
    world.store.set_broken(true);
    let before = world.store.asked();
    for _ in 0..5 {
        let page = stage.see("/", &cookie).await;
        assert_eq!((page.status, page.header("refresh")), (503, Some("30")));
        assert!(page.text().contains("does not answer"), "{}", page.text());
    }
    assert_eq!(world.store.asked(), before + 1, "all asked at the same time");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.see("/", &cookie).await.status, 503);
    assert_eq!(world.store.asked(), before + 2, "a failure is not kept");
    world.store.set_broken(false);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.see("/", &cookie).await.status, 200);
}
