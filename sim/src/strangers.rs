//! People's own events, in worlds whose mirror minds them: they are booked, changed and put back,
//! and what a policy does to them is held against what it may.
//!
//! At each instant: nothing is changed but by the policy, only what stands in the way of a shift,
//! only what is durable with all that is needed to take it back, and no event twice against its
//! owner's will. At the end: what stands in the way is written down or gone, and what was done is
//! taken back exactly.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::EVENT_MOVES_MAX;
use domain::policy::{ConflictPolicy, OverrideAction};
use domain::{CalendarKey, EventSpan, UtcInterval, Visibility};
use engine::plan::conflict::{ConflictRules, hash};
use engine::port::{
    AuditId, ChangesOf, ConflictStore, EventChange, EventChangeState, ForeignChange, ForeignEvent,
    ForeignRole, ForeignShowAs, RemoteId, Response,
};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use testkit::builders::meeting;
use testkit::memory_foreign::MemoryForeign;
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;

use crate::oracle::calendar_of;
use crate::trace::Trace;
use crate::truth::{Truth, shift_id};

/// Which world of strangers belongs to a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerSetup {
    /// Who wins.
    pub policy: ConflictPolicy,
    /// What is done where the schedule wins.
    pub action: OverrideAction,
    /// Whether the vendor tells of changes, and tells of some of them only.
    pub told: bool,
}

impl StrangerSetup {
    /// Drawn.
    #[must_use]
    pub fn draw(chance: &SeededEntropy) -> Self {
        let policies = [
            ConflictPolicy::Report,
            ConflictPolicy::KeepBoth,
            ConflictPolicy::WfmPriorityOverride,
            ConflictPolicy::WfmPriorityOverride,
        ];
        let actions = [OverrideAction::Delete, OverrideAction::Move];
        Self {
            policy: policies[chance.below(4) as usize],
            action: actions[chance.below(2) as usize],
            told: chance.chance(50),
        }
    }

    /// As the engine is told.
    #[must_use]
    pub fn rules(&self) -> ConflictRules {
        let Self { policy, action, told: _ } = *self;
        // What meetings were about would stand in the items of shifts.
        ConflictRules {
            policy,
            action,
            preserve_meeting_context: false,
            ..ConflictRules::default()
        }
    }
}

/// What people have in their calendars beside our items, and what became of it.
pub struct Strangers {
    /// The events themselves.
    pub foreign: MemoryForeign,
    setup: StrangerSetup,
    chance: SeededEntropy,
    trace: Trace,
    /// What each event was right before each change of ours, in order.
    before: BTreeMap<RemoteId, Vec<ForeignEvent>>,
    /// Events that their owners removed, or put back after we changed them.
    answered: BTreeSet<RemoteId>,
    /// Events that were restored.
    restored: BTreeSet<RemoteId>,
    /// When people worked, whenever that was true.
    worked: BTreeMap<CalendarKey, BTreeSet<UtcInterval>>,
    /// Calendars in which something happened that nobody was told of yet.
    hints: BTreeSet<CalendarKey>,
    numbers: u64,
}

fn instants(span: &EventSpan) -> Option<UtcInterval> {
    match span {
        EventSpan::Timed(interval) => Some(*interval),
        EventSpan::AllDay { first, end } => {
            domain::time::days_to_interval(*first, *end, &jiff::tz::TimeZone::UTC).ok()
        }
    }
}

/// Whether an event takes time that its owner means to give.
fn takes_time(event: &ForeignEvent) -> bool {
    let free = matches!(event.show_as, ForeignShowAs::Free | ForeignShowAs::WorkingElsewhere);
    !free && event.role != ForeignRole::Attendee(Response::Declined)
}

/// Whether the rules of every world let it be changed.
fn may_be_changed(event: &ForeignEvent) -> bool {
    let timed = matches!(event.span, EventSpan::Timed(_));
    timed && event.show_as == ForeignShowAs::Busy && event.visibility == Visibility::Default
}

/// What an event is to its owner: all but its version.
fn face(event: &ForeignEvent) -> impl PartialEq + std::fmt::Debug + use<> {
    let ForeignEvent { span, show_as, visibility, role, series, context, .. } = event.clone();
    (span, show_as, visibility, role, series, context)
}

