//! What must not be lost, nor stay, because of what the vendor hides, forgets or never finishes.

use std::sync::Arc;

use connectors::genesys_cloud::wire::QueryAnswer;
use domain::{
    Command, Directory, EmployeeId, Request, RequestStep, TimeOffItem, TimeOffReasonId, UtcInterval,
};
use engine::port::{Clock, Facts, SourceError, Verdict};
use engine::run::ingest::IngestError;
use jiff::SignedDuration;
use serde_json::json;
use simulators::genesys::{Durations, Fault, Options, What};

use super::world::{World, at, day, days_of};

fn hour() -> SignedDuration {
    SignedDuration::from_mins(61)
}

fn refused(path: &str, status: u16) -> Fault {
    Fault::on_any().at(path).then(What::Refusal { status, code: "not.this.time".to_owned() })
}

/// How many questions for schedules were asked since `before`.
fn schedules_asked(world: &World, before: usize) -> usize {
    let asked = &world.genesys.requests()[before..];
    asked.iter().filter(|it| it.target.ends_with("/agentschedules/query")).count()
}

#[tokio::test]
async fn what_is_approved_alone_is_shown_within_the_hour_and_few_are_asked_for_it() {
    let world = World::new();
    world.usual_week();
    world.work(&world.anna, "2026-12-01");
    let request = world.genesys.ask_time_off(&world.anna, "5", &[day("2026-11-27")]);
    world.read().await.unwrap();
    world.genesys.decide_time_off(&request, "APPROVED");
    world.clock.pass(hour());
    let before = world.genesys.requests().len();
    world.read().await.unwrap();
    let found = world.absences_of(&world.anna).await;
    assert_eq!(
        found.iter().map(days_of).collect::<Vec<_>>(),
        ["2026-11-27/2026-11-28 Europe/Berlin"]
    );
    assert_eq!(schedules_asked(&world, before), 1, "one week of one employee");
    // Nothing is different the next time, and what is taken back goes.
    world.clock.pass(hour());
    let before = world.genesys.requests().len();
    world.read().await.unwrap();
    assert_eq!(schedules_asked(&world, before), 0);
    world.genesys.decide_time_off(&request, "DENIED");
    world.clock.pass(hour());
    world.read().await.unwrap();
    assert!(world.absences_of(&world.anna).await.is_empty());
}

#[tokio::test]
async fn a_permission_that_is_lost_takes_no_absence_away() {
    let world = World::new();
    world.usual_week();
    let request = world.genesys.ask_time_off(&world.anna, "5", &[day("2026-11-27")]);
    world.genesys.decide_time_off(&request, "APPROVED");
    world.read().await.unwrap();
    assert_eq!(world.absences_of(&world.anna).await.len(), 1);
    world.genesys.set_faults([refused("timeoffrequests/query", 403)]);
    world.work(&world.anna, "2026-11-26");
    let report = world.read().await.unwrap();
    let shift = world.genesys.shifts_of(&world.anna)[0].id.clone();
    world.genesys.delete_shift(&shift);
    assert_eq!((report.upserted, report.deleted), (1, 0));
    assert_eq!(world.counts().await.1, 1, "shifts are deleted as ever");
    assert_eq!(world.absences_of(&world.anna).await.len(), 1);
    let noted = report.notes.iter().any(|it| it.message.contains("may not read time-off"));
    assert!(noted, "{:?}", report.notes);
    // Also over the reading of everything.
    world.clock.pass(SignedDuration::from_hours(25));
    world.read().await.unwrap();
    assert_eq!(world.absences_of(&world.anna).await.len(), 1);
    world.genesys.set_faults([]);
    world.genesys.decide_time_off(&request, "DENIED");
    world.clock.pass(hour());
    world.read().await.unwrap();
    assert!(world.absences_of(&world.anna).await.is_empty(), "given again, it counts again");
}

#[tokio::test]
async fn hours_off_are_shown_whichever_way_their_length_is_told() {
    for durations in [Durations::Both, Durations::DailyAndNull, Durations::DailyAndEmpty] {
        let world = World::with(Options { durations, ..Options::default() }, "");
        world.usual_week();
        let starts = [at("2026-11-26T08:00:00Z"), at("2026-11-27T12:00:00Z")];
        let request = world.genesys.ask_hours_off(&world.anna, "5", &starts, 90);
        world.genesys.decide_time_off(&request, "APPROVED");
        world.read().await.unwrap();
        let found = world.absences_of(&world.anna).await;
        let expected = [
            "2026-11-26T08:00:00Z/2026-11-26T09:30:00Z",
            "2026-11-27T12:00:00Z/2026-11-27T13:30:00Z",
        ];
        let shown: Vec<_> = found.iter().map(days_of).collect();
        assert_eq!(shown, expected, "{durations:?}");
    }
}

