//! What is in people's calendars beside our events, and changing it where a policy says so.
//!
//! Read through the view of the default calendar and of ours, so that series come as occurrences;
//! an occurrence is changed by its own id and leaves the series alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{CalendarKey, EventSpan, MirrorName, UtcInterval, Visibility};
use engine::port::{
    ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole,
    ForeignShowAs, KeptEvent, MeetingContext, RemoteId, Response,
};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{failure, if_match};
use super::config::Which;
use super::mailbox::{Mailboxes, mailbox_path};
use super::map;
use super::read::{expand, query};
use super::wire::Event;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, Version, segment};

/// Events on a page.
const EVENTS_PER_PAGE: &str = "200";
/// What of an event is written again when it is restored.
const RESTORED: [&str; 14] = [
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

/// The way to what is not ours.
#[derive(Debug)]
pub struct OutlookForeign {
    /// Which calendars are ours.
    pub mailboxes: Arc<Mailboxes>,
    /// Of which mirror.
    pub mirror: MirrorName,
}

impl OutlookForeign {
    async fn view(
        &self,
        calendar: &CalendarKey,
        path: &str,
        within: &UtcInterval,
    ) -> Result<Vec<Value>, Failure> {
        let query = query(&[
            ("startDateTime", &within.start().to_string()),
            ("endDateTime", &within.end().to_string()),
            ("$expand", &expand()),
            ("$top", EVENTS_PER_PAGE),
        ]);
        let operation = format!("look at what is in mailbox `{calendar}`");
        let ask = Ask::get(format!("{path}/calendarView?{query}"), operation);
        Ok(self.mailboxes.caller.list(self.mailboxes.call(calendar, ask)).await?)
    }

    async fn send(&self, calendar: &CalendarKey, ask: Ask) -> Result<Option<Event>, Failure> {
        let answer = self.mailboxes.caller.send(&self.mailboxes.call(calendar, ask)).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        Ok(Some(answer.json()?))
    }

    async fn patch(
        &self,
        calendar: &CalendarKey,
        (id, etag): (&RemoteId, Option<&ETag>),
        body: Value,
    ) -> Result<Option<ETag>, Failure> {
        let operation = format!("change a person's event in mailbox `{calendar}`");
        let ask = Ask::new(Method::PATCH, Version::V1, event_path(calendar, id), operation);
        let ask = if_match(ask.about(About::Item).json(&body), etag);
        Ok(self.send(calendar, ask).await?.as_ref().and_then(map::etag))
    }
}

fn event_path(calendar: &CalendarKey, id: &RemoteId) -> String {
    format!("{}/events/{}", mailbox_path(calendar), segment(&id.0))
}

#[async_trait]
impl ForeignEvents for OutlookForeign {
    async fn overlapping(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let primary = format!("{}/calendar", mailbox_path(calendar));
        let mut places = vec![(None, primary)];
        if let Which::Named(name) = &self.mailboxes.which {
            match self.mailboxes.path(calendar).await {
                Ok(path) => places.push((Some(name.clone()), path)),
                Err(failure) if failure.class == FailureClass::CalendarMissing => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut found: BTreeMap<RemoteId, ForeignEvent> = BTreeMap::new();
        for (name, path) in places {
            for raw in self.view(calendar, &path, within).await? {
                let foreign = foreign(&raw, calendar, name.as_deref());
                let foreign = foreign.filter(|it| {
                    it.origin.as_ref().is_none_or(|origin| origin.mirror != self.mirror)
                });
                found.extend(foreign.map(|it| (it.id.clone(), it)));
            }
        }
        Ok(found.into_values().collect())
    }

    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure> {
        let operation = format!("look at a person's event in mailbox `{calendar}`");
        let path = format!("{}?{}", event_path(calendar, id), query(&[("$expand", &expand())]));
        let call = self.mailboxes.call(calendar, Ask::get(path, operation).about(About::Item));
        let raw: Value = match self.mailboxes.caller.send(&call).await {
            Ok(answer) => answer.json()?,
            Err(failure) => {
                let failure = Failure::from(failure);
                return if failure.class == FailureClass::Missing {
                    Ok(None)
                } else {
                    Err(failure)
                };
            }
        };
        let found = foreign(&raw, calendar, None);
        Ok(found.filter(|it| it.origin.as_ref().is_none_or(|it| it.mirror != self.mirror)))
    }

    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        let at = (&event.id, event.etag.as_ref());
        match change {
            ForeignChange::Delete => {
                let operation = format!("remove a person's event from mailbox `{calendar}`");
                if matches!(event.role, ForeignRole::Attendee(_)) {
                    let detail = "others called it together: it is declined, never deleted";
                    return Err(failure(FailureClass::Refused, operation, detail));
                }
                let path = event_path(calendar, &event.id);
                let ask = Ask::new(Method::DELETE, Version::V1, path, operation);
                self.send(calendar, if_match(ask.about(About::Item), at.1)).await?;
                Ok(None)
            }
            ForeignChange::Decline { comment } => {
                let operation = format!("decline a meeting in mailbox `{calendar}`");
                let path = format!("{}/decline", event_path(calendar, &event.id));
                let ask = Ask::new(Method::POST, Version::V1, path, operation);
                let body = json!({ "comment": comment, "sendResponse": true });
                let ask = if_match(ask.about(About::Item).json(&body), at.1);
                self.send(calendar, ask).await?;
                Ok(None)
            }
            ForeignChange::Move { to, note } => {
                let mut body = times(to);
                if let (Some(note), Value::Object(map)) = (note, &mut body) {
                    let text = match &event.context.body {
                        Some(text) if !text.is_empty() => format!("{text}\n\n{note}"),
                        Some(_) | None => note.clone(),
                    };
                    map.insert("body".into(), json!({ "contentType": "text", "content": text }));
                }
                self.patch(calendar, at, body).await
            }
            ForeignChange::Relabel { of, by } => {
                let kept = event.categories.iter().filter(|it| !of.contains(it) && *it != by);
                let labels: Vec<&str> = kept.map(String::as_str).chain([by.as_str()]).collect();
                self.patch(calendar, at, json!({ "categories": labels })).await
            }
        }
    }

    async fn restore(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        _change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        let operation = format!("restore a person's event in mailbox `{calendar}`");
        let raw: Map<String, Value> = serde_json::from_str(&kept.body).map_err(|_| {
            let detail = "what was kept of it is no event";
            failure(FailureClass::Bug, operation.clone(), detail)
        })?;
        let mut body: Map<String, Value> = RESTORED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), raw.get(*name)?.clone())))
            .collect();
        let changed = self.patch(calendar, (&kept.id, None), Value::Object(body.clone())).await;
        match changed {
            Ok(_) => return Ok(kept.id.clone()),
            Err(failure) if failure.class == FailureClass::Missing => {}
            Err(failure) => return Err(failure),
        }
        // The same one again when it is asked for twice. Nobody is invited anew: that would be
        // mailed.
        let made_as = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, kept.id.0.as_bytes());
        body.insert("transactionId".into(), format!("restored-{made_as}").into());
        let path = format!("{}/calendar/events", mailbox_path(calendar));
        let ask = Ask::new(Method::POST, Version::V1, path, operation.clone());
        let made = self.send(calendar, ask.json(&body)).await?;
        let made = made.ok_or_else(|| {
            failure(FailureClass::Unknown, operation, "nothing was said of what was made")
        })?;
        Ok(RemoteId(made.id))
    }
}

