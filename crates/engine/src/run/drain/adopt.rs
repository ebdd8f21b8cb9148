//! Items that no row of the ledger knows, in a calendar whose items carry no mark.
//!
//! One that shows what is wanted there becomes ours: the one that a lost answer left, or one that
//! was there before us. The others are somebody else's, and stay or go as the mirror is told.

use std::collections::BTreeMap;

use domain::{EntityId, EntityKey, EntityKind, Fingerprint, Fingerprinter, ItemKey, Part};
use jiff::Timestamp;

use super::publish::old_place;
use super::{Drain, Stop};
use crate::plan::reconcile::vendors_turn;
use crate::plan::state::{Desired, Projected, Seen, Showing, Wish, desired};
use crate::port::{
    AuditVerb, ChangeSeq, Content, FailureClass, Intent, IntentState, LedgerRow, LedgerWrite,
    Remote, RemoteItem, Scope, Subject, Verb,
};
use crate::report::OtherItem;
use crate::run::cycle::{Cycling, Others};
use crate::run::observe::ReadFailure;

/// Entities looked at together for what they would show.
const PAGE: usize = 500;
/// Items of others removed between two commits, each of which renews the lease.
const REMOVED_AT_ONCE: usize = 16;

/// Items that nobody has claimed yet; each is claimed once.
struct Unclaimed {
    items: Vec<Option<RemoteItem>>,
    by_look: BTreeMap<Fingerprint, Vec<usize>>,
    by_natural_key: BTreeMap<Fingerprint, Vec<usize>>,
}

impl Unclaimed {
    fn new(items: Vec<RemoteItem>) -> Self {
        let (mut by_look, mut by_natural_key) = (BTreeMap::new(), BTreeMap::new());
        // From behind, so that the first is claimed first.
        for (index, item) in items.iter().enumerate().rev() {
            for (by, print) in
                [(&mut by_look, item.fingerprint), (&mut by_natural_key, item.natural_key)]
            {
                if let Some(print) = print {
                    by.entry(print).or_insert_with(Vec::new).push(index);
                }
            }
        }
        Self { items: items.into_iter().map(Some).collect(), by_look, by_natural_key }
    }

    /// Claims one that looks like this.
    fn claim_look(&mut self, look: Fingerprint) -> Option<RemoteItem> {
        Self::claim(&mut self.items, self.by_look.get_mut(&look)?)
    }

    /// Claims one with this natural key.
    fn claim_natural_key(&mut self, key: Fingerprint) -> Option<RemoteItem> {
        Self::claim(&mut self.items, self.by_natural_key.get_mut(&key)?)
    }

    fn claim(items: &mut [Option<RemoteItem>], alike: &mut Vec<usize>) -> Option<RemoteItem> {
        while let Some(index) = alike.pop() {
            if let Some(item) = items.get_mut(index).and_then(Option::take) {
                return Some(item);
            }
        }
        None
    }

    /// Whether one is over only after this instant.
    fn any_after(&self, instant: Timestamp) -> bool {
        let after = |item: &RemoteItem| item.ends_at.is_some_and(|ends_at| ends_at > instant);
        self.items.iter().flatten().any(after)
    }

    fn rest(self) -> impl Iterator<Item = RemoteItem> {
        self.items.into_iter().flatten()
    }
}

/// An entity that is to be shown here and has no item.
struct Wanting {
    key: EntityKey,
    look: Fingerprint,
    natural_key: Fingerprint,
}

