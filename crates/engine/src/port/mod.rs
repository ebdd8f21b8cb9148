//! What the engine needs from outside, and the few words that all ports rely on.
//!
//! - A **source** is the system of record of one roster, read through [`Source`].
//! - A **target** is where a mirror is kept, driven through [`Target`]. Inside it are
//!   **calendars** (a CalDAV collection, a mailbox's calendar, a team's schedule), named by a
//!   [`domain::CalendarKey`].
//! - An **item** is one remote object in a calendar that shows one entity of the roster.
//! - What people ask for in a mirror arrives at an [`Inbound`], and goes through [`Approvals`] to
//!   a [`Decider`]: the system of record.
//! - What is in people's calendars beside our items is reached through [`ForeignEvents`].
//! - [`Hooks`] take vendors' hints that something changed.
//! - The [`Store`] keeps roster, ledger, leases, feeds and audit; it decides nothing.
//! - [`Clock`] and [`Entropy`] are the only time and chance there are.
//!
//! Implementations live in `connectors`, `store` and `app`; simulated ones in `testkit`.

mod api;
mod approval;
mod approval_store;
mod clock;
mod conflict;
mod decider;
mod drift;
mod entropy;
mod failure;
mod feed;
mod foreign;
mod hooks;
mod ledger;
mod overview;
mod part_store;
mod roster;
mod source;
mod store;
mod sync_job;
mod target;

pub use api::{
    ApiCall, ApiClient, ApiScope, ApiStore, ApiToken, ChangedEntity, ClientId, EntityFilter,
    JobAdded, KeptAnswer, PagePlace, ScheduleCommit, StoredEntity, UnknownScope,
};
pub use approval::{
    Answer, Approvals, Approver, Ask, AskWhat, AskedQuestion, AskedRequest, Inbound, InboundCall,
    InboundReply, Landing, Offered,
};
pub use approval_store::{ApprovalCommit, ApprovalStore, Grant, RequestRow};
pub use clock::Clock;
pub use conflict::{
    AuditId, AuditIdError, ChangesOf, ConflictCounts, ConflictRow, ConflictStore, ConflictWrite,
    EventChange, EventChangeState, Left, MeetingNote,
};
pub use decider::{Decider, Facts, FactsNeeded, RosterChange, Verdict};
pub use drift::{Change, Drift, DriftStore, DriftWrite, Rival, Standing, Told};
pub use entropy::Entropy;
pub use failure::{Failure, FailureClass};
pub use feed::{FeedId, FeedKey, FeedLink, FeedStore};
pub use foreign::{
    ForeignChange, ForeignEvent, ForeignEvents, ForeignRole, ForeignShowAs, KeptEvent,
    MeetingContext, Response,
};
pub use hooks::{
    HookCall, HookMessage, HookStore, Hooks, KeptSubscription, Notice, NoticeKind, Proof,
    Subscription, Topic,
};
pub use ledger::{Intent, IntentState, LedgerRow, LedgerWrite, Remote, Trouble, Verb};
pub use overview::{ChangeOutline, ConflictPlace, OverviewStore};
pub use part_store::{PartStore, SourceMark};
pub use roster::{
    ChangeSeq, Identity, IdentityHint, IngestCommit, IngestReceipt, RosterEntry, RosterIndexRow,
    SourceRef, SourceState, Upsert,
};
pub use source::{
    Absence, FieldFault, Marks, Reading, ReadingKind, ReadingPart, Resume, Source, SourceEntity,
    SourceError,
};
pub use store::{
    AuditEntry, AuditVerb, CalendarState, CommitReceipt, Cursor, Epoch, Fenced, FoundEntity,
    LeaseDomain, LeaseGrant, LedgerCommit, MirrorCounts, ReportRow, RosterCounts, Scope, Store,
    StoreError, Subject,
};
pub use sync_job::{JobError, JobStatus, MirrorTally, SyncJob, SyncOrder};
pub use target::{
    Capabilities, Content, ContentForm, DeltaToken, ETag, Finding, FindingLevel, Item,
    ItemIdentity, ListEntry, Listing, Opened, Placement, Probe, QuotaDeclaration, QuotaScope, Rate,
    RemoteId, RemoteItem, Revision, Sighting, Target, Write, WriteWhat, Written, write_one,
    write_one_by_one,
};
