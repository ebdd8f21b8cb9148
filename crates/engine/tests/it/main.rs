//! The engine against in-memory parts: whole decisions, and what simulated worlds once found.

mod approve;
mod batches;
mod conflicts;
mod drift;
mod found_by_sim;
mod gate;
mod ingest_diff;
mod ingest_parts;
mod mapping;
mod mapping_profile;
mod parts;
mod reconcile;
mod schedule;
mod set_aside;
mod settle;
mod subscriptions;
