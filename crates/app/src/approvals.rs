//! What people ask for in mirrors: telling the roster's loop, and granting what needs no manager.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use domain::{CalendarKey, CommandKind, Directory, Refusal};
use engine::port::{Answer, Approvals, Ask, AskWhat, AskedQuestion, Offered};
use engine::run::approval::Desk;
use engine::run::approve_due::approve_due;
use tokio::sync::Notify;

use crate::event;
use crate::wiring::{MirrorWorks, Works};

/// A desk that says when something was granted, so that other mirrors need not wait for the next
/// poll.
pub struct Telling {
    /// What decides.
    pub desk: Desk,
    /// Who is told.
    pub changed: Arc<Notify>,
    /// Where deletions that were granted are counted.
    pub granted_deletions: Arc<AtomicU64>,
}

#[async_trait]
impl Approvals for Telling {
    fn kinds(&self) -> &BTreeSet<CommandKind> {
        self.desk.kinds()
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        self.desk.grants_by_itself()
    }

    async fn directory(&self) -> Result<Arc<Directory>, Refusal> {
        self.desk.directory().await
    }

    async fn decide_together(&self, asks: Vec<Ask>) -> Answer {
        let kind = asks.iter().find_map(|it| it.what.kind());
        let deletes = asks.iter().filter(|it| matches!(it.what, AskWhat::Delete { .. })).count();
        let answer = self.desk.decide_together(asks).await;
        event::answered(kind, &answer);
        match &answer {
            Answer::Granted { .. } => {
                self.granted_deletions.fetch_add(deletes as u64, Ordering::Relaxed);
                self.changed.notify_one();
            }
            Answer::Refused(_) => {}
        }
        answer
    }

    async fn offered(
        &self,
        calendar: &CalendarKey,
        question: AskedQuestion,
    ) -> Result<Vec<Offered>, Refusal> {
        self.desk.offered(calendar, question).await
    }
}

/// Grants in their mirrors the requests that need no manager and are due.
pub async fn grant_what_needs_no_manager(works: &Works) {
    for mirror in &works.mirrors {
        let MirrorWorks { spec, approver: Some(approver), .. } = mirror else { continue };
        let outside = &works.outside;
        let time_and_chance = (outside.clock.as_ref(), outside.entropy.as_ref());
        let store = works.store.as_ref();
        let approver = approver.as_ref();
        let granting =
            approve_due(store, approver, time_and_chance, &spec.roster, &spec.name).await;
        event::granted(spec.name.as_str(), &granting);
    }
}
