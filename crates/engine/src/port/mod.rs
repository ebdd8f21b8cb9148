//! What the engine needs from outside, and the few words that all ports rely on.
//!
//! - A **source** is the system of record of one roster, read through [`Source`].
//! - A **target** is where a mirror is kept, driven through [`Target`]. Inside it are
//!   **calendars** (a CalDAV collection, a mailbox's calendar, a team's schedule), named by a
//!   [`domain::CalendarKey`].
//! - An **item** is one remote object in a calendar that shows one entity of the roster.
//! - The [`Store`] keeps roster, ledger, leases, feeds and audit; it decides nothing.
//! - [`Clock`] and [`Entropy`] are the only time and chance there are.
//!
//! Implementations live in `connectors`, `store` and `app`; simulated ones in `testkit`.

mod clock;
mod entropy;
mod failure;
mod feed;
mod roster;
mod source;
mod store;
mod target;

pub use clock::Clock;
pub use entropy::Entropy;
pub use failure::{Failure, FailureClass};
pub use feed::{FeedId, FeedKey, FeedLink, FeedStore};
pub use roster::{
    ChangeSeq, Identity, IdentityHint, IngestCommit, IngestReceipt, RosterEntry, RosterIndexRow,
    SourceRef, SourceState, Upsert,
};
pub use source::{Absence, FieldFault, Reading, ReadingKind, Source, SourceEntity, SourceError};
pub use store::{
    AuditEntry, AuditVerb, CalendarState, CommitReceipt, Cursor, Epoch, Fenced, FoundEntity,
    Intent, IntentState, LeaseDomain, LeaseGrant, LedgerCommit, LedgerRow, LedgerWrite,
    MirrorCounts, Remote, ReportRow, RosterCounts, Scope, Store, StoreError, Subject, Trouble,
    Verb,
};
pub use target::{
    Capabilities, Content, ContentForm, DeltaToken, ETag, Finding, FindingLevel, Item, ListEntry,
    Listing, Opened, Placement, Probe, QuotaDeclaration, QuotaScope, Rate, RemoteId, RemoteItem,
    Revision, Sighting, Target, Written,
};
