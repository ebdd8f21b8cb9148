//! Bringing one calendar into agreement, under its lease.
//!
//! In chunks: plan the chunk afresh, make its intents durable (together with the outcomes of the
//! chunk before), send, settle. What a crash leaves are `Sent` intents of one chunk; the next
//! drain looks them up before it does anything else. A chunk whose calendar was taken over by
//! somebody else is not sent.

use std::collections::{BTreeMap, VecDeque};

use domain::limits::{GROUP_COMMIT_INTENTS_MAX, LEASE_DURATION};
use domain::{CalendarKey, EntityKey, EntityKind};
use jiff::Timestamp;

use super::cycle::{CycleError, Cycling};
use super::gate::Shut;
use super::observe::ReadFailure;
use super::watch::Event;
use crate::plan::outcome::keep_what_is_there;
use crate::plan::reconcile::{
    Action, Because, Circumstances, Hold, Step, plan_orphan, plan_subject,
};
use crate::plan::state::Seen;
use crate::port::{
    AuditEntry, AuditVerb, Epoch, Failure, Fenced, Intent, IntentState, LedgerCommit, LedgerRow,
    LedgerWrite, Remote, RosterEntry, Scope, Subject, Verb,
};
use crate::report::CalendarReport;

mod look;
mod send;

use look::Look;
use send::Sending;

/// Intents in the first chunk; grows while chunks are quick.
const CHUNK_FIRST: usize = 64;
/// A chunk that took longer than this is followed by a smaller one: it must end well inside the
/// lease.
const CHUNK_SECONDS_GOAL: i64 = 4;

/// One calendar being drained.
pub(super) struct Drain<'a> {
    cycling: &'a Cycling<'a>,
    calendar: &'a CalendarKey,
    epoch: Epoch,
    lease_until: Timestamp,
    queue: VecDeque<EntityKey>,
    seen: BTreeMap<EntityKey, Seen>,
    attempts: BTreeMap<EntityKey, u32>,
    pending: LedgerCommit,
    reopen: bool,
    chunk: usize,
    /// What happened here.
    pub report: CalendarReport,
}

/// What is to be done about one calendar.
#[derive(Default)]
pub(super) struct Task {
    /// The entities to be planned.
    pub keys: Vec<EntityKey>,
    /// What was seen of them before.
    pub seen: BTreeMap<EntityKey, Seen>,
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

impl<'a> Drain<'a> {
    pub(super) fn new(
        cycling: &'a Cycling<'a>,
        calendar: &'a CalendarKey,
        epoch: Epoch,
        lease_until: Timestamp,
        Task { keys, seen }: Task,
    ) -> Self {
        let report = CalendarReport::new(calendar.clone());
        Self {
            cycling,
            calendar,
            epoch,
            lease_until,
            queue: keys.into(),
            seen,
            attempts: BTreeMap::new(),
            pending: LedgerCommit::default(),
            reopen: false,
            chunk: CHUNK_FIRST,
            report,
        }
    }

    /// Drains the calendar; reads it back first if `observe`.
    pub(super) async fn run(mut self, observe: bool) -> CalendarReport {
        let result = self.drain(observe).await;
        let flushed = self.commit().await;
        match result.and(flushed) {
            Ok(()) => self.report.complete = true,
            Err(stop) => self.note_stop(stop),
        }
        self.cycling.watcher.on(&Event::CalendarDone { calendar: self.calendar.clone() });
        self.report
    }

    async fn drain(&mut self, observe: bool) -> Result<(), Stop> {
        if observe {
            self.observe().await?;
        }
        while !self.queue.is_empty() {
            let size = self.chunk.min(self.queue.len());
            let keys: Vec<EntityKey> = self.queue.drain(..size).collect();
            let started = self.cycling.clock.now();
            if let Some(wait) = self.work(keys).await? {
                self.wait(wait).await?;
            }
            let took = self.cycling.clock.now().duration_since(started).as_secs();
            self.chunk = if took >= CHUNK_SECONDS_GOAL {
                (self.chunk / 2).max(1)
            } else {
                (self.chunk * 2).min(GROUP_COMMIT_INTENTS_MAX)
            };
        }
        Ok(())
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
        store
            .subjects(&spec.name, &spec.roster, &EntityKind::ALL, &scope, None, count)
            .await
            .map_err(|error| Stop::Store(error.into()))
    }

