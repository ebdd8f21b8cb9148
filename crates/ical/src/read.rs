//! From an object that a server gave back to what its events show.
//!
//! Servers rewrite what they store: they fold anew, reorder, add `VTIMEZONE`, turn `Z` into a
//! `TZID`, drop extension properties. So only the meaning is read: an event that we wrote gives
//! [`crate::representable`] of what was written, however it was rewritten on the way. One thing
//! has no standard property: `ShowAs::OutOfOffice` and `ShowAs::WorkingElsewhere` come back as
//! `Busy` from a server that drops `X-MICROSOFT-CDO-BUSYSTATUS`. Colour, reminder and people count
//! only as far as our own mark names them: what a person added is theirs.
//!
//! Reading never panics and never takes an object that was cut short for a whole one. It does not
//! expand recurrence: a recurring event shows its first occurrence and says that it recurs.

use calcard::icalendar::{
    ICalendar, ICalendarClassification, ICalendarComponent, ICalendarComponentType, ICalendarEntry,
    ICalendarParameterName, ICalendarProperty, ICalendarStatus, ICalendarTransparency,
    ICalendarValue,
};
use calcard::{Entry, Parser};
use domain::{CalendarEvent, Colour, Contact, EventExtras, OriginTag, ShowAs, Visibility};

use crate::schedule::{EXTRAS_PROPERTY, ORIGIN_PROPERTY, representable};
use crate::unfold::{unfold, unshield};
use crate::zone::Zones;

mod span;

/// One event as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadEvent {
    /// Its `UID`; absent where the object broke the rule that it has one.
    pub uid: Option<String>,
    /// Its `SEQUENCE`, if it has a sensible one.
    pub sequence: Option<u32>,
    /// The mark that we wrote it, if the server kept it.
    pub origin: Option<OriginTag>,
    /// What it shows, or why that cannot be said.
    pub event: Result<CalendarEvent, Unreadable>,
    /// Whether it recurs or is one exception of a recurring event.
    pub recurring: bool,
    /// Whether it says that it does not take place.
    pub cancelled: bool,
}

/// Why bytes are not an iCalendar object.
///
/// Holds nothing of the content, which is about people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There are too many bytes.
    #[error("object has {bytes} bytes; expected at most {max}")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many may be.
        max: usize,
    },
    /// There are too many lines.
    #[error("object has more than {max} lines")]
    TooManyLines {
        /// How many may be.
        max: usize,
    },
    /// Nothing in it is iCalendar.
    #[error("no line begins a component; expected `BEGIN:VCALENDAR`")]
    NotCalendar,
    /// It ends before one of its components does, as a truncated answer would.
    #[error("component `{component}` does not end")]
    Unterminated {
        /// The innermost component that is open at the end.
        component: String,
    },
    /// A component ends that is not the innermost open one.
    #[error("`END:{component}` closes no open component")]
    Unbalanced {
        /// The component whose end was found.
        component: String,
    },
}

/// Why an event cannot be shown as one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It has no start.
    #[error("no DTSTART")]
    NoStart,
    /// A time is not a time of the calendar.
    #[error("{property} is not a date or a time")]
    BadTime {
        /// The property that holds it.
        property: &'static str,
    },
    /// A local time has no zone, and the object does not say where it is meant.
    #[error("{property} is a local time without a zone")]
    Floating {
        /// The property that holds it.
        property: &'static str,
    },
    /// A local time has a zone that nobody knows.
    #[error("{property} is in zone `{tzid}`, which is neither known nor described")]
    UnknownZone {
        /// The property that holds it.
        property: &'static str,
        /// The name of the zone, shortened.
        tzid: String,
    },
    /// One end is a day and the other an instant.
    #[error("one end is a day and the other a time")]
    Mixed,
    /// It ends before or when it starts.
    #[error("the end is not after the start")]
    Empty,
    /// The start or the end is outside the years that can be represented.
    #[error("a time is outside the years that can be represented")]
    Range,
}

/// Reads all events of an object: a stored `VCALENDAR`, a feed, or several of them in a row.
///
/// Other components are passed over; an object without events is an empty list.
///
/// # Errors
/// When the bytes are too many, are not iCalendar, or were cut short.
pub fn read_object(bytes: &[u8]) -> Result<Vec<ReadEvent>, ReadError> {
    let text = unfold(bytes)?;
    let mut parser = Parser::new(&text);
    let mut events = Vec::new();
    let mut found = false;
    loop {
        match parser.entry() {
            Entry::ICalendar(object) => {
                found = true;
                let zones = Zones::new(&object);
                let is_event = |component: &&ICalendarComponent| {
                    component.component_type == ICalendarComponentType::VEvent
                };
                let components = object.components.iter().filter(is_event);
                events.extend(components.map(|it| read_event(&object, it, &zones)));
            }
            Entry::Eof if found => return Ok(events),
            Entry::Eof => return Err(ReadError::NotCalendar),
            // Stray lines between objects, and address cards.
            _ => {}
        }
    }
}

fn read_event<'o>(
    object: &'o ICalendar,
    component: &'o ICalendarComponent,
    zones: &Zones<'o>,
) -> ReadEvent {
    let first = |name| component.property(&name);
    let status = first(ICalendarProperty::Status).and_then(value);
    ReadEvent {
        uid: text(component, &ICalendarProperty::Uid).map(|uid| uid.trim().to_owned()),
        sequence: match first(ICalendarProperty::Sequence).and_then(value) {
            Some(ICalendarValue::Integer(number)) => u32::try_from(*number).ok(),
            _ => None,
        },
        origin: extension(component, ORIGIN_PROPERTY).and_then(|text| text.trim().parse().ok()),
        event: read_content(object, component, zones),
        recurring: component.is_recurrent_or_override(),
        cancelled: matches!(status, Some(ICalendarValue::Status(ICalendarStatus::Cancelled))),
    }
}

