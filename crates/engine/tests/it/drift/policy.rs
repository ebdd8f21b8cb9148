//! Every way in which people change our items, by each policy, found by each kind of reading, on
//! servers whose copies carry our tag and on others.

use engine::plan::drift::DriftPolicy;
use engine::port::{Change, RemoteId, Standing};
use jiff::SignedDuration;
use testkit::builders::shift_key;

use super::asking::two_way;
use super::rig::{
    By, READINGS, Rig, calendar_of, later, move_by, rename, servers, with_email, writes,
};

/// What a person does to the item of Ada's shift, and how that is called.
type Case = (&'static str, fn(&Rig), Change);

const CASES: [Case; 6] = [
    ("moved", |rig| edit(rig, |item| move_by(item, 2)), Change::Moved),
    ("renamed", |rig| edit(rig, |item| rename(item, "Dentist")), Change::Altered),
    ("made a series", |rig| edit(rig, |item| item.content = None), Change::Unreadable),
    ("stripped of its tag", |rig| edit(rig, |item| item.origin = None), Change::Untagged),
    ("deleted", remove, Change::Removed),
    ("moved to another calendar", move_to_bob, Change::Removed),
];

fn edit(rig: &Rig, change: fn(&mut testkit::memory_target::KeptItem)) {
    let (calendar, id) = rig.place(&shift_key("s"));
    assert!(rig.target.edit(&calendar, &id, change));
}

fn remove(rig: &Rig) {
    let (calendar, id) = rig.place(&shift_key("s"));
    assert!(rig.target.remove(&calendar, &id));
}

fn move_to_bob(rig: &Rig) {
    let (calendar, id) = rig.place(&shift_key("s"));
    assert!(rig.target.relocate((&calendar, &id), &calendar_of("bob")));
}

#[tokio::test]
async fn a_push_mirror_puts_every_change_right_with_one_write_and_is_quiet_then() {
    for habits in servers() {
        for by in READINGS {
            for (name, act, change) in CASES {
                let rig = Rig::settled(habits.clone(), DriftPolicy::PutRight).await;
                act(&rig);
                let report = rig.look(by).await;
                let case = format!("{name}, found by {by:?}, tags copied: {}", habits.tags_copied);
                assert_eq!((report.writes(), report.drifted), (1, 1), "{case}: {report:?}");
                assert_eq!(rig.seen_by("ada"), ["Early at 30h"], "{case}");
                let drifts = rig.drifts().await;
                let told: Vec<_> = drifts.iter().map(|it| (it.change, it.standing)).collect();
                assert_eq!(told, [(change, Standing::PutRight)], "{case}");
                for by in READINGS {
                    let again = rig.look(by).await;
                    assert_eq!((again.writes(), again.drifted), (0, 0), "{case}, then {by:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_two_way_mirror_asks_for_moves_and_removals_and_puts_everything_else_right() {
    for habits in servers() {
        for by in READINGS {
            for (name, act, change) in CASES {
                let mut rig = two_way(habits.clone()).await;
                // Of a calendar that is empty all at once nobody believes that it is meant.
                rig.put([later("t", "ada", 90)]).await;
                rig.cycle().await;
                act(&rig);
                let report = rig.look(by).await;
                let case = format!("{name}, found by {by:?}, tags copied: {}", habits.tags_copied);
                let done = (report.granted, report.drifted, report.writes());
                let (expected, seen) = match name {
                    "moved" => ((1, 0, 0), vec!["Early at 32h", "Early at 90h"]),
                    "deleted" => ((1, 0, 0), vec!["Early at 90h"]),
                    _ => ((0, 1, 1), vec!["Early at 30h", "Early at 90h"]),
                };
                assert_eq!((done, report.refused_requests), (expected, 0), "{case}: {report:?}");
                assert_eq!(rig.seen_by("ada"), seen, "{case}");
                let standings: Vec<_> =
                    rig.drifts().await.iter().map(|it| (it.change, it.standing)).collect();
                let put_right = vec![(change, Standing::PutRight)];
                assert_eq!(standings, if done.0 == 1 { vec![] } else { put_right }, "{case}");
                rig.wait(SignedDuration::from_mins(5)).await;
                for by in READINGS {
                    let again = rig.look(by).await;
                    assert_eq!((again.writes(), again.granted), (0, 0), "{case}, then {by:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_reporting_mirror_leaves_every_change_and_tells_it() {
    for habits in servers() {
        for by in READINGS {
            for (name, act, change) in CASES {
                let rig = Rig::settled(habits.clone(), DriftPolicy::Report).await;
                act(&rig);
                let before = rig.target.everything();
                let case = format!("{name}, found by {by:?}, tags copied: {}", habits.tags_copied);
                for round in 0..3 {
                    let report = rig.look(by).await;
                    assert_eq!(report.writes(), 0, "{case}, round {round}");
                    assert!(report.is_done(), "{case}, round {round}: {report:?}");
                }
                assert_eq!(rig.target.everything(), before, "{case}");
                let drifts = rig.drifts().await;
                let told: Vec<_> = drifts.iter().map(|it| (it.change, it.standing)).collect();
                assert_eq!(told, [(change, Standing::Left)], "{case}");
                let audit = rig.history("s").await;
                let left = audit.iter().filter(|line| line.contains("left as it is")).count();
                assert_eq!(left, 1, "{case}: told once: {audit:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_left_is_written_when_the_roster_changes_and_forgotten() {
    for habits in servers() {
        for (name, act, _) in CASES {
            let mut rig = Rig::settled(habits.clone(), DriftPolicy::Report).await;
            act(&rig);
            rig.look(By::Delta).await;
            rig.put([later("s", "ada", 40)]).await;
            let report = rig.cycle().await;
            assert!(report.is_done(), "{name}: {report:?}");
            assert_eq!(rig.seen_by("ada"), ["Early at 40h"], "{name}");
            assert_eq!(rig.drifts().await, [], "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_left_and_taken_back_is_forgotten() {
    for by in READINGS {
        let [plain, _] = servers();
        let rig = Rig::settled(plain, DriftPolicy::Report).await;
        edit(&rig, |item| move_by(item, 2));
        rig.look(by).await;
        assert_eq!(rig.counts().await, (1, 0));
        edit(&rig, |item| move_by(item, -2));
        let report = rig.look(by).await;
        assert_eq!((report.writes(), rig.counts().await), (0, (0, 0)), "{by:?}");
    }
}

#[tokio::test]
async fn a_copy_is_theirs_and_never_touched() {
    for habits in servers() {
        for by in READINGS {
            let mut rig = Rig::settled(habits.clone(), DriftPolicy::PutRight).await;
            let case = format!("found by {by:?}, tags copied: {}", habits.tags_copied);
            let (calendar, id) = rig.place(&shift_key("s"));
            let copy = RemoteId("a-copy".into());
            assert!(rig.target.copy((&calendar, &id), (&calendar, &copy)));
            rig.target.edit(&calendar, &copy, |item| move_by(item, 1));
            let theirs = rig.item(&calendar, &copy);
            let report = rig.look(by).await;
            assert_eq!(report.writes(), 0, "{case}");
            assert_eq!(rig.place(&shift_key("s")), (calendar.clone(), id), "{case}");

            // Nor when the shift changes, nor when it is no more.
            rig.put([later("s", "ada", 40)]).await;
            rig.cycle().await;
            rig.look(by).await;
            assert_eq!(rig.item(&calendar, &copy), theirs, "{case}");
            rig.delete(shift_key("s")).await;
            let report = rig.cycle().await;
            assert_eq!(writes(&report), (0, 0, 1), "{case}");
            for by in READINGS {
                assert_eq!(rig.look(by).await.writes(), 0, "{case}, then by {by:?}");
            }
            assert_eq!(rig.item(&calendar, &copy), theirs, "{case}");
        }
    }
}

#[tokio::test]
async fn where_tags_are_copied_an_item_that_got_another_id_is_known_again_without_a_write() {
    let [_, copying] = servers();
    for by in READINGS {
        let rig = Rig::settled(copying.clone(), DriftPolicy::PutRight).await;
        let (calendar, id) = rig.place(&shift_key("s"));
        let elsewhere = RemoteId("after-a-migration".into());
        assert!(rig.target.copy((&calendar, &id), (&calendar, &elsewhere)));
        remove(&rig);
        let report = rig.look(by).await;
        assert_eq!(report.writes(), 0, "{by:?}: {report:?}");
        assert_eq!(rig.place(&shift_key("s")), (calendar, elsewhere), "{by:?}");
    }
}

#[tokio::test]
async fn a_calendar_that_somebody_removed_is_made_again_with_everything_in_it() {
    for habits in servers() {
        for by in READINGS {
            let rig = Rig::settled(habits.clone(), DriftPolicy::PutRight).await;
            rig.target.remove_calendar(&calendar_of("ada"));
            let report = rig.look(by).await;
            assert_eq!(writes(&report), (1, 0, 0), "{by:?}");
            assert_eq!(rig.seen_by("ada"), ["Early at 30h"]);
            assert_eq!(rig.look(By::FullReading).await.writes(), 0);
        }
    }
}

#[tokio::test]
async fn what_changed_in_the_roster_as_well_is_simply_written() {
    let [plain, _] = servers();
    let mut rig = Rig::settled(plain, DriftPolicy::Report).await;
    edit(&rig, |item| move_by(item, 2));
    rig.put([later("s", "ada", 50), with_email("ada")]).await;
    let report = rig.look(By::Delta).await;
    assert_eq!((report.writes(), report.left), (1, 0), "{report:?}");
    assert_eq!(rig.seen_by("ada"), ["Early at 50h"]);
    assert_eq!(rig.drifts().await, []);
}
