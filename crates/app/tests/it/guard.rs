//! A source that is suddenly empty, or half of what it was: nothing is deleted.

use crate::agreement::{HEADER, csv, rows};
use crate::world::{World, counts};

fn world() -> World {
    let world = World::new();
    world.roster(&csv(&rows(4, 10)));
    world.sync(0);
    world.server().clear_log();
    world
}

#[track_caller]
fn nothing_was_deleted(world: &World) {
    let left: usize =
        (0..4).map(|person| world.server().objects(&format!("e{person:02}/")).len()).sum();
    assert_eq!((left, world.server().count("DELETE")), (40, 0));
}

#[test]
fn an_emptied_source_is_refused_and_named_with_the_flag() {
    let world = world();
    world.roster(HEADER);
    let run = world.run(&["sync"]).exits(4);
    run.says("roster `ward` would lose 40 of 40 items at once; they were left in place");
    run.says("hint: if that is meant, run again with `--allow-deletions 40`");
    run.says("mirror `ward-caldav` was left as it is");
    nothing_was_deleted(&world);
    world.run(&["plan"]).exits(4).says("would lose 40 of 40 items at once");
}

#[test]
fn half_of_it_gone_is_refused_until_it_is_said_to_be_meant() {
    let world = world();
    world.roster(&csv(&rows(2, 10)));
    let refused = world.run(&["sync", "--json"]).exits(4).json();
    assert_eq!(refused["rosters"][0]["outcome"], "refused");
    nothing_was_deleted(&world);
    world.run(&["sync", "--allow-deletions", "19"]).exits(4);
    nothing_was_deleted(&world);
    let json = world.run(&["sync", "--allow-deletions", "20", "--json"]).exits(0).json();
    assert_eq!(counts(&json["mirrors"][0]), [0, 0, 20, 20, 0]);
}

#[test]
fn a_missing_source_file_deletes_nothing() {
    let world = world();
    std::fs::remove_file(world.path("roster.csv")).unwrap();
    world.run(&["sync"]).exits(1).says("roster.csv");
    nothing_was_deleted(&world);
}

#[test]
fn a_mirror_has_a_guard_of_its_own() {
    let world = world();
    let source = "source = \"exports\"";
    world.edit(source, &format!("{source}\nguard = {{ deleted_share_max = 1.0 }}"));
    world.roster(&csv(&rows(2, 10)));
    let run = world.run(&["sync"]).exits(4);
    run.says("mirror `ward-caldav` would lose 20 of 40 items at once; they were left in place");
    nothing_was_deleted(&world);
    let run = world.run(&["sync", "--allow-deletions", "20", "--json"]).exits(0);
    assert_eq!(counts(&run.json()["mirrors"][0]), [0, 0, 20, 20, 0]);
}

#[test]
fn who_belongs_nowhere_any_more_loses_nothing() {
    let world = world();
    world.edit("{employee}/", "{email}/");
    let run = world.run(&["sync"]).exits(0);
    run.says("mirror `ward-caldav`: 40 belong to no calendar: employee has no e-mail address");
    nothing_was_deleted(&world);
}
