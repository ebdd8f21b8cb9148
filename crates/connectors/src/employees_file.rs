//! The employees file of a roster: who is who in calendars and directories.
//!
//! CSV with a header; columns in any order, only `employee` is needed:
//! `employee, name, email, m365_id, google_id, group, time_zone, qualifications, availability`.
//! `employee` is the id in the system of record, or an employee number or an e-mail address that
//! it knows. Another column is an error that names the nearest known one: a misspelt `emial` would
//! leave everybody without a calendar. Qualifications are separated by `;`; availability is as in
//! [`domain::Availability`]: `Europe/Berlin; mon 08:00-16:00; sun none`.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::availability::AvailabilityError;
use domain::limits::{BAD_ROWS_REPORTED_MAX, LABEL_BYTES_MAX};
use domain::{Employee, EmployeeId, ScheduleGroupId};
use engine::port::{FieldFault, SourceError};
use jiff::tz::TimeZone;

use crate::table::{Record, RowFault, Table, decode, suggest};

const COLUMNS: [&str; 9] = [
    "employee",
    "name",
    "email",
    "m365_id",
    "google_id",
    "group",
    "time_zone",
    "qualifications",
    "availability",
];

/// What to do about a bad row.
const HINT: &str = "mend the row; nothing is taken from an employees file with a bad one";

/// Reads the employees in `bytes`, in the order of their rows; `place` is the file's path as the
/// operator wrote it.
///
/// # Errors
/// When it is not UTF-8, a column is unknown, or a row is bad: without an employee, an employee a
/// second time, an unknown time zone, an address without `@`. Then nothing is taken.
pub fn read(place: &str, bytes: impl AsRef<[u8]>) -> Result<Vec<Employee>, SourceError> {
    let refuse =
        |fault: Box<FieldFault>| SourceError::BadRows { faults: vec![*fault], more: 0, hint: HINT };
    let text = decode(place, bytes.as_ref()).map_err(refuse)?;
    let Some(table) = Table::open(place, text, None, &COLUMNS).map_err(refuse)? else {
        return Ok(Vec::new());
    };
    let layout = Layout::find(&table)?;
    let mut employees = Vec::new();
    let mut seen: HashMap<EmployeeId, u64> = HashMap::new();
    let (mut faults, mut more) = (Vec::new(), 0);
    let mut scanner = table.scanner();
    let mut record = Record::default();
    while let Some(read) = scanner.read(&mut record) {
        if read.is_ok() && table.is_blank(&record) {
            continue;
        }
        match read.and_then(|()| layout.employee(&table, &record, &mut seen)) {
            Ok(employee) => employees.push(employee),
            Err(fault) if faults.len() < BAD_ROWS_REPORTED_MAX => {
                faults.push(table.locate(fault, &record));
            }
            Err(_) => more += 1,
        }
    }
    if faults.is_empty() {
        Ok(employees)
    } else {
        Err(SourceError::BadRows { faults, more, hint: HINT })
    }
}

/// Which field says what, in the order of [`COLUMNS`].
struct Layout([Option<usize>; 9]);

impl Layout {
    fn find(table: &Table<'_>) -> Result<Self, SourceError> {
        let mut faults: Vec<FieldFault> = table
            .names()
            .iter()
            .filter(|name| !COLUMNS.contains(&name.as_ref()))
            .map(|name| {
                let message = format!("column `{name}` is not one of an employees file");
                let hint = suggest(name, &COLUMNS, "the columns are");
                table.locate_header(name, message, hint)
            })
            .collect();
        let mut cells = [None; 9];
        for (cell, name) in cells.iter_mut().zip(COLUMNS) {
            let needed = name == "employee";
            if needed || table.names().iter().any(|it| it == name) {
                match table.column(name, ", which names the employee,") {
                    Ok(index) => *cell = Some(index),
                    Err(fault) => faults.push(*fault),
                }
            }
        }
        if faults.is_empty() {
            Ok(Self(cells))
        } else {
            Err(SourceError::BadRows { faults, more: 0, hint: HINT })
        }
    }

    fn employee(
        &self,
        table: &Table<'_>,
        record: &Record,
        seen: &mut HashMap<EmployeeId, u64>,
    ) -> Result<Employee, RowFault> {
        let (found, expected) = (record.cells.len(), table.names().len());
        if found != expected {
            let message = format!("the row has {found} fields; expected {expected}, as the header");
            return Err(RowFault::row(message)
                .hint("a field that holds the delimiter must stand in quotes"));
        }
        let value = |cell: Option<usize>| match cell {
            Some(cell) => table.value(&record.cells[cell]),
            None => Cow::Borrowed(""),
        };
        let Self(columns) = *self;
        let [employee, name, email, m365_id, google_id, group, time_zone, able, free] = columns;
        let id = EmployeeId::new(value(employee))
            .map_err(|error| RowFault::cell(employee, error.to_string()))?;
        if let Some(line) = seen.insert(id.clone(), record.line) {
            let message = format!("employee `{id}` stands already in line {line}");
            return Err(RowFault::cell(employee, message));
        }
        let text = |cell: Option<usize>| label(value(cell), cell);
        Ok(Employee {
            id,
            name: text(name)?,
            email: text(email)?.map_or(Ok(None), |it| address(it, email).map(Some))?,
            m365_id: text(m365_id)?,
            google_id: text(google_id)?,
            group: text(group)?
                .map(ScheduleGroupId::new)
                .transpose()
                .map_err(|error| RowFault::cell(group, error.to_string()))?,
            qualifications: text(able)?.map(|it| words(&it)).unwrap_or_default(),
            availability: text(free)?
                .map(|it| it.parse())
                .transpose()
                .map_err(|error: AvailabilityError| RowFault::cell(free, error.to_string()))?,
            time_zone: text(time_zone)?.map_or(Ok(None), |it| zone(it, time_zone).map(Some))?,
            number: None,
        })
    }
}

/// Words between semicolons, sorted, without repetition.
fn words(text: &str) -> Vec<String> {
    let words = text.split(';').map(str::trim).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn label(value: Cow<'_, str>, cell: Option<usize>) -> Result<Option<String>, RowFault> {
    if value.is_empty() {
        return Ok(None);
    }
    if value.len() > LABEL_BYTES_MAX {
        let message = format!("has {} bytes; expected at most {LABEL_BYTES_MAX}", value.len());
        return Err(RowFault::cell(cell, message));
    }
    match value.chars().find(|character| character.is_control()) {
        Some(character) => {
            let message = format!("holds {character:?}; expected no control characters");
            Err(RowFault::cell(cell, message))
        }
        None => Ok(Some(value.into_owned())),
    }
}

fn address(value: String, cell: Option<usize>) -> Result<String, RowFault> {
    match value.split_once('@') {
        Some((local, host)) if !local.is_empty() && !host.is_empty() => Ok(value),
        Some(_) | None => {
            Err(RowFault::cell(cell, "is no e-mail address; expected one like `name@example.com`"))
        }
    }
}

fn zone(value: String, cell: Option<usize>) -> Result<String, RowFault> {
    match TimeZone::get(&value) {
        Ok(_) => Ok(value),
        Err(_) => Err(RowFault::cell(cell, format!("`{value}` is no IANA time zone"))
            .hint("write one like `Europe/Berlin`")),
    }
}
