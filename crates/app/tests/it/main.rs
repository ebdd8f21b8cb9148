//! The binary, run as an operator runs it: every command, every exit code, every kind of message.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agreement;
mod clocks;
mod commands;
mod events;
mod faults;
mod feeds;
mod generated;
mod guard;
mod left_out;
mod messages;
mod servers;
mod shifts;
mod world;
