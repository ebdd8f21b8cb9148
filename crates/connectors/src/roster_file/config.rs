//! The keys of a `roster_file` connection.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::time::{FoldPolicy, GapPolicy, LocalTimePolicy};
use engine::port::{Decider, Hooks, Source};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::encoding::Encoding;
use super::map::{DateFormat, LengthUnit, Moment, TimeFormat, moment};
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
    /// How text is written in files that carry no mark; UTF-16 is known by its mark.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands between two fields; found out from the header when it is left out.
    #[serde(default)]
    pub delimiter: Option<Delimiter>,
    /// What a local time means that clocks skip.
    #[serde(default)]
    pub dst_gap: DstGap,
    /// What a local time means that clocks show twice.
    #[serde(default)]
    pub dst_fold: DstFold,
    /// How dates are written, in strftime's letters (`%d.%m.%Y`); `excel` for the numbers of
    /// spreadsheets; `days since 2026-01-05`. Left out: `2026-10-25`.
    #[serde(default)]
    pub date_format: Option<String>,
    /// How times of day are written: `minutes` since midnight, `hours` with a fraction, `hhmm`
    /// (`0830`), or strftime's letters (`%H.%M`). Left out: `22:00`, `10:00 PM`.
    #[serde(default)]
    pub time_format: Option<String>,
    /// What numbers in the column mapped to `length` count: `minutes`, unless it is `hours`.
    #[serde(default)]
    pub length_unit: LengthUnitKey,
    /// Start and end, or only the start, of activities whose rows have no times:
    /// `{ N = "22:00-06:00" }`.
    #[serde(default)]
    pub activity_times: BTreeMap<String, String>,
    /// Values of the activity column that are absences.
    #[serde(default)]
    pub time_off_codes: Vec<String>,
    /// Words in the column of the start or the end that mean whole days of absence. Left out:
    /// `Full Day`, `All Day`, `ganztags` and the like.
    #[serde(default)]
    pub full_day_words: Option<Vec<String>>,
    /// Words that rows begin with which only sum up others, and have no start. Left out: `Total`,
    /// `Subtotal`, `Summe` and the like.
    #[serde(default)]
    pub sum_words: Option<Vec<String>>,
    /// The sheet of an Excel file; the first one when it is left out.
    #[serde(default)]
    pub sheet: Option<String>,
    /// A suffix of the file that says that another one is complete: with `.done`, `a.csv` is taken
    /// when there is an `a.csv.done`.
    #[serde(default)]
    pub marker: Option<String>,
    /// A folder for files that were taken in. What then lies in the folder of `path` together is
    /// the whole schedule, and takes the place of what was there before.
    #[serde(default)]
    pub archive: Option<PathBuf>,
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
    /// Start: a local time (`22:00`), a local date and time, or an instant with its offset. Needed
    /// unless `activity_times` has it.
    #[serde(default)]
    pub start: Option<String>,
    /// End, written like the start; `24:00` is the end of a day. Needed unless there is a `length`,
    /// or `activity_times` has it.
    #[serde(default)]
    pub end: Option<String>,
    /// Length: minutes, `8:00` or `7h 30m`; counts where there is no end.
    #[serde(default)]
    pub length: Option<String>,
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

/// What numbers in a column of lengths count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnitKey {
    /// Minutes.
    #[default]
    Minutes,
    /// Hours.
    Hours,
}

/// Words for a whole day, in small letters.
pub(super) const FULL_DAY_WORDS: [&str; 11] = [
    "full day",
    "fullday",
    "full-day",
    "all day",
    "allday",
    "all-day",
    "ganztags",
    "ganztägig",
    "journée entière",
    "journée complète",
    "todo el día",
];
/// Words that sums begin with, in small letters.
pub(super) const SUM_WORDS: [&str; 10] = [
    "total",
    "totals",
    "subtotal",
    "sub-total",
    "grand total",
    "sum",
    "summe",
    "zwischensumme",
    "gesamt",
    "sous-total",
];

