//! Who or what is offered is what would be granted.

use domain::{
    Command, EligibilityQuestion, Eligible, Entity, Request, RequestStep, RuleSet, ShiftId,
    TimeOffRule,
};
use engine::approve::OwnRecord;
use engine::approve::eligible::eligible;
use engine::port::Decider;
use testkit::builders::employee_id;

use super::pages::{Page, berlin, from_to, group_id, leave, monday, reason_id, shift, tuesday};

fn offered(page: &Page, question: &EligibilityQuestion) -> Vec<Eligible> {
    eligible(&page.rules, &berlin(), question, &page.facts())
}

fn id(text: &str) -> ShiftId {
    ShiftId::new(text).expect("a test says it right")
}

fn page() -> Page {
    let mut kitchen = shift("k", "cem", tuesday("06:00", "14:00"));
    kitchen.group = Some(group_id("kitchen"));
    Page::new(RuleSet::default())
        .with_shift("a", "ada", monday("08:00", "16:00"))
        .with_shift("b", "ben", tuesday("08:00", "16:00"))
        .with_shift("c", "ben", from_to("2026-11-26T08:00", "2026-11-26T16:00"))
        .with_shift("d", "ben", from_to("2026-12-26T08:00", "2026-12-26T16:00"))
        .with(Entity::Shift(kitchen))
}

#[test]
fn shifts_are_offered_that_a_swap_would_be_granted_for() {
    let within = from_to("2026-11-23T00:00", "2026-12-01T00:00");
    let question = EligibilityQuestion::SwapFor { given: id("a"), within };
    let page = page();
    let wanted = |id: &str| Eligible::Shift(ShiftId::new(id).unwrap());
    assert_eq!(offered(&page, &question), [wanted("b"), wanted("c")]);
    // Ada works late the evening before: too little rest for the one, not for the other.
    let tired = page.with_shift("e", "ada", monday("18:00", "23:00"));
    assert_eq!(offered(&tired, &question), [wanted("c")]);
    for offer in offered(&tired, &question) {
        let Eligible::Shift(wanted) = offer else { panic!("{offer:?}") };
        let request = Request::Swap { given: id("a"), wanted };
        let command = Command::Request { request, step: RequestStep::Approved };
        assert_eq!(tired.refusal(&command), None);
    }
}

#[test]
fn colleagues_are_offered_who_could_take_the_shift() {
    let question = EligibilityQuestion::OfferOf { given: id("a") };
    let ben = Eligible::Employee(employee_id("ben"));
    let mut kitchen_too = vec![ben.clone()];
    kitchen_too.push(Eligible::Employee(employee_id("cem")));
    assert_eq!(offered(&page(), &question), kitchen_too, "work of no group is for everybody");
    let mut page = page();
    let Some(Entity::Shift(given)) = page.entities.first_mut() else { panic!("a shift") };
    given.group = Some(group_id("ward"));
    assert_eq!(offered(&page, &question), [ben]);
    let gone = EligibilityQuestion::OfferOf { given: id("gone") };
    assert_eq!(offered(&page, &gone), []);
}

#[test]
fn kinds_of_absence_are_offered_that_can_be_had() {
    let question = EligibilityQuestion::TimeOffReasons { employee: employee_id("ada") };
    let reason = |id: &str| Eligible::Reason(reason_id(id));
    let mut page = page();
    assert_eq!(offered(&page, &question), [reason("leave"), reason("sick")]);
    let none = TimeOffRule { days_per_year: Some(0), days_at_once_max: None };
    page.rules.time_off = [("leave".to_owned(), none)].into();
    assert_eq!(offered(&page, &question), [reason("sick")]);
    page.rules.only_named_reasons = true;
    assert_eq!(offered(&page, &question), []);
    let nobody = EligibilityQuestion::TimeOffReasons { employee: employee_id("nobody") };
    assert_eq!(offered(&page, &nobody), []);
}

#[test]
fn the_facts_that_are_asked_for_cover_the_week_and_the_rest() {
    let page = page();
    let decider = OwnRecord { rules: page.rules.clone(), zone: berlin() };
    let request = Request::Swap { given: id("a"), wanted: id("b") };
    let command = Command::Request { request, step: RequestStep::Asked };
    let needed = decider.needs(&command, &page.entities, &page.directory);
    let week = from_to("2026-11-22T13:00", "2026-11-30T11:00");
    for (who, there) in ["ada", "ben"].into_iter().zip(&needed.employees) {
        assert_eq!(there.0, employee_id(who));
        assert!(there.1.contains(&week), "{}", there.1);
    }
    assert_eq!(needed.everybody, None);
    let rule = TimeOffRule { days_per_year: Some(5), days_at_once_max: None };
    let time_off = [("leave".to_owned(), rule)].into();
    let rules = RuleSet { time_off, absent_max: Some(1), ..page.rules.clone() };
    let decider = OwnRecord { rules, zone: berlin() };
    let item = leave("ada", "2026-12-30", "2027-01-03");
    let command = Command::CreateTimeOff { item: item.clone() };
    let needed = decider.needs(&command, &[], &page.directory);
    let years = from_to("2026-01-01T00:00", "2028-01-01T00:00");
    assert!(needed.employees[0].1.contains(&years), "{}", needed.employees[0].1);
    assert!(needed.everybody.is_some_and(|it| it.contains(&item.interval)));
}
