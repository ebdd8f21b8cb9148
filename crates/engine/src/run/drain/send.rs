//! Sending one chunk, and settling every answer.

use domain::limits::{ATTEMPTS_PER_CYCLE_MAX, REQUEST_TIMEOUT};
use domain::{CalendarKey, EntityKey, Fingerprint, ItemKey};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;

use super::{Drain, Look, Stop};
use crate::plan::outcome::{Attempt, Next, Settled, settle};
use crate::plan::reconcile::{Action, Because, Step};
use crate::port::{
    Content, Failure, FailureClass, IntentState, Item, ItemIdentity, LedgerRow, LedgerWrite, Verb,
    Write, WriteWhat, Written,
};
use crate::run::batch::NotSent;
use crate::run::cycle::Cycling;
use crate::run::gate::Shut;
use crate::run::watch::Event;

/// One write, ready to be sent.
pub(super) struct Sending {
    pub step: Step,
    pub row: LedgerRow,
    pub verb: Verb,
    pub fingerprint: Fingerprint,
    pub version: u32,
    pub item: Option<Item>,
    pub because: Because,
    /// When the item is over that is there before the write.
    pub there_until: Option<Timestamp>,
}

/// What was not applied left the item where it was: so does the ledger.
fn stays_where_it_was(row: &mut LedgerRow, there_until: Option<Timestamp>) {
    let waits = row.intent.as_ref().is_some_and(|it| it.state == IntentState::Planned);
    if waits && row.remote.is_some() {
        row.ends_at = there_until.or(row.ends_at);
    }
}

impl Drain<'_> {
    /// Sends a chunk, as much at once as the gate lets through, and settles every answer.
    pub(super) async fn send_all(
        &mut self,
        sendings: Vec<Sending>,
    ) -> Result<(Vec<Look>, Option<Timestamp>), Stop> {
        let deadline = self.lease_until.saturating_sub(REQUEST_TIMEOUT).unwrap_or(Timestamp::MIN);
        let deadline = deadline.min(self.cycling.deadline);
        let calendar = self.calendar;
        let width = self.cycling.width;
        let mut under_way = stream::iter(sendings)
            .map(|sending| send(self.cycling, calendar, sending, deadline))
            .buffer_unordered(width);
        let (mut looks, mut wait, mut stop) = (Vec::new(), None::<Timestamp>, None);
        while let Some((sending, answer)) = under_way.next().await {
            match answer {
                Ok(answer) => {
                    let failed =
                        matches!(&answer, Err(Failure { class: FailureClass::Unavailable, .. }));
                    if failed {
                        let failures =
                            self.attempts.get(&sending.step.item()).map_or(1, |it| it + 1);
                        wait = wait.max(Some(self.cycling.gate.backoff(failures)));
                    }
                    looks.extend(self.settle(sending, answer));
                }
                Err(shut) => {
                    self.put_back(sending);
                    match shut {
                        Shut::Until(until) => wait = wait.max(Some(until)),
                        Shut::Down | Shut::Unauthorised(_) => stop = Some(Stop::Shut(shut)),
                    }
                }
            }
        }
        drop(under_way);
        match stop {
            Some(stop) => Err(stop),
            None => Ok((looks, wait)),
        }
    }

    /// What may be sent: the rest is a vendor's turn since it was planned, and is planned again.
    pub(super) fn without_held(&mut self, sendings: Vec<Sending>) -> Vec<Sending> {
        let held = std::mem::take(&mut self.held);
        let is_held = |it: &Sending| held.contains(&it.step.item());
        let (held, free): (Vec<_>, Vec<_>) = sendings.into_iter().partition(is_held);
        for Sending { step, verb, because, .. } in held {
            if verb == Verb::Delete && !because.replaces() {
                self.cycling.return_deletion();
            }
            self.queue.push_back(step.item());
        }
        free
    }

    /// It was not sent after all: the intent waits.
    fn put_back(&mut self, sending: Sending) {
        let Sending { step, mut row, verb, because, there_until, .. } = sending;
        if let Some(intent) = row.intent.as_mut() {
            intent.state = IntentState::Planned;
        }
        stays_where_it_was(&mut row, there_until);
        if verb == Verb::Delete && !because.replaces() {
            self.cycling.return_deletion();
        }
        self.pending.writes.push(LedgerWrite::Put(row));
        self.queue.push_back(step.item());
    }

    fn settle(
        &mut self,
        sending: Sending,
        answer: Result<Option<Written>, Failure>,
    ) -> Option<Look> {
        let Sending { step, row, verb, fingerprint, version, item, because, there_until } = sending;
        let key = step.item();
        let shows = item.map(|item| item.content);
        let vanished = verb == Verb::Update
            && self.cycling.identity == ItemIdentity::NaturalKey
            && matches!(&answer, Err(Failure { class: FailureClass::Missing, .. }));
        let attempts = self.attempts.entry(key.clone()).or_default();
        let unsent = matches!(
            &answer,
            Err(Failure { class: FailureClass::Throttled { .. } | FailureClass::TooLate, .. })
        );
        if !unsent {
            *attempts += 1;
        }
        let attempts = *attempts;
        let attempt = Attempt { row: row.clone(), verb, fingerprint, version, attempts };
        let mut settled = settle(attempt, answer, self.cycling.clock.now());
        if vanished {
            settled = look_where_it_went(settled, attempts);
        }
        if let LedgerWrite::Put(row) = &mut settled.write {
            stays_where_it_was(row, there_until);
        }
        if let Some((audit, detail)) = settled.audit {
            let detail = if detail.is_empty() { because.as_str().to_owned() } else { detail };
            self.audit(&key, audit, version, detail);
        }
        if verb == Verb::Delete && settled.next != Next::Done && !because.replaces() {
            self.cycling.return_deletion();
        }
        let row = match &settled.write {
            LedgerWrite::Put(row) => row.clone(),
            LedgerWrite::Remove { .. } => row,
        };
        self.pending.writes.push(settled.write);
        self.follow((key, verb), row, shows, settled.next)
    }

    /// Does what follows from an answer; what must be looked at is returned.
    fn follow(
        &mut self,
        (key, verb): (ItemKey, Verb),
        row: LedgerRow,
        shows: Option<Content>,
        next: Next,
    ) -> Option<Look> {
        match next {
            Next::Done => {
                self.done(key, verb);
                None
            }
            Next::Confirm => {
                self.done(key, verb);
                Some(self.look_to_confirm(row))
            }
            Next::Postponed => {
                self.fail(key.entity, "the target was not available".into());
                None
            }
            Next::Refused(reason) => {
                self.fail(key.entity, reason);
                None
            }
            Next::Again => {
                self.queue.push_back(key);
                None
            }
            Next::Reopen => {
                self.reopen = true;
                self.queue.push_back(key);
                None
            }
            Next::Look(at) => Some(self.look_for(&row, at, false, shows)),
            Next::LookForTaken(at) => Some(self.look_for(&row, at, true, shows)),
        }
    }

    fn done(&mut self, key: ItemKey, verb: Verb) {
        self.attempts.remove(&key);
        let key = key.entity;
        self.report.count(verb);
        let calendar = self.calendar.clone();
        self.cycling.watcher.on(&Event::Written { calendar, key, verb });
    }

    pub(super) fn fail(&mut self, key: EntityKey, reason: String) {
        let calendar = self.calendar.clone();
        let event = Event::Failed { calendar, key: key.clone(), reason: reason.clone() };
        self.cycling.watcher.on(&event);
        self.report.fail(key, reason);
    }
}

