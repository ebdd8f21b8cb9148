//! What the store keeps of a roster, and how an ingest changes it.

use domain::{Entity, EntityKey, Fingerprint};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::DeltaToken;

/// Position in the one monotonic change sequence of a roster; the first change has 1.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ChangeSeq(pub i64);

/// Where an entity's id comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The source names it; the id is for ever.
    Native,
    /// The source has no ids. Ingest gives one, and keeps it over changes by pairing what is new
    /// with what was there; see `ingest::pair`.
    Assigned {
        /// Hash of whatever else the source says in the same record: it tells apart two records
        /// whose entities mean the same, and helps to recognise one that moved.
        twin: Fingerprint,
    },
}

/// Where an entity stands in its source: `exports/week-48.csv:17`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef(pub String);

/// One live entity of a roster.
#[derive(Debug, Clone, PartialEq)]
pub struct RosterEntry {
    /// The entity.
    pub entity: Entity,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Counts its changes of meaning; the first version is 1.
    pub version: u32,
    /// When it was last changed in the roster.
    pub changed_at: Timestamp,
    /// Where that change stands in the sequence.
    pub seq: ChangeSeq,
    /// Where it stood in the source when it last changed.
    pub at: SourceRef,
}

/// What an ingest must know of every live entity to find what changed; small, because there may
/// be a million.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterIndexRow {
    /// Kind and id.
    pub key: EntityKey,
    /// What it means.
    pub fingerprint: Fingerprint,
    /// Set when its id was assigned; see [`Identity::Assigned`].
    pub twin: Option<Fingerprint>,
    /// When it ends; `None` for kinds that do not lie in time.
    pub ends_at: Option<Timestamp>,
    /// When it starts; `None` for kinds that do not lie in time.
    pub starts_at: Option<Timestamp>,
}

/// An id that `recover` read back from a mirror: the next ingest gives it to an entity of the
/// same meaning, so that a lost store does not renumber the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityHint {
    /// Kind and id.
    pub key: EntityKey,
    /// The fingerprint of the entity when it was written to the mirror.
    pub fingerprint: Fingerprint,
}

/// One new or changed entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Upsert {
    /// The entity, with its final id.
    pub entity: Entity,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Set when its id was assigned.
    pub twin: Option<Fingerprint>,
    /// Where it stands in the source.
    pub at: SourceRef,
}

/// What is remembered of the last reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// What the source gave to resume from.
    pub token: Option<DeltaToken>,
    /// Start of the window that was read, so that a wider one is read in full.
    pub window_start: Option<Timestamp>,
    /// End of the window that was read.
    pub window_end: Option<Timestamp>,
    /// When it was last read.
    pub read_at: Option<Timestamp>,
}

/// All that one ingest changes; stored in one transaction or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestCommit {
    /// New and changed entities; each gets the next place in the change sequence and a version
    /// one higher than before (also after a tombstone), starting at 1.
    pub upserts: Vec<Upsert>,
    /// Deleted entities: kept as tombstones, with a place in the sequence.
    pub tombstones: Vec<EntityKey>,
    /// Where to resume.
    pub state: SourceState,
    /// The instant of the ingest.
    pub at: Timestamp,
    /// The sequence this ingest was computed against: when it has moved on since, the store
    /// refuses ([`super::StoreError::Superseded`]) and nothing changes.
    pub expected: ChangeSeq,
    /// Whether identity hints were used up and are to be dropped.
    pub drop_hints: bool,
    /// What the source wants remembered under these names, or forgotten.
    pub marks: Vec<(String, Option<String>)>,
}

/// What an ingest did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestReceipt {
    /// The last place in the sequence.
    pub seq: ChangeSeq,
}
