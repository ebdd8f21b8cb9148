//! Keeping what an ingest that reads part by part needs, at a cost that grows with the part.

use async_trait::async_trait;
use domain::{EmployeeId, EntityKey, RosterName, SyncWindow, UtcInterval};

use super::{RosterIndexRow, StoreError};

/// What is asked of a roster when only a part of it is compared. Every method is one transaction.
#[async_trait]
pub trait PartStore: Send + Sync {
    /// In small, the live entities of these employees that start inside the interval given with
    /// each; each once, ordered by key.
    async fn index_starting(
        &self,
        roster: &RosterName,
        scope: &[(EmployeeId, UtcInterval)],
    ) -> Result<Vec<RosterIndexRow>, StoreError>;

    /// In small, the live entities with these keys; missing ones are left out. In no particular
    /// order.
    async fn index_at(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterIndexRow>, StoreError>;

    /// How many live shifts, open shifts and absences overlap `window`.
    async fn count_within(
        &self,
        roster: &RosterName,
        window: &SyncWindow,
    ) -> Result<u64, StoreError>;

    /// The marks of a roster's source whose names begin with this, ordered by name.
    async fn source_marks(
        &self,
        roster: &RosterName,
        beginning: &str,
    ) -> Result<Vec<SourceMark>, StoreError>;
}

/// Something that a source wants remembered: opaque, under a name, changed by an ingest in the
/// transaction that takes in what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMark {
    /// Its name, without control characters.
    pub name: String,
    /// What it says, without control characters but `\n`.
    pub value: String,
}
