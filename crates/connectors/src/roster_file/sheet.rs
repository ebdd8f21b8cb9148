//! Excel files: the rows of one sheet, as the text that a CSV of it would be.
//!
//! Dates and times become ISO 8601, whatever the cells look like on a screen: Excel keeps days
//! since 1899-12-30 and a number format. One row of the sheet is one line of the text, so a message
//! that names a line names the row. Everything is bounded before it is read: an archive of some
//! kilobytes can claim terabytes, and a sheet of two cells can be 16,384 columns wide.

use std::fmt::Write as _;
use std::io::{Cursor, Read as _};

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx};
use domain::limits::{SHEET_COLUMNS_MAX, SHEET_ROWS_MAX, SHEET_UNPACKED_BYTES_MAX};
use engine::port::SourceError;
use jiff::civil::{Date, Time};

/// The rows of a sheet, the first one when none is named; fields separated by `delimiter`.
///
/// # Errors
/// When it is no Excel file, has no such sheet, or is larger than the limits.
pub(super) fn text_of(
    place: &str,
    bytes: &[u8],
    sheet: Option<&str>,
    delimiter: u8,
) -> Result<String, SourceError> {
    let fail = |detail: String| SourceError::Unreadable { place: place.to_owned(), detail };
    bounded(bytes, SHEET_UNPACKED_BYTES_MAX).map_err(fail)?;
    let broken = |error: calamine::XlsxError| fail(format!("it is no Excel file: {error}"));
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let names = book.sheet_names();
    let name = match sheet {
        None => names.first().cloned().ok_or_else(|| fail("it has no sheet".to_owned()))?,
        Some(wanted) => names.iter().find(|it| *it == wanted).cloned().ok_or_else(|| {
            let known: Vec<String> = names.iter().map(|it| format!("`{it}`")).collect();
            fail(format!("it has no sheet `{wanted}`; it has {}", known.join(", ")))
        })?,
    };
    let mut cells = book.worksheet_cells_reader(&name).map_err(broken)?;
    let mut lines = Lines::new(delimiter);
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        if matches!(cell.get_value(), DataRef::Empty) {
            continue;
        }
        lines.put(row, column, &shown(cell.get_value())).map_err(fail)?;
    }
    Ok(lines.finish())
}

/// Unpacks every part once, without keeping it, to see that all of it is not too large: what the
/// archive says of itself need not be true.
pub(super) fn bounded(bytes: &[u8], bytes_max: u64) -> Result<(), String> {
    let no_archive = |error: zip::result::ZipError| format!("it is no Excel file: {error}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(no_archive)?;
    let mut left = bytes_max;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(no_archive)?;
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink());
        let unpacked = unpacked.map_err(|error| format!("it is no Excel file: {error}"))?;
        left = left.checked_sub(unpacked).ok_or_else(|| {
            format!("unpacked it has more than {bytes_max} bytes; expected at most that many")
        })?;
    }
    Ok(())
}

/// Rows on their way to text. Cells come in the order of rows and columns.
struct Lines {
    text: String,
    delimiter: u8,
    row: u32,
    column: u32,
}

impl Lines {
    fn new(delimiter: u8) -> Self {
        Self { text: String::new(), delimiter, row: 0, column: 0 }
    }

    fn put(&mut self, row: u32, column: u32, value: &str) -> Result<(), String> {
        if row >= SHEET_ROWS_MAX {
            return Err(format!("row {}; expected at most {SHEET_ROWS_MAX} rows", row + 1));
        }
        if column >= SHEET_COLUMNS_MAX {
            return Err(format!(
                "row {} reaches column {}; expected at most {SHEET_COLUMNS_MAX} columns",
                row + 1,
                column + 1
            ));
        }
        if (row, column) < (self.row, self.column) {
            return Err(format!("row {} stands after row {}", row + 1, self.row + 1));
        }
        while self.row < row {
            self.text.push('\n');
            self.row += 1;
            self.column = 0;
        }
        while self.column < column {
            self.text.push(char::from(self.delimiter));
            self.column += 1;
        }
        self.quoted(value);
        Ok(())
    }

    fn quoted(&mut self, value: &str) {
        let delimiter = char::from(self.delimiter);
        // A line more in the text would be a row more.
        let plain = value.replace(['\r', '\n'], " ");
        match plain.contains([delimiter, '"']) {
            true => {
                self.text.push('"');
                self.text.push_str(&plain.replace('"', "\"\""));
                self.text.push('"');
            }
            false => self.text.push_str(&plain),
        }
    }

    /// Every line gets as many fields as the longest: sheets leave out empty cells.
    fn finish(self) -> String {
        let Self { text, delimiter, .. } = self;
        let delimiter = char::from(delimiter);
        let fields = |line: &str| {
            let mut inside = false;
            line.chars()
                .filter(|it| {
                    inside ^= *it == '"';
                    *it == delimiter && !inside
                })
                .count()
        };
        let longest = text.lines().map(fields).max().unwrap_or(0);
        let mut whole = String::with_capacity(text.len() + text.len() / 8);
        for line in text.split('\n') {
            whole.push_str(line);
            if !line.is_empty() {
                whole.extend(std::iter::repeat_n(delimiter, longest - fields(line)));
            }
            whole.push('\n');
        }
        whole
    }
}

/// A cell as text.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(at) => moment(at),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}

/// A day, a time, or both: whole numbers are days, fractions of one day are times.
fn moment(at: &ExcelDateTime) -> String {
    let value = at.as_f64();
    if at.is_duration() {
        let minutes = (value * 24.0 * 60.0).round() as i64;
        return format!("{}:{:02}", minutes / 60, minutes % 60);
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let date = i16::try_from(year)
        .ok()
        .and_then(|year| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok());
    // Fractions of a day are not exact: what is a hair before the second is the second.
    let time = Time::new(hour as i8, minute as i8, second as i8, 0).ok();
    let (Some(mut date), Some(time)) = (date, time) else { return value.to_string() };
    let mut seconds = i64::from(time.hour()) * 3600
        + i64::from(time.minute()) * 60
        + i64::from(time.second())
        + i64::from(milli >= 500);
    if seconds == 86_400 {
        seconds = 0;
        date = date.tomorrow().unwrap_or(date);
    }
    let mut text = String::new();
    if value >= 1.0 {
        let _ = write!(text, "{date}");
    }
    if value.fract() != 0.0 || value < 1.0 {
        let separator = if text.is_empty() { "" } else { "T" };
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let _ = write!(text, "{separator}{hour:02}:{minute:02}:{second:02}");
    }
    text
}
