//! The `shifts` commands, as an operator uses them.

use simulators::graph::Kind;
use simulators::graph::state::{Integration, Tracked, Who};

use super::plan::{Plan, at};
use super::setup::Setup;
use super::site::{CALLBACK_SECRET, MIRROR, Site};

/// The integrations of the tenant.
fn integrations(site: &Site) -> Vec<Integration> {
    site.graph.read(|state| state.integrations.values().cloned().collect())
}

/// The integrations that each team's schedule names.
fn named(site: &Site) -> Vec<Vec<String>> {
    let of = |team: &simulators::graph::state::Team| {
        team.schedule.as_ref().map(|it| it.integrations.clone()).unwrap_or_default()
    };
    site.graph.read(|state| state.teams.values().map(of).collect())
}

#[test]
fn a_mirror_is_registered_enabled_shown_and_disabled() {
    let mut site = Site::new(Setup::two_way(), Plan::usual());
    site.sync(&[]);
    let status = |site: &Site| site.run(&["shifts", "status", "--json"]).exits(0).json();
    assert_eq!(status(&site)["id"], serde_json::Value::Null);
    // Shifts asks whether we are there.
    let refused = site.run(&["shifts", "register"]).exits(1);
    refused.says("could not be connected").says("is `rotabridge serve` running");
    site.run(&["shifts", "status"]).exits(0).says("`rotabridge shifts register`");
    assert!(integrations(&site).is_empty());
    site.serve();
    site.run(&["shifts", "register"]).exits(0);
    let ours = integrations(&site);
    assert_eq!(ours.len(), 1);
    assert!(ours[0].is_active && ours[0].url.ends_with(&format!("/callbacks/{MIRROR}")));
    assert_eq!(ours[0].secret, CALLBACK_SECRET);
    let entities: Vec<&str> = ours[0].supported.iter().map(String::as_str).collect();
    let all = [
        "OfferShiftRequest",
        "OpenShift",
        "OpenShiftRequest",
        "Shift",
        "SwapRequest",
        "TimeOff",
        "TimeOffReason",
        "TimeOffRequest",
        "UserShiftPreferences",
    ];
    assert_eq!(entities, all);
    assert_eq!(ours[0].eligibility.len(), 3, "{:?}", ours[0].eligibility);
    assert!(named(&site).iter().all(Vec::is_empty), "nobody is asked yet");
    site.run(&["shifts", "enable"]).exits(0);
    assert_eq!(named(&site), vec![vec![ours[0].id.clone()]; 2]);
    let shown = status(&site);
    assert_eq!(shown["id"], ours[0].id.as_str(), "{shown}");
    let calls = shown["calendars"].as_array().unwrap();
    assert!(calls.len() == 2 && calls.iter().all(|it| it["calls_us"] == true), "{shown}");
    // Once more changes nothing.
    site.run(&["shifts", "register"]).exits(0);
    site.run(&["shifts", "enable"]).exits(0);
    assert_eq!(integrations(&site).len(), 1);
    let ward = site.team("Ward").to_owned();
    site.run(&["shifts", "disable", "--team", &ward]).exits(0);
    assert_eq!(named(&site).iter().filter(|it| it.is_empty()).count(), 1);
    site.run(&["shifts", "status"]).exits(0).says("`rotabridge shifts enable`");
    site.run(&["shifts", "disable", "--team", "nobody"]).exits(1).says("no such team");
    site.run(&["shifts", "disable"]).exits(0);
    assert!(named(&site).iter().all(Vec::is_empty));
    let shift = site.id(Kind::Shift, "anna", at(0, 5));
    let before = site.asked().len();
    site.when(site.manager("Ward").deletes(&shift)).unwrap();
    assert_eq!(site.asked().len(), before, "nobody is asked any more");
}

#[test]
fn a_team_without_a_schedule_is_named_and_not_passed_over() {
    let mut site = Site::new(Setup::two_way(), Plan::usual());
    site.sync(&[]);
    site.serve();
    site.run(&["shifts", "register"]).exits(0);
    let ward = site.team("Ward").to_owned();
    site.graph.update(|state| state.teams.get_mut(&ward).unwrap().schedule = None);
    let enabled = site.run(&["shifts", "enable"]).exits(0);
    enabled.says(&ward).says("`rotabridge sync` makes it");
    assert_eq!(named(&site).iter().filter(|it| it.len() == 1).count(), 1, "the other team's");
    site.graph.update(|state| state.teams.values_mut().for_each(|it| it.schedule = None));
    site.run(&["shifts", "enable"]).exits(3).says("`rotabridge sync` makes it");
}

