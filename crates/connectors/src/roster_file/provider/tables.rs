//! All files of one reading, opened: headers found, columns matched.

use domain::Fingerprint;
use domain::limits::BAD_ROWS_REPORTED_MAX;
use engine::port::{FieldFault, SourceError, SourceRef};

use crate::roster_file::BAD_ROWS;
use crate::roster_file::config::{Delimiter, RosterFileConfig};
use crate::roster_file::wire::Layout;
use crate::table::{Record, RowFault, Table};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Which file, in order.
    pub file: u32,
    /// Its first line.
    pub line: u32,
    /// Its first byte: no file is as large as this can count.
    pub start: u32,
}

impl Spot {
    /// Where `record` of the file with this number stands.
    pub fn of(file: u32, record: &Record) -> Self {
        Self {
            file,
            line: u32::try_from(record.line).unwrap_or(u32::MAX),
            start: u32::try_from(record.start).unwrap_or(u32::MAX),
        }
    }
}

/// The files that have a header, in order.
#[derive(Debug)]
pub(super) struct Tables<'t> {
    /// Each with where its columns are.
    pub list: Vec<(Table<'t>, Layout)>,
}

impl<'t> Tables<'t> {
    /// Opens `files`, given as place and text.
    ///
    /// # Errors
    /// When a header lacks a mapped column: nothing can be read then, whatever happens to rows.
    pub fn open(
        files: &[(&'t str, &'t str)],
        config: &RosterFileConfig,
    ) -> Result<Self, SourceError> {
        let wanted: Vec<&str> = config.columns.mapped().iter().map(|it| it.1).collect();
        let delimiter = config.delimiter.map(Delimiter::byte);
        let mut list = Vec::with_capacity(files.len());
        let mut faults = Vec::new();
        for (place, text) in files {
            match Table::open(place, text, delimiter, &wanted) {
                Err(fault) => faults.push(*fault),
                // Not even a header: nothing to be read, and nothing wrong with it.
                Ok(None) => {}
                Ok(Some(table)) => match Layout::find(&table, &config.columns) {
                    Ok(layout) => list.push((table, layout)),
                    Err(missing) => faults.extend(missing),
                },
            }
        }
        if faults.is_empty() {
            return Ok(Self { list });
        }
        let more = faults.len().saturating_sub(BAD_ROWS_REPORTED_MAX);
        faults.truncate(BAD_ROWS_REPORTED_MAX);
        Err(SourceError::BadRows { faults, more, hint: BAD_ROWS })
    }

    /// Names a record.
    pub fn source_ref(&self, spot: Spot) -> SourceRef {
        let file = usize::try_from(spot.file).ok();
        let table = file.and_then(|file| self.list.get(file));
        let place = table.map_or("", |(table, _)| table.place);
        SourceRef(format!("{place}:{}", spot.line))
    }

    /// Points into a record that was read before.
    pub fn locate(&self, fault: RowFault, spot: Spot) -> FieldFault {
        match self.again(spot) {
            Some((table, _, record)) => table.locate(fault, &record),
            None => fault.locate("", "", &Record::default(), None),
        }
    }

    /// The hash of a whole record that was read before.
    pub fn whole(&self, spot: Spot) -> Option<Fingerprint> {
        let (table, layout, record) = self.again(spot)?;
        Some(layout.whole(table, &record))
    }

    /// Reads a record once more.
    fn again(&self, spot: Spot) -> Option<(&Table<'t>, &Layout, Record)> {
        let (table, layout) = self.list.get(usize::try_from(spot.file).ok()?)?;
        let mut record = Record::default();
        let start = usize::try_from(spot.start).ok()?;
        let mut scanner = table.scanner_at(start, u64::from(spot.line));
        let read = scanner.read(&mut record)?;
        read.ok().map(|()| (table, layout, record))
    }

    /// The columns that nothing is mapped to, over all files.
    pub fn unmapped(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .list
            .iter()
            .flat_map(|(table, layout)| layout.unmapped(table))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
