//! Gathering what asks are decided on, with few questions to the store however many asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{
    CalendarKey, Directory, EligibilityQuestion, Eligible, EmployeeId, Entity, EntityKey,
    EntityKind, MirrorName, RosterName, SyncWindow, UtcInterval,
};

use crate::approve::key::key_of;
use crate::approve::replay::is_being_written;
use crate::approve::translate::{Translated, named, named_by, remote_ids, translate};
use crate::approve::world::World;
use crate::port::{
    Ask, AskWhat, AskedQuestion, AskedRequest, ChangeSeq, Decider, FactsNeeded, Grant, LedgerRow,
    RemoteId, RosterChange, Scope, Store, StoreError,
};
use jiff::Timestamp;

/// Unsettled rows that are looked at: more than a chunk of every team that is written at once.
const UNSETTLED: usize = 10_000;

/// Gathers for one mirror of one roster.
pub(super) struct Gatherer<'a> {
    pub store: &'a dyn Store,
    pub decider: &'a dyn Decider,
    pub mirror: &'a MirrorName,
    pub roster: &'a RosterName,
}

impl Gatherer<'_> {
    /// Everything that these asks, as they are now, are decided on.
    pub async fn gather(
        &self,
        directory: Arc<Directory>,
        asks: &[&Ask],
    ) -> Result<World, StoreError> {
        let mut world = World::new(directory);
        let requests: BTreeSet<RemoteId> = asks.iter().flat_map(|ask| request_ids(ask)).collect();
        if !requests.is_empty() {
            let requests: Vec<RemoteId> = requests.into_iter().collect();
            world.add_requests(self.store.requests_at(self.mirror, &requests).await?);
        }
        let keys: BTreeSet<_> = asks.iter().map(|ask| key_of(ask, known(&world, ask))).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let grants = self.store.grants(self.mirror, &keys).await?;
        self.add_earlier_requests(&mut world, asks, &grants).await?;

        let at: BTreeSet<RemoteId> =
            asks.iter().flat_map(|ask| remote_ids(ask, known(&world, ask))).collect();
        if !at.is_empty() {
            let at: Vec<RemoteId> = at.into_iter().collect();
            world.add_rows(self.store.ledger_at(self.mirror, None, &at).await?);
        }
        self.add_making(&mut world, asks).await?;
        let mut others: BTreeSet<EntityKey> = asks.iter().filter_map(|ask| person(ask)).collect();
        others.extend(grants.iter().flat_map(|it| it.touched.iter().map(|(key, _)| key.clone())));
        let mut entities: BTreeSet<EntityKey> = world.keys_with_rows().cloned().collect();
        others.retain(|key| !entities.contains(key));
        if !others.is_empty() {
            let others: Vec<EntityKey> = others.into_iter().collect();
            world.add_rows(self.store.ledger_of(self.mirror, &others).await?);
            entities.extend(others);
        }
        world.add_grants(grants);
        self.add_entities(&mut world, entities).await?;

        let mut needed = FactsNeeded::default();
        for ask in asks {
            if let Ok(Translated::Command(command)) = translate(&world, ask) {
                let named = world.facts(&named(&command), &FactsNeeded::default());
                let more = self.decider.needs(&command, &named, &world.directory);
                needed.employees.extend(more.employees);
                needed.everybody = hull(needed.everybody, more.everybody);
            }
        }
        self.add_needed(&mut world, needed).await?;
        Ok(world)
    }

    /// Where something is asked about that the ledger does not know: whether we are making items
    /// there whose places are not known yet.
    async fn add_making(&self, world: &mut World, asks: &[&Ask]) -> Result<(), StoreError> {
        let unknown = |ask: &&&Ask| match &ask.what {
            AskWhat::Delete { at, kind: _ } => world.row_at(&ask.calendar, at).is_none(),
            AskWhat::Create { .. }
            | AskWhat::Edit { .. }
            | AskWhat::Assign { .. }
            | AskWhat::Request { .. }
            | AskWhat::SetAvailability { .. } => false,
        };
        if !asks.iter().any(|ask| unknown(&ask)) {
            return Ok(());
        }
        // Nothing changed after the last place, and nothing enters an empty window: what is left
        // are rows with an intent.
        let never = Timestamp::MAX;
        let scope = Scope::Changed {
            since: ChangeSeq(i64::MAX),
            entered_from: never,
            entered_until: never,
        };
        let kinds = &EntityKind::ALL;
        let unsettled =
            self.store.subjects(self.mirror, self.roster, kinds, &scope, None, UNSETTLED);
        let rows = unsettled.await?.into_iter().flat_map(|subject| subject.ledger);
        let making = rows.filter(|row| is_being_written(row) && row.remote.is_none());
        world.add_making(making.map(|row| row.calendar));
        Ok(())
    }

    /// What the ledger says by now of everything in a change, and those of it that the roster has.
    pub async fn add_changed(
        &self,
        world: &mut World,
        change: &RosterChange,
    ) -> Result<(), StoreError> {
        let upserts = change.upserts.iter().map(Entity::key);
        let keys: BTreeSet<EntityKey> = upserts.chain(change.tombstones.iter().cloned()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<EntityKey> = keys.into_iter().collect();
        world.replace_rows(&keys, self.store.ledger_of(self.mirror, &keys).await?);
        world.add_entries(self.store.roster_entries(self.roster, &keys).await?);
        Ok(())
    }

    /// The shift that a question is about.
    pub async fn add_asked_about(
        &self,
        world: &mut World,
        calendar: &CalendarKey,
        question: &AskedQuestion,
    ) -> Result<(), StoreError> {
        match question {
            AskedQuestion::SwapFor { given, .. } | AskedQuestion::OfferOf { given } => {
                let at = [given.clone()];
                world.add_rows(self.store.ledger_at(self.mirror, Some(calendar), &at).await?);
                let keys = world.keys_with_rows().cloned().collect();
                self.add_entities(world, keys).await
            }
            AskedQuestion::TimeOffReasons { employee: _ } => Ok(()),
        }
    }

    /// The facts that a question is answered on.
    pub async fn add_needed_for(
        &self,
        world: &mut World,
        question: &EligibilityQuestion,
    ) -> Result<Vec<Entity>, StoreError> {
        let keys = named_by(question);
        let named = world.facts(&keys, &FactsNeeded::default());
        let needed = self.decider.needs_for(question, &named, &world.directory);
        self.add_needed(world, needed.clone()).await?;
        Ok(world.facts(&keys, &needed))
    }

    /// The ledger rows of those that are shifts.
    pub async fn rows_of_shifts(&self, found: &[Eligible]) -> Result<Vec<LedgerRow>, StoreError> {
        let key = |it: &Eligible| match it {
            Eligible::Shift(id) => Some(EntityKey { kind: EntityKind::Shift, id: id.into() }),
            Eligible::Employee(_) | Eligible::Reason(_) => None,
        };
        let keys: Vec<EntityKey> = found.iter().filter_map(key).collect();
        if keys.is_empty() { Ok(vec![]) } else { self.store.ledger_of(self.mirror, &keys).await }
    }

    /// Requests that were granted under another remote id before: the asks may repeat them.
    async fn add_earlier_requests(
        &self,
        world: &mut World,
        asks: &[&Ask],
        grants: &[Grant],
    ) -> Result<(), StoreError> {
        let is_request = asks.iter().any(|ask| matches!(ask.what, AskWhat::Request { .. }));
        let landed = grants.iter().flat_map(|it| it.landed.iter().map(|(_, at)| at.clone()));
        let landed: BTreeSet<RemoteId> = landed.filter(|at| world.request(at).is_none()).collect();
        if is_request && !landed.is_empty() {
            let landed: Vec<RemoteId> = landed.into_iter().collect();
            world.add_requests(self.store.requests_at(self.mirror, &landed).await?);
        }
        Ok(())
    }

    async fn add_entities(
        &self,
        world: &mut World,
        keys: BTreeSet<EntityKey>,
    ) -> Result<(), StoreError> {
        if !keys.is_empty() {
            let keys: Vec<EntityKey> = keys.into_iter().collect();
            world.add_entries(self.store.roster_entries(self.roster, &keys).await?);
        }
        Ok(())
    }

    async fn add_needed(&self, world: &mut World, needed: FactsNeeded) -> Result<(), StoreError> {
        // One window for each employee: what several asks need of one is read once.
        let mut windows: BTreeMap<EmployeeId, UtcInterval> = BTreeMap::new();
        for (employee, interval) in needed.employees {
            let window = windows.entry(employee).or_insert(interval);
            *window = window.hull(&interval);
        }
        let employees: Vec<(EmployeeId, UtcInterval)> = windows.into_iter().collect();
        if !employees.is_empty() {
            let windows: Vec<(EmployeeId, SyncWindow)> = employees
                .iter()
                .map(|(employee, interval)| (employee.clone(), SyncWindow { interval: *interval }))
                .collect();
            world.add_entries(self.store.entries_of_employees(self.roster, &windows).await?);
        }
        if let Some(interval) = needed.everybody {
            let window = SyncWindow { interval };
            for kind in [EntityKind::OpenShift, EntityKind::Shift, EntityKind::TimeOff] {
                world.add_entries(self.store.entries_within(self.roster, kind, &window).await?);
            }
        }
        world.loaded(&FactsNeeded { employees, everybody: needed.everybody });
        Ok(())
    }
}

