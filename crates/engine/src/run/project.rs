//! From an entity of the roster to what a mirror shows of it, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use domain::policy::PrivacyTier;
use domain::{
    CalendarEvent, CalendarKey, Contact, Directory, Employee, EmployeeId, Entity, EntityKey,
    EntityKind, Fingerprint, MirrorName, OriginTag, Part, RosterName, ScheduleGroupId,
    ScheduleItem, Shift, ShiftId, UtcInterval,
};
use jiff::Timestamp;

use crate::mapping::{Counted, Events, MappingProfile, Names, Shows};
use crate::plan::state::{PartShown, Projected};
use crate::port::{
    ChangeSeq, Content, ContentForm, Item, MeetingNote, Placement, Revision, RosterEntry, Store,
    StoreError, Subject, Target,
};

/// Projects entities of one roster into one mirror. Pure once it is made.
pub struct Projector<'a> {
    target: &'a dyn Target,
    pub(super) profile: &'a MappingProfile,
    pub(super) mirror: &'a MirrorName,
    pub(super) directory: Arc<Directory>,
    names: Names,
    /// Who works, where that is counted.
    counts: OnceLock<HeadCounts>,
    /// Calendars meant for one employee to which the addresses of several lead.
    ambiguous: BTreeSet<CalendarKey>,
    /// What shifts' items tell of meetings that were taken out of their way.
    notes: RwLock<BTreeMap<EntityKey, String>>,
    /// What items tell of requests that were not granted.
    refusals: RwLock<BTreeMap<EntityKey, String>>,
}

/// How many work, by group.
#[derive(Debug, Default)]
pub struct HeadCounts {
    counts: BTreeMap<ScheduleGroupId, Vec<Counted>>,
    /// The groups, also those that only shifts name.
    entries: BTreeMap<EntityKey, RosterEntry>,
    seq: ChangeSeq,
    /// What is shown of each group.
    shown: BTreeMap<ScheduleGroupId, Arc<[PartShown]>>,
}

impl HeadCounts {
    /// These counts of these groups, as of a place in the change sequence.
    pub(super) fn new(
        counts: BTreeMap<ScheduleGroupId, Vec<Counted>>,
        entries: BTreeMap<EntityKey, RosterEntry>,
        seq: ChangeSeq,
    ) -> Self {
        Self { counts, entries, seq, shown: BTreeMap::new() }
    }
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
            if let Some(email) = employee.email.as_deref().filter(|_| profile.attendees)
                && let Ok(contact) = Contact::new(email, employee.name.as_deref())
            {
                names.contacts.insert(employee.id.to_string(), contact);
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
        // Calendars of groups are meant for many.
        let personal = profile.groups.is_empty();
        let ambiguous = if personal { ambiguous(target, &employees) } else { BTreeSet::new() };
        directory.employees = employees.into_iter().map(|it| (it.id.clone(), it)).collect();
        let directory = Arc::new(directory);
        target.meet(Arc::clone(&directory));
        let (notes, refusals) = (RwLock::default(), RwLock::default());
        let counts = OnceLock::new();
        Self { target, profile, mirror, directory, names, counts, ambiguous, notes, refusals }
    }

    /// The people, groups and reasons.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Has an entity's item tell why what somebody asked for was not granted, or not any more.
    pub fn tell_refusal(&self, key: EntityKey, text: Option<String>) {
        let mut refusals = self.refusals.write().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => refusals.insert(key, text),
            None => refusals.remove(&key),
        };
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
        if !self.target.capabilities().personal || !self.profile.groups.is_empty() {
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
        let (fingerprint, more) = match &placement {
            Placement::In(_) | Placement::Unmapped(_) => self.fingerprints(entity),
            Placement::NotShown => (None, None),
        };
        Some(Projected { placement, fingerprint, more })
    }

    fn fingerprints(&self, entity: &Entity) -> (Option<Fingerprint>, Option<Arc<[PartShown]>>) {
        if let Entity::ScheduleGroup(group) = entity {
            let counts = self.counts.get();
            return (None, counts.and_then(|it| it.shown.get(&group.id)).cloned());
        }
        match self.target.capabilities().content {
            ContentForm::CalendarEvent => {
                let Events { main, more } = self.profile.events(entity, &self.names);
                let shown = |(part, event): (Part, CalendarEvent)| PartShown {
                    part,
                    fingerprint: event.fingerprint(),
                    interval: None,
                };
                let more = (!more.is_empty()).then(|| more.into_iter().map(shown).collect());
                (main.map(|it| self.with_words(entity, it).fingerprint()), more)
            }
            ContentForm::ScheduleItem => {
                (ScheduleItem::of(entity, &self.directory).map(|it| it.fingerprint()), None)
            }
        }
    }

