//! What a batch of asks is decided on: the store's facts, with what was granted earlier in the
//! batch laid over them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{
    CalendarKey, Directory, EmployeeId, Entity, EntityKey, Fingerprint, SyncWindow, UtcInterval,
};

use super::land::Outcome;
use crate::port::{FactsNeeded, Grant, LedgerRow, LedgerWrite, RemoteId, RequestRow, RosterEntry};

/// A live entity, and how often it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// The entity.
    pub entity: Entity,
    /// Its version; the first is 1.
    pub version: u32,
}

/// The facts of one batch.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The people, groups and reasons.
    pub directory: Arc<Directory>,
    entities: BTreeMap<EntityKey, Live>,
    by_employee: BTreeMap<EmployeeId, BTreeSet<EntityKey>>,
    rows: BTreeMap<EntityKey, BTreeMap<CalendarKey, LedgerRow>>,
    at: BTreeMap<(CalendarKey, RemoteId), EntityKey>,
    requests: BTreeMap<RemoteId, RequestRow>,
    grants: BTreeMap<Fingerprint, Grant>,
    loaded: BTreeMap<EmployeeId, Vec<UtcInterval>>,
    loaded_everybody: Option<UtcInterval>,
    making: BTreeSet<CalendarKey>,
}

impl World {
    /// A world of these people, in which nothing else is known yet.
    #[must_use]
    pub fn new(directory: Arc<Directory>) -> Self {
        Self { directory, ..Self::default() }
    }

    /// Says in which calendars we are making items whose places nobody knows yet.
    pub fn add_making(&mut self, calendars: impl IntoIterator<Item = CalendarKey>) {
        self.making.extend(calendars);
    }

    /// Whether we are making an item in this calendar whose place nobody knows yet.
    #[must_use]
    pub fn makes_something(&self, calendar: &CalendarKey) -> bool {
        self.making.contains(calendar)
    }

    /// Adds live entities; those known already stay as they are.
    pub fn add_entries(&mut self, entries: impl IntoIterator<Item = RosterEntry>) {
        for RosterEntry { entity, version, .. } in entries {
            if !self.entities.contains_key(&entity.key()) {
                self.put_entity(entity, version);
            }
        }
    }

    /// Adds ledger rows. Only main items can be asked about: further parts of an entity are made
    /// of it, and follow it.
    pub fn add_rows(&mut self, rows: impl IntoIterator<Item = LedgerRow>) {
        rows.into_iter().filter(|row| row.part.is_main()).for_each(|row| self.put_row(row));
    }

    /// Makes these all the rows of these entities.
    pub fn replace_rows(&mut self, keys: &[EntityKey], rows: impl IntoIterator<Item = LedgerRow>) {
        for key in keys {
            let calendars: Vec<CalendarKey> =
                self.rows_of(key).map(|it| it.calendar.clone()).collect();
            calendars.iter().for_each(|calendar| self.remove_row(calendar, key));
        }
        self.add_rows(rows);
    }

    /// Adds requests.
    pub fn add_requests(&mut self, requests: impl IntoIterator<Item = RequestRow>) {
        self.requests.extend(requests.into_iter().map(|it| (it.at.clone(), it)));
    }

    /// Adds grants.
    pub fn add_grants(&mut self, grants: impl IntoIterator<Item = Grant>) {
        self.grants.extend(grants.into_iter().map(|it| (it.key, it)));
    }

    /// Remembers that everything that was needed has been added.
    pub fn loaded(&mut self, needed: &FactsNeeded) {
        for (employee, interval) in &needed.employees {
            self.loaded.entry(employee.clone()).or_default().push(*interval);
        }
        self.loaded_everybody = match (self.loaded_everybody, needed.everybody) {
            (Some(one), Some(other)) => Some(one.hull(&other)),
            (one, other) => one.or(other),
        };
    }

    /// Whether everything that is needed has been added.
    #[must_use]
    pub fn covers(&self, needed: &FactsNeeded) -> bool {
        let everybody = self.loaded_everybody;
        let by_everybody =
            |it: &UtcInterval| everybody.is_some_and(|everybody| everybody.contains(it));
        let everybody_there = needed.everybody.as_ref().is_none_or(by_everybody);
        everybody_there
            && needed.employees.iter().all(|(employee, interval)| {
                let own = self.loaded.get(employee).map_or(&[][..], Vec::as_slice);
                by_everybody(interval) || own.iter().any(|it| it.contains(interval))
            })
    }

