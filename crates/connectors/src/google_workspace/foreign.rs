//! Events in people's calendars that are not ours: reading them, and doing what a conflict policy
//! says.
//!
//! Looked at are the employee's first calendar and, where there are any, our own beside it and the
//! one of theirs that is named for wishes. A series
//! comes as its occurrences, which have ids of their own at Google, so that what is changed is one
//! occurrence. Google's events have one label, their colour. `restore.rs` takes back.

use std::sync::Arc;

use async_trait::async_trait;
use domain::limits::LIST_PAGES_MAX;
use domain::{CalendarKey, EventSpan, UtcInterval, Visibility};
use engine::port::{
    ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole,
    ForeignShowAs, KeptEvent, MeetingContext, RemoteId, Response,
};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::calendars::Home;
use super::classify::Asked;
use super::client::{As, Ask};
use super::config::ForeignAccess;
use super::map;
use super::provider::GoogleTarget;
use super::wire::{Event, Page};

/// What Google calls its colours, by id (colors.get, and the names of the web interface, 2026-10).
const LABELS: [(&str, &str); 11] = [
    ("1", "Lavender"),
    ("2", "Sage"),
    ("3", "Grape"),
    ("4", "Flamingo"),
    ("5", "Banana"),
    ("6", "Tangerine"),
    ("7", "Peacock"),
    ("8", "Graphite"),
    ("9", "Blueberry"),
    ("10", "Basil"),
    ("11", "Tomato"),
];
/// The names of its colours.
pub(super) const LABEL_NAMES: [&str; 11] = [
    LABELS[0].1,
    LABELS[1].1,
    LABELS[2].1,
    LABELS[3].1,
    LABELS[4].1,
    LABELS[5].1,
    LABELS[6].1,
    LABELS[7].1,
    LABELS[8].1,
    LABELS[9].1,
    LABELS[10].1,
];
const PRIMARY: &str = "primary";

/// The way to people's own events.
pub(super) struct GoogleForeign {
    pub target: Arc<GoogleTarget>,
    access: ForeignAccess,
}

/// An event's address: its calendar and its id there.
pub(super) struct Place<'a> {
    pub calendar: &'a str,
    event: &'a str,
}

impl<'a> Place<'a> {
    pub fn of(id: &'a RemoteId) -> Self {
        let (calendar, event) = id.0.split_once('/').unwrap_or((PRIMARY, &id.0));
        Self { calendar, event }
    }

    fn segments(&self) -> [&str; 4] {
        ["calendars", self.calendar, "events", self.event]
    }
}

impl GoogleForeign {
    pub fn new(target: Arc<GoogleTarget>, access: ForeignAccess) -> Self {
        Self { target, access }
    }

