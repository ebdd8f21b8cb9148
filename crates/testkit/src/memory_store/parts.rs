//! What an ingest that reads part by part asks for.

use async_trait::async_trait;
use domain::{EmployeeId, EntityKey, EntityKind, RosterName, SyncWindow, UtcInterval};
use engine::port::{PartStore, RosterIndexRow, SourceMark, StoreError};

use super::MemoryStore;
use super::roster::Kept;

#[async_trait]
impl PartStore for MemoryStore {
    async fn index_starting(
        &self,
        roster: &RosterName,
        scope: &[(EmployeeId, UtcInterval)],
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        let state = self.lock();
        let Some(roster) = state.roster(roster) else { return Ok(Vec::new()) };
        let starts_inside = |kept: &&Kept| {
            let entity = &kept.entry.entity;
            let start = entity.interval().map(|it| it.start());
            scope.iter().any(|(employee, within)| {
                entity.employee() == Some(employee)
                    && start.is_some_and(|it| it >= within.start() && it < within.end())
            })
        };
        Ok(roster.all_live().filter(starts_inside).map(Kept::in_small).collect())
    }

    async fn index_at(
        &self,
        roster: &RosterName,
        keys: &[EntityKey],
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        let state = self.lock();
        let Some(roster) = state.roster(roster) else { return Ok(Vec::new()) };
        let kept = keys.iter().filter_map(|key| roster.entities.get(key));
        Ok(kept.filter(|it| it.is_live()).map(Kept::in_small).collect())
    }

    async fn count_within(
        &self,
        roster: &RosterName,
        window: &SyncWindow,
    ) -> Result<u64, StoreError> {
        let state = self.lock();
        let Some(roster) = state.roster(roster) else { return Ok(0) };
        let kinds = [EntityKind::OpenShift, EntityKind::Shift, EntityKind::TimeOff];
        Ok(kinds.into_iter().map(|kind| roster.within(kind, window).len() as u64).sum())
    }

    async fn source_marks(
        &self,
        roster: &RosterName,
        beginning: &str,
    ) -> Result<Vec<SourceMark>, StoreError> {
        let state = self.lock();
        let Some(roster) = state.roster(roster) else { return Ok(Vec::new()) };
        let marks = roster.marks.iter().filter(|(name, _)| name.starts_with(beginning));
        let mark = |(name, value): (&String, &String)| SourceMark {
            name: name.clone(),
            value: value.clone(),
        };
        Ok(marks.map(mark).collect())
    }
}
