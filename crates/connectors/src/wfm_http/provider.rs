//! The engine's ports: a source, and what decides.

mod check;
mod decide;
mod known;
mod listing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{ConnectionName, SyncWindow};
use engine::port::{
    Absence, Clock, DeltaToken, FailureClass, FieldFault, Finding, Marks, Reading, ReadingKind,
    Source, SourceError,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::client::ChangedSince;
use super::config::{BadEntityPolicy, WfmHttpConfig};
use super::map::{Capabilities, Changes, Deletions};
use crate::ConnectionContext;

pub use decide::WfmDecider;
pub use known::Known;
use listing::{Lister, Listing};

/// Edits this long before a listing are listed again: they may have become visible after it.
const EDIT_OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// Longest time without a reading in full where only such a one shows deletions.
const DELETIONS_UNSEEN_MAX: Duration = Duration::from_secs(15 * 60);

/// What to do about entities that are bad.
const BAD_ENTITIES: &str = "mend them at the WFM, or set `on_bad_entity = \"skip\"`";

/// The schedule of one system.
#[derive(Debug)]
pub struct WfmSource {
    name: ConnectionName,
    known: Arc<Known>,
    config: WfmHttpConfig,
    clock: Arc<dyn Clock>,
}

/// Where to go on: what stands in the delta token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    /// Whether drafts were taken: the token is void when that was changed.
    drafts: bool,
    /// When everything was last read.
    full_at: Timestamp,
    /// Inside which window: only for that one it says what changed.
    #[serde(default)]
    window: Option<SyncWindow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

impl WfmSource {
    /// Sends nothing yet.
    pub fn new(known: Arc<Known>, config: &WfmHttpConfig, context: &ConnectionContext) -> Self {
        let (name, clock) = (context.name.clone(), Arc::clone(&context.clock));
        Self { name, known, config: config.clone(), clock }
    }

    fn resume(&self, token: Option<&DeltaToken>) -> Option<Resume> {
        let resume: Resume = serde_json::from_str(&token?.0).ok()?;
        (resume.drafts == self.config.include_drafts).then_some(resume)
    }

    async fn whole(
        &self,
        window: &SyncWindow,
        capabilities: &Capabilities,
        tag: Option<String>,
    ) -> Result<Reading, SourceError> {
        let lister =
            Lister::new(&self.name, &self.known, capabilities, (&self.config, &*self.clock));
        let Some(listing) = lister.whole(window, tag).await.map_err(SourceError::Failed)? else {
            return Ok(unchanged(None));
        };
        let mut absence = Absence::MeansDeleted;
        let mut notes = Vec::new();
        if let Some(why) = &listing.incomplete {
            absence = Absence::MeansNothing;
            notes.push(self.note(why));
        }
        let skipped = self.skipped(&listing)?;
        if !skipped.is_empty() {
            absence = Absence::MeansNothing;
        }
        let next = skipped.is_empty().then(|| self.next(capabilities, &listing, (window, None)));
        let next = next.flatten();
        let kind = ReadingKind::Full { entities: listing.into_entities(), absence };
        Ok(Reading { kind, next, notes, skipped })
    }

    async fn changes(
        &self,
        window: &SyncWindow,
        capabilities: &Capabilities,
        resume: &Resume,
        changed: ChangedSince,
    ) -> Result<Reading, SourceError> {
        let lister =
            Lister::new(&self.name, &self.known, capabilities, (&self.config, &*self.clock));
        let listing = match lister.changes(window, changed).await {
            Ok(listing) => listing,
            Err(failure) if failure.class == FailureClass::DeltaExpired => {
                tracing::info!(connection = %self.name, "the token is not good any more");
                return self.whole(window, capabilities, None).await;
            }
            Err(failure) => return Err(SourceError::Failed(failure)),
        };
        let skipped = self.skipped(&listing)?;
        // What is left out must be told for as long as it is so: then everything is read again.
        let next =
            skipped.is_empty().then(|| self.next(capabilities, &listing, (window, Some(resume))));
        let next = next.flatten();
        if listing.is_empty() {
            return Ok(unchanged(next));
        }
        let removed = listing.gone.iter().cloned().collect();
        let kind = ReadingKind::Changes { upserts: listing.into_entities(), removed };
        Ok(Reading { kind, next, notes: vec![], skipped })
    }

    /// Where to go on after `listing`, which went on from `before`.
    fn next(
        &self,
        capabilities: &Capabilities,
        listing: &Listing,
        (window, before): (&SyncWindow, Option<&Resume>),
    ) -> Option<DeltaToken> {
        let mut resume = Resume {
            drafts: self.config.include_drafts,
            full_at: before.map_or_else(|| self.clock.now(), |it| it.full_at),
            window: Some(*window),
            since: None,
            edited_since: None,
            tag: None,
        };
        match capabilities.changes {
            _ if !capabilities.lasting_ids => return None,
            Changes::Since => resume.since = Some(listing.since.clone()?),
            Changes::EditedSince => {
                let as_of = listing.as_of?;
                resume.edited_since = Some(as_of.checked_sub(EDIT_OVERLAP).unwrap_or(as_of));
            }
            Changes::Window => resume.tag = Some(listing.tag.clone()?),
        }
        serde_json::to_string(&resume).ok().map(DeltaToken)
    }

    /// What is left out by the operator's choice; without that, bad entities stop the reading.
    fn skipped(&self, listing: &Listing) -> Result<Vec<FieldFault>, SourceError> {
        if listing.faults.is_empty() {
            return Ok(vec![]);
        }
        let mut faults = listing.faults.clone();
        let more = listing.more_faults;
        match self.config.on_bad_entity {
            BadEntityPolicy::Refuse => {
                Err(SourceError::BadRows { faults, more, hint: BAD_ENTITIES })
            }
            BadEntityPolicy::Skip => {
                if let (Some(last), true) = (faults.last_mut(), more > 0) {
                    last.stands_for += more;
                }
                Ok(faults)
            }
        }
    }

    fn note(&self, message: &str) -> FieldFault {
        FieldFault {
            place: format!("{}/schedule", self.name),
            line: 0,
            text: String::new(),
            field: None,
            column: None,
            message: message.to_owned(),
            hint: Some("`rotabridge wfm check` says what the system should do".to_owned()),
            stands_for: 1,
        }
    }

    /// Whether only a reading in full would show what was deleted, and the last one is long ago.
    fn is_blind(&self, capabilities: &Capabilities, resume: &Resume) -> bool {
        let age = self.clock.now().duration_since(resume.full_at);
        let long = SignedDuration::try_from(DELETIONS_UNSEEN_MAX).unwrap_or(SignedDuration::MAX);
        capabilities.deletions == Deletions::Absence && age >= long
    }
}

fn unchanged(next: Option<DeltaToken>) -> Reading {
    Reading { kind: ReadingKind::Unchanged, next, notes: vec![], skipped: vec![] }
}

#[async_trait]
impl Source for WfmSource {
    async fn check(&self) -> Vec<Finding> {
        check::check(&self.name, &self.known, &self.config, self.clock.machine()).await
    }

    async fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        // Windows move with the hour: whole days are asked for, so that a token is good for a day.
        let window = &window.to_whole_days();
        let capabilities = self.known.capabilities().await.map_err(SourceError::Failed)?;
        let capabilities = capabilities.as_ref();
        let resume = self.resume(since).filter(|it| it.window.as_ref() == Some(window));
        let Some(resume) = resume else {
            return self.whole(window, capabilities, None).await;
        };
        let changed = match capabilities.changes {
            // A token that says nothing of deletions is of no use.
            Changes::Since if capabilities.deletions == Deletions::Flag => {
                resume.since.clone().map(ChangedSince::Token)
            }
            Changes::EditedSince if !self.is_blind(capabilities, &resume) => {
                resume.edited_since.map(ChangedSince::Edited)
            }
            Changes::Since | Changes::EditedSince | Changes::Window => None,
        };
        match changed {
            Some(changed) => self.changes(window, capabilities, &resume, changed).await,
            None => {
                let mut reading = self.whole(window, capabilities, resume.tag.clone()).await?;
                if reading.kind == ReadingKind::Unchanged {
                    reading.next = since.cloned();
                }
                Ok(reading)
            }
        }
    }

    /// Our own token knows its window.
    async fn read_on(
        &self,
        window: &SyncWindow,
        resume: Option<&engine::port::Resume>,
        _: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        self.read(window, resume.filter(|it| !it.void).map(|it| &it.token)).await
    }
}
