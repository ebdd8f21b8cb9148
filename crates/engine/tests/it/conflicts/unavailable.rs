//! Events by which people say that they want to be absent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    CommandKind, Employee, Entity, EntityKey, EventSpan, RuleSet, TimeOff, TimeOffId, TimeOffSpan,
};
use engine::approve::OwnRecord;
use engine::plan::unavailable::{Becomes, StateLabels, UnavailableRules};
use engine::port::{EventChangeState, ForeignEvent, ForeignRole, Store};
use engine::run::approval::{Desk, DeskEquipment};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use testkit::builders::{employee, hour, hours, meeting, mirror, roster};
use testkit::memory_foreign::Line;
use testkit::seeded_entropy::SeededEntropy;

use super::rig::{Rig, ada, only_reporting, work};

/// An event of Ada's that says that she cannot work.
fn unavailable(id: &str, start: i64, end: i64) -> ForeignEvent {
    ForeignEvent {
        categories: vec!["Unavailable".into(), "Mine".into()],
        ..meeting(id, start, end)
    }
}

fn rules(becomes: Becomes) -> UnavailableRules {
    UnavailableRules {
        category: Some("unavailable".into()),
        calendar: Some("Wishes".into()),
        becomes,
        reason: None,
        labels: StateLabels::default(),
    }
}

/// A mirror in which Ada may ask; the record's rules want eight hours of notice.
async fn rig(becomes: Becomes, automatic: bool, events: &[ForeignEvent]) -> Rig {
    let conflicts = engine::plan::conflict::ConflictRules {
        unavailable: Some(rules(becomes)),
        ..only_reporting()
    };
    let mut rig = Rig::with(conflicts, [work("s", 8)], events.iter().cloned()).await;
    let kinds: BTreeSet<CommandKind> = [CommandKind::TimeOff, CommandKind::TimeOffRequest].into();
    let rules = RuleSet {
        decides: kinds.clone(),
        automatic: if automatic { kinds.clone() } else { BTreeSet::new() },
        notice: [(CommandKind::TimeOffRequest, Duration::from_secs(8 * 3600))].into(),
        ..RuleSet::default()
    };
    let equipment = DeskEquipment {
        store: Arc::clone(&rig.store) as Arc<dyn Store>,
        decider: Arc::new(OwnRecord { rules, zone: TimeZone::UTC }),
        clock: Arc::new(rig.clock.clone()),
        entropy: Arc::new(SeededEntropy::new(7)),
    };
    rig.approvals = Some(Box::new(Desk::new(equipment, mirror(), roster(), &kinds)));
    rig
}

/// When the roster says that Ada is absent, in hours after midnight.
async fn absences(rig: &Rig) -> Vec<(i64, i64)> {
    let kind = domain::EntityKind::TimeOff;
    let entries = rig.store.entries_of_kind(&roster(), kind).await.unwrap();
    let hour_of = |at: jiff::Timestamp| at.duration_since(hour(0)).as_hours();
    let intervals = entries.iter().filter_map(|it| it.entity.interval());
    intervals.map(|it| (hour_of(it.start()), hour_of(it.end()))).collect()
}

fn labels(rig: &Rig, id: &str) -> Vec<String> {
    let mut labels = rig.foreign.get(&ada(), id).unwrap().categories;
    labels.sort();
    labels
}

/// Lets an hour pass and looks again.
async fn later(rig: &Rig) -> engine::report::CycleReport {
    rig.wait(1);
    rig.cycle().await
}

#[tokio::test]
async fn a_wish_is_granted_once_and_its_owner_is_told() {
    for becomes in [Becomes::TimeOff, Becomes::Request] {
        let rig = rig(becomes, true, &[unavailable("w", 30, 38)]).await;
        let report = rig.cycle().await;
        assert!(report.is_done(), "{becomes:?}: {report:?}");
        assert_eq!((report.granted, report.refused_requests), (1, 0), "{becomes:?}");
        assert_eq!(absences(&rig).await, [(30, 38)], "{becomes:?}");
        assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: granted"]);
        let mut written = 0;
        for _ in 0..4 {
            let report = later(&rig).await;
            assert!(report.is_done(), "{becomes:?}: {report:?}");
            assert_eq!((report.granted, report.conflicts.changed), (0, 0), "{becomes:?}");
            written += report.writes();
        }
        assert_eq!(written, 1, "the absence itself is shown, once");
        assert_eq!(rig.foreign.changes().len(), 1, "{becomes:?}");
        assert_eq!(absences(&rig).await.len(), 1);
    }
}