    /// Plans one subject in this calendar.
    fn plan(&mut self, subject: &Subject) -> Option<Step> {
        let cycling = self.cycling;
        let projected = subject.entry.as_ref().and_then(|entry| cycling.projector.project(entry));
        let circumstances = Circumstances {
            window: &cycling.window,
            now: cycling.due_by.max(cycling.clock.now()),
            purge: cycling.purge,
        };
        let seen = self.seen.remove(&subject.key).unwrap_or(Seen::NotLooked);
        let here = self.calendar;
        let steps = plan_subject(subject, projected.as_ref(), circumstances, &|calendar| {
            if calendar == here { seen.clone() } else { Seen::NotLooked }
        });
        let step = steps.into_iter().find(|step| step.calendar == *here);
        let known = subject.ledger.iter().any(|row| row.calendar == *here);
        match (step, seen) {
            (None, Seen::Present(item)) if !known => {
                let step = plan_orphan(subject, here, item.clone(), circumstances)?;
                if self.cycling.orphans_judged() {
                    return Some(step);
                }
                self.report.orphans.push((subject.key.clone(), item));
                None
            }
            (step, _) => step,
        }
    }

    /// Works through one chunk. Returns until when to wait before the next one, if at all.
    async fn work(&mut self, keys: Vec<EntityKey>) -> Result<Option<Timestamp>, Stop> {
        // What was attempted before is read again: so what came of it must be there.
        if keys.iter().any(|key| self.attempts.contains_key(key)) {
            self.commit().await?;
        }
        if std::mem::take(&mut self.reopen) {
            // What is made anew is empty: everything that was in it is to be made again.
            self.observe().await?;
        }
        let subjects = self.subjects(keys).await?;
        let (mut looks, mut sendings) = (Vec::new(), Vec::new());
        for subject in subjects {
            let Some(step) = self.plan(&subject) else {
                continue;
            };
            let row = subject.ledger.into_iter().find(|row| row.calendar == *self.calendar);
            match &step.action {
                Action::Nothing => {}
                Action::Look => {
                    let row = row.unwrap_or_else(|| self.fresh_row(&step));
                    looks.push(self.look_for(&row, None, false));
                }
                Action::Adopt(_) | Action::Forget | Action::DropIntent => {
                    self.record(&step, row);
                }
                Action::Hold(hold) => self.hold(&step, hold),
                Action::Create(because)
                | Action::Update { because, .. }
                | Action::Delete { because, .. } => {
                    let because = *because;
                    if !self.has_a_place(&step).await? {
                        continue;
                    }
                    if let Some(it) = self.prepare(step, row, subject.entry.as_ref(), because) {
                        sendings.push(it);
                    }
                }
            }
        }
        for sending in &sendings {
            self.pending.writes.push(LedgerWrite::Put(sending.row.clone()));
        }
        if !sendings.is_empty() {
            self.commit().await?;
        }
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

    fn fresh_row(&self, step: &Step) -> LedgerRow {
        LedgerRow {
            key: step.key.clone(),
            calendar: self.calendar.clone(),
            employee: step.showing.as_ref().and_then(|showing| showing.employee.clone()),
            generation: step.generation,
            remote: None,
            intent: None,
            trouble: None,
            ends_at: step.showing.as_ref().and_then(|showing| showing.ends_at),
            changed_at: self.cycling.clock.now(),
        }
    }

    /// Ledger-only actions.
    fn record(&mut self, step: &Step, row: Option<LedgerRow>) {
        let known = row.is_some();
        let mut row = row.unwrap_or_else(|| self.fresh_row(step));
        let write = match (&step.action, &step.showing) {
            (Action::Adopt(item), Some(showing)) => {
                if let Some(origin) = &item.origin {
                    row.generation = origin.generation;
                }
                row.remote = Some(Remote {
                    id: item.remote_id.clone(),
                    etag: item.etag.clone(),
                    intended: showing.fingerprint,
                    echoed: item.fingerprint.filter(|it| *it != showing.fingerprint),
                    version: showing.version,
                });
                row.intent = None;
                row.trouble = None;
                row.ends_at = showing.ends_at;
                row.employee.clone_from(&showing.employee);
                row.changed_at = self.cycling.clock.now();
                if !known {
                    self.report.adopted += 1;
                    self.audit(&step.key, AuditVerb::Adopted, showing.version, String::new());
                }
                LedgerWrite::Put(row)
            }
            (Action::DropIntent, _) => {
                row.intent = None;
                row.trouble = None;
                row.changed_at = self.cycling.clock.now();
                LedgerWrite::Put(row)
            }
            (
                Action::Forget
                | Action::Adopt(_)
                | Action::Nothing
                | Action::Look
                | Action::Create(_)
                | Action::Update { .. }
                | Action::Delete { .. }
                | Action::Hold(_),
                _,
            ) => {
                let why = "it was gone already".to_owned();
                self.audit(&step.key, AuditVerb::Forgotten, 0, why);
                LedgerWrite::Remove { calendar: row.calendar, key: row.key }
            }
        };
        self.pending.writes.push(write);
    }

    fn hold(&mut self, step: &Step, hold: &Hold) {
        match hold {
            Hold::MovesFirst => self.report.again.push(step.key.clone()),
            Hold::Quarantined => self.report.quarantined += 1,
            Hold::NotBefore(_) | Hold::Unmapped(_) => self.report.held += 1,
        }
    }

    /// Makes the row with its intent, and the item. `None` when it may not be sent now.
    fn prepare(
        &mut self,
        step: Step,
        row: Option<LedgerRow>,
        entry: Option<&RosterEntry>,
        because: Because,
    ) -> Option<Sending> {
        let verb = step.action.verb()?;
        if !self.cycling.writes || (verb == Verb::Delete && !self.may_delete(because)) {
            self.report.held += 1;
            if !self.cycling.writes {
                self.note_unlike(&step, row);
            }
            return None;
        }
        let mut row = row.unwrap_or_else(|| self.fresh_row(&step));
        row.generation = step.generation;
        if let Some(showing) = &step.showing {
            row.ends_at = showing.ends_at;
            row.employee.clone_from(&showing.employee);
        }
        let item = match (&step.showing, entry) {
            (Some(_), Some(entry)) => self.cycling.projector.item(entry, row.generation),
            (Some(_) | None, _) => None,
        };
        let there = row.remote.as_ref().map(|remote| remote.intended);
        let fingerprint = match (&step.showing, there) {
            (Some(showing), _) => showing.fingerprint,
            (None, Some(there)) => there,
            (None, None) => domain::Fingerprinter::new("nothing").finish(),
        };
        let remote_id = match &step.action {
            Action::Update { remote, etag, .. } | Action::Delete { remote, etag, .. } => {
                let wanted = step.showing.as_ref().map(|showing| showing.fingerprint);
                keep_what_is_there(&mut row, remote, etag.as_ref(), wanted);
                Some(remote.clone())
            }
            Action::Create(_) => {
                row.remote = None;
                self.cycling.target.remote_id(self.calendar, &row.key, row.generation)
            }
            Action::Nothing
            | Action::Look
            | Action::Adopt(_)
            | Action::Forget
            | Action::DropIntent
            | Action::Hold(_) => None,
        };
        let attempts = row.intent.as_ref().map_or(0, |intent| intent.attempts);
        let state = IntentState::Sent;
        row.intent =
            Some(Intent { verb, fingerprint, remote_id, state, attempts, not_before: None });
        row.changed_at = self.cycling.clock.now();
        let version = step.showing.as_ref().map_or(0, |showing| showing.version);
        Some(Sending { step, row, verb, fingerprint, version, item, because })
    }

    /// Keeps in the ledger that an item is there and is not as wanted, without sending anything:
    /// a later cycle puts it right, and does not make a second one. What is to be removed is not
    /// kept: it may be history, and reading back finds it again.
    fn note_unlike(&mut self, step: &Step, row: Option<LedgerRow>) {
        let Action::Update { remote, etag, .. } = &step.action else { return };
        let mut row = row.unwrap_or_else(|| self.fresh_row(step));
        let wanted = step.showing.as_ref().map(|showing| showing.fingerprint);
        row.generation = step.generation;
        keep_what_is_there(&mut row, remote, etag.as_ref(), wanted);
        row.intent = None;
        row.changed_at = self.cycling.clock.now();
        self.pending.writes.push(LedgerWrite::Put(row));
    }

    fn may_delete(&mut self, because: Because) -> bool {
        because.replaces() || self.cycling.spend_deletion()
    }

    fn audit(&mut self, key: &EntityKey, verb: AuditVerb, version: u32, detail: String) {
        self.pending.audit.push(AuditEntry {
            at: self.cycling.clock.now(),
            mirror: self.cycling.spec.name.clone(),
            calendar: self.calendar.clone(),
            key: key.clone(),
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
        let fenced = self
            .cycling
            .commits
            .commit(commit)
            .await
            .map_err(|error| Stop::Store(CycleError::Shared(error)))?;
        if fenced.contains(self.calendar) {
            return Err(Stop::Fenced);
        }
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
