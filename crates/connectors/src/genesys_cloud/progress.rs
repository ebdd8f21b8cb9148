//! What is remembered between readings: in the token where the last one ended, in marks which
//! version of each employee's week was taken over.

use std::collections::{BTreeMap, BTreeSet};

use engine::port::DeltaToken;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::weeks::Head;

/// Another form of token than this is not understood: everything is read again.
const FORM: u8 = 1;
/// Before the names of marks that say who is known in a management unit.
const PEOPLE: &str = "people/";
/// Before the names of marks that say which requests are approved in a management unit.
const APPROVED: &str = "approved/";

/// Where the last reading ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    form: u8,
    /// Of what it is: addresses and business units.
    scope: String,
    /// When people, groups and reasons were last read.
    pub directory_at: Option<Timestamp>,
    /// When everything was last read, whatever its version.
    pub full_at: Option<Timestamp>,
    /// The hash of activity codes and zones: what shifts mean beside themselves.
    pub meaning: String,
    /// The business units, with what was in force in them.
    pub units: BTreeMap<String, BTreeMap<Date, Head>>,
    /// What is still to be read; the first is under way.
    pub work: Vec<Work>,
    /// When it was last looked which requests for time off are approved.
    #[serde(default)]
    pub requests_at: Option<Timestamp>,
    /// Whether they could be read at some time: then what is known of them stays when they cannot.
    #[serde(default)]
    pub requests_seen: bool,
    /// Ids of schedules that were listed, and not there when they were asked for.
    #[serde(default)]
    pub overtaken: BTreeSet<String>,
}

/// One schedule that is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    /// Of which business unit.
    pub unit: String,
    /// Its first day.
    pub week: Date,
    /// Why.
    pub kind: WorkKind,
    /// Up to which slice it was read.
    pub after: Option<String>,
    /// Employees who were in slices that were read, and are not any more.
    pub missing: Vec<String>,
    /// The days of one that is gone.
    #[serde(default)]
    pub days: Vec<(Date, Date)>,
    /// Of whom alone it is read anew, by management unit.
    #[serde(default)]
    pub only: BTreeMap<String, Vec<String>>,
}

/// Why a schedule is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WorkKind {
    /// It has another version: employees with another version are taken over.
    Changed,
    /// It is another one, or its time has come: everybody is taken over.
    Whole,
    /// It is not there any more.
    Gone,
    /// Some employees are to be taken over whatever their version: they came back, or what is
    /// approved for them is another.
    Some,
}

impl Work {
    pub fn new(unit: &str, week: Date, kind: WorkKind) -> Self {
        Self {
            unit: unit.into(),
            week,
            kind,
            after: None,
            missing: vec![],
            days: vec![],
            only: BTreeMap::new(),
        }
    }
}

impl Progress {
    /// Has these agents of a management unit read anew in one schedule.
    pub fn again(&mut self, (unit, week): (&str, Date), team: &str, agents: &[String]) {
        let same = |it: &&mut Work| it.kind == WorkKind::Some && it.unit == unit && it.week == week;
        let place = match self.work.iter_mut().find(same) {
            Some(work) => work,
            None => {
                self.work.push(Work::new(unit, week, WorkKind::Some));
                let Some(work) = self.work.last_mut() else { return };
                work
            }
        };
        let known = place.only.entry(team.to_owned()).or_default();
        known.extend(agents.iter().cloned());
        known.sort_unstable();
        known.dedup();
    }

    /// Has these agents of a management unit read anew in all schedules of a business unit.
    pub fn again_everywhere(&mut self, unit: &str, team: &str, agents: &[String]) {
        let weeks: Vec<Date> = self.units.get(unit).into_iter().flatten().map(|it| *it.0).collect();
        for week in weeks {
            self.again((unit, week), team, agents);
        }
    }

    pub fn new(scope: &str) -> Self {
        Self {
            form: FORM,
            scope: scope.into(),
            directory_at: None,
            full_at: None,
            meaning: String::new(),
            units: BTreeMap::new(),
            work: Vec::new(),
            requests_at: None,
            requests_seen: false,
            overtaken: BTreeSet::new(),
        }
    }

    /// Reads a token; `None` when it is another form's, or of something else.
    pub fn read(token: &DeltaToken, scope: &str) -> Option<Self> {
        let progress: Self = serde_json::from_str(&token.0).ok()?;
        (progress.form == FORM && progress.scope == scope).then_some(progress)
    }

    pub fn token(&self) -> Option<DeltaToken> {
        serde_json::to_string(self).ok().map(DeltaToken)
    }
}

/// Under what the marks of one schedule begin.
pub(super) fn of_week(unit: &str, week: Date) -> String {
    format!("{unit}/{week}/")
}

/// The name under which is kept who is known in a management unit.
pub(super) fn people_of(management_unit: &str) -> String {
    format!("{PEOPLE}{management_unit}")
}

/// The name under which is kept what is approved in a management unit.
pub(super) fn approved_in(management_unit: &str) -> String {
    format!("{APPROVED}{management_unit}")
}

/// Under what they all begin.
pub(super) const ALL_PEOPLE: &str = PEOPLE;

/// The management unit in the name of a mark of people.
pub(super) fn unit_of_people(name: &str) -> &str {
    name.strip_prefix(PEOPLE).unwrap_or(name)
}

/// Versions as a mark's text: a line each.
pub(super) fn write_versions(versions: &BTreeMap<String, Option<u64>>) -> String {
    let mut text = String::with_capacity(versions.len() * 42);
    for (agent, version) in versions {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(agent);
        if let Some(version) = version {
            text.push_str(&format!(" {version}"));
        }
    }
    text
}

/// The versions in a mark's text.
pub(super) fn read_versions(text: &str) -> BTreeMap<String, Option<u64>> {
    text.lines()
        .map(|line| match line.split_once(' ') {
            Some((agent, version)) => (agent.to_owned(), version.parse().ok()),
            None => (line.to_owned(), None),
        })
        .collect()
}
