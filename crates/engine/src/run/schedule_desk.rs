//! Writing a roster that is its own record, for clients of the Schedule API.
//!
//! A write is a [`Command`] like any other: the rules decide it, and what they grant is committed
//! together with the answer that a repetition gets and with who did it. So it enters the one
//! change sequence, and every mirror follows.
//!
//! Nothing is done twice: a write that names a key finds the answer of the first one, whenever it
//! is repeated. A condition on the version is checked on the same state of the roster that the
//! commit rests on.

use std::sync::{Arc, Mutex, PoisonError};

use domain::limits::{API_ANSWER_MEMORY, ASK_ATTEMPTS_MAX};
use domain::{
    Command, Directory, Entity, EntityKey, EntityKind, Fingerprint, Refusal, RosterName, ShiftId,
    ShiftItem, SyncWindow,
};
use jiff::Timestamp;

use super::approval::DeskEquipment;
use crate::approve::translate::named;
use crate::port::{
    ApiCall, ChangeSeq, ClientId, Facts, FactsNeeded, KeptAnswer, RosterChange, RosterEntry,
    ScheduleCommit, SourceRef, StoreError, Upsert, Verdict,
};

/// Writes one roster.
pub struct ScheduleDesk {
    equipment: DeskEquipment,
    roster: RosterName,
    directory: Mutex<Option<(ChangeSeq, Arc<Directory>)>>,
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Make a shift.
    Create(ShiftItem),
    /// Make a shift something else.
    Replace(ShiftId, ShiftItem),
    /// Remove a shift.
    Delete(ShiftId),
}

/// A write with its circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteAsk {
    /// What.
    pub write: Write,
    /// The version that the shift must have.
    pub condition: Condition,
    /// The client's key for a repetition, with the hash of what is asked.
    pub key: Option<(String, Fingerprint)>,
    /// Who.
    pub client: ClientId,
    /// What the API calls it, for the audit.
    pub operation: &'static str,
}

/// What must hold for a write to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// The shift has one of these versions.
    VersionIn(Vec<u32>),
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteDone {
    /// The shift is this now.
    Put {
        /// How it is.
        entity: Entity,
        /// Its version.
        version: u32,
        /// When it became so.
        at: Timestamp,
        /// Whether that was a change, and was written down.
        written: bool,
    },
    /// It is gone.
    Deleted,
    /// The same was done before, with this answer.
    Before(KeptAnswer),
}

/// Why a write was not carried out; nothing changed then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is no such shift.
    #[error("there is no such shift")]
    Missing,
    /// It has another version.
    #[error("the shift has version {found}")]
    OtherVersion {
        /// The version that it has.
        found: u32,
    },
    /// The key was used for something else.
    #[error("the key was used for something else")]
    KeyReused,
    /// The rules say no.
    #[error("refused: {}", .0.as_str())]
    Refused(Refusal),
    /// The roster changes faster than we can decide, or cannot be asked.
    #[error("the roster is busy")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A write and the state of the roster that it is decided on.
struct Ground<'a> {
    ask: &'a WriteAsk,
    command: Command,
    before: Option<RosterEntry>,
    seq: ChangeSeq,
    fresh_id: &'a str,
    now: Timestamp,
}

impl ScheduleDesk {
    /// A desk for `roster`, which its decider decides.
    #[must_use]
    pub fn new(equipment: DeskEquipment, roster: RosterName) -> Self {
        Self { equipment, roster, directory: Mutex::default() }
    }

    /// Carries out a write; durable when it returns.
    ///
    /// # Errors
    /// When it is not carried out.
    pub async fn write(&self, ask: &WriteAsk) -> Result<WriteDone, WriteError> {
        let mut fresh = [0; 16];
        self.equipment.entropy.fill(&mut fresh);
        let fresh_id: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
        for _ in 0..ASK_ATTEMPTS_MAX {
            match self.attempt(ask, &fresh_id).await {
                Err(WriteError::Store(StoreError::Superseded { .. })) => {}
                done => return done,
            }
        }
        Err(WriteError::Busy)
    }

    async fn attempt(&self, ask: &WriteAsk, fresh_id: &str) -> Result<WriteDone, WriteError> {
        let store = &self.equipment.store;
        if let Some((key, request)) = &ask.key
            && let Some(before) = store.kept_answer(&ask.client, key).await?
        {
            let same = before.request == *request;
            return if same { Ok(WriteDone::Before(before)) } else { Err(WriteError::KeyReused) };
        }
        let seq = store.roster_seq(&self.roster).await?;
        let command = command(&ask.write);
        let before = match &ask.write {
            Write::Create(_) => None,
            Write::Replace(id, _) | Write::Delete(id) => {
                let key = EntityKey { kind: EntityKind::Shift, id: id.into() };
                let found = store.roster_entries(&self.roster, &[key]).await?;
                Some(found.into_iter().next().ok_or(WriteError::Missing)?)
            }
        };
        if let (Condition::VersionIn(versions), Some(before)) = (&ask.condition, &before)
            && !versions.contains(&before.version)
        {
            return Err(WriteError::OtherVersion { found: before.version });
        }
        // As stores keep it, so that an answer says the same when it is given again.
        let now = self.equipment.clock.now();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let ground = Ground { ask, command, before, seq, fresh_id, now };
        let change = self.decide(&ground).await?;
        self.commit(&ground, change).await
    }

