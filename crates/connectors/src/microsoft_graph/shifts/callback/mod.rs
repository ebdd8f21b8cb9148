//! What Shifts sends us: a person changed something, and asks whether it may be so.
//!
//! In the order in which a call passes through: [`envelope`] authenticates and opens the body,
//! [`wire`] reads what was inside, [`grammar`] says what its elements mean together, [`translate`]
//! puts that into the roster's words ([`names`] knows them), and [`message`] tells people why not.
//! [`inbound`] leads through all of it. Everything but that is pure.

pub mod envelope;
pub mod grammar;
pub mod inbound;
pub mod message;
pub mod names;
pub mod translate;
pub mod wire;
