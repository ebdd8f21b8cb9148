//! The vendors, played: same wire, own state, faults as data.
//!
//! Written from the vendors' specifications and never sharing wire types with the connectors, or
//! both sides would hold the same mistake. Serves tests, benchmarks and `demo`.

pub mod caldav;
pub mod contact_centre;
pub mod fault;
pub mod genesys;
pub mod google;
pub mod graph;
