//! The port's part about parts of a roster and marks of its source.

use async_trait::async_trait;
use domain::{EmployeeId, EntityKey, RosterName, SyncWindow, UtcInterval};
use engine::port::{PartStore, RosterIndexRow, SourceMark, StoreError};

use super::{SqlStore, doing};
use crate::roster::{self, ENTITY_PAGE_ROWS};

#[async_trait]
impl PartStore for SqlStore {
    async fn index_starting(
        &self,
        roster: &RosterName,
        scope: &[(EmployeeId, UtcInterval)],
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        let reading = async {
            let pages = scope.len().div_ceil(ENTITY_PAGE_ROWS);
            let mut session = self.backend.reading(pages).await?;
            roster::part::index_starting(&mut session, roster, scope).await
        };
        doing!("read employees' index", reading)
    }

    async fn index_at(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        let reading = async {
            let pages = keys.len().div_ceil(ENTITY_PAGE_ROWS);
            let mut session = self.backend.reading(pages).await?;
            roster::part::index_at(&mut session, roster, keys).await
        };
        doing!("read entities' index", reading)
    }

    async fn count_within(
        &self,
        roster: &RosterName,
        window: &SyncWindow,
    ) -> Result<u64, StoreError> {
        let counting = roster::part::count_within(&self.backend, roster, window);
        doing!("count entities", counting)
    }

    async fn source_marks(
        &self,
        roster: &RosterName,
        beginning: &str,
    ) -> Result<Vec<SourceMark>, StoreError> {
        doing!("read marks", roster::part::marks(&self.backend, roster, beginning))
    }
}
