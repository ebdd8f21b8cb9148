//! The synchroniser.
pub mod mapping;
pub mod port;
