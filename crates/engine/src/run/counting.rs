//! Counting who works, for mirrors that show head counts: from the roster, before it is planned.

use std::collections::BTreeMap;

use domain::{Entity, EntityKey, EntityKind, RosterName, ScheduleGroup, SyncWindow};
use jiff::Timestamp;

use super::project::{HeadCounts, Projector};
use super::survey::Overlay;
use crate::mapping::{Shows, Tally};
use crate::port::{ChangeSeq, RosterEntry, Scope, SourceRef, Store, StoreError};

/// Shifts read at once.
const PAGE: usize = 2_000;

impl Projector<'_> {
    /// Counts who works inside `window`, where that is what the mirror shows; `overlay` are changes
    /// of the roster that are not in the store. Once in the life of a projector.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count(
        &self,
        store: &dyn Store,
        roster: &RosterName,
        window: &SyncWindow,
        overlay: &Overlay,
    ) -> Result<(), StoreError> {
        if self.profile.shows != Shows::HeadCount {
            return Ok(());
        }
        let mut tally = Tally::default();
        let mut after: Option<EntityKey> = None;
        let scope = Scope::All { window: *window };
        loop {
            let (mirror, kinds) = (self.mirror, &[EntityKind::Shift]);
            let page = store.subjects(mirror, roster, kinds, &scope, after.as_ref(), PAGE).await?;
            for subject in page.iter().filter(|it| !overlay.contains_key(&it.key)) {
                self.tally(&mut tally, subject.entry.as_ref());
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                Some(_) | None => break,
            }
        }
        for entry in overlay.values() {
            let inside =
                |entry: &&RosterEntry| entry.entity.interval().is_some_and(|it| window.admits(&it));
            self.tally(&mut tally, entry.as_ref().filter(inside));
        }
        let seq = store.roster_seq(roster).await?;
        let counts = tally.counts(&window.interval);
        let named = store.entries_of_kind(roster, EntityKind::ScheduleGroup).await?;
        let mut entries: BTreeMap<EntityKey, RosterEntry> = BTreeMap::new();
        for id in counts.keys() {
            let name = self.directory.group_name(id).to_owned();
            let entity = Entity::ScheduleGroup(ScheduleGroup { id: id.clone(), name });
            entries.insert(entity.key(), derived(entity, seq));
        }
        for entry in named {
            entries.insert(entry.entity.key(), entry);
        }
        self.take_counts(HeadCounts::new(counts, entries, seq));
        Ok(())
    }

    fn tally(&self, tally: &mut Tally, entry: Option<&RosterEntry>) {
        let Some(Entity::Shift(shift)) = entry.map(|it| &it.entity) else { return };
        let group = self.directory.group_of(shift.group.as_ref(), Some(&shift.employee));
        if let Some(group) = group {
            tally.add(group, &shift.employee, &shift.interval);
        }
    }
}

/// A group that the roster knows only because shifts name it.
fn derived(entity: Entity, seq: ChangeSeq) -> RosterEntry {
    RosterEntry {
        fingerprint: entity.fingerprint(),
        entity,
        version: 1,
        changed_at: Timestamp::UNIX_EPOCH,
        seq,
        at: SourceRef("named by shifts".into()),
    }
}
