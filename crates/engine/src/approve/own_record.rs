//! Rosters that are their own record: rules decide. And rosters for which nobody does.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use domain::time::{days_to_interval, local_day};
use domain::{
    Command, CommandKind, Directory, EligibilityQuestion, Eligible, EmployeeId, Entity, Refusal,
    Request, RuleSet, Shift, ShiftId, TimeOffItem, UtcInterval,
};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::book::Book;
use super::effect::Grounds;
use super::eligible::eligible;
use super::rules::{is_too_long, judge, monday_of};
use crate::port::{Decider, Facts, FactsNeeded, Failure, Verdict};

/// Decides by rules, on the facts of the roster.
#[derive(Debug, Clone)]
pub struct OwnRecord {
    /// The rules.
    pub rules: RuleSet,
    /// The zone of employees who have none of their own.
    pub zone: TimeZone,
}

#[async_trait]
impl Decider for OwnRecord {
    fn decides(&self) -> &BTreeSet<CommandKind> {
        &self.rules.decides
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &self.rules.automatic
    }

    fn needs(&self, command: &Command, named: &[Entity], directory: &Directory) -> FactsNeeded {
        let book = Book::of(named);
        let grounds = Grounds { zone: &self.zone, directory, book: &book, fresh_ids: &[] };
        let mut needed = FactsNeeded::default();
        for (employee, interval) in works(command, &book) {
            needed.employees.push((employee.clone(), self.around(&grounds, employee, &interval)));
        }
        if let Some(item) = absence(command) {
            self.needs_of_absence(&grounds, item, &mut needed);
        }
        needed
    }

    async fn decide(
        &self,
        command: &Command,
        facts: &Facts,
        _key: &str,
    ) -> Result<Verdict, Failure> {
        // Nothing is carried out here, so repeating is harmless whatever the key.
        Ok(judge(&self.rules, &self.zone, command, facts))
    }

    fn needs_for(
        &self,
        question: &EligibilityQuestion,
        named: &[Entity],
        directory: &Directory,
    ) -> FactsNeeded {
        let book = Book::of(named);
        let grounds = Grounds { zone: &self.zone, directory, book: &book, fresh_ids: &[] };
        let given = |id: &ShiftId| book.shift(id).map(|it| (&it.employee, it.interval));
        let everybody = match question {
            EligibilityQuestion::SwapFor { given: id, within } => given(id).map(|(who, it)| {
                self.around(&grounds, who, &it).hull(&self.around(&grounds, who, within))
            }),
            EligibilityQuestion::OfferOf { given: id } => {
                given(id).map(|(who, it)| self.around(&grounds, who, &it))
            }
            EligibilityQuestion::TimeOffReasons { employee: _ } => None,
        };
        FactsNeeded { employees: vec![], everybody }
    }

    async fn eligible(
        &self,
        question: &EligibilityQuestion,
        facts: &Facts,
    ) -> Result<Vec<Eligible>, Failure> {
        Ok(eligible(&self.rules, &self.zone, question, facts))
    }
}

impl OwnRecord {
    /// The weeks that `interval` touches, with the rest that must lie before and after and the
    /// work that may adjoin it. A day more on both ends covers every zone.
    fn around(
        &self,
        grounds: &Grounds<'_>,
        employee: &EmployeeId,
        interval: &UtcInterval,
    ) -> UtcInterval {
        let zone = grounds.zone_of(employee);
        let monday = monday_of(local_day(interval.start(), &zone));
        let week = monday
            .checked_add(Span::new().days(7))
            .ok()
            .and_then(|next| days_to_interval(monday, next, &zone).ok());
        let covered = week.map_or(*interval, |week| week.hull(interval));
        let day = Duration::from_secs(24 * 3600);
        let margin = self.rules.rest_min.unwrap_or_default().saturating_add(day);
        let start = covered.start().saturating_sub(margin).unwrap_or(Timestamp::MIN);
        let end = covered.end().saturating_add(margin).unwrap_or(Timestamp::MAX);
        UtcInterval::new(start, end).unwrap_or(covered)
    }

