//! What somebody who looks after it all is shown of a mirror: a page at a time, however much there
//! is, and of people's events never what they are about.

use async_trait::async_trait;
use domain::{CalendarKey, EntityKey, EventSpan, Fingerprint, MirrorName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AuditId, ConflictRow, Drift, EventChange, EventChangeState, ForeignChange, LedgerRow, Standing,
    StoreError,
};

/// What is asked of a mirror to be shown. Every method reads at most `limit` rows into memory.
#[async_trait]
pub trait OverviewStore: Send + Sync {
    /// Conflicts that stand in a mirror, ordered by calendar, shift and event: those after a
    /// place, or the first ones.
    async fn conflict_page(
        &self,
        mirror: &MirrorName,
        after: Option<&ConflictPlace>,
        limit: usize,
    ) -> Result<Vec<ConflictRow>, StoreError>;

    /// What was set out to be done to people's events: those that are kept longest first, which
    /// are the latest events; then by id.
    async fn change_outlines(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<ChangeOutline>, StoreError>;

    /// Ledger rows that are set aside, and those that a vendor refused and that are tried again;
    /// ordered by key, calendar and part.
    async fn troubled_rows(
        &self,
        mirror: &MirrorName,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError>;

    /// Drift that stands so, ordered by calendar and key.
    async fn standing_drifts(
        &self,
        mirror: &MirrorName,
        standing: Standing,
        limit: usize,
    ) -> Result<Vec<Drift>, StoreError>;
}

/// Where a conflict stands among those of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConflictPlace {
    /// In whose calendar.
    pub calendar: CalendarKey,
    /// Which shift.
    pub shift: EntityKey,
    /// Which event.
    pub event: Fingerprint,
}

impl ConflictPlace {
    /// Of this one.
    #[must_use]
    pub fn of(row: &ConflictRow) -> Self {
        Self { calendar: row.calendar.clone(), shift: row.shift.clone(), event: row.event }
    }
}

/// An event change without what is kept of the event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChangeOutline {
    /// What an operator calls it.
    pub id: AuditId,
    /// In whose calendar.
    pub calendar: CalendarKey,
    /// For the sake of which shifts; at least one, ordered.
    pub shifts: Vec<EntityKey>,
    /// What.
    pub change: ForeignChange,
    /// When the event was.
    pub span: EventSpan,
    /// How far it got.
    pub state: EventChangeState,
    /// When it was decided.
    pub at: Timestamp,
    /// Until when it can be taken back.
    pub kept_until: Timestamp,
}

impl ChangeOutline {
    /// Of this one.
    #[must_use]
    pub fn of(change: &EventChange) -> Self {
        Self {
            id: change.id.clone(),
            calendar: change.calendar.clone(),
            shifts: change.shifts.clone(),
            change: change.change.clone(),
            span: change.span,
            state: change.state.clone(),
            at: change.at,
            kept_until: change.kept_until,
        }
    }
}
