//! From an entity of the roster to what a mirror shows of it, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use domain::policy::PrivacyTier;
use domain::{
    CalendarEvent, CalendarKey, Directory, Employee, EmployeeId, Entity, EntityKey, EntityKind,
    MirrorName, OriginTag, Part, RosterName, ScheduleItem, Shift, ShiftId, UtcInterval,
};
use jiff::Timestamp;

use crate::mapping::{MappingProfile, Names};
use crate::plan::state::Projected;
use crate::port::{
    Content, ContentForm, Item, MeetingNote, Placement, Revision, RosterEntry, Store, StoreError,
    Target,
};

/// Projects entities of one roster into one mirror. Pure once it is made.
pub struct Projector<'a> {
    target: &'a dyn Target,
    profile: &'a MappingProfile,
    mirror: &'a MirrorName,
    directory: Arc<Directory>,
    names: Names,
    /// Calendars meant for one employee to which the addresses of several lead.
    ambiguous: BTreeSet<CalendarKey>,
    /// What shifts' items tell of meetings that were taken out of their way.
    notes: RwLock<BTreeMap<EntityKey, String>>,
}

impl<'a> Projector<'a> {
    /// Reads from the store who there is and what groups and reasons are called.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(
        store: &dyn Store,
        target: &'a dyn Target,
        profile: &'a MappingProfile,
        mirror: &'a MirrorName,
        roster: &RosterName,
    ) -> Result<Self, StoreError> {
        let employees = store.employees(roster).await?;
        let mut others = store.entries_of_kind(roster, EntityKind::ScheduleGroup).await?;
        others.extend(store.entries_of_kind(roster, EntityKind::TimeOffReason).await?);
        let others = others.iter().map(|entry| &entry.entity);
        let projector = Self::new(target, profile, mirror, employees, others);
        projector.tell(store.meeting_notes(mirror).await?);
        Ok(projector)
    }

    /// Projects for these people, groups and reasons.
    pub fn new<'e>(
        target: &'a dyn Target,
        profile: &'a MappingProfile,
        mirror: &'a MirrorName,
        employees: Vec<Employee>,
        others: impl Iterator<Item = &'e Entity>,
    ) -> Self {
        let mut names = Names::default();
        for employee in &employees {
            if let Some(name) = &employee.name {
                names.employees.insert(employee.id.to_string(), name.clone());
            }
        }
        let mut directory = Directory::default();
        for other in others {
            directory.add(other.clone());
            match other {
                Entity::ScheduleGroup(group) => {
                    names.groups.insert(group.id.to_string(), group.name.clone());
                }
                Entity::TimeOffReason(reason) => {
                    names.reasons.insert(reason.id.to_string(), reason.name.clone());
                }
                Entity::Employee(_)
                | Entity::OpenShift(_)
                | Entity::Shift(_)
                | Entity::TimeOff(_) => {}
            }
        }
        let ambiguous = ambiguous(target, &employees);
        directory.employees = employees.into_iter().map(|it| (it.id.clone(), it)).collect();
        let directory = Arc::new(directory);
        target.meet(Arc::clone(&directory));
        let notes = RwLock::default();
        Self { target, profile, mirror, directory, names, ambiguous, notes }
    }

    /// Has shifts' items tell these notes, and no others.
    pub fn tell(&self, notes: Vec<MeetingNote>) {
        let mut told: BTreeMap<EntityKey, String> = BTreeMap::new();
        for MeetingNote { shifts, text } in notes {
            for shift in shifts {
                let all = told.entry(shift).or_default();
                if !all.is_empty() {
                    all.push_str("\n\n");
                }
                all.push_str(&text);
            }
        }
        *self.notes.write().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// The calendars that are meant for one employee each, with whose they are.
    #[must_use]
    pub fn homes(&self) -> BTreeMap<CalendarKey, BTreeSet<EmployeeId>> {
        let mut homes: BTreeMap<CalendarKey, BTreeSet<EmployeeId>> = BTreeMap::new();
        if !self.target.capabilities().personal {
            return homes;
        }
        for employee in self.directory.employees.values() {
            let placement = some_shift_of(employee).and_then(|work| self.place(&work));
            if let Some(Placement::In(calendar)) = placement {
                homes.entry(calendar).or_default().insert(employee.id.clone());
            }
        }
        homes
    }

    /// Where an entity belongs, and the fingerprint of what is shown of it.
    #[must_use]
    pub fn project(&self, entry: &RosterEntry) -> Option<Projected> {
        self.project_entity(&entry.entity)
    }

    /// The same, for an entity that is not in a roster.
    #[must_use]
    pub fn project_entity(&self, entity: &Entity) -> Option<Projected> {
        let placement = self.place(entity)?;
        let fingerprint = match &placement {
            Placement::In(_) | Placement::Unmapped(_) => {
                self.content(entity, Part::Main).map(|it| it.fingerprint())
            }
            Placement::NotShown => None,
        };
        Some(Projected { placement, fingerprint, more: None })
    }

    /// Where an entity belongs; `None` for kinds that the target does not show.
    #[must_use]
    pub fn place(&self, entity: &Entity) -> Option<Placement> {
        if !self.target.capabilities().kinds.contains(&entity.kind()) {
            return None;
        }
        let employee = entity.employee().and_then(|id| self.directory.employees.get(id));
        match self.target.place(entity, employee) {
            Placement::In(calendar) if self.ambiguous.contains(&calendar) => {
                let reason = format!("several employees' addresses lead to calendar `{calendar}`");
                Some(Placement::Unmapped(reason))
            }
            placement @ (Placement::In(_) | Placement::Unmapped(_) | Placement::NotShown) => {
                Some(placement)
            }
        }
    }

    /// The item to be written.
    #[must_use]
    pub fn item(&self, entry: &RosterEntry, part: Part, generation: u32) -> Option<Item> {
        let content = self.content(&entry.entity, part)?;
        let origin = OriginTag {
            mirror: self.mirror.clone(),
            key: entry.entity.key(),
            part,
            generation,
            entity: entry.fingerprint,
        };
        let sequence = entry.version.saturating_sub(1);
        let revision = Revision { sequence, revised_at: entry.changed_at };
        Some(Item { content, origin, revision })
    }

    /// What is shown of an entity as one part.
    #[must_use]
    pub fn content(&self, entity: &Entity, part: Part) -> Option<Content> {
        if !part.is_main() {
            return None;
        }
        match self.target.capabilities().content {
            ContentForm::CalendarEvent => {
                let event = self.profile.event(entity, &self.names)?;
                Some(Content::Event(self.with_notes(entity, event)))
            }
            ContentForm::ScheduleItem => {
                ScheduleItem::of(entity, &self.directory).map(Content::Schedule)
            }
        }
    }

    /// An event with what it tells of meetings; nothing where others see no more than titles.
    fn with_notes(&self, entity: &Entity, mut event: CalendarEvent) -> CalendarEvent {
        let notes = self.notes.read().unwrap_or_else(PoisonError::into_inner);
        let note = if notes.is_empty() { None } else { notes.get(&entity.key()) };
        let Some(note) = note.filter(|_| self.profile.privacy == PrivacyTier::Full) else {
            return event;
        };
        event.description = Some(match event.description.take() {
            Some(text) => format!("{text}\n\n{note}"),
            None => note.clone(),
        });
        event.plain()
    }
}

/// Calendars that are meant for one employee and would be shared by several.
fn ambiguous(target: &dyn Target, employees: &[Employee]) -> BTreeSet<CalendarKey> {
    let mut taken = BTreeSet::new();
    let mut ambiguous = BTreeSet::new();
    if !target.capabilities().personal {
        return ambiguous;
    }
    for employee in employees {
        let Some(any_work) = some_shift_of(employee) else { continue };
        if let Placement::In(calendar) = target.place(&any_work, Some(employee))
            && !taken.insert(calendar.clone())
        {
            ambiguous.insert(calendar);
        }
    }
    ambiguous
}

/// A shift of an employee, to ask where such a thing would belong.
fn some_shift_of(employee: &Employee) -> Option<Entity> {
    let start = Timestamp::UNIX_EPOCH;
    let end = Timestamp::from_second(1).ok()?;
    Some(Entity::Shift(Shift {
        id: ShiftId::new("placement").ok()?,
        employee: employee.id.clone(),
        group: employee.group.clone(),
        label: String::new(),
        interval: UtcInterval::new(start, end).ok()?,
        day: jiff::civil::date(1970, 1, 1),
        activities: vec![],
        notes: None,
    }))
}
