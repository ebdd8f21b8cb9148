//! A hash of an entity's meaning: equal meaning ⇔ equal fingerprint.
//!
//! Compared when etags lie. The bytes that are hashed are canonical: every field has a tag, a
//! length and a fixed order, so that no two different values run together.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 128 bits of SHA-256 over the canonical bytes of an entity.
///
/// 128 bits: with 10⁹ entities the chance of one accidental collision is about 10⁻²¹.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 16]);

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fingerprint `{found}` is not 32 hexadecimal digits")]
pub struct FingerprintError {
    /// What was found.
    pub found: String,
}

impl Fingerprint {
    /// Takes 16 stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes, as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    /// When the text has another length or another character.
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        let bad = || FingerprintError { found: text.chars().take(40).collect() };
        if text.len() != 32 || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = &text[index * 2..index * 2 + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;
    fn try_from(text: String) -> Result<Self, FingerprintError> {
        Self::parse(&text)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        fingerprint.to_string()
    }
}

/// Collects the canonical bytes of one value. Fields are given in a fixed order by the caller.
#[derive(Debug)]
pub struct Fingerprinter(Sha256);

impl Fingerprinter {
    /// Starts a fingerprint; `domain` keeps different kinds of value apart (`"shift/1"`).
    #[must_use]
    pub fn new(domain: &'static str) -> Self {
        let mut this = Self(Sha256::new());
        this.text(domain);
        this
    }

    /// Adds a text, preceded by its length.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as i64);
        self.0.update(text.as_bytes());
        self
    }

    /// Adds an optional text; absent and empty differ.
    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            None => self.number(-1),
            Some(text) => self.text(text),
        }
    }

    /// Adds a number, a discriminant or a flag.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    /// Adds an instant, to the second: no target keeps fractions of one.
    pub fn instant(&mut self, instant: Timestamp) -> &mut Self {
        self.number(instant.as_second())
    }

    /// Adds a calendar day.
    pub fn day(&mut self, day: Date) -> &mut Self {
        self.number(i64::from(day.year()) * 10_000)
            .number(i64::from(day.month()) * 100 + i64::from(day.day()))
    }

    /// The fingerprint of all that was added.
    #[must_use]
    pub fn finish(self) -> Fingerprint {
        let digest = self.0.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Fingerprint(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_texts_do_not_run_together() {
        let of = |a: &str, b: &str| {
            let mut print = Fingerprinter::new("test");
            print.text(a).text(b);
            print.finish()
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("ab", "c"), of("ab", "c"));
    }

    #[test]
    fn text_form_reads_back() {
        let print = Fingerprinter::new("test").finish();
        assert_eq!(Fingerprint::parse(&print.to_string()), Ok(print));
        assert!(Fingerprint::parse("zz").is_err());
        assert!(Fingerprint::parse(&"é".repeat(16)).is_err());
    }
}