fn read_content<'o>(
    object: &'o ICalendar,
    component: &'o ICalendarComponent,
    zones: &Zones<'o>,
) -> Result<CalendarEvent, Unreadable> {
    let categories = component
        .properties(&ICalendarProperty::Categories)
        .flat_map(|entry| &entry.values)
        .filter_map(|value| value.as_text().map(unshield));
    let event = CalendarEvent {
        summary: text(component, &ICalendarProperty::Summary).unwrap_or_default().to_owned(),
        description: text(component, &ICalendarProperty::Description).map(str::to_owned),
        location: text(component, &ICalendarProperty::Location).map(str::to_owned),
        categories: categories.collect(),
        span: span::read_span(component, zones)?,
        show_as: show_as(component),
        visibility: visibility(component),
        extras: extension(component, EXTRAS_PROPERTY)
            .map(|mark| extras(object, component, &mark))
            .unwrap_or_default(),
    };
    Ok(representable(&event))
}

/// What our own mark says that we set.
fn extras(object: &ICalendar, component: &ICalendarComponent, mark: &str) -> EventExtras {
    let color = text(component, &ICalendarProperty::Color);
    let people = component.properties(&ICalendarProperty::Attendee);
    let mut extras = EventExtras {
        colour: color.and_then(Colour::from_css),
        reminder_minutes: reminder(object, component),
        organizer: component.property(&ICalendarProperty::Organizer).and_then(contact),
        attendees: people.filter_map(contact).collect(),
    };
    extras.keep(mark);
    extras
}

fn contact(entry: &ICalendarEntry) -> Option<Contact> {
    let name = entry.parameter(&ICalendarParameterName::Cn).and_then(|name| name.as_text());
    let address = entry.calendar_address()?;
    // Calcard knows the scheme in lower case only; Exchange writes `MAILTO:`.
    let email = match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &address[7..],
        Some(_) | None => address,
    };
    Contact::new(email, name).ok()
}

/// The first alarm that rings before the start, in whole minutes.
fn reminder(object: &ICalendar, component: &ICalendarComponent) -> Option<u32> {
    let alarms = component.component_ids.iter().filter_map(|id| object.component_by_id(*id));
    let alarms = alarms.filter(|it| it.component_type == ICalendarComponentType::VAlarm);
    alarms
        .filter_map(|alarm| match alarm.property(&ICalendarProperty::Trigger).and_then(value)? {
            ICalendarValue::Duration(duration) => {
                let seconds = duration.as_seconds().checked_neg()?;
                (seconds % 60 == 0).then(|| u32::try_from(seconds / 60).ok())?
            }
            _ => None,
        })
        .next()
}

/// `TRANSP` is what every client keeps up to date; the extension refines it, and speaks alone
/// where `TRANSP` is absent.
fn show_as(component: &ICalendarComponent) -> ShowAs {
    let transparency = match component.property(&ICalendarProperty::Transp).and_then(value) {
        Some(ICalendarValue::Transparency(transparency)) => Some(transparency),
        _ => None,
    };
    let status = extension(component, "X-MICROSOFT-CDO-BUSYSTATUS").unwrap_or_default();
    let says = |word: &str| status.trim().eq_ignore_ascii_case(word);
    let is_tentative = matches!(
        component.property(&ICalendarProperty::Status).and_then(value),
        Some(ICalendarValue::Status(ICalendarStatus::Tentative))
    );
    match transparency {
        Some(ICalendarTransparency::Transparent) => ShowAs::Free,
        Some(ICalendarTransparency::Opaque) | None if says("OOF") => ShowAs::OutOfOffice,
        Some(ICalendarTransparency::Opaque) | None if says("WORKINGELSEWHERE") => {
            ShowAs::WorkingElsewhere
        }
        Some(ICalendarTransparency::Opaque) | None if says("TENTATIVE") || is_tentative => {
            ShowAs::Tentative
        }
        None if says("FREE") => ShowAs::Free,
        Some(ICalendarTransparency::Opaque) | None => ShowAs::Busy,
    }
}

fn visibility(component: &ICalendarComponent) -> Visibility {
    match component.property(&ICalendarProperty::Class).and_then(value) {
        Some(ICalendarValue::Classification(
            ICalendarClassification::Private | ICalendarClassification::Confidential,
        )) => Visibility::Private,
        // RFC 5545 §3.8.1.3: a class that is not known counts as private.
        Some(ICalendarValue::Text(_)) => Visibility::Private,
        _ => Visibility::Default,
    }
}

fn value(entry: &ICalendarEntry) -> Option<&ICalendarValue> {
    entry.values.first()
}

fn text<'c>(component: &'c ICalendarComponent, name: &ICalendarProperty) -> Option<&'c str> {
    component.property(name).and_then(value)?.as_text()
}

/// The text of an extension property. Calcard cuts it at semicolons that are not escaped; some
/// servers write them so.
fn extension(component: &ICalendarComponent, wanted: &str) -> Option<String> {
    component.entries.iter().find_map(|entry| match &entry.name {
        ICalendarProperty::Other(name) if name.eq_ignore_ascii_case(wanted) => {
            let parts: Vec<_> = entry.values.iter().filter_map(ICalendarValue::as_text).collect();
            Some(parts.join(";"))
        }
        _ => None,
    })
}
