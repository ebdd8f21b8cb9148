//! One ask at a time: what is granted is in the roster and in the ledger, and what is not is
//! nowhere.

use std::time::Duration;

use domain::limits::ASK_SETTLE_MARGIN;
use domain::{
    AvailabilityItem, CommandKind, Entity, EntityKind, Refusal, RequestStep, RuleSet, ScheduleItem,
    TimeOffRule,
};
use engine::approve::NobodyDecides;
use engine::port::{
    Answer, Approvals, AskWhat, AskedQuestion, AskedRequest, IntentState, Offered, Verb,
};
use std::sync::Arc;
use testkit::builders::employee_id;

use super::office::{Office, approval, at, create, granted, key, refused, shown, step};
use super::pages::{from_to, leave, lenient, local, monday, open_shift, reason_id, shift, tuesday};

fn two_shifts() -> Vec<Entity> {
    vec![
        Entity::Shift(shift("a", "ada", monday("08:00", "16:00"))),
        Entity::Shift(shift("b", "ben", tuesday("08:00", "16:00"))),
    ]
}

#[tokio::test]
async fn a_roster_for_which_nobody_decides_refuses_everything_politely() {
    let office = Office::open(lenient(), two_shifts()).await;
    let desk = office.desk_of(Arc::new(NobodyDecides), 1);
    assert!(desk.kinds().is_empty());
    let a = office.remote(EntityKind::Shift, "a").await;
    let before = office.seq().await;
    let delete = office.ask(AskWhat::Delete { at: a, kind: EntityKind::Shift });
    let kind = CommandKind::Shift;
    assert_eq!(desk.decide(delete).await, Answer::Refused(Refusal::NotHere { kind }));
    let at = at("SREQ");
    let cancel = AskWhat::Request {
        at,
        request: None,
        step: RequestStep::Cancelled,
        makes: vec![],
        declines: vec![],
    };
    assert_eq!(desk.decide(office.ask(cancel)).await, Answer::Refused(Refusal::Unknown));
    assert_eq!(office.seq().await, before);
}

#[tokio::test]
async fn a_shift_made_by_a_person_is_in_the_roster_and_waited_for() {
    let office = Office::open(lenient(), []).await;
    let item = shown("ada", monday("08:00", "16:00"));
    let what = create("SHFT_1", ScheduleItem::Shift(item.clone()));
    assert!(granted(&office.asked(what).await));
    let [Entity::Shift(made)] = &office.roster().await[..] else { panic!("one shift") };
    assert_eq!((&made.employee, made.interval), (&item.employee, item.interval));
    let row = office.row_at("SHFT_1").await.unwrap();
    let intent = row.intent.unwrap();
    assert_eq!((row.remote, intent.verb, intent.state), (None, Verb::Create, IntentState::Sent));
    let deadline = office.now() + Duration::from_secs(30) + ASK_SETTLE_MARGIN;
    assert_eq!(intent.not_before, Some(deadline));
    assert_eq!(intent.fingerprint, ScheduleItem::Shift(item).fingerprint());
}

#[tokio::test]
async fn a_refused_ask_leaves_nothing_behind() {
    let office = Office::open(RuleSet::default(), two_shifts()).await;
    let before = (office.seq().await, office.roster().await);
    let a = office.remote(EntityKind::Shift, "a").await;
    let b = office.remote(EntityKind::Shift, "b").await;
    let late = shown("ada", from_to("2026-11-24T00:00", "2026-11-24T07:00"));
    let answer = office.asked(create("SHFT_1", ScheduleItem::Shift(late))).await;
    assert!(matches!(refused(&answer), Some(Refusal::RestTooShort { .. })));
    // All or nothing: Ben could take Ada's shift, but she is absent on Tuesday.
    let absent = super::pages::time_off("t", "ada", super::pages::days("2026-11-24", "2026-11-25"));
    office.put([Entity::TimeOff(absent)]).await;
    let swap = AskedRequest::Swap { given: a, wanted: b };
    let answer = office.asked(step("SREQ", &swap, RequestStep::Approved)).await;
    assert!(matches!(refused(&answer), Some(Refusal::Absent { .. })));
    assert_eq!(office.row_at("SHFT_1").await, None);
    assert_eq!(office.request("SREQ").await, None);
    let after: Vec<_> =
        office.roster().await.into_iter().filter(|it| it.kind() == EntityKind::Shift).collect();
    assert_eq!(after, before.1);
}

