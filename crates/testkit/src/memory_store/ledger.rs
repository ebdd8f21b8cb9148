//! Ledgers, their fences, and the leases that the fences ask about.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::HISTORY_ENTRIES_MAX;
use domain::{CalendarKey, EntityKey, ItemKey, MirrorName, Part};
use engine::port::{
    AuditEntry, CalendarState, CommitReceipt, Cursor, Drift, DriftWrite, Epoch, Fenced,
    IntentState, LeaseDomain, LeaseGrant, LedgerCommit, LedgerRow, LedgerWrite, MirrorCounts,
    RemoteId, Standing,
};
use jiff::Timestamp;

use super::conflicts::Conflicts;

#[derive(Debug, Default)]
pub(super) struct Ledgers {
    pub mirrors: BTreeMap<MirrorName, Mirror>,
    leases: BTreeMap<LeaseDomain, Lease>,
    audit: Vec<AuditEntry>,
}

#[derive(Debug, Default)]
pub(super) struct Mirror {
    pub rows: BTreeMap<EntityKey, BTreeMap<(CalendarKey, Part), LedgerRow>>,
    /// Which entities have a row in a calendar.
    keys_in: BTreeMap<CalendarKey, BTreeSet<EntityKey>>,
    pub calendars: BTreeMap<CalendarKey, CalendarState>,
    pub drifts: BTreeMap<(CalendarKey, ItemKey), Drift>,
    pub cursor: Cursor,
    pub conflicts: Conflicts,
}

/// Stays for ever, so that its epoch does.
#[derive(Debug)]
struct Lease {
    /// `None` when it was given back.
    owner: Option<String>,
    epoch: i64,
    until: Timestamp,
}

impl Mirror {
    /// All rows, ordered by key, calendar and part.
    pub fn all_rows(&self) -> impl Iterator<Item = &LedgerRow> {
        self.rows.values().flat_map(BTreeMap::values)
    }

    /// The rows of one entity, ordered by calendar and part.
    pub fn of_key(&self, key: &EntityKey) -> impl Iterator<Item = &LedgerRow> {
        self.rows.get(key).into_iter().flat_map(BTreeMap::values)
    }

