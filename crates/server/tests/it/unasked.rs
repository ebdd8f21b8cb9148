//! What the store of a test server is not asked here: it says so.

use async_trait::async_trait;
use domain::*;
use engine::port::*;

use crate::world::{Answered, FakeStore, unused};

#[async_trait]
impl DriftStore for FakeStore {
    async fn drifts(&self, _: &MirrorName) -> Answered<Vec<Drift>> {
        unused()
    }
    async fn put_drifts(&self, _: &MirrorName, _: &[DriftWrite]) -> Answered<()> {
        unused()
    }
}

#[async_trait]
impl HookStore for FakeStore {
    async fn subscriptions(&self) -> Answered<Vec<KeptSubscription>> {
        unused()
    }
    async fn subscriptions_at(
        &self,
        _: &ConnectionName,
        _: &[String],
    ) -> Answered<Vec<KeptSubscription>> {
        unused()
    }
    async fn put_subscription(&self, _: &KeptSubscription) -> Answered<()> {
        unused()
    }
    async fn remove_subscription(&self, _: &ConnectionName, _: &str) -> Answered<()> {
        unused()
    }
}

#[async_trait]
impl OverviewStore for FakeStore {
    async fn conflict_page(
        &self,
        _: &MirrorName,
        _: Option<&ConflictPlace>,
        _: usize,
    ) -> Answered<Vec<ConflictRow>> {
        unused()
    }
    async fn change_outlines(&self, _: &MirrorName, _: usize) -> Answered<Vec<ChangeOutline>> {
        unused()
    }
    async fn troubled_rows(&self, _: &MirrorName, _: usize) -> Answered<Vec<LedgerRow>> {
        unused()
    }
    async fn standing_drifts(&self, _: &MirrorName, _: Standing, _: usize) -> Answered<Vec<Drift>> {
        unused()
    }
}
