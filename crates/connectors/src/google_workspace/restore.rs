//! Taking back what was done to a person's event: the other half of `foreign.rs`.
//!
//! Nothing is made again of what is still there: a meeting of others that was declined gets the
//! answer back that it had, and its organiser is told, as of the declining. Guests who were told
//! that their meeting is off or moved are told that it is not.

use domain::{CalendarKey, Fingerprinter};
use engine::port::{Failure, FailureClass, ForeignChange, KeptEvent, RemoteId};
use http::Method;
use serde_json::{Map, Value, json};

use super::classify::Asked;
use super::client::{As, Ask};
use super::foreign::{GoogleForeign, Place, answered, noted, refused, told_of};
use super::map;
use super::wire::Event;

/// What only Google writes, or takes only with an identity of its own.
const READ_ONLY: [&str; 17] = [
    "kind",
    "etag",
    "id",
    "iCalUID",
    "htmlLink",
    "created",
    "updated",
    "creator",
    "organizer",
    "sequence",
    "locked",
    "hangoutLink",
    "conferenceData",
    "recurringEventId",
    "originalStartTime",
    "attendeesOmitted",
    "eventType",
];

impl GoogleForeign {
    /// Takes a change back, and nothing else; where the event is now.
    ///
    /// # Errors
    /// As [`engine::port::ForeignEvents::restore`].
    pub(super) async fn take_back(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        let who = self.target.who(calendar);
        let failed = |class, detail: &str| Failure {
            class,
            operation: format!("restore somebody's event at `{calendar}`"),
            status: None,
            detail: detail.to_owned(),
        };
        let was: Value = serde_json::from_str(&kept.body)
            .map_err(|_| failed(FailureClass::Bug, "what was kept of it cannot be read"))?;
        let raw = self.now(&who, calendar, &kept.id).await?;
        let now: Option<Event> = raw.clone().and_then(|it| serde_json::from_value(it).ok());
        let live = now.as_ref().filter(|it| !map::is_cancelled(it));
        match (change, live, &raw) {
            (ForeignChange::Delete, Some(_), _) => Ok(kept.id.clone()),
            (ForeignChange::Delete, None, _) => {
                self.make_again(calendar, &who, kept, now.as_ref()).await
            }
            (ForeignChange::Decline { .. }, Some(now), Some(raw)) => {
                let own = |it: &Value| {
                    let all = it["attendees"].as_array().into_iter().flatten();
                    all.into_iter().find(|it| it["self"] == true).cloned()
                };
                let (then, now_own) = (own(&was), own(raw));
                if now_own.is_none_or(|it| it["responseStatus"] != "declined") {
                    return Ok(kept.id.clone());
                }
                let then = then.unwrap_or_default();
                let response = then["responseStatus"].as_str().unwrap_or("needsAction");
                let comment = then["comment"].as_str().unwrap_or_default();
                let body = answered(raw, response, comment.into())
                    .ok_or_else(|| refused(calendar, "nobody was asked whether they come"))?;
                let what = format!("answer a meeting again at `{calendar}`");
                let etag = map::etag(now);
                self.patch(&who, (&kept.id, etag.as_ref()), (body, "all"), what).await?;
                Ok(kept.id.clone())
            }
            (ForeignChange::Move { to, note }, Some(now), Some(raw)) => {
                let before: Event = serde_json::from_value(was.clone()).unwrap_or_default();
                if map::span(now) == map::span(&before) {
                    return Ok(kept.id.clone());
                }
                if map::span(now) != Some(*to) {
                    let detail = "it is not where it was moved to";
                    return Err(failed(FailureClass::Precondition, detail));
                }
                let mut body = json!({ "start": time(&was["start"]), "end": time(&was["end"]) });
                let with_note = note.as_deref().map(|note| noted(&was, note));
                if with_note.is_some() && raw["description"].as_str() == with_note.as_deref() {
                    body["description"] = was["description"].as_str().unwrap_or_default().into();
                }
                let what = format!("move somebody's event back at `{calendar}`");
                let etag = map::etag(now);
                self.patch(&who, (&kept.id, etag.as_ref()), (body, told_of(&was)), what).await?;
                Ok(kept.id.clone())
            }
            (ForeignChange::Decline { .. } | ForeignChange::Move { .. }, _, _) => {
                Err(failed(FailureClass::Missing, "it is not there any more"))
            }
            (ForeignChange::Relabel { .. }, _, _) => {
                Err(refused(calendar, "labels are not taken back"))
            }
        }
    }

    /// What lies in the trash is taken out of it, and what is gone is made again.
    async fn make_again(
        &self,
        calendar: &CalendarKey,
        who: &As,
        kept: &KeptEvent,
        trashed: Option<&Event>,
    ) -> Result<RemoteId, Failure> {
        let operation = || format!("restore somebody's event at `{calendar}`");
        let place = Place::of(&kept.id);
        let mut body = writable(kept).ok_or_else(|| Failure {
            class: FailureClass::Bug,
            operation: operation(),
            status: None,
            detail: "what was kept of it cannot be read".into(),
        })?;
        let was: Value = serde_json::from_str(&kept.body).unwrap_or_default();
        let updates = ("sendUpdates", told_of(&was));
        if let Some(etag) = trashed.and_then(map::etag) {
            let ask = self.ask(Method::PUT, who, &place, Asked::Update, operation());
            let ask = ask.query(&[updates]).if_match(&etag).json(&body);
            match self.target.client().send(&ask).await {
                Ok(_) => return Ok(kept.id.clone()),
                Err(failure) if failure.class == FailureClass::Forbidden => {}
                Err(failure) => return Err(failure),
            }
        }
        // Under an id that follows from what was kept, so that it is made once.
        let mut print = Fingerprinter::new("google_restored/1");
        print.text(&kept.id.0).text(&kept.body);
        let id = format!("rr{}", print.finish());
        body.insert("id".into(), id.clone().into());
        let segments = ["calendars", place.calendar, "events"];
        let at = RemoteId(id.clone());
        let ask = Ask::new(Method::POST, &segments, who, Asked::Create(at), operation());
        let ask = ask.query(&[updates]).json(&body);
        let restored = RemoteId(format!("{}/{id}", place.calendar));
        match self.target.client().send(&ask).await {
            Ok(_) => Ok(restored),
            Err(failure) if matches!(failure.class, FailureClass::Duplicate { .. }) => Ok(restored),
            Err(failure) => Err(failure),
        }
    }
}

/// A time that replaces one of the other kind: what is not said would stay.
fn time(kept: &Value) -> Value {
    let mut time = json!({ "date": null, "dateTime": null });
    for (name, value) in kept.as_object().into_iter().flatten() {
        time[name.as_str()] = value.clone();
    }
    time
}

/// What of a kept event can be written again.
fn writable(kept: &KeptEvent) -> Option<Map<String, Value>> {
    let event: Value = serde_json::from_str(&kept.body).ok()?;
    let mut event = event.as_object()?.clone();
    event.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    event.insert("status".into(), "confirmed".into());
    Some(event)
}
