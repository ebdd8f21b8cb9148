//! Events that stand in the way of shifts, and what was done about them.

use std::collections::{BTreeMap, BTreeSet};

use domain::CalendarKey;
use engine::port::{
    AuditId, ChangeOutline, ChangesOf, ConflictCounts, ConflictRow, ConflictWrite, EventChange,
    EventChangeState, MeetingNote,
};
use jiff::Timestamp;

/// What stands in the way in one mirror.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    rows: BTreeMap<CalendarKey, Vec<ConflictRow>>,
    looks: BTreeMap<CalendarKey, Timestamp>,
    changes: BTreeMap<AuditId, EventChange>,
}

impl Conflicts {
    pub fn rows(&self, calendar: Option<&CalendarKey>) -> Vec<ConflictRow> {
        let wanted = |it: &&CalendarKey| calendar.is_none_or(|calendar| calendar == *it);
        self.rows.keys().filter(wanted).flat_map(|it| self.rows[it].clone()).collect()
    }

    pub fn counts(&self) -> ConflictCounts {
        let rows = self.rows.values().flatten();
        let (open, kept): (Vec<_>, Vec<_>) = rows.partition(|row| row.left.is_open());
        let changes = |wanted: fn(&EventChangeState) -> bool| {
            self.changes.values().filter(|it| wanted(&it.state)).count() as u64
        };
        ConflictCounts {
            open: open.len() as u64,
            kept: kept.len() as u64,
            changes: changes(EventChangeState::is_done),
            in_doubt: changes(EventChangeState::is_unsettled),
        }
    }

    pub fn looks(&self) -> Vec<(CalendarKey, Timestamp)> {
        self.looks.iter().map(|(calendar, at)| (calendar.clone(), *at)).collect()
    }

    pub fn changes(&self, which: &ChangesOf) -> Vec<EventChange> {
        let wanted = |it: &&EventChange| match which {
            ChangesOf::Calendar(calendar) => it.calendar == *calendar,
            ChangesOf::Unsettled => it.state.is_unsettled(),
        };
        let mut changes: Vec<_> = self.changes.values().filter(wanted).cloned().collect();
        changes.sort_by(|a, b| (&a.calendar, a.at, &a.id).cmp(&(&b.calendar, b.at, &b.id)));
        changes
    }

    pub fn outlines(&self) -> Vec<ChangeOutline> {
        self.changes.values().map(ChangeOutline::of).collect()
    }

    pub fn notes(&self) -> Vec<MeetingNote> {
        let mut done: Vec<_> = self.changes.values().filter(|it| it.state.is_done()).collect();
        done.sort_by_key(|it| (it.at, &it.id));
        let note = |it: &EventChange| {
            it.note.clone().map(|text| MeetingNote { shifts: it.shifts.clone(), text })
        };
        done.into_iter().filter_map(note).collect()
    }

    pub fn change(&self, id: &AuditId) -> Option<&EventChange> {
        self.changes.get(id)
    }

    /// Carries out what is written to calendars that are `ours`; the others are `fenced`.
    pub fn commit(
        &mut self,
        writes: Vec<ConflictWrite>,
        ours: &BTreeSet<CalendarKey>,
        fenced: &mut BTreeSet<CalendarKey>,
    ) {
        for write in writes {
            let calendar = match &write {
                ConflictWrite::Looked { calendar, .. } => Some(calendar),
                ConflictWrite::Change(change) => Some(&change.calendar),
                ConflictWrite::LookAgain(_)
                | ConflictWrite::DropOld(_)
                | ConflictWrite::DropAll => None,
            };
            if let Some(calendar) = calendar.filter(|it| !ours.contains(*it)) {
                fenced.insert(calendar.clone());
                continue;
            }
            match write {
                ConflictWrite::Looked { calendar, at, mut conflicts } => {
                    conflicts.sort_by(|a, b| (&a.shift, a.event).cmp(&(&b.shift, b.event)));
                    self.looks.insert(calendar.clone(), at);
                    self.rows.insert(calendar, conflicts);
                }
                ConflictWrite::LookAgain(calendar) => {
                    self.looks.insert(calendar, Timestamp::UNIX_EPOCH);
                }
                ConflictWrite::Change(change) => {
                    self.changes.insert(change.id.clone(), *change);
                }
                ConflictWrite::DropOld(at) => self.changes.retain(|_, it| it.kept_until > at),
                ConflictWrite::DropAll => *self = Self::default(),
            }
        }
    }
}
