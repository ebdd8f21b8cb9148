//! What of a roster is not taken stays visible for as long as it is so.

use simulators::graph::mailbox::OUTLOOK_ROLES;
use simulators::graph::{App, GraphServer, Options, SECRET};

use crate::world::{ROSTER, World, counts};

#[test]
fn rows_that_are_left_out_are_told_by_every_sync_status_and_log() {
    let world = World::new();
    world.edit("path = \"roster.csv\"", "path = \"roster.csv\"\non_bad_row = \"skip\"");
    world.roster(&ROSTER.replace("2030-03-06,06:00", "2030-03-06,26:00"));
    for round in ["first", "unchanged"] {
        let run = world.run(&["sync"]).exits(0);
        run.says("left out: roster.csv:4: ").says("roster `ward`: 1 row is left out");
        assert_eq!(round == "unchanged", run.stderr.contains("source is unchanged"), "{round}");
        let line = world.run(&["sync", "--json"]).exits(0).json()["rosters"][0].clone();
        assert_eq!(line["skipped"], 1, "{round}");
        let log = world.command(&["sync"]).env("RUST_LOG", "info").output().unwrap();
        let log = String::from_utf8(log.stderr).unwrap();
        assert!(log.contains("1 bad row is left out, the first at roster.csv:4"), "{log}");
        world.run(&["status"]).exits(0).says("roster `ward`: 1 row is left out, the first at ros");
    }
    world.roster(ROSTER);
    world.run(&["sync"]).exits(0);
    let status = world.run(&["status"]).exits(0);
    assert!(!status.stdout.contains("left out"), "{}", status.stdout);
}

#[test]
fn more_rows_than_are_named_are_counted_in_full() {
    let world = World::new();
    world.edit("path = \"roster.csv\"", "path = \"roster.csv\"\non_bad_row = \"skip\"");
    let rows = "anna,Front desk,Late,2030-99-04,14:30,22:30\n".repeat(250);
    world.roster(&format!("{ROSTER}{rows}"));
    for _ in 0..2 {
        let json = world.run(&["sync", "--json"]).exits(0).json();
        assert_eq!(json["rosters"][0]["skipped"], 250);
    }
    let run = world.run(&["sync"]).exits(0);
    run.says("… and 245 more").says("250 rows are left out");
}

#[test]
fn a_reading_that_lies_outside_the_window_altogether_says_so() {
    let world = World::new();
    world.edit("past = \"2000w\", future = \"2000w\"", "past = \"1w\", future = \"8w\"");
    world.roster(&ROSTER.replace("2030-", "2003-"));
    let found = "all 5 entries lie outside the window: found 2003-03-04 to 2003-03-07";
    for _ in 0..2 {
        world.run(&["plan"]).exits(0).says(found);
        world.run(&["doctor"]).exits(0).says(found);
        world.run(&["sync"]).exits(0).says(found);
    }
}

/// Anna and Bert have one address, by some mistake of the WFM's: `sync` mirrors what is Cleo's
/// only, and it, `plan` and `doctor` say whose the rest is and why.
fn check_named(world: &World, berts: &str, reason: &str) {
    let people =
        format!("employee,email\nanna,desk@rota.example\nbert,{berts}\ncleo,cleo@rota.example\n");
    world.write("employees.csv", &people);
    world.edit("source = \"exports\"", "source = \"exports\"\nemployees_file = \"employees.csv\"");
    let named = format!("4 belong to no calendar: {reason} (`anna`, `bert`)");
    world.run(&["doctor"]).says(&named);
    world.run(&["plan"]).exits(0).says(&named);
    let line = world.sync(0);
    assert_eq!(counts(&line), [1, 0, 0, 0, 0], "{line}");
    let [unmapped] = &line["unmapped"].as_array().unwrap()[..] else { panic!("{line}") };
    assert_eq!(unmapped["count"], 4);
    assert_eq!(unmapped["reason"], reason);
    assert_eq!(unmapped["employees"], serde_json::json!(["anna", "bert"]));
    assert_eq!(unmapped["employees_more"], 0);
    let plan = world.run(&["plan", "--json"]).exits(0).json();
    assert_eq!(plan["mirrors"][0]["unmapped"][0], *unmapped);
}

#[test]
fn two_users_of_the_wfm_with_one_address_share_no_calendar_and_are_named() {
    let world = World::new();
    world.edit("collection = \"{employee}/\"", "collection = \"{email}/\"");
    check_named(
        &world,
        "desk@rota.example",
        "several employees' addresses lead to calendar `desk-rota-example/`",
    );
}

#[test]
fn two_users_of_the_wfm_with_one_mailbox_share_no_calendar_and_are_named() {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    let apps = vec![App { roles, ..App::default() }];
    let server = GraphServer::start(Options { apps, ..Options::default() }).unwrap();
    for who in ["desk", "cleo"] {
        let user = server.add_user(who);
        server.add_mailbox(&user);
    }
    let world = World::at("http://127.0.0.1:9/", "");
    let url = server.url();
    world.connects_to_graph(&url);
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", "kind = \"outlook\"\n");
    world.write("secret", SECRET);
    check_named(
        &world,
        "Desk@rota.example",
        "another employee has the same Microsoft 365 id or e-mail address",
    );
}
