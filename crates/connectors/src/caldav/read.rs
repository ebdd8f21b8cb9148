//! Reading calendars back: what is there, what changed, what certain items show.
//!
//! The ladder of a full listing: sync-collection with an empty token, because a token comes with
//! it; `PROPFIND` with `Depth: 1` where that is not known, refused or cut short; the pages of
//! sync-collection where even that is too much for the server.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use domain::CalendarKey;
use domain::limits::{LIST_PAGES_MAX, MULTIGET_ITEMS_MAX};
use engine::port::{
    DeltaToken, ETag, Failure, FailureClass, ListEntry, Listing, Probe, RemoteId, RemoteItem,
    Sighting,
};
use http::header::ETAG;

use super::classify::Asked;
use super::client::{CallError, Depth};
use super::map::{self, Expected, Member};
use super::provider::{CaldavTarget, Doing};
use super::wire::{self, Condition};
use crate::transport::{Answer, SendError};

/// What one answer says of the members of a collection.
struct Page {
    /// In the order told, so that a later word on an item replaces an earlier one.
    members: Vec<(RemoteId, State)>,
    token: Option<DeltaToken>,
    /// Whether there is more that the server did not tell.
    is_cut: bool,
}

enum State {
    There(Option<ETag>),
    Gone,
}

impl CaldavTarget {
    pub(super) async fn list_full(&self, calendar: &CalendarKey) -> Result<Listing, Failure> {
        let collection = self.collection(calendar).await?;
        if self.sync_unsupported.load(Ordering::Relaxed) {
            let page = self.members(calendar, &collection).await?;
            return Ok(listing(page.members, None, true));
        }
        let first = match self.changes(calendar, &collection, None).await {
            Ok(page) if !page.is_cut => return Ok(listing(page.members, page.token, true)),
            Ok(page) => page,
            Err(Unlisted { failure, lacks_report }) if is_about_the_report(&failure) => {
                let page = self.members(calendar, &collection).await?;
                // A listing worked, so it was the report that did not.
                self.sync_unsupported.fetch_or(lacks_report, Ordering::Relaxed);
                return Ok(listing(page.members, None, true));
            }
            Err(Unlisted { failure, .. }) => return Err(failure),
        };
        // The token of a cut first answer skips the rest on Stalwart, so pages come second.
        match self.members(calendar, &collection).await {
            Ok(page) if !page.is_cut => Ok(listing(page.members, page.token, true)),
            Err(failure) if matches!(failure.class, FailureClass::Throttled { .. }) => Err(failure),
            Ok(_) | Err(_) => {
                let (members, token) = self.remaining(calendar, &collection, first).await?;
                Ok(listing(members, token, true))
            }
        }
    }

    pub(super) async fn list_changes(
        &self,
        calendar: &CalendarKey,
        since: &DeltaToken,
    ) -> Result<Listing, Failure> {
        let collection = self.collection(calendar).await?;
        let expired = |detail: &str| {
            let class = FailureClass::DeltaExpired;
            Err(changes_of(calendar).failure(class, detail))
        };
        if self.sync_unsupported.load(Ordering::Relaxed) {
            return expired("the server has no sync-collection");
        }
        let page = match self.changes(calendar, &collection, Some(since)).await {
            Ok(page) => page,
            Err(Unlisted { failure, .. }) if failure.class == FailureClass::Unsupported => {
                return expired("the server does not answer sync-collection any more");
            }
            Err(Unlisted { failure, .. }) => return Err(failure),
        };
        if page.is_cut && page.token.as_ref() == Some(since) {
            return expired("the server repeats itself");
        }
        let (members, token) = self.remaining(calendar, &collection, page).await?;
        Ok(listing(members, token, false))
    }

    /// Follows the pages of an answer that was cut short, and gives all of them together.
    async fn remaining(
        &self,
        calendar: &CalendarKey,
        collection: &str,
        first: Page,
    ) -> Result<(Vec<(RemoteId, State)>, Option<DeltaToken>), Failure> {
        let Page { mut members, mut token, mut is_cut } = first;
        for _ in 0..LIST_PAGES_MAX {
            if !is_cut {
                return Ok((members, token));
            }
            let Some(from) = token.take() else { break };
            let page = self.changes(calendar, collection, Some(&from)).await?;
            if page.is_cut && page.token.as_ref() == Some(&from) {
                break;
            }
            members.extend(page.members);
            (token, is_cut) = (page.token, page.is_cut);
        }
        let detail = "the server cuts its answer short and names no way to the rest";
        Err(changes_of(calendar).bug(detail))
    }

    /// One sync-collection report (RFC 6578).
    async fn changes(
        &self,
        calendar: &CalendarKey,
        collection: &str,
        since: Option<&DeltaToken>,
    ) -> Result<Page, Unlisted> {
        let mut doing = changes_of(calendar);
        if since.is_none() {
            doing.asked = Asked::Read;
        }
        let token = since.map_or("", |token| token.0.as_str());
        let body = wire::sync_collection(token);
        let sent = self.setup.client.report(collection, body).await;
        let answer = sent.map_err(|error| self.lost(doing, &error))?;
        let page = self.page(doing, collection, answer.clone()).await;
        page.map_err(|failure| Unlisted { failure, lacks_report: lacks_report(&answer) })
    }

