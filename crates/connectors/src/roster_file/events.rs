//! iCalendar files: one event, one row, as the text that a CSV of them would be.
//!
//! The columns are always the same: `file` (the file's name without `.ics`, for exports with one
//! file per person), `uid`, `summary`, `start`, `end` (instants), `date`, `end_date` (of whole
//! days, the last one included), `description`, `location` and `category`. An event of whole
//! days says `Full Day` in `start`. A line of the text is an event of the file, in order, below
//! the header.

use std::path::Path;

use domain::limits::ROSTER_FILE_BYTES_MAX;
use domain::{CalendarEvent, EventSpan};
use engine::port::{FieldFault, SourceError};

use super::BAD_ROWS;
use crate::words::plain;

/// The columns.
pub(super) const COLUMNS: [&str; 10] = [
    "file",
    "uid",
    "summary",
    "start",
    "end",
    "date",
    "end_date",
    "description",
    "location",
    "category",
];

const REPEATS: &str = "repeats by a rule; expected single events";

/// The events of a file, fields separated by `delimiter`. An event that cannot be read, or repeats
/// by a rule, is an empty row and a fault: this reader does not work out its occurrences.
///
/// # Errors
/// When it is no iCalendar.
pub(super) fn text_of(
    place: &str,
    bytes: &[u8],
    delimiter: u8,
    bytes_max: u64,
) -> Result<(String, Vec<FieldFault>), SourceError> {
    let unreadable = |detail: String| SourceError::Unreadable { place: place.to_owned(), detail };
    let events = ical::read_object(bytes).map_err(|error| unreadable(error.to_string()))?;
    let file = Path::new(place).file_stem().unwrap_or_default().to_string_lossy();
    let delimiter = char::from(delimiter);
    let mut text = COLUMNS.join(&delimiter.to_string());
    text.push('\n');
    let mut faults = Vec::new();
    for (number, found) in (2..).zip(events) {
        let uid = found.uid.unwrap_or_default();
        if found.cancelled {
            // The number of the line stays that of the event.
            text.push('\n');
            continue;
        }
        let event = match found.event {
            Ok(_) if found.recurring => Err(REPEATS.to_owned()),
            Ok(event) => Ok(event),
            Err(error) => Err(error.to_string()),
        };
        match event {
            Ok(event) => {
                row(&mut text, delimiter, &file, &uid, &event);
                if text.len() as u64 > bytes_max {
                    let detail = format!(
                        "as text it and the files before it have more than \
                         {ROSTER_FILE_BYTES_MAX} bytes; expected at most that many"
                    );
                    return Err(SourceError::Unreadable { place: place.to_owned(), detail });
                }
            }
            Err(message) => {
                text.push('\n');
                faults.push(fault(place, number - 1, message));
            }
        }
    }
    Ok((text, faults))
}

/// That nothing is taken, because events cannot be read.
pub(super) fn refused(mut faults: Vec<FieldFault>) -> SourceError {
    let more = faults.len().saturating_sub(domain::limits::BAD_ROWS_REPORTED_MAX);
    faults.truncate(domain::limits::BAD_ROWS_REPORTED_MAX);
    SourceError::BadRows { faults, more, hint: BAD_ROWS }
}

fn fault(place: &str, event: u64, message: String) -> FieldFault {
    FieldFault {
        place: format!("{place}, event {event}"),
        line: 0,
        text: String::new(),
        field: None,
        column: None,
        hint: (message == REPEATS).then(|| "export the events one by one, without RRULE".into()),
        message: plain(&message),
        stands_for: 1,
    }
}

fn row(text: &mut String, delimiter: char, file: &str, uid: &str, event: &CalendarEvent) {
    let (start, end, date, end_date) = match &event.span {
        EventSpan::Timed(interval) => {
            (interval.start().to_string(), interval.end().to_string(), String::new(), String::new())
        }
        EventSpan::AllDay { first, end, .. } => {
            let last = end.yesterday().unwrap_or(*first);
            ("Full Day".to_owned(), String::new(), first.to_string(), last.to_string())
        }
    };
    let none = String::new();
    let fields: [&str; 10] = [
        file,
        uid,
        &event.summary,
        &start,
        &end,
        &date,
        &end_date,
        event.description.as_ref().unwrap_or(&none),
        event.location.as_ref().unwrap_or(&none),
        event.categories.first().unwrap_or(&none),
    ];
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push(delimiter);
        }
        let plain = field.replace(['\r', '\n'], " ");
        match plain.contains([delimiter, '"']) {
            true => text.push_str(&format!("\"{}\"", plain.replace('"', "\"\""))),
            false => text.push_str(&plain),
        }
    }
    text.push('\n');
}
