//! What of a roster is not taken stays visible for as long as it is so.

use crate::world::{ROSTER, World};

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
