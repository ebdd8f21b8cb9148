//! What one record means. Pure.

mod formats;
mod time;

use std::collections::HashMap;

use domain::Activity;
use domain::limits::{LABEL_BYTES_MAX, NOTES_BYTES_MAX};
use domain::time::LocalTimePolicy;
use domain::time_off::TimeOffSpan;
use jiff::tz::TimeZone;

use super::config::RosterFileConfig;
use super::wire::{Field, RawRow};
use crate::ConnectionError;
use crate::table::RowFault;

#[cfg(test)]
pub(super) use formats::length;
pub(super) use formats::{DateFormat, LengthUnit, Moment, TimeFormat, moment};
pub(super) use time::When;
use time::{Times, brief};

/// What work, or a part of it, is called when no column says it.
const LABEL_UNKNOWN: &str = "Work";

/// What the operator decided about reading rows.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The zone of local times, unless a row names its own.
    pub zone: Option<TimeZone>,
    /// What happens in gaps and folds.
    pub local_times: LocalTimePolicy,
    /// How dates are written.
    pub dates: DateFormat,
    /// How times of day are written.
    pub times: TimeFormat,
    /// What lengths without a unit are counted in.
    pub length_unit: LengthUnit,
    /// Activities that mean that nobody works.
    pub day_off_codes: Vec<String>,
    /// Activities that are absences.
    pub time_off_codes: Vec<String>,
    /// Words for a whole day, in small letters.
    pub full_day_words: Vec<String>,
    /// Start and end of activities whose rows have none.
    pub activity_times: HashMap<String, (Moment, Option<Moment>)>,
}

impl Rules {
    /// What a connection's section decides.
    ///
    /// # Errors
    /// When its time zone is unknown.
    pub fn of(config: &RosterFileConfig) -> Result<Self, ConnectionError> {
        Ok(Self {
            zone: config.zone()?,
            local_times: config.local_times(),
            dates: config.dates()?,
            times: config.times()?,
            length_unit: config.length_unit(),
            day_off_codes: config.day_off_codes.clone(),
            time_off_codes: config.time_off_codes.clone(),
            full_day_words: config.full_day_words(),
            activity_times: config.activity_times()?,
        })
    }

    /// Whether a value is one of the words for a whole day.
    pub fn says_full_day(&self, value: &str) -> bool {
        // Times begin with a digit: nothing is compared for them.
        value.starts_with(char::is_alphabetic)
            && self.full_day_words.contains(&value.to_lowercase())
    }
}

/// One record, read.
#[derive(Debug)]
pub(super) struct Mapped<'r> {
    /// Whose row it is, if it is somebody's.
    pub person: Option<Person<'r>>,
    /// The schedule group, if one is named.
    pub group: Option<&'r Field<'r>>,
    /// What it says.
    pub meaning: Meaning<'r>,
    /// What was decided about its times and its notes.
    pub remarks: Vec<RowFault>,
}

/// An employee, as one row names them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person<'r> {
    /// The field that holds their id.
    pub id: &'r Field<'r>,
    /// Their name.
    pub name: Option<&'r str>,
    /// Their e-mail address.
    pub email: Option<&'r str>,
}

