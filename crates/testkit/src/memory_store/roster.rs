//! One roster: live entities, tombstones, the change sequence.

use std::collections::BTreeMap;

use domain::limits::{FOUND_ENTITIES_MAX, ID_BEGINNING_CHARS_MIN};
use domain::{EmployeeId, EntityId, EntityKey, EntityKind, Fingerprint, RosterName, SyncWindow};
use engine::port::{
    ChangeSeq, FoundEntity, IdentityHint, IngestCommit, IngestReceipt, RosterCounts, RosterEntry,
    RosterIndexRow, SourceState, StoreError, Upsert,
};
use jiff::Timestamp;

use super::State;

#[derive(Debug, Default)]
pub(super) struct Roster {
    pub seq: i64,
    pub source: SourceState,
    pub entities: BTreeMap<EntityKey, Kept>,
    /// The instant of each commit, and the place in the sequence before it.
    pub changes_at: Vec<(Timestamp, i64)>,
    hints: BTreeMap<EntityKey, Fingerprint>,
    pub marks: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub entry: RosterEntry,
    pub twin: Option<Fingerprint>,
    pub deleted_at: Option<Timestamp>,
}

/// How a roster changes, whoever wants it.
#[derive(Debug)]
pub(super) struct Change {
    pub upserts: Vec<Upsert>,
    pub tombstones: Vec<EntityKey>,
    pub at: Timestamp,
    pub expected: ChangeSeq,
}

impl Kept {
    pub fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }

    pub fn in_small(&self) -> RosterIndexRow {
        let interval = self.entry.entity.interval();
        RosterIndexRow {
            key: self.entry.entity.key(),
            fingerprint: self.entry.fingerprint,
            twin: self.twin,
            starts_at: interval.map(|it| it.start()),
            ends_at: interval.map(|it| it.end()),
        }
    }
}

impl Roster {
    pub fn live(&self, key: &EntityKey) -> Option<&RosterEntry> {
        self.entities.get(key).filter(|kept| kept.is_live()).map(|kept| &kept.entry)
    }

    pub fn all_live(&self) -> impl Iterator<Item = &Kept> {
        self.entities.values().filter(|kept| kept.is_live())
    }

    pub fn index(&self) -> (ChangeSeq, Vec<RosterIndexRow>) {
        (ChangeSeq(self.seq), self.all_live().map(Kept::in_small).collect())
    }

    pub fn of_employee(&self, employee: &EmployeeId, window: &SyncWindow) -> Vec<RosterEntry> {
        let inside = |entry: &&RosterEntry| {
            entry.entity.employee() == Some(employee)
                && entry.entity.interval().is_some_and(|it| window.admits(&it))
        };
        let mut found: Vec<RosterEntry> =
            self.all_live().map(|kept| &kept.entry).filter(inside).cloned().collect();
        found.sort_by_key(|it| (it.entity.interval().map(|it| it.start()), it.entity.key()));
        found
    }

    /// Of each employee, by start and key; each once.
    pub fn of_employees(&self, employees: &[(EmployeeId, SyncWindow)]) -> Vec<RosterEntry> {
        let mut windows: BTreeMap<&EmployeeId, Vec<&SyncWindow>> = BTreeMap::new();
        for (employee, window) in employees {
            windows.entry(employee).or_default().push(window);
        }
        let inside = |entry: &&RosterEntry| {
            let windows = entry.entity.employee().and_then(|it| windows.get(it));
            let interval = entry.entity.interval();
            windows.zip(interval).is_some_and(|(it, at)| it.iter().any(|it| it.admits(&at)))
        };
        let mut found: Vec<RosterEntry> =
            self.all_live().map(|kept| &kept.entry).filter(inside).cloned().collect();
        found.sort_by_key(|it| (it.entity.interval().map(|it| it.start()), it.entity.key()));
        found
    }

    pub fn within(&self, kind: EntityKind, window: &SyncWindow) -> Vec<RosterEntry> {
        let inside = |entry: &&RosterEntry| {
            let interval = entry.entity.interval();
            entry.entity.kind() == kind && interval.is_some_and(|it| window.admits(&it))
        };
        self.all_live().map(|kept| &kept.entry).filter(inside).cloned().collect()
    }

    pub fn of_kind(&self, kind: EntityKind) -> Vec<RosterEntry> {
        let entries = self.all_live().map(|kept| &kept.entry);
        entries.filter(|entry| entry.entity.kind() == kind).cloned().collect()
    }

