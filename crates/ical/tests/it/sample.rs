//! Events to write: chosen ones with nasty texts, and a strategy for all others.

use domain::{
    CalendarEvent, Colour, Contact, EntityId, EntityKey, EntityKind, EventExtras, EventSpan,
    Fingerprinter, MirrorName, OriginTag, Part, ShowAs, UtcInterval, Visibility,
};
use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn timed(start: &str, end: &str) -> EventSpan {
    EventSpan::Timed(UtcInterval::new(at(start), at(end)).unwrap())
}

pub fn event(summary: &str, span: EventSpan) -> CalendarEvent {
    CalendarEvent {
        summary: summary.into(),
        description: None,
        location: None,
        categories: vec![],
        span,
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    }
}

/// A schedule as it would be in a feed, every text chosen to hurt a careless reader.
pub fn nasty_events() -> Vec<CalendarEvent> {
    let mut events = vec![
        event("Frühdienst – Ä Ö Ü ß", timed("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z")),
        event("Night; ward 3, \"B\"", timed("2027-03-27T21:00:00Z", "2027-03-28T04:00:00Z")),
        event("🚑👩‍⚕️ Notdienst 👨‍👩‍👧‍👦", timed("2026-11-01T04:00:00Z", "2026-11-01T12:00:00Z")),
        event(&"Ü".repeat(300), timed("2027-03-14T05:00:00Z", "2027-03-14T13:00:00Z")),
        event("C:\\new\\reports", timed("2026-12-31T23:00:00Z", "2027-01-01T07:00:00Z")),
        event("Annual leave", days((2026, 12, 24), (2027, 1, 2))),
        event("BEGIN:VEVENT", days((2028, 2, 29), (2028, 3, 1))),
        event("DTSTART:x", timed("2026-12-02T08:00:00Z", "2026-12-02T08:30:00Z")),
    ];
    events[0].description = Some("09:00 Phone\n10:00 Break, short; \\o/\n\n  indented".into());
    events[0].location = Some("Straße 1, 10115 Berlin; 2. OG".into());
    events[0].categories = vec!["Contact centre".into(), "comma, inside".into(), "ä".into()];
    events[1].description = Some("x".repeat(300) + " " + &"é\u{301}".repeat(150));
    events[1].show_as = ShowAs::Free;
    events[2].description = Some("a\tb\u{a0}c\u{200d}d\u{feff}e".into());
    events[2].visibility = Visibility::Private;
    events[4].description = Some("\\n is not a line break, this is:\n\\\\ \\, \\;".into());
    events[5].show_as = ShowAs::OutOfOffice;
    events[5].description = Some("one\u{2028}two\u{85}three\u{b}\u{1c}four".into());
    events[7].show_as = ShowAs::Tentative;
    events[3].show_as = ShowAs::WorkingElsewhere;
    events[4].extras = EventExtras {
        colour: Some(Colour::Grey),
        reminder_minutes: Some(90),
        organizer: Contact::new("rota@example.com", Some("Rota; \\ office, \"north\"")).ok(),
        attendees: vec![Contact::new("ada+shift@example.com", Some(&"Ä".repeat(80))).unwrap()],
    };
    events[6].description = Some("END:VEVENT\nEND:VCALENDAR".into());
    events
}

fn days(first: (i16, i8, i8), end: (i16, i8, i8)) -> EventSpan {
    EventSpan::AllDay { first: date(first.0, first.1, first.2), end: date(end.0, end.1, end.2) }
}

pub fn origin(id: &str) -> OriginTag {
    OriginTag {
        mirror: MirrorName::new("ward-caldav").unwrap(),
        key: EntityKey { kind: EntityKind::Shift, id: EntityId::new(id).unwrap() },
        part: Part::Main,
        generation: 2,
        entity: Fingerprinter::new("test").finish(),
    }
}

/// Any text, with what iCalendar gives a meaning to more often than by chance.
pub fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z ]{1,30}",
        2 => "[äöüß–…“”日本🚑é]{1,20}",
        2 => prop::sample::select(vec![
            ",", ";", ":", "\\", "\\n", "\"", "\n", "\r\n", "\t", "  ", "\n ", "=", "^n", "%0A",
            "\u{2028}", "\u{85}", "\u{7f}", "\u{feff}", "END:VEVENT", "\u{301}", "\r",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[x]{70,80}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Any span, changes of clocks of several continents included.
pub fn any_span() -> impl Strategy<Value = EventSpan> {
    let changes = [
        "2026-10-25T01:00:00Z",
        "2027-03-28T01:00:00Z",
        "2026-11-01T06:00:00Z",
        "2027-03-14T07:00:00Z",
        "2026-10-03T15:30:00Z",
        "2027-04-03T15:00:00Z",
    ];
    let near = (prop::sample::select(changes.to_vec()), -50_000i64..50_000)
        .prop_map(|(change, offset)| at(change).as_second() + offset);
    let start = prop_oneof![near, -62_000_000_000i64..253_000_000_000];
    let timed = (start, 0i32..1_000_000_000, 1i64..1_000_000).prop_map(|(start, nanos, length)| {
        let start = Timestamp::new(start, nanos).unwrap_or(Timestamp::UNIX_EPOCH);
        let end = start + jiff::SignedDuration::from_secs(length);
        EventSpan::Timed(UtcInterval::new(start, end).unwrap())
    });
    let all_day = (-700_000i32..2_900_000, 1i32..1_000).prop_map(|(first, length)| {
        let first = date(1970, 1, 1) + jiff::Span::new().days(first);
        EventSpan::AllDay { first, end: first + jiff::Span::new().days(length) }
    });
    prop_oneof![3 => timed, 1 => all_day]
}

/// Any event, also such that iCalendar cannot hold as they are.
pub fn any_event() -> impl Strategy<Value = CalendarEvent> {
    let show_as = prop::sample::select(ShowAs::ALL.to_vec());
    let visibility = prop::sample::select(vec![Visibility::Default, Visibility::Private]);
    let texts = (any_text(), prop::option::of(any_text()), prop::option::of(any_text()));
    let labels = prop::collection::vec(any_text(), 0..4);
    (texts, labels, any_span(), show_as, visibility, any_extras()).prop_map(
        |((summary, description, location), categories, span, show_as, visibility, extras)| {
            CalendarEvent {
                summary,
                description,
                location,
                categories,
                span,
                show_as,
                visibility,
                extras,
            }
        },
    )
}

fn any_extras() -> impl Strategy<Value = EventExtras> {
    let contact = || {
        ("[a-zA-Z0-9.+_'=%~-]{1,20}@[a-z0-9.-]{1,20}", prop::option::of(any_text()))
            .prop_filter_map("an address", |(email, name)| {
                Contact::new(&email, name.as_deref()).ok()
            })
    };
    let some = (
        prop::option::of(prop::sample::select(Colour::ALL.to_vec())),
        prop::option::of(0u32..50_000),
        prop::option::of(contact()),
        prop::collection::vec(contact(), 0..3),
    )
        .prop_map(|(colour, reminder_minutes, organizer, attendees)| EventExtras {
            colour,
            reminder_minutes,
            organizer,
            attendees,
        });
    prop_oneof![2 => Just(EventExtras::default()), 1 => some]
}
