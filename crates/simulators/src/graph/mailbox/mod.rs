//! Mailboxes: calendars, events, series, and who was mailed.
//!
//! Written from Learn's pages on events, delta queries, immutable ids, extended properties and
//! change notifications, and from `calendars.md` §1; where they are silent, the way that is hardest
//! on a client. Whatever changes an event passes [`Mailbox::put`] or [`Mailbox::remove`], so that
//! versions, delta and notifications are never forgotten.

mod body;
mod delta;
pub mod people;
mod read;
mod route;
mod series;
mod subscription;
mod throttle;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub(super) use route::answer;
pub use series::Series;
pub(super) use subscription::answer as subscriptions;
pub use subscription::{Notice, Notify, Subscription};
pub(super) use throttle::Windows;

/// Roles that an app needs for calendars.
pub const OUTLOOK_ROLES: [&str; 2] = ["Calendars.ReadWrite", "User.Read.All"];

/// How long after an event was made Exchange still writes to it.
const SETTLES_AFTER: Duration = Duration::from_millis(470);

/// How mailboxes behave.
#[derive(Clone)]
pub struct MailboxOptions {
    /// Requests of one app on one mailbox in ten minutes.
    pub requests: u32,
    /// Requests of one app on one mailbox at once.
    pub at_once: u32,
    /// How long a request takes; without a time, nothing is ever at once.
    pub takes: Duration,
    /// How long an extended property is there before filters find it.
    pub property_lag: Duration,
    /// Whether a copy that a person makes carries the extended properties of what it is a copy of.
    pub copies_keep_properties: bool,
    /// Whether the answer to a making shows the extended properties that it is asked to show.
    pub answers_expand: bool,
    /// What becomes of a second making with a `transactionId` that was used, if it says something
    /// else: `None` gives the event that is there, a status refuses it.
    pub refuses_other_bodies: Option<u16>,
    /// Whether people see the meetings that they declined (they choose so in Outlook).
    pub preserves_declined: bool,
    /// Whether a round of a delta tells of each event more than once, in no order (Learn, "event:
    /// delta").
    pub delta_repeats: bool,
    /// Entries of a page when the client does not say (Learn, "List events": 10).
    pub page_size: usize,
    /// Who carries notifications; plain HTTP when `None`.
    pub notify: Option<Notify>,
}

impl Default for MailboxOptions {
    fn default() -> Self {
        Self {
            requests: 10_000,
            at_once: 4,
            takes: Duration::ZERO,
            property_lag: Duration::ZERO,
            copies_keep_properties: true,
            answers_expand: true,
            refuses_other_bodies: None,
            preserves_declined: false,
            delta_repeats: false,
            page_size: 10,
            notify: None,
        }
    }
}

/// The mailbox of one person, or a shared one.
#[derive(Debug, Clone, Default)]
pub struct Mailbox {
    /// Its calendars, by id.
    pub calendars: BTreeMap<String, Calendar>,
    /// Which of them is the default one.
    pub primary: String,
    /// Its events, by immutable id. Occurrences are here only when they differ from their series.
    pub events: BTreeMap<String, Event>,
    /// What was mailed from it.
    pub mails: Vec<Mail>,
    /// Which event changed when, in which calendar.
    log: Vec<Logged>,
    /// Grows with every change.
    seq: u64,
    /// Delta tokens of another epoch are not good any more.
    epoch: u64,
    /// Events by the `transactionId` that they were made with.
    transactions: BTreeMap<String, String>,
    /// When extended properties were last written, by event.
    tagged_at: BTreeMap<String, Timestamp>,
}

