//! From what a source said to what changes in the roster. Pure.
//!
//! [`diff::diff`] compares a reading with the roster's index; [`pair`] gives ids to entities of
//! sources that have none, so that a moved shift stays the same shift;
//! [`guard`](crate::plan::guard) stops a reading that lost too much. The asynchronous part is
//! [`crate::run::ingest`].

pub mod diff;
pub mod pair;

/// Where people stand of whom only the operator's own file says something.
pub(crate) const EMPLOYEES_FILE: &str = "employees_file";
