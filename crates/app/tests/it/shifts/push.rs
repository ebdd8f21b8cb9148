//! What a WFM plans gets into Shifts: all of it, once, shared once per team.

use std::time::Duration;

use jiff::SignedDuration;
use simulators::graph::people::{NewShift, working};
use simulators::graph::{Fault, Kind, Provisioning, What};

use super::plan::{Plan, at};
use super::setup::Setup;
use super::site::Site;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Many shifts of the usual people, in days to come.
pub fn many(per_person: i64) -> Plan {
    let mut plan = Plan::default();
    let ward = ["anna", "ben", "cleo", "dan"].map(|who| (who, "Ward"));
    for (who, group) in ward.into_iter().chain(["eva", "finn", "gina"].map(|who| (who, "Desk"))) {
        for number in 0..per_person {
            plan.shift(
                who,
                group,
                "Work",
                (number % 12, 1 + 2 * (number / 12), 2 + 2 * (number / 12)),
            );
        }
    }
    plan
}

/// How often a schedule was shared, so far.
pub fn shares(site: &Site) -> usize {
    let all = site.graph.requests();
    all.iter().filter(|it| it.method == "POST" && it.target.ends_with("/schedule/share")).count()
}

#[test]
fn a_first_sync_shows_everything_and_a_second_writes_nothing() {
    let site = Site::new(Setup::one_way(), Plan::usual());
    let line = site.sync(&[]);
    assert_eq!(line["created"], site.plan.items(), "{line}");
    site.shows_the_plan();
    assert_eq!(shares(&site), 2, "one for each team");
    let writes = site.writes();
    site.sync(&[]);
    site.sync(&["--full"]);
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
    site.agrees();
}

#[test]
fn one_percent_of_changes_writes_exactly_those_and_shares_each_team_once() {
    let mut site = Site::new(Setup::one_way(), many(60));
    site.sync(&[]);
    site.shows_the_plan();
    let (writes, shared) = (site.writes(), shares(&site));
    site.plan.row("s3").end += HOUR;
    site.plan.row("s70").label = "Other".to_owned();
    site.plan.remove("s200");
    site.plan.shift("gina", "Desk", "Work", (13, 1, 9));
    site.save();
    let line = site.sync(&[]);
    let counts = crate::world::counts(&line);
    assert_eq!(counts[..3], [1, 2, 1], "{line}");
    assert_eq!(site.writes() - writes, 4 + 2, "{:#?}", site.last_requests());
    assert_eq!(shares(&site) - shared, 2);
    site.shows_the_plan();
    // Only one team changes: only it is shared.
    let (writes, shared) = (site.writes(), shares(&site));
    site.plan.row("s3").end -= HOUR;
    site.save();
    site.sync(&[]);
    assert_eq!((site.writes() - writes, shares(&site) - shared), (2, 1));
    site.shows_the_plan();
    site.agrees();
}

/// A site whose teams have all that the plan says already, and a shift of Anna's beside it, while
/// nothing is known of them.
fn with_existing(setup: Setup) -> Site {
    let mut plan = Plan::usual();
    let other = plan.shift("anna", "Ward", "Other", (9, 5, 13));
    let mut site = Site::new(setup, plan);
    site.sync(&[]);
    site.shows_the_plan();
    site.lose_store();
    site.plan.remove(&other);
    site.save();
    site
}

#[test]
fn what_a_team_has_already_is_adopted_and_others_are_reported() {
    let site = with_existing(Setup::one_way());
    let (writes, seen) = (site.writes(), site.seen());
    let line = site.sync(&[]);
    assert_eq!((&line["created"], &line["foreign"]), (&0.into(), &1.into()), "{line}");
    assert_eq!(line["adopted"], site.plan.items(), "{line}");
    let other = &line["others"][0];
    assert_eq!(other["id"], site.id(Kind::Shift, "anna", at(9, 5)).as_str(), "{line}");
    assert_eq!(other["calendar"], site.team("Ward"), "{line}");
    // Of what was found nobody knows whether it was shared.
    assert_eq!((site.writes() - writes, shares(&site)), (2, 4), "{:#?}", site.last_requests());
    assert_eq!(site.seen(), seen);
    let told = site.run(&["sync", "--full"]).exits(0);
    told.says("is not in the roster, and stays").says("existing = \"remove\"");
    assert_eq!(site.writes() - writes, 2, "{:#?}", site.last_requests());
}

