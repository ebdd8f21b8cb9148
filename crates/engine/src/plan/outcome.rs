//! What the answer to one action means for the ledger, and what to do next. Pure.

use domain::limits::{ATTEMPTS_PER_CYCLE_MAX, QUARANTINE, REFUSALS_BEFORE_QUARANTINE};
use domain::{Fingerprint, Fingerprinter};
use jiff::Timestamp;

use crate::port::{
    AuditVerb, ETag, Failure, FailureClass, Intent, IntentState, LedgerRow, LedgerWrite, Remote,
    RemoteId, Trouble, Verb, Written,
};

/// What was sent: the ledger row as it was made durable before sending (with a `Sent` intent),
/// and what it will mean when it is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The row, with its intent.
    pub row: LedgerRow,
    /// What was to be done.
    pub verb: Verb,
    /// The fingerprint that was sent; for a deletion, the one that was there.
    pub fingerprint: Fingerprint,
    /// The version of the entity that was sent.
    pub version: u32,
    /// Attempts in this cycle, this one included.
    pub attempts: u32,
}

/// What follows from one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// What the ledger says now.
    pub write: LedgerWrite,
    /// What goes into the audit log, with why; `None` when nothing was decided yet.
    pub audit: Option<(AuditVerb, String)>,
    /// What to do next about this entity in this cycle.
    pub next: Next,
}

/// What to do next about one entity in this cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is done.
    Done,
    /// Nothing more in this cycle; a later one goes on.
    Postponed,
    /// It was refused; a later cycle tries again, up to a limit.
    Refused(String),
    /// Plan it again; nothing was applied.
    Again,
    /// It is done, and the target did not tell how the item stands now: look, and keep what is
    /// seen as the echo of what was written.
    Confirm,
    /// Look at it, here if that is known, and plan again.
    Look(Option<RemoteId>),
    /// The identity may be taken by somebody else's item: look, and if nothing of ours is there,
    /// make it under a new generation.
    LookForTaken(Option<RemoteId>),
    /// Make the calendar, then plan it again.
    Reopen,
}

/// Puts into a row what is about to be replaced or removed, as it was seen: when the write turns
/// out not to be applied, the ledger must still say that it is there, and that it is not as
/// wanted.
pub fn keep_what_is_there(
    row: &mut LedgerRow,
    id: &RemoteId,
    etag: Option<&ETag>,
    wanted: Option<Fingerprint>,
) {
    let known = row.remote.take().filter(|it| it.id == *id && Some(it.intended) != wanted);
    let mut remote = known.unwrap_or_else(|| Remote {
        id: id.clone(),
        etag: None,
        intended: Fingerprinter::new("unknown").finish(),
        echoed: None,
        version: 0,
        adopted: false,
    });
    remote.etag = etag.cloned();
    row.remote = Some(remote);
}

/// Settles one attempt.
#[must_use]
pub fn settle(
    attempt: Attempt,
    answer: Result<Option<Written>, Failure>,
    now: Timestamp,
) -> Settled {
    match answer {
        Ok(written) => applied(attempt, written, now),
        Err(failure) => failed(attempt, failure, now),
    }
}

fn applied(attempt: Attempt, written: Option<Written>, now: Timestamp) -> Settled {
    let Attempt { mut row, verb, fingerprint, version, attempts: _ } = attempt;
    let audit = match verb {
        Verb::Create => AuditVerb::Created,
        Verb::Update => AuditVerb::Updated,
        Verb::Delete => AuditVerb::Deleted,
    };
    let mut untold = false;
    let write = match (verb, written) {
        (Verb::Delete, _) => {
            LedgerWrite::Remove { calendar: row.calendar, key: row.key, part: row.part }
        }
        (Verb::Create | Verb::Update, Some(written)) => {
            // Without an etag the item may have been rewritten; only a look tells our own write
            // from a later change by somebody else.
            untold = written.etag.is_none() && written.echoed.is_none();
            row.remote = Some(Remote {
                id: written.remote_id,
                etag: written.etag,
                intended: fingerprint,
                echoed: written.echoed.filter(|echoed| *echoed != fingerprint),
                version,
                adopted: false,
            });
            row.intent = None;
            row.trouble = None;
            row.changed_at = now;
            LedgerWrite::Put(row)
        }
        // A target that says "done" without saying where it is must be looked at.
        (Verb::Create | Verb::Update, None) => {
            let next = Next::Look(None);
            return Settled { write: LedgerWrite::Put(row), audit: None, next };
        }
    };
    let next = if untold { Next::Confirm } else { Next::Done };
    Settled { write, audit: Some((audit, String::new())), next }
}

