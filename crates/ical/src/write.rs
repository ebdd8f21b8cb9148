//! Content lines into a byte buffer: escaping, folding, dates and numbers (RFC 5545 §3.1, §3.3).
//!
//! A feed is rendered for every calendar that asks, so this is written for speed: no formatting
//! machinery, one pass over short plain texts, one copy per run of long ones. Lines end in CRLF
//! and hold at most 75 octets; a fold never splits a character nor an escape sequence, because
//! readers exist that decode or unescape line by line: the Rust crate `ical` 0.11 and Xandikos
//! 0.4.10 refuse split characters.

use jiff::civil::{Date, DateTime};

use crate::text::{Treatment, is_plain, is_suspect, treatment};

/// Octets in a line, its line end not counted (RFC 5545 §3.1).
pub const LINE_OCTETS_MAX: usize = 75;

/// Octets that a fold moves back to avoid a blank.
const FOLD_RETREAT_MAX: usize = 8;

const FOLD: &[u8] = b"\r\n ";
const LINE_END: &[u8] = b"\r\n";

/// Appends content lines to a buffer.
///
/// Property names are given as they are written up to the value, colon included (`"SUMMARY:"`).
#[derive(Debug)]
pub struct Emitter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Emitter<'a> {
    /// Writes to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Appends whole lines that are known to be right, line ends included.
    pub fn lines(&mut self, lines: &'static str) {
        self.out.extend_from_slice(lines.as_bytes());
    }

    /// Appends one property whose value is a text: escaped and folded.
    ///
    /// Line ends in the text become `\n`; control characters other than tabs are left out.
    pub fn text(&mut self, name: &'static str, value: &str) {
        if name.len() + value.len() <= LINE_OCTETS_MAX && is_plain(value.as_bytes()) {
            self.out.reserve(LINE_OCTETS_MAX + LINE_END.len());
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(value.as_bytes());
            self.out.extend_from_slice(LINE_END);
        } else {
            let mut line = FoldedLine::begin(self.out, name);
            line.escaped(value);
            line.end();
        }
    }

    /// Appends one property whose value is a list of texts, separated by commas.
    pub fn texts<'t>(&mut self, name: &'static str, values: impl IntoIterator<Item = &'t str>) {
        let mut line = FoldedLine::begin(self.out, name);
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                line.unit(b",");
            }
            line.escaped(value);
        }
        line.end();
    }

    /// Appends one property whose value is a person's address. Names and addresses hold nothing
    /// that would have to be escaped between quotes ([`domain::Contact`]).
    pub fn person(&mut self, name: &'static str, called: Option<&str>, email: &str) {
        let mut line = FoldedLine::begin(self.out, name);
        if let Some(called) = called {
            line.run(";CN=\"");
            line.run(called);
            line.run("\"");
        }
        line.run(":mailto:");
        line.run(email);
        line.end();
    }

    /// Appends one property whose value is an instant.
    pub fn stamp(&mut self, name: &'static str, stamp: &Stamp) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(&stamp.0);
    }

    /// Appends one property whose value is a day.
    pub fn day(&mut self, name: &'static str, day: Date) {
        let mut line = *b"00000000\r\n";
        put_date(&mut line, day);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(&line);
    }

    /// Appends one property whose value is a number that is not negative.
    pub fn number(&mut self, name: &'static str, number: u64) {
        self.out.extend_from_slice(name.as_bytes());
        self.digits(number);
        self.out.extend_from_slice(LINE_END);
    }

    /// Appends one property whose value is a duration, in whole seconds.
    pub fn duration(&mut self, name: &'static str, seconds: u64) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"PT");
        // RFC 5545 §3.3.6: after hours only minutes may follow, after minutes only seconds.
        if seconds.is_multiple_of(3600) && seconds > 0 {
            self.digits(seconds / 3600);
            self.out.push(b'H');
        } else if seconds.is_multiple_of(60) && seconds > 0 {
            self.digits(seconds / 60);
            self.out.push(b'M');
        } else {
            self.digits(seconds);
            self.out.push(b'S');
        }
        self.out.extend_from_slice(LINE_END);
    }

    fn digits(&mut self, mut number: u64) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len() - 1;
        loop {
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
            first -= 1;
        }
        self.out.extend_from_slice(&digits[first..]);
    }
}

/// An instant as it is written, with the line end: `20261121T120000Z`.
///
/// Years outside 0 to 9999 have no form in iCalendar and are written as the nearest of these.
#[derive(Debug, Clone, Copy)]
pub struct Stamp([u8; 18]);

impl Stamp {
    /// The written form of a time that is already in UTC, to the second.
    #[must_use]
    pub fn new(utc: DateTime) -> Self {
        let mut bytes = *b"00000000T000000Z\r\n";
        put_date(&mut bytes, utc.date());
        put_pair(&mut bytes[9..11], utc.hour());
        put_pair(&mut bytes[11..13], utc.minute());
        put_pair(&mut bytes[13..15], utc.second());
        Self(bytes)
    }
}

fn put_date(bytes: &mut [u8], day: Date) {
    let year = day.year().clamp(0, 9999);
    put_pair(&mut bytes[0..2], (year / 100) as i8);
    put_pair(&mut bytes[2..4], (year % 100) as i8);
    put_pair(&mut bytes[4..6], day.month());
    put_pair(&mut bytes[6..8], day.day());
}

fn put_pair(bytes: &mut [u8], number: i8) {
    let number = number.unsigned_abs();
    bytes[0] = b'0' + number / 10;
    bytes[1] = b'0' + number % 10;
}

/// One line that is folded while it grows.
struct FoldedLine<'a> {
    out: &'a mut Vec<u8>,
    /// Octets in the current physical line.
    octets: usize,
}

