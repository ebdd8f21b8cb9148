//! The pains of existing connectors (`shifts.md` §4, "Top pains"), each shown to be absent here.
//!
//! Number 6, requests made in the WFM that do not appear in Teams: what came of them does. While
//! they wait they stay where they were made, as what people ask for in Shifts ends in Shifts.

use jiff::SignedDuration;
use simulators::graph::people::{NewShift, working};
use simulators::graph::state::Team;
use simulators::graph::{Fault, Kind, What};

use super::plan::{Plan, at};
use super::push::{many, shares};
use super::setup::Setup;
use super::site::{Site, told};

const RULES: &str = "rest_min = \"0s\"\n";

fn two_way(rules: &str) -> Site {
    let mut plan = Plan::usual();
    plan.open("Ward", "Spare", 1, (7, 5, 13));
    plan.away("dan", "Vacation", (12, 0, 24));
    Site::open(Setup::two_way().rules(rules), plan)
}

fn pending(site: &Site) -> usize {
    site.ask_store("SELECT remote_id FROM request WHERE pending = 1").len()
}

#[test]
fn pain_01_nobody_is_notified_of_every_single_entity() {
    let mut site = Site::new(Setup::one_way(), Plan::usual());
    site.sync(&[]);
    site.plan.row("s1").end += SignedDuration::from_hours(1);
    site.plan.row("s2").label = "Other".to_owned();
    site.save();
    site.sync(&[]);
    let told = site.graph.read(|state| state.notifications);
    assert_eq!((told.written, told.team), (0, 0), "drafts, shared quietly: {told:?}");
    // All seven at first, and then Anna.
    assert_eq!(told.affected, 7 + 1);
}

#[test]
fn pain_02_time_off_that_is_deleted_in_the_wfm_is_gone_in_teams() {
    let mut site = Site::new(Setup::one_way(), Plan::usual());
    site.sync(&[]);
    let absences = |it: &Site| it.seen().iter().filter(|it| it.kind == "time off").count();
    assert_eq!(absences(&site), 2);
    site.plan.rows.retain(|it| it.employee != "anna" || !it.label.is_empty());
    site.save();
    site.sync(&[]);
    assert_eq!(absences(&site), 1);
    site.shows_the_plan();
}

#[test]
fn pain_03_a_claim_that_is_taken_back_is_taken_back_in_the_record() {
    let site = two_way(RULES);
    let open = site.id(Kind::OpenShift, "Ward", at(7, 5));
    let request = site.when(site.person("anna").claims(&open)).unwrap();
    assert_eq!(pending(&site), 1);
    site.when(site.person("anna").cancels(&request)).unwrap();
    assert_eq!(pending(&site), 0);
}

#[test]
fn pain_04_a_swap_that_is_taken_back_is_taken_back_in_the_record() {
    let site = two_way(RULES);
    let own = site.id(Kind::Shift, "anna", at(0, 5));
    let other = site.id(Kind::Shift, "ben", at(0, 13));
    let request = site.when(site.person("anna").asks_to_swap(&own, &other)).unwrap();
    assert_eq!(pending(&site), 1);
    site.when(site.person("anna").cancels(&request)).unwrap();
    assert_eq!(pending(&site), 0);
    site.shows_the_plan();
}

#[test]
fn pain_05_a_request_for_time_off_that_is_taken_back_is_taken_back_in_the_record() {
    let site = two_way(RULES);
    let reason = site.reason("Ward", "Vacation");
    let cleo = site.person("cleo");
    let request = site.when(cleo.asks_for_time_off(&reason, at(9, 0), at(9, 24))).unwrap();
    assert_eq!(pending(&site), 1);
    site.when(site.person("cleo").cancels(&request)).unwrap();
    assert_eq!(pending(&site), 0);
    site.shows_the_plan();
}

