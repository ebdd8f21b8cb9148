//! What a step means for the ledger, before anything is sent.

use jiff::Timestamp;

use super::publish::old_place;
use super::send::Sending;
use super::{Drain, Planned};
use crate::plan::outcome::keep_what_is_there;
use crate::plan::reconcile::{Action, Because, Hold, Step};
use crate::port::{
    AuditVerb, Intent, IntentState, LedgerRow, LedgerWrite, Remote, RemoteItem, RosterEntry, Verb,
};

impl Drain<'_> {
    pub(super) fn fresh_row(&self, step: &Step) -> LedgerRow {
        LedgerRow {
            key: step.key.clone(),
            part: step.part,
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
    pub(super) fn record(&mut self, step: &Step, row: Option<LedgerRow>) {
        let known = row.is_some();
        let untold = match &step.action {
            Action::Adopt(item) if is_untold(row.as_ref(), item) => item.ends_at,
            Action::Adopt(_)
            | Action::Nothing
            | Action::Look
            | Action::Create(_)
            | Action::Update { .. }
            | Action::Delete { .. }
            | Action::Forget
            | Action::DropIntent
            | Action::Hold(_) => None,
        };
        let mut row = row.unwrap_or_else(|| self.fresh_row(step));
        let write = match (&step.action, &step.showing) {
            (Action::Adopt(item), Some(showing)) => {
                if let Some(origin) = &item.origin {
                    row.generation = origin.generation;
                }
                // Recovering, what looks like ours is taken for it.
                let theirs = !known && item.origin.is_none() && self.cycling.writes;
                let before = row.remote.as_ref().filter(|it| it.id == item.remote_id);
                let adopted = before.map_or(theirs, |it| it.adopted);
                row.remote = Some(Remote {
                    adopted,
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
                    self.audit(&step.item(), AuditVerb::Adopted, showing.version, String::new());
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
                let adopted = row.remote.as_ref().is_some_and(|it| it.adopted);
                let why = if self.cycling.purge && adopted {
                    "it was there before us, and stays"
                } else {
                    "it was gone already"
                };
                self.audit(&step.item(), AuditVerb::Forgotten, 0, why.to_owned());
                LedgerWrite::Remove { calendar: row.calendar, key: row.key, part: row.part }
            }
        };
        // Somebody may have written it who had no time to publish it.
        self.touch(untold.and_then(old_place));
        self.pending.writes.push(write);
    }

    /// Leaves something for later: for this cycle, or, where a vendor must have done its part
    /// elsewhere first, for another one.
    pub(super) fn hold(&mut self, step: &Step, hold: &Hold, waits_elsewhere: bool) {
        match hold {
            Hold::MovesFirst if waits_elsewhere => self.report.held += 1,
            Hold::MovesFirst => self.report.again.push(step.key.clone()),
            Hold::Quarantined => self.report.quarantined += 1,
            Hold::NotBefore(_) | Hold::Unmapped(_) => self.report.held += 1,
            Hold::LeftAlone => self.report.left += 1,
            Hold::Contested => self.report.contested += 1,
        }
    }

    /// Makes the row with its intent, and the item. `None` when it may not be sent now.
    pub(super) fn prepare(
        &mut self,
        Planned { step, seen_until }: Planned,
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
        let was_until = row.ends_at.filter(|_| verb != Verb::Create);
        if let Some(showing) = &step.showing {
            row.ends_at = showing.ends_at;
            row.employee.clone_from(&showing.employee);
        }
        let item = match (&step.showing, entry) {
            (Some(_), Some(entry)) => self.cycling.projector.item(entry, row.part, row.generation),
            (Some(_) | None, _) => None,
        };
        let written = item.as_ref().and_then(|item| item.content.interval());
        // Together: it must be seen to go where it was when it is seen where it is.
        let places = [written, was_until.and_then(old_place), seen_until.and_then(old_place)];
        self.touch(places.into_iter().flatten().reduce(|one, other| one.hull(&other)));
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
                self.cycling.target.remote_id(self.calendar, &row.item(), row.generation)
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
        let there_until = seen_until.or(was_until);
        Some(Sending { step, row, verb, fingerprint, version, item, because, there_until })
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
}

/// Whether an item that is taken over may not have been published: where the ledger did not know
/// it to be there, and it is not the vendor who was about to put it there.
fn is_untold(row: Option<&LedgerRow>, item: &RemoteItem) -> bool {
    let Some(row) = row else { return true };
    let sent = row.intent.as_ref().filter(|intent| intent.state == IntentState::Sent);
    match sent {
        Some(intent) => intent.not_before.is_none(),
        None => row.remote.as_ref().is_none_or(|remote| remote.id != item.remote_id),
    }
}

/// Whether a vendor may still be doing what is to be done there.
pub(super) fn waits_for_vendor(row: &LedgerRow, now: Timestamp) -> bool {
    row.intent.as_ref().is_some_and(|intent| {
        intent.state == IntentState::Sent && intent.not_before.is_some_and(|it| it > now)
    })
}
