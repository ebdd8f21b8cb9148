//! Drafts, published once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{
    Availability, Employee, Entity, OpenShift, OpenShiftId, ScheduleGroupId, Shift, UtcInterval,
};
use engine::port::{CalendarState, Store};
use jiff::SignedDuration;
use testkit::builders::{calendar, employee, hour, hours, mirror, shift};
use testkit::memory_target::Habits;

use super::rig::{PURGE, READ_BACK, Rig, late, team, work, writes};

fn rig() -> Rig {
    Rig::new(Habits::of_a_schedule())
}

async fn state(rig: &Rig) -> CalendarState {
    let states = rig.store.calendar_states(&mirror()).await.expect("answers");
    states.into_iter().find(|state| state.calendar == team()).expect("was opened")
}

#[tokio::test]
async fn what_a_cycle_wrote_is_published_once_and_a_quiet_one_publishes_nothing() {
    let mut rig = rig();
    let all = [work("a", 6), work("b", 20), late("c", 30)];
    rig.put(all.clone()).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!((writes(&report), report.published), ((3, 0, 0), 1));
    rig.expect(&all);
    assert_eq!(state(&rig).await.unpublished, None);
    let before = rig.requests();
    assert_eq!(rig.cycle().await.published, 0);
    assert_eq!(rig.requests(), before);
    assert_eq!(rig.line.target.told(&team()).notifications, 3);
}

#[tokio::test]
async fn both_places_of_what_moved_are_published_and_so_is_a_removal() {
    let mut rig = rig();
    rig.put([work("a", 6), work("b", 30), work("c", 50)]).await;
    rig.cycle().await;
    rig.put([work("b", 100)]).await;
    rig.remove([work("a", 6).key()]).await;
    let report = rig.cycle().await;
    assert_eq!((writes(&report), report.published), ((0, 1, 1), 1));
    rig.expect(&[work("b", 100), work("c", 50)]);
}

/// World 22976: a move that was refused leaves the item where it was.
#[tokio::test]
async fn the_removal_of_what_could_not_be_moved_is_published_where_it_stood() {
    let mut rig = rig();
    rig.put([work("a", 6), work("b", 20), work("c", 30)]).await;
    rig.cycle().await;
    rig.line.updates_refused.store(true, Ordering::Relaxed);
    rig.put([work("a", 100)]).await;
    assert_eq!(rig.cycle().await.failed, 1);
    rig.remove([work("a", 100).key()]).await;
    assert_eq!(writes(&rig.cycle().await), (0, 0, 1));
    rig.expect(&[work("b", 20), work("c", 30)]);
}

#[tokio::test]
async fn what_could_not_be_published_is_told_of_and_published_by_the_next_cycle() {
    let mut rig = rig();
    rig.put([work("a", 6)]).await;
    rig.line.publishing_fails.store(true, Ordering::Relaxed);
    let report = rig.cycle().await;
    assert!(!report.is_done(), "{report:?}");
    assert_eq!((writes(&report), report.published), ((1, 0, 0), 0));
    assert_eq!(report.problems.len(), 1);
    assert_eq!(rig.line.target.drafts().len(), 1);
    assert_eq!(state(&rig).await.unpublished, Some(hours(6, 14)));
    rig.line.publishing_fails.store(false, Ordering::Relaxed);
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!((writes(&report), report.published), ((0, 0, 0), 1));
    rig.expect(&[work("a", 6)]);
    let before = rig.requests();
    rig.cycle().await;
    assert_eq!(rig.requests(), before);
}

#[tokio::test]
async fn an_interval_that_another_process_left_is_published_with_ours() {
    let mut rig = rig();
    rig.put([work("a", 6)]).await;
    rig.line.publishing_fails.store(true, Ordering::Relaxed);
    rig.cycle().await;
    rig.put([work("b", 100)]).await;
    rig.cycle().await;
    assert_eq!(state(&rig).await.unpublished, Some(hours(6, 108)));
    rig.line.publishing_fails.store(false, Ordering::Relaxed);
    rig.cycle_with(READ_BACK).await;
    rig.expect(&[work("a", 6), work("b", 100)]);
}

