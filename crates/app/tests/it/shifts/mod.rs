//! The Shifts mirror end to end: the real process, a played Graph, and people who act in it.
//!
//! What employees see is read from inside the played Graph and held against what the roster says,
//! worked out here from its rows. Requests are counted by Graph, so "no write" is its word and not
//! the product's.

mod doctor;
mod eligibility;
mod flows;
mod genesys;
mod handover;
mod kills;
mod loops;
mod one_way;
mod outage;
mod pains;
mod plan;
mod push;
mod registration;
mod seen;
mod setup;
mod site;
mod weather;
mod wfm_http;