#[test]
fn pain_06_what_was_asked_for_and_granted_in_the_wfm_is_shown_as_granted() {
    let mut site = Site::new(Setup::one_way(), Plan::usual());
    site.sync(&[]);
    // Two people swapped there, and one got a day off.
    let of = |who: &str| {
        let works = |it: &&super::plan::Row| it.employee == who && !it.label.is_empty();
        site.plan.rows.iter().find(works).unwrap().id.clone()
    };
    let [annas, bens] = ["anna", "ben"].map(of);
    "ben".clone_into(&mut site.plan.row(&annas).employee);
    "anna".clone_into(&mut site.plan.row(&bens).employee);
    site.plan.away("cleo", "Vacation", (20, 0, 24));
    site.save();
    site.sync(&[]);
    site.shows_the_plan();
    let requests = site.graph.read(|state| {
        let requests = [Kind::SwapRequest, Kind::OfferRequest, Kind::TimeOffRequest];
        state.teams.values().map(|it| requests.map(|kind| it.all(kind).count())).collect::<Vec<_>>()
    });
    assert!(requests.iter().flatten().all(|it| *it == 0), "nobody is asked again: {requests:?}");
}

#[test]
fn pain_07_an_approved_claim_makes_one_shift() {
    let site = two_way(RULES);
    let writes = site.writes();
    let open = site.id(Kind::OpenShift, "Ward", at(7, 5));
    let request = site.when(site.person("anna").claims(&open)).unwrap();
    site.when(site.manager("Ward").approves(&request)).unwrap();
    // Also by a sync that comes before Shifts can be thought to have made it, and after.
    site.agrees_without_writing_since(writes);
    let made = site.seen();
    let made = made.iter().filter(|it| it.who == "anna" && it.start == at(7, 5));
    assert_eq!(made.count(), 1);
}

#[test]
fn pain_08_an_open_shift_is_found_and_one_that_is_gone_is_said_to_be() {
    let site = two_way(RULES);
    // Made a moment ago in Shifts: no sync has seen it.
    let item = working(at(8, 5), at(8, 13));
    let (manager, group) = (site.manager("Ward"), site.group("Ward"));
    let open = site.when(manager.creates_open_shift(&group, item, 1)).unwrap();
    site.when(manager.shares(&open)).unwrap();
    let first = site.when(site.person("anna").claims(&open)).unwrap();
    site.when(manager.approves(&first)).unwrap();
    // Nothing of it is left: whoever sees it still is told so in words.
    let id = site.id(Kind::OpenShift, "Ward", at(7, 5));
    site.when(manager.deletes(&id)).unwrap();
    let message = told(site.when(site.person("ben").claims(&id)));
    assert!(!message.contains("WorkforceIntegrationError") && message.ends_with('.'), "{message}");
    assert!(message.contains("open shift") || message.contains("schedul"), "{message}");
}

#[test]
fn pain_09_nobody_is_named_in_a_header_unless_the_operator_wants_it() {
    for wanted in [false, true] {
        let site = Site::new(Setup::one_way(), Plan::usual());
        if wanted {
            let acts_as = format!("kind = \"shifts\"\nacts_as = \"{}\"", site.user("mona"));
            site.world.edit("kind = \"shifts\"", &acts_as);
        }
        site.sync(&[]);
        site.shows_the_plan();
        let requests = site.graph.requests();
        let schedule = requests.iter().filter(|it| it.team.is_some() && !it.in_batch);
        assert!(schedule.clone().count() > 7);
        assert!(schedule.clone().all(|it| it.acts_as == wanted), "{requests:#?}");
    }
}

#[test]
fn pain_10_what_graph_says_in_riddles_is_told_with_the_team_and_the_step() {
    let site = Site::new(Setup::one_way(), Plan::usual());
    let team = site.team("Ward").to_owned();
    site.graph.remove_team(&team);
    let line = site.sync_exits(3, &[]);
    let problem = &line["problems"][0];
    let reason = problem["reason"].as_str().unwrap();
    assert!(reason.contains(&team) && reason.contains("404"), "{line}");
    let desk: Vec<_> = site.planned().into_iter().filter(|it| it.team == "Desk").collect();
    assert_eq!(site.seen(), desk, "the other team is not held up");
}

