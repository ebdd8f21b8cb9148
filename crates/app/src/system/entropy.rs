//! The machine's chance.

use engine::port::Entropy;

/// Unpredictable bytes from the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for chance")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Guessable tokens would be worse than none.
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}
