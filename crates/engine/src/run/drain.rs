//! Bringing one calendar into agreement, under its lease.
//!
//! In chunks: plan the chunk afresh, make its intents durable (together with the outcomes of the
//! chunk before), send, settle. What a crash leaves are `Sent` intents of one chunk; the next
//! drain looks them up before it does anything else. A chunk whose calendar was taken over by
//! somebody else is not sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::limits::{GROUP_COMMIT_INTENTS_MAX, LEASE_DURATION, REQUEST_TIMEOUT};
use domain::{CalendarKey, EntityKey, ItemKey, Part, UtcInterval};
use jiff::{SignedDuration, Timestamp};

use super::cycle::{CycleError, Cycling};
use super::gate::Shut;
use super::observe::ReadFailure;
use super::survey::kinds_of;
use super::watch::Event;
use crate::plan::reconcile::{Action, Circumstances, Step, plan_orphan, plan_part};
use crate::plan::state::Seen;
use crate::port::{
    AuditEntry, AuditVerb, CalendarState, Content, DeltaToken, Epoch, Failure, FailureClass,
    Fenced, IntentState, ItemIdentity, LedgerCommit, LedgerRow, LedgerWrite, RemoteId, RemoteItem,
    Scope, Subject,
};
use crate::report::{CalendarReport, Position};

mod adopt;
mod ask;
mod drift;
mod look;
mod ownerless;
mod publish;
mod record;
mod send;

use look::Look;
use record::waits_for_vendor;

/// Intents in the first chunk; grows while chunks are quick.
const CHUNK_FIRST: usize = 32;
/// A chunk that took longer than this is followed by a smaller one: it must end well inside the
/// lease.
const CHUNK_GOAL: SignedDuration = SignedDuration::from_secs(4);
/// What of the lease is left for sending: a request that begins later could outlast it.
const LEASE_USABLE: SignedDuration =
    SignedDuration::from_secs((LEASE_DURATION.as_secs() - REQUEST_TIMEOUT.as_secs()).cast_signed());

/// One calendar being drained.
pub(super) struct Drain<'a> {
    cycling: &'a Cycling<'a>,
    calendar: &'a CalendarKey,
    epoch: Epoch,
    lease_until: Timestamp,
    queue: VecDeque<ItemKey>,
    /// What reading back saw, at [`Self::observed_at`].
    seen: BTreeMap<ItemKey, Seen>,
    observed_at: Timestamp,
    observed: bool,
    /// What looking at certain items saw since.
    looked: BTreeMap<ItemKey, Seen>,
    /// Items that were given to an entity because of their natural key.
    claimed: BTreeMap<RemoteId, ItemKey>,
    /// Items of others that are to go.
    others: Vec<RemoteItem>,
    attempts: BTreeMap<ItemKey, u32>,
    pending: LedgerCommit,
    state: CalendarState,
    /// What was touched here since, in order and far apart.
    touched: Vec<UtcInterval>,
    /// Where the next reading of changes begins, once everything that was read is in the ledger.
    resume_at: Option<DeltaToken>,
    removals: Removals,
    /// Whether the calendar was gone, or everything in it was at once: that nobody asks for.
    vanished: bool,
    /// Items for which a vendor was given its time since they were read.
    held: BTreeSet<ItemKey>,
    /// What somebody moved to another calendar of theirs: that is no wish to have it deleted.
    strayed: BTreeSet<ItemKey>,
    /// What is judged already: refused requests.
    judged: BTreeSet<ItemKey>,
    reopen: bool,
    chunk: usize,
    /// What happened here.
    pub report: CalendarReport,
}

/// What is to be done about one calendar.
#[derive(Default)]
pub(super) struct Task {
    /// The items to be planned.
    pub keys: Vec<ItemKey>,
    /// What was seen of them before.
    pub seen: BTreeMap<ItemKey, Seen>,
    /// Items of others that are to go.
    pub others: Vec<RemoteItem>,
    /// What becomes of items that people removed, in a two-way mirror.
    pub removals: Removals,
    /// How far it was read before, which counts once this is done.
    pub position: Option<Position>,
}

