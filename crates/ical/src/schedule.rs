//! What a calendar shows, as a `VEVENT`: in feeds, and as single objects for CalDAV.
//!
//! The rules that satisfy all servers and clients we know of (RFC 5545, RFC 7986; what differs
//! between them is in the lint's documentation): always `UID`, `DTSTAMP`, `DTSTART`, `DTEND` and
//! `SUMMARY`; instants in UTC with `Z` and no `TZID`; never `METHOD`; `COLOR`, `VALARM`,
//! `ORGANIZER` and `ATTENDEE` only where the mapping asks for them, and people always with
//! `SCHEDULE-AGENT=NONE` (RFC 6638 §7.1), so that no server sends mail for it. `DTSTAMP` is the
//! time of the last revision, not of the answer: with `METHOD` absent that is its meaning
//! (§3.8.7.2), and it makes the bytes stable, so that an ETag over them works.
//!
//! The way back is [`crate::read`].

use std::time::Duration;

use domain::{CalendarEvent, EventExtras, EventSpan, OriginTag, ShowAs, UtcInterval, Visibility};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::text::plain;
use crate::write::{Emitter, Stamp};

/// The property that carries the origin tag.
pub const ORIGIN_PROPERTY: &str = "X-ROTABRIDGE-ORIGIN";

/// The property that names which extras we set: others are somebody else's.
pub const EXTRAS_PROPERTY: &str = "X-ROTABRIDGE-SETS";

/// What stands in for a title that is empty; Bedework answers 500 without a `SUMMARY`.
pub const SUMMARY_FALLBACK: &str = "(untitled)";

const CALENDAR_BEGIN: &str =
    concat!("BEGIN:VCALENDAR\r\n", "VERSION:2.0\r\n", "PRODID:-//Rotabridge//Rotabridge//EN\r\n",);
const CALENDAR_END: &str = "END:VCALENDAR\r\n";

/// RFC 5545 §3.6: an iCalendar object must hold at least one component.
const EMPTY_FEED: &str = concat!(
    "BEGIN:VTIMEZONE\r\n",
    "TZID:Etc/UTC\r\n",
    "BEGIN:STANDARD\r\n",
    "DTSTART:19700101T000000\r\n",
    "TZOFFSETFROM:+0000\r\n",
    "TZOFFSETTO:+0000\r\n",
    "TZNAME:UTC\r\n",
    "END:STANDARD\r\n",
    "END:VTIMEZONE\r\n",
);

/// How an event says that its times are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UtcStyle {
    /// By `Z` alone. RFC 5545 §3.2.19 forbids a `TZID` beside it.
    #[default]
    Rfc5545,
    /// By `Z`, and by a line `TZID:UTC` in the event, which some guides ask for. RFC 5545 §3.6.1
    /// does not list it there; readers ignore it, libical's restriction check reports it.
    TzidProperty,
}

/// What identifies one written event and its revision.
#[derive(Debug, Clone, Copy)]
pub struct EventHeader<'a> {
    /// The same for ever for the same entity in the same place; see [`crate::identity`].
    pub uid: &'a str,
    /// When the event was last changed; written to the second.
    pub revised_at: Timestamp,
    /// Grows with every change; importers ignore changes where it does not.
    pub sequence: u32,
    /// The mark of what we wrote; feeds carry none.
    pub origin: Option<&'a OriginTag>,
}

/// What a feed says of itself.
#[derive(Debug, Clone, Copy)]
pub struct FeedHeader<'a> {
    /// The name a calendar client suggests for it.
    pub name: &'a str,
    /// How often a client should ask again, to the second; a hint that many ignore.
    pub refresh_interval: Duration,
    /// How its events say that their times are UTC.
    pub utc_style: UtcStyle,
}

