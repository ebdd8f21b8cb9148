//! Rebuilding a lost ledger from the origin tags in a mirror, without duplicates.
//!
//! First the ids: a source without ids would give a moved shift another id than the lost store
//! had given it. So the calendars are read, and what their tags say becomes hints for the next
//! ingest. Then, after that ingest, a cycle that writes nothing adopts every item that is there.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::CYCLE_WAIT_MAX;
use domain::{CalendarKey, Entity, EntityKey, EntityKind, Fingerprint, SyncWindow};
use jiff::Timestamp;

use super::cycle::{Equipment, MirrorSpec};
use super::observe::{ReadFailure, Reader};
use super::project::Projector;
use crate::plan::state::{Projected, Seen};
use crate::port::{
    FailureClass, IdentityHint, Placement, ReadingKind, Source, SourceError, StoreError,
};

/// Why recovering failed. Nothing was written to the mirror.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A calendar could not be read.
    #[error("cannot read calendar `{calendar}`: {detail}")]
    Calendar {
        /// Which one.
        calendar: CalendarKey,
        /// Why not.
        detail: String,
    },
}

/// Reads the calendars that the source's entities belong to, and keeps what their origin tags
/// say as identity hints. Returns how many there are.
///
/// # Errors
/// When the source, the store or a calendar cannot be read.
pub async fn gather_hints(
    spec: &MirrorSpec,
    equipment: Equipment<'_>,
    source: &dyn Source,
    described: Vec<domain::Employee>,
) -> Result<u64, RecoverError> {
    let Equipment { store, target, gate, clock, watcher, .. } = equipment;
    gate.begin_cycle();
    let window = SyncWindow::around(clock.now(), spec.past, spec.future);
    let reading = source.read(&window, None).await?;
    let entities: Vec<Entity> = match reading.kind {
        ReadingKind::Unchanged => vec![],
        ReadingKind::Full { entities, .. } | ReadingKind::Changes { upserts: entities, .. } => {
            entities.into_iter().map(|it| it.entity).collect()
        }
        ReadingKind::Part(part) => part.entities.into_iter().map(|it| it.entity).collect(),
    };
    let mut shown = Shown::of(spec, target, entities, described);
    let (mut hints, mut unlike) = (Vec::new(), Vec::new());
    let mut hinted: BTreeSet<EntityKey> = BTreeSet::new();
    let deadline = clock.now().saturating_add(CYCLE_WAIT_MAX).unwrap_or(Timestamp::MAX);
    for calendar in shown.calendars() {
        let mirror = &spec.name;
        let calendar = &calendar;
        let reader = Reader { target, gate, clock, watcher, mirror, calendar, deadline };
        let observed = match reader.list().await {
            Ok(listing) => reader.observe(listing, &[]).await,
            Err(failure) => Err(failure),
        };
        let observation = match observed {
            Ok(observation) => observation,
            Err(ReadFailure::Failed(failure)) if failure.class == FailureClass::CalendarMissing => {
                continue;
            }
            Err(failure) => {
                let detail = format!("{failure:?}");
                return Err(RecoverError::Calendar { calendar: calendar.clone(), detail });
            }
        };
        for (key, seen) in observation.seen {
            let Seen::Present(item) = seen else { continue };
            let Some(origin) = &item.origin else { continue };
            // One item is enough to know the entity by: what its other parts say is the same.
            let key = key.entity;
            if !hinted.insert(key.clone()) {
                continue;
            }
            match shown.take_meaning(key.kind, origin.entity) {
                Some(fingerprint) => hints.push(IdentityHint { key, fingerprint }),
                None => unlike.push((calendar.clone(), key, origin.entity, item.fingerprint)),
            }
        }
    }
    // A tag is as old as its item: what an entity means may have changed since in ways that
    // calendars do not show. Then what they do show tells which one it is.
    for (calendar, key, tagged, seen) in unlike {
        let alike = seen.and_then(|seen| shown.take_look(&calendar, key.kind, seen));
        hints.push(IdentityHint { key, fingerprint: alike.unwrap_or(tagged) });
    }
    store.add_identity_hints(&spec.roster, &hints).await?;
    Ok(hints.len() as u64)
}

/// The entities of the source, as the mirror would show them; each is taken once.
#[derive(Default)]
struct Shown {
    /// What each means; `None` once it is taken.
    meanings: Vec<Option<Fingerprint>>,
    by_meaning: BTreeMap<(EntityKind, Fingerprint), Vec<usize>>,
    by_look: BTreeMap<(CalendarKey, EntityKind, Fingerprint), Vec<usize>>,
}

impl Shown {
    fn of(
        spec: &MirrorSpec,
        target: &dyn crate::port::Target,
        entities: Vec<Entity>,
        described: Vec<domain::Employee>,
    ) -> Self {
        let mut employees: BTreeMap<_, _> = entities
            .iter()
            .filter_map(|entity| match entity {
                Entity::Employee(employee) => Some((employee.id.clone(), employee.clone())),
                Entity::OpenShift(_)
                | Entity::ScheduleGroup(_)
                | Entity::Shift(_)
                | Entity::TimeOff(_)
                | Entity::TimeOffReason(_) => None,
            })
            .collect();
        for employee in described {
            employees.insert(employee.id.clone(), employee);
        }
        let employees = employees.into_values().collect();
        let projector =
            Projector::new(target, &spec.profile, &spec.name, employees, entities.iter());
        let mut shown = Self::default();
        for entity in &entities {
            let Some(Projected {
                placement: Placement::In(calendar), fingerprint: Some(look), ..
            }) = projector.project_entity(entity)
            else {
                continue;
            };
            let (index, kind) = (shown.meanings.len(), entity.kind());
            let meaning = entity.fingerprint();
            shown.meanings.push(Some(meaning));
            shown.by_meaning.entry((kind, meaning)).or_default().push(index);
            shown.by_look.entry((calendar, kind, look)).or_default().push(index);
        }
        shown
    }

    fn calendars(&self) -> BTreeSet<CalendarKey> {
        self.by_look.keys().map(|(calendar, _, _)| calendar.clone()).collect()
    }

    /// Takes an entity that still means what a tag says.
    fn take_meaning(&mut self, kind: EntityKind, meaning: Fingerprint) -> Option<Fingerprint> {
        let alike = self.by_meaning.get_mut(&(kind, meaning))?;
        take_first(&mut self.meanings, alike)
    }

    /// Takes an entity that would look in this calendar as an item does.
    fn take_look(
        &mut self,
        calendar: &CalendarKey,
        kind: EntityKind,
        look: Fingerprint,
    ) -> Option<Fingerprint> {
        let alike = self.by_look.get_mut(&(calendar.clone(), kind, look))?;
        take_first(&mut self.meanings, alike)
    }
}

fn take_first(meanings: &mut [Option<Fingerprint>], alike: &mut Vec<usize>) -> Option<Fingerprint> {
    while let Some(index) = alike.pop() {
        if let Some(meaning) = meanings.get_mut(index).and_then(Option::take) {
            return Some(meaning);
        }
    }
    None
}
