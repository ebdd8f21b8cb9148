//! What the organisation holds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Everything.
#[derive(Debug, Default)]
pub struct State {
    seed: u64,
    numbered: u64,
    /// By id.
    pub users: BTreeMap<String, User>,
    /// By id.
    pub business_units: BTreeMap<String, BusinessUnit>,
    /// By id.
    pub management_units: BTreeMap<String, ManagementUnit>,
    /// All schedules of all business units, in the order in which they were made.
    pub schedules: Vec<Schedule>,
    /// By id.
    pub time_off: BTreeMap<String, TimeOff>,
    /// By id.
    pub trades: BTreeMap<String, super::trade::Trade>,
    /// By id: who started a job, how often it is asked for before it is done, and its result.
    pub(super) jobs: BTreeMap<String, (String, u32, Value)>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) downloads: BTreeMap<String, (Timestamp, Bytes)>,
    /// How often a question was answered with `Processing`.
    pub(super) processing: BTreeMap<String, u32>,
    /// Agents with whose schedules no question comes to an end.
    pub(super) stuck: BTreeSet<String>,
    /// By request for time off: what stands in it in place of what should.
    /// Agents whose part of a schedule is there, and in no answer that holds several.
    pub(super) hidden: BTreeSet<String>,
    /// By request for time off: after how many tellings of it somebody changes it yet.
    pub(super) meddled: BTreeMap<String, u32>,
    pub(super) spoilt: BTreeMap<String, Value>,
    pub(super) channels: Vec<(String, Timestamp, Vec<String>)>,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub client: String,
    pub expires_at: Timestamp,
}

/// Somebody in the organisation.
#[derive(Debug, Clone)]
pub struct User {
    /// Their id.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// `email`.
    pub email: Option<String>,
    /// `username`.
    pub username: Option<String>,
    /// `employerInfo.employeeId`.
    pub employee_number: Option<String>,
    /// `state`: `active`, `inactive` or `deleted`.
    pub state: &'static str,
    /// Grows with every change.
    pub version: u32,
    /// In which management unit they work, if in one.
    pub management_unit: Option<String>,
}

/// A business unit: one zone, one set of schedules.
#[derive(Debug, Clone)]
pub struct BusinessUnit {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its zone's IANA name.
    pub zone: String,
    /// By id.
    pub activity_codes: BTreeMap<String, ActivityCode>,
}

impl BusinessUnit {
    /// Its zone.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn tz(&self) -> TimeZone {
        TimeZone::get(&self.zone).expect("a played business unit has a zone that exists")
    }
}

/// What an activity is.
#[derive(Debug, Clone)]
pub struct ActivityCode {
    /// What people call it.
    pub name: String,
    /// `OnQueueWork`, `Break` and so on.
    pub category: &'static str,
    /// `countsAsPaidTime`.
    pub paid: bool,
    /// `active`.
    pub active: bool,
    /// Whether the vendor made it.
    pub default: bool,
}

/// A management unit: agents who are planned together.
#[derive(Debug, Clone)]
pub struct ManagementUnit {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it belongs.
    pub business_unit: String,
    /// Its zone, where that is not the business unit's.
    pub zone: Option<String>,
}

/// What is planned for some weeks of a business unit.
#[derive(Clone)]
pub struct Schedule {
    /// Its id.
    pub id: String,
    /// Whose.
    pub business_unit: String,
    /// Its first day.
    pub week_date: Date,
    /// How many weeks it covers.
    pub week_count: u8,
    /// What it is called.
    pub description: String,
    /// Whether agents see it.
    pub published: bool,
    /// Grows with every change of anything in it.
    pub version: u32,
    /// When it last changed.
    pub modified: Timestamp,
    /// By agent: those that were planned one by one.
    pub agents: BTreeMap<String, AgentSchedule>,
    /// What the others do; they have version 1.
    pub pattern: Option<Pattern>,
}

/// What an agent does in a schedule of which nothing was planned one by one.
pub type Pattern = Arc<dyn Fn(&str, Date) -> AgentSchedule + Send + Sync>;

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schedule({} of {}, version {})", self.id, self.week_date, self.version)
    }
}

impl Schedule {
    /// What one agent does.
    #[must_use]
    pub fn of(&self, agent: &str) -> Option<Cow<'_, AgentSchedule>> {
        match (self.agents.get(agent), &self.pattern) {
            (Some(it), _) => Some(Cow::Borrowed(it)).filter(|it| !it.deleted),
            (None, Some(pattern)) => Some(Cow::Owned(pattern(agent, self.week_date))),
            (None, None) => None,
        }
    }

    /// Its days: the first, and the one after the last.
    #[must_use]
    pub fn days(&self) -> (Date, Date) {
        let end =
            self.week_date.saturating_add(jiff::Span::new().weeks(i64::from(self.week_count)));
        (self.week_date, end)
    }
}

