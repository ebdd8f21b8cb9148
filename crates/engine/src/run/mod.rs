//! Carrying out what was decided: asynchronous, and thin.
//!
//! [`ingest`] reads a source into the roster. [`cycle`] brings one mirror into agreement: survey,
//! guard, then, in `rounds`, one [`drain`] per calendar under its [`lease`], many at once
//! (`drains`). [`gate`] spends the budgets, [`group_commit`] merges what many calendars make
//! durable at once, [`batch`] what they write. `changes` reads what people did since, and
//! `drifting` knows what they did before; [`subscriptions`] keeps vendors telling us of it.
//! [`conflicts`] looks for events of people that stand in the way. [`own_record`] reads a roster
//! that nobody else keeps. [`recover`] rebuilds a lost ledger. [`approval`] takes what people ask
//! for in a mirror, [`approve_due`] grants what needs no manager, and [`schedule_desk`] writes a
//! roster for programs. Nothing here spawns: dropping the future of a cycle stops all of it.

pub mod approval;
mod approval_facts;
pub mod approve_due;
pub mod batch;
mod changes;
pub mod conflicts;
mod counting;
pub mod cycle;
pub mod drain;
mod drains;
mod drifting;
pub mod gate;
pub mod group_commit;
pub mod ingest;
pub mod lease;
mod looking;
pub mod observe;
pub mod own_record;
mod preview;
pub mod project;
pub mod recover;
mod rounds;
pub mod schedule_desk;
pub mod subscriptions;
pub mod survey;
pub mod watch;
