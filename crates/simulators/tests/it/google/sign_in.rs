//! Signing in, and what scopes let one do.

use serde_json::json;
use simulators::google::{Options, ServiceAccount};

use super::world::{ANNA, World, event};

#[test]
fn an_assertion_is_believed_only_as_the_guide_has_it() {
    let world = World::new(Options::default());
    let good = world.claims(ANNA, &["calendar"]);
    assert_eq!(world.sign_in(&good).status, 200);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        let answer = world.sign_in(&claims);
        (answer.status, answer.body["error"].as_str().unwrap().to_owned())
    };
    let now = world.google.now().as_second();
    let refused = |status: u16, error: &str| (status, error.to_owned());
    assert_eq!(with("iss", "nobody@example.com".into()), refused(400, "invalid_grant"));
    assert_eq!(with("sub", "who@example.com".into()), refused(400, "invalid_grant"));
    assert_eq!(with("aud", "https://example.com/".into()), refused(400, "invalid_grant"));
    assert_eq!(with("exp", (now + 3601).into()), refused(400, "invalid_grant"));
    assert_eq!(with("exp", (now - 400).into()), refused(400, "invalid_grant"));
    assert_eq!(with("scope", "openid".into()), refused(400, "invalid_scope"));
    let drive = "https://www.googleapis.com/auth/drive";
    assert_eq!(with("scope", drive.into()), refused(401, "unauthorized_client"));
}

#[test]
fn a_changed_assertion_is_not_believed() {
    let world = World::new(Options::default());
    let answer = world.send_assertion("e30.e30.AAAA");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["error"], "invalid_grant");
}

#[test]
fn a_token_ends_and_can_be_revoked() {
    let world = World::new(Options::default());
    assert_eq!(world.get("/colors").status, 200);
    world.pass(1);
    world.google.revoke_tokens();
    assert_eq!(world.get("/colors").told(), (401, "authError"));
    let token = world.token_for(ANNA, &["calendar"]);
    let colors = |token: &str| world.ask_as(token, "GET", "/colors", (&[], None)).status;
    assert_eq!(colors(&token), 200);
    world.pass(3600);
    assert_eq!(colors(&token), 401);
    assert_eq!(colors("ya29.e30.forged"), 401);
}

#[test]
fn the_scope_of_own_calendars_reaches_no_others_and_does_not_list_them() {
    let world = World::new(Options::default());
    let token = world.token_for(ANNA, &["calendar.app.created"]);
    let ask = |method: &str, target: &str, body: Option<&serde_json::Value>| {
        let answer = world.ask_as(&token, method, target, (&[], body));
        (answer.status, answer.reason().to_owned(), answer.body)
    };
    let shift = event("Shift", 8);
    let (status, reason, _) = ask("POST", "/calendars/primary/events", Some(&shift));
    assert_eq!((status, reason.as_str()), (403, "insufficientPermissions"));
    let (status, _, made) = ask("POST", "/calendars", Some(&json!({ "summary": "Shifts" })));
    assert_eq!(status, 200);
    let id = made["id"].as_str().unwrap();
    assert_eq!(ask("POST", &format!("/calendars/{id}/events"), Some(&shift)).0, 200);
    assert_eq!(ask("GET", "/users/me/calendarList", None).0, 403);
    assert_eq!(ask("GET", &format!("/users/me/calendarList/{id}"), None).0, 200);
    let list = world.token_for(ANNA, &["calendar.calendarlist.readonly"]);
    let listed = world.ask_as(&list, "GET", "/users/me/calendarList", (&[], None));
    assert_eq!(listed.ids().len(), 2);
    let events = format!("/calendars/{id}/events");
    assert_eq!(world.ask_as(&list, "GET", &events, (&[], None)).status, 403);
}

#[test]
fn somebody_without_the_calendar_service_can_do_nothing() {
    let accounts = vec![ServiceAccount::delegated(&["calendar"])];
    let world = World::new(Options { accounts, ..Options::default() });
    world.google.update(|state| state.users.get_mut(ANNA).unwrap().without_calendar = true);
    assert_eq!(world.get("/users/me/calendarList").told(), (403, "notACalendarUser"));
    world.google.update(|state| state.users.get_mut(ANNA).unwrap().suspended = true);
    assert_eq!(world.sign_in(&world.claims(ANNA, &["calendar"])).status, 400);
}
