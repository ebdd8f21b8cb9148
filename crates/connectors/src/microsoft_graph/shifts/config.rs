//! The keys of a `shifts` mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use domain::CalendarKey;
use domain::limits::LABEL_BYTES_MAX;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, SpanRelativeTo};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{ConnectionError, MirrorConfig};

/// The group that stands for all groups that are not named.
const ANY_GROUP: &str = "*";
/// What absences without a reason are shown as, unless the operator says otherwise.
const TIME_OFF_REASON_DEFAULT: &str = "Time off";
/// How far ahead the first synchronisation looks, unless the operator says otherwise.
const FIRST_FUTURE_DEFAULT: &str = "2w";
/// Longest that it may look ahead.
const FIRST_FUTURE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Why two ways need the secret of callbacks.
pub const SECRET_MISSING: &str = "missing; what people ask for arrives sealed with it";
/// Characters of an Entra object id; a GUID has 36.
const OBJECT_ID_CHARS_MAX: usize = 64;

/// Every member of `scheduleEntityTheme` but `unknownFutureValue` (msgraph-metadata, 2026-08).
const THEMES: [&str; 35] = [
    "white",
    "blue",
    "green",
    "purple",
    "pink",
    "yellow",
    "gray",
    "darkBlue",
    "darkGreen",
    "darkPurple",
    "darkPink",
    "darkYellow",
    "darkRed",
    "cranberry",
    "darkOrange",
    "bronze",
    "peach",
    "gold",
    "lime",
    "forest",
    "lightGreen",
    "jade",
    "lightTeal",
    "darkTeal",
    "steel",
    "skyBlue",
    "blueGray",
    "lavender",
    "lilac",
    "plum",
    "magenta",
    "darkBrown",
    "beige",
    "charcoal",
    "silver",
];

/// Which teams, and how their schedules look.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftsMirrorConfig {
    /// Which schedule group goes to which team. Each group once; several may share a team.
    pub teams: Vec<TeamConfig>,
    /// A file that holds the secret that Shifts seals its calls with: exactly 64 characters.
    /// Needed where people ask for changes in Teams.
    #[serde(default)]
    pub callback_secret_file: Option<PathBuf>,
    /// How what was written is shown to employees.
    #[serde(default)]
    pub share: ShareConfig,
    /// What absences are shown as whose reason the roster does not know.
    #[serde(default = "time_off_reason_default")]
    pub time_off_reason: String,
    /// Colours by label of shifts and activities, and by name of time-off reasons
    /// (`{ Late = "darkBlue" }`).
    #[serde(default)]
    pub themes: BTreeMap<String, String>,
    /// What happens to shifts, open shifts and time off that are found in a team and are not
    /// ours.
    #[serde(default)]
    pub existing: Existing,
    /// The Entra object id of an owner of the teams, in whose name requests are granted that need
    /// no manager.
    #[serde(default)]
    pub approver: Option<String>,
    /// The Entra object id of a user to be named in `MS-APP-ACTS-AS`. Graph has not needed it
    /// since June 2025.
    #[serde(default)]
    pub acts_as: Option<String>,
    /// How far ahead the first synchronisation looks; later ones look ahead as far as the
    /// roster's window.
    #[serde(default = "first_future_default")]
    pub first_future: String,
    /// What the workforce integration is called in Teams; by default after the mirror.
    #[serde(default)]
    pub display_name: Option<String>,
}

/// One schedule group and its team.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamConfig {
    /// The id of the group in the roster; `*` for all that are not named, and for work and
    /// people without a group.
    pub group: String,
    /// The id of the team.
    pub team_id: String,
    /// IANA name of the zone that the team's schedule is shown in; by default the roster's.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// How what was written is shown to employees.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareConfig {
    /// Whether everybody in a team is notified each time. Off by default: Teams still notifies
    /// those whose own shifts changed.
    #[serde(default)]
    pub notify: bool,
}

/// What happens to what is found in a team and is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// It is told of, and stays.
    #[default]
    Report,
    /// It is removed.
    Remove,
}