fn times(span: &EventSpan) -> Value {
    match span {
        EventSpan::Timed(it) => {
            json!({ "start": map::utc(it.start()), "end": map::utc(it.end()), "isAllDay": false })
        }
        EventSpan::AllDay { first, end } => {
            let day = |it| json!({ "dateTime": format!("{it}T00:00:00"), "timeZone": "UTC" });
            json!({ "start": day(first), "end": day(end), "isAllDay": true })
        }
    }
}

/// An event that is not ours; `None` when it cannot be said when it is, or when it was called off.
fn foreign(raw: &Value, calendar: &CalendarKey, name: Option<&str>) -> Option<ForeignEvent> {
    let event = Event::deserialize(raw).ok()?;
    if event.is_cancelled == Some(true) {
        return None;
    }
    let show_as = match event.show_as.as_deref() {
        Some("free") => ForeignShowAs::Free,
        Some("tentative") => ForeignShowAs::Tentative,
        Some("oof") => ForeignShowAs::OutOfOffice,
        Some("workingElsewhere") => ForeignShowAs::WorkingElsewhere,
        Some(_) | None => ForeignShowAs::Busy,
    };
    let visibility = match event.sensitivity.as_deref() {
        None | Some("normal") => Visibility::Default,
        Some(_) => Visibility::Private,
    };
    let addresses = event.attendees.iter().flatten();
    let attendees: Vec<String> =
        addresses.filter_map(|it| it.email_address.as_ref()?.address.clone()).collect();
    let answered = event.response_status.as_ref().and_then(|it| it.response.as_deref());
    let role = match (event.is_organizer, attendees.is_empty()) {
        (Some(false), _) => ForeignRole::Attendee(match answered {
            Some("accepted") => Response::Accepted,
            Some("tentativelyAccepted") => Response::Tentative,
            Some("declined") => Response::Declined,
            Some(_) | None => Response::None,
        }),
        (Some(true) | None, false) => ForeignRole::Organiser,
        (Some(true) | None, true) => ForeignRole::Owner,
    };
    let filled = |text: Option<String>| text.filter(|it| !it.trim().is_empty());
    let id = RemoteId(event.id.clone());
    Some(ForeignEvent {
        etag: map::etag(&event),
        span: map::span(&event)?,
        show_as,
        visibility,
        role,
        series: event.series_master_id.clone().map(RemoteId),
        calendar_name: name.map(String::from),
        categories: event.categories.clone().unwrap_or_default(),
        origin: map::origin(&event, calendar),
        context: MeetingContext {
            subject: event.subject.clone().unwrap_or_default(),
            body: filled(event.body.as_ref().map(map::text)),
            location: filled(event.location.as_ref().and_then(|it| it.display_name.clone())),
            attendees,
            link: filled(event.online_meeting_url.clone().or(event.web_link.clone())),
        },
        kept: KeptEvent { id: id.clone(), body: raw.to_string() },
        id,
    })
}
