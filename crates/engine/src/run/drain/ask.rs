//! Asking the system of record for what people did to items, in a two-way mirror.
//!
//! What is granted is in the roster, and in the ledger as what the calendar is about to show:
//! nothing is written, and when its time has come, it is looked at and found as it should be. What
//! is refused is put right, and the item tells why for a while.
//!
//! To delete something the record is asked only when it is certain that a person wants that: the
//! item is not found where it was, nor in another calendar of theirs as far as that can be seen,
//! its calendar is there and not empty all at once, and what was removed in all calendars together
//! is no more than the guard lets pass.

use domain::limits::{FLIP_FLOP_WINDOW, FLIP_FLOPS_MAX, REFUSAL_TOLD};
use domain::{EventSpan, ItemKey, Part};
use jiff::{SignedDuration, Timestamp};

use super::{Drain, Removals, Stop};
use crate::plan::asked::{asked, told};
use crate::plan::state::Seen;
use crate::port::{
    Answer, Approvals, Ask, AskWhat, AuditVerb, Change, Content, Drift, DriftWrite, Probe, Rival,
    Sighting, Standing, Subject, Told,
};

impl Drain<'_> {
    /// Asks for everything that was seen to be a request.
    pub(super) async fn ask_for_what_was_seen(&mut self) -> Result<(), Stop> {
        let cycling = self.cycling;
        let Some(approvals) = cycling.approvals.filter(|it| !it.kinds().is_empty()) else {
            return Ok(());
        };
        if cycling.purge || !cycling.writes {
            return Ok(());
        }
        let changed = |seen: &Seen| matches!(seen, Seen::Absent | Seen::Present(_));
        let keys = self.seen.iter().filter(|(item, seen)| item.part.is_main() && changed(seen));
        let keys: Vec<_> = keys.map(|(item, _)| item.entity.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        // What is decided is committed elsewhere: what we know must be there before.
        self.commit().await?;
        let subjects = self.subjects(keys).await?;
        if self.removals == Removals::Counted {
            self.confirm_absences(&subjects).await?;
        }
        for subject in subjects {
            let Some((change, what)) = self.request_of(&subject) else { continue };
            if what.kind().is_none_or(|kind| !approvals.kinds().contains(&kind)) {
                continue;
            }
            match (change, self.removals) {
                // Put right: whoever removes a calendar, or all that is in it, asks for nothing,
                // and neither does who moves an item to another calendar.
                (Change::Removed, _) if self.vanished || self.has_strayed(&subject) => {}
                (Change::Removed, Removals::Counted) => {
                    let item = ItemKey::from(subject.key.clone());
                    self.set_aside(&item);
                    self.report.asks.push(item);
                }
                (Change::Removed, Removals::TooMany) => {
                    let refused = "Deleting it was not granted: too many at once".to_owned();
                    self.refuse(&subject, change, ("too_many_at_once", refused));
                }
                (Change::Removed, Removals::Asked)
                | (
                    Change::Moved | Change::Altered | Change::Unreadable | Change::Untagged,
                    Removals::Counted | Removals::Asked | Removals::TooMany,
                ) => self.ask(approvals, &subject, change, what).await,
            }
        }
        Ok(())
    }

    /// Looks once more at what was not there, each by its own id, and in other calendars of the
    /// same owner: before the record is asked to delete something, that it is gone must be certain.
    async fn confirm_absences(&mut self, subjects: &[Subject]) -> Result<(), Stop> {
        if self.vanished {
            return Ok(());
        }
        let here = |subject: &Subject| {
            let item = ItemKey::from(subject.key.clone());
            let row = self.row(subject, Part::Main).filter(|row| row.intent.is_none())?;
            let remote_id = row.remote.as_ref()?.id.clone();
            (self.seen.get(&item) == Some(&Seen::Absent)).then(|| {
                let (key, generation) = (Some(item.clone()), row.generation);
                (item, Probe { key, generation, remote_id: Some(remote_id), shows: None })
            })
        };
        let (items, probes): (Vec<ItemKey>, Vec<Probe>) = subjects.iter().filter_map(here).unzip();
        if probes.is_empty() {
            return Ok(());
        }
        let (mut gone, mut places) = (Vec::new(), Vec::new());
        let sightings = self.reader().look(&probes).await?;
        for ((item, probe), sighting) in items.into_iter().zip(probes).zip(sightings) {
            match (sighting, probe.remote_id) {
                (Sighting::Present(found), _) => drop(self.seen.insert(item, Seen::Present(found))),
                (Sighting::Absent | Sighting::Alike(_), Some(place)) => {
                    gone.push(item);
                    places.push(place);
                }
                (Sighting::Absent | Sighting::Alike(_), None) => {}
            }
        }
        let strayed = self.reader().strayed(&places).await?;
        self.strayed.extend(gone.into_iter().zip(strayed).filter(|it| it.1).map(|it| it.0));
        Ok(())
    }

    fn has_strayed(&self, subject: &Subject) -> bool {
        self.strayed.contains(&ItemKey::from(subject.key.clone()))
    }

    /// Leaves an item to a later drain of this cycle.
    fn set_aside(&mut self, item: &ItemKey) {
        self.seen.remove(item);
        self.queue.retain(|queued| queued != item);
    }

    /// What was seen of a subject, as a request.
    fn request_of(&self, subject: &Subject) -> Option<(Change, AskWhat)> {
        let projector = self.cycling.projector;
        let item = ItemKey::from(subject.key.clone());
        let row = self.row(subject, Part::Main).filter(|row| row.intent.is_none())?;
        let (remote, entry) = (row.remote.as_ref()?, subject.entry.as_ref()?);
        let projected = projector.project(entry)?;
        // Of what is shown in several pieces, one piece says nothing of the whole; and where the
        // roster changed as well, nobody knows what they asked for.
        let is_whole = projected.more().is_empty();
        if !is_whole || projected.fingerprint != Some(remote.intended) || self.is_fought_over(&item)
        {
            return None;
        }
        let Some(Content::Event(event)) = self.content(subject, Part::Main) else { return None };
        let seen = self.seen.get(&item)?;
        let shown: &EventSpan = &event.span;
        asked(&entry.entity, &remote.id, shown, seen, projector.directory())
    }

    /// Whether it was asked for and refused so often that asking again is a fight.
    fn is_fought_over(&self, item: &ItemKey) -> bool {
        let now = self.cycling.clock.now();
        let window = SignedDuration::try_from(FLIP_FLOP_WINDOW).unwrap_or(SignedDuration::MAX);
        self.cycling.drifts.of(self.calendar, item).is_some_and(|drift| {
            let recent = drift.put_right_at.iter().filter(|at| now.duration_since(**at) < window);
            recent.count() >= FLIP_FLOPS_MAX || drift.standing == Standing::Contested
        })
    }

    async fn ask(
        &mut self,
        approvals: &dyn Approvals,
        subject: &Subject,
        change: Change,
        what: AskWhat,
    ) {
        let item = ItemKey::from(subject.key.clone());
        let now = self.cycling.clock.now();
        // The calendar shows it already: nobody waits for the answer.
        let (calendar, expires_at) = (self.calendar.clone(), Some(now));
        let answer = approvals.decide(Ask { calendar, what, expires_at }).await;
        let version = subject.entry.as_ref().map_or(0, |entry| entry.version);
        match answer {
            Answer::Granted { .. } => {
                self.report.granted += 1;
                let detail = format!("{}: granted", change.as_str());
                self.audit(&item, AuditVerb::Asked, version, detail);
                self.set_aside(&item);
                if let Some(before) = self.cycling.drifts.of(self.calendar, &item) {
                    let (calendar, key) = (before.calendar.clone(), before.key.clone());
                    self.pending.drifts.push(DriftWrite::Remove { calendar, key });
                }
            }
            Answer::Refused(refusal) => {
                self.refuse(subject, change, (refusal.as_str(), told(change, &refusal)));
            }
        }
    }

    /// A request is not granted: the item is put right, and tells why.
    fn refuse(&mut self, subject: &Subject, change: Change, (code, text): (&str, String)) {
        let item = ItemKey::from(subject.key.clone());
        let version = subject.entry.as_ref().map_or(0, |entry| entry.version);
        self.report.refused += 1;
        let detail = format!("{}: refused: {code}", change.as_str());
        self.audit(&item, AuditVerb::Asked, version, detail);
        let until = self.cycling.clock.now().saturating_add(REFUSAL_TOLD);
        let until = until.unwrap_or(Timestamp::MAX);
        self.cycling.projector.tell_refusal(item.entity, Some(text.clone()));
        self.keep_refusal(subject, change, Told { text, until });
    }

    /// Keeps that a request was refused: the item is put right with a word about it.
    fn keep_refusal(&mut self, subject: &Subject, change: Change, refused: Told) {
        let key = ItemKey::from(subject.key.clone());
        let now = self.cycling.clock.now();
        let before = self.cycling.drifts.of(self.calendar, &key);
        let found = match self.seen.get(&key) {
            Some(Seen::Present(item)) => item.fingerprint,
            Some(Seen::NotLooked | Seen::Absent | Seen::AsKnown | Seen::Foreign) | None => None,
        };
        let Some(wanted) = self.content(subject, Part::Main).map(|it| it.fingerprint()) else {
            return;
        };
        let mut put_right_at = before.map(|it| it.put_right_at.clone()).unwrap_or_default();
        put_right_at.push(now);
        if put_right_at.len() > FLIP_FLOPS_MAX {
            put_right_at.remove(0);
        }
        self.report.drifted += 1;
        self.judged.insert(key.clone());
        self.pending.drifts.push(DriftWrite::Put(Drift {
            calendar: self.calendar.clone(),
            key,
            change,
            found,
            wanted,
            since: before.map_or(now, |it| it.since),
            seen_at: now,
            put_right_at,
            rival: Rival::Somebody,
            standing: Standing::PutRight,
            refused: Some(refused),
        }));
    }
}