    /// All members and their etags, by plain WebDAV.
    async fn members(&self, calendar: &CalendarKey, collection: &str) -> Result<Page, Failure> {
        let doing = Doing { asked: Asked::Read, verb: "list", place: calendar.as_str() };
        let client = &self.setup.client;
        let sent = client.propfind(collection, Depth::Members, wire::PROPFIND_MEMBERS).await;
        let (answer, _) = sent.map_err(|error| self.lost(doing, &error))?;
        self.page(doing, collection, answer).await
    }

    async fn page(
        &self,
        doing: Doing<'_>,
        collection: &str,
        answer: Answer,
    ) -> Result<Page, Failure> {
        if answer.status.as_u16() != 207 {
            return Err(self.refused(doing, &answer));
        }
        let told = wire::read_multistatus(answer.body)
            .await
            .map_err(|error| Failure { status: Some(207), ..doing.bug(error) })?;
        let mut page = Page {
            members: Vec::with_capacity(told.responses.len()),
            token: told.sync_token.map(DeltaToken),
            is_cut: false,
        };
        for response in told.responses {
            page.is_cut |= response.status == Some(507);
            match map::member(collection, &response.href) {
                Member::Object(id) if !response.properties.is_collection => {
                    let state = match response.status {
                        Some(404 | 410) => State::Gone,
                        _ => {
                            let etag = response.properties.etag;
                            State::There(etag.as_deref().and_then(map::strong_etag))
                        }
                    };
                    page.members.push((id, state));
                }
                Member::Itself => {
                    let token = response.properties.sync_token.map(DeltaToken);
                    page.token = page.token.or(token);
                }
                Member::Object(_) | Member::Other => {}
            }
        }
        Ok(page)
    }

    pub(super) async fn sightings(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        let collection = self.collection(calendar).await?;
        let mut sightings = Vec::with_capacity(probes.len());
        let mut chunks: Vec<_> = probes.chunks(MULTIGET_ITEMS_MAX).rev().collect();
        while let Some(chunk) = chunks.pop() {
            let places: Vec<_> = chunk.iter().map(|it| self.place_of(calendar, it)).collect();
            let Some(mut told) = self.multiget(calendar, &collection, &places).await? else {
                let (first, rest) = chunk.split_at(chunk.len() / 2);
                chunks.extend([rest, first]);
                continue;
            };
            for (probe, place) in chunk.iter().zip(places) {
                let Some(id) = place else {
                    sightings.push(Sighting::Absent);
                    continue;
                };
                let expected = self.expected(calendar, probe);
                sightings.push(match told.remove(&id) {
                    Some(Told::Absent) => Sighting::Absent,
                    Some(Told::TooLarge) => Sighting::Present(unreadable(id)),
                    Some(Told::Object { etag, data }) => Sighting::Present(map::remote_item(
                        id,
                        Some(etag),
                        data.as_bytes(),
                        expected,
                    )),
                    None => self.get(calendar, &collection, id, expected).await?,
                });
            }
        }
        Ok(sightings)
    }

    fn place_of(&self, calendar: &CalendarKey, probe: &Probe) -> Option<RemoteId> {
        let Probe { key, generation, remote_id, shows: _ } = probe;
        let derived = || {
            let uid = map::uid(&self.setup.mirror, calendar, key.as_ref()?, *generation);
            Some(map::remote_id_of(uid))
        };
        remote_id.clone().or_else(derived)
    }