#[test]
fn pain_11_more_than_a_page_is_read_to_the_end() {
    let site = Site::new(Setup::one_way().graph(|it| it.page_size = 20), many(40));
    site.sync(&[]);
    let writes = site.writes();
    assert_eq!(site.sync(&["--full"])["unchanged"], site.plan.items());
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
    site.lose_store();
    let line = site.sync(&[]);
    let found = (&line["created"], &line["adopted"], &line["foreign"]);
    assert_eq!(found, (&0.into(), &site.plan.items().into(), &0.into()), "{line}");
    site.shows_the_plan();
}

#[test]
fn pain_12_nothing_stays_behind_in_the_team_that_somebody_left() {
    let mut site = Site::new(Setup::one_way(), Plan::usual());
    site.sync(&[]);
    site.moves("anna", "Desk");
    for row in site.plan.rows.iter_mut().filter(|it| it.employee == "anna") {
        if !row.group.is_empty() {
            "Desk".clone_into(&mut row.group);
        }
    }
    site.save();
    site.sync(&[]);
    let left = site.seen();
    assert!(!left.iter().any(|it| it.team == "Ward" && it.who == "anna"), "{left:#?}");
    site.shows_the_plan();
}

#[test]
fn pain_13_midnights_and_seconds_are_kept_in_every_zone() {
    let mut plan = Plan::default();
    // Midnight in Berlin, in UTC, and in New York; winter and summer time alike are instants.
    for (who, hour) in [("anna", 23), ("ben", 24), ("cleo", 29)] {
        plan.shift(who, "Ward", "Night", (0, hour, hour + 8));
        plan.open("Ward", "Night", 1, (2, hour, hour + 8));
        let id = plan.away(who, "Training", (4, hour, hour + 24));
        plan.row(&id).start += SignedDuration::from_secs(61);
        let id = plan.shift(who, "Ward", "Odd", (7, 5, 13));
        plan.row(&id).end += SignedDuration::from_secs(59);
    }
    // Midnight on a Friday in each zone, of a team that lives there.
    for (who, hour) in [("finn", 24 + 5), ("gina", 24 + 23)] {
        plan.shift(who, "Desk", "Night", (9, hour, hour + 8));
        plan.away(who, "Training", (8, hour, hour + 24));
    }
    let site = Site::new(Setup::one_way(), plan);
    let (ward, desk) = (site.team("Ward").to_owned(), site.team("Desk").to_owned());
    for (team, zone) in [(&ward, "Europe/Berlin"), (&desk, "America/New_York")] {
        let plain = format!("team_id = \"{team}\" }}");
        let zoned = format!("team_id = \"{team}\", time_zone = \"{zone}\" }}");
        site.world.edit(&plain, &zoned);
    }
    site.sync(&[]);
    site.shows_the_plan();
    let zone = |team: &str| {
        site.graph.read(|state| state.teams[team].schedule.as_ref().unwrap().time_zone.clone())
    };
    assert_eq!((&*zone(&ward), &*zone(&desk)), ("Europe/Berlin", "America/New_York"));
    let writes = site.writes();
    site.sync(&["--full"]);
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
}