/// What becomes of items that people removed, in a two-way mirror.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Removals {
    /// They are counted first.
    #[default]
    Counted,
    /// The guard let them pass: the record is asked.
    Asked,
    /// There are too many: they are put right.
    TooMany,
}

/// How much of a calendar is read before it is drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing.
    Nothing,
    /// What changed since it was read before, where that can be told.
    Changes,
    /// Everything.
    Everything,
}

/// One step, and what else is known of where it is carried out.
struct Planned {
    step: Step,
    /// When the item that was seen there is over.
    seen_until: Option<Timestamp>,
}

/// Why a drain stopped before its queue was empty.
pub(super) enum Stop {
    /// The calendar belongs to somebody else now.
    Fenced,
    /// The connection was given up for this cycle.
    Shut(Shut),
    /// The calendar could not be read or made.
    Failed(Failure),
    /// The store failed.
    Store(CycleError),
}

impl From<ReadFailure> for Stop {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Shut(shut) => Self::Shut(shut),
            ReadFailure::Failed(failure) => Self::Failed(failure),
        }
    }
}

/// How many intents the chunk after one of `size` has, which took so long. Where one calendar may
/// have `width` requests under way, fewer would leave places empty; but a chunk that the lease did
/// not last for waits for others anyway, and what was not sent in time would be planned anew.
fn size_after(size: usize, took: SignedDuration, width: usize) -> usize {
    if took < CHUNK_GOAL {
        (size * 2).min(GROUP_COMMIT_INTENTS_MAX)
    } else if took < LEASE_USABLE {
        (size / 2).max(width.min(size))
    } else {
        (size / 2).max(1)
    }
}

impl<'a> Drain<'a> {
    pub(super) fn new(
        cycling: &'a Cycling<'a>,
        calendar: &'a CalendarKey,
        (epoch, lease_until): (Epoch, Timestamp),
        state: Option<CalendarState>,
        Task { keys, seen, others, removals, position }: Task,
    ) -> Self {
        let report = CalendarReport::new(calendar.clone());
        let resume_at = position.map(|it| it.token);
        let state = state.unwrap_or_else(|| CalendarState {
            calendar: calendar.clone(),
            read_at: None,
            token: None,
            unpublished: None,
        });
        Self {
            cycling,
            calendar,
            epoch,
            lease_until,
            queue: keys.into(),
            seen,
            observed_at: cycling.clock.now(),
            observed: false,
            looked: BTreeMap::new(),
            claimed: BTreeMap::new(),
            others,
            attempts: BTreeMap::new(),
            pending: LedgerCommit::default(),
            touched: state.unpublished.into_iter().collect(),
            state,
            resume_at,
            removals,
            vanished: false,
            held: BTreeSet::new(),
            strayed: BTreeSet::new(),
            judged: BTreeSet::new(),
            reopen: false,
            chunk: CHUNK_FIRST,
            report,
        }
    }

    /// Drains the calendar; reads it back first, as `reading` says.
    pub(super) async fn run(mut self, reading: Reading) -> CalendarReport {
        let result = self.drain(reading).await;
        let flushed = self.commit().await;
        match result.and(flushed) {
            Ok(()) => self.report.complete = true,
            Err(stop) => self.note_stop(stop),
        }
        self.cycling.watcher.on(&Event::CalendarDone { calendar: self.calendar.clone() });
        self.report
    }

