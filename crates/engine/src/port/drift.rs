//! What people and other programs did to our items, and how it stands.
//!
//! The ledger says what we know to be there. A **drift** is kept beside it for every item that was
//! found otherwise: what was changed, how often we put it right, and whether it is left as it is.
//! Most items have none. One that was put right is forgotten when nobody touched the item again
//! for [`domain::limits::DRIFT_MEMORY`].

use async_trait::async_trait;
use domain::{CalendarKey, Fingerprint, ItemKey, MirrorName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// What must be kept of drift. Every method is one transaction.
#[async_trait]
pub trait DriftStore: Send + Sync {
    /// All drift of a mirror, ordered by calendar and key.
    async fn drifts(&self, mirror: &MirrorName) -> Result<Vec<Drift>, StoreError>;

    /// Writes drift outside of a drain: what an operator released, what is forgotten. Not fenced:
    /// whoever drains the calendar reads it again in its next cycle.
    async fn put_drifts(
        &self,
        mirror: &MirrorName,
        writes: &[DriftWrite],
    ) -> Result<(), StoreError>;
}

/// One write of drift.
#[derive(Debug, Clone, PartialEq)]
pub enum DriftWrite {
    /// Puts it, replacing the one of the same calendar and key.
    Put(Drift),
    /// Removes the one of this calendar and key, if there is one.
    Remove {
        /// In which calendar.
        calendar: CalendarKey,
        /// Which item.
        key: ItemKey,
    },
}

impl DriftWrite {
    /// In which calendar, and of which item.
    #[must_use]
    pub fn place(&self) -> (&CalendarKey, &ItemKey) {
        match self {
            Self::Put(drift) => (&drift.calendar, &drift.key),
            Self::Remove { calendar, key } => (calendar, key),
        }
    }
}

/// What somebody did to one item of ours, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Which item of which entity.
    pub key: ItemKey,
    /// What was done to it, the last time.
    pub change: Change,
    /// The fingerprint that was found; `None` when it was gone or beyond our terms.
    pub found: Option<Fingerprint>,
    /// The fingerprint that the roster wanted: another one is a new matter.
    pub wanted: Fingerprint,
    /// When it was first found.
    pub since: Timestamp,
    /// When it was last found.
    pub seen_at: Timestamp,
    /// When we put it right, the last times.
    pub put_right_at: Vec<Timestamp>,
    /// Who did it, as far as that is known.
    pub rival: Rival,
    /// How it stands.
    pub standing: Standing,
    /// Why what somebody wanted by it was not granted: told in the item for a while.
    #[serde(default)]
    pub refused: Option<Told>,
}

/// What was done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was removed, or moved to another calendar.
    Removed,
    /// It is at another time.
    Moved,
    /// It is at its time, and shows something else.
    Altered,
    /// It cannot be expressed in our terms any more: say, somebody made a series of it.
    Unreadable,
    /// It shows what it should, and its origin tag is gone.
    Untagged,
}

impl Change {
    /// The word for it in reports, metrics and the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Moved => "moved",
            Self::Altered => "altered",
            Self::Unreadable => "unreadable",
            Self::Untagged => "untagged",
        }
    }
}

/// Who changes an item of ours, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rival {
    /// Somebody.
    Somebody,
    /// Something that makes the same change each time, so more likely a program that synchronises
    /// the calendar than a person.
    Program,
    /// A mirror, of this installation or another one: its tag is on the item.
    Mirror(MirrorName),
}

/// How a drift stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was put right.
    PutRight,
    /// It is left as it is, because the mirror is told so.
    Left,
    /// It came back too often: it is left as it is until somebody decides.
    Contested,
    /// An operator said that it is to be put right after all; not done yet.
    Released,
}

impl Standing {
    /// The word for it in reports and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PutRight => "put_right",
            Self::Left => "left",
            Self::Contested => "contested",
            Self::Released => "released",
        }
    }
}

/// Something told in an item, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What: no personal data.
    pub text: String,
    /// Until when.
    pub until: Timestamp,
}
