//! Reading a system of record.

use async_trait::async_trait;
use domain::{EmployeeId, Entity, EntityKey, SyncWindow, UtcInterval};
use jiff::Timestamp;

use super::{DeltaToken, Failure, Finding, Identity, SourceMark, SourceRef, StoreError};

/// A system of record, read only.
#[async_trait]
pub trait Source: Send + Sync {
    /// Looks whether it can be read and what is wrong with how it is set up. Changes nothing.
    async fn check(&self) -> Vec<Finding>;

    /// Looks from outside, at next to no cost, whether there may be something new: another text
    /// than at the last look, where the source has such a sign.
    async fn glance(&self) -> Option<String> {
        None
    }

    /// Reads the schedule inside `window`: all of it, or, when `since` is a token from an earlier
    /// reading that is still good, only what changed. A source without deltas may answer
    /// [`ReadingKind::Unchanged`] when it can tell cheaply.
    ///
    /// Entities come in no particular order; each key at most once when it has a native id.
    ///
    /// # Errors
    /// When it cannot be reached, or when what it said cannot be taken as the whole truth. In
    /// neither case may anything be concluded from what is absent.
    async fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError>;

    /// Goes on reading from where an earlier reading ended, whatever window that one had; for a
    /// source that is read part by part ([`ReadingKind::Part`]) or keeps marks. Any other reads
    /// as by [`Self::read`], with a token that is as old as the window it was given for.
    ///
    /// # Errors
    /// As [`Self::read`].
    async fn read_on(
        &self,
        window: &SyncWindow,
        resume: Option<&Resume>,
        _marks: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let same = |it: &&Resume| !it.void && it.window.as_ref() == Some(window);
        self.read(window, resume.filter(same).map(|it| &it.token)).await
    }
}

/// Where an earlier reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// What it gave as [`Reading::next`].
    pub token: DeltaToken,
    /// The window that it had.
    pub window: Option<SyncWindow>,
    /// Whether everything is to be told again, because what completes it says something else now;
    /// the token only shows what was taken into the roster then.
    pub void: bool,
}

/// What a source had remembered by [`ReadingPart::marks`].
#[async_trait]
pub trait Marks: Send + Sync {
    /// The marks whose names begin with this, ordered by name.
    ///
    /// # Errors
    /// When the store fails.
    async fn beginning_with(&self, beginning: &str) -> Result<Vec<SourceMark>, StoreError>;
}

/// What a source said.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The schedule, or its changes.
    pub kind: ReadingKind,
    /// What to give as `since` next time; kept with the roster, opaque.
    pub next: Option<DeltaToken>,
    /// Decisions that an operator should know of: gaps, folds, repeated lines. Also when nothing
    /// changed: what concerns the reading as a whole, such as that all of it is outside the window.
    pub notes: Vec<FieldFault>,
    /// What is left out because the operator chose `on_bad_row = "skip"`; also when nothing
    /// changed, for as long as it is so.
    pub skipped: Vec<FieldFault>,
}

/// The schedule, or its changes.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingKind {
    /// Nothing changed since the token that was given.
    Unchanged,
    /// Everything inside the window.
    Full {
        /// All entities.
        entities: Vec<SourceEntity>,
        /// What follows for an entity that is not among them.
        absence: Absence,
    },
    /// Only what changed since the token that was given.
    Changes {
        /// New or changed entities.
        upserts: Vec<SourceEntity>,
        /// Deleted ones.
        removed: Vec<EntityKey>,
    },
    /// The schedule, or its changes, as far as one bite goes.
    Part(ReadingPart),
}

/// One bite of a reading that is too large for one, or that is about a few employees only. It is
/// taken into the roster before the next one is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadingPart {
    /// The entities.
    pub entities: Vec<SourceEntity>,
    /// Whose schedule is told in full, and for which stretch: what starts there, is theirs and is
    /// not among `entities` was deleted.
    pub complete: Vec<(EmployeeId, UtcInterval)>,
    /// The same, but that time off with an id of the source's own could not be read: what is
    /// known of it stays.
    pub keeping_time_off: Vec<(EmployeeId, UtcInterval)>,
    /// Whether every employee is among `entities`: whoever is not has left. What they were still
    /// going to do is removed with them; what has begun stays, as it was.
    pub everybody: bool,
    /// What to remember for later readings, in the same transaction.
    pub marks: Vec<(String, Option<String>)>,
    /// Whether there is more to read now, from [`Reading::next`] on.
    pub more: bool,
}

/// What follows for an entity of the roster that a full reading does not name. The past of people
/// whom it does not name at all stays in any case: they left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It was deleted.
    MeansDeleted,
    /// It was deleted, unless it is over and ended at this instant or before: nothing is told of
    /// the time before it.
    MeansDeletedFrom(Timestamp),
    /// Nothing: the reading is known to be incomplete.
    MeansNothing,
}

/// One entity as its source gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceEntity {
    /// The entity. Where the source has no ids, its id is provisional; see [`Identity`].
    pub entity: Entity,
    /// Where its id comes from.
    pub identity: Identity,
    /// Where it stands in the source, for `explain`.
    pub at: SourceRef,
}

/// Something wrong or remarkable at one place of a source: enough to point at it with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Which file or resource, as the operator wrote it.
    pub place: String,
    /// Line in it, from 1; 0 when the whole place is meant.
    pub line: u64,
    /// The text of that line, cut at 400 characters; empty when unknown.
    pub text: String,
    /// Byte range of the field inside `text`, where it is known.
    pub field: Option<(usize, usize)>,
    /// The column's name, where one is concerned.
    pub column: Option<String>,
    /// What was found and what was expected: a lower-case clause without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How many it stands for: 1, or more when it counts those that are not named one by one.
    pub stands_for: usize,
}

impl FieldFault {
    /// How many `faults` there are, with those that are only counted.
    #[must_use]
    pub fn count(faults: &[Self]) -> usize {
        faults.iter().map(|fault| fault.stands_for).sum()
    }

    /// Where it is: `exports/week-48.csv:17`, or only the place when all of it is meant.
    #[must_use]
    pub fn spot(&self) -> String {
        match self.line {
            0 => self.place.clone(),
            line => format!("{}:{line}", self.place),
        }
    }
}

/// Why a source could not be read as a whole.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The request failed.
    #[error("{0}")]
    Failed(Failure),
    /// What was remembered of earlier readings cannot be had.
    #[error(transparent)]
    Marks(StoreError),
    /// A file cannot be opened or read.
    #[error("cannot read `{place}`: {detail}")]
    Unreadable {
        /// Which file, as the operator wrote it.
        place: String,
        /// What the operating system said.
        detail: String,
    },
    /// Rows are wrong, and the operator did not choose to skip them: nothing was taken.
    #[error("{}", bad_rows(faults, *more))]
    BadRows {
        /// The first of them, at most [`domain::limits::BAD_ROWS_REPORTED_MAX`].
        faults: Vec<FieldFault>,
        /// How many more there are.
        more: usize,
        /// What its operator can do about it.
        hint: &'static str,
    },
}

fn bad_rows(faults: &[FieldFault], more: usize) -> String {
    let count = faults.len() + more;
    let place = faults.first().map_or("", |fault| fault.place.as_str());
    match count {
        1 => format!("1 bad row in `{place}`; nothing was taken from it"),
        _ => format!("{count} bad rows, the first in `{place}`; nothing was taken"),
    }
}
