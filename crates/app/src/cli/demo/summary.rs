//! The table in which `demo` says what each round of its syncs came to.

use std::time::Duration;

use super::{line_of, sync};
use crate::failure::{Exit, Failure, thousands};
use crate::output::{Output, Table, time};
use crate::runs::{self, MirrorRun, Outcome};
use crate::wiring::Works;

/// The table that the demo prints.
pub(super) struct Summary {
    table: Table,
    outcomes: Vec<Outcome>,
    /// Requests that people made in their calendars.
    granted: u64,
    refused: u64,
}

impl Summary {
    /// Nothing was done yet.
    pub fn new() -> Self {
        let header =
            ["", "MIRROR", "CREATED", "UPDATED", "DELETED", "UNCHANGED", "REQUESTS", "TOOK"];
        let table = Table::new(&header).right(&[2, 3, 4, 5, 6, 7]);
        Self { table, outcomes: vec![], granted: 0, refused: 0 }
    }

    /// Syncs everything, and tells of it.
    ///
    /// # Errors
    /// When a roster cannot be read.
    pub async fn sync(
        &mut self,
        label: &str,
        works: &Works,
        output: &Output,
    ) -> Result<(), Failure> {
        let runs = sync(works, output).await?;
        self.tell(label, works, &runs, output);
        Ok(())
    }

    /// Adds what these runs came to.
    pub fn tell(&mut self, label: &str, works: &Works, runs: &[MirrorRun], output: &Output) {
        for run in runs {
            runs::tell(run, output);
            self.outcomes.push(run.outcome());
            let line = line_of(works, run);
            self.granted += line.granted;
            self.refused += line.refused;
            let counts = [line.created, line.updated, line.deleted, line.unchanged, line.requests];
            let took = time::duration(Duration::from_millis(line.duration_ms));
            let head = [label.to_owned(), line.name.to_string()];
            let cells = head.into_iter().chain(counts.map(thousands));
            self.table.row(cells.chain([took]));
        }
    }

    /// What people asked for in their calendars since this was taken: granted and refused.
    pub fn take_requests(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.granted), std::mem::take(&mut self.refused))
    }

    /// Whether anything failed.
    pub fn failed(&self) -> bool {
        self.outcomes.contains(&Outcome::Failed)
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, output: &Output) -> Result<Exit, Failure> {
        output.table(&self.table)?;
        Ok(runs::exit_for(&[], &self.outcomes))
    }
}
