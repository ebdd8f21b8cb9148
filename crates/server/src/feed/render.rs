//! From roster entries to the bytes of a feed. Pure.
//!
//! The same entries, names and options give the same bytes, whenever they are asked for: nothing
//! of the request is in them. So an ETag over them works, and importers that compare revisions
//! see one only when there was one:
//!
//! - `DTSTAMP` and `LAST-MODIFIED` are the last change of anything the event shows: of the entity
//!   itself, or of the name of its group or reason. Google's importer ignores changes that do not
//!   move them.
//! - `SEQUENCE` is the entity's version minus one.
//!
//! Deleted entities are absent: `STATUS:CANCELLED` is shown as an active event by some clients.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::limits::FEED_BYTES_MAX;
use domain::policy::PrivacyTier;
use domain::{
    CalendarEvent, Entity, EntityId, EntityKey, EntityKind, EventSpan, ItemKey, Part, RosterName,
    Shift, TimeOff,
};
use engine::mapping::{Events, Field, MappingProfile, Names};
use engine::port::RosterEntry;
use ical::{EventHeader, FeedHeader, UtcStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How often a feed asks calendar clients to look again.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// How the feeds of one roster look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedOptions {
    /// How much of the past is shown.
    pub past: Duration,
    /// How much of the future is shown.
    pub future: Duration,
    /// What is shown of an entity.
    pub profile: MappingProfile,
    /// How an event says that its times are UTC.
    pub utc_style: UtcStyle,
    /// What an event's `UID` looks like.
    pub uid_style: UidStyle,
    /// What calendar clients call the feed. `{employee}` is replaced by the employee's name,
    /// except where the privacy tier shows the time only.
    pub name: String,
}

/// What an event's `UID` looks like; see [`ical::UidStyle`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UidStyle {
    /// A bare UUID.
    #[default]
    Opaque,
    /// A UUID, `@`, and the organisation's id.
    Organization(String),
}

impl Default for FeedOptions {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            past: Duration::from_secs(7 * DAY),
            future: Duration::from_secs(8 * 7 * DAY),
            profile: MappingProfile::default(),
            utc_style: UtcStyle::Rfc5545,
            uid_style: UidStyle::Opaque,
            name: "Shifts".into(),
        }
    }
}

/// The names that a feed may show, and when each was last changed.
#[derive(Debug, Clone, Default)]
pub struct FeedNames {
    names: Names,
    changed_at: BTreeMap<EntityKey, Timestamp>,
}

impl FeedNames {
    /// Adds the employees, groups and reasons among `entries`.
    pub fn add<'a>(&mut self, entries: impl IntoIterator<Item = &'a RosterEntry>) {
        let Names { groups, reasons, employees, contacts: _ } = &mut self.names;
        for RosterEntry { entity, changed_at, .. } in entries {
            match entity {
                Entity::Employee(it) => {
                    if let Some(name) = &it.name {
                        employees.insert(it.id.to_string(), name.clone());
                    }
                }
                Entity::ScheduleGroup(it) => {
                    groups.insert(it.id.to_string(), it.name.clone());
                }
                Entity::TimeOffReason(it) => {
                    reasons.insert(it.id.to_string(), it.name.clone());
                }
                Entity::Shift(_) | Entity::OpenShift(_) | Entity::TimeOff(_) => continue,
            }
            self.changed_at.insert(entity.key(), *changed_at);
        }
    }

    fn changed_at(&self, kind: EntityKind, id: EntityId) -> Option<Timestamp> {
        self.changed_at.get(&EntityKey { kind, id }).copied()
    }
}

/// A feed would be larger than is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("feed of {events} events has {bytes} bytes; expected at most {FEED_BYTES_MAX}")]
pub struct FeedTooLarge {
    /// How many events it has.
    pub events: usize,
    /// How large it would be.
    pub bytes: usize,
}

