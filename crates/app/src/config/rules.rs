//! `[roster.rules]`: how a roster that is its own record decides.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CommandKind, RuleSet, TimeOffRule};
use schemars::JsonSchema;
use serde::Deserialize;

use super::duration::Length;

/// The rules by which requests are granted. Days and weeks are local ones; a week begins on
/// Monday.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Rules")]
pub struct RulesSection {
    /// What may be asked for at all; left out, everything.
    #[schemars(with = "Option<Vec<KindWord>>")]
    decides: Option<BTreeSet<CommandKind>>,
    /// Whether work may overlap other work of the same employee.
    overlap_allowed: bool,
    /// Shortest rest between two shifts; `0s` asks for none.
    rest_min: Length,
    /// Most work on one day, unpaid activities not counted.
    day_work_max: Option<Length>,
    /// Most work in one week, unpaid activities not counted.
    week_work_max: Option<Length>,
    /// Whether people may only take work of their own group.
    group_match: bool,
    /// By a shift's label: what one must be qualified for; `qualifications` of the employees
    /// file says who is.
    qualifications: BTreeMap<String, Vec<String>>,
    /// How long before its start something must be asked for.
    #[schemars(with = "BTreeMap<String, Length>")]
    notice: BTreeMap<CommandKind, Length>,
    /// By time-off reason: how much of it may be asked for.
    time_off: BTreeMap<String, TimeOffSection>,
    /// Whether only the reasons in `time_off` may be asked for.
    only_named_reasons: bool,
    /// Most employees of one group who may be absent on one day.
    absent_max: Option<u32>,
    /// What is granted without a manager, where the rules allow it: `open_shift_request`,
    /// `swap_request`, `offer_request`, `time_off_request`.
    #[schemars(with = "Vec<KindWord>")]
    automatic: BTreeSet<CommandKind>,
}

/// How much of one kind of absence may be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TimeOffRule")]
struct TimeOffSection {
    /// Days each employee has in a calendar year.
    days_per_year: Option<u32>,
    /// Days of one absence, at most.
    days_at_once_max: Option<u32>,
}

/// For the schema: the words that [`CommandKind`] is read from.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum KindWord {
    /// When people are available for work.
    Availability,
    /// Giving shifts to colleagues.
    OfferRequest,
    /// Making, changing, removing and assigning open shifts.
    OpenShift,
    /// Claiming open shifts.
    OpenShiftRequest,
    /// Making, changing and removing shifts.
    Shift,
    /// Exchanging shifts.
    SwapRequest,
    /// Absences made by managers.
    TimeOff,
    /// Asking for absence.
    TimeOffRequest,
}

impl Default for RulesSection {
    fn default() -> Self {
        let RuleSet { rest_min, group_match, overlap_allowed, .. } = RuleSet::default();
        Self {
            decides: None,
            overlap_allowed,
            rest_min: Length(rest_min.unwrap_or_default()),
            day_work_max: None,
            week_work_max: None,
            group_match,
            qualifications: BTreeMap::new(),
            notice: BTreeMap::new(),
            time_off: BTreeMap::new(),
            only_named_reasons: false,
            absent_max: None,
            automatic: BTreeSet::new(),
        }
    }
}

impl RulesSection {
    /// What is wrong with it: the key, and what was found and expected.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let requests = [
            CommandKind::OfferRequest,
            CommandKind::OpenShiftRequest,
            CommandKind::SwapRequest,
            CommandKind::TimeOffRequest,
        ];
        if let Some(other) = self.automatic.iter().find(|kind| !requests.contains(kind)) {
            let message = format!("`{other}` is no request; only requests wait for a manager");
            return Some(("automatic", message));
        }
        let decides = |kind: &CommandKind| match &self.decides {
            None => true,
            Some(decides) => decides.contains(kind),
        };
        if let Some(other) = self.automatic.iter().find(|kind| !decides(kind)) {
            return Some(("automatic", format!("`{other}` is not among `decides`")));
        }
        let long = |length: Option<Length>, hours: u64| {
            length.filter(|it| it.0.is_zero() || it.0.as_secs() > hours * 3600)
        };
        if let Some(found) = long(self.day_work_max, 24) {
            return Some(("day_work_max", format!("`{found}` found, expected up to `24h`")));
        }
        if let Some(found) = long(self.week_work_max, 7 * 24) {
            return Some(("week_work_max", format!("`{found}` found, expected up to `7d`")));
        }
        None
    }

    /// For the engine.
    pub fn rule_set(&self) -> RuleSet {
        let Self {
            decides,
            overlap_allowed,
            rest_min,
            day_work_max,
            week_work_max,
            group_match,
            qualifications,
            notice,
            time_off,
            only_named_reasons,
            absent_max,
            automatic,
        } = self.clone();
        let rule = |(reason, section): (String, TimeOffSection)| {
            let TimeOffSection { days_per_year, days_at_once_max } = section;
            (reason, TimeOffRule { days_per_year, days_at_once_max })
        };
        RuleSet {
            decides: decides.unwrap_or_else(|| CommandKind::ALL.into_iter().collect()),
            overlap_allowed,
            rest_min: Some(rest_min.0).filter(|rest| !rest.is_zero()),
            day_work_max: day_work_max.map(|it| it.0),
            week_work_max: week_work_max.map(|it| it.0),
            group_match,
            qualifications,
            notice: notice.into_iter().map(|(kind, length)| (kind, length.0)).collect(),
            time_off: time_off.into_iter().map(rule).collect(),
            only_named_reasons,
            absent_max,
            automatic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_rule_set_and_faults_name_their_key() {
        assert_eq!(RulesSection::default().rule_set(), RuleSet::default());
        let key = |text: &str| {
            let section: RulesSection = toml::from_str(text).unwrap();
            section.fault().map(|(key, _)| key)
        };
        assert_eq!(key("automatic = [\"swap_request\"]"), None);
        assert_eq!(key("automatic = [\"shift\"]"), Some("automatic"));
        assert_eq!(key("decides = []\nautomatic = [\"swap_request\"]"), Some("automatic"));
        assert_eq!(key("day_work_max = \"25h\""), Some("day_work_max"));
        assert_eq!(key("week_work_max = \"0s\""), Some("week_work_max"));
        assert_eq!(key("rest_min = \"0s\""), None);
    }
}