#[test]
fn what_a_team_has_beside_the_roster_is_removed_where_the_operator_says_so() {
    let site = with_existing(Setup::one_way().keys("existing = \"remove\"\n"));
    let line = site.sync(&[]);
    assert_eq!((&line["created"], &line["deleted"]), (&0.into(), &1.into()), "{line}");
    site.shows_the_plan();
}

#[test]
fn who_moves_to_another_team_takes_their_shifts_along() {
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
    site.shows_the_plan();
    site.agrees();
}

#[test]
fn activities_that_overlap_are_split() {
    let mut plan = Plan::default();
    let shift = plan.shift("anna", "Ward", "Day", (0, 7, 15));
    plan.part(&shift, "Calls", true, (0, 7, 15));
    plan.part(&shift, "Lunch", false, (0, 11, 13));
    plan.part(&shift, "Coaching", true, (0, 12, 14));
    let site = Site::new(Setup::one_way(), plan);
    site.sync(&[]);
    let seen = site.seen();
    let parts: Vec<_> = seen[0].parts.iter().map(|it| (&*it.label, it.start, it.end)).collect();
    let expected = [("Calls", 7, 11), ("Lunch", 11, 12), ("Coaching", 12, 14), ("Calls", 14, 15)];
    assert_eq!(parts, expected.map(|(label, from, to)| (label, at(0, from), at(0, to))));
    let writes = site.writes();
    site.sync(&["--full"]);
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
}

#[test]
fn a_shift_that_is_too_long_or_too_short_is_reported_and_the_others_are_there() {
    let mut plan = Plan::usual();
    let long = plan.shift("anna", "Ward", "Long", (8, 5, 30));
    let short = plan.shift("ben", "Ward", "Short", (8, 5, 6));
    let row = plan.row(&short);
    row.end = row.start + SignedDuration::from_secs(59);
    let mut site = Site::new(Setup::one_way(), plan);
    let line = site.sync(&[]);
    let told = line["unmapped"].as_array().unwrap();
    assert_eq!(told.len(), 2, "{line}");
    assert!(told[0]["reason"].as_str().unwrap().contains("at most 24 hours"), "{line}");
    assert!(told[1]["reason"].as_str().unwrap().contains("at least a minute"), "{line}");
    site.plan.remove(&long);
    site.plan.remove(&short);
    site.shows_the_plan();
}

#[test]
fn who_is_no_member_of_the_team_is_reported() {
    let mut setup = Setup::one_way();
    setup.strangers.push("zoe".to_owned());
    let mut plan = Plan::usual();
    let shift = plan.shift("zoe", "Desk", "Work", (1, 5, 13));
    let mut site = Site::new(setup, plan);
    let run = site.run(&["sync", "--json"]);
    let line = run.json()["mirrors"][0].to_string();
    assert!(line.contains("member"), "{line}");
    assert!(line.contains("zoe") || line.contains(&shift), "{line}");
    site.plan.remove(&shift);
    site.shows_the_plan();
}

