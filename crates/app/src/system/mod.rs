//! The only places with the machine's own clock, chance and process identity.
//!
//! Everything else gets them as [`engine::port::Clock`], [`engine::port::Entropy`] and
//! [`engine::run::lease::Ownership`].

mod clock;
mod entropy;
mod ownership;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
pub use ownership::ThisProcess;