fn failed(attempt: Attempt, failure: Failure, now: Timestamp) -> Settled {
    match &failure.class {
        FailureClass::Throttled { .. } | FailureClass::TooLate => {
            not_applied(attempt, now, Next::Again)
        }
        FailureClass::Unavailable | FailureClass::DeltaExpired => {
            let tired = attempt.attempts >= ATTEMPTS_PER_CYCLE_MAX;
            not_applied(attempt, now, if tired { Next::Postponed } else { Next::Again })
        }
        FailureClass::Unauthorised => not_applied(attempt, now, Next::Postponed),
        FailureClass::CalendarMissing => match attempt.verb {
            Verb::Delete => gone(attempt),
            Verb::Create | Verb::Update if attempt.attempts >= ATTEMPTS_PER_CYCLE_MAX => {
                not_applied(attempt, now, Next::Postponed)
            }
            Verb::Create | Verb::Update => not_there(attempt, now, Next::Reopen),
        },
        FailureClass::Unknown | FailureClass::Precondition => {
            if attempt.attempts >= ATTEMPTS_PER_CYCLE_MAX {
                let write = LedgerWrite::Put(attempt.row);
                return Settled { write, audit: None, next: Next::Postponed };
            }
            let write = LedgerWrite::Put(attempt.row);
            Settled { write, audit: None, next: Next::Look(None) }
        }
        FailureClass::Duplicate { at } => {
            if attempt.attempts >= ATTEMPTS_PER_CYCLE_MAX {
                return refused(attempt, failure.to_string(), now);
            }
            let next = Next::LookForTaken(at.clone());
            Settled { write: LedgerWrite::Put(attempt.row), audit: None, next }
        }
        FailureClass::Missing => match attempt.verb {
            Verb::Delete => gone(attempt),
            Verb::Create | Verb::Update => not_there(attempt, now, Next::Again),
        },
        // Somebody's address changed, or they left: what was under the old one went with it, or
        // stands under the new one, where it is found by its tag.
        FailureClass::OwnerMissing if attempt.verb == Verb::Delete => gone(attempt),
        FailureClass::OwnerMissing
        | FailureClass::Forbidden
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => refused(attempt, failure.to_string(), now),
    }
}

/// Surely not applied: the intent waits again, and what was there before is still there.
fn not_applied(attempt: Attempt, now: Timestamp, next: Next) -> Settled {
    let Attempt { mut row, attempts: _, verb: _, fingerprint: _, version: _ } = attempt;
    if let Some(intent) = row.intent.as_mut() {
        intent.state = IntentState::Planned;
        intent.attempts += 1;
    }
    row.changed_at = now;
    let audit = match next {
        Next::Postponed => Some((AuditVerb::Deferred, "the target was not available".to_owned())),
        Next::Done
        | Next::Confirm
        | Next::Refused(_)
        | Next::Again
        | Next::Look(_)
        | Next::LookForTaken(_)
        | Next::Reopen => None,
    };
    Settled { write: LedgerWrite::Put(row), audit, next }
}

/// Not there, although we thought so: made anew.
fn not_there(attempt: Attempt, now: Timestamp, next: Next) -> Settled {
    let mut settled = not_applied(attempt, now, next);
    if let LedgerWrite::Put(row) = &mut settled.write {
        row.remote = None;
    }
    settled
}

/// Gone already, as it should be.
fn gone(attempt: Attempt) -> Settled {
    let LedgerRow { calendar, key, part, .. } = attempt.row;
    let audit = Some((AuditVerb::Forgotten, "it was gone already".to_owned()));
    Settled { write: LedgerWrite::Remove { calendar, key, part }, audit, next: Next::Done }
}

/// Refused: counted, tried again in later cycles, set aside after too many times.
fn refused(attempt: Attempt, reason: String, now: Timestamp) -> Settled {
    let Attempt { mut row, fingerprint, verb, attempts: _, version: _ } = attempt;
    let before = row.trouble.take().filter(|trouble| trouble.fingerprint == fingerprint);
    let refusals = before.map_or(0, |trouble| trouble.refusals) + 1;
    let quarantined = refusals >= REFUSALS_BEFORE_QUARANTINE;
    row.trouble = Some(Trouble {
        refusals,
        reason: reason.clone(),
        fingerprint,
        quarantined_at: quarantined.then_some(now),
    });
    // Kept as a waiting intent, so that a later cycle plans it again: the next one, or, when it
    // was refused too often, one in some hours. What was refused may be accepted then.
    let not_before = quarantined.then(|| now.saturating_add(QUARANTINE).unwrap_or(Timestamp::MAX));
    row.intent = Some(Intent {
        verb,
        fingerprint,
        remote_id: row.intent.as_ref().and_then(|intent| intent.remote_id.clone()),
        state: IntentState::Planned,
        attempts: row.intent.as_ref().map_or(0, |intent| intent.attempts) + 1,
        not_before,
    });
    row.changed_at = now;
    let audit = if quarantined { AuditVerb::Quarantined } else { AuditVerb::Refused };
    Settled {
        write: LedgerWrite::Put(row),
        audit: Some((audit, reason.clone())),
        next: Next::Refused(reason),
    }
}
