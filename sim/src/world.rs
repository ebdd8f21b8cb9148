//! One world: the schedule changes, things go wrong, then everything becomes quiet, and the
//! oracle looks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use domain::{CalendarKey, ConnectionName};
use engine::port::{Clock, HookStore, KeptSubscription, Subscription, Topic};
use engine::run::cycle::MirrorSpec;
use futures_util::FutureExt;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::memory_target::MemoryTarget;
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

use crate::asks::Asks;
use crate::executor::{Deliveries, Ending, Executor, Roughness};
use crate::faults::Faults;
use crate::oracle::{Difference, Oracle, calendar_of};
use crate::people::People;
use crate::process::{Job, Parts, Process, mirror_of};
use crate::script::Script;
use crate::setup::Setup;
use crate::shaky_store::ShakyStore;
use crate::source::{Lie, ScriptedSource};
use crate::strangers::Strangers;
use crate::trace::Trace;
use crate::wire::Wire;
use crate::{Outcome, Sabotage};

/// Syncs after which a quiet world must have converged.
const QUIET_SYNCS_MAX: u32 = 8;
/// Changes of the schedule between two syncs.
const CHANGES_MAX: u64 = 7;

/// A world under way.
pub struct World {
    setup: Setup,
    seed: u64,
    chance: SeededEntropy,
    clock: ManualClock,
    trace: Trace,
    executor: Executor,
    wire: Arc<Wire>,
    store: Arc<MemoryStore>,
    source: Arc<ScriptedSource>,
    spec: MirrorSpec,
    script: Script,
    people: People,
    asks: Asks,
    obituaries: Obituaries,
    processes: Vec<Arc<Process>>,
    started: u64,
    quiet: bool,
    calendars: Vec<CalendarKey>,
    owners: BTreeMap<CalendarKey, String>,
    /// When the last job began: windows are those of that instant.
    worked_at: jiff::Timestamp,
}

/// Independent sequences of chance from one seed.
fn stream(seed: u64, number: u64) -> SeededEntropy {
    let mixed = SeededEntropy::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(number));
    SeededEntropy::new(mixed.next())
}

