//! The rules of a roster that is its own record: whether a command is granted.
//!
//! First [`effect`](super::effect) says what the command would change; then every rule looks at
//! the roster as it would be. They are asked in the order of [`RULES`], and the first that says no
//! is the answer:
//!
//! 1. everybody concerned is known, and nothing is absurdly long;
//! 2. what is to be changed has not begun (work) or is not over (absences);
//! 3. an employee asked in time ([`RuleSet::notice`]; what managers do, and a manager's consent to
//!    what was asked in time, needs no notice);
//! 4. the work is of the employee's group; the employee is qualified;
//! 5. no overlap with own work; no work in an absence, no absence over work or absence;
//! 6. rest before and after; work per local day; work per week;
//! 7. the kind of absence may be asked for; days at once; balance of the year; how many of the
//!    group are absent.
//!
//! A rule is only asked about work and absences that the command makes different in what the rule
//! looks at: correcting a note of a shift that breaks a rule already is no new breach. Managers
//! obey the same rules.
//!
//! What was asked or agreed to is judged as if it were approved, and changes nothing yet. What was
//! declined or taken back changes nothing, and is always granted.

mod absences;
mod groups;
mod hours;
pub(crate) use hours::monday_of;
mod known;
pub(crate) use known::is_too_long;
mod overlaps;
mod rest;
mod timely;

use domain::{
    Command, EmployeeId, Entity, EntityKey, EntityKind, Refusal, Request, RequestStep, RuleSet,
    Shift, TimeOff,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::book::{Book, key};
use super::effect::{Grounds, effect};
use crate::port::{Facts, RosterChange, Verdict};

/// A command, what it would change, and what it is judged on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// The instant.
    pub now: Timestamp,
    /// The facts.
    pub grounds: Grounds<'a>,
    /// The command.
    pub command: &'a Command,
    /// What it would change.
    pub change: &'a RosterChange,
    /// Whose work and absences are looked at; everybody's, where nobody is named.
    pub only: Option<&'a EmployeeId>,
}

/// One rule: why it says no, if it does.
pub type Rule = fn(&Case<'_>) -> Option<Refusal>;

/// All rules, in the order in which they are asked.
pub const RULES: [Rule; 15] = [
    known::employees,
    known::length,
    timely::begun,
    timely::notice,
    groups::own_group,
    groups::qualified,
    overlaps::own_work,
    overlaps::absent,
    rest::rest,
    hours::day,
    hours::week,
    absences::reason_offered,
    absences::days_at_once,
    absences::balance,
    absences::absent_max,
];

/// Decides `command` by `rules`. Days are local ones of the employee's zone, or else of `zone`.
#[must_use]
pub fn judge(rules: &RuleSet, zone: &TimeZone, command: &Command, facts: &Facts) -> Verdict {
    let Facts { now, directory, entities, fresh_ids } = facts;
    let book = Book::of(entities);
    let grounds = Grounds { zone, directory, book: &book, fresh_ids };
    judge_on(rules, *now, grounds, command)
}

/// The same on facts that are in order already.
#[must_use]
pub fn judge_on(
    rules: &RuleSet,
    now: Timestamp,
    grounds: Grounds<'_>,
    command: &Command,
) -> Verdict {
    let kind = command.kind();
    if !rules.decides.contains(&kind) {
        return Verdict::Refused(Refusal::NotHere { kind });
    }
    let step = if let Command::Request { request: _, step } = command { Some(*step) } else { None };
    if matches!(step, Some(RequestStep::Declined | RequestStep::Cancelled)) {
        return Verdict::Granted(RosterChange::default());
    }
    let change = match effect(&grounds, command) {
        Ok(change) => change,
        Err(refusal) => return Verdict::Refused(refusal),
    };
    let case = Case { rules, now, grounds, command, change: &change, only: None };
    match RULES.iter().find_map(|rule| rule(&case)) {
        Some(refusal) => Verdict::Refused(discreet(refusal, &case)),
        None if matches!(step, Some(RequestStep::Asked | RequestStep::Agreed)) => {
            Verdict::Granted(RosterChange::default())
        }
        None => Verdict::Granted(change),
    }
}

/// A refusal as the one who asks may hear it: what only a colleague's own hours and absences say
/// no to is not told to somebody who merely asked.
fn discreet(refusal: Refusal, case: &Case<'_>) -> Refusal {
    match &refusal {
        Refusal::Overlaps { .. }
        | Refusal::Absent { .. }
        | Refusal::RestTooShort { .. }
        | Refusal::DayTooLong { .. }
        | Refusal::WeekTooLong { .. }
        | Refusal::NotQualified { .. } => {}
        Refusal::NotHere { .. }
        | Refusal::Unknown
        | Refusal::Outdated
        | Refusal::Begun
        | Refusal::OtherGroup { .. }
        | Refusal::TooLate { .. }
        | Refusal::BalanceSpent { .. }
        | Refusal::TooManyAbsent { .. }
        | Refusal::ReasonNotOffered { .. }
        | Refusal::NoSlotLeft
        | Refusal::NotEligible
        | Refusal::UnknownEmployee
        | Refusal::BadLength { .. }
        | Refusal::NotReachable
        | Refusal::Other { .. } => return refusal,
    }
    let Some(asker) = case.asker() else { return refusal };
    let own = Case { only: Some(asker), ..*case };
    RULES.iter().find_map(|rule| rule(&own)).unwrap_or(Refusal::NotEligible)
}

/// Work or an absence that the command makes or changes.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a, T> {
    /// As it would be.
    pub after: &'a T,
    /// As it was.
    pub before: Option<&'a T>,
}

