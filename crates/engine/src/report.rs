//! What a cycle did: counts, problems, and whether it is finished.

use std::collections::BTreeSet;

use domain::{CalendarKey, EmployeeId, EntityKey, ItemKey, RosterName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::guard::{DeletionCount, GuardRefusal};
use crate::port::{CalendarState, DeltaToken, FieldFault, RemoteId, RemoteItem, Verb};
use crate::run::conflicts::EventRefusal;
use crate::run::cycle::CycleError;

/// Problems named one by one in a report; the rest are counted.
const PROBLEMS_MAX: usize = 100;

/// Items of others named one by one in a report; the rest are counted.
const OTHERS_TOLD_MAX: usize = 100;

/// What one cycle of one mirror did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CycleReport {
    /// Items made.
    pub created: u64,
    /// Items replaced.
    pub updated: u64,
    /// Items removed.
    pub deleted: u64,
    /// Items that were as they should be.
    pub unchanged: u64,
    /// Items found as they should be, without having known of them.
    pub adopted: u64,
    /// Items refused or postponed.
    pub failed: u64,
    /// Items left for later on purpose.
    pub held: u64,
    /// Items set aside after repeated refusals.
    pub quarantined: u64,
    /// Requests sent.
    pub requests: u64,
    /// Calendars that were drained.
    pub calendars: u64,
    /// Calendars that were not drained to the end, so that what changed there may not be known.
    #[serde(skip)]
    pub cut: BTreeSet<CalendarKey>,
    /// Calendars that another process was draining, so that they were left to it.
    pub busy: u64,
    /// Times that what was written to a calendar was published.
    pub published: u64,
    /// Items seen that are not ours (only when mirrors were read back).
    pub foreign: u64,
    /// Those of them that stand where ours do and carry no mark that tells them apart, so that
    /// people see them beside the roster; the first 100.
    pub others: Vec<OtherItem>,
    /// Events of people that stand in the way.
    pub conflicts: ConflictReport,
    /// Items that somebody had changed and that were put right.
    pub drifted: u64,
    /// Items that somebody changed and that are left as they are.
    pub left: u64,
    /// Items that somebody changes back each time, so that they are left.
    pub contested: u64,
    /// Requests that people made by changing items, and that were granted.
    pub granted: u64,
    /// Those that were refused, and put right.
    pub refused_requests: u64,
    /// Copies that somebody made of our items, as far as that shows: theirs.
    pub copies: u64,
    /// Whether everything that was to be done was tried.
    pub complete: bool,
    /// Problems, the first 100.
    pub problems: Vec<Problem>,
    /// Entities that belong to no calendar, by reason.
    pub unmapped: Vec<Unmapped>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the guard refused, if it did.
    #[serde(serialize_with = "as_text")]
    pub refused: Option<GuardRefusal>,
}

fn as_text<T: ToString, S: serde::Serializer>(
    refusal: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    refusal.as_ref().map(ToString::to_string).serialize(serializer)
}

/// What a cycle did about events of people that stand in the way. How many stand there now, the
/// store tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConflictReport {
    /// Calendars that were looked at.
    pub looked: u64,
    /// Calendars that could not be looked at, or were another process's.
    pub unread: u64,
    /// Events that were changed.
    pub changed: u64,
    /// Changes that wait for another cycle, because of a limit or the guard.
    pub put_off: u64,
    /// Changes whose outcome is not known yet.
    pub in_doubt: u64,
    /// Changes that were not made.
    pub failed: u64,
    /// What the guard refused, if it did.
    #[serde(serialize_with = "as_text")]
    pub refused: Option<EventRefusal>,
}

impl ConflictReport {
    /// Whether everything was looked at and done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        let Self { looked: _, unread, changed: _, put_off, in_doubt, failed, refused } = self;
        *unread == 0 && *put_off == 0 && *in_doubt == 0 && *failed == 0 && refused.is_none()
    }
}

/// Entities that belong to no calendar, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmapped {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Whose they are: the first of them, at most [`domain::limits::UNMAPPED_NAMED_MAX`]. Empty
    /// where they are nobody's.
    #[serde(default)]
    pub employees: Vec<EmployeeId>,
    /// How many employees more.
    #[serde(default)]
    pub employees_more: u64,
}

