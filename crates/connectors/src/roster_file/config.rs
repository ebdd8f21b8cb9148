//! The keys of a `roster_file` connection.

use std::sync::Arc;

use domain::time::{FoldPolicy, GapPolicy, LocalTimePolicy};
use engine::port::{Decider, Hooks, Source};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::provider::RosterFiles;
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, MirrorConfig, MirrorContext, MirrorParts,
};

/// Where the files are and how to read them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterFileConfig {
    /// A file, or a pattern of files (`exports/*.csv`), relative to the configuration. All files
    /// that match are read together.
    pub path: String,
    /// IANA name of the zone of local dates and times. Needed unless every row says when it is
    /// by an instant with an offset, or has a zone of its own in a column.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Which column says what.
    pub columns: ColumnMapping,
    /// What happens when a row cannot be read.
    #[serde(default)]
    pub on_bad_row: BadRowPolicy,
    /// What stands between two fields; found out from the header when it is left out.
    #[serde(default)]
    pub delimiter: Option<Delimiter>,
    /// What a local time means that clocks skip.
    #[serde(default)]
    pub dst_gap: DstGap,
    /// What a local time means that clocks show twice.
    #[serde(default)]
    pub dst_fold: DstFold,
    /// How dates are written, in strftime's letters: `%d.%m.%Y`. Left out: `2026-10-25`.
    #[serde(default)]
    pub date_format: Option<String>,
    /// Values of the activity column that mean that nobody works: such rows are no shifts.
    #[serde(default)]
    pub day_off_codes: Vec<String>,
}

/// Which column of the header says what.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnMapping {
    /// Who works: the id under which the employee is known.
    pub employee: String,
    /// Start: a local time (`22:00`), a local date and time, or an instant with its offset.
    pub start: String,
    /// End, written like the start; `24:00` is the end of a day.
    pub end: String,
    /// The local day that the row belongs to; needed where start and end are mere times.
    #[serde(default)]
    pub date: Option<String>,
    /// The local day of the end; for time off, the last day. Without it an end before the start
    /// is on the next day, and an end equal to it is refused: 24 hours need this.
    #[serde(default)]
    pub end_date: Option<String>,
    /// What kind of work it is.
    #[serde(default)]
    pub activity: Option<String>,
    /// The schedule group.
    #[serde(default)]
    pub group: Option<String>,
    /// A lasting id of the row's shift, open shift or time off.
    #[serde(default)]
    pub id: Option<String>,
    /// What the row is: `shift` (also when empty), `open_shift`, `time_off` or `activity`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Free text.
    #[serde(default)]
    pub notes: Option<String>,
    /// Why somebody is absent.
    #[serde(default)]
    pub reason: Option<String>,
    /// How many can still claim an open shift; 1 when it is left out.
    #[serde(default)]
    pub open_slots: Option<String>,
    /// The id of the shift or open shift that an activity is part of.
    #[serde(default)]
    pub shift: Option<String>,
    /// Whether an activity is paid; `yes` when it is left out.
    #[serde(default)]
    pub paid: Option<String>,
    /// IANA name of the zone of this row's local times.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// The employee's name.
    #[serde(default)]
    pub name: Option<String>,
    /// The employee's e-mail address.
    #[serde(default)]
    pub email: Option<String>,
}

/// What happens when a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BadRowPolicy {
    /// Nothing is taken from any file.
    #[default]
    Refuse,
    /// The row is left out and reported; then nothing is deleted for being absent.
    Skip,
}

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Delimiter {
    /// A comma.
    #[serde(rename = ",")]
    Comma,
    /// A semicolon.
    #[serde(rename = ";")]
    Semicolon,
    /// A tab.
    #[serde(rename = "\t", alias = "tab")]
    Tab,
}

impl Delimiter {
    /// Its byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// What a local time means that clocks skip (spring forward).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DstGap {
    /// Later by the length of the gap: 02:30 becomes 03:30.
    #[default]
    After,
    /// Earlier by the length of the gap: 02:30 becomes 01:30.
    Before,
    /// A bad row.
    Refuse,
}

/// What a local time means that clocks show twice (autumn back).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DstFold {
    /// The first of the two, still in summer time.
    #[default]
    Earlier,
    /// The second of the two, already in standard time.
    Later,
    /// A bad row.
    Refuse,
}

