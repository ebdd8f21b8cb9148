//! The port's part about what is shown of mirrors.

use async_trait::async_trait;
use domain::MirrorName;
use engine::port::{
    ChangeOutline, ConflictPlace, ConflictRow, Drift, LedgerRow, OverviewStore, Standing,
    StoreError,
};

use super::{SqlStore, doing};
use crate::overview;

#[async_trait]
impl OverviewStore for SqlStore {
    async fn conflict_page(
        &self,
        mirror: &MirrorName,
        after: Option<&ConflictPlace>,
        limit: usize,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        let reading = overview::conflict_page(&self.backend, mirror, after, limit);
        doing!("read conflicts", reading)
    }

    async fn change_outlines(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<ChangeOutline>, StoreError> {
        let reading = overview::change_outlines(&self.backend, mirror, limit);
        doing!("read changes of events", reading)
    }

    async fn troubled_rows(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        doing!("find ledger rows", overview::troubled_rows(&self.backend, mirror, limit))
    }

    async fn standing_drifts(
        &self,
        mirror: &MirrorName,
        standing: Standing,
        limit: usize,
    ) -> Result<Vec<Drift>, StoreError> {
        let reading = overview::standing_drifts(&self.backend, mirror, standing, limit);
        doing!("list drift", reading)
    }
}
