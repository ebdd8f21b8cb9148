//! Agents who are missing from an answer, and are not therefore taken for deleted.

use connectors::genesys_cloud::wire::history::History;
use domain::policy::DeletionGuard;
use engine::run::ingest::IngestError;
use jiff::SignedDuration;
use serde_json::json;
use simulators::genesys::{Fault, What};

use super::world::{World, day};

/// Histories that were asked for since `before`.
fn histories(world: &World, before: usize) -> usize {
    let asked = &world.genesys.requests()[before..];
    asked.iter().filter(|it| it.target.contains("/history/agents/")).count()
}

#[tokio::test]
async fn whoever_an_answer_leaves_out_stays_as_they_were_until_somebody_says_that_they_are_gone() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.set_hidden(&world.anna, true);
    // Twice, and once when everything is read whatever its version.
    for (number, date) in ["2026-11-26", "2026-11-27", "2026-11-28"].into_iter().enumerate() {
        world.work(&world.ben, date);
        if number == 2 {
            world.clock.pass(SignedDuration::from_hours(25));
        }
        let before = world.genesys.requests().len();
        let report = world.read().await.unwrap();
        assert_eq!((report.upserted, report.deleted), (1, 0), "{date}");
        assert_eq!(histories(&world, before), 1, "{date}");
        let noted = report.notes.iter().filter(|it| it.message.contains(&world.anna)).count();
        assert_eq!(noted, 1, "{:?}", report.notes);
    }
    // Told of again, all is as ever, and nobody is asked about.
    world.genesys.set_hidden(&world.anna, false);
    let shift = world.genesys.shifts_of(&world.anna)[0].id.clone();
    world.genesys.move_shift(&shift, SignedDuration::from_mins(15));
    let before = world.genesys.requests().len();
    let report = world.read().await.unwrap();
    assert_eq!((report.upserted, histories(&world, before)), (1, 0));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    world.assert_exact().await;
    // And when it is said, it counts.
    world.genesys.delete_agent_schedule(&world.anna, day("2026-11-23"));
    let report = world.read().await.unwrap();
    assert_eq!(report.deleted, 3);
    world.assert_exact().await;
}

#[tokio::test]
async fn a_history_that_cannot_be_read_holds_up_nobody_else() {
    for (status, code) in [(400, "bad.request"), (403, "not.authorized"), (500, "internal.error")] {
        let world = World::new();
        world.usual_week();
        world.read().await.unwrap();
        world.genesys.set_hidden(&world.anna, true);
        world.work(&world.ben, "2026-11-26");
        let refused = What::Refusal { status, code: code.to_owned() };
        world.genesys.set_faults([Fault::on_any().at("/history/agents/").then(refused)]);
        let report = world.read().await.unwrap();
        assert_eq!((report.upserted, report.deleted), (1, 0), "{code}");
        assert_eq!(world.shifts_of(&world.anna).await.len(), 3, "{code}");
    }
}

#[tokio::test]
async fn a_history_that_is_missing_says_something_only_while_its_schedule_is_published() {
    for (is_published_over, deleted) in [(false, 3), (true, 0)] {
        let world = World::new();
        world.usual_week();
        world.read().await.unwrap();
        world.genesys.set_hidden(&world.anna, true);
        world.work(&world.ben, "2026-11-26");
        let missing = What::Refusal { status: 404, code: "not.found".to_owned() };
        let mut faults = vec![Fault::on_any().at("/history/agents/").then(missing)];
        if is_published_over {
            // It was listed when the poll began, and is not any more when we look again.
            let nothing = What::Garbage(json!({ "entities": [] }).to_string());
            faults.push(Fault::on("GET").at("/weeks/recent/schedules").skip(1).then(nothing));
        }
        world.genesys.set_faults(faults);
        let report = world.read().await.unwrap();
        assert_eq!((report.upserted, report.deleted), (1, deleted), "{is_published_over}");
    }
}

#[tokio::test]
async fn who_was_left_and_is_deleted_afterwards_goes() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.set_hidden(&world.anna, true);
    world.work(&world.ben, "2026-11-26");
    world.read().await.unwrap();
    assert_eq!(world.shifts_of(&world.anna).await.len(), 3);
    world.genesys.delete_agent_schedule(&world.anna, day("2026-11-23"));
    let report = world.read().await.unwrap();
    assert_eq!((report.deleted, report.notes.len()), (3, 0));
    world.assert_exact().await;
}

#[tokio::test]
async fn a_week_that_is_published_again_without_somebody_has_nothing_of_theirs() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    let anna = world.anna.clone();
    world.genesys.republish(&world.unit, day("2026-11-23"));
    world.genesys.update(|state| {
        for it in &mut state.schedules {
            it.agents.remove(&anna);
        }
    });
    let before = world.genesys.requests().len();
    let report = world.read().await.unwrap();
    assert_eq!((report.upserted, report.deleted, histories(&world, before)), (0, 3, 1));
    world.assert_exact().await;
}

#[tokio::test]
async fn histories_are_bounded_and_the_guard_decides_of_the_others() {
    let mut world = World::new();
    let crowd: Vec<String> = (0..80)
        .map(|n| {
            let address = format!("{n}@example.com");
            let id = world.genesys.hire(&world.inbound, "Somebody", &address);
            world.work(&id, "2026-11-24");
            id
        })
        .collect();
    world.work(&world.ben, "2026-11-24");
    world.read().await.unwrap();
    (world.guard, world.allowance) = (DeletionGuard::default(), None);
    for agent in &crowd {
        world.genesys.set_hidden(agent, true);
    }
    world.work(&world.ben, "2026-11-26");
    let before = world.genesys.requests().len();
    let refused = world.read().await;
    assert!(matches!(refused, Err(IngestError::Guard(_))), "{refused:?}");
    assert_eq!(histories(&world, before), 50);
    for agent in &crowd {
        assert_eq!(world.shifts_of(agent).await.len(), 1);
    }
}

#[tokio::test]
async fn who_moves_or_leaves_is_not_asked_about() {
    let world = World::new();
    world.usual_week();
    world.read().await.unwrap();
    world.genesys.move_agent(&world.anna, &world.outbound);
    world.genesys.leave(&world.ben);
    world.clock.pass(SignedDuration::from_mins(15));
    let before = world.genesys.requests().len();
    world.read().await.unwrap();
    assert_eq!(histories(&world, before), 0);
}

#[test]
fn a_documented_history_is_read() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = folder.join("examples/genesys/agent_schedule_history.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let example: serde_json::Value = serde_json::from_str(&text).unwrap();
    let history: History = serde_json::from_value(example["payload"].clone()).unwrap();
    assert_eq!(history.base_published_schedule.unwrap().shifts.len(), 1);
    assert_eq!(history.changes[0].deletes.as_ref().unwrap().shift_ids.len(), 1);
    let nulls = json!({ "basePublishedSchedule": null, "changes": null, "droppedChanges": null });
    assert!(serde_json::from_value::<History>(nulls).unwrap().changes.is_empty());
}