#[tokio::test]
async fn a_wish_that_is_refused_is_told_and_not_asked_again() {
    // In less than eight hours.
    let rig = rig(Becomes::TimeOff, false, &[unavailable("w", 4, 6)]).await;
    let report = rig.cycle().await;
    assert_eq!((report.granted, report.refused_requests), (0, 1), "{report:?}");
    assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: refused"]);
    assert_eq!(later(&rig).await.refused_requests, 0);
    assert_eq!(absences(&rig).await, []);
    let person = EntityKey { kind: domain::EntityKind::Employee, id: (&employee("ada").id).into() };
    let audit = rig.history(&person).await;
    let told: Vec<&str> = audit.iter().map(|it| it.detail.as_str()).collect();
    assert_eq!(told, ["unavailable: time off refused (too_late)"]);
    // At a time that can be granted it is another wish.
    rig.foreign.edit(&ada(), "w", |event| event.span = EventSpan::Timed(hours(50, 52)));
    assert_eq!(later(&rig).await.granted, 1);
    assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: granted"]);
}

#[tokio::test]
async fn a_request_waits_for_a_manager_and_what_he_decides_is_told() {
    let mut rig = rig(Becomes::Request, false, &[unavailable("w", 30, 38)]).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: asked"]);
    assert_eq!(absences(&rig).await, []);
    assert_eq!(later(&rig).await.conflicts.changed, 0);
    let granted = TimeOff {
        id: TimeOffId::new("granted").unwrap(),
        employee: employee("ada").id,
        reason: None,
        span: TimeOffSpan::Timed(hours(30, 38)),
        notes: None,
    };
    rig.put([Entity::TimeOff(granted)]).await;
    let report = later(&rig).await;
    assert_eq!((report.granted, report.conflicts.changed), (1, 1), "{report:?}");
    assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: granted"]);
}

#[tokio::test]
async fn a_wish_is_no_conflict_and_what_is_no_wish_is_not_asked_for() {
    let invited = ForeignRole::Attendee(engine::port::Response::Accepted);
    let events = [
        unavailable("over-a-shift", 9, 10),
        ForeignEvent { role: invited, ..unavailable("invited", 30, 32) },
        ForeignEvent { role: ForeignRole::Organiser, ..unavailable("with-guests", 33, 34) },
        meeting("plain", 40, 41),
    ];
    let rig = rig(Becomes::TimeOff, false, &events).await;
    let report = rig.cycle().await;
    assert_eq!(rig.conflicts().await, [], "{report:?}");
    // Whoever works then is not absent, says the record.
    assert_eq!((report.granted, report.refused_requests), (0, 1));
    assert_eq!(labels(&rig, "over-a-shift"), ["Mine", "Unavailable", "Unavailable: refused"]);
    assert_eq!(absences(&rig).await, []);
}

#[tokio::test]
async fn every_event_of_a_named_calendar_is_a_wish() {
    let name = Some("/ada@example.com/wishes/".to_owned());
    let rig = rig(
        Becomes::TimeOff,
        false,
        &[ForeignEvent { calendar_name: name, ..meeting("w", 30, 38) }],
    )
    .await;
    assert_eq!(rig.cycle().await.granted, 1);
    assert_eq!(labels(&rig, "w"), ["Unavailable: granted"]);
}

#[tokio::test]
async fn a_whole_day_is_a_day_of_its_owners_zone() {
    let (first, end) = (jiff::civil::date(2026, 11, 23), jiff::civil::date(2026, 11, 24));
    let span = EventSpan::AllDay { first, end };
    let mut rig =
        rig(Becomes::TimeOff, false, &[ForeignEvent { span, ..unavailable("w", 0, 1) }]).await;
    let (email, zone) = (Some("ada@example.com".into()), Some("Asia/Tokyo".into()));
    rig.put([Entity::Employee(Employee { email, time_zone: zone, ..employee("ada") })]).await;
    assert_eq!(rig.cycle().await.granted, 1);
    let kind = domain::EntityKind::TimeOff;
    let entries = rig.store.entries_of_kind(&roster(), kind).await.unwrap();
    let [Entity::TimeOff(time_off)] = [&entries[0].entity] else { panic!("{entries:?}") };
    let zone = "Asia/Tokyo".to_owned();
    assert_eq!(time_off.span, TimeOffSpan::AllDay { first, end, zone });
}

