//! One calendar: its items, and what changed when.

use std::collections::{BTreeMap, BTreeSet};

use domain::ItemKey;
use engine::port::{DeltaToken, ETag, FailureClass, RemoteId};

use super::KeptItem;
use super::schedule::Told;

/// More changes than one calendar sees in any test.
const CHANGES_PER_CALENDAR: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Calendar {
    pub items: BTreeMap<RemoteId, KeptItem>,
    /// Counts changes; also makes etags and ids.
    revision: u64,
    /// The last change of every item that is or was there.
    changes: BTreeMap<RemoteId, u64>,
    /// Tokens below this are not accepted any more.
    oldest_token: u64,
    /// What everybody sees, where that is not the same as what was written.
    pub shared: BTreeMap<RemoteId, KeptItem>,
    /// What was told to people.
    pub told: Told,
}

impl Calendar {
    /// An empty calendar; `number` tells it apart from every other, also from former ones.
    pub fn born(number: u64) -> Self {
        let revision = number * CHANGES_PER_CALENDAR;
        let (items, changes) = (BTreeMap::new(), BTreeMap::new());
        let (shared, told) = (BTreeMap::new(), Told::default());
        Self { items, revision, changes, oldest_token: revision, shared, told }
    }

    pub fn put(&mut self, id: RemoteId, make: impl FnOnce(ETag) -> KeptItem) -> &KeptItem {
        self.revision += 1;
        self.changes.insert(id.clone(), self.revision);
        let item = make(ETag(format!("\"{}\"", self.revision)));
        self.items.insert(id.clone(), item);
        &self.items[&id]
    }

    pub fn remove(&mut self, id: &RemoteId) -> Option<KeptItem> {
        let item = self.items.remove(id)?;
        self.revision += 1;
        self.changes.insert(id.clone(), self.revision);
        Some(item)
    }

    /// Checks what a write requires.
    pub fn require(&self, id: &RemoteId, etag: Option<&ETag>) -> Result<(), FailureClass> {
        let item = self.items.get(id).ok_or(FailureClass::Missing)?;
        match etag {
            Some(etag) if *etag != item.etag => Err(FailureClass::Precondition),
            Some(_) | None => Ok(()),
        }
    }

    /// The id of an item that the server places.
    pub fn next_id(&self) -> RemoteId {
        RemoteId(format!("item-{}", self.revision + 1))
    }

    pub fn by_origin(&self, key: &ItemKey, generation: u32) -> Option<(&RemoteId, &KeptItem)> {
        self.items.iter().find(|(_, item)| {
            let origin = item.origin.as_ref();
            origin.is_some_and(|it| it.item() == *key && it.generation == generation)
        })
    }

    /// Ids of items that changed since a revision, or of all that are there.
    pub fn changed_since(&self, since: Option<u64>) -> BTreeSet<RemoteId> {
        match since {
            None => self.items.keys().cloned().collect(),
            Some(since) => {
                let changed = self.changes.iter().filter(|(_, at)| **at > since);
                changed.map(|(id, _)| id.clone()).collect()
            }
        }
    }

    pub fn token(&self) -> DeltaToken {
        DeltaToken(format!("token-{}", self.revision))
    }

    pub fn revision_of(&self, token: &DeltaToken) -> Result<u64, FailureClass> {
        let number = token.0.strip_prefix("token-").and_then(|it| it.parse().ok());
        let good = number.filter(|it| (self.oldest_token..=self.revision).contains(it));
        good.ok_or(FailureClass::DeltaExpired)
    }

    pub fn expire_tokens(&mut self) {
        self.oldest_token = self.revision + 1;
        self.revision += 1;
    }
}
