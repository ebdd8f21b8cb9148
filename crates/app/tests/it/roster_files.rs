//! Roster files as systems really drop them: proposed by `init`, marked complete, archived without
//! ever losing one, and noticed by `serve`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::events::events;
use crate::world::{COLUMNS, ROSTER, Run, World, binary, counts, day_from_now};

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

/// [`ROSTER`] as Excel keeps it, written by Python; `None`, said aloud, where there is none.
fn book(world: &World, name: &str, system: &str) -> Option<()> {
    let mut rows = vec![
        json!(["Shift plan of the ward", null, null, null, null, null]),
        json!([]),
        json!(["employee", "team", "work", "date", "start", "end"]),
    ];
    for (index, line) in ROSTER.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        // Formulas are read as what they came to.
        let work = match index {
            0 => json!({"formula": "CONCATENATE(\"La\",\"te\")", "text": cells[2]}),
            _ => json!(cells[2]),
        };
        let (day, start, end) =
            (json!({"day": cells[3]}), json!({"time": cells[4]}), json!({"time": cells[5]}));
        rows.push(json!([cells[0], cells[1], work, day, start, end]));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readers/book.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(world.path(name)).arg(system).stdin(Stdio::piped());
    let Ok(mut python) = python.spawn() else {
        println!("skipped: `python3` cannot be run");
        return None;
    };
    let input = serde_json::to_vec(&rows).unwrap();
    python.stdin.take().unwrap().write_all(&input).unwrap();
    assert!(python.wait().unwrap().success());
    Some(())
}

#[test]
fn an_excel_file_is_the_schedule_that_a_csv_of_it_would_be() {
    let world = World::new();
    world.sync(0);
    let expected = events(world.server(), &["anna", "bert", "cleo"]);
    for system in ["1900", "1904"] {
        let world = World::new();
        let Some(()) = book(&world, "plan.xlsx", system) else { return };
        world.edit("path = \"roster.csv\"", "path = \"plan.xlsx\"\nsheet = \"Plan\"");
        world.run(&["doctor"]).says("1 file: 5 shifts, 0 open shifts, 0 absences of 3 employees");
        assert_eq!(counts(&world.sync(0)), [5, 0, 0, 0, 0], "{system}");
        assert_eq!(events(world.server(), &["anna", "bert", "cleo"]), expected, "{system}");
        assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0], "{system}");
        world.edit("sheet = \"Plan\"", "sheet = \"Other\"");
        world.run(&["sync"]).exits(1).says("it has no sheet `Other`; it has `Plan`");
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = book(&world, "plan.xlsx", "1900") else { return };
    std::fs::copy(world.path("plan.xlsx"), folder.path().join("plan.xlsx")).unwrap();
    let mut init = binary();
    init.args(["init", "--from", "plan.xlsx", "--time-zone", "Europe/Berlin"]);
    let run = Run::of(init.current_dir(folder.path()).output().unwrap()).exits(0);
    run.says("employee   is column `employee`").says("5 shifts, 3 employees");
}

#[test]
fn leavers_keep_their_past_and_an_export_may_begin_today() {
    let world = World::new();
    world.edit("past = \"2000w\"", "past = \"1w\"");
    let row = |who: &str, days: i64| {
        format!("{who},Front desk,Late,{},14:30,22:30\n", day_from_now(days))
    };
    let of = |who: &str, days: &[i64]| days.iter().map(|it| row(who, *it)).collect::<String>();
    let annas = of("anna", &[-5, -3, 3, 4]);
    let later: Vec<i64> = (8..20).collect();
    let berts = of("bert", &[-6, -5, -4, -3, -2, 2, 3, 4, 5, 6]) + &of("bert", &later);
    world.roster(&format!("{HEADER}{annas}{berts}"));
    assert_eq!(counts(&world.sync(0))[0], 26);
    let days = |who: &str| {
        let mut days: Vec<String> = events(world.server(), &[who])
            .iter()
            .map(|(_, _, start, _)| start[..8].to_owned())
            .collect();
        days.sort();
        days
    };
    let stamps = |days: &[i64]| -> Vec<String> {
        days.iter().map(|it| day_from_now(*it).replace('-', "")).collect()
    };
    // Anna leaves: what she was going to do goes, and her last week stays.
    world.roster(&format!("{HEADER}{berts}"));
    assert_eq!(counts(&world.sync(0))[2], 2);
    assert_eq!(days("anna"), stamps(&[-5, -3]));
    // Work of somebody who is still there, taken back, goes also where it is over.
    let berts = berts.replace(&row("bert", -4), "");
    world.roster(&format!("{HEADER}{berts}"));
    assert_eq!(counts(&world.sync(0))[2], 1);
    // From now on the export begins today, and nothing is lost by it.
    world.roster(&format!("{HEADER}{}", of("bert", &[2, 3, 4, 5, 6, 7]) + &of("bert", &later)));
    let line = world.sync(0);
    assert_eq!((counts(&line)[0], counts(&line)[1], counts(&line)[2]), (1, 0, 0), "{line}");
    assert_eq!(days("anna"), stamps(&[-5, -3]));
    let until_now = [-6, -5, -3, -2, 2, 3, 4, 5, 6, 7];
    assert_eq!(days("bert"), stamps(&[&until_now[..], &later].concat()));
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
