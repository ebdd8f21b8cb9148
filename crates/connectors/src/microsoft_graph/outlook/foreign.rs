//! What is in people's calendars beside our events, and changing it where a policy says so.
//!
//! Read through the view of the default calendar, of ours and of the one that is named for wishes,
//! so that series come as occurrences; an occurrence is changed by its own id and leaves the series
//! alone. Texts are read and written as Exchange keeps them, in HTML: as text, a person's would
//! lose its form. `restore.rs` takes changes back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{CalendarKey, EventSpan, MirrorName, UtcInterval, Visibility};
use engine::port::{
    ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole,
    ForeignShowAs, KeptEvent, MeetingContext, RemoteId, Response,
};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{as_kept, failure, if_match};
use super::config::Which;
use super::mailbox::{Mailboxes, mailbox_path};
use super::map;
use super::read::{expand, query};
use super::restore::with_note;
use super::wire::{Calendar, Event};
use crate::MirrorContext;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, Version, segment};

/// Events on a page.
const EVENTS_PER_PAGE: &str = "200";
/// What is kept of an event: what is written again when it is restored, and what tells how.
const KEPT: [&str; 19] = [
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
    "isOnlineMeeting",
    "isOrganizer",
    "attendees",
    "responseStatus",
    IN_CALENDAR,
];
/// In which calendar a kept event was, if not in the default one: its id.
pub(super) const IN_CALENDAR: &str = "rotabridge.calendar";

/// The way to what is not ours.
#[derive(Debug)]
pub struct OutlookForeign {
    /// Which calendars are ours.
    pub mailboxes: Arc<Mailboxes>,
    /// Of which mirror.
    mirror: MirrorName,
    /// The name of the calendar in which every event is a wish.
    wishes_in: Option<String>,
    /// Where that calendar is, by mailbox.
    wishing: Mutex<BTreeMap<CalendarKey, String>>,
}

/// A calendar that is read beside the default one: its name and its id.
type Named = (String, String);

impl OutlookForeign {
    /// Of one mirror.
    #[must_use]
    pub fn new(mailboxes: &Arc<Mailboxes>, mirror: &MirrorContext) -> Self {
        let own = match &mailboxes.which {
            Which::Named(own) => Some(own.to_lowercase()),
            Which::Primary => None,
        };
        // Ours is read anyway.
        let wishes_in = mirror.wishes_in.clone().map(|it| it.trim().to_owned());
        let wishes_in = wishes_in.filter(|it| Some(it.to_lowercase()) != own);
        let (mailboxes, mirror) = (Arc::clone(mailboxes), mirror.name.clone());
        Self { mailboxes, mirror, wishes_in, wishing: Mutex::default() }
    }

    /// The calendar of wishes in a mailbox, where there is one. Found once; where a mailbox has
    /// none, it is looked for each time, because its owner may make it.
    async fn of_wishes(&self, calendar: &CalendarKey) -> Result<Option<Named>, Failure> {
        let Some(name) = &self.wishes_in else { return Ok(None) };
        let known = self.known_wishing().get(calendar).cloned();
        if let Some(id) = known {
            return Ok(Some((name.clone(), id)));
        }
        let all = self.mailboxes.all(calendar).await?;
        let called = |it: &&Calendar| {
            it.name.as_deref().is_some_and(|its| its.to_lowercase() == name.to_lowercase())
        };
        let Some(found) = all.iter().find(called) else { return Ok(None) };
        self.known_wishing().insert(calendar.clone(), found.id.clone());
        Ok(Some((name.clone(), found.id.clone())))
    }

