//! Two processes at once on one store and one server: nothing is ever there twice, and each of
//! them ends well or says that another one is at work.

use std::sync::Arc;
use std::time::Duration;

use simulators::caldav::{CaldavServer, Fault, Options, What};

use super::chance::Dice;
use super::database::Database;
use super::reader::{assert_same, counted};
use super::roster::Roster;
use super::ward::{Ward, assert_writes};
use super::watch::{self, Watcher};
use crate::world::{Run, World};

const ROUNDS: usize = 6;

#[test]
fn two_processes_with_one_file_store_write_nothing_twice() {
    let Some(roster) = Roster::inrc2() else { return };
    check(roster, |_| {});
}

#[test]
fn two_processes_with_one_postgresql_store_write_nothing_twice() {
    let (Some(database), Some(roster)) = (Database::fresh(), Roster::inrc2()) else { return };
    check(roster, |world| database.write_into(world));
}

fn check(roster: Roster, edit: impl FnOnce(&World)) {
    let server = CaldavServer::start(Options { log: false, ..Options::default() }).unwrap();
    server.set_faults([Fault::on_any().then(What::Delay(Duration::from_millis(3)))]);
    let server = Arc::new(server);
    let mut ward = Ward::new(&server.url(), roster.only("n012w8/Solution_H_2"), "");
    edit(&ward.world);
    let employees = ward.roster.employees();
    let watcher = Watcher::start(watch::played(&server, &employees));
    let mut dice = Dice::new(7);
    for round in 0..ROUNDS {
        if round > 0 {
            ward.roster.change(&mut dice, 10);
            ward.save();
        }
        let wanted = ward.wanted();
        watcher.allow(&wanted);
        both(&ward, dice.wait(Duration::from_millis(150)));
        settle(&ward);
        let events = watch::played(&server, &employees)();
        assert_same(&counted(events.into_iter().map(|it| it.look)), &wanted);
        watcher.allow_only(&wanted);
        assert_eq!(watcher.complaint(), None, "round {round}");
    }
    println!("{:?}", watcher.stop());
}

/// Two at once, the second a moment later.
#[track_caller]
fn both(ward: &Ward, later: Duration) {
    let first = ward.start();
    std::thread::sleep(later);
    let second = ward.start();
    for child in [first, second] {
        let run = Run::of(child.wait_with_output().unwrap());
        assert!([0, 3].contains(&run.code), "{}\n{}\n{}", run.code, run.stdout, run.stderr);
        let line = &run.json()["mirrors"][0];
        assert_eq!(line["failed"], 0, "{line}");
    }
}

/// One alone ends well at once; after that nothing is left to do.
#[track_caller]
fn settle(ward: &Ward) {
    ward.sync(&[]);
    let none = super::roster::Writes { created: 0, updated: 0, deleted: 0 };
    assert_writes(&ward.sync(&["--full"]), none);
}
