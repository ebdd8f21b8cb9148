//! Between our terms and Google's: what an event's id is, what an event shows. Pure.
//!
//! What Google has no place for is kept in private extended properties of our copy: whose the event
//! is, its labels, and which kind of absence "busy" means. What people add to our events (a colour,
//! a reminder, guests) is passed over, unless the profile asked for one of its own.

use domain::{
    CalendarEvent, Colour, Contact, EventExtras, EventSpan, Fingerprint, Fingerprinter, ItemKey,
    MirrorName, OriginTag, ShowAs, UtcInterval, Visibility,
};
use engine::port::{Content, ETag, Item, RemoteId, RemoteItem};
use jiff::Timestamp;
use jiff::civil::Date;

use super::wire::{Attendee, Event, Moment, NewEvent, Properties, Reminder, Reminders};

/// The origin tag.
pub(super) const ORIGIN: &str = "rotabridge";
/// The mirror, so that its events can be asked for.
pub(super) const MIRROR: &str = "rotabridge-mirror";
const LABELS: &str = "rotabridge-labels";
const SHOW_AS: &str = "rotabridge-show-as";
const EXTRAS: &str = "rotabridge-extras";
const COLOUR: &str = "rotabridge-colour";
const ORGANIZER: &str = "rotabridge-organizer";
/// Characters of one property's value: Google takes 1,024.
const VALUE_CHARS_MAX: usize = 1000;
const CONFIRMED: &str = "confirmed";
const TENTATIVE: &str = "tentative";
pub(super) const CANCELLED: &str = "cancelled";

/// The id of an event: base32hex, as Google wants it (`^[a-v0-9]{5,1024}$`). The calendar is not
/// in it: an id is unique within one, and one account's calendar stays the same under another
/// address.
pub(super) fn event_id(mirror: &MirrorName, item: &ItemKey, generation: u32) -> RemoteId {
    let ItemKey { entity, part } = item;
    let mut print = Fingerprinter::new("google_event/1");
    print
        .text(mirror.as_str())
        .text(entity.kind.as_str())
        .text(entity.id.as_str())
        .number(i64::from(generation));
    if !part.is_main() {
        print.text(&part.to_string());
    }
    RemoteId(format!("rb{}", print.finish()))
}

/// The event that is written for an item; `None` for an item that is no event.
pub(super) fn new_event(item: &Item) -> Option<(NewEvent, Fingerprint)> {
    let Item { content, origin, revision: _ } = item;
    let event = match content {
        Content::Event(event) => event,
        Content::Schedule(_) => return None,
    };
    let fingerprint = event.fingerprint();
    let CalendarEvent {
        summary,
        description,
        location,
        categories,
        span,
        show_as,
        visibility,
        extras,
    } = event;
    let mut private = Properties::default().private;
    private.insert(ORIGIN.into(), origin.to_string());
    private.insert(MIRROR.into(), origin.mirror.to_string());
    private.extend(pieces(LABELS, categories));
    if let Some(word) = said_privately(*show_as) {
        private.insert(SHOW_AS.into(), word.into());
    }
    let EventExtras { colour, reminder_minutes, organizer, attendees } = extras;
    if !extras.is_empty() {
        private.insert(EXTRAS.into(), extras.set());
    }
    if let Some(colour) = colour {
        private.insert(COLOUR.into(), colour.css().into());
    }
    if let Some(organizer) = organizer {
        private.extend(pieces(ORGANIZER, organizer));
    }
    let popup = |minutes: &u32| Reminder { method: "popup".into(), minutes: *minutes };
    let (start, end) = moments(span);
    let event = NewEvent {
        id: None,
        status: match show_as {
            ShowAs::Tentative => TENTATIVE,
            ShowAs::Busy | ShowAs::Free | ShowAs::OutOfOffice | ShowAs::WorkingElsewhere => {
                CONFIRMED
            }
        },
        // Never `outOfOffice`, which may decline meetings by itself (calendars.md §2.8).
        event_type: "default",
        summary: summary.clone(),
        start,
        end,
        description: description.clone(),
        location: location.clone(),
        transparency: match show_as {
            ShowAs::Free => "transparent",
            ShowAs::Busy | ShowAs::OutOfOffice | ShowAs::Tentative | ShowAs::WorkingElsewhere => {
                "opaque"
            }
        },
        visibility: match visibility {
            Visibility::Default => "default",
            Visibility::Private => "private",
        },
        color_id: colour.map(color_id),
        reminders: Reminders {
            use_default: false,
            overrides: reminder_minutes.iter().map(popup).collect(),
        },
        attendees: organizer.iter().chain(attendees).map(attendee).collect(),
        extended_properties: Properties { private },
    };
    Some((event, fingerprint))
}

