//! Which of the items of one entity: an entity can be several items in one calendar.
//!
//! [`Part::Main`] is the item that every entity has had since the first version; what its ledger
//! row, its origin tag and its remote id say is what they said before there were other parts. See
//! `docs/adr/0013`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntityKey;

/// One of the items of an entity.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum Part {
    /// The item that every entity has: all of it or, where a shift is cut into blocks, the first.
    #[default]
    Main,
    /// A further block of a shift, counted from 1.
    Block(u16),
    /// Until when work must have begun.
    LatestStart,
    /// From when on work may end.
    EarliestLeave,
    /// When a break may be, counted from 1.
    BreakWindow(u16),
    /// How many work, from this instant on; whole seconds.
    Count(Timestamp),
}

/// A text that names no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a part of an entity")]
pub struct UnknownPart {
    /// What was found.
    pub found: String,
}

const BLOCK: &str = "block-";
const LATEST_START: &str = "latest-start";
const EARLIEST_LEAVE: &str = "earliest-leave";
const BREAK_WINDOW: &str = "break-window-";
const COUNT: &str = "count-";

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => Ok(()),
            Self::Block(number) => write!(f, "{BLOCK}{number}"),
            Self::LatestStart => f.write_str(LATEST_START),
            Self::EarliestLeave => f.write_str(EARLIEST_LEAVE),
            Self::BreakWindow(number) => write!(f, "{BREAK_WINDOW}{number}"),
            Self::Count(from) => write!(f, "{COUNT}{}", from.as_second()),
        }
    }
}

impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Self, UnknownPart> {
        let number = |digits: &str| digits.parse().ok().filter(|number| *number > 0);
        let part = match text {
            "" => Some(Self::Main),
            LATEST_START => Some(Self::LatestStart),
            EARLIEST_LEAVE => Some(Self::EarliestLeave),
            other => {
                let block = other.strip_prefix(BLOCK).and_then(number).map(Self::Block);
                let window = other.strip_prefix(BREAK_WINDOW).and_then(number);
                let from = other.strip_prefix(COUNT).and_then(|seconds| seconds.parse().ok());
                let from = from.and_then(|seconds| Timestamp::from_second(seconds).ok());
                block.or(window.map(Self::BreakWindow)).or(from.map(Self::Count))
            }
        };
        // One spelling for each: a text that reads back differently is somebody else's.
        part.filter(|part| part.to_string() == text)
            .ok_or_else(|| UnknownPart { found: text.chars().take(40).collect() })
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl TryFrom<String> for Part {
    type Error = UnknownPart;
    fn try_from(text: String) -> Result<Self, UnknownPart> {
        text.parse()
    }
}

impl Part {
    /// Whether it is the item that every entity has.
    #[must_use]
    pub fn is_main(&self) -> bool {
        *self == Self::Main
    }
}

/// One item of one entity: unique within one calendar of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemKey {
    /// The entity that it shows.
    pub entity: EntityKey,
    /// Which of the entity's items it is.
    #[serde(default, skip_serializing_if = "Part::is_main")]
    pub part: Part,
}

impl From<EntityKey> for ItemKey {
    fn from(entity: EntityKey) -> Self {
        Self { entity, part: Part::Main }
    }
}

/// `shift/S-1` or, for further parts, `shift/S-1#block-2`.
impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entity, part } = self;
        match part {
            Part::Main => write!(f, "{entity}"),
            Part::Block(_)
            | Part::LatestStart
            | Part::EarliestLeave
            | Part::BreakWindow(_)
            | Part::Count(_) => write!(f, "{entity}#{part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_reads_back_and_nothing_else_does() {
        let parts = [
            Part::Main,
            Part::Block(1),
            Part::Block(u16::MAX),
            Part::LatestStart,
            Part::EarliestLeave,
            Part::BreakWindow(2),
            Part::Count(Timestamp::from_second(-1).unwrap()),
            Part::Count(Timestamp::from_second(1_800_000_000).unwrap()),
        ];
        for part in parts {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for other in ["block-0", "block-01", "block-", "block-70000", "count-+1", "main", " "] {
            assert!(other.parse::<Part>().is_err(), "{other}");
        }
    }
}
