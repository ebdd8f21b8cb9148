//! Which world belongs to a seed: how big, how rough, on what kind of server.

use std::time::Duration;

use domain::policy::PrivacyTier;
use engine::port::{QuotaDeclaration, QuotaScope, Rate};
use testkit::memory_target::Habits;
use testkit::seeded_entropy::SeededEntropy;

use crate::executor::Roughness;
use crate::faults::Faults;
use crate::source::SourceHabits;

/// One world.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What the server is like.
    pub habits: Habits,
    /// What the source is like.
    pub source: SourceHabits,
    /// How much calendars show.
    pub privacy: PrivacyTier,
    /// What goes wrong.
    pub faults: Faults,
    /// How rough it is to processes.
    pub roughness: Roughness,
    /// Whether it is known at once that a process died.
    pub deaths_known: bool,
    /// How many processes share the store.
    pub replicas: usize,
    /// How many people work there.
    pub people: u64,
    /// How many shifts there are at first.
    pub shifts: u64,
    /// How often the schedule changes before it becomes quiet.
    pub rounds: u64,
    /// Whether people use the calendars too.
    pub people_act: bool,
    /// Whether people's calendars move.
    pub renames: bool,
    /// Whether effects may come later than their sending.
    pub late: bool,
    /// Whether the store gets lost in the middle.
    pub store_lost: bool,
    /// Whether the source is wrong at times.
    pub lies: bool,
    /// On which local day it begins.
    pub begins: &'static str,
}

/// Days around which the clocks change, and one where they do not.
const BEGINNINGS: [&str; 4] = ["2026-10-22", "2027-03-26", "2026-10-30", "2026-12-01"];

impl Setup {
    /// The world of this seed.
    #[must_use]
    pub fn draw(chance: &SeededEntropy) -> Self {
        let store_lost = chance.chance(8);
        let faults = Faults::draw(chance);
        let chosen_ids = chance.chance(70);
        // Recovering looks into the calendars that people have now.
        let renames = chance.chance(50) && !store_lost;
        let people_act = !store_lost && chance.chance(35);
        let rough = if faults.is_quiet() { chance.chance(30) } else { chance.chance(60) };
        let rate =
            |chance: &SeededEntropy| if chance.chance(50) { 1 + chance.below(60) } else { 0 };
        let roughness = if rough {
            Roughness { crashes: rate(chance), pauses: rate(chance) }
        } else {
            Roughness::default()
        };
        let small = chance.chance(60);
        Self {
            habits: habits(chance, chosen_ids),
            source: SourceHabits {
                native_ids: chance.chance(60),
                deltas: chance.chance(40),
                twins: chance.chance(40),
            },
            privacy: [PrivacyTier::Full, PrivacyTier::Title, PrivacyTier::Busy]
                [chance.below(3) as usize],
            faults,
            roughness,
            deaths_known: chance.chance(60),
            replicas: if !store_lost && chance.chance(30) { 2 } else { 1 },
            people: 1 + chance.below(if small { 3 } else { 6 }),
            shifts: chance.below(if small { 8 } else { 41 }),
            rounds: 1 + chance.below(5),
            people_act,
            renames,
            late: chosen_ids && !renames && !store_lost && chance.chance(50),
            store_lost,
            lies: !store_lost && chance.chance(25),
            begins: BEGINNINGS[chance.below(4) as usize],
        }
    }

    /// Whether nothing disturbs: then every write can be counted.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        self.faults.is_quiet()
            && self.roughness.crashes == 0
            && self.replicas == 1
            && !self.people_act
            && !self.lies
            && !self.store_lost
            && self.source.native_ids
    }
}

fn habits(chance: &SeededEntropy, chosen_ids: bool) -> Habits {
    let etag_on_write = chance.chance(75);
    Habits {
        chosen_ids,
        etag_on_write,
        rewrites: chance.chance(30),
        echo_on_write: chance.chance(30),
        items_in_listing: chance.chance(30),
        deltas: chance.chance(60),
        unique_identity: chance.chance(60),
        ready_made: chance.chance(20),
        look_size_max: if chance.chance(20) { 2 } else { 100 },
        quotas: quotas(chance),
        schedule: false,
    }
}

fn quotas(chance: &SeededEntropy) -> Vec<QuotaDeclaration> {
    let mut quotas = Vec::new();
    for scope in [QuotaScope::Connection, QuotaScope::Calendar] {
        if chance.chance(40) {
            continue;
        }
        let concurrency = chance.chance(60).then(|| 1 + chance.below(4) as usize);
        let rate = chance.chance(40).then(|| Rate {
            requests: 2 + chance.below(8) as u32,
            per: Duration::from_secs(1 + chance.below(4)),
        });
        quotas.push(QuotaDeclaration { scope, concurrency, rate });
    }
    quotas
}