impl World {
    /// The world of `seed`, at its beginning.
    #[must_use]
    pub fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut setup = Setup::draw(&stream(seed, 1));
        let schedule = stream(seed, 7);
        if schedule.chance(40) {
            setup = setup.around_a_schedule(&schedule);
        }
        let strangers = stream(seed, 9);
        if strangers.chance(40) {
            setup = setup.among_strangers(&strangers);
        }
        let begins: Date = setup.begins.parse().unwrap_or(Date::ZERO);
        let noon = begins.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).map(|it| it.timestamp());
        let clock = ManualClock::new(noon.unwrap_or(jiff::Timestamp::UNIX_EPOCH));
        let trace = Trace::new(clock.clone());
        let deliveries = Deliveries::default();
        let spec = mirror_of(&testkit::builders::roster(), &setup);
        let mut wire = Wire::new(
            (MemoryTarget::new(setup.habits.clone()), spec.name.clone()),
            (clock.clone(), trace.clone()),
            (stream(seed, 2), deliveries.clone()),
            setup.late,
            sabotage,
        );
        let of_people = |it| Mutex::new(Strangers::new(it, stream(seed, 10), trace.clone()));
        wire.strangers = setup.strangers.map(of_people);
        let wire = Arc::new(wire);
        let script = Script::begin(&setup, begins, stream(seed, 3));
        let source = ScriptedSource::new(setup.source, script.truth.clone());
        trace.line(format_args!("seed {seed}: {setup:?}"));
        let store = Arc::new(MemoryStore::new());
        wire.set_store(&store);
        Self {
            asks: Asks::new(stream(seed, 8), deliveries.clone()),
            executor: Executor::new(clock.clone(), stream(seed, 4), deliveries),
            people: People::new(stream(seed, 5)),
            chance: stream(seed, 6),
            obituaries: Obituaries::default(),
            processes: Vec::new(),
            started: 0,
            quiet: false,
            calendars: Vec::new(),
            owners: BTreeMap::new(),
            worked_at: clock.now(),
            setup,
            seed,
            clock,
            trace,
            wire,
            store,
            source,
            spec,
            script,
        }
    }

    /// Lets the world happen.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        self.publish();
        if self.setup.schedule.is_some_and(|it| it.is_used_before) {
            self.people.prepare(&self.wire, &self.script.truth);
        }
        self.wire.set_faults(self.setup.faults);
        for index in 0..self.setup.replicas {
            self.restart(index);
        }
        for round in 0..self.setup.rounds {
            self.trace.line(format_args!("round {round}"));
            self.round(round);
            if self.trace.is_broken() {
                return self.end();
            }
        }
        self.become_quiet();
        self.end()
    }

    fn end(self) -> Outcome {
        if !self.setup.removes_others() {
            self.people.check(&self.wire);
        }
        let (trace, violations) = self.trace.take();
        Outcome { seed: self.seed, violations, trace, writes: self.wire.writes() }
    }

    /// The source says what is true; whose calendars are whose becomes known to the oracle.
    fn publish(&mut self) {
        self.asks.absorb(&mut self.script.truth);
        self.wire.note_truth(&self.script.truth);
        self.source.set_truth(&self.script.truth);
        for (id, person) in &self.script.truth.people {
            if let Some(calendar) = calendar_of(person)
                && !self.calendars.contains(&calendar)
            {
                self.wire.set_owner(calendar.clone(), id);
                self.owners.insert(calendar.clone(), id.clone());
                self.subscribe(&calendar);
                self.calendars.push(calendar);
            }
        }
    }

    /// The vendor promises to tell of a calendar's changes.
    fn subscribe(&self, calendar: &CalendarKey) {
        let name = ConnectionName::new("vendor").ok();
        let Some(connection) = name.filter(|_| self.setup.is_told()) else { return };
        let kept = KeptSubscription {
            connection,
            topic: Topic::Calendar { mirror: self.spec.name.clone(), calendar: calendar.clone() },
            subscription: Subscription {
                id: calendar.to_string(),
                detail: String::new(),
                expires_at: jiff::Timestamp::MAX,
            },
            made_at: self.clock.now(),
            secret_hash: [0; 32],
        };
        // The in-memory store never waits and never fails.
        let _ = self.store.put_subscription(&kept).now_or_never();
    }

    /// Starts a process in the place of one that is gone.
    fn restart(&mut self, index: usize) {
        self.started += 1;
        let name = format!("process{index}-{}", self.started);
        if let Some(gone) = self.processes.get(index)
            && (self.setup.deaths_known || self.chance.chance(30))
        {
            self.obituaries.add(gone.name.clone());
        }
        let faults = if self.quiet { Faults::default() } else { self.setup.faults };
        let store = ShakyStore {
            inner: Arc::clone(&self.store),
            faults,
            sabotage: self.wire.sabotage,
            chance: stream(self.seed, 1000 + self.started),
        };
        let parts = Parts {
            owner: NamedOwner::new(name.clone(), self.obituaries.clone()),
            name,
            wire: Arc::clone(&self.wire),
            store,
            source: Arc::clone(&self.source),
            spec: self.spec.clone(),
            alone: self.setup.replicas == 1 && !self.setup.people_ask(),
        };
        let process = Process::start(parts, stream(self.seed, 2000 + self.started));
        if index < self.processes.len() {
            self.processes[index] = process;
        } else {
            self.processes.push(process);
        }
    }

    fn round(&mut self, round: u64) {
        if self.setup.store_lost && round + 1 == self.setup.rounds {
            self.lose_store();
            return;
        }
        if round > 0 {
            for _ in 0..self.chance.below(CHANGES_MAX) {
                let told = self.script.change();
                self.trace.line(format_args!("script: {told}"));
            }
            self.publish();
        }
        self.people_act();
        self.people_ask();
        self.people_book();
        if self.setup.lies && round > 0 && self.chance.chance(50) {
            let lies = [Lie::Emptied, Lie::Halved, Lie::Unreachable];
            let lie = lies[self.chance.below(3) as usize];
            self.trace.line(format_args!("the source is {lie:?}"));
            self.source.set_lie(lie);
        }
        self.worked_at = self.clock.now();
        let began = self.worked_at.as_second() / 3600;
        let expected = self.setup.is_undisturbed().then(|| self.difference());
        let before = self.wire.writes();
        let read_back = self.chance.chance(15);
        for _ in 0..=self.chance.below(2) {
            let everybody = 0..self.processes.len();
            self.work(everybody, Job::Sync { read_back }, self.setup.roughness);
        }
        self.source.set_lie(Lie::Honest);
        let same_window = self.clock.now().as_second() / 3600 == began;
        if let Some(expected) = expected.filter(|_| same_window) {
            self.check_economy(&expected, self.wire.writes() - before);
        }
        self.time_passes();
    }

    fn people_act(&mut self) {
        if !self.setup.people_act {
            return;
        }
        for _ in 0..self.chance.below(4) {
            let told = self.people.act(&self.wire, &self.script.truth, &self.calendars);
            self.trace.line(told);
        }
    }

    fn people_ask(&mut self) {
        if !self.setup.people_ask() {
            return;
        }
        for _ in 0..self.chance.below(3) {
            let told = self.asks.ask(
                &mut self.script,
                (&self.wire, &self.store),
                &self.source,
                (&self.spec.roster, &self.spec.name),
            );
            self.trace.line(told);
        }
    }

    fn people_book(&mut self) {
        if self.setup.strangers.is_none() {
            return;
        }
        let now = self.clock.now();
        for _ in 0..self.chance.below(9) {
            let Some(mut strangers) = self.wire.strangers() else { return };
            let told = strangers.act(&self.store, &self.spec.name, now);
            self.trace.line(told);
        }
    }

    /// People's own events at the end, and after everything was taken back.
    fn check_strangers(&mut self) {
        if self.setup.strangers.is_none() || self.trace.is_broken() {
            return;
        }
        self.one_by_one(Job::Undo);
        let before = self.wire.strangers().map(|it| it.foreign.everything());
        if let Some(strangers) = self.wire.strangers() {
            strangers.check_undone();
        }
        self.one_by_one(Job::Sync { read_back: true });
        if self.wire.strangers().map(|it| it.foreign.everything()) != before {
            self.trace.violation("5 (hands off)", "what was taken back was done again");
        }
    }

    fn check_known(&self) {
        let Some(strangers) = self.wire.strangers() else { return };
        let hour = self.worked_at.as_second().div_euclid(3600) * 3600;
        let hour = jiff::Timestamp::from_second(hour).unwrap_or(self.worked_at);
        let at = |hours| hour + SignedDuration::from_hours(hours);
        let window = (at(-crate::oracle::PAST_HOURS), at(crate::oracle::FUTURE_HOURS));
        let truth = (&self.script.truth, self.setup.source.native_ids);
        strangers.check_known((&self.store, &self.spec.name), truth, window, self.worked_at);
    }

    fn time_passes(&mut self) {
        let seconds = match self.chance.below(4) {
            0 => self.chance.below(10),
            1 => self.chance.below(120),
            2 => self.chance.below(7200),
            _ => self.chance.below(3 * 86_400),
        };
        let until = self.clock.now() + SignedDuration::from_secs(seconds as i64);
        self.executor.settle(until);
    }

    /// One job for each process in turn, with nothing in its way; whether all were done.
    fn one_by_one(&mut self, job: Job) -> bool {
        let mut all_done = true;
        for index in 0..self.processes.len() {
            all_done &= self.work(index..index + 1, job, Roughness::default());
            self.wait(40);
        }
        all_done
    }

    /// One job for each of these processes, all at once; who dies is replaced.
    fn work(&mut self, which: Range<usize>, job: Job, roughness: Roughness) -> bool {
        self.worked_at = self.clock.now();
        let mut activities: Vec<futures_util::future::LocalBoxFuture<'static, ()>> = Vec::new();
        for process in &self.processes[which.clone()] {
            activities.push(Box::pin(Arc::clone(process).work(job)));
        }
        let endings = match self.executor.run(activities, roughness) {
            Ok(endings) => endings,
            Err(stuck) => {
                self.trace.violation("0 (goes on)", stuck);
                return false;
            }
        };
        let mut all_done = true;
        for (index, ending) in which.zip(endings) {
            let done = self.processes[index].take_outcome();
            all_done &= done && ending == Ending::Finished;
            if ending == Ending::Crashed {
                self.trace.line(format_args!("{} crashes", self.processes[index].name));
                self.restart(index);
            }
        }
        all_done
    }

    fn oracle(&self) -> Oracle<'_> {
        Oracle {
            truth: &self.script.truth,
            privacy: self.setup.privacy,
            blocks: self.setup.blocks,
            rewrites: self.setup.habits.rewrites,
            mirror: &self.spec.name,
            now: self.worked_at,
            native_ids: self.setup.source.native_ids
                && (self.setup.schedule.is_none() || self.setup.is_undisturbed()),
            owners: &self.owners,
            schedule: self.setup.schedule.map(|it| it.removes_others),
            opened: self.wire.opened(),
        }
    }

    fn difference(&self) -> Difference {
        self.oracle().compare(&self.wire.target)
    }

    fn check_converged(&self, when: &str) {
        let Difference { missing, surplus, .. } = self.difference();
        if missing.len() + surplus.len() > 0 {
            for row in self.store.rows(&self.spec.name) {
                self.trace.line(format_args!("ledger: {row:?}"));
            }
        }
        for line in missing {
            self.trace.violation("1 (converges)", format_args!("{when}, not there: {line}"));
        }
        for line in surplus {
            self.trace.violation("1 (converges)", format_args!("{when}, too much: {line}"));
        }
    }

    /// Promise 4: as many writes as changes, where nothing went wrong.
    fn check_economy(&self, expected: &Difference, writes: u64) {
        let changes = expected.writes;
        if !(changes..=changes + expected.optional_writes).contains(&writes) {
            self.trace.violation("4 (writes)", format_args!("{writes} for {changes} changes"));
        }
        self.check_converged("after an undisturbed cycle");
    }

    fn wait(&mut self, seconds: i64) {
        let until = self.clock.now() + SignedDuration::from_secs(seconds);
        self.executor.settle(until);
    }

    /// Nothing goes wrong any more.
    fn calm(&mut self) {
        self.quiet = true;
        self.wire.set_faults(Faults::default());
        for index in 0..self.processes.len() {
            self.restart(index);
        }
        // Hints may be lost: after its interval everything is looked at again.
        match self.setup.strangers {
            Some(strangers) if strangers.told => self.wait(25 * 3600),
            Some(_) => self.wait(2 * 3600),
            None => {}
        }
        // From the beginning of an hour on, so that the window stays the same to the end.
        self.wait(3600 - self.clock.now().as_second().rem_euclid(3600));
    }

    /// Syncs until there is nothing more to do; whether it came to that.
    fn converge(&mut self, read_back: bool) -> bool {
        // The first cycle may have looked ahead less far.
        let near = self.setup.schedule.is_some_and(|it| it.begins_near);
        for sync in 0..QUIET_SYNCS_MAX {
            let before = self.wire.writes();
            let done = self.one_by_one(Job::Sync { read_back });
            if done && self.wire.writes() == before && (sync > 0 || !near) {
                return true;
            }
            if self.trace.is_broken() {
                return false;
            }
        }
        false
    }

    fn become_quiet(&mut self) {
        self.trace.line("quiet");
        self.asks.end();
        self.calm();
        self.publish();
        let setup = &self.setup;
        let tangled = setup.people_act
            || setup.late
            || setup.store_lost
            || setup.people_ask()
            || setup.removes_others();
        if !self.converge(false) && !tangled {
            self.trace.violation("1 (converges)", "there is always more to do");
        }
        if !tangled {
            self.check_converged("after quiet cycles");
        }
        if !tangled {
            self.check_known();
        }
        if !self.converge(true) && !self.trace.is_broken() {
            self.trace.violation("1 (converges)", "reading back always finds more to do");
        }
        self.check_converged("after reading back");
        self.check_known();
        self.wire.check_published();
        let before = self.wire.writes();
        self.one_by_one(Job::Sync { read_back: false });
        self.one_by_one(Job::Sync { read_back: true });
        let echo = self.wire.writes() - before;
        if echo > 0 {
            self.trace.violation("4 (no echo)", format_args!("{echo} writes for nothing"));
        }
        self.check_strangers();
    }

    /// The disk breaks, after everything was in agreement.
    fn lose_store(&mut self) {
        self.calm();
        self.converge(false);
        self.check_converged("before the store is lost");
        self.trace.line("the store is lost");
        self.store = Arc::new(MemoryStore::new());
        self.wire.set_store(&self.store);
        self.restart(0);
        // What shows nothing of ours cannot be known again when it has changed.
        let changes = if self.setup.schedule.is_some() { 0 } else { self.chance.below(3) };
        for _ in 0..changes {
            let told = self.script.change_lightly();
            self.trace.line(format_args!("script: {told}"));
        }
        self.publish();
        if !self.one_by_one(Job::Recover) {
            self.trace.violation("2 (recover)", "it does not come to an end");
        }
        let before = self.wire.writes();
        self.one_by_one(Job::Sync { read_back: false });
        let writes = self.wire.writes() - before;
        // What the server rewrote cannot be told from what a person edited.
        if changes == 0 && writes > 0 && !self.setup.habits.rewrites {
            let told = format_args!("{writes} writes after recovering an unchanged roster");
            self.trace.violation("2 (recover)", told);
        }
    }
}