#[test]
fn granting_without_a_manager_needs_somebody_in_whose_name() {
    let rules = "automatic = [\"open_shift_request\"]\n";
    let site = Site::new(Setup::two_way().rules(rules), Plan::usual());
    site.run(&["doctor"]).says("there is no `approver`");
    let approver = format!("kind = \"shifts\"\napprover = \"{}\"", site.user("mona"));
    site.world.edit("kind = \"shifts\"", &approver);
    let named = site.run(&["doctor"]);
    assert!(!named.stdout.contains("there is no `approver`"), "{}", named.stdout);
}

#[test]
fn the_integration_of_somebody_else_is_reported_and_not_replaced() {
    let mut site = Site::new(Setup::two_way(), Plan::usual());
    site.sync(&[]);
    let (now, team) = (site.graph.now(), site.team("Ward").to_owned());
    let tracked = Tracked {
        created_at: now,
        created_by: Who::System,
        modified_at: now,
        modified_by: Who::System,
        version: 0,
    };
    let other = Integration {
        id: "WFI_other".to_owned(),
        tenant: simulators::graph::TENANT.to_owned(),
        display_name: "Kronos".to_owned(),
        api_version: 1,
        is_active: false,
        url: "https://kronos.example/wfi".to_owned(),
        secret: CALLBACK_SECRET.chars().rev().collect(),
        supported: ["Shift".to_owned()].into(),
        eligibility: Default::default(),
        tracked,
    };
    site.graph.update(|state| {
        state.integrations.insert(other.id.clone(), other.clone());
        let schedule = state.teams.get_mut(&team).unwrap().schedule.as_mut().unwrap();
        schedule.integrations = vec![other.id.clone()];
    });
    site.serve();
    site.run(&["shifts", "register"]).exits(3);
    let enabled = site.run(&["shifts", "enable", "--json"]).exits(3);
    let shown = enabled.json();
    let calls = shown["calendars"].as_array().unwrap();
    let foreign = calls.iter().find(|it| it["calendar"] == team.as_str()).unwrap();
    assert_eq!(foreign["calls_us"], false, "{shown}");
    assert!(foreign["calls_other"].as_str().is_some_and(|it| it.contains("WFI_other")), "{shown}");
    assert_eq!(calls.iter().filter(|it| it["calls_us"] == true).count(), 1, "{shown}");
    site.run(&["shifts", "status"]).exits(3).says("not replaced");
    let first = |it: &Vec<String>| it.first().cloned();
    assert!(named(&site).iter().filter_map(first).any(|it| it == "WFI_other"));
    let there = integrations(&site);
    assert!(there.contains(&other), "{there:?}");
}

#[test]
fn while_secrets_rotate_both_are_accepted_and_no_other() {
    let site = Site::open(Setup::two_way(), Plan::usual());
    let old = integrations(&site)[0].clone();
    // A call that was sealed before, still on its way.
    let shift = site.id(Kind::Shift, "anna", at(0, 5));
    site.when(site.manager("Ward").deletes(&shift)).unwrap();
    let asked = site.asked();
    let sealed_with_old = asked.last().unwrap();
    site.run(&["shifts", "rotate-secret"]).exits(0);
    let new = integrations(&site)[0].clone();
    assert_eq!((new.id, &new.url, new.secret.len()), (old.id, &old.url, 64));
    assert_ne!(new.secret, old.secret);
    assert_eq!(site.world.read("callback-secret").trim(), new.secret);
    let caller = site.people.workforce().caller();
    let late = site.when(caller.repeat(sealed_with_old));
    assert_eq!(late, Some((200, sealed_with_old.answer.clone())));
    site.when(site.manager("Ward").shares(&shift)).unwrap();
    let third: String = CALLBACK_SECRET.chars().rev().collect();
    site.graph.update(|state| {
        state.integrations.values_mut().for_each(|it| it.secret.clone_from(&third));
    });
    let shift = site.id(Kind::Shift, "ben", at(0, 13));
    site.when(site.manager("Ward").deletes(&shift)).unwrap_err();
    assert_eq!(site.asked().last().unwrap().status, Some(401));
}
