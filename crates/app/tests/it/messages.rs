//! What an operator reads when something is wrong.

use crate::world::{ROSTER, World};
use simulators::caldav::{Account, Options};

#[test]
fn a_misspelt_key_is_pointed_at_and_the_right_one_named() {
    let world = World::new();
    world.edit("collection = ", "colection = ");
    let run = world.run(&["config", "check"]).exits(2);
    assert_eq!(
        run.stderr,
        "  × unknown key `colection`
    ╭─[rotabridge.toml:27:1]
 26 │ kind = \"caldav\"
 27 │ colection = \"{employee}/\"
    · ────┬────
    ·     ╰── here
    ╰────
  help: did you mean `collection`?
error: configuration `rotabridge.toml` has 1 mistake
hint: `rotabridge config example` prints all of it, with explanations
"
    );
}

#[test]
fn several_mistakes_are_told_at_once() {
    let world = World::new();
    world.edit("path = ", "pfad = ");
    world.edit("roster = \"ward\"", "roster = \"word\"");
    world.edit("past = \"2000w\"", "past = \"2000 weeks\"");
    world.edit("listen = \"127.0.0.1:0\"", "listen = \"here\"");
    let run = world.run(&["sync"]).exits(2);
    run.says("unknown key `pfad`").says("there is no roster named `word`");
    run.says("`2000 weeks` is no duration; expected a number and a unit, like");
    run.says("help: did you mean `ward`?").says("invalid socket address syntax");
    assert!(!world.path("rotabridge.db").exists(), "checked before anything is opened");
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_shown() {
    let world = World::with(Options::default(), "username = \"rota\"\npassword = \"hunter2\"");
    let run = world.run(&["sync"]).exits(2);
    run.says("write `password_file = \"path\"` instead").says("unknown key `password`");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);

    let world = World::new();
    world.edit("[server]", "[store]\nurl = \"postgres://rota:hunter2@localhost/rota\"\n[server]");
    let run = world.run(&["status"]).exits(2);
    run.says("holds a password; write it into a file");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn what_this_version_lacks_is_said_so() {
    let world = World::new();
    world.edit("collection", "directions = { swap_request = \"two_way\" }\ncollection");
    let run = world.run(&["config", "check"]).exits(2);
    run.says("a `caldav` mirror cannot be `two_way` for `swap_request`");
    world.edit("kind = \"roster_file\"", "kind = \"rooster_file\"");
    world.run(&["config", "check"]).exits(2).says("help: did you mean `roster_file`?");
}

#[test]
fn references_must_lead_somewhere_that_fits() {
    let world = World::new();
    world.edit("connection = \"calendars\"", "connection = \"exports\"");
    let run = world.run(&["config", "check"]).exits(2);
    run.says("cannot be kept over connection `exports`, which is of kind `roster_file`");
    world.edit("connection = \"exports\"", "connection = \"kalender\"");
    world.run(&["config", "check"]).exits(2).says("there is no connection named `kalender`");
    let text = world.read("rotabridge.toml");
    let mirror = &text[text.find("[[mirror]]").unwrap()..];
    world.write("rotabridge.toml", &format!("{text}\n{mirror}"));
    world.run(&["config", "check"]).exits(2).says("another mirror named `ward-caldav` above");
}

#[test]
fn what_is_no_toml_is_pointed_at() {
    let world = World::new();
    world.write("rotabridge.toml", "[server\nlisten = 1\n[[roster]]\nname = \n");
    world.run(&["sync"]).exits(2).says("╭─[rotabridge.toml:1:8]");
    world.write("rotabridge.toml", "[roster]\nname = \"x\"\n[mirorr]\n");
    let run = world.run(&["sync"]).exits(2);
    run.says("`roster` is a single table; expected `[[roster]]`");
    run.says("unknown section `mirorr`").says("did you mean `mirror`?");
}

#[test]
fn a_missing_configuration_names_the_command_that_makes_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::world::binary();
    let output = command.arg("sync").current_dir(folder.path()).output().unwrap();
    let run = crate::world::Run::of(output).exits(2);
    run.says("error: cannot read the configuration `rotabridge.toml`: No such file");
    run.says("hint: `rotabridge init` writes one; `--config PATH` names another");
}

#[test]
fn a_bad_row_is_pointed_at_and_nothing_is_taken() {
    let world = World::new();
    world.roster(&ROSTER.replace("2030-03-06,06:00", "2030-03-06,26:00"));
    let run = world.run(&["sync"]).exits(1);
    run.says("╭─[roster.csv:4:");
    run.says("4 │ bert,Front desk,Early,2030-03-06,26:00,14:00");
    run.says("·                                  ──┬──");
    run.says("error: 1 bad row in `roster.csv`; nothing was taken from it");
    run.says("hint: mend the rows, or set `on_bad_row = \"skip\"`");
    assert_eq!(world.server().count_all(), 0);

    world.roster(&ROSTER.replace(",06:00", ",26:00").replace("2030-", "20X0-"));
    let run = world.run(&["sync"]).exits(1);
    run.says("error: 5 bad rows, the first in `roster.csv`");

    world.edit("path = \"roster.csv\"", "path = \"roster.csv\"\non_bad_row = \"skip\"");
    world.roster(&ROSTER.replace("2030-03-06,06:00", "2030-03-06,26:00"));
    let json = world.run(&["sync", "--json"]).exits(0).json();
    assert_eq!(
        (&json["rosters"][0]["skipped"], &json["mirrors"][0]["created"]),
        (&1.into(), &4.into())
    );
}