#[tokio::test]
async fn a_shift_is_changed_and_removed_and_removed_again() {
    let office = Office::open(lenient(), two_shifts()).await;
    let a = office.remote(EntityKind::Shift, "a").await;
    let item = ScheduleItem::Shift(shown("cem", monday("10:00", "18:00")));
    let edit = AskWhat::Edit { at: a.clone(), item };
    assert!(granted(&office.asked(edit).await));
    let entry = office.live(&key(EntityKind::Shift, "a")).await.unwrap();
    assert_eq!((entry.version, entry.entity.employee()), (2, Some(&employee_id("cem"))));
    let delete = || AskWhat::Delete { at: a.clone(), kind: EntityKind::Shift };
    let first = office.asked(delete()).await;
    assert!(granted(&first));
    assert_eq!(office.live(&key(EntityKind::Shift, "a")).await, None);
    let seq = office.seq().await;
    assert_eq!(office.asked(delete()).await, first, "gone already");
    assert_eq!(office.seq().await, seq);
    office.product_removes(&a);
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(granted(&office.asked(delete()).await), "and forgotten by the ledger");
}

#[tokio::test]
async fn what_nobody_knows_and_what_changed_meanwhile_is_refused() {
    let office = Office::open(lenient(), two_shifts()).await;
    let item = || ScheduleItem::Shift(shown("ada", monday("10:00", "18:00")));
    let unknown = AskWhat::Edit { at: at("SHFT_9"), item: item() };
    assert_eq!(refused(&office.asked(unknown).await), Some(Refusal::Unknown));
    // The roster has moved on, and the mirror does not show it yet.
    let a = office.remote(EntityKind::Shift, "a").await;
    for changed in [
        shift("a", "cem", monday("08:00", "16:00")),
        shift("a", "ada", monday("08:00", "17:00")),
        shift("a", "ada", monday("07:00", "16:00")),
    ] {
        office.put([Entity::Shift(changed)]).await;
        let edit = || AskWhat::Edit { at: a.clone(), item: item() };
        assert_eq!(refused(&office.asked(edit()).await), Some(Refusal::Outdated));
        let delete = AskWhat::Delete { at: a.clone(), kind: EntityKind::Shift };
        assert_eq!(refused(&office.asked(delete).await), Some(Refusal::Outdated));
        office.cycle().await;
    }
    assert!(granted(&office.asked(AskWhat::Edit { at: a, item: item() }).await));
}

#[tokio::test]
async fn an_approval_that_makes_other_shifts_than_ours_is_outdated() {
    let office = Office::open(lenient(), two_shifts()).await;
    let given = office.remote(EntityKind::Shift, "a").await;
    let wanted = office.remote(EntityKind::Shift, "b").await;
    let swap = AskedRequest::Swap { given, wanted };
    let makes = [
        ("SHFT_3", ScheduleItem::Shift(shown("ben", monday("08:00", "15:00")))),
        ("SHFT_4", ScheduleItem::Shift(shown("ada", tuesday("08:00", "16:00")))),
    ];
    let answer = office.asked(approval("SREQ", &swap, makes)).await;
    assert_eq!(refused(&answer), Some(Refusal::Outdated));
}

#[tokio::test]
async fn a_request_that_was_given_up_is_not_approved() {
    let mut open = open_shift("o", 1, monday("08:00", "16:00"));
    open.group = Some(super::pages::group_id("ward"));
    let office = Office::open(lenient(), [Entity::OpenShift(open)]).await;
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let claim = AskedRequest::OpenShift { open_shift, employee: employee_id("ada") };
    assert!(granted(&office.asked(step("SREQ", &claim, RequestStep::Asked)).await));
    let cancel = AskWhat::Request {
        at: at("SREQ"),
        request: None,
        step: RequestStep::Cancelled,
        makes: vec![],
        declines: vec![],
    };
    assert!(granted(&office.asked(cancel.clone()).await));
    assert!(granted(&office.asked(cancel).await), "again");
    assert_eq!(office.request("SREQ").await.unwrap().step, RequestStep::Cancelled);
    let answer = office.asked(step("SREQ", &claim, RequestStep::Approved)).await;
    assert_eq!(refused(&answer), Some(Refusal::Outdated));
    // Asked for again, it is another request.
    assert!(granted(&office.asked(step("SREQ_2", &claim, RequestStep::Asked)).await));
    assert_eq!(office.request("SREQ_2").await.unwrap().step, RequestStep::Asked);
    assert!(granted(&office.asked(step("SREQ_2", &claim, RequestStep::Approved)).await));
}

