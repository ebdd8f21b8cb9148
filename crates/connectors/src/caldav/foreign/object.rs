//! A stored object as its lines, for changing one of its events and leaving all else as it was.
//!
//! Nothing is parsed that is not needed: what a client wrote that we do not know stays in place.
//! Lines are joined before and folded after; zones are those of the IANA names that clients use.

use domain::EventSpan;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Octets of a line before it is folded (RFC 5545 §3.1).
const LINE_OCTETS_MAX: usize = 75;

/// A `VCALENDAR` as its whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    lines: Vec<String>,
}

/// Where one `VEVENT` is: from its `BEGIN` to its `END`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    begin: usize,
    end: usize,
}

/// Which occurrence of a series: when it is by the series' own rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Day(Date),
    At(Timestamp),
}

impl Moment {
    /// As it stands behind the `#` of an id.
    pub fn text(&self) -> String {
        match self {
            Self::Day(day) => day.strftime("%Y%m%d").to_string(),
            Self::At(at) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    /// Reads what [`Self::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        moment(text, None)
    }
}

fn moment(value: &str, zone: Option<&TimeZone>) -> Option<Moment> {
    let value = value.trim();
    if value.len() == 8 {
        return Date::strptime("%Y%m%d", value).ok().map(Moment::Day);
    }
    let (local, zone) = match value.strip_suffix('Z') {
        Some(local) => (local, Some(&TimeZone::UTC)),
        None => (value, zone),
    };
    let local = DateTime::strptime("%Y%m%dT%H%M%S", local).ok()?;
    zone?.to_timestamp(local).ok().map(Moment::At)
}

/// The name of a line, in capitals, without parameters.
fn name(line: &str) -> String {
    line.split([';', ':']).next().unwrap_or_default().trim().to_ascii_uppercase()
}

/// Where the value of a line begins: after the first colon that is not in quotes.
fn value_at(line: &str) -> usize {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ':' if !quoted => return at + 1,
            _ => {}
        }
    }
    line.len()
}

fn value(line: &str) -> &str {
    &line[value_at(line)..]
}

/// The value of one parameter, without quotes.
fn parameter<'l>(line: &'l str, wanted: &str) -> Option<&'l str> {
    let head = &line[..value_at(line).saturating_sub(1)];
    head.split(';').skip(1).find_map(|it| {
        let (name, value) = it.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim_matches('"'))
    })
}

fn zone_of(line: &str) -> Option<TimeZone> {
    TimeZone::get(parameter(line, "TZID")?.trim_start_matches('/')).ok()
}

fn moment_of(line: &str) -> Option<Moment> {
    moment(value(line), zone_of(line).as_ref())
}

/// Text as it stands in a line (RFC 5545 §3.3.11).
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    text.replace("\r\n", "\\n").replace(['\n', '\r'], "\\n")
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n' | 'N')) => out.push('\n'),
            ('\\', Some(other)) => out.push(other),
            (c, _) => out.push(c),
        }
    }
    out
}

