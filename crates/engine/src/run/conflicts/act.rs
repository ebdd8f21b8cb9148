//! Carrying out what was decided for one calendar, under its lease.
//!
//! All changes are durable before the first is sent, with the events as they were; and each is
//! marked as sent right before its own request, so that a crash leaves no more in doubt than what
//! was under way. One attempt each: what surely was not applied waits for another cycle, what may
//! have been is settled by looking.

use std::collections::BTreeMap;

use domain::limits::{LEASE_DURATION, REQUEST_TIMEOUT};
use domain::{CalendarKey, EntityKey, Fingerprint};
use jiff::Timestamp;

use super::look::Looked;
use super::shut_words;
use super::unavailable::{Answered, answer};
use crate::plan::conflict::{Conflict, Planned, Verdict, hash};
use crate::port::{
    AuditEntry, AuditVerb, ChangesOf, ConflictRow, ConflictWrite, Epoch, EventChange,
    EventChangeState, Failure, FailureClass, Fenced, ForeignChange, ForeignEvent, ForeignEvents,
    Intent, IntentState, LedgerCommit, LedgerWrite, Left, Store, StoreError, Verb,
};
use crate::report::CycleReport;
use crate::run::cycle::{CycleError, Cycling};

/// One calendar being acted on.
pub(super) struct Acting<'a> {
    cycling: &'a Cycling<'a>,
    foreign: &'a dyn ForeignEvents,
    looked: &'a Looked,
    epoch: Epoch,
    lease_until: Timestamp,
}

/// What was done in one calendar.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub changed: u64,
    pub in_doubt: u64,
    /// Why changes were not made.
    pub problems: Vec<(CalendarKey, String)>,
    /// Wishes that were granted, and that were refused.
    pub granted: u64,
    pub refused: u64,
    /// Somebody else acted here meanwhile, so that what was seen was not written down.
    pub outrun: bool,
    /// Shifts whose items tell something new.
    pub noted: Vec<EntityKey>,
}

impl Acted {
    /// Adds it to a report; the shifts whose items tell something new.
    pub(super) fn told(self, report: &mut CycleReport) -> Vec<EntityKey> {
        report.conflicts.changed += self.changed;
        report.conflicts.in_doubt += self.in_doubt;
        report.granted += self.granted;
        report.refused_requests += self.refused;
        report.conflicts.failed += self.problems.len() as u64;
        for (calendar, reason) in self.problems {
            report.problem(calendar, reason);
        }
        self.noted
    }
}

impl<'a> Acting<'a> {
    pub(super) fn new(
        cycling: &'a Cycling<'a>,
        foreign: &'a dyn ForeignEvents,
        looked: &'a Looked,
        epoch: Epoch,
        lease_until: Timestamp,
    ) -> Self {
        Self { cycling, foreign, looked, epoch, lease_until }
    }

    pub(super) async fn run(mut self) -> Result<Acted, CycleError> {
        let (cycling, calendar) = (self.cycling, &self.looked.calendar);
        let mirror = &cycling.spec.name;
        let which = ChangesOf::Calendar(calendar.clone());
        let known = cycling.store.event_changes(mirror, &which).await?;
        // Somebody else acted here after we looked: what we decided rests on what is not so.
        if known.iter().any(|it| it.changed_at >= self.looked.at && it.state.is_unsettled())
            || known.iter().any(|it| it.changed_at > self.looked.at)
        {
            return Ok(Acted { outrun: true, ..Acted::default() });
        }
        let mut acted = Acted::default();
        let Answered { labels, ended, audit } =
            answer(cycling, self.foreign, self.looked, &mut acted).await?;
        let all: Vec<&Planned> = self.changes().chain(&labels).collect();
        let mut writes = vec![self.looked(&[]).await?];
        let changes = all.iter().map(|it| it.change.clone()).chain(ended);
        writes.extend(changes.map(|it| ConflictWrite::Change(Box::new(it))));
        let commit = LedgerCommit { conflicts: writes, audit, ..LedgerCommit::default() };
        if !self.commit(commit).await? {
            acted.outrun = true;
            return Ok(acted);
        }
        let (mut changes, mut waiting) = (all.into_iter(), Vec::new());
        for planned in changes.by_ref() {
            let before = acted.changed;
            let go_on = self.carry_out(planned, &mut acted).await?;
            if acted.changed == before {
                waiting.push(hash(&planned.event.id));
            }
            if !go_on {
                break;
            }
        }
        let unsent: Vec<&Planned> = changes.collect();
        waiting.extend(unsent.iter().map(|it| hash(&it.event.id)));
        if waiting.is_empty() {
            return Ok(acted);
        }
        let mut writes = vec![self.looked(&waiting).await?];
        writes.extend(unsent.into_iter().map(|it| {
            let state = EventChangeState::NotDone { why: "its turn did not come".to_owned() };
            ConflictWrite::Change(Box::new(EventChange { state, ..it.change.clone() }))
        }));
        self.commit(LedgerCommit { conflicts: writes, ..LedgerCommit::default() }).await?;
        Ok(acted)
    }