#[tokio::test]
async fn availability_goes_to_the_employee() {
    let office = Office::open(lenient(), []).await;
    let availability = "Europe/Berlin; mon none; tue 08:00-16:00".parse().unwrap();
    let item = AvailabilityItem { employee: employee_id("ada"), availability };
    let what = AskWhat::SetAvailability { item: item.clone() };
    let first = office.asked(what.clone()).await;
    assert!(granted(&first));
    assert_eq!(office.asked(what).await, first);
    let entry = office.live(&key(EntityKind::Employee, "ada")).await.unwrap();
    let Entity::Employee(ada) = entry.entity else { panic!("an employee") };
    assert_eq!((entry.version, ada.availability), (2, Some(item.availability.clone())));
    office.product_puts("ada/preferences", ScheduleItem::Availability(item));
    assert_eq!(office.later_writes().await, (0, 0, 0));
}

#[tokio::test]
async fn choices_are_named_as_the_mirror_names_them() {
    let mut rules = lenient();
    rules.time_off =
        [("leave".to_owned(), TimeOffRule { days_per_year: Some(3), ..Default::default() })].into();
    let office = Office::open(rules, two_shifts()).await;
    let given = office.remote(EntityKind::Shift, "a").await;
    let wanted = office.remote(EntityKind::Shift, "b").await;
    let desk = office.desk();
    let within = from_to("2026-11-23T00:00", "2026-12-01T00:00");
    let team = super::office::team();
    let swaps = AskedQuestion::SwapFor { given: given.clone(), within };
    assert_eq!(desk.offered(&team, swaps).await, Ok(vec![Offered::Item(wanted)]));
    let offers = desk.offered(&team, AskedQuestion::OfferOf { given }).await.unwrap();
    let others = ["ben", "cem", "dee"].map(|who| Offered::Employee(employee_id(who)));
    assert_eq!(offers, others);
    let reasons = AskedQuestion::TimeOffReasons { employee: employee_id("ada") };
    let leave = Offered::Reason(reason_id("leave"));
    assert_eq!(desk.offered(&team, reasons).await, Ok(vec![leave]));
    let unknown = AskedQuestion::OfferOf { given: at("SHFT_9") };
    assert_eq!(desk.offered(&team, unknown).await, Err(Refusal::Unknown));
}

#[tokio::test]
async fn the_people_are_those_of_the_roster_as_it_is() {
    let office = Office::open(lenient(), []).await;
    let desk = office.desk();
    assert_eq!(desk.directory().await.unwrap().employees.len(), 4);
    let eve = domain::Employee::unnamed(employee_id("eve"));
    office.put([Entity::Employee(eve)]).await;
    // Believed for a moment; but nobody is refused because of what was true a moment ago.
    let item = ScheduleItem::Shift(shown("eve", monday("08:00", "16:00")));
    let ask = office.ask(create("SHFT_1", item));
    assert!(granted(&desk.decide(ask).await));
    assert_eq!(desk.directory().await.unwrap().employees.len(), 5);
}

#[tokio::test]
async fn an_absence_keeps_its_days_and_its_balance_is_that_of_the_year() {
    let mut rules = lenient();
    rules.time_off =
        [("leave".to_owned(), TimeOffRule { days_per_year: Some(3), ..Default::default() })].into();
    let office = Office::open(rules, []).await;
    let ask = |id: &str, first, end| {
        let item = leave("ada", first, end);
        step(id, &AskedRequest::TimeOff { item }, RequestStep::Approved)
    };
    assert!(granted(&office.asked(ask("SREQ_1", "2026-12-01", "2026-12-03")).await));
    let [Entity::TimeOff(made)] = &office.roster().await[..] else { panic!("one absence") };
    assert_eq!(made.span, super::pages::days("2026-12-01", "2026-12-03"));
    let answer = office.asked(ask("SREQ_2", "2026-02-01", "2026-02-03")).await;
    assert_eq!(refused(&answer), Some(Refusal::Begun));
    let answer = office.asked(ask("SREQ_3", "2026-12-20", "2026-12-22")).await;
    assert!(matches!(refused(&answer), Some(Refusal::BalanceSpent { left: 1, asked: 2, .. })));
    office.clock.advance_to(local("2026-12-01T10:00"));
}
