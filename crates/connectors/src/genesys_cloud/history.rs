//! What became of agents who are missing from an answer.
//!
//! That somebody who still works in the business unit is told of no more may mean that their part
//! of the schedule was deleted, or that the answer lacks it. Before they lose everything their
//! history is asked: one request for each, so many in a part. Beyond that the guard against
//! deleting too much is what there is.

use std::collections::BTreeSet;

use engine::port::{Failure, FailureClass};
use futures_util::{StreamExt, stream};

use super::client::{Ask, segment};
use super::provider::Genesys;
use super::weeks::Head;
use super::wire::history::{History, HistoryChange};
use super::wire::{ScheduleHead, short};

/// Histories that are asked for in one part: a sixth of what a minute allows.
pub(super) const HISTORIES_MAX: usize = 50;

impl Genesys {
    /// Those of these agents of whom the vendor does not say that nothing is left of their part of
    /// a schedule; of those who are too many to be asked about, nobody.
    pub(super) async fn not_deleted(
        &self,
        unit: &str,
        head: &Head,
        agents: Vec<String>,
    ) -> Result<BTreeSet<String>, Failure> {
        if agents.len() > HISTORIES_MAX {
            tracing::warn!(
                agents = agents.len(),
                asked = HISTORIES_MAX,
                "more agents are missing from a schedule than are asked about; the guard against \
                 deleting too much decides of the others"
            );
        }
        let asked = agents.iter().take(HISTORIES_MAX);
        let questions: Vec<_> = asked.map(|it| self.is_deleted(unit, head, it)).collect();
        let mut answers = stream::iter(questions).buffered(self.concurrency());
        let (mut left, mut number) = (BTreeSet::new(), 0);
        while let Some(deleted) = answers.next().await {
            if !deleted? {
                left.insert(agents[number].clone());
            }
            number += 1;
        }
        Ok(left)
    }

    async fn is_deleted(&self, unit: &str, head: &Head, agent: &str) -> Result<bool, Failure> {
        let path = format!(
            "workforcemanagement/businessunits/{}/weeks/{}/schedules/{}/history/agents/{}",
            segment(unit),
            head.week,
            segment(&head.id),
            segment(agent)
        );
        let what = format!("read what became of `{}` in the week of {}", short(agent), head.week);
        match self.client().json::<History>(&Ask::get(path, what)).await {
            Ok(history) => Ok(ends_with_nothing(&history)),
            Err(failure) if failure.class == FailureClass::Missing => {
                self.is_published(unit, head).await
            }
            Err(failure) if failure.class.may_pass() && failure.class != FailureClass::Unknown => {
                Err(failure)
            }
            // What is not understood, or may not be asked, concludes nothing: one agent must not
            // hold up all others.
            Err(failure) => {
                let class = failure.class.as_str();
                tracing::warn!(class, "a history cannot be read; its agent is left as they were");
                Ok(false)
            }
        }
    }

    /// Whether a schedule is still the one that is published. Once another one was published in
    /// its place, that nothing is known of an agent in it says nothing, and the next poll reads the
    /// other one.
    async fn is_published(&self, unit: &str, head: &Head) -> Result<bool, Failure> {
        let listed = self.heads(unit).await?;
        let same = |it: &ScheduleHead| it.id == head.id && it.published != Some(false);
        Ok(listed.iter().any(same))
    }
}

/// Whether nothing is left after what a history tells. Pure.
pub(super) fn ends_with_nothing(history: &History) -> bool {
    let History { base_published_schedule, changes, dropped_changes } = history;
    let mut changes: Vec<&HistoryChange> = changes.iter().collect();
    // In which order they are told is not said.
    changes.sort_by_key(|it| it.metadata.as_ref().and_then(|it| it.date_modified));
    let mut left: BTreeSet<&str> = BTreeSet::new();
    // What was dropped may have made anything, until all of it is deleted.
    let mut is_known = dropped_changes.is_empty();
    for change in base_published_schedule.iter().chain(changes) {
        if let Some(deletes) = &change.deletes {
            if deletes.agent_schedule == Some(true) {
                left.clear();
                is_known = true;
            }
            for gone in deletes.shift_ids.iter().chain(&deletes.full_day_time_off_marker_dates) {
                left.remove(gone.as_str());
            }
        }
        left.extend(change.shifts.iter().map(|it| it.id.as_str()));
        let days = &change.full_day_time_off_markers;
        left.extend(days.iter().map(|it| it.business_unit_date.as_str()));
    }
    is_known && left.is_empty()
}