    fn changes(&self) -> impl Iterator<Item = &'a Planned> + use<'a> {
        self.looked.conflicts.iter().filter_map(|conflict| match &conflict.verdict {
            Verdict::Change(planned) => Some(&**planned),
            Verdict::Leave(_) => None,
        })
    }

    /// The conflicts that stand here, as they are kept: those that are left, and those of
    /// `waiting`, which were to be changed and were not.
    async fn looked(&self, waiting: &[Fingerprint]) -> Result<ConflictWrite, StoreError> {
        let calendar = &self.looked.calendar;
        let mirror = &self.cycling.spec.name;
        let known = self.cycling.store.conflicts(mirror, Some(calendar)).await?;
        let since: BTreeMap<(&EntityKey, Fingerprint), Timestamp> =
            known.iter().map(|it| ((&it.shift, it.event), it.since)).collect();
        let (mut conflicts, mut again) = (Vec::new(), false);
        for Conflict { event, span, shifts, verdict } in &self.looked.conflicts {
            let left = match verdict {
                Verdict::Leave(left) => *left,
                Verdict::Change(_) if waiting.contains(event) => Left::Waits,
                Verdict::Change(_) => continue,
            };
            again |= left == Left::Waits;
            conflicts.extend(shifts.iter().map(|shift| ConflictRow {
                calendar: calendar.clone(),
                shift: shift.clone(),
                event: *event,
                span: *span,
                since: since.get(&(shift, *event)).copied().unwrap_or(self.looked.at),
                left,
            }));
        }
        // What waits for another cycle is looked at again by the next one.
        let at = if again { Timestamp::UNIX_EPOCH } else { self.looked.at };
        Ok(ConflictWrite::Looked { calendar: calendar.clone(), at, conflicts })
    }

    /// Sends one change, and writes down what came of it. Whether to go on.
    async fn carry_out(
        &mut self,
        Planned { event, change }: &Planned,
        acted: &mut Acted,
    ) -> Result<bool, CycleError> {
        let mut change = change.clone();
        let (state, go_on) = self.send(event, &mut change).await?;
        change.changed_at = self.cycling.clock.now();
        change.state = state;
        let mut commit = LedgerCommit::default();
        match &change.state {
            EventChangeState::Done => {
                acted.changed += 1;
                commit = done(self.cycling.store, &self.cycling.spec.name, &change).await?;
                acted.noted.extend(change.note.iter().flat_map(|_| change.shifts.clone()));
            }
            EventChangeState::Sent | EventChangeState::Undoing => acted.in_doubt += 1,
            EventChangeState::NotDone { why } | EventChangeState::Refused { why } => {
                let reason = format!("an event was not changed ({}): {why}", change.id);
                acted.problems.push((change.calendar.clone(), reason));
            }
            // Somebody else owns the calendar now, and settles it.
            EventChangeState::Planned => return Ok(false),
            EventChangeState::Undone { .. } => {}
        }
        commit.conflicts.push(ConflictWrite::Change(Box::new(change)));
        Ok(self.commit(commit).await? && go_on)
    }

    /// Sends one change, once it is durable that it is sent.
    async fn send(
        &mut self,
        event: &ForeignEvent,
        change: &mut EventChange,
    ) -> Result<(EventChangeState, bool), CycleError> {
        let Cycling { gate, clock, watcher, .. } = *self.cycling;
        let calendar = &self.looked.calendar;
        let not_done = |why: String| EventChangeState::NotDone { why };
        // Whoever waits for an answer must still own the calendar when it comes.
        let latest = self.lease_until.saturating_sub(REQUEST_TIMEOUT).unwrap_or(self.lease_until);
        let pass = match gate.enter(Some(calendar), latest, watcher).await {
            Ok(pass) => pass,
            Err(shut) => return Ok((not_done(shut_words(&shut)), false)),
        };
        change.state = EventChangeState::Sent;
        change.changed_at = clock.now();
        let conflicts = vec![ConflictWrite::Change(Box::new(change.clone()))];
        let is_ours = self.commit(LedgerCommit { conflicts, ..LedgerCommit::default() }).await?;
        if !is_ours || clock.now() > latest {
            pass.call_off();
            if !is_ours {
                return Ok((EventChangeState::Planned, false));
            }
            return Ok((not_done("its turn came too late".to_owned()), false));
        }
        let answer = self.foreign.change(calendar, event, &change.change).await;
        pass.ended(answer.as_ref().err());
        Ok(match answer {
            Ok(_) => (EventChangeState::Done, true),
            Err(failure) => came_of(&failure),
        })
    }