#[test]
fn many_bad_rows_are_counted_after_the_first_few() {
    let world = World::new();
    let rows = "anna,Front desk,Late,2030-99-04,14:30,22:30\n".repeat(200);
    world.roster(&format!("{}{rows}", crate::agreement::HEADER));
    let run = world.run(&["sync"]).exits(1);
    run.says("… and 195 more");
    assert!(run.stderr.len() < 5_000, "{}", run.stderr.len());
}

#[test]
fn a_wrong_password_is_a_failure_with_the_server_s_answer() {
    let account = Account { name: "rota".into(), password: "right".into() };
    let options = Options { account: Some(account), ..Options::default() };
    let world = World::with(options, "username = \"rota\"\npassword_file = \"password\"");
    world.run(&["sync"]).exits(2).says("connection `calendars`: `password_file`: cannot read");
    world.write("password", "wrong\n");
    let run = world.run(&["sync"]).exits(1);
    run.says("mirror `ward-caldav` could not be brought up to date").says("401");
    assert!(!run.stderr.contains("wrong"), "{}", run.stderr);
    world.run(&["doctor"]).exits(1).says("error    connection calendars");
    world.write("password", "right\n");
    world.sync(0);
}

#[test]
fn a_store_from_the_future_is_refused() {
    let world = World::new();
    world.run(&["migrate"]).exits(0);
    set_store_version(&world, 99);
    for command in ["sync", "status", "plan", "migrate"] {
        let run = world.run(&[command]).exits(1);
        run.says("store has schema version 99, this program needs ");
        run.says("hint: a newer rotabridge wrote it");
    }
    world.run(&["doctor"]).exits(1).says("error    store: store has schema version 99");
}

/// SQLite keeps `user_version` as a big-endian number at byte 60 of the file.
fn set_store_version(world: &World, version: u32) {
    use std::io::{Seek, SeekFrom, Write};
    let path = world.path("rotabridge.db");
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(60)).unwrap();
    file.write_all(&version.to_be_bytes()).unwrap();
}

#[test]
fn a_file_that_is_no_store_is_left_as_it_is() {
    let world = World::new();
    world.write("rotabridge.db", "a text of somebody's, long enough to be looked at by SQLite ...");
    let run = world.run(&["sync"]).exits(1);
    run.says("error: store cannot open the database").says("hint: `[store] url`");
    assert!(world.read("rotabridge.db").starts_with("a text of somebody's"));
}

#[test]
fn an_unknown_id_is_said_so() {
    let world = World::new();
    world.run(&["explain", "nothing"]).exits(1).says("nothing with the id `nothing`");
    assert!(!world.path("rotabridge.db").exists());
}

#[test]
fn a_dashboard_s_password_is_looked_at_before_anything_is_served() {
    let world = World::new();
    world.edit("[server]", "[dashboard]\npassword_file = \"door\"\n\n[server]");
    for command in [&["config", "check"][..], &["serve"]] {
        world.run(command).exits(2).says("[dashboard]: `password_file`: cannot read");
    }
    world.write("door", "swordfish\n");
    for command in [&["config", "check"][..], &["serve"]] {
        let run = world.run(command).exits(2);
        run.says("the password in `door` has 9 characters, expected at least 16");
        run.says("`openssl rand -base64 24` makes a good one");
        assert!(!run.stderr.contains("swordfish"), "{}", run.stderr);
    }
    let run = world.run(&["doctor"]).exits(1);
    run.says("dashboard").says("has 9 characters");
    world.write("door", "swordfish swordfish\n");
    world.run(&["config", "check"]).exits(0);
    world.run(&["doctor"]).exits(0).says("for whoever knows the password");
    let loopback = "listen = \"127.0.0.1:0\"";
    let open = "listen = \"0.0.0.0:8080\"\npublic_url = \"https://rota.example.com\"";
    world.edit(loopback, open);
    let run = world.run(&["doctor"]);
    run.says("`0.0.0.0:8080` itself takes its password, too, and without TLS");
    world.edit(open, loopback);
    world.edit("[dashboard]\n", "[dashboard]\npassword = \"swordfish swordfish\"\n");
    let run = world.run(&["config", "check"]).exits(2);
    run.says("unknown key `password`");
    assert!(!run.stderr.contains("swordfish"), "{}", run.stderr);
}
