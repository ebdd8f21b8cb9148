//! Looking at events: all of a calendar, what changed, certain ones.
//!
//! A whole listing is two: the first round of a delta, which tells everything in a range of time
//! and gives the token, but no marks (Learn, "event: delta"), and a search for our mark, which also
//! finds what a person moved out of the range. A later round tells what changed; what it calls
//! removed may only have left the range, so that is looked at before it is believed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::limits::BATCH_REQUESTS_MAX;
use domain::{CalendarKey, MirrorName};
use engine::port::{
    Clock, DeltaToken, Failure, FailureClass, ListEntry, Listing, Probe, RemoteId, Sighting,
};
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::call::{Call, Caller, failure};
use super::mailbox::{Mailboxes, mailbox_path};
use super::map;
use super::wire::Event;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, GraphFailure, segment};

/// How far back and ahead a delta looks. What lies elsewhere is found by its mark.
const RANGE_BACK: SignedDuration = SignedDuration::from_hours(24 * 40);
const RANGE_AHEAD: SignedDuration = SignedDuration::from_hours(24 * 400);
/// How long a token is used: its range does not move with time.
const TOKEN_GOOD_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Events on a page.
const EVENTS_PER_PAGE: usize = 200;
/// What a token of ours begins with.
const TOKEN_MARK: &str = "outlook1";

/// Looks at the events of one mirror.
#[derive(Debug)]
pub struct Reader {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// Which calendars.
    pub mailboxes: Arc<Mailboxes>,
    /// Of which mirror.
    pub mirror: MirrorName,
}

