//! Each rule about absences, at its borders.

use std::time::Duration;

use domain::{
    Command, CommandKind, Employee, Entity, Refusal, Request, RequestStep, RuleSet, TimeOffId,
    TimeOffItem, TimeOffRule, TimeOffSpan,
};
use testkit::builders::employee_id;

use super::pages::{
    Page, days, from_to, group_id, leave, lenient, local, make, monday, reason_id, shift, time_off,
    tuesday,
};

fn ask(item: TimeOffItem) -> Command {
    Command::Request { request: Request::TimeOff { item }, step: RequestStep::Asked }
}

fn limited(rule: TimeOffRule) -> RuleSet {
    RuleSet { time_off: [("leave".to_owned(), rule)].into(), ..lenient() }
}

#[test]
fn nobody_works_while_absent_or_is_absent_over_work() {
    let page = Page::new(lenient()).with(Entity::TimeOff(time_off(
        "t",
        "ada",
        days("2026-11-23", "2026-11-24"),
    )));
    let during = leave("ada", "2026-11-23", "2026-11-24").interval;
    let work = |interval| page.refusal(&make(&shift("x", "ada", interval)));
    assert_eq!(work(tuesday("00:00", "08:00")), None);
    assert_eq!(work(monday("08:00", "16:00")), Some(Refusal::Absent { during }));
    let again = ask(leave("ada", "2026-11-22", "2026-11-24"));
    assert_eq!(page.refusal(&again), Some(Refusal::Absent { during }));
    let page = Page::new(lenient()).with_shift("a", "ada", monday("08:00", "16:00"));
    let with = monday("08:00", "16:00");
    let over = ask(leave("ada", "2026-11-23", "2026-11-24"));
    assert_eq!(page.refusal(&over), Some(Refusal::Overlaps { with }));
    assert_eq!(page.refusal(&ask(leave("ada", "2026-11-24", "2026-11-25"))), None);
}

#[test]
fn an_absence_of_whole_days_is_kept_as_days_also_over_a_clock_change() {
    let page = Page::new(lenient());
    let made = |item| {
        let change = page.judge(&Command::CreateTimeOff { item }).unwrap();
        let [Entity::TimeOff(made)] = change.upserts.as_slice() else { panic!("{change:?}") };
        made.clone()
    };
    let spring = made(leave("ada", "2027-03-27", "2027-03-30"));
    assert_eq!(spring, time_off("fresh-1", "ada", days("2027-03-27", "2027-03-30")));
    let interval = monday("08:00", "12:00");
    let part = made(TimeOffItem { interval, ..leave("ada", "2026-11-23", "2026-11-24") });
    assert_eq!(part.span, TimeOffSpan::Timed(interval));
}

#[test]
fn an_absence_may_be_reported_on_its_day_and_not_when_it_is_over() {
    let mut page = Page::new(lenient()).with(Entity::TimeOff(time_off(
        "t",
        "ben",
        days("2026-11-23", "2026-11-24"),
    )));
    let create = Command::CreateTimeOff { item: leave("ada", "2026-11-23", "2026-11-24") };
    let delete = Command::DeleteTimeOff { time_off: TimeOffId::new("t").unwrap() };
    page.now = local("2026-11-23T23:59");
    assert_eq!((page.refusal(&create), page.refusal(&delete)), (None, None));
    page.now = local("2026-11-24T00:00");
    let begun = Some(Refusal::Begun);
    assert_eq!((page.refusal(&create), page.refusal(&delete)), (begun.clone(), begun));
}

#[test]
fn notice_of_an_absence_is_counted_to_its_first_instant() {
    let notice = Duration::from_secs(14 * 24 * 3600);
    let rules = RuleSet { notice: [(CommandKind::TimeOffRequest, notice)].into(), ..lenient() };
    let mut page = Page::new(rules);
    page.now = local("2026-11-23T00:00");
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-07", "2026-12-08"))), None);
    page.now = local("2026-11-23T00:01");
    let late = Some(Refusal::TooLate { notice });
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-07", "2026-12-08"))), late);
}