    /// The rows of one calendar, ordered by key and part.
    pub fn in_calendar<'a>(
        &'a self,
        calendar: &'a CalendarKey,
    ) -> impl Iterator<Item = &'a LedgerRow> {
        let keys = self.keys_in.get(calendar).into_iter().flatten();
        keys.flat_map(|key| self.of_key(key)).filter(|row| row.calendar == *calendar)
    }

    /// Rows whose item is, or is to be, at one of these; ordered by key and calendar.
    pub fn at(&self, calendar: Option<&CalendarKey>, ids: &[RemoteId]) -> Vec<LedgerRow> {
        let ids: BTreeSet<_> = ids.iter().collect();
        let wanted = |row: &&LedgerRow| {
            let is_at = row.remote.as_ref().map(|it| &it.id);
            let will_be_at = row.intent.as_ref().and_then(|it| it.remote_id.as_ref());
            is_at.into_iter().chain(will_be_at).any(|id| ids.contains(id))
        };
        match calendar {
            Some(calendar) => self.in_calendar(calendar).filter(wanted).cloned().collect(),
            None => self.all_rows().filter(wanted).cloned().collect(),
        }
    }

    /// Whether a write is a put over a row that waits for its vendor at the put's own time.
    fn must_wait(&self, write: &LedgerWrite) -> bool {
        let LedgerWrite::Put(row) = write else { return false };
        let place = (row.calendar.clone(), row.part);
        let stored = self.rows.get(&row.key).and_then(|rows| rows.get(&place));
        let intent = stored.and_then(|stored| stored.intent.as_ref());
        let sent = intent.filter(|intent| intent.state == IntentState::Sent);
        sent.and_then(|intent| intent.not_before).is_some_and(|until| until > row.changed_at)
    }

    pub fn items_after(&self, instant: Timestamp) -> u64 {
        let counts = |row: &&LedgerRow| {
            row.remote.is_some() && row.ends_at.is_none_or(|ends_at| ends_at > instant)
        };
        self.all_rows().filter(counts).count() as u64
    }

    pub fn counts(&self) -> MirrorCounts {
        let count = |wanted: &dyn Fn(&LedgerRow) -> bool| {
            self.all_rows().filter(|row| wanted(row)).count() as u64
        };
        let in_state =
            |row: &LedgerRow, state| row.intent.as_ref().is_some_and(|it| it.state == state);
        MirrorCounts {
            items: count(&|row| row.remote.is_some()),
            planned: count(&|row| in_state(row, IntentState::Planned)),
            in_doubt: count(&|row| in_state(row, IntentState::Sent)),
            quarantined: count(&|row| {
                row.trouble.as_ref().is_some_and(|it| it.quarantined_at.is_some())
            }),
            calendars: self.calendars.len() as u64,
            left: self.standing(Standing::Left),
            contested: self.standing(Standing::Contested),
        }
    }

    fn standing(&self, standing: Standing) -> u64 {
        self.drifts.values().filter(|drift| drift.standing == standing).count() as u64
    }

    pub fn write_drift(&mut self, write: DriftWrite) {
        let (calendar, key) = write.place();
        let place = (calendar.clone(), key.clone());
        match write {
            DriftWrite::Put(drift) => self.drifts.insert(place, drift),
            DriftWrite::Remove { .. } => self.drifts.remove(&place),
        };
    }

    fn carry_out(&mut self, write: LedgerWrite) {
        match write {
            LedgerWrite::Put(row) => {
                let keys = self.keys_in.entry(row.calendar.clone()).or_default();
                keys.insert(row.key.clone());
                let rows = self.rows.entry(row.key.clone()).or_default();
                rows.insert((row.calendar.clone(), row.part), row);
            }
            LedgerWrite::Remove { calendar, key, part } => {
                let rows = self.rows.entry(key.clone()).or_default();
                rows.remove(&(calendar.clone(), part));
                if rows.keys().all(|(it, _)| *it != calendar)
                    && let Some(keys) = self.keys_in.get_mut(&calendar)
                {
                    keys.remove(&key);
                }
                if rows.is_empty() {
                    self.rows.remove(&key);
                }
            }
        }
    }
}

impl Ledgers {
    pub fn commit(&mut self, mirror: &MirrorName, commit: LedgerCommit) -> CommitReceipt {
        let LedgerCommit {
            fences,
            renew_until,
            writes,
            calendars,
            drifts,
            cursor,
            audit,
            conflicts,
        } = commit;
        let ours = self.renew(mirror, &fences, renew_until);
        let mut fenced: BTreeSet<CalendarKey> = fences
            .into_iter()
            .map(|fence| fence.calendar)
            .filter(|calendar| !ours.contains(calendar))
            .collect();
        let kept = self.mirrors.entry(mirror.clone()).or_default();
        let (mut seen, mut held) = (BTreeSet::new(), BTreeSet::new());
        for write in writes.into_iter().rev() {
            let (calendar, item) = write.place();
            if !ours.contains(calendar) {
                fenced.insert(calendar.clone());
            } else if seen.insert((calendar.clone(), item.clone())) {
                if kept.must_wait(&write) {
                    held.insert((calendar.clone(), item));
                } else {
                    kept.carry_out(write);
                }
            }
        }
        for state in calendars {
            if ours.contains(&state.calendar) {
                kept.calendars.insert(state.calendar.clone(), state);
            } else {
                fenced.insert(state.calendar);
            }
        }
        for drift in drifts {
            let calendar = drift.place().0;
            if ours.contains(calendar) {
                kept.write_drift(drift);
            } else {
                fenced.insert(calendar.clone());
            }
        }
        if let Some(cursor) = cursor {
            kept.cursor = cursor;
        }
        kept.conflicts.commit(conflicts, &ours, &mut fenced);
        self.audit.extend(audit.into_iter().filter(|it| !fenced.contains(&it.calendar)));
        CommitReceipt { fenced, held }
    }

