//! What a planner must know of the entities in a scope.

use std::collections::BTreeSet;

use domain::{EntityKey, EntityKind};
use engine::port::{LedgerRow, RosterEntry, Scope, Subject};
use jiff::Timestamp;

use super::ledger::Mirror;
use super::roster::Roster;

/// Everything that [`engine::port::Store::subjects`] is asked, but for the scope.
pub(super) struct Question<'q> {
    pub roster: &'q Roster,
    pub mirror: &'q Mirror,
    pub kinds: &'q [EntityKind],
    pub after: Option<&'q EntityKey>,
    pub limit: usize,
}

impl Question<'_> {
    pub fn answer(&self, scope: &Scope) -> Vec<Subject> {
        let keys = match scope {
            Scope::Changed { since, entered_from, entered_until } => {
                self.changed(since.0, (*entered_from, *entered_until))
            }
            Scope::All { window } => {
                let window = &window.interval;
                let inside = |entry: &RosterEntry| {
                    entry.entity.interval().is_none_or(|interval| window.overlaps(&interval))
                };
                let live = self.live(inside).map(|entry| entry.entity.key());
                live.chain(self.mirror.rows.keys().cloned()).collect()
            }
            Scope::Keys(keys) => keys.iter().cloned().collect(),
        };
        let page = keys.into_iter().filter(|key| Some(key) > self.after).take(self.limit);
        page.map(|key| self.subject(key)).collect()
    }

    fn changed(&self, since: i64, entered: (Timestamp, Timestamp)) -> BTreeSet<EntityKey> {
        let news = |entry: &RosterEntry| entry.seq.0 > since;
        let all = self.roster.entities.iter();
        let people: BTreeSet<&str> = all
            .clone()
            .filter(|(key, kept)| key.kind == EntityKind::Employee && news(&kept.entry))
            .map(|(key, _)| key.id.as_str())
            .collect();
        let theirs = |entry: &RosterEntry| {
            entry.entity.employee().is_some_and(|it| people.contains(it.as_str()))
        };
        let came = |entry: &RosterEntry| {
            let interval = entry.entity.interval();
            interval.is_some_and(|it| (entered.0..entered.1).contains(&it.start()))
        };
        let changed = all
            .filter(|(key, kept)| self.kinds.contains(&key.kind) && news(&kept.entry))
            .map(|(key, _)| key.clone());
        let live = self.live(|entry| theirs(entry) || came(entry)).map(|it| it.entity.key());
        let rows = self.mirror.all_rows().filter(|row| row.intent.is_some());
        changed.chain(live).chain(rows.map(|row| row.key.clone())).collect()
    }

    /// Live entities of the kinds asked for.
    fn live(&self, wanted: impl Fn(&RosterEntry) -> bool) -> impl Iterator<Item = &RosterEntry> {
        let live = self.roster.entities.values().filter(|kept| kept.is_live());
        live.map(|kept| &kept.entry)
            .filter(|entry| self.kinds.contains(&entry.entity.kind()))
            .filter(move |entry| wanted(entry))
    }

    fn subject(&self, key: EntityKey) -> Subject {
        let entry = self.roster.live(&key).filter(|_| self.kinds.contains(&key.kind)).cloned();
        let ledger: Vec<LedgerRow> = self.mirror.of_key(&key).cloned().collect();
        Subject { key, entry, ledger }
    }
}
