//! What people do to our events in the played Outlook and Google Calendar, by each policy, by the
//! real binary: put right, or left and told of.

use jiff::SignedDuration;

use super::asks::{InGoogle, InOutlook, Place, Shown, sync, writes};

/// What Anna does to one of her shifts.
type Case = (&'static str, fn(&dyn Place, &str));

const CASES: [Case; 7] = [
    ("moved", |place, id| place.moves(id, SignedDuration::from_hours(1))),
    ("renamed", |place, id| place.renames(id, "Off!")),
    ("deleted", |place, id| place.deletes(id)),
    ("stripped of its tag", |place, id| place.strips(id)),
    ("copied", |place, id| place.copies(id)),
    ("moved to another calendar", |place, id| place.relocates(id)),
    ("made a series", |place, id| place.repeats(id)),
];

/// What is to be seen, whatever it is called inside.
fn looks(place: &dyn Place) -> Vec<(String, String)> {
    let looks = place.shifts().into_iter().map(|Shown { title, start, .. }| (start, title));
    looks.collect()
}

fn every_case_by_every_policy(new: impl Fn() -> Box<dyn Place>) {
    for (name, act) in CASES {
        for policy in ["put_right", "report"] {
            let case = format!("{name}, {policy}");
            let place = new();
            let world = place.mirrored(&format!("drift = \"{policy}\""));
            assert_eq!(writes(&sync(&world, &[])), [3, 0, 0], "{case}");
            let before = looks(&*place);
            let id = place.shifts()[1].id.clone();
            act(&*place, &id);
            let after = looks(&*place);
            let line = sync(&world, &["--full"]);
            let wrote: u64 = writes(&line).iter().sum();
            let (expected, is_told) = match (name, policy) {
                // A copy is theirs, and stands beside ours.
                ("copied", _) => (after, false),
                (_, "put_right") => (before, false),
                (_, _) => (after, true),
            };
            assert_eq!(looks(&*place), expected, "{case}: {line}");
            assert_eq!(line["left"].as_u64().unwrap() > 0, is_told, "{case}: {line}");
            assert_eq!(wrote > 0, policy == "put_right" && name != "copied", "{case}: {line}");
            // Whoever looks for it is told.
            let status = world.run(&["status", "--json"]).exits(0).json();
            let left = u64::from(is_told);
            assert_eq!(status["mirrors"][0]["left"], left, "{case}: {status}");
            let list = world.run(&["drift", "list", "--json"]).exits(0).json();
            let standing: Vec<&str> = list["drift"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["standing"].as_str().unwrap())
                .collect();
            let expected_standing = match (name, policy) {
                ("copied", _) => vec![],
                (_, "put_right") => vec!["put_right"],
                (_, _) => vec!["left"],
            };
            assert_eq!(standing, expected_standing, "{case}: {list}");
            let again = sync(&world, &["--full"]);
            assert_eq!(writes(&again), [0, 0, 0], "{case}: {again}");
            assert_eq!(looks(&*place), expected, "{case}");
        }
    }
}

#[test]
fn every_case_by_every_policy_in_outlook() {
    every_case_by_every_policy(|| Box::new(InOutlook::new()));
}

#[test]
fn every_case_by_every_policy_in_google_calendar() {
    every_case_by_every_policy(|| Box::new(InGoogle::new()));
}
