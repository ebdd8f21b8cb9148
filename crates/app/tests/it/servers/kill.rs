//! `kill -9` at random moments: nothing is lost, nothing is there twice at any moment, and what
//! comes after needs no help.
//!
//! A trial goes on where the last one ended, on one store and one set of calendars. Moments are
//! spread over the requests that a run would send, not over its time, so that a slow machine tries
//! the same ones: the process is let go on until so many requests reached the server, and then for
//! a moment more. A run that ends before its moment is no kill; it must have ended well.

use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use simulators::caldav::{CaldavServer, Fault, Options, What};

use super::chance::Dice;
use super::database::Database;
use super::host::Host;
use super::reader::{Look, assert_same, counted};
use super::roster::Roster;
use super::ward::Ward;
use super::watch::{self, Watcher};
use crate::world::{Run, World, counts};

/// How long a played server takes for a request: so that there is something to interrupt.
const DELAY: Duration = Duration::from_millis(4);
/// About as long as a process takes until its first request.
const STARTING: Duration = Duration::from_millis(300);
/// How long a process may go on after its last request.
const PAUSE_MAX: Duration = Duration::from_millis(6);
const POLL: Duration = Duration::from_micros(300);
/// A run that sends nothing for so long hangs.
const POLLS_MAX: u32 = 200_000;

/// How many kills, in which parts.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub kills_first: usize,
    pub kills_changing: usize,
    /// Requests after which a process is killed, at most.
    pub requests_max: usize,
    /// Shifts for each kind of change.
    pub changes: usize,
}

/// What the trials did.
#[derive(Debug, Default)]
pub struct Tally {
    kills: usize,
    /// Runs that ended before their moment came.
    ended: usize,
}

/// One ward under trial.
pub struct Trial<'a> {
    pub ward: Ward,
    pub plan: Plan,
    pub dice: Dice,
    pub watcher: Watcher,
    /// How many requests reached the server so far.
    pub reached: &'a dyn Fn() -> u64,
    /// Everything that is there, as it looks.
    pub look: &'a dyn Fn() -> Vec<Look>,
    pub tally: Tally,
}

impl Trial<'_> {
    /// Kills a first sync, then changing ones, and lets each part end well.
    pub fn run(mut self) {
        let Plan { kills_first, kills_changing, changes, .. } = self.plan;
        self.watcher.allow(&self.ward.wanted());
        while self.tally.kills < kills_first {
            assert!(!self.round(), "the first sync ended after {:?}", self.tally);
        }
        self.finish();
        while self.tally.kills < kills_first + kills_changing {
            self.ward.roster.change(&mut self.dice, changes);
            self.ward.save();
            self.watcher.allow(&self.ward.wanted());
            // Sometimes news come before the old ones are out; sometimes they are out first.
            for _ in 0..3 {
                if self.tally.kills == kills_first + kills_changing || self.round() {
                    break;
                }
            }
        }
        self.finish();
        let readings = self.watcher.stop();
        println!("{:?}, {readings:?}", self.tally);
        assert!(readings.times > kills_first + kills_changing, "{readings:?}");
    }

    /// Starts a sync and kills it, if it lives until then. Whether it had ended.
    fn round(&mut self) -> bool {
        let seen = (self.reached)();
        // One in six is killed early, wherever it is: while the store opens or the file is read.
        let (requests_max, pause_max) = match self.dice.below(6) {
            0 => (1, STARTING),
            _ => (self.plan.requests_max, PAUSE_MAX),
        };
        let until = seen + self.dice.below(requests_max) as u64;
        let pause = self.dice.wait(pause_max);
        let mut child = self.ward.start();
        let mut polls = 0;
        while (self.reached)() < until && alive(&mut child) {
            polls += 1;
            assert!(polls < POLLS_MAX, "no request for a long time");
            std::thread::sleep(POLL);
        }
        std::thread::sleep(pause);
        let ended = !alive(&mut child);
        // SIGKILL; an error means that it ended in this very moment.
        let _ = child.kill();
        let run = child.wait_with_output().unwrap();
        assert_eq!(self.watcher.complaint(), None, "seed {}, {:?}", self.plan.seed, self.tally);
        if ended {
            self.tally.ended += 1;
            ended_well(run.status, &Run::of(run));
        } else {
            self.tally.kills += 1;
        }
        ended
    }

    /// A last sync, after which everything is as the roster says, and known to be so.
    fn finish(&mut self) {
        let line = self.ward.sync(&[]);
        assert_eq!((&line["failed"], &line["foreign"]), (&0.into(), &0.into()), "{line}");
        assert_eq!(line["quarantined"], 0, "{line}");
        let wanted = self.ward.wanted();
        assert_same(&counted((self.look)().into_iter()), &wanted);
        self.watcher.allow_only(&wanted);
        assert_eq!(self.ward.sync(&["--full"])["unchanged"], self.ward.roster.rows.len());
    }
}

