//! Who may do what: tokens, scopes, rosters, limits.

use engine::port::{ApiScope, ApiStore};
use secrecy::ExposeSecret;

use super::world::{LIST, World, assert_refused, clinic, ids, json, to_write, ward};

#[tokio::test]
async fn a_token_is_given_for_the_secret_by_basic_or_form_and_survives_a_restart() {
    let world = World::new().await;
    let client = world.everything().await;
    let (id, secret) = (&client.issued.id.0, client.issued.secret.expose_secret());
    let basic = base64(&format!("{id}:{secret}"));
    let headers =
        [("Authorization", basic.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer =
        world.send("POST", "/oauth/token", &headers, b"grant_type=client_credentials").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = json(&answer);
    assert_eq!(
        (token["token_type"].as_str(), token["expires_in"].as_u64()),
        (Some("Bearer"), Some(3600))
    );
    let all = "icall:read openid wfm:schedule:read wfm:schedule:write user:read";
    assert_eq!(token["scope"], all);
    let restarted = World::over(world.store, 1000).await;
    assert_eq!(restarted.get(&client, LIST).await.status, 200);
    restarted.pass(3_600_000);
    assert_refused(&restarted.get(&client, LIST).await, 401, "invalid_token");
}

fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    format!("Basic {}", ::base64::engine::general_purpose::STANDARD.encode(text))
}

#[tokio::test]
async fn a_token_may_be_asked_for_less_and_never_for_more() {
    let world = World::new().await;
    let client = world.client("reader", &ward(), &[ApiScope::ScheduleRead]).await;
    let (id, secret) = (&client.issued.id.0, client.issued.secret.expose_secret());
    let more = world.ask_token(id, secret, "&scope=wfm:schedule:write").await;
    assert_refused(&more, 400, "invalid_scope");
    assert_eq!(json(&more)["error"], "invalid_scope");
    let less = world.ask_token(id, secret, "&scope=wfm%3Aschedule%3Aread").await;
    assert_eq!(json(&less)["scope"], "wfm:schedule:read");
    let other = world.ask_token(id, "wrong", "").await;
    assert_refused(&other, 401, "invalid_client");
    assert!(other.header("www-authenticate").unwrap().starts_with("Basic"));
}

#[tokio::test]
async fn wrong_secrets_are_slowed_down_and_the_right_one_is_not() {
    let world = World::new().await;
    let client = world.everything().await;
    let id = &client.issued.id.0;
    for _ in 0..10 {
        assert_refused(&world.ask_token(id, "guess", "").await, 401, "invalid_client");
    }
    let slowed = world.ask_token(id, "guess", "").await;
    assert_refused(&slowed, 429, "rate_limited");
    assert!(slowed.header("retry-after").is_some());
    world.token(&client.issued).await;
    world.pass(60_000);
    assert_refused(&world.ask_token(id, "guess", "").await, 401, "invalid_client");
}

#[tokio::test]
async fn each_scope_opens_its_own_door_only() {
    let world = World::new().await;
    let reader = world.client("reader", &ward(), &[ApiScope::ScheduleRead]).await;
    let caller = world.client("calls", &ward(), &[ApiScope::IcallRead]).await;
    assert_eq!(world.get(&reader, LIST).await.status, 200);
    assert_refused(&world.get(&caller, LIST).await, 403, "insufficient_scope");
    let calendar = format!("{LIST}/icall?userId=ada");
    assert_eq!(world.get(&caller, &calendar).await.status, 200);
    assert_refused(&world.get(&reader, &calendar).await, 403, "insufficient_scope");
    let refused = world.write(&reader, "POST", LIST, &[], &to_write("ada", 100)).await;
    assert_refused(&refused, 403, "insufficient_scope");
    // Names and addresses need a scope of their own.
    let people = format!("{LIST}?kind=employee");
    assert_refused(&world.get(&reader, &people).await, 403, "insufficient_scope");
    let one = format!("{LIST}/ada?kind=employee");
    assert_refused(&world.get(&reader, &one).await, 403, "insufficient_scope");
    let all = world.everything().await;
    assert_eq!(ids(&json(&world.get(&all, &people).await)), ["ada", "bob"]);
}

#[tokio::test]
async fn what_is_in_another_roster_does_not_exist() {
    let world = World::new().await;
    let here = world.everything().await;
    let there = world.client("other", &clinic(), &ApiScope::ALL).await;
    assert_eq!(ids(&json(&world.get(&there, LIST).await)), ["z1"]);
    for path in ["z1", "nothing", "..%2f..%2fetc", "%ff", "z1%00"] {
        let answer = world.get(&here, &format!("{LIST}/{path}")).await;
        assert_refused(&answer, 404, "not_found");
    }
    let of_other = format!("{LIST}/icall?userId=zoe");
    assert_refused(&world.get(&here, &of_other).await, 404, "not_found");
    let job = serde_json::json!({ "targetProvider": "caldav" });
    let jobs = format!("{LIST}/sync/jobs");
    let job = json(&world.write(&there, "POST", &jobs, &[], &job).await);
    let job = format!("{jobs}/{}", job["jobId"].as_str().unwrap());
    assert_eq!(world.get(&there, &job).await.status, 200);
    assert_refused(&world.get(&here, &job).await, 404, "not_found");
    // The other roster is read from elsewhere: its own clients do not write it either.
    let answer = world.write(&there, "POST", LIST, &[], &to_write("zoe", 100)).await;
    assert_refused(&answer, 403, "read_only_roster");
}

#[tokio::test]
async fn a_revoked_client_is_out_within_two_seconds() {
    let world = World::new().await;
    let client = world.everything().await;
    assert_eq!(world.get(&client, LIST).await.status, 200);
    world.store.revoke_api_client(&client.issued.id, testkit::builders::hour(7)).await.unwrap();
    world.pass(2_000);
    assert_refused(&world.get(&client, LIST).await, 401, "invalid_token");
    let again = client.issued.secret.expose_secret();
    let answer = world.ask_token(&client.issued.id.0, again, "").await;
    assert_refused(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn a_mirrors_connection_never_writes_whatever_it_was_given() {
    let world = World::new().await;
    let client = world.client("calendars", &ward(), &ApiScope::ALL).await;
    let answer = world.write(&client, "POST", LIST, &[], &to_write("ada", 100)).await;
    assert_refused(&answer, 403, "insufficient_scope");
}

#[tokio::test]
async fn each_client_has_its_own_limit_and_every_answer_tells_it() {
    let world = World::with_limit(3).await;
    let one = world.client("one", &ward(), &[ApiScope::ScheduleRead]).await;
    let two = world.client("two", &ward(), &[ApiScope::ScheduleRead]).await;
    let left = |answer: &crate::client::Answer| {
        answer.header("x-ratelimit-remaining").unwrap().parse::<u32>().unwrap()
    };
    for expected in [2, 1, 0] {
        let answer = world.get(&one, LIST).await;
        assert_eq!((answer.status, left(&answer)), (200, expected));
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
    }
    let over = world.get(&one, LIST).await;
    assert_refused(&over, 429, "rate_limited");
    assert_eq!(over.header("retry-after"), over.header("x-ratelimit-reset"));
    assert_eq!(world.get(&two, LIST).await.status, 200);
    world.pass(60_000);
    assert_eq!(world.get(&one, LIST).await.status, 200);
}

#[tokio::test]
async fn every_call_is_written_down_without_personal_data() {
    let world = World::new().await;
    let client = world.everything().await;
    world.get(&client, &format!("{LIST}?userId=ada")).await;
    world.get(&client, &format!("{LIST}/s1")).await;
    world.get(&client, &format!("{LIST}/s9")).await;
    let made = world.write(&client, "POST", LIST, &[], &to_write("ada", 100)).await;
    let made = json(&made)["id"].as_str().unwrap().to_owned();
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if world.store.api_calls(None, 100).await.unwrap().len() >= 5 {
            break;
        }
    }
    let calls = world.store.api_calls(None, 100).await.unwrap();
    let mut told: Vec<_> = calls
        .iter()
        .map(|it| (it.operation.as_str(), it.status, it.client.is_some(), it.target.as_deref()))
        .collect();
    told.sort_unstable();
    let id = client.issued.id.0.as_str();
    let expected = [
        ("createSchedule", 201, true, Some(made.as_str())),
        ("getSchedule", 200, true, Some("s1")),
        ("getSchedule", 404, true, None),
        ("getToken", 200, true, Some(id)),
        ("listSchedules", 200, true, None),
    ];
    assert_eq!(told, expected);
    assert!(!format!("{calls:?}").contains("ada"), "{calls:?}");
}

#[tokio::test]
async fn calls_of_nobody_are_one_line_a_minute_and_push_nobody_out() {
    let world = World::new().await;
    let client = world.everything().await;
    for _ in 0..40 {
        world.send("GET", LIST, &[], b"").await;
        world.send("GET", "/api/v2/users", &[], b"").await;
    }
    world.ask_token(&client.issued.id.0, "guess", "").await;
    world.get(&client, LIST).await;
    world.pass(60_000);
    // The first one of the next minute has the last one written.
    world.send("GET", LIST, &[], b"").await;
    let mut calls = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        calls = world.store.api_calls(None, 100).await.unwrap();
        if calls.len() >= 5 {
            break;
        }
    }
    let mut told: Vec<_> = calls
        .iter()
        .map(|it| (it.operation.as_str(), it.status, it.client.is_some(), it.target.as_deref()))
        .collect();
    told.sort_unstable();
    let expected = [
        ("getToken", 200, true, Some(client.issued.id.0.as_str())),
        ("getToken", 401, false, Some("1 call")),
        ("listSchedules", 200, true, None),
        ("listSchedules", 401, false, Some("40 calls")),
        ("unknown", 404, false, Some("40 calls")),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn who_floods_without_a_token_is_refused_and_keeps_no_client_out() {
    let world = World::with_limit(3).await;
    let client = world.client("one", &ward(), &[ApiScope::ScheduleRead]).await;
    for path in ["/openapi.json", LIST] {
        for _ in 0..5 {
            world.send("GET", path, &[], b"").await;
        }
        assert_refused(&world.send("GET", path, &[], b"").await, 429, "rate_limited");
    }
    for _ in 0..5 {
        world.ask_token("guessed", "guess", "").await;
    }
    assert_refused(&world.ask_token("guessed", "guess", "").await, 429, "rate_limited");
    world.token(&client.issued).await;
    assert_eq!(world.get(&client, LIST).await.status, 200);
}