    /// The entities with these keys, and what is needed beside them; each once.
    #[must_use]
    pub fn facts(&self, named: &[EntityKey], needed: &FactsNeeded) -> Vec<Entity> {
        let mut keys: BTreeSet<&EntityKey> = named.iter().collect();
        let inside = |key: &&EntityKey, interval: &UtcInterval| {
            let window = SyncWindow { interval: *interval };
            let live = self.entities.get(*key).and_then(|it| it.entity.interval());
            live.is_some_and(|it| window.admits(&it))
        };
        for (employee, interval) in &needed.employees {
            let own = self.by_employee.get(employee).into_iter().flatten();
            keys.extend(own.filter(|key| inside(key, interval)));
        }
        if let Some(interval) = &needed.everybody {
            keys.extend(self.entities.keys().filter(|key| inside(key, interval)));
        }
        keys.into_iter().filter_map(|key| Some(self.entities.get(key)?.entity.clone())).collect()
    }

    /// The live entity with this key.
    #[must_use]
    pub fn live(&self, key: &EntityKey) -> Option<&Live> {
        self.entities.get(key)
    }

    /// The ledger row of the item that is, or is intended to be, at a remote id.
    #[must_use]
    pub fn row_at(&self, calendar: &CalendarKey, at: &RemoteId) -> Option<&LedgerRow> {
        let key = self.at.get(&(calendar.clone(), at.clone()))?;
        self.rows.get(key)?.get(calendar)
    }

    /// The ledger row of an entity in one calendar.
    #[must_use]
    pub fn row(&self, calendar: &CalendarKey, key: &EntityKey) -> Option<&LedgerRow> {
        self.rows.get(key)?.get(calendar)
    }

    /// The ledger rows of an entity, by calendar.
    pub fn rows_of(&self, key: &EntityKey) -> impl Iterator<Item = &LedgerRow> {
        self.rows.get(key).into_iter().flat_map(BTreeMap::values)
    }

    /// Every entity that has a row.
    pub fn keys_with_rows(&self) -> impl Iterator<Item = &EntityKey> {
        self.rows.keys()
    }

    /// Every grant.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values()
    }

    /// The request at a remote id.
    #[must_use]
    pub fn request(&self, at: &RemoteId) -> Option<&RequestRow> {
        self.requests.get(at)
    }

    /// What was granted under this key.
    #[must_use]
    pub fn grant(&self, key: &Fingerprint) -> Option<&Grant> {
        self.grants.get(key)
    }

    /// Lays what was decided over the facts.
    pub fn apply(&mut self, outcome: &Outcome) {
        let Outcome { answer: _, upserts, tombstones, ledger, requests, grant } = outcome;
        for entity in upserts {
            let version = self.version_after(&entity.key());
            self.put_entity(entity.clone(), version);
        }
        for key in tombstones {
            if let Some(Live { entity, version: _ }) = self.entities.remove(key)
                && let Some(own) = entity.employee().and_then(|id| self.by_employee.get_mut(id))
            {
                own.remove(key);
            }
        }
        for write in ledger {
            match write {
                LedgerWrite::Put(row) => self.put_row(row.clone()),
                LedgerWrite::Remove { calendar, key, part: _ } => self.remove_row(calendar, key),
            }
        }
        self.add_requests(requests.iter().cloned());
        self.add_grants(grant.iter().cloned());
    }

    /// The version that an entity has after one more change.
    #[must_use]
    pub fn version_after(&self, key: &EntityKey) -> u32 {
        self.entities.get(key).map_or(0, |it| it.version) + 1
    }

    fn put_entity(&mut self, entity: Entity, version: u32) {
        let key = entity.key();
        let was = self.entities.get(&key).and_then(|it| it.entity.employee());
        if let Some(own) = was.cloned().and_then(|id| self.by_employee.get_mut(&id)) {
            own.remove(&key);
        }
        if let Some(employee) = entity.employee() {
            self.by_employee.entry(employee.clone()).or_default().insert(key.clone());
        }
        if let Entity::Employee(employee) = &entity
            && self.directory.employees.get(&employee.id) != Some(employee)
        {
            Arc::make_mut(&mut self.directory).add(entity.clone());
        }
        self.entities.insert(key, Live { entity, version });
    }

    fn put_row(&mut self, row: LedgerRow) {
        self.remove_row(&row.calendar, &row.key);
        for at in places(&row) {
            self.at.insert((row.calendar.clone(), at.clone()), row.key.clone());
        }
        let rows = self.rows.entry(row.key.clone()).or_default();
        rows.insert(row.calendar.clone(), row);
    }

    fn remove_row(&mut self, calendar: &CalendarKey, key: &EntityKey) {
        let row = self.rows.get_mut(key).and_then(|rows| rows.remove(calendar));
        for at in row.iter().flat_map(places) {
            let place = (calendar.clone(), at.clone());
            if self.at.get(&place) == Some(key) {
                self.at.remove(&place);
            }
        }
    }
}

/// Where a row's item is, or is intended to be.
fn places(row: &LedgerRow) -> impl Iterator<Item = &RemoteId> {
    let known = row.remote.as_ref().map(|it| &it.id);
    let intended = row.intent.as_ref().and_then(|it| it.remote_id.as_ref());
    known.into_iter().chain(intended)
}
