//! What a file could mean: a mapping of its columns, proposed to somebody who then decides.
//!
//! Names of columns are looked up in a list of those that exports use; how dates and times are
//! written is found out by trying which way reads every value of the first rows. What cannot be
//! known (whether 03/04 is in March or April, when a code starts) is proposed all the same, and
//! said.

mod columns;
mod formats;

use std::collections::BTreeSet;

use domain::{Entity, SyncWindow, TimeOffSpan, UtcInterval};
use engine::port::{FieldFault, SourceEntity, SourceError};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::config::RosterFileConfig;
use super::encoding::{Encoding, may_be_windows_1252};
use super::map::Rules;
use super::provider::{gather, text_of};
use crate::table::{Record, Scanner};

use columns::Columns;

/// Rows that are looked at to find out how values are written.
const SAMPLE_ROWS: usize = 500;
/// Rows that are shown as they would be read.
const ROWS_SHOWN: usize = 3;
/// Different codes that times are proposed for.
const CODES_MAX: usize = 60;
/// When a code starts whose times are nowhere in the file.
const START_ASSUMED: &str = "08:00";

/// What a file could mean.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// Keys of `columns` with the name of the column, in the order in which they are written.
    pub columns: Vec<(&'static str, String)>,
    /// Other keys of the connection, with their values as TOML.
    pub settings: Vec<(&'static str, String)>,
    /// What was assumed, and what is missing.
    pub remarks: Vec<String>,
    /// The first rows, as they would be read.
    pub rows: Vec<String>,
    /// How many rows would be read, of each kind.
    pub counts: Vec<(&'static str, usize)>,
    /// Rows that could not be read, the first of them.
    pub faults: Vec<FieldFault>,
}

/// The rows that a proposal rests on.
struct Sample {
    delimiter: u8,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sample {
    fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(column)).map(String::as_str)
    }
}

/// Proposes how to read `bytes`, whose name is `place`; `zone` is that of local times.
///
/// # Errors
/// When it is no file of a kind that can be read at all.
pub fn propose(place: &str, bytes: &[u8], zone: &str) -> Result<Proposal, SourceError> {
    let blank = section(&[("path", quoted(place)), ("columns", "{ employee = \"x\" }".into())]);
    let unreadable = |detail: String| SourceError::Unreadable { place: place.to_owned(), detail };
    let mut config: RosterFileConfig =
        toml::from_str(&blank).map_err(|error| unreadable(error.to_string()))?;
    let mut proposal = Proposal::default();
    let is_text =
        [".xlsx", ".xlsm", ".ics"].iter().all(|it| !place.to_ascii_lowercase().ends_with(it));
    if is_text && may_be_windows_1252(bytes) {
        config.encoding = Encoding::Windows1252;
        proposal.settings.push(("encoding", "\"windows-1252\"".to_owned()));
        let remark = "the file is no UTF-8: Windows-1252 is assumed, look at letters such as ä";
        proposal.remarks.push(remark.to_owned());
    }
    let most = domain::limits::ROSTER_FILE_BYTES_MAX;
    let text = text_of(place, bytes, &config, most, &mut proposal.faults)?;
    let Some(sample) = sample(&text) else {
        proposal.remarks.push("the file holds no table".to_owned());
        return Ok(proposal);
    };
    let columns = Columns::of(&sample, &text);
    proposal.columns = columns.list(&sample);
    formats::settings(&sample, &columns, &mut proposal);
    codes(&sample, &columns, &text, &mut proposal);
    if sample.delimiter == b'\t' {
        proposal.settings.push(("delimiter", "\"tab\"".to_owned()));
    }
    for key in ["employee", "start"] {
        let has = proposal.columns.iter().any(|it| it.0 == key);
        let by_code = key == "start" && proposal.settings.iter().any(|it| it.0 == "activity_times");
        if !has && !by_code {
            proposal.remarks.push(format!("no column seems to be the `{key}`: name it yourself"));
        }
    }
    read(place, &text, zone, &mut proposal).map_err(unreadable)?;
    Ok(proposal)
}

/// A section of the configuration.
fn section(keys: &[(&str, String)]) -> String {
    keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// As a TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Proposal {
    /// The value of `columns`, as TOML.
    #[must_use]
    pub fn columns_toml(&self) -> String {
        let pairs = self.columns.iter().map(|(key, name)| format!("{key} = {}", quoted(name)));
        format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
    }
}

/// Finds the header and the first rows: the line with most names that exports use.
fn sample(text: &str) -> Option<Sample> {
    let mut best: Option<(usize, usize, Sample)> = None;
    for delimiter in [b',', b';', b'\t'] {
        let records = records(text, delimiter, SAMPLE_ROWS);
        for (at, names) in records.iter().enumerate().take(30) {
            let known = names.iter().filter(|name| columns::is_known(name)).count();
            let better = best.as_ref().is_none_or(|(k, f, _)| (known, names.len()) > (*k, *f));
            // Without any known name, the first line is the header.
            if !better || (known == 0 && at > 0) {
                continue;
            }
            let fits = |row: &&Vec<String>| row.len() == names.len() && *row != names;
            let rows = records[at + 1..].iter().filter(fits).cloned().collect();
            let sample = Sample { delimiter, names: names.clone(), rows };
            best = Some((known, names.len(), sample));
        }
    }
    best.map(|it| it.2)
}

fn records(text: &str, delimiter: u8, most: usize) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut scanner = Scanner::new(text, delimiter);
    let mut record = Record::default();
    let mut all = Vec::new();
    while let Some(read) = scanner.read(&mut record) {
        if read.is_ok() && !record.is_blank(text) {
            all.push(record.cells.iter().map(|it| it.value(text).into_owned()).collect());
        }
        if all.len() == most {
            break;
        }
    }
    all
}

