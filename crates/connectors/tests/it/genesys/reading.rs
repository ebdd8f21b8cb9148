//! What is read, at which price, and what is concluded.

use std::sync::Arc;

use domain::EntityKind;
use engine::port::Store;
use engine::run::ingest::IngestError;
use jiff::SignedDuration;
use simulators::genesys::Options;
use simulators::genesys::state::{Activity, AgentSchedule, Shift};
use testkit::builders::roster;

use super::world::{World, at, day, days_of};

#[tokio::test]
async fn a_first_reading_has_everything_and_a_second_asks_once() {
    let world = World::new();
    world.usual_week();
    let (upserted, deleted, _) = world.counts().await;
    // Nine shifts, three people, two groups, one reason.
    assert_eq!((upserted, deleted), (15, 0));
    world.assert_exact().await;
    assert_eq!(world.names(EntityKind::ScheduleGroup).await, ["Inbound", "Outbound"]);
    assert_eq!(world.names(EntityKind::TimeOffReason).await, ["Time Off"]);
    let anna = world.employee(&world.anna).await.unwrap();
    assert_eq!(anna.email.as_deref(), Some("anna@example.com"));
    assert_eq!(anna.group.unwrap().as_str(), world.inbound);
    let shift = &world.shifts_of(&world.anna).await[0];
    assert_eq!(shift.label, "On Queue");
    let parts: Vec<_> = shift.activities.iter().map(|it| (it.label.as_str(), it.paid)).collect();
    let expected = [("On Queue", true), ("Meal", false), ("On Queue", true), ("Training", true)];
    assert_eq!(parts, expected);

    assert_eq!(world.counts().await, (0, 0, 1));
    world.clock.pass(SignedDuration::from_mins(15));
    assert_eq!(world.counts().await, (0, 0, 1));
}

#[tokio::test]
async fn a_poll_without_changes_is_one_request_for_each_business_unit() {
    let world = World::new();
    world.usual_week();
    let other = world.genesys.add_business_unit("Sales", "America/New_York");
    let team = world.genesys.add_team(&other, "Sales");
    let dora = world.genesys.hire(&team, "Dora Lin", "dora@example.com");
    world.work(&dora, "2026-11-24");
    world.read().await.unwrap();
    world.assert_exact().await;
    assert_eq!(world.counts().await, (0, 0, 2));
}

#[tokio::test]
async fn requests_grow_with_the_changed_and_not_with_the_workforce() {
    let mut costs = Vec::new();
    for agents in [30, 300] {
        let world = World::new();
        let crowd: Vec<String> = (0..agents)
            .map(|n| {
                let id =
                    world.genesys.hire(&world.inbound, "Somebody", &format!("{n}@example.com"));
                world.work(&id, "2026-11-24");
                id
            })
            .collect();
        world.read().await.unwrap();
        let shift = world.genesys.shifts_of(&crowd[7])[0].id.clone();
        world.genesys.move_shift(&shift, SignedDuration::from_hours(1));
        let (upserted, deleted, requests) = world.counts().await;
        assert_eq!((upserted, deleted), (1, 0));
        world.assert_exact().await;
        costs.push(requests);
    }
    assert_eq!(costs[0], costs[1]);
    // The heads, the unit anew (four), two management units, and whose absence it may be.
    assert!(costs[0] <= 8, "{costs:?}");
}

#[tokio::test]
async fn requests_grow_by_one_for_each_management_unit_of_a_changed_week() {
    let cost = async |units: u64| {
        let world = World::new();
        for team in 2..units {
            let team = world.genesys.add_team(&world.unit, &format!("Team {team}"));
            let address = format!("{team}@example.com");
            let agent = world.genesys.hire(&team, "Somebody", &address);
            world.work(&agent, "2026-11-24");
        }
        world.work(&world.anna, "2026-11-24");
        world.read().await.unwrap();
        let shift = world.genesys.shifts_of(&world.anna)[0].id.clone();
        world.genesys.move_shift(&shift, SignedDuration::from_hours(1));
        let (upserted, _, requests) = world.counts().await;
        assert_eq!(upserted, 1);
        // Another week costs nothing: it has the version that it had.
        assert_eq!(world.counts().await, (0, 0, 1));
        requests
    };
    // The heads, and whose absence it may be; then unit by unit.
    for units in [2, 5, 20] {
        assert_eq!(cost(units).await, 2 + units, "{units} management units");
    }
}