impl Reader {
    /// Lists a calendar, or what changed there.
    ///
    /// # Errors
    /// `DeltaExpired` when the token is not good any more; others.
    pub async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        let listing = match since {
            None => self.list_all(calendar).await,
            Some(token) => self.list_changes(calendar, token).await,
        };
        listing.map_err(|failure| self.mailboxes.doubting(calendar, failure))
    }

    async fn list_all(&self, calendar: &CalendarKey) -> Result<Listing, Failure> {
        let path = self.mailboxes.path(calendar).await?;
        let now = self.now();
        let (told, token) = self.first_round(calendar, &path, now).await?;
        let query = query(&[
            ("$filter", &format!("{} and ep/value ne null)", any_of(map::ORIGIN))),
            ("$expand", &expand()),
            ("$top", &EVENTS_PER_PAGE.to_string()),
        ]);
        let operation = format!("list our events of mailbox `{calendar}`");
        let ask = Ask::get(format!("{path}/events?{query}"), operation);
        let marked: Vec<Event> = self.caller.list(self.mailboxes.call(calendar, ask)).await?;
        let mut entries: BTreeMap<RemoteId, ListEntry> = BTreeMap::new();
        for event in told.iter().chain(&marked).filter(|it| it.removed.is_none()) {
            // What was read with its marks, later and more, counts.
            let entry = map::entry(event);
            entries.insert(entry.remote_id.clone(), entry);
        }
        let entries = entries.into_values().collect();
        Ok(Listing { entries, removed: Vec::new(), next: token, full: true })
    }

    /// The first round of a delta, or a view where there is no delta of a calendar like this.
    async fn first_round(
        &self,
        calendar: &CalendarKey,
        path: &str,
        now: Timestamp,
    ) -> Result<(Vec<Event>, Option<DeltaToken>), Failure> {
        let from = now.saturating_sub(RANGE_BACK).unwrap_or(Timestamp::MIN);
        let to = now.saturating_add(RANGE_AHEAD).unwrap_or(Timestamp::MAX);
        let range = query(&[
            ("startDateTime", &format!("{from:.0}")),
            ("endDateTime", &format!("{to:.0}")),
        ]);
        let operation = format!("list the events of mailbox `{calendar}`");
        let ask = Ask::get(format!("{path}/calendarView/delta?{range}"), operation.clone());
        match self.caller.round(self.mailboxes.call(calendar, ask)).await {
            Ok((page, next)) => {
                let token = DeltaToken(format!("{TOKEN_MARK} {} {next}", now.as_second()));
                Ok((page.value, Some(token)))
            }
            // That the delta of another calendar than the default one is there is not said on its
            // page (`calendars.md` §1.3).
            Err(GraphFailure { failure, .. })
                if matches!(failure.status, Some(400 | 405 | 501)) =>
            {
                let path = format!("{path}/calendarView?{range}&$top={EVENTS_PER_PAGE}");
                let call = self.mailboxes.call(calendar, Ask::get(path, operation));
                Ok((self.caller.list(call).await?, None))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn list_changes(
        &self,
        calendar: &CalendarKey,
        token: &DeltaToken,
    ) -> Result<Listing, Failure> {
        let operation = format!("list what changed in mailbox `{calendar}`");
        let expired = |detail: &str| {
            failure(FailureClass::DeltaExpired, operation.clone(), detail.to_owned())
        };
        let mut parts = token.0.splitn(3, ' ');
        let mark = parts.next();
        let made_at = parts.next().and_then(|it| it.parse().ok());
        let made_at = made_at.and_then(|it| Timestamp::from_second(it).ok());
        let (Some(TOKEN_MARK), Some(made_at), Some(path)) = (mark, made_at, parts.next()) else {
            return Err(expired("the token is none of ours"));
        };
        if self.now().duration_since(made_at) > TOKEN_GOOD_FOR {
            return Err(expired("its range of time has passed"));
        }
        let ask = Ask::get(path, operation.clone());
        let (page, next) = self.caller.round(self.mailboxes.call(calendar, ask)).await?;
        let mut entries = BTreeMap::new();
        let mut gone = BTreeSet::new();
        // One may be told of more than once; the last counts.
        for event in page.value {
            let id = RemoteId(event.id.clone());
            if event.removed.is_some() {
                entries.remove(&id);
                gone.insert(id);
            } else {
                gone.remove(&id);
                let mut entry = map::entry(&event);
                // A delta tells no marks: what may be ours is read with them.
                entry.item = entry.item.filter(|_| event.transaction_id.is_none());
                entries.insert(id, entry);
            }
        }
        let gone: Vec<RemoteId> = gone.into_iter().collect();
        let probes: Vec<Probe> = gone.iter().cloned().map(probe).collect();
        let mut removed = Vec::new();
        for (chunk, ids) in probes.chunks(BATCH_REQUESTS_MAX).zip(gone.chunks(BATCH_REQUESTS_MAX)) {
            for (id, sighting) in ids.iter().zip(self.look(calendar, chunk).await?) {
                match sighting {
                    Sighting::Absent => removed.push(id.clone()),
                    Sighting::Present(item) => {
                        let (remote_id, etag) = (item.remote_id.clone(), item.etag.clone());
                        let entry = ListEntry { remote_id, etag, item: Some(item) };
                        entries.insert(id.clone(), entry);
                    }
                    Sighting::Alike(_) => {}
                }
            }
        }
        let next = DeltaToken(format!("{TOKEN_MARK} {} {next}", made_at.as_second()));
        let entries = entries.into_values().collect();
        Ok(Listing { entries, removed, next: Some(next), full: false })
    }

    /// Looks for certain events: by id in our calendar, else by mark.
    ///
    /// # Errors
    /// [`Failure`]; nothing is said then of any.
    pub async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        let path = match self.mailboxes.path(calendar).await {
            Ok(path) => path,
            Err(failure) if failure.class == FailureClass::CalendarMissing => {
                return Ok(probes.iter().map(|_| Sighting::Absent).collect());
            }
            Err(failure) => return Err(failure),
        };
        let calls: Vec<Option<Call>> =
            probes.iter().map(|probe| self.call_of(calendar, &path, probe)).collect();
        let asked: Vec<Call> = calls.iter().flatten().cloned().collect();
        let mut answers = Vec::with_capacity(asked.len());
        for chunk in asked.chunks(BATCH_REQUESTS_MAX) {
            answers.extend(self.caller.send_all(chunk).await);
        }
        let mut answers = answers.into_iter();
        let mut sightings = Vec::with_capacity(probes.len());
        for (probe, call) in probes.iter().zip(calls) {
            let answer = call.and_then(|_| answers.next());
            let Some(answer) = answer else {
                sightings.push(Sighting::Absent);
                continue;
            };
            let found: Option<Event> = match (answer, &probe.remote_id) {
                (Ok(answer), Some(_)) => Some(answer.json()?),
                (Ok(answer), None) => {
                    let found: Vec<Event> = answer.json::<super::wire::DeltaPage>()?.value;
                    // Whichever was first: a later one can only be a copy.
                    let ours = |it: &&Event| map::origin(it).is_some();
                    found.iter().find(ours).cloned()
                }
                (Err(failure), _) => match failure.failure.class {
                    FailureClass::Missing | FailureClass::CalendarMissing => None,
                    _ => return Err(failure.into()),
                },
            };
            sightings.push(match found {
                Some(event) => Sighting::Present(map::item(&event)),
                None => Sighting::Absent,
            });
        }
        Ok(sightings)
    }

    /// Which of these are in another calendar of the mailbox: an event that is moved there keeps
    /// its immutable id (Learn, "Obtain immutable identifiers for Outlook resources"). It is asked
    /// for in each calendar and not in the mailbox: what was deleted may keep its id in Deleted
    /// Items.
    ///
    /// # Errors
    /// [`Failure`]; nothing is said then of any.
    pub async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        let mut strayed = vec![false; items.len()];
        if items.is_empty() {
            return Ok(strayed);
        }
        let ours = self.mailboxes.known(calendar);
        let all = self.mailboxes.all(calendar).await?;
        let mailbox = mailbox_path(calendar);
        let others = all.iter().filter(|it| Some(&it.id) != ours.as_ref());
        let asked: Vec<(usize, Call)> = others
            .flat_map(|other| items.iter().enumerate().map(move |(at, id)| (other, at, id)))
            .map(|(other, at, id)| {
                let operation = format!("look for an event in all calendars of `{calendar}`");
                let (other, id) = (segment(&other.id), segment(&id.0));
                let path =
                    format!("{mailbox}/calendars/{other}/events/{id}?$select=id,isCancelled");
                let ask = Ask::get(path, operation).about(About::Item);
                (at, self.mailboxes.call(calendar, ask))
            })
            .collect();
        for chunk in asked.chunks(BATCH_REQUESTS_MAX) {
            let calls: Vec<Call> = chunk.iter().map(|(_, call)| call.clone()).collect();
            for ((at, _), answer) in chunk.iter().zip(self.caller.send_all(&calls).await) {
                let found = match answer {
                    Ok(answer) => answer.json::<Event>()?.is_cancelled != Some(true),
                    Err(it) if it.failure.class.may_pass() => return Err(it.into()),
                    // Also a calendar that somebody else shares, where our ids mean nothing.
                    Err(_) => false,
                };
                if let Some(strayed) = strayed.get_mut(*at) {
                    *strayed |= found;
                }
            }
        }
        Ok(strayed)
    }

    fn call_of(&self, calendar: &CalendarKey, path: &str, probe: &Probe) -> Option<Call> {
        let operation = format!("look for an event in mailbox `{calendar}`");
        let ask = match (&probe.remote_id, &probe.key) {
            (Some(id), _) => {
                let query = query(&[("$expand", &expand())]);
                Ask::get(format!("{path}/events/{}?{query}", segment(&id.0)), operation)
                    .about(About::Item)
            }
            (None, Some(key)) => {
                let item = map::transaction_id(&self.mirror, key, probe.generation);
                let filter = format!("{} and ep/value eq '{item}')", any_of(map::ITEM));
                let query = query(&[("$filter", &filter), ("$expand", &expand())]);
                Ask::get(format!("{path}/events?{query}"), operation)
            }
            (None, None) => return None,
        };
        Some(self.mailboxes.call(calendar, ask))
    }

    fn now(&self) -> Timestamp {
        let clock: &Arc<dyn Clock> = self.caller.connection().clock();
        clock.now()
    }
}

fn probe(id: RemoteId) -> Probe {
    Probe { key: None, generation: 0, remote_id: Some(id), shows: None }
}

/// The beginning of a filter for what carries this mark.
pub(super) fn any_of(property: &str) -> String {
    format!("singleValueExtendedProperties/Any(ep: ep/id eq '{property}'")
}

/// Asks for our marks.
#[must_use]
pub fn expand() -> String {
    expanding(&[map::ORIGIN, map::ITEM])
}

/// Asks for these marks.
#[must_use]
pub fn expanding(marks: &[&str]) -> String {
    let ids: Vec<String> = marks.iter().map(|it| format!("id eq '{it}'")).collect();
    format!("singleValueExtendedProperties($filter={})", ids.join(" or "))
}

/// A query, with spaces as `%20`: Graph takes `+` for itself there (`calendars.md` §1.4).
#[must_use]
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.finish().replace('+', "%20")
}