    async fn decide(&self, ground: &Ground<'_>) -> Result<RosterChange, WriteError> {
        let Ground { command, before, seq, fresh_id, now, .. } = ground;
        let DeskEquipment { store, decider, .. } = &self.equipment;
        let directory = self.directory(*seq).await?;
        let mut entities: Vec<Entity> = before.iter().map(|it| it.entity.clone()).collect();
        debug_assert!(named(command).len() == entities.len(), "a write names one shift at most");
        let FactsNeeded { employees, everybody } = decider.needs(command, &entities, &directory);
        let mut found = Vec::new();
        if !employees.is_empty() {
            let windows: Vec<_> = employees
                .into_iter()
                .map(|(employee, interval)| (employee, SyncWindow { interval }))
                .collect();
            found = store.entries_of_employees(&self.roster, &windows).await?;
        }
        if let Some(interval) = everybody {
            for kind in [EntityKind::OpenShift, EntityKind::Shift, EntityKind::TimeOff] {
                let window = SyncWindow { interval };
                found.extend(store.entries_within(&self.roster, kind, &window).await?);
            }
        }
        for entry in found {
            if entities.iter().all(|it| it.key() != entry.entity.key()) {
                entities.push(entry.entity);
            }
        }
        let fresh_ids = vec![(*fresh_id).to_owned()];
        let facts = Facts { now: *now, directory, entities, fresh_ids };
        match decider.decide(command, &facts, fresh_id).await {
            Ok(Verdict::Granted(change)) => Ok(change),
            Ok(Verdict::Refused(Refusal::Unknown | Refusal::Outdated)) => Err(WriteError::Missing),
            Ok(Verdict::Refused(refusal)) => Err(WriteError::Refused(refusal)),
            Err(failure) => {
                let (roster, class) = (self.roster.as_str(), failure.class.as_str());
                tracing::warn!(roster, class, "the system of record cannot be asked");
                Err(WriteError::Busy)
            }
        }
    }

    async fn commit(
        &self,
        ground: &Ground<'_>,
        change: RosterChange,
    ) -> Result<WriteDone, WriteError> {
        let Ground { ask, before, seq, now, .. } = ground;
        let RosterChange { upserts, tombstones } = change;
        let put = upserts.iter().find(|it| it.kind() == EntityKind::Shift).cloned();
        let done = match (put, before) {
            (Some(entity), before) => {
                let version = before.as_ref().map_or(0, |it| it.version) + 1;
                WriteDone::Put { entity, version, at: *now, written: true }
            }
            (None, Some(before)) if tombstones.is_empty() => {
                // It means what it meant: nothing is written.
                let (entity, version) = (before.entity.clone(), before.version);
                let at = before.changed_at;
                return Ok(WriteDone::Put { entity, version, at, written: false });
            }
            (None, _) => WriteDone::Deleted,
        };
        let upsert = |entity: Entity| Upsert {
            fingerprint: entity.fingerprint(),
            twin: None,
            at: SourceRef("written by the Schedule API".into()),
            entity,
        };
        let commit = ScheduleCommit {
            expected: *seq,
            at: *now,
            upserts: upserts.into_iter().map(upsert).collect(),
            tombstones,
            answer: kept(ask, &done, *now),
            answers_kept_from: now.saturating_sub(API_ANSWER_MEMORY).unwrap_or(Timestamp::MIN),
            audit: audit(ask, &done, before.as_ref(), *now),
        };
        let receipt = self.equipment.store.commit_schedule(&self.roster, commit).await?;
        let mut known = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, _)) = known.as_mut().filter(|(of, _)| of == seq) {
            // Shifts change nobody's name.
            *of = receipt.seq;
        }
        Ok(done)
    }

    /// The people, groups and reasons as they are at this place of the sequence.
    async fn directory(&self, seq: ChangeSeq) -> Result<Arc<Directory>, StoreError> {
        let known = self.directory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, directory)) = known.filter(|(of, _)| *of == seq) {
            return Ok(directory);
        }
        let mut directory = Directory::default();
        for kind in [EntityKind::Employee, EntityKind::ScheduleGroup, EntityKind::TimeOffReason] {
            let entries = self.equipment.store.entries_of_kind(&self.roster, kind).await?;
            entries.into_iter().for_each(|it| directory.add(it.entity));
        }
        let directory = Arc::new(directory);
        let mut known = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((seq, Arc::clone(&directory)));
        Ok(directory)
    }
}

fn command(write: &Write) -> Command {
    match write {
        Write::Create(item) => Command::CreateShift { item: item.clone() },
        Write::Replace(shift, item) => {
            Command::EditShift { shift: shift.clone(), item: item.clone() }
        }
        Write::Delete(shift) => Command::DeleteShift { shift: shift.clone() },
    }
}

/// What is kept of a write that names a key. Deletions need none: repeated, they find nothing.
fn kept(ask: &WriteAsk, done: &WriteDone, at: Timestamp) -> Option<KeptAnswer> {
    let (key, request) = ask.key.clone()?;
    let WriteDone::Put { entity, version, .. } = done else { return None };
    let body = serde_json::to_string(entity).ok()?;
    let (client, version) = (ask.client.clone(), *version);
    Some(KeptAnswer { client, key, request, at, entity: entity.key(), version, body })
}

fn audit(ask: &WriteAsk, done: &WriteDone, before: Option<&RosterEntry>, at: Timestamp) -> ApiCall {
    let (status, key) = match (done, &ask.write) {
        (WriteDone::Put { entity, .. }, Write::Create(_)) => (201, Some(entity.key())),
        (WriteDone::Put { entity, .. }, Write::Replace(..) | Write::Delete(_)) => {
            (200, Some(entity.key()))
        }
        (WriteDone::Deleted | WriteDone::Before(_), _) => (204, before.map(|it| it.entity.key())),
    };
    ApiCall {
        at,
        client: Some(ask.client.clone()),
        operation: ask.operation.into(),
        target: key.map(|key| key.id.to_string()),
        status,
        context: None,
    }
}
