//! Durations as the configuration writes them: `90s`, `15m`, `24h`, `7d`, `8w`, `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const UNITS: [(char, u64); 5] =
    [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];
/// A hundred years: more is a mistake, and instants that far away cannot be written down.
const SECONDS_MAX: u64 = 100 * 366 * 86_400;

/// A length of time; a day has 24 hours.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Length(pub Duration);

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no duration; expected a number and a unit, like `90s`, `15m`, `24h`, `7d` or `8w`"
)]
pub struct LengthError {
    found: String,
}

impl Length {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let bad = || LengthError { found: text.chars().take(40).collect() };
        let mut seconds: u64 = 0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
            let unit = rest[digits..].chars().next().ok_or_else(bad)?;
            let (_, size) = UNITS.iter().find(|(it, _)| *it == unit).ok_or_else(bad)?;
            let part = number.checked_mul(*size).ok_or_else(bad)?;
            seconds = seconds.checked_add(part).ok_or_else(bad)?;
            rest = rest[digits + 1..].trim_start();
        }
        if seconds > SECONDS_MAX {
            return Err(bad());
        }
        Ok(Self::seconds(seconds))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let fits = |size: u64| seconds >= size && seconds.is_multiple_of(size);
        let (unit, size) = UNITS.into_iter().rev().find(|(_, it)| fits(*it)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", seconds / size)
    }
}

impl TryFrom<String> for Length {
    type Error = LengthError;
    fn try_from(text: String) -> Result<Self, LengthError> {
        text.parse()
    }
}

impl From<Length> for String {
    fn from(length: Length) -> Self {
        length.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("8w", 4_838_400)]
        {
            assert_eq!(text.parse(), Ok(Length::seconds(seconds)), "{text}");
        }
        assert_eq!("1h30m".parse(), Ok(Length::seconds(5400)));
        assert_eq!(Length::seconds(4_838_400).to_string(), "8w");
        assert_eq!(Length::seconds(90).to_string(), "90s");
        assert_eq!(Length::seconds(0).to_string(), "0s");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "15", "m", "-1h", "1.5h", "15 minutes", "1y", "99999999999999w", "1h é"] {
            assert!(text.parse::<Length>().is_err(), "{text:?}");
        }
    }
}
