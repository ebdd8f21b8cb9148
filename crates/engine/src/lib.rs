//! The synchroniser: reads a roster's source, and keeps mirrors in agreement with the roster.
//!
//! # The life of one cycle
//!
//! 1. [`run::ingest`] reads the source. [`ingest::diff`] finds what changed, [`ingest::pair`]
//!    keeps the ids of sources that have none, [`plan::guard`] stops a reading that lost too
//!    much. What changed enters the roster in one transaction, each change with its place in the
//!    sequence.
//! 2. [`run::cycle`] surveys what changed since the mirror's cursor ([`run::survey`]), page by
//!    page: what the roster wants ([`mapping`], [`run::project`]) against what the ledger knows,
//!    one situation at a time ([`plan::state`], [`plan::reconcile`]). The guard looks at the sum.
//! 3. Each calendar is drained ([`run::drain`]) under its lease: intents are made durable, then
//!    sent through the [`run::gate`], then settled ([`plan::outcome`]). What is not known is
//!    looked up, never repeated blindly.
//! 4. When all calendars are done, the cursor moves on.
//!
//! # What is deliberately not here
//!
//! No clock, no randomness, no network, no database: they come in through [`port`]. So the whole
//! of it runs in simulated time from one seed (`sim/`), with the code that runs in production.

pub mod approve;
pub mod ingest;
pub mod mapping;
pub mod overview;
pub mod plan;
pub mod port;
pub mod report;
pub mod resilience;
pub mod run;