/// Appends one `VEVENT`.
///
/// What comes back from reading it is [`representable`] of `event`.
pub fn write_event(
    out: &mut Vec<u8>,
    header: &EventHeader<'_>,
    event: &CalendarEvent,
    style: UtcStyle,
) {
    let EventHeader { uid, revised_at, sequence, origin } = *header;
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
    let mut emitter = Emitter::new(out);
    let revised = stamp(revised_at);
    emitter.lines("BEGIN:VEVENT\r\n");
    emitter.text("UID:", uid);
    emitter.stamp("DTSTAMP:", &revised);
    write_span(&mut emitter, span, style);
    emitter.number("SEQUENCE:", sequence.into());
    emitter.stamp("LAST-MODIFIED:", &revised);
    emitter.text("SUMMARY:", if is_blank(summary) { SUMMARY_FALLBACK } else { summary });
    for (name, value) in [("DESCRIPTION:", description), ("LOCATION:", location)] {
        if let Some(value) = value.as_deref().filter(|value| !is_blank(value)) {
            emitter.text(name, value);
        }
    }
    if categories.iter().any(|category| !is_blank(category)) {
        let labels = categories.iter().map(String::as_str).filter(|label| !is_blank(label));
        emitter.texts("CATEGORIES:", labels);
    }
    emitter.lines(match show_as {
        ShowAs::Busy => "TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\n",
        ShowAs::Free => "TRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\r\n",
        ShowAs::OutOfOffice => "TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\r\n",
        ShowAs::Tentative => "TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\n",
        ShowAs::WorkingElsewhere => {
            "TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\r\n"
        }
    });
    emitter.lines(match visibility {
        Visibility::Default => "",
        Visibility::Private => "CLASS:PRIVATE\r\n",
    });
    if let Some(origin) = origin {
        emitter.text("X-ROTABRIDGE-ORIGIN:", &origin.to_string());
    }
    emitter.lines(match show_as {
        ShowAs::Tentative => "STATUS:TENTATIVE\r\n",
        ShowAs::Busy | ShowAs::Free | ShowAs::OutOfOffice | ShowAs::WorkingElsewhere => {
            "STATUS:CONFIRMED\r\n"
        }
    });
    if !extras.is_empty() {
        write_extras(&mut emitter, summary, extras);
    }
    emitter.lines("END:VEVENT\r\n");
}

/// What was asked for, and the mark that says so. The alarm comes last: components stand behind
/// the properties of what they are in (RFC 5545 §3.6.1).
fn write_extras(emitter: &mut Emitter<'_>, summary: &str, extras: &EventExtras) {
    let EventExtras { colour, reminder_minutes, organizer, attendees } = extras;
    emitter.text("X-ROTABRIDGE-SETS:", &extras.set());
    if let Some(colour) = colour {
        emitter.text("COLOR:", colour.css());
    }
    if let Some(organizer) = organizer {
        let (name, email) = (organizer.name(), organizer.email());
        emitter.person("ORGANIZER;SCHEDULE-AGENT=NONE", name, email);
    }
    for attendee in attendees {
        let (name, email) = (attendee.name(), attendee.email());
        emitter.person("ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE-AGENT=NONE", name, email);
    }
    if let Some(minutes) = reminder_minutes {
        emitter.lines("BEGIN:VALARM\r\nACTION:DISPLAY\r\n");
        emitter.text("DESCRIPTION:", if is_blank(summary) { SUMMARY_FALLBACK } else { summary });
        emitter.duration("TRIGGER:-", u64::from(*minutes) * 60);
        emitter.lines("END:VALARM\r\n");
    }
}

fn write_span(emitter: &mut Emitter<'_>, span: &EventSpan, style: UtcStyle) {
    match span {
        EventSpan::Timed(interval) => {
            let (start, end) = whole_seconds(interval);
            emitter.stamp("DTSTART:", &stamp(start));
            emitter.stamp("DTEND:", &stamp(end));
            emitter.lines(match style {
                UtcStyle::Rfc5545 => "",
                UtcStyle::TzidProperty => "TZID:UTC\r\n",
            });
        }
        EventSpan::AllDay { first, end } => {
            emitter.day("DTSTART;VALUE=DATE:", *first);
            emitter.day("DTEND;VALUE=DATE:", last_day_excluded(*first, *end));
        }
    }
}

/// Appends a whole `VCALENDAR` that holds one event, as a CalDAV server stores it.
///
/// No `METHOD`: RFC 4791 §4.1 forbids it in a stored object.
pub fn write_object(
    out: &mut Vec<u8>,
    header: &EventHeader<'_>,
    event: &CalendarEvent,
    style: UtcStyle,
) {
    out.extend_from_slice(CALENDAR_BEGIN.as_bytes());
    write_event(out, header, event, style);
    out.extend_from_slice(CALENDAR_END.as_bytes());
}

