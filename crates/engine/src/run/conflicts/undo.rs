//! Taking back what a policy did to somebody's event.
//!
//! First it is looked whether the event is as the change left it: what its owner did since is not
//! undone. Then that it is being taken back becomes durable, then it is restored, then written
//! down. Before an undoing that was begun is ended, it is looked again, so a crash in between is
//! mended by the next cycle, or by asking again; where its owner changed the event in between, it
//! is given up. Afterwards the event is left alone: it is not changed for the same shift again.

use domain::CalendarKey;

use super::act::undone;
use super::settle::{Ended, deadline, end_undoing, find, words};
use crate::plan::conflict::changed_since;
use crate::port::{
    AuditId, ConflictWrite, Epoch, EventChange, EventChangeState, Fenced, ForeignEvents,
    LeaseDomain, LedgerCommit, StoreError,
};
use crate::run::cycle::{Equipment, MirrorSpec};
use crate::run::lease::lease;
use crate::run::observe::Reader;
use crate::run::project::Projector;

/// Why a change was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such change, or it is not kept any more.
    #[error("no change of an event has the id `{0}`")]
    Unknown(AuditId),
    /// It was taken back before.
    #[error("`{0}` was undone already")]
    Already(AuditId),
    /// It never was carried out, or nobody knows yet whether it was.
    #[error("`{id}` cannot be undone: it is {state}")]
    NotDone {
        /// Which change.
        id: AuditId,
        /// How far it got.
        state: &'static str,
    },
    /// The event is not as the change left it.
    #[error("`{id}` cannot be undone: {why}")]
    Changed {
        /// Which change.
        id: AuditId,
        /// What is different.
        why: &'static str,
    },
    /// Somebody else is at work on the calendar.
    #[error("another process is at work on calendar `{0}`")]
    Busy(CalendarKey),
    /// The calendar does not answer, or refuses.
    #[error("cannot restore the event of `{id}`: {why}")]
    Unreachable {
        /// Which change.
        id: AuditId,
        /// Why not; no personal data.
        why: String,
    },
}

/// Takes back the change `id` of the mirror `spec`. Returns what was taken back.
///
/// # Errors
/// When it cannot be done; where it was begun, the next cycle or another try ends it.
pub async fn undo(
    spec: &MirrorSpec,
    equipment: Equipment<'_>,
    foreign: &dyn ForeignEvents,
    id: &AuditId,
) -> Result<EventChange, UndoError> {
    let Equipment { store, target, clock, ownership, .. } = equipment;
    let change = read(equipment, spec, id).await?;
    // Outside a cycle: whose a calendar is, the target is told by the one who projects.
    Projector::load(store, target, &spec.profile, &spec.name, &spec.roster).await?;
    let calendar = change.calendar.clone();
    let names = std::slice::from_ref(&calendar);
    let leased = lease(store, clock, ownership, &spec.name, names).await?;
    let Some((_, epoch)) = leased.granted.first() else { return Err(UndoError::Busy(calendar)) };
    let undoing = Undoing { spec, equipment, foreign, epoch: *epoch };
    // Read again: only now nobody else changes it.
    let outcome = match read(equipment, spec, id).await {
        Ok(change) => undoing.take_back(change).await,
        Err(error) => Err(error),
    };
    store.release_leases(&[(LeaseDomain::calendar(&spec.name, &calendar), *epoch)]).await?;
    outcome
}

async fn read(
    equipment: Equipment<'_>,
    spec: &MirrorSpec,
    id: &AuditId,
) -> Result<EventChange, UndoError> {
    let found = equipment.store.event_change(id).await?;
    let change = found.filter(|(mirror, _)| *mirror == spec.name).map(|(_, change)| change);
    let change = change.ok_or_else(|| UndoError::Unknown(id.clone()))?;
    let state = match &change.state {
        EventChangeState::Done | EventChangeState::Undoing => return Ok(change),
        EventChangeState::Undone { .. } => return Err(UndoError::Already(id.clone())),
        EventChangeState::Planned => "not sent yet",
        EventChangeState::Sent => "not known yet whether it was carried out; the next sync looks",
        EventChangeState::NotDone { .. } => "not carried out",
        EventChangeState::Refused { .. } => "refused by the calendar, so nothing was changed",
    };
    Err(UndoError::NotDone { id: id.clone(), state })
}

struct Undoing<'a> {
    spec: &'a MirrorSpec,
    equipment: Equipment<'a>,
    foreign: &'a dyn ForeignEvents,
    epoch: Epoch,
}

impl Undoing<'_> {
    async fn take_back(&self, mut change: EventChange) -> Result<EventChange, UndoError> {
        let Equipment { store, target, gate, clock, watcher, .. } = self.equipment;
        let calendar = change.calendar.clone();
        let (mirror, deadline) = (&self.spec.name, deadline(clock.now()));
        let reader = Reader { target, gate, clock, watcher, mirror, calendar: &calendar, deadline };
        let id = change.id.clone();
        let unreachable = |why: String| UndoError::Unreachable { id: id.clone(), why };
        let found = find(&reader, self.foreign, &change).await;
        let found = found.map_err(|failure| unreachable(words(&failure)))?;
        if change.state == EventChangeState::Done {
            if let Some(why) = changed_since(&change, found.as_ref()) {
                return Err(UndoError::Changed { id, why });
            }
            change.state = EventChangeState::Undoing;
            change.changed_at = clock.now();
            self.commit(&change, LedgerCommit::default()).await?;
        }
        let ended = end_undoing(&reader, self.foreign, &change, found.as_ref()).await;
        let at = match ended.map_err(|failure| unreachable(words(&failure)))? {
            Ended::Undone(at) => at,
            Ended::GivenUp(why) => {
                change.state = EventChangeState::Done;
                change.changed_at = clock.now();
                self.commit(&change, LedgerCommit::default()).await?;
                return Err(UndoError::Changed { id, why });
            }
        };
        change.state = EventChangeState::Undone { at };
        change.changed_at = clock.now();
        let commit = undone(store, mirror, &change).await?;
        self.commit(&change, commit).await?;
        Ok(change)
    }

    async fn commit(
        &self,
        change: &EventChange,
        mut commit: LedgerCommit,
    ) -> Result<(), UndoError> {
        let calendar = change.calendar.clone();
        commit.fences = vec![Fenced { calendar: calendar.clone(), epoch: self.epoch }];
        commit.conflicts.push(ConflictWrite::Change(Box::new(change.clone())));
        let receipt = self.equipment.store.commit_ledger(&self.spec.name, commit).await?;
        if receipt.fenced.contains(&calendar) {
            return Err(UndoError::Busy(calendar));
        }
        Ok(())
    }
}
