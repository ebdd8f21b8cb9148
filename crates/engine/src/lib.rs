//! The synchroniser.
pub mod ingest;
pub mod mapping;
pub mod plan;
pub mod port;
pub mod resilience;