/// What a record says.
#[derive(Debug)]
pub(super) enum Meaning<'r> {
    /// Nobody works: a day-off code, or an open shift without open slots.
    Nothing,
    /// Assigned work.
    Shift(Work<'r>),
    /// Unassigned work, with its open slots.
    OpenShift(Work<'r>, u32),
    /// An absence.
    TimeOff(Absence<'r>),
    /// A part of a shift or of an open shift.
    Activity(Part<'r>),
}

/// Work, assigned or not.
#[derive(Debug)]
pub(super) struct Work<'r> {
    /// Its lasting id, where ids are mapped.
    pub id: Option<&'r Field<'r>>,
    /// What kind of work it is.
    pub label: &'r str,
    /// When.
    pub when: When,
    /// Free text.
    pub notes: Option<String>,
}

/// An absence.
#[derive(Debug)]
pub(super) struct Absence<'r> {
    /// Its lasting id, where ids are mapped.
    pub id: Option<&'r Field<'r>>,
    /// Why; the activity stands in for an unmapped reason.
    pub reason: Option<&'r Field<'r>>,
    /// When.
    pub span: TimeOffSpan,
    /// Free text.
    pub notes: Option<String>,
}

/// A part of some work.
#[derive(Debug)]
pub(super) struct Part<'r> {
    /// The id that it names its work by, from the column for that.
    pub parent: Option<&'r Field<'r>>,
    /// The row's own id: the work's, in exports that repeat it on every part.
    pub id: Option<&'r Field<'r>>,
    /// The part itself.
    pub activity: Activity,
    /// The field that its start stands in, to point at.
    pub start_cell: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowKind {
    Shift,
    OpenShift,
    TimeOff,
    Activity,
}

/// Reads one record.
///
/// # Errors
/// The first thing that is wrong with it.
#[expect(clippy::too_many_lines, reason = "each column, once")]
pub(super) fn read<'r>(row: &'r RawRow<'r>, rules: &Rules) -> Result<Mapped<'r>, RowFault> {
    let RawRow {
        employee,
        start,
        end,
        date,
        end_date,
        length,
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
    } = row;
    let times = Times { date, start, end, end_date, length, activity, time_zone };
    let kind = match row_kind(kind)? {
        RowKind::Shift if is_absence(activity, &times, rules) => RowKind::TimeOff,
        kind => kind,
    };
    let person =
        employee.given().map(|_| Person { id: employee, name: name.given(), email: email.given() });
    check_label(name)?;
    check_label(email)?;
    let label = check_label(activity)?;
    let off = label.is_some_and(|label| rules.day_off_codes.iter().any(|code| code == label));
    let label = label.unwrap_or(LABEL_UNKNOWN);
    let mut remarks = Vec::new();
    let meaning = match kind {
        RowKind::Shift | RowKind::OpenShift if off => Meaning::Nothing,
        RowKind::Shift => Meaning::Shift(work(id, label, times, notes, rules, &mut remarks)?),
        RowKind::OpenShift => {
            let work = work(id, label, times, notes, rules, &mut remarks)?;
            match slots(open_slots)? {
                0 => {
                    remarks.clear();
                    Meaning::Nothing
                }
                open => Meaning::OpenShift(work, open),
            }
        }
        RowKind::TimeOff => {
            let reasons = [reason, activity];
            Meaning::TimeOff(absence(id, reasons, times, notes, rules, &mut remarks)?)
        }
        RowKind::Activity => {
            let mut when = times.when(rules)?;
            remarks.extend(when.note.take());
            let part = Part {
                parent: shift.given().map(|_| shift),
                id: id.given().map(|_| id),
                activity: Activity {
                    label: label.to_owned(),
                    interval: when.interval,
                    paid: is_paid(paid)?,
                },
                start_cell: start.cell,
            };
            Meaning::Activity(part)
        }
    };
    let person = match kind {
        RowKind::OpenShift => None,
        RowKind::Shift | RowKind::TimeOff if person.is_none() => {
            return Err(no_employee(employee));
        }
        RowKind::Shift | RowKind::TimeOff | RowKind::Activity => person,
    };
    Ok(Mapped { person, group: group.given().map(|_| group), meaning, remarks })
}

/// Whether a row of no type is about somebody who does not work: by its activity, or because it
/// says that it is about whole days.
fn is_absence(activity: &Field<'_>, times: &Times<'_>, rules: &Rules) -> bool {
    let by_code = activity.given().is_some_and(|it| rules.time_off_codes.iter().any(|c| c == it));
    by_code || times.is_full_day(rules)
}

fn work<'r>(
    id: &'r Field<'r>,
    label: &'r str,
    times: Times<'r>,
    notes: &Field<'_>,
    rules: &Rules,
    remarks: &mut Vec<RowFault>,
) -> Result<Work<'r>, RowFault> {
    let mut when = times.when(rules)?;
    remarks.extend(when.note.take());
    Ok(Work { id: native(id)?, label, when, notes: free_text(notes, remarks) })
}

