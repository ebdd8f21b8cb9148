//! How a command failed, as the person at the terminal gets to see it.
//!
//! Inside, errors are typed and carry facts. Here they meet what only the edge knows: the exit
//! code, the advice that helps, and, where a file is wrong, the place to point at.

use std::error::Error;
use std::fmt;

use engine::plan::guard::GuardRefusal;
use engine::port::{FieldFault, SourceError, StoreError};
use engine::run::conflicts::EventRefusal;
use engine::run::cycle::CycleError;
use engine::run::ingest::IngestError;
use engine::run::recover::RecoverError;

/// Advice for whoever is not asking the doctor already.
pub const ASK_DOCTOR: &str = "`rotabridge doctor` looks at every connection and says what is wrong";

/// What a process says with its exit code; see the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// Nothing was done, or not what was asked for.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// Some of it was done.
    Partly,
    /// A guard refused.
    Refused,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::Refused => 4,
        }
    }
}

/// A command that failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong; its sources are printed below it, each once.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Places to point at; the first few are shown.
    pub places: Vec<Place>,
    /// Places that are not even listed.
    pub places_more: usize,
}

/// A place in a text, with what is wrong there.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file, as the operator wrote it.
    pub name: String,
    /// The text that is shown: all of the file, or one line of it.
    pub text: String,
    /// The line of the file with which `text` begins, from 1; 0 when it has no lines to show.
    pub first_line: u64,
    /// Which bytes of `text` are meant.
    pub span: Option<(usize, usize)>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A message for which there is no type of its own, because nothing reacts to it.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Said {}

impl Failure {
    /// Failed because of `error`.
    pub fn because(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            exit: Exit::Failed,
            error: Box::new(error),
            hint: None,
            places: Vec::new(),
            places_more: 0,
        }
    }

    /// Failed, in words of its own.
    pub fn saying(message: impl Into<String>) -> Self {
        Self::because(Said(message.into()))
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::saying(message) }
    }

    /// There is nothing of a name that was given on the command line.
    pub fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        let failure = Self::usage(format!("there is no {what} `{name}`"));
        match crate::config::nearest(name, known) {
            Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
            None => failure.hint(format!("the configuration has {}", crate::config::list(known))),
        }
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A guard refused: names what it saw and the flag that lets it pass.
    pub fn refused(refusal: &GuardRefusal, flag: &str) -> Self {
        let deletions = refusal.count.deletions;
        let hint = format!("if that is meant, run again with `{flag} {deletions}`");
        Self { exit: Exit::Refused, ..Self::saying(guard_message(refusal)) }.hint(hint)
    }
}

impl Failure {
    /// A guard refused to change so many events of people: names the flag that lets it pass.
    pub fn events_refused(refusal: &EventRefusal, flag: &str) -> Self {
        let EventRefusal { mirror, changes, changes_max } = refusal;
        let message = format!(
            "mirror `{mirror}` would change {} events of people at once, more than {}; they were \
             left as they are",
            thousands(*changes),
            thousands(*changes_max),
        );
        let hint = format!(
            "`rotabridge plan --mirror {mirror}` names them; if that is meant, run again with \
             `{flag} {changes}`, or raise `changes_max` in `[mirror.conflicts]`"
        );
        Self { exit: Exit::Refused, ..Self::saying(message) }.hint(hint)
    }
}

/// What the guard saw, with numbers that people can read.
pub fn guard_message(refusal: &GuardRefusal) -> String {
    let GuardRefusal { subject, count } = refusal;
    let (deletions, present) = (thousands(count.deletions), thousands(count.present));
    let name = subject
        .split_once(' ')
        .map_or_else(|| subject.clone(), |(kind, name)| format!("{kind} `{name}`"));
    format!("{name} would lose {deletions} of {present} items at once; they were left in place")
}

pub use engine::overview::thousands;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::Version { found, expected } if found < expected => {
                Some("`rotabridge migrate` brings it to this version".to_owned())
            }
            StoreError::Version { .. } => Some(
                "a newer rotabridge wrote it: run that one, or restore a backup from before"
                    .to_owned(),
            ),
            StoreError::Superseded { .. } => {
                Some("another rotabridge is at work; run again".to_owned())
            }
            StoreError::Failed { .. } => {
                Some("`[store] url` in the configuration says where the store is".to_owned())
            }
            StoreError::Corrupt { .. } => Some(
                "restore a backup, or start with an empty store and `rotabridge recover`"
                    .to_owned(),
            ),
        };
        Self { hint, ..Self::because(error) }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        match &error {
            SourceError::BadRows { faults, more, hint } => {
                let places = faults.iter().map(Place::from).collect();
                let hint = *hint;
                let places_more = *more;
                Self { places, places_more, ..Self::because(error).hint(hint) }
            }
            SourceError::Unreadable { .. } | SourceError::Failed(_) | SourceError::Marks(_) => {
                Self::because(error).hint(ASK_DOCTOR)
            }
        }
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Source(error) => error.into(),
            IngestError::Store(error) => error.into(),
            IngestError::Guard(refusal) => Self::refused(&refusal, "--allow-deletions"),
        }
    }
}

impl From<CycleError> for Failure {
    fn from(error: CycleError) -> Self {
        match error {
            CycleError::Store(error) => error.into(),
            shared @ CycleError::Shared(_) => Self::because(shared),
        }
    }
}

impl From<RecoverError> for Failure {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Source(error) => error.into(),
            RecoverError::Store(error) => error.into(),
            calendar @ RecoverError::Calendar { .. } => Self::because(calendar)
                .hint("nothing was written; `rotabridge doctor` says more of the connection"),
        }
    }
}

impl From<&FieldFault> for Place {
    fn from(fault: &FieldFault) -> Self {
        let FieldFault { place, line, text, field, column, message, hint, stands_for: _ } =
            fault.clone();
        let message = match column {
            Some(column) if !message.contains(&format!("`{column}`")) => {
                format!("column `{column}`: {message}")
            }
            Some(_) | None => message,
        };
        Self { name: place, text, first_line: line, span: field, message, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_580, "1,580"), (1_000_000, "1,000,000")] {
            assert_eq!(thousands(number), text);
        }
    }
}