    fn known_wishing(&self) -> MutexGuard<'_, BTreeMap<CalendarKey, String>> {
        self.wishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
        let ask = as_kept(Ask::get(format!("{path}/calendarView?{query}"), operation));
        Ok(self.mailboxes.caller.list(self.mailboxes.call(calendar, ask)).await?)
    }

    /// One event as it is now; `None` when it is not there.
    pub(super) async fn now(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<Value>, Failure> {
        let operation = format!("look at a person's event in mailbox `{calendar}`");
        let path = format!("{}?{}", event_path(calendar, id), query(&[("$expand", &expand())]));
        let ask = as_kept(Ask::get(path, operation).about(About::Item));
        match self.mailboxes.caller.send(&self.mailboxes.call(calendar, ask)).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(failure) if failure.failure.class == FailureClass::Missing => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn send(
        &self,
        calendar: &CalendarKey,
        ask: Ask,
    ) -> Result<Option<Event>, Failure> {
        let ask = as_kept(ask);
        let answer = self.mailboxes.caller.send(&self.mailboxes.call(calendar, ask)).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        Ok(Some(answer.json()?))
    }

    pub(super) async fn patch(
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

    fn is_not_ours(&self, event: &ForeignEvent) -> bool {
        event.origin.as_ref().is_none_or(|origin| origin.mirror != self.mirror)
    }
}

pub(super) fn event_path(calendar: &CalendarKey, id: &RemoteId) -> String {
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
                Ok(path) => {
                    let id = self.mailboxes.known(calendar).unwrap_or_default();
                    places.push((Some((name.clone(), id)), path));
                }
                Err(failure) if failure.class == FailureClass::CalendarMissing => {}
                Err(failure) => return Err(failure),
            }
        }
        let of_wishes = self.of_wishes(calendar).await?;
        if let Some((_, id)) = &of_wishes {
            let path = format!("{}/calendars/{}", mailbox_path(calendar), segment(id));
            places.push((of_wishes.clone(), path));
        }
        let mut found: BTreeMap<RemoteId, ForeignEvent> = BTreeMap::new();
        for (place, path) in places {
            let viewed = match self.view(calendar, &path, within).await {
                // Its owner removed it since.
                Err(failure) if is_missing(&failure) && place.is_some() && place == of_wishes => {
                    self.known_wishing().remove(calendar);
                    continue;
                }
                viewed => viewed?,
            };
            for mut raw in viewed {
                if let Some((_, id)) = &place {
                    raw[IN_CALENDAR] = id.as_str().into();
                }
                let foreign = foreign(&raw, place.as_ref().map(|(name, _)| name.as_str()));
                let foreign = foreign.filter(|it| self.is_not_ours(it));
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
        let raw = self.now(calendar, id).await?;
        Ok(raw.and_then(|it| foreign(&it, None)).filter(|it| self.is_not_ours(it)))
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
                if matches!(event.role, ForeignRole::Attendee(_)) {
                    let operation = format!("move a meeting in mailbox `{calendar}`");
                    let detail = "others called it together: it is declined, never moved";
                    return Err(failure(FailureClass::Refused, operation, detail));
                }
                let mut body = times(to);
                let noted = note.as_deref().and_then(|note| with_note(&event.kept, note));
                if let (Some(noted), Value::Object(map)) = (noted, &mut body) {
                    map.insert("body".into(), noted);
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
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        self.take_back(calendar, kept, change).await
    }
}

fn is_missing(failure: &Failure) -> bool {
    matches!(failure.class, FailureClass::Missing | FailureClass::CalendarMissing)
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

fn kept(raw: &Value) -> Value {
    let fields = KEPT.iter().filter_map(|name| Some(((*name).to_owned(), raw.get(*name)?.clone())));
    Value::Object(fields.collect())
}

/// Where a meeting is held: Teams' are told apart from others' (Learn, "event resource type").
fn joined_at(event: &Event) -> Option<String> {
    let teams = event.online_meeting.as_ref().and_then(|it| it.join_url.clone());
    teams.or(event.online_meeting_url.clone())
}

/// An event that is not ours; `None` when it cannot be said when it is, or when it was called off.
fn foreign(raw: &Value, name: Option<&str>) -> Option<ForeignEvent> {
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
        origin: map::origin(&event),
        context: MeetingContext {
            subject: event.subject.clone().unwrap_or_default(),
            body: filled(event.body.as_ref().map(map::text)),
            location: filled(event.location.as_ref().and_then(|it| it.display_name.clone())),
            attendees,
            link: filled(joined_at(&event)).or(filled(event.web_link.clone())),
        },
        kept: KeptEvent { id: id.clone(), body: kept(raw).to_string() },
        id,
    })
}
