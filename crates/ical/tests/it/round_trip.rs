//! What is written is clean, and comes back with the same meaning however it was rewritten.

use domain::{CalendarEvent, EventSpan, OriginTag, ShowAs};
use ical::{
    EventHeader, FeedHeader, ReadEvent, UtcStyle, lint, read_object, representable, write_feed,
    write_object,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::sample::{any_event, any_text, at, event, nasty_events, origin, timed};

fn header<'a>(uid: &'a str, origin: Option<&'a OriginTag>) -> EventHeader<'a> {
    EventHeader { uid, revised_at: at("2026-09-01T10:20:30Z"), sequence: 7, origin }
}

fn written(event: &CalendarEvent, origin: Option<&OriginTag>) -> Vec<u8> {
    let mut out = Vec::new();
    write_object(&mut out, &header("uid-1", origin), event, UtcStyle::default());
    out
}

fn read_one(bytes: &[u8]) -> ReadEvent {
    let mut events = read_object(bytes).unwrap();
    assert_eq!(events.len(), 1, "{}", String::from_utf8_lossy(bytes));
    events.remove(0)
}

fn shown(lines: &[&str]) -> ReadEvent {
    let body = lines.join("\n");
    let text =
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\n{body}\nEND:VEVENT\nEND:VCALENDAR");
    read_one(text.as_bytes())
}

fn span_of(lines: &[&str]) -> Result<String, String> {
    match shown(lines).event.map(|event| event.span) {
        Ok(EventSpan::Timed(interval)) => Ok(interval.to_string()),
        Ok(EventSpan::AllDay { first, end }) => Ok(format!("{first}/{end}")),
        Err(reason) => Err(reason.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_written_event_is_clean_and_reads_back_equal(
        event in any_event(), id in "[a-zä ,;\\\\]{1,90}x",
    ) {
        let tag = origin(&id);
        let bytes = written(&event, Some(&tag));
        prop_assert_eq!(lint(&bytes), vec![], "{}", String::from_utf8_lossy(&bytes));
        let found = read_one(&bytes);
        prop_assert_eq!(found.uid.as_deref(), Some("uid-1"));
        prop_assert_eq!(found.sequence, Some(7));
        prop_assert_eq!(found.origin, Some(tag));
        prop_assert!(!found.recurring && !found.cancelled);
        let expected = representable(&event);
        prop_assert_eq!(representable(&expected), expected.clone());
        prop_assert_eq!(found.event.unwrap(), expected);
    }

    #[test]
    fn a_rewritten_object_has_the_same_fingerprint(
        event in any_event(), width in 1usize..90, zone in 0usize..600, seed in any::<u32>(),
    ) {
        let expected = representable(&event).fingerprint();
        let rewritten = rewrite(&written(&event, None), &event, width, zone, seed);
        let found = read_one(&rewritten).event.unwrap();
        prop_assert_eq!(
            found.fingerprint(), expected, "{}", String::from_utf8_lossy(&rewritten)
        );
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_object(&bytes);
        let _ = lint(&bytes);
    }

    #[test]
    fn arbitrary_lines_never_panic(text in any_text(), lines in prop::collection::vec(
        "(BEGIN|END|DTSTART|DTEND|DURATION|RRULE|CATEGORIES|SUMMARY|TZID|ATTACH|EXDATE|SEQUENCE)\
         (;(VALUE|TZID|ENCODING|X)=[A-Za-z/\"=-]{0,12}){0,2}[:;=]?\
         [-+PTWDHMSZ0-9,;:\\\\=A-Z \"]{0,30}", 0..30,
    )) {
        let body = lines.join("\n");
        let event = format!("BEGIN:VEVENT\n{text}\n{body}\nEND:VEVENT");
        for object in [body, format!("BEGIN:VCALENDAR\n{event}\nEND:VCALENDAR")] {
            let _ = read_object(object.as_bytes());
            let _ = lint(object.as_bytes());
        }
    }

    #[test]
    fn a_damaged_object_never_panics(
        event in any_event(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        cut in any::<Index>(),
    ) {
        let mut bytes = written(&event, Some(&origin("x")));
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _ = read_object(&bytes);
        let _ = lint(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read_object(&bytes);
        let _ = lint(&bytes);
    }
}

/// What servers do to an object without changing its meaning, all at once.
fn rewrite(bytes: &[u8], event: &CalendarEvent, width: usize, zone: usize, seed: u32) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n ", "");
    let names: Vec<_> = jiff::tz::db().available().collect();
    let zone = TimeZone::get(names[zone % names.len()].as_str()).unwrap();
    let mut lines: Vec<String> = text
        .split_terminator("\r\n")
        .filter(|line| {
            let needs = [ShowAs::OutOfOffice, ShowAs::WorkingElsewhere].contains(&event.show_as);
            needs || line.starts_with("X-ROTABRIDGE-SETS") || !line.starts_with("X-")
        })
        .map(|line| in_zone(line, &zone).unwrap_or_else(|| line.to_owned()))
        .map(|line| lower_case_name(&line, seed))
        .collect();
    let end = lines.len() - 2;
    // An alarm stays behind the properties.
    let end = lines.iter().position(|line| line.to_uppercase() == "BEGIN:VALARM").unwrap_or(end);
    let inner = &mut lines[4..end];
    let rotation = seed as usize % inner.len();
    inner.rotate_left(rotation);
    let zone_definition = [
        "BEGIN:VTIMEZONE",
        "TZID:Somewhere",
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0100",
        "END:STANDARD",
        "END:VTIMEZONE",
    ];
    lines.splice(3..3, zone_definition.map(str::to_owned));
    let line_end = if seed.is_multiple_of(2) { "\n" } else { "\r\n" };
    let folded = lines.iter().map(|line| fold_bytes(line.as_bytes(), width, line_end));
    folded.collect::<Vec<_>>().concat()
}

/// Folds between any two bytes, also inside a character, as old writers do.
fn fold_bytes(line: &[u8], width: usize, line_end: &str) -> Vec<u8> {
    let separator = format!("{line_end} ");
    let mut folded = line.chunks(width).collect::<Vec<_>>().join(separator.as_bytes());
    folded.extend_from_slice(line_end.as_bytes());
    folded
}

fn lower_case_name(line: &str, seed: u32) -> String {
    let at = line.find([':', ';']).unwrap();
    let (name, rest) = line.split_at(at);
    let name = if seed.is_multiple_of(3) { name.to_lowercase() } else { name.to_owned() };
    name + rest
}

/// The time in a zone, where the clocks of that zone show it once.
fn in_zone(line: &str, zone: &TimeZone) -> Option<String> {
    let (name, value) = line.split_once(':')?;
    if !matches!(name, "DTSTART" | "DTEND") {
        return None;
    }
    let utc = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", value).ok()?;
    let local = zone.to_datetime(TimeZone::UTC.to_timestamp(utc).ok()?);
    let once = !zone.to_ambiguous_timestamp(local).is_ambiguous();
    let year = (1..=9999).contains(&local.year()) && local.subsec_nanosecond() == 0;
    let same = zone.to_timestamp(local).ok() == TimeZone::UTC.to_timestamp(utc).ok();
    let text = local.strftime("%Y%m%dT%H%M%S");
    (once && year && same).then(|| format!("{name};TZID={}:{text}", zone.iana_name().unwrap()))
}

fn feed(events: &[CalendarEvent], utc_style: UtcStyle) -> Vec<u8> {
    let refresh_interval = std::time::Duration::from_secs(3600);
    let feed = FeedHeader { name: "Schichten, Team „Süd“; 🚑", refresh_interval, utc_style };
    let mut out = Vec::new();
    let uids: Vec<_> = (0..events.len()).map(|index| format!("uid-{index}")).collect();
    let headed = uids.iter().zip(events).map(|(uid, event)| (header(uid, None), event));
    write_feed(&mut out, &feed, headed);
    out
}

#[test]
fn a_feed_is_clean_and_reads_back() {
    let events = nasty_events();
    let bytes = feed(&events, UtcStyle::Rfc5545);
    assert_eq!(lint(&bytes), []);
    let found: Vec<_> = read_object(&bytes).unwrap().into_iter().map(|it| it.event).collect();
    assert_eq!(found, events.iter().map(|event| Ok(representable(event))).collect::<Vec<_>>());
}

#[test]
fn an_empty_feed_is_clean_and_reads_as_no_events() {
    let bytes = feed(&[], UtcStyle::Rfc5545);
    assert_eq!(lint(&bytes), []);
    assert_eq!(read_object(&bytes), Ok(vec![]));
}

#[test]
fn the_non_standard_line_is_the_only_finding_of_its_style() {
    let events = [event("Late", timed("2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z"))];
    let findings = lint(&feed(&events, UtcStyle::TzidProperty));
    let rules: Vec<_> = findings.into_iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [ical::Rule::TzidInEvent]);
}

#[test]
fn an_object_looks_like_this() {
    let mut late = event("Late", timed("2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z"));
    late.location = Some("Room 1".into());
    let text = String::from_utf8(written(&late, Some(&origin("shft-81")))).unwrap();
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @"
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//Rotabridge//Rotabridge//EN
    BEGIN:VEVENT
    UID:uid-1
    DTSTAMP:20260901T102030Z
    DTSTART:20261121T120000Z
    DTEND:20261121T200000Z
    SEQUENCE:7
    LAST-MODIFIED:20260901T102030Z
    SUMMARY:Late
    LOCATION:Room 1
    TRANSP:OPAQUE
    X-MICROSOFT-CDO-BUSYSTATUS:BUSY
    X-ROTABRIDGE-ORIGIN:1 ward-caldav 2 09a7d352412717c7e0b93286eb544f83 shif
     t shft-81
    STATUS:CONFIRMED
    END:VEVENT
    END:VCALENDAR
    ");
}

#[test]
fn a_feed_begins_like_this() {
    let text = String::from_utf8(feed(&[], UtcStyle::Rfc5545)).unwrap();
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @"
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//Rotabridge//Rotabridge//EN
    CALSCALE:GREGORIAN
    NAME:Schichten\\, Team „Süd“\\; 🚑
    X-WR-CALNAME:Schichten\\, Team „Süd“\\; 🚑
    REFRESH-INTERVAL;VALUE=DURATION:PT1H
    X-PUBLISHED-TTL:PT1H
    BEGIN:VTIMEZONE
    TZID:Etc/UTC
    BEGIN:STANDARD
    DTSTART:19700101T000000
    TZOFFSETFROM:+0000
    TZOFFSETTO:+0000
    TZNAME:UTC
    END:STANDARD
    END:VTIMEZONE
    END:VCALENDAR
    ");
}

#[test]
fn an_object_cut_short_anywhere_is_refused() {
    let bytes = written(&nasty_events()[0], None);
    let whole = bytes.len() - "\r\n".len();
    for length in 0..whole {
        assert!(read_object(&bytes[..length]).is_err(), "cut at {length}");
    }
    assert!(read_object(&bytes[..whole]).is_ok());
}

#[test]
fn an_object_over_the_limits_is_refused() {
    let error = |bytes: &[u8]| read_object(bytes).unwrap_err().to_string();
    let long = vec![b'x'; domain::limits::ICALENDAR_BYTES_MAX + 1];
    assert_eq!(error(&long), "object has 8388609 bytes; expected at most 8388608");
    let lines = vec![b'\n'; domain::limits::ICALENDAR_LINES_MAX];
    assert_eq!(error(&lines), "object has more than 500000 lines");
}

#[test]
fn durations_count_days_by_the_calendar_and_hours_by_the_clock() {
    // Berlin sets its clocks back on 2026-10-25 at 03:00: that day has 25 hours.
    let start = "DTSTART;TZID=Europe/Berlin:20261024T220000";
    let night = |duration| span_of(&[start, duration]);
    assert_eq!(night("DURATION:P1D"), Ok("2026-10-24T20:00:00Z/2026-10-25T21:00:00Z".into()));
    assert_eq!(night("DURATION:PT24H"), Ok("2026-10-24T20:00:00Z/2026-10-25T20:00:00Z".into()));
    assert_eq!(night("DURATION:P1DT1H"), Ok("2026-10-24T20:00:00Z/2026-10-25T22:00:00Z".into()));
    assert_eq!(night("DURATION:-PT1H"), Err("the end is not after the start".into()));
    assert_eq!(
        night("DURATION:P99999999W"),
        Err("a time is outside the years that can be represented".into())
    );
    let day = |duration| span_of(&["DTSTART;VALUE=DATE:20261024", duration]);
    assert_eq!(day("DURATION:P2W"), Ok("2026-10-24/2026-11-07".into()));
    assert_eq!(day("DURATION:PT48H"), Ok("2026-10-24/2026-10-26".into()));
    assert_eq!(day("TRANSP:OPAQUE"), Ok("2026-10-24/2026-10-25".into()));
}

#[test]
fn gaps_move_on_and_folds_take_the_first() {
    let zone =
        |start: &str| span_of(&[&format!("DTSTART;TZID=Europe/Berlin:{start}"), "DURATION:PT1H"]);
    assert_eq!(zone("20270328T023000"), Ok("2027-03-28T01:30:00Z/2027-03-28T02:30:00Z".into()));
    assert_eq!(zone("20261025T023000"), Ok("2026-10-25T00:30:00Z/2026-10-25T01:30:00Z".into()));
}

#[test]
fn a_zone_beside_a_time_in_utc_does_not_move_it() {
    let span = span_of(&["DTSTART;TZID=America/New_York:20240115T140000Z", "DURATION:PT1H"]);
    assert_eq!(span, Ok("2024-01-15T14:00:00Z/2024-01-15T15:00:00Z".into()));
}

#[test]
fn what_is_not_an_event_of_ours_says_why() {
    let end = "DTEND:20260101T100000Z";
    assert_eq!(span_of(&[end]), Err("no DTSTART".into()));
    assert_eq!(
        span_of(&["DTSTART:20260101T080000", end]),
        Err("DTSTART is a local time without a zone".into())
    );
    assert_eq!(
        span_of(&["DTSTART;TZID=Mars/Base:20260101T080000", end]),
        Err("DTSTART is in zone `Mars/Base`, which is neither known nor described".into())
    );
    assert_eq!(
        span_of(&["DTSTART;VALUE=DATE:20260101", end]),
        Err("one end is a day and the other a time".into())
    );
    let first = "DTSTART;TZID=Asia/Tokyo:00000101T000000";
    let range = "a time is outside the years that can be represented";
    assert_eq!(span_of(&[first, end]), Err(range.into()));
    assert!(span_of(&["DTSTART:00000101T000000Z", "DURATION:PT1S"]).is_ok());
    assert_eq!(
        span_of(&["DTSTART:20260231T080000Z", end]),
        Err("DTSTART is not a date or a time".into())
    );
    assert_eq!(
        span_of(&["DTSTART:20260101T080000Z"]),
        Err("the end is not after the start".into())
    );
}

#[test]
fn a_described_zone_counts_where_its_name_says_nothing() {
    let object = |extra: &str| {
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Custom\n{extra}BEGIN:STANDARD\n\
             DTSTART:16010101T000000\nTZOFFSETFROM:-0330\nTZOFFSETTO:-0330\nEND:STANDARD\n\
             END:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=Custom:20260715T080000\nDURATION:PT1H\n\
             END:VEVENT\nEND:VCALENDAR\n"
        );
        match read_one(text.as_bytes()).event.unwrap().span {
            EventSpan::Timed(interval) => interval.start().to_string(),
            EventSpan::AllDay { .. } => panic!("all day"),
        }
    };
    assert_eq!(object("X-LIC-LOCATION:Europe/Berlin\n"), "2026-07-15T06:00:00Z");
    assert_eq!(object("X-MICROSOFT-CDO-TZID:4\n"), "2026-07-15T06:00:00Z");
    assert_eq!(object(""), "2026-07-15T11:30:00Z");
}

#[test]
fn status_and_recurrence_are_told() {
    let plain = ["DTSTART:20260101T080000Z", "DTEND:20260101T100000Z"];
    let with = |line| shown(&[plain[0], plain[1], line]);
    assert!(with("STATUS:CANCELLED").cancelled && !with("STATUS:CONFIRMED").cancelled);
    for line in ["RRULE:FREQ=DAILY", "RDATE:20260102T080000Z", "RECURRENCE-ID:20260102T080000Z"] {
        assert!(with(line).recurring, "{line}");
    }
    assert_eq!(with("X-ROTABRIDGE-ORIGIN:hello").origin, None);
}

#[test]
fn transparency_is_refined_by_the_extension_and_never_contradicted() {
    let show_as = |lines: &[&str]| {
        let plain = ["DTSTART:20260101T080000Z", "DTEND:20260101T100000Z"];
        shown(&[&plain, lines].concat()).event.unwrap().show_as
    };
    let status = |word: &'static str| match word {
        "OOF" => "x-microsoft-cdo-busystatus:oof",
        "FREE" => "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        _ => "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",
    };
    assert_eq!(show_as(&[]), ShowAs::Busy);
    assert_eq!(show_as(&["TRANSP:TRANSPARENT", status("OOF")]), ShowAs::Free);
    assert_eq!(show_as(&["TRANSP:OPAQUE", status("OOF")]), ShowAs::OutOfOffice);
    assert_eq!(show_as(&[status("FREE")]), ShowAs::Free);
    assert_eq!(show_as(&["TRANSP:OPAQUE", status("FREE")]), ShowAs::Busy);
    assert_eq!(show_as(&[status("TENTATIVE")]), ShowAs::Tentative);
    assert_eq!(show_as(&["TRANSP:OPAQUE", "STATUS:TENTATIVE"]), ShowAs::Tentative);
    assert_eq!(show_as(&["TRANSP:TRANSPARENT", status("TENTATIVE")]), ShowAs::Free);
}
