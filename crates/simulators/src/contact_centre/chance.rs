//! Chance from a seed: the same seed, the same luck, on every machine.

/// SplitMix64: small, fast, and good enough for who gets which name.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Luck of its own for every combination of `parts`.
    pub fn of(parts: &[u64]) -> Self {
        let mut this = Self(0x5eed);
        for part in parts {
            this.0 ^= *part;
            this.0 = this.draw();
        }
        this
    }

    /// Luck of its own for a text.
    pub fn of_text(text: &str) -> Self {
        Self::of(&text.bytes().map(u64::from).collect::<Vec<_>>())
    }

    /// The next 64 bits.
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.draw() % end).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which are not empty.
    pub fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.below(N)]
    }
}
