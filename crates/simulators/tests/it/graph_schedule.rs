//! Schedules and what they hold: made, replaced, shared, deleted, listed.

use serde_json::json;
use simulators::graph::{Fault, Kind, Options, Provisioning, Unanswered, What};

use crate::world::World;

#[test]
fn a_schedule_takes_its_time_to_come() {
    let provisioning = Provisioning::AfterReads(1);
    let world = World::bare(Options { provisioning, quotas: None, ..Options::default() });
    assert_eq!(world.get("").status, 404);
    let body = json!({ "enabled": true, "timeZone": "Europe/Berlin" });
    assert_eq!(world.put("", &body).body["provisionStatus"], "NotStarted");
    assert_eq!(world.get("shifts").status, 409);
    assert_eq!(world.get("").body["provisionStatus"], "Running");
    assert_eq!(world.get("").body["provisionStatus"], "Completed");
    assert_eq!(world.get("timeOffReasons").ids().len(), 5);
}

#[test]
fn a_schedule_may_fail_to_come() {
    let provisioning = Provisioning::Fails("GroupNotSecurityEnabled".into());
    let world = World::bare(Options { provisioning, quotas: None, ..Options::default() });
    world.put("", &json!({ "enabled": true, "timeZone": "Europe/Berlin" }));
    world.get("");
    let failed = world.get("");
    assert_eq!(failed.body["provisionStatus"], "Failed");
    assert_eq!(failed.body["provisionStatusCode"], "GroupNotSecurityEnabled");
}

#[test]
fn a_draft_is_seen_by_employees_once_it_is_shared() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let made = world.post("shifts", &World::shift(&world.anna, &group, 24, "draftShift"));
    assert_eq!(made.status, 201);
    assert!(made.id().starts_with("SHFT_"));
    assert!(world.graph.seen_by_employees(&world.team).is_empty());
    assert_eq!(world.graph.seen_by_managers(&world.team).len(), 1);

    assert_eq!(world.share(25, 26).status, 204, "another day");
    assert!(world.graph.seen_by_employees(&world.team).is_empty());
    assert_eq!(world.share(24, 25).status, 204);
    let seen = world.graph.seen_by_employees(&world.team);
    assert_eq!((seen[0].kind, &seen[0].id), (Kind::Shift, &made.id()));
    let after = world.get(&format!("shifts/{}", made.id()));
    assert_eq!(after.body["draftShift"], json!(null));
    assert_ne!(after.body["@odata.etag"], made.body["@odata.etag"]);
    let told = world.graph.read(|state| state.notifications);
    assert_eq!((told.written, told.team, told.affected), (0, 0, 1));
}

#[test]
fn what_is_staged_goes_with_the_next_sharing() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let id = world.shared_shift(&world.anna, &group, 24);
    let staged = world.ask(
        "POST",
        &format!("teams/{}/schedule/shifts/{id}/stageForDeletion", world.team),
        None,
    );
    assert_eq!(staged.status, 204);
    assert_eq!(world.get(&format!("shifts/{id}")).body["isStagedForDeletion"], true);
    assert_eq!(world.graph.seen_by_employees(&world.team).len(), 1);
    assert!(world.graph.seen_by_managers(&world.team).is_empty());
    world.share(24, 25);
    assert!(world.graph.seen_by_employees(&world.team).is_empty());
    assert_eq!(world.get(&format!("shifts/{id}")).status, 404);
}

#[test]
fn put_replaces_all_and_makes_nothing() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let body = World::shift(&world.anna, &group, 24, "sharedShift");
    assert_eq!(world.put("shifts/SHFT_nobody", &body).status, 404);
    let id = world.shared_shift(&world.anna, &group, 24);
    let draft = World::shift(&world.anna, &group, 25, "draftShift");
    let target = format!("shifts/{id}");
    assert_eq!(world.put(&target, &draft).status, 204);
    assert_eq!(world.get(&target).body["sharedShift"], json!(null));
    let again = world.with("prefer", "return=representation").put(&target, &body);
    assert_eq!((again.status, again.id()), (200, id));
    let patched =
        world.ask("PATCH", &format!("teams/{}/schedule/{target}", world.team), Some(&body));
    assert_eq!((patched.status, patched.code()), (404, "UnknownError"));
}

#[test]
fn a_stale_etag_changes_nothing() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let target = format!("schedulingGroups/{group}");
    let etag = world.get(&target).body["@odata.etag"].as_str().unwrap().to_owned();
    let body = json!({ "displayName": "Nurses", "isActive": true, "userIds": [world.ben] });
    assert_eq!(world.with("if-match", &etag).put(&target, &body).status, 204);
    assert_eq!(world.with("if-match", &etag).put(&target, &body).status, 412);
}

