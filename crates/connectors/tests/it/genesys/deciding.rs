//! Time off, decided by the vendor; everything else refused.

use std::sync::Arc;

use domain::{
    Command, CommandKind, Directory, EmployeeId, Refusal, Request, RequestStep, ShiftId,
    TimeOffItem, TimeOffReasonId, UtcInterval,
};
use engine::port::{Clock, Facts, FailureClass, Verdict};
use simulators::genesys::{Durations, Fault, Options, What};

use super::world::{World, at, day, days_of};

fn item(world: &World, start: &str, end: &str) -> TimeOffItem {
    TimeOffItem {
        employee: EmployeeId::new(world.anna.as_str()).unwrap(),
        reason: Some(TimeOffReasonId::new("5").unwrap()),
        interval: UtcInterval::new(at(start), at(end)).unwrap(),
    }
}

/// Thursday and Friday in Berlin.
fn two_days(world: &World) -> TimeOffItem {
    item(world, "2026-12-02T23:00:00Z", "2026-12-04T23:00:00Z")
}

fn step(item: &TimeOffItem, step: RequestStep) -> Command {
    Command::Request { request: Request::TimeOff { item: item.clone() }, step }
}

async fn decide(world: &World, command: &Command) -> Verdict {
    try_decide(world, command, vec![]).await.unwrap()
}

async fn try_decide(
    world: &World,
    command: &Command,
    entities: Vec<domain::Entity>,
) -> Result<Verdict, engine::port::Failure> {
    let directory = Arc::new(Directory::default());
    let facts = Facts { now: world.clock.now(), directory, entities, fresh_ids: vec![] };
    world.decider.decide(command, &facts, "key").await
}

fn statuses(world: &World) -> Vec<String> {
    world.genesys.read(|state| state.time_off.values().map(|it| it.status.clone()).collect())
}

#[tokio::test]
async fn a_request_is_made_approved_and_in_the_roster_under_its_last_name() {
    let world = World::new();
    world.usual_week();
    world.work(&world.anna, "2026-12-01");
    world.read().await.unwrap();
    let item = two_days(&world);
    for _ in 0..2 {
        let asked = decide(&world, &step(&item, RequestStep::Asked)).await;
        assert!(matches!(asked, Verdict::Granted(it) if it.upserts.is_empty()));
        assert_eq!(statuses(&world), ["PENDING"]);
    }
    let mut upserts = Vec::new();
    for _ in 0..2 {
        let approved = decide(&world, &step(&item, RequestStep::Approved)).await;
        let Verdict::Granted(change) = approved else { panic!("{approved:?}") };
        assert_eq!(statuses(&world), ["APPROVED"]);
        upserts = change.upserts;
    }
    // What the next reading of her week says is the same, under the same id.
    let shift = world.genesys.shifts_of(&world.anna).last().unwrap().id.clone();
    world.genesys.move_shift(&shift, jiff::SignedDuration::from_hours(1));
    world.read().await.unwrap();
    let read = world.absences_of(&world.anna).await;
    assert_eq!(days_of(&read[0]), "2026-12-03/2026-12-05 Europe/Berlin");
    assert_eq!(vec![domain::Entity::TimeOff(read[0].clone())], upserts);

    let id = read[0].id.clone();
    let command = Command::DeleteTimeOff { time_off: id };
    let gone = try_decide(&world, &command, upserts.clone()).await.unwrap();
    assert!(matches!(gone, Verdict::Granted(it) if it.tombstones == [upserts[0].key()]));
    assert_eq!(statuses(&world), ["DENIED"]);
}

#[tokio::test]
async fn hours_of_a_day_are_asked_for_as_such() {
    let world = World::new();
    let item = item(&world, "2026-12-03T08:00:00Z", "2026-12-03T10:30:00Z");
    decide(&world, &Command::CreateTimeOff { item }).await;
    world.genesys.read(|state| {
        let request = state.time_off.values().next().unwrap();
        assert_eq!(request.starts, [at("2026-12-03T08:00:00Z")]);
        assert_eq!((request.minutes.as_slice(), request.days.len()), ([150].as_slice(), 0));
    });
}