/// One calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// In which order it came.
    pub number: u64,
    /// Single-value extended properties, by id.
    pub properties: BTreeMap<String, String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its immutable id.
    pub id: String,
    /// In which calendar it is.
    pub calendar: String,
    /// What was said of it, in Graph's words: subject, body, location and so on.
    pub said: Map<String, Value>,
    /// When it is.
    pub span: Span,
    /// What a client gave when it made it.
    pub transaction_id: Option<String>,
    /// Single-value extended properties, by id.
    pub properties: BTreeMap<String, String>,
    /// Whose meeting it is; the mailbox's owner when `None`.
    pub organizer: Option<String>,
    /// What the owner answered, where it is somebody else's meeting.
    pub response: String,
    /// Whether its organiser called it off.
    pub cancelled: bool,
    /// What makes it a series.
    pub series: Option<Series>,
    /// The series it is an exception of, and of which day.
    pub occurrence_of: Option<(String, Date)>,
    /// The same in everybody's calendar.
    pub ical_uid: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// Another one with each change.
    pub version: u64,
}

/// When an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// From one instant to another.
    Timed(Timestamp, Timestamp),
    /// Whole days, the last excluded.
    AllDay(Date, Date),
}

/// Something that was mailed to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// `invitation`, `update`, `cancellation`, `declined` and so on.
    pub kind: &'static str,
    /// Of which event: its subject.
    pub subject: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Logged {
    seq: u64,
    event: String,
    calendar: String,
}

impl Span {
    /// From when to when, as Graph compares it.
    #[must_use]
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        let midnight = |day: Date| {
            let zoned = day.to_zoned(TimeZone::UTC);
            zoned.map_or(Timestamp::MIN, |it| it.timestamp())
        };
        match self {
            Self::Timed(start, end) => (start, end),
            Self::AllDay(first, end) => (midnight(first), midnight(end)),
        }
    }

    fn overlaps(self, (from, to): (Timestamp, Timestamp)) -> bool {
        let (start, end) = self.bounds();
        start < to && (end > from || (start == end && start >= from))
    }
}

impl Event {
    /// Its subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.text("subject")
    }

    /// A property that is a text; empty when it is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.said.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its text, without markup.
    #[must_use]
    pub fn body_text(&self) -> String {
        body::text(&self.said)
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &str {
        let location = self.said.get("location");
        location.and_then(|it| it["displayName"].as_str()).unwrap_or_default()
    }

    /// Its labels.
    #[must_use]
    pub fn categories(&self) -> Vec<&str> {
        let list = self.said.get("categories").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Who is invited.
    #[must_use]
    pub fn attendees(&self) -> Vec<&str> {
        let list = self.said.get("attendees").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|it| it["emailAddress"]["address"].as_str()).collect()
    }

    /// Its version, as `changeKey` says it.
    #[must_use]
    pub fn change_key(&self) -> String {
        let mut bytes = [0; 18];
        bytes[10..].copy_from_slice(&self.version.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Its etag.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.change_key())
    }
}

impl Mailbox {
    /// An empty one with a calendar.
    pub(super) fn new(mut new_id: impl FnMut() -> String) -> Self {
        let id = item_id("AAMkCal", &new_id());
        let calendar = Calendar {
            id: id.clone(),
            name: "Calendar".into(),
            number: 0,
            properties: BTreeMap::new(),
        };
        Self { calendars: BTreeMap::from([(id.clone(), calendar)]), primary: id, ..Self::default() }
    }

    /// A calendar by its name.
    #[must_use]
    pub fn calendar_named(&self, name: &str) -> Option<&Calendar> {
        self.calendars.values().find(|it| it.name == name)
    }

