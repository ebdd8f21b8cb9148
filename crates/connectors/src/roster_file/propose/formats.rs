//! How dates and times are written, by trying.

use super::columns::Columns;
use super::{Proposal, Sample, quoted};
use crate::roster_file::config::{FULL_DAY_WORDS, SUM_WORDS};
use crate::roster_file::map::{DateFormat, TimeFormat, moment};

/// Ways to write a date, most certain first; the last two are found out by numbers alone.
const DATES: [&str; 17] = [
    "",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%Y%m%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%a %d.%m.%Y",
    "%A, %B %d, %Y",
    "excel",
];
/// Ways to write a time.
const TIMES: [&str; 5] = ["clock", "%H.%M", "hhmm", "minutes", "hours"];
/// What only the order of day and month tells apart.
const TWINS: [(&str, &str); 3] =
    [("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y"), ("%d/%m/%y", "%m/%d/%y")];
/// The largest number that counts days from a first one and is no date of a spreadsheet.
const DAY_COUNT_MAX: i64 = 3_660;
/// A Monday: where days are only counted, from when is not in the file.
const FIRST_DAY_ASSUMED: &str = "2026-01-05";

/// Proposes `date_format`, `time_format` and `length_unit`.
pub fn settings(sample: &Sample, columns: &Columns, proposal: &mut Proposal) {
    let of = |keys: &[&str]| -> Vec<&str> {
        let indices = keys.iter().filter_map(|key| columns.of_key(key));
        let values = indices.flat_map(|index| sample.values(index));
        values.filter(|it| !it.is_empty() && !is_word(it)).collect()
    };
    let (dates, times) = (of(&["date", "end_date"]), of(&["start", "end"]));
    let reads_dates = |format: &DateFormat| dates.iter().all(|it| format.read(it).is_some());
    let both = |date: &DateFormat, time: &TimeFormat| {
        times.iter().all(|it| moment(it, date, time).is_some())
            && (*time != TimeFormat::Compact || times.iter().all(|it| it.len() == 4))
    };
    let is_count = |it: &&str| it.parse::<i64>().is_ok_and(|it| (0..DAY_COUNT_MAX).contains(&it));
    let counts = !dates.is_empty() && dates.iter().all(is_count);
    let since = format!("days since {FIRST_DAY_ASSUMED}");
    let ways = if counts { vec![since.as_str()] } else { DATES.to_vec() };
    let mut found = None;
    'ways: for date in ways {
        let Some(format) = date_of(date) else { continue };
        if !reads_dates(&format) {
            continue;
        }
        for time in TIMES {
            let Ok(times) = time.parse() else { continue };
            if both(&format, &times) {
                found = Some((date, time));
                break 'ways;
            }
        }
    }
    let Some((date, time)) = found else {
        proposal.remarks.push(
            "dates and times are written in no way that is known: set `date_format` and \
             `time_format`"
                .to_owned(),
        );
        return;
    };
    if !date.is_empty() {
        proposal.settings.push(("date_format", quoted(date)));
    }
    if time != "clock" {
        proposal.settings.push(("time_format", quoted(time)));
    }
    if counts {
        proposal.remarks.push(format!(
            "days are only counted in this file: the first is assumed to be {FIRST_DAY_ASSUMED}"
        ));
    }
    if let Some((_, other)) = TWINS.iter().find(|it| it.0 == date)
        && date_of(other).is_some_and(|it| reads_dates(&it) && !dates.is_empty())
    {
        proposal.remarks.push(format!(
            "nothing in the first rows tells `{date}` from `{other}`: look at the days below"
        ));
    }
    length(sample, columns, proposal);
}

fn date_of(way: &str) -> Option<DateFormat> {
    if way.is_empty() { Some(DateFormat::Iso) } else { way.parse().ok() }
}

/// Whether a value is a word for a whole day or for a sum, and so no time.
fn is_word(value: &str) -> bool {
    let value = value.to_lowercase();
    FULL_DAY_WORDS.contains(&value.as_str()) || SUM_WORDS.contains(&value.as_str())
}

/// Hours, where no number is larger than a day has.
fn length(sample: &Sample, columns: &Columns, proposal: &mut Proposal) {
    let Some(index) = columns.of_key("length") else { return };
    let numbers: Vec<f64> =
        sample.values(index).filter_map(|it| it.replacen(',', ".", 1).parse().ok()).collect();
    let largest = numbers.iter().copied().fold(0.0, f64::max);
    if !numbers.is_empty() && largest <= 24.0 {
        proposal.settings.push(("length_unit", quoted("hours")));
    }
}