fn time_off_reason_default() -> String {
    TIME_OFF_REASON_DEFAULT.into()
}

fn first_future_default() -> String {
    FIRST_FUTURE_DEFAULT.into()
}

/// Where the groups of a roster go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teams {
    by_group: BTreeMap<String, CalendarKey>,
    others: Option<CalendarKey>,
    zones: BTreeMap<CalendarKey, Option<String>>,
}

impl Teams {
    /// The team of a group, or of what belongs to none.
    #[must_use]
    pub fn of_group(&self, group: Option<&str>) -> Option<&CalendarKey> {
        group.and_then(|it| self.by_group.get(it)).or(self.others.as_ref())
    }

    /// The groups that are named as going to `team`.
    pub fn groups_of<'a>(&'a self, team: &'a CalendarKey) -> impl Iterator<Item = &'a str> {
        let here = self.by_group.iter().filter(move |(_, it)| *it == team);
        here.map(|(group, _)| group.as_str())
    }

    /// Every team once, with its zone where one is configured.
    pub fn all(&self) -> impl Iterator<Item = (&CalendarKey, Option<&str>)> {
        self.zones.iter().map(|(team, zone)| (team, zone.as_deref()))
    }

    /// The zone that is configured for a team.
    #[must_use]
    pub fn zone_of(&self, team: &CalendarKey) -> Option<&str> {
        self.zones.get(team)?.as_deref()
    }

    /// Whether work and people without a group have a team.
    #[must_use]
    pub fn takes_all(&self, team: &CalendarKey) -> bool {
        self.others.as_ref() == Some(team)
    }
}

impl ShiftsMirrorConfig {
    /// Where the groups of the roster go.
    ///
    /// # Errors
    /// When a group stands twice, a team has two zones, or something is no id or no zone.
    pub(super) fn checked_teams(&self) -> Result<Teams, ConnectionError> {
        let bad = |message: String| wrong("teams", message);
        if self.teams.is_empty() {
            let expected = "expected at least one { group, team_id, time_zone }";
            return Err(bad(format!("is empty; {expected}")));
        }
        let mut teams = Teams { by_group: BTreeMap::new(), others: None, zones: BTreeMap::new() };
        for TeamConfig { group, team_id, time_zone } in &self.teams {
            checked_object_id("teams", team_id)?;
            let team = CalendarKey::new(team_id).map_err(|error| bad(error.to_string()))?;
            if group.trim().is_empty() {
                return Err(bad("has an empty `group`; expected a group's id, or `*`".into()));
            }
            let before = match group.as_str() {
                ANY_GROUP => teams.others.replace(team.clone()),
                named => teams.by_group.insert(named.to_owned(), team.clone()),
            };
            if before.is_some() {
                return Err(bad(format!("names group `{group}` twice; expected each group once")));
            }
            if let Some(zone) = time_zone {
                TimeZone::get(zone).map_err(|_| {
                    bad(format!("`{zone}` found as `time_zone`, expected an IANA time zone"))
                })?;
            }
            let known = teams.zones.entry(team).or_insert_with(|| time_zone.clone());
            if known != time_zone {
                let (one, other) = (shown(known.as_deref()), shown(time_zone.as_deref()));
                let expected = "expected the same for all groups of a team";
                return Err(bad(format!(
                    "gives team `{team_id}` the zones {one} and {other}; {expected}"
                )));
            }
        }
        Ok(teams)
    }

