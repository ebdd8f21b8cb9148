//! What the Schedule API keeps; see [`engine::port::ApiStore`].
//!
//! [`clients`] and their tokens, [`pages`] of the schedule and its changes, [`writes`] with the
//! answers that are kept for a repetition, [`jobs`], and [`calls`]: who called what.

pub(crate) mod calls;
pub(crate) mod clients;
pub(crate) mod jobs;
pub(crate) mod pages;
pub(crate) mod writes;
