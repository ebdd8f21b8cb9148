//! Instants and durations as people read them.

pub use engine::overview::{ago, duration, instant};
