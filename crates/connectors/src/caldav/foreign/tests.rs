//! Changing one event of an object, and nothing else in it.

use domain::{EventSpan, UtcInterval};

use engine::port::ForeignChange;

use super::object::{Moment, Object};
use super::restore::{Hindrance, taken_back};

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

const DENTIST: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n\
BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
BEGIN:VEVENT\r\nUID:d\r\nDTSTAMP:20261101T000000Z\r\n\
DTSTART;TZID=Europe/Berlin:20261121T090000\r\nDURATION:PT1H\r\nSUMMARY:Dentist\r\n\
DESCRIPTION:Card\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn moving() -> ForeignChange {
    ForeignChange::Move { to: afternoon(), note: Some("Moved for a shift".into()) }
}

fn moved(object: &Object, occurrence: Option<Moment>) -> Object {
    let mut moved = object.clone();
    let place = moved.place_to_change(occurrence).unwrap();
    moved.moved(place, &afternoon(), Some("Moved for a shift"));
    moved
}

#[test]
fn a_move_is_taken_back_and_what_the_owner_did_since_stays() {
    let before = Object::read(DENTIST).unwrap();
    let now = moved(&before, None);
    let edited = now.text().replace("END:VEVENT", "CATEGORIES:Mine\r\nEND:VEVENT");
    let now = Object::read(&edited.replace("SUMMARY:Dentist", "SUMMARY:Dr. No")).unwrap();
    let back = taken_back(now, &before, &moving(), None, None).unwrap().unwrap().text();
    for line in [
        "DTSTART;TZID=Europe/Berlin:20261121T090000\r\n",
        "DURATION:PT1H\r\n",
        "SUMMARY:Dr. No\r\n",
        "CATEGORIES:Mine\r\n",
        "DESCRIPTION:Card\r\n",
    ] {
        assert!(back.contains(line), "no {line:?} in {back}");
    }
    assert!(!back.contains("DTEND"), "{back}");
    // Taken back a second time, nothing is to be done.
    let back = Object::read(&back).unwrap();
    assert_eq!(taken_back(back, &before, &moving(), None, None), Ok(None));
}

#[test]
fn a_text_that_its_owner_wrote_since_stays_with_the_note_in_it() {
    let before = Object::read(DENTIST).unwrap();
    let now = moved(&before, None).text().replace("DESCRIPTION:Card", "DESCRIPTION:Bring X-ray");
    let now = Object::read(&now).unwrap();
    let back = taken_back(now, &before, &moving(), None, None).unwrap().unwrap().text();
    assert!(back.contains("DESCRIPTION:Bring X-ray\\n\\nMoved for a shift\r\n"), "{back}");
}

#[test]
fn what_its_owner_moved_since_is_not_moved_back() {
    let before = Object::read(DENTIST).unwrap();
    let now = moved(&before, None).text().replace("20261121T160000Z", "20261121T163000Z");
    let now = Object::read(&now).unwrap();
    let back = taken_back(now, &before, &moving(), None, None);
    assert_eq!(back, Err(Hindrance::Changed));
}

#[test]
fn where_the_zone_is_gone_the_time_is_put_back_in_utc() {
    let before = Object::read(DENTIST).unwrap();
    let text = moved(&before, None).text();
    let (head, tail) = (text.find("BEGIN:VTIMEZONE").unwrap(), text.find("BEGIN:VEVENT").unwrap());
    let now = Object::read(&format!("{}{}", &text[..head], &text[tail..])).unwrap();
    let back = taken_back(now, &before, &moving(), None, None).unwrap().unwrap().text();
    assert!(back.contains("DTSTART:20261121T080000Z\r\n"), "{back}");
}

#[test]
fn an_occurrence_that_was_moved_falls_back_into_its_series() {
    let (before, occurrence) = (series(), Some(saturday()));
    let now = moved(&before, occurrence);
    let back = taken_back(now, &before, &moving(), occurrence, None).unwrap().unwrap();
    assert_eq!(back, before);
    // What its owner wrote into it since keeps it apart.
    let text = moved(&before, occurrence).text();
    let at = text.rfind("SUMMARY:Daily").unwrap();
    let now = format!("{}SUMMARY:Special{}", &text[..at], &text[at + "SUMMARY:Daily".len()..]);
    let now = Object::read(&now).unwrap();
    let back = taken_back(now, &before, &moving(), occurrence, None).unwrap().unwrap().text();
    assert!(back.contains("SUMMARY:Special\r\n"), "{back}");
    assert!(back.contains("DTSTART;TZID=Europe/Berlin:20261121T090000\r\n"), "{back}");
}

#[test]
fn a_removed_occurrence_comes_back_and_nothing_else_of_the_series_changes() {
    let (before, occurrence) = (series(), Some(saturday()));
    let now = series().without(saturday()).unwrap().text();
    let now = Object::read(&now.replace("SUMMARY:Daily", "SUMMARY:Weekly")).unwrap();
    let back = taken_back(now, &before, &ForeignChange::Delete, occurrence, None);
    let back = back.unwrap().unwrap();
    assert!(back.text().contains("SUMMARY:Weekly\r\n"));
    assert!(!back.text().contains("EXDATE"));
    // It is there: nothing is to be done.
    assert_eq!(taken_back(back, &before, &ForeignChange::Delete, occurrence, None), Ok(None));
    let gone = Object::read(DENTIST).unwrap();
    let back = taken_back(gone, &before, &ForeignChange::Delete, occurrence, None);
    assert_eq!(back, Err(Hindrance::Gone), "the series is none any more");
}

#[test]
fn only_the_owners_answer_is_taken_back() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:m\r\nDTSTART:20261121T080000Z\r\n\
DTEND:20261121T090000Z\r\nORGANIZER:mailto:boss@example.com\r\n\
ATTENDEE;PARTSTAT=TENTATIVE:mailto:ada@example.com\r\n\
ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let before = Object::read(text).unwrap();
    let mut now = before.clone();
    let place = now.place_to_change(None).unwrap();
    assert!(now.declined(place, "ada@example.com", "I work"));
    let now = now.text().replace("PARTSTAT=ACCEPTED:mailto:bob", "PARTSTAT=DECLINED:mailto:bob");
    let now = Object::read(&now).unwrap();
    let change = ForeignChange::Decline { comment: "I work".into() };
    let who = Some("ada@example.com");
    let back = taken_back(now, &before, &change, None, who).unwrap().unwrap().text();
    assert!(back.contains("ATTENDEE;PARTSTAT=TENTATIVE:mailto:ada@example.com\r\n"), "{back}");
    assert!(back.contains("ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.com\r\n"), "{back}");
    assert!(!back.contains("COMMENT"), "{back}");
    let back = Object::read(&back).unwrap();
    assert_eq!(taken_back(back, &before, &change, None, who), Ok(None));
}
