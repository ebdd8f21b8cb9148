//! Reading a source into its roster.

mod part;
mod people;

use domain::limits::READING_PARTS_MAX;
use domain::policy::DeletionGuard;
use domain::{Employee, Entity, RosterName, SyncWindow};
use jiff::Timestamp;

use crate::ingest::diff::{Before, RosterDiff, diff, matching};
use crate::plan::guard::{DeletionCount, GuardRefusal, judge};
use crate::port::{
    ChangeSeq, Clock, Failure, FailureClass, FieldFault, IngestCommit, Marks, ReadingKind,
    RosterEntry, Source, SourceError, SourceState, Store, StoreError,
};
use crate::report::IngestReport;
use crate::run::survey::Overlay;

use part::Seal;

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
    /// What the guard looks at: for a part, with what earlier parts of the same reading deleted.
    pub count: DeletionCount,
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
    /// What the source wants remembered.
    pub marks: Vec<(String, Option<String>)>,
    /// Whether there is more to read.
    pub more: bool,
    /// When.
    pub at: Timestamp,
}

impl Ingest<'_> {
    /// Reads the source and takes what changed into the roster: all or nothing, or part by part
    /// where the source is read so.
    ///
    /// # Errors
    /// When the source cannot be read as a whole, the guard stops it, or the store fails. Nothing
    /// is changed then, but for parts that were read before.
    pub async fn run(&self, allow_deletions: Option<u64>) -> Result<IngestReport, IngestError> {
        let mut whole: Option<IngestReport> = None;
        for _ in 0..READING_PARTS_MAX {
            let state = self.store.source_state(self.roster).await?;
            let prepared = self.prepare_from(&state, &self.kept_marks()).await?;
            self.judge(&prepared, allow_deletions)?;
            let more = prepared.more;
            let part = self.commit(prepared).await?;
            let report = match whole.take() {
                Some(before) => before.and(part),
                None => part,
            };
            if !more {
                return Ok(report);
            }
            whole = Some(report);
        }
        Err(endless().into())
    }

    /// Works out what would change.
    ///
    /// # Errors
    /// When the source cannot be read as a whole, or the store fails.
    pub async fn prepare(&self) -> Result<Prepared, IngestError> {
        let mut state = self.store.source_state(self.roster).await?;
        let mut marks = part::LayeredMarks::over(self.kept_marks());
        let mut whole: Option<Prepared> = None;
        for _ in 0..READING_PARTS_MAX {
            let part = self.prepare_from(&state, &marks).await?;
            (state, marks) = (part.state.clone(), marks.with(&part.marks));
            let prepared = match whole.take() {
                Some(before) => before.and(part),
                None => part,
            };
            if !prepared.more {
                return Ok(prepared);
            }
            whole = Some(prepared);
        }
        Err(endless().into())
    }

    async fn prepare_from(
        &self,
        state: &SourceState,
        marks: &dyn Marks,
    ) -> Result<Prepared, IngestError> {
        let at = self.clock.now();
        let resume = Seal::open(state, &people::print(&self.employees));
        let lost_before = resume.as_ref().map_or(0, |(_, lost)| *lost);
        let before = self.store.roster_seq(self.roster).await?;
        let resume = resume.map(|(resume, _)| resume);
        let reading = self.source.read_on(&self.window, resume.as_ref(), marks).await?;
        let mut prepared = Prepared {
            diff: RosterDiff::default(),
            count: DeletionCount::default(),
            state: SourceState::default(),
            expected: before,
            unread: matches!(reading.kind, ReadingKind::Unchanged),
            notes: reading.notes,
            skipped: reading.skipped,
            hinted: false,
            marks: vec![],
            more: false,
            at,
        };
        let mut lost = 0;
        if !prepared.unread {
            let kind = people::complete(reading.kind, &self.employees);
            lost = self.compare(kind, &mut prepared, lost_before).await?;
        }
        let seal = Seal { print: people::print(&self.employees), lost };
        prepared.state = SourceState {
            token: reading.next.map(|token| seal.close(&token)),
            window_start: Some(self.window.interval.start()),
            window_end: Some(self.window.interval.end()),
            read_at: Some(at),
        };
        Ok(prepared)
    }

    /// Finds what changed; what the guard must still know of while there is more to read.
    async fn compare(
        &self,
        mut kind: ReadingKind,
        prepared: &mut Prepared,
        lost_before: u64,
    ) -> Result<u64, IngestError> {
        let is_part = match &mut kind {
            ReadingKind::Part(part) => {
                prepared.marks = std::mem::take(&mut part.marks);
                prepared.more = part.more;
                true
            }
            ReadingKind::Unchanged | ReadingKind::Full { .. } | ReadingKind::Changes { .. } => {
                false
            }
        };
        let expected = prepared.expected;
        let (index, scope) = match &kind {
            ReadingKind::Part(part) => {
                let (index, scope) = self.index_of(part, prepared.at).await?;
                (index, Some(scope))
            }
            ReadingKind::Unchanged | ReadingKind::Full { .. } | ReadingKind::Changes { .. } => {
                let (found, index) = self.store.roster_index(self.roster).await?;
                if found != expected {
                    // Somebody took in a reading that may be newer than ours.
                    let (roster, expected, found) = (self.roster.clone(), expected.0, found.0);
                    return Err(StoreError::Superseded { roster, expected, found }.into());
                }
                (index, None)
            }
        };
        let hints = self.store.identity_hints(self.roster).await?;
        prepared.hinted = !hints.is_empty();
        let matching = matching(Before { index, scope, hints }, kind);
        let to_load = matching.to_load(&self.window, prepared.at);
        let loaded = self.store.roster_entries(self.roster, &to_load).await?;
        let loaded: Vec<Entity> = loaded.into_iter().map(|entry| entry.entity).collect();
        prepared.diff = diff(matching, &loaded, &self.window, prepared.at);
        let diff = &prepared.diff;
        prepared.count = DeletionCount { present: diff.present_before, deletions: diff.lost };
        if !is_part {
            return Ok(0);
        }
        let lost = diff.lost + lost_before;
        if lost > 0 {
            let now = self.store.count_within(self.roster, &self.window).await?;
            prepared.count = DeletionCount { present: now + lost_before, deletions: lost };
        }
        Ok(if prepared.more { lost } else { 0 })
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
        if prepared.diff.lost == 0 {
            return Ok(());
        }
        let subject = format!("roster {}", self.roster);
        judge(subject, prepared.count, &self.guard, allow_deletions)
    }

    async fn commit(&self, prepared: Prepared) -> Result<IngestReport, IngestError> {
        let Prepared { diff, count: _, state, expected, unread, notes, skipped, .. } = prepared;
        let Prepared { hinted, marks, more, at: read_at, .. } = prepared;
        // Not when it was read: who asks for changes by time asks for what became visible since,
        // and a reading may take long.
        let at = self.clock.now();
        let RosterDiff { upserts, tombstones, unchanged, lost: _, present_before: _ } = diff;
        let (upserted, deleted) = (upserts.len() as u64, tombstones.len() as u64);
        if !unread {
            let drop_hints = hinted && !more;
            let commit =
                IngestCommit { upserts, tombstones, state, at, expected, drop_hints, marks };
            self.store.commit_ingest(self.roster, commit).await?;
        }
        let roster = self.roster.clone();
        let at = read_at;
        Ok(IngestReport { roster, unread, upserted, deleted, unchanged, notes, skipped, at })
    }

    fn kept_marks(&self) -> part::KeptMarks<'_> {
        part::KeptMarks { store: self.store, roster: self.roster }
    }
}

fn endless() -> SourceError {
    SourceError::Failed(Failure {
        class: FailureClass::Bug,
        operation: "read the source to its end".into(),
        status: None,
        detail: format!("there was more to read after {READING_PARTS_MAX} parts"),
    })
}

impl Prepared {
    /// This part, and the one after it.
    fn and(mut self, part: Self) -> Self {
        let RosterDiff { upserts, tombstones, unchanged, lost, present_before: _ } = part.diff;
        self.diff.upserts.extend(upserts);
        self.diff.tombstones.extend(tombstones);
        self.diff.unchanged += unchanged;
        self.diff.lost += lost;
        self.count = if part.count.deletions > 0 { part.count } else { self.count };
        self.notes.extend(part.notes);
        self.skipped.extend(part.skipped);
        self.marks.extend(part.marks);
        Self { state: part.state, unread: false, more: part.more, ..self }
    }

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
