//! Deciding what people ask for by rules, and working out what a grant means. Pure.
//!
//! An [`crate::port::Ask`] names items of the mirror; [`translate`] finds out which entities those
//! are and makes one [`domain::Command`] of it. [`rules::judge`] says what would become of the
//! roster ([`effect`]) and whether every rule allows it; [`own_record`] is that behind the port
//! [`crate::port::Decider`], [`eligible`] asks it for many candidates. What was granted is put
//! into the ledger by [`land`] (unless it stands there already: [`elsewhere`]), and known again by
//! its [`key`] ([`replay`]). [`world`] is what
//! all of that rests on: the facts of one batch of asks, with what was granted earlier in it.

pub mod book;
pub mod effect;
pub mod eligible;
pub mod elsewhere;
pub mod key;
pub mod land;
pub mod own_record;
pub mod replay;
pub mod request_rows;
pub mod rules;
pub mod translate;
pub mod world;

pub use own_record::{NobodyDecides, OwnRecord};
pub use rules::judge;
