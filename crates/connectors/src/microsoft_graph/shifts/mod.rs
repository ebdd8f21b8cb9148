//! Microsoft Teams Shifts as a mirror.

pub mod callback;
