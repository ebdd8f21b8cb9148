//! The played vendors, asked as their clients ask them; one binary for all of them.

#![expect(clippy::unwrap_used, reason = "a test may stop where its ground is not as it says")]

mod google;
mod graph_batch;
mod graph_examples;
mod graph_quota;
mod graph_requests;
mod graph_schedule;
mod graph_sign_in;
mod graph_socket;
mod mailbox;
mod shifts;
mod world;
