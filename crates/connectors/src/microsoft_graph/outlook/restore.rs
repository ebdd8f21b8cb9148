//! Taking back what was done to a person's event: the other half of `foreign.rs`.
//!
//! What Exchange does not give back, the event says in its own text: guests of a meeting that was
//! removed are not invited again, because that would be mailed; and a meeting that was declined is
//! gone from the calendar, unless its owner has declined ones preserved, and cannot be answered any
//! more (microsoft-graph-docs#2284). Then an appointment of their own stands in its place. A
//! meeting that had no answer is accepted tentatively: there is no way back to none.

use domain::CalendarKey;
use engine::port::{Failure, FailureClass, ForeignChange, KeptEvent, RemoteId};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::failure;
use super::foreign::{IN_CALENDAR, OutlookForeign, event_path};
use super::mailbox::mailbox_path;
use super::map;
use super::wire::{Body, Event};
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, Version, segment};

/// What of an event is written again when it is made again.
const WRITTEN: [&str; 14] = [
    "subject",
    "body",
    "start",
    "end",
    "isAllDay",
    "location",
    "locations",
    "categories",
    "showAs",
    "sensitivity",
    "importance",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "hideAttendees",
];
const WITHOUT_GUESTS: &str = "Restored by Rotabridge. Its guests were not invited again.";
const WITHOUT_ORGANISER: &str = "Restored by Rotabridge. The invitation was declined, so this is a \
     note only: what the organiser changes does not arrive here. Ask to be invited again.";

impl OutlookForeign {
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
        let operation = format!("restore a person's event in mailbox `{calendar}`");
        let raw: Map<String, Value> = serde_json::from_str(&kept.body).map_err(|_| {
            let detail = "what was kept of it is no event";
            failure(FailureClass::Bug, operation.clone(), detail)
        })?;
        let now = self.now(calendar, &kept.id).await?;
        match change {
            ForeignChange::Delete => {
                if now.is_some() {
                    return Ok(kept.id.clone());
                }
                let guests = raw.get("attendees").and_then(Value::as_array);
                let had_guests = guests.is_some_and(|it| !it.is_empty());
                self.make_again(calendar, kept, raw, had_guests.then_some(WITHOUT_GUESTS)).await
            }
            ForeignChange::Decline { comment: _ } => match now {
                Some(now) => self.answer_again(calendar, kept, &raw, &now).await,
                None => self.make_again(calendar, kept, raw, Some(WITHOUT_ORGANISER)).await,
            },
            ForeignChange::Move { to, note } => {
                let Some(now) = now.and_then(|it| Event::deserialize(it).ok()) else {
                    return Err(failure(FailureClass::Missing, operation, "it is not there"));
                };
                let was = Event::deserialize(Value::Object(raw.clone())).unwrap_or_default();
                if map::span(&now) == map::span(&was) {
                    return Ok(kept.id.clone());
                }
                if map::span(&now) != Some(*to) {
                    let detail = "it is not where it was moved to";
                    return Err(failure(FailureClass::Precondition, operation, detail));
                }
                let mut body: Map<String, Value> = ["start", "end", "isAllDay"]
                    .into_iter()
                    .filter_map(|name| Some((name.to_owned(), raw.get(name)?.clone())))
                    .collect();
                let noted = note.as_deref().and_then(|note| with_note(kept, note));
                if noted.is_some_and(|noted| says(now.body.as_ref(), &noted)) {
                    body.extend(raw.get("body").map(|it| ("body".to_owned(), it.clone())));
                }
                let etag = map::etag(&now);
                self.patch(calendar, (&kept.id, etag.as_ref()), Value::Object(body)).await?;
                Ok(kept.id.clone())
            }
            ForeignChange::Relabel { of: _, by: _ } => {
                Err(failure(FailureClass::Refused, operation, "labels are not taken back"))
            }
        }
    }

    /// Gives the organiser the answer that there was.
    async fn answer_again(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        raw: &Map<String, Value>,
        now: &Value,
    ) -> Result<RemoteId, Failure> {
        let was = raw.get("responseStatus").and_then(|it| it["response"].as_str());
        if now["responseStatus"]["response"].as_str() != Some("declined") {
            return Ok(kept.id.clone());
        }
        let action = if was == Some("accepted") { "accept" } else { "tentativelyAccept" };
        let operation = format!("answer a meeting again in mailbox `{calendar}`");
        let path = format!("{}/{action}", event_path(calendar, &kept.id));
        let ask = Ask::new(Method::POST, Version::V1, path, operation).about(About::Item);
        self.send(calendar, ask.json(&json!({ "sendResponse": true }))).await?;
        Ok(kept.id.clone())
    }

    async fn make_again(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        mut raw: Map<String, Value>,
        without: Option<&str>,
    ) -> Result<RemoteId, Failure> {
        let operation = format!("make a person's event again in mailbox `{calendar}`");
        if let Some(note) = without {
            let noted = noted(raw.get("body").unwrap_or(&Value::Null), note);
            raw.insert("body".into(), noted);
        }
        let mailbox = mailbox_path(calendar);
        let place = match raw.get(IN_CALENDAR).and_then(Value::as_str) {
            Some(id) => format!("{mailbox}/calendars/{}/events", segment(id)),
            None => format!("{mailbox}/calendar/events"),
        };
        raw.retain(|name, _| WRITTEN.contains(&name.as_str()));
        // The same one again when it is asked for twice.
        let made_as = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, kept.id.0.as_bytes());
        raw.insert("transactionId".into(), format!("restored-{made_as}").into());
        let ask = |path| Ask::new(Method::POST, Version::V1, path, operation.clone()).json(&raw);
        let made = match self.send(calendar, ask(place)).await {
            // Its calendar went meanwhile.
            Err(failure) if failure.class == FailureClass::CalendarMissing => {
                self.send(calendar, ask(format!("{mailbox}/calendar/events"))).await
            }
            made => made,
        };
        let made = made?.ok_or_else(|| {
            failure(FailureClass::Unknown, operation.clone(), "nothing was said of what was made")
        })?;
        Ok(RemoteId(made.id))
    }
}

/// The text of a kept event with a note at its end. `None` for a meeting that is held online: how
/// to join it stands in its text, and Exchange wants that left alone (Learn, "event: update").
pub(super) fn with_note(kept: &KeptEvent, note: &str) -> Option<Value> {
    let raw: Value = serde_json::from_str(&kept.body).ok()?;
    if raw["isOnlineMeeting"] == true {
        return None;
    }
    Some(noted(&raw["body"], note))
}

fn noted(body: &Value, note: &str) -> Value {
    let content = body["content"].as_str().unwrap_or_default();
    let is_html = body["contentType"].as_str().is_some_and(|it| it.eq_ignore_ascii_case("html"));
    if !is_html {
        let text = if content.trim().is_empty() { "" } else { &format!("{content}\n\n") };
        return json!({ "contentType": "text", "content": format!("{text}{note}") });
    }
    let escaped = note.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let paragraph = format!("<div><br></div><div>{}</div>", escaped.replace('\n', "<br>"));
    let end = content.to_ascii_lowercase().rfind("</body").unwrap_or(content.len());
    let (before, after) = content.split_at(end);
    json!({ "contentType": "html", "content": format!("{before}{paragraph}{after}") })
}

/// Whether a text says the same as another, however Exchange dressed it.
fn says(found: Option<&Body>, expected: &Value) -> bool {
    let words =
        |body: &Body| map::text(body).split_whitespace().map(String::from).collect::<Vec<String>>();
    let expected = Body::deserialize(expected).unwrap_or_default();
    found.is_some_and(|found| words(found) == words(&expected))
}
