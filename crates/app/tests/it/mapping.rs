//! What the operator says of how shifts look, seen in a calendar by the real binary.

use crate::world::{ROSTER, World, counts};

/// A ward whose shifts have ids of their own.
fn world() -> World {
    let world = World::new();
    world.edit("employee = \"employee\"", "id = \"id\", employee = \"employee\"");
    world.edit("source = \"exports\"", "source = \"exports\"\ntime_zone = \"Europe/Berlin\"");
    let rows = ROSTER.lines().enumerate().map(|(number, row)| match number {
        0 => format!("id,{row}\n"),
        number => format!("s{number},{row}\n"),
    });
    world.roster(&rows.collect::<String>());
    world
}

/// Adds lines to the mirror, or takes them away again.
fn look(world: &World, before: &str, after: &str) {
    let collection = "collection = \"{employee}/\"\n";
    world.edit(&format!("{collection}{before}"), &format!("{collection}{after}"));
}

#[test]
fn adherence_comes_and_goes_and_is_neither_doubled_nor_left() {
    let world = world();
    assert_eq!(counts(&world.sync(0)), [5, 0, 0, 0, 0]);
    let adherence = "include_adherence_rules = true\n";
    look(&world, "", adherence);
    // Latest start and earliest leave of five shifts.
    assert_eq!(counts(&world.sync(0)), [10, 0, 0, 5, 0]);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 15, 0]);
    let told = world.run(&["explain", "s1"]).exits(0);
    told.says("latest-start").says("earliest-leave");
    let told = world.run(&["plan", "--shift", "s1"]).exits(0);
    told.says("title      Late – Front desk").says("Latest start 14:35").says("anna/");
    let json = world.run(&["plan", "--shift", "s1", "--json"]).exits(0).json();
    let items = json["mirrors"][0]["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 3, "{json}");
    assert_eq!(items[1]["part"], "latest-start");
    assert_eq!(items[1]["event"]["show_as"], "free");
    // Two thirds of everything go, and no shift with them: the guard has nothing to say.
    look(&world, adherence, "");
    assert_eq!(counts(&world.sync(0)), [0, 0, 10, 5, 0]);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0]);
}

#[test]
fn a_colour_and_a_reminder_are_written_once_and_stay() {
    let world = world();
    world.sync(0);
    look(&world, "", "colour = \"teal\"\nreminder = \"15m\"\nlocation = \"Hall {group}\"\n");
    assert_eq!(counts(&world.sync(0)), [0, 5, 0, 0, 0]);
    let full = world.run(&["sync", "--full", "--json"]).exits(0).json();
    assert_eq!(counts(&full["mirrors"][0]), [0, 0, 0, 5, 0]);
    world.run(&["plan", "--shift", "s2"]).exits(0).says("15m before").says("Hall Front desk");
}

#[test]
fn groups_have_head_counts_in_calendars_of_their_own() {
    let world = world();
    world.edit("collection = \"{employee}/\"", "collection = \"{group}/\"\nshows = \"head_count\"");
    // Anna's late shift; her night, cut where Bert comes half an hour before she leaves, so that
    // there are one, two and one; his next day; and Cleo's in the back office.
    assert_eq!(counts(&world.sync(0)), [6, 0, 0, 0, 0]);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 6, 0]);
    let row = "s6,cleo,Front desk,Early,2030-03-06,10:00,12:00\n";
    world.roster(&(world.read("roster.csv") + row));
    // One, two, one in place of one: the first keeps its start, and is cut short.
    assert_eq!(counts(&world.sync(0)), [2, 1, 0, 5, 0]);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 8, 0]);
}

#[test]
fn blocks_are_events_of_their_own() {
    let world = world();
    world.edit("id = \"id\",", "id = \"id\", type = \"type\", shift = \"of\", paid = \"paid\",");
    world.roster(
        "id,type,of,employee,team,work,date,start,end,paid\n\
         s1,shift,,anna,Front desk,Late,2030-03-04,14:00,22:00,\n\
         b1,activity,s1,,,Break,2030-03-04,18:00,18:30,no\n",
    );
    world.sync(0);
    let blocks = "activities_as = \"blocks\"\n";
    look(&world, "", blocks);
    assert_eq!(counts(&world.sync(0)), [2, 1, 0, 0, 0]);
    let told = world.run(&["plan", "--shift", "s1"]).exits(0);
    told.says("block-1").says("title      Break – Front desk").says("block-2");
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 3, 0]);
    // What the calendar lost comes back when it is read, part by part.
    let full = world.run(&["sync", "--full", "--json"]).exits(0).json();
    assert_eq!(counts(&full["mirrors"][0]), [0, 0, 0, 3, 0]);
    look(&world, blocks, "");
    assert_eq!(counts(&world.sync(0)), [0, 1, 2, 0, 0]);
    world.run(&["purge", "--mirror", "ward-caldav", "--yes"]).exits(0);
}
