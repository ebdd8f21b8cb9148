//! Reading a source into its roster.

use domain::policy::DeletionGuard;
use domain::{Employee, Entity, RosterName, SyncWindow};
use jiff::Timestamp;

use crate::ingest::diff::{Before, RosterDiff, diff, matching};
use crate::plan::guard::{DeletionCount, GuardRefusal, judge};
use crate::port::{
    ChangeSeq, Clock, DeltaToken, FieldFault, Identity, IngestCommit, ReadingKind, RosterEntry,
    Source, SourceEntity, SourceError, SourceRef, SourceState, Store, StoreError,
};
use crate::report::IngestReport;
use crate::run::survey::Overlay;

/// What an ingest is about.
pub struct Ingest<'a> {
    /// Into which roster.
    pub roster: &'a RosterName,
    /// From where.
    pub source: &'a dyn Source,
    /// Kept where.
    pub store: &'a dyn Store,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Inside which window.
    pub window: SyncWindow,
    /// People whom the operator described in a file of their own; they complete what the source
    /// says of them.
    pub employees: Vec<Employee>,
    /// How much may be deleted at once.
    pub guard: DeletionGuard,
}

/// Why an ingest changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The source could not be read as a whole.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed, or somebody else changed the roster meanwhile.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It would delete too much.
    #[error(transparent)]
    Guard(#[from] GuardRefusal),
}

/// An ingest that was worked out and not carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// What it would change.
    pub diff: RosterDiff,
    /// Where to resume afterwards.
    pub state: SourceState,
    /// The sequence that it was computed against.
    pub expected: ChangeSeq,
    /// Whether the source said that nothing changed.
    pub unread: bool,
    /// Decisions that an operator should know of.
    pub notes: Vec<FieldFault>,
    /// Rows left out because the operator chose so.
    pub skipped: Vec<FieldFault>,
    /// Whether identity hints were looked at.
    pub hinted: bool,
    /// When.
    pub at: Timestamp,
}

