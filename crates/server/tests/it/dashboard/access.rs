//! Who gets in.

use std::time::Duration;

use domain::limits::{
    DASHBOARD_FORM_BYTES_MAX, DASHBOARD_SESSION_LIFETIME, DASHBOARD_SESSIONS_MAX,
    DASHBOARD_TRIES_ALL_MAX, DASHBOARD_TRIES_EACH_MAX, DASHBOARD_TRIES_WINDOW,
};
use server::Side;

use super::stage::{ORIGIN, PASSWORD, Stage, cookie, pair};
use crate::client::{Answer, post};

const PAGES: [&str; 3] = ["/", "/conflicts", "/attention"];
const DATA: [&str; 3] =
    ["/api/admin/v1/status", "/api/admin/v1/conflicts", "/api/admin/v1/attention"];

#[tokio::test]
async fn strangers_are_sent_to_sign_in_and_programs_are_told_so() {
    let stage = Stage::new().await;
    for cookie in ["", "rotabridge_session=", "rotabridge_session=AAAA", "other=1"] {
        for path in PAGES {
            let answer = stage.see(path, cookie).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")));
            assert_eq!(answer.text(), "", "nothing is told");
        }
        for path in DATA {
            let answer = stage.see(path, cookie).await;
            assert_eq!(answer.status, 401);
            assert!(answer.text().contains(r#""code":"not_signed_in""#), "{}", answer.text());
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"rotabridge\""));
        }
    }
    let form = stage.get("/sign-in", &[]).await;
    assert_eq!(form.status, 200);
    assert!(form.text().contains("type=\"password\""), "{}", form.text());
}

#[tokio::test]
async fn nothing_of_what_strangers_ask_is_looked_at() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/conflicts?after=nonsense", &[]).await.status, 303);
    assert_eq!(stage.get("/api/admin/v1/conflicts?after=nonsense", &[]).await.status, 401);
}

