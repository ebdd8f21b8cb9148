//! Reading items: whole teams, certain ids, and natural keys.
//!
//! A listing is the whole of what a team holds, without a filter: absence means something, and the
//! filters that are documented look at one side each. Where few ids are looked for, they are read
//! one by one (several in a batch); where many, listing is cheaper under a budget that counts
//! each item of a batch. A natural key is looked for in its own stretch of time, on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{CalendarKey, Employee, EmployeeId, EntityKind, ScheduleItem, UtcInterval};
use engine::port::{
    Content, Failure, FailureClass, ListEntry, Listing, Probe, RemoteId, RemoteItem, Sighting,
};
use serde::Deserialize;
use serde_json::Value;

use super::call::Caller;
use super::config::Teams;
use super::map;
use super::people::{Index, Meaning};
use super::preferences;
use super::team::{TeamBook, schedule_path};
use super::wire::{Collection, Planned, utc};
use super::write::{collections_of, item_ask};
use crate::microsoft_graph::client::{Ask, segment};

/// From more ids on, listing is cheaper: a page holds a hundred items.
const READ_BY_ID_MAX: usize = 8;

/// Reads items of teams.
pub struct Reader {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// What is known of the teams.
    pub book: Arc<TeamBook>,
    /// Where groups go.
    pub teams: Arc<Teams>,
}

/// Items as they were read, before they are understood.
type Raw = Vec<(Collection, Planned)>;

impl Reader {
    /// Lists a team.
    ///
    /// # Errors
    /// `CalendarMissing` when it has no schedule; others.
    pub async fn list(&self, team: &CalendarKey) -> Result<Listing, Failure> {
        let index = self.book.index(team).await?;
        let mut raw = Raw::new();
        for collection in Collection::ALL {
            raw.extend(self.collection(team, collection, None).await?);
        }
        let (mut items, index) = self.understood(team, &raw, index).await?;
        items.extend(self.preferences(team, &index).await?);
        let entry = |item: RemoteItem| ListEntry {
            remote_id: item.remote_id.clone(),
            etag: item.etag.clone(),
            item: Some(item),
        };
        let entries = items.into_iter().map(entry).collect();
        Ok(Listing { entries, removed: Vec::new(), next: None, full: true })
    }

    /// Looks for certain items; one sighting per probe.
    ///
    /// # Errors
    /// When something could not be looked at.
    pub async fn look(
        &self,
        team: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        let index = self.book.index(team).await?;
        let ids: Vec<&RemoteId> = probes.iter().filter_map(|it| it.remote_id.as_ref()).collect();
        let by_id = self.by_ids(team, &ids, &index).await?;
        let wanted: Vec<&ScheduleItem> = probes.iter().filter_map(shown).collect();
        let by_key = self.by_keys(team, &wanted, &index).await?;
        let sighting = |probe: &Probe| match (&probe.remote_id, shown(probe)) {
            (Some(id), _) => match by_id.get(id) {
                Some(item) => Sighting::Present(item.clone()),
                None => Sighting::Absent,
            },
            (None, Some(item)) => {
                let key = Some(item.natural_key());
                let alike: Vec<RemoteItem> =
                    by_key.iter().filter(|it| it.natural_key == key).cloned().collect();
                if alike.is_empty() { Sighting::Absent } else { Sighting::Alike(alike) }
            }
            (None, None) => Sighting::Absent,
        };
        Ok(probes.iter().map(sighting).collect())
    }

    async fn collection(
        &self,
        team: &CalendarKey,
        collection: Collection,
        filter: Option<&str>,
    ) -> Result<Raw, Failure> {
        let mut path = schedule_path(team, &format!("/{}", collection.as_str()));
        if let Some(filter) = filter {
            path = format!("{path}?$filter={}", segment(filter));
        }
        let operation = format!("list the {} of team `{team}`", collection.as_str());
        let values: Vec<Value> = self.caller.list(Ask::get(path, operation)).await?;
        Ok(values.iter().map(|value| (collection, planned(value))).collect())
    }

