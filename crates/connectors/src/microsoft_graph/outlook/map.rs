//! Between our events and Graph's. Pure.
//!
//! Times go as UTC. Texts go as text: Exchange keeps them so, and Outlook and Teams show them with
//! their line ends. What Exchange rewrites without meaning (line ends, HTML around it, the order
//! of categories) does not count when an event is read back.
//!
//! Not written: the extras' colour (Outlook has none for an event, only for a category), organiser
//! and attendees (Graph mails everybody who is named, Learn, "Create event"). The configuration
//! refuses them ([`super::config`]).

use domain::{
    CalendarEvent, EntityKey, EventExtras, EventSpan, ItemKey, MirrorName, OriginTag, ShowAs,
    UtcInterval, Visibility,
};
use engine::port::{ETag, ListEntry, RemoteId, RemoteItem};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::wire::{Body, DateTime, Event};

/// Our origin tag. The GUID is ours alone; names are told apart by case (`calendars.md` §1.4).
pub const ORIGIN: &str = "String {7c1f1d0e-6a52-5f0e-9a54-3f0b7d3c9a11} Name RotabridgeOrigin";
/// What an item is found by: the same text as its `transactionId`.
pub const ITEM: &str = "String {7c1f1d0e-6a52-5f0e-9a54-3f0b7d3c9a11} Name RotabridgeItem";
/// Which request made it: another value with each, so that an answer which tells it is of the event
/// that this very request made, and not of one that was there.
pub const MADE: &str = "String {7c1f1d0e-6a52-5f0e-9a54-3f0b7d3c9a11} Name RotabridgeMade";
/// Whose a calendar is that we made, under whatever name its owner gives it.
pub const CALENDAR: &str = "String {7c1f1d0e-6a52-5f0e-9a54-3f0b7d3c9a11} Name RotabridgeCalendar";

/// What transaction ids and the marks of calendars are made in.
pub const MARKS: Uuid = Uuid::from_u128(0x7c1f_1d0e_6a52_5f0e_9a54_3f0b_7d3c_9a11);

/// What makes an item once only in a mailbox, and what it is found by there: the same for the same
/// arguments. The mailbox is not among them: it has more than one address.
#[must_use]
pub fn transaction_id(mirror: &MirrorName, key: &ItemKey, generation: u32) -> String {
    let ItemKey { entity: EntityKey { kind, id }, part } = key;
    let text = format!("{mirror}\n{generation}\n{part}\n{kind}\n{id}");
    Uuid::new_v5(&MARKS, text.as_bytes()).to_string()
}

/// What is written of a new event, by the request `made`.
#[must_use]
pub fn new_body(event: &CalendarEvent, origin: &OriginTag, item: &str, made: &str) -> Value {
    let mut body = body(event, origin, item);
    if let Some(marks) = body["singleValueExtendedProperties"].as_array_mut() {
        marks.push(json!({ "id": MADE, "value": made }));
    }
    body["transactionId"] = item.into();
    body
}

/// What is written of an event that is there.
#[must_use]
pub fn body(event: &CalendarEvent, origin: &OriginTag, item: &str) -> Value {
    let CalendarEvent {
        summary,
        description,
        location,
        categories,
        span,
        show_as,
        visibility,
        extras: EventExtras { colour: _, reminder_minutes, organizer: _, attendees: _ },
    } = event;
    let (start, end, all_day) = match span {
        EventSpan::Timed(it) => (utc(it.start()), utc(it.end()), false),
        EventSpan::AllDay { first, end } => (midnight(*first), midnight(*end), true),
    };
    let mut body = json!({
        "subject": summary,
        "body": { "contentType": "text", "content": description.as_deref().unwrap_or_default() },
        "location": { "displayName": location.as_deref().unwrap_or_default() },
        "categories": categories, "start": start, "end": end, "isAllDay": all_day,
        "showAs": show_as_text(*show_as), "sensitivity": sensitivity(*visibility),
        "isReminderOn": reminder_minutes.is_some(), "responseRequested": false,
        "singleValueExtendedProperties": [
            { "id": ORIGIN, "value": origin.to_string() }, { "id": ITEM, "value": item },
        ],
    });
    if let (Some(minutes), Value::Object(map)) = (reminder_minutes, &mut body) {
        map.insert("reminderMinutesBeforeStart".into(), (*minutes).into());
    }
    body
}

/// A time as Graph takes it.
#[must_use]
pub fn utc(at: Timestamp) -> Value {
    let civil = at.to_zoned(TimeZone::UTC).datetime();
    json!({ "dateTime": civil.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": "UTC" })
}

fn midnight(day: civil::Date) -> Value {
    json!({ "dateTime": format!("{day}T00:00:00"), "timeZone": "UTC" })
}

const fn show_as_text(show_as: ShowAs) -> &'static str {
    match show_as {
        ShowAs::Busy => "busy",
        ShowAs::Free => "free",
        ShowAs::OutOfOffice => "oof",
        ShowAs::Tentative => "tentative",
        ShowAs::WorkingElsewhere => "workingElsewhere",
    }
}

const fn sensitivity(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Default => "normal",
        Visibility::Private => "private",
    }
}

