//! `[[mirror]]`: where a roster is kept in agreement.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connectors::registry::PROVIDERS;
use connectors::{
    ConnectionConfig, ConnectionError, ForeignReach, MirrorConfig, MirrorContext, MirrorDescriptor,
};
use domain::policy::{ConflictPolicy, Direction};
use domain::{CommandKind, ConnectionName, Contact, MirrorName, RosterName};
use engine::mapping::{MappingProfile, OF_SHIFT, SHARED_TITLE_DEFAULT, Shows, Template};
use engine::plan::drift::DriftPolicy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::conflicts::{Conflicts, ConflictsSection};
use super::connection::unavailable;
use super::duration::Length;
use super::guard::GuardSection;
use super::look::{self, LOOK_KEYS};
use super::reader::{Faults, Section, Spans, list, refused, with_article};
use super::unavailable::UnavailableSection;
use super::window::Window;

/// Asking each calendar more often what changed costs more than hints that come by themselves.
const DRIFT_MIN: Duration = Duration::from_secs(60);
/// A whole reading of a large mirror takes many minutes of its budget.
const FULL_MIN: Duration = Duration::from_secs(3600);

/// A valid `[[mirror]]`.
#[derive(Debug)]
pub struct MirrorSection {
    /// Its name.
    pub name: MirrorName,
    /// The roster that it shows.
    pub roster: RosterName,
    /// Over which connection.
    pub connection: ConnectionName,
    /// Which kind of mirror.
    pub kind: &'static str,
    /// What is peculiar to its kind.
    pub config: Box<dyn MirrorConfig>,
    /// What people may ask for in it, if its roster's system of record decides it.
    pub two_way: BTreeSet<CommandKind>,
    /// Those kinds of them that `directions` names one by one.
    pub named: BTreeSet<CommandKind>,
    /// How entities are shown, but for the zone, which is the roster's.
    pub look: MappingProfile,
    /// How far it looks, where that is not as far as the roster.
    pub window: Option<Window>,
    /// How much may be deleted at once.
    pub guard: GuardSection,
    /// What is done about events of people that stand in the way.
    pub conflicts: Conflicts,
    /// How often `serve` reads it back and repairs drift.
    pub full_interval: Duration,
    /// What becomes of what people do to our items.
    pub drift: DriftPolicy,
    /// How often `serve` reads what changed there.
    pub drift_interval: Duration,
    /// Whether its vendor is asked to tell of changes.
    pub hints: bool,
    pub(super) spans: Spans,
}

impl MirrorSection {
    /// How far it sees people's events over its connection: not at all where its calendars are of
    /// groups, because one person's events must not be held against everybody's shifts.
    pub fn reach(&self, connection: &dyn ConnectionConfig) -> ForeignReach {
        if self.look.groups.is_empty() {
            return connection.foreign(self.config.as_ref());
        }
        ForeignReach::Nowhere {
            why: "with `groups` its calendars are nobody's own".to_owned(),
            hint: "leave the key out, or keep groups and people in two mirrors".to_owned(),
        }
    }
}

