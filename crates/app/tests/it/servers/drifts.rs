//! What people do to our events in the played Outlook and Google Calendar, by each policy, by the
//! real binary: put right, left and told of, or a request that is granted.

use jiff::SignedDuration;

use super::asks::{InGoogle, InOutlook, Place, Shown, sync, writes};
use crate::world::World;

/// What follows when the mirror is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// It is as it was before.
    PutRight,
    /// It stays as she made it, and operators are told.
    Left,
    /// It stays as she made it: the roster follows.
    Granted,
    /// It is hers, and no matter of ours.
    Hers,
}
use Follows::{Granted, Hers, Left, PutRight};

/// Keys of a mirror, column by column.
const POLICIES: [&str; 4] = [
    "drift = \"put_right\"",
    "drift = \"report\"",
    "direction = \"two_way\"",
    "direction = \"two_way\"\ndrift = \"report\"",
];

/// What Anna does to one of her shifts, and what follows by each policy.
type Case = (&'static str, fn(&dyn Place, &str), [Follows; POLICIES.len()]);

const CASES: [Case; 7] = [
    ("moved", MOVES, [PutRight, Left, Granted, Granted]),
    ("renamed", |place, id| place.renames(id, "Off!"), [PutRight, Left, PutRight, Left]),
    ("deleted", |place, id| place.deletes(id), [PutRight, Left, Granted, Granted]),
    ("stripped of its tag", |place, id| place.strips(id), [PutRight, Left, PutRight, Left]),
    ("copied", |place, id| place.copies(id), [Hers, Hers, Hers, Hers]),
    // No wish to delete it, where her other calendars can be seen.
    (
        "moved to another calendar",
        |place, id| place.relocates(id),
        [PutRight, Left, PutRight, Left],
    ),
    ("made a series", |place, id| place.repeats(id), [PutRight, Left, PutRight, Left]),
];
const MOVES: fn(&dyn Place, &str) = |place, id| place.moves(id, SignedDuration::from_hours(1));

/// What is to be seen, whatever it is called inside.
fn looks(place: &dyn Place) -> Vec<(String, String)> {
    let looks = place.shifts().into_iter().map(|Shown { title, start, .. }| (start, title));
    looks.collect()
}

/// `two_way` are keys of the mirrors in which people may ask for something.
fn every_case_by_every_policy(new: impl Fn() -> Box<dyn Place>, two_way: &str) {
    for (name, act, columns) in CASES {
        for (policy, follows) in POLICIES.into_iter().zip(columns) {
            let more = if policy.contains("two_way") { two_way } else { "" };
            let place = new();
            let world = place.mirrored(&format!("{policy}\n{more}"));
            let case = format!("{name}, {policy}");
            what_follows(&*place, &world, &case, (act, follows));
            let shifts = if name == "deleted" && follows == Granted { 2 } else { 3 };
            let status = world.run(&["status", "--json"]).exits(0).json();
            assert_eq!(status["rosters"][0]["shifts"], shifts, "{case}: {status}");
        }
    }
}

fn what_follows(
    place: &dyn Place,
    world: &World,
    case: &str,
    (act, follows): (fn(&dyn Place, &str), Follows),
) {
    assert_eq!(writes(&sync(world, &[])), [3, 0, 0], "{case}");
    let before = looks(place);
    let id = place.shifts()[1].id.clone();
    act(place, &id);
    let after = looks(place);
    let line = sync(world, &["--full"]);
    let wrote: u64 = writes(&line).iter().sum();
    let (expected, standing) = match follows {
        PutRight => (before, vec!["put_right"]),
        Left => (after, vec!["left"]),
        Granted | Hers => (after, vec![]),
    };
    let asked = [("granted", u64::from(follows == Granted)), ("refused", 0)];
    for (key, times) in asked {
        assert_eq!(line[key], times, "{case}: {key}: {line}");
    }
    assert_eq!(looks(place), expected, "{case}: {line}");
    assert_eq!(line["left"].as_u64().unwrap() > 0, follows == Left, "{case}: {line}");
    assert_eq!(wrote > 0, follows == PutRight, "{case}: {line}");
    // Whoever looks for it is told.
    let status = world.run(&["status", "--json"]).exits(0).json();
    let left = u64::from(follows == Left);
    assert_eq!(status["mirrors"][0]["left"], left, "{case}: {status}");
    let list = world.run(&["drift", "list", "--json"]).exits(0).json();
    let told = list["drift"].as_array().unwrap().iter();
    let told: Vec<&str> = told.map(|it| it["standing"].as_str().unwrap()).collect();
    assert_eq!(told, standing, "{case}: {list}");
    let again = sync(world, &["--full"]);
    assert_eq!(writes(&again), [0, 0, 0], "{case}: {again}");
    assert_eq!((&again["granted"], &again["refused"]), (&0.into(), &0.into()), "{case}: {again}");
    assert_eq!(looks(place), expected, "{case}");
}

#[test]
fn every_case_by_every_policy_in_outlook() {
    every_case_by_every_policy(|| Box::new(InOutlook::new()), "");
}

#[test]
fn every_case_by_every_policy_in_google_calendar() {
    // With the least scope a move to another calendar looks like a deletion: `asks` shows it.
    every_case_by_every_policy(|| Box::new(InGoogle::new()), "foreign_events = \"read\"");
}