fn absence<'r>(
    id: &'r Field<'r>,
    reasons: [&'r Field<'r>; 2],
    times: Times<'r>,
    notes: &Field<'_>,
    rules: &Rules,
    remarks: &mut Vec<RowFault>,
) -> Result<Absence<'r>, RowFault> {
    let (span, note) = times.absence(rules)?;
    remarks.extend(note);
    let reason = reasons.into_iter().find(|field| field.given().is_some());
    if let Some(reason) = reason {
        check_label(reason)?;
    }
    Ok(Absence { id: native(id)?, reason, span, notes: free_text(notes, remarks) })
}

fn no_employee(field: &Field<'_>) -> RowFault {
    RowFault::cell(field.cell, "names no employee; expected an id")
        .hint("only open shifts belong to nobody: their `type` is `open_shift`")
}

fn row_kind(field: &Field<'_>) -> Result<RowKind, RowFault> {
    let Some(text) = field.given() else {
        return Ok(RowKind::Shift);
    };
    match text.to_lowercase().replace([' ', '-'], "_").as_str() {
        "shift" => Ok(RowKind::Shift),
        "open_shift" => Ok(RowKind::OpenShift),
        "time_off" => Ok(RowKind::TimeOff),
        "activity" => Ok(RowKind::Activity),
        _ => Err(RowFault::cell(
            field.cell,
            format!(
                "`{}` is no type of row; expected shift, open_shift, time_off or activity",
                brief(text)
            ),
        )),
    }
}

/// Where ids are mapped, every row needs one.
fn native<'r>(field: &'r Field<'r>) -> Result<Option<&'r Field<'r>>, RowFault> {
    match (field.cell, field.given()) {
        (Some(_), None) => Err(RowFault::cell(field.cell, "is empty; expected the row's id")
            .hint("leave `id` out of `columns` when rows have no lasting ids")),
        (Some(_), Some(_)) => Ok(Some(field)),
        (None, _) => Ok(None),
    }
}

fn slots(field: &Field<'_>) -> Result<u32, RowFault> {
    let Some(text) = field.given() else {
        return Ok(1);
    };
    text.parse().map_err(|_| {
        let message = format!("`{}` is no count; expected 0, 1, 2, …", brief(text));
        RowFault::cell(field.cell, message)
    })
}

fn is_paid(field: &Field<'_>) -> Result<bool, RowFault> {
    let Some(text) = field.given() else {
        return Ok(true);
    };
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "paid" => Ok(true),
        "false" | "no" | "n" | "0" | "unpaid" => Ok(false),
        _ => Err(RowFault::cell(field.cell, format!("`{}` is neither yes nor no", brief(text)))),
    }
}

fn check_label<'r>(field: &'r Field<'r>) -> Result<Option<&'r str>, RowFault> {
    let Some(text) = field.given() else {
        return Ok(None);
    };
    if text.len() > LABEL_BYTES_MAX {
        let message = format!("has {} bytes; expected at most {LABEL_BYTES_MAX}", text.len());
        return Err(RowFault::cell(field.cell, message));
    }
    match text.chars().find(|character| character.is_control()) {
        Some(character) => {
            let message = format!("holds {character:?}; expected no control characters");
            Err(RowFault::cell(field.cell, message))
        }
        None => Ok(Some(text)),
    }
}

/// Notes may have several lines; other control characters no calendar can show. Nobody's shift is
/// missed for the sake of its notes: what cannot be kept of them is left out, and that is said.
fn free_text(field: &Field<'_>, remarks: &mut Vec<RowFault>) -> Option<String> {
    let mut text = field.given()?.replace("\r\n", "\n").replace('\r', "\n");
    let unshowable = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if let Some(character) = text.chars().find(|c| unshowable(*c)) {
        let message = format!("holds {character:?}; control characters are left out");
        remarks.push(RowFault::cell(field.cell, message));
        text.retain(|c| !unshowable(c));
    }
    if text.len() > NOTES_BYTES_MAX {
        let message = format!("has {} bytes; cut to {NOTES_BYTES_MAX}", text.len());
        remarks.push(RowFault::cell(field.cell, message));
        text.truncate(text.floor_char_boundary(NOTES_BYTES_MAX));
    }
    (!text.trim().is_empty()).then_some(text)
}
