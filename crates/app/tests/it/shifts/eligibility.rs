//! What people are shown to choose from, and calls that come too late.

use std::time::Duration;

use simulators::graph::Kind;

use super::plan::{Plan, at};
use super::setup::Setup;
use super::site::{Site, told};

/// Anna and Ben work on one day, Cleo and Dan are free, and Dan is away.
fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.shift("anna", "Ward", "Early", (0, 5, 13));
    plan.shift("ben", "Ward", "Late", (0, 15, 23));
    plan.shift("cleo", "Ward", "Early", (2, 5, 13));
    plan.away("dan", "Training", (0, 0, 24));
    plan
}

#[test]
fn only_shifts_that_could_be_had_are_shown_for_a_swap() {
    let site = Site::open(Setup::two_way(), plan());
    let own = site.id(Kind::Shift, "anna", at(0, 5));
    let [late, far] = [("ben", at(0, 15)), ("cleo", at(2, 5))]
        .map(|(who, start)| site.id(Kind::Shift, who, start));
    let anna = site.person("anna");
    let mut shown = site.when(anna.sees_swaps_for(&own, at(0, 0), at(3, 0))).unwrap();
    shown.sort();
    let mut both = vec![late.clone(), far];
    both.sort();
    assert_eq!(shown, both);
    // Within the hours that were asked for.
    assert_eq!(site.when(anna.sees_swaps_for(&own, at(0, 0), at(1, 0))).unwrap(), [late]);
}

#[test]
fn only_who_could_work_is_shown_for_an_offer() {
    let site = Site::open(Setup::two_way(), plan());
    let own = site.id(Kind::Shift, "anna", at(0, 5));
    let shown = site.when(site.person("anna").sees_takers_of(&own)).unwrap();
    // Ben works too soon after, Dan is away, and Mona is in no roster.
    assert_eq!(shown, [site.user("cleo")]);
}

#[test]
fn only_reasons_that_the_roster_knows_are_shown() {
    let site = Site::open(Setup::two_way(), plan());
    let shown = site.when(site.person("cleo").sees_reasons()).unwrap();
    assert_eq!(shown, [site.reason("Ward", "Training")]);
}

#[test]
fn a_call_that_comes_too_late_is_refused_and_changes_nothing() {
    let mut setup = Setup::two_way();
    // Less than the way back may take.
    setup.calls.deadline = Duration::from_secs(1);
    let site = Site::open(setup, plan());
    let writes = site.writes();
    let shift = site.id(Kind::Shift, "anna", at(0, 5));
    let manager = site.manager("Ward").speaking("de-DE");
    let message = told(site.when(manager.deletes(&shift)));
    assert!(message.contains("zu spät"), "{message}");
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}
