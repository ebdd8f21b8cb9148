//! Reading calendars back: what is there, what changed, what certain events show.
//!
//! A calendar of our own is listed as a whole, with a sync token at the end. Of a person's first
//! one only what carries our mirror's property is asked for, and there is no token then: the rest
//! is not our business.

use std::collections::BTreeMap;

use domain::CalendarKey;
use domain::limits::LIST_PAGES_MAX;
use engine::port::{
    DeltaToken, Failure, FailureClass, ListEntry, Listing, Probe, RemoteId, Sighting,
};
use http::Method;

use super::calendars::Home;
use super::classify::Asked;
use super::client::Ask;
use super::map::{self, Expected};
use super::provider::GoogleTarget;
use super::wire::{Event, Page};

/// Events on a page: the most that Google gives.
const PAGE: &str = "2500";

impl GoogleTarget {
    pub(super) async fn listing(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        let is_primary = self.setup.home == Home::Primary;
        let (asked, verb) = match since {
            Some(_) => (Asked::Changes, "list what changed in"),
            None => (Asked::Read, "list"),
        };
        let operation = format!("{verb} `{calendar}`");
        if since.is_some() && is_primary {
            let detail = "changes of a person's first calendar are not asked for".into();
            let class = FailureClass::DeltaExpired;
            return Err(Failure { class, operation, status: None, detail });
        }
        let spot = self.spot(calendar, &operation).await?;
        let ours = format!("{}={}", map::MIRROR, self.setup.mirror);
        let mut fixed = vec![("maxResults", PAGE)];
        match since {
            Some(token) => fixed.push(("syncToken", token.0.as_str())),
            None if is_primary => fixed.push(("privateExtendedProperty", ours.as_str())),
            None => {}
        }
        let mut events: BTreeMap<String, Event> = BTreeMap::new();
        let mut next: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let mut query = fixed.clone();
            if let Some(token) = &next {
                query.push(("pageToken", token));
            }
            let segments = ["calendars", &*spot.calendar, "events"];
            let ask = Ask::new(Method::GET, &segments, &spot.who, asked.clone(), &operation);
            let ask = ask.query(&query);
            let sent = self.client().send(&ask).await;
            let page: Page<Event> =
                sent.map_err(|failure| self.noted(calendar, failure))?.json(&ask)?;
            // Of an event that changed between two pages the later word counts.
            events.extend(page.items.into_iter().map(|it| (it.id.clone(), it)));
            match page.next_page_token {
                Some(token) => next = Some(token),
                None => {
                    let token = page.next_sync_token.filter(|_| !is_primary).map(DeltaToken);
                    return Ok(self.told(events, token, since.is_none()));
                }
            }
        }
        let detail = format!("the list has more than {LIST_PAGES_MAX} pages");
        Err(Failure { class: FailureClass::Bug, operation, status: None, detail })
    }

    fn told(
        &self,
        events: BTreeMap<String, Event>,
        next: Option<DeltaToken>,
        full: bool,
    ) -> Listing {
        let mut listing = Listing { entries: Vec::new(), removed: Vec::new(), next, full };
        let expected = Expected { mirror: &self.setup.mirror, item: None };
        for (id, event) in events {
            if !map::is_cancelled(&event) {
                let item = map::remote_item(&event, expected);
                let (remote_id, etag) = (item.remote_id.clone(), item.etag.clone());
                listing.entries.push(ListEntry { remote_id, etag, item: Some(item) });
            } else if !full {
                listing.removed.push(RemoteId(id));
            }
        }
        listing
    }

    pub(super) async fn sightings(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        let operation = format!("look at events in `{calendar}`");
        let spot = match self.spot(calendar, &operation).await {
            Ok(spot) => spot,
            // Where there is no calendar, there is no event.
            Err(failure) if failure.class == FailureClass::CalendarMissing => {
                return Ok(probes.iter().map(|_| Sighting::Absent).collect());
            }
            Err(failure) => return Err(failure),
        };
        let ids: Vec<_> = probes.iter().map(|it| self.id_of(it)).collect();
        let asks: Vec<Ask> = ids
            .iter()
            .flatten()
            .map(|id| {
                let segments = ["calendars", &*spot.calendar, "events", &id.0];
                Ask::new(Method::GET, &segments, &spot.who, Asked::Read, &operation)
            })
            .collect();
        let answers = self.client().send_all(&asks).await;
        let mut answers = asks.iter().zip(answers);
        let mut sightings = Vec::with_capacity(probes.len());
        for (probe, id) in probes.iter().zip(&ids) {
            let answer = id.as_ref().and_then(|_| answers.next());
            sightings.push(match answer {
                None => Sighting::Absent,
                // Of a calendar that is missing, the next write will say so.
                Some((_, Err(failure))) if matches!(failure.status, Some(404 | 410)) => {
                    Sighting::Absent
                }
                Some((_, Err(failure))) => return Err(failure),
                Some((ask, Ok(done))) => {
                    let event: Event = done.json(ask)?;
                    let item = probe.key.as_ref().map(|key| (key, probe.generation));
                    let expected = Expected { mirror: &self.setup.mirror, item };
                    match map::is_cancelled(&event) {
                        true => Sighting::Absent,
                        false => Sighting::Present(map::remote_item(&event, expected)),
                    }
                }
            });
        }
        Ok(sightings)
    }

    fn id_of(&self, probe: &Probe) -> Option<RemoteId> {
        let Probe { key, generation, remote_id, shows: _ } = probe;
        let derived = || Some(map::event_id(&self.setup.mirror, key.as_ref()?, *generation));
        remote_id.clone().or_else(derived)
    }
}
