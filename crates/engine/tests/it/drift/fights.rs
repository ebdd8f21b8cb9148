//! Those who change things back each time: no endless writes, and a message that says what
//! happens.

use std::sync::Arc;

use domain::Entity;
use domain::limits::{DRIFT_MEMORY, FLIP_FLOP_WINDOW, FLIP_FLOPS_MAX};
use engine::plan::drift::{DriftPolicy, tell};
use engine::port::{Change, Drift, DriftStore, DriftWrite, RemoteId, Rival, Standing};
use jiff::SignedDuration;
use testkit::builders::{shift, shift_key};
use testkit::memory_target::{Habits, KeptItem, MemoryTarget};

use super::rig::{
    By, READINGS, Rig, calendar_of, later, move_by, rename, servers, with_email, writes,
};

fn edit(rig: &Rig, change: impl FnOnce(&mut KeptItem)) {
    let (calendar, id) = rig.place(&shift_key("s"));
    assert!(rig.target.edit(&calendar, &id, change));
}

/// Somebody does the same each time that it is put right; how often it was, in the end.
async fn fight(rig: &Rig, by: By, mut act: impl FnMut(&Rig, usize)) -> u64 {
    let mut put_right = 0;
    for round in 0..10 {
        act(rig, round);
        put_right += rig.look(by).await.writes();
        rig.wait(SignedDuration::from_mins(15)).await;
    }
    put_right
}

async fn only_drift(rig: &Rig) -> Drift {
    let mut drifts = rig.drifts().await;
    assert_eq!(drifts.len(), 1, "{drifts:?}");
    drifts.remove(0)
}

#[tokio::test]
async fn a_change_that_comes_back_is_put_right_three_times_and_then_left() {
    for habits in servers() {
        for by in READINGS {
            let rig = Rig::settled(habits.clone(), DriftPolicy::PutRight).await;
            let put_right = fight(&rig, by, |rig, round| {
                if round <= FLIP_FLOPS_MAX {
                    edit(rig, |item| move_by(item, 2));
                }
            });
            assert_eq!(put_right.await, FLIP_FLOPS_MAX as u64, "{by:?}");
            let drift = only_drift(&rig).await;
            let told = (drift.change, drift.standing, drift.rival.clone());
            assert_eq!(told, (Change::Moved, Standing::Contested, Rival::Program));
            assert_eq!(rig.counts().await, (0, 1));
            let message = tell(&drift, &rig.mirror);
            assert!(message.contains("put it right 3 times"), "{message}");
            assert!(message.contains("a program that synchronises"), "{message}");
            let audit = rig.history("s").await;
            assert!(audit.iter().any(|line| line.contains("put it right 3 times")), "{audit:?}");
        }
    }
}

#[tokio::test]
async fn a_tag_that_somebody_strips_again_and_again_is_given_up() {
    for habits in servers() {
        let rig = Rig::settled(habits, DriftPolicy::PutRight).await;
        let put_right = fight(&rig, By::Delta, |rig, _| edit(rig, |item| item.origin = None));
        assert_eq!(put_right.await, FLIP_FLOPS_MAX as u64);
        let drift = only_drift(&rig).await;
        assert_eq!((drift.change, drift.standing), (Change::Untagged, Standing::Contested));
        // It is still ours: the ledger knows it.
        let mut rig = rig;
        rig.put([later("s", "ada", 40)]).await;
        assert_eq!(writes(&rig.cycle().await), (0, 1, 0));
        assert_eq!(rig.seen_by("ada"), ["Early at 40h"]);
    }
}

#[tokio::test]
async fn an_item_that_is_deleted_each_time_is_given_up() {
    for habits in servers() {
        let rig = Rig::settled(habits, DriftPolicy::PutRight).await;
        let put_right = fight(&rig, By::Delta, |rig, _| {
            let (calendar, id) = rig.place(&shift_key("s"));
            rig.target.remove(&calendar, &id);
        });
        assert_eq!(put_right.await, FLIP_FLOPS_MAX as u64);
        assert_eq!(only_drift(&rig).await.standing, Standing::Contested);
        assert_eq!(rig.seen_by("ada"), [""; 0]);
    }
}

#[tokio::test]
async fn changes_that_differ_are_rather_a_persons() {
    let rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    let put_right = fight(&rig, By::Delta, |rig, round| {
        edit(rig, |item| rename(item, &format!("No. {round}")));
    });
    assert_eq!(put_right.await, FLIP_FLOPS_MAX as u64);
    assert_eq!(only_drift(&rig).await.rival, Rival::Somebody);
}

#[tokio::test]
async fn seldom_changes_are_no_fight_and_are_forgotten() {
    let mut rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    rig.put([later("s", "ada", 690)]).await;
    rig.cycle().await;
    let window = SignedDuration::try_from(FLIP_FLOP_WINDOW).expect("a week");
    for _ in 0..2 * FLIP_FLOPS_MAX {
        edit(&rig, |item| move_by(item, 1));
        assert_eq!(rig.look(By::Delta).await.drifted, 1);
        rig.wait(window / 2).await;
    }
    assert_eq!(only_drift(&rig).await.standing, Standing::PutRight);
    rig.wait(SignedDuration::try_from(DRIFT_MEMORY).expect("a week")).await;
    rig.cycle().await;
    assert_eq!(rig.drifts().await, []);
}

