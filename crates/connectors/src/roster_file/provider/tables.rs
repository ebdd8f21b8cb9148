//! All files of one reading, opened: headers found, columns matched.

use domain::limits::BAD_ROWS_REPORTED_MAX;
use engine::port::{FieldFault, SourceError, SourceRef};

use crate::roster_file::config::{Delimiter, RosterFileConfig};
use crate::roster_file::wire::Layout;
use crate::table::{Record, RowFault, Table};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Which file, in order.
    pub file: u32,
    /// Its first line.
    pub line: u64,
    /// Its first byte.
    pub start: usize,
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
        Err(SourceError::BadRows { faults, more })
    }

    /// Names a record.
    pub fn source_ref(&self, spot: Spot) -> SourceRef {
        let place = self.table(spot).map_or("", |table| table.place);
        SourceRef(format!("{place}:{}", spot.line))
    }

    /// Points into a record that was read before.
    pub fn locate(&self, fault: RowFault, spot: Spot) -> FieldFault {
        let mut record = Record::default();
        match self.table(spot) {
            Some(table) => {
                // It was read once, so it can be read again; what that says is known already.
                let _ = table.scanner_at(spot.start, spot.line).read(&mut record);
                table.locate(fault, &record)
            }
            None => fault.locate("", "", &record, None),
        }
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

    fn table(&self, spot: Spot) -> Option<&Table<'t>> {
        let file = usize::try_from(spot.file).ok()?;
        self.list.get(file).map(|(table, _)| table)
    }
}