    /// Where an entity belongs; `None` for kinds that the mirror does not show.
    #[must_use]
    pub fn place(&self, entity: &Entity) -> Option<Placement> {
        if let Entity::ScheduleGroup(group) = entity {
            return self.counts.get().map(|_| self.place_group(&group.id));
        }
        let kind = entity.kind();
        let counts = self.profile.shows == Shows::HeadCount;
        if counts || !self.target.capabilities().kinds.contains(&kind) {
            return None;
        }
        let employee = entity.employee().and_then(|id| self.directory.employees.get(id));
        if !self.profile.groups.is_empty() {
            let group = self.directory.group_of(entity.group(), entity.employee());
            return Some(self.of_group(group));
        }
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

    /// The calendar that the operator chose for a group, by its id or its name.
    fn of_group(&self, group: Option<&ScheduleGroupId>) -> Placement {
        let Some(group) = group else { return Placement::NotShown };
        let groups = &self.profile.groups;
        let chosen = groups.get(group.as_str());
        let chosen = chosen.or_else(|| groups.get(self.directory.group_name(group)));
        chosen.map_or(Placement::NotShown, |calendar| Placement::In(calendar.clone()))
    }

    /// Where the head counts of a group belong: where its shifts would.
    fn place_group(&self, group: &ScheduleGroupId) -> Placement {
        if !self.profile.groups.is_empty() {
            return self.of_group(Some(group));
        }
        let nobody = EmployeeId::new("nobody").ok();
        let work = nobody.and_then(|nobody| some_shift(nobody, Some(group.clone())));
        work.map_or(Placement::NotShown, |(work, nobody)| self.target.place(&work, Some(&nobody)))
    }

    /// Takes the counts, and works out what is shown of them.
    pub(super) fn take_counts(&self, mut counts: HeadCounts) {
        let groups = counts.counts.iter().map(|(group, counted)| {
            let name = self.directory.group_name(group);
            let shown = counted.iter().map(|Counted { interval, people }| PartShown {
                part: Part::Count(interval.start()),
                fingerprint: self.profile.head_count(name, *people, *interval).fingerprint(),
                interval: Some(*interval),
            });
            (group.clone(), shown.collect())
        });
        counts.shown = groups.collect();
        // A second count would be of another instant: the first one counts.
        let _first = self.counts.set(counts);
    }

    /// Groups that were counted, with their entries: also those that only shifts name.
    pub(super) fn counted(&self) -> BTreeMap<EntityKey, Option<RosterEntry>> {
        let entries = self.counts.get().map(|it| it.entries.clone()).unwrap_or_default();
        entries.into_iter().map(|(key, entry)| (key, Some(entry))).collect()
    }

    /// Adds to a subject what the store does not know of it: that a group is there which only
    /// shifts name.
    pub(super) fn complete(&self, subject: &mut Subject) {
        if subject.entry.is_none()
            && let Some(counts) = self.counts.get()
        {
            subject.entry = counts.entries.get(&subject.key).cloned();
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
        let sequence = match (part, self.counts.get()) {
            // A count changes when the roster does, and not with its group.
            (Part::Count(_), Some(counts)) => u32::try_from(counts.seq.0).unwrap_or(u32::MAX),
            (
                Part::Count(_)
                | Part::Main
                | Part::Block(_)
                | Part::LatestStart
                | Part::EarliestLeave
                | Part::BreakWindow(_),
                _,
            ) => entry.version.saturating_sub(1),
        };
        let revision = Revision { sequence, revised_at: entry.changed_at };
        Some(Item { content, origin, revision })
    }

    /// What is shown of an entity as one part.
    #[must_use]
    pub fn content(&self, entity: &Entity, part: Part) -> Option<Content> {
        if let (Entity::ScheduleGroup(group), Part::Count(from)) = (entity, part) {
            let counted = self.counts.get()?.counts.get(&group.id)?;
            let found = counted.binary_search_by_key(&from, |it| it.interval.start()).ok()?;
            let Counted { interval, people } = counted.get(found)?;
            let name = self.directory.group_name(&group.id);
            return Some(Content::Event(self.profile.head_count(name, *people, *interval)));
        }
        match self.target.capabilities().content {
            ContentForm::CalendarEvent => {
                let event = self.profile.part(entity, part, &self.names)?;
                Some(Content::Event(if part.is_main() {
                    self.with_words(entity, event)
                } else {
                    event
                }))
            }
            ContentForm::ScheduleItem => {
                let item = ScheduleItem::of(entity, &self.directory).filter(|_| part.is_main());
                item.map(Content::Schedule)
            }
        }
    }

    /// The main event with what it tells besides: what is compared and what is written are one.
    fn with_words(&self, entity: &Entity, event: CalendarEvent) -> CalendarEvent {
        self.with_refusal(entity, self.with_notes(entity, event))
    }

    /// An event with why what its owner asked for was not granted; nothing where others see no
    /// more than titles, or where the calendar is a group's.
    fn with_refusal(&self, entity: &Entity, mut event: CalendarEvent) -> CalendarEvent {
        let refusals = self.refusals.read().unwrap_or_else(PoisonError::into_inner);
        let refusal = if refusals.is_empty() { None } else { refusals.get(&entity.key()) };
        let theirs = self.profile.groups.is_empty();
        let shown = theirs && self.profile.tier_of(entity) == PrivacyTier::Full;
        let Some(refusal) = refusal.filter(|_| shown) else { return event };
        event.description = Some(match event.description.take() {
            Some(text) => format!("{refusal}\n\n{text}"),
            None => refusal.clone(),
        });
        event.plain()
    }

    /// An event with what it tells of meetings; nothing where others see no more than titles.
    fn with_notes(&self, entity: &Entity, mut event: CalendarEvent) -> CalendarEvent {
        let notes = self.notes.read().unwrap_or_else(PoisonError::into_inner);
        let note = if notes.is_empty() { None } else { notes.get(&entity.key()) };
        let Some(note) = note.filter(|_| self.profile.tier_of(entity) == PrivacyTier::Full) else {
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
    some_shift(employee.id.clone(), employee.group.clone()).map(|it| it.0)
}

/// A shift of somebody, and who that is.
fn some_shift(employee: EmployeeId, group: Option<ScheduleGroupId>) -> Option<(Entity, Employee)> {
    let start = Timestamp::UNIX_EPOCH;
    let end = Timestamp::from_second(1).ok()?;
    let work = Entity::Shift(Shift {
        id: ShiftId::new("placement").ok()?,
        employee: employee.clone(),
        group,
        label: String::new(),
        interval: UtcInterval::new(start, end).ok()?,
        day: jiff::civil::date(1970, 1, 1),
        activities: vec![],
        notes: None,
    });
    Some((work, Employee::unnamed(employee)))
}
