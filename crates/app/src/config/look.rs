//! The mapping profile as it is written: keys of `[[mirror]]` and of `[feeds]`. Templates are
//! checked here, so that a placeholder that nobody knows is told at the start.

use std::collections::BTreeMap;

use domain::limits::REMINDER_MINUTES_MAX;
use domain::policy::PrivacyTier;
use domain::{Colour, ShowAs, Visibility};
use engine::mapping::{
    ActivitiesAs, ActivityProfile, Adherence, Appearance, Field, MappingProfile, OF_COUNT,
    OF_SHIFT, OF_TIME_OFF, Shows, TITLE_DEFAULT, Template, TemplateError, Tiers,
};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use super::duration::Length;
use super::reader::{Faults, Spans, list, nearest};

/// The keys that say how items look.
pub(super) const LOOK_KEYS: [&str; 15] = [
    "privacy",
    "title",
    "description",
    "location",
    "colour",
    "categories",
    "show_as",
    "visibility",
    "reminder",
    "activities",
    "activities_as",
    "include_adherence_rules",
    "adherence",
    "tiers",
    "time_off",
];

/// How things look, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    /// How much is shown: everything, title and time, or the time only.
    #[schemars(with = "PrivacyWord")]
    privacy: PrivacyTier,
    /// The title of a shift. `{activity}`, `{group}`, `{employee}`, `{start}`, `{end}`, `{date}`,
    /// `{notes}`, `{location}`, `{activities}` are filled in; a part that is not known vanishes
    /// together with what separates it. `{{` is a brace.
    title: Option<String>,
    /// The text below it; the default is `{activities}` and `{notes}`, a line for each.
    description: Option<String>,
    /// Where; nothing unless it is said.
    location: Option<String>,
    /// The colour; the calendar's unless it is said.
    #[schemars(with = "Option<ColourWord>")]
    colour: Option<Colour>,
    /// Labels; the default is the activity.
    categories: Option<Vec<String>>,
    /// Whether the time is taken.
    #[schemars(with = "Option<ShowAsWord>")]
    show_as: Option<ShowAs>,
    /// Who may read the details.
    #[schemars(with = "Option<VisibilityWord>")]
    visibility: Option<Visibility>,
    /// Rings this long before the start; nothing rings unless it is said.
    reminder: Option<Length>,
    /// How single kinds of work differ, by their label.
    activities: BTreeMap<String, ActivityWritten>,
    /// Whether the activities of a shift are listed in its text, or are events of their own.
    activities_as: ActivitiesWord,
    /// Whether the boundaries of adherence are shown as events: latest start, earliest leave, and
    /// when breaks may be.
    include_adherence_rules: bool,
    /// What adherence allows.
    adherence: Option<AdherenceWritten>,
    /// How the tiers of `privacy` differ: what is said here is shown in that tier in any case.
    tiers: TiersWritten,
    /// How absences look.
    time_off: Option<TimeOffWritten>,
}

/// How one kind of work differs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Activity")]
struct ActivityWritten {
    /// What to call it instead of its label.
    title: Option<String>,
    /// How much is shown of it, where that is less.
    #[schemars(with = "Option<PrivacyWord>")]
    privacy: Option<PrivacyTier>,
    description: Option<String>,
    location: Option<String>,
    #[schemars(with = "Option<ColourWord>")]
    colour: Option<Colour>,
    categories: Option<Vec<String>>,
    #[schemars(with = "Option<ShowAsWord>")]
    show_as: Option<ShowAs>,
    #[schemars(with = "Option<VisibilityWord>")]
    visibility: Option<Visibility>,
    reminder: Option<Length>,
}

