//! Cutting text into records and fields, keeping where they stand.

use std::borrow::Cow;

use super::RowFault;

/// Bytes in one quoted field: twice the longest note, so that a quote nobody closed is noticed
/// near the place where it was opened.
const QUOTED_BYTES_MAX: usize = 2 * domain::limits::NOTES_BYTES_MAX;

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellForm {
    /// As it is.
    Plain,
    /// Between quotes.
    Quoted,
    /// Between quotes, with doubled quotes inside.
    QuotedEscaped,
}

/// Where one field stands in the text: a byte range that includes its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    form: CellForm,
}

impl Cell {
    /// What the field says, without surrounding blanks.
    pub fn value<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.form {
            CellForm::Plain => Cow::Borrowed(text[self.start..self.end].trim_ascii()),
            CellForm::Quoted => Cow::Borrowed(text[self.start + 1..self.end - 1].trim_ascii()),
            CellForm::QuotedEscaped => {
                let inner = text[self.start + 1..self.end - 1].trim_ascii();
                Cow::Owned(inner.replace("\"\"", "\""))
            }
        }
    }
}

/// One record; used again for the next one, so that reading allocates nothing per line.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The physical line on which it starts, from 1.
    pub line: u64,
    /// Its first byte.
    pub start: usize,
    /// Its fields.
    pub cells: Vec<Cell>,
}

impl Record {
    /// Whether it says nothing.
    pub fn is_blank(&self, text: &str) -> bool {
        self.cells.iter().all(|cell| cell.value(text).is_empty())
    }
}

/// Reads records one after the other.
#[derive(Debug)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    delimiter: u8,
    at: usize,
    line: u64,
}

impl<'t> Scanner<'t> {
    /// Starts at the beginning of `text`.
    pub fn new(text: &'t str, delimiter: u8) -> Self {
        Self::from(text, delimiter, 0, 1)
    }

    /// Starts in the middle, at the beginning of a record.
    pub fn from(text: &'t str, delimiter: u8, at: usize, line: u64) -> Self {
        Self { text, delimiter, at, line }
    }

    /// Where it stands: the byte, and its line.
    pub fn position(&self) -> (usize, u64) {
        (self.at, self.line)
    }

    /// Reads the next record into `record`; `None` at the end of the text.
    ///
    /// # Errors
    /// When its quotes are wrong. Reading goes on with the line after the one that was wrong.
    pub fn read(&mut self, record: &mut Record) -> Option<Result<(), RowFault>> {
        if self.at >= self.text.len() {
            return None;
        }
        record.cells.clear();
        record.start = self.at;
        record.line = self.line;
        loop {
            match self.cell() {
                Ok(cell) => record.cells.push(cell),
                Err(fault) => {
                    self.resume_after(record, &fault);
                    return Some(Err(fault));
                }
            }
            match self.byte() {
                Some(byte) if byte == self.delimiter => self.at += 1,
                Some(b'\r') => {
                    self.at += 2;
                    self.line += 1;
                    return Some(Ok(()));
                }
                Some(_) => {
                    self.at += 1;
                    self.line += 1;
                    return Some(Ok(()));
                }
                None => return Some(Ok(())),
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads one field and stops at what ends it: a delimiter, CRLF, LF or the end.
    fn cell(&mut self) -> Result<Cell, RowFault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let opening = self.skip_blanks(start);
        if bytes.get(opening) == Some(&b'"') {
            return self.quoted(opening);
        }
        let rest = &bytes[start..];
        let delimiter = self.delimiter;
        let ends = |byte: &u8| *byte == delimiter || *byte == b'\n';
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let mut end = start + length;
        if bytes.get(end) == Some(&b'\n') && end > start && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        self.at = end;
        Ok(Cell { start, end, form: CellForm::Plain })
    }

    fn quoted(&mut self, opening: usize) -> Result<Cell, RowFault> {
        let bytes = self.text.as_bytes();
        let mut form = CellForm::Quoted;
        let mut at = opening + 1;
        let mut lines = 0;
        loop {
            match bytes.get(at) {
                Some(b'"') if bytes.get(at + 1) == Some(&b'"') => {
                    form = CellForm::QuotedEscaped;
                    at += 2;
                }
                Some(b'"') => break,
                Some(byte) if at - opening <= QUOTED_BYTES_MAX => {
                    lines += u64::from(*byte == b'\n');
                    at += 1;
                }
                Some(_) | None => return Err(unclosed(opening)),
            }
        }
        let end = at + 1;
        let next = self.skip_blanks(end);
        match bytes.get(next) {
            None | Some(b'\n') => {}
            Some(b'\r') if bytes.get(next + 1) == Some(&b'\n') => {}
            Some(byte) if *byte == self.delimiter => {}
            Some(_) => return Err(after_quote(self.text, end)),
        }
        self.line += lines;
        self.at = next;
        Ok(Cell { start: opening, end, form })
    }

    fn skip_blanks(&self, from: usize) -> usize {
        let blank = |byte: &u8| *byte == b' ' || (*byte == b'\t' && self.delimiter != b'\t');
        let bytes = &self.text.as_bytes()[from..];
        from + bytes.iter().take_while(|byte| blank(byte)).count()
    }

    /// Goes on behind the line in which `fault` is.
    fn resume_after(&mut self, record: &Record, fault: &RowFault) {
        let bytes = self.text.as_bytes();
        let from = fault.at.map_or(record.start, |(start, _)| start);
        let from = from.min(bytes.len());
        let newline = bytes[from..].iter().position(|byte| *byte == b'\n');
        self.at = newline.map_or(bytes.len(), |length| from + length + 1);
        let passed = &bytes[record.start..self.at];
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = record.line + lines as u64;
    }
}

fn unclosed(opening: usize) -> RowFault {
    RowFault {
        cell: None,
        at: Some((opening, opening + 1)),
        message: "this quote is never closed".to_owned(),
        hint: Some("close it, or write a quote inside a quoted field twice".to_owned()),
    }
}

fn after_quote(text: &str, end: usize) -> RowFault {
    let length = text[end..].chars().next().map_or(0, char::len_utf8);
    RowFault {
        cell: None,
        at: Some((end, end + length)),
        message: "text follows the closing quote; expected a delimiter or the end of the line"
            .to_owned(),
        hint: Some("write a quote inside a quoted field twice".to_owned()),
    }
}
