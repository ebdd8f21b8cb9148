//! Events of people in Radicale that stand in the way of shifts: every case under every policy,
//! from the plan to the undoing, as an operator does it.

use serde_json::Value;
use testkit::servers::{DavServer, radicale};

use super::dav;
use crate::world::World;

/// Anna works every day of a week.
const ROSTER: &str = "\
employee,team,work,date,start,end
anna,Front desk,Early,2030-03-04,08:00,16:00
anna,Front desk,Early,2030-03-05,08:00,16:00
anna,Front desk,Early,2030-03-06,08:00,16:00
anna,Front desk,Early,2030-03-07,08:00,16:00
anna,Front desk,Early,2030-03-08,08:00,16:00
anna,Front desk,Early,2030-03-09,08:00,16:00
anna,Front desk,Early,2030-03-10,08:00,16:00
";

/// What stands in the way on each of these days, and what follows under each policy: reporting,
/// keeping both, deleting, moving.
const CASES: [(&str, &str, [&str; 4]); 7] = [
    ("own", "2030-03-04", ["none", "none", "delete", "move"]),
    ("free", "2030-03-05", ["-", "-", "-", "-"]),
    ("private", "2030-03-06", ["none", "none", "none", "none"]),
    ("invited", "2030-03-07", ["none", "none", "decline", "decline"]),
    ("series", "2030-03-08", ["none", "none", "delete", "move"]),
    ("tentative", "2030-03-09", ["none", "none", "none", "none"]),
    ("declined", "2030-03-10", ["-", "-", "-", "-"]),
];

const POLICIES: [&str; 4] = [
    "conflict_policy = \"report\"",
    "conflict_policy = \"keep_both\"",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"delete\" }",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"move\" }",
];