impl Strangers {
    /// Nobody has anything yet.
    #[must_use]
    pub fn new(setup: StrangerSetup, chance: SeededEntropy, trace: Trace) -> Self {
        Self {
            foreign: MemoryForeign::new(),
            setup,
            chance,
            trace,
            before: BTreeMap::new(),
            answered: BTreeSet::new(),
            restored: BTreeSet::new(),
            worked: BTreeMap::new(),
            hints: BTreeSet::new(),
            numbers: 0,
        }
    }

    /// All this is true from now on.
    pub fn note_truth(&mut self, truth: &Truth) {
        for work in truth.shifts.values() {
            if let Some(calendar) = truth.people.get(&work.who).and_then(calendar_of) {
                self.worked.entry(calendar).or_default().insert(work.interval());
            }
        }
    }

    /// Where something happened, as far as we are told of it.
    pub fn take_hints(&mut self) -> BTreeSet<CalendarKey> {
        let told = std::mem::take(&mut self.hints);
        let arrives = |_: &CalendarKey| self.chance.chance(60);
        told.into_iter().filter(arrives).collect()
    }

    /// Somebody does something with their own events, and it is said what.
    pub fn act(
        &mut self,
        store: &MemoryStore,
        mirror: &domain::MirrorName,
        now: Timestamp,
    ) -> String {
        let calendars: Vec<CalendarKey> = self.worked.keys().cloned().collect();
        let Some(calendar) = self.pick(&calendars).cloned() else { return "nobody books".into() };
        let all = self.foreign.everything().into_iter();
        let here: Vec<ForeignEvent> =
            all.filter(|(it, _)| *it == calendar).map(|(_, event)| event).collect();
        self.hints.insert(calendar.clone());
        match (self.chance.below(10), self.pick(&here).cloned()) {
            (0..=4, _) => self.book(&calendar, now),
            (5, Some(event)) => {
                self.foreign.remove(&calendar, &event.id.0);
                self.answered.insert(event.id.clone());
                format!("a person removes {} from {calendar}", event.id)
            }
            (6..=8, Some(event)) => {
                let done = changes(store, mirror).into_iter().filter(|it| it.kept.id == event.id);
                let done: Vec<EventChange> = done.collect();
                match done.iter().rfind(|it| it.state == EventChangeState::Done) {
                    Some(change) => {
                        let span = change.span;
                        self.answered.insert(event.id.clone());
                        self.foreign.edit(&calendar, &event.id.0, |it| it.span = span);
                        format!("a person puts {} back", event.id)
                    }
                    // Of what is under way nobody knows what its owner saw.
                    None if done.is_empty() => {
                        self.foreign.edit(&calendar, &event.id.0, |it| {
                            it.context.subject.push('!');
                        });
                        format!("a person renames {}", event.id)
                    }
                    None => "nobody books".into(),
                }
            }
            (_, _) => "nobody books".into(),
        }
    }

    fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.chance.below(of.len() as u64) as usize)
    }

    /// Somebody books something, mostly where they work.
    fn book(&mut self, calendar: &CalendarKey, now: Timestamp) -> String {
        self.numbers += 1;
        let worked: Vec<UtcInterval> = self.worked[calendar].iter().copied().collect();
        let Some(work) = self.pick(&worked) else { return "nobody books".into() };
        let minutes = SignedDuration::from_mins;
        let start = match self.chance.below(5) {
            0 => now + minutes(self.chance.below(5000) as i64),
            _ => work.start() + minutes(self.chance.below(300) as i64 - 60),
        };
        let end = start + minutes(15 * (1 + self.chance.below(8) as i64));
        let Ok(interval) = UtcInterval::new(start, end) else { return "nobody books".into() };
        let day = start.to_zoned(jiff::tz::TimeZone::UTC).date();
        let whole = self.chance.chance(8).then(|| day.tomorrow().ok()).flatten();
        let span =
            whole.map_or(EventSpan::Timed(interval), |end| EventSpan::AllDay { first: day, end });
        let roles = [
            ForeignRole::Owner,
            ForeignRole::Owner,
            ForeignRole::Owner,
            ForeignRole::Organiser,
            ForeignRole::Attendee(Response::Accepted),
            ForeignRole::Attendee(Response::None),
            ForeignRole::Attendee(Response::Declined),
        ];
        let show_as = match self.chance.below(10) {
            0 => ForeignShowAs::Free,
            1 => ForeignShowAs::Tentative,
            2 => ForeignShowAs::OutOfOffice,
            _ => ForeignShowAs::Busy,
        };
        let private = self.chance.chance(8);
        let id = format!("meeting-{}", self.numbers);
        let event = ForeignEvent {
            span,
            show_as,
            role: roles[self.chance.below(7) as usize],
            visibility: if private { Visibility::Private } else { Visibility::Default },
            ..meeting(&id, 0, 1)
        };
        let told = format!("a person books {id} in {calendar}: {:?} {:?}", event.span, event.role);
        self.foreign.put(calendar, event);
        told
    }

    /// What a change of ours is held to, right before it reaches the event.
    pub fn check_change(
        &mut self,
        (store, mirror): (&MemoryStore, &domain::MirrorName),
        (calendar, id): (&CalendarKey, &RemoteId),
        change: &ForeignChange,
    ) {
        let Some(event) = self.foreign.get(calendar, &id.0) else { return };
        let promise = "5 (hands off)";
        let trace = self.trace.clone();
        let violation = |why: &str| trace.violation(promise, format_args!("{id}: {why}"));
        if self.setup.policy != ConflictPolicy::WfmPriorityOverride {
            violation("changed although nothing was to be touched");
        }
        if !takes_time(&event) || !may_be_changed(&event) {
            violation("the rules do not let it be changed");
        }
        let fits = match (event.role, change, self.setup.action) {
            (ForeignRole::Attendee(_), ForeignChange::Decline { .. }, _)
            | (
                ForeignRole::Owner | ForeignRole::Organiser,
                ForeignChange::Delete,
                OverrideAction::Delete,
            )
            | (
                ForeignRole::Owner | ForeignRole::Organiser,
                ForeignChange::Move { .. },
                OverrideAction::Move,
            ) => true,
            (_, _, _) => false,
        };
        if !fits {
            violation("changed in another way than the policy says");
        }
        let at = instants(&event.span);
        let mut worked = self.worked.get(calendar).into_iter().flatten();
        if !at.is_some_and(|at| worked.any(|it| it.overlaps(&at))) {
            violation("it stands in nobody's way");
        }
        let done = self.before.get(id).map_or(0, Vec::len);
        let most = if matches!(change, ForeignChange::Move { .. }) { EVENT_MOVES_MAX } else { 1 };
        if done >= most || self.answered.contains(id) || self.restored.contains(id) {
            violation("changed again against its owner's will");
        }
        let durable = changes(store, mirror).into_iter().any(|it| {
            it.kept.id == *id && it.change == *change && it.state == EventChangeState::Sent
        });
        if !durable {
            trace.violation("3 (intents are durable)", format_args!("{id} is changed without one"));
        }
    }

    /// What was done reached the event, which was so before.
    pub fn changed(&mut self, calendar: &CalendarKey, event: ForeignEvent, change: &ForeignChange) {
        self.trace.line(format_args!("  done: {change:?} of {} in {calendar}", event.id));
        self.hints.insert(calendar.clone());
        self.before.entry(event.id.clone()).or_default().push(event);
    }

    /// An event was restored.
    pub fn was_restored(&mut self, calendar: &CalendarKey, id: &RemoteId) {
        self.trace.line(format_args!("  restored: {id} in {calendar}"));
        self.restored.insert(id.clone());
    }

    /// What stands in the way at the end is known, and is not what was to be changed.
    pub fn check_known(
        &self,
        (store, mirror): (&MemoryStore, &domain::MirrorName),
        (truth, native_ids): (&Truth, bool),
        window: (Timestamp, Timestamp),
        now: Timestamp,
    ) {
        let rows = store.conflicts(mirror, None).now_or_never().and_then(Result::ok);
        let rows = rows.unwrap_or_default();
        let known: BTreeSet<_> =
            rows.iter().map(|it| (it.shift.id.to_string(), it.event)).collect();
        let done = changes(store, mirror);
        for (number, work) in &truth.shifts {
            let Some(calendar) = truth.people.get(&work.who).and_then(calendar_of) else {
                continue;
            };
            let (at, id) = (work.interval(), shift_id(*number));
            // What ends while it is looked at is either.
            let soon = now + SignedDuration::from_hours(1);
            if at.end() <= soon || at.start() >= window.1 || at.end() <= window.0 {
                continue;
            }
            for (_, event) in self.foreign.everything().iter().filter(|it| it.0 == calendar) {
                let over = instants(&event.span).is_some_and(|it| it.overlaps(&at));
                if !over || !takes_time(event) {
                    continue;
                }
                let print = hash(&event.id);
                let is_known = match native_ids {
                    true => known.contains(&(id.clone(), print)),
                    false => known.iter().any(|it| it.1 == print),
                };
                if !is_known {
                    self.trace.violation(
                        "1 (converges)",
                        format_args!("nobody knows that {} is in the way of {id}", event.id),
                    );
                }
                let tried = |it: &EventChange| {
                    it.kept.id == event.id && !matches!(it.state, EventChangeState::NotDone { .. })
                };
                let ever = done.iter().any(tried);
                let begun =
                    at.start() <= soon || instants(&event.span).is_none_or(|it| it.start() <= soon);
                let to_go = self.setup.policy == ConflictPolicy::WfmPriorityOverride
                    && (self.setup.action == OverrideAction::Delete
                        || matches!(event.role, ForeignRole::Attendee(_)));
                if to_go && may_be_changed(event) && !ever && !begun {
                    let told = format_args!("{} is still in the way of {id}", event.id);
                    self.trace.violation("1 (converges)", told);
                }
            }
        }
        self.check_written_down(&done);
    }

    /// Everything that was done can be taken back.
    fn check_written_down(&self, done: &[EventChange]) {
        // Of what its owner removed since there is nothing left to take back.
        for (id, before) in self.before.iter().filter(|it| !self.answered.contains(it.0)) {
            let is_done = |it: &&EventChange| {
                it.kept.id == *id
                    && matches!(it.state, EventChangeState::Done | EventChangeState::Undone { .. })
            };
            let written = done.iter().filter(is_done).count();
            if written != before.len() {
                let told =
                    format_args!("{id} was changed {} times, {written} are known", before.len());
                self.trace.violation("5 (undoable)", told);
            }
        }
    }

    /// The changes that can be taken back, the last one first.
    #[must_use]
    pub fn to_undo(store: &MemoryStore, mirror: &domain::MirrorName) -> Vec<AuditId> {
        let mut done = changes(store, mirror);
        done.retain(|it| it.state == EventChangeState::Done);
        done.sort_by_key(|it| std::cmp::Reverse(it.at));
        done.into_iter().map(|it| it.id).collect()
    }

    /// Everything was taken back: what its owner left as we made it is as it was.
    pub fn check_undone(&self) {
        let all: BTreeMap<RemoteId, ForeignEvent> =
            self.foreign.everything().into_iter().map(|(_, it)| (it.id.clone(), it)).collect();
        for (id, before) in &self.before {
            let (Some(first), false) = (before.first(), self.answered.contains(id)) else {
                continue;
            };
            let now = all.get(id);
            // Their owners may have removed or renamed them since, which is not undone.
            let theirs = now.is_none() && !self.restored.contains(id);
            if !theirs && now.map(face) != Some(face(first)) {
                let told = format_args!("{id} is {now:?} and was {first:?}");
                self.trace.violation("5 (undo is exact)", told);
            }
        }
    }
}

/// Everything that was set out to be done.
fn changes(store: &MemoryStore, mirror: &domain::MirrorName) -> Vec<EventChange> {
    let looks = store.conflict_looks(mirror).now_or_never().and_then(Result::ok);
    let of = |calendar: CalendarKey| {
        let which = ChangesOf::Calendar(calendar);
        let changes = store.event_changes(mirror, &which).now_or_never().and_then(Result::ok);
        changes.unwrap_or_default()
    };
    looks.unwrap_or_default().into_iter().flat_map(|(calendar, _)| of(calendar)).collect()
}
