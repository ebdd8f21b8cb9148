//! What calendars must hold, worked out from the truth on a path of its own: nothing here calls
//! the engine's mapping or its planner.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::PrivacyTier;
use domain::{
    CalendarEvent, CalendarKey, EmployeeId, EntityId, EntityKey, EntityKind, EventExtras,
    EventSpan, ItemKey, MirrorName, Part, ShowAs, UtcInterval, Visibility,
};
use engine::port::Content;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use testkit::memory_target::MemoryTarget;

mod schedule;

use crate::truth::{Absent, Person, Truth, Work, absence_id, shift_id};

/// How far back mirrors look, in hours.
pub const PAST_HOURS: i64 = 7 * 24;
/// How far ahead mirrors look, in hours.
pub const FUTURE_HOURS: i64 = 12 * 24;

/// Decides what must be.
pub struct Oracle<'a> {
    /// What is true.
    pub truth: &'a Truth,
    /// How much is shown.
    pub privacy: PrivacyTier,
    /// Whether shifts are shown as blocks.
    pub blocks: bool,
    /// Whether the server drops labels.
    pub rewrites: bool,
    /// Which mirror.
    pub mirror: &'a MirrorName,
    /// When.
    pub now: Timestamp,
    /// Whether ids are the source's own.
    pub native_ids: bool,
    /// Whose each calendar is or was.
    pub owners: &'a BTreeMap<CalendarKey, String>,
    /// Where the server is a schedule product: whether what people keep there must be gone.
    pub schedule: Option<bool>,
    /// Calendars that we have read.
    pub opened: BTreeSet<CalendarKey>,
}

/// One item that must be there.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    key: ItemKey,
    /// In one of these; for somebody without an address, in one of theirs or nowhere.
    calendars: Vec<CalendarKey>,
    optional: bool,
    content: Content,
}

/// One item that is there and is ours.
struct Found {
    key: ItemKey,
    calendar: CalendarKey,
    content: Option<Content>,
    /// Whether a person made it, so that it may be there and need not.
    spare: bool,
}

/// How far a target is from what it must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// What must be there and is not, or looks different.
    pub missing: Vec<String>,
    /// What is there and must not be.
    pub surplus: Vec<String>,
    /// Writes that put it right, if ids are native.
    pub writes: u64,
    /// Removals on top of them that are right as well: what is over may move along with what is
    /// not, and days end at different hours around the world.
    pub optional_writes: u64,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty()
    }
}

fn zoned(day: jiff::civil::Date, hour: i8, minute: i8, zone: &str) -> Timestamp {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let local = day.at(hour, minute, 0, 0).to_zoned(zone);
    local.map_or(Timestamp::UNIX_EPOCH, |it| it.timestamp())
}