fn attendee(contact: &Contact) -> Attendee {
    Attendee {
        email: contact.email().to_owned(),
        display_name: contact.name().map(String::from),
        ..Attendee::default()
    }
}

fn moments(span: &EventSpan) -> (Moment, Moment) {
    let at = |at: Timestamp| Moment { date_time: Some(at.to_string()), ..Moment::default() };
    let on = |day: Date| Moment { date: Some(day.to_string()), ..Moment::default() };
    match span {
        EventSpan::Timed(interval) => (at(interval.start()), at(interval.end())),
        EventSpan::AllDay { first, end } => (on(*first), on(*end)),
    }
}

/// What "busy" does not say.
const fn said_privately(show_as: ShowAs) -> Option<&'static str> {
    match show_as {
        ShowAs::Busy | ShowAs::Free | ShowAs::Tentative => None,
        ShowAs::OutOfOffice => Some("out_of_office"),
        ShowAs::WorkingElsewhere => Some("working_elsewhere"),
    }
}

/// The nearest of Google's colours (colors.get of 2026-10: 1 lavender, 2 sage, 3 grape, 4
/// flamingo, 5 banana, 6 tangerine, 7 peacock, 8 graphite, 9 blueberry, 10 basil, 11 tomato).
const fn color_id(colour: Colour) -> &'static str {
    match colour {
        Colour::Red => "11",
        Colour::Orange | Colour::Brown => "6",
        Colour::Yellow => "5",
        Colour::Green => "10",
        Colour::Teal => "7",
        Colour::Blue => "9",
        Colour::Purple => "3",
        Colour::Pink => "4",
        Colour::Grey => "8",
    }
}

/// A value as JSON in as many properties as it needs; none for an empty list.
fn pieces(name: &str, value: &impl serde::Serialize) -> Vec<(String, String)> {
    let text = serde_json::to_string(value).unwrap_or_default();
    if text == "[]" {
        return vec![];
    }
    let letters: Vec<char> = text.chars().collect();
    let chunks = letters.chunks(VALUE_CHARS_MAX).enumerate();
    chunks.map(|(number, it)| (format!("{name}-{number}"), it.iter().collect())).collect()
}

fn joined<T: serde::de::DeserializeOwned>(name: &str, properties: &Properties) -> Option<T> {
    let mut text = String::new();
    for number in 0.. {
        match properties.private.get(&format!("{name}-{number}")) {
            Some(piece) => text.push_str(piece),
            None => break,
        }
    }
    serde_json::from_str(&text).ok()
}

/// Whether it was deleted.
pub(super) fn is_cancelled(event: &Event) -> bool {
    event.status.as_deref() == Some(CANCELLED)
}

/// When an event is; `None` when that cannot be read.
pub(super) fn span(event: &Event) -> Option<EventSpan> {
    let Event { start, end, .. } = event;
    match (&start.date, &end.date, &start.date_time, &end.date_time) {
        (Some(first), Some(end), None, None) => {
            let (first, end) = (first.parse().ok()?, end.parse().ok()?);
            (first < end).then_some(EventSpan::AllDay { first, end })
        }
        (None, None, Some(start), Some(end)) => {
            let interval = UtcInterval::new(start.parse().ok()?, end.parse().ok()?).ok()?;
            Some(EventSpan::Timed(interval))
        }
        _ => None,
    }
}

