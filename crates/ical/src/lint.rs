//! A check of objects and feeds that we emit, against the rules that readers insist on.
//!
//! Stricter than reading: what [`crate::read_object`] forgives in others, we must not write. It
//! does not use the writer nor calcard, so that the same mistake cannot be on both sides. The
//! independent readers tried do not do this job: Radicale's verifier and Python's `icalendar`
//! accept the guides' own sample, which breaks RFC 5545 three times; libical's restriction check
//! sees the properties but not the bytes.
//!
//! It knows what we emit and no more: `VEVENT` and `VTIMEZONE`, times in UTC, days without zone.

use std::fmt;

use jiff::civil::{Date, DateTime};

use crate::write::LINE_OCTETS_MAX;

mod event;

use event::Component;

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line where it begins, from 1, as the bytes are (folded).
    pub line: usize,
    /// What is wrong.
    pub rule: Rule,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// RFC 5545 §3.1.
    #[error("line does not end in CRLF")]
    LineEnd,
    /// RFC 5545 §3.1.
    #[error("line has {octets} octets; expected at most 75")]
    LongLine {
        /// How many it has, its end not counted.
        octets: usize,
    },
    /// RFC 5545 §3.1.4; also where a fold splits a character, which is allowed but not read.
    #[error("line is not UTF-8 by itself")]
    Encoding,
    /// Refused by Radicale, Xandikos and several parsers.
    #[error("byte order mark")]
    ByteOrderMark,
    /// RFC 5545 §3.1.
    #[error("control character {byte:#04x}")]
    ControlCharacter {
        /// The character.
        byte: u8,
    },
    /// RFC 5545 §3.1.
    #[error("line is not of the form `NAME:value`")]
    Form,
    /// RFC 5545 §3.2.19: a time in UTC must not have a zone beside it.
    #[error("{property} has a TZID beside a time in UTC")]
    TzidWithUtc {
        /// The property that has it.
        property: String,
    },
    /// RFC 5545 §3.6.1 does not list this property; §3.8.3.1 wants it in a `VTIMEZONE`.
    #[error("TZID as a property of an event")]
    TzidInEvent,
    /// RFC 5545 §3.6, §3.6.1; for `DTEND` and `SUMMARY`, servers that refuse events without.
    #[error("{component} has no {property}")]
    Missing {
        /// The component that lacks it.
        component: &'static str,
        /// What it lacks.
        property: &'static str,
    },
    /// RFC 5545 §3.6.1.
    #[error("{property} is there twice")]
    Repeated {
        /// The property that is repeated.
        property: String,
    },
    /// Makes servers send mail (RFC 6638), is forbidden in storage (RFC 4791 §4.1), or rings
    /// although nobody asked for it.
    #[error("{name} must not be there")]
    Forbidden {
        /// The property or component.
        name: String,
    },
    /// RFC 5545 §3.3.4, §3.3.5; events are written in UTC or as days.
    #[error("{property} is neither a time in UTC nor a day")]
    Time {
        /// The property that holds it.
        property: String,
    },
    /// RFC 5545 §3.8.2.2.
    #[error("DTEND is not after DTSTART, or not of its type")]
    EndNotAfterStart,
    /// RFC 5545 §3.3.11.
    #[error("{property} has a character that must be escaped, or a wrong escape")]
    Escaping {
        /// The property that holds it.
        property: String,
    },
    /// Bedework answers 500 without a summary; an empty one is shown as nothing elsewhere.
    #[error("SUMMARY is empty")]
    EmptySummary,
    /// RFC 5545 §3.6.
    #[error("calendar holds no component")]
    NoComponent,
    /// RFC 5545 §3.4, §3.6.
    #[error("`{line}` is not where it may be")]
    Nesting {
        /// The `BEGIN` or `END`, or what stands outside of a calendar.
        line: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.rule)
    }
}

/// Checks one object or feed; nothing found means that it is clean.
#[must_use]
pub fn lint(bytes: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if bytes.starts_with("\u{feff}".as_bytes()) {
        findings.push(Finding { line: 1, rule: Rule::ByteOrderMark });
    }
    let lines = physical_lines(bytes, &mut findings);
    let mut walk = Walk { findings, open: Vec::new(), calendars: 0 };
    for (line, text) in logical_lines(&lines) {
        walk.line(line, &text);
    }
    walk.end(lines.len());
    walk.findings.sort_by_key(|finding| finding.line);
    walk.findings
}

