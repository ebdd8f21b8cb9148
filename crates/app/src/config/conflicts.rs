//! `conflict_policy` and `[mirror.conflicts]`: what is done about events of people that stand
//! where a shift is.

use std::time::Duration;

use connectors::ForeignReach;
use domain::CommandKind;
use domain::policy::{ConflictPolicy, EventRule, MoveTo, OverrideAction};
use engine::plan::conflict::ConflictRules;
use engine::plan::unavailable::UnavailableRules;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::connection::ConnectionSection;
use super::duration::Length;
use super::mirror::MirrorSection;
use super::reader::Faults;

/// How often a calendar is looked at, at the most.
const INTERVAL_MIN: Length = Length::seconds(60);

/// Everything but the policy itself.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictsSection {
    /// What `wfm_priority_override` does to an event: `move` or `delete`. One that others organise
    /// is declined, never deleted; of a series only the occurrence is changed.
    #[serde(default)]
    #[schemars(with = "ActionWord")]
    pub action: OverrideAction,
    /// Events of whole days: `ignore`, `report` or `override`.
    #[serde(default = "report")]
    #[schemars(with = "RuleWord")]
    pub all_day: EventRule,
    /// Private events.
    #[serde(default = "report")]
    #[schemars(with = "RuleWord")]
    pub private: EventRule,
    /// Events that are only tentative, such as invitations without an answer.
    #[serde(default = "report")]
    #[schemars(with = "RuleWord")]
    pub tentative: EventRule,
    /// Absences: events that show the person as out of office.
    #[serde(default = "report")]
    #[schemars(with = "RuleWord")]
    pub out_of_office: EventRule,
    /// Meetings that the employee organises for others: when such a one is removed or moved, the
    /// vendor tells the guests.
    #[serde(default = "overridden")]
    #[schemars(with = "RuleWord")]
    pub organised: EventRule,
    /// Where `move` puts an event: `next_free` (the first free time after the shift) or
    /// `after_shift` (to its end, if that is free).
    #[serde(default)]
    #[schemars(with = "MoveToWord")]
    pub move_to: MoveTo,
    /// How long after the shift a moved event may end.
    #[serde(default = "move_within")]
    pub move_within: Length,
    /// Between which times of day it must lie then, in the roster's zone; left out, at any time.
    #[serde(default)]
    pub move_hours: Option<Hours>,
    /// What the organiser of a declined meeting is told.
    #[serde(default = "comment")]
    pub comment: String,
    /// How many events of people one cycle may change before the guard stops it.
    #[serde(default = "changes_max")]
    pub changes_max: u64,
    /// How long after a look a calendar is looked at again, if nothing else asks for it: where the
    /// vendor tells of changes, its hints do, and beside them `full_interval`.
    #[serde(default = "interval")]
    pub interval: Length,
}

/// `{ from = "08:00", to = "18:00" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// When they begin.
    #[schemars(with = "String")]
    pub from: Time,
    /// When they end.
    #[schemars(with = "String")]
    pub to: Time,
}

const fn report() -> EventRule {
    EventRule::Report
}

const fn overridden() -> EventRule {
    EventRule::Override
}

fn defaults() -> ConflictRules {
    ConflictRules::default()
}

fn move_within() -> Length {
    Length(defaults().move_within)
}

fn comment() -> String {
    defaults().comment
}

fn changes_max() -> u64 {
    defaults().changes_max
}

fn interval() -> Length {
    Length(defaults().look_interval)
}

impl Default for ConflictsSection {
    fn default() -> Self {
        Self {
            action: OverrideAction::default(),
            all_day: report(),
            private: report(),
            tentative: report(),
            out_of_office: report(),
            organised: overridden(),
            move_to: MoveTo::default(),
            move_within: move_within(),
            move_hours: None,
            comment: comment(),
            changes_max: changes_max(),
            interval: interval(),
        }
    }
}

/// For the schema: the words that the domain's types are read from.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum ActionWord {
    Move,
    Delete,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum RuleWord {
    Ignore,
    Report,
    Override,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum MoveToWord {
    AfterShift,
    NextFree,
}

/// What a mirror's section says of conflicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflicts {
    /// `conflict_policy`, where it is there.
    pub policy: Option<ConflictPolicy>,
    /// `preserve_meeting_context`.
    pub preserve_meeting_context: bool,
    /// `[mirror.conflicts]`, where it is there.
    pub section: Option<ConflictsSection>,
    /// What `[mirror.unavailable]` says, where it is there.
    pub unavailable: Option<UnavailableRules>,
}