impl Object {
    /// Reads an object; `None` where it is none.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines: Vec<String> = Vec::new();
        for line in text.trim_start_matches('\u{feff}').split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
                (Some(rest), Some(last)) => last.push_str(rest),
                (Some(_) | None, _) if line.is_empty() => {}
                (Some(_) | None, _) => lines.push(line.to_owned()),
            }
        }
        let whole = lines.first().is_some_and(|it| it.eq_ignore_ascii_case("BEGIN:VCALENDAR"))
            && lines.last().is_some_and(|it| it.eq_ignore_ascii_case("END:VCALENDAR"));
        whole.then_some(Self { lines })
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let mut width = 0;
            for c in line.chars() {
                if width + c.len_utf8() > LINE_OCTETS_MAX {
                    out.push_str("\r\n ");
                    width = 1;
                }
                out.push(c);
                width += c.len_utf8();
            }
            out.push_str("\r\n");
        }
        out
    }

    /// Its events, in order.
    pub fn events(&self) -> Vec<Place> {
        let (mut places, mut begin) = (Vec::new(), None);
        for (at, line) in self.lines.iter().enumerate() {
            if line.eq_ignore_ascii_case("BEGIN:VEVENT") {
                begin = Some(at);
            } else if line.eq_ignore_ascii_case("END:VEVENT") {
                places.extend(begin.take().map(|begin| Place { begin, end: at }));
            }
        }
        places
    }

    /// The lines of an event that are its own, not those of its alarms.
    fn own(&self, place: Place) -> impl Iterator<Item = (usize, &String)> {
        let mut depth = 0usize;
        let lines = self.lines.iter().enumerate().take(place.end).skip(place.begin + 1);
        lines.filter(move |(_, line)| {
            let name = name(line);
            let inside = depth;
            depth = match name.as_str() {
                "BEGIN" => depth + 1,
                "END" => depth.saturating_sub(1),
                _ => depth,
            };
            inside == 0 && name != "BEGIN"
        })
    }

    fn line(&self, place: Place, wanted: &str) -> Option<&String> {
        self.own(place).find(|(_, line)| name(line) == wanted).map(|(_, line)| line)
    }

    /// The text of one property, unescaped.
    pub fn property(&self, place: Place, wanted: &str) -> Option<String> {
        let text = unescaped(value(self.line(place, wanted)?));
        (!text.trim().is_empty()).then_some(text)
    }

    /// Whether the event repeats.
    pub fn repeats(&self, place: Place) -> bool {
        self.own(place).any(|(_, line)| matches!(name(line).as_str(), "RRULE" | "RDATE"))
    }

    /// Which occurrence of its series an event is.
    pub fn recurrence(&self, place: Place) -> Option<Moment> {
        moment_of(self.line(place, "RECURRENCE-ID")?)
    }

    /// When an event begins.
    pub fn start(&self, place: Place) -> Option<Moment> {
        moment_of(self.line(place, "DTSTART")?)
    }

    /// The address of its organiser, and whether others or nobody are invited: address and answer.
    pub fn people(&self, place: Place) -> (Option<String>, Vec<(String, String)>) {
        let organiser = self.line(place, "ORGANIZER").map(|line| address(line));
        let invited = self.own(place).filter(|(_, line)| name(line) == "ATTENDEE");
        let invited = invited.map(|(_, line)| {
            let answer = parameter(line, "PARTSTAT").unwrap_or("NEEDS-ACTION");
            (address(line), answer.to_ascii_uppercase())
        });
        (organiser, invited.collect())
    }

    /// The series' own event: the one that repeats.
    fn master(&self) -> Option<Place> {
        self.events().into_iter().find(|place| self.repeats(*place))
    }

    /// The event that stands for an occurrence instead of the series' own.
    pub fn exception(&self, occurrence: Moment) -> Option<Place> {
        self.events().into_iter().find(|place| self.recurrence(*place) == Some(occurrence))
    }

    /// Removes an event's lines.
    fn remove(&mut self, place: Place) {
        self.lines.drain(place.begin..=place.end);
    }

    /// A line such as `EXDATE`, spelled as the series spells its start.
    fn spelled(&self, place: Place, wanted: &str, occurrence: Moment) -> Option<String> {
        let start = self.line(place, "DTSTART")?;
        let at = match occurrence {
            Moment::Day(_) => {
                return Some(format!("{wanted};VALUE=DATE:{}", occurrence.text()));
            }
            Moment::At(at) => at,
        };
        match (parameter(start, "TZID"), zone_of(start)) {
            (Some(tzid), Some(zone)) if !value(start).ends_with('Z') => {
                let local = zone.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string();
                Some(format!("{wanted};TZID={tzid}:{local}"))
            }
            (Some(_), None) if !value(start).ends_with('Z') => None,
            (_, _) => Some(format!("{wanted}:{}", occurrence.text())),
        }
    }

    /// Takes one occurrence out of a series. `None` where the series cannot be told.
    pub fn without(mut self, occurrence: Moment) -> Option<Self> {
        if let Some(exception) = self.exception(occurrence) {
            self.remove(exception);
        }
        let master = self.master()?;
        let line = self.spelled(master, "EXDATE", occurrence)?;
        self.lines.insert(master.end, line);
        Some(self)
    }

    /// Whether one occurrence was taken out of its series; `None` where there is no series.
    pub fn lacks(&self, occurrence: Moment) -> Option<bool> {
        let master = self.master()?;
        let mut own = self.own(master);
        let excluded =
            own.any(|(_, line)| name(line) == "EXDATE" && moment_of(line) == Some(occurrence));
        Some(excluded && self.exception(occurrence).is_none())
    }

    /// Puts one occurrence back to how `kept` has it.
    pub fn with(mut self, occurrence: Moment, kept: &Self) -> Option<Self> {
        if let Some(exception) = self.exception(occurrence) {
            self.remove(exception);
        }
        let master = self.master()?;
        let excluded: Vec<usize> = self
            .own(master)
            .filter(|(_, line)| name(line) == "EXDATE" && moment_of(line) == Some(occurrence))
            .map(|(at, _)| at)
            .collect();
        for at in excluded.into_iter().rev() {
            self.lines.remove(at);
        }
        if let Some(Place { begin, end }) = kept.exception(occurrence) {
            let last = self.lines.len() - 1;
            self.lines.splice(last..last, kept.lines[begin..=end].iter().cloned());
        }
        Some(self)
    }

    /// The event to be changed: the only one, or the exception for an occurrence, which is made
    /// from the series' own event where there is none yet.
    pub fn place_to_change(&mut self, occurrence: Option<Moment>) -> Option<Place> {
        let Some(occurrence) = occurrence else { return self.events().first().copied() };
        if let Some(exception) = self.exception(occurrence) {
            return Some(exception);
        }
        let master = self.master()?;
        let id = self.spelled(master, "RECURRENCE-ID", occurrence)?;
        let length = self.length(master);
        let mut lines = self.lines[master.begin..=master.end].to_vec();
        let dropped = ["RRULE", "RDATE", "EXDATE", "EXRULE", "DTSTART", "DTEND", "DURATION"];
        lines.retain(|line| !dropped.contains(&name(line).as_str()));
        lines.insert(1, id.clone());
        lines.insert(2, id.replacen("RECURRENCE-ID", "DTSTART", 1));
        lines.extend(length.map(|it| it.to_owned()));
        // `DURATION` goes before the end.
        let last = lines.len() - 1;
        if last > 0 && name(&lines[last]) == "DURATION" {
            lines.swap(last - 1, last);
        }
        let begin = self.lines.len() - 1;
        let end = begin + lines.len() - 1;
        self.lines.splice(begin..begin, lines);
        Some(Place { begin, end })
    }

    /// How long the series' own event is, as a line.
    fn length(&self, place: Place) -> Option<String> {
        if let Some(line) = self.line(place, "DURATION") {
            return Some(line.clone());
        }
        let (start, end) = (self.start(place)?, moment_of(self.line(place, "DTEND")?)?);
        match (start, end) {
            (Moment::At(start), Moment::At(end)) => {
                Some(format!("DURATION:PT{}S", end.duration_since(start).as_secs()))
            }
            (Moment::Day(start), Moment::Day(end)) => {
                Some(format!("DURATION:P{}D", start.until(end).ok()?.get_days()))
            }
            (Moment::At(_) | Moment::Day(_), _) => None,
        }
    }

    /// Replaces every property of an event with this name by `line`, or adds it.
    fn set(&mut self, place: Place, wanted: &str, line: Option<String>) -> Place {
        let found: Vec<usize> =
            self.own(place).filter(|(_, it)| name(it) == wanted).map(|(at, _)| at).collect();
        for at in found.iter().rev() {
            self.lines.remove(*at);
        }
        let mut end = place.end - found.len();
        if let Some(line) = line {
            self.lines.insert(place.begin + 1, line);
            end += 1;
        }
        Place { begin: place.begin, end }
    }

    /// Moves an event, and adds a note to its text.
    pub fn moved(&mut self, place: Place, to: &EventSpan, note: Option<&str>) {
        let (start, end) = match to {
            EventSpan::Timed(interval) => (
                format!("DTSTART:{}", Moment::At(interval.start()).text()),
                format!("DTEND:{}", Moment::At(interval.end()).text()),
            ),
            EventSpan::AllDay { first, end } => (
                format!("DTSTART;VALUE=DATE:{}", Moment::Day(*first).text()),
                format!("DTEND;VALUE=DATE:{}", Moment::Day(*end).text()),
            ),
        };
        let place = self.set(place, "DURATION", None);
        let place = self.set(place, "DTEND", Some(end));
        let mut place = self.set(place, "DTSTART", Some(start));
        if let Some(note) = note {
            let text = self.property(place, "DESCRIPTION").unwrap_or_default();
            let text = with_note(&text, note);
            place = self.set(place, "DESCRIPTION", Some(format!("DESCRIPTION:{}", escaped(&text))));
        }
        let next = self.revision(place).saturating_add(1);
        self.set(place, "SEQUENCE", Some(format!("SEQUENCE:{next}")));
    }

    /// Has one of those who are invited decline; whether they are invited.
    pub fn declined(&mut self, place: Place, who: &str, comment: &str) -> bool {
        let own = self
            .own(place)
            .find(|(_, line)| name(line) == "ATTENDEE" && address(line).eq_ignore_ascii_case(who));
        let Some((at, line)) = own else { return false };
        let (head, address) = line.split_at(value_at(line).saturating_sub(1));
        let mut parts: Vec<&str> = head.split(';').collect();
        parts.retain(|it| !it.to_ascii_uppercase().starts_with("PARTSTAT="));
        let line = format!("{};PARTSTAT=DECLINED{address}", parts.join(";"));
        self.lines[at] = line;
        self.set(place, "COMMENT", Some(format!("COMMENT:{}", escaped(comment))));
        true
    }

    /// Has one of those who are invited answer what they answered in `before`, and takes the
    /// comment back; whether both have them among those who are invited.
    pub fn answered_as(&mut self, place: Place, before: (&Self, Place), who: &str) -> bool {
        let invited = |object: &Self, place: Place| {
            let mut own = object.own(place);
            own.find(|(_, line)| {
                name(line) == "ATTENDEE" && address(line).eq_ignore_ascii_case(who)
            })
            .map(|(at, line)| (at, line.clone()))
        };
        let (object, there) = before;
        let (Some((at, _)), Some((_, line))) = (invited(&*self, place), invited(object, there))
        else {
            return false;
        };
        self.lines[at] = line;
        self.set(place, "COMMENT", object.line(there, "COMMENT").cloned());
        true
    }

    /// Puts an event back to the time that it has in `before`, spelled as it is there; or, where
    /// this object does not know that zone any more, in UTC. Takes `note` off where the text is
    /// that of `before` and the note.
    pub fn moved_back(
        &mut self,
        place: Place,
        (object, there): (&Self, Place),
        span: &EventSpan,
        note: Option<&str>,
    ) {
        let revision = self.revision(place);
        let text = self.property(place, "DESCRIPTION");
        let text_before = object.property(there, "DESCRIPTION");
        let noted = note.map(|note| with_note(text_before.as_deref().unwrap_or_default(), note));
        // Also counts it as one more revision.
        self.moved(place, span, None);
        let Some(mut place) = self.place_again(place) else { return };
        let known = |line: &String| match parameter(line, "TZID") {
            // What never was defined is a zone that everybody knows.
            Some(tzid) => self.defines(tzid) || !object.defines(tzid),
            None => true,
        };
        let times = ["DTSTART", "DTEND", "DURATION"].map(|it| (it, object.line(there, it)));
        if times.iter().all(|(_, line)| line.is_none_or(known)) {
            let times = times.map(|(wanted, line)| (wanted, line.cloned()));
            for (wanted, line) in times.into_iter().rev() {
                place = self.set(place, wanted, line);
            }
        }
        if noted.is_some() && text == noted {
            place = self.set(place, "DESCRIPTION", object.line(there, "DESCRIPTION").cloned());
        }
        // Nobody heard of a revision but the one that moved it.
        let alone = self.people(place).1.is_empty();
        if alone && revision == object.revision(there).saturating_add(1) {
            self.set(place, "SEQUENCE", object.line(there, "SEQUENCE").cloned());
        }
    }

    /// Whether the object says when a zone's clocks change.
    fn defines(&self, tzid: &str) -> bool {
        self.lines.iter().any(|it| name(it) == "TZID" && value(it) == tzid)
    }

    /// Which revision of an event this is.
    fn revision(&self, place: Place) -> u32 {
        let sequence = self.property(place, "SEQUENCE");
        sequence.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
    }

    /// The event that begins where `place` did.
    fn place_again(&self, place: Place) -> Option<Place> {
        self.events().into_iter().find(|it| it.begin == place.begin)
    }

    /// Drops the event that stands for an occurrence where it says nothing that the series does not
    /// say itself.
    pub fn without_needless(self, occurrence: Moment) -> Self {
        let Some(exception) = self.exception(occurrence) else { return self };
        let mut bare = self.clone();
        bare.remove(exception);
        let mut fresh = bare.clone();
        let Some(made) = fresh.place_to_change(Some(occurrence)) else { return self };
        let same = self.saying(exception) == fresh.saying(made);
        if same { bare } else { self }
    }

    /// What an event says, in no particular order: all but which revision of it this is.
    fn saying(&self, place: Place) -> Vec<&String> {
        let revision = ["SEQUENCE", "DTSTAMP", "LAST-MODIFIED", "CREATED"];
        let lines = self.lines[place.begin..=place.end].iter();
        let mut lines: Vec<_> = lines.filter(|it| !revision.contains(&name(it).as_str())).collect();
        lines.sort();
        lines
    }

    /// Replaces those labels of an event that are among `of` by `by`.
    pub fn relabelled(&mut self, place: Place, of: &[String], by: &str) {
        let mut labels = self.labels(place);
        labels.retain(|it| !of.contains(it) && it != by);
        labels.push(by.to_owned());
        let labels: Vec<String> = labels.iter().map(|it| escaped(it)).collect();
        self.set(place, "CATEGORIES", Some(format!("CATEGORIES:{}", labels.join(","))));
    }

    /// The labels of an event.
    pub fn labels(&self, place: Place) -> Vec<String> {
        let lines = self.own(place).filter(|(_, line)| name(line) == "CATEGORIES");
        let values = lines.flat_map(|(_, line)| split_list(value(line)));
        values.map(|it| unescaped(&it)).filter(|it| !it.trim().is_empty()).collect()
    }

    /// Only one of the events, with whatever the object says beside events, such as zones.
    pub fn alone(&self, place: Place) -> Self {
        let others: Vec<Place> = self.events().into_iter().filter(|it| *it != place).collect();
        let kept =
            self.lines.iter().enumerate().filter(|(at, _)| {
                !others.iter().any(|other| (other.begin..=other.end).contains(at))
            });
        Self { lines: kept.map(|(_, line)| line.clone()).collect() }
    }
}

/// A text with a note under it.
fn with_note(text: &str, note: &str) -> String {
    if text.is_empty() { note.to_owned() } else { format!("{text}\n\n{note}") }
}

/// The address of a person, without `mailto:`.
fn address(line: &str) -> String {
    let value = value(line).trim();
    match value.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => value[7..].to_owned(),
        Some(_) | None => value.to_owned(),
    }
}

/// The values of a list, at commas that are not escaped.
fn split_list(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut shielded) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            ',' if !shielded => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
        shielded = c == '\\' && !shielded;
    }
    parts.push(part);
    parts
}
