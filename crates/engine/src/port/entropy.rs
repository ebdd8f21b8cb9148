//! Chance, as the engine gets it: for jitter and for unguessable tokens.

use std::fmt::Debug;

/// The only randomness there is. Unpredictable in production, seeded in simulation.
pub trait Entropy: Debug + Send + Sync {
    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);

    /// A number in `[0, 1)`, evenly distributed.
    fn fraction(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        // 53 random bits: exactly what a double can hold below one.
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
    }
}