impl Conflicts {
    /// What is wrong with it, whatever the mirror can do: a key, a message and a hint.
    pub fn fault(&self) -> Option<(&'static str, String, String)> {
        let section = self.section.as_ref()?;
        let wrong =
            |message: &str, hint: &str| Some(("conflicts", message.to_owned(), hint.to_owned()));
        if section.move_hours.is_some_and(|it| it.to <= it.from) {
            let hint = "such as `{ from = \"08:00\", to = \"18:00\" }`";
            return wrong("`move_hours` end before they begin", hint);
        }
        if section.interval < INTERVAL_MIN {
            return wrong("`interval` is shorter than a minute", "the default is `1h`");
        }
        if section.comment.trim().is_empty() {
            return wrong("`comment` is empty", "the organiser wants to know why");
        }
        None
    }

    /// Whether the operator asked for anything that needs people's events to be seen.
    fn needs_events(&self) -> Option<&'static str> {
        let overriding = self.policy.is_some_and(|it| it != ConflictPolicy::Report);
        if self.unavailable.is_some() {
            return Some("unavailable");
        }
        match (overriding, self.section.is_some(), self.preserve_meeting_context) {
            (true, _, _) => Some("conflict_policy"),
            (false, true, _) => Some("conflicts"),
            (false, false, false) => Some("preserve_meeting_context"),
            (false, false, true) => None,
        }
    }

    /// What the engine is told, in days and times of `zone`; `None` where nobody looks. Where a
    /// vendor tells of changes, `full_interval` is soon enough.
    pub fn rules(
        &self,
        reach: &ForeignReach,
        zone: TimeZone,
        full_interval: Duration,
    ) -> Option<ConflictRules> {
        match reach {
            ForeignReach::Nowhere { .. } => return None,
            ForeignReach::OnRequest
                if self.policy.is_none()
                    && self.section.is_none()
                    && self.unavailable.is_none() =>
            {
                return None;
            }
            ForeignReach::OnRequest | ForeignReach::ReadOnly { .. } | ForeignReach::Always => {}
        }
        let ConflictsSection {
            action,
            all_day,
            private,
            tentative,
            out_of_office,
            organised,
            move_to,
            move_within,
            move_hours,
            comment,
            changes_max,
            interval,
        } = self.section.clone().unwrap_or_default();
        Some(ConflictRules {
            policy: self.policy.unwrap_or_default(),
            action,
            preserve_meeting_context: self.preserve_meeting_context,
            all_day,
            private,
            tentative,
            out_of_office,
            organised,
            move_to,
            move_within: move_within.0,
            move_hours: move_hours.map(|it| (it.from, it.to)),
            comment,
            zone,
            changes_max,
            look_interval: interval.0,
            told_interval: full_interval.max(interval.0),
            unavailable: self.unavailable.clone(),
        })
    }
}

/// Checks that what is asked for about people's events can be done over the mirror's connection.
pub fn check(connections: &[ConnectionSection], mirrors: &[MirrorSection], faults: &mut Faults) {
    for mirror in mirrors {
        let connection = connections.iter().find(|it| it.name == mirror.connection);
        let fits = |it: &&ConnectionSection| {
            it.descriptor.mirrors.iter().any(|keeps| keeps.kind == mirror.kind)
        };
        let Some(connection) = connection.filter(fits) else { continue };
        let Some(key) = mirror.conflicts.needs_events() else { continue };
        let reach = mirror.reach(connection.config.as_ref());
        let (name, kind) = (&connection.name, mirror.kind);
        let wishes = mirror.conflicts.unavailable.is_some();
        let overrides =
            wishes || mirror.conflicts.policy == Some(ConflictPolicy::WfmPriorityOverride);
        if wishes && !mirror.two_way.contains(&CommandKind::TimeOffRequest) {
            let message =
                format!("`unavailable`: nobody may ask for time off in mirror `{}`", mirror.name);
            let hint = "`direction = \"two_way\"`, or \
                        `directions = { time_off_request = \"two_way\" }`";
            faults.add(mirror.spans.of("unavailable"), message, Some(hint.to_owned()));
        }
        let (message, hint) = match reach {
            ForeignReach::Nowhere { why, hint } => (format!("see people's events: {why}"), hint),
            ForeignReach::ReadOnly { hint } if overrides => {
                ("change people's events".to_owned(), hint)
            }
            ForeignReach::ReadOnly { .. } | ForeignReach::OnRequest | ForeignReach::Always => {
                continue;
            }
        };
        let message =
            format!("`{key}`: a `{kind}` mirror over connection `{name}` cannot {message}");
        faults.add(mirror.spans.of(key), message, Some(hint));
    }
}