/// Times for codes, where rows have none of their own.
fn codes(sample: &Sample, columns: &Columns, text: &str, proposal: &mut Proposal) {
    let (None, Some(activity)) = (columns.of_key("start"), columns.of_key("activity")) else {
        return;
    };
    let mut codes: BTreeSet<String> = BTreeSet::new();
    for row in records(text, sample.delimiter, usize::MAX) {
        if row.len() == sample.names.len() && row != sample.names {
            codes.extend(row.get(activity).filter(|it| !it.is_empty()).cloned());
        }
    }
    if codes.is_empty() || codes.len() > CODES_MAX {
        return;
    }
    let with_end = columns.of_key("length").is_none();
    let time = if with_end { "08:00-16:00" } else { START_ASSUMED };
    let table = codes.iter().map(|code| format!("{} = \"{time}\"", quoted(code)));
    let table = format!("{{ {} }}", table.collect::<Vec<_>>().join(", "));
    proposal.settings.push(("activity_times", table));
    proposal.remarks.push(format!(
        "the file does not say when its {} codes start: {START_ASSUMED} is assumed, put \
         `activity_times` right",
        codes.len()
    ));
}

/// Reads the whole file by what is proposed, and tells of the first rows.
fn read(place: &str, text: &str, zone: &str, proposal: &mut Proposal) -> Result<(), String> {
    let mut keys = vec![("path", quoted(place)), ("time_zone", quoted(zone))];
    keys.push(("columns", proposal.columns_toml()));
    keys.extend(proposal.settings.iter().map(|(key, value)| (*key, value.clone())));
    let config: RosterFileConfig = match toml::from_str(&section(&keys)) {
        Ok(config) => config,
        // A key that is needed is not there; that was said.
        Err(_) => return Ok(()),
    };
    if crate::ConnectionConfig::validate(&config).is_err() {
        return Ok(());
    }
    let rules = Rules::of(&config).map_err(|error| error.to_string())?;
    let always = UtcInterval::new(Timestamp::MIN, Timestamp::MAX).map_err(|it| it.to_string())?;
    match gather(&[(place, text)], vec![], (&config, &rules), &SyncWindow { interval: always }) {
        Ok(gathered) => {
            let timed = gathered.entities.iter().filter(|it| it.entity.interval().is_some());
            proposal.rows = timed.take(ROWS_SHOWN).map(|it| shown(it, zone)).collect();
            proposal.counts = counts(&gathered.entities);
        }
        Err(SourceError::BadRows { faults, more, hint: _ }) => {
            let count = faults.len() + more;
            proposal.remarks.push(format!("{count} rows cannot be read like this"));
            proposal.faults = faults.into_iter().take(ROWS_SHOWN).collect();
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

fn counts(entities: &[SourceEntity]) -> Vec<(&'static str, usize)> {
    let count = |is: fn(&Entity) -> bool| entities.iter().filter(|it| is(&it.entity)).count();
    let all = [
        ("shifts", count(|it| matches!(it, Entity::Shift(_)))),
        ("open shifts", count(|it| matches!(it, Entity::OpenShift(_)))),
        ("absences", count(|it| matches!(it, Entity::TimeOff(_)))),
        ("employees", count(|it| matches!(it, Entity::Employee(_)))),
    ];
    all.into_iter().filter(|it| it.1 > 0).collect()
}

/// One row in words, in local time.
fn shown(it: &SourceEntity, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string();
    let span = |interval: &UtcInterval| {
        format!("{} to {}", local(interval.start()), local(interval.end()))
    };
    let what = match &it.entity {
        Entity::Shift(it) => {
            format!("`{}` works `{}`, {}", it.employee, it.label, span(&it.interval))
        }
        Entity::OpenShift(it) => {
            let slots = it.open_slots;
            format!("`{}` is open, {}, {slots} slots", it.label, span(&it.interval))
        }
        Entity::TimeOff(it) => {
            let why = it.reason.as_ref().map_or("no reason", |reason| reason.as_str());
            let when = match &it.span {
                TimeOffSpan::Timed(interval) => span(interval),
                TimeOffSpan::AllDay { first, end, .. } => {
                    let last = end.yesterday().unwrap_or(*first);
                    if last == *first {
                        format!("{first}, the whole day")
                    } else {
                        format!("{first} to {last}, whole days")
                    }
                }
            };
            format!("`{}` is absent ({why}), {when}", it.employee)
        }
        Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => String::new(),
    };
    format!("{}: {what}", it.at.0)
}
