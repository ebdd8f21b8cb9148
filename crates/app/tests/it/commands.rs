//! Every command, on its way to success.

use crate::events::events;
use crate::world::{ROSTER, Run, World, binary, counts};

const EVERYBODY: [&str; 3] = ["anna", "bert", "cleo"];

#[test]
fn sync_writes_once_and_then_nothing() {
    let world = World::new();
    assert_eq!(counts(&world.sync(0)), [5, 0, 0, 0, 0]);
    assert_eq!(
        events(world.server(), &EVERYBODY)[0],
        (
            "anna".into(),
            "Late – Front desk".into(),
            "20300304T133000Z".into(),
            "20300304T213000Z".into()
        )
    );
    world.server().clear_log();
    let second = world.sync(0);
    assert_eq!(counts(&second), [0, 0, 0, 5, 0]);
    assert_eq!(second["requests"], 0);
    assert_eq!(world.server().count_all(), 0);
}

#[test]
fn sync_writes_exactly_what_changed() {
    let world = World::new();
    world.sync(0);
    let moved = ROSTER.replace("2030-03-04,14:30", "2030-03-04,15:00");
    let gone = moved.replace("bert,Front desk,Early,2030-03-07,06:00,14:00\n", "");
    world.roster(&format!("{gone}dora,Back office,Day,2030-03-08,09:00,17:00\n"));
    world.server().clear_log();
    assert_eq!(counts(&world.sync(0)), [1, 1, 1, 3, 0]);
    assert_eq!((world.server().count("PUT"), world.server().count("DELETE")), (2, 1));
    assert_eq!(world.server().objects("dora/").len(), 1);
}

#[test]
fn sync_full_repairs_what_somebody_changed() {
    let world = World::new();
    world.sync(0);
    let (name, _) = world.server().objects("cleo/").pop_first().unwrap();
    world.server().remove_object("cleo/", &name);
    world.server().put_object("cleo/", "own.ics", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0], "unseen without looking");
    let full = world.run(&["sync", "--full", "--json"]).exits(0).json();
    assert_eq!(counts(&full["mirrors"][0]), [1, 0, 0, 4, 0]);
    assert!(world.server().objects("cleo/").contains_key("own.ics"), "not ours, not touched");
}

#[test]
fn sync_takes_a_roster_or_a_mirror_by_name() {
    let world = World::new();
    world.run(&["sync", "--roster", "ward"]).exits(0);
    world.run(&["sync", "--mirror", "ward-caldav"]).exits(0);
    world.run(&["sync", "--mirror", "ward-caldav", "--roster", "ward", "-q"]).exits(0);
    let run = world.run(&["sync", "--mirror", "ward-caldaw"]).exits(2);
    run.says("error: there is no mirror `ward-caldaw`\nhint: did you mean `ward-caldav`?");
    world.run(&["sync", "--roster", "x"]).exits(2).says("hint: the configuration has `ward`");
}

#[test]
fn the_configuration_may_be_named_before_or_after_the_command() {
    let world = World::new();
    let path = world.path("rotabridge.toml");
    let path = path.to_str().unwrap();
    for arguments in [["--config", path, "sync"], ["sync", "--config", path]] {
        Run::of(binary().args(arguments).output().unwrap()).exits(0);
    }
}

#[test]
fn plan_changes_nothing_at_all() {
    let world = World::new();
    let plan = world.run(&["plan", "--json", "--out", "plan.json"]).exits(0);
    let json = plan.json();
    assert_eq!(json["mirrors"][0]["counts"]["create"], 5);
    assert_eq!(json["mirrors"][0]["entries"][0]["action"], "create");
    assert_eq!(json["mirrors"][0]["entries"][0]["because"], "new");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&world.read("plan.json")).unwrap(), json);
    assert!(!world.path("rotabridge.db").exists(), "not even a store");
    assert_eq!(world.server().count_all(), 0);

    world.sync(0);
    world.roster(&ROSTER.replace("Day", "Office"));
    let before = world.run(&["status", "--json"]).exits(0).json();
    let plan = world.run(&["plan"]).exits(0);
    plan.says("update  changed  cleo/     2030-03-07 08:00  Office");
    plan.says("mirror `ward-caldav`: 0 to create, 1 to update, 0 to delete");
    assert_eq!(world.run(&["status", "--json"]).exits(0).json(), before);
    world.run(&["plan", "--mirror", "ward-caldav"]).exits(0);
    assert_eq!(counts(&world.sync(0)), [0, 1, 0, 4, 0]);
}