/// How something looks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Appearance")]
pub(super) struct AppearanceWritten {
    title: Option<String>,
    description: Option<String>,
    location: Option<String>,
    #[schemars(with = "Option<ColourWord>")]
    colour: Option<Colour>,
    categories: Option<Vec<String>>,
    #[schemars(with = "Option<ShowAsWord>")]
    show_as: Option<ShowAs>,
    #[schemars(with = "Option<VisibilityWord>")]
    visibility: Option<Visibility>,
    reminder: Option<Length>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Tiers")]
struct TiersWritten {
    full: AppearanceWritten,
    title: AppearanceWritten,
    busy: AppearanceWritten,
}

/// How absences look: `{reason}`, `{employee}`, `{date}`, `{start}`, `{end}`, `{notes}`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TimeOff")]
struct TimeOffWritten {
    /// Whether they are shown at all.
    show: bool,
    title: Option<String>,
    description: Option<String>,
    location: Option<String>,
    #[schemars(with = "Option<ColourWord>")]
    colour: Option<Colour>,
    categories: Option<Vec<String>>,
    /// Out of office, unless it is said. Meetings are never declined for it.
    #[schemars(with = "Option<ShowAsWord>")]
    show_as: Option<ShowAs>,
    #[schemars(with = "Option<VisibilityWord>")]
    visibility: Option<Visibility>,
    reminder: Option<Length>,
}

impl Default for TimeOffWritten {
    fn default() -> Self {
        Self {
            show: true,
            title: None,
            description: None,
            location: None,
            colour: None,
            categories: None,
            show_as: None,
            visibility: None,
            reminder: None,
        }
    }
}

/// What adherence allows. `0s` shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Adherence")]
struct AdherenceWritten {
    /// How late work may begin.
    late_start: Length,
    /// How early it may end.
    early_leave: Length,
    /// How far a break, which is an unpaid activity, may be moved either way.
    break_window: Length,
}

impl Default for AdherenceWritten {
    fn default() -> Self {
        let minutes = |minutes: u64| Length::seconds(minutes * 60);
        Self { late_start: minutes(5), early_leave: minutes(5), break_window: minutes(10) }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ActivitiesWord {
    /// Listed in the text of one event.
    #[default]
    Text,
    /// Events, one after the other.
    Blocks,
}

/// For the schema: the words that the domain's types are read from.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum PrivacyWord {
    /// Everything.
    Full,
    /// Title and time.
    Title,
    /// The time only.
    Busy,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum ShowAsWord {
    Busy,
    Free,
    OutOfOffice,
    Tentative,
    WorkingElsewhere,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum VisibilityWord {
    Default,
    Private,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum ColourWord {
    Red,
    Orange,
    Yellow,
    Green,
    Teal,
    Blue,
    Purple,
    Pink,
    Brown,
    Grey,
}

// Should the domain get another word, this stops compiling where the schema must learn it.
const _: fn(ShowAs, Visibility, Colour) = |show_as, visibility, colour| {
    match show_as {
        ShowAs::Busy
        | ShowAs::Free
        | ShowAs::OutOfOffice
        | ShowAs::Tentative
        | ShowAs::WorkingElsewhere => {}
    }
    match visibility {
        Visibility::Default | Visibility::Private => {}
    }
    match colour {
        Colour::Red
        | Colour::Orange
        | Colour::Yellow
        | Colour::Green
        | Colour::Teal
        | Colour::Blue
        | Colour::Purple
        | Colour::Pink
        | Colour::Brown
        | Colour::Grey => {}
    }
};

/// Checks texts as they are read, and notes what is wrong with them.
pub(super) struct Reader<'f> {
    spans: &'f Spans,
    faults: &'f mut Faults,
    clean: bool,
}

impl<'f> Reader<'f> {
    pub(super) fn new(spans: &'f Spans, faults: &'f mut Faults) -> Self {
        Self { spans, faults, clean: true }
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }

    pub(super) fn fault(&mut self, key: &str, message: &str, hint: &str) {
        self.clean = false;
        let top = key.split('.').next().unwrap_or(key);
        let message = format!("`{key}`: {message}");
        self.faults.add(self.spans.of(top), message, Some(hint.to_owned()));
    }

    fn template(&mut self, key: &str, text: Option<&String>, known: &[Field]) -> Option<Template> {
        let text = text?;
        if text.trim().is_empty() && key.ends_with("title") {
            self.fault(key, "is empty", &format!("the default is `{TITLE_DEFAULT}`"));
            return None;
        }
        match Template::parse(text, known) {
            Ok(template) => Some(template),
            Err(error) => {
                let hint = match &error {
                    TemplateError::Unknown { found, known } => match nearest(found, known) {
                        Some(near) => format!("did you mean `{{{near}}}`?"),
                        None => format!("placeholders are {}", list(known)),
                    },
                    TemplateError::Open => "write `{{` for a brace".to_owned(),
                };
                self.fault(key, &error.to_string(), &hint);
                None
            }
        }
    }

    fn reminder(&mut self, key: &str, length: Option<Length>) -> Option<u32> {
        let seconds = length?.0.as_secs();
        let minutes = u32::try_from(seconds / 60).unwrap_or(u32::MAX);
        if seconds % 60 != 0 || minutes > REMINDER_MINUTES_MAX {
            let hint = "expected something like `15m`";
            self.fault(key, "is not whole minutes, at most four weeks", hint);
            return None;
        }
        Some(minutes)
    }

    /// What is said of how something looks; `prefix` is where it stands.
    pub(super) fn appearance(
        &mut self,
        prefix: &str,
        written: &AppearanceWritten,
        known: &[Field],
    ) -> Appearance {
        let AppearanceWritten { title, description, location, colour, categories, .. } = written;
        let AppearanceWritten { show_as, visibility, reminder, .. } = written;
        let key = |name: &str| format!("{prefix}{name}");
        // Where something is can only be named by what is known without it.
        let nowhere: Vec<Field> =
            known.iter().copied().filter(|it| *it != Field::Location).collect();
        let labels = categories.as_ref().map(|labels| {
            let label = |it| self.template(&key("categories"), Some(it), known);
            labels.iter().filter_map(label).collect()
        });
        Appearance {
            title: self.template(&key("title"), title.as_ref(), known),
            description: self.template(&key("description"), description.as_ref(), known),
            location: self.template(&key("location"), location.as_ref(), &nowhere),
            colour: *colour,
            categories: labels,
            show_as: *show_as,
            visibility: *visibility,
            reminder_minutes: self.reminder(&key("reminder"), *reminder),
        }
    }
}

impl Written {
    /// Keys that say something else than their default.
    pub(super) fn changed(&self) -> Vec<&'static str> {
        let default = Self::default();
        let Self { privacy, title, description, location, colour, categories, .. } = self;
        let Self { show_as, visibility, reminder, activities, activities_as, .. } = self;
        let Self { include_adherence_rules, adherence, tiers, time_off, .. } = self;
        let title = title.as_deref().is_some_and(|it| it != TITLE_DEFAULT);
        let differs = [
            *privacy != default.privacy,
            title,
            description.is_some(),
            location.is_some(),
            colour.is_some(),
            categories.is_some(),
            show_as.is_some(),
            visibility.is_some(),
            reminder.is_some(),
            !activities.is_empty(),
            *activities_as != default.activities_as,
            *include_adherence_rules,
            adherence.is_some(),
            *tiers != default.tiers,
            time_off.is_some(),
        ];
        LOOK_KEYS.into_iter().zip(differs).filter(|it| it.1).map(|it| it.0).collect()
    }

    /// The profile that is meant, but for its zone and what only mirrors have.
    pub(super) fn read(&self, shows: Shows, reader: &mut Reader<'_>) -> MappingProfile {
        let known = match shows {
            Shows::Shifts => OF_SHIFT,
            Shows::HeadCount => OF_COUNT,
        };
        self.check(reader);
        let look = reader.appearance("", &self.appearance(), known);
        let activities = self.activities.iter().map(|(label, it)| {
            let prefix = format!("activities.{label}.");
            let look = reader.appearance(&prefix, &it.appearance(), OF_SHIFT);
            (label.clone(), ActivityProfile { title: it.title.clone(), privacy: it.privacy, look })
        });
        let activities = activities.collect();
        let TiersWritten { full, title, busy } = &self.tiers;
        let tiers = Tiers {
            full: reader.appearance("tiers.full.", full, known),
            title: reader.appearance("tiers.title.", title, known),
            busy: reader.appearance("tiers.busy.", busy, known),
        };
        let time_off = self.time_off.clone().unwrap_or_default();
        let of_time_off = reader.appearance("time_off.", &time_off.appearance(), OF_TIME_OFF);
        MappingProfile {
            privacy: self.privacy,
            look,
            tiers,
            activities,
            activities_as: match self.activities_as {
                ActivitiesWord::Text => ActivitiesAs::Text,
                ActivitiesWord::Blocks => ActivitiesAs::Blocks,
            },
            adherence: self.include_adherence_rules.then(|| self.adherence()),
            time_off: time_off.show.then_some(of_time_off),
            shows,
            ..MappingProfile::default()
        }
    }

    /// The keys that name a colour, as they stand in the section.
    pub(super) fn colours(&self) -> Vec<String> {
        let TiersWritten { full, title, busy } = &self.tiers;
        let tiers = [("tiers.full", full), ("tiers.title", title), ("tiers.busy", busy)];
        let of_tiers = tiers.into_iter().map(|(at, it)| (at.to_owned(), it.colour));
        let activities = self.activities.iter();
        let of_activities =
            activities.map(|(label, it)| (format!("activities.{label}"), it.colour));
        let of_time_off = self.time_off.iter().map(|it| ("time_off".to_owned(), it.colour));
        let own = self.colour.map(|_| "colour".to_owned());
        let others = of_tiers.chain(of_activities).chain(of_time_off);
        let others = others.filter(|it| it.1.is_some()).map(|it| format!("{}.colour", it.0));
        own.into_iter().chain(others).collect()
    }

    /// Says what would do nothing.
    fn check(&self, reader: &mut Reader<'_>) {
        let hint = "less than `privacy = \"full\"` shows no activities";
        if self.privacy != PrivacyTier::Full {
            let silent = [
                ("activities_as", self.activities_as == ActivitiesWord::Blocks),
                ("include_adherence_rules", self.include_adherence_rules),
            ];
            for (key, _) in silent.into_iter().filter(|it| it.1) {
                reader.fault(key, "needs `privacy = \"full\"`", hint);
            }
        }
        if self.adherence.is_some() && !self.include_adherence_rules {
            let hint = "add `include_adherence_rules = true`, or leave it out";
            reader.fault("adherence", "is not shown", hint);
        }
    }

    fn adherence(&self) -> Adherence {
        let AdherenceWritten { late_start, early_leave, break_window } =
            self.adherence.unwrap_or_default();
        let length = |it: Length| SignedDuration::try_from(it.0).unwrap_or(SignedDuration::MAX);
        Adherence {
            late_start: length(late_start),
            early_leave: length(early_leave),
            break_window: length(break_window),
        }
    }

    fn appearance(&self) -> AppearanceWritten {
        AppearanceWritten {
            title: self.title.clone(),
            description: self.description.clone(),
            location: self.location.clone(),
            colour: self.colour,
            categories: self.categories.clone(),
            show_as: self.show_as,
            visibility: self.visibility,
            reminder: self.reminder,
        }
    }
}

impl AppearanceWritten {
    /// Whether it names a colour.
    pub(super) fn has_colour(&self) -> bool {
        self.colour.is_some()
    }
}

impl ActivityWritten {
    fn appearance(&self) -> AppearanceWritten {
        AppearanceWritten {
            title: None,
            description: self.description.clone(),
            location: self.location.clone(),
            colour: self.colour,
            categories: self.categories.clone(),
            show_as: self.show_as,
            visibility: self.visibility,
            reminder: self.reminder,
        }
    }
}

impl TimeOffWritten {
    fn appearance(&self) -> AppearanceWritten {
        AppearanceWritten {
            title: self.title.clone(),
            description: self.description.clone(),
            location: self.location.clone(),
            colour: self.colour,
            categories: self.categories.clone(),
            show_as: self.show_as,
            visibility: self.visibility,
            reminder: self.reminder,
        }
    }
}
