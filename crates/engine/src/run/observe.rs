//! Reading one calendar back: what is there, what is gone, what is ours.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use domain::limits::ATTEMPTS_PER_CYCLE_MAX;
use domain::{CalendarKey, ItemKey, MirrorName};
use jiff::Timestamp;

use super::gate::{Gate, Shut};
use super::watch::Watcher;
use crate::plan::reconcile::vendors_turn;
use crate::plan::state::Seen;
use crate::port::{
    Clock, DeltaToken, Failure, FailureClass, ItemIdentity, LedgerRow, Listing, Probe, RemoteId,
    RemoteItem, Sighting, Target,
};

/// What a calendar holds, against what the ledger says of it.
#[derive(Debug, Default, PartialEq)]
pub struct Observation {
    /// What was seen of each item that the ledger knows or that an item of ours names.
    pub seen: BTreeMap<ItemKey, Seen>,
    /// Further copies of items of ours, to be removed.
    pub surplus: Vec<(ItemKey, RemoteItem)>,
    /// Items that no row of the ledger knows, where nothing else tells whose they are.
    pub unclaimed: Vec<RemoteItem>,
    /// Items of ours that the ledger did not know.
    pub unknown_ours: u64,
    /// Items that are not ours.
    pub foreign: u64,
    /// Those of them that somebody made by copying one of ours, as far as that shows.
    pub copies: u64,
    /// Where to resume listing.
    pub token: Option<DeltaToken>,
}

/// Reads from one calendar, repeating what may be repeated.
pub struct Reader<'a> {
    /// Of which target.
    pub target: &'a dyn Target,
    /// Through which gate.
    pub gate: &'a Gate,
    /// By which clock.
    pub clock: &'a dyn Clock,
    /// Who wants to know of waits.
    pub watcher: &'a dyn Watcher,
    /// Of which mirror.
    pub mirror: &'a MirrorName,
    /// Which calendar.
    pub calendar: &'a CalendarKey,
    /// Not waiting beyond this instant.
    pub deadline: Timestamp,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFailure {
    /// The gate is shut.
    Shut(Shut),
    /// The request failed, also when repeated.
    Failed(Failure),
}

