//! What is shown of mirrors, a page at a time.

use async_trait::async_trait;
use domain::MirrorName;
use engine::port::{
    ChangeOutline, ConflictPlace, ConflictRow, Drift, LedgerRow, OverviewStore, Standing,
    StoreError,
};

use super::MemoryStore;

#[async_trait]
impl OverviewStore for MemoryStore {
    async fn conflict_page(
        &self,
        mirror: &MirrorName,
        after: Option<&ConflictPlace>,
        limit: usize,
    ) -> Result<Vec<ConflictRow>, StoreError> {
        let rows = self.of_conflicts(mirror, |it| it.rows(None)).into_iter();
        let later = |row: &ConflictRow| after.is_none_or(|it| ConflictPlace::of(row) > *it);
        Ok(rows.filter(later).take(limit).collect())
    }

    async fn change_outlines(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<ChangeOutline>, StoreError> {
        let mut all = self.of_conflicts(mirror, |it| it.outlines());
        all.sort_by(|a, b| (b.kept_until, &b.id).cmp(&(a.kept_until, &a.id)));
        all.truncate(limit);
        Ok(all)
    }

    async fn troubled_rows(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let mut rows = self.rows(mirror);
        rows.retain(|it| {
            let set_aside = it.trouble.as_ref().map(|trouble| trouble.quarantined_at.is_some());
            set_aside.is_some_and(|it_is| it_is || it.intent.is_some() || it.remote.is_none())
        });
        rows.sort_by(|a, b| (&a.key, &a.calendar, a.part).cmp(&(&b.key, &b.calendar, b.part)));
        rows.truncate(limit);
        Ok(rows)
    }

    async fn standing_drifts(
        &self,
        mirror: &MirrorName,
        standing: Standing,
        limit: usize,
    ) -> Result<Vec<Drift>, StoreError> {
        let state = self.lock();
        let drifts = state.mirror(mirror).into_iter().flat_map(|it| it.drifts.values());
        Ok(drifts.filter(|it| it.standing == standing).take(limit).cloned().collect())
    }
}
