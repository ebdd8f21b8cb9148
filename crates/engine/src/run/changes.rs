//! Reading what changed in one calendar since it was read before.
//!
//! Only what a vendor lists as changed is held against the ledger, and of the ledger only those
//! rows are read: a calendar in which nothing happened costs one request and no row. What we wrote
//! ourselves comes back too; it has the etag that the ledger knows, and is no change.

use std::collections::{BTreeMap, BTreeSet};

use domain::EntityKey;

use super::observe::{Observation, ReadFailure, Reader};
use crate::plan::state::Seen;
use crate::port::{LedgerRow, ListEntry, Probe, RemoteId, RemoteItem, Sighting};

impl Reader<'_> {
    /// Reads the items that changed, but for those that are as `ledger` has them. Entries that
    /// carry their item are believed, unless they say that an item of ours lost its tag: not
    /// every vendor tells tags in listings.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub(super) async fn read_changed(
        &self,
        entries: Vec<ListEntry>,
        ledger: &[LedgerRow],
    ) -> Result<Vec<RemoteItem>, ReadFailure> {
        let known: BTreeMap<&RemoteId, &LedgerRow> = ledger
            .iter()
            .filter_map(|row| row.remote.as_ref().map(|remote| (&remote.id, row)))
            .collect();
        let (mut items, mut probes) = (Vec::new(), Vec::new());
        for entry in entries {
            let row = known.get(&entry.remote_id).copied();
            let as_known = row.is_some_and(|row| {
                let etag = row.remote.as_ref().and_then(|remote| remote.etag.as_ref());
                row.intent.is_none() && etag.is_some() && etag == entry.etag.as_ref()
            });
            let tagged = entry.item.as_ref().is_some_and(|item| item.origin.is_some());
            match entry.item {
                Some(_) | None if as_known => {}
                Some(item) if tagged || row.is_none() => items.push(item),
                Some(_) | None => probes.push(Probe {
                    key: row.map(LedgerRow::item),
                    generation: row.map_or(0, |row| row.generation),
                    remote_id: Some(entry.remote_id),
                    shows: None,
                }),
            }
        }
        for sighting in self.look(&probes).await? {
            match sighting {
                // Gone since it was listed: the next listing says so.
                Sighting::Absent => {}
                Sighting::Present(item) => items.push(item),
                Sighting::Alike(alike) => items.extend(alike),
            }
        }
        Ok(items)
    }

    /// Holds what changed against the ledger: `ledger` has the rows at the places that changed,
    /// `others` those of further entities whose tag is on an item that changed.
    ///
    /// What is a second item of ours is left to a whole reading: only that sees both.
    pub(super) fn observe_changes(
        &self,
        items: Vec<RemoteItem>,
        removed: &BTreeSet<RemoteId>,
        mut ledger: Vec<LedgerRow>,
        others: Vec<LedgerRow>,
    ) -> Observation {
        let mut observation = Observation::default();
        for row in ledger.iter().filter(|row| row.intent.is_none()) {
            if row.remote.as_ref().is_some_and(|remote| removed.contains(&remote.id)) {
                observation.seen.insert(row.item(), Seen::Absent);
            }
        }
        // Nothing is said of the items of the others: so they are as they were.
        for row in others.iter().filter(|row| row.remote.is_some()) {
            let settled = row.intent.is_none();
            let seen = if settled { Seen::AsKnown } else { Seen::NotLooked };
            observation.seen.insert(row.item(), seen);
        }
        ledger.extend(others);
        self.attribute(&mut observation, &ledger, items);
        observation
    }
}

/// The entities whose tag of `mirror` is on these items, without those that `ledger` has.
pub(super) fn tagged_elsewhere(
    items: &[RemoteItem],
    mirror: &domain::MirrorName,
    ledger: &[LedgerRow],
) -> Vec<EntityKey> {
    let known: BTreeSet<&EntityKey> = ledger.iter().map(|row| &row.key).collect();
    let tags = items.iter().filter_map(|item| item.origin.as_ref());
    let ours = tags.filter(|tag| tag.mirror == *mirror && !known.contains(&tag.key));
    let keys: BTreeSet<EntityKey> = ours.map(|tag| tag.key.clone()).collect();
    keys.into_iter().collect()
}