fn object(name: &str, day: &str) -> String {
    let day = day.replace('-', "");
    let more = match name {
        "free" => "TRANSP:TRANSPARENT\r\n",
        "private" => "CLASS:PRIVATE\r\n",
        "invited" => {
            "ORGANIZER:mailto:boss@example.com\r\n\
             ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@example.com\r\n"
        }
        "declined" => {
            "ORGANIZER:mailto:boss@example.com\r\n\
             ATTENDEE;PARTSTAT=DECLINED:mailto:anna@example.com\r\n"
        }
        "series" => "RRULE:FREQ=WEEKLY;COUNT=3\r\n",
        "tentative" => "STATUS:TENTATIVE\r\n",
        _ => "LOCATION:Room 4\r\nDESCRIPTION:Bring the numbers\r\n",
    };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Anna//EN\r\nBEGIN:VEVENT\r\nUID:{name}\r\n\
         DTSTAMP:20300101T000000Z\r\nDTSTART:{day}T090000Z\r\nDTEND:{day}T100000Z\r\n\
         SUMMARY:About {name}\r\nX-OWN:kept\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// Anna's own calendar, and a mirror that minds it.
struct Desk {
    server: DavServer,
    world: World,
}

impl Desk {
    fn with(policy: &str) -> Option<Self> {
        let server = radicale()?;
        let own = format!("{}anna-own/", server.url());
        let (status, _) = dav::ask("MKCALENDAR", &own).unwrap();
        assert_eq!(status, 201);
        for (name, day, _) in CASES {
            dav::put(&format!("{own}{name}.ics"), object(name, day).as_bytes());
        }
        let world = World::at(&server.url(), "");
        world.roster(ROSTER);
        world.write("people.csv", "employee,email\nanna,anna@example.com\n");
        let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
        world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
        let own = "conflict_collections = [\"{employee}-own/\"]";
        world.edit("collection = ", &format!("{own}\n{policy}\ncollection = "));
        Some(Self { server, world })
    }

    fn get(&self, name: &str) -> Option<String> {
        let url = format!("{}anna-own/{name}.ics", self.server.url());
        dav::get(&url).map(|it| String::from_utf8(it).unwrap().replace("\r\n ", ""))
    }

    /// Everything in Anna's own calendar, in the order of its lines' letters.
    fn everything(&self) -> Vec<Option<Vec<String>>> {
        let lines = |text: String| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        CASES.iter().map(|(name, ..)| self.get(name).map(lines)).collect()
    }

    /// What `plan` says of each case.
    fn planned(&self) -> (Value, Vec<String>) {
        let plan = self.world.run(&["plan", "--json"]).exits(0).json();
        let conflicts = plan["mirrors"][0]["conflicts"].clone();
        assert_eq!(conflicts["unread"], serde_json::json!([]), "{conflicts}");
        let entries = conflicts["entries"].as_array().unwrap();
        let word = |day: &str| {
            let found = entries.iter().find(|it| {
                it["span"]["timed"]["start"].as_str().is_some_and(|at| at.starts_with(day))
            });
            found.map_or("-".to_owned(), |it| it["action"].as_str().unwrap().to_owned())
        };
        let words = CASES.iter().map(|(_, day, _)| word(day)).collect();
        (conflicts, words)
    }
}

#[test]
fn every_case_under_every_policy_on_radicale() {
    for (index, policy) in POLICIES.iter().enumerate() {
        let Some(desk) = Desk::with(policy) else { return };
        let before = desk.everything();
        let (plan, words) = desk.planned();
        let expected: Vec<&str> = CASES.iter().map(|(.., words)| words[index]).collect();
        assert_eq!(words, expected, "{policy}");
        assert_eq!(desk.everything(), before, "a plan changes nothing");
        let changes = expected.iter().filter(|it| !matches!(**it, "none" | "-")).count() as u64;
        assert_eq!(plan["changes"], changes, "{policy}");

        let line = desk.world.sync(0);
        assert_eq!(line["events_changed"], changes, "{policy}: {line}");
        done(&desk, &expected);
        let after = desk.everything();
        let line = desk.world.sync(0);
        assert_eq!((&line["events_changed"], &line["updated"]), (&0.into(), &0.into()), "{line}");
        desk.world.run(&["sync", "--full"]).exits(0);
        assert_eq!(desk.everything(), after, "{policy}: done once");
        let status = desk.world.run(&["status", "--json"]).exits(0).json();
        let standing = &status["mirrors"][0]["conflicts"];
        let left = expected.iter().filter(|it| **it == "none").count() as u64;
        let key = if policy.contains("keep_both") { "kept" } else { "open" };
        assert_eq!(standing[key], left, "{policy}: {standing}");
        undone(&desk, &plan, &before);
    }
}

/// What became of each event.
fn done(desk: &Desk, expected: &[&str]) {
    for ((name, ..), word) in CASES.iter().zip(expected) {
        let now = desk.get(name);
        let text = now.as_deref().unwrap_or_default();
        match (*name, *word) {
            ("own", "delete") => assert_eq!(now, None),
            ("own", "move") => {
                assert!(text.contains("DTSTART:20300304T150000Z"), "{text}");
                assert!(text.contains("Bring the numbers"), "{text}");
                assert!(text.contains("it was 2030-03-04 10:00–11:00"), "{text}");
            }
            ("series", "delete") => assert!(text.contains("EXDATE:20300308T090000Z"), "{text}"),
            ("series", "move") => {
                assert!(text.contains("RECURRENCE-ID:20300308T090000Z"), "{text}");
                assert!(text.contains("DTSTART:20300308T150000Z"), "{text}");
            }
            ("invited", "decline") => assert!(text.contains("PARTSTAT=DECLINED"), "{text}"),
            (name, _) => assert!(text.contains(&format!("SUMMARY:About {name}")), "{text}"),
        }
    }
}

/// Takes everything back, as an operator does who has the plan at hand.
fn undone(desk: &Desk, plan: &Value, before: &[Option<Vec<String>>]) {
    let ids = plan["entries"].as_array().unwrap().iter().filter_map(|it| it["undo"].as_str());
    for id in ids {
        let shown = desk.world.run(&["undo", id, "--json"]).exits(0).json();
        assert_eq!(shown["id"], id);
        let again = desk.world.run(&["undo", &id.to_uppercase()]).exits(1);
        again.says("was undone already");
    }
    assert_eq!(desk.everything(), before);
    desk.world.run(&["sync", "--full"]).exits(0);
    assert_eq!(desk.everything(), before, "left alone from now on");
}

#[test]
fn a_deleted_meeting_is_told_in_the_shift_and_by_explain_but_not_by_the_log() {
    let Some(desk) = Desk::with(POLICIES[2]) else { return };
    let sync = desk.world.run(&["sync", "--json"]).exits(0);
    assert!(!sync.stderr.contains("About own") && !sync.stdout.contains("About own"));
    let entries = {
        let undone = desk.world.run(&["plan", "--json"]).exits(0).json();
        undone["mirrors"][0]["entries"].clone()
    };
    assert_eq!(entries, serde_json::json!([]), "the note is there already");
    let status = desk.world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["mirrors"][0]["conflicts"]["changes"], 3);
    let unknown = desk.world.run(&["undo", "0000-0000-0000"]).exits(1);
    unknown.says("no change of an event has the id `0000-0000-0000`");
    desk.world.run(&["undo", "nonsense"]).exits(2).says("is not an audit id");
}

#[test]
fn too_many_events_of_people_are_refused_with_the_flag_that_lets_them_pass() {
    let policy = "conflict_policy = \"wfm_priority_override\"\n\
                  conflicts = { action = \"delete\", changes_max = 2 }";
    let Some(desk) = Desk::with(policy) else { return };
    let before = desk.everything();
    desk.world.run(&["plan"]).exits(4).says("--allow-event-changes 3");
    let run = desk.world.run(&["sync"]).exits(4);
    run.says("would change 3 events of people at once, more than 2");
    run.says("--allow-event-changes 3");
    assert_eq!(desk.everything(), before);
    desk.world.run(&["sync", "--allow-event-changes", "3"]).exits(0);
    assert_ne!(desk.everything(), before);
}
