//! `[[roster]]`: one system of record.

use std::path::PathBuf;
use std::time::Duration;

use domain::{ConnectionName, RosterName, RuleSet};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::duration::Length;
use super::guard::GuardSection;
use super::reader::{Faults, Section, Spans};
use super::rules::RulesSection;
use super::window::Window;

/// Polling more often is pressure without news.
const POLL_MIN: Duration = Duration::from_secs(1);

/// A valid `[[roster]]`.
#[derive(Debug)]
pub struct RosterSection {
    /// Its name.
    pub name: RosterName,
    /// The connection that it is read from; without one, the roster is its own record.
    pub source: Option<ConnectionName>,
    /// The connection that a roster which is its own record is filled from, once.
    pub starts_from: Option<ConnectionName>,
    /// How it decides, where it is its own record.
    pub rules: RuleSet,
    /// How often `serve` reads it.
    pub poll_interval: Duration,
    /// How far it looks.
    pub window: Window,
    /// Who is who, in a file of its own.
    pub employees_file: Option<PathBuf>,
    /// The zone of times in descriptions.
    pub time_zone: String,
    /// How much may be deleted at once.
    pub guard: GuardSection,
    pub(super) spans: Spans,
}

/// `[[roster]]`, as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Roster")]
pub(super) struct Written {
    /// Its name.
    #[schemars(with = "String")]
    name: RosterName,
    /// The `[[connection]]` that it is read from. Left out, the roster is its own record: what
    /// people ask for in a two-way mirror is decided by `rules`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    source: Option<ConnectionName>,
    /// The `[[connection]]` that a roster without `source` is filled from, once, while it is
    /// empty.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    starts_from: Option<ConnectionName>,
    /// How a roster without `source` decides.
    #[serde(default)]
    rules: Option<RulesSection>,
    /// How often `serve` reads the source: `15m`.
    #[serde(default = "poll_interval")]
    poll_interval: Length,
    /// How far back and ahead of now the source is read.
    #[serde(default)]
    window: Window,
    /// CSV with the columns `employee`, `name`, `email`, `m365_id`, `google_id`, `group`,
    /// `time_zone`, `qualifications`, `availability`; only the first is needed.
    #[serde(default)]
    employees_file: Option<PathBuf>,
    /// IANA name of the zone in which times are written in descriptions.
    #[serde(default = "utc")]
    time_zone: String,
    /// How much may be deleted at once.
    #[serde(default)]
    guard: GuardSection,
}

const fn poll_interval() -> Length {
    Length::seconds(15 * 60)
}

fn utc() -> String {
    "UTC".to_owned()
}

impl RosterSection {
    pub(super) fn read(section: Section<'_>, faults: &mut Faults) -> Option<Self> {
        let spans = section.spans();
        let Written {
            name,
            source,
            starts_from,
            rules,
            poll_interval,
            window,
            employees_file,
            time_zone,
            guard,
        } = section.read(faults)?;
        let mut wrong = Vec::new();
        if TimeZone::get(&time_zone).is_err() {
            let message = format!("`{time_zone}` is no IANA time zone");
            wrong.push(("time_zone", message, "write one like `Europe/Berlin`"));
        }
        if poll_interval.0 < POLL_MIN {
            let message = format!("`{poll_interval}` found, expected at least `1s`");
            wrong.push(("poll_interval", message, "15 minutes are common: `15m`"));
        }
        if window.past.0.is_zero() && window.future.0.is_zero() {
            let message = "the window is empty".to_owned();
            wrong.push(("window", message, "such as `{ past = \"7d\", future = \"8w\" }`"));
        }
        if let Some(message) = guard.fault() {
            wrong.push(("guard", message, "0.2 lets a fifth go"));
        }
        let of_record = "they belong to a roster without `source`, which is its own record";
        if source.is_some() && rules.is_some() {
            let message = "a roster that is read from a `source` is not decided by rules";
            wrong.push(("rules", message.to_owned(), of_record));
        }
        if source.is_some() && starts_from.is_some() {
            let message = "a roster has a `source` or `starts_from`, not both";
            wrong.push(("starts_from", message.to_owned(), of_record));
        }
        let rules = rules.unwrap_or_default();
        let mut clean = wrong.is_empty();
        if let Some((key, message)) = rules.fault() {
            let (key, hint) = (format!("rules.{key}"), "see `rotabridge config example`");
            faults.add(spans.of(&key), format!("`{key}`: {message}"), Some(hint.to_owned()));
            clean = false;
        }
        for (key, message, hint) in wrong {
            faults.add(spans.of(key), message, Some(hint.to_owned()));
        }
        clean.then(|| Self {
            name,
            source,
            starts_from,
            rules: rules.rule_set(),
            poll_interval: poll_interval.0,
            window,
            employees_file,
            time_zone,
            guard,
            spans,
        })
    }
}
