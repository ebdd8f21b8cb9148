//! Events of people that stand in the way of shifts: every case under every policy, from the plan
//! to the undoing, as an operator does it; in Radicale, in the played Outlook and in the played
//! Google Calendar.

mod google;
mod outlook;
mod radicale;

use serde_json::Value;

use crate::world::World;

/// Anna works every day of a week, and two more.
const ROSTER: &str = "\
employee,team,work,date,start,end
anna,Front desk,Early,2030-03-04,08:00,16:00
anna,Front desk,Early,2030-03-05,08:00,16:00
anna,Front desk,Early,2030-03-06,08:00,16:00
anna,Front desk,Early,2030-03-07,08:00,16:00
anna,Front desk,Early,2030-03-08,08:00,16:00
anna,Front desk,Early,2030-03-09,08:00,16:00
anna,Front desk,Early,2030-03-10,08:00,16:00
anna,Front desk,Early,2030-03-11,08:00,16:00
anna,Front desk,Early,2030-03-12,08:00,16:00
";

/// What stands in the way on each of these days, 09:00 to 10:00 UTC, and what follows under each
/// policy: reporting, keeping both, deleting, moving.
const CASES: [(&str, &str, [&str; 4]); 9] = [
    ("own", "2030-03-04", ["none", "none", "delete", "move"]),
    ("free", "2030-03-05", ["-", "-", "-", "-"]),
    ("private", "2030-03-06", ["none", "none", "none", "none"]),
    ("invited", "2030-03-07", ["none", "none", "decline", "decline"]),
    ("series", "2030-03-08", ["none", "none", "delete", "move"]),
    ("tentative", "2030-03-09", ["none", "none", "none", "none"]),
    ("declined", "2030-03-10", ["-", "-", "-", "-"]),
    ("organised", "2030-03-11", ["none", "none", "delete", "move"]),
    ("absent", "2030-03-12", ["none", "none", "none", "none"]),
];

const POLICIES: [&str; 4] = [
    "conflict_policy = \"report\"",
    "conflict_policy = \"keep_both\"",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"delete\" }",
    "conflict_policy = \"wfm_priority_override\"\nconflicts = { action = \"move\" }",
];

/// One of Anna's events, as she sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    title: String,
    /// When it begins: `2030-03-04T09:00:00Z`.
    start: String,
    text: String,
    /// Whether she declined it.
    declined: bool,
    /// All else that must come back as it was.
    more: Vec<String>,
}

/// Anna's own calendar: an event for each of [`CASES`], called `About {case}`, of which `own` has
/// the text `Bring the numbers` and `series` is weekly, three times.
trait Own {
    /// The event of a case on its day; `None` where there is none.
    fn see(&self, case: &str) -> Option<Shown>;

    /// What the item of the shift on a day says below its title, where that can be seen from here.
    fn shift_says(&self, day: &str) -> Option<String> {
        let _ = day;
        None
    }

    /// What an undone declining leaves beside what was there: nothing, where the vendor lets it be
    /// taken back.
    fn says_that_it_was_declined(&self) -> Option<&'static str> {
        None
    }
}

/// Anna's own calendar, and a mirror that minds it.
struct Desk {
    own: Box<dyn Own>,
    world: World,
}