    /// The colours by label, as Graph spells them.
    pub(super) fn checked_themes(&self) -> Result<BTreeMap<String, &'static str>, ConnectionError> {
        let mut themes = BTreeMap::new();
        for (label, theme) in &self.themes {
            let Some(known) = THEMES.iter().find(|it| it.eq_ignore_ascii_case(theme)) else {
                let message = format!("`{theme}` found for `{label}`, expected one of {THEMES:?}");
                return Err(wrong("themes", message.replace('"', "`")));
            };
            themes.insert(label.trim().to_owned(), *known);
        }
        Ok(themes)
    }

    /// How far ahead the first synchronisation looks.
    ///
    /// # Errors
    /// When it is no duration, or out of bounds.
    pub fn checked_first_future(&self) -> Result<Duration, ConnectionError> {
        let text = &self.first_future;
        let span = text.parse::<jiff::Span>().ok();
        let parsed = span.and_then(|it| it.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let in_bounds = |it: &Duration| (Duration::from_secs(3600)..=FIRST_FUTURE_MAX).contains(it);
        let parsed = parsed.and_then(|it: SignedDuration| Duration::try_from(it).ok());
        parsed.filter(in_bounds).ok_or_else(|| {
            wrong("first_future", format!("`{text}` found, expected `1h` to `52w`, such as `2w`"))
        })
    }

    fn check(&self) -> Result<(), ConnectionError> {
        self.checked_teams()?;
        self.checked_themes()?;
        self.checked_first_future()?;
        for (key, id) in [("approver", &self.approver), ("acts_as", &self.acts_as)] {
            if let Some(id) = id {
                checked_object_id(key, id)?;
            }
        }
        let names = [
            ("time_off_reason", Some(&self.time_off_reason)),
            ("display_name", self.display_name.as_ref()),
        ];
        for (key, name) in names {
            let Some(name) = name else { continue };
            if name.trim().is_empty() || name.len() > LABEL_BYTES_MAX {
                let found = format!("{} bytes found", name.trim().len());
                return Err(wrong(key, format!("{found}, expected 1 to {LABEL_BYTES_MAX}")));
            }
        }
        Ok(())
    }
}

fn shown(zone: Option<&str>) -> String {
    zone.map_or("none".into(), |it| format!("`{it}`"))
}

/// An object id goes into paths and headers, so it holds nothing that means something there.
fn checked_object_id(key: &'static str, id: &str) -> Result<(), ConnectionError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.is_empty() || id.len() > OBJECT_ID_CHARS_MAX || !id.chars().all(plain) {
        let found: String = id.chars().take(OBJECT_ID_CHARS_MAX).collect();
        let found = found.escape_debug();
        return Err(wrong(key, format!("`{found}` found, expected an object id (a GUID)")));
    }
    Ok(())
}

