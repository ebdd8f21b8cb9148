//! Seeing what is in a calendar: reading it back, and settling what is in doubt.

use std::collections::BTreeSet;

use domain::EntityKey;

use super::{Drain, Stop};
use crate::plan::state::Seen;
use crate::port::{
    AuditVerb, CalendarState, FailureClass, LedgerRow, LedgerWrite, Probe, RemoteId, RemoteItem,
    Sighting,
};
use crate::run::cycle::Cycling;
use crate::run::observe::{Observation, ReadFailure, Reader};

/// One item to be looked at.
pub(super) struct Look {
    pub key: EntityKey,
    pub probe: Probe,
    /// Whether the ledger says that what is there is ours.
    pub known: bool,
    /// Whether finding nothing means that the identity is taken elsewhere.
    pub taken: bool,
    /// The row of a write that is done: what is seen is its echo.
    pub confirms: Option<LedgerRow>,
}

impl<'a> Drain<'a> {
    pub(super) fn reader(&self) -> Reader<'a> {
        let Cycling { target, gate, clock, watcher, spec, deadline, .. } = *self.cycling;
        let (mirror, calendar) = (&spec.name, self.calendar);
        Reader { target, gate, clock, watcher, mirror, calendar, deadline }
    }

    /// Makes the calendar if it is missing, reads it back, and queues what differs.
    pub(super) async fn observe(&mut self) -> Result<(), Stop> {
        let reader = self.reader();
        let target = self.cycling.target;
        let makes = self.cycling.writes && !self.cycling.purge;
        if makes {
            reader.request(|| target.open(reader.calendar)).await?;
        }
        let listing = match reader.list().await {
            Err(ReadFailure::Failed(failure))
                if !makes && failure.class == FailureClass::CalendarMissing =>
            {
                return Ok(());
            }
            listing => listing?,
        };
        let ledger = self
            .cycling
            .store
            .ledger_of_calendar(&self.cycling.spec.name, self.calendar)
            .await
            .map_err(|error| Stop::Store(error.into()))?;
        let observation = reader.observe(listing, &ledger).await?;
        let Observation { seen, surplus, unknown_ours, foreign, token } = observation;
        self.report.foreign = foreign;
        self.report.unknown_ours = unknown_ours;
        let queued: BTreeSet<EntityKey> = self.queue.iter().cloned().collect();
        let more = seen.iter().filter(|(key, seen)| {
            !queued.contains(key) && !matches!(seen, Seen::AsKnown | Seen::NotLooked)
        });
        let more: Vec<EntityKey> = more.map(|(key, _)| key.clone()).collect();
        self.queue.extend(more);
        self.seen = seen;
        self.remove_surplus(surplus).await?;
        // What was only looked at is read again before anything is written.
        let read_at = self.cycling.writes.then(|| self.cycling.clock.now());
        let calendar = self.calendar.clone();
        self.pending.calendars.push(CalendarState { calendar, read_at, token, unpublished: None });
        Ok(())
    }

    /// Removes further copies of items of ours. Needs no intent: removing a copy twice is
    /// harmless, and one that stays is seen again the next time.
    async fn remove_surplus(&mut self, surplus: Vec<(EntityKey, RemoteItem)>) -> Result<(), Stop> {
        if !self.cycling.writes {
            self.report.held += surplus.len() as u64;
            return Ok(());
        }
        for (key, item) in surplus {
            let Cycling { target, gate, watcher, deadline, .. } = *self.cycling;
            let pass =
                gate.enter(Some(self.calendar), deadline, watcher).await.map_err(Stop::Shut)?;
            let gone = target.delete(self.calendar, &item.remote_id, item.etag.as_ref()).await;
            pass.ended(gone.as_ref().err());
            if gone.is_ok() {
                self.report.deleted += 1;
                self.audit(&key, AuditVerb::Deleted, 0, "a second copy of it".into());
            }
        }
        Ok(())
    }

    /// Looks at certain items; what is seen decides when they are planned again.
    pub(super) async fn look(&mut self, looks: Vec<Look>) -> Result<(), Stop> {
        let probes: Vec<Probe> = looks.iter().map(|look| look.probe.clone()).collect();
        let sightings = self.reader().look(&probes).await?;
        for (mut look, sighting) in looks.into_iter().zip(sightings) {
            if let Some(row) = look.confirms.take() {
                self.confirm(row, sighting);
                continue;
            }
            let seen = match sighting {
                Sighting::Absent if look.taken => Seen::Foreign,
                Sighting::Absent => Seen::Absent,
                Sighting::Present(item) if look.known || self.is_ours(&look.key, &item) => {
                    Seen::Present(item)
                }
                Sighting::Present(_) | Sighting::Alike(_) => Seen::Foreign,
            };
            self.seen.insert(look.key.clone(), seen);
            self.queue.push_front(look.key);
        }
        Ok(())
    }

    fn is_ours(&self, key: &EntityKey, item: &RemoteItem) -> bool {
        item.origin
            .as_ref()
            .is_some_and(|origin| origin.key == *key && origin.mirror == self.cycling.spec.name)
    }

    /// What to look at to learn how `row` stands. An item that the ledger knows to be ours at
    /// its remote id is ours, whatever somebody made of its tag.
    pub(super) fn look_for(&self, row: &LedgerRow, at: Option<RemoteId>, taken: bool) -> Look {
        let was = row.remote.as_ref().map(|remote| remote.id.clone());
        let known = at.is_none() && was.is_some();
        let intended = row.intent.as_ref().and_then(|intent| intent.remote_id.clone());
        let own = self.cycling.target.remote_id(self.calendar, &row.key, row.generation);
        let remote_id = at.or(was).or(intended).or(own);
        let probe = Probe {
            key: Some(row.key.clone()),
            generation: row.generation,
            remote_id,
            shows: None,
        };
        Look { key: row.key.clone(), probe, known, taken, confirms: None }
    }

    /// What to look at to learn how the target keeps what was just written.
    pub(super) fn look_to_confirm(&self, row: LedgerRow) -> Look {
        let remote_id = row.remote.as_ref().map(|remote| remote.id.clone());
        let probe = Probe {
            key: Some(row.key.clone()),
            generation: row.generation,
            remote_id,
            shows: None,
        };
        Look { key: row.key.clone(), probe, known: true, taken: false, confirms: Some(row) }
    }

    /// Keeps the echo of a write. One that is gone again already is found by reading back.
    fn confirm(&mut self, mut row: LedgerRow, sighting: Sighting) {
        if let (Sighting::Present(item), Some(remote)) = (sighting, row.remote.as_mut()) {
            remote.etag = item.etag;
            remote.echoed = item.fingerprint.filter(|seen| *seen != remote.intended);
            self.pending.writes.push(LedgerWrite::Put(row));
        }
    }
}
