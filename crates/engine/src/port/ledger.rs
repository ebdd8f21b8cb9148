//! One row of the ledger, and how it is written.
//!
//! The **ledger** has one row per calendar, entity and part of it. A row carries the state of the
//! last **intent**: what we set out to write. Intents are durable before anything is sent; that
//! makes the ledger the outbox as well, and a crash leaves a question ("was it applied?") instead
//! of a lie. See `docs/adr/0004`, and `docs/adr/0013` for parts.

use domain::{CalendarKey, EmployeeId, EntityKey, Fingerprint, ItemKey, Part};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ETag, RemoteId};

/// What we know of one item of one entity in one calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerRow {
    /// Kind and id.
    pub key: EntityKey,
    /// Which of the entity's items.
    pub part: Part,
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Whose it is, where it is somebody's.
    pub employee: Option<EmployeeId>,
    /// How often the item had to be made anew under another remote id.
    pub generation: u32,
    /// The item, as far as we know that it is there.
    pub remote: Option<Remote>,
    /// What we set out to do and do not know to be done.
    pub intent: Option<Intent>,
    /// Refusals in a row, and the last reason.
    pub trouble: Option<Trouble>,
    /// When the entity ends; rows that ended before the window are left alone.
    pub ends_at: Option<Timestamp>,
    /// When this row last changed.
    pub changed_at: Timestamp,
}

impl LedgerRow {
    /// Which item it is about.
    #[must_use]
    pub fn item(&self) -> ItemKey {
        ItemKey { entity: self.key.clone(), part: self.part }
    }
}

/// An item that we know to be in a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Where it is.
    pub id: RemoteId,
    /// Its version, when known; an item without one is looked at before it is changed.
    pub etag: Option<ETag>,
    /// The fingerprint that we wrote, or adopted as equal to what we would have written.
    pub intended: Fingerprint,
    /// The fingerprint as the target echoed it, where that differs from what we wrote.
    pub echoed: Option<Fingerprint>,
    /// Version of the entity that it shows.
    pub version: u32,
    /// Whether somebody else made it, and we took it over because it shows what we would have
    /// made. Our first write to it makes it ours.
    pub adopted: bool,
}

/// What we set out to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Make, replace or remove.
    pub verb: Verb,
    /// The fingerprint to be written; the one to be removed for [`Verb::Delete`].
    pub fingerprint: Fingerprint,
    /// Where it will be, when that is known beforehand.
    pub remote_id: Option<RemoteId>,
    /// How far it got.
    pub state: IntentState,
    /// Attempts so far, over cycles.
    pub attempts: u32,
    /// Not to be tried again before this instant.
    pub not_before: Option<Timestamp>,
}

/// Make, replace or remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Make a new item.
    Create,
    /// Replace an item in place.
    Update,
    /// Remove an item.
    Delete,
}

/// How far an intent got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// Surely not sent, or surely not applied; waits for its time.
    Planned,
    /// May have been sent, so may have been applied. To be settled by looking.
    Sent,
}

/// Refusals in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How many.
    pub refusals: u32,
    /// The last reason; no personal data, no secrets.
    pub reason: String,
    /// The fingerprint that was refused: another one gets a new chance.
    pub fingerprint: Fingerprint,
    /// When it was set aside, if it was.
    pub quarantined_at: Option<Timestamp>,
}

/// One row write.
#[expect(clippy::large_enum_variant, reason = "nearly all are puts, by the hundred")]
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerWrite {
    /// Puts the row, replacing the one for the same calendar, key and part.
    Put(LedgerRow),
    /// Removes the row for this calendar, key and part, if there is one.
    Remove {
        /// In which calendar.
        calendar: CalendarKey,
        /// Which entity.
        key: EntityKey,
        /// Which of its items.
        part: Part,
    },
}

impl LedgerWrite {
    /// Which row it writes.
    #[must_use]
    pub fn place(&self) -> (&CalendarKey, ItemKey) {
        match self {
            Self::Put(row) => (&row.calendar, row.item()),
            Self::Remove { calendar, key, part } => {
                (calendar, ItemKey { entity: key.clone(), part: *part })
            }
        }
    }
}