    /// Makes something durable, and renews the lease. Whether the calendar is still ours.
    async fn commit(&mut self, mut commit: LedgerCommit) -> Result<bool, CycleError> {
        let calendar = &self.looked.calendar;
        let until = self.cycling.clock.now().saturating_add(LEASE_DURATION);
        let until = until.unwrap_or(Timestamp::MAX);
        commit.fences = vec![Fenced { calendar: calendar.clone(), epoch: self.epoch }];
        commit.renew_until = Some(until);
        let done = self.cycling.commits.commit(commit).await.map_err(CycleError::Shared)?;
        self.lease_until = until;
        Ok(!done.fenced.contains(calendar))
    }
}

/// What a failed attempt means, and whether another change is worth one.
fn came_of(failure: &Failure) -> (EventChangeState, bool) {
    let why = failure.to_string();
    match &failure.class {
        FailureClass::Unknown => (EventChangeState::Sent, true),
        // Gone before us: for a removal that is what was wanted, but its owner did it.
        FailureClass::Missing | FailureClass::Precondition => {
            (EventChangeState::NotDone { why: "it changed meanwhile".to_owned() }, true)
        }
        FailureClass::Refused
        | FailureClass::Forbidden
        | FailureClass::OwnerMissing
        | FailureClass::Unsupported
        | FailureClass::Duplicate { .. }
        | FailureClass::DeltaExpired
        | FailureClass::Bug => (EventChangeState::Refused { why }, true),
        FailureClass::Throttled { .. }
        | FailureClass::Unavailable
        | FailureClass::TooLate
        | FailureClass::CalendarMissing
        | FailureClass::Unauthorised => (EventChangeState::NotDone { why }, false),
    }
}

/// What is written beside a change that is done: an audit line for each shift, and that the
/// shifts' items are to tell of it.
pub(super) async fn done(
    store: &dyn Store,
    mirror: &domain::MirrorName,
    change: &EventChange,
) -> Result<LedgerCommit, StoreError> {
    let verb = match &change.change {
        ForeignChange::Delete => AuditVerb::EventDeleted,
        ForeignChange::Decline { .. } => AuditVerb::EventDeclined,
        ForeignChange::Move { .. } => AuditVerb::EventMoved,
        // What was decided is written down with the decision itself.
        ForeignChange::Relabel { .. } => return Ok(LedgerCommit::default()),
    };
    let detail = format!("{}: `rotabridge undo {}` takes it back", when(change), change.id);
    written(store, mirror, change, verb, &detail).await
}

/// What is written beside a change that was taken back.
pub(super) async fn undone(
    store: &dyn Store,
    mirror: &domain::MirrorName,
    change: &EventChange,
) -> Result<LedgerCommit, StoreError> {
    let detail = format!("{}: {} was undone", when(change), change.id);
    written(store, mirror, change, AuditVerb::EventRestored, &detail).await
}

fn when(change: &EventChange) -> String {
    match change.span {
        domain::EventSpan::Timed(interval) => format!("an event at {interval}"),
        domain::EventSpan::AllDay { first, end } => format!("an event at {first}/{end}"),
    }
}

async fn written(
    store: &dyn Store,
    mirror: &domain::MirrorName,
    change: &EventChange,
    verb: AuditVerb,
    detail: &str,
) -> Result<LedgerCommit, StoreError> {
    let audit = change.shifts.iter().map(|key| AuditEntry {
        at: change.changed_at,
        mirror: mirror.clone(),
        calendar: change.calendar.clone(),
        key: key.clone(),
        verb,
        version: 0,
        detail: detail.to_owned(),
    });
    let mut commit = LedgerCommit { audit: audit.collect(), ..LedgerCommit::default() };
    if change.note.is_none() {
        return Ok(commit);
    }
    // A waiting intent has the item planned again, by whoever plans next.
    for mut row in store.ledger_of(mirror, &change.shifts).await? {
        let here = row.calendar == change.calendar && row.part.is_main();
        let Some(remote) = row.remote.as_ref().filter(|_| here) else {
            continue;
        };
        if row.intent.is_some() {
            continue;
        }
        row.intent = Some(Intent {
            verb: Verb::Update,
            fingerprint: remote.intended,
            remote_id: Some(remote.id.clone()),
            state: IntentState::Planned,
            attempts: 0,
            not_before: None,
        });
        row.changed_at = change.changed_at;
        commit.writes.push(LedgerWrite::Put(row));
    }
    Ok(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_applied_is_never_called_not_done() {
        let failure = |class| Failure {
            class,
            operation: "change an event".into(),
            status: None,
            detail: "lost".into(),
        };
        assert_eq!(came_of(&failure(FailureClass::Unknown)).0, EventChangeState::Sent);
    }
}