    pub fn ingest(
        &mut self,
        name: &RosterName,
        commit: IngestCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let IngestCommit { upserts, tombstones, state, at, expected, drop_hints, marks } = commit;
        let seq = self.change(name, Change { upserts, tombstones, at, expected })?;
        self.source = state;
        if drop_hints {
            self.hints.clear();
        }
        for (name, value) in marks {
            match value {
                Some(value) => self.marks.insert(name, value),
                None => self.marks.remove(&name),
            };
        }
        Ok(IngestReceipt { seq })
    }

    /// Changes entities; the last place in the sequence.
    pub fn change(&mut self, name: &RosterName, change: Change) -> Result<ChangeSeq, StoreError> {
        let Change { upserts, tombstones, at, expected } = change;
        if self.seq != expected.0 {
            let roster = name.clone();
            return Err(StoreError::Superseded { roster, expected: expected.0, found: self.seq });
        }
        if !(upserts.is_empty() && tombstones.is_empty()) {
            self.changes_at.push((at, self.seq));
        }
        for upsert in upserts {
            self.seq += 1;
            self.put(upsert, at);
        }
        for key in tombstones {
            self.seq += 1;
            let seq = ChangeSeq(self.seq);
            if let Some(kept) = self.entities.get_mut(&key).filter(|kept| kept.is_live()) {
                kept.deleted_at = Some(at);
                kept.entry.seq = seq;
            }
        }
        Ok(ChangeSeq(self.seq))
    }

    fn put(&mut self, upsert: Upsert, changed_at: Timestamp) {
        let Upsert { entity, fingerprint, twin, at } = upsert;
        let (key, seq) = (entity.key(), ChangeSeq(self.seq));
        let before = self.entities.get(&key);
        let twin = twin.or(before.and_then(|kept| kept.twin));
        let version = before.map_or(0, |kept| kept.entry.version) + 1;
        let entry = RosterEntry { entity, fingerprint, version, changed_at, seq, at };
        self.entities.insert(key, Kept { entry, twin, deleted_at: None });
    }

    pub fn hints(&self) -> Vec<IdentityHint> {
        let hint = |(key, fingerprint): (&EntityKey, &Fingerprint)| IdentityHint {
            key: key.clone(),
            fingerprint: *fingerprint,
        };
        self.hints.iter().map(hint).collect()
    }

    pub fn add_hints(&mut self, hints: &[IdentityHint]) {
        self.hints.extend(hints.iter().map(|hint| (hint.key.clone(), hint.fingerprint)));
    }

    pub fn counts(&self) -> RosterCounts {
        let mut counts = RosterCounts { seq: ChangeSeq(self.seq), ..RosterCounts::default() };
        for kept in self.all_live() {
            match kept.entry.entity.kind() {
                EntityKind::Employee => counts.employees += 1,
                EntityKind::OpenShift => counts.open_shifts += 1,
                EntityKind::Shift => counts.shifts += 1,
                EntityKind::TimeOff => counts.time_off += 1,
                EntityKind::ScheduleGroup | EntityKind::TimeOffReason => {}
            }
        }
        counts
    }
}

impl State {
    /// As the port says: an exact id, or the only one with this beginning.
    pub(super) fn find(&self, id: &str) -> Vec<FoundEntity> {
        let exact = self.found(|it| it.as_str() == id);
        if !exact.is_empty() || id.chars().count() < ID_BEGINNING_CHARS_MIN {
            return exact;
        }
        let begun = self.found(|it| it.as_str().starts_with(id));
        let ids: std::collections::BTreeSet<_> =
            begun.iter().map(|it| it.entry.entity.key().id).collect();
        if ids.len() > 1 { Vec::new() } else { begun }
    }

    fn found(&self, wanted: impl Fn(&EntityId) -> bool) -> Vec<FoundEntity> {
        let mut found = Vec::new();
        for (roster, it) in &self.rosters {
            for (key, kept) in it.entities.iter().filter(|(key, _)| wanted(&key.id)) {
                found.push(FoundEntity {
                    roster: roster.clone(),
                    entry: kept.entry.clone(),
                    deleted_at: kept.deleted_at,
                    ledger: self.ledgers.of_key(key),
                });
            }
        }
        found.truncate(FOUND_ENTITIES_MAX);
        found
    }
}
