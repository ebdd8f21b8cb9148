//! The binary, run as an operator runs it: every command, every exit code, every kind of message.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agreement;
mod clocks;
mod commands;
mod events;
mod faults;
mod feeds;
mod full_disk;
mod generated;
mod genesys;
mod genesys_everywhere;
mod genesys_hints;
mod guard;
mod left_out;
mod mapping;
mod messages;
mod quiet_logs;
mod roster_files;
mod schedule_api;
mod servers;
mod shifts;
mod told;
mod wfm;
mod whose;
mod world;