pub(super) fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl MirrorConfig for ShiftsMirrorConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.check()
    }

    fn validate_two_way(&self) -> Result<(), ConnectionError> {
        match self.callback_secret_file {
            Some(_) => Ok(()),
            None => Err(wrong("callback_secret_file", SECRET_MISSING)),
        }
    }

    /// Zones are not in it: they change how the schedule is shown, and no item.
    fn profile(&self) -> String {
        let mut text = format!("shifts 1; reason {:?}", self.time_off_reason.trim());
        let places: BTreeSet<_> = self.teams.iter().map(|it| (&it.group, &it.team_id)).collect();
        for (group, team) in places {
            let _ = write!(text, "; group {group:?} in {team:?}");
        }
        for (label, theme) in &self.themes {
            let _ = write!(text, "; theme {label:?} is {}", theme.to_ascii_lowercase());
        }
        text
    }

    fn first_future(&self) -> Option<Duration> {
        self.checked_first_future().ok()
    }

    fn calendars(&self) -> Vec<String> {
        let teams: BTreeSet<&String> = self.teams.iter().map(|it| &it.team_id).collect();
        teams.into_iter().cloned().collect()
    }

    fn removes_others(&self) -> bool {
        match self.existing {
            Existing::Report => false,
            Existing::Remove => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(keys: &str) -> Result<ShiftsMirrorConfig, String> {
        let text = format!("{{ {keys} }}");
        let value = toml::de::ValueDeserializer::parse(&text).map_err(|it| it.to_string())?;
        let config =
            ShiftsMirrorConfig::deserialize(value).map_err(|it| it.message().to_owned())?;
        config.validate().map_err(|it| it.to_string())?;
        Ok(config)
    }

    fn refused(keys: &str) -> String {
        parse(keys).unwrap_err()
    }

    const ONE: &str = r#"teams = [{ group = "a", team_id = "t-1", time_zone = "UTC" }]"#;

    #[test]
    fn the_section_of_the_contract_is_read() {
        let config = parse(
            r#"teams = [{ group = "Support DE", team_id = "8f23a3b1",
                          time_zone = "Europe/Berlin" }],
               callback_secret_file = "secrets/wfi", share = { notify = false }"#,
        );
        let config = config.unwrap();
        assert!(!config.share.notify);
        assert_eq!(config.existing, Existing::Report);
        assert_eq!(config.checked_first_future(), Ok(Duration::from_secs(14 * 24 * 3600)));
        let teams = config.checked_teams().unwrap();
        let team = teams.of_group(Some("Support DE")).unwrap();
        assert_eq!((team.as_str(), teams.zone_of(team)), ("8f23a3b1", Some("Europe/Berlin")));
        assert_eq!(teams.of_group(Some("other")), None);
        assert_eq!(teams.of_group(None), None);
    }

    #[test]
    fn a_star_takes_what_no_other_entry_names() {
        let config = parse(
            r#"teams = [{ group = "a", team_id = "t-1" }, { group = "*", team_id = "t-2" }]"#,
        );
        let teams = config.unwrap().checked_teams().unwrap();
        let of = |group| teams.of_group(group).unwrap().as_str();
        assert_eq!((of(Some("a")), of(Some("b")), of(None)), ("t-1", "t-2", "t-2"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        assert_eq!(
            refused("teams = []"),
            "`teams`: is empty; expected at least one { group, team_id, time_zone }"
        );
        assert_eq!(
            refused(r#"teams = [{ group = "a", team_id = "1" }, { group = "a", team_id = "2" }]"#),
            "`teams`: names group `a` twice; expected each group once"
        );
        assert_eq!(
            refused(
                r#"teams = [{ group = "a", team_id = "1", time_zone = "UTC" },
                            { group = "b", team_id = "1", time_zone = "Europe/Berlin" }]"#
            ),
            "`teams`: gives team `1` the zones `UTC` and `Europe/Berlin`; expected the same for \
             all groups of a team"
        );
        assert_eq!(
            refused(r#"teams = [{ group = "a", team_id = "1", time_zone = "Berlin" }]"#),
            "`teams`: `Berlin` found as `time_zone`, expected an IANA time zone"
        );
        assert_eq!(
            refused(r#"teams = [{ group = "a", team_id = "../x" }]"#),
            "`teams`: `../x` found, expected an object id (a GUID)"
        );
        let with = |keys: &str| refused(&format!("{ONE}, {keys}"));
        assert!(with(r#"themes = { Late = "mauve" }"#).starts_with("`themes`: `mauve` found"));
        assert!(with(r#"approver = "boss@example.com""#).starts_with("`approver`: `boss@"));
        assert!(with(r#"first_future = "soon""#).starts_with("`first_future`: `soon` found"));
        assert!(with(r#"time_off_reason = " ""#).starts_with("`time_off_reason`: 0 bytes"));
        assert!(with("notify = true").starts_with("unknown field `notify`"));
        assert!(with("share = { loud = true }").starts_with("unknown field `loud`"));
    }

    #[test]
    fn the_profile_changes_with_what_items_show_and_where_they_are() {
        let profile = |keys: &str| parse(&format!("{ONE}, {keys}")).unwrap().profile();
        let plain = profile("existing = \"report\"");
        assert_eq!(plain, profile("existing = \"remove\""));
        assert_ne!(plain, profile(r#"themes = { Late = "blue" }"#));
        assert_ne!(plain, profile(r#"time_off_reason = "Absent""#));
        assert_eq!(
            profile(r#"themes = { Late = "skyblue" }"#),
            profile(r#"themes = { Late = "skyBlue" }"#)
        );
    }
}
