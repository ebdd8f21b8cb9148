//! One record as the file spells it: text, under the names that the operator mapped.

use std::borrow::Cow;

use domain::{Fingerprint, Fingerprinter};
use engine::port::FieldFault;

use super::config::ColumnMapping;
use crate::table::{Record, Table};

/// Which field of a record says what, in one file.
#[derive(Debug)]
pub(super) struct Layout {
    employee: usize,
    start: Option<usize>,
    end: Option<usize>,
    length: Option<usize>,
    date: Option<usize>,
    end_date: Option<usize>,
    activity: Option<usize>,
    group: Option<usize>,
    id: Option<usize>,
    kind: Option<usize>,
    notes: Option<usize>,
    reason: Option<usize>,
    open_slots: Option<usize>,
    shift: Option<usize>,
    paid: Option<usize>,
    time_zone: Option<usize>,
    name: Option<usize>,
    email: Option<usize>,
    /// Fields that nothing is mapped to, in the order of their columns' names.
    unmapped: Vec<usize>,
    /// All fields, in the order of their columns' names.
    all: Vec<usize>,
}

/// One field: what it says, and which one it is.
#[derive(Debug, Clone)]
pub(super) struct Field<'t> {
    /// Its value without surrounding blanks; empty also when nothing is mapped.
    pub value: Cow<'t, str>,
    /// Its place in the record; `None` when nothing is mapped.
    pub cell: Option<usize>,
}

impl<'t> Field<'t> {
    /// Its value, unless that is empty.
    pub fn given(&self) -> Option<&str> {
        (!self.value.is_empty()).then_some(self.value.as_ref())
    }
}

/// One record.
#[derive(Debug)]
pub(super) struct RawRow<'t> {
    pub employee: Field<'t>,
    pub start: Field<'t>,
    pub end: Field<'t>,
    pub date: Field<'t>,
    pub end_date: Field<'t>,
    pub length: Field<'t>,
    pub activity: Field<'t>,
    pub group: Field<'t>,
    pub id: Field<'t>,
    pub kind: Field<'t>,
    pub notes: Field<'t>,
    pub reason: Field<'t>,
    pub open_slots: Field<'t>,
    pub shift: Field<'t>,
    pub paid: Field<'t>,
    pub time_zone: Field<'t>,
    pub name: Field<'t>,
    pub email: Field<'t>,
}

impl Layout {
    /// Finds the mapped columns in a file's header.
    ///
    /// # Errors
    /// One fault for every column that is not there.
    pub fn find(table: &Table<'_>, columns: &ColumnMapping) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let mut mapped = Vec::new();
        for (key, name) in columns.mapped() {
            match table.column(name, &format!(", which is mapped to `{key}`,")) {
                Ok(index) => mapped.push((key, index)),
                Err(fault) => faults.push(*fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let of = |key: &str| mapped.iter().find(|it| it.0 == key).map(|it| it.1);
        let mut all: Vec<usize> = (0..table.names().len()).collect();
        all.sort_by_key(|index| &table.names()[*index]);
        let free = |index: &usize| mapped.iter().all(|it| it.1 != *index);
        Ok(Self {
            employee: of("employee").unwrap_or_default(),
            start: of("start"),
            end: of("end"),
            length: of("length"),
            date: of("date"),
            end_date: of("end_date"),
            activity: of("activity"),
            group: of("group"),
            id: of("id"),
            kind: of("type"),
            notes: of("notes"),
            reason: of("reason"),
            open_slots: of("open_slots"),
            shift: of("shift"),
            paid: of("paid"),
            time_zone: of("time_zone"),
            name: of("name"),
            email: of("email"),
            unmapped: all.iter().copied().filter(free).collect(),
            all,
        })
    }

    /// The names of the columns that nothing is mapped to.
    pub fn unmapped<'a>(&self, table: &'a Table<'_>) -> Vec<&'a str> {
        let name = |index: &usize| table.names()[*index].as_ref();
        self.unmapped.iter().map(name).collect()
    }

    /// Takes the fields of a record, which has as many as the header.
    pub fn row<'t>(&self, table: &Table<'t>, record: &Record) -> RawRow<'t> {
        let field = |cell: Option<usize>| Field {
            value: cell.map_or(Cow::Borrowed(""), |cell| table.value(&record.cells[cell])),
            cell,
        };
        RawRow {
            employee: field(Some(self.employee)),
            start: field(self.start),
            end: field(self.end),
            length: field(self.length),
            date: field(self.date),
            end_date: field(self.end_date),
            activity: field(self.activity),
            group: field(self.group),
            id: field(self.id),
            kind: field(self.kind),
            notes: field(self.notes),
            reason: field(self.reason),
            open_slots: field(self.open_slots),
            shift: field(self.shift),
            paid: field(self.paid),
            time_zone: field(self.time_zone),
            name: field(self.name),
            email: field(self.email),
        }
    }

    /// Whether a record only sums up others, or is the header once more, as at the top of each page
    /// of a report. `words` are those that sums begin with, in small letters.
    pub fn is_no_row(&self, table: &Table<'_>, record: &Record, words: &[String]) -> bool {
        let value = |cell: usize| record.cells.get(cell).map(|it| table.value(it));
        let says = |cell: Option<usize>| {
            cell.and_then(value).is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
        };
        // What has a start is a row, whatever it is called.
        if says(self.start) {
            return false;
        }
        let mut cells = record.cells.iter().map(|it| table.value(it));
        let Some(first) = cells.find(|it| !it.is_empty()) else { return false };
        let first = first.to_lowercase();
        let sums_up = words.iter().any(|word| {
            let rest = first.strip_prefix(word.as_str());
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        sums_up || self.is_header(table, record)
    }

    fn is_header(&self, table: &Table<'_>, record: &Record) -> bool {
        let names = table.names();
        record.cells.len() == names.len()
            && record.cells.iter().zip(names).all(|(cell, name)| table.value(cell) == *name)
    }

    /// The hash of everything that nothing is mapped to.
    pub fn twin(&self, table: &Table<'_>, record: &Record) -> Fingerprint {
        print("roster_file/twin/1", &self.unmapped, table, record)
    }

    /// The hash of the whole record, whatever the order of its columns. An empty field is as
    /// good as a column that is not there.
    pub fn whole(&self, table: &Table<'_>, record: &Record) -> Fingerprint {
        print("roster_file/record/1", &self.all, table, record)
    }
}

fn print(domain: &'static str, cells: &[usize], table: &Table<'_>, record: &Record) -> Fingerprint {
    let mut print = Fingerprinter::new(domain);
    for &cell in cells {
        let value = table.value(&record.cells[cell]);
        if !value.is_empty() {
            print.text(&table.names()[cell]).text(&value);
        }
    }
    print.finish()
}