#[tokio::test]
async fn the_password_opens_a_session_in_a_cookie_that_pages_cannot_read() {
    let stage = Stage::new().await;
    let answer = stage.try_with(PASSWORD, ORIGIN).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let set = answer.cookie_set("rotabridge_session").unwrap();
    let (token, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(token.len(), 43, "256 bits");
    let value = &cookie(&answer);
    for path in PAGES.iter().chain(&DATA) {
        assert_eq!(stage.see(path, value).await.status, 200, "{path}");
    }
    let beside = format!("other=1; rotabridge_session=put-there; {value}");
    assert_eq!(stage.see("/", &beside).await.status, 200);
    assert_eq!(stage.see("/sign-in", value).await.header("location"), Some("/"));
    assert_ne!(stage.sign_in().await, *value, "each has its own");
}

#[tokio::test]
async fn a_cookie_is_for_tls_where_browsers_come_by_tls() {
    let secure = |answer: &Answer| {
        assert_eq!(answer.status, 303, "{}", answer.text());
        let set = ["rotabridge_session", "rotabridge_browser"].map(|it| answer.cookie_set(it));
        let is = set.map(|it| it.unwrap().contains("; HttpOnly; SameSite=Strict; Secure"));
        assert_eq!(is[0], is[1]);
        is[0]
    };
    let public = "Origin: https://rota.example.com\r\n";
    for side in [Side::Everything, Side::Operators] {
        let stage = Stage::with(Some("https://rota.example.com"), side).await;
        assert!(secure(&stage.try_with(PASSWORD, public).await));
        // A proxy with TLS of the operators' own, and a browser on the machine itself, which would
        // drop a cookie that is for TLS.
        assert!(secure(&stage.try_with(PASSWORD, "Origin: https://rota.test\r\n").await));
        assert!(!secure(&stage.try_with(PASSWORD, ORIGIN).await));
    }
}

#[tokio::test]
async fn a_wrong_password_opens_nothing() {
    let stage = Stage::new().await;
    for wrong in ["", "correct", "Correct horse+battery&staple=100%", "a b c"] {
        let answer = stage.try_with(wrong, ORIGIN).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{wrong}");
        assert!(answer.text().contains("That is not the password"));
        assert!(wrong.is_empty() || !answer.text().contains(wrong));
    }
    let more = vec![b'x'; DASHBOARD_FORM_BYTES_MAX + 1];
    assert_eq!(post(stage.address, "/sign-in", ORIGIN, &more).await.status, 413);
    assert_eq!(post(stage.address, "/sign-in", ORIGIN, b"\xff\xff").await.status, 403);
}

#[tokio::test]
async fn guessing_is_slow_and_keeps_nobody_out_for_ever() {
    let stage = Stage::new().await;
    let session = stage.sign_in().await;
    let from = |address: &str| format!("{ORIGIN}X-Forwarded-For: 10.0.0.1, {address}\r\n");
    for number in 0..DASHBOARD_TRIES_EACH_MAX {
        let wrong = format!("wrong {number}");
        assert_eq!(stage.try_with(&wrong, &from("192.0.2.1")).await.status, 403);
    }
    let answer = stage.try_with(PASSWORD, &from("192.0.2.1")).await;
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait <= DASHBOARD_TRIES_WINDOW.as_secs());
    assert_eq!(stage.try_with(PASSWORD, &from("192.0.2.2")).await.status, 303);
    // From many addresses, until the sum is reached.
    let mut looked_at = DASHBOARD_TRIES_EACH_MAX;
    for number in 0..DASHBOARD_TRIES_ALL_MAX {
        let status = stage.try_with("wrong", &from(&format!("198.51.100.{number}"))).await.status;
        looked_at += usize::from(status == 403);
    }
    assert_eq!(looked_at, DASHBOARD_TRIES_ALL_MAX);
    assert_eq!(stage.try_with(PASSWORD, &from("203.0.113.1")).await.status, 429);
    assert_eq!(stage.try_with(PASSWORD, &from("192.0.2.2")).await.status, 303, "known");
    assert_eq!(stage.try_with(PASSWORD, ORIGIN).await.status, 303, "this machine itself");
    assert_eq!(stage.see("/", &session).await.status, 200, "who is signed in stays so");
    stage.passes(Duration::from_secs(wait));
    for address in ["192.0.2.1", "203.0.113.1"] {
        assert_eq!(stage.try_with(PASSWORD, &from(address)).await.status, 303, "{address}");
    }
}

#[tokio::test]
async fn strangers_at_the_same_address_keep_no_browser_out_that_was_let_in_before() {
    let stage = Stage::new().await;
    let shared = format!("{ORIGIN}X-Forwarded-For: 192.0.2.1\r\n");
    let first = stage.try_with(PASSWORD, &shared).await;
    let set = first.cookie_set("rotabridge_browser").unwrap();
    assert!(set.contains("; Path=/sign-in; HttpOnly; SameSite=Strict; Max-Age="), "{set}");
    let known = format!("{shared}Cookie: {}\r\n", pair(&first, "rotabridge_browser"));
    // After a restart, when strangers were there first.
    let stage = Stage::new().await;
    for number in 0..DASHBOARD_TRIES_EACH_MAX {
        assert_eq!(stage.try_with(&format!("wrong {number}"), &shared).await.status, 403);
    }
    assert_eq!(stage.try_with(PASSWORD, &shared).await.status, 429);
    let again = stage.try_with(PASSWORD, &known).await;
    assert_eq!(again.status, 303);
    assert_eq!(pair(&again, "rotabridge_browser"), pair(&first, "rotabridge_browser"));
    assert_eq!(stage.see("/", &pair(&first, "rotabridge_browser")).await.status, 303, "no key");
    let forged = format!("{shared}Cookie: rotabridge_browser={}\r\n", "A".repeat(64));
    assert_eq!(stage.try_with(PASSWORD, &forged).await.status, 429);
}