    fn expected<'a>(&'a self, calendar: &'a CalendarKey, probe: &'a Probe) -> Expected<'a> {
        let item = probe.key.as_ref().map(|key| (key, probe.generation));
        Expected { mirror: &self.setup.mirror, calendar, item }
    }

    /// Many objects in one request. What the answer leaves out, or tells without a strong etag,
    /// is not in the result, and neither is anything when the server does not answer the report.
    /// `None` when the answer is too large and fewer objects have to be asked for.
    async fn multiget(
        &self,
        calendar: &CalendarKey,
        collection: &str,
        places: &[Option<RemoteId>],
    ) -> Result<Option<HashMap<RemoteId, Told>>, Failure> {
        let doing = items_of(calendar);
        let ids = places.iter().flatten();
        let paths: Vec<_> = ids.map(|id| map::item_path(collection, id)).collect();
        let mut told = HashMap::with_capacity(paths.len());
        if paths.is_empty() || self.multiget_unsupported.load(Ordering::Relaxed) {
            return Ok(Some(told));
        }
        let body = wire::calendar_multiget(paths.iter().map(String::as_str));
        let answer = match self.setup.client.report(collection, body).await {
            Ok(answer) => answer,
            Err(CallError::Send(SendError::TooLarge { .. })) => match places {
                [Some(id)] => {
                    told.insert(id.clone(), Told::TooLarge);
                    return Ok(Some(told));
                }
                _ => return Ok(None),
            },
            Err(error) => return Err(self.lost(doing, &error)),
        };
        match answer.status.as_u16() {
            207 => {}
            400 | 403 | 405 | 415 | 501 => {
                let lasting = lacks_report(&answer);
                self.multiget_unsupported.fetch_or(lasting, Ordering::Relaxed);
                return Ok(Some(told));
            }
            _ => return Err(self.refused(doing, &answer)),
        }
        let answer = wire::read_multistatus(answer.body).await.map_err(|error| doing.bug(error))?;
        for response in answer.responses {
            let Member::Object(id) = map::member(collection, &response.href) else {
                continue;
            };
            let etag = response.properties.etag.as_deref();
            match (response.status, etag.and_then(map::strong_etag)) {
                (Some(404 | 410), _) => {
                    told.insert(id, Told::Absent);
                }
                (_, Some(etag)) => {
                    if let Some(data) = response.properties.calendar_data {
                        told.insert(id, Told::Object { etag, data });
                    }
                }
                (_, None) => {}
            }
        }
        Ok(Some(told))
    }

    async fn get(
        &self,
        calendar: &CalendarKey,
        collection: &str,
        id: RemoteId,
        expected: Expected<'_>,
    ) -> Result<Sighting, Failure> {
        let doing = items_of(calendar);
        let path = map::item_path(collection, &id);
        let answer = match self.setup.client.get(&path).await {
            Ok(answer) => answer,
            Err(CallError::Send(SendError::TooLarge { status })) if status.is_success() => {
                return Ok(Sighting::Present(unreadable(id)));
            }
            Err(error) => return Err(self.lost(doing, &error)),
        };
        match answer.status.as_u16() {
            200 => {
                let etag = answer.headers.get(ETAG).and_then(|it| it.to_str().ok());
                let etag = etag.and_then(map::strong_etag);
                let item = map::remote_item(id, etag, &answer.body, expected);
                Ok(Sighting::Present(item))
            }
            404 | 410 => Ok(Sighting::Absent),
            // One object that the server cannot or will not give is no reason to give up the
            // calendar: it is there, and nothing is known of it.
            403 | 406 | 415 | 422 | 500 => Ok(Sighting::Present(unreadable(id))),
            _ => Err(self.refused(doing, &answer)),
        }
    }
}

/// What a multiget told of one item.
enum Told {
    Absent,
    Object {
        etag: ETag,
        data: String,
    },
    /// It alone is more than is read.
    TooLarge,
}

/// Why a sync-collection report gave no page.
struct Unlisted {
    failure: Failure,
    /// Whether the server has no such report at all.
    lacks_report: bool,
}

impl From<Failure> for Unlisted {
    fn from(failure: Failure) -> Self {
        Self { failure, lacks_report: false }
    }
}

impl From<Unlisted> for Failure {
    fn from(Unlisted { failure, .. }: Unlisted) -> Self {
        failure
    }
}

/// Whether an answer says that the server does not have the report, for any calendar and any
/// items. Other refusals of it (400, 403, 415) can be about what was asked for this time.
fn lacks_report(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 405 | 501)
        || (answer.status.is_client_error()
            && wire::condition(&answer.body) == Some(Condition::SupportedReport))
}

fn changes_of(calendar: &CalendarKey) -> Doing<'_> {
    Doing { asked: Asked::Changes, verb: "list what changed in", place: calendar.as_str() }
}

fn items_of(calendar: &CalendarKey) -> Doing<'_> {
    Doing { asked: Asked::Read, verb: "read items of", place: calendar.as_str() }
}

/// Whether a failed sync-collection may be the fault of the report, so that another way to list
/// is worth a request.
fn is_about_the_report(failure: &Failure) -> bool {
    !matches!(failure.status, None | Some(207 | 401 | 404 | 410 | 429 | 503))
}

fn listing(members: Vec<(RemoteId, State)>, next: Option<DeltaToken>, full: bool) -> Listing {
    let last: BTreeMap<RemoteId, State> = members.into_iter().collect();
    let mut entries = Vec::with_capacity(last.len());
    let mut removed = Vec::new();
    for (remote_id, state) in last {
        match state {
            State::There(etag) => entries.push(ListEntry { remote_id, etag, item: None }),
            State::Gone if full => {}
            State::Gone => removed.push(remote_id),
        }
    }
    Listing { entries, removed, next, full }
}

/// An object that stands there and cannot be read: whose it is, only the ledger knows.
fn unreadable(remote_id: RemoteId) -> RemoteItem {
    RemoteItem {
        remote_id,
        etag: None,
        origin: None,
        fingerprint: None,
        natural_key: None,
        span: None,
        ends_at: None,
    }
}
