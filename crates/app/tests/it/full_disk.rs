//! A disk that fills while a mirror is written, played by a limit on the size of files.

#![cfg(unix)]

use std::process::Command;

use crate::agreement::HEADER;
use crate::world::{Run, World, counts};
use simulators::caldav::{Fault, What};

#[test]
fn what_was_done_before_the_disk_filled_is_told() {
    let world = World::new();
    let rows = (0..1_500).map(|number| {
        let (employee, day) = (number % 5, number / 5);
        let date = jiff::civil::date(2030, 1, 1) + jiff::Span::new().days(day);
        format!("e{employee},Front desk,Late,{date},14:30,22:30\n")
    });
    world.roster(&format!("{HEADER}{}", rows.collect::<String>()));
    // The roster is kept first, so that only the mirror's part meets the limit.
    world.server().set_faults([Fault::on("PROPFIND").then(What::status(403))]);
    world.run(&["sync"]);
    world.server().set_faults([]);
    // The log of the database may hold more than the database, where nobody took it over yet.
    let size = |name: &str| std::fs::metadata(world.path(name)).map_or(0, |it| it.len());
    let kept = size("rotabridge.db").max(size("rotabridge.db-wal"));
    let blocks = kept / 512 + 512;
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" sync --json");
    let mut command = Command::new("sh");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_rotabridge")]).current_dir(world.folder());
    let run = Run::of(command.env_remove("RUST_LOG").output().unwrap());
    assert_ne!(run.code, 0, "the limit of {blocks} blocks was not met: {}", run.stderr);
    run.says("before that: ");
    let line = &run.json()["mirrors"][0];
    let [created, ..] = counts(line);
    assert!(created > 0 && line["error"].is_string(), "{line}");

    // With room again, the next one goes on where it stopped.
    let line = world.sync(0);
    assert!(line["unchanged"].as_u64().unwrap() >= created, "told more than was done: {line}");
    let full = world.run(&["sync", "--full", "--json"]).exits(0).json();
    assert_eq!(full["mirrors"][0]["unchanged"], 1_500);
}
