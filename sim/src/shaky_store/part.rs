//! Parts of a roster and marks of its source, as one process sees them.

use async_trait::async_trait;
use domain::{EmployeeId, EntityKey, RosterName, SyncWindow, UtcInterval};
use engine::port::{PartStore, RosterIndexRow, SourceMark, StoreError};

use super::{ShakyStore, pass};

#[async_trait]
impl PartStore for ShakyStore {
    async fn index_starting(
        &self,
        roster: &RosterName,
        scope: &[(EmployeeId, UtcInterval)],
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        pass!(self, "read the index", self.inner.index_starting(roster, scope))
    }

    async fn index_at(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        pass!(self, "read the index", self.inner.index_at(roster, keys))
    }

    async fn count_within(
        &self,
        roster: &RosterName,
        window: &SyncWindow,
    ) -> Result<u64, StoreError> {
        pass!(self, "count entities", self.inner.count_within(roster, window))
    }

    async fn source_marks(
        &self,
        roster: &RosterName,
        beginning: &str,
    ) -> Result<Vec<SourceMark>, StoreError> {
        pass!(self, "read marks", self.inner.source_marks(roster, beginning))
    }
}
