//! `kill -9` of the serving process while it decides: whether it got there or not, what is asked
//! again is decided once and happens once.

use std::time::Duration;

use simulators::graph::Kind;
use simulators::graph::integration::Mishap;
use simulators::graph::people::{NewShift, NotDone, working};

use super::plan::{Plan, at};
use super::setup::Setup;
use super::site::Site;

/// Moments after a call was sent, in milliseconds: before it is read, while it is decided, when
/// it is durable, and when it is answered.
const MOMENTS: [u64; 8] = [0, 1, 2, 3, 5, 8, 13, 30];

/// Acts without waiting for the answer, kills the process a moment later, and acts again when
/// there is another.
fn killed<T>(site: &mut Site, moment: u64, act: impl AsyncFn(&Site) -> Result<T, NotDone>) -> T {
    site.mishaps([Mishap::StopsWaiting]);
    assert!(site.when(act(site)).is_err(), "nobody waited for the answer");
    // Not for luck: all moments are tried, and any may be too early or too late.
    std::thread::sleep(Duration::from_millis(moment));
    site.kill();
    site.serve();
    site.when(act(site)).unwrap()
}

#[test]
fn a_kill_at_any_moment_of_a_decision_leaves_one_shift() {
    let mut site = Site::open(Setup::two_way().retries(0), Plan::usual());
    let writes = site.writes();
    let (user, group) = (site.user("dan").to_owned(), site.group("Ward"));
    for (day, moment) in (5..).zip(MOMENTS) {
        let new = NewShift::of(&user, &group, working(at(day, 5), at(day, 13)));
        let make = async |it: &Site| it.manager("Ward").creates_shift(new.clone()).await;
        let made = killed(&mut site, moment, make);
        site.when(site.manager("Ward").shares(&made)).unwrap();
        site.plan.shift("dan", "Ward", "", (day, 5, 13));
    }
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn a_kill_at_any_moment_of_an_approval_swaps_once() {
    let mut plan = Plan::default();
    for day in 0..8 {
        plan.shift("anna", "Ward", "Early", (day, 5, 13));
        plan.shift("ben", "Ward", "Late", (day, 13, 21));
    }
    let setup = Setup::two_way().retries(0).rules("rest_min = \"0s\"");
    let mut site = Site::open(setup, plan);
    let writes = site.writes();
    for (day, moment) in (0..).zip(MOMENTS) {
        let own = site.id(Kind::Shift, "anna", at(day, 5));
        let other = site.id(Kind::Shift, "ben", at(day, 13));
        let request = site.when(site.person("anna").asks_to_swap(&own, &other)).unwrap();
        let approve = async |it: &Site| it.manager("Ward").approves(&request).await;
        killed(&mut site, moment, approve);
        let rows = &mut site.plan.rows;
        let day = usize::try_from(day).unwrap();
        "ben".clone_into(&mut rows[2 * day].employee);
        "anna".clone_into(&mut rows[2 * day + 1].employee);
    }
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn a_claim_that_is_granted_by_itself_is_approved_in_shifts_once_whoever_is_killed() {
    let mut plan = Plan::usual();
    plan.open("Ward", "Spare", 1, (7, 5, 13));
    let rules = "automatic = [\"open_shift_request\"]\n";
    let mut site = Site::new(Setup::two_way().retries(0).rules(rules), plan);
    let approver = format!("kind = \"shifts\"\napprover = \"{}\"", site.user("mona"));
    site.world.edit("kind = \"shifts\"", &approver);
    site.sync(&[]);
    site.serve();
    site.register();
    let open = site.id(Kind::OpenShift, "Ward", at(7, 5));
    site.when(site.person("dan").claims(&open)).unwrap();
    site.kill();
    site.serve();
    super::site::until("the claim is approved", || {
        site.seen().iter().any(|it| it.who == "dan" && it.start == at(7, 5))
    });
    let last = site.plan.rows.last().unwrap().id.clone();
    site.plan.remove(&last);
    site.plan.shift("dan", "Ward", "Spare", (7, 5, 13));
    site.shows_the_plan();
    site.looks_at_everything();
    site.agrees();
}