fn alive(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}

/// A process that lived to its end said that all is well.
#[track_caller]
fn ended_well(status: ExitStatus, run: &Run) {
    assert!(status.success(), "{status}\n{}\n{}", run.stdout, run.stderr);
    let line = run.json()["mirrors"][0].clone();
    assert_eq!(counts(&line)[4], 0, "{line}");
}

/// The played server, a little slow.
fn slow_server() -> Arc<CaldavServer> {
    let server = CaldavServer::start(Options { log: false, ..Options::default() }).unwrap();
    server.set_faults([Fault::on_any().then(What::Delay(DELAY))]);
    Arc::new(server)
}

/// All of it on the played server, with the store that `edit` sets up.
fn on_played_server(roster: Roster, plan: Plan, edit: impl FnOnce(&World)) {
    let server = slow_server();
    let ward = Ward::new(&server.url(), roster, "");
    edit(&ward.world);
    let employees = ward.roster.employees();
    let read = || watch::played(&server, &employees);
    let watcher = Watcher::start(read());
    let reached = || server.count_all();
    let look = || read()().into_iter().map(|event| event.look).collect();
    Trial {
        ward,
        plan,
        dice: Dice::new(plan.seed),
        watcher,
        reached: &reached,
        look: &look,
        tally: Tally::default(),
    }
    .run();
}

#[test]
fn fifty_kills_leave_nothing_undone_and_nothing_twice() {
    let Some(roster) = Roster::inrc2() else { return };
    let plan =
        Plan { seed: 2, kills_first: 25, kills_changing: 25, requests_max: 110, changes: 30 };
    on_played_server(roster, plan, |_| {});
}

#[test]
fn kills_leave_nothing_undone_with_a_postgresql_store() {
    let Some(database) = Database::fresh() else { return };
    let Some(roster) = Roster::inrc2() else { return };
    let roster = roster.only("n012w8/Solution_H_0");
    let plan = Plan { seed: 3, kills_first: 8, kills_changing: 8, requests_max: 70, changes: 10 };
    on_played_server(roster, plan, |world| database.write_into(world));
}

#[test]
fn kills_leave_nothing_undone_on_radicale() {
    let (Some(host), Some(roster)) = (Host::radicale(), Roster::inrc2()) else { return };
    let ward = Ward::on(&host.url(), roster.only("n012w8/Solution_H_1"));
    let plan = Plan { seed: 4, kills_first: 6, kills_changing: 6, requests_max: 60, changes: 8 };
    let employees = ward.roster.employees();
    let watcher = Watcher::start(watch::radicale(&host.server.url(), &employees));
    let reached = || host.proxy.count();
    let look = || host.items(&employees).into_iter().map(|item| item.look).collect();
    Trial {
        ward,
        plan,
        dice: Dice::new(plan.seed),
        watcher,
        reached: &reached,
        look: &look,
        tally: Tally::default(),
    }
    .run();
}
