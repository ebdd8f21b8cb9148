//! `kill -9` at random moments of a sync. A watcher reads the server all the time: nothing stands
//! there twice, ever; and the next sync makes it exact, without conflicts.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::time;
use simulators::caldav::{Fault, Options, What};

use crate::agreement::{Row, csv, employees, expected, rows};
use crate::events::{Event, events, twice};
use crate::world::{World, counts};

/// The moments of every run of the tests; another seed, other moments.
const SEED: u64 = 0x5eed_0001;
/// Kills in first syncs, and as many in changing ones.
const KILLS: u64 = 25;
/// What one write takes the server: slow enough that kills meet writes.
const WRITE_TAKES: Duration = Duration::from_millis(8);

/// A small generator of moments (`SplitMix64`); not the product's.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

fn slow_world(rows: &[Row]) -> World {
    let world = World::with(Options::default(), "");
    world.roster(&csv(rows));
    let slow = |method| Fault::on(method).then(What::Delay(WRITE_TAKES));
    world.server().set_faults([slow("PUT"), slow("DELETE")]);
    world
}

/// Runs a sync and kills it at some moment after `begun`; whether that came before its own end.
fn killed(world: &World, begun: impl Fn() -> bool, further: Duration) -> bool {
    let mut command = world.command(&["sync"]);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !begun() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(further);
    let alive = child.try_wait().unwrap().is_none();
    // SIGKILL; an error means that it has just ended.
    drop(child.kill());
    drop(child.wait());
    alive
}

/// What one kill is held against.
struct Trial<'a> {
    world: &'a World,
    /// What is to stand there in the end.
    rows: &'a [Row],
    /// Looks at the server: what stands there twice.
    twice: &'a (dyn Fn() -> Option<String> + Sync),
    /// Reads all of it.
    read: &'a dyn Fn() -> Vec<Event>,
}

impl Trial<'_> {
    /// Kills one sync and then lets one end, both watched; whether the kill met it at work.
    fn run(&self, begun: impl Fn() -> bool, further: Duration) -> bool {
        let Self { world, rows, twice, read } = self;
        let done = AtomicBool::new(false);
        let met = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut looks = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    if let Some(found) = twice() {
                        return Err(found);
                    }
                    looks += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(looks)
            });
            let met = killed(world, begun, further);
            let line = world.sync(0);
            done.store(true, Ordering::Relaxed);
            let looks = watcher.join().unwrap();
            assert!(looks.as_ref().is_ok_and(|looks| *looks >= 10), "{looks:?}");
            assert_eq!(counts(&line)[4], 0, "nothing failed: {line}");
            assert_eq!(line["problems"], serde_json::json!([]));
            met
        });
        assert_eq!(twice(), None);
        assert_eq!(read(), expected(rows));
        let third = world.sync(0);
        assert_eq!((&third["requests"], counts(&third)[..3].iter().sum()), (&0.into(), 0));
        met
    }
}

/// One kill of a sync into the played server, when it has seen a random number of requests.
fn played_trial(world: &World, rows: &[Row], writes: u64, moments: &mut Moments) -> bool {
    let (server, people) = (world.server(), employees(rows));
    let before = server.count_all();
    let requests = moments.below(writes);
    let further = Duration::from_micros(moments.below(8_000));
    let trial =
        Trial { world, rows, twice: &|| twice(server, &people), read: &|| events(server, &people) };
    trial.run(|| server.count_all() - before >= requests, further)
}

#[test]
fn a_killed_first_sync_leaves_nothing_twice_and_nothing_undone() {
    let mut moments = Moments(SEED);
    let rows = rows(5, 12);
    let mut killed = 0;
    for _ in 0..KILLS {
        let world = slow_world(&rows);
        // 60 items, and some requests per calendar to open it.
        killed += u64::from(played_trial(&world, &rows, 75, &mut moments));
    }
    assert!(killed >= KILLS * 4 / 5, "only {killed} of {KILLS} were killed at work");
}

/// Moved, retitled, deleted, added: some of each.
fn changed(rows: &[Row], moments: &mut Moments, round: u64) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.to_vec();
    for _ in 0..12 {
        let index = usize::try_from(moments.below(rows.len() as u64)).unwrap();
        let row = &mut rows[index];
        match moments.below(4) {
            0 => {
                let minute = i8::try_from(moments.below(59)).unwrap() + 1;
                row.start = time(row.start.hour(), minute, 0, 0);
            }
            1 => {
                row.work =
                    ["Training", "Meeting", "Standby"][usize::try_from(moments.below(3)).unwrap()]
            }
            2 => drop(rows.remove(index)),
            _ => {
                let employee = row.employee.clone();
                let date = jiff::civil::date(2031, 1, 1)
                    + jiff::Span::new()
                        .days(i64::try_from(round * 12 + moments.below(12)).unwrap());
                let new = Row {
                    employee,
                    work: "Extra",
                    date,
                    start: time(8, 0, 0, 0),
                    end: time(16, 0, 0, 0),
                };
                if !rows.contains(&new) {
                    rows.push(new);
                }
            }
        }
    }
    rows
}

#[test]
fn a_killed_changing_sync_leaves_no_conflict_and_nothing_twice() {
    let mut moments = Moments(SEED ^ 0xc4a6);
    let mut current = rows(5, 12);
    let world = slow_world(&current);
    world.sync(0);
    let mut killed = 0;
    for round in 0..KILLS {
        current = changed(&current, &mut moments, round);
        world.roster(&csv(&current));
        killed += u64::from(played_trial(&world, &current, 10, &mut moments));
    }
    assert!(killed >= KILLS / 2, "only {killed} of {KILLS} were killed at work");
}