#[test]
fn a_shift_must_fit_its_team_its_group_and_a_day() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let refused = |body: &serde_json::Value| {
        let answer = world.post("shifts", body);
        (answer.status, answer.message())
    };
    let stranger = World::shift(&world.graph.add_user("Stranger"), &group, 24, "draftShift");
    assert_eq!(refused(&stranger).1, "The user is not a member of the team.");
    let outside = World::shift(&world.ben, &group, 24, "draftShift");
    assert_eq!(refused(&outside).1, "The user is not in the scheduling group.");
    let mut long = World::shift(&world.anna, &group, 24, "draftShift");
    long["draftShift"]["endDateTime"] = json!("2026-11-25T08:00:01Z");
    assert_eq!(refused(&long).1, "A shift can't be longer than 24 hours.");
    long["draftShift"]["endDateTime"] = json!("2026-11-25T08:00:00Z");
    assert_eq!(refused(&long).0, 201);
    long["colour"] = json!("red");
    assert!(refused(&long).1.contains("'colour' does not exist"), "{:?}", refused(&long));
}

#[test]
fn groups_and_reasons_are_never_gone() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    assert_eq!(world.delete(&format!("schedulingGroups/{group}")).status, 204);
    let listed = world.get("schedulingGroups");
    assert_eq!(listed.body["value"][0]["isActive"], false);
    let reasons = world.get("timeOffReasons").ids();
    let answers = reasons.iter().map(|it| world.delete(&format!("timeOffReasons/{it}")).status);
    assert_eq!(answers.collect::<Vec<_>>(), [204, 204, 204, 204, 400], "one must stay");
}

#[test]
fn lists_take_the_documented_filters_only() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    for day in [24, 25, 26] {
        world.shared_shift(&world.anna, &group, day);
    }
    let list = |filter: &str| world.get(&format!("shifts?$filter={}", filter.replace(' ', "%20")));
    let from = "sharedShift/startDateTime ge 2026-11-25T00:00:00Z";
    assert_eq!(list(from).ids().len(), 2);
    let day = format!("{from} and sharedShift/endDateTime le 2026-11-26T00:00:00Z");
    assert_eq!(list(&day).ids().len(), 1);
    assert_eq!(list(&format!("{from} and {from}")).status, 400);
    let strange = list("createdDateTime ge 2026-11-25T00:00:00Z");
    let text = "The entity property 'createdDateTime' is not allowed in $filter query.";
    assert_eq!((strange.status, strange.message().as_str()), (400, text));
}

#[test]
fn pages_hold_everything_once_though_things_go_meanwhile() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let mut all: Vec<_> =
        (20..30).map(|day| world.shared_shift(&world.anna, &group, day)).collect();
    all.sort_unstable();
    let first = world.get("shifts?$top=4");
    world.delete(&format!("shifts/{}", first.ids()[0]));
    let mut found = first.ids();
    let mut next = first.body["@odata.nextLink"].as_str().map(String::from);
    while let Some(link) = next {
        let page =
            world.ask("GET", link.strip_prefix("https://graph.microsoft.com").unwrap(), None);
        found.extend(page.ids());
        next = page.body["@odata.nextLink"].as_str().map(String::from);
    }
    assert_eq!(found, all);
}

#[test]
fn an_answer_may_be_lost_after_the_shift_was_made() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    world.graph.set_faults([Fault::on("POST").at("/shifts").times(1).then(What::ResetAfterApply)]);
    let body = World::shift(&world.anna, &group, 24, "draftShift");
    let target = format!("/v1.0/teams/{}/schedule/shifts", world.team);
    let lost = world.try_ask("POST", &target, Some(&body));
    assert_eq!(lost.err(), Some(Unanswered::Reset));
    assert_eq!(world.graph.seen_by_managers(&world.team).len(), 1);
    assert_eq!(world.post("shifts", &body).status, 201);
    assert_eq!(world.graph.seen_by_managers(&world.team).len(), 2, "nothing says it is the same");
    let statuses: Vec<_> =
        world.graph.requests().iter().rev().take(2).map(|it| it.status).collect();
    assert_eq!(statuses, [Some(201), None]);
}

#[test]
fn later_themes_are_shown_to_those_who_ask() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna]);
    let mut body = World::shift(&world.anna, &group, 24, "sharedShift");
    body["sharedShift"]["theme"] = json!("lavender");
    let id = world.post("shifts", &body).id();
    let target = format!("shifts/{id}");
    assert_eq!(world.get(&target).body["sharedShift"]["theme"], "unknownFutureValue");
    let asked = world.with("prefer", "include-unknown-enum-members").get(&target);
    assert_eq!(asked.body["sharedShift"]["theme"], "lavender");
}