#[test]
fn status_tells_how_things_stand() {
    let world = World::new();
    let never = world.run(&["status"]).exits(0);
    never.says("ward    never");
    assert!(!world.path("rotabridge.db").exists(), "looking makes no store");
    world.sync(0);
    let status = world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["rosters"][0]["shifts"], 5);
    assert_eq!(status["mirrors"][0]["items"], 5);
    assert_eq!(status["mirrors"][0]["backlog"], 0);
    assert_eq!(status["mirrors"][0]["lag_changes"], 0);
    assert_eq!(status["mirrors"][0]["last"]["outcome"], "done");
}

#[test]
fn explain_tells_the_whole_story() {
    let world = World::new();
    world.sync(0);
    world.roster(&ROSTER.replace("2030-03-07,09:00", "2030-03-07,10:00"));
    let plan = world.run(&["plan", "--json"]).exits(0).json();
    let id = plan["mirrors"][0]["entries"][0]["id"].as_str().unwrap().to_owned();
    world.sync(0);
    let story = world.run(&["explain", &id]).exits(0);
    story.says(&format!("shift `{id}` of roster `ward`: Day"));
    story.says("source    roster.csv:6: version 2");
    story.says("mirror `ward-caldav`: is in calendar `cleo/`");
    story.says("created version 1 in `ward-caldav` `cleo/`");
    story.says("updated version 2 in `ward-caldav` `cleo/`");
    // The kind may stand before it, and a beginning is enough.
    world.run(&["explain", &format!("shift/{}", &id[..8])]).exits(0);

    world.roster(&ROSTER.replace("cleo,Back office,Day,2030-03-07,09:00,17:00\n", ""));
    world.run(&["sync"]).exits(0);
    let json = world.run(&["explain", &id, "--json"]).exits(0).json();
    let verdict = json["entities"][0]["mirrors"][0]["verdict"].as_str().unwrap().to_owned();
    assert_eq!(verdict, "is not there: it was deleted from the roster");
    assert_eq!(json["entities"][0]["history"].as_array().unwrap().len(), 3);
}

#[test]
fn doctor_looks_at_everything_and_writes_nothing() {
    let world = World::new();
    world.run(&["doctor"]).exits(0).says("good     store: is not there yet");
    let json = world.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!(json["worst"], "good", "{json}");
    assert!(!world.path("rotabridge.db").exists());
    let wrote = |method| world.server().count(method) > 0;
    assert!(!["PUT", "DELETE", "MKCALENDAR", "MKCOL"].into_iter().any(wrote));

    // {email} cannot be filled in for anybody.
    world.edit("{employee}/", "{email}/");
    let warned = world.run(&["doctor"]).exits(0);
    warned.says("warning  mirror ward-caldav: 5 belong to no calendar");

    let url = world.server().url();
    world.edit(&url, "http://127.0.0.1:1/");
    world.run(&["doctor"]).exits(1).says("error    connection calendars: ");
}

#[test]
fn doctor_names_the_key_of_a_file_that_is_missing_and_sends_nobody_to_the_doctor() {
    let world = World::new();
    world.edit("source = ", "employees_file = \"people.csv\"\nsource = ");
    let run = world.run(&["doctor"]).exits(1);
    run.says("`employees_file` of roster `ward` names it");
    assert!(!run.stdout.contains("`rotabridge doctor`"), "{}", run.stdout);
}

#[test]
fn doctor_tells_of_metrics_that_everybody_can_read() {
    let world = World::new();
    world.edit("[server]\n", "[server]\noperator_listen = \"127.0.0.1:9091\"\n");
    let text = world.read("rotabridge.toml");
    let listen = text.lines().find(|it| it.starts_with("listen")).unwrap().to_owned();
    world.edit(&listen, "listen = \"0.0.0.0:9092\"");
    assert_eq!(world.run(&["doctor", "--json"]).exits(0).json()["worst"], "good");
    world.edit("operator_listen = \"127.0.0.1:9091\"\n", "");
    let run = world.run(&["doctor"]).exits(0);
    run.says("warning  server: `/metrics` and `/readyz` answer everybody who reaches");
}

