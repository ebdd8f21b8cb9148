//! What the rules of a roster that is its own record allow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::CommandKind;

/// Rules by which commands are decided. Days and weeks are local ones of the employee's zone, or
/// else the roster's; a week begins on Monday.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// What may be asked for at all.
    pub decides: BTreeSet<CommandKind>,
    /// Whether work may overlap other work of the same employee.
    pub overlap_allowed: bool,
    /// Shortest rest between two shifts; `None` asks for none.
    pub rest_min: Option<Duration>,
    /// Most work that starts on one local day, unpaid activities not counted.
    pub day_work_max: Option<Duration>,
    /// Most work in one week, Monday to Sunday, unpaid activities not counted.
    pub week_work_max: Option<Duration>,
    /// Whether people may only take work of their own group.
    pub group_match: bool,
    /// By a shift's label: what one must be qualified for to work it.
    pub qualifications: BTreeMap<String, Vec<String>>,
    /// How long before the start of the work or absence something must be asked for.
    pub notice: BTreeMap<CommandKind, Duration>,
    /// By time-off reason id: what may be asked for. Reasons that are not named may be asked for
    /// without a limit, unless `only_named_reasons`.
    pub time_off: BTreeMap<String, TimeOffRule>,
    /// Whether only reasons in `time_off` may be asked for.
    pub only_named_reasons: bool,
    /// Most employees of one group who may be absent on one local day.
    pub absent_max: Option<u32>,
    /// What is granted without a manager, when the rules allow it.
    pub automatic: BTreeSet<CommandKind>,
}

/// What may be asked for of one kind of absence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOffRule {
    /// Local days each employee has in a calendar year; `None` is no limit.
    pub days_per_year: Option<u32>,
    /// Local days of one absence, at most.
    pub days_at_once_max: Option<u32>,
}

impl Default for RuleSet {
    /// No overlap, eleven hours of rest (Directive 2003/88/EC, article 3), own group only.
    fn default() -> Self {
        Self {
            decides: CommandKind::ALL.into_iter().collect(),
            overlap_allowed: false,
            rest_min: Some(Duration::from_secs(11 * 3600)),
            day_work_max: None,
            week_work_max: None,
            group_match: true,
            qualifications: BTreeMap::new(),
            notice: BTreeMap::new(),
            time_off: BTreeMap::new(),
            only_named_reasons: false,
            absent_max: None,
            automatic: BTreeSet::new(),
        }
    }
}
