//! Microsoft Teams Shifts as a mirror: the kind `shifts`.
//!
//! Read in 2026-11: Learn on schedules, shifts, open shifts, time off, scheduling groups, time-off
//! reasons, sharing, staging for deletion and workforce integrations; `shifts.md`,
//! `shifts-api-surface.md`.
//!
//! A calendar is a team, named by its id. All writes go to the draft side of items, and
//! [`engine::port::Target::publish`] shares a stretch of time once. What a manager sees counts: the
//! draft where there is one, else what is shared. What is staged for deletion is gone.
//!
//! `target.rs` implements the port, with `write.rs` and `read.rs`; `map.rs` says what items look
//! like and what they mean, `people.rs` who is who, `team.rs` remembers what was learned of a
//! team, `provision.rs` makes what is missing there. `call.rs` is the only way to Graph.
//! `registration.rs`, `secrets.rs` and `approver.rs` are for what people ask for; what Shifts sends
//! us is read in `callback`.

pub mod callback;
pub mod config;
pub mod map;
pub mod people;
pub mod wire;
