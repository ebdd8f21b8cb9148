//! Not asking too much, not asking too soon: pure state machines, driven by events and the
//! instants at which they happen.
//!
//! [`quota`] spends one budget; [`breaker`] stops asking what does not answer; [`backoff`] says
//! how long to wait after a failure. [`crate::run::gate`] is the thin asynchronous part.

pub mod backoff;
pub mod breaker;
pub mod quota;
