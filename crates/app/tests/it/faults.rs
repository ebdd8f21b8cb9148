//! Servers that throttle, fail, cut answers short or lose them: every mirror converges.

use std::time::Duration;

use simulators::caldav::{Fault, Options, Seen, What};

use crate::agreement::{csv, employees, expected, rows};
use crate::events::{events, twice};
use crate::world::World;

/// Syncs with these faults until nothing is left to do; then everything is as it should be.
#[track_caller]
fn converges(faults: Vec<Fault>) {
    let world = World::with(Options::default(), "timeout = \"1s\"");
    let rows = rows(4, 12);
    world.roster(&csv(&rows));
    world.server().set_faults(faults);
    let mut runs = 0;
    while world.run(&["sync"]).code != 0 {
        runs += 1;
        assert!(runs < 8, "still not done");
        assert_eq!(twice(world.server(), &employees(&rows)), None);
    }
    assert_eq!(twice(world.server(), &employees(&rows)), None);
    assert_eq!(events(world.server(), &employees(&rows)), expected(&rows));
    world.server().set_faults([]);
    let line = world.run(&["sync", "--full", "--json"]).exits(0).json();
    let writes =
        ["created", "updated", "deleted", "failed"].map(|it| line["mirrors"][0][it].clone());
    assert_eq!(writes, [0, 0, 0, 0].map(serde_json::Value::from), "the ledger was right");
}

#[test]
fn busy_answers() {
    converges(vec![Fault::on("PUT").skip(3).every(9).then(What::status(503))]);
}

#[test]
fn connections_that_end_before_anything_is_done() {
    converges(vec![Fault::on("PUT").skip(2).every(8).then(What::ResetBefore)]);
}

#[test]
fn connections_that_end_after_it_is_done() {
    converges(vec![Fault::on("PUT").skip(2).every(8).then(What::ResetAfterApply)]);
}

#[test]
fn answers_that_end_in_the_middle() {
    converges(vec![
        Fault::on("REPORT").every(3).times(3).then(What::TruncateBody),
        Fault::on("PROPFIND").every(3).times(3).then(What::TruncateBody),
    ]);
}

#[test]
fn answers_that_never_come() {
    converges(vec![Fault::on("PUT").skip(5).every(11).times(3).then(What::LoseAnswerAfterApply)]);
}

#[test]
fn errors_that_were_none() {
    converges(vec![Fault::on("PUT").skip(1).every(10).then(What::StatusAfterApply(500))]);
}

fn millis(seen: &Seen) -> u64 {
    u64::try_from(seen.at.as_millis()).unwrap()
}

/// One request at a time, so that the log is the whole truth: a throttled one is followed by
/// nothing at all until its time is over, and only as long as was asked for.
#[test]
fn nothing_is_sent_while_the_server_asks_to_wait() {
    let world = World::with(Options::default(), "concurrency = 1");
    let rows = rows(2, 10);
    world.roster(&csv(&rows));
    world.server().set_faults([Fault::on("PUT").skip(4).times(3).then(What::throttled(1))]);
    let run = world.run(&["sync"]).exits(0);
    run.says("mirror ward-caldav: throttled by the server, continues in 1 s");
    let log = world.server().requests();
    let throttled: Vec<usize> =
        (0..log.len()).filter(|index| log[*index].status == Some(429)).collect();
    assert_eq!(throttled.len(), 3, "each throttling was met once, not once per item");
    for index in &throttled {
        let (at, next) = (millis(&log[*index]), millis(&log[index + 1]));
        assert!(next - at >= 1000, "asked to wait 1 s, waited {} ms", next - at);
    }
    let waits = log.windows(2).filter(|pair| millis(&pair[1]) - millis(&pair[0]) >= 1000).count();
    assert_eq!(waits, 3, "three seconds in all, for the whole server");
    assert_eq!(log.iter().filter(|it| it.method == "PUT").count(), 20 + 3);
    assert_eq!(events(world.server(), &employees(&rows)), expected(&rows));
}

/// Several at a time: what was under way when the server began to throttle may still arrive.
#[test]
fn a_throttled_server_is_left_alone_by_every_calendar() {
    let world = World::new();
    let rows = rows(6, 10);
    world.roster(&csv(&rows));
    world.server().set_faults([Fault::on("PUT").skip(10).times(1).then(What::throttled(2))]);
    world.sync(0);
    let log = world.server().requests();
    let at = log.iter().find(|seen| seen.status == Some(429)).unwrap().at;
    let under_way = Duration::from_millis(200);
    let during: Vec<&Seen> = log
        .iter()
        .filter(|seen| seen.at > at + under_way && seen.at < at + Duration::from_secs(2))
        .collect();
    assert!(during.is_empty(), "{during:?}");
    assert_eq!(events(world.server(), &employees(&rows)), expected(&rows));
}