/// What was to be replaced is not there. Where nothing marks our items, the vendor may have made
/// another one of it, so it is in doubt whether it is to be made.
fn look_where_it_went(mut settled: Settled, attempts: u32) -> Settled {
    if let LedgerWrite::Put(row) = &mut settled.write {
        row.remote = None;
        if let Some(intent) = row.intent.as_mut() {
            intent.verb = Verb::Create;
            intent.state = IntentState::Sent;
            intent.remote_id = None;
        }
    }
    let tired = attempts >= ATTEMPTS_PER_CYCLE_MAX;
    settled.next = if tired { Next::Postponed } else { Next::Look(None) };
    settled
}

async fn send(
    cycling: &Cycling<'_>,
    calendar: &CalendarKey,
    sending: Sending,
    deadline: Timestamp,
) -> (Sending, Result<Result<Option<Written>, Failure>, Shut>) {
    let Cycling { gate, watcher, clock, .. } = *cycling;
    let Some(write) = write_of(calendar, &sending, deadline) else {
        return (sending, Ok(Err(nothing_to_send())));
    };
    loop {
        let pass = match gate.enter(Some(calendar), deadline, watcher).await {
            Ok(pass) => pass,
            Err(shut) => return (sending, Err(shut)),
        };
        if clock.now() > deadline {
            pass.call_off();
            return (sending, Err(Shut::Until(clock.now())));
        }
        match cycling.batches.send(write.clone(), pass).await {
            Ok(answer) => return (sending, Ok(answer)),
            Err(NotSent::Closed | NotSent::Stale) => {}
        }
    }
}

/// What is sent; `None` when there is nothing to be sent.
fn write_of(calendar: &CalendarKey, sending: &Sending, not_after: Timestamp) -> Option<Write> {
    let what = match (&sending.step.action, &sending.item) {
        (Action::Create(_), Some(item)) => WriteWhat::Create(item.clone()),
        (Action::Update { remote, etag, .. }, Some(item)) => {
            WriteWhat::Update { remote: remote.clone(), etag: etag.clone(), item: item.clone() }
        }
        (Action::Delete { remote, etag, .. }, _) => {
            WriteWhat::Delete { remote: remote.clone(), etag: etag.clone() }
        }
        (
            Action::Create(_)
            | Action::Update { .. }
            | Action::Nothing
            | Action::Look
            | Action::Adopt(_)
            | Action::Forget
            | Action::DropIntent
            | Action::Hold(_),
            _,
        ) => return None,
    };
    Some(Write { calendar: calendar.clone(), what, not_after })
}

fn nothing_to_send() -> Failure {
    Failure {
        class: FailureClass::Bug,
        operation: "prepare an item".into(),
        status: None,
        detail: "the mirror shows nothing of this entity".into(),
    }
}
