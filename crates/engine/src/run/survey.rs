//! Looking over a roster and a ledger, page by page, to see what a cycle would do.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::UNMAPPED_NAMED_MAX;
use domain::{CalendarKey, EmployeeId, EntityKey, EntityKind, MirrorName, RosterName, SyncWindow};
use jiff::Timestamp;

use super::project::Projector;
use crate::mapping::Shows;
use crate::plan::reconcile::{Circumstances, plan_subject};
use crate::plan::state::Seen;
use crate::plan::summary::{Plan, PlannedAction};
use crate::port::{Placement, RosterEntry, Scope, Store, StoreError, Subject};
use crate::report::Unmapped;

/// Subjects read at once: bounds memory, whatever the roster's size.
const PAGE: usize = 2_000;

/// What a survey found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// What would be done, in small.
    pub plan: Plan,
    /// Calendars that the surveyed entities belong to.
    pub calendars: BTreeSet<CalendarKey>,
    /// Why entities belong nowhere, and what for each reason.
    pub unmapped: BTreeMap<String, Placeless>,
    /// Whether people, groups or reasons were among what changed: names and places may differ.
    pub organisation_changed: bool,
    /// Subjects looked at.
    pub subjects: u64,
}

/// What belongs nowhere, for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeless {
    /// How many entities.
    pub count: u64,
    /// Whose they are, as far as they are somebody's.
    pub employees: BTreeSet<EmployeeId>,
}

/// What a survey looks at.
pub struct Surveyor<'a> {
    /// Where roster and ledger are.
    pub store: &'a dyn Store,
    /// Of which mirror.
    pub mirror: &'a MirrorName,
    /// Of which roster.
    pub roster: &'a RosterName,
    /// Inside which window.
    pub window: &'a SyncWindow,
    /// Entities of which kinds.
    pub kinds: &'a [EntityKind],
    /// What waits for an instant up to this one is due.
    pub now: Timestamp,
    /// Now.
    pub clock: Timestamp,
    /// Whether everything of ours is to go.
    pub purge: bool,
}

/// Changes of the roster that are not in the store: `None` for a deletion.
pub type Overlay = BTreeMap<EntityKey, Option<RosterEntry>>;

impl Surveyor<'_> {
    /// Surveys everything in `scope`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn survey(
        &self,
        projector: &Projector<'_>,
        scope: &Scope,
    ) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        let mut after = None;
        loop {
            let page = self.page(scope, after.as_ref()).await?;
            let last = page.len() < PAGE;
            after = page.last().map(|subject| subject.key.clone());
            for mut subject in page {
                projector.complete(&mut subject);
                self.take(&mut survey, projector, &subject);
            }
            if last {
                return Ok(survey);
            }
        }
    }

    /// Surveys everything in `scope` as it would be with `overlay` in the roster.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn survey_with(
        &self,
        projector: &Projector<'_>,
        scope: &Scope,
        overlay: &Overlay,
    ) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        let mut after = None;
        loop {
            let page = self.page(scope, after.as_ref()).await?;
            let last = page.len() < PAGE;
            after = page.last().map(|subject| subject.key.clone());
            for subject in page.iter().filter(|subject| !overlay.contains_key(&subject.key)) {
                self.take(&mut survey, projector, subject);
            }
            if last {
                break;
            }
        }
        let keys: Vec<EntityKey> = overlay.keys().cloned().collect();
        for chunk in keys.chunks(PAGE) {
            let scope = Scope::Keys(chunk.to_vec());
            let mut known: BTreeMap<EntityKey, Subject> =
                self.page(&scope, None).await?.into_iter().map(|it| (it.key.clone(), it)).collect();
            for key in chunk {
                let ledger = known.remove(key).map(|subject| subject.ledger).unwrap_or_default();
                let entry = overlay.get(key).cloned().flatten();
                self.take(&mut survey, projector, &Subject { key: key.clone(), entry, ledger });
            }
        }
        Ok(survey)
    }

    async fn page(
        &self,
        scope: &Scope,
        after: Option<&EntityKey>,
    ) -> Result<Vec<Subject>, StoreError> {
        self.store.subjects(self.mirror, self.roster, self.kinds, scope, after, PAGE).await
    }

    fn take(&self, survey: &mut Survey, projector: &Projector<'_>, subject: &Subject) {
        survey.subjects += 1;
        survey.organisation_changed |= match subject.key.kind {
            EntityKind::Employee | EntityKind::ScheduleGroup | EntityKind::TimeOffReason => true,
            EntityKind::Shift | EntityKind::OpenShift | EntityKind::TimeOff => false,
        };
        let projected = subject.entry.as_ref().and_then(|entry| projector.project(entry));
        if let Some(projected) = &projected {
            match &projected.placement {
                Placement::In(calendar) => {
                    if !survey.calendars.contains(calendar) {
                        survey.calendars.insert(calendar.clone());
                    }
                }
                Placement::Unmapped(reason) => {
                    let employee = subject.entry.as_ref().and_then(|it| it.entity.employee());
                    survey.misses(reason, employee);
                }
                Placement::NotShown => {}
            }
        }
        let Self { window, now, clock, purge, .. } = *self;
        let circumstances = Circumstances { window, now, clock, purge };
        let steps = plan_subject(subject, projected.as_ref(), circumstances, &|_| Seen::NotLooked);
        for step in &steps {
            survey.plan.push(step);
        }
    }
}