/// Appends a whole feed: the events in the order in which they come.
///
/// The same input gives the same bytes. An empty feed holds the definition of UTC instead of
/// events, because an object without a component is not valid. The caller bounds the size.
pub fn write_feed<'e>(
    out: &mut Vec<u8>,
    feed: &FeedHeader<'_>,
    events: impl IntoIterator<Item = (EventHeader<'e>, &'e CalendarEvent)>,
) {
    let FeedHeader { name, refresh_interval, utc_style } = *feed;
    let mut emitter = Emitter::new(out);
    emitter.lines(CALENDAR_BEGIN);
    emitter.lines("CALSCALE:GREGORIAN\r\n");
    if !is_blank(name) {
        emitter.text("NAME:", name);
        emitter.text("X-WR-CALNAME:", name);
    }
    // RFC 7986 §5.7: positive, and with its type, for it has no default one. The second is what
    // Outlook reads (MS-OXCICAL 2.1.3.1.1.15).
    let seconds = refresh_interval.as_secs().max(1);
    emitter.duration("REFRESH-INTERVAL;VALUE=DURATION:", seconds);
    emitter.duration("X-PUBLISHED-TTL:", seconds);
    let before = out.len();
    for (header, event) in events {
        write_event(out, &header, event, utc_style);
    }
    if out.len() == before {
        out.extend_from_slice(EMPTY_FEED.as_bytes());
    }
    out.extend_from_slice(CALENDAR_END.as_bytes());
}

/// The event as iCalendar can hold it: what reading a written event gives.
///
/// Compare fingerprints with this one, not with the original: texts lose control characters,
/// times their fractions of a second, empty texts are absent, labels are sorted. Idempotent.
#[must_use]
pub fn representable(event: &CalendarEvent) -> CalendarEvent {
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
    let text = |text: &String| (!is_blank(text)).then(|| plain(text).into_owned());
    let mut categories: Vec<_> = categories.iter().filter_map(text).collect();
    categories.sort_unstable();
    categories.dedup();
    let span = match *span {
        EventSpan::Timed(interval) => {
            let (start, end) = whole_seconds(&interval);
            EventSpan::Timed(UtcInterval::new(start, end).unwrap_or(interval))
        }
        EventSpan::AllDay { first, end } => {
            EventSpan::AllDay { first, end: last_day_excluded(first, end) }
        }
    };
    CalendarEvent {
        summary: text(summary).unwrap_or_else(|| SUMMARY_FALLBACK.to_owned()),
        description: description.as_ref().and_then(text),
        location: location.as_ref().and_then(text),
        categories,
        span,
        show_as: *show_as,
        visibility: *visibility,
        extras: representable_extras(extras),
    }
}

fn representable_extras(extras: &EventExtras) -> EventExtras {
    let EventExtras { colour, reminder_minutes, organizer, attendees } = extras;
    let mut attendees = attendees.clone();
    attendees.sort_unstable();
    attendees.dedup();
    EventExtras {
        colour: *colour,
        reminder_minutes: *reminder_minutes,
        organizer: organizer.clone(),
        attendees,
    }
}

/// Whether nothing would be seen of the text. Cheap for a text that begins with a letter.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control())
}

/// Start and end without fractions of a second, the end still after the start.
fn whole_seconds(interval: &UtcInterval) -> (Timestamp, Timestamp) {
    let whole = |instant: Timestamp| {
        if instant.subsec_nanosecond() == 0 {
            return instant;
        }
        Timestamp::from_second(instant.as_second()).unwrap_or(instant)
    };
    let (start, end) = (whole(interval.start()), whole(interval.end()));
    if end > start {
        return (start, end);
    }
    (start, Timestamp::from_second(start.as_second() + 1).unwrap_or(end))
}

/// The end of whole days, after their first even if the caller broke the promise of that.
fn last_day_excluded(first: Date, end: Date) -> Date {
    if end > first { end } else { first.tomorrow().unwrap_or(end) }
}

fn stamp(instant: Timestamp) -> Stamp {
    Stamp::new(Offset::UTC.to_datetime(instant))
}