#[tokio::test]
async fn purging_publishes_that_nothing_is_left() {
    let mut rig = rig();
    rig.put([work("a", 6), work("b", 20)]).await;
    rig.cycle().await;
    let report = rig.cycle_with(PURGE).await;
    assert_eq!((writes(&report), report.published), ((0, 0, 2), 1));
    rig.expect(&[]);
}

#[tokio::test]
async fn what_does_not_lie_in_time_is_written_and_not_published() {
    let mut rig = rig();
    let availability: Availability = "Europe/Berlin; mon none".parse().expect("is one");
    let ada = Employee { availability: Some(availability), ..employee("ada") };
    rig.put([Entity::Employee(ada)]).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!((writes(&report), report.published), ((1, 0, 0), 0));
    assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
}

#[tokio::test]
async fn open_shifts_are_shown_and_taken_away() {
    let mut rig = rig();
    let open = |open_slots| {
        Entity::OpenShift(OpenShift {
            id: OpenShiftId::new("o").expect("an id"),
            group: None,
            label: "Early".into(),
            interval: hours(6, 14),
            day: jiff::civil::date(2026, 11, 21),
            open_slots,
            activities: vec![],
            notes: None,
        })
    };
    rig.put([open(2), work("a", 6)]).await;
    rig.cycle().await;
    rig.expect(&[open(2), work("a", 6)]);
    rig.put([open(1)]).await;
    assert_eq!(writes(&rig.cycle().await), (0, 1, 0));
    rig.remove([open(1).key()]).await;
    assert_eq!(writes(&rig.cycle().await), (0, 0, 1));
    rig.expect(&[work("a", 6)]);
}

#[tokio::test]
async fn a_team_that_something_moves_to_is_published_once() {
    let mut rig = rig();
    let group = ScheduleGroupId::new("north").ok();
    let north =
        |id: &str, start| Entity::Shift(Shift { group: group.clone(), ..shift(id, "ada", start) });
    rig.put([work("a", 6), work("b", 20), north("c", 40)]).await;
    rig.cycle().await;
    let there = calendar("team-north");
    let before = rig.line.target.told(&there).publishes;
    rig.put([north("a", 6), north("d", 60)]).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(writes(&report), (2, 0, 1));
    assert_eq!(rig.line.target.told(&there).publishes - before, 1);
    assert_eq!(rig.line.target.drafts(), []);
    assert_eq!(report.published, 2);
}

/// Everything between the first window's end and the second's comes with the second cycle.
#[tokio::test]
async fn the_first_cycle_looks_ahead_less_far_and_nothing_is_left_out_for_that() {
    let day = 24;
    let mut rig = rig();
    rig.spec.first_future = Some(Duration::from_secs(2 * 24 * 3600));
    let all: Vec<_> = (0..7).map(|n| work(&format!("s{n}"), n * day)).collect();
    rig.put(all.clone()).await;
    assert_eq!(writes(&rig.cycle().await), (2, 0, 0));
    rig.expect(&all[..2]);
    rig.wait(900);
    assert_eq!(writes(&rig.cycle().await), (5, 0, 0));
    rig.expect(&all);
    assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
    // A shift that lies across the border of the first window came with the first cycle.
    let mut rig = self::rig();
    rig.spec.first_future = Some(Duration::from_secs(2 * 24 * 3600));
    let across = UtcInterval::new(hour(47), hour(49) + SignedDuration::from_secs(1));
    let across = Shift { interval: across.expect("is one"), ..shift("x", "ada", 0) };
    let all = [Entity::Shift(across), work("y", 48)];
    rig.put(all.clone()).await;
    assert_eq!(writes(&rig.cycle().await), (1, 0, 0));
    assert_eq!(writes(&rig.cycle().await), (1, 0, 0));
    rig.expect(&all);
}
