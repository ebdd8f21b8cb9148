//! Excel files: the rows of one sheet, as the text that a CSV of it would be.
//!
//! Dates and times become ISO 8601, whatever the cells look like on a screen: Excel keeps days
//! since 1899-12-30 and a number format. One row of the sheet is one line of the text, so a message
//! that names a line names the row. Everything is bounded before it is read: an archive of some
//! kilobytes can claim terabytes, and a sheet of two cells can be 16,384 columns wide.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{Cursor, Read as _};

use calamine::{DataRef, Dimensions, ExcelDateTime, Reader as _, Xlsx};
use domain::limits::{
    ROSTER_FILE_BYTES_MAX, SHEET_COLUMNS_MAX, SHEET_ROWS_MAX, SHEET_STRINGS_BYTES_MAX,
    SHEET_UNPACKED_BYTES_MAX,
};
use engine::port::SourceError;
use jiff::civil::{Date, Time};

/// The rows of a sheet, the first one when none is named; fields separated by `delimiter`. At most
/// `bytes_max` bytes: a text that is kept once can stand in a million cells.
///
/// # Errors
/// When it is no Excel file, has no such sheet, or is larger than the limits.
pub(super) fn text_of(
    place: &str,
    bytes: &[u8],
    (sheet, delimiter): (Option<&str>, u8),
    bytes_max: u64,
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
    let merged = book.merge_cells_by_sheet_name(&name).map_err(broken)?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(broken)?;
    let mut rows = Rows::new(Lines::new(delimiter, bytes_max), &merged);
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        if matches!(cell.get_value(), DataRef::Empty) {
            continue;
        }
        rows.put(row, column, shown(cell.get_value())).map_err(fail)?;
    }
    rows.finish().map_err(fail)
}

/// Unpacks every part once, without keeping it, to see that all of it is not too large: what the
/// archive says of itself need not be true.
pub(super) fn bounded(bytes: &[u8], bytes_max: u64) -> Result<(), String> {
    let no_archive =
        |error: zip::result::ZipError| format!("it is cut off, or no .xlsx file: {error}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(no_archive)?;
    let mut left = bytes_max;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(no_archive)?;
        let has_strings =
            part.name().map_err(no_archive)?.to_ascii_lowercase().ends_with("sharedstrings.xml");
        let mut part = part.take(left + 1);
        let broken = |error: std::io::Error| format!("it is no Excel file: {error}");
        let unpacked = match has_strings {
            true => check_strings(&mut part).map_err(broken)??,
            false => std::io::copy(&mut part, &mut std::io::sink()).map_err(broken)?,
        };
        left = left.checked_sub(unpacked).ok_or_else(|| {
            format!("unpacked it has more than {bytes_max} bytes; expected at most that many")
        })?;
    }
    Ok(())
}

/// Bytes of a short shared string: `<si><t/></si>`.
const STRING_BYTES_MIN: u64 = 13;
/// The attribute that says how many there are, and bytes within which its number ends.
const COUNT: &[u8] = b"uniqueCount";
const COUNT_BYTES_MAX: usize = 64;

/// Looks whether there can be as many shared strings as are announced: room for all of them is made
/// on that word alone. The bytes that they have, or what is wrong.
fn check_strings(part: &mut impl std::io::Read) -> std::io::Result<Result<u64, String>> {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    let (mut unpacked, mut announced) = (0, 0);
    loop {
        let count = part.read(&mut chunk)?;
        unpacked += count as u64;
        if unpacked > SHEET_STRINGS_BYTES_MAX {
            return Ok(Err(format!(
                "its shared texts have more than {SHEET_STRINGS_BYTES_MAX} bytes; expected at most \
                 that many"
            )));
        }
        kept.extend_from_slice(&chunk[..count]);
        // Wherever it stands: what is before the element may be of any length.
        for (at, _) in kept.windows(COUNT.len()).enumerate().filter(|(_, it)| *it == COUNT) {
            announced = announced.max(number_after(&kept[at + COUNT.len()..]));
        }
        if count == 0 {
            break;
        }
        kept.drain(..kept.len().saturating_sub(COUNT_BYTES_MAX + COUNT.len()));
    }
    let most = unpacked / STRING_BYTES_MIN + 1;
    Ok(match announced > most {
        true => Err(format!(
            "it announces {announced} shared texts and has room for {most}; expected a file as \
             Excel writes it"
        )),
        false => Ok(unpacked),
    })
}