impl Unmapped {
    /// What there is to tell somebody who may know whose it is; not for logs.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { reason, count, employees, employees_more } = self;
        let mut text = format!("{count} belong to no calendar: {reason}");
        if !employees.is_empty() {
            let names: Vec<String> = employees.iter().map(|it| format!("`{it}`")).collect();
            text.push_str(&format!(" ({}", names.join(", ")));
            if *employees_more > 0 {
                text.push_str(&format!(" and {employees_more} more"));
            }
            text.push(')');
        }
        text
    }
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// With which entity, if with one.
    pub key: Option<EntityKey>,
    /// What; no personal data, no secrets.
    pub reason: String,
}

/// What one drain of one calendar did.
#[derive(Debug)]
pub struct CalendarReport {
    /// Which calendar.
    pub calendar: CalendarKey,
    /// Items made, replaced, removed, adopted, failed, held, set aside; items seen.
    pub created: u64,
    /// Items replaced.
    pub updated: u64,
    /// Items removed.
    pub deleted: u64,
    /// Items found as they should be.
    pub adopted: u64,
    /// Items refused or postponed.
    pub failed: u64,
    /// Items left for later on purpose.
    pub held: u64,
    /// Items set aside.
    pub quarantined: u64,
    /// Items that are not ours.
    pub foreign: u64,
    /// Items that somebody had changed and that were put right.
    pub drifted: u64,
    /// Items that somebody changed and that are left as they are.
    pub left: u64,
    /// Items that somebody changes back each time, so that they are left.
    pub contested: u64,
    /// Requests that people made by changing items, and that were granted.
    pub granted: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Copies that somebody made of our items.
    pub copies: u64,
    /// Items of ours that the ledger did not know.
    pub unknown_ours: u64,
    /// Times that it was published.
    pub published: u64,
    /// Entities to be planned again once all calendars are done.
    pub again: Vec<EntityKey>,
    /// Items of ours that nobody knows: removed once the guard has seen how many there are.
    pub orphans: Vec<(ItemKey, RemoteItem)>,
    /// Items of others that are to go, once the guard has seen how many there are.
    pub others: Vec<RemoteItem>,
    /// Items of others that stay beside ours.
    pub others_left: Vec<OtherItem>,
    /// Items that people removed: the record is asked to delete them once the guard has seen how
    /// many there are.
    pub asks: Vec<ItemKey>,
    /// How far it was read, which counts once what is left for later is done.
    pub position: Option<Position>,
    /// Whether it is to be published once it is drained again in this cycle.
    pub publish_later: bool,
    /// Whether the queue was emptied.
    pub complete: bool,
    /// Whether somebody else took the calendar over.
    pub taken_over: bool,
    /// Why it stopped early.
    pub stopped: Option<String>,
    /// The store failed.
    pub store_error: Option<CycleError>,
    /// Problems with single items.
    pub problems: Vec<Problem>,
}

/// An item of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherItem {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// Which, as the vendor calls it.
    pub id: RemoteId,
    /// When it is over, where that is known.
    pub ends_at: Option<Timestamp>,
}

/// How far a calendar was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The calendar, as far as what was read is in the ledger.
    pub state: CalendarState,
    /// Where the next reading of changes begins, once the rest is.
    pub token: DeltaToken,
}

