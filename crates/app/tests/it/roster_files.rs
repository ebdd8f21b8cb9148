//! Roster files as systems really drop them: proposed by `init`, marked complete, archived without
//! ever losing one, and noticed by `serve`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::events::events;
use crate::world::{COLUMNS, ROSTER, Run, World, binary, counts};

const HEADER: &str = "employee,team,work,date,start,end\n";

fn files(world: &World, folder: &str) -> Vec<String> {
    let Ok(read) = std::fs::read_dir(world.path(folder)) else { return vec![] };
    let names = read.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A world whose files lie in `drop/`, with more keys of the connection.
fn dropping(more: &str) -> World {
    let world = World::new();
    std::fs::create_dir(world.path("drop")).unwrap();
    world.edit("path = \"roster.csv\"", &format!("path = \"drop/*.csv\"\n{more}"));
    world.write("drop/a.csv", ROSTER);
    world
}

#[test]
fn init_proposes_how_to_read_a_file_and_shows_three_rows() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = binary();
        Run::of(command.args(arguments).current_dir(folder.path()).output().unwrap())
    };
    let export = "Shift report\nGenerated;29.11.2026\n\n\
                  Personalnummer;Datum;Von;Bis;Schicht;Abteilung\n\
                  17;29.11.2026;22:00;06:00;Nacht;Empfang\n\
                  18;30.11.2026;Ganztags;;Urlaub;Empfang\n\
                  19;30.11.2026;06:00;14:00;Früh;Empfang\nSumme;;;;;\n";
    std::fs::write(folder.path().join("export.csv"), export).unwrap();
    let zone = ["--time-zone", "Europe/Berlin"];
    let init = [&["init", "--from", "export.csv"], &zone[..]].concat();
    let run_init = run(&init).exits(0);
    run_init.says("employee   is column `Personalnummer`").says("date_format = \"%d.%m.%Y\"");
    run_init.says("export.csv:5: `17` works `Nacht`, Sun 2026-11-29 22:00 to Mon 2026-11-30 06:00");
    run_init.says("export.csv:6: `18` is absent (Urlaub), 2026-11-30, the whole day");
    run_init.says("2 shifts, 1 absences, 3 employees");
    run(&["config", "check"]).exits(0).says("valid");
    run(&["doctor"]).says("1 file: 2 shifts, 0 open shifts, 1 absence of 3 employees");
    std::fs::write(folder.path().join("codes.csv"), "nurse,day_index,code\na,0,N\nb,3,D\n")
        .unwrap();
    let init = [&["init", "--force", "--from", "codes.csv"], &zone[..]].concat();
    run(&init).exits(0).says("put `activity_times` right").says("days are only counted");
    run(&["config", "check"]).exits(0);
    std::fs::write(folder.path().join("broken.xlsx"), "no archive").unwrap();
    let init = [&["init", "--force", "--from", "broken.xlsx"], &zone[..]].concat();
    assert_ne!(run(&init).code, 0);
    run(&init).says("it is cut off, or no .xlsx file");
}

#[test]
fn a_file_is_taken_when_its_marker_is_there() {
    let world = dropping("marker = \".done\"");
    world.run(&["sync"]).exits(1).says("`drop/a.csv` waits for `drop/a.csv.done`");
    world.write("drop/a.csv.done", "");
    assert_eq!(counts(&world.sync(0))[0], 5);
    // One that is still being written does not count.
    world.write("drop/b.csv", &format!("{HEADER}dora,Desk,Late,2030-03-04,14:30,22"));
    assert_eq!(counts(&world.sync(0))[3], 5);
}

#[test]
fn what_was_taken_in_is_archived_and_is_the_schedule_until_other_files_come() {
    let world = dropping("archive = \"done\"");
    assert_eq!(counts(&world.sync(0)), [5, 0, 0, 0, 0]);
    // Only now is it known that it is in the roster.
    assert_eq!((files(&world, "drop").len(), files(&world, "done").len()), (1, 0));
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0]);
    assert_eq!(files(&world, "drop"), [""; 0]);
    let done = files(&world, "done");
    assert_eq!(done.len(), 2, "{done:?}");
    assert!(done[0].ends_with("-a.csv") && done[1] == "current.json", "{done:?}");
    // Nothing lies there any more, and nothing is missed: not even by a store that was lost.
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0]);
    for file in files(&world, ".").iter().filter(|it| it.starts_with("rotabridge.db")) {
        std::fs::remove_file(world.path(file)).unwrap();
    }
    world.run(&["recover", "--mirror", "ward-caldav"]);
    assert_eq!(counts(&world.sync(0))[0], 0);
    // What comes next is the whole schedule.
    let next = ROSTER.replace("cleo,Back office,Day,2030-03-07,09:00,17:00\n", "");
    world.write("drop/b.csv", &next);
    assert_eq!(counts(&world.sync(0)), [0, 0, 1, 4, 0]);
    world.sync(0);
    assert_eq!(files(&world, "drop"), [""; 0]);
    assert_eq!(files(&world, "done").len(), 3);
    assert_eq!(events(world.server(), &["anna", "bert", "cleo"]).len(), 4);
}

#[test]
fn a_crash_between_the_list_and_the_move_loses_no_file() {
    let world = dropping("archive = \"done\"");
    world.sync(0);
    world.sync(0);
    let archived = files(&world, "done").remove(0);
    // As it is when the process ended after the list was written and before the file moved.
    std::fs::rename(world.path("done").join(&archived), world.path("drop/a.csv")).unwrap();
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0]);
    assert!(files(&world, "done").contains(&archived));
    // A file of the same name that is another one is new, and not taken for it.
    std::fs::remove_file(world.path("done").join(&archived)).unwrap();
    world.write("drop/a.csv", &ROSTER.replace("anna,Front desk,Late", "anna,Front desk,Early"));
    assert_eq!(counts(&world.sync(0))[1], 1, "one changed");
}

#[test]
fn serve_notices_a_file_that_changed_and_then_stayed_the_same() {
    let world = World::new();
    let mut command = world.command(&["serve"]);
    let mut serving = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let shows = |count: usize| events(world.server(), &["anna", "bert", "cleo"]).len() == count;
    let first = until(|| shows(5));
    world.roster(&format!("{ROSTER}cleo,Back office,Late,2030-03-09,14:30,22:30\n"));
    let second = until(|| shows(6));
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(first && second, "within a minute; the poll interval is 15 minutes");
}

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn until(holds: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

#[test]
fn calendars_are_rosters_too() {
    let world = World::new();
    let calendar = |uid: &str, start: &str, end: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
             DTSTAMP:20260101T000000Z\r\nSUMMARY:Late\r\nDTSTART:{start}\r\nDTEND:{end}\r\n\
             END:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    world.edit("path = \"roster.csv\"", "path = \"*.ics\"");
    let own = r#"employee = "file", id = "uid", activity = "summary", start = "start", end = "end",
        date = "date", end_date = "end_date""#;
    world.edit(COLUMNS, &own.replace('\n', " "));
    world.write("anna.ics", &calendar("1", "20300304T133000Z", "20300304T213000Z"));
    world.write("bert.ics", &calendar("2", "20300305T133000Z", "20300305T213000Z"));
    assert_eq!(counts(&world.sync(0)), [2, 0, 0, 0, 0]);
    world.write("bert.ics", &calendar("2", "20300305T133000Z", "20300305T223000Z"));
    assert_eq!(counts(&world.sync(0)), [0, 1, 0, 1, 0]);
}
