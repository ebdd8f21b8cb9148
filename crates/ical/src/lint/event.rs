//! What the lint demands of one component and its properties.

use super::{Finding, Moment, Property, Rule};

/// Properties whose value is a text that we write.
const TEXTS: [&str; 10] = [
    "CATEGORIES",
    "COLOR",
    "DESCRIPTION",
    "LOCATION",
    "NAME",
    "SUMMARY",
    "UID",
    "X-ROTABRIDGE-ORIGIN",
    "X-ROTABRIDGE-SETS",
    "X-WR-CALNAME",
];

const CALENDAR_NEEDS: [&str; 2] = ["PRODID", "VERSION"];
const EVENT_NEEDS: [&str; 5] = ["UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"];
const ZONE_NEEDS: [&str; 1] = ["TZID"];
const ALARM_NEEDS: [&str; 3] = ["ACTION", "DESCRIPTION", "TRIGGER"];
const OBSERVANCE_NEEDS: [&str; 3] = ["DTSTART", "TZOFFSETFROM", "TZOFFSETTO"];

/// A component that is open.
pub(super) struct Component {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) children: usize,
    seen: Vec<String>,
    start: Option<Moment>,
    end: Option<(usize, Moment)>,
}

impl Component {
    pub(super) fn new(name: &str, line: usize) -> Self {
        let name = name.to_owned();
        Self { name, line, children: 0, seen: Vec::new(), start: None, end: None }
    }

    pub(super) fn has(&self, property: &str) -> bool {
        self.seen.iter().any(|seen| seen == property)
    }

    pub(super) fn property(
        &mut self,
        line: usize,
        property: &Property<'_>,
        findings: &mut Vec<Finding>,
    ) {
        let name = property.name;
        let mut found = |rule| findings.push(Finding { line, rule });
        if name != "ATTENDEE" && self.seen.iter().any(|seen| seen == name) {
            found(Rule::Repeated { property: name.to_owned() });
        }
        self.seen.push(name.to_owned());
        let sends_mail = matches!(name, "ORGANIZER" | "ATTENDEE")
            && !property.parameters.split(';').any(|it| it == "SCHEDULE-AGENT=NONE");
        if name == "METHOD" || sends_mail {
            found(Rule::Forbidden { name: name.to_owned() });
        }
        if TEXTS.contains(&name) && !is_escaped(property.value, name == "CATEGORIES") {
            found(Rule::Escaping { property: name.to_owned() });
        }
        if has_zone(property) && property.value.ends_with('Z') {
            return found(Rule::TzidWithUtc { property: name.to_owned() });
        }
        if self.name != "VEVENT" {
            return;
        }
        match name {
            "TZID" => found(Rule::TzidInEvent),
            "SUMMARY" if property.value.trim().is_empty() => found(Rule::EmptySummary),
            "DTSTART" | "DTEND" | "DTSTAMP" | "LAST-MODIFIED" => match Moment::parse(property) {
                None => found(Rule::Time { property: name.to_owned() }),
                Some(start) if name == "DTSTART" => self.start = Some(start),
                Some(end) if name == "DTEND" => self.end = Some((line, end)),
                Some(Moment::Utc(_)) => {}
                Some(Moment::Day(_)) => found(Rule::Time { property: name.to_owned() }),
            },
            _ => {}
        }
    }

    pub(super) fn end(self, findings: &mut Vec<Finding>) {
        let mut found = |line, rule| findings.push(Finding { line, rule });
        let (component, needs) = match self.name.as_str() {
            "VCALENDAR" => ("VCALENDAR", CALENDAR_NEEDS.as_slice()),
            "VEVENT" => ("VEVENT", EVENT_NEEDS.as_slice()),
            "VTIMEZONE" => ("VTIMEZONE", ZONE_NEEDS.as_slice()),
            "VALARM" => ("VALARM", ALARM_NEEDS.as_slice()),
            "STANDARD" | "DAYLIGHT" => ("the observance", OBSERVANCE_NEEDS.as_slice()),
            _ => return,
        };
        for property in needs {
            if !self.seen.iter().any(|seen| seen == property) {
                found(self.line, Rule::Missing { component, property });
            }
        }
        if self.children == 0 && matches!(component, "VCALENDAR" | "VTIMEZONE") {
            found(self.line, Rule::NoComponent);
        }
        if let (Some(start), Some((line, end))) = (self.start, self.end)
            && !start.is_before(end)
        {
            found(line, Rule::EndNotAfterStart);
        }
    }
}

fn has_zone(property: &Property<'_>) -> bool {
    property.parameters.split(';').any(|parameter| parameter.starts_with("TZID="))
}

fn is_escaped(text: &str, is_list: bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if !matches!(bytes.next(), Some(b'\\' | b';' | b',' | b'n' | b'N')) => {
                return false;
            }
            b';' => return false,
            b',' if !is_list => return false,
            _ => {}
        }
    }
    true
}
