//! Seeing what is in a calendar: reading it back, and settling what is in doubt.

use std::collections::{BTreeMap, BTreeSet};

use domain::ItemKey;

use super::publish::old_place;
use super::{Drain, Stop};
use crate::plan::state::Seen;
use crate::port::{
    AuditVerb, Content, FailureClass, IntentState, ItemIdentity, LedgerRow, LedgerWrite, Listing,
    Opened, Probe, RemoteId, RemoteItem, Sighting, Verb,
};
use crate::report::Position;
use crate::run::cycle::Cycling;
use crate::run::observe::{Observation, ReadFailure, Reader};

/// One item to be looked at.
pub(super) struct Look {
    pub key: ItemKey,
    pub probe: Probe,
    /// Where it was before, where that is somewhere else.
    pub before: Option<RemoteId>,
    /// What it shows, where only that tells it: looked for if it is nowhere else.
    pub shows: Option<Content>,
    /// Whether the ledger says that what is there is ours.
    pub known: bool,
    /// Whether finding nothing means that the identity is taken elsewhere.
    pub taken: bool,
    /// The row of a write that is done: what is seen is its echo.
    pub confirms: Option<LedgerRow>,
    /// The row of a change that may have been carried out by making another item, and of something
    /// else than is wanted by now.
    pub remade: Option<LedgerRow>,
}

/// Whose each item of a calendar is, as far as the ledger knows.
type Owners = BTreeMap<RemoteId, ItemKey>;

