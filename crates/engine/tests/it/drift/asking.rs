//! A two-way mirror: what people do to their shifts becomes a request to the system of record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{CommandKind, Entity, RuleSet};
use engine::approve::OwnRecord;
use engine::plan::drift::DriftPolicy;
use engine::port::{Content, Standing, Store};
use engine::run::approval::{Desk, DeskEquipment};
use engine::run::cycle::{CycleOptions, Looking};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use testkit::builders::{hour, roster, shift_key};
use testkit::memory_target::{Habits, KeptItem};
use testkit::seeded_entropy::SeededEntropy;

use super::rig::{
    By, READINGS, Rig, calendar_of, later, move_by, rename, servers, with_email, writes,
};

/// A rig whose roster decides by rules: eleven hours of rest.
pub async fn two_way(habits: Habits) -> Rig {
    let mut rig = Rig::settled(habits, DriftPolicy::PutRight).await;
    let kinds: BTreeSet<CommandKind> = [CommandKind::Shift, CommandKind::TimeOff].into();
    let rules = RuleSet {
        decides: kinds.clone(),
        rest_min: Some(Duration::from_secs(11 * 3600)),
        ..RuleSet::default()
    };
    let equipment = DeskEquipment {
        store: Arc::clone(&rig.store) as Arc<dyn Store>,
        decider: Arc::new(OwnRecord { rules, zone: TimeZone::UTC }),
        clock: Arc::new(rig.clock.clone()),
        entropy: Arc::new(SeededEntropy::new(7)),
    };
    let desk = Desk::new(equipment, rig.mirror.clone(), roster(), &kinds);
    rig.approvals = Some(Box::new(desk));
    rig
}

fn edit(rig: &Rig, change: impl FnOnce(&mut KeptItem)) {
    let (calendar, id) = rig.place(&shift_key("s"));
    assert!(rig.target.edit(&calendar, &id, change));
}

async fn in_roster(rig: &Rig) -> Option<i64> {
    let found = rig.store.roster_entries(&roster(), &[shift_key("s")]).await.expect("reads");
    let entity: Option<Entity> = found.into_iter().next().map(|it| it.entity);
    entity.and_then(|it| it.interval()).map(|it| it.start().duration_since(hour(0)).as_hours())
}

fn described(rig: &Rig) -> String {
    let (calendar, id) = rig.place(&shift_key("s"));
    match rig.item(&calendar, &id).and_then(|it| it.content) {
        Some(Content::Event(event)) => event.description.unwrap_or_default(),
        Some(Content::Schedule(_)) | None => String::new(),
    }
}

#[tokio::test]
async fn a_moved_shift_that_is_granted_is_in_the_roster_and_nothing_is_written() {
    for habits in servers() {
        for by in READINGS {
            let rig = two_way(habits.clone()).await;
            edit(&rig, |item| move_by(item, 3));
            let report = rig.look(by).await;
            assert_eq!((report.granted, report.writes()), (1, 0), "{by:?}: {report:?}");
            assert_eq!(in_roster(&rig).await, Some(33), "{by:?}");
            // Once it is looked at, it is as it should be.
            for _ in 0..3 {
                rig.wait(SignedDuration::from_mins(5)).await;
                let report = rig.look(by).await;
                assert_eq!((report.writes(), report.granted), (0, 0), "{by:?}: {report:?}");
            }
            assert_eq!(rig.seen_by("ada"), ["Early at 33h"], "{by:?}");
            let audit = rig.history("s").await;
            assert!(audit.contains(&"Asked: moved: granted".to_owned()), "{audit:?}");
            assert_eq!(rig.drifts().await, []);
        }
    }
}

#[tokio::test]
async fn a_deleted_shift_that_is_granted_is_gone_from_the_roster_and_stays_gone() {
    for habits in servers() {
        for by in READINGS {
            let rig = two_way(habits.clone()).await;
            let (calendar, id) = rig.place(&shift_key("s"));
            rig.target.remove(&calendar, &id);
            let report = rig.look(by).await;
            assert_eq!((report.granted, report.writes()), (1, 0), "{by:?}: {report:?}");
            assert_eq!(in_roster(&rig).await, None, "{by:?}");
            rig.wait(SignedDuration::from_mins(5)).await;
            assert_eq!(rig.cycle().await.writes(), 0, "{by:?}");
            assert_eq!(rig.seen_by("ada"), [""; 0], "{by:?}");
            assert!(rig.store.rows(&rig.mirror).iter().all(|row| row.key != shift_key("s")));
        }
    }
}

