//! What Shifts sends us: a person changed something, and asks whether it may be so.
//!
//! In the order in which a callback passes through: `envelope.rs` authenticates and opens the
//! body; `wire.rs` reads what was inside.

pub mod envelope;
pub mod grammar;
pub mod message;
pub mod names;
pub mod translate;
pub mod wire;
