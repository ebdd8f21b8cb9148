//! The situations that one entity can be in, in one calendar. Pure.

use std::sync::Arc;

use domain::{CalendarKey, EmployeeId, Fingerprint, Part, SyncWindow, UtcInterval};
use jiff::Timestamp;

use crate::port::{Intent, IntentState, LedgerRow, Placement, Remote, RemoteItem, Subject};

/// What the roster wants of an entity in a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// It is to be shown.
    Shown(Showing),
    /// It is not to be there.
    Hidden(Hidden),
}

/// Where and how an entity is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showing {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// The fingerprint of what is to be shown.
    pub fingerprint: Fingerprint,
    /// The version of the entity.
    pub version: u32,
    /// Whose it is.
    pub employee: Option<EmployeeId>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
}

/// Why an entity is not to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// It was deleted from the roster, or never was in it.
    Deleted,
    /// This mirror does not show its kind.
    NotShown,
    /// The entity is shown, but not as this item: what it showed is in other items now.
    Recut,
    /// Nobody knows where it belongs, for the reason given.
    Unmapped(String),
    /// The mirror is being purged.
    Purged,
}

/// Turns what the target and the mapping say into what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    /// Where it belongs, all parts of it.
    pub placement: Placement,
    /// The fingerprint of what is to be shown as the main item; `None` when this mirror shows
    /// none.
    pub fingerprint: Option<Fingerprint>,
    /// Further items, ordered by part; `None` for the most of entities.
    pub more: Option<Arc<[PartShown]>>,
}

/// A further item of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartShown {
    /// Which.
    pub part: Part,
    /// The fingerprint of what is to be shown.
    pub fingerprint: Fingerprint,
    /// When it is, where that decides whether it is inside the window; else the entity does.
    pub interval: Option<UtcInterval>,
}

impl Projected {
    /// The further items.
    #[must_use]
    pub fn more(&self) -> &[PartShown] {
        self.more.as_deref().unwrap_or_default()
    }

    /// What is to be shown as one part, and when that is, where not the entity says it.
    fn shown(&self, part: Part) -> Option<(Fingerprint, Option<UtcInterval>)> {
        if part.is_main() {
            return self.fingerprint.map(|fingerprint| (fingerprint, None));
        }
        let found = self.more().binary_search_by_key(&part, |it| it.part).ok()?;
        self.more().get(found).map(|it| (it.fingerprint, it.interval))
    }

    /// Why a part is not to be shown that `rows` may know to be there. What an entity shows in
    /// other items now is not lost with this one; a count is lost where nothing is counted any
    /// more.
    fn hidden(&self, part: Part, rows: &[&LedgerRow]) -> Hidden {
        let elsewhere = match part {
            Part::Main => !self.more().is_empty(),
            Part::Block(_) | Part::LatestStart | Part::EarliestLeave | Part::BreakWindow(_) => {
                self.fingerprint.is_some()
            }
            Part::Count(from) => {
                let end = rows.iter().filter_map(|row| row.ends_at).max();
                self.more()
                    .iter()
                    .filter_map(|it| it.interval)
                    .any(|it| it.end() > from && end.is_some_and(|end| it.start() < end))
            }
        };
        if elsewhere { Hidden::Recut } else { Hidden::NotShown }
    }
}

/// What was seen of one entity in one calendar, this time round.
#[expect(clippy::large_enum_variant, reason = "nearly all that is kept is present")]
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Nobody looked.
    NotLooked,
    /// Looked, and it is not there.
    Absent,
    /// It is there with the etag that the ledger has.
    AsKnown,
    /// It is there. Where the ledger knew nothing of it, its origin tag says that it is ours.
    Present(RemoteItem),
    /// Something that is not ours stands under the remote id that we would use, or holds the
    /// identity that we would use: a new generation is needed.
    Foreign,
}

/// What the ledger knows of one entity in one calendar.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// An intent may have been sent; whether it was applied is not known. `remote` is what was
    /// there before it.
    InDoubt {
        /// What was being done.
        intent: Intent,
        /// What was there before.
        remote: Option<Remote>,
    },
    /// It is there, and nothing is under way.
    There(Remote),
    /// It is not there, and nothing is under way (a refused or postponed creation).
    NotThere,
}