#[test]
fn the_balance_is_counted_in_days_of_the_calendar_year() {
    let rules = limited(TimeOffRule { days_per_year: Some(5), days_at_once_max: None });
    let page = Page::new(rules).with(Entity::TimeOff(time_off(
        "t",
        "ada",
        days("2026-11-30", "2026-12-03"),
    )));
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-07", "2026-12-09"))), None);
    let spent =
        |left, asked| Some(Refusal::BalanceSpent { reason: "Annual leave".into(), left, asked });
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-07", "2026-12-10"))), spent(2, 3));
    // Two days of this year and five of the next; one more is too many in either.
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-30", "2027-01-06"))), None);
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-29", "2027-01-06"))), spent(2, 3));
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-30", "2027-01-07"))), spent(5, 6));
    let sick =
        TimeOffItem { reason: Some(reason_id("sick")), ..leave("ada", "2026-12-07", "2026-12-20") };
    assert_eq!(page.refusal(&ask(sick)), None);
    assert_eq!(page.refusal(&ask(leave("ben", "2026-12-07", "2026-12-12"))), None);
}

#[test]
fn parts_of_one_day_count_once_and_an_edited_absence_not_against_itself() {
    let rules = limited(TimeOffRule { days_per_year: Some(1), days_at_once_max: None });
    let morning = time_off("t", "ada", TimeOffSpan::Timed(monday("08:00", "10:00")));
    let page = Page::new(rules).with(Entity::TimeOff(morning));
    let whole = leave("ada", "2026-11-23", "2026-11-24");
    let afternoon = TimeOffItem { interval: monday("14:00", "16:00"), ..whole };
    assert_eq!(page.refusal(&ask(afternoon.clone())), None);
    let next_day = TimeOffItem { interval: tuesday("14:00", "16:00"), ..afternoon };
    let spent = Refusal::BalanceSpent { reason: "Annual leave".into(), left: 0, asked: 1 };
    assert_eq!(page.refusal(&ask(next_day.clone())), Some(spent));
    let edit = Command::EditTimeOff { time_off: TimeOffId::new("t").unwrap(), item: next_day };
    assert_eq!(page.refusal(&edit), None);
}

#[test]
fn one_absence_has_so_many_days_and_its_kind_must_be_offered() {
    let rules = limited(TimeOffRule { days_per_year: None, days_at_once_max: Some(5) });
    let rules = RuleSet { only_named_reasons: true, ..rules };
    let page = Page::new(rules);
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-07", "2026-12-12"))), None);
    let longest = Duration::from_secs(5 * 24 * 3600);
    let refusal = Refusal::BadLength { shortest: Duration::from_secs(1), longest };
    assert_eq!(page.refusal(&ask(leave("ada", "2026-12-07", "2026-12-13"))), Some(refusal));
    let sick =
        TimeOffItem { reason: Some(reason_id("sick")), ..leave("ada", "2026-12-07", "2026-12-08") };
    let refusal = Refusal::ReasonNotOffered { reason: "Sick".into() };
    assert_eq!(page.refusal(&ask(sick)), Some(refusal));
}

#[test]
fn only_so_many_of_one_group_are_absent_on_one_local_day() {
    let rules = RuleSet { absent_max: Some(1), ..lenient() };
    let mut page = Page::new(rules)
        .with(Entity::TimeOff(time_off("t", "ben", days("2026-11-24", "2026-11-25"))))
        .with(Entity::TimeOff(time_off("u", "cem", days("2026-11-26", "2026-11-27"))));
    assert_eq!(page.refusal(&ask(leave("ada", "2026-11-25", "2026-11-28"))), None);
    let refusal = Refusal::TooManyAbsent { day: "2026-11-24".parse().unwrap(), allowed: 1 };
    let over = ask(leave("ada", "2026-11-23", "2026-11-25"));
    assert_eq!(page.refusal(&over), Some(refusal.clone()));
    // An hour of the day is enough to be absent on it.
    let hour = from_to("2026-11-24T22:00", "2026-11-24T23:00");
    let part = TimeOffItem { interval: hour, ..leave("ada", "2026-11-23", "2026-11-24") };
    assert_eq!(page.refusal(&ask(part)), Some(refusal));
    let group = Some(group_id("kitchen"));
    let ada = Employee { group, ..Employee::unnamed(employee_id("ada")) };
    page.directory.add(Entity::Employee(ada));
    assert_eq!(page.refusal(&over), None);
}

#[test]
fn an_absurdly_long_absence_is_refused_before_its_days_are_counted() {
    let page = Page::new(limited(TimeOffRule { days_per_year: Some(30), ..Default::default() }));
    let refusal = page.refusal(&ask(leave("ada", "2026-12-01", "2099-01-01")));
    assert!(matches!(refusal, Some(Refusal::BadLength { .. })), "{refusal:?}");
}
