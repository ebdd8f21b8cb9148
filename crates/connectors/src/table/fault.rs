//! Pointing at what is wrong: line, text and byte range for a caret.

use domain::limits::ROSTER_FILE_BYTES_MAX;
use engine::port::FieldFault;

use super::Record;
use crate::words::blanked;

/// Characters of a line that are shown.
const SHOWN_CHARS_MAX: usize = 400;

/// What is wrong or remarkable about one record, before it is known where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowFault {
    /// Which field of the record is meant, from 0.
    pub cell: Option<usize>,
    /// Which bytes of the text are meant, when no field is.
    pub at: Option<(usize, usize)>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl RowFault {
    /// About one field.
    pub fn cell(cell: Option<usize>, message: impl Into<String>) -> Self {
        Self { cell, at: None, message: message.into(), hint: None }
    }

    /// About the whole record.
    pub fn row(message: impl Into<String>) -> Self {
        Self::cell(None, message)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Finds the physical line and the bytes in it.
    pub fn locate(
        self,
        place: &str,
        text: &str,
        record: &Record,
        column: Option<String>,
    ) -> FieldFault {
        let cell = self.cell.and_then(|index| record.cells.get(index));
        let range = cell.map(|cell| (cell.start, cell.end)).or(self.at);
        let anchor = range.map_or(record.start, |(start, _)| start);
        let line_start = text[..anchor].rfind('\n').map_or(0, |at| at + 1);
        let lines = text[record.start..anchor].bytes().filter(|b| *b == b'\n');
        let line = record.line + lines.count() as u64;
        let shown = shown_line(&text[line_start..]);
        let field = range.and_then(|(start, end)| {
            let start = start - line_start;
            let end = (end - line_start).min(shown.len());
            (start <= shown.len() && start <= end).then_some((start, end))
        });
        FieldFault {
            place: place.to_owned(),
            line,
            text: blanked(shown),
            field,
            column,
            message: blanked(&self.message),
            hint: self.hint,
            stands_for: 1,
        }
    }
}

/// The first line of `text`, cut to what is shown of it.
fn shown_line(text: &str) -> &str {
    let line = text.split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((cut, _)) => &line[..cut],
        None => line,
    }
}

/// What is wrong with a whole file.
pub(crate) fn whole(place: &str, message: String, hint: &str) -> Box<FieldFault> {
    Box::new(FieldFault {
        place: place.to_owned(),
        line: 0,
        text: String::new(),
        field: None,
        column: None,
        message,
        hint: Some(hint.to_owned()),
        stands_for: 1,
    })
}

/// Takes the bytes of a file as UTF-8.
///
/// # Errors
/// When they are something else: names the first byte that is not, its offset and its line.
pub(crate) fn decode<'b>(place: &str, bytes: &'b [u8]) -> Result<&'b str, Box<FieldFault>> {
    if bytes.len() as u64 > ROSTER_FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes; expected at most {ROSTER_FILE_BYTES_MAX}", bytes.len());
        return Err(whole(place, message, "split it into several files"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message =
            "the file starts with the byte order mark of UTF-16 at byte 0; expected UTF-8";
        return Err(whole(place, message.to_owned(), "export it as `CSV UTF-8`"));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line_start = bytes[..at].iter().rposition(|byte| *byte == b'\n');
        let line_start = line_start.map_or(0, |newline| newline + 1);
        let lines = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let good = std::str::from_utf8(&bytes[line_start..at]).unwrap_or_default();
        let tail = bytes[at..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = format!("{good}{}", String::from_utf8_lossy(tail));
        let shown = shown_line(&line).to_owned();
        let field =
            (good.len() < shown.len()).then(|| (good.len(), good.len() + '\u{fffd}'.len_utf8()));
        Box::new(FieldFault {
            line: lines as u64 + 1,
            text: shown,
            field,
            ..*whole(
                place,
                format!("byte 0x{:02X} at offset {at} is not UTF-8", bytes[at]),
                "export the file as UTF-8",
            )
        })
    })
}