    async fn listed(
        &self,
        calendar: &CalendarKey,
        who: &As,
        (id, name): (&str, Option<&str>),
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let operation = format!("list what else there is at `{calendar}`");
        let (from, to) = (within.start().to_string(), within.end().to_string());
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let mut query = vec![
                ("singleEvents", "true"),
                ("timeMin", from.as_str()),
                ("timeMax", to.as_str()),
                ("maxResults", "2500"),
            ];
            if let Some(token) = &next {
                query.push(("pageToken", token));
            }
            let segments = ["calendars", id, "events"];
            let ask = Ask::new(Method::GET, &segments, who, Asked::Read, &operation);
            let ask = ask.query(&query);
            let page: Page<Value> = self.target.client().send(&ask).await?.json(&ask)?;
            let mirror = &self.target.setup.mirror;
            let events = page.items.into_iter().filter_map(|it| foreign(it, id, name));
            let is_ours =
                |it: &ForeignEvent| it.origin.as_ref().is_some_and(|it| it.mirror == *mirror);
            found.extend(events.filter(|it| !is_ours(it)));
            match page.next_page_token {
                Some(token) => next = Some(token),
                None => return Ok(found),
            }
        }
        let detail = format!("the list has more than {LIST_PAGES_MAX} pages");
        Err(Failure { class: FailureClass::Bug, operation, status: None, detail })
    }

    /// One event as it is now; `None` when it is gone, or lies in a trash.
    pub async fn now(
        &self,
        who: &As,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<Value>, Failure> {
        let operation = format!("look at somebody's event at `{calendar}`");
        let ask = self.ask(Method::GET, who, &Place::of(id), Asked::Read, operation);
        match self.target.client().send(&ask).await {
            Ok(done) => Ok(Some(done.json(&ask)?)),
            Err(failure) if matches!(failure.status, Some(404 | 410)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub fn ask(
        &self,
        method: Method,
        who: &As,
        place: &Place<'_>,
        asked: Asked,
        what: String,
    ) -> Ask {
        Ask::new(method, &place.segments(), who, asked, what)
    }

    pub async fn send(&self, ask: &Ask) -> Result<Option<ETag>, Failure> {
        match self.target.client().send(ask).await {
            Ok(done) => Ok(done.json::<Event>(ask).ok().and_then(|it| map::etag(&it))),
            // What is not theirs to change, nobody can change for them.
            Err(failure) if failure.class == FailureClass::Forbidden => {
                Err(Failure { class: FailureClass::Refused, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }

    pub async fn patch(
        &self,
        who: &As,
        (id, etag): (&RemoteId, Option<&ETag>),
        (body, updates): (Value, &str),
        what: String,
    ) -> Result<Option<ETag>, Failure> {
        let ask = self.ask(Method::PATCH, who, &Place::of(id), Asked::Update, what);
        let mut ask = ask.query(&[("sendUpdates", updates)]).json(&body);
        if let Some(etag) = etag {
            ask = ask.if_match(etag);
        }
        self.send(&ask).await
    }
}

pub(super) fn refused(calendar: &CalendarKey, detail: &str) -> Failure {
    Failure {
        class: FailureClass::Refused,
        operation: format!("change an event at `{calendar}`"),
        status: None,
        detail: detail.to_owned(),
    }
}

#[async_trait]
impl ForeignEvents for GoogleForeign {
    async fn overlapping(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let who = self.target.who(calendar);
        let mut found = self.listed(calendar, &who, (PRIMARY, None), within).await?;
        if let Home::Own(name) = &self.target.setup.home
            && let Some(id) = self.target.calendars.id(calendar, &who).await?
        {
            found.extend(self.listed(calendar, &who, (&id, Some(name)), within).await?);
        }
        if let Some((name, id)) = self.target.of_wishes(calendar, &who).await? {
            match self.listed(calendar, &who, (&id, Some(&name)), within).await {
                Ok(more) => found.extend(more),
                // Its owner removed it since.
                Err(failure) if failure.status == Some(404) => self.target.forget_wishing(calendar),
                Err(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure> {
        let who = self.target.who(calendar);
        let Some(raw) = self.now(&who, calendar, id).await? else { return Ok(None) };
        let place = Place::of(id);
        let setup = &self.target.setup;
        let name = match &setup.home {
            _ if self.target.is_of_wishes(calendar, place.calendar) => setup.wishes_in.as_deref(),
            Home::Own(name) if place.calendar != PRIMARY => Some(name.as_str()),
            Home::Own(_) | Home::Primary | Home::Shared { .. } => None,
        };
        let mirror = &self.target.setup.mirror;
        let found = foreign(raw, place.calendar, name);
        Ok(found.filter(|it| it.origin.as_ref().is_none_or(|it| it.mirror != *mirror)))
    }

    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        if self.access != ForeignAccess::Change {
            let detail = "`foreign_events` is \"read\"; expected \"change\" for this policy";
            return Err(refused(calendar, detail));
        }
        let who = self.target.who(calendar);
        let is_guest = matches!(event.role, ForeignRole::Attendee(_));
        match change {
            ForeignChange::Delete if is_guest => {
                Err(refused(calendar, "others organise it: it can be declined, not deleted"))
            }
            ForeignChange::Delete => {
                let what = format!("delete somebody's event at `{calendar}`");
                let place = Place::of(&event.id);
                let ask = self.ask(Method::DELETE, &who, &place, Asked::Delete, what);
                let mut ask = ask.query(&[("sendUpdates", told(event.role))]);
                if let Some(etag) = &event.etag {
                    ask = ask.if_match(etag);
                }
                self.send(&ask).await.map(|_| None)
            }
            ForeignChange::Decline { comment } => {
                let body = declined(&event.kept, comment)
                    .ok_or_else(|| refused(calendar, "nobody was asked whether they come"))?;
                let what = format!("decline a meeting at `{calendar}`");
                self.patch(&who, (&event.id, event.etag.as_ref()), (body, "all"), what).await
            }
            ForeignChange::Move { to, note } => {
                let what = format!("move somebody's event at `{calendar}`");
                let body = moved(&event.kept, to, note.as_deref());
                let updates = told(event.role);
                self.patch(&who, (&event.id, event.etag.as_ref()), (body, updates), what).await
            }
            ForeignChange::Relabel { of: _, by } => {
                let known = LABELS.iter().find(|(_, name)| name.eq_ignore_ascii_case(by));
                let (id, _) = known.ok_or_else(|| {
                    refused(calendar, "Google has colours for labels, and none of this name")
                })?;
                let what = format!("colour somebody's event at `{calendar}`");
                self.patch(
                    &who,
                    (&event.id, event.etag.as_ref()),
                    (json!({ "colorId": id }), "none"),
                    what,
                )
                .await
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

/// Who is told of a change: the guests, where somebody invited any to a meeting of their own.
fn told(role: ForeignRole) -> &'static str {
    match role {
        ForeignRole::Organiser => "all",
        ForeignRole::Owner | ForeignRole::Attendee(_) => "none",
    }
}

/// The same, of an event as it was kept.
pub(super) fn told_of(was: &Value) -> &'static str {
    let event: Event = serde_json::from_value(was.clone()).unwrap_or_default();
    told(role(&event))
}

/// An event that is not ours; `None` for what is deleted or cannot be placed in time.
fn foreign(value: Value, calendar: &str, name: Option<&str>) -> Option<ForeignEvent> {
    let event: Event = serde_json::from_value(value.clone()).ok()?;
    if map::is_cancelled(&event) {
        return None;
    }
    let span = map::span(&event)?;
    let id = RemoteId(format!("{calendar}/{}", event.id));
    let label = LABELS.iter().find(|(id, _)| Some(*id) == event.color_id.as_deref());
    let series = event.recurring_event_id.as_ref();
    Some(ForeignEvent {
        etag: map::etag(&event),
        span,
        show_as: show_as(&event),
        visibility: match event.visibility.as_deref() {
            Some("private" | "confidential") => Visibility::Private,
            Some(_) | None => Visibility::Default,
        },
        role: role(&event),
        series: series.map(|it| RemoteId(format!("{calendar}/{it}"))),
        calendar_name: name.map(String::from),
        categories: label.map(|(_, name)| (*name).to_owned()).into_iter().collect(),
        origin: map::origin(&event),
        context: MeetingContext {
            subject: event.summary.unwrap_or_default(),
            body: event.description,
            location: event.location,
            attendees: event.attendees.into_iter().map(|it| it.email).collect(),
            link: event.hangout_link.or(event.html_link),
        },
        kept: KeptEvent { id: id.clone(), body: value.to_string() },
        id,
    })
}

fn show_as(event: &Event) -> ForeignShowAs {
    let is_free = event.transparency.as_deref() == Some("transparent");
    match (event.event_type.as_deref(), event.status.as_deref()) {
        (Some("outOfOffice"), _) => ForeignShowAs::OutOfOffice,
        (Some("workingLocation"), _) => ForeignShowAs::WorkingElsewhere,
        _ if is_free => ForeignShowAs::Free,
        (_, Some("tentative")) => ForeignShowAs::Tentative,
        _ => ForeignShowAs::Busy,
    }
}

fn role(event: &Event) -> ForeignRole {
    let own = event.attendees.iter().find(|it| it.is_self == Some(true));
    match (event.organizer.is_self, own) {
        (Some(true), _) | (_, None) if event.attendees.is_empty() => ForeignRole::Owner,
        (Some(true), _) => ForeignRole::Organiser,
        (_, own) => {
            let response = own.and_then(|it| it.response_status.as_deref());
            ForeignRole::Attendee(match response {
                Some("accepted") => Response::Accepted,
                Some("tentative") => Response::Tentative,
                Some("declined") => Response::Declined,
                Some(_) | None => Response::None,
            })
        }
    }
}

/// The guests as they are, but for the own answer; `None` where the person is none of them.
fn declined(kept: &KeptEvent, comment: &str) -> Option<Value> {
    let event: Value = serde_json::from_str(&kept.body).ok()?;
    answered(&event, "declined", comment.into())
}

/// The guests of an event, with this as the own answer.
pub(super) fn answered(event: &Value, response: &str, comment: Value) -> Option<Value> {
    let mut attendees = event.get("attendees")?.as_array()?.clone();
    let own = attendees.iter_mut().find(|it| it["self"] == true)?;
    own["responseStatus"] = response.into();
    own["comment"] = comment;
    Some(json!({ "attendees": attendees }))
}

fn moved(kept: &KeptEvent, to: &EventSpan, note: Option<&str>) -> Value {
    let at = |at: Timestamp| json!({ "dateTime": at.to_string(), "date": null });
    let (start, end) = match to {
        EventSpan::Timed(interval) => (at(interval.start()), at(interval.end())),
        EventSpan::AllDay { first, end } => (
            json!({ "date": first.to_string(), "dateTime": null }),
            json!({ "date": end.to_string(), "dateTime": null }),
        ),
    };
    let mut body = json!({ "start": start, "end": end });
    if let Some(note) = note {
        let event: Value = serde_json::from_str(&kept.body).unwrap_or_default();
        body["description"] = noted(&event, note).into();
    }
    body
}

/// An event's text with a note at its end.
pub(super) fn noted(event: &Value, note: &str) -> String {
    match event["description"].as_str() {
        Some(text) if !text.is_empty() => format!("{text}\n\n{note}"),
        Some(_) | None => note.to_owned(),
    }
}
