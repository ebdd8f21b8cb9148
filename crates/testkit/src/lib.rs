//! testkit

pub mod builders;
pub mod conformance;
pub mod manual_clock;
pub mod memory_store;
pub mod ownership;
pub mod seeded_entropy;
pub mod servers;
