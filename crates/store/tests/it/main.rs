//! The store on real databases.
#![expect(clippy::unwrap_used, reason = "tests")]

mod atomicity;
mod conformance;
mod databases;
mod durability;
mod opening;
mod upgrading;
