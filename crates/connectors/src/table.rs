//! Delimited text, read strictly, with the place of every field.
//!
//! Whoever drops a CSV file into a folder wants to know which line is wrong, and where in it. The
//! `csv` crate takes any quoting (an unclosed quote silently swallows the rest of the file) and
//! does not say where in its line a field stands; so this reader is our own. A test holds it
//! against that crate: both say the same about well-formed text.
//!
//! What is accepted: UTF-8 with or without a byte order mark; lines ending in LF or CRLF; `,`, `;`
//! or tab between fields; quotes as in RFC 4180, with line ends inside. Empty lines, and lines of
//! nothing but delimiters, are no records. Values are given without surrounding blanks.

mod fault;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use engine::port::FieldFault;

pub(crate) use fault::{RowFault, decode, whole};
pub(crate) use scan::{Cell, Record, Scanner};

/// Delimiters that are tried when the operator names none, most usual first.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Lines among which the header is looked for: reports begin with a title and some dates.
const HEADER_LINES_MAX: usize = 30;

/// Similarity (Jaro-Winkler) from which a name is worth suggesting.
const SIMILAR_MIN: f64 = 0.75;

/// One file's text with its header.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    /// The file, as the operator wrote it.
    pub place: &'t str,
    text: &'t str,
    delimiter: u8,
    header: Record,
    names: Vec<Cow<'t, str>>,
    body_at: usize,
    body_line: u64,
}

impl<'t> Table<'t> {
    /// Reads the header of `text`; `None` when there is no line in it at all.
    ///
    /// `wanted` are the column names that the reader looks for: without `delimiter`, the one that
    /// finds most of them is taken.
    ///
    /// # Errors
    /// When the header's quotes are wrong.
    pub fn open(
        place: &'t str,
        text: &'t str,
        delimiter: Option<u8>,
        wanted: &[&str],
    ) -> Result<Option<Self>, Box<FieldFault>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let candidates: &[u8] = match &delimiter {
            Some(given) => std::slice::from_ref(given),
            None => &DELIMITERS,
        };
        let mut best: Option<(usize, usize, Self)> = None;
        let mut flaw = None;
        for &candidate in candidates {
            match Self::open_with(place, text, candidate, wanted) {
                Ok(None) => return Ok(None),
                Ok(Some(table)) => {
                    let found = |name: &&&str| table.names.iter().any(|it| it == **name);
                    let hits = wanted.iter().filter(found).count();
                    let fields = table.names.len();
                    if best.as_ref().is_none_or(|(h, f, _)| (hits, fields) > (*h, *f)) {
                        best = Some((hits, fields, table));
                    }
                }
                Err(fault) => flaw = flaw.or(Some(fault)),
            }
        }
        match (best, flaw) {
            (Some((_, _, table)), _) => Ok(Some(table)),
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        }
    }

    /// Reads the header: the first line that is not empty, unless one of the next lines has most
    /// of the names that are wanted, as below the title of a report.
    fn open_with(
        place: &'t str,
        text: &'t str,
        delimiter: u8,
        wanted: &[&str],
    ) -> Result<Option<Self>, Box<FieldFault>> {
        let mut scanner = Scanner::new(text, delimiter);
        let mut record = Record::default();
        let mut first: Option<Self> = None;
        let mut lines = 0;
        while let Some(read) = scanner.read(&mut record) {
            if let Err(flaw) = read {
                match first {
                    Some(_) => break,
                    None => return Err(Box::new(flaw.locate(place, text, &record, None))),
                }
            }
            if record.is_blank(text) {
                continue;
            }
            let names: Vec<_> = record.cells.iter().map(|cell| cell.value(text)).collect();
            let hits = wanted.iter().filter(|name| names.iter().any(|it| it == *name)).count();
            let has_most = hits * 2 > wanted.len();
            if first.is_none() || has_most {
                let (body_at, body_line) = scanner.position();
                let header = std::mem::take(&mut record);
                first = Some(Self { place, text, delimiter, header, names, body_at, body_line });
            }
            lines += 1;
            if has_most || wanted.is_empty() || lines == HEADER_LINES_MAX {
                break;
            }
        }
        Ok(first)
    }

    /// The column names, as they stand in the header.
    pub fn names(&self) -> &[Cow<'t, str>] {
        &self.names
    }

    /// A scanner over the records below the header.
    pub fn scanner(&self) -> Scanner<'t> {
        Scanner::from(self.text, self.delimiter, self.body_at, self.body_line)
    }

    /// A scanner that starts at a record seen before.
    pub fn scanner_at(&self, start: usize, line: u64) -> Scanner<'t> {
        Scanner::from(self.text, self.delimiter, start, line)
    }

    /// Whether a record says nothing: an empty line, or nothing but delimiters.
    pub fn is_blank(&self, record: &Record) -> bool {
        record.is_blank(self.text)
    }

    /// The value of one field, without surrounding blanks.
    pub fn value(&self, cell: &Cell) -> Cow<'t, str> {
        cell.value(self.text)
    }

    /// Points at the field of `record` that `fault` is about.
    pub fn locate(&self, fault: RowFault, record: &Record) -> FieldFault {
        let column = fault.cell.and_then(|cell| self.names.get(cell));
        let column = column.map(|name| name.clone().into_owned());
        fault.locate(self.place, self.text, record, column)
    }

    /// Points at the header, about a column that should be there.
    pub fn locate_header(&self, column: &str, message: String, hint: String) -> FieldFault {
        RowFault { cell: None, at: None, message, hint: Some(hint) }.locate(
            self.place,
            self.text,
            &self.header,
            Some(column.to_owned()),
        )
    }

    /// Finds a column by its name.
    ///
    /// # Errors
    /// When it is not there, naming the nearest one that is, or is there twice. `role` says what
    /// it is wanted for.
    pub fn column(&self, name: &str, role: &str) -> Result<usize, Box<FieldFault>> {
        let mut found = (0..self.names.len()).filter(|index| self.names[*index] == name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Box::new(self.locate_header(
                name,
                format!("column `{name}` stands in the header more than once"),
                "rename one of them, so that it is clear which is meant".to_owned(),
            ))),
            (Some(index), None) => Ok(index),
            (None, _) => {
                let names: Vec<&str> = self.names.iter().map(AsRef::as_ref).collect();
                Err(Box::new(self.locate_header(
                    name,
                    format!("column `{name}`{role} is not in the header of this file"),
                    suggest(name, &names, "the header has"),
                )))
            }
        }
    }
}

/// A hint that names the nearest of `known`, and all of them.
pub(crate) fn suggest(name: &str, known: &[&str], lead: &str) -> String {
    let score = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
    let near = known
        .iter()
        .map(|known| (score(known), *known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score >= SIMILAR_MIN);
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let list = list.join(", ");
    match near {
        Some((_, near)) => format!("did you mean `{near}`? {lead} {list}"),
        None => format!("{lead} {list}"),
    }
}
