//! The server from outside, over real sockets, with a store and a clock that tests control.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod callbacks;
mod client;
mod conditional;
mod dashboard;
mod feeds;
mod hooks;
mod intruders;
mod links;
mod operators;
mod privacy;
mod unasked;
mod world;