/// `[[mirror]]` as it is written, without the keys of its kind.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Mirror")]
pub(super) struct Written {
    /// Its name: part of what is written into calendars, so renaming it makes another mirror.
    #[schemars(with = "String")]
    name: MirrorName,
    /// The `[[roster]]` that it shows.
    #[schemars(with = "String")]
    roster: RosterName,
    /// The `[[connection]]` that it is kept over.
    #[schemars(with = "String")]
    connection: ConnectionName,
    /// Which kind of mirror.
    kind: String,
    /// Which way changes go.
    #[serde(default)]
    #[schemars(with = "DirectionWord")]
    direction: Direction,
    /// The same for single kinds of what people can ask for.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, DirectionWord>")]
    directions: BTreeMap<CommandKind, Direction>,
    /// What happens where an event that we did not write takes the time of a shift: `report`
    /// touches nothing and is the default, `keep_both` wants both to stand,
    /// `wfm_priority_override` moves or deletes the event, as `conflicts` says.
    #[serde(default)]
    #[schemars(with = "Option<ConflictWord>")]
    conflict_policy: Option<ConflictPolicy>,
    /// Whether what a meeting was about (subject, text, place, people, link) is kept in a note:
    /// in the shift's item for one that was removed, in the event itself for one that was moved.
    #[serde(default = "yes")]
    preserve_meeting_context: bool,
    /// More about conflicts.
    #[serde(default)]
    conflicts: Option<ConflictsSection>,
    /// Events by which people say that they want to be absent: they become time off, or requests
    /// for it. Needs to see and change people's events, and two ways for `time_off_request`.
    #[serde(default)]
    unavailable: Option<UnavailableSection>,
    /// Whether open shifts are shown, and how: `{activity}`, `{group}`, `{slots}` and the times.
    #[serde(default)]
    open_shifts: Option<look::AppearanceWritten>,
    /// The address that is named as having called shifts together; nobody unless it is said.
    #[serde(default)]
    organizer: Option<String>,
    /// Whether who works is named as taking part. No mail is sent for it.
    #[serde(default)]
    attendees: bool,
    /// Which calendar each schedule group's work belongs to; other groups are not shown. Without
    /// it, the kind of the mirror says where work belongs.
    #[serde(default)]
    groups: Vec<GroupWritten>,
    /// What is shown of groups: their shifts, or how many people work.
    #[serde(default)]
    shows: ShowsWord,
    /// How far it looks; left out, as far as its roster.
    #[serde(default)]
    window: Option<Window>,
    /// How much may be deleted at once.
    #[serde(default)]
    guard: GuardSection,
    /// How often `serve` reads the mirror back and repairs drift.
    #[serde(default = "full_interval")]
    full_interval: Length,
    /// What becomes of what people do to items that we wrote.
    #[serde(default)]
    #[schemars(with = "DriftWord")]
    drift: DriftPolicy,
    /// How often `serve` reads what changed in calendars of whose changes nobody tells it.
    #[serde(default = "drift_interval")]
    drift_interval: Length,
    /// Whether the vendor is asked to tell `serve` of changes, where it can be; needs
    /// `public_url`.
    #[serde(default = "yes")]
    hints: bool,
}

const fn drift_interval() -> Length {
    Length::seconds(900)
}

