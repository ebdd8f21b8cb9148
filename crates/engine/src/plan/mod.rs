//! What to write, and why. Pure: no asynchronous code in this folder.
//!
//! [`state`] names every situation that an entity can be in; [`reconcile`] turns one situation into
//! one action; [`outcome`] turns the answer to an action into what the ledger says next;
//! [`guard`] refuses a plan that deletes too much. [`conflict`] says what is done about events of
//! people that stand in the way.

pub mod asked;
pub mod conflict;
pub mod drift;
pub mod guard;
pub mod outcome;
pub mod reconcile;
pub mod state;
pub mod summary;
pub mod unavailable;
