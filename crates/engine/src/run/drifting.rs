//! What is known of drift while a cycle runs.

use std::collections::BTreeMap;

use domain::{CalendarKey, ItemKey, MirrorName};
use jiff::Timestamp;

use super::project::Projector;
use crate::plan::drift::{is_over, wants_a_look};
use crate::port::{Drift, DriftWrite, Store, StoreError};

/// What people did in one mirror, as it was known when the cycle began.
#[derive(Debug, Default)]
pub(super) struct Drifts {
    known: BTreeMap<CalendarKey, BTreeMap<ItemKey, Drift>>,
    /// Those that are to be looked at although nothing else says so.
    pub due: Vec<(CalendarKey, ItemKey)>,
}

impl Drifts {
    /// Reads them, and forgets what is over.
    pub async fn load(
        store: &dyn Store,
        mirror: &MirrorName,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (mut drifts, mut over) = (Self::default(), Vec::new());
        for drift in store.drifts(mirror).await? {
            let (calendar, key) = (drift.calendar.clone(), drift.key.clone());
            if is_over(&drift, now) {
                over.push(DriftWrite::Remove { calendar, key });
                continue;
            }
            if wants_a_look(&drift, now) {
                drifts.due.push((calendar.clone(), key.clone()));
            }
            drifts.known.entry(calendar).or_default().insert(key, drift);
        }
        if !over.is_empty() {
            store.put_drifts(mirror, &over).await?;
        }
        Ok(drifts)
    }

    /// Has the items of refused requests tell why.
    pub fn tell(&self, projector: &Projector<'_>, now: Timestamp) {
        for drift in self.known.values().flat_map(BTreeMap::values) {
            let told = drift.refused.as_ref().filter(|it| it.until > now);
            if let Some(told) = told {
                projector.tell_refusal(drift.key.entity.clone(), Some(told.text.clone()));
            }
        }
    }

    /// Forgets all of it.
    pub async fn forget(&self, store: &dyn Store, mirror: &MirrorName) -> Result<(), StoreError> {
        let all = self.known.values().flat_map(BTreeMap::values);
        let removals = all.map(|drift| DriftWrite::Remove {
            calendar: drift.calendar.clone(),
            key: drift.key.clone(),
        });
        store.put_drifts(mirror, &removals.collect::<Vec<_>>()).await
    }

    /// What is known of the items of one calendar.
    pub fn in_calendar(&self, calendar: &CalendarKey) -> Option<&BTreeMap<ItemKey, Drift>> {
        self.known.get(calendar)
    }

    /// What is known of one item.
    pub fn of(&self, calendar: &CalendarKey, key: &ItemKey) -> Option<&Drift> {
        self.known.get(calendar)?.get(key)
    }
}
