//! What iCalendar promises to the rest of the product, tried from outside.

#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

mod corpus;
mod readers;
mod round_trip;
mod sample;
