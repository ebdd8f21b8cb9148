//! A shift is given to somebody else in the plan: nobody sees anything wrong, and nothing twice,
//! whatever happens on the way.

use simulators::graph::{Fault, What};

use super::plan::Plan;
use super::setup::Setup;
use super::site::Site;

#[test]
fn a_shift_given_to_somebody_else_is_there_once_even_if_the_answer_was_lost() {
    let faults = [
        vec![],
        vec![Fault::on("POST").at("/shifts").times(1).then(What::ResetBefore)],
        vec![Fault::on("POST").at("/shifts").times(1).then(What::ResetAfterApply)],
        vec![Fault::on("POST").at("/shifts").skip(1).times(1).then(What::ResetBefore)],
        vec![Fault::on("POST").at("/shifts").skip(1).times(1).then(What::ResetAfterApply)],
        vec![Fault::on("POST").at("/shifts").skip(1).times(9).then(What::ResetAfterApply)],
    ];
    for (number, faults) in faults.into_iter().enumerate() {
        let mut site = Site::new(Setup::one_way(), Plan::usual());
        site.sync(&[]);
        site.shows_the_plan();
        site.plan.row("s2").employee = "ben".to_owned();
        site.save();
        site.graph.set_faults(faults);
        site.run(&["sync"]);
        site.graph.set_faults([]);
        site.sync(&[]);
        site.shows_the_plan();
        site.sync(&["--full"]);
        site.shows_the_plan();
        site.agrees();
        println!("{number} is fine");
    }
}
