//! Granting in the mirror what the system of record grants without a manager.
//!
//! Such a request is answered first, and granted through the vendor a little later
//! ([`domain::limits::APPROVAL_DELAY`]), as a manager would. The vendor then asks us about that
//! step as about any other; only then the roster changes. So doing it twice, or losing it, is
//! harmless.

use std::time::Duration;

use domain::limits::{APPROVAL_DELAY, APPROVAL_GIVE_UP, APPROVAL_RETRY_MAX, APPROVALS_AT_ONCE_MAX};
use domain::{CalendarKey, MirrorName, RequestStep, RosterName};
use jiff::Timestamp;
use serde::Serialize;

use crate::port::{
    ApprovalCommit, Approver, ChangeSeq, Clock, Entropy, FailureClass, RemoteId, RequestRow, Store,
    StoreError,
};

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DueReport {
    /// Granted in the mirror, or found not to be under way any more.
    pub done: u64,
    /// To be tried again.
    pub postponed: u64,
    /// Left to a manager, after too many tries or because the vendor will not have it.
    pub given_up: Vec<GivenUp>,
}

/// A request that a manager has to decide after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenUp {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Which request, as the vendor calls it.
    pub request: RemoteId,
    /// Why it could not be granted.
    pub why: String,
}

/// Grants the requests of `mirror` that are due, at most [`APPROVALS_AT_ONCE_MAX`]; call it again
/// while the report says that much was done. What fails is tried again after about as long as it
/// has been waiting, so twice as long each time, up to [`APPROVAL_RETRY_MAX`]; after
/// [`APPROVAL_GIVE_UP`] it is left to a manager.
///
/// # Errors
/// When the store fails; what was granted in the mirror by then stays granted, and is asked for
/// again.
pub async fn approve_due(
    store: &dyn Store,
    approver: &dyn Approver,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
    roster: &RosterName,
    mirror: &MirrorName,
) -> Result<DueReport, StoreError> {
    let mut report = DueReport::default();
    let due = store.requests_to_approve(mirror, clock.now(), APPROVALS_AT_ONCE_MAX).await?;
    for row in due {
        let answer = match row.step {
            RequestStep::Asked | RequestStep::Agreed => {
                approver.approve(&row.calendar, row.kind, &row.at).await
            }
            RequestStep::Approved | RequestStep::Declined | RequestStep::Cancelled => Ok(()),
        };
        let now = clock.now();
        let why = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let give_up = || {
            let (calendar, request) = (row.calendar.clone(), row.at.clone());
            GivenUp { calendar, request, why }
        };
        let approve_at = match answer.map_err(|failure| failure.class) {
            Ok(()) | Err(FailureClass::Missing) => {
                report.done += 1;
                None
            }
            Err(FailureClass::Unsupported | FailureClass::Bug) => {
                report.given_up.push(give_up());
                None
            }
            // What is refused and still pending may be granted later: the vendor refuses for as
            // long as it cannot reach us, too.
            Err(
                FailureClass::Refused
                | FailureClass::Throttled { .. }
                | FailureClass::Unavailable
                | FailureClass::Unknown
                | FailureClass::Precondition
                | FailureClass::Duplicate { .. }
                | FailureClass::CalendarMissing
                | FailureClass::DeltaExpired
                | FailureClass::TooLate
                | FailureClass::Unauthorised
                | FailureClass::Forbidden
                | FailureClass::OwnerMissing,
            ) => {
                let again = try_again_at(&row, now, entropy);
                match again {
                    Some(_) => report.postponed += 1,
                    None => report.given_up.push(give_up()),
                }
                again
            }
        };
        put(store, roster, mirror, &row, approve_at, now).await?;
    }
    Ok(report)
}

/// When to try again; `None` when it has been tried long enough.
fn try_again_at(row: &RequestRow, now: Timestamp, entropy: &dyn Entropy) -> Option<Timestamp> {
    let waited = now.duration_since(row.changed_at).unsigned_abs();
    if waited >= APPROVAL_GIVE_UP {
        return None;
    }
    let wait = waited.clamp(APPROVAL_DELAY, APPROVAL_RETRY_MAX);
    // Half of it by chance, so that many that failed together do not come back together.
    let jitter: Duration = wait.mul_f64(entropy.fraction() / 2.0);
    Some(now.saturating_add(wait + jitter).unwrap_or(Timestamp::MAX))
}

/// Puts when it is to be granted, unless it got further meanwhile: our own granting comes back as
/// a step that may have been decided already.
async fn put(
    store: &dyn Store,
    roster: &RosterName,
    mirror: &MirrorName,
    row: &RequestRow,
    approve_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let found = store.requests_at(mirror, std::slice::from_ref(&row.at)).await?;
    let Some(still) = found.into_iter().find(|it| it == row) else { return Ok(()) };
    let commit = ApprovalCommit {
        // Nothing of the roster changes, so this is not looked at.
        expected: ChangeSeq::default(),
        at: now,
        upserts: vec![],
        tombstones: vec![],
        ledger: vec![],
        new_rows: vec![],
        requests: vec![RequestRow { approve_at, ..still }],
        grants: vec![],
        grants_kept_from: Timestamp::MIN,
    };
    store.commit_approvals(roster, mirror, commit).await?;
    Ok(())
}
