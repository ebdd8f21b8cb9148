//! Roster files: CSV, Excel and iCalendar files that a workforce-management system drops into a
//! folder.
//!
//! Read only. Excel (`sheet.rs`) and iCalendar (`events.rs`) become the text that a CSV of them
//! would be, and text of other encodings becomes UTF-8 (`encoding.rs`), so that one reader, one
//! mapping and one kind of message serve all; `propose.rs` and its folder `propose` find out what a
//! file could mean, for `init --from`.
//! There is no vendor and so no vendor's page: which column means what is said by the
//! operator, per connection. All matching files together are one reading, all or nothing.
//!
//! What can be relied on:
//! - nothing is guessed from a file that cannot be read, is being written, or has a bad row: such
//!   a reading is refused as a whole, with file, line, column, value and what was expected. With
//!   `on_bad_row = "skip"` the good rows are taken, and nothing follows from what is absent;
//! - a local time that clocks skip or show twice is decided by `dst_gap` and `dst_fold`, and every
//!   such decision is a note of the reading;
//! - a line that repeats another in *every* column counts once, with a note. Lines that differ
//!   anywhere, even in a column that nothing is mapped to, are separate shifts;
//! - the same files, settings and window give the same delta token, and so "unchanged".
//!
//! - with `archive`, files move away only after the engine showed that they are in the roster
//!   (`provider/archive.rs`).
//!
//! What cannot: a file that is still being written but looks finished is taken as it is. Write
//! elsewhere and rename, or set `marker`. `serve` looks at names, sizes and times every few
//! seconds, and reads when they changed and then stayed the same.
//!
//! No `client.rs`: files are read in `provider/files.rs`, there is nobody to ask.
//! No `classify.rs`: there are no answers to classify; a file can be read or it cannot.
//! No `inbound.rs`: nobody calls us.

mod config;
mod encoding;
mod events;
mod map;
mod propose;
mod provider;
mod sheet;
#[cfg(test)]
mod tests;
mod wire;

use serde::Deserialize;

use crate::{ConnectionConfig, Descriptor};

pub use config::{
    BadRowPolicy, ColumnMapping, Delimiter, DstFold, DstGap, LengthUnitKey, RosterFileConfig,
};
pub use encoding::Encoding;
pub use propose::{Proposal, propose};

/// What to do about rows that are bad.
const BAD_ROWS: &str = "mend the rows, or set `on_bad_row = \"skip\"` to go on without them (then \
                        nothing is deleted either)";

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: "roster_file",
    summary: "CSV, Excel or iCalendar files that a workforce-management system drops into a folder",
    parse: |section| {
        let config = RosterFileConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<RosterFileConfig>(),
    mirrors: &[],
    reads: true,
    decides: &[],
};
