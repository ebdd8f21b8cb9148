//! Whole worlds in one process: the production engine in virtual time, from one seed.
//!
//! A world has a schedule that changes ([`truth`], [`script`]), a source that reads it
//! ([`source`]), calendars that people use as well ([`people`]), with events of their own in the
//! way of shifts ([`strangers`]), one or two processes of ours ([`process`]) that crash and pause
//! ([`executor`]), a lossy way to the target ([`wire`]) and a store that fails ([`shaky_store`]).
//! Some targets are schedule products, where people also ask for changes ([`asks`]). After some
//! rounds everything becomes quiet ([`world`]), and the [`oracle`] looks whether the promises were
//! kept: at the end, and at every instant.
//!
//! The same seed gives the same bytes of trace. A failing seed is replayed with
//! `cargo run -p sim -- --seed N --trace`.

use std::fmt;

pub mod asks;
pub mod budget;
pub mod executor;
pub mod faults;
pub mod oracle;
pub mod people;
pub mod process;
pub mod script;
pub mod setup;
pub mod shaky_store;
pub mod source;
pub mod strangers;
pub mod trace;
pub mod truth;
pub mod wire;
pub mod world;

/// What is broken on purpose, to see that the oracle notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Intents are not kept: writes are sent before they are durable.
    SendBeforeDurable,
    /// A lost answer is taken for "not applied", so that the request is repeated blindly.
    RepeatBlindly,
    /// Deletions do not reach the roster.
    ForgetTombstones,
    /// What is in doubt and looks as it should is not seen.
    LookAway,
    /// What waits to be published is not kept.
    ForgetUnpublished,
    /// That people's events are changed is not kept.
    ForgetEventChanges,
}

/// How a world ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Of which seed.
    pub seed: u64,
    /// Promises that were broken.
    pub violations: Vec<String>,
    /// What happened.
    pub trace: String,
    /// Writes that the target carried out.
    pub writes: u64,
}

/// Runs the world of one seed.
#[must_use]
pub fn run(seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    world::World::new(seed, sabotage).run()
}

/// Lines of trace before a violation that are worth reading first.
const LAST_LINES: usize = 40;

impl Outcome {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }
}

/// What is worth knowing of a broken world: what was broken, what led to it, and how to see it
/// again.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, violations, trace, writes: _ } = self;
        let lines: Vec<&str> = trace.lines().collect();
        let broken = lines.iter().position(|line| line.contains(" BROKEN "));
        let end = broken.map_or(lines.len(), |at| at + 1);
        if let Some(first) = lines.first() {
            writeln!(f, "{first}")?;
        }
        for line in &lines[end.saturating_sub(LAST_LINES).max(1).min(end)..end] {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {seed}: {} broken promises", violations.len())?;
        for violation in violations.iter().take(10) {
            writeln!(f, "  {violation}")?;
        }
        writeln!(f, "replay: cargo run -p sim -- --seed {seed} --trace")
    }
}
