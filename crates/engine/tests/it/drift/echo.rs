//! Our own writes cause nothing when they come back, and a calendar in which nothing happened
//! costs one request.

use engine::plan::drift::DriftPolicy;
use testkit::builders::shift_key;
use testkit::memory_target::Habits;

use super::rig::{By, Rig, calendar_of, later, move_by, servers};

#[tokio::test]
async fn a_calendar_in_which_nothing_happened_costs_one_request_and_one_that_is_not_asked_none() {
    let rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    // The first reading after our own writes sees them.
    rig.look(By::Delta).await;
    let report = rig.look(By::Delta).await;
    assert_eq!((report.requests, report.calendars, report.writes()), (2, 2, 0));
    let report = rig.look_at(&[calendar_of("bob")]).await;
    assert_eq!((report.requests, report.calendars), (1, 1));
    assert_eq!(rig.cycle().await.requests, 0);
}

#[tokio::test]
async fn our_own_writes_come_back_and_cause_nothing() {
    for habits in servers() {
        for etag_on_write in [true, false] {
            let habits = Habits { etag_on_write, ..habits.clone() };
            let mut rig = Rig::settled(habits, DriftPolicy::PutRight).await;
            for start in [40, 50, 60] {
                rig.put([later("s", "ada", start)]).await;
                assert_eq!(rig.cycle().await.writes(), 1);
                let report = rig.look(By::Delta).await;
                assert_eq!((report.writes(), report.drifted), (0, 0), "{start}: {report:?}");
            }
            assert_eq!(rig.drifts().await, []);
        }
    }
}

#[tokio::test]
async fn a_server_that_rewrites_what_it_is_given_is_no_rival() {
    let habits = Habits { rewrites: true, etag_on_write: false, ..Habits::default() };
    let mut rig = Rig::settled(habits, DriftPolicy::PutRight).await;
    rig.put([later("s", "ada", 40)]).await;
    rig.cycle().await;
    for by in [By::Delta, By::FullReading, By::Delta] {
        let report = rig.look(by).await;
        assert_eq!((report.writes(), report.drifted), (0, 0), "{by:?}");
    }
}

#[tokio::test]
async fn when_a_token_is_not_good_any_more_everything_is_read_and_nothing_is_missed() {
    let rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    let (calendar, id) = rig.place(&shift_key("s"));
    rig.target.edit(&calendar, &id, |item| move_by(item, 3));
    rig.target.expire_tokens();
    let report = rig.look(By::Delta).await;
    assert_eq!(report.drifted, 1, "{report:?}");
    assert_eq!(rig.seen_by("ada"), ["Early at 30h"]);
    // And from there on by what changed again.
    rig.look(By::Delta).await;
    assert_eq!(rig.look(By::Delta).await.requests, 2);
}

#[tokio::test]
async fn a_reading_that_is_cut_off_is_done_again() {
    let rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    let (calendar, id) = rig.place(&shift_key("s"));
    rig.look(By::Delta).await;
    rig.target.edit(&calendar, &id, |item| move_by(item, 3));
    // Polled once and dropped: what a process does that is killed there.
    {
        let looking = rig.look(By::Delta);
        let mut looking = std::pin::pin!(looking);
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        let _ = std::future::Future::poll(looking.as_mut(), &mut context);
    }
    rig.look(By::Delta).await;
    assert_eq!(rig.seen_by("ada"), ["Early at 30h"]);
}

#[tokio::test]
async fn events_of_people_that_come_and_go_are_not_ours() {
    for habits in servers() {
        let rig = Rig::settled(habits, DriftPolicy::PutRight).await;
        let calendar = calendar_of("ada");
        let id = engine::port::RemoteId("dentist".into());
        rig.target.put_foreign(&calendar, &id, "Dentist");
        assert_eq!(rig.look(By::Delta).await.writes(), 0);
        rig.target.remove(&calendar, &id);
        assert_eq!(rig.look(By::Delta).await.writes(), 0);
        assert_eq!(rig.drifts().await, []);
    }
}

#[tokio::test]
async fn items_of_ours_that_nobody_knows_are_found_again_until_they_are_removed() {
    let rig = Rig::settled(Habits::default(), DriftPolicy::PutRight).await;
    rig.look(By::Delta).await;
    let (calendar, id) = rig.place(&shift_key("s"));
    let item = rig.item(&calendar, &id).unwrap();
    for n in 0..3 {
        let mut origin = item.origin.clone().unwrap();
        origin.key = shift_key(&format!("lost-{n}"));
        let at = engine::port::RemoteId(format!("shift-lost-{n}-0.ics"));
        let lost = testkit::memory_target::KeptItem { origin: Some(origin), ..item.clone() };
        rig.target.put(&calendar, &at, lost);
    }
    // More than the guard lets pass.
    for _ in 0..2 {
        let report = rig.look(By::Delta).await;
        let refusal = report.refused.expect("the guard stops it");
        assert_eq!((refusal.count.deletions, report.deleted), (3, 0));
    }
    let meant = engine::run::cycle::CycleOptions {
        allow_deletions: Some(3),
        ..engine::run::cycle::CycleOptions::default()
    };
    let report = rig.run(meant, engine::run::cycle::Looking::Everywhere).await;
    assert_eq!((report.deleted, report.is_done()), (3, true), "{report:?}");
    assert_eq!(rig.seen_by("ada"), ["Early at 30h"]);
    // From now on nothing is read again.
    rig.look(By::Delta).await;
    assert_eq!(rig.look(By::Delta).await.requests, 2);
}
