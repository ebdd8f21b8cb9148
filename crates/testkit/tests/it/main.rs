//! What testkit itself promises: its in-memory parts keep the promises of the ports.

mod memory_store;
mod memory_target;