    async fn drain(&mut self, reading: Reading) -> Result<(), Stop> {
        let read = match reading {
            Reading::Nothing => Ok(()),
            Reading::Changes => self.observe_changes().await,
            Reading::Everything => self.observe().await,
        };
        match read {
            Err(Stop::Failed(failure)) if failure.class == FailureClass::OwnerMissing => {
                return self.drain_without_owner(failure).await;
            }
            read => read?,
        }
        self.ask_for_what_was_seen().await?;
        self.remove_others().await?;
        while !self.queue.is_empty() {
            if std::mem::take(&mut self.reopen) {
                // What is made anew is empty: everything that was in it is to be made again.
                self.observe().await?;
            }
            let size = self.chunk.min(self.queue.len());
            let keys: Vec<ItemKey> = self.queue.drain(..size).collect();
            let started = self.cycling.clock.now();
            if let Some(wait) = self.work(keys).await? {
                self.wait(wait).await?;
            }
            // Waiting counts: whoever has to wait for the vendor is given too much at once.
            let took = self.cycling.clock.now().duration_since(started);
            self.chunk = size_after(self.chunk, took, self.cycling.width);
        }
        self.note_read();
        self.publish().await
    }

    fn note_stop(&mut self, stop: Stop) {
        match stop {
            Stop::Fenced => self.report.taken_over = true,
            Stop::Shut(Shut::Until(until)) => {
                self.report.stopped = Some(format!("throttled until {until}"));
            }
            Stop::Shut(Shut::Down) => {
                self.report.stopped = Some("the target does not answer".into());
            }
            Stop::Shut(Shut::Unauthorised(detail)) => self.report.stopped = Some(detail),
            Stop::Failed(failure) => self.report.stopped = Some(failure.to_string()),
            Stop::Store(error) => self.report.store_error = Some(error),
        }
    }

    async fn subjects(&self, keys: Vec<EntityKey>) -> Result<Vec<Subject>, Stop> {
        let count = keys.len();
        let spec = self.cycling.spec;
        let store = self.cycling.store;
        let scope = Scope::Keys(keys);
        let kinds = kinds_of(spec.profile.shows);
        let subjects = store.subjects(&spec.name, &spec.roster, kinds, &scope, None, count).await;
        let mut subjects = subjects.map_err(|error| Stop::Store(error.into()))?;
        subjects.iter_mut().for_each(|subject| self.cycling.projector.complete(subject));
        Ok(subjects)
    }

    /// What was seen of an entity. What was seen before a vendor was given its time tells nothing
    /// of what it made of that.
    fn take_seen(&mut self, subject: &Subject, item: &ItemKey) -> Seen {
        let observed = self.seen.remove(item);
        if let Some(seen) = self.looked.remove(item) {
            return seen;
        }
        let row = self.row(subject, item.part);
        let intent = row.and_then(|row| row.intent.as_ref());
        let turn = intent.filter(|it| it.state == IntentState::Sent).and_then(|it| it.not_before);
        let fresh = turn.is_none_or(|until| until <= self.observed_at);
        observed.filter(|_| fresh).unwrap_or(Seen::NotLooked)
    }