#[test]
fn pain_14_a_shift_that_was_swapped_is_swapped_again() {
    let mut site = two_way(RULES);
    let writes = site.writes();
    for (asks, (own, from), (other, to)) in
        [("anna", ("anna", 5), ("ben", 13)), ("ben", ("ben", 5), ("anna", 13))]
    {
        let own = site.id(Kind::Shift, own, at(0, from));
        let other = site.id(Kind::Shift, other, at(0, to));
        let request = site.when(site.person(asks).asks_to_swap(&own, &other)).unwrap();
        site.when(site.manager("Ward").approves(&request)).unwrap();
    }
    // Twice is as it was.
    site.shows_the_plan();
    let third = site.id(Kind::Shift, "cleo", at(0, 5));
    let own = site.id(Kind::Shift, "ben", at(0, 13));
    let request = site.when(site.person("ben").asks_to_swap(&own, &third)).unwrap();
    site.when(site.manager("Ward").approves(&request)).unwrap();
    "cleo".clone_into(&mut site.plan.row("s4").employee);
    "ben".clone_into(&mut site.plan.row("s7").employee);
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn pain_15_a_token_that_ends_in_the_middle_holds_nothing_up() {
    let site = Site::new(Setup::one_way(), many(12));
    let refused = What::refusal(401, "InvalidAuthenticationToken");
    let fault = Fault::on("POST").at("/shifts").skip(20).times(1).then(refused);
    site.graph.set_faults([fault]);
    site.sync(&[]);
    site.shows_the_plan();
    assert!(site.graph.counts().tokens > 1);
}

#[test]
fn pain_15_who_is_in_no_team_is_named_and_not_skipped_in_silence() {
    let mut setup = Setup::one_way();
    setup.strangers.push("zoe".to_owned());
    let mut plan = Plan::usual();
    plan.shift("zoe", "Desk", "Work", (1, 5, 13));
    let site = Site::new(setup, plan);
    let line = site.run(&["sync", "--json"]).json()["mirrors"][0].clone();
    let told = format!("{}{}", line["unmapped"], line["problems"]);
    assert!(told.contains("member of the team"), "{line}");
}

#[test]
fn pain_15_too_few_days_off_are_said_in_days() {
    let rules = "rest_min = \"0s\"\ntime_off = { Vacation = { days_per_year = 2 } }\n";
    let site = two_way(rules);
    let reason = site.reason("Ward", "Vacation");
    let cleo = site.person("cleo").speaking("de-DE");
    let message = told(site.when(cleo.asks_for_time_off(&reason, at(8, 0), at(12, 0))));
    assert!(message.contains("Vacation") && message.contains("übrig: 2"), "{message}");
}

#[test]
fn pain_15_a_team_that_has_a_schedule_already_does_not_end_with_duplicates() {
    let site = Site::new(Setup::one_way(), Plan::usual());
    site.sync(&[]);
    site.lose_store();
    let (shared, before) = (shares(&site), site.seen());
    let line = site.sync(&[]);
    assert_eq!((&line["created"], &line["updated"]), (&0.into(), &0.into()), "{line}");
    assert!(shares(&site) - shared <= 2);
    assert_eq!(site.seen(), before);
}

#[test]
fn pain_15_more_than_a_hundred_teams_are_kept() {
    let mut setup = Setup::one_way();
    let mut plan = Plan::default();
    setup.people = (0..110).map(|it| (format!("p{it:03}"), format!("Team {it:03}"))).collect();
    for (who, group) in &setup.people {
        plan.shift(who, group, "Work", (1, 5, 13));
    }
    let site = Site::new(setup, plan);
    site.sync(&[]);
    site.shows_the_plan();
    let teams = |state: &simulators::graph::state::State| {
        let shifts = |it: &Team| it.all(Kind::Shift).count();
        state.teams.values().map(shifts).collect::<Vec<_>>()
    };
    assert_eq!(site.graph.read(teams), vec![1; 110]);
}

#[test]
fn a_shift_that_would_break_a_rule_is_refused_with_the_rule() {
    let site = two_way("");
    let (user, group) = (site.user("anna").to_owned(), site.group("Ward"));
    let make = |from: i64, to: i64| {
        let new = NewShift::of(&user, &group, working(at(0, from), at(0, to)));
        told(site.when(site.manager("Ward").creates_shift(new)))
    };
    assert!(make(8, 10).contains("overlaps other work"));
    assert!(make(15, 20).contains("11"), "eleven hours of rest");
}
