//! What is shown of mirrors, as one process sees it.

use async_trait::async_trait;
use domain::MirrorName;
use engine::port::{
    ChangeOutline, ConflictPlace, ConflictRow, Drift, LedgerRow, OverviewStore, Standing,
    StoreError,
};

use super::{ShakyStore, pass};

#[async_trait]
impl OverviewStore for ShakyStore {
    async fn conflict_page(
        &self,
        mirror: &MirrorName,
        after: Option<&ConflictPlace>,
        limit: usize,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        pass!(self, "read conflicts", self.inner.conflict_page(mirror, after, limit))
    }

    async fn change_outlines(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<ChangeOutline>, StoreError> {
        pass!(self, "read changes of events", self.inner.change_outlines(mirror, limit))
    }

    async fn troubled_rows(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        pass!(self, "find ledger rows", self.inner.troubled_rows(mirror, limit))
    }

    async fn standing_drifts(
        &self,
        mirror: &MirrorName,
        standing: Standing,
        limit: usize,
    ) -> Result<Vec<Drift>, StoreError> {
        pass!(self, "list drift", self.inner.standing_drifts(mirror, standing, limit))
    }
}