impl RosterFileConfig {
    /// The choice for gaps and folds, in the domain's words.
    #[must_use]
    pub fn local_times(&self) -> LocalTimePolicy {
        LocalTimePolicy {
            gap: match self.dst_gap {
                DstGap::After => GapPolicy::After,
                DstGap::Before => GapPolicy::Before,
                DstGap::Refuse => GapPolicy::Refuse,
            },
            fold: match self.dst_fold {
                DstFold::Earlier => FoldPolicy::Earlier,
                DstFold::Later => FoldPolicy::Later,
                DstFold::Refuse => FoldPolicy::Refuse,
            },
        }
    }

    /// The zone of local times, when there is one for all rows.
    ///
    /// # Errors
    /// When this build does not know it.
    pub(super) fn zone(&self) -> Result<Option<TimeZone>, ConnectionError> {
        let get = |name: &String| {
            TimeZone::get(name).map_err(|_| ConnectionError::Key {
                key: "time_zone",
                message: format!(
                    "`{name}` is no IANA time zone; expected one like `Europe/Berlin`"
                ),
            })
        };
        self.time_zone.as_ref().map(get).transpose()
    }
}

impl ConnectionConfig for RosterFileConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        let bad = |key, message: String| Err(ConnectionError::Key { key, message });
        if self.path.trim().is_empty() {
            return bad("path", "is empty; expected a file or a pattern".to_owned());
        }
        if let Err(error) = glob::Pattern::new(&self.path) {
            return bad("path", format!("`{}` is no pattern: {error}", self.path));
        }
        self.zone()?;
        if let Some(format) = &self.date_format
            && !round_trips(format)
        {
            return bad(
                "date_format",
                format!(
                    "`{format}` does not say year, month and day; expected one like `%d.%m.%Y`"
                ),
            );
        }
        self.columns.validate()
    }

    fn source(&self, context: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError> {
        self.validate()?;
        Ok(Arc::new(RosterFiles::new(self, context)?))
    }

    fn decider(&self, _: &ConnectionContext) -> Result<Option<Arc<dyn Decider>>, ConnectionError> {
        Ok(None)
    }

    fn hooks(&self, _: &ConnectionContext) -> Result<Option<Arc<dyn Hooks>>, ConnectionError> {
        Ok(None)
    }

    fn mirror(
        &self,
        _: &ConnectionContext,
        _: &MirrorContext,
        _: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError> {
        Err(ConnectionError::Role { kind: "roster_file", role: "the target of a mirror" })
    }
}

/// Whether a date written in this format can be read again: two days that differ in everything.
fn round_trips(format: &str) -> bool {
    [date(2026, 1, 31), date(2039, 12, 5)].into_iter().all(|day| {
        jiff::fmt::strtime::format(format, day)
            .ok()
            .and_then(|text| Date::strptime(format, &text).ok())
            == Some(day)
    })
}

impl ColumnMapping {
    /// The keys that are mapped, each with the name of its column.
    pub(super) fn mapped(&self) -> Vec<(&'static str, &str)> {
        let Self {
            employee,
            start,
            end,
            date,
            end_date,
            activity,
            group,
            id,
            kind,
            notes,
            reason,
            open_slots,
            shift,
            paid,
            time_zone,
            name,
            email,
        } = self;
        let needed = [("employee", employee), ("start", start), ("end", end)];
        let optional = [
            ("date", date),
            ("end_date", end_date),
            ("activity", activity),
            ("group", group),
            ("id", id),
            ("type", kind),
            ("notes", notes),
            ("reason", reason),
            ("open_slots", open_slots),
            ("shift", shift),
            ("paid", paid),
            ("time_zone", time_zone),
            ("name", name),
            ("email", email),
        ];
        let optional =
            optional.into_iter().filter_map(|(key, column)| Some((key, column.as_ref()?)));
        needed.into_iter().chain(optional).map(|(key, column)| (key, column.as_str())).collect()
    }

    /// One column may serve several keys (an export whose group is also its activity), but no
    /// column has an empty name.
    fn validate(&self) -> Result<(), ConnectionError> {
        match self.mapped().iter().find(|(_, column)| column.trim().is_empty()) {
            None => Ok(()),
            Some((key, _)) => Err(ConnectionError::Key {
                key: "columns",
                message: format!("`{key}` names no column; leave it out or name one"),
            }),
        }
    }
}
