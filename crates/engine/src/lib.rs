//! The synchroniser.
pub mod port;
