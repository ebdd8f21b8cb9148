//! The store on real databases.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod databases;
mod durability;
mod opening;