    async fn understood(
        &self,
        team: &CalendarKey,
        raw: &Raw,
        index: Arc<Index>,
    ) -> Result<(Vec<RemoteItem>, Arc<Index>), Failure> {
        let read = |index: &Index| -> Vec<RemoteItem> {
            let items = raw.iter();
            items.filter_map(|(kind, it)| map::remote_item(*kind, it, index)).collect()
        };
        let unknown = raw.iter().flat_map(|(_, it)| unknown(it, &index)).collect();
        // Somebody may have joined, or a group may have been made, a moment ago.
        let index = self.book.index_for(team, unknown).await?.unwrap_or(index);
        Ok((read(&index), index))
    }

    async fn by_ids(
        &self,
        team: &CalendarKey,
        ids: &[&RemoteId],
        index: &Arc<Index>,
    ) -> Result<BTreeMap<RemoteId, RemoteItem>, Failure> {
        let (of_people, of_items): (Vec<&RemoteId>, Vec<&RemoteId>) =
            ids.iter().partition(|it| preferences::user_of(it).is_some());
        let users: Vec<&str> = of_people.iter().filter_map(|it| preferences::user_of(it)).collect();
        let mut found: Vec<RemoteItem> = self.preferences_of(&users, index).await?;
        let raw = match of_items.len() > READ_BY_ID_MAX {
            true => self.listed(team, &of_items).await?,
            false => self.one_by_one(team, &of_items).await?,
        };
        found.extend(self.understood(team, &raw, Arc::clone(index)).await?.0);
        Ok(found.into_iter().map(|it| (it.remote_id.clone(), it)).collect())
    }

    async fn listed(&self, team: &CalendarKey, ids: &[&RemoteId]) -> Result<Raw, Failure> {
        let mut raw = Raw::new();
        let collections: BTreeSet<Collection> =
            ids.iter().flat_map(|it| collections_of(it)).collect();
        for collection in collections {
            raw.extend(self.collection(team, collection, None).await?);
        }
        let wanted: BTreeSet<&str> = ids.iter().map(|it| it.0.as_str()).collect();
        raw.retain(|(_, it)| wanted.contains(it.id.as_str()));
        Ok(raw)
    }