fn words(given: Option<&Vec<String>>, usual: &[&str]) -> Vec<String> {
    match given {
        Some(words) => words.iter().map(|it| it.to_lowercase()).collect(),
        None => usual.iter().map(|it| (*it).to_owned()).collect(),
    }
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
    #[serde(rename = "tab", alias = "\t")]
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

    /// How dates are written.
    ///
    /// # Errors
    /// When `date_format` makes no sense.
    pub(super) fn dates(&self) -> Result<DateFormat, ConnectionError> {
        let read = self.date_format.as_deref().map(str::parse).transpose();
        read.map(Option::unwrap_or_default).map_err(|message| wrong("date_format", message))
    }

    /// How times are written.
    ///
    /// # Errors
    /// When `time_format` makes no sense.
    pub(super) fn times(&self) -> Result<TimeFormat, ConnectionError> {
        let read = self.time_format.as_deref().map(str::parse).transpose();
        read.map(Option::unwrap_or_default).map_err(|message| wrong("time_format", message))
    }

    /// What lengths count.
    pub(super) fn length_unit(&self) -> LengthUnit {
        match self.length_unit {
            LengthUnitKey::Minutes => LengthUnit::Minutes,
            LengthUnitKey::Hours => LengthUnit::Hours,
        }
    }

    /// Words for a whole day, in small letters.
    pub(super) fn full_day_words(&self) -> Vec<String> {
        words(self.full_day_words.as_ref(), &FULL_DAY_WORDS)
    }

    /// Words that sums begin with, in small letters.
    pub(super) fn sum_words(&self) -> Vec<String> {
        words(self.sum_words.as_ref(), &SUM_WORDS)
    }

    /// Start and end of activities.
    ///
    /// # Errors
    /// When one is no time.
    pub(super) fn activity_times(
        &self,
    ) -> Result<HashMap<String, (Moment, Option<Moment>)>, ConnectionError> {
        let read = |text: &str| {
            let time = moment(text.trim(), &DateFormat::Iso, &TimeFormat::Clock);
            time.filter(|it| matches!(it, Moment::Time(_) | Moment::Midnight))
        };
        let both = |text: &str| match text.split_once('-') {
            Some((start, end)) => Some((read(start)?, Some(read(end)?))),
            None => Some((read(text)?, None)),
        };
        let entry = |(activity, text): (&String, &String)| {
            let times = both(text).ok_or_else(|| {
                let message =
                    format!("`{text}` of `{activity}` is no time; expected one like `08:00-16:00`");
                wrong("activity_times", message)
            })?;
            Ok((activity.clone(), times))
        };
        self.activity_times.iter().map(entry).collect()
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

impl RosterFileConfig {
    /// What is archived must not be found again as something new.
    fn check_archive(&self) -> Result<(), ConnectionError> {
        let Some(archive) = &self.archive else { return Ok(()) };
        if archive.as_os_str().is_empty() {
            return Err(wrong("archive", "is empty; expected a folder".to_owned()));
        }
        let Ok(pattern) = glob::Pattern::new(self.path.trim_start_matches("./")) else {
            return Ok(());
        };
        let file = Path::new(&self.path).file_name().unwrap_or_default().to_string_lossy();
        // A name that the last part of the pattern matches, whatever that is.
        let name = file.replace("**", "x").replace(['*', '?'], "x");
        let inside = archive.strip_prefix("./").unwrap_or(archive).join(&name);
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        match pattern.matches_path_with(&inside, options) {
            false => Ok(()),
            true => Err(wrong(
                "archive",
                format!(
                    "`{}` lies where `{}` looks: archived files would be read again as new ones; \
                     expected a folder that the pattern does not reach, such as `archive`",
                    archive.display(),
                    self.path
                ),
            )),
        }
    }

    /// Keys that would do nothing, or contradict each other.
    fn check_codes(&self) -> Result<(), ConnectionError> {
        if self.columns.activity.is_none() {
            let lists = [
                ("day_off_codes", self.day_off_codes.is_empty()),
                ("time_off_codes", self.time_off_codes.is_empty()),
                ("activity_times", self.activity_times.is_empty()),
            ];
            if let Some((key, _)) = lists.into_iter().find(|(_, is_empty)| !is_empty) {
                let message = "is about values of `columns.activity`, which names no column";
                return Err(wrong(key, message.to_owned()));
            }
        }
        if let Some(both) = self.day_off_codes.iter().find(|it| self.time_off_codes.contains(it)) {
            let message = format!("`{both}` stands in `time_off_codes` too; expected one of them");
            return Err(wrong("day_off_codes", message));
        }
        let path = self.path.to_ascii_lowercase();
        if self.sheet.is_some() && [".csv", ".ics", ".txt"].iter().any(|it| path.ends_with(it)) {
            let message = format!("`{}` matches no Excel file; expected `.xlsx`", self.path);
            return Err(wrong("sheet", message));
        }
        Ok(())
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
        self.dates()?;
        self.times()?;
        let has_times = !self.activity_times()?.is_empty();
        let is_suffix = |it: &str| it.starts_with(['.', '-', '_']) && !it.contains('/');
        if let Some(marker) = self.marker.as_deref().filter(|it| !is_suffix(it)) {
            let message = format!("`{marker}` is no suffix; expected one like `.done`");
            return bad("marker", message);
        }
        self.check_archive()?;
        self.check_codes()?;
        let columns = &self.columns;
        let missing = match (&columns.start, &columns.end, &columns.length) {
            _ if has_times && columns.activity.is_some() => None,
            (None, _, _) => Some("`start` names no column; expected one, or `activity_times`"),
            (Some(_), None, None) => Some("names neither `end` nor `length`; expected one of them"),
            (Some(_), _, _) => None,
        };
        if let Some(message) = missing {
            return bad("columns", message.to_owned());
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

fn wrong(key: &'static str, message: String) -> ConnectionError {
    ConnectionError::Key { key, message }
}

impl ColumnMapping {
    /// The keys that are mapped, each with the name of its column.
    pub(super) fn mapped(&self) -> Vec<(&'static str, &str)> {
        let Self {
            employee,
            start,
            end,
            length,
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
        let needed = [("employee", employee)];
        let optional = [
            ("start", start),
            ("end", end),
            ("length", length),
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