impl<'a> Drain<'a> {
    pub(super) fn reader(&self) -> Reader<'a> {
        let Cycling { target, gate, clock, watcher, spec, deadline, .. } = *self.cycling;
        let (mirror, calendar) = (&spec.name, self.calendar);
        Reader { target, gate, clock, watcher, mirror, calendar, deadline }
    }

    /// Makes the calendar if it is missing, reads it back, and queues what differs.
    pub(super) async fn observe(&mut self) -> Result<(), Stop> {
        // What is settled must be in the ledger that the listing is held against.
        self.commit().await?;
        self.observed_at = self.cycling.clock.now();
        let reader = self.reader();
        let target = self.cycling.target;
        let makes = self.cycling.writes && !self.cycling.purge;
        if makes {
            match reader.request(|| target.open(reader.calendar)).await? {
                Opened::Found => {}
                // Whoever removed it said nothing of what was in it.
                Opened::Made => self.vanished = true,
            }
        }
        let listing = match reader.list().await {
            Err(ReadFailure::Failed(failure))
                if !makes && failure.class == FailureClass::CalendarMissing =>
            {
                return Ok(());
            }
            listing => listing?,
        };
        self.take_listing(listing).await
    }

    /// Holds a whole listing against the ledger, and queues what differs.
    pub(super) async fn take_listing(&mut self, listing: Listing) -> Result<(), Stop> {
        let ledger = self.ledger().await?;
        let observation = self.reader().observe(listing, &ledger).await?;
        let Observation { mut seen, surplus, unclaimed, unknown_ours, foreign, copies, token } =
            observation;
        self.report.foreign = foreign;
        self.report.copies = copies;
        self.report.unknown_ours = unknown_ours;
        self.vanished |= is_emptied(&ledger, &seen);
        self.adopt(&mut seen, unclaimed, &ledger).await?;
        drop(ledger);
        self.queue_seen(seen);
        self.remove_surplus(surplus).await?;
        self.state.token = self.state.token.take().filter(|_| token.is_some());
        self.resume_at = token;
        // What was only looked at is read again before anything is written.
        self.state.read_at = self.state.read_at.filter(|_| self.cycling.writes);
        self.put_state();
        self.observed = true;
        Ok(())
    }

    /// Queues what was seen and is not as the ledger has it.
    pub(super) fn queue_seen(&mut self, seen: BTreeMap<ItemKey, Seen>) {
        let queued: BTreeSet<ItemKey> = self.queue.iter().cloned().collect();
        let known = self.cycling.drifts.in_calendar(self.calendar);
        let more = seen.iter().filter(|(key, seen)| match seen {
            // What was not as it should be, and is again.
            Seen::AsKnown => !queued.contains(key) && known.is_some_and(|it| it.contains_key(key)),
            Seen::NotLooked => false,
            Seen::Absent | Seen::Present(_) | Seen::Foreign => !queued.contains(key),
        });
        let more: Vec<ItemKey> = more.map(|(key, _)| key.clone()).collect();
        self.queue.extend(more);
        self.seen = seen;
    }

    /// Notes that the calendar was read back, once everything that was seen is in the ledger: a
    /// drain that ends before that leaves the reading to the next one, and so does what is left
    /// for a later drain.
    pub(super) fn note_read(&mut self) {
        if !self.cycling.writes {
            return;
        }
        if self.observed {
            self.state.read_at = Some(self.cycling.clock.now());
            self.put_state();
        }
        let Some(token) = self.resume_at.take() else { return };
        if self.report.leaves_something() {
            self.report.position = Some(Position { state: self.state.clone(), token });
            return;
        }
        self.state.token = Some(token);
        self.put_state();
    }

    /// What the ledger knows of this calendar.
    pub(super) async fn ledger(&self) -> Result<Vec<LedgerRow>, Stop> {
        let Cycling { store, spec, .. } = *self.cycling;
        let rows = store.ledger_of_calendar(&spec.name, self.calendar).await;
        rows.map_err(|error| Stop::Store(error.into()))
    }

    /// Removes further copies of items of ours. Needs no intent: removing a copy twice is
    /// harmless, and one that stays is seen again the next time.
    async fn remove_surplus(&mut self, surplus: Vec<(ItemKey, RemoteItem)>) -> Result<(), Stop> {
        if !self.cycling.writes {
            self.report.held += surplus.len() as u64;
            return Ok(());
        }
        if self.cycling.publishes && !surplus.is_empty() {
            for (_, item) in &surplus {
                self.touch(item.ends_at.and_then(old_place));
            }
            self.commit().await?;
        }
        for (key, item) in surplus {
            let Cycling { target, gate, watcher, deadline, .. } = *self.cycling;
            let pass =
                gate.enter(Some(self.calendar), deadline, watcher).await.map_err(Stop::Shut)?;
            let gone = target.delete(self.calendar, &item.remote_id, item.etag.as_ref()).await;
            pass.ended(gone.as_ref().err());
            if gone.is_ok() {
                self.report.deleted += 1;
                self.audit(&key, AuditVerb::Deleted, 0, "a second copy of it".into());
            }
        }
        Ok(())
    }

    /// Looks at certain items; what is seen decides when they are planned again.
    pub(super) async fn look(&mut self, looks: Vec<Look>) -> Result<(), Stop> {
        let (mut found, surplus) = self.look_at_places(looks).await?;
        self.look_alike(&mut found).await?;
        let owners = self.owners(&found).await?;
        for (mut look, sighting) in found {
            if let Some(row) = look.confirms.take() {
                self.confirm(row, sighting);
                continue;
            }
            let remade = look.remade.take().filter(|_| sighting == Sighting::Absent);
            if let Some(row) = remade {
                self.look_for_what_was_made(row);
                continue;
            }
            let seen = self.judge(&look, sighting, &owners);
            self.looked.insert(look.key.clone(), seen);
            self.queue.push_front(look.key);
        }
        self.remove_surplus(surplus).await
    }

    /// Looks where items should be, or else where they were. What is in both places is there
    /// once too often.
    async fn look_at_places(
        &self,
        looks: Vec<Look>,
    ) -> Result<(Vec<(Look, Sighting)>, Vec<(ItemKey, RemoteItem)>), Stop> {
        let mut probes: Vec<Probe> = Vec::with_capacity(looks.len());
        for look in &looks {
            probes.push(look.probe.clone());
            let before = look.before.clone().map(Some);
            probes.extend(before.map(|remote_id| Probe { remote_id, ..look.probe.clone() }));
        }
        let mut sightings = self.reader().look(&probes).await?.into_iter();
        let mut next = || sightings.next().unwrap_or(Sighting::Absent);
        let (mut found, mut surplus) = (Vec::with_capacity(looks.len()), Vec::new());
        for look in looks {
            let here = next();
            let before = if look.before.is_some() { next() } else { Sighting::Absent };
            let sighting = match (here, before) {
                (Sighting::Absent, before) => before,
                (here, Sighting::Present(item)) => {
                    surplus.push((look.key.clone(), item));
                    here
                }
                (here, Sighting::Absent | Sighting::Alike(_)) => here,
            };
            found.push((look, sighting));
        }
        Ok((found, surplus))
    }

    /// Where nothing marks our items, a vendor may have made one somewhere else than it was
    /// known: looks for what shows the same, before it is made a second time.
    async fn look_alike(&self, found: &mut [(Look, Sighting)]) -> Result<(), Stop> {
        let mut probes = Vec::new();
        let mut nowhere = Vec::new();
        for (look, sighting) in found.iter_mut() {
            let by_id = look.probe.remote_id.is_some();
            if by_id && *sighting == Sighting::Absent && look.shows.is_some() {
                let shows = look.shows.clone();
                probes.push(Probe { remote_id: None, shows, ..look.probe.clone() });
                nowhere.push(sighting);
            }
        }
        if probes.is_empty() {
            return Ok(());
        }
        for (place, sighting) in nowhere.into_iter().zip(self.reader().look(&probes).await?) {
            *place = sighting;
        }
        Ok(())
    }

    /// Whose the items are that were found without being known.
    async fn owners(&mut self, found: &[(Look, Sighting)]) -> Result<Owners, Stop> {
        let asks = |(look, sighting): &(Look, Sighting)| match sighting {
            Sighting::Absent => false,
            Sighting::Present(_) => !look.known,
            Sighting::Alike(_) => true,
        };
        if self.cycling.identity != ItemIdentity::NaturalKey || !found.iter().any(asks) {
            return Ok(Owners::new());
        }
        self.commit().await?;
        let mut owners = Owners::new();
        for row in self.ledger().await? {
            let item = row.item();
            let intended = row.intent.and_then(|intent| intent.remote_id);
            let there = row.remote.map(|remote| remote.id);
            let places = intended.into_iter().chain(there);
            owners.extend(places.map(|id| (id, item.clone())));
        }
        Ok(owners)
    }

    fn judge(&mut self, look: &Look, sighting: Sighting, owners: &Owners) -> Seen {
        let nothing = if look.taken { Seen::Foreign } else { Seen::Absent };
        match sighting {
            Sighting::Absent => nothing,
            Sighting::Present(item) if look.known || self.is_ours(&look.key, &item) => {
                Seen::Present(item)
            }
            Sighting::Present(item) => match self.claim(&look.key, vec![item], owners) {
                Some(item) => Seen::Present(item),
                None => Seen::Foreign,
            },
            Sighting::Alike(items) => match self.claim(&look.key, items, owners) {
                Some(item) => Seen::Present(item),
                None => nothing,
            },
        }
    }

    /// The first of `items` that is nobody's, where nothing marks ours: so it is this one's.
    fn claim(
        &mut self,
        key: &ItemKey,
        items: Vec<RemoteItem>,
        owners: &Owners,
    ) -> Option<RemoteItem> {
        if self.cycling.identity != ItemIdentity::NaturalKey {
            return None;
        }
        let claimed = &self.claimed;
        let free = |item: &RemoteItem| {
            let owner = owners.get(&item.remote_id).or_else(|| claimed.get(&item.remote_id));
            owner.is_none_or(|owner| owner == key)
        };
        let item = items.into_iter().find(free)?;
        self.claimed.insert(item.remote_id.clone(), key.clone());
        Some(item)
    }

    /// Whether what is in doubt may show something else than what is wanted by now, so that only
    /// reading everything back can find it.
    pub(super) fn is_beyond_looking(&self, row: &LedgerRow, shows: Option<&Content>) -> bool {
        let intent = row.intent.as_ref().filter(|intent| {
            intent.state == IntentState::Sent
                && intent.verb == Verb::Create
                && intent.remote_id.is_none()
                && row.remote.is_none()
        });
        let shown = shows.map(Content::fingerprint);
        self.cycling.identity == ItemIdentity::NaturalKey
            && intent.is_some_and(|intent| shown != Some(intent.fingerprint))
    }

    /// What was to be changed in place is gone from there: it may have been made anew somewhere
    /// else, as what was wanted when it was sent. Reading everything back finds that.
    fn look_for_what_was_made(&mut self, mut row: LedgerRow) {
        let item = row.item();
        row.remote = None;
        if let Some(intent) = row.intent.as_mut() {
            intent.verb = Verb::Create;
            intent.remote_id = None;
        }
        row.changed_at = self.cycling.clock.now();
        self.pending.writes.push(LedgerWrite::Put(row));
        self.reopen = true;
        self.queue.push_back(item);
    }

    fn is_ours(&self, key: &ItemKey, item: &RemoteItem) -> bool {
        item.origin
            .as_ref()
            .is_some_and(|origin| origin.item() == *key && origin.mirror == self.cycling.spec.name)
    }

    /// What to look at to learn how `row` stands. An item that the ledger knows to be ours at
    /// its remote id is ours, whatever somebody made of its tag; and where nothing marks ours,
    /// what stands where an intent was to put it.
    pub(super) fn look_for(
        &self,
        row: &LedgerRow,
        at: Option<RemoteId>,
        taken: bool,
        shows: Option<Content>,
    ) -> Look {
        let natural = self.cycling.identity == ItemIdentity::NaturalKey;
        let was = row.remote.as_ref().map(|remote| remote.id.clone());
        let intent = row.intent.as_ref();
        let intended = intent.and_then(|intent| intent.remote_id.clone());
        let in_doubt = intent.is_some_and(|intent| intent.state == IntentState::Sent);
        let known = at.is_none() && (was.is_some() || (natural && intended.is_some()));
        let (here, before) = match (intended, was) {
            (Some(intended), Some(was)) if in_doubt && intended != was => {
                (Some(intended), Some(was))
            }
            (_, Some(was)) => (Some(was), None),
            (intended, None) => (intended, None),
        };
        let here_is_its_place = at.is_none();
        let (here, before) = if at.is_some() { (at, None) } else { (here, before) };
        let key = row.item();
        let own = || self.cycling.target.remote_id(self.calendar, &key, row.generation);
        let remote_id = here.or_else(own);
        let shows = shows.filter(|_| natural);
        let probe = Probe {
            key: Some(key.clone()),
            generation: row.generation,
            shows: shows.clone().filter(|_| remote_id.is_none()),
            remote_id,
        };
        let remade = was_remade(row, shows.as_ref()).filter(|_| natural && here_is_its_place);
        Look { key, probe, before, shows, known, taken, confirms: None, remade }
    }

    /// What to look at to learn how the target keeps what was just written.
    pub(super) fn look_to_confirm(&self, row: LedgerRow) -> Look {
        let remote_id = row.remote.as_ref().map(|remote| remote.id.clone());
        let key = row.item();
        let probe =
            Probe { key: Some(key.clone()), generation: row.generation, remote_id, shows: None };
        let (before, shows, confirms) = (None, None, Some(row));
        let remade = None;
        Look { key, probe, before, shows, known: true, taken: false, confirms, remade }
    }

    /// Keeps the echo of a write. One that is gone again already is found by reading back.
    fn confirm(&mut self, mut row: LedgerRow, sighting: Sighting) {
        if let (Sighting::Present(item), Some(remote)) = (sighting, row.remote.as_mut()) {
            remote.etag = item.etag;
            remote.echoed = item.fingerprint.filter(|seen| *seen != remote.intended);
            self.pending.writes.push(LedgerWrite::Put(row));
        }
    }
}

/// Whether everything that the ledger knows of a calendar is gone from it at once. One item that
/// is gone alone tells nothing.
fn is_emptied(ledger: &[LedgerRow], seen: &BTreeMap<ItemKey, Seen>) -> bool {
    let known = ledger.iter().filter(|row| row.remote.is_some());
    let (mut count, mut gone) = (0, 0);
    for row in known {
        count += 1;
        gone += usize::from(seen.get(&row.item()) == Some(&Seen::Absent));
    }
    count > 1 && gone == count
}

/// A row whose change may have been sent when something else was wanted than what is shown now.
/// What is still wanted is looked for by itself.
fn was_remade(row: &LedgerRow, shows: Option<&Content>) -> Option<LedgerRow> {
    let intent = row.intent.as_ref().filter(|intent| {
        intent.state == IntentState::Sent && intent.verb == Verb::Update && row.remote.is_some()
    })?;
    let shown = shows.map(Content::fingerprint);
    (shown != Some(intent.fingerprint)).then(|| row.clone())
}