#[tokio::test]
async fn one_odd_request_is_named_and_takes_nothing_of_anybody_along() {
    let spoilt = [
        json!({ "metadata": null }),
        json!({ "partialDayStartDateTimes": ["soon"] }),
        json!({ "fullDayManagementUnitDates": [], "partialDayStartDateTimes":
            ["2026-11-26T08:00:00Z"], "durationMinutes": [], "dailyDurationMinutes": null }),
        json!({ "user": {}, "metadata": null }),
    ];
    for fields in spoilt {
        let world = World::new();
        world.usual_week();
        let odd = world.genesys.ask_time_off(&world.anna, "5", &[day("2026-11-27")]);
        world.genesys.decide_time_off(&odd, "APPROVED");
        world.read().await.unwrap();
        world.genesys.spoil_time_off(&odd, fields.clone());
        let fine = world.genesys.ask_time_off(&world.ben, "5", &[day("2026-11-26")]);
        world.genesys.decide_time_off(&fine, "APPROVED");
        let shift = world.genesys.shifts_of(&world.anna)[0].id.clone();
        world.genesys.delete_shift(&shift);
        world.clock.pass(hour());
        let report = world.read().await.unwrap();
        let shown =
            async |who: &str| world.absences_of(who).await.iter().map(days_of).collect::<Vec<_>>();
        assert_eq!(shown(&world.anna).await, ["2026-11-27/2026-11-28 Europe/Berlin"], "{fields}");
        assert_eq!(shown(&world.ben).await, ["2026-11-26/2026-11-27 Europe/Berlin"], "{fields}");
        assert_eq!(world.shifts_of(&world.anna).await.len(), 2, "{fields}");
        let noted = report.notes.iter().any(|it| it.message.contains("time-off request of"));
        assert!(noted, "{fields}: {:?}", report.notes);
        // Understood again, it counts again.
        world.genesys.spoil_time_off(&odd, json!({}));
        world.genesys.decide_time_off(&odd, "DENIED");
        world.clock.pass(hour());
        world.read().await.unwrap();
        assert!(shown(&world.anna).await.is_empty(), "{fields}");
    }
}

#[tokio::test]
async fn days_of_a_request_are_days_of_the_management_unit() {
    for zone in ["Asia/Tokyo", "America/New_York"] {
        let world = World::new();
        world.genesys.set_team_zone(&world.inbound, zone);
        world.usual_week();
        world.work(&world.anna, "2026-11-30");
        // A Monday in Tokyo begins in the week before in Berlin.
        let days = [day("2026-11-27"), day("2026-11-30"), day("2026-12-01")];
        let request = world.genesys.ask_time_off(&world.anna, "5", &days);
        world.genesys.decide_time_off(&request, "APPROVED");
        world.read().await.unwrap();
        let shown = async || {
            let found = world.absences_of(&world.anna).await;
            let mut days = Vec::new();
            for off in &found {
                let text = days_of(off);
                assert!(text.ends_with(zone), "{text}");
                days.push(text.split(' ').next().unwrap().to_owned());
            }
            days.join(" ")
        };
        let expected = match zone {
            "Asia/Tokyo" => "2026-11-27/2026-11-28 2026-11-30/2026-12-01 2026-12-01/2026-12-02",
            _ => "2026-11-27/2026-11-28 2026-11-30/2026-12-02",
        };
        assert_eq!(shown().await, expected, "{zone}");
        // Whichever week is read next, none of them comes or goes.
        for date in ["2026-11-26", "2026-12-03"] {
            world.work(&world.anna, date);
            let (upserted, deleted, _) = world.counts().await;
            assert_eq!((upserted, deleted), (1, 0), "{zone} {date}");
            assert_eq!(shown().await, expected, "{zone} {date}");
        }
    }
}

#[tokio::test]
async fn what_is_decided_in_another_zone_is_what_the_next_reading_says() {
    let world = World::new();
    world.genesys.set_team_zone(&world.inbound, "America/New_York");
    world.usual_week();
    world.read().await.unwrap();
    let item = TimeOffItem {
        employee: EmployeeId::new(world.anna.as_str()).unwrap(),
        reason: Some(TimeOffReasonId::new("5").unwrap()),
        interval: UtcInterval::new(at("2026-11-26T05:00:00Z"), at("2026-11-28T05:00:00Z")).unwrap(),
    };
    let request = Request::TimeOff { item };
    let command = Command::Request { request, step: RequestStep::Approved };
    let directory = Arc::new(Directory::default());
    let now = world.clock.now();
    let facts = Facts { now, directory, entities: vec![], fresh_ids: vec![] };
    let verdict = world.decider.decide(&command, &facts, "key").await.unwrap();
    let Verdict::Granted(change) = verdict else { panic!("{verdict:?}") };
    world.clock.pass(hour());
    world.read().await.unwrap();
    let found = world.absences_of(&world.anna).await;
    assert_eq!(days_of(&found[0]), "2026-11-26/2026-11-28 America/New_York");
    assert_eq!(change.upserts, [domain::Entity::TimeOff(found[0].clone())]);
}

