//! Identifiers as types, checked when they are made.
//!
//! A value that exists is valid. Two kinds of rule: *names* are chosen by the operator in the
//! configuration and appear in logs, paths and metrics, so they are short and plain; *ids* come
//! from a system of record and are kept as they are, within [`crate::limits::ID_BYTES_MAX`].

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{ID_BYTES_MAX, NAME_BYTES_MAX};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text was empty or only white space.
    #[error("{what} is empty; expected 1 to {max} bytes")]
    Empty {
        /// Which identifier was being made.
        what: &'static str,
        /// The longest allowed length, in bytes.
        max: usize,
    },
    /// The text was longer than the limit.
    #[error("{what} `{found}…` has {bytes} bytes; expected at most {max}")]
    TooLong {
        /// Which identifier was being made.
        what: &'static str,
        /// The first characters of what was found.
        found: String,
        /// How long it is, in bytes.
        bytes: usize,
        /// The longest allowed length, in bytes.
        max: usize,
    },
    /// The text holds a character that this identifier may not hold.
    #[error("{what} `{found}` holds {character:?}; expected {expected}")]
    Character {
        /// Which identifier was being made.
        what: &'static str,
        /// What was found, control characters escaped.
        found: String,
        /// The offending character.
        character: char,
        /// The allowed alphabet, in words.
        expected: &'static str,
    },
}

fn check_length(what: &'static str, text: &str, max: usize) -> Result<(), IdError> {
    if text.trim().is_empty() {
        return Err(IdError::Empty { what, max });
    }
    if text.len() > max {
        let found = text.chars().take(24).collect::<String>().escape_debug().to_string();
        return Err(IdError::TooLong { what, found, bytes: text.len(), max });
    }
    Ok(())
}

fn check_alphabet(
    what: &'static str,
    text: &str,
    expected: &'static str,
    allowed: fn(char) -> bool,
) -> Result<(), IdError> {
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(character) => {
            let found = text.escape_debug().to_string();
            Err(IdError::Character { what, found, character, expected })
        }
    }
}

fn check_name(what: &'static str, text: &str) -> Result<(), IdError> {
    check_length(what, text, NAME_BYTES_MAX)?;
    check_alphabet(what, text, "letters a-z A-Z, digits, `_`, `-` or `.`", |c| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
    })
}

fn check_id(what: &'static str, text: &str) -> Result<(), IdError> {
    check_length(what, text, ID_BYTES_MAX)?;
    check_alphabet(what, text, "no control characters", |c| !c.is_control())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes one from text, keeping it as it is.
            ///
            /// # Errors
            /// When the text is empty, too long, or holds a character that is not allowed.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                $check($what, text.as_ref())?;
                Ok(Self(Arc::from(text.as_ref())))
            }

            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }
    };
}

identifier!(
    /// The name of a `[[roster]]` in the configuration.
    RosterName, "roster name", check_name);
identifier!(
    /// The name of a `[[mirror]]` in the configuration.
    MirrorName, "mirror name", check_name);
identifier!(
    /// The name of a `[[connection]]` in the configuration.
    ConnectionName, "connection name", check_name);
identifier!(
    /// Who works, as the system of record names them.
    EmployeeId, "employee id", check_id);
identifier!(
    /// A group of people who are planned together.
    ScheduleGroupId, "schedule group id", check_id);
identifier!(
    /// One piece of assigned work.
    ShiftId, "shift id", check_id);
identifier!(
    /// One offer of unassigned work.
    OpenShiftId, "open shift id", check_id);
identifier!(
    /// One granted absence.
    TimeOffId, "time off id", check_id);
identifier!(
    /// A kind of absence, such as annual leave.
    TimeOffReasonId, "time-off reason id", check_id);
identifier!(
    /// The id of any entity, with its kind erased; see [`crate::EntityKey`].
    EntityId, "entity id", check_id);
identifier!(
    /// Where in a mirror an entity belongs: one calendar, or one team's schedule.
    ///
    /// The text is the target's own address for it (a collection path, a mailbox and calendar
    /// name, a team id), stable for as long as the configuration says the same.
    CalendarKey, "calendar", check_id);

macro_rules! erases {
    ($($name:ident),*) => {$(
        impl From<&$name> for EntityId {
            fn from(id: &$name) -> EntityId {
                EntityId(Arc::clone(&id.0))
            }
        }
    )*};
}

erases!(EmployeeId, ScheduleGroupId, ShiftId, OpenShiftId, TimeOffId, TimeOffReasonId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_refuses_what_a_path_or_a_log_search_could_misread() {
        assert!(MirrorName::new("ward-caldav_2.b").is_ok());
        for bad in ["", "  ", "a b", "a/b", "ä", &"x".repeat(NAME_BYTES_MAX + 1)] {
            assert!(MirrorName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_keeps_foreign_letters_and_refuses_control_characters() {
        assert_eq!(EmployeeId::new("Åsa Öberg/7").unwrap().as_str(), "Åsa Öberg/7");
        let error = EmployeeId::new("a\nb").unwrap_err().to_string();
        assert_eq!(error, r"employee id `a\nb` holds '\n'; expected no control characters");
    }
}