    fn needs_of_absence(
        &self,
        grounds: &Grounds<'_>,
        item: &TimeOffItem,
        needed: &mut FactsNeeded,
    ) {
        let TimeOffItem { employee, reason, interval } = item;
        if is_too_long(interval) {
            // Refused for its length: no facts are needed for that.
            return;
        }
        let zone = grounds.zone_of(employee);
        let rule = reason.as_ref().and_then(|it| self.rules.time_off.get(it.as_str()));
        let mut all = *interval;
        if rule.is_some_and(|rule| rule.days_per_year.is_some()) {
            let (first, last) =
                (local_day(interval.start(), &zone), local_day(interval.end(), &zone));
            let years = last.year().checked_add(1).and_then(|next| {
                let (from, to) = (date(first.year(), 1, 1), date(next.min(9999), 1, 1));
                days_to_interval(from, to, &zone).ok()
            });
            all = years.map_or(all, |years| years.hull(&all));
        }
        needed.employees.push((employee.clone(), all));
        if self.rules.absent_max.is_some() {
            // Whole days, wherever the others count theirs.
            let day = Duration::from_secs(24 * 3600);
            let start = interval.start().saturating_sub(day).unwrap_or(Timestamp::MIN);
            let end = interval.end().saturating_add(day).unwrap_or(Timestamp::MAX);
            needed.everybody = UtcInterval::new(start, end).ok();
        }
    }
}

/// Who would work when, if `command` were granted.
fn works<'a>(command: &'a Command, book: &Book<'a>) -> Vec<(&'a EmployeeId, UtcInterval)> {
    let of = |shift: &'a Shift| (&shift.employee, shift.interval);
    match command {
        Command::CreateShift { item }
        | Command::EditShift { shift: _, item }
        | Command::AssignOpenShift { open_shift: _, item } => vec![(&item.employee, item.interval)],
        Command::Request { request, step: _ } => match request {
            Request::OpenShift { open_shift, employee } => {
                book.open_shift(open_shift).map(|it| (employee, it.interval)).into_iter().collect()
            }
            Request::Swap { given, wanted } => {
                match (book.shift(given).map(of), book.shift(wanted).map(of)) {
                    (Some((giver, given)), Some((other, wanted))) => {
                        vec![(giver, wanted), (other, given)]
                    }
                    (Some(_) | None, _) => vec![],
                }
            }
            Request::Offer { given, to } => {
                book.shift(given).map(|it| (to, it.interval)).into_iter().collect()
            }
            Request::TimeOff { item: _ } => vec![],
        },
        Command::DeleteShift { .. }
        | Command::CreateOpenShift { .. }
        | Command::EditOpenShift { .. }
        | Command::DeleteOpenShift { .. }
        | Command::CreateTimeOff { .. }
        | Command::EditTimeOff { .. }
        | Command::DeleteTimeOff { .. }
        | Command::SetAvailability { .. } => vec![],
    }
}

/// The absence that there would be, if `command` were granted.
fn absence(command: &Command) -> Option<&TimeOffItem> {
    match command {
        Command::CreateTimeOff { item }
        | Command::EditTimeOff { time_off: _, item }
        | Command::Request { request: Request::TimeOff { item }, step: _ } => Some(item),
        Command::CreateShift { .. }
        | Command::EditShift { .. }
        | Command::DeleteShift { .. }
        | Command::CreateOpenShift { .. }
        | Command::EditOpenShift { .. }
        | Command::DeleteOpenShift { .. }
        | Command::AssignOpenShift { .. }
        | Command::DeleteTimeOff { .. }
        | Command::Request { .. }
        | Command::SetAvailability { .. } => None,
    }
}

/// Grants nothing: for rosters whose system of record takes no commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NobodyDecides;

static NOTHING: BTreeSet<CommandKind> = BTreeSet::new();

#[async_trait]
impl Decider for NobodyDecides {
    fn decides(&self) -> &BTreeSet<CommandKind> {
        &NOTHING
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &NOTHING
    }

    fn needs(&self, _: &Command, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn decide(&self, command: &Command, _: &Facts, _: &str) -> Result<Verdict, Failure> {
        Ok(Verdict::Refused(Refusal::NotHere { kind: command.kind() }))
    }

    fn needs_for(&self, _: &EligibilityQuestion, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn eligible(&self, _: &EligibilityQuestion, _: &Facts) -> Result<Vec<Eligible>, Failure> {
        Ok(vec![])
    }
}