/// A vendor's event in our terms, extras as far as it holds any; `None` when it cannot be said.
#[must_use]
pub fn event(event: &Event) -> Option<CalendarEvent> {
    let show_as = match event.show_as.as_deref()? {
        "busy" => ShowAs::Busy,
        "free" => ShowAs::Free,
        "oof" => ShowAs::OutOfOffice,
        "tentative" => ShowAs::Tentative,
        "workingElsewhere" => ShowAs::WorkingElsewhere,
        _ => return None,
    };
    let visibility = match event.sensitivity.as_deref() {
        None | Some("normal") => Visibility::Default,
        Some("private") => Visibility::Private,
        Some(_) => return None,
    };
    // What a person made a series of, or called off, shows more than we ever write.
    if event.kind.as_deref().is_some_and(|it| it != "singleInstance")
        || event.is_cancelled == Some(true)
    {
        return None;
    }
    let reminds = event.is_reminder_on == Some(true);
    let minutes = event.reminder_minutes_before_start.filter(|_| reminds);
    let mut categories = event.categories.clone().unwrap_or_default();
    categories.sort_unstable();
    categories.dedup();
    let filled = |text: Option<String>| text.filter(|it| !it.trim().is_empty());
    Some(CalendarEvent {
        summary: event.subject.clone().unwrap_or_default(),
        description: filled(event.body.as_ref().map(text)),
        location: filled(event.location.as_ref().and_then(|it| it.display_name.clone())),
        categories,
        span: span(event)?,
        show_as,
        visibility,
        extras: EventExtras {
            reminder_minutes: minutes.and_then(|it| u32::try_from(it).ok()),
            ..EventExtras::default()
        },
    })
}

/// An event with nothing in it that is not written, as it is read back.
#[must_use]
pub fn as_read(event: &CalendarEvent) -> CalendarEvent {
    let EventExtras { colour: _, reminder_minutes, organizer: _, attendees: _ } = event.extras;
    let extras = EventExtras { reminder_minutes, ..EventExtras::default() };
    CalendarEvent { extras, ..event.clone() }
}

/// When an event is.
#[must_use]
pub fn span(event: &Event) -> Option<EventSpan> {
    let (start, end) = (event.start.as_ref()?, event.end.as_ref()?);
    if event.is_all_day == Some(true) {
        let day = |it: &DateTime| Some(civil_of(it)?.date());
        let (first, end) = (day(start)?, day(end)?);
        return (first < end).then_some(EventSpan::AllDay { first, end });
    }
    let (start, end) = (instant(start)?, instant(end)?);
    UtcInterval::new(start, end).ok().map(EventSpan::Timed)
}

fn civil_of(at: &DateTime) -> Option<civil::DateTime> {
    at.date_time.trim_end_matches('Z').parse().ok()
}

fn instant(at: &DateTime) -> Option<Timestamp> {
    let zone = match at.time_zone.as_deref() {
        None | Some("UTC") => TimeZone::UTC,
        Some(name) => TimeZone::get(name).ok()?,
    };
    Some(civil_of(at)?.to_zoned(zone).ok()?.timestamp())
}

/// The text of a body, without markup, with `\n` at the ends of lines.
#[must_use]
pub fn text(body: &Body) -> String {
    let content = body.content.as_deref().unwrap_or_default();
    let is_html = body.content_type.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("html"));
    let text = if is_html { without_markup(content) } else { content.to_owned() };
    text.replace("\r\n", "\n").trim_end().to_owned()
}

/// What is to be read of HTML as Exchange writes it.
fn without_markup(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let from = lower.find("<body").and_then(|at| Some(at + lower[at..].find('>')? + 1));
    let to = lower.rfind("</body");
    let inner = match (from, to) {
        (Some(from), Some(to)) if from <= to => &html[from..to],
        _ => html,
    };
    let inner = inner.replace(['\r', '\n'], "");
    let (mut text, mut rest) = (String::with_capacity(inner.len()), inner.as_str());
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find('>').map_or(rest.len(), |it| at + it + 1);
        let tag = rest[at..end].to_ascii_lowercase();
        if ["<br", "</p", "</div", "</li", "</tr"].iter().any(|it| tag.starts_with(it)) {
            text.push('\n');
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    for (entity, character) in entities {
        text = text.replace(entity, character);
    }
    text.replace("&amp;", "&").trim().to_owned()
}

/// Who made an event, as its own mark says. A copy that a person made carries the mark, too, but
/// not the `transactionId` that its other mark names: it is theirs.
#[must_use]
pub fn origin(event: &Event) -> Option<OriginTag> {
    let origin: OriginTag = mark(event, ORIGIN)?.parse().ok()?;
    let made_as = event.transaction_id.as_deref()?;
    mark(event, ITEM)?.eq_ignore_ascii_case(made_as).then_some(origin)
}

/// One of our marks, where an event was read with them.
#[must_use]
pub fn mark<'e>(event: &'e Event, id: &str) -> Option<&'e str> {
    let properties = event.single_value_extended_properties.as_deref().unwrap_or_default();
    properties.iter().find(|it| it.id.eq_ignore_ascii_case(id))?.value.as_deref()
}

/// The version of an event.
#[must_use]
pub fn etag(event: &Event) -> Option<ETag> {
    event.etag.clone().map(ETag)
}

/// An event as the engine sees it.
#[must_use]
pub fn item(found: &Event) -> RemoteItem {
    let span = span(found);
    RemoteItem {
        remote_id: RemoteId(found.id.clone()),
        etag: etag(found),
        origin: origin(found),
        fingerprint: event(found).map(|it| it.fingerprint()),
        natural_key: None,
        span,
        ends_at: span.map(|it| it.is_over_at()),
    }
}

/// An event of a listing that was read with its marks.
#[must_use]
pub fn entry(found: &Event) -> ListEntry {
    let item = item(found);
    ListEntry { remote_id: item.remote_id.clone(), etag: item.etag.clone(), item: Some(item) }
}
