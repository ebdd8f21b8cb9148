//! Changing one event of an object, and nothing else in it.

use domain::{EventSpan, UtcInterval};

use super::object::{Moment, Object};

const SERIES: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\n\
UID:s\r\n\
DTSTART;TZID=Europe/Berlin:20261116T090000\r\nDTEND;TZID=Europe/Berlin:20261116T100000\r\n\
RRULE:FREQ=DAILY\r\nSUMMARY:Daily\r\nX-OWN;VALUE=TEXT:ke\r\n pt\r\nBEGIN:VALARM\r\n\
DESCRIPTION:bell\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn series() -> Object {
    Object::read(SERIES).unwrap()
}

fn saturday() -> Moment {
    Moment::parse("20261121T080000Z").unwrap()
}

fn afternoon() -> EventSpan {
    let at = |text: &str| text.parse().unwrap();
    let interval = UtcInterval::new(at("2026-11-21T16:00:00Z"), at("2026-11-21T17:00:00Z"));
    EventSpan::Timed(interval.unwrap())
}

#[test]
fn one_occurrence_leaves_a_series_and_comes_back() {
    let without = series().without(saturday()).unwrap();
    let text = without.text();
    assert!(text.contains("EXDATE;TZID=Europe/Berlin:20261121T090000\r\n"), "{text}");
    assert!(text.contains("X-OWN;VALUE=TEXT:kept\r\n"), "{text}");
    assert_eq!(without.with(saturday(), &series()).unwrap(), series());
}

#[test]
fn one_occurrence_is_moved_and_comes_back() {
    let mut moved = series();
    let place = moved.place_to_change(Some(saturday())).unwrap();
    moved.moved(place, &afternoon(), Some("Moved, because; of\nwork"));
    let text = moved.text();
    assert!(text.contains("RECURRENCE-ID;TZID=Europe/Berlin:20261121T090000\r\n"), "{text}");
    assert!(text.contains("DTSTART:20261121T160000Z\r\n"), "{text}");
    assert!(text.contains("DESCRIPTION:Moved\\, because\\; of\\nwork\r\n"), "{text}");
    assert!(text.contains("DESCRIPTION:bell\r\n"), "an alarm keeps its own text: {text}");
    assert_eq!(text.matches("RRULE").count(), 1);
    assert_eq!(moved.events().len(), 2);
    // Moved again, it is still one exception.
    let place = moved.place_to_change(Some(saturday())).unwrap();
    moved.moved(place, &afternoon(), None);
    assert_eq!(moved.events().len(), 2);
    assert_eq!(moved.with(saturday(), &series()).unwrap(), series());
}

#[test]
fn one_of_those_invited_declines() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:m\r\nDTSTART:20261121T080000Z\r\n\
DTEND:20261121T090000Z\r\nORGANIZER:mailto:boss@example.com\r\n\
ATTENDEE;CN=\"Ada; L\";PARTSTAT=ACCEPTED:MAILTO:Ada@example.com\r\n\
ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let mut object = Object::read(text).unwrap();
    let place = object.place_to_change(None).unwrap();
    assert!(!object.declined(place, "eve@example.com", "no"));
    assert!(object.declined(place, "ada@example.com", "I work"));
    let text = object.text();
    let ada = "ATTENDEE;CN=\"Ada; L\";PARTSTAT=DECLINED:MAILTO:Ada@example.com\r\n";
    assert!(text.contains(ada), "{text}");
    assert!(text.contains("ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.com\r\n"), "{text}");
    assert!(text.contains("COMMENT:I work\r\n"), "{text}");
}

#[test]
fn labels_are_replaced_and_others_stay() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:m\r\nCATEGORIES:Mine,a\\,b\r\n\
CATEGORIES:Asked\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let mut object = Object::read(text).unwrap();
    let place = object.place_to_change(None).unwrap();
    object.relabelled(place, &["Asked".into()], "Granted");
    let place = object.place_to_change(None).unwrap();
    assert_eq!(object.labels(place), ["Mine", "a,b", "Granted"]);
}

#[test]
fn long_lines_are_folded_between_characters() {
    let text = format!("BEGIN:VCALENDAR\r\nX:{}\r\nEND:VCALENDAR\r\n", "ä".repeat(100));
    let object = Object::read(&text).unwrap();
    assert!(object.text().lines().all(|line| line.len() <= 75));
    assert_eq!(Object::read(&object.text()).unwrap(), object);
}
