//! Which world belongs to a seed: how big, how rough, on what kind of server.

use std::time::Duration;

use domain::policy::PrivacyTier;
use engine::port::{QuotaDeclaration, QuotaScope, Rate};
use testkit::memory_target::Habits;
use testkit::seeded_entropy::SeededEntropy;

use crate::executor::Roughness;
use crate::faults::Faults;
use crate::source::SourceHabits;
use crate::strangers::StrangerSetup;

/// One world.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What the server is like.
    pub habits: Habits,
    /// What the source is like.
    pub source: SourceHabits,
    /// How much calendars show.
    pub privacy: PrivacyTier,
    /// Whether shifts are shown as blocks.
    pub blocks: bool,
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
    /// What is special where the server is a schedule product.
    pub schedule: Option<ScheduleSetup>,
    /// What is done about people's own events; `None`: nobody looks.
    pub strangers: Option<StrangerSetup>,
    /// On which local day it begins.
    pub begins: &'static str,
}

/// What is special where the server is a schedule product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleSetup {
    /// Whether what is not ours is removed.
    pub removes_others: bool,
    /// Whether the first cycle looks ahead less far than the others.
    pub begins_near: bool,
    /// Whether something is there already when we come.
    pub is_used_before: bool,
    /// Whether people ask for changes there, and are granted them.
    pub people_ask: bool,
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
        let setup = Self {
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
            schedule: None,
            strangers: None,
            begins: BEGINNINGS[chance.below(4) as usize],
            blocks: false,
        };
        // Not drawn, so that the worlds of old seeds stay the same but for this.
        Self { blocks: (setup.people + setup.rounds).is_multiple_of(2), ..setup }
    }

    /// The same world around a schedule product.
    #[must_use]
    pub fn around_a_schedule(self, chance: &SeededEntropy) -> Self {
        let settled = !self.store_lost;
        let schedule = ScheduleSetup {
            removes_others: settled && chance.chance(25),
            begins_near: chance.chance(25),
            is_used_before: settled && chance.chance(25),
            people_ask: settled && chance.chance(40),
        };
        let undisturbed = self.is_undisturbed();
        let Self { habits, source, .. } = self;
        Self {
            habits: Habits {
                chosen_ids: false,
                deltas: false,
                unique_identity: false,
                // What came of a lost answer is known by what was sent, if that has changed since.
                rewrites: habits.rewrites && undisturbed,
                schedule: true,
                ..habits
            },
            // The oracle counts what shows the same thing by entities.
            source: SourceHabits { native_ids: true, ..source },
            renames: false,
            late: false,
            schedule: Some(schedule),
            blocks: false,
            ..self
        }
    }

    /// The same world with people's own events in it; not where everything is forgotten in between,
    /// nor around a schedule product, which has none.
    #[must_use]
    pub fn among_strangers(self, chance: &SeededEntropy) -> Self {
        let fits = self.schedule.is_none() && !self.store_lost;
        Self { strangers: fits.then(|| StrangerSetup::draw(chance)), ..self }
    }

    /// Whether hints are relied upon.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.strangers.is_some_and(|it| it.told)
    }

    /// Whether people ask for changes in the mirror.
    #[must_use]
    pub fn people_ask(&self) -> bool {
        self.schedule.is_some_and(|it| it.people_ask)
    }

    /// Whether what is not ours is removed.
    #[must_use]
    pub fn removes_others(&self) -> bool {
        self.schedule.is_some_and(|it| it.removes_others)
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
            && self.schedule.is_none_or(|it| {
                !(it.removes_others || it.begins_near || it.is_used_before || it.people_ask)
            })
    }
}

fn habits(chance: &SeededEntropy, chosen_ids: bool) -> Habits {
    let etag_on_write = chance.chance(75);
    let rewrites = chance.chance(30);
    Habits {
        chosen_ids,
        etag_on_write,
        rewrites,
        echo_on_write: chance.chance(30),
        items_in_listing: chance.chance(30),
        deltas: chance.chance(60),
        unique_identity: chance.chance(60),
        tags_copied: false,
        ready_made: chance.chance(20),
        look_size_max: if chance.chance(20) { 2 } else { 100 },
        batch_size_max: if etag_on_write == rewrites { 1 } else { 5 },
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