impl Ingest<'_> {
    /// Reads the source and takes what changed into the roster, all or nothing.
    ///
    /// # Errors
    /// When the source cannot be read as a whole, the guard stops it, or the store fails. Nothing
    /// is changed then.
    pub async fn run(&self, allow_deletions: Option<u64>) -> Result<IngestReport, IngestError> {
        let prepared = self.prepare().await?;
        self.judge(&prepared, allow_deletions)?;
        self.commit(prepared).await
    }

    /// Works out what would change.
    ///
    /// # Errors
    /// When the source cannot be read as a whole, or the store fails.
    pub async fn prepare(&self) -> Result<Prepared, IngestError> {
        let at = self.clock.now();
        let state = self.store.source_state(self.roster).await?;
        let token = state.token.as_ref().and_then(|token| self.strip(token));
        let same_window = state.window_start == Some(self.window.interval.start())
            && state.window_end == Some(self.window.interval.end());
        let since = if same_window { token } else { None };
        let before = self.store.roster_seq(self.roster).await?;
        let reading = self.source.read(&self.window, since.as_ref()).await?;
        let state = SourceState {
            token: reading.next.map(|token| self.seal(&token)),
            window_start: Some(self.window.interval.start()),
            window_end: Some(self.window.interval.end()),
            read_at: Some(at),
        };
        let unread = matches!(reading.kind, ReadingKind::Unchanged);
        if unread {
            let expected = before;
            return Ok(Prepared {
                diff: RosterDiff::default(),
                state,
                expected,
                unread,
                notes: reading.notes,
                skipped: reading.skipped,
                hinted: false,
                at,
            });
        }
        let (expected, index) = self.store.roster_index(self.roster).await?;
        if expected != before {
            // Somebody took in a reading that may be newer than ours.
            let roster = self.roster.clone();
            let (expected, found) = (before.0, expected.0);
            return Err(StoreError::Superseded { roster, expected, found }.into());
        }
        let hints = self.store.identity_hints(self.roster).await?;
        let hinted = !hints.is_empty();
        let kind = self.complete(reading.kind);
        let matching = matching(Before { index, hints }, kind);
        let to_load = matching.to_load(&self.window);
        let loaded = self.store.roster_entries(self.roster, &to_load).await?;
        let loaded: Vec<Entity> = loaded.into_iter().map(|entry| entry.entity).collect();
        let diff = diff(matching, &loaded, &self.window);
        let (notes, skipped) = (reading.notes, reading.skipped);
        Ok(Prepared { diff, state, expected, unread, notes, skipped, hinted, at })
    }

    /// Lets it pass, or refuses it.
    ///
    /// # Errors
    /// When it would delete too much.
    pub fn judge(
        &self,
        prepared: &Prepared,
        allow_deletions: Option<u64>,
    ) -> Result<(), GuardRefusal> {
        let count =
            DeletionCount { present: prepared.diff.present_before, deletions: prepared.diff.lost };
        judge(format!("roster {}", self.roster), count, &self.guard, allow_deletions)
    }

    async fn commit(&self, prepared: Prepared) -> Result<IngestReport, IngestError> {
        let Prepared { diff, state, expected, unread, notes, skipped, hinted, at } = prepared;
        let RosterDiff { upserts, tombstones, unchanged, lost: _, present_before: _ } = diff;
        let (upserted, deleted) = (upserts.len() as u64, tombstones.len() as u64);
        if !unread {
            let commit =
                IngestCommit { upserts, tombstones, state, at, expected, drop_hints: hinted };
            self.store.commit_ingest(self.roster, commit).await?;
        }
        let roster = self.roster.clone();
        Ok(IngestReport { roster, unread, upserted, deleted, unchanged, notes, skipped, at })
    }

    /// Adds to a reading what the operator's own file says of people.
    fn complete(&self, kind: ReadingKind) -> ReadingKind {
        let described = |entities: Vec<SourceEntity>| self.describe(entities);
        match kind {
            ReadingKind::Unchanged => ReadingKind::Unchanged,
            ReadingKind::Full { entities, absence } => {
                ReadingKind::Full { entities: described(entities), absence }
            }
            ReadingKind::Changes { upserts, removed } => {
                ReadingKind::Changes { upserts: described(upserts), removed }
            }
        }
    }

    fn describe(&self, entities: Vec<SourceEntity>) -> Vec<SourceEntity> {
        if self.employees.is_empty() {
            return entities;
        }
        let mut described: std::collections::BTreeMap<_, _> =
            self.employees.iter().map(|it| (it.id.clone(), it)).collect();
        let mut entities: Vec<SourceEntity> = entities
            .into_iter()
            .map(|mut it| {
                if let Entity::Employee(employee) = &mut it.entity
                    && let Some(known) = described.remove(&employee.id)
                {
                    complete_employee(employee, known);
                }
                it
            })
            .collect();
        entities.extend(described.into_values().map(|employee| SourceEntity {
            entity: Entity::Employee(employee.clone()),
            identity: Identity::Native,
            at: SourceRef("employees_file".into()),
        }));
        entities
    }

    /// The employees file is part of what is read: its hash goes into the token, so that a change
    /// of it is not taken for no change.
    fn seal(&self, token: &DeltaToken) -> DeltaToken {
        DeltaToken(format!("{}\n{}", self.employees_print(), token.0))
    }

    fn strip(&self, token: &DeltaToken) -> Option<DeltaToken> {
        let (print, rest) = token.0.split_once('\n')?;
        (print == self.employees_print()).then(|| DeltaToken(rest.to_owned()))
    }

    fn employees_print(&self) -> String {
        let mut print = domain::Fingerprinter::new("employees/1");
        for employee in &self.employees {
            print.text(employee.id.as_str()).text(&employee.fingerprint().to_string());
        }
        print.finish().to_string()
    }
}

/// What the operator's file says wins over what the source says.
fn complete_employee(employee: &mut Employee, known: &Employee) {
    let Employee {
        id: _,
        name,
        email,
        m365_id,
        google_id,
        group,
        time_zone,
        qualifications,
        availability,
    } = known.clone();
    employee.name = name.or(employee.name.take());
    employee.email = email.or(employee.email.take());
    employee.m365_id = m365_id.or(employee.m365_id.take());
    employee.google_id = google_id.or(employee.google_id.take());
    employee.group = group.or(employee.group.take());
    employee.time_zone = time_zone.or(employee.time_zone.take());
    if !qualifications.is_empty() {
        employee.qualifications = qualifications;
    }
    // What people said of themselves is newer than the file that they began with.
    employee.availability = employee.availability.take().or(availability);
}

impl Prepared {
    /// The roster as it would be, for a survey.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::new();
        for upsert in &self.diff.upserts {
            let entry = RosterEntry {
                entity: upsert.entity.clone(),
                fingerprint: upsert.fingerprint,
                version: 1,
                changed_at: self.at,
                seq: self.expected,
                at: upsert.at.clone(),
            };
            overlay.insert(upsert.entity.key(), Some(entry));
        }
        overlay.extend(self.diff.tombstones.iter().map(|key| (key.clone(), None)));
        overlay
    }
}