    /// What the ledger says of one part of a subject in this calendar.
    fn row<'s>(&self, subject: &'s Subject, part: Part) -> Option<&'s LedgerRow> {
        subject.ledger.iter().find(|row| row.calendar == *self.calendar && row.part == part)
    }

    /// Plans one part of one subject in this calendar.
    fn plan(&mut self, subject: &Subject, item: &ItemKey) -> Option<Planned> {
        let cycling = self.cycling;
        let projected = subject.entry.as_ref().and_then(|entry| cycling.projector.project(entry));
        let circumstances = Circumstances {
            window: &cycling.window,
            now: cycling.due_by.max(cycling.clock.now()),
            clock: cycling.clock.now(),
            purge: cycling.purge,
        };
        let seen = self.take_seen(subject, item);
        let seen_until = match &seen {
            Seen::Present(item) => item.ends_at,
            Seen::NotLooked | Seen::Absent | Seen::AsKnown | Seen::Foreign => None,
        };
        let here = self.calendar;
        let projected = projected.as_ref();
        let steps = plan_part(subject, item.part, projected, circumstances, &|calendar| {
            if calendar == here { seen.clone() } else { Seen::NotLooked }
        });
        let step = steps.into_iter().find(|step| step.calendar == *here);
        let known = self.row(subject, item.part).is_some();
        let step = if cycling.purge { step } else { self.judge_drift(subject, item, step, &seen) };
        let step = match (step, seen) {
            // A copy of something that is no more; theirs, or it would be in the ledger.
            (None, Seen::Present(_))
                if !known && !cycling.purge && cycling.identity == ItemIdentity::CopiedTag =>
            {
                self.report.foreign += 1;
                self.report.copies += 1;
                None
            }
            (None, Seen::Present(found)) if !known => {
                let step = plan_orphan(item, here, found.clone(), circumstances)?;
                if !self.cycling.orphans_judged() {
                    self.report.orphans.push((item.clone(), found));
                    return None;
                }
                Some(step)
            }
            (step, _) => step,
        };
        step.map(|step| Planned { step, seen_until })
    }

    /// What is to be shown of an entity as one part.
    fn content(&self, subject: &Subject, part: Part) -> Option<Content> {
        self.cycling.projector.content(&subject.entry.as_ref()?.entity, part)
    }

    /// Works through one chunk. Returns until when to wait before the next one, if at all.
    async fn work(&mut self, keys: Vec<ItemKey>) -> Result<Option<Timestamp>, Stop> {
        // What was attempted before is read again: so what came of it must be there.
        if keys.iter().any(|key| self.attempts.contains_key(key)) {
            self.commit().await?;
        }
        let parts = by_entity(keys);
        let subjects = self.subjects(parts.keys().cloned().collect()).await?;
        let (mut looks, mut sendings) = (Vec::new(), Vec::new());
        let items = subjects.iter().flat_map(|subject| {
            let parts = parts.get(&subject.key).into_iter().flatten();
            parts.map(move |part| (subject, ItemKey { entity: subject.key.clone(), part: *part }))
        });
        for (subject, item) in items {
            let Some(planned) = self.plan(subject, &item) else {
                continue;
            };
            let step = &planned.step;
            let row = self.row(subject, item.part).cloned();
            match &step.action {
                Action::Nothing => {}
                Action::Look => {
                    let row = row.unwrap_or_else(|| self.fresh_row(step));
                    let shows = self.content(subject, item.part);
                    if self.is_beyond_looking(&row, shows.as_ref()) {
                        self.reopen = true;
                        self.queue.push_back(item);
                    } else {
                        looks.push(self.look_for(&row, None, false, shows));
                    }
                }
                Action::Adopt(_) | Action::Forget | Action::DropIntent => {
                    self.record(step, row);
                }
                Action::Hold(hold) => {
                    let elsewhere = subject
                        .ledger
                        .iter()
                        .filter(|row| row.part == item.part && row.calendar != *self.calendar);
                    let now = self.cycling.clock.now();
                    self.hold(step, hold, { elsewhere }.any(|row| waits_for_vendor(row, now)));
                }
                Action::Create(because)
                | Action::Update { because, .. }
                | Action::Delete { because, .. } => {
                    let because = *because;
                    if !self.has_a_place(step).await? {
                        continue;
                    }
                    if let Some(it) = self.prepare(planned, row, subject.entry.as_ref(), because) {
                        sendings.push(it);
                    }
                }
            }
        }
        for sending in &sendings {
            self.pending.writes.push(LedgerWrite::Put(sending.row.clone()));
        }
        self.held.clear();
        if !sendings.is_empty() {
            self.commit().await?;
        }
        let sendings = self.without_held(sendings);
        let (more_looks, wait) = self.send_all(sendings).await?;
        looks.extend(more_looks);
        if !looks.is_empty() {
            self.look(looks).await?;
        }
        Ok(wait)
    }

    /// Whether what is to be removed here can be made where it goes. If not, it stays: better in
    /// the old calendar than in none.
    async fn has_a_place(&mut self, step: &Step) -> Result<bool, Stop> {
        let Some(destination) = &step.destination else { return Ok(true) };
        let opens = self.cycling.opens(destination).await.map_err(Stop::Shut)?;
        if !opens {
            let reason = format!("stays here, because calendar `{destination}` cannot be made");
            self.fail(step.key.clone(), reason);
            self.report.again.push(step.key.clone());
        }
        Ok(opens)
    }

    fn audit(&mut self, item: &ItemKey, verb: AuditVerb, version: u32, detail: String) {
        let ItemKey { entity, part } = item;
        let detail = match (part.is_main(), detail.is_empty()) {
            (true, _) => detail,
            (false, true) => part.to_string(),
            (false, false) => format!("{part}: {detail}"),
        };
        self.pending.audit.push(AuditEntry {
            at: self.cycling.clock.now(),
            mirror: self.cycling.spec.name.clone(),
            calendar: self.calendar.clone(),
            key: entity.clone(),
            verb,
            version,
            detail,
        });
    }

    /// Makes durable what is pending, and renews the lease.
    async fn commit(&mut self) -> Result<(), Stop> {
        if self.pending == LedgerCommit::default() {
            return Ok(());
        }
        let until = self.cycling.clock.now().saturating_add(LEASE_DURATION);
        let until = until.unwrap_or(Timestamp::MAX);
        let mut commit = std::mem::take(&mut self.pending);
        commit.fences = vec![Fenced { calendar: self.calendar.clone(), epoch: self.epoch }];
        commit.renew_until = Some(until);
        let done = self.cycling.commits.commit(commit).await;
        let done = done.map_err(|error| Stop::Store(CycleError::Shared(error)))?;
        if done.fenced.contains(self.calendar) {
            return Err(Stop::Fenced);
        }
        let here = done.held.into_iter().filter(|(calendar, _)| calendar == self.calendar);
        self.held.extend(here.map(|(_, item)| item));
        self.lease_until = until;
        Ok(())
    }

    /// Waits, having made durable what is pending.
    async fn wait(&mut self, until: Timestamp) -> Result<(), Stop> {
        if until > self.cycling.deadline {
            return Err(Stop::Shut(Shut::Until(until)));
        }
        self.commit().await?;
        self.cycling.clock.sleep_until(until).await;
        Ok(())
    }
}