#[tokio::test]
async fn a_week_that_is_published_again_under_new_ids_changes_nothing() {
    let world = World::new();
    world.usual_week();
    world.genesys.mark_day_off(&world.carl, day("2026-11-26"), None);
    world.read().await.unwrap();
    let before = world.shifts_of(&world.anna).await;
    world.genesys.republish(&world.unit, day("2026-11-23"));
    let (upserted, deleted, _) = world.counts().await;
    assert_eq!((upserted, deleted), (0, 0));
    assert_eq!(world.shifts_of(&world.anna).await, before);

    // And what is changed afterwards is still a change of the same shift.
    let shift = world.genesys.shifts_of(&world.anna)[1].id.clone();
    world.genesys.move_shift(&shift, SignedDuration::from_hours(2));
    let (upserted, deleted, _) = world.counts().await;
    assert_eq!((upserted, deleted), (1, 0));
    assert_eq!(world.shifts_of(&world.anna).await[1].id, before[1].id);
}

#[tokio::test]
async fn shifts_are_added_moved_and_deleted() {
    let world = World::new();
    let shifts = world.usual_week();
    world.read().await.unwrap();
    world.genesys.delete_shift(&shifts[&world.anna][0]);
    world.genesys.move_shift(&shifts[&world.ben][1], SignedDuration::from_hours(48));
    world.work(&world.carl, "2026-12-02");
    let (upserted, deleted, _) = world.counts().await;
    assert_eq!((upserted, deleted), (2, 1));
    world.assert_exact().await;
}

#[tokio::test]
async fn whoever_moves_to_another_management_unit_takes_the_shifts_along() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.move_agent(&world.anna, &world.outbound);
    world.clock.pass(SignedDuration::from_mins(15));
    let (upserted, deleted, _) = world.counts().await;
    // Three shifts and herself.
    assert_eq!((upserted, deleted), (4, 0));
    let shifts = world.shifts_of(&world.anna).await;
    assert!(shifts.iter().all(|it| it.group.as_ref().unwrap().as_str() == world.outbound));
    let anna = world.employee(&world.anna).await.unwrap();
    assert_eq!(anna.group.unwrap().as_str(), world.outbound);
    assert_eq!(world.counts().await.0, 0);
}

#[tokio::test]
async fn who_leaves_keeps_what_has_been_and_loses_what_was_to_come() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.clock.pass(SignedDuration::from_hours(24));
    world.genesys.leave(&world.ben);
    world.read().await.unwrap();
    assert_eq!(world.shifts_of(&world.ben).await.len(), 1);
    assert!(world.employee(&world.ben).await.is_none());
    world.assert_exact().await;
    // A day later everything is read whatever its version: the past still stays.
    world.clock.pass(SignedDuration::from_hours(25));
    world.read().await.unwrap();
    assert_eq!(world.shifts_of(&world.ben).await.len(), 1);
}

#[tokio::test]
async fn a_new_address_counts_within_the_hour_and_a_new_colleague_at_once() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.set_email(&world.anna, "anna.neu@example.com");
    let dora = world.genesys.hire(&world.inbound, "Dora Lin", "dora@example.com");
    world.work(&dora, "2026-11-27");
    world.clock.pass(SignedDuration::from_mins(20));
    world.read().await.unwrap();
    assert!(world.employee(&dora).await.is_some());
    world.assert_exact().await;
    world.clock.pass(SignedDuration::from_mins(45));
    world.read().await.unwrap();
    let anna = world.employee(&world.anna).await.unwrap();
    assert_eq!(anna.email.as_deref(), Some("anna.neu@example.com"));
}