/// The calendar of one schedule group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GroupCalendar")]
struct GroupWritten {
    /// The group: its id or its name.
    group: String,
    /// Its calendar, in the words of the mirror's kind: a collection, a mailbox, a group's id.
    calendar: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ShowsWord {
    /// Every shift.
    #[default]
    Shifts,
    /// How many work, as one event for every stretch in which their number stays the same.
    HeadCount,
}

const fn yes() -> bool {
    true
}

const fn full_interval() -> Length {
    Length::seconds(86_400)
}

/// For the schema: the words that the domain's types are read from.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum DirectionWord {
    Push,
    TwoWay,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum DriftWord {
    /// It is put right.
    PutRight,
    /// It is left and reported.
    Report,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum ConflictWord {
    Report,
    KeepBoth,
    WfmPriorityOverride,
}

pub(super) const SHARED_KEYS: [&str; 21] = [
    "name",
    "roster",
    "connection",
    "kind",
    "direction",
    "directions",
    "conflict_policy",
    "preserve_meeting_context",
    "conflicts",
    "unavailable",
    "open_shifts",
    "organizer",
    "attendees",
    "groups",
    "shows",
    "window",
    "guard",
    "full_interval",
    "drift",
    "drift_interval",
    "hints",
];

impl MirrorSection {
    pub(super) fn read(section: Section<'_>, faults: &mut Faults) -> Option<Self> {
        let spans = section.spans();
        let known: Vec<&str> = SHARED_KEYS.into_iter().chain(LOOK_KEYS).collect();
        let (shared, own) = section.split(&known);
        let (look, shared) = shared.split(&LOOK_KEYS);
        let look: Option<look::Written> = look.read(faults);
        let shared: Option<Written> = shared.read(faults);
        let kind = own_kind(shared.as_ref(), &spans, faults);
        let config = kind.and_then(|kind| own.read_by(&|it| (kind.parse)(it), &known, faults));
        let (written, look, kind, config) = (shared?, look?, kind?, config?);
        if let Err(error) = config.validate() {
            refused(&error, &spans, faults);
            return None;
        }
        let mut clean = written.check(kind, &look, &spans, faults);
        let mut conflicts = written.conflicts();
        let unavailable = written.unavailable.as_ref();
        match unavailable.map(|it| it.rules(config.as_ref())).transpose() {
            Ok(rules) => conflicts.unavailable = rules,
            Err((message, hint)) => {
                let at = spans.of("unavailable");
                faults.add(at, format!("`unavailable`: {message}"), Some(hint));
                clean = false;
            }
        }
        if let Some((key, message, hint)) = conflicts.fault() {
            faults.add(spans.of(key), format!("`{key}`: {message}"), Some(hint));
            clean = false;
        }
        if !clean {
            return None;
        }
        let look = written.profile(&look, config.as_ref(), &spans, faults)?;
        let two_way = written.two_way(kind);
        let named = two_way.iter().filter(|it| written.directions.contains_key(it));
        let named = named.copied().collect();
        let Written { name, roster, connection, .. } = written;
        let Written { window, guard, full_interval, drift, drift_interval, hints, .. } = written;
        Some(Self {
            name,
            roster,
            connection,
            kind: kind.kind,
            config,
            two_way,
            named,
            look,
            window,
            guard,
            conflicts,
            full_interval: full_interval.0,
            drift,
            drift_interval: drift_interval.0,
            hints,
            spans,
        })
    }

    /// What the mirror is built with.
    pub fn context(&self, config: &super::Config) -> MirrorContext {
        let time_zone = config.roster(&self.roster).map_or("UTC", |it| it.time_zone.as_str());
        MirrorContext {
            name: self.name.clone(),
            two_way: self.two_way.intersection(&config.decides(&self.roster)).copied().collect(),
            time_zone: time_zone.to_owned(),
            group_calendars: self.look.groups.values().cloned().collect(),
            wishes_in: self.conflicts.unavailable.as_ref().and_then(|it| it.calendar.clone()),
        }
    }

    /// Whose fault something is that was found when it was built: its own, or that of the
    /// connection that it is kept over. Names stand between `quote`s.
    pub fn subject_of(&self, error: &ConnectionError, quote: &str) -> String {
        let own = match error {
            ConnectionError::Key { key, .. } | ConnectionError::File { key, .. } => {
                self.spans.has(key)
            }
            ConnectionError::Role { .. } => true,
        };
        match own {
            true => format!("mirror {quote}{}{quote}", self.name),
            false => format!("connection {quote}{}{quote}", self.connection),
        }
    }

    /// Whether a key stands in its section.
    pub fn has(&self, key: &str) -> bool {
        self.spans.has(key)
    }

    /// How entities are shown, with times in descriptions in this zone.
    pub fn profile(&self, time_zone: &str) -> MappingProfile {
        MappingProfile { time_zone: time_zone.to_owned(), ..self.look.clone() }
    }
}

fn own_kind(
    shared: Option<&Written>,
    spans: &Spans,
    faults: &mut Faults,
) -> Option<&'static MirrorDescriptor> {
    let kind = &shared?.kind;
    let mut all = PROVIDERS.iter().flat_map(|provider| provider.mirrors);
    let found = all.clone().find(|it| it.kind == kind);
    if found.is_none() {
        let available: Vec<&str> = all.by_ref().map(|it| it.kind).collect();
        unavailable("mirror", kind, &available, spans, faults);
    }
    found
}

impl Written {
    /// What it says of conflicts.
    fn conflicts(&self) -> Conflicts {
        Conflicts {
            policy: self.conflict_policy,
            preserve_meeting_context: self.preserve_meeting_context,
            section: self.conflicts.clone(),
            unavailable: None,
        }
    }

    /// What people may ask for: by its own direction, else by the mirror's.
    fn two_way(&self, descriptor: &MirrorDescriptor) -> BTreeSet<CommandKind> {
        let direction = |kind: &CommandKind| self.directions.get(kind).unwrap_or(&self.direction);
        let asks = descriptor.asks.iter().copied();
        asks.filter(|kind| *direction(kind) == Direction::TwoWay).collect()
    }

