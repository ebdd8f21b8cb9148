//! Who or what could be chosen: the rules, asked for every candidate. Pure.
//!
//! A candidate is offered when the request would be granted if it were made now. At most
//! [`ELIGIBLE_MAX`] are named, the first by start and id (shifts) or by id (colleagues).

use domain::limits::{ELIGIBLE_CANDIDATES_MAX, ELIGIBLE_MAX};
use domain::{
    Command, EligibilityQuestion, Eligible, EmployeeId, Request, RequestStep, RuleSet, Shift,
    ShiftId, UtcInterval,
};
use jiff::tz::TimeZone;

use super::book::Book;
use super::effect::Grounds;
use super::rules::judge_on;
use crate::port::{Facts, Verdict};

/// Answers `question` by `rules`; see [`super::rules::judge`] for `zone`.
#[must_use]
pub fn eligible(
    rules: &RuleSet,
    zone: &TimeZone,
    question: &EligibilityQuestion,
    facts: &Facts,
) -> Vec<Eligible> {
    let book = Book::of(&facts.entities);
    // Judging makes entities that are thrown away: any id will do.
    let fresh_ids = ["candidate".to_owned()];
    let grounds = Grounds { zone, directory: &facts.directory, book: &book, fresh_ids: &fresh_ids };
    let granted = |request: Request| {
        let command = Command::Request { request, step: RequestStep::Asked };
        matches!(judge_on(rules, facts.now, grounds, &command), Verdict::Granted(_))
    };
    match question {
        EligibilityQuestion::SwapFor { given, within } => {
            let candidates = wanted_for(&book, given, within).into_iter();
            let fits = |wanted: &&Shift| {
                let (given, wanted) = (given.clone(), wanted.id.clone());
                granted(Request::Swap { given, wanted })
            };
            let found = candidates.filter(fits).take(ELIGIBLE_MAX);
            found.map(|it| Eligible::Shift(it.id.clone())).collect()
        }
        EligibilityQuestion::OfferOf { given } => {
            let fits = |to: &&EmployeeId| {
                granted(Request::Offer { given: given.clone(), to: (*to).clone() })
            };
            let found = facts.directory.employees.keys().filter(fits).take(ELIGIBLE_MAX);
            found.cloned().map(Eligible::Employee).collect()
        }
        EligibilityQuestion::TimeOffReasons { employee } => {
            if !facts.directory.employees.contains_key(employee) {
                return vec![];
            }
            let offered = |id: &str| match rules.time_off.get(id) {
                Some(rule) => rule.days_per_year != Some(0) && rule.days_at_once_max != Some(0),
                None => !rules.only_named_reasons,
            };
            let reasons = facts.directory.reasons.keys().filter(|id| offered(id.as_str()));
            reasons.take(ELIGIBLE_MAX).cloned().map(Eligible::Reason).collect()
        }
    }
}

/// Other people's shifts that lie in `within`, by start and id.
fn wanted_for<'a>(book: &Book<'a>, given: &ShiftId, within: &UtcInterval) -> Vec<&'a Shift> {
    let Some(given) = book.shift(given) else { return vec![] };
    let others = book.all_shifts().filter(|it| it.employee != given.employee);
    let inside = others.filter(|it| within.contains(&it.interval));
    let mut found: Vec<&Shift> = inside.take(ELIGIBLE_CANDIDATES_MAX).collect();
    found.sort_unstable_by_key(|it| (it.interval, &it.id));
    found
}