/// The kinds of entity that are looked at where this is shown.
#[must_use]
pub fn kinds_of(shows: Shows) -> &'static [EntityKind] {
    match shows {
        Shows::Shifts => &EntityKind::ALL,
        Shows::HeadCount => &[EntityKind::ScheduleGroup],
    }
}

impl Survey {
    fn misses(&mut self, reason: &str, employee: Option<&EmployeeId>) {
        if !self.unmapped.contains_key(reason) {
            self.unmapped.insert(reason.to_owned(), Placeless::default());
        }
        if let Some(placeless) = self.unmapped.get_mut(reason) {
            placeless.count += 1;
            if let Some(employee) = employee.filter(|it| !placeless.employees.contains(*it)) {
                placeless.employees.insert(employee.clone());
            }
        }
    }

    /// What belongs nowhere, reason by reason, with the first of those whose it is.
    #[must_use]
    pub fn unmapped_by_reason(&self) -> Vec<Unmapped> {
        let told = |(reason, Placeless { count, employees }): (&String, &Placeless)| Unmapped {
            reason: reason.clone(),
            count: *count,
            employees: employees.iter().take(UNMAPPED_NAMED_MAX).cloned().collect(),
            employees_more: employees.len().saturating_sub(UNMAPPED_NAMED_MAX) as u64,
        };
        self.unmapped.iter().map(told).collect()
    }

    /// Deletions that are planned.
    #[must_use]
    pub fn deletions(&self) -> u64 {
        let deletes = |what: &PlannedAction| match what {
            PlannedAction::Delete(because) => !because.replaces(),
            PlannedAction::Create(_)
            | PlannedAction::Update(_)
            | PlannedAction::Look
            | PlannedAction::Record
            | PlannedAction::Hold(_) => false,
        };
        self.plan.entries.iter().filter(|entry| deletes(&entry.what)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_without_a_calendar_the_first_are_named_and_the_others_counted() {
        let mut survey = Survey::default();
        let ids: Vec<EmployeeId> =
            (10..61).rev().map(|it| EmployeeId::new(format!("e{it}")).unwrap()).collect();
        for id in ids.iter().chain(&ids) {
            survey.misses("employee has no address", Some(id));
        }
        survey.misses("belongs to no group", None);
        let [nobodys, theirs] = &survey.unmapped_by_reason()[..] else { panic!("two reasons") };
        assert_eq!(nobodys.told(), "1 belong to no calendar: belongs to no group");
        assert_eq!((theirs.count, theirs.employees.len(), theirs.employees_more), (102, 20, 31));
        let told = theirs.told();
        assert!(
            told.starts_with("102 belong to no calendar: employee has no address (`e10`, `e11`")
        );
        assert!(told.ends_with("`e29` and 31 more)"), "{told}");
    }
}