    /// How entities are shown; `None` when something is wrong with what is said of it.
    fn profile(
        &self,
        look: &look::Written,
        config: &dyn MirrorConfig,
        spans: &Spans,
        faults: &mut Faults,
    ) -> Option<MappingProfile> {
        let mut reader = look::Reader::new(spans, faults);
        let shows = match self.shows {
            ShowsWord::Shifts => Shows::Shifts,
            ShowsWord::HeadCount => Shows::HeadCount,
        };
        let mut profile = look.read(shows, &mut reader);
        profile.open_shifts =
            self.open_shifts.as_ref().map(|it| reader.appearance("open_shifts.", it, OF_SHIFT));
        profile.attendees = self.attendees;
        if let Some(address) = &self.organizer {
            match Contact::new(address, None) {
                Ok(organizer) => profile.organizer = Some(organizer),
                Err(error) => reader.fault("organizer", &error.to_string(), "leave the key out"),
            }
        }
        for GroupWritten { group, calendar } in &self.groups {
            let hint = "expected a calendar in the words of the mirror's kind";
            match config.group_calendar(calendar) {
                Ok(calendar) => drop(profile.groups.insert(group.clone(), calendar)),
                Err(message) => reader.fault("groups", &message, hint),
            }
        }
        let shared = !profile.groups.is_empty() || !config.is_personal();
        if shows == Shows::HeadCount && !shared {
            let hint = "name calendars in `groups`, or one for each group by the mirror's own keys";
            reader.fault("shows", "head counts need calendars of groups", hint);
        }
        if self.open_shifts.is_some() {
            if !shared {
                let hint = "an open shift is nobody's yet: show it in calendars of groups \
                            (`groups`, or the mirror's own keys), or leave the key out";
                reader.fault("open_shifts", "here every calendar is one employee's", hint);
            } else if shows == Shows::HeadCount {
                let hint = "leave one of both out";
                reader.fault("open_shifts", "`shows = \"head_count\"` shows counts only", hint);
            }
        }
        for (key, why) in config.cannot_show() {
            for at in self.keys_of(key, look) {
                reader.fault(&at, &format!("cannot be shown there: {why}"), "leave the key out");
            }
        }
        if shared && shows == Shows::Shifts && profile.look.title.is_none() {
            profile.look.title = Template::parse(SHARED_TITLE_DEFAULT, OF_SHIFT).ok();
        }
        reader.is_clean().then_some(profile)
    }

    /// Where this part of the mapping profile is asked for.
    fn keys_of(&self, key: &str, look: &look::Written) -> Vec<String> {
        let open = self.open_shifts.as_ref().is_some_and(look::AppearanceWritten::has_colour);
        let asked = match key {
            "organizer" => self.organizer.is_some(),
            "attendees" => self.attendees,
            "colour" => {
                let open = open.then(|| "open_shifts.colour".to_owned());
                return look.colours().into_iter().chain(open).collect();
            }
            _ => false,
        };
        asked.then(|| key.to_owned()).into_iter().collect()
    }

    /// Says what this version cannot do yet. Whether nothing is wrong.
    fn check(
        &self,
        descriptor: &MirrorDescriptor,
        look: &look::Written,
        spans: &Spans,
        faults: &mut Faults,
    ) -> bool {
        let mut wrong: Vec<(&str, String, String)> = Vec::new();
        let kind = with_article(descriptor.kind);
        let push = match descriptor.asks {
            [] => "it is written from the roster, changes there are put right: \
                   `direction = \"push\"`"
                .to_owned(),
            asks => {
                let asks: Vec<&str> = asks.iter().map(|it| it.as_str()).collect();
                format!("there people can ask for {} only", list(&asks).replace(" or ", " and "))
            }
        };
        if self.direction == Direction::TwoWay && descriptor.asks.is_empty() {
            let message = format!("{kind} mirror cannot be `two_way`");
            wrong.push(("direction", message, push.clone()));
        }
        for (asked, direction) in &self.directions {
            if *direction == Direction::TwoWay && !descriptor.asks.contains(asked) {
                let message = format!("{kind} mirror cannot be `two_way` for `{asked}`");
                wrong.push(("directions", message, push.clone()));
            }
        }
        let defaults = "leave the key out";
        let shown_as_it_is = descriptor.is_schedule();
        let own = [
            ("open_shifts", self.open_shifts.is_some()),
            ("organizer", self.organizer.is_some()),
            ("attendees", self.attendees),
            ("groups", !self.groups.is_empty()),
            ("shows", self.shows != ShowsWord::Shifts),
        ];
        let own = own.into_iter().filter(|it| it.1).map(|it| it.0);
        for key in look.changed().into_iter().chain(own).filter(|_| shown_as_it_is) {
            let message = format!("{kind} mirror shows the schedule as it is");
            wrong.push((key, message, defaults.to_owned()));
        }
        if let Some(message) = self.guard.fault() {
            wrong.push(("guard", message, "0.2 lets a fifth go".to_owned()));
        }
        let intervals = [
            ("drift_interval", self.drift_interval, DRIFT_MIN, "15 minutes are usual: `15m`"),
            ("full_interval", self.full_interval, FULL_MIN, "a day is usual: `24h`"),
        ];
        for (key, found, least, usual) in intervals {
            if found.0 < least {
                let message = format!("`{found}` found, expected at least `{}`", Length(least));
                wrong.push((key, message, usual.to_owned()));
            }
        }
        let clean = wrong.is_empty();
        for (key, message, hint) in wrong {
            faults.add(spans.of(key), format!("`{key}`: {message}"), Some(hint));
        }
        clean
    }
}
