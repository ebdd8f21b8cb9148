//! What is different when a source is read part by part: only what a part is about is compared,
//! and what must survive until the next part stands before the source's own token.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::{EntityKey, EntityKind, RosterName, SyncWindow, UtcInterval};
use jiff::Timestamp;

use super::Ingest;
use crate::port::{
    DeltaToken, Marks, ReadingPart, Resume, RosterIndexRow, SourceMark, SourceState, Store,
    StoreError,
};

impl Ingest<'_> {
    /// What the roster has of what a part is about, and what of that was deleted when the part
    /// does not have it.
    pub(super) async fn index_of(
        &self,
        part: &ReadingPart,
        now: Timestamp,
    ) -> Result<(Vec<RosterIndexRow>, BTreeSet<EntityKey>), StoreError> {
        let named: Vec<EntityKey> = part.entities.iter().map(|it| it.entity.key()).collect();
        let mut compared = self.store.index_starting(self.roster, &part.complete).await?;
        if !part.keeping_time_off.is_empty() {
            let mut rest = self.store.index_starting(self.roster, &part.keeping_time_off).await?;
            rest.retain(|row| row.key.kind != EntityKind::TimeOff || row.twin.is_some());
            compared.extend(rest);
        }
        if part.everybody {
            compared.extend(self.leaving(&named, now).await?);
        }
        let scope: BTreeSet<EntityKey> = compared.iter().map(|row| row.key.clone()).collect();
        let mut index = self.store.index_at(self.roster, &named).await?;
        index.retain(|row| !scope.contains(&row.key));
        index.extend(compared);
        Ok((index, scope))
    }

    /// Employees who are not among `named` any more, and what they were still going to do.
    async fn leaving(
        &self,
        named: &[EntityKey],
        now: Timestamp,
    ) -> Result<Vec<RosterIndexRow>, StoreError> {
        let named: BTreeSet<&EntityKey> = named.iter().collect();
        let known = self.store.entries_of_kind(self.roster, EntityKind::Employee).await?;
        let (mut leavers, mut rows) = (Vec::new(), Vec::new());
        for entry in known {
            let key = entry.entity.key();
            if !named.contains(&key) {
                let fingerprint = entry.fingerprint;
                let (twin, starts_at, ends_at) = (None, None, None);
                rows.push(RosterIndexRow { key, fingerprint, twin, starts_at, ends_at });
                if let Some(id) = entry.entity.employee()
                    && let Ok(ahead) = UtcInterval::new(now, Timestamp::MAX)
                {
                    leavers.push((id.clone(), ahead));
                }
            }
        }
        rows.extend(self.store.index_starting(self.roster, &leavers).await?);
        Ok(rows)
    }
}

/// What stands before the source's token: the hash of the employees file, and how much earlier
/// parts of a reading that is under way deleted, for the guard.
pub(super) struct Seal {
    pub print: String,
    pub lost: u64,
}

impl Seal {
    pub fn close(&self, token: &DeltaToken) -> DeltaToken {
        let Self { print, lost } = self;
        DeltaToken(match lost {
            0 => format!("{print}\n{}", token.0),
            lost => format!("{print} {lost}\n{}", token.0),
        })
    }

    /// Where the source resumes, and what was deleted so far; `None` when there is nothing to
    /// resume from. It is void when people are described otherwise now.
    pub fn open(state: &SourceState, print: &str) -> Option<(Resume, u64)> {
        let (seal, token) = state.token.as_ref()?.0.split_once('\n')?;
        let mut words = seal.split(' ');
        let void = words.next() != Some(print);
        let lost = words.next().and_then(|it| it.parse().ok()).filter(|_| !void).unwrap_or(0);
        let window = match (state.window_start, state.window_end) {
            (Some(start), Some(end)) => UtcInterval::new(start, end).ok(),
            (Some(_) | None, None) | (None, Some(_)) => None,
        };
        let window = window.map(|interval| SyncWindow { interval });
        Some((Resume { token: DeltaToken(token.to_owned()), window, void }, lost))
    }
}

/// The marks that are in the store.
#[derive(Clone, Copy)]
pub(super) struct KeptMarks<'a> {
    pub store: &'a dyn Store,
    pub roster: &'a RosterName,
}

#[async_trait]
impl Marks for KeptMarks<'_> {
    async fn beginning_with(&self, beginning: &str) -> Result<Vec<SourceMark>, StoreError> {
        self.store.source_marks(self.roster, beginning).await
    }
}

/// The marks that would be there after parts that are not committed.
pub(super) struct LayeredMarks<'a> {
    below: KeptMarks<'a>,
    above: BTreeMap<String, Option<String>>,
}

impl<'a> LayeredMarks<'a> {
    pub fn over(below: KeptMarks<'a>) -> Self {
        Self { below, above: BTreeMap::new() }
    }

    pub fn with(mut self, marks: &[(String, Option<String>)]) -> Self {
        self.above.extend(marks.iter().cloned());
        self
    }
}

#[async_trait]
impl Marks for LayeredMarks<'_> {
    async fn beginning_with(&self, beginning: &str) -> Result<Vec<SourceMark>, StoreError> {
        let below = self.below.beginning_with(beginning).await?;
        let below = below.into_iter().map(|it| (it.name, Some(it.value)));
        let mut marks: BTreeMap<String, Option<String>> = below.collect();
        let above = self.above.iter().filter(|(name, _)| name.starts_with(beginning));
        marks.extend(above.map(|(name, value)| (name.clone(), value.clone())));
        let kept = marks.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        Ok(kept.map(|(name, value)| SourceMark { name, value }).collect())
    }
}