#[tokio::test]
async fn a_browser_is_not_made_to_ask_for_the_password_itself() {
    let stage = Stage::new().await;
    let browser = [[("Sec-Fetch-Mode", "navigate")], [("Accept", "text/html,*/*;q=0.8")]];
    for headers in &browser {
        let answer = stage.get(DATA[0], headers).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, None));
    }
    let program = stage.get(DATA[0], &[("Accept", "*/*")]).await;
    assert!(program.header("www-authenticate").is_some());
}

#[tokio::test]
async fn programs_show_the_password_by_http_basic_and_are_bounded_alike() {
    let stage = Stage::new().await;
    for path in DATA {
        let answer = stage.ask(path, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(stage.ask("/", PASSWORD).await.status, 303, "pages are for people");
    for _ in 0..3 * DASHBOARD_TRIES_EACH_MAX {
        assert_eq!(stage.ask(DATA[0], "the old one").await.status, 401, "counted once");
    }
    for number in 1..DASHBOARD_TRIES_EACH_MAX {
        assert_eq!(stage.ask(DATA[0], &format!("wrong {number}")).await.status, 401);
    }
    let answer = stage.ask(DATA[0], PASSWORD).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn forms_of_other_pages_do_nothing() {
    let stage = Stage::new().await;
    let session = stage.sign_in().await;
    for origin in [
        "",
        "Origin: null\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: http://rota.test.evil.example\r\n",
        "Origin: rota.test\r\n",
    ] {
        let answer = stage.try_with(PASSWORD, origin).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{origin}");
        assert!(answer.text().contains("proxy_set_header Host"), "{}", answer.text());
        let headers = format!("{origin}Cookie: {session}\r\n");
        assert_eq!(post(stage.address, "/sign-out", &headers, b"").await.status, 403);
    }
    assert_eq!(stage.see("/", &session).await.status, 200);
    assert_eq!(stage.send("GET", "/sign-out", &[("Cookie", &session)]).await.status, 405);
}

#[tokio::test]
async fn a_session_ends_by_signing_out_with_its_time_and_when_there_are_too_many() {
    let stage = Stage::new().await;
    let (one, two) = (stage.sign_in().await, stage.sign_in().await);
    let headers = format!("{ORIGIN}Cookie: {one}\r\n");
    let answer = post(stage.address, "/sign-out", &headers, b"").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")));
    assert!(answer.cookie_set("rotabridge_session").unwrap().ends_with("; Max-Age=0"));
    assert_eq!(answer.cookie_set("rotabridge_browser"), None, "the browser stays known");
    assert_eq!(stage.see("/", &one).await.status, 303);
    assert_eq!(stage.see("/", &two).await.status, 200);
    for _ in 0..DASHBOARD_SESSIONS_MAX {
        stage.sign_in().await;
    }
    assert_eq!(stage.see("/", &two).await.status, 303, "the oldest ends");
    let three = stage.sign_in().await;
    stage.passes(DASHBOARD_SESSION_LIFETIME - Duration::from_secs(1));
    assert_eq!(stage.see("/", &three).await.status, 200);
    stage.passes(Duration::from_secs(1));
    assert_eq!(stage.see("/", &three).await.status, 303);
}

#[tokio::test]
async fn without_a_password_file_there_is_no_dashboard() {
    for side in [Side::Everything, Side::Operators] {
        let stage = Stage::made(None, side).await;
        let answer = stage.get("/", &[]).await;
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("[dashboard] password_file"), "{}", answer.text());
        for path in ["/sign-in", "/conflicts", DATA[0]] {
            assert_eq!(stage.get(path, &[]).await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn the_public_side_knows_of_no_dashboard() {
    let stage = Stage::with(None, Side::Public).await;
    for path in ["/", "/sign-in", "/dashboard.css", "/conflicts", DATA[0]] {
        let answer = stage.ask(path, PASSWORD).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("dashboard"));
    }
}
