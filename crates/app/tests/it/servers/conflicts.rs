//! Events of people that stand in the way of shifts: every case under every policy, from the plan
//! to the undoing, as an operator does it; in Radicale, in the played Outlook and in the played
//! Google Calendar.

mod google;
mod outlook;
mod radicale;
mod table;

use serde_json::Value;

use self::table::{Case, DELETE, POLICIES, cases, is_change, roster, under_way, word};
use crate::world::World;

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

/// Anna's own calendar: an event for each case, called `About {case}`, with the text `Bring the
/// numbers`; `series` is weekly, three times.
trait Own {
    /// The event of a case on its day; `None` where there is none.
    fn see(&self, case: &Case) -> Option<Shown>;

    /// What the item of the shift on a day says below its title.
    fn shift_says(&self, day: &str) -> String;

    /// Whether a meeting that somebody else organises takes place in their own calendar, where that
    /// is another one.
    fn takes_place(&self, case: &Case) -> Option<bool>;

    /// How many events of the series there are beside the one of the day.
    fn others_of_the_series(&self) -> usize;

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
    cases: Vec<Case>,
}

impl Desk {
    fn everything(&self) -> Vec<Option<Shown>> {
        self.cases.iter().map(|case| self.own.see(case)).collect()
    }

    /// What `plan` says of each case.
    fn planned(&self) -> (Value, Vec<String>) {
        let plan = self.world.run(&["plan", "--json"]).exits(0).json();
        let conflicts = plan["mirrors"][0]["conflicts"].clone();
        assert_eq!(conflicts["unread"], serde_json::json!([]), "{conflicts}");
        let entries = conflicts["entries"].as_array().unwrap();
        let said = |case: &Case| {
            let start = case.planned_start();
            let found = entries.iter().find(|it| {
                let span = &it["span"];
                span["timed"]["start"] == *start || span["all_day"]["first"] == *start
            });
            found.map_or("-".to_owned(), |it| {
                word(it["action"].as_str().unwrap(), it["because"].as_str().unwrap())
            })
        };
        let words = self.cases.iter().map(said).collect();
        (conflicts, words)
    }