    /// The events of a calendar, in no particular order.
    pub fn events_in<'a>(&'a self, calendar: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.values().filter(move |it| it.calendar == calendar)
    }

    fn add_calendar(&mut self, id: String, name: &str) -> &Calendar {
        let number = self.calendars.values().map(|it| it.number + 1).max().unwrap_or(0);
        let properties = BTreeMap::new();
        let calendar = Calendar { id: id.clone(), name: name.into(), number, properties };
        self.calendars.entry(id).or_insert(calendar)
    }

    /// Stores an event as it is now.
    fn put(&mut self, mut event: Event, now: Timestamp) -> Event {
        self.seq += 1;
        event.version = self.seq;
        event.modified_at = now;
        let before = self.events.get(&event.id);
        let moved = before.filter(|it| it.calendar != event.calendar).map(|it| it.calendar.clone());
        if before.is_none_or(|it| it.properties != event.properties) {
            self.tagged_at.insert(event.id.clone(), now);
        }
        let calendars = moved.into_iter().chain([event.calendar.clone()]);
        let seq = self.seq;
        self.log.extend(calendars.map(|calendar| Logged {
            seq,
            event: event.id.clone(),
            calendar,
        }));
        self.events.insert(event.id.clone(), event.clone());
        event
    }

    /// Exchange goes on writing to an event after it made it (Learn, "Create event": the answer of
    /// its example).
    fn settle(&mut self, event: &mut Event) {
        let later = event.created_at.saturating_add(SETTLES_AFTER);
        event.modified_at = later.unwrap_or(event.created_at);
        self.events.insert(event.id.clone(), event.clone());
    }

    /// Removes an event; of a series all that belongs to it.
    fn remove(&mut self, id: &str) -> Option<Event> {
        let gone = self.events.remove(id)?;
        self.seq += 1;
        let entry = |event: &str| Logged {
            seq: self.seq,
            event: event.to_owned(),
            calendar: gone.calendar.clone(),
        };
        self.log.push(entry(id));
        if gone.series.is_some() {
            for (occurrence, _) in series::days(&gone) {
                self.log.push(entry(&series::occurrence_id(id, occurrence)));
            }
            self.events
                .retain(|_, it| it.occurrence_of.as_ref().is_none_or(|(master, _)| master != id));
        }
        Some(gone)
    }

    /// An event by any of its ids, if it is there (and in that calendar).
    fn find(&self, id: &str, calendar: Option<&str>) -> Option<Event> {
        let (immutable, told) = self.told_id(id)?;
        let found = match self.events.get(immutable) {
            Some(event) => event.clone(),
            None => {
                let (master, day) = series::parse_occurrence(immutable)?;
                series::occurrence(self.events.get(master)?, day)?
            }
        };
        let here = |wanted: Option<&str>| wanted.is_none_or(|it| it == found.calendar);
        (here(told.as_deref()) && here(calendar)).then_some(found)
    }

    /// The immutable id behind an id, and in which calendar it says that the event is.
    fn told_id<'a>(&self, id: &'a str) -> Option<(&'a str, Option<String>)> {
        let Some(rest) = id.strip_prefix("AAMkR") else { return Some((id, None)) };
        let (number, immutable) = rest.split_once('-')?;
        let number: u64 = number.parse().ok()?;
        let calendar = self.calendars.values().find(|it| it.number == number)?;
        Some((immutable, Some(calendar.id.clone())))
    }

    /// The id of an event as a client sees it: an ordinary one names the calendar, and so changes
    /// when the event is moved (Learn, "Obtain immutable identifiers for Outlook resources").
    fn shown_id(&self, event: &str, calendar: &str, immutable: bool) -> String {
        if immutable {
            return event.to_owned();
        }
        let number = self.calendars.get(calendar).map_or(0, |it| it.number);
        format!("AAMkR{number}-{event}")
    }

    /// Every delta token given so far is not good any more.
    pub fn expire_delta_tokens(&mut self) {
        self.epoch += 1;
    }

    fn distinct_since(&self, seq: u64, calendar: &str) -> BTreeSet<&str> {
        let later = self.log.iter().rev().take_while(|it| it.seq > seq);
        later.filter(|it| it.calendar == calendar).map(|it| it.event.as_str()).collect()
    }
}

/// An id as Exchange gives them: long, and with what must be encoded in a path.
fn item_id(prefix: &str, seed: &str) -> String {
    format!("{prefix}{}=", URL_SAFE_NO_PAD.encode(Sha256::digest(seed)))
}

/// A time as Graph writes it in an event.
fn date_time(at: Timestamp) -> Value {
    let civil = at.to_zoned(TimeZone::UTC).datetime();
    let text = format!("{}.0000000", civil.strftime("%Y-%m-%dT%H:%M:%S"));
    json!({ "dateTime": text, "timeZone": "UTC" })
}
