//! Rebuilding a lost ledger from the origin tags in a mirror, without duplicates.
//!
//! First the ids: a source without ids would give a moved shift another id than the lost store
//! had given it. So the calendars are read, and what their tags say becomes hints for the next
//! ingest. Then, after that ingest, a cycle that writes nothing adopts every item that is there.

use std::collections::BTreeSet;

use domain::limits::CYCLE_WAIT_MAX;
use domain::{CalendarKey, Entity, SyncWindow};
use jiff::Timestamp;

use super::cycle::{Equipment, MirrorSpec};
use super::observe::{ReadFailure, Reader};
use super::project::Projector;
use crate::plan::state::Seen;
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
    };
    let mut hints = Vec::new();
    let deadline = clock.now().saturating_add(CYCLE_WAIT_MAX).unwrap_or(Timestamp::MAX);
    for calendar in calendars_of(spec, target, &entities, described) {
        let mirror = &spec.name;
        let calendar = &calendar;
        let reader = Reader { target, gate, clock, watcher, mirror, calendar, deadline };
        let observation = match reader.observe(&[]).await {
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
            if let Seen::Present(item) = seen
                && let Some(origin) = item.origin
            {
                hints.push(IdentityHint { key, fingerprint: origin.entity });
            }
        }
    }
    store.add_identity_hints(&spec.roster, &hints).await?;
    Ok(hints.len() as u64)
}

fn calendars_of(
    spec: &MirrorSpec,
    target: &dyn crate::port::Target,
    entities: &[Entity],
    described: Vec<domain::Employee>,
) -> BTreeSet<CalendarKey> {
    let mut employees: std::collections::BTreeMap<_, _> = entities
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
    let projector = Projector::new(target, &spec.profile, &spec.name, employees, entities.iter());
    entities
        .iter()
        .filter_map(|entity| match projector.place(entity) {
            Some(Placement::In(calendar)) => Some(calendar),
            Some(Placement::Unmapped(_) | Placement::NotShown) | None => None,
        })
        .collect()
}
