//! Each rule of the lint, broken once in an object that is otherwise clean.

use super::*;

const CLEAN: [&str; 11] = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//x//y//EN",
    "BEGIN:VEVENT",
    "UID:1",
    "DTSTAMP:20260101T000000Z",
    "DTSTART:20260102T000000Z",
    "DTEND:20260102T080000Z",
    "SUMMARY:Late",
    "END:VEVENT",
    "END:VCALENDAR",
];

fn findings(lines: &[&str]) -> Vec<String> {
    let text: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    lint(text.as_bytes()).iter().map(ToString::to_string).collect()
}

/// Puts `with` in the place of the line `instead`, and says what the lint finds.
fn check(instead: &str, with: &[&str], expected: &[&str]) {
    let lines: Vec<_> = CLEAN
        .iter()
        .flat_map(|line| if *line == instead { with.to_vec() } else { vec![*line] })
        .collect();
    assert_eq!(findings(&lines), expected, "{with:?} instead of {instead}");
}

#[test]
fn a_clean_object_has_no_findings() {
    assert_eq!(findings(&CLEAN), [""; 0]);
}

#[test]
fn each_rule_about_properties_is_noticed() {
    let start = "DTSTART:20260102T000000Z";
    check(
        start,
        &["DTSTART;TZID=UTC:20260102T000000Z"],
        &["line 7: DTSTART has a TZID beside a time in UTC"],
    );
    check(
        start,
        &["DTSTART:20260102T000000"],
        &["line 7: DTSTART is neither a time in UTC nor a day"],
    );
    check(start, &[start, "TZID:UTC"], &["line 8: TZID as a property of an event"]);
    check(start, &[start, start], &["line 8: DTSTART is there twice"]);
    check(start, &[], &["line 4: VEVENT has no DTSTART"]);
    check("UID:1", &[], &["line 4: VEVENT has no UID"]);
    check("DTSTAMP:20260101T000000Z", &[], &["line 4: VEVENT has no DTSTAMP"]);
    check("PRODID:-//x//y//EN", &[], &["line 1: VCALENDAR has no PRODID"]);
    check("VERSION:2.0", &["VERSION:2.0", "METHOD:PUBLISH"], &["line 3: METHOD must not be there"]);
    check("UID:1", &["UID:1", "ORGANIZER:mailto:a@b.c"], &["line 6: ORGANIZER must not be there"]);
    check("SUMMARY:Late", &["SUMMARY: "], &["line 9: SUMMARY is empty"]);
    let escaping = "line 9: SUMMARY has a character that must be escaped, or a wrong escape";
    for summary in ["SUMMARY:a,b", "SUMMARY:a;b", "SUMMARY:a\\b", "SUMMARY:a\\"] {
        check("SUMMARY:Late", &[summary], &[escaping]);
    }
}

#[test]
fn an_end_that_is_not_after_the_start_is_noticed() {
    for end in ["DTEND:20260102T000000Z", "DTEND:20260101T000000Z", "DTEND;VALUE=DATE:20260103"] {
        let expected = "line 8: DTEND is not after DTSTART, or not of its type";
        check("DTEND:20260102T080000Z", &[end], &[expected]);
    }
}

#[test]
fn each_rule_about_components_is_noticed() {
    let alarm = ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:x", "TRIGGER:-PT5M", "END:VALARM"];
    let rings = |mark: &[&'static str]| [&["UID:1"], mark, &alarm].concat();
    check("UID:1", &rings(&[]), &["line 6: VALARM must not be there"]);
    check("UID:1", &rings(&["X-ROTABRIDGE-SETS:reminder"]), &[]);
    let asked = ["UID:1", "X-ROTABRIDGE-SETS:people", "ATTENDEE;SCHEDULE-AGENT=NONE:mailto:a@b.c"];
    check("UID:1", &asked, &[]);
    check(
        "END:VEVENT",
        &[],
        &[
            "line 1: `BEGIN:VCALENDAR` is not where it may be",
            "line 10: `END:VCALENDAR` is not where it may be",
        ],
    );
    assert_eq!(findings(&[]), ["line 1: calendar holds no component"]);
    let empty = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "END:VCALENDAR"];
    assert_eq!(findings(&empty), ["line 1: calendar holds no component"]);
}

#[test]
fn each_rule_about_bytes_is_noticed() {
    let clean: String = CLEAN.iter().flat_map(|line| [line, "\r\n"]).collect();
    let check = |bytes: Vec<u8>, expected: &[&str]| {
        let found: Vec<_> = lint(&bytes).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    };
    let with = |summary: &str| clean.replace("SUMMARY:Late", summary).into_bytes();
    check(clean.replacen("\r\n", "\n", 1).into_bytes(), &["line 1: line does not end in CRLF"]);
    check(clean.trim_end().as_bytes().to_vec(), &["line 11: line does not end in CRLF"]);
    check(
        with(&format!("SUMMARY:{}", "x".repeat(68))),
        &["line 9: line has 76 octets; expected at most 75"],
    );
    check(with("SUMMARY:a\u{7}"), &["line 9: control character 0x07"]);
    check(
        with("SUMMARY"),
        &["line 4: VEVENT has no SUMMARY", "line 9: line is not of the form `NAME:value`"],
    );
    let mut split = with("SUMMARY:aXYb");
    let at = split.windows(2).position(|pair| pair == b"XY").unwrap();
    split.splice(at..at + 2, *b"\xc3\r\n \xbc");
    check(split, &["line 9: line is not UTF-8 by itself", "line 10: line is not UTF-8 by itself"]);
    let mut mark = "\u{feff}".as_bytes().to_vec();
    mark.extend_from_slice(clean.as_bytes());
    assert!(lint(&mark).contains(&Finding { line: 1, rule: Rule::ByteOrderMark }));
}