/// The parts of each entity that are to be planned.
fn by_entity(items: Vec<ItemKey>) -> BTreeMap<EntityKey, BTreeSet<Part>> {
    let mut parts: BTreeMap<EntityKey, BTreeSet<Part>> = BTreeMap::new();
    for ItemKey { entity, part } in items {
        parts.entry(entity).or_default().insert(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of chunks of a calendar that is sent one write in `pace`, until they stay.
    fn sizes(pace: SignedDuration, width: usize) -> Vec<usize> {
        let mut sizes = vec![CHUNK_FIRST];
        while sizes.len() < 20 {
            let size = *sizes.last().unwrap();
            // What the lease does not last for is put back.
            let took = (pace * i32::try_from(size).unwrap()).min(LEASE_USABLE);
            sizes.push(size_after(size, took, width));
        }
        sizes
    }

    #[test]
    fn chunks_grow_while_they_are_quick_and_leave_no_place_empty() {
        let quick = sizes(SignedDuration::from_micros(10), 4);
        assert_eq!(quick[..3], [32, 64, 128]);
        assert_eq!(quick.last(), Some(&GROUP_COMMIT_INTENTS_MAX));
        let slow = sizes(SignedDuration::from_millis(500), 16);
        assert!(slow.iter().skip(5).all(|it| (8..=16).contains(it)), "{slow:?}");
    }

    #[test]
    fn what_the_lease_does_not_last_for_is_no_chunk_however_much_fits_under_way() {
        let starved = sizes(SignedDuration::from_secs(3), 8);
        assert!(starved.iter().skip(6).all(|it| (1..=3).contains(it)), "{starved:?}");
        assert_eq!(size_after(1, LEASE_USABLE, 8), 1);
    }
}
