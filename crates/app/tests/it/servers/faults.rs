//! A server with every fault at once, while a real roster is written and then changed: what
//! stands there is never wrong in between, and in the end it is exact. Single faults, and what is
//! sent while a server asks to wait, are tested with smaller rosters elsewhere.

use std::sync::Arc;
use std::time::Duration;

use simulators::caldav::{CaldavServer, Fault, Options, Seen, What};

use super::chance::Dice;
use super::reader::{assert_same, counted};
use super::roster::{Roster, Writes};
use super::ward::{Ward, assert_writes};
use super::watch::{self, Watcher};

/// Runs after which a server that fails so often must have been mastered.
const RUNS_MAX: usize = 12;
/// What our side sends at once, by default.
const CONCURRENCY: usize = 4;

/// The calendar whose requests are refused with `Retry-After: 1`. Without that field it is ours to
/// say how long we wait.
const ASKED_TO_WAIT: &str = "/Andrea/";

#[test]
fn a_server_with_every_fault_at_once_is_mastered() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = Arc::new(CaldavServer::start(Options::default()).unwrap());
    let mut ward = Ward::new(&server.url(), roster, "timeout = \"1s\"");
    let employees = ward.roster.employees();
    let watcher = Watcher::start(watch::played(&server, &employees));
    let mut waits = 0;
    for round in 0..2 {
        if round > 0 {
            ward.roster.change(&mut Dice::new(8), 60);
            ward.save();
        }
        let wanted = ward.wanted();
        watcher.allow(&wanted);
        server.set_faults(every_fault());
        let runs = until_done(&ward);
        assert_eq!(watcher.complaint(), None, "round {round}");
        let events = watch::played(&server, &employees)();
        assert_same(&counted(events.into_iter().map(|it| it.look)), &wanted);
        watcher.allow_only(&wanted);
        waits += nothing_during_waits(&server.requests());
        println!("done after {runs} runs");
        server.clear_log();
        server.set_faults([]);
        // What our side knows is right too: it finds nothing to mend.
        let none = Writes { created: 0, updated: 0, deleted: 0 };
        assert_writes(&ward.sync(&["--full"]), none);
        server.clear_log();
    }
    assert!(waits > 0, "no request was asked to wait");
    watcher.stop();
}

/// Each rare enough that all of them are met, and that a run gets on.
fn every_fault() -> Vec<Fault> {
    let put = |skip: u64, every: u64, what| Fault::on("PUT").skip(skip).every(every).then(what);
    let reads = |method, what| Fault::on(method).skip(2).every(9).times(4).then(what);
    vec![
        put(3, 9, What::throttled(1)).at(ASKED_TO_WAIT).times(2),
        put(3, 9, What::status(429)).at("/Kate/").times(2),
        put(11, 47, What::status(503)),
        put(13, 59, What::StatusAfterApply(500)),
        put(17, 53, What::ResetBefore),
        put(19, 61, What::ResetAfterApply),
        put(23, 67, What::TruncateBody),
        put(29, 71, What::LoseAnswerAfterApply).times(3),
        Fault::on("DELETE").every(5).then(What::ResetAfterApply),
        Fault::on("DELETE").skip(1).every(7).then(What::status(503)),
        reads("REPORT", What::TruncateBody),
        reads("PROPFIND", What::TruncateBody),
        reads("GET", What::ResetAfterApply),
        reads("MKCALENDAR", What::ResetAfterApply),
    ]
}

/// Syncs until one ends well; each before it did at least something. How many there were.
#[track_caller]
fn until_done(ward: &Ward) -> usize {
    for run in 1..=RUNS_MAX {
        let sync = ward.run("sync", &[]);
        if sync.code == 0 {
            return run;
        }
        assert_eq!(sync.code, 3, "{}\n{}", sync.stdout, sync.stderr);
    }
    panic!("still not done after {RUNS_MAX} runs");
}

/// While the server asks to wait, it sees no more than what was under way when it asked. How
/// often it asked.
#[track_caller]
fn nothing_during_waits(log: &[Seen]) -> usize {
    let asks = |seen: &Seen| seen.status == Some(429) && seen.path.contains(ASKED_TO_WAIT);
    let refused = log.iter().enumerate().filter(|(_, seen)| asks(seen));
    let mut met = 0;
    for (index, Seen { at, .. }) in refused {
        let rest = &log[index + 1..];
        let during = rest.iter().take_while(|seen| seen.at < *at + Duration::from_millis(900));
        let during: Vec<&Seen> = during.collect();
        met += 1;
        assert!(during.len() < CONCURRENCY, "{during:#?}");
    }
    met
}