/// One agent's part of a schedule.
#[derive(Debug, Clone, Default)]
pub struct AgentSchedule {
    /// Grows with every change.
    pub version: u32,
    /// When it last changed; the epoch when it was only made.
    pub modified: Timestamp,
    /// In order of their start.
    pub shifts: Vec<Shift>,
    /// In order of their day.
    pub markers: Vec<Marker>,
    /// Whether all of it was taken away.
    pub deleted: bool,
    /// What happened to it, oldest first.
    pub history: Vec<Change>,
}

/// What happened to an agent's part of a schedule.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Ids of shifts that were made or changed.
    pub changed: Vec<String>,
    /// Ids of shifts that were deleted.
    pub deleted: Vec<String>,
    /// Whether all of it was.
    pub everything: bool,
}

/// Work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Its id: another one after a republish.
    pub id: String,
    /// When it starts.
    pub start: Timestamp,
    /// How long it takes.
    pub minutes: u32,
    /// Its parts; they cover it.
    pub activities: Vec<Activity>,
}

impl Shift {
    /// When it is over.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start + SignedDuration::from_mins(i64::from(self.minutes))
    }
}

/// A part of a shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// When it starts.
    pub start: Timestamp,
    /// How long it takes.
    pub minutes: u32,
    /// Which code.
    pub code: String,
    /// Free text.
    pub description: String,
    /// Whether it is paid.
    pub paid: bool,
    /// The request that it comes from.
    pub time_off: Option<String>,
}

/// A whole day off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Which day of the business unit's zone.
    pub date: Date,
    /// Which code.
    pub code: String,
    /// How much time it counts for.
    pub minutes: u32,
    /// Free text.
    pub description: String,
    /// The request that it comes from.
    pub time_off: Option<String>,
}

/// A request for time off.
#[derive(Debug, Clone)]
pub struct TimeOff {
    /// Its id.
    pub id: String,
    /// Who asked.
    pub user: String,
    /// In which management unit.
    pub management_unit: String,
    /// Which code.
    pub code: String,
    /// `PENDING`, `APPROVED`, `DENIED` or `CANCELED`.
    pub status: String,
    /// Why it has that status.
    pub substatus: Option<&'static str>,
    /// Whole days of the management unit's zone.
    pub days: Vec<Date>,
    /// Starts, where it is about parts of days.
    pub starts: Vec<Timestamp>,
    /// Minutes for each of them.
    pub minutes: Vec<u32>,
    /// Free text.
    pub notes: String,
    /// Grows with every change.
    pub version: u32,
    /// How it stands with another system.
    pub integration: Option<String>,
    /// When it was made.
    pub submitted: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// An id that nothing has yet.
    pub fn new_id(&mut self) -> String {
        self.numbered += 1;
        // Splitmix64: distinct numbers give distinct ids.
        let mixed = |salt: u64| {
            let mut it =
                (self.seed ^ salt).wrapping_add(self.numbered.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            it ^ (it >> 31)
        };
        let (a, b) = (mixed(1), mixed(2));
        let (one, two, three) = (a >> 32, (a >> 16) & 0xffff, a & 0xfff);
        let (four, five) = ((b >> 48) & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
        format!("{one:08x}-{two:04x}-4{three:03x}-{four:04x}-{five:012x}")
    }

    /// The agents of a management unit, by id.
    #[must_use]
    pub fn agents_of(&self, management_unit: &str) -> Vec<String> {
        let works = |it: &&User| it.management_unit.as_deref() == Some(management_unit);
        self.users.values().filter(works).map(|it| it.id.clone()).collect()
    }

    /// The business unit of an agent.
    #[must_use]
    pub fn business_unit_of(&self, agent: &str) -> Option<&BusinessUnit> {
        let unit = self.users.get(agent)?.management_unit.as_ref()?;
        self.business_units.get(&self.management_units.get(unit)?.business_unit)
    }

    /// The published schedules of a business unit, by week.
    pub fn published(&self, business_unit: &str) -> impl Iterator<Item = &Schedule> {
        let of_unit = move |it: &&Schedule| it.published && it.business_unit == business_unit;
        self.schedules.iter().filter(of_unit)
    }

    pub(super) fn put_download(&mut self, now: Timestamp, body: &Value) -> String {
        let id = self.new_id();
        let until = now + SignedDuration::from_secs(600);
        self.downloads.retain(|_, (until, _)| now < *until);
        self.downloads.insert(id.clone(), (until, Bytes::from(body.to_string())));
        id
    }
}