#[tokio::test]
async fn what_is_contested_is_put_right_when_it_is_released() {
    let rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    fight(&rig, By::Delta, |rig, _| edit(rig, |item| move_by(item, 2))).await;
    let released = Drift { standing: Standing::Released, ..only_drift(&rig).await };
    rig.store.put_drifts(&rig.mirror, &[DriftWrite::Put(released)]).await.expect("written");
    let report = rig.cycle().await;
    assert_eq!((report.writes(), report.drifted), (1, 1), "{report:?}");
    assert_eq!(rig.seen_by("ada"), ["Early at 30h"]);
    assert_eq!(rig.counts().await, (0, 0));
    assert_eq!(rig.cycle().await.requests, 0);
}

#[tokio::test]
async fn what_is_contested_gets_a_new_chance_when_the_roster_changes() {
    let mut rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    fight(&rig, By::Delta, |rig, _| edit(rig, |item| move_by(item, 2))).await;
    rig.put([later("s", "ada", 40)]).await;
    assert_eq!(rig.cycle().await.writes(), 1);
    assert_eq!((rig.seen_by("ada"), rig.drifts().await), (vec!["Early at 40h".into()], vec![]));
    edit(&rig, |item| move_by(item, 2));
    assert_eq!(rig.look(By::Delta).await.writes(), 1);
}

#[tokio::test]
async fn two_installations_with_mirrors_of_one_name_stop_fighting_and_say_so() {
    for habits in servers() {
        let target = Arc::new(MemoryTarget::new(habits));
        let name = "ward-caldav";
        let mut one = Rig::on(Arc::clone(&target), name, DriftPolicy::PutRight);
        let mut two = Rig::on(target, name, DriftPolicy::PutRight);
        for (rig, start) in [(&mut one, 30), (&mut two, 50)] {
            rig.put([with_email("ada"), Entity::Shift(shift("s", "ada", start))]).await;
        }
        let mut quiet_rounds = 0;
        for _ in 0..20 {
            let mut written = 0;
            for rig in [&one, &two] {
                written += rig.cycle().await.writes();
                written += rig.look(By::Delta).await.writes();
                rig.wait(SignedDuration::from_mins(15)).await;
            }
            quiet_rounds = if written == 0 { quiet_rounds + 1 } else { 0 };
        }
        assert!(quiet_rounds >= 8, "still writing");
    }
}

#[tokio::test]
async fn mirrors_of_different_names_leave_each_other_alone() {
    for habits in servers() {
        let target = Arc::new(MemoryTarget::new(habits));
        let mut one = Rig::on(Arc::clone(&target), "ward-caldav", DriftPolicy::PutRight);
        let mut two = Rig::on(target, "other-caldav", DriftPolicy::PutRight);
        one.put([with_email("ada"), Entity::Shift(shift("s", "ada", 30))]).await;
        two.put([with_email("ada"), Entity::Shift(shift("t", "ada", 50))]).await;
        one.cycle().await;
        two.cycle().await;
        for by in READINGS {
            assert_eq!(one.look(by).await.writes() + two.look(by).await.writes(), 0, "{by:?}");
        }
        assert_eq!(one.seen_by("ada"), ["Early at 30h", "Early at 50h"]);
    }
}

/// A program that copies every event of one calendar to another one, and every event there back,
/// as events of its own.
fn synchronise(target: &MemoryTarget, one: &str, other: &str) {
    for (from, to) in [(one, other), (other, one)] {
        let everything = target.everything();
        let items = everything.get(&calendar_of(from)).cloned().unwrap_or_default();
        let there = everything.get(&calendar_of(to)).cloned().unwrap_or_default();
        for (id, item) in items {
            let copied = there.values().any(|it| it.fingerprint() == item.fingerprint());
            if !copied {
                let copy = RemoteId(format!("synced-{}", id.0));
                target.copy((&calendar_of(from), &id), (&calendar_of(to), &copy));
            }
        }
    }
}

#[tokio::test]
async fn a_third_party_that_copies_to_another_calendar_and_back_costs_no_writes() {
    for habits in servers() {
        for by in READINGS {
            let mut rig = Rig::settled(habits.clone(), DriftPolicy::PutRight).await;
            let mut written = 0;
            for round in 0..6 {
                synchronise(&rig.target, "ada", "bob");
                written += rig.look(by).await.writes();
                if round == 2 {
                    rig.put([later("s", "ada", 70)]).await;
                    assert_eq!(rig.cycle().await.writes(), 1);
                }
            }
            assert_eq!(written, 0, "{by:?}, tags copied: {}", habits.tags_copied);
        }
    }
}