#[tokio::test]
async fn a_shift_moved_to_another_calendar_is_put_right_and_nobody_is_asked_to_delete_it() {
    for habits in servers() {
        for by in READINGS {
            let mut rig = two_way(habits.clone()).await;
            rig.put([later("t", "ada", 60)]).await;
            rig.cycle().await;
            let (calendar, id) = rig.place(&shift_key("s"));
            assert!(rig.target.relocate((&calendar, &id), &calendar_of("bob")));
            let report = rig.look(by).await;
            let told = (report.granted, report.refused_requests, report.drifted);
            assert_eq!(told, (0, 0, 1), "{by:?}: {report:?}");
            assert_eq!(in_roster(&rig).await, Some(30), "{by:?}");
            assert_eq!(rig.seen_by("ada"), ["Early at 30h", "Early at 60h"], "{by:?}");
            assert_eq!(rig.look(by).await.writes(), 0, "{by:?}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_put_right_and_the_item_tells_why_for_a_while() {
    for habits in servers() {
        for by in READINGS {
            let mut rig = two_way(habits.clone()).await;
            // Work until four hours before: no rest that is long enough.
            rig.put([later("t", "ada", 50)]).await;
            rig.cycle().await;
            edit(&rig, |item| move_by(item, 10));
            let report = rig.look(by).await;
            let told = (report.refused_requests, writes(&report));
            assert_eq!(told, (1, (0, 1, 0)), "{by:?}: {report:?}");
            assert_eq!(rig.seen_by("ada"), ["Early at 30h", "Early at 50h"], "{by:?}");
            assert_eq!(described(&rig), "Moving it was not granted: rest too short");
            assert_eq!(in_roster(&rig).await, Some(30));
            let audit = rig.history("s").await;
            let refused = "Asked: moved: refused: rest_too_short".to_owned();
            assert!(audit.contains(&refused), "{audit:?}");
            for by in READINGS {
                assert_eq!(rig.look(by).await.writes(), 0, "then by {by:?}");
            }
            // After a while the item says no more than it did before.
            rig.put([later("s", "ada", 300)]).await;
            rig.cycle().await;
            rig.wait(SignedDuration::from_hours(4 * 24)).await;
            rig.cycle().await;
            assert_eq!(described(&rig), "", "{by:?}");
            assert_eq!(rig.cycle().await.writes(), 0, "{by:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_put_right_without_asking() {
    let rig = two_way(Habits::default()).await;
    edit(&rig, |item| rename(item, "Dentist"));
    let report = rig.look(By::Delta).await;
    assert_eq!((report.granted, report.refused_requests, report.drifted), (0, 0, 1));
    assert_eq!(rig.seen_by("ada"), ["Early at 30h"]);
}

#[tokio::test]
async fn who_is_refused_three_times_is_not_asked_for_again() {
    let mut rig = two_way(Habits::default()).await;
    rig.put([later("t", "ada", 50)]).await;
    rig.cycle().await;
    let (mut refused, mut written) = (0, 0);
    for _ in 0..8 {
        edit(&rig, |item| move_by(item, 10));
        let report = rig.look(By::Delta).await;
        refused += report.refused_requests;
        written += report.writes();
        rig.wait(SignedDuration::from_mins(30)).await;
    }
    assert_eq!((refused, written), (3, 3));
    let standings: Vec<Standing> = rig.drifts().await.iter().map(|it| it.standing).collect();
    assert_eq!(standings, [Standing::Contested]);
}

#[tokio::test]
async fn whoever_removes_a_calendar_asks_for_nothing() {
    for habits in servers() {
        for by in READINGS {
            let mut rig = two_way(habits.clone()).await;
            rig.put([later("t", "ada", 60)]).await;
            rig.cycle().await;
            rig.target.remove_calendar(&calendar_of("ada"));
            let report = rig.look(by).await;
            assert_eq!((report.granted, report.refused_requests), (0, 0), "{by:?}: {report:?}");
            assert_eq!(in_roster(&rig).await, Some(30), "{by:?}");
            assert_eq!(rig.seen_by("ada"), ["Early at 30h", "Early at 60h"], "{by:?}");
            assert_eq!(rig.look(By::FullReading).await.writes(), 0, "{by:?}");
        }
    }
}

#[tokio::test]
async fn a_calendar_that_is_empty_all_at_once_asks_for_nothing() {
    let mut rig = two_way(Habits::default()).await;
    rig.put([later("t", "ada", 60)]).await;
    rig.cycle().await;
    for id in ["s", "t"] {
        let (calendar, at) = rig.place(&shift_key(id));
        rig.target.remove(&calendar, &at);
    }
    // As a full listing tells it, which says nothing of who removed what.
    let report = rig.look(By::FullReading).await;
    assert_eq!((report.granted, writes(&report)), (0, (2, 0, 0)), "{report:?}");
    assert_eq!(in_roster(&rig).await, Some(30));
    assert_eq!(rig.seen_by("ada"), ["Early at 30h", "Early at 60h"]);
}

/// Ada has four shifts and Bob one, and three of Ada's are removed one by one.
async fn three_removed(habits: &Habits) -> Rig {
    let mut rig = two_way(habits.clone()).await;
    rig.put([later("t", "ada", 60), later("u", "ada", 90), later("v", "ada", 120)]).await;
    rig.cycle().await;
    rig.look(By::Delta).await;
    for id in ["s", "t", "u"] {
        let (calendar, at) = rig.place(&shift_key(id));
        rig.target.remove(&calendar, &at);
    }
    rig
}

#[tokio::test]
async fn more_removals_than_the_guard_lets_pass_are_put_right_and_told() {
    for habits in servers() {
        for by in READINGS {
            let rig = three_removed(&habits).await;
            let report = rig.look(by).await;
            let told = (report.granted, report.refused_requests, writes(&report));
            assert_eq!(told, (0, 3, (3, 0, 0)), "{by:?}: {report:?}");
            let reason = "people removed 3 of 5 items at once";
            assert!(report.problems.iter().any(|it| it.reason.contains(reason)), "{report:?}");
            assert_eq!(in_roster(&rig).await, Some(30), "{by:?}");
            assert_eq!(rig.seen_by("ada").len(), 4, "{by:?}");
            assert_eq!(described(&rig), "Deleting it was not granted: too many at once");
            let again = rig.look(By::Delta).await;
            assert_eq!((again.writes(), again.problems.len()), (0, 0), "{by:?}: {again:?}");
        }
    }
}

#[tokio::test]
async fn removals_that_the_operator_says_are_meant_are_asked_for() {
    for habits in servers() {
        let rig = three_removed(&habits).await;
        let meant = CycleOptions { allow_deletions: Some(3), ..CycleOptions::default() };
        let report = rig.run(meant, Looking::Everywhere).await;
        assert_eq!((report.granted, report.writes()), (3, 0), "{report:?}");
        assert_eq!(in_roster(&rig).await, None);
        assert_eq!(rig.seen_by("ada"), ["Early at 120h"]);
    }
}

#[tokio::test]
async fn the_place_up_to_which_was_read_is_kept_only_once_what_was_removed_is_asked_for() {
    let rig = two_way(Habits::default()).await;
    rig.look(By::Delta).await;
    let (calendar, at) = rig.place(&shift_key("s"));
    rig.target.remove(&calendar, &at);
    assert_eq!(rig.look(By::Delta).await.granted, 1);
    rig.wait(SignedDuration::from_mins(5)).await;
    rig.look(By::Delta).await;
    // Nothing is left of it to be read again.
    let quiet = rig.look(By::Delta).await;
    assert_eq!((quiet.requests, quiet.granted, quiet.writes()), (2, 0, 0), "{quiet:?}");
}

#[tokio::test]
async fn what_is_told_of_a_refusal_is_for_those_who_see_everything() {
    use domain::policy::PrivacyTier;
    for (privacy, told) in [
        (PrivacyTier::Full, "Moving it was not granted: rest too short"),
        (PrivacyTier::Title, ""),
        (PrivacyTier::Busy, ""),
    ] {
        let mut rig = two_way(Habits::default()).await;
        rig.privacy = privacy;
        rig.put([with_email("ada"), later("t", "ada", 50)]).await;
        rig.cycle().await;
        edit(&rig, |item| move_by(item, 10));
        let report = rig.look(By::Delta).await;
        assert_eq!(report.refused_requests, 1, "{privacy:?}: {report:?}");
        assert_eq!(described(&rig), told, "{privacy:?}");
        assert_eq!(rig.look(By::FullReading).await.writes(), 0, "{privacy:?}");
    }
}
