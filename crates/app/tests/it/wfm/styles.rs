//! Whatever an implementation chose of the contract, the calendars show the same.

use serde_json::{Value, json};

use super::server::{ExampleServer, TOKEN};
use crate::events;
use crate::world::World;

/// A folder whose roster is read from `server`, and mirrored into calendars.
pub fn world(server: &ExampleServer, more: &str) -> World {
    let world = World::new();
    world.write("wfm-token", TOKEN);
    let text = world.read("rotabridge.toml");
    let from = text.find("kind = \"roster_file\"").unwrap();
    let rest = &text[from..];
    let end = from + rest.find("\n[[").unwrap_or(rest.len());
    let url = server.url();
    let own = format!("kind = \"wfm_http\"\nurl = \"{url}\"\ntoken_file = \"wfm-token\"\n{more}\n");
    world.write("rotabridge.toml", &format!("{}{own}{}", &text[..from], &text[end..]));
    world
}

/// Three people; among their shifts a night over a change of clocks and one over New Year, and an
/// absence of whole days.
fn plan() -> Vec<Value> {
    let work = |id: &str, who: &str, start: &str, end: &str| {
        json!({ "kind": "shift", "id": id, "employee": who, "label": "Late", "group": "desk",
                "start": start, "end": end })
    };
    let mut plan: Vec<Value> = ["anna", "bert", "cleo"]
        .iter()
        .map(|it| json!({ "kind": "employee", "id": it, "email": format!("{it}@example.com") }))
        .collect();
    plan.extend([
        json!({ "kind": "schedule_group", "id": "desk", "name": "Front desk" }),
        json!({ "kind": "time_off_reason", "id": "leave", "name": "Leave" }),
        work("1", "anna", "2030-03-30T21:00:00Z", "2030-03-31T05:00:00Z"),
        work("2", "bert", "2030-10-26T20:00:00Z", "2030-10-27T05:00:00Z"),
        work("3", "cleo", "2030-12-31T21:00:00Z", "2031-01-01T05:00:00Z"),
        json!({ "kind": "time_off", "id": "4", "employee": "anna", "reason": "leave",
                "first_day": "2030-04-06", "last_day": "2030-04-08",
                "time_zone": "Europe/Berlin" }),
    ]);
    plan
}

pub fn events_of(world: &World) -> Vec<(String, String, String, String)> {
    events::events(world.server(), &["anna", "bert", "cleo"])
}

#[test]
fn every_style_comes_to_the_same_calendars_before_and_after_changes() {
    let styles: [&[&str]; 7] = [
        &[],
        &["--changes", "window", "--deletions", "absence", "--times", "length"],
        &["--changes", "edited_since", "--times", "seconds", "--page-size", "2"],
        &["--changes", "since", "--times", "offset", "--page-size", "3"],
        &["--window-days", "200", "--changes", "window", "--page-size", "2"],
        &["--window-days", "200", "--changes", "since"],
        &["--window-days", "200", "--changes", "edited_since"],
    ];
    let mut first: Option<[Vec<_>; 2]> = None;
    for style in styles {
        let Some(server) = ExampleServer::start(style) else { return };
        plan().iter().for_each(|it| server.plans(it));
        let world = world(&server, "");
        world.sync(0);
        let before = events_of(&world);
        assert_eq!(before.len(), 4, "{style:?}: {before:?}");
        // One is moved, one is deleted, one is a draft again, one is new.
        let mut moved = plan().into_iter().find(|it| it["id"] == "1").unwrap();
        moved["end"] = "2030-03-31T06:00:00Z".into();
        server.plans(&moved);
        server.removes("shift", "2");
        let mut draft = plan().into_iter().find(|it| it["id"] == "3").unwrap();
        draft["status"] = "draft".into();
        server.plans(&draft);
        let mut new = plan().into_iter().find(|it| it["id"] == "2").unwrap();
        (new["id"], new["employee"]) = ("5".into(), "cleo".into());
        server.plans(&new);
        world.sync(0);
        let after = events_of(&world);
        assert_eq!(after.len(), 3, "{style:?}: {after:?}");
        let both = [before, after];
        match &first {
            None => first = Some(both),
            Some(first) => assert_eq!(*first, both, "{style:?}"),
        }
    }
}

#[test]
fn a_quiet_reading_is_one_request_and_writes_nothing() {
    for style in [["--changes", "since"], ["--changes", "window"], ["--changes", "edited_since"]] {
        let Some(server) = ExampleServer::start(&style) else { return };
        plan().iter().for_each(|it| server.plans(it));
        let world = world(&server, "");
        world.sync(0);
        let before = server.asked().len();
        let mirror = world.sync(0);
        // Each run of the command asks anew what the system chose.
        let asked = server.asked().split_off(before);
        assert_eq!(asked, ["GET /capabilities", "GET /schedule"], "{style:?}");
        assert_eq!(mirror["requests"], 0, "{style:?}");
    }
}

