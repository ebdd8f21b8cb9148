//! A roster that is its own record, seen as a source.
//!
//! Nothing outside can tell what it should be: it changes by what is granted. So a reading says
//! what the store says already; only people, whom the operator may describe anew in a file, are
//! named, and an empty roster is filled once from another source, where one is given.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Entity, RosterName, SyncWindow};

use crate::port::{
    Absence, Clock, DeltaToken, Failure, FailureClass, Finding, Identity, Reading, ReadingKind,
    Source, SourceEntity, SourceError, Store, StoreError,
};

/// How far a roster is filled from where it starts from, back and ahead: all that there is.
const FILLED: Duration = Duration::from_secs(20 * 366 * 86_400);

/// Reads a roster that is its own record.
pub struct OwnRecordSource {
    /// Which roster.
    pub roster: RosterName,
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// What fills it while it is empty.
    pub starts_from: Option<Arc<dyn Source>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Source for OwnRecordSource {
    async fn check(&self) -> Vec<Finding> {
        match &self.starts_from {
            Some(source) => source.check().await,
            None => Vec::new(),
        }
    }

    async fn read(
        &self,
        _window: &SyncWindow,
        _since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        let seq = self.store.roster_seq(&self.roster).await.map_err(not_read)?;
        if let Some(source) = self.starts_from.as_ref().filter(|_| seq.0 == 0) {
            let window = SyncWindow::around(self.clock.now(), FILLED, FILLED);
            let reading = source.read(&window, None).await?;
            if !has_a_schedule(&reading.kind) {
                return Err(nothing_there());
            }
            return Ok(Reading { next: None, kind: added(reading.kind), ..reading });
        }
        let employees = self.store.employees(&self.roster).await.map_err(not_read)?;
        let upserts = employees.into_iter().map(|employee| SourceEntity {
            entity: Entity::Employee(employee),
            identity: Identity::Native,
            at: crate::port::SourceRef("the roster itself".into()),
        });
        let kind = ReadingKind::Changes { upserts: upserts.collect(), removed: vec![] };
        Ok(Reading { kind, next: None, notes: vec![], skipped: vec![] })
    }
}

/// Whether anything is planned in it. A roster is filled once, so what fills it must be there.
fn has_a_schedule(kind: &ReadingKind) -> bool {
    let lies_in_time = |it: &SourceEntity| match &it.entity {
        Entity::OpenShift(_) | Entity::Shift(_) | Entity::TimeOff(_) => true,
        Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => false,
    };
    match kind {
        ReadingKind::Full { entities, .. } => entities.iter().any(lies_in_time),
        ReadingKind::Changes { upserts, .. } => upserts.iter().any(lies_in_time),
        ReadingKind::Part(part) => part.entities.iter().any(lies_in_time),
        ReadingKind::Unchanged => false,
    }
}

fn nothing_there() -> SourceError {
    SourceError::Failed(Failure {
        class: FailureClass::Unavailable,
        operation: "fill the roster from `starts_from`".into(),
        status: None,
        detail: "no shift, open shift or time off is there yet; it is tried again".into(),
    })
}

/// What fills a roster only adds to it.
fn added(kind: ReadingKind) -> ReadingKind {
    match kind {
        ReadingKind::Full { entities, absence: _ } => {
            ReadingKind::Full { entities, absence: Absence::MeansNothing }
        }
        ReadingKind::Part(part) => ReadingKind::Changes { upserts: part.entities, removed: vec![] },
        other @ (ReadingKind::Unchanged | ReadingKind::Changes { .. }) => other,
    }
}

fn not_read(error: StoreError) -> SourceError {
    SourceError::Failed(Failure {
        class: FailureClass::Unavailable,
        operation: "read the roster that is its own record".into(),
        status: None,
        detail: error.to_string(),
    })
}
