//! The binary, run as an operator runs it: every command, every exit code, every kind of message.

mod agreement;
mod clocks;
mod commands;
mod events;
mod faults;
mod feeds;
mod generated;
mod guard;
mod messages;
mod servers;
mod world;
