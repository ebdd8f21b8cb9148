//! What a schedule product does differently: teams instead of people's calendars, drafts that are
//! seen by nobody until they are published, and nothing that marks an item as ours.

use domain::{CalendarKey, Employee, Entity, EntityKind, ScheduleItem, UtcInterval};
use engine::port::{
    Capabilities, Content, ContentForm, ItemIdentity, Placement, Probe, RemoteId, RemoteItem,
    Sighting,
};

use super::calendar::Calendar;
use super::{Habits, KeptItem, MemoryTarget};

/// What people of one calendar were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Times that somebody published.
    pub publishes: u64,
    /// Items that looked different afterwards: so many notifications.
    pub notifications: u64,
}

pub(super) fn capabilities(habits: &Habits) -> Capabilities {
    Capabilities {
        kinds: vec![
            EntityKind::Employee,
            EntityKind::OpenShift,
            EntityKind::Shift,
            EntityKind::TimeOff,
        ],
        content: ContentForm::ScheduleItem,
        identity: ItemIdentity::NaturalKey,
        publishes: true,
        deltas: habits.deltas,
        personal: false,
        look_size_max: habits.look_size_max,
        batch_size_max: habits.batch_size_max,
        quotas: habits.quotas.clone(),
    }
}

/// The team of the entity's own group, else of its employee's.
pub(super) fn place(entity: &Entity, employee: Option<&Employee>) -> Placement {
    let group = entity.group().or_else(|| employee.and_then(|it| it.group.as_ref()));
    match entity {
        Entity::Shift(_) | Entity::OpenShift(_) | Entity::TimeOff(_) | Entity::Employee(_) => {
            let name = group.map_or_else(|| "team".into(), |group| format!("team-{group}"));
            CalendarKey::new(name).map_or(Placement::NotShown, Placement::In)
        }
        Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => Placement::NotShown,
    }
}

/// What a product that rewrites makes of an item: it drops notes.
pub(super) fn rewrite(item: &mut ScheduleItem) {
    match item {
        ScheduleItem::Shift(it) => it.notes = None,
        ScheduleItem::OpenShift(it) => it.notes = None,
        ScheduleItem::TimeOff(_) | ScheduleItem::Availability(_) => {}
    }
}

/// When an item is; `None` where it does not lie in time, or is nothing in our terms.
fn interval(item: &KeptItem) -> Option<UtcInterval> {
    item.content.as_ref().and_then(Content::interval)
}

/// What is seen of an item, whichever version of it that is.
fn look(item: Option<&KeptItem>) -> Option<(Option<&Content>, &str)> {
    item.map(|it| (it.content.as_ref(), it.body.as_str()))
}

impl Calendar {
    /// Everybody sees what was written inside `interval`.
    pub(super) fn publish(&mut self, interval: &UtcInterval) {
        self.told.publishes += 1;
        let touched = |item: &KeptItem| self::interval(item).is_none_or(|it| it.overlaps(interval));
        let drafts = self.items.iter().filter(|(_, item)| touched(item)).map(|(id, _)| id);
        let shared = self.shared.iter().filter(|(_, item)| touched(item)).map(|(id, _)| id);
        let ids: std::collections::BTreeSet<RemoteId> = drafts.chain(shared).cloned().collect();
        for id in ids {
            let draft = self.items.get(&id).cloned();
            let differs = look(draft.as_ref()) != look(self.shared.get(&id));
            self.told.notifications += u64::from(differs);
            match draft {
                Some(draft) => self.shared.insert(id, draft),
                None => self.shared.remove(&id),
            };
        }
    }

    /// Items that show the same thing as is looked for, as far as a natural key tells.
    pub(super) fn alike(
        &self,
        probe: &Probe,
        seen: impl Fn(&RemoteId, &KeptItem) -> RemoteItem,
    ) -> Sighting {
        let Some(key) = probe.shows.as_ref().and_then(Content::natural_key) else {
            return Sighting::Absent;
        };
        let alike: Vec<RemoteItem> = self
            .items
            .iter()
            .map(|(id, kept)| seen(id, kept))
            .filter(|item| item.natural_key == Some(key))
            .collect();
        if alike.is_empty() { Sighting::Absent } else { Sighting::Alike(alike) }
    }
}

impl MemoryTarget {
    /// What people of a calendar were told so far.
    #[must_use]
    pub fn told(&self, calendar: &CalendarKey) -> Told {
        self.lock().get(calendar).map(|it| it.told).unwrap_or_default()
    }

    /// What was written and is not seen by everybody: items that lie in time and look different
    /// to those who write and to those who read.
    #[must_use]
    pub fn drafts(&self) -> Vec<(CalendarKey, RemoteId)> {
        let mut drafts = Vec::new();
        for (name, calendar) in self.lock().iter() {
            let ids: std::collections::BTreeSet<&RemoteId> =
                calendar.items.keys().chain(calendar.shared.keys()).collect();
            for id in ids {
                let (draft, shared) = (calendar.items.get(id), calendar.shared.get(id));
                let timed = draft.or(shared).is_some_and(|item| interval(item).is_some());
                if timed && look(draft) != look(shared) {
                    drafts.push((name.clone(), id.clone()));
                }
            }
        }
        drafts
    }

    /// The product itself puts an item there, or takes it away, at once for everybody: so it does
    /// with what a person asked for and was granted.
    pub fn settle(&self, calendar: &CalendarKey, id: &RemoteId, item: Option<KeptItem>) {
        let mut calendars = self.lock();
        let calendar = calendars.entry(calendar.clone()).or_insert_with(|| self.fresh());
        match item {
            Some(item) => {
                let kept = calendar.put(id.clone(), |etag| KeptItem { etag, ..item }).clone();
                calendar.shared.insert(id.clone(), kept);
            }
            None => {
                calendar.remove(id);
                calendar.shared.remove(id);
            }
        }
    }
}