#[test]
fn a_system_that_is_asked_too_often_is_asked_again_when_it_said_and_not_before() {
    let Some(server) = ExampleServer::start(&["--too-many", "2"]) else { return };
    plan().iter().for_each(|it| server.plans(it));
    let world = world(&server, "");
    world.sync(0);
    assert_eq!(events_of(&world).len(), 4);
    let asked = server.asked();
    assert_eq!(
        asked,
        ["GET /capabilities"; 3].into_iter().chain(["GET /schedule"]).collect::<Vec<_>>()
    );
    // And not for ever.
    let Some(server) = ExampleServer::start(&["--too-many", "1000"]) else { return };
    let config = world.read("rotabridge.toml");
    let line = config.lines().find(|it| it.contains("/rota")).unwrap();
    world.edit(line, &format!("url = \"{}\"", server.url()));
    let before = events_of(&world);
    let run = world.run(&["sync"]).exits(1);
    run.says("HTTP 429: too_many_requests").says("was left as it is");
    assert_eq!(events_of(&world), before);
    let asked = server.asked();
    assert!(asked.len() <= 8 && asked.iter().all(|it| it == "GET /capabilities"), "{asked:?}");
}

#[test]
fn a_torn_listing_is_not_taken_and_nothing_is_deleted() {
    for broken in ["lost-page", "torn-pages"] {
        let Some(server) = ExampleServer::start(&[]) else { return };
        plan().iter().for_each(|it| server.plans(it));
        let world = world(&server, "");
        world.sync(0);
        let before = events_of(&world);
        drop(server);
        let switches = ["--broken", broken, "--page-size", "2"];
        let Some(server) = ExampleServer::start(&switches) else { return };
        plan().iter().for_each(|it| server.plans(it));
        let text = world.read("rotabridge.toml");
        let line = text.lines().find(|it| it.starts_with("url = \"http") && it.contains("/rota"));
        world.edit(line.unwrap(), &format!("url = \"{}\"", server.url()));
        let run = world.run(&["sync", "--json"]);
        assert_ne!(run.code, 0, "{broken}");
        run.says("nothing was taken");
        assert_eq!(events_of(&world), before, "{broken}");
    }
}

#[test]
fn one_bad_entity_stops_the_reading_and_is_pointed_at() {
    let Some(server) = ExampleServer::start(&[]) else { return };
    plan().iter().for_each(|it| server.plans(it));
    let world = world(&server, "");
    world.sync(0);
    let mut bad = plan().into_iter().find(|it| it["id"] == "1").unwrap();
    bad["label"] = 7.into();
    server.plans(&bad);
    let run = world.run(&["sync"]).exits(1);
    run.says("entity").says("shift `1`").says("`label` is a number; expected a text");
    assert_eq!(events_of(&world).len(), 4);
    // Left out by choice: the others are taken, and what is left out is not deleted.
    let token = "token_file = \"wfm-token\"";
    world.edit(token, &format!("{token}\non_bad_entity = \"skip\""));
    world.run(&["sync"]).exits(0).says("1 row is left out");
    assert_eq!(events_of(&world).len(), 4);
}

#[test]
fn doctor_says_what_the_system_is_and_what_does_not_fit() {
    let Some(server) = ExampleServer::start(&["--commands", "shift,swap_request"]) else { return };
    let world = world(&server, "decides = [\"shift\", \"time_off\"]\nautomatic = [\"shift\"]");
    let run = world.run(&["doctor"]);
    run.says("`Example WFM 1.0` tells changes since a token, and decides shift, swap_request");
    run.says("it does not decide time_off, which `decides` names");
    world.write("wfm-token", "another");
    world.run(&["doctor"]).exits(1).says("does the system know this token?");
    world.edit("automatic = [\"shift\"]", "automatic = [\"swap_request\"]");
    world.run(&["config", "check"]).exits(2).says("`swap_request` is not among `decides`");
}

#[test]
fn doctor_says_why_nothing_can_run_and_what_it_did_not_look_at() {
    let Some(server) = ExampleServer::start(&[]) else { return };
    let world = world(&server, "webhook_secret_file = \"missing\"");
    world.run(&["plan"]).exits(2).says("`webhook_secret_file`");
    let run = world.run(&["doctor"]).exits(1);
    run.says("error    configuration: connection `exports`: `webhook_secret_file`");
    run.says("hint: paths are relative to the folder of the configuration");
    run.says("warning  doctor: employees, mirrors, feed links and API clients were not looked at");
    world.write("missing", "short");
    world.run(&["doctor"]).exits(1).says("error    configuration: connection `exports`: ");
}