impl<'a> FoldedLine<'a> {
    fn begin(out: &'a mut Vec<u8>, name: &'static str) -> Self {
        out.extend_from_slice(name.as_bytes());
        Self { out, octets: name.len() }
    }

    fn end(self) {
        self.out.extend_from_slice(LINE_END);
    }

    fn fold(&mut self) {
        self.out.extend_from_slice(FOLD);
        self.octets = 1;
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_suspect) {
            let (run, tail) = rest.split_at(at);
            self.run(run);
            let Some(c) = tail.chars().next() else { break };
            let (this, tail) = tail.split_at(c.len_utf8());
            match treatment(c) {
                Treatment::Keep => self.unit(this.as_bytes()),
                Treatment::Escape => self.unit(&[b'\\', c as u8]),
                Treatment::LineBreak => self.unit(b"\\n"),
                Treatment::Drop => {}
            }
            rest = tail;
        }
        self.run(rest);
    }

    /// Appends what needs no escape, folding between characters.
    fn run(&mut self, mut run: &str) {
        while self.octets + run.len() > LINE_OCTETS_MAX {
            let (now, later) = run.split_at(cut(run, LINE_OCTETS_MAX - self.octets));
            self.out.extend_from_slice(now.as_bytes());
            self.fold();
            run = later;
        }
        self.out.extend_from_slice(run.as_bytes());
        self.octets += run.len();
    }

    /// Appends what must stay together.
    fn unit(&mut self, unit: &[u8]) {
        if self.octets + unit.len() > LINE_OCTETS_MAX {
            self.fold();
        }
        self.out.extend_from_slice(unit);
        self.octets += unit.len();
    }
}

/// Where to fold a run of which at most `room` octets fit: between characters, and rather not
/// beside a blank, because some hands on the way trim lines.
fn cut(run: &str, room: usize) -> usize {
    let last = run.floor_char_boundary(room);
    let is_blank = |at: usize| matches!(run.as_bytes().get(at), Some(b' ' | b'\t'));
    let is_good = |at: &usize| run.is_char_boundary(*at) && !is_blank(*at) && !is_blank(at - 1);
    (last.saturating_sub(FOLD_RETREAT_MAX).max(1)..=last).rev().find(is_good).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn written(write: impl FnOnce(&mut Emitter<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Emitter::new(&mut out));
        String::from_utf8(out).unwrap()
    }

    fn text(value: &str) -> String {
        written(|emitter| emitter.text("SUMMARY:", value))
    }

    #[test]
    fn special_characters_are_escaped_and_control_characters_left_out() {
        assert_eq!(text("a,b;c\\d\r\ne\u{7}f"), "SUMMARY:a\\,b\\;c\\\\d\\nef\r\n");
    }

    #[test]
    fn a_line_of_exactly_75_octets_is_not_folded_and_one_more_is() {
        let (fits, folds) = ("x".repeat(67), "x".repeat(68));
        assert_eq!(text(&fits), format!("SUMMARY:{fits}\r\n"));
        assert_eq!(text(&folds), format!("SUMMARY:{fits}\r\n x\r\n"));
    }

    #[test]
    fn a_fold_never_splits_a_character_or_an_escape() {
        for filler in 60..75 {
            for tail in ["é", "–", "🚑", "\\", "\n", ",", "👩‍⚕️"] {
                let value = format!("{}{}", "x".repeat(filler), tail.repeat(40));
                for line in text(&value).split_terminator("\r\n") {
                    assert!(line.len() <= LINE_OCTETS_MAX, "{line:?}");
                    let backslashes = line.chars().rev().take_while(|c| *c == '\\').count();
                    assert_eq!(backslashes % 2, 0, "{line:?}");
                }
            }
        }
    }

    #[test]
    fn folded_lines_unfold_to_the_escaped_text() {
        let value = "Übergabe, Station 3; 🚑\n".repeat(20);
        let escaped = "Übergabe\\, Station 3\\; 🚑\\n".repeat(20);
        assert_eq!(text(&value).replace("\r\n ", ""), format!("SUMMARY:{escaped}\r\n"));
    }

    #[test]
    fn a_fold_avoids_blanks_where_it_can() {
        for filler in 55..75 {
            let value = format!("{} night shift {}", "x".repeat(filler), " ".repeat(80));
            let found = text(&value);
            let (first, _) = found.split_once("\r\n").unwrap();
            assert!(!first.ends_with(' ') && !found.contains("\r\n  night"), "{found:?}");
            assert_eq!(found.replace("\r\n ", ""), format!("SUMMARY:{value}\r\n"));
        }
    }

    #[test]
    fn lists_are_separated_by_commas_that_are_not_escaped() {
        let list = written(|emitter| emitter.texts("CATEGORIES:", ["a,b", "c"]));
        assert_eq!(list, "CATEGORIES:a\\,b,c\r\n");
    }

    #[test]
    fn numbers_dates_and_durations_have_their_forms() {
        let found = written(|emitter| {
            emitter.number("SEQUENCE:", 0);
            emitter.number("SEQUENCE:", 4_294_967_295);
            emitter.day("DTSTART;VALUE=DATE:", date(2026, 2, 3));
            emitter.stamp("DTSTAMP:", &Stamp::new(date(987, 12, 31).at(1, 2, 3, 999_999_999)));
            emitter.duration("X:", 3600);
            emitter.duration("X:", 5400);
            emitter.duration("X:", 61);
        });
        let expected = [
            "SEQUENCE:0",
            "SEQUENCE:4294967295",
            "DTSTART;VALUE=DATE:20260203",
            "DTSTAMP:09871231T010203Z",
            "X:PT1H",
            "X:PT90M",
            "X:PT61S",
            "",
        ];
        assert_eq!(found, expected.join("\r\n"));
    }
}
