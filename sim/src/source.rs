//! The system of record, played: reads the truth, sometimes badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{Entity, EntityId, EntityKey, Fingerprint, Fingerprinter, SyncWindow};
use engine::ingest::pair::with_id;
use engine::port::{
    Absence, DeltaToken, Failure, FailureClass, Finding, Identity, Reading, ReadingKind, Source,
    SourceEntity, SourceError, SourceRef,
};

use crate::executor::give_way;
use crate::truth::Truth;

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceHabits {
    /// Whether it names its shifts.
    pub native_ids: bool,
    /// Whether it can tell what changed.
    pub deltas: bool,
    /// Whether records carry something more that tells them apart.
    pub twins: bool,
}

/// How the next readings go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lie {
    /// They do not.
    #[default]
    Honest,
    /// Nothing of the schedule is there.
    Emptied,
    /// Every second entry is missing.
    Halved,
    /// It cannot be reached.
    Unreachable,
}

/// What was read, by its fingerprint: the memory behind a token.
type Snapshot = BTreeMap<EntityKey, Fingerprint>;

/// The source.
#[derive(Debug)]
pub struct ScriptedSource {
    habits: SourceHabits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    truth: Truth,
    lie: Lie,
    snapshots: Vec<(SyncWindow, Snapshot)>,
}

impl ScriptedSource {
    /// A source of this truth.
    #[must_use]
    pub fn new(habits: SourceHabits, truth: Truth) -> Arc<Self> {
        let inner = Inner { truth, ..Inner::default() };
        Arc::new(Self { habits, inner: Mutex::new(inner) })
    }

    /// What kind of source it is.
    #[must_use]
    pub fn habits(&self) -> SourceHabits {
        self.habits
    }

    /// From now on this is true.
    pub fn set_truth(&self, truth: &Truth) {
        self.lock().truth.clone_from(truth);
    }

    /// What is true.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.lock().truth.clone()
    }

    /// From now on it reads like this.
    pub fn set_lie(&self, lie: Lie) {
        self.lock().lie = lie;
    }

    /// How it reads now.
    #[must_use]
    pub fn lie(&self) -> Lie {
        self.lock().lie
    }

    /// Keys of everything that a reading of this window would name now, and that lies in time;
    /// only for native ids.
    #[must_use]
    pub fn would_name(&self, window: &SyncWindow) -> Vec<EntityKey> {
        let inner = self.lock();
        inner.schedule(window).iter().map(Entity::key).collect()
    }

    /// How many entries that lie in time a reading of this window would have now.
    #[must_use]
    pub fn would_count(&self, window: &SyncWindow) -> usize {
        self.lock().schedule(window).len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, index: usize, entity: Entity, original: &EntityKey) -> SourceEntity {
        let at = SourceRef(format!("roster.csv:{}", index + 2));
        if self.habits.native_ids || entity.interval().is_none() {
            return SourceEntity { entity, identity: Identity::Native, at };
        }
        let mut twin = Fingerprinter::new("twin");
        if self.habits.twins {
            twin.text(original.id.as_str());
        }
        // A provisional id, as files give: from what the record says.
        let mut key = original.clone();
        let text = entity.fingerprint().to_string();
        if let Ok(id) = EntityId::new(&text[..12]) {
            key.id = id;
        }
        let identity = Identity::Assigned { twin: twin.finish() };
        SourceEntity { entity: with_id(entity, &key), identity, at }
    }
}

impl Inner {
    fn schedule(&self, window: &SyncWindow) -> Vec<Entity> {
        let inside = |it: &Entity| it.interval().is_some_and(|it| window.admits(&it));
        let all = self.truth.schedule().into_iter().filter(inside);
        match self.lie {
            Lie::Honest | Lie::Unreachable => all.collect(),
            Lie::Emptied => Vec::new(),
            Lie::Halved => all.step_by(2).collect(),
        }
    }

    /// What changed since a token was given, where that is known.
    fn since(&self, token: &DeltaToken, window: &SyncWindow) -> Option<&Snapshot> {
        let index: usize = token.0.parse().ok()?;
        let (read, snapshot) = self.snapshots.get(index)?;
        (read == window && self.lie == Lie::Honest).then_some(snapshot)
    }
}

#[async_trait]
impl Source for ScriptedSource {
    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }

    async fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        give_way().await;
        let mut inner = self.lock();
        if inner.lie == Lie::Unreachable {
            return Err(SourceError::Failed(Failure {
                class: FailureClass::Unavailable,
                operation: "read the schedule".into(),
                status: Some(503),
                detail: "down for maintenance".into(),
            }));
        }
        let mut entities = inner.truth.organisation();
        entities.extend(inner.schedule(window));
        let snapshot: Snapshot = entities.iter().map(|it| (it.key(), it.fingerprint())).collect();
        let before = since.and_then(|token| inner.since(token, window)).cloned();
        let next = DeltaToken(inner.snapshots.len().to_string());
        inner.snapshots.push((*window, snapshot.clone()));
        drop(inner);
        let given = |entities: Vec<Entity>| {
            let given = entities.into_iter().enumerate();
            let given = given.map(|(index, it)| {
                let key = it.key();
                self.give(index, it, &key)
            });
            given.collect::<Vec<_>>()
        };
        let kind = match before {
            Some(before) if before == snapshot => ReadingKind::Unchanged,
            Some(before) if self.habits.native_ids && self.habits.deltas => {
                let news = |it: &Entity| before.get(&it.key()) != Some(&it.fingerprint());
                let upserts = given(entities.into_iter().filter(news).collect());
                let gone = before.into_keys().filter(|key| !snapshot.contains_key(key));
                ReadingKind::Changes { upserts, removed: gone.collect() }
            }
            Some(_) | None => {
                let entities = given(entities);
                ReadingKind::Full { entities, absence: Absence::MeansDeleted }
            }
        };
        Ok(Reading { kind, next: Some(next), notes: Vec::new(), skipped: Vec::new() })
    }
}