impl Reader<'_> {
    /// Sends a request that changes nothing, until it is answered or not worth repeating.
    ///
    /// # Errors
    /// The last failure, or that the gate is shut.
    pub async fn request<T, F>(&self, mut send: impl FnMut() -> F) -> Result<T, ReadFailure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut failures = 0;
        loop {
            let pass = self
                .gate
                .enter(Some(self.calendar), self.deadline, self.watcher)
                .await
                .map_err(ReadFailure::Shut)?;
            let answer = send().await;
            pass.ended(answer.as_ref().err());
            let failure = match answer {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            match failure.class {
                FailureClass::Throttled { .. } => {}
                FailureClass::Unavailable | FailureClass::Unknown
                    if failures + 1 < ATTEMPTS_PER_CYCLE_MAX =>
                {
                    failures += 1;
                    self.clock.sleep_until(self.gate.backoff(failures)).await;
                }
                FailureClass::Unavailable
                | FailureClass::Unknown
                | FailureClass::Precondition
                | FailureClass::Duplicate { .. }
                | FailureClass::Missing
                | FailureClass::CalendarMissing
                | FailureClass::DeltaExpired
                | FailureClass::TooLate
                | FailureClass::Unauthorised
                | FailureClass::Forbidden
                | FailureClass::OwnerMissing
                | FailureClass::Refused
                | FailureClass::Unsupported
                | FailureClass::Bug => return Err(ReadFailure::Failed(failure)),
            }
        }
    }

    /// Looks for certain items, in batches.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn look(&self, probes: &[Probe]) -> Result<Vec<Sighting>, ReadFailure> {
        let size = self.target.capabilities().look_size_max.max(1);
        let mut sightings = Vec::with_capacity(probes.len());
        for batch in probes.chunks(size) {
            let found = self.request(|| self.target.look(self.calendar, batch)).await?;
            sightings.extend(found);
        }
        Ok(sightings)
    }

    /// Which of these items lie in another calendar of the same owner, in batches.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn strayed(&self, items: &[RemoteId]) -> Result<Vec<bool>, ReadFailure> {
        let size = self.target.capabilities().look_size_max.max(1);
        let mut strayed = Vec::with_capacity(items.len());
        for batch in items.chunks(size) {
            let told = self.request(|| self.target.strayed(self.calendar, batch)).await?;
            strayed.extend(told);
        }
        Ok(strayed)
    }

    /// Lists the whole calendar.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn list(&self) -> Result<Listing, ReadFailure> {
        self.request(|| self.target.list(self.calendar, None)).await
    }

    /// Lists what changed since a token was given.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn list_since(&self, token: &DeltaToken) -> Result<Listing, ReadFailure> {
        self.request(|| self.target.list(self.calendar, Some(token))).await
    }

    /// Holds a whole listing against `ledger`.
    ///
    /// Items whose etag is as the ledger has it are not read again; everything else is. Callers
    /// list first and read the ledger then: while an answer of thousands of items is taken
    /// apart, the ledger need not lie in memory too.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn observe(
        &self,
        listing: Listing,
        ledger: &[LedgerRow],
    ) -> Result<Observation, ReadFailure> {
        let known: BTreeMap<&RemoteId, &LedgerRow> = ledger
            .iter()
            .filter_map(|row| row.remote.as_ref().map(|remote| (&remote.id, row)))
            .collect();
        let mut observation = Observation { token: listing.next, ..Observation::default() };
        let (mut probes, mut items) = (Vec::new(), Vec::new());
        let mut listed = Vec::new();
        for entry in listing.entries {
            listed.push(entry.remote_id.clone());
            let row = known.get(&entry.remote_id);
            let as_known = row.is_some_and(|row| {
                let etag = row.remote.as_ref().and_then(|remote| remote.etag.as_ref());
                row.intent.is_none() && etag.is_some() && etag == entry.etag.as_ref()
            });
            match (row, entry.item) {
                (Some(row), _) if as_known => {
                    observation.seen.insert(row.item(), Seen::AsKnown);
                }
                (_, Some(item)) => items.push(item),
                (row, None) => probes.push(Probe {
                    key: row.map(|row| row.item()),
                    generation: row.map_or(0, |row| row.generation),
                    remote_id: Some(entry.remote_id),
                    shows: None,
                }),
            }
        }
        if self.target.capabilities().identity == ItemIdentity::NaturalKey {
            // What is made anew gets another id there, so nothing would stop a second one: that an
            // item is gone is believed only when it is not found where it was.
            let listed: BTreeSet<&RemoteId> = listed.iter().collect();
            let gone = ledger.iter().filter_map(|row| {
                let remote = row.remote.as_ref().filter(|it| !listed.contains(&it.id))?;
                Some(Probe {
                    key: Some(row.item()),
                    generation: row.generation,
                    remote_id: Some(remote.id.clone()),
                    shows: None,
                })
            });
            probes.extend(gone);
        }
        for sighting in self.look(&probes).await? {
            match sighting {
                Sighting::Absent => {}
                Sighting::Present(item) => items.push(item),
                Sighting::Alike(alike) => items.extend(alike),
            }
        }
        match self.target.capabilities().identity {
            ItemIdentity::OriginTag | ItemIdentity::CopiedTag => {
                self.attribute(&mut observation, ledger, items);
            }
            ItemIdentity::NaturalKey => self.attribute_unmarked(&mut observation, ledger, items),
        }
        for row in ledger {
            observation.seen.entry(row.item()).or_insert(Seen::Absent);
        }
        Ok(observation)
    }

    /// Gives each item to the entity whose item the ledger says it is, or is to be; the rest is
    /// unclaimed.
    fn attribute_unmarked(
        &self,
        observation: &mut Observation,
        ledger: &[LedgerRow],
        items: Vec<RemoteItem>,
    ) {
        let now = self.clock.now();
        let mut there: BTreeMap<&RemoteId, &LedgerRow> = BTreeMap::new();
        let mut intended: BTreeMap<&RemoteId, &LedgerRow> = BTreeMap::new();
        for row in ledger {
            there.extend(row.remote.as_ref().map(|remote| (&remote.id, row)));
            let at = row.intent.as_ref().and_then(|intent| intent.remote_id.as_ref());
            intended.extend(at.map(|id| (id, row)));
            if vendors_turn(row, now).is_some() {
                observation.seen.insert(row.item(), Seen::NotLooked);
            }
        }
        // An item where it is to be counts more than one where it was.
        let (new, other): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| intended.contains_key(&item.remote_id));
        for item in new.into_iter().chain(other) {
            let id = &item.remote_id;
            match intended.get(id).or_else(|| there.get(id)) {
                Some(row) if vendors_turn(row, now).is_some() => {}
                Some(row) => self.first_or_surplus(observation, row.item(), item),
                None => observation.unclaimed.push(item),
            }
        }
    }

    /// Gives each item to the entity that it shows; the rest is surplus or foreign.
    pub(super) fn attribute(
        &self,
        observation: &mut Observation,
        ledger: &[LedgerRow],
        items: Vec<RemoteItem>,
    ) {
        let mut expected: BTreeMap<RemoteId, (ItemKey, bool)> = BTreeMap::new();
        for row in ledger {
            let intended = row.intent.as_ref().and_then(|intent| intent.remote_id.clone());
            expected.extend(intended.map(|id| (id, (row.item(), false))));
            expected.extend(row.remote.as_ref().map(|it| (it.id.clone(), (row.item(), true))));
        }
        let known: BTreeMap<ItemKey, &LedgerRow> =
            ledger.iter().map(|row| (row.item(), row)).collect();
        let mut others = Vec::new();
        for item in items {
            match expected.get(&item.remote_id) {
                // Where we once saw an item of ours it is ours, whatever became of its tag.
                Some((key, was_seen)) if *was_seen || self.is_ours(&item, key) => {
                    self.first_or_surplus(observation, key.clone(), item);
                }
                // Somebody else's, where an intent that may not have been sent would have put ours.
                Some((key, _)) => {
                    observation.foreign += 1;
                    observation.seen.entry(key.clone()).or_insert(Seen::Foreign);
                }
                None => others.push(item),
            }
        }
        for item in others {
            match item.origin.clone().filter(|origin| origin.mirror == *self.mirror) {
                Some(origin) if self.is_a_copy(&item, known.get(&origin.item()), observation) => {
                    observation.foreign += 1;
                    observation.copies += 1;
                }
                Some(origin) => {
                    let key = origin.item();
                    observation.unknown_ours += u64::from(!known.contains_key(&key));
                    self.first_or_surplus(observation, key, item);
                }
                None => observation.foreign += 1,
            }
        }
    }

    /// Whether an item that carries our tag is a copy that somebody made, where copies carry it
    /// along. While the one that the ledger knows is there, every other is; when it is gone, the
    /// one that shows the same is the item itself under another id, so that it is ours again
    /// without being written.
    fn is_a_copy(
        &self,
        item: &RemoteItem,
        row: Option<&&LedgerRow>,
        observation: &Observation,
    ) -> bool {
        if self.target.capabilities().identity != ItemIdentity::CopiedTag {
            return false;
        }
        let Some(row) = row else {
            let key = item.origin.as_ref().map(domain::OriginTag::item);
            return key.is_some_and(|key| observation.seen.contains_key(&key));
        };
        let is_there = match observation.seen.get(&row.item()) {
            Some(Seen::AsKnown | Seen::Present(_) | Seen::NotLooked) => true,
            Some(Seen::Absent | Seen::Foreign) | None => false,
        };
        let shows_the_same = row.remote.as_ref().is_none_or(|remote| {
            let shown = [Some(remote.intended), remote.echoed];
            item.fingerprint.is_some() && shown.contains(&item.fingerprint)
        });
        is_there || !shows_the_same
    }

    fn is_ours(&self, item: &RemoteItem, key: &ItemKey) -> bool {
        let origin = item.origin.as_ref();
        origin.is_some_and(|origin| origin.item() == *key && origin.mirror == *self.mirror)
    }

    fn first_or_surplus(&self, observation: &mut Observation, key: ItemKey, item: RemoteItem) {
        match observation.seen.get(&key) {
            None | Some(Seen::Foreign | Seen::Absent) => {
                observation.seen.insert(key, Seen::Present(item));
            }
            Some(Seen::NotLooked | Seen::AsKnown | Seen::Present(_)) => {
                observation.surplus.push((key, item))
            }
        }
    }
}
