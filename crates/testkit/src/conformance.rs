//! What every implementation of a port must do, whoever wrote it.

pub mod store;
pub mod target;
