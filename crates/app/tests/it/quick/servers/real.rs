//! Radicale and Xandikos, read by Python's `caldav` and `icalendar`: every item is there, once,
//! and only what changed is written.

use std::path::PathBuf;
use std::process::Command;

use testkit::servers::{DavServer, PASSWORD, USERNAME, radicale_with_password, xandikos};

use crate::agreement::{Row, csv, employees, expected, rows};
use crate::events::Event;
use crate::world::{COLUMNS, World, counts};

/// The published roster that is mirrored; absent in a bare clone.
fn published() -> Option<String> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/rosters/inrc2_normalised.csv"
    ));
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: the published rosters are not beside this clone");
    }
    text
}

/// A world whose mirror is on this server.
pub fn world(server: &DavServer) -> World {
    let account = format!("username = \"{USERNAME}\"\npassword_file = \"password\"");
    let world = World::at(&server.url(), &account);
    world.write("password", PASSWORD);
    world
}

fn with_published_columns(world: &World) {
    let columns = concat!(
        r#"employee = "employee", group = "contract", activity = "shift_code", date = "date", "#,
        r#"start = "start_local", end = "end_local", end_date = "end_date""#
    );
    world.edit(COLUMNS, columns);
}

/// What the server holds, as an independent reader sees it.
pub fn read(server: &DavServer) -> Vec<Event> {
    #[expect(clippy::disallowed_methods, reason = "where `cargo xtask test` put the reader")]
    let tools = std::env::var("ROTABRIDGE_TOOLS").unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/readers/read_calendars.py");
    let output = Command::new(PathBuf::from(tools).join("venv/bin/python"))
        .args([script, &server.url(), USERNAME, PASSWORD])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the reader failed:\n{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a published file says, worked out apart from the product.
fn of_published(text: &str) -> Vec<Event> {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let instant = |day: &str, time: &str| {
        let local: jiff::civil::DateTime = format!("{day}T{time}:00").parse().unwrap();
        let at = local.to_zoned(zone.clone()).unwrap().timestamp();
        at.strftime("%Y%m%dT%H%M%SZ").to_string()
    };
    let event = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [_, employee, contract, _, code, date, start, end, end_date] = cells[..] else {
            panic!("{line}");
        };
        let summary = format!("{code} – {contract}");
        (employee.to_owned(), summary, instant(date, start), instant(end_date, end))
    };
    let mut events: Vec<Event> = text.lines().skip(1).map(event).collect();
    events.sort();
    events
}

/// Moves, changes, deletes and adds: one in a hundred lines.
fn one_percent_changed(text: &str) -> (String, [u64; 3]) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let header = lines.remove(0);
    let count = lines.len() / 100;
    let mut written = [0, 0, 0];
    for number in 0..count {
        let index = number * 97;
        match number % 4 {
            // Later in the same day.
            0 | 1 => {
                let kind = if number % 4 == 0 { ":30," } else { ":00," };
                let changed = lines[index].replacen(kind, ":15,", 1);
                let changed = if changed == lines[index] {
                    lines[index].replacen(":30,", ":15,", 1).replacen(":00,", ":15,", 1)
                } else {
                    changed
                };
                assert_ne!(changed, lines[index]);
                lines[index] = changed;
                written[1] += 1;
            }
            2 => {
                lines[index] = String::new();
                written[2] += 1;
            }
            _ => {
                let day = format!("2027-01-{:02}", number % 28 + 1);
                lines.push(format!("x,Andrea,FullTime,Nurse,Extra,{day},08:00,16:00,{day}"));
                written[0] += 1;
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    (format!("{header}\n{}\n", lines.join("\n")), written)
}

fn mirrors_a_published_roster_exactly(server: Option<DavServer>) {
    let (Some(server), Some(text)) = (server, published()) else { return };
    let world = world(&server);
    with_published_columns(&world);
    world.roster(&text);
    let total = of_published(&text).len() as u64;
    assert_eq!(counts(&world.sync(0)), [total, 0, 0, 0, 0]);
    assert_eq!(read(&server), of_published(&text));

    let second = world.sync(0);
    assert_eq!(counts(&second), [0, 0, 0, total, 0]);
    let full = world.run(&["sync", "--full", "--json"]).exits(0).json();
    assert_eq!(counts(&full["mirrors"][0]), [0, 0, 0, total, 0]);

    let (changed, [created, updated, deleted]) = one_percent_changed(&text);
    world.roster(&changed);
    let third = counts(&world.sync(0));
    assert_eq!(third, [created, updated, deleted, total - updated - deleted, 0]);
    assert_eq!(read(&server), of_published(&changed));
}

#[test]
fn radicale_mirrors_a_published_roster_exactly() {
    mirrors_a_published_roster_exactly(radicale_with_password());
}

#[test]
fn xandikos_mirrors_a_published_roster_exactly() {
    mirrors_a_published_roster_exactly(xandikos());
}

fn recovers_and_purges(server: Option<DavServer>) {
    let Some(server) = server else { return };
    let world = world(&server);
    let mut rows: Vec<Row> = rows(3, 12);
    world.roster(&csv(&rows));
    world.sync(0);
    // Something moved, so that ids are not what a fresh start would give.
    rows[7].start = jiff::civil::time(5, 15, 0, 0);
    world.roster(&csv(&rows));
    world.sync(0);
    for name in ["rotabridge.db", "rotabridge.db-wal", "rotabridge.db-shm"] {
        drop(std::fs::remove_file(world.path(name)));
    }
    world.run(&["recover", "--mirror", "ward-caldav"]).exits(0);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 36, 0]);
    assert_eq!(read(&server), expected(&rows));

    let foreign = add_foreign(&server, &employees(&rows));
    let purged = world.run(&["purge", "--mirror", "ward-caldav", "--yes", "--json"]).exits(0);
    assert_eq!((&purged.json()["deleted"], &purged.json()["foreign"]), (&36.into(), &50.into()));
    assert_eq!(read(&server), foreign);
}

/// Fifty events of somebody else's in these calendars.
fn add_foreign(server: &DavServer, calendars: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..50 {
        let calendar = calendars[number % calendars.len()];
        let (start, end) = (format!("203004{:02}T080000Z", number % 28 + 1), "20300501T000000Z");
        let summary = format!("own {number}");
        let body = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//somebody//EN\r\nBEGIN:VEVENT\r\n\
             UID:own-{number}\r\nDTSTAMP:20300101T000000Z\r\nDTSTART:{start}\r\nDTEND:{end}\r\n\
             SUMMARY:{summary}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        put(&format!("{}{calendar}/own-{number}.ics", server.url()), &body);
        events.push((calendar.to_owned(), summary, start, end.to_owned()));
    }
    events.sort();
    events
}

fn put(url: &str, body: &str) {
    use std::io::{Read, Write};
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    // "rota:correct horse" in base64, RFC 7617.
    write!(
        stream,
        "PUT /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Authorization: Basic cm90YTpjb3JyZWN0IGhvcnNl\r\n\
         Content-Type: text/calendar\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.get(8..11), Some(" 20"), "{answer}");
}

#[test]
fn radicale_recovers_and_purges() {
    recovers_and_purges(radicale_with_password());
}

#[test]
fn xandikos_recovers_and_purges() {
    recovers_and_purges(xandikos());
}