fn physical_lines<'b>(bytes: &'b [u8], findings: &mut Vec<Finding>) -> Vec<&'b [u8]> {
    let mut lines = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let mut found = |rule| findings.push(Finding { line: index + 1, rule });
        let content = line.strip_suffix(b"\r\n").unwrap_or_else(|| {
            found(Rule::LineEnd);
            line.strip_suffix(b"\n").unwrap_or(line)
        });
        if content.len() > LINE_OCTETS_MAX {
            found(Rule::LongLine { octets: content.len() });
        }
        if std::str::from_utf8(content).is_err() {
            found(Rule::Encoding);
        }
        if let Some(byte) = content.iter().find(|byte| byte.is_ascii_control() && **byte != b'\t') {
            found(Rule::ControlCharacter { byte: *byte });
        }
        lines.push(content);
    }
    lines
}

/// The unfolded lines, each with the number of its first physical line.
fn logical_lines(lines: &[&[u8]]) -> Vec<(usize, String)> {
    let mut logical: Vec<(usize, Vec<u8>)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match (line, logical.last_mut()) {
            ([b' ' | b'\t', rest @ ..], Some((_, text))) => text.extend_from_slice(rest),
            (line, _) => logical.push((index + 1, line.to_vec())),
        }
    }
    let decode = |text: Vec<u8>| String::from_utf8_lossy(&text).into_owned();
    logical.into_iter().map(|(line, text)| (line, decode(text))).collect()
}

/// One line, taken apart.
struct Property<'l> {
    name: &'l str,
    parameters: &'l str,
    value: &'l str,
}

impl<'l> Property<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut quoted = false;
        let colon = line.find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        })?;
        let (head, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (!name.is_empty() && name.chars().all(plain)).then_some(Self { name, parameters, value })
    }
}

/// A time as an event may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Day(Date),
    Utc(DateTime),
}

impl Moment {
    fn parse(property: &Property<'_>) -> Option<Self> {
        let day = property.parameters.split(';').any(|parameter| parameter == "VALUE=DATE");
        // Also checked by length: the library accepts more forms than the format has.
        match (day, property.value.len()) {
            (true, 8) => Date::strptime("%Y%m%d", property.value).ok().map(Self::Day),
            (false, 16) => DateTime::strptime("%Y%m%dT%H%M%SZ", property.value).ok().map(Self::Utc),
            _ => None,
        }
    }

    fn is_before(self, end: Self) -> bool {
        match (self, end) {
            (Self::Day(first), Self::Day(end)) => first < end,
            (Self::Utc(start), Self::Utc(end)) => start < end,
            (Self::Day(_), Self::Utc(_)) | (Self::Utc(_), Self::Day(_)) => false,
        }
    }
}

/// The state of going through the logical lines.
struct Walk {
    findings: Vec<Finding>,
    open: Vec<Component>,
    calendars: usize,
}

impl Walk {
    fn found(&mut self, line: usize, rule: Rule) {
        self.findings.push(Finding { line, rule });
    }

    fn line(&mut self, line: usize, text: &str) {
        let Some(property) = Property::parse(text) else {
            return self.found(line, Rule::Form);
        };
        match property.name {
            "BEGIN" => self.begin(line, property.value),
            "END" => self.close(line, property.value),
            _ => match self.open.last_mut() {
                Some(component) => component.property(line, &property, &mut self.findings),
                None => self.found(line, Rule::Nesting { line: property.name.to_owned() }),
            },
        }
    }

    fn begin(&mut self, line: usize, name: &str) {
        let mut asked_for = false;
        let parent = self.open.last_mut().map(|parent| {
            parent.children += 1;
            asked_for = parent.has("X-ROTABRIDGE-SETS");
            parent.name.as_str()
        });
        match (parent, name) {
            (None, "VCALENDAR") => self.calendars += 1,
            (Some("VCALENDAR"), "VEVENT" | "VTIMEZONE") => {}
            (Some("VTIMEZONE"), "STANDARD" | "DAYLIGHT") => {}
            // One that rings, and nobody asked for it.
            (Some("VEVENT"), "VALARM") if asked_for => {}
            (_, "VALARM") => self.found(line, Rule::Forbidden { name: name.to_owned() }),
            _ => self.found(line, Rule::Nesting { line: format!("BEGIN:{name}") }),
        }
        self.open.push(Component::new(name, line));
    }

    fn close(&mut self, line: usize, name: &str) {
        match self.open.pop() {
            Some(component) if component.name == name => component.end(&mut self.findings),
            _ => self.found(line, Rule::Nesting { line: format!("END:{name}") }),
        }
    }

    fn end(&mut self, lines: usize) {
        for component in std::mem::take(&mut self.open) {
            let line = format!("BEGIN:{}", component.name);
            self.found(component.line, Rule::Nesting { line });
        }
        if self.calendars == 0 {
            self.found(lines.max(1), Rule::NoComponent);
        }
    }
}

#[cfg(test)]
mod tests;