impl Known {
    /// Reads a ledger row.
    #[must_use]
    pub fn of(row: Option<&LedgerRow>) -> Self {
        let Some(row) = row else { return Self::Nothing };
        match (&row.intent, &row.remote) {
            (Some(intent), remote) if intent.state == IntentState::Sent => {
                Self::InDoubt { intent: intent.clone(), remote: remote.clone() }
            }
            (_, Some(remote)) => Self::There(remote.clone()),
            (_, None) => Self::NotThere,
        }
    }
}

/// Whether a ledger row's item lies wholly before the window: history, which is left alone. So is
/// a count that begins with it or before: of what is counted there, not everything is known any
/// more.
#[must_use]
pub fn is_history(row: &LedgerRow, window: &SyncWindow) -> bool {
    let start = window.interval.start();
    match row.part {
        Part::Count(from) => from <= start,
        Part::Main
        | Part::Block(_)
        | Part::LatestStart
        | Part::EarliestLeave
        | Part::BreakWindow(_) => row.ends_at.is_some_and(|ends_at| ends_at <= start),
    }
}

/// What the roster wants of one part of `subject`, given where it belongs and the window. `rows`
/// are the ledger's of that part.
#[must_use]
pub fn desired(
    subject: &Subject,
    (part, rows): (Part, &[&LedgerRow]),
    projected: Option<&Projected>,
    window: &SyncWindow,
) -> Wish {
    let Some(entry) = &subject.entry else {
        return Wish::Now(Desired::Hidden(Hidden::Deleted));
    };
    let Some(projected) = projected else {
        return Wish::Now(Desired::Hidden(Hidden::NotShown));
    };
    let shown = projected.shown(part);
    let interval = shown.and_then(|it| it.1).or_else(|| entry.entity.interval());
    let (calendar, fingerprint) = match (&projected.placement, shown) {
        (Placement::In(calendar), Some((fingerprint, _))) => (calendar.clone(), fingerprint),
        (Placement::In(_), None) => {
            return Wish::Now(Desired::Hidden(projected.hidden(part, rows)));
        }
        (Placement::NotShown, _) => return Wish::Now(Desired::Hidden(Hidden::NotShown)),
        (Placement::Unmapped(reason), shown) => {
            // Where it is already, it is kept true: a lost address is no reason to lose a shift.
            // Not so where it is another employee's by now.
            let theirs = entry.entity.employee();
            let there =
                rows.iter().find(|row| row.remote.is_some() && row.employee.as_ref() == theirs);
            match (there, shown) {
                (Some(row), Some((fingerprint, _))) => (row.calendar.clone(), fingerprint),
                (Some(_) | None, _) => {
                    return Wish::Now(Desired::Hidden(Hidden::Unmapped(reason.clone())));
                }
            }
        }
    };
    let ends_at = interval.map(|interval| interval.end());
    let employee = entry.entity.employee().cloned();
    let version = entry.version;
    let showing = Showing { calendar, fingerprint, version, employee, ends_at };
    match interval {
        Some(interval) if window.admits(&interval) => Wish::Now(Desired::Shown(showing)),
        None => Wish::Now(Desired::Shown(showing)),
        // Outside: what the mirror shows of it inside the window must not become stale.
        Some(interval) if interval.end() <= window.interval.start() => Wish::Past(showing),
        Some(_) => Wish::Later(showing),
    }
}

/// What is wanted, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Wanted now.
    Now(Desired),
    /// It ended before the window: nothing is made of it, and what shows it inside the window is
    /// moved to where it was.
    Past(Showing),
    /// It starts after the window: made when its time comes; what shows it already is kept true.
    Later(Showing),
}

/// One entity in one calendar, with everything that decides what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Situation {
    /// What is wanted there.
    pub desired: Desired,
    /// What the ledger knows.
    pub known: Known,
    /// What was seen this time round.
    pub seen: Seen,
}