fn hull(one: Option<UtcInterval>, other: Option<UtcInterval>) -> Option<UtcInterval> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.hull(&other)),
        (one, other) => one.or(other),
    }
}

/// What a request asks for, where it is known from before.
fn known<'a>(world: &'a World, ask: &Ask) -> Option<&'a AskedRequest> {
    match &ask.what {
        AskWhat::Request { at, .. } => world.request(at).map(|it| &it.request),
        AskWhat::Create { .. }
        | AskWhat::Edit { .. }
        | AskWhat::Delete { .. }
        | AskWhat::Assign { .. }
        | AskWhat::SetAvailability { .. } => None,
    }
}

fn request_ids(ask: &Ask) -> Vec<RemoteId> {
    match &ask.what {
        AskWhat::Request { at, declines, .. } => {
            std::iter::once(at).chain(declines).cloned().collect()
        }
        AskWhat::Create { .. }
        | AskWhat::Edit { .. }
        | AskWhat::Delete { .. }
        | AskWhat::Assign { .. }
        | AskWhat::SetAvailability { .. } => vec![],
    }
}

/// The person whom an ask is about, where it changes them.
fn person(ask: &Ask) -> Option<EntityKey> {
    match &ask.what {
        AskWhat::SetAvailability { item }
        | AskWhat::Create { item: domain::ScheduleItem::Availability(item), .. }
        | AskWhat::Edit { item: domain::ScheduleItem::Availability(item), .. } => {
            Some(EntityKey { kind: EntityKind::Employee, id: (&item.employee).into() })
        }
        AskWhat::Create { .. }
        | AskWhat::Edit { .. }
        | AskWhat::Delete { .. }
        | AskWhat::Assign { .. }
        | AskWhat::Request { .. } => None,
    }
}