impl Placed<'_, Shift> {
    /// Whether it would be somebody else's, or at another time.
    fn moved(&self) -> bool {
        self.before.is_none_or(|before| {
            before.employee != self.after.employee || before.interval != self.after.interval
        })
    }
}

impl Placed<'_, TimeOff> {
    /// Whether it would be somebody else's, of another kind, or at another time.
    fn moved(&self) -> bool {
        self.before.is_none_or(|before| {
            before.employee != self.after.employee
                || before.reason != self.after.reason
                || before.span != self.after.span
        })
    }
}

impl<'a> Case<'a> {
    /// The employee who asks something of a colleague, or agrees to what a colleague asked; nobody
    /// where a manager acts, or where only one person is concerned.
    fn asker(&self) -> Option<&'a EmployeeId> {
        let Command::Request { request, step } = self.command else { return None };
        let owner = |id| self.grounds.book.shift(id).map(|it| &it.employee);
        let (giver, colleague) = match request {
            Request::Swap { given, wanted } => (owner(given), owner(wanted)),
            Request::Offer { given, to } => (owner(given), Some(to)),
            Request::OpenShift { .. } | Request::TimeOff { .. } => return None,
        };
        match step {
            RequestStep::Asked => giver,
            RequestStep::Agreed => colleague,
            RequestStep::Approved | RequestStep::Declined | RequestStep::Cancelled => None,
        }
    }

    /// The work that the command makes or changes.
    fn work(&self) -> impl Iterator<Item = Placed<'a, Shift>> {
        let (book, only) = (self.grounds.book, self.only);
        let looked_at =
            move |it: &Placed<'a, Shift>| only.is_none_or(|it_is| it.after.employee == *it_is);
        self.change
            .upserts
            .iter()
            .filter_map(|entity| match entity {
                Entity::Shift(after) => Some(Placed { after, before: book.shift(&after.id) }),
                Entity::Employee(_)
                | Entity::OpenShift(_)
                | Entity::ScheduleGroup(_)
                | Entity::TimeOff(_)
                | Entity::TimeOffReason(_) => None,
            })
            .filter(looked_at)
    }

    /// The absences that the command makes or changes.
    fn absences(&self) -> impl Iterator<Item = Placed<'a, TimeOff>> {
        let book = self.grounds.book;
        self.change.upserts.iter().filter_map(|entity| match entity {
            Entity::TimeOff(after) => Some(Placed { after, before: book.time_off(&after.id) }),
            Entity::Employee(_)
            | Entity::OpenShift(_)
            | Entity::ScheduleGroup(_)
            | Entity::Shift(_)
            | Entity::TimeOffReason(_) => None,
        })
    }

    /// Whether the command leaves an entity as it is.
    fn untouched(&self, key: &EntityKey) -> bool {
        !self.change.tombstones.contains(key)
            && !self.change.upserts.iter().any(|entity| entity.key() == *key)
    }

    /// Somebody's work as it would be.
    fn shifts_after(&self, employee: &EmployeeId) -> Vec<&'a Shift> {
        let stays = self.grounds.book.shifts_of(employee).iter().copied();
        let stays = stays.filter(|it| self.untouched(&key(EntityKind::Shift, (&it.id).into())));
        let placed = self.work().map(|it| it.after).filter(|it| it.employee == *employee);
        stays.chain(placed).collect()
    }

    /// Somebody's absences as they would be.
    fn absences_after(&self, employee: &EmployeeId) -> Vec<&'a TimeOff> {
        let stays = self.grounds.book.absences_of(employee).iter().copied();
        let stays = stays.filter(|it| self.untouched(&key(EntityKind::TimeOff, (&it.id).into())));
        let placed = self.absences().map(|it| it.after).filter(|it| it.employee == *employee);
        stays.chain(placed).collect()
    }
}