    async fn one_by_one(&self, team: &CalendarKey, ids: &[&RemoteId]) -> Result<Raw, Failure> {
        let mut raw = Raw::new();
        let places = ids
            .iter()
            .flat_map(|id| collections_of(id).into_iter().map(move |collection| (*id, collection)));
        let places: Vec<(&RemoteId, Collection)> = places.collect();
        let asks = places.iter().map(|(id, collection)| item_ask(team, *collection, id));
        let answers = self.caller.read_many(asks.collect()).await;
        for ((id, collection), answer) in places.into_iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    let it = planned(&answer.json::<Value>()?);
                    raw.push((collection, Planned { id: id.0.clone(), ..it }));
                }
                Err(failure) if failure.class == FailureClass::Missing => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(raw)
    }

    /// What lies where the natural keys of `wanted` say.
    async fn by_keys(
        &self,
        team: &CalendarKey,
        wanted: &[&ScheduleItem],
        index: &Arc<Index>,
    ) -> Result<Vec<RemoteItem>, Failure> {
        let mut stretches: BTreeMap<Collection, UtcInterval> = BTreeMap::new();
        let mut users = Vec::new();
        for item in wanted {
            if let (Some(collection), Some(interval)) =
                (collection_of(item.kind()), item.interval())
            {
                let stretch = stretches.entry(collection).or_insert(interval);
                *stretch = stretch.hull(&interval);
            } else if let ScheduleItem::Availability(it) = item {
                users.extend(index.users.get(&it.employee).map(String::as_str));
            }
        }
        let mut raw: BTreeMap<String, (Collection, Planned)> = BTreeMap::new();
        for (collection, stretch) in stretches {
            let (draft, shared) = collection.sides();
            for side in [draft, shared] {
                let filter = filter(side, &stretch);
                let found = self.collection(team, collection, Some(&filter)).await?;
                raw.extend(found.into_iter().map(|it| (it.1.id.clone(), it)));
            }
        }
        let raw: Raw = raw.into_values().collect();
        let mut items = self.understood(team, &raw, Arc::clone(index)).await?.0;
        items.extend(self.preferences_of(&users, index).await?);
        Ok(items)
    }

    /// The preferences of those who belong here and whose availability the roster knows, or knew
    /// not long ago: reading everybody's would cost a request for each.
    async fn preferences(
        &self,
        team: &CalendarKey,
        index: &Index,
    ) -> Result<Vec<RemoteItem>, Failure> {
        let directory = self.book.directory();
        let here = |it: &&Employee| {
            let group = it.group.as_ref().map(domain::ScheduleGroupId::as_str);
            self.teams.of_group(group) == Some(team)
        };
        let user = |it: &Employee| {
            let user = index.users.get(&it.id)?;
            let ours = it.availability.is_some() || self.book.wrote_preferences(user);
            ours.then_some(user.as_str())
        };
        let people = directory.employees.values().filter(here);
        let users: Vec<&str> = people.filter_map(user).collect();
        self.preferences_of(&users, index).await
    }

    async fn preferences_of(
        &self,
        users: &[&str],
        index: &Index,
    ) -> Result<Vec<RemoteItem>, Failure> {
        let asks = users.iter().map(|user| preferences::ask(user)).collect();
        let answers = self.caller.read_many(asks).await;
        let mut items = Vec::new();
        for (user, answer) in users.iter().zip(answers) {
            let employee: Option<&EmployeeId> = index.employee(user);
            items.extend(preferences::read(answer, user, employee)?);
        }
        Ok(items)
    }
}

/// The ids of people, groups and reasons that an item names and that mean nothing.
fn unknown(planned: &Planned, index: &Index) -> Vec<String> {
    let Some(side) = map::side(planned) else { return Vec::new() };
    let user = planned.user_id.as_ref().filter(|it| index.employee(it).is_none());
    let group = planned.scheduling_group_id.as_ref();
    let group = group.filter(|it| index.group(Some(it)) == Meaning::Unknown);
    let reason = side.time_off_reason_id.as_ref();
    let reason = reason.filter(|it| index.reason(Some(it)) == Meaning::Unknown);
    [user, group, reason].into_iter().flatten().cloned().collect()
}

/// What a probe looks for by its natural key.
fn shown(probe: &Probe) -> Option<&ScheduleItem> {
    match (&probe.remote_id, &probe.shows) {
        (None, Some(Content::Schedule(item))) => Some(item),
        (None, Some(Content::Event(_)) | None) | (Some(_), _) => None,
    }
}

fn collection_of(kind: EntityKind) -> Option<Collection> {
    match kind {
        EntityKind::Shift => Some(Collection::Shifts),
        EntityKind::OpenShift => Some(Collection::OpenShifts),
        EntityKind::TimeOff => Some(Collection::TimesOff),
        EntityKind::Employee | EntityKind::ScheduleGroup | EntityKind::TimeOffReason => None,
    }
}

/// What a manager or everybody sees inside a stretch of time (Learn, "List shifts": each property
/// once).
fn filter(side: &str, stretch: &UtcInterval) -> String {
    let (start, end) = (utc(stretch.start()), utc(stretch.end()));
    format!("{side}/startDateTime ge {start} and {side}/endDateTime le {end}")
}

/// An item as far as it can be read; its id at least.
fn planned(value: &Value) -> Planned {
    Planned::deserialize(value).unwrap_or_else(|_| {
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        // Unreadable is not gone: something is there, and it is not ours.
        Planned { id, draft_shift: Some(super::wire::Side::default()), ..Planned::default() }
    })
}
