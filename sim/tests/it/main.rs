//! A thousand worlds, the proof that a world can be replayed, and sabotage that must be noticed.

use std::thread;

use sim::{Outcome, Sabotage, run};

/// Worlds of every run of the tests; about 15 seconds on one core.
const WORLDS: u64 = 1_200;
/// Worlds within which sabotage must be noticed.
const SABOTAGED_WORLDS: u64 = 60;

/// Broken worlds of these seeds, on two threads.
fn broken(seeds: std::ops::Range<u64>) -> Vec<Outcome> {
    let middle = seeds.start.midpoint(seeds.end);
    let of = |seeds: std::ops::Range<u64>| {
        seeds.map(|seed| run(seed, None)).filter(|it| !it.is_good()).collect::<Vec<_>>()
    };
    let halves = [seeds.start..middle, middle..seeds.end];
    let threads = halves.map(|half| thread::spawn(move || of(half)));
    threads.into_iter().flat_map(|it| it.join().expect("no world panics")).collect()
}

#[test]
fn a_thousand_worlds_keep_every_promise() {
    let broken = broken(1..1 + WORLDS);
    let told: String = broken.iter().take(3).map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{} of {WORLDS} worlds are broken\n{told}", broken.len());
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_another() {
    for seed in (1..400).step_by(13) {
        let (first, second) = (run(seed, None), run(seed, None));
        assert!(first == second, "seed {seed} differs between two runs");
        assert_ne!(first.trace, run(seed + 1, None).trace);
    }
}

/// Runs sabotaged worlds until one notices; `promise` is how its violation begins.
fn check_noticed(sabotage: Sabotage, promise: &str) {
    let noticed = (1..=SABOTAGED_WORLDS).find(|seed| {
        let outcome = run(*seed, Some(sabotage));
        outcome.violations.iter().any(|it| it.starts_with(promise))
    });
    println!("{sabotage:?} is noticed by seed {noticed:?}");
    assert!(noticed.is_some(), "{sabotage:?} goes unnoticed in {SABOTAGED_WORLDS} worlds");
}

#[test]
fn sending_before_the_intent_is_durable_is_noticed() {
    check_noticed(Sabotage::SendBeforeDurable, "BROKEN 3");
}

#[test]
fn repeating_a_create_blindly_is_noticed() {
    check_noticed(Sabotage::RepeatBlindly, "BROKEN 2");
}

#[test]
fn forgetting_what_waits_to_be_published_is_noticed() {
    check_noticed(Sabotage::ForgetUnpublished, "BROKEN 9");
}

#[test]
fn making_what_is_in_doubt_without_looking_for_it_is_noticed() {
    check_noticed(Sabotage::LookAway, "BROKEN 2 (no duplicates): Some");
}

#[test]
fn changing_people_s_events_without_keeping_what_is_needed_to_undo_it_is_noticed() {
    check_noticed(Sabotage::ForgetEventChanges, "BROKEN 3");
}

#[test]
fn forgetting_a_tombstone_is_noticed() {
    check_noticed(Sabotage::ForgetTombstones, "BROKEN 1");
}