#[test]
fn a_schedule_is_made_and_what_nobody_decides_is_switched_off() {
    let made = |setup: Setup| {
        let site = Site::new(
            setup.graph(|it| it.provisioning = Provisioning::AfterReads(1)),
            Plan::usual(),
        );
        site.sync(&[]);
        site.shows_the_plan();
        let team = site.team("Ward").to_owned();
        site.graph.read(|state| state.teams[&team].schedule.clone().unwrap())
    };
    let schedule = made(Setup::one_way());
    assert_eq!((schedule.enabled, &*schedule.time_zone), (true, "Europe/Berlin"));
    let offered = [
        schedule.open_shifts_enabled,
        schedule.swap_shifts_requests_enabled,
        schedule.offer_shift_requests_enabled,
        schedule.time_off_requests_enabled,
    ];
    assert_eq!(offered, [true, false, false, false], "open shifts are there to be seen");
    let two_way = made(Setup::two_way().keys("directions = { swap_request = \"push\" }\n"));
    assert!(two_way.open_shifts_enabled && two_way.time_off_requests_enabled);
    assert!(!two_way.swap_shifts_requests_enabled);
}

#[test]
fn a_first_sync_that_is_killed_again_and_again_shows_everything_once() {
    let site = Site::new(Setup::one_way(), many(12));
    site.graph.set_faults([Fault::on_any().then(What::Delay(Duration::from_millis(4)))]);
    let mut kills = 0;
    for reached in [1, 9, 12, 15, 21, 34, 52, 71, 90] {
        let mut child = site.start(&["sync"]);
        super::site::until("a sync gets on", || {
            site.writes() >= reached || child.try_wait().unwrap().is_some()
        });
        kills += u32::from(child.try_wait().unwrap().is_none());
        // An error means that it ended in this very moment.
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(kills > 5, "{kills}");
    site.sync(&[]);
    site.shows_the_plan();
    site.agrees();
    let writes = site.writes();
    site.sync(&["--full"]);
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
}

#[test]
fn a_kill_between_writing_and_sharing_leaves_nothing_unpublished() {
    let site = Site::new(Setup::one_way(), Plan::usual());
    let slow = What::Delay(Duration::from_secs(60));
    for fault in [What::ResetBefore, slow] {
        site.graph.set_faults([Fault::on("POST").at("/share").then(fault)]);
        let before = shares(&site);
        let mut child = site.start(&["sync"]);
        super::site::until("a sync shares", || shares(&site) > before);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    site.graph.set_faults([]);
    site.sync(&[]);
    site.shows_the_plan();
    site.agrees();
}

#[test]
fn an_answer_that_is_lost_with_the_process_makes_nothing_twice() {
    let site = Site::new(Setup::one_way(), Plan::usual());
    for path in ["/shifts", "/openShifts", "/timesOff", "/schedulingGroups", "/timeOffReasons"] {
        let lost = What::LoseAnswerAfterApply;
        site.graph.set_faults([Fault::on("POST").at(path).times(1).then(lost)]);
        let seen = || {
            let all = site.graph.requests();
            all.iter().filter(|it| it.status.is_none()).count()
        };
        let before = seen();
        let mut child = site.start(&["sync"]);
        super::site::until("an answer is lost", || {
            seen() > before || child.try_wait().unwrap().is_some()
        });
        // An error means that it ended in this very moment.
        let _ = child.kill();
        child.wait().unwrap();
    }
    site.graph.set_faults([]);
    site.sync(&[]);
    site.shows_the_plan();
    site.agrees();
    let groups = site.graph.read(|state| {
        let groups = |it: &simulators::graph::state::Team| it.all(Kind::SchedulingGroup).count();
        state.teams.values().map(groups).collect::<Vec<_>>()
    });
    assert_eq!(groups, [1, 1]);
}

#[test]
fn what_somebody_made_in_a_team_that_does_not_call_us_is_told_of() {
    let site = Site::new(Setup::one_way(), Plan::usual());
    site.sync(&[]);
    let (user, group) = (site.user("dan").to_owned(), site.group("Ward"));
    let new = NewShift::of(&user, &group, working(at(9, 5), at(9, 13)));
    let made = site.when(site.manager("Ward").creates_shift(new)).unwrap();
    site.when(site.manager("Ward").shares(&made)).unwrap();
    let line = site.sync(&["--full"]);
    assert_eq!(line["foreign"], 1, "{line}");
}
