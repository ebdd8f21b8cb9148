//! What people did in one calendar: reading it by delta, and judging what is to be done about it.

use std::collections::BTreeSet;

use domain::ItemKey;

use super::{Drain, Stop};
use crate::plan::drift::{Grounds, Judged, is_settled, judge, tell};
use crate::plan::reconcile::{Action, Step};
use crate::plan::state::Seen;
use crate::port::{
    AuditVerb, Content, Drift, DriftWrite, FailureClass, ItemIdentity, Listing, RemoteId, Standing,
    Subject,
};
use crate::run::changes::tagged_elsewhere;
use crate::run::cycle::Cycling;
use crate::run::observe::ReadFailure;

impl Drain<'_> {
    /// Reads what changed since the calendar was read before, and queues what differs; all of it
    /// where that is not known any more.
    pub(super) async fn observe_changes(&mut self) -> Result<(), Stop> {
        if self.cycling.identity == ItemIdentity::NaturalKey {
            return Ok(());
        }
        let token = self.state.token.clone().filter(|_| self.state.read_at.is_some());
        let Some(token) = token else { return self.observe().await };
        self.commit().await?;
        self.observed_at = self.cycling.clock.now();
        let listing = match self.reader().list_since(&token).await {
            Err(ReadFailure::Failed(failure)) if is_lost(&failure.class) => {
                return self.observe().await;
            }
            listing => listing?,
        };
        if listing.full {
            return self.take_listing(listing).await;
        }
        self.take_changes(listing).await
    }

    async fn take_changes(&mut self, listing: Listing) -> Result<(), Stop> {
        let Cycling { store, spec, .. } = *self.cycling;
        let Listing { entries, removed, next, full: _ } = listing;
        self.resume_at = next.filter(|next| Some(next) != self.state.token.as_ref());
        if entries.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let failed = |error: crate::port::StoreError| Stop::Store(error.into());
        let places = entries.iter().map(|entry| &entry.remote_id).chain(&removed);
        let places: Vec<RemoteId> = places.cloned().collect();
        let here = Some(self.calendar);
        let ledger = store.ledger_at(&spec.name, here, &places).await.map_err(failed)?;
        let items = self.reader().read_changed(entries, &ledger).await?;
        let tagged = tagged_elsewhere(&items, &spec.name, &ledger);
        let mut others = Vec::new();
        if !tagged.is_empty() {
            others = store.ledger_of(&spec.name, &tagged).await.map_err(failed)?;
            others.retain(|row| row.calendar == *self.calendar);
        }
        let removed: BTreeSet<RemoteId> = removed.into_iter().collect();
        let observation = self.reader().observe_changes(items, &removed, ledger, others);
        self.report.copies += observation.copies;
        self.queue_seen(observation.seen);
        Ok(())
    }

    /// Judges a step: what somebody did is put right, or left, and kept in either case.
    pub(super) fn judge_drift(
        &mut self,
        subject: &Subject,
        item: &ItemKey,
        step: Option<Step>,
        seen: &Seen,
    ) -> Option<Step> {
        let cycling = self.cycling;
        if self.judged.contains(item) {
            return step;
        }
        let before = cycling.drifts.of(self.calendar, item);
        let row = self.row(subject, item.part);
        let Some(step) = step else {
            self.settle_drift(before, None, seen);
            let released = before.is_some_and(|drift| drift.standing == Standing::Released);
            let known = row.is_some_and(|row| row.intent.is_none());
            return (released && known && *seen == Seen::NotLooked).then(|| Step {
                key: subject.key.clone(),
                part: item.part,
                calendar: self.calendar.clone(),
                action: Action::Look,
                showing: None,
                generation: row.map_or(0, |row| row.generation),
                destination: None,
            });
        };
        let found = matches!(seen, Seen::Present(_));
        let span = match found.then(|| self.content(subject, item.part)).flatten() {
            Some(Content::Event(event)) => Some(event.span),
            Some(Content::Schedule(_)) | None => None,
        };
        let grounds = Grounds {
            mirror: &cycling.spec.name,
            policy: cycling.spec.drift,
            identity: cycling.identity,
            span,
            before,
            now: cycling.clock.now(),
        };
        let Judged { step, drift } = judge(step, row, seen, grounds);
        match drift {
            Some(drift) => self.keep_drift(before, drift),
            None => self.settle_drift(before, Some(&step), seen),
        }
        Some(step)
    }

    fn keep_drift(&mut self, before: Option<&Drift>, drift: Drift) {
        let told_before = before.is_some_and(|it| {
            it.standing == drift.standing && it.wanted == drift.wanted && it.found == drift.found
        });
        match drift.standing {
            Standing::PutRight | Standing::Released => self.report.drifted += 1,
            Standing::Left | Standing::Contested if told_before => {}
            Standing::Left | Standing::Contested => {
                let version = 0;
                let detail = tell(&drift, &self.cycling.spec.name);
                self.audit(&drift.key.clone(), AuditVerb::Left, version, detail);
            }
        }
        self.pending.drifts.push(DriftWrite::Put(drift));
    }

    fn settle_drift(&mut self, before: Option<&Drift>, step: Option<&Step>, seen: &Seen) {
        let now = self.cycling.clock.now();
        let Some(drift) = before.filter(|drift| is_settled(drift, step, seen, now)) else { return };
        let (calendar, key) = (drift.calendar.clone(), drift.key.clone());
        self.pending.drifts.push(DriftWrite::Remove { calendar, key });
    }
}

/// Whether where we stopped reading is not known any more.
fn is_lost(class: &FailureClass) -> bool {
    match class {
        FailureClass::DeltaExpired | FailureClass::CalendarMissing => true,
        FailureClass::Throttled { .. }
        | FailureClass::Unavailable
        | FailureClass::TooLate
        | FailureClass::Unknown
        | FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::Unauthorised
        | FailureClass::Forbidden
        | FailureClass::OwnerMissing
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => false,
    }
}
