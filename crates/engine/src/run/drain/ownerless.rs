//! A calendar whose owner is said not to exist: their address changed, or they left.
//!
//! Nothing of ours is there to be removed, so what does not belong there any more is forgotten, and
//! keeps nothing from being made elsewhere. What still belongs there is left as the ledger has it,
//! and the calendar is reported as failed: its owner may come back.

use std::collections::BTreeSet;

use domain::ItemKey;
use domain::limits::GROUP_COMMIT_INTENTS_MAX;

use super::{Drain, Stop, by_entity};
use crate::plan::reconcile::{Action, Circumstances, Step, plan_part};
use crate::plan::state::Seen;
use crate::port::{Failure, LedgerRow, Subject};

impl Drain<'_> {
    /// Forgets what does not belong here any more.
    pub(super) async fn drain_without_owner(&mut self, failure: Failure) -> Result<(), Stop> {
        let known = self.ledger().await?;
        let known = known.iter().map(LedgerRow::item);
        let items: BTreeSet<ItemKey> = known.chain(self.queue.drain(..)).collect();
        let items: Vec<ItemKey> = items.into_iter().collect();
        let mut belongs_here = false;
        for chunk in items.chunks(GROUP_COMMIT_INTENTS_MAX) {
            let parts = by_entity(chunk.to_vec());
            let subjects = self.subjects(parts.keys().cloned().collect()).await?;
            for subject in &subjects {
                for part in parts.get(&subject.key).into_iter().flatten() {
                    let item = ItemKey { entity: subject.key.clone(), part: *part };
                    let Some(step) = self.plan_as_absent(subject, &item) else { continue };
                    match &step.action {
                        Action::Forget => self.record(&step, self.row(subject, *part).cloned()),
                        Action::Nothing | Action::DropIntent | Action::Hold(_) => {}
                        Action::Look
                        | Action::Create(_)
                        | Action::Update { .. }
                        | Action::Delete { .. }
                        | Action::Adopt(_) => belongs_here = true,
                    }
                }
            }
            self.commit().await?;
        }
        if belongs_here { Err(Stop::Failed(failure)) } else { Ok(()) }
    }

    /// What would be done here about an item that is not there.
    fn plan_as_absent(&self, subject: &Subject, item: &ItemKey) -> Option<Step> {
        let cycling = self.cycling;
        let projected = subject.entry.as_ref().and_then(|entry| cycling.projector.project(entry));
        let circumstances = Circumstances {
            window: &cycling.window,
            now: cycling.due_by.max(cycling.clock.now()),
            clock: cycling.clock.now(),
            purge: cycling.purge,
        };
        let steps = plan_part(subject, item.part, projected.as_ref(), circumstances, &|calendar| {
            if calendar == self.calendar { Seen::Absent } else { Seen::NotLooked }
        });
        steps.into_iter().find(|step| step.calendar == *self.calendar)
    }
}
