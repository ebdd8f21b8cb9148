//! testkit

pub mod builders;
pub mod conformance;
pub mod manual_clock;
pub mod memory_foreign;
pub mod memory_store;
pub mod memory_target;
pub mod ownership;
pub mod seeded_entropy;
pub mod servers;