#[test]
fn a_mirror_that_does_not_exist_did_not_drift() {
    let world = World::new();
    world.sync(0);
    world.run(&["drift", "list", "--mirror", "ward-caldaw"]).exits(2).says("did you mean");
    world.run(&["drift", "release", "--all", "--mirror", "nope"]).exits(2).says("no mirror `nope`");
    world.run(&["drift", "list", "--mirror", "ward-caldav"]).exits(0);
}

#[test]
fn an_employees_file_fills_in_what_the_source_does_not_say() {
    let world = World::new();
    world.edit("{employee}/", "{email}/");
    world.edit("source = \"exports\"", "source = \"exports\"\nemployees_file = \"people.csv\"");
    world.write("people.csv", "employee,email\nanna,anna@example.com\nbert,bert@example.com\n");
    let run = world.run(&["sync"]).exits(0);
    run.says("mirror `ward-caldav`: 1 belong to no calendar");
    assert_eq!(world.server().objects("anna-example-com/").len(), 2);
}

#[test]
fn recover_rebuilds_a_lost_store_without_a_write() {
    let world = World::new();
    world.sync(0);
    world.roster(&ROSTER.replace("2030-03-04,14:30", "2030-03-04,15:00"));
    world.sync(0);
    for name in ["rotabridge.db", "rotabridge.db-wal", "rotabridge.db-shm"] {
        drop(std::fs::remove_file(world.path(name)));
    }
    world.server().clear_log();
    world.run(&["recover", "--mirror", "ward-caldav"]).exits(0).says("5 taken over");
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 5, 0]);
    assert_eq!(world.server().count("PUT") + world.server().count("DELETE"), 0);
}

#[test]
fn purge_removes_ours_and_nothing_else() {
    let world = World::new();
    world.sync(0);
    for number in 0..50 {
        let uid = format!("own-{number}");
        let event = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//somebody//EN\r\nBEGIN:VEVENT\r\n\
             UID:{uid}\r\nDTSTAMP:20300101T000000Z\r\nDTSTART:20300304T133000Z\r\n\
             DTEND:20300304T213000Z\r\nSUMMARY:Late – Front desk\r\nEND:VEVENT\r\n\
             END:VCALENDAR\r\n"
        );
        let calendar = ["anna/", "bert/", "cleo/"][number % 3];
        world.server().put_object(calendar, &format!("{uid}.ics"), event);
    }
    let refused = world.run(&["purge", "--mirror", "ward-caldav"]).exits(2);
    refused.says("error: purge would remove all 5 items of mirror `ward-caldav`\nhint: if that is");
    let purged = world.run(&["purge", "--mirror", "ward-caldav", "--yes"]).exits(0);
    purged.says("5 items removed, 50 that are not ours left alone");
    let left: usize =
        EVERYBODY.iter().map(|it| world.server().objects(&format!("{it}/")).len()).sum();
    assert_eq!(left, 50);
    let again = world.run(&["purge", "--mirror", "ward-caldav", "--yes", "--json"]).exits(0);
    assert_eq!(again.json()["deleted"], 0);
}

#[test]
fn migrate_makes_the_store_and_says_so() {
    let world = World::new();
    world.run(&["migrate"]).exits(0).says("the store was made, with version ");
    world.run(&["migrate"]).exits(0).says("already");
    let json = world.run(&["migrate", "--json"]).exits(0).json();
    assert_eq!(json["from"], json["to"]);
}

