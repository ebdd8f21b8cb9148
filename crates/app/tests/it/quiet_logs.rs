//! What the log says of calendars and people when something goes wrong: marks, and no names.

use std::collections::BTreeSet;

use simulators::caldav::{Fault, What};

use crate::world::{ROSTER, Run, World};

/// A ward whose employees' ids, and so whose calendars' addresses, are e-mail addresses.
fn world() -> World {
    let world = World::new();
    let roster = ROSTER.replace("anna", "anna.berg@example.com").replace("bert", "bert@home.test");
    // Everybody: which one fails first is anybody's guess.
    world.roster(&roster.replace("cleo", "cleo@home.test"));
    world
}

/// The log of `sync`, without what it says to whoever runs it.
fn log(world: &World) -> String {
    let mut command = world.command(&["sync", "--log-format", "json", "-q"]);
    let run = Run::of(command.env("RUST_LOG", "info").output().unwrap());
    let lines: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with('{')).collect();
    lines.join("\n")
}

#[test]
fn what_fails_is_logged_without_the_addresses_in_it() {
    for fault in [
        Fault::on("PUT").then(What::status(403)),
        Fault::on("PUT").then(What::status(500)),
        Fault::on("PUT").then(What::ResetBefore),
    ] {
        let world = world();
        world.server().set_faults([fault.clone()]);
        let log = log(&world);
        assert!(log.contains("\"level\":\"WARN\"") || log.contains("ERROR"), "{fault:?}: {log}");
        for personal in ["anna", "bert", "berg", "example.com", "home.test", "%40"] {
            assert!(!log.contains(personal), "{personal} ({fault:?}) is in:\n{log}");
        }
    }
}

#[test]
fn the_mark_in_the_log_leads_to_the_calendar() {
    let world = world();
    world.server().set_faults([Fault::on("PUT").then(What::status(403))]);
    let log = log(&world);
    let status = world.run(&["status", "--json"]).exits(0).json();
    let problems = status["mirrors"][0]["last"]["problems"].as_array().unwrap();
    // The log names one that failed, whichever that was.
    let at = log.find("cal-").unwrap_or_else(|| panic!("no mark in:\n{log}"));
    let mark = &log[at..at + 12];
    let marked: BTreeSet<&str> = problems
        .iter()
        .filter(|it| it["mark"] == mark)
        .filter_map(|it| it["calendar"].as_str())
        .collect();
    assert_eq!(marked.len(), 1, "{mark} in {problems:?}");
    assert!(marked.iter().all(|it| it.contains("example") || it.contains("home")), "{marked:?}");
    let id = problems.iter().find_map(|it| it["entity"].as_str()).map(str::to_owned);
    if let Some(id) = id {
        world.run(&["explain", &id]).exits(0).says("(cal-");
    }
}