    /// What became of each event.
    fn done(&self, before: &[Option<Shown>], expected: &[&str]) {
        for ((case, word), before) in self.cases.iter().zip(expected).zip(before) {
            let (now, name) = (self.own.see(case), case.name);
            match *word {
                "delete" => assert_eq!(now, None, "{name}"),
                "move" => {
                    let now = now.unwrap();
                    assert_eq!(now.start, format!("{}T15:00:00Z", case.day()), "{name}");
                    assert!(now.text.contains("Bring the numbers"), "{name}: {now:?}");
                    let was = format!("it was {} ", case.day());
                    assert!(now.text.contains(&was), "{name}: {now:?}");
                }
                "decline" => {
                    assert!(now.is_none_or(|it| it.declined), "{name}");
                    assert_ne!(self.own.takes_place(case), Some(false), "{name}: never deleted");
                }
                _ => assert_eq!(now, *before, "{name}"),
            }
        }
        if self.cases.iter().any(|it| it.name == "series") {
            assert_eq!(self.own.others_of_the_series(), 2, "only the one of the day");
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
        for (case, before) in self.cases.iter().zip(before) {
            let (now, name) = (self.own.see(case), case.name);
            if name == "organised" {
                // Its owner may be told that the guests were not, and its version has grown.
                let (now, before) = (now.unwrap(), before.clone().unwrap());
                assert_eq!((now.title, now.start), (before.title, before.start));
                assert!(now.text.starts_with(&before.text), "{}", now.text);
                continue;
            }
            let told = self.own.says_that_it_was_declined().filter(|_| declined);
            match told.filter(|_| matches!(name, "invited" | "unanswered")) {
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

/// From the plan to the undoing, under the policy of this number.
fn every_case(desk: &Desk, index: usize) {
    let policy = POLICIES[index];
    let before = desk.everything();
    assert!(before.iter().all(Option::is_some), "{before:?}");
    let (plan, words) = desk.planned();
    let expected: Vec<&str> = desk.cases.iter().map(|it| it.words[index]).collect();
    assert_eq!(words, expected, "{policy}");
    assert_eq!(desk.everything(), before, "a plan changes nothing");
    let changes = expected.iter().filter(|it| is_change(it)).count() as u64;
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
    let left = expected.iter().filter(|it| **it != "-" && !is_change(it)).count() as u64;
    let (key, other) = if expected.contains(&"keep") { ("kept", "open") } else { ("open", "kept") };
    assert_eq!((&standing[key], &standing[other]), (&left.into(), &0.into()), "{standing}");
    assert_eq!(standing["changes"], changes, "{policy}: {standing}");
    desk.undone(&plan, &before);
}

fn every_case_under_every_policy(desk: impl Fn(&[Case], &str, &str) -> Option<Desk>) {
    for (index, policy) in POLICIES.iter().enumerate() {
        let Some(desk) = desk(&cases(), &roster(), policy) else { return };
        every_case(&desk, index);
    }
}

/// What has begun, and what stands in the way of a shift that has begun, is told of and left.
fn what_is_under_way_is_left(desk: impl Fn(&[Case], &str, &str) -> Option<Desk>) {
    for (index, policy) in POLICIES.iter().enumerate() {
        let (cases, roster) = under_way();
        let Some(desk) = desk(&cases, &roster, policy) else { return };
        every_case(&desk, index);
    }
}

/// A desk with the whole table.
fn at(desk: impl Fn(&[Case], &str, &str) -> Option<Desk>, policy: &str) -> Option<Desk> {
    desk(&cases(), &roster(), policy)
}

/// How many events of the table are changed under the policy that deletes.
fn deletions() -> u64 {
    cases().iter().filter(|it| is_change(it.words[DELETE])).count() as u64
}

#[test]
fn every_case_under_every_policy_on_radicale() {
    every_case_under_every_policy(radicale::desk);
}

#[test]
fn every_case_under_every_policy_in_outlook() {
    every_case_under_every_policy(outlook::desk);
}

#[test]
fn every_case_under_every_policy_in_google_calendar() {
    every_case_under_every_policy(google::desk);
}

#[test]
fn what_is_under_way_is_left_in_outlook() {
    what_is_under_way_is_left(outlook::desk);
}

#[test]
fn what_is_under_way_is_left_in_google_calendar() {
    what_is_under_way_is_left(google::desk);
}

#[test]
fn a_deleted_meeting_is_told_in_the_shift_and_by_explain_but_not_by_the_log() {
    let Some(desk) = at(radicale::desk, POLICIES[DELETE]) else { return };
    let sync = desk.world.run(&["sync", "--json"]).exits(0);
    assert!(!sync.stderr.contains("About own") && !sync.stdout.contains("About own"));
    let entries = {
        let undone = desk.world.run(&["plan", "--json"]).exits(0).json();
        undone["mirrors"][0]["entries"].clone()
    };
    assert_eq!(entries, serde_json::json!([]), "the note is there already");
    let status = desk.world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["mirrors"][0]["conflicts"]["changes"], deletions());
    let unknown = desk.world.run(&["undo", "0000-0000-0000"]).exits(1);
    unknown.says("no change of an event has the id `0000-0000-0000`");
    desk.world.run(&["undo", "nonsense"]).exits(2).says("is not an audit id");
}

#[test]
fn too_many_events_of_people_are_refused_with_the_flag_that_lets_them_pass() {
    let policy = "conflict_policy = \"wfm_priority_override\"\n\
                  conflicts = { action = \"delete\", changes_max = 2 }";
    let Some(desk) = at(radicale::desk, policy) else { return };
    let (before, all) = (desk.everything(), deletions());
    let flag = format!("--allow-event-changes {all}");
    desk.world.run(&["plan"]).exits(4).says(&flag);
    let run = desk.world.run(&["sync"]).exits(4);
    run.says(&format!("would change {all} events of people at once, more than 2"));
    run.says(&flag);
    assert_eq!(desk.everything(), before);
    desk.world.run(&["sync", "--allow-event-changes", &all.to_string()]).exits(0);
    assert_ne!(desk.everything(), before);
}

/// What a deleted or declined meeting was about stands in the item of the shift that it was in the
/// way of, and `explain` tells what was done; without `preserve_meeting_context` nothing is kept.
fn a_removed_meeting_is_told_in_the_shift(
    desk: impl Fn(&[Case], &str, &str) -> Option<Desk>,
    guest: &str,
) {
    let Some(kept) = at(&desk, POLICIES[DELETE]) else { return };
    let (organised, invited) = ("2030-03-08", "2030-03-07");
    let (plan, _) = kept.planned();
    let entries = plan["entries"].as_array().unwrap();
    let of_day = |it: &&Value| {
        it["span"]["timed"]["start"].as_str().is_some_and(|at| at.starts_with(organised))
    };
    let shift = entries.iter().find(of_day).unwrap()["shift"].as_str().unwrap().to_owned();
    kept.world.sync(0);
    let note = kept.own.shift_says(organised);
    for part in [
        "Removed for this shift: About organised, 2030-03-08 10:00–11:00",
        "Where: Room 4",
        "With: ",
        guest,
        "Link: http",
        "Bring the numbers",
    ] {
        assert!(note.contains(part), "{part:?} is not in {note:?}");
    }
    let declined = kept.own.shift_says(invited);
    assert!(declined.contains("Declined for this shift: About invited"), "{declined:?}");
    assert!(!kept.own.shift_says("2030-03-05").contains("About"), "nothing was done there");
    let explained = kept.world.run(&["explain", &shift]).exits(0);
    explained.says("with an event at 2030-03-08").says("; `rotabridge undo ");
    assert!(!explained.stdout.contains("About"), "that is its owner's business");

    let keys = format!("{}\npreserve_meeting_context = false", POLICIES[DELETE]);
    let forgotten = at(&desk, &keys).unwrap();
    assert_eq!(forgotten.world.sync(0)["events_changed"], deletions());
    for day in [invited, organised] {
        let says = forgotten.own.shift_says(day);
        assert!(!says.contains("About"), "{says}");
    }
}

#[test]
fn a_removed_meeting_is_told_in_the_shift_on_radicale() {
    a_removed_meeting_is_told_in_the_shift(radicale::desk, "boss@example.com");
}

#[test]
fn a_removed_meeting_is_told_in_the_shift_in_outlook() {
    a_removed_meeting_is_told_in_the_shift(outlook::desk, "boss");
}

#[test]
fn a_removed_meeting_is_told_in_the_shift_in_google_calendar() {
    a_removed_meeting_is_told_in_the_shift(google::desk, "boss@example.com");
}