#[tokio::test]
async fn what_is_declined_or_taken_back_is_denied() {
    for last in [RequestStep::Declined, RequestStep::Cancelled] {
        let world = World::new();
        let item = two_days(&world);
        // Not there: nothing is to be taken back.
        decide(&world, &step(&item, last)).await;
        decide(&world, &step(&item, RequestStep::Asked)).await;
        decide(&world, &step(&item, last)).await;
        assert_eq!(statuses(&world), ["DENIED"]);
    }
}

#[tokio::test]
async fn giving_up_a_request_takes_back_no_absence_that_was_approved() {
    for last in [RequestStep::Declined, RequestStep::Cancelled] {
        let world = World::new();
        let item = two_days(&world);
        // Approved, through us or there; then somebody gives up another request for the same days.
        decide(&world, &step(&item, RequestStep::Approved)).await;
        let given_up = decide(&world, &step(&item, last)).await;
        assert!(matches!(given_up, Verdict::Granted(it) if it.tombstones.is_empty()));
        assert_eq!(statuses(&world), ["APPROVED"]);
    }
}

#[tokio::test]
async fn a_stale_version_is_read_again() {
    let world = World::new();
    let item = two_days(&world);
    decide(&world, &step(&item, RequestStep::Asked)).await;
    // Somebody edits it there between our reading and our writing: every answer that has it is
    // followed by a change, twice.
    let request = world.genesys.read(|state| state.time_off.keys().next().cloned().unwrap());
    world.genesys.set_meddled(&request, 2);
    decide(&world, &step(&item, RequestStep::Approved)).await;
    assert_eq!(statuses(&world), ["APPROVED"]);
    let seen = world.genesys.requests();
    let patches: Vec<_> = seen.iter().filter(|it| it.method == "PATCH").collect();
    let answered: Vec<_> = patches.iter().filter_map(|it| it.status).collect();
    assert_eq!(answered, [409, 409, 200]);
    let versions: std::collections::BTreeSet<_> = patches.iter().map(|it| &it.body).collect();
    assert_eq!(versions.len(), 3, "each with the version that was read: {versions:?}");
}

#[tokio::test]
async fn somebody_who_decides_there_meanwhile_is_not_overruled_by_a_stale_version() {
    let world = World::new();
    let item = two_days(&world);
    decide(&world, &step(&item, RequestStep::Asked)).await;
    let request = world.genesys.read(|state| state.time_off.keys().next().cloned().unwrap());
    // Whoever never comes to an end of editing is left alone.
    world.genesys.set_meddled(&request, 100);
    let outdated = decide(&world, &step(&item, RequestStep::Approved)).await;
    assert_eq!(outdated, Verdict::Refused(Refusal::Outdated));
    assert_eq!(statuses(&world), ["PENDING"]);
}

#[tokio::test]
async fn the_business_unit_of_an_agent_is_found_where_the_answer_names_none() {
    for named in [false, true] {
        let options = Options { business_unit_of_agent: named, ..Options::default() };
        let world = World::with(options, "");
        let elsewhere = world.genesys.add_business_unit("Elsewhere", "Asia/Tokyo");
        world.genesys.add_team(&elsewhere, "Far away");
        let item = two_days(&world);
        decide(&world, &step(&item, RequestStep::Approved)).await;
        let days = world.genesys.read(|state| state.time_off.values().next().unwrap().days.clone());
        assert_eq!(days, [day("2026-12-03"), day("2026-12-04")], "named: {named}");
        let asked = world.genesys.requests();
        let cost = asked.iter().filter(|it| it.is_api()).count();
        // Where it is not at hand both units may have to be read.
        assert!(cost <= 12, "{cost}");
        decide(&world, &step(&item, RequestStep::Approved)).await;
        let again = world.genesys.requests().iter().filter(|it| it.is_api()).count() - cost;
        assert_eq!(again, 2, "whose management unit, and their requests");
    }
}

#[tokio::test]
async fn one_odd_request_of_somebody_stops_no_decision() {
    let world = World::new();
    let old = world.genesys.ask_time_off(&world.anna, "5", &[day("2026-11-30")]);
    world.genesys.spoil_time_off(&old, serde_json::json!({ "metadata": null }));
    let item = two_days(&world);
    for last in [RequestStep::Asked, RequestStep::Approved] {
        decide(&world, &step(&item, last)).await;
    }
    let mut found = statuses(&world);
    found.sort();
    assert_eq!(found, ["APPROVED", "PENDING"]);
}