    pub fn write_unfenced(&mut self, mirror: &MirrorName, writes: Vec<LedgerWrite>) {
        let kept = self.mirrors.entry(mirror.clone()).or_default();
        for write in writes {
            kept.carry_out(write);
        }
    }

    /// The calendars whose lease still has the epoch given; those leases are renewed.
    fn renew(
        &mut self,
        mirror: &MirrorName,
        fences: &[Fenced],
        until: Option<Timestamp>,
    ) -> BTreeSet<CalendarKey> {
        let mut ours = BTreeSet::new();
        for Fenced { calendar, epoch } in fences {
            let domain = LeaseDomain::calendar(mirror, calendar);
            let lease = self.leases.get_mut(&domain);
            let held = |lease: &&mut Lease| lease.owner.is_some() && lease.epoch == epoch.0;
            if let Some(lease) = lease.filter(held) {
                lease.until = until.unwrap_or(lease.until);
                ours.insert(calendar.clone());
            }
        }
        ours
    }

    pub fn history(&self, key: &EntityKey) -> Vec<AuditEntry> {
        let of_key: Vec<_> = self.audit.iter().filter(|it| it.key == *key).cloned().collect();
        let skipped = of_key.len().saturating_sub(HISTORY_ENTRIES_MAX);
        of_key.into_iter().skip(skipped).collect()
    }

    pub fn of_key(&self, key: &EntityKey) -> Vec<(MirrorName, LedgerRow)> {
        let rows = self.mirrors.iter().flat_map(|(name, mirror)| {
            mirror.of_key(key).map(move |row| (name.clone(), row.clone()))
        });
        rows.collect()
    }

    pub fn acquire(
        &mut self,
        domain: &LeaseDomain,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> LeaseGrant {
        let Some(lease) = self.leases.get_mut(domain) else {
            let lease = Lease { owner: Some(owner.to_owned()), epoch: 1, until };
            self.leases.insert(domain.clone(), lease);
            return LeaseGrant::Granted(Epoch(1));
        };
        match &lease.owner {
            Some(by) if by == owner => {}
            Some(by) if lease.until > now => {
                let (by, epoch) = (by.clone(), Epoch(lease.epoch));
                return LeaseGrant::Held { by, epoch, until: lease.until };
            }
            Some(_) | None => {
                lease.owner = Some(owner.to_owned());
                lease.epoch += 1;
            }
        }
        lease.until = until;
        LeaseGrant::Granted(Epoch(lease.epoch))
    }

    pub fn take_over(
        &mut self,
        domain: &LeaseDomain,
        from: (&str, Epoch),
        owner: &str,
        until: Timestamp,
    ) -> LeaseGrant {
        let nobody =
            LeaseGrant::Held { by: String::new(), epoch: Epoch(0), until: Timestamp::UNIX_EPOCH };
        let Some(lease) = self.leases.get_mut(domain) else { return nobody };
        if (lease.owner.as_deref(), Epoch(lease.epoch)) != (Some(from.0), from.1) {
            let by = lease.owner.clone().unwrap_or_default();
            return LeaseGrant::Held { by, epoch: Epoch(lease.epoch), until: lease.until };
        }
        lease.owner = Some(owner.to_owned());
        lease.epoch += 1;
        lease.until = until;
        LeaseGrant::Granted(Epoch(lease.epoch))
    }

    pub fn release(&mut self, leases: &[(LeaseDomain, Epoch)]) {
        for (domain, epoch) in leases {
            if let Some(lease) = self.leases.get_mut(domain).filter(|it| it.epoch == epoch.0) {
                lease.owner = None;
                lease.until = Timestamp::UNIX_EPOCH;
            }
        }
    }
}