#[tokio::test]
async fn one_schedule_that_never_comes_stops_nobody_elses() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.set_stuck(&world.anna, true);
    for agent in [&world.anna, &world.ben] {
        world.work(agent, "2026-11-27");
    }
    let report = world.read().await.unwrap();
    assert_eq!((report.upserted, report.deleted), (1, 0));
    assert!(report.notes.iter().any(|it| it.message.contains(&world.anna)), "{:?}", report.notes);
    assert_eq!(world.shifts_of(&world.anna).await.len(), 3, "as it was");
    assert_eq!(world.shifts_of(&world.ben).await.len(), 4);
    // It is read again when it can be, whatever its version.
    world.genesys.set_stuck(&world.anna, false);
    world.work(&world.ben, "2026-11-28");
    world.read().await.unwrap();
    world.assert_exact().await;
}

#[test]
fn one_schedule_that_cannot_be_understood_is_named_and_the_others_are_read() {
    let text = r#"{"status":"Complete","result":{"agentSchedules":[
        {"user":{"id":"a"},"shifts":[{"id":1,"startDate":"soon"}]},
        {"user":{"id":"b"},"shifts":[]}]}}"#;
    let answer: QueryAnswer = serde_json::from_str(text).unwrap();
    let result = answer.result.unwrap();
    assert_eq!(result.agent_schedules.len(), 1);
    assert_eq!(result.agent_schedules[0].user.id, "b");
    assert_eq!(result.unreadable[0].0, "a");
}

#[tokio::test]
async fn a_schedule_that_is_listed_and_never_there_is_told() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.work(&world.anna, "2026-11-27");
    world.genesys.set_faults([refused("/agentschedules/query", 404)]);
    let first = world.read().await.unwrap();
    assert!(first.notes.is_empty(), "once is chance: {:?}", first.notes);
    let second = world.read().await.unwrap();
    assert!(second.notes[0].message.contains("not there"), "{:?}", second.notes);
    assert_eq!(second.deleted, 0);
    world.genesys.set_faults([]);
    assert!(world.read().await.unwrap().notes.is_empty());
    world.assert_exact().await;
    // That something else is missing is another matter, and is not passed over.
    world.work(&world.anna, "2026-11-28");
    world.genesys.set_faults([refused("timeoffrequests/query", 404)]);
    let failed = world.read().await.unwrap_err();
    assert!(matches!(failed, IngestError::Source(SourceError::Failed(_))), "{failed:?}");
}

#[tokio::test]
async fn who_moves_to_another_business_unit_leaves_nothing_ahead_behind() {
    let world = World::new();
    world.usual_week();
    let other = world.genesys.add_business_unit("Sales", "Europe/Berlin");
    let sales = world.genesys.add_team(&other, "Sales");
    let dora = world.genesys.hire(&sales, "Dora Lin", "dora@example.com");
    world.work(&dora, "2026-11-24");
    world.work(&world.anna, "2026-12-02");
    world.read().await.unwrap();
    world.clock.pass(SignedDuration::from_hours(24));
    world.genesys.move_agent(&world.anna, &sales);
    world.read().await.unwrap();
    world.clock.pass(hour());
    world.read().await.unwrap();
    // This week is told of in the new unit, the next one nowhere.
    let anna = world.shifts_of(&world.anna).await;
    assert!(anna.iter().all(|it| it.interval.start() < at("2026-11-30T00:00:00Z")), "{anna:?}");
    assert!(world.employee(&world.anna).await.is_some());
    assert_eq!(world.shifts_of(&world.ben).await.len(), 3);
}

#[tokio::test]
async fn who_comes_back_has_their_shifts_within_the_hour() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.leave(&world.ben);
    world.read().await.unwrap();
    world.clock.pass(hour());
    world.read().await.unwrap();
    assert!(world.employee(&world.ben).await.is_none());
    let inbound = world.inbound.clone();
    world.genesys.change_user(&world.ben, |it| {
        (it.state, it.management_unit) = ("active", Some(inbound));
    });
    world.clock.pass(hour());
    world.read().await.unwrap();
    world.assert_exact().await;
}

#[tokio::test]
async fn pages_of_people_are_followed_where_nobody_says_how_many_there_are() {
    let options = Options { page_counts: false, ..Options::default() };
    let world = World::with(options, "");
    for number in 0..1100 {
        let address = format!("a{number}@example.com");
        world.genesys.hire(&world.outbound, &format!("Agent {number}"), &address);
    }
    world.usual_week();
    world.read().await.unwrap();
    let last = world.genesys.read(|state| state.users.keys().last().cloned()).unwrap();
    assert!(world.employee(&last).await.is_some());
}

#[tokio::test]
async fn a_result_is_fetched_from_the_api_or_the_public_internet_only() {
    for address in ["https://169.254.169.254:8443/latest", "http://10.0.0.1/x", "ftp://x/y"] {
        let world = World::new();
        world.usual_week();
        let body = format!("{{\"status\":\"Complete\",\"downloadUrl\":\"{address}\"}}");
        let fault = Fault::on("POST").at("/agentschedules/query").then(What::Garbage(body));
        world.genesys.set_faults([fault]);
        let failed = world.read().await.unwrap_err().to_string();
        assert!(failed.contains("neither at the API nor"), "{failed}");
    }
}