#[tokio::test]
async fn hours_are_known_again_by_the_duration_that_is_there() {
    for durations in [Durations::DailyAndNull, Durations::DailyAndEmpty] {
        let world = World::with(Options { durations, ..Options::default() }, "");
        let item = item(&world, "2026-12-03T08:00:00Z", "2026-12-03T10:30:00Z");
        for _ in 0..2 {
            decide(&world, &step(&item, RequestStep::Asked)).await;
        }
        let approved = decide(&world, &step(&item, RequestStep::Approved)).await;
        let Verdict::Granted(change) = approved else { panic!("{approved:?}") };
        assert_eq!(statuses(&world), ["APPROVED"], "{durations:?}: one request");
        let domain::Entity::TimeOff(off) = &change.upserts[0] else { panic!("{change:?}") };
        assert_eq!(days_of(off), "2026-12-03T08:00:00Z/2026-12-03T10:30:00Z");
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_second_request() {
    let world = World::new();
    let item = two_days(&world);
    world
        .genesys
        .set_faults([Fault::on("POST").at("timeoffrequests").times(1).then(What::ResetAfterApply)]);
    let lost = try_decide(&world, &step(&item, RequestStep::Asked), vec![]).await.unwrap_err();
    assert_eq!(lost.class, FailureClass::Unknown);
    decide(&world, &step(&item, RequestStep::Asked)).await;
    assert_eq!(statuses(&world), ["PENDING"]);
}

#[tokio::test]
async fn an_approval_is_marked_where_the_operator_wants_it() {
    let options = Options::default();
    let world = World::with(options, "integration_status = true");
    let item = two_days(&world);
    decide(&world, &Command::CreateTimeOff { item }).await;
    let marks = world
        .genesys
        .read(|state| state.time_off.values().map(|it| it.integration.clone()).collect::<Vec<_>>());
    assert_eq!(marks, [Some("AutomaticallyComplete".to_owned())]);
}

#[tokio::test]
async fn everything_else_is_refused_as_not_decided_here() {
    let world = World::new();
    let shift = || ShiftId::new("s").unwrap();
    let swap = Request::Swap { given: shift(), wanted: shift() };
    let commands = [
        (Command::DeleteShift { shift: shift() }, CommandKind::Shift),
        (Command::Request { request: swap, step: RequestStep::Asked }, CommandKind::SwapRequest),
    ];
    for (command, kind) in commands {
        assert!(!world.decider.decides().contains(&kind));
        assert_eq!(decide(&world, &command).await, Verdict::Refused(Refusal::NotHere { kind }));
    }
    assert!(world.genesys.requests().is_empty());
    let mut item = two_days(&world);
    item.reason = Some(TimeOffReasonId::new("0").unwrap());
    let refused = decide(&world, &step(&item, RequestStep::Asked)).await;
    assert!(matches!(refused, Verdict::Refused(Refusal::ReasonNotOffered { .. })));
    item.employee = EmployeeId::new("nobody").unwrap();
    let refused = decide(&world, &step(&item, RequestStep::Asked)).await;
    assert_eq!(refused, Verdict::Refused(Refusal::UnknownEmployee));
}

/// Every kind of request that deciding sends.
pub async fn everything_that_is_decided(world: &World) {
    let item = two_days(world);
    for last in [RequestStep::Asked, RequestStep::Approved, RequestStep::Declined] {
        decide(world, &step(&item, last)).await;
    }
    let hours = self::item(world, "2026-12-09T08:00:00Z", "2026-12-09T10:30:00Z");
    let granted = decide(world, &Command::CreateTimeOff { item: hours }).await;
    let Verdict::Granted(change) = granted else { panic!("{granted:?}") };
    let domain::Entity::TimeOff(off) = &change.upserts[0] else { panic!("{change:?}") };
    let later = self::item(world, "2026-12-09T09:00:00Z", "2026-12-09T10:30:00Z");
    let command = Command::EditTimeOff { time_off: off.id.clone(), item: later };
    let edited = try_decide(world, &command, change.upserts.clone()).await.unwrap();
    assert!(matches!(edited, Verdict::Granted(it) if it.upserts.len() == 1));
}
