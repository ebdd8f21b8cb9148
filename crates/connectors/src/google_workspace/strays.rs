//! Events of ours that somebody moved to another calendar of theirs.
//!
//! `events.move` keeps an event's id and private properties (discovery document of 2026-10-30).
//! What it left behind looks deleted, so where the scope shows no calendar but ours, a move cannot
//! be told from a deletion. Where it does, a move is no wish to delete; and before the event is
//! made again under its id, the one that strayed is removed, if the scope lets us and its tag
//! still proves that it is ours: else people would see their shift twice.

use domain::CalendarKey;
use engine::port::{Failure, RemoteId};
use http::Method;

use super::calendars::Home;
use super::classify::Asked;
use super::client::Ask;
use super::map;
use super::provider::{GoogleTarget, SILENT, Spot};
use super::scopes::Scope;
use super::wire::Event;

/// One event, and in which calendar it is by now.
struct Stray {
    calendar: String,
    event: Event,
}

impl GoogleTarget {
    /// Which of these are in another calendar that the same person owns.
    ///
    /// # Errors
    /// [`Failure`]; nothing is said then of any.
    pub(super) async fn elsewhere(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        if items.is_empty() || !self.sees_others() {
            return Ok(vec![false; items.len()]);
        }
        let operation = format!("look for events in other calendars of `{calendar}`");
        let spot = self.spot(calendar, &operation).await?;
        let strays = self.strays(&spot, calendar, items).await?;
        Ok(strays.into_iter().map(|it| it.is_some()).collect())
    }

    /// Removes an event of ours from wherever its owner moved it to, as far as we may.
    ///
    /// # Errors
    /// When it is not known whether there is one, or whether it was removed.
    pub(super) async fn fetch_back(
        &self,
        spot: &Spot,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<(), Failure> {
        if !self.sees_others() || !self.setup.scopes.has(Scope::EventsOwned) {
            return Ok(());
        }
        let stray = self.strays(spot, calendar, std::slice::from_ref(id)).await?.pop().flatten();
        let Some(Stray { calendar: other, event }) = stray else { return Ok(()) };
        let ours = map::origin(&event).is_some_and(|it| it.mirror == self.setup.mirror);
        let Some(etag) = map::etag(&event).filter(|_| ours) else { return Ok(()) };
        let operation = format!("remove an event that was moved out of `{calendar}`");
        let segments = ["calendars", &other, "events", &id.0];
        let ask = Ask::new(Method::DELETE, &segments, &spot.who, Asked::Delete, operation);
        match self.client().send(&ask.query(&[SILENT]).if_match(&etag)).await {
            Err(failure) if failure.class.may_pass() => Err(failure),
            // Gone, changed a moment ago, or not ours to remove: it is seen beside the new one.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether the scope shows other calendars of the same person.
    fn sees_others(&self) -> bool {
        let scopes = &self.setup.scopes;
        let sees = scopes.has(Scope::EventsOwned) || scopes.has(Scope::EventsOwnedReadonly);
        sees && matches!(self.setup.home, Home::Own(_))
    }

    async fn strays(
        &self,
        spot: &Spot,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<Option<Stray>>, Failure> {
        let operation = format!("look for events in other calendars of `{calendar}`");
        let mut others = vec!["primary".to_owned()];
        let owned = self.calendars.owned(calendar, &spot.who).await?;
        others.extend(owned.into_iter().map(|it| it.id).filter(|it| **it != *spot.calendar));
        let mut strays: Vec<Option<Stray>> = items.iter().map(|_| None).collect();
        for other in &others {
            let ask = |id: &RemoteId| {
                let segments = ["calendars", other, "events", &id.0];
                Ask::new(Method::GET, &segments, &spot.who, Asked::Read, &operation)
            };
            let asks: Vec<Ask> = items.iter().map(ask).collect();
            let answers = self.client().send_all(&asks).await;
            for ((ask, answer), stray) in asks.iter().zip(answers).zip(&mut strays) {
                match answer {
                    Ok(done) => {
                        let event: Event = done.json(ask)?;
                        if stray.is_none() && !map::is_cancelled(&event) {
                            *stray = Some(Stray { calendar: other.clone(), event });
                        }
                    }
                    Err(failure) if failure.class.may_pass() => return Err(failure),
                    Err(_) => {}
                }
            }
        }
        Ok(strays)
    }
}