/// The number that an attribute has; 0 when it is none.
fn number_after(text: &[u8]) -> u64 {
    let blank = |it: &&u8| it.is_ascii_whitespace() || matches!(it, b'=' | b'"' | b'\'' | b'+');
    let rest = text.iter().take(COUNT_BYTES_MAX).skip_while(blank);
    let digits = rest.take_while(|it| it.is_ascii_digit());
    digits.fold(0, |sum: u64, it| sum.saturating_mul(10).saturating_add(u64::from(it - b'0')))
}

/// Rows, in which cells that are merged over several rows stand once, in the first.
///
/// Each row that has a cell of its own gets their value: whoever merges a name over a week means
/// all its days. Merged over several columns it stays in the first one.
struct Rows {
    lines: Lines,
    /// The last rows of merged cells, by the row and the column that they begin at.
    merged: HashMap<(u32, u32), u32>,
    /// What stands in merged cells, and up to which row, by column.
    standing: BTreeMap<u32, (u32, String)>,
    row: u32,
    cells: BTreeMap<u32, String>,
}

impl Rows {
    fn new(lines: Lines, merged: &[Dimensions]) -> Self {
        let high = merged.iter().filter(|it| it.end.0 > it.start.0);
        let merged = high.map(|it| (it.start, it.end.0)).collect();
        Self { lines, merged, standing: BTreeMap::new(), row: 0, cells: BTreeMap::new() }
    }

    fn put(&mut self, row: u32, column: u32, value: String) -> Result<(), String> {
        if row != self.row {
            self.end_row()?;
            self.row = row;
        }
        match self.cells.last_key_value() {
            Some((last, _)) if *last >= column => Err(format!(
                "row {}: column {} stands after column {}",
                row + 1,
                column + 1,
                last + 1
            )),
            _ => {
                self.cells.insert(column, value);
                Ok(())
            }
        }
    }

    fn end_row(&mut self) -> Result<(), String> {
        let Self { lines, merged, standing, row, cells } = self;
        standing.retain(|_, (last, _)| *last >= *row);
        let mut cells = std::mem::take(cells);
        for (column, value) in &cells {
            if let Some(last) = merged.get(&(*row, *column)) {
                standing.insert(*column, (*last, value.clone()));
            }
        }
        if !cells.is_empty() {
            for (column, (_, value)) in standing {
                cells.entry(*column).or_insert_with(|| value.clone());
            }
        }
        cells.iter().try_for_each(|(column, value)| lines.put(*row, *column, value))
    }

    fn finish(mut self) -> Result<String, String> {
        self.end_row()?;
        self.lines.finish()
    }
}

/// Rows on their way to text. Cells come in the order of rows and columns.
struct Lines {
    text: String,
    delimiter: u8,
    row: u32,
    column: u32,
    bytes_max: u64,
}

impl Lines {
    fn new(delimiter: u8, bytes_max: u64) -> Self {
        Self { text: String::new(), delimiter, row: 0, column: 0, bytes_max }
    }

    fn is_room_for(&self, more: usize) -> Result<(), String> {
        let bytes = self.text.len() as u64 + more as u64;
        match bytes <= self.bytes_max {
            true => Ok(()),
            false => Err(format!(
                "as text it and the files before it have more than {ROSTER_FILE_BYTES_MAX} bytes; \
                 expected at most that many"
            )),
        }
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
        // Quotes double, at most.
        self.is_room_for(value.len().saturating_mul(2) + (row - self.row) as usize)?;
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
    fn finish(self) -> Result<String, String> {
        let lines = self.text.split('\n').filter(|it| !it.is_empty());
        let (delimiter, mut longest, mut present, mut rows) = (self.delimiter, 0, 0, 0);
        for line in lines {
            let fields = fields(line, char::from(delimiter));
            (longest, present, rows) = (longest.max(fields), present + fields, rows + 1);
        }
        self.is_room_for(longest * rows - present + 1)?;
        let Self { text, .. } = self;
        let delimiter = char::from(delimiter);
        let mut whole = String::with_capacity(text.len() + text.len() / 8);
        for line in text.split('\n') {
            whole.push_str(line);
            if !line.is_empty() {
                whole.extend(std::iter::repeat_n(delimiter, longest - fields(line, delimiter)));
            }
            whole.push('\n');
        }
        Ok(whole)
    }
}

/// How many delimiters stand between the fields of a line.
fn fields(line: &str, delimiter: char) -> usize {
    let mut inside = false;
    line.chars()
        .filter(|it| {
            inside ^= *it == '"';
            *it == delimiter && !inside
        })
        .count()
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