#[test]
fn init_writes_what_config_check_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = binary();
        Run::of(command.args(arguments).current_dir(folder.path()).output().unwrap())
    };
    run(&["init"]).exits(2).says("missing: --roster-path, --time-zone");
    run(&["init", "--roster-path", "x.csv", "--time-zone", "Mars/Base"]).exits(2);
    std::fs::write(folder.path().join("shifts.csv"), "Employee;Code;Date;Start;End\n").unwrap();
    let url = "https://dav.example.com/rota/";
    let flags = ["--roster-path", "*.csv", "--time-zone", "Europe/Berlin", "--caldav-url", url];
    run(&[&["init"], &flags[..]].concat()).exits(0).says("wrote rotabridge.toml");
    let written = std::fs::read_to_string(folder.path().join("rotabridge.toml")).unwrap();
    assert!(written.contains("employee = \"Employee\", date = \"Date\""), "{written}");
    run(&["config", "check"]).exits(0).says("valid: 2 connections, 1 roster, 1 mirror");
    run(&["init", "--yes"]).exits(2).says("hint: `--force` writes over it");
    run(&["init", "--yes", "--force"]).exits(0);
    run(&["config", "check"]).exits(0).says("valid: 1 connection, 1 roster, 0 mirrors");
}

#[test]
fn demo_once_shows_two_syncs_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["demo", "--once", "--employees", "6", "--weeks", "1", "--seed", "7"]);
    command.current_dir(folder.path()).env("TMPDIR", folder.path());
    let run = Run::of(command.output().unwrap()).exits(0);
    run.says("a contact centre: 6 employees");
    run.says("its branch office: 12 employees");
    let lines = |label: &'static str| run.stdout.lines().filter(move |it| it.starts_with(label));
    let writes = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words[3..6].iter().map(|it| it.parse::<u64>().unwrap()).sum::<u64>()
    };
    assert!(lines("first sync").all(|it| writes(it) > 0), "{}", run.stdout);
    assert!(lines("second sync").all(|it| writes(it) == 0), "{}", run.stdout);
    // What people did in Shifts is there already, and in the calendars only after that.
    let after: Vec<u64> = lines("after requests").map(writes).collect();
    assert_eq!((after[0], after[1]), (0, 0), "{}", run.stdout);
    assert!(after[2] > 0, "{}", run.stdout);
    let of_google = lines("first sync").filter(|it| it.contains("google-calendars"));
    assert_eq!(of_google.count(), 1, "{}", run.stdout);
    let of_outlook = lines("first sync").filter(|it| it.contains("branch-outlook"));
    assert_eq!(of_outlook.count(), 1, "{}", run.stdout);
    // The hotline plans in Genesys Cloud, and its people ask it for time off.
    let of_hotline = lines("first sync").filter(|it| it.contains("hotline-calendars"));
    assert_eq!(of_hotline.count(), 1, "{}", run.stdout);
    let changed = lines("changes in Genesys Cloud: ").next_back().unwrap();
    assert!(changed.rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 0, "{changed}");
    run.says("asks for ").says("requests to Genesys: 2 granted, 0 refused");
    let after_planning = lines("after requests").find(|it| it.contains("hotline-calendars"));
    assert!(writes(after_planning.unwrap()) > 0, "{}", run.stdout);
    let places = ["requests in Shifts: ", "requests in Outlook: ", "requests in Google Calendar: "];
    for place in places {
        let asked = lines(place).next_back().unwrap().strip_prefix(place).unwrap();
        assert!(!asked.starts_with("0 granted"), "{place}{asked}");
    }
    let line = lines("events in the way in Google Calendar: ").next().unwrap();
    assert_eq!(line, "events in the way in Google Calendar: 1 reported");
    let of_google = lines("asked in Google").filter(|it| it.contains("branch-google"));
    assert_eq!(of_google.count(), 1, "{}", run.stdout);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn help_and_version_are_no_errors() {
    let run = |arguments: &[&str]| Run::of(binary().args(arguments).output().unwrap());
    run(&["--help"]).exits(0).says("Read the roster and bring the mirrors into agreement");
    run(&["--version"]).exits(0).says("rotabridge 0.");
    run(&["sync", "--help"]).exits(0).says("--allow-deletions");
    run(&["synk"]).exits(2).says("sync");
    run(&["demo", "--employees", "0"]).exits(2);
}

#[test]
fn logs_are_json_when_asked_for_and_name_nobody() {
    let world = World::new();
    let mut command = world.command(&["sync", "--log-format", "json", "-q"]);
    let run = Run::of(command.env("RUST_LOG", "info").output().unwrap()).exits(0);
    let lines: Vec<serde_json::Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["mirror.name"] == "ward-caldav"), "{}", run.stderr);
    assert!(!run.stderr.contains("anna"), "{}", run.stderr);
}
