//! Our own callback endpoint is down: Shifts asks it before every write, also before our own.

use jiff::SignedDuration;

use super::plan::Plan;
use super::setup::Setup;
use super::site::Site;

#[test]
fn what_shifts_refuses_because_we_do_not_answer_is_written_when_we_do() {
    let mut site = Site::open(Setup::one_way(), Plan::usual());
    site.shows_the_plan();
    let before = site.seen();
    site.kill();
    site.plan.shift("anna", "Ward", "Night", (8, 1, 4));
    site.plan.row("s2").end += SignedDuration::from_hours(1);
    site.plan.remove("s7");
    site.save();
    // More often than a refusal may come before what is refused is set aside.
    for _ in 0..5 {
        site.run(&["sync"]);
    }
    assert_eq!(site.seen(), before, "nothing was taken");
    let quarantined = "SELECT id FROM ledger WHERE trouble IS NOT NULL";
    assert!(site.ask_store(quarantined).is_empty());
    site.serve();
    site.sync(&[]);
    site.shows_the_plan();
    site.agrees();
}