fn clock(at: Timestamp) -> String {
    let minutes = at.as_second().rem_euclid(86_400) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Oracle<'_> {
    /// Start and end of the window: whole hours around now.
    fn window(&self) -> (Timestamp, Timestamp) {
        let second = self.now.as_second();
        let hour = Timestamp::from_second(second - second.rem_euclid(3600)).unwrap_or(self.now);
        let at = |hours| hour + SignedDuration::from_hours(hours);
        (at(-PAST_HOURS), at(FUTURE_HOURS))
    }

    fn in_window(&self, from: Timestamp, to: Timestamp) -> bool {
        let (start, end) = self.window();
        from < end && to > start
    }

    fn expected(&self) -> Vec<Expected> {
        let mut expected = Vec::new();
        if self.schedule.is_some() {
            self.expect_schedule(&mut expected);
            return expected;
        }
        for (number, work) in &self.truth.shifts {
            let start = zoned(work.day, work.hour, 30, work.zone);
            let end = start + SignedDuration::from_mins(work.minutes);
            let Ok(interval) = UtcInterval::new(start, end) else { continue };
            if self.in_window(start, end) {
                for (part, event) in self.show_work(work, interval) {
                    let item = (EntityKind::Shift, shift_id(*number), part);
                    self.expect(&mut expected, item, &work.who, event);
                }
            }
        }
        for (number, absent) in &self.truth.absences {
            let (from, to, span) = when_absent(absent);
            if let Some(span) = span.filter(|_| self.in_window(from, to)) {
                let event = self.show_absence(absent, span);
                let id = absence_id(*number);
                let item = (EntityKind::TimeOff, id, Part::Main);
                self.expect(&mut expected, item, &absent.who, event);
            }
        }
        expected
    }

    fn expect(
        &self,
        expected: &mut Vec<Expected>,
        (kind, id, part): (EntityKind, String, Part),
        who: &str,
        mut event: CalendarEvent,
    ) {
        if self.rewrites {
            event.categories.clear();
        }
        let person = self.truth.people.get(who);
        let (calendars, optional) = match person.and_then(calendar_of) {
            Some(calendar) => (vec![calendar], false),
            None => {
                let theirs = self.owners.iter().filter(|(_, owner)| *owner == who);
                (theirs.map(|(calendar, _)| calendar.clone()).collect(), true)
            }
        };
        if let Ok(id) = EntityId::new(id) {
            let key = ItemKey { entity: EntityKey { kind, id }, part };
            let content = Content::Event(event);
            expected.push(Expected { key, calendars, optional, content });
        }
    }

    /// A shift, as one event or as blocks: the work before the break, the break, the rest.
    fn show_work(&self, work: &Work, interval: UtcInterval) -> Vec<(Part, CalendarEvent)> {
        let has_break = work.with_break && work.minutes >= 150;
        if !(self.blocks && self.privacy == PrivacyTier::Full && has_break) {
            return vec![(Part::Main, self.show_whole(work, interval))];
        }
        let minutes = SignedDuration::from_mins;
        let (from, to) = (interval.start() + minutes(120), interval.start() + minutes(150));
        let blocks = [
            (Part::Main, work.label, interval.start(), from),
            (Part::Block(1), "Break", from, to),
            (Part::Block(2), work.label, to, interval.end()),
        ];
        let block = |(part, label, from, to)| {
            let interval = UtcInterval::new(from, to).ok()?;
            let work = Work { label, with_break: false, ..work.clone() };
            Some((part, self.show_whole(&work, interval)))
        };
        blocks.into_iter().filter_map(block).collect()
    }

    fn show_whole(&self, work: &Work, interval: UtcInterval) -> CalendarEvent {
        let full = self.privacy == PrivacyTier::Full;
        let group = work.group.as_ref().map(|id| self.truth.groups.get(id).unwrap_or(id));
        let title = match group {
            Some(group) => format!("{} – {group}", work.label),
            None => work.label.to_owned(),
        };
        let mut lines = Vec::new();
        if work.with_break && work.minutes >= 150 {
            let from = interval.start() + SignedDuration::from_mins(120);
            let to = from + SignedDuration::from_mins(30);
            lines.push(format!("{}–{} Break (unpaid)", clock(from), clock(to)));
        }
        lines.extend(work.notes.clone());
        CalendarEvent {
            summary: if self.privacy == PrivacyTier::Busy { "Busy".into() } else { title },
            description: (full && !lines.is_empty()).then(|| lines.join("\n")),
            location: None,
            categories: if full { vec![work.label.to_owned()] } else { Vec::new() },
            span: EventSpan::Timed(interval),
            show_as: ShowAs::Busy,
            visibility: Visibility::Default,
            extras: EventExtras::default(),
        }
    }

    fn show_absence(&self, absent: &Absent, span: EventSpan) -> CalendarEvent {
        let reason = absent.reason.as_ref().and_then(|id| self.truth.reasons.get(id));
        let (summary, description, show_as) = match self.privacy {
            PrivacyTier::Full => {
                let reason = reason.cloned().unwrap_or_else(|| "Time off".into());
                (reason, absent.notes.clone(), ShowAs::OutOfOffice)
            }
            PrivacyTier::Title => ("Time off".into(), None, ShowAs::OutOfOffice),
            PrivacyTier::Busy => ("Busy".into(), None, ShowAs::Busy),
        };
        CalendarEvent {
            summary,
            description,
            location: None,
            categories: Vec::new(),
            span,
            show_as,
            visibility: Visibility::Default,
            extras: EventExtras::default(),
        }
    }

    fn found(&self, target: &MemoryTarget) -> Vec<Found> {
        let mut found = Vec::new();
        if let Some(others_go) = self.schedule {
            self.find_schedule(target, others_go, &mut found);
            return found;
        }
        target.for_each(|calendar, _, item| {
            let Some(origin) = item.origin.as_ref().filter(|it| it.mirror == *self.mirror) else {
                return;
            };
            let (key, calendar) = (origin.item(), calendar.clone());
            found.push(Found { key, calendar, content: item.content.clone(), spare: false });
        });
        found
    }

    /// Whether an item shows something that was over before the window: left alone.
    fn is_history(&self, content: Option<&Content>) -> bool {
        let (start, _) = self.window();
        match content {
            Some(Content::Event(CalendarEvent { span: EventSpan::Timed(interval), .. })) => {
                interval.end() <= start
            }
            // Days end up to 14 hours apart, depending on where they are.
            Some(Content::Event(CalendarEvent { span: EventSpan::AllDay { end, .. }, .. })) => {
                zoned(*end, 0, 0, "UTC") <= start + SignedDuration::from_hours(14)
            }
            Some(Content::Schedule(item)) => item.interval().is_some_and(|it| it.end() <= start),
            None => false,
        }
    }

    /// Whether it is over, and of somebody who is not there any more: their past may stay, and
    /// goes where the source says that it was deleted.
    fn is_of_a_leaver(&self, calendar: &CalendarKey, content: Option<&Content>) -> bool {
        let (who, is_over) = match content {
            Some(Content::Event(event)) => {
                let is_over = match &event.span {
                    EventSpan::Timed(interval) => interval.end() <= self.now,
                    EventSpan::AllDay { end, .. } => {
                        zoned(*end, 0, 0, "UTC") <= self.now + SignedDuration::from_hours(14)
                    }
                };
                (self.owners.get(calendar).map(String::as_str), is_over)
            }
            Some(Content::Schedule(item)) => {
                let is_over = item.interval().is_some_and(|it| it.end() <= self.now);
                (schedule::whose(item).map(EmployeeId::as_str), is_over)
            }
            None => (None, false),
        };
        is_over && who.is_some_and(|who| !self.truth.people.contains_key(who))
    }

    /// Holds a target against what must be.
    #[must_use]
    pub fn compare(&self, target: &MemoryTarget) -> Difference {
        let mut difference = Difference::default();
        let mut there: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for found in self.found(target) {
            there.entry(self.address(&found.key, &found.calendar)).or_default().push(found);
        }
        let mut wanted = BTreeSet::new();
        for expected in self.expected() {
            let Expected { key, calendars, optional, content } = expected;
            wanted.insert(key.clone());
            let found = calendars.iter().find_map(|calendar| {
                let like = there.get_mut(&self.address(&key, calendar))?;
                let shows = |it: &Found| it.content.as_ref() == Some(&content);
                let exact = like.iter().position(|it| shows(it) && !it.spare);
                let exact = exact.or_else(|| like.iter().position(shows));
                let same = exact.or((self.native_ids && !like.is_empty()).then_some(0));
                same.map(|place| like.remove(place))
            });
            let seen = found.as_ref().map(|it| it.content.as_ref());
            if seen != Some(Some(&content)) && !(optional && found.is_none()) {
                difference.writes += 1;
                let line = format!("{key} in {calendars:?}: expected {content:?}, found {seen:?}");
                difference.missing.push(line);
            }
        }
        for found in there.into_values().flatten() {
            let Found { key, calendar, content, spare } = found;
            if spare {
                continue;
            }
            if self.is_of_a_leaver(&calendar, content.as_ref()) {
                // Whether it was over when the source was read without them decides.
                difference.optional_writes += 1;
            } else if !self.is_history(content.as_ref()) {
                difference.writes += 1;
                difference.surplus.push(format!("{key} in {calendar}: {content:?}"));
            } else if wanted.contains(&key) || is_all_day(content.as_ref()) {
                difference.optional_writes += 1;
            }
        }
        difference
    }

    /// Where items are compared: by entity where its id is known, else by calendar.
    fn address(&self, key: &ItemKey, calendar: &CalendarKey) -> String {
        if self.native_ids { format!("{calendar} {key}") } else { calendar.to_string() }
    }
}

fn is_all_day(content: Option<&Content>) -> bool {
    let days = |event: &CalendarEvent| matches!(event.span, EventSpan::AllDay { .. });
    content.is_some_and(|content| matches!(content, Content::Event(event) if days(event)))
}

/// The calendar of a person.
#[must_use]
pub fn calendar_of(person: &Person) -> Option<CalendarKey> {
    let email = person.email.as_ref()?;
    CalendarKey::new(format!("{email}/shifts")).ok()
}

fn when_absent(absent: &Absent) -> (Timestamp, Timestamp, Option<EventSpan>) {
    let Absent { first, days, zone, .. } = absent;
    if *days == 0 {
        let from = zoned(*first, 13, 30, zone);
        let to = from + SignedDuration::from_hours(2);
        return (from, to, UtcInterval::new(from, to).ok().map(EventSpan::Timed));
    }
    let end = absent.end();
    let (from, to) = (zoned(*first, 0, 0, zone), zoned(end, 0, 0, zone));
    (from, to, Some(EventSpan::AllDay { first: *first, end }))
}