#[tokio::test]
async fn killed_after_the_decision_or_while_telling_it_is_decided_once() {
    for line in [Line::HangsBefore, Line::HangsAfter, Line::RequestLost, Line::AnswerLost] {
        let rig = rig(Becomes::TimeOff, false, &[unavailable("w", 30, 38)]).await;
        rig.foreign.line([line.clone()]);
        if matches!(line, Line::HangsBefore | Line::HangsAfter) {
            rig.cycle_and_die().await;
        } else {
            rig.cycle().await;
        }
        assert_eq!(absences(&rig).await, [(30, 38)], "{line:?}");
        for _ in 0..3 {
            later(&rig).await;
        }
        assert_eq!(absences(&rig).await, [(30, 38)], "{line:?}");
        assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: granted"], "{line:?}");
        assert_eq!(rig.foreign.changes().len(), 1, "{line:?}");
    }
}

#[tokio::test]
async fn a_wish_that_is_removed_is_taken_back() {
    let rig = rig(Becomes::TimeOff, false, &[unavailable("w", 60, 68)]).await;
    rig.cycle().await;
    for _ in 0..3 {
        later(&rig).await;
    }
    let items = rig.target.everything()[&ada()].len();
    assert_eq!(items, 2, "the shift and the absence");
    rig.foreign.remove(&ada(), "w");
    let report = later(&rig).await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!(absences(&rig).await, []);
    assert!(matches!(rig.change().await.state, EventChangeState::Undone { .. }));
    for _ in 0..3 {
        later(&rig).await;
    }
    assert_eq!(rig.target.everything()[&ada()].len(), 1, "its item is gone, too");
}

#[tokio::test]
async fn a_wish_that_is_moved_is_taken_back_and_asked_for_anew() {
    let rig = rig(Becomes::TimeOff, false, &[unavailable("w", 60, 68)]).await;
    rig.cycle().await;
    for _ in 0..3 {
        later(&rig).await;
    }
    // Beyond what is looked at.
    for (start, end) in [(70, 78), (24 * 40, 24 * 40 + 8)] {
        rig.foreign.edit(&ada(), "w", |event| event.span = EventSpan::Timed(hours(start, end)));
        for _ in 0..3 {
            later(&rig).await;
        }
        assert_eq!(absences(&rig).await, [(start, end)]);
        assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable", "Unavailable: granted"]);
    }
}

#[tokio::test]
async fn a_request_that_is_removed_before_it_is_decided_is_cancelled() {
    let rig = rig(Becomes::Request, false, &[unavailable("w", 60, 68)]).await;
    rig.cycle().await;
    rig.foreign.remove(&ada(), "w");
    let report = later(&rig).await;
    assert!(report.is_done(), "{report:?}");
    assert!(matches!(rig.change().await.state, EventChangeState::Undone { .. }));
    rig.wait(SignedDuration::from_hours(1).as_hours());
    assert!(rig.cycle().await.is_done());
}

#[tokio::test]
async fn where_nobody_decides_it_is_told_and_nothing_is_marked() {
    let mut rig = rig(Becomes::TimeOff, false, &[unavailable("w", 60, 68)]).await;
    let equipment = DeskEquipment {
        store: Arc::clone(&rig.store) as Arc<dyn Store>,
        decider: Arc::new(OwnRecord { rules: RuleSet::default(), zone: TimeZone::UTC }),
        clock: Arc::new(rig.clock.clone()),
        entropy: Arc::new(SeededEntropy::new(7)),
    };
    let desk = Desk::new(equipment, mirror(), roster(), &BTreeSet::new());
    rig.approvals = Some(Box::new(desk));
    let report = rig.cycle().await;
    let told = |it: &engine::report::Problem| it.reason.contains("is not decided here");
    assert!(report.problems.iter().any(told), "{report:?}");
    assert_eq!(labels(&rig, "w"), ["Mine", "Unavailable"]);
}