#[tokio::test]
async fn approved_time_off_is_shown_before_a_schedule_has_it_and_once_after() {
    let world = World::new();
    world.usual_week();
    let days = [day("2026-11-26"), day("2026-11-27"), day("2026-11-30")];
    let request = world.genesys.ask_time_off(&world.anna, "5", &days);
    world.work(&world.anna, "2026-12-02");
    world.read().await.unwrap();
    assert!(world.absences_of(&world.anna).await.is_empty(), "nobody approved it");
    world.genesys.decide_time_off(&request, "APPROVED");
    world.clock.pass(SignedDuration::from_hours(25));
    world.read().await.unwrap();
    let found = world.absences_of(&world.anna).await;
    let shown: Vec<_> = found.iter().map(days_of).collect();
    let expected = ["2026-11-26/2026-11-28 Europe/Berlin", "2026-11-30/2026-12-01 Europe/Berlin"];
    assert_eq!(shown, expected);
    for date in days {
        world.genesys.mark_day_off(&world.anna, date, Some(&request));
    }
    let (upserted, deleted, _) = world.counts().await;
    assert_eq!((upserted, deleted), (0, 0));
    world.genesys.decide_time_off(&request, "DENIED");
    for date in days {
        world.genesys.unmark_day_off(&world.anna, date);
    }
    let (upserted, deleted, _) = world.counts().await;
    assert_eq!((upserted, deleted), (0, 2));
}

#[tokio::test]
async fn time_off_inside_a_shift_is_an_absence_and_shortens_it() {
    let world = World::new();
    let shift = world.genesys.add_shift(
        &world.anna,
        at("2026-11-24T07:00:00Z"),
        &[(240, "0"), (60, "5"), (60, "5")],
    );
    world.read().await.unwrap();
    let ours = &world.shifts_of(&world.anna).await[0];
    assert_eq!(ours.interval.to_string(), "2026-11-24T07:00:00Z/2026-11-24T11:00:00Z");
    let off = world.absences_of(&world.anna).await;
    assert_eq!(days_of(&off[0]), "2026-11-24T11:00:00Z/2026-11-24T13:00:00Z");
    world.genesys.edit_shift(&shift, |it| {
        for activity in &mut it.activities {
            activity.code = "5".into();
        }
    });
    world.read().await.unwrap();
    assert!(world.shifts_of(&world.anna).await.is_empty());
}

fn pattern(agent: &str, week: jiff::civil::Date) -> AgentSchedule {
    let start = at(&format!("{week}T07:00:00Z"));
    let id = format!("{agent}-{week}");
    let activities = vec![Activity {
        start,
        minutes: 480,
        code: "0".into(),
        description: String::new(),
        paid: true,
        time_off: None,
    }];
    let shifts = vec![Shift { id, start, minutes: 480, activities }];
    AgentSchedule { version: 1, shifts, ..AgentSchedule::default() }
}

#[tokio::test]
async fn a_large_workforce_is_read_part_by_part() {
    let world = World::with(Options { rate: None, ..Options::default() }, "");
    for team in 0..12 {
        let team = world.genesys.add_team(&world.unit, &format!("Team {team}"));
        for agent in 0..450 {
            world.genesys.hire(&team, "Somebody", &format!("{agent}@example.com"));
        }
    }
    world.genesys.publish_pattern(&world.unit, day("2026-11-23"), Arc::new(pattern));
    let report = world.read().await.unwrap();
    assert_eq!(report.upserted, 5403 * 2 + 14 + 1);
    let counts = world.store.roster_counts(&roster()).await.unwrap();
    assert_eq!((counts.shifts, counts.employees), (5403, 5403));
    assert_eq!(world.counts().await, (0, 0, 1));
}

#[tokio::test]
async fn an_emptied_week_is_stopped_by_the_guard() {
    let mut world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.guard = domain::policy::DeletionGuard::default();
    world.allowance = None;
    let empty = world.genesys.draft(&world.unit, day("2026-11-23"), 1);
    world.genesys.publish(&empty);
    let refused = world.read().await;
    assert!(matches!(refused, Err(IngestError::Guard(_))), "{refused:?}");
    assert_eq!(world.shifts_of(&world.anna).await.len(), 3);
}

#[tokio::test]
async fn the_operators_file_finds_people_by_number_or_address() {
    let mut world = World::new();
    world.usual_week();
    world.genesys.change_user(&world.anna, |it| it.employee_number = Some("4711".into()));
    let row = |id: &str| domain::Employee {
        google_id: Some(format!("{id}@google.example")),
        ..domain::Employee::unnamed(domain::EmployeeId::new(id).unwrap())
    };
    world.described = vec![row("4711"), row("BEN@example.com")];
    world.read().await.unwrap();
    let google = async |id: &str| world.employee(id).await.unwrap().google_id.unwrap();
    assert_eq!(google(&world.anna).await, "4711@google.example");
    assert_eq!(google(&world.ben).await, "BEN@example.com@google.example");
    assert_eq!(world.store.employees(&roster()).await.unwrap().len(), 3);
}
