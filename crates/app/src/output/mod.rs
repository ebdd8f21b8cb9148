//! What a command says: data on stdout, talk and progress on stderr.

mod diagnostic;
pub mod progress;
mod table;
pub mod time;

use std::io::{IsTerminal, Write};

use console::Term;
use serde::Serialize;

use crate::failure::Failure;

pub use table::Table;

/// A failure as it is printed, without colour.
#[cfg(test)]
pub fn render(failure: &Failure, width: usize) -> String {
    diagnostic::render(failure, width, false)
}

/// Where output goes and how it looks.
#[derive(Debug, Clone)]
pub struct Output {
    /// No talk, no progress; data and errors only.
    quiet: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    progress: progress::Bars,
}

impl Output {
    /// Looks at the terminals. `NO_COLOR` and `CLICOLOR` are honoured by the `console` library.
    pub fn new(quiet: bool, progress: progress::Bars) -> Self {
        Self {
            quiet,
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            progress,
        }
    }

    /// The same without talk and progress.
    pub fn without_talk(&self) -> Self {
        Self { quiet: true, ..self.clone() }
    }

    /// Whether somebody sits there who can answer.
    pub fn is_interactive(&self) -> bool {
        std::io::stdin().is_terminal() && self.stderr_is_terminal
    }

    /// Progress bars, where there is a terminal to draw them on.
    pub fn bars(&self) -> Option<&progress::Bars> {
        (self.stderr_is_terminal && !self.quiet).then_some(&self.progress)
    }

    /// Talk: what people like to know and programs do not need.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let text = text.as_ref();
            // Nobody listens any more: not a reason to stop working.
            self.progress.suspend(|| drop(writeln!(std::io::stderr().lock(), "{text}")));
        }
    }

    /// Data, with a line end.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn data(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        let text = text.as_ref();
        let written = self.progress.suspend(|| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush())
        });
        match written {
            // `rotabridge plan | head` is no failure.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(Failure::because),
        }
    }

    /// Data for programs: on one line, or indented where a person looks.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.data(self.json_text(value)?)
    }

    fn json_text(&self, value: &impl Serialize) -> Result<String, Failure> {
        let text = if self.stdout_is_terminal {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        text.map_err(Failure::because)
    }

    /// A table, as wide as the terminal.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn table(&self, table: &Table) -> Result<(), Failure> {
        let width = self.stdout_is_terminal.then(|| Term::stdout().size().1);
        self.data(table.render(width))
    }

    /// What went wrong, with its causes, its places and its advice.
    pub fn failure(&self, failure: &Failure) {
        let width = if self.stderr_is_terminal { Term::stderr().size().1 } else { 100 };
        let colour = self.stderr_is_terminal && console::colors_enabled_stderr();
        let text = diagnostic::render(failure, usize::from(width), colour);
        self.progress.suspend(|| drop(write!(std::io::stderr().lock(), "{text}")));
    }
}