/// What an event shows, in our terms; `None` when it cannot be said in them.
fn shown(event: &Event) -> Option<CalendarEvent> {
    if !event.recurrence.is_empty() || event.recurring_event_id.is_some() {
        return None;
    }
    if event.event_type.as_deref().is_some_and(|it| it != "default") {
        return None;
    }
    let properties = &event.extended_properties;
    let private = |name: &str| properties.private.get(name).map(String::as_str);
    let free = event.transparency.as_deref() == Some("transparent");
    let show_as = match (free, event.status.as_deref(), private(SHOW_AS)) {
        (true, _, _) => ShowAs::Free,
        (false, Some(TENTATIVE), _) => ShowAs::Tentative,
        (false, _, Some("out_of_office")) => ShowAs::OutOfOffice,
        (false, _, Some("working_elsewhere")) => ShowAs::WorkingElsewhere,
        (false, _, _) => ShowAs::Busy,
    };
    let visibility = match event.visibility.as_deref() {
        None | Some("default" | "public") => Visibility::Default,
        Some(_) => Visibility::Private,
    };
    Some(CalendarEvent {
        summary: event.summary.clone().unwrap_or_default(),
        description: event.description.clone(),
        location: event.location.clone(),
        categories: joined(LABELS, properties).unwrap_or_default(),
        span: span(event)?,
        show_as,
        visibility,
        extras: extras(event),
    })
}

fn extras(event: &Event) -> EventExtras {
    let properties = &event.extended_properties;
    let written = properties.private.get(COLOUR).and_then(|it| Colour::from_css(it));
    let seen = event.color_id.as_deref();
    let colour = match written {
        Some(colour) if seen == Some(color_id(colour)) => Some(colour),
        _ => Colour::ALL.into_iter().find(|it| Some(color_id(*it)) == seen),
    };
    let organizer: Option<Contact> = joined(ORGANIZER, properties);
    let contact = |it: &Attendee| Contact::new(&it.email, it.display_name.as_deref()).ok();
    let mut attendees: Vec<Contact> = event.attendees.iter().filter_map(contact).collect();
    attendees.retain(|it| organizer.as_ref().is_none_or(|other| other.email() != it.email()));
    attendees.sort();
    let reminders = event.reminders.as_ref();
    let reminder_minutes = reminders.and_then(|it| it.overrides.first()).map(|it| it.minutes);
    let mut extras = EventExtras { colour, reminder_minutes, organizer, attendees };
    extras.keep(properties.private.get(EXTRAS).map_or("", String::as_str));
    extras
}

/// What is known of an event without reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The mirror that asks.
    pub mirror: &'a MirrorName,
    /// The item that it should be, and its generation.
    pub item: Option<(&'a ItemKey, u32)>,
}

/// What an event is to us.
///
/// Its origin is the tag of an event whose id is the one that the tag's mirror would give: a copy
/// that a person makes has every property under an id of its own, and is no more ours than a tag
/// that somebody made up. Where the tag was taken off, the id says it alone, if it is the one that
/// we would give to the expected entity. Then the entity's fingerprint is not known, and all zeros
/// stand for it.
pub(super) fn remote_item(event: &Event, expected: Expected<'_>) -> RemoteItem {
    let Expected { mirror, item } = expected;
    let origin = origin(event).or_else(|| {
        let (item, generation) = item?;
        let ours = event_id(mirror, item, generation).0 == event.id;
        ours.then(|| OriginTag {
            mirror: mirror.clone(),
            key: item.entity.clone(),
            part: item.part,
            generation,
            entity: Fingerprint::from_bytes([0; 16]),
        })
    });
    let span = span(event);
    let is_series = !event.recurrence.is_empty();
    RemoteItem {
        remote_id: RemoteId(event.id.clone()),
        etag: etag(event),
        origin,
        fingerprint: shown(event).map(|it| it.fingerprint()),
        natural_key: None,
        span: span.filter(|_| !is_series),
        ends_at: span.filter(|_| !is_series).map(|it| it.is_over_at()),
    }
}

/// The tag of an event, if the event's id proves it.
pub(super) fn origin(event: &Event) -> Option<OriginTag> {
    let tag: OriginTag = event.extended_properties.private.get(ORIGIN)?.parse().ok()?;
    let proof = event_id(&tag.mirror, &tag.item(), tag.generation);
    (proof.0 == event.id).then_some(tag)
}

/// The version of an event.
pub(super) fn etag(event: &Event) -> Option<ETag> {
    event.etag.clone().map(ETag)
}
