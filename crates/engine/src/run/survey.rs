//! Looking over a roster and a ledger, page by page, to see what a cycle would do.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CalendarKey, EntityKey, EntityKind, MirrorName, RosterName, SyncWindow};
use jiff::Timestamp;

use super::project::Projector;
use crate::mapping::Shows;
use crate::plan::reconcile::{Circumstances, plan_subject};
use crate::plan::state::Seen;
use crate::plan::summary::{Plan, PlannedAction};
use crate::port::{Placement, RosterEntry, Scope, Store, StoreError, Subject};

/// Subjects read at once: bounds memory, whatever the roster's size.
const PAGE: usize = 2_000;

/// What a survey found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// What would be done, in small.
    pub plan: Plan,
    /// Calendars that the surveyed entities belong to.
    pub calendars: BTreeSet<CalendarKey>,
    /// Why entities belong nowhere, and how many for each reason.
    pub unmapped: BTreeMap<String, u64>,
    /// Whether people, groups or reasons were among what changed: names and places may differ.
    pub organisation_changed: bool,
    /// Subjects looked at.
    pub subjects: u64,
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
                    *survey.unmapped.entry(reason.clone()).or_default() += 1;
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