/// Writes one employee's feed: `entries` that calendars show, ordered by start and then key.
///
/// # Errors
/// When it is larger than [`FEED_BYTES_MAX`].
pub fn render(
    roster: &RosterName,
    employee: &domain::EmployeeId,
    entries: &[RosterEntry],
    names: &FeedNames,
    options: &FeedOptions,
) -> Result<Vec<u8>, FeedTooLarge> {
    let mut events: Vec<Shown> =
        entries.iter().flat_map(|entry| Shown::of(entry, roster, names, options)).collect();
    events.sort_by(|a, b| (a.start, &a.key).cmp(&(b.start, &b.key)));
    let mut bytes = Vec::with_capacity(512 + events.len() * 512);
    let name = feed_name(employee, names, options);
    let header = FeedHeader {
        name: &name,
        refresh_interval: REFRESH_INTERVAL,
        utc_style: options.utc_style,
    };
    ical::write_feed(
        &mut bytes,
        &header,
        events.iter().map(|shown| (shown.header(), &shown.event)),
    );
    if bytes.len() > FEED_BYTES_MAX {
        return Err(FeedTooLarge { events: events.len(), bytes: bytes.len() });
    }
    Ok(bytes)
}

/// One event of a feed.
struct Shown {
    key: ItemKey,
    start: Timestamp,
    uid: String,
    revised_at: Timestamp,
    sequence: u32,
    event: CalendarEvent,
}

impl Shown {
    fn of(
        entry: &RosterEntry,
        roster: &RosterName,
        names: &FeedNames,
        options: &FeedOptions,
    ) -> impl Iterator<Item = Self> {
        let Events { main, more } = options.profile.events(&entry.entity, &names.names);
        let style = match &options.uid_style {
            UidStyle::Opaque => ical::UidStyle::Opaque,
            UidStyle::Organization(organization) => ical::UidStyle::Organization(organization),
        };
        let revised_at = revised_at(entry, names, &options.profile);
        let events = main.into_iter().map(|event| (Part::Main, event)).chain(more);
        events.map(move |(part, event)| {
            let key = ItemKey { entity: entry.entity.key(), part };
            Self {
                uid: ical::feed_uid(roster, &key, style),
                start: start_of(&event.span),
                revised_at,
                sequence: entry.version.saturating_sub(1),
                key,
                event,
            }
        })
    }

    fn header(&self) -> EventHeader<'_> {
        EventHeader {
            uid: &self.uid,
            revised_at: self.revised_at,
            sequence: self.sequence,
            origin: None,
        }
    }
}

/// Where an event stands in the order; whole days stand where their first one begins in UTC.
fn start_of(span: &EventSpan) -> Timestamp {
    match span {
        EventSpan::Timed(interval) => interval.start(),
        EventSpan::AllDay { first, end: _ } => {
            first.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |midnight| midnight.timestamp())
        }
    }
}

/// The last change of the entity, or of a name that it is shown with.
fn revised_at(entry: &RosterEntry, names: &FeedNames, profile: &MappingProfile) -> Timestamp {
    let shown_with = match (&entry.entity, profile.privacy) {
        (_, PrivacyTier::Busy) | (Entity::TimeOff(_), PrivacyTier::Title) => [None, None],
        (Entity::Shift(Shift { group, employee, .. }), PrivacyTier::Full | PrivacyTier::Title) => [
            group
                .as_ref()
                .filter(|_| profile.shows_field(Field::Group))
                .map(|id| (EntityKind::ScheduleGroup, id.into())),
            Some((EntityKind::Employee, employee.into()))
                .filter(|_| profile.shows_field(Field::Employee)),
        ],
        (Entity::TimeOff(TimeOff { reason, .. }), PrivacyTier::Full) => {
            [reason.as_ref().map(|id| (EntityKind::TimeOffReason, id.into())), None]
        }
        (
            Entity::OpenShift(_)
            | Entity::Employee(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOffReason(_),
            PrivacyTier::Full | PrivacyTier::Title,
        ) => [None, None],
    };
    shown_with
        .into_iter()
        .flatten()
        .filter_map(|(kind, id)| names.changed_at(kind, id))
        .fold(entry.changed_at, Timestamp::max)
}

fn feed_name(employee: &domain::EmployeeId, names: &FeedNames, options: &FeedOptions) -> String {
    let shown = match options.profile.privacy {
        PrivacyTier::Busy => "",
        PrivacyTier::Full | PrivacyTier::Title => {
            names.names.employees.get(employee.as_str()).map_or(employee.as_str(), String::as_str)
        }
    };
    let name = options.name.replace("{employee}", shown);
    let name = name.trim();
    if name.is_empty() { "Shifts" } else { name }.to_owned()
}