impl Desk {
    fn everything(&self) -> Vec<Option<Shown>> {
        CASES.iter().map(|(name, ..)| self.own.see(name)).collect()
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

    /// What became of each event.
    fn done(&self, before: &[Option<Shown>], expected: &[&str]) {
        for (((name, day, _), word), before) in CASES.iter().zip(expected).zip(before) {
            let now = self.own.see(name);
            match *word {
                "delete" => assert_eq!(now, None, "{name}"),
                "move" => {
                    let now = now.unwrap();
                    assert_eq!(now.start, format!("{day}T15:00:00Z"), "{name}");
                    if *name == "own" {
                        assert!(now.text.contains("Bring the numbers"), "{now:?}");
                        assert!(now.text.contains("it was 2030-03-04 10:00–11:00"), "{now:?}");
                    }
                }
                "decline" => assert!(now.is_none_or(|it| it.declined), "{name}"),
                _ => assert_eq!(now, *before, "{name}"),
            }
        }
    }

    /// Takes everything back, as an operator does who has the plan at hand.
    fn undone(&self, plan: &Value, before: &[Option<Shown>]) {
        let ids = plan["entries"].as_array().unwrap().iter().filter_map(|it| it["undo"].as_str());
        for id in ids {
            let shown = self.world.run(&["undo", id, "--json"]).exits(0).json();
            assert_eq!(shown["id"], id);
            let again = self.world.run(&["undo", &id.to_uppercase()]).exits(1);
            again.says("was undone already");
        }
        self.is_as_it_was(plan, before);
        self.world.run(&["sync", "--full"]).exits(0);
        self.is_as_it_was(plan, before);
    }

    fn is_as_it_was(&self, plan: &Value, before: &[Option<Shown>]) {
        let acts = plan["entries"].as_array().unwrap();
        let declined = acts.iter().any(|it| it["action"] == "decline");
        for ((name, ..), before) in CASES.iter().zip(before) {
            let now = self.own.see(name);
            if *name == "organised" {
                // Its owner may be told that the guests were not, and its version has grown.
                let (now, before) = (now.unwrap(), before.clone().unwrap());
                assert_eq!((now.title, now.start), (before.title, before.start));
                assert!(now.text.starts_with(&before.text), "{}", now.text);
                continue;
            }
            match self.own.says_that_it_was_declined().filter(|_| declined && *name == "invited") {
                None => assert_eq!(now, *before, "{name}"),
                Some(told) => {
                    let (now, before) = (now.unwrap(), before.clone().unwrap());
                    assert_eq!((now.title, now.start), (before.title, before.start));
                    assert!(now.text.contains(told), "{}", now.text);
                }
            }
        }
    }
}

fn every_case_under_every_policy(desk: impl Fn(&str) -> Option<Desk>) {
    for (index, policy) in POLICIES.iter().enumerate() {
        let Some(desk) = desk(policy) else { return };
        let before = desk.everything();
        assert!(before.iter().all(Option::is_some), "{before:?}");
        let (plan, words) = desk.planned();
        let expected: Vec<&str> = CASES.iter().map(|(.., words)| words[index]).collect();
        assert_eq!(words, expected, "{policy}");
        assert_eq!(desk.everything(), before, "a plan changes nothing");
        let changes = expected.iter().filter(|it| !matches!(**it, "none" | "-")).count() as u64;
        assert_eq!(plan["changes"], changes, "{policy}");

        let line = desk.world.sync(0);
        assert_eq!(line["events_changed"], changes, "{policy}: {line}");
        desk.done(&before, &expected);
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
        desk.undone(&plan, &before);
    }
}

#[test]
fn every_case_under_every_policy_on_radicale() {
    every_case_under_every_policy(radicale::desk);
}

#[test]
fn every_case_under_every_policy_in_outlook() {
    every_case_under_every_policy(|policy| Some(outlook::desk(policy)));
}

#[test]
fn every_case_under_every_policy_in_google_calendar() {
    every_case_under_every_policy(|policy| Some(google::desk(policy)));
}

#[test]
fn a_deleted_meeting_is_told_in_the_shift_and_by_explain_but_not_by_the_log() {
    let Some(desk) = radicale::desk(POLICIES[2]) else { return };
    let sync = desk.world.run(&["sync", "--json"]).exits(0);
    assert!(!sync.stderr.contains("About own") && !sync.stdout.contains("About own"));
    let entries = {
        let undone = desk.world.run(&["plan", "--json"]).exits(0).json();
        undone["mirrors"][0]["entries"].clone()
    };
    assert_eq!(entries, serde_json::json!([]), "the note is there already");
    let status = desk.world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["mirrors"][0]["conflicts"]["changes"], 4);
    let unknown = desk.world.run(&["undo", "0000-0000-0000"]).exits(1);
    unknown.says("no change of an event has the id `0000-0000-0000`");
    desk.world.run(&["undo", "nonsense"]).exits(2).says("is not an audit id");
}

#[test]
fn too_many_events_of_people_are_refused_with_the_flag_that_lets_them_pass() {
    let policy = "conflict_policy = \"wfm_priority_override\"\n\
                  conflicts = { action = \"delete\", changes_max = 2 }";
    let Some(desk) = radicale::desk(policy) else { return };
    let before = desk.everything();
    desk.world.run(&["plan"]).exits(4).says("--allow-event-changes 4");
    let run = desk.world.run(&["sync"]).exits(4);
    run.says("would change 4 events of people at once, more than 2");
    run.says("--allow-event-changes 4");
    assert_eq!(desk.everything(), before);
    desk.world.run(&["sync", "--allow-event-changes", "4"]).exits(0);
    assert_ne!(desk.everything(), before);
}

/// What a deleted or declined meeting was about stands in the item of the shift that it was in the
/// way of, and `explain` tells what was done; without `preserve_meeting_context` nothing is kept.
fn a_removed_meeting_is_told_in_the_shift(desk: impl Fn(&str) -> Desk, guest: &str) {
    let kept = desk(POLICIES[2]);
    let (plan, _) = kept.planned();
    let entries = plan["entries"].as_array().unwrap();
    let of_day = |it: &&Value| {
        it["span"]["timed"]["start"].as_str().is_some_and(|at| at.starts_with("2030-03-11"))
    };
    let shift = entries.iter().find(of_day).unwrap()["shift"].as_str().unwrap().to_owned();
    kept.world.sync(0);
    let says = |desk: &Desk, day: &str| desk.own.shift_says(day).unwrap();
    let note = says(&kept, "2030-03-11");
    for part in [
        "Removed for this shift: About organised, 2030-03-11 10:00–11:00",
        "Where: Room 4",
        "With: ",
        guest,
        "Link: http",
        "Bring the numbers",
    ] {
        assert!(note.contains(part), "{part:?} is not in {note:?}");
    }
    let declined = says(&kept, "2030-03-07");
    assert!(declined.contains("Declined for this shift: About invited"), "{declined:?}");
    assert!(!says(&kept, "2030-03-05").contains("About"), "nothing was done there");
    let explained = kept.world.run(&["explain", &shift]).exits(0);
    explained.says("with an event at 2030-03-11").says("; `rotabridge undo ");
    assert!(!explained.stdout.contains("About"), "that is its owner's business");

    let forgotten = desk(&format!("{}\npreserve_meeting_context = false", POLICIES[2]));
    assert_eq!(forgotten.world.sync(0)["events_changed"], 4);
    for day in ["2030-03-07", "2030-03-11"] {
        assert!(!says(&forgotten, day).contains("About"), "{}", says(&forgotten, day));
    }
}

#[test]
fn a_removed_meeting_is_told_in_the_shift_in_outlook() {
    a_removed_meeting_is_told_in_the_shift(outlook::desk, "boss");
}

#[test]
fn a_removed_meeting_is_told_in_the_shift_in_google_calendar() {
    a_removed_meeting_is_told_in_the_shift(google::desk, "boss@example.com");
}