impl Drain<'_> {
    /// Gives unclaimed items to entities that want to be here and have none, in `seen`; what is
    /// left is counted, and kept to be removed where that is wanted.
    pub(super) async fn adopt(
        &mut self,
        seen: &mut BTreeMap<ItemKey, Seen>,
        unclaimed: Vec<RemoteItem>,
        ledger: &[LedgerRow],
    ) -> Result<(), Stop> {
        self.report.others.clear();
        if unclaimed.is_empty() {
            return Ok(());
        }
        let mut unclaimed = Unclaimed::new(unclaimed);
        // What was sent, and looks as it was sent, is ours, even if it is wanted no more.
        for row in ledger {
            let Some(intent) = row.intent.as_ref().filter(|it| is_creation_in_doubt(row, it))
            else {
                continue;
            };
            let key = row.item();
            if seen.get(&key) == Some(&Seen::Absent)
                && let Some(item) = unclaimed.claim_look(intent.fingerprint)
            {
                seen.insert(key, Seen::Present(item));
            }
        }
        let wanting = if self.cycling.purge { vec![] } else { self.wanting(seen).await? };
        let mut differing = Vec::new();
        for it in wanting {
            match unclaimed.claim_look(it.look) {
                Some(item) => {
                    seen.insert(it.key.into(), Seen::Present(item));
                }
                None => differing.push(it),
            }
        }
        for it in differing {
            if let Some(item) = unclaimed.claim_natural_key(it.natural_key) {
                seen.insert(it.key.into(), Seen::Present(item));
            }
        }
        if !self.cycling.purge {
            self.adopt_later_ones(&mut unclaimed).await?;
        }
        self.note_others(unclaimed.rest());
        Ok(())
    }

    /// Takes over what is there already of entities that come into the window later: nobody looks
    /// again when they do. Only the ledger learns of it; what differs is put right in its time.
    async fn adopt_later_ones(&mut self, unclaimed: &mut Unclaimed) -> Result<(), Stop> {
        let Cycling { store, spec, window, .. } = *self.cycling;
        let end = window.interval.end();
        if !unclaimed.any_after(end) {
            return Ok(());
        }
        let scope = Scope::Changed {
            since: ChangeSeq(i64::MAX),
            entered_from: end,
            entered_until: Timestamp::MAX,
        };
        let mut after: Option<EntityKey> = None;
        loop {
            let (mirror, roster) = (&spec.name, &spec.roster);
            let kinds = &EntityKind::ALL;
            let page = store.subjects(mirror, roster, kinds, &scope, after.as_ref(), PAGE).await;
            let page = page.map_err(|error| Stop::Store(error.into()))?;
            for subject in &page {
                self.adopt_later_one(subject, unclaimed);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn adopt_later_one(&mut self, subject: &Subject, unclaimed: &mut Unclaimed) {
        let Cycling { projector, window, clock, .. } = self.cycling;
        let Some(entry) = subject.entry.as_ref().filter(|_| subject.ledger.is_empty()) else {
            return;
        };
        let projected = projector.project(entry);
        let wish = desired(subject, (Part::Main, &[]), projected.as_ref(), window);
        let Wish::Later(showing) = wish else { return };
        let content = self.content(subject, Part::Main);
        let natural_key = content.as_ref().and_then(Content::natural_key);
        let Some(natural_key) = natural_key.filter(|_| showing.calendar == *self.calendar) else {
            return;
        };
        let item = unclaimed
            .claim_look(showing.fingerprint)
            .or_else(|| unclaimed.claim_natural_key(natural_key));
        let Some(item) = item else { return };
        self.touch(item.ends_at.and_then(old_place));
        let unknown = || Fingerprinter::new("unknown").finish();
        let row = LedgerRow {
            key: subject.key.clone(),
            part: Part::Main,
            calendar: self.calendar.clone(),
            employee: showing.employee,
            generation: 0,
            remote: Some(Remote {
                id: item.remote_id,
                etag: item.etag,
                intended: item.fingerprint.unwrap_or_else(unknown),
                echoed: None,
                version: showing.version,
                adopted: self.cycling.writes,
            }),
            intent: None,
            trouble: None,
            ends_at: showing.ends_at,
            changed_at: clock.now(),
        };
        self.report.adopted += 1;
        self.audit(&subject.key.clone().into(), AuditVerb::Adopted, showing.version, String::new());
        self.pending.writes.push(LedgerWrite::Put(row));
    }

    /// Entities that are to be shown here, and of which nothing is here.
    async fn wanting(&self, seen: &BTreeMap<ItemKey, Seen>) -> Result<Vec<Wanting>, Stop> {
        let gone = seen.iter().filter(|(_, seen)| **seen == Seen::Absent).map(|(key, _)| key);
        let keys = self.queue.iter().chain(gone);
        let mut keys: Vec<EntityKey> = keys.map(|key| key.entity.clone()).collect();
        keys.sort();
        keys.dedup();
        let mut wanting = Vec::new();
        for page in keys.chunks(PAGE) {
            for subject in self.subjects(page.to_vec()).await? {
                let item = ItemKey::from(subject.key.clone());
                let is_gone = seen.get(&item).is_none_or(|it| *it == Seen::Absent);
                wanting.extend(self.wants(&subject).filter(|_| is_gone));
            }
        }
        Ok(wanting)
    }

    fn wants(&self, subject: &Subject) -> Option<Wanting> {
        let Cycling { projector, window, clock, .. } = self.cycling;
        let now = clock.now();
        let held =
            |row: &LedgerRow| row.calendar == *self.calendar && vendors_turn(row, now).is_some();
        if subject.ledger.iter().any(held) {
            return None;
        }
        let projected: Option<Projected> = projector.project(subject.entry.as_ref()?);
        let rows: Vec<&LedgerRow> = subject.ledger.iter().collect();
        match desired(subject, (Part::Main, &rows), projected.as_ref(), window) {
            Wish::Now(Desired::Shown(Showing { calendar, fingerprint, .. }))
                if calendar == *self.calendar =>
            {
                let content = self.content(subject, Part::Main);
                let natural_key = content.as_ref().and_then(Content::natural_key)?;
                Some(Wanting { key: subject.key.clone(), look: fingerprint, natural_key })
            }
            Wish::Now(Desired::Shown(_) | Desired::Hidden(_)) | Wish::Past(_) | Wish::Later(_) => {
                None
            }
        }
    }

    /// Counts what is somebody else's inside the window.
    fn note_others(&mut self, others: impl Iterator<Item = RemoteItem>) {
        let window = self.cycling.window.interval;
        let removes = self.cycling.spec.others == Others::Remove && !self.cycling.purge;
        for item in others {
            let Some(ends_at) = item.ends_at else {
                self.report.foreign += 1;
                continue;
            };
            if ends_at > window.start() && ends_at <= window.end() {
                self.report.foreign += 1;
                if removes {
                    self.report.others.push(item);
                    continue;
                }
                let (calendar, id) = (self.calendar.clone(), item.remote_id);
                self.report.others_left.push(OtherItem { calendar, id, ends_at: item.ends_at });
            }
        }
    }

    /// Removes items of others, which the guard has let go. Needs no intent: removing one twice
    /// is harmless, and one that stays is seen again the next time.
    pub(super) async fn remove_others(&mut self) -> Result<(), Stop> {
        if self.others.is_empty() {
            return Ok(());
        }
        // What became ours since it was seen is not touched.
        let mut others = std::mem::take(&mut self.others);
        for row in self.ledger().await? {
            let intended = row.intent.and_then(|intent| intent.remote_id);
            let there = row.remote.map(|remote| remote.id);
            others.retain(|it| ![&there, &intended].contains(&&Some(it.remote_id.clone())));
        }
        for some in others.chunks(REMOVED_AT_ONCE) {
            for item in some {
                self.touch(item.ends_at.and_then(old_place));
            }
            self.commit().await?;
            for item in some {
                self.remove_other(item).await?;
            }
        }
        Ok(())
    }

    async fn remove_other(&mut self, item: &RemoteItem) -> Result<(), Stop> {
        if !self.cycling.spend_deletion() {
            self.report.held += 1;
            return Ok(());
        }
        let target = self.cycling.target;
        let reader = self.reader();
        let (id, etag) = (&item.remote_id, item.etag.as_ref());
        let removed = reader.request(|| target.delete(reader.calendar, id, etag)).await;
        // Audited under its remote id: it shows no entity of ours.
        let id = EntityId::new(&item.remote_id.0).ok();
        let key = id.map(|id| EntityKey { kind: EntityKind::Shift, id });
        match removed {
            Ok(()) => {
                self.report.deleted += 1;
                if let Some(key) = key {
                    let why = "it is not in the roster".to_owned();
                    self.audit(&key.into(), AuditVerb::Deleted, 0, why);
                }
                Ok(())
            }
            Err(ReadFailure::Shut(shut)) => Err(Stop::Shut(shut)),
            Err(ReadFailure::Failed(failure)) => {
                self.cycling.return_deletion();
                let is_gone = failure.class == FailureClass::Missing;
                if let Some(key) = key.filter(|_| !is_gone) {
                    self.fail(key, failure.to_string());
                }
                Ok(())
            }
        }
    }
}

/// Whether an item was sent whose place is not known.
fn is_creation_in_doubt(row: &LedgerRow, intent: &Intent) -> bool {
    let unplaced = intent.remote_id.is_none() && row.remote.is_none();
    intent.state == IntentState::Sent && intent.verb == Verb::Create && unplaced
}