impl CalendarReport {
    /// Whether something is left for a later drain of the same cycle.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        !(self.orphans.is_empty() && self.others.is_empty() && self.asks.is_empty())
    }

    /// Nothing done yet.
    #[must_use]
    pub fn new(calendar: CalendarKey) -> Self {
        Self {
            calendar,
            created: 0,
            updated: 0,
            deleted: 0,
            adopted: 0,
            failed: 0,
            held: 0,
            quarantined: 0,
            foreign: 0,
            drifted: 0,
            left: 0,
            contested: 0,
            granted: 0,
            refused: 0,
            copies: 0,
            unknown_ours: 0,
            published: 0,
            again: Vec::new(),
            orphans: Vec::new(),
            others: Vec::new(),
            others_left: Vec::new(),
            asks: Vec::new(),
            position: None,
            publish_later: false,
            complete: false,
            taken_over: false,
            stopped: None,
            store_error: None,
            problems: Vec::new(),
        }
    }

    /// One item was written.
    pub fn count(&mut self, verb: Verb) {
        match verb {
            Verb::Create => self.created += 1,
            Verb::Update => self.updated += 1,
            Verb::Delete => self.deleted += 1,
        }
    }

    /// One item was refused or postponed.
    pub fn fail(&mut self, key: EntityKey, reason: String) {
        self.failed += 1;
        if self.problems.len() < PROBLEMS_MAX {
            let calendar = self.calendar.clone();
            self.problems.push(Problem { calendar, key: Some(key), reason });
        }
    }
}

impl CycleReport {
    /// People removed so many items that the record is not asked to delete them.
    pub fn too_many_removed(&mut self, calendar: CalendarKey, refusal: &GuardRefusal) {
        let DeletionCount { present, deletions } = refusal.count;
        let reason = format!(
            "people removed {deletions} of {present} items at once: they are put right, and the \
             system of record was not asked to delete them; what is meant is deleted there"
        );
        self.problem(calendar, reason);
    }

    /// Adds what one calendar's drain did.
    ///
    /// # Errors
    /// When the store had failed.
    pub fn absorb(&mut self, mut calendar: CalendarReport) -> Result<(), CycleError> {
        if let Some(error) = calendar.store_error.take() {
            return Err(error);
        }
        self.created += calendar.created;
        self.updated += calendar.updated;
        self.deleted += calendar.deleted;
        self.adopted += calendar.adopted;
        self.failed += calendar.failed;
        self.held += calendar.held;
        self.quarantined += calendar.quarantined;
        self.foreign += calendar.foreign;
        let room = OTHERS_TOLD_MAX.saturating_sub(self.others.len());
        self.others.extend(calendar.others_left.into_iter().take(room));
        self.drifted += calendar.drifted;
        self.left += calendar.left;
        self.contested += calendar.contested;
        self.granted += calendar.granted;
        self.refused_requests += calendar.refused;
        self.copies += calendar.copies;
        self.published += calendar.published;
        self.calendars += 1;
        self.complete &= calendar.complete;
        if !calendar.complete {
            self.cut.insert(calendar.calendar.clone());
        }
        if calendar.taken_over {
            let reason = "taken over by another process".to_owned();
            self.problem(calendar.calendar.clone(), reason);
        }
        if let Some(reason) = calendar.stopped {
            self.problem(calendar.calendar.clone(), reason);
        }
        for problem in calendar.problems {
            if self.problems.len() < PROBLEMS_MAX {
                self.problems.push(problem);
            }
        }
        Ok(())
    }

    /// Notes a problem with a whole calendar.
    pub fn problem(&mut self, calendar: CalendarKey, reason: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { calendar, key: None, reason });
        }
    }

    /// Whether everything is as it should be now.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.complete && self.failed == 0 && self.refused.is_none() && self.conflicts.is_done()
    }

    /// Writes of every kind.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}

/// What one ingest of one roster did.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestReport {
    /// Which roster.
    pub roster: RosterName,
    /// Whether the source said that nothing changed.
    pub unread: bool,
    /// New or changed entities.
    pub upserted: u64,
    /// Deleted entities.
    pub deleted: u64,
    /// Entities that mean the same as before.
    pub unchanged: u64,
    /// Decisions that an operator should know of.
    pub notes: Vec<FieldFault>,
    /// Rows left out because the operator chose so.
    pub skipped: Vec<FieldFault>,
    /// When.
    pub at: Timestamp,
}

impl IngestReport {
    /// This part of a reading, and the one after it.
    #[must_use]
    pub fn and(mut self, part: Self) -> Self {
        self.notes.extend(part.notes);
        self.skipped.extend(part.skipped);
        Self {
            unread: self.unread && part.unread,
            upserted: self.upserted + part.upserted,
            deleted: self.deleted + part.deleted,
            unchanged: self.unchanged + part.unchanged,
            at: part.at,
            ..self
        }
    }
}
