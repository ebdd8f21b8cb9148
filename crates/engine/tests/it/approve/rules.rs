//! Each rule about work, at its borders.

use std::time::Duration;

use domain::{
    Command, CommandKind, Employee, Entity, Refusal, Request, RequestStep, RuleSet, ShiftId,
};
use engine::port::RosterChange;
use jiff::SignedDuration;
use testkit::builders::employee_id;

use super::pages::{
    Page, edit, from_to, group_id, item, lenient, local, make, monday, open_shift, shift, tuesday,
    unpaid,
};

const HOUR: u64 = 3600;

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * HOUR)
}

fn swap(given: &str, wanted: &str, step: RequestStep) -> Command {
    let (given, wanted) = (
        ShiftId::new(given).expect("a test says it right"),
        ShiftId::new(wanted).expect("a test says it right"),
    );
    Command::Request { request: Request::Swap { given, wanted }, step }
}

fn claim(open: &str, who: &str, step: RequestStep) -> Command {
    let open_shift = domain::OpenShiftId::new(open).expect("a test says it right");
    let request = Request::OpenShift { open_shift, employee: employee_id(who) };
    Command::Request { request, step }
}

#[test]
fn work_may_touch_own_work_and_not_overlap_it() {
    let page = Page::new(lenient()).with_shift("a", "ada", monday("08:00", "16:00"));
    let touching = make(&shift("x", "ada", monday("16:00", "20:00")));
    assert_eq!(page.refusal(&touching), None);
    let overlapping = make(&shift("x", "ada", monday("15:59", "20:00")));
    let with = monday("08:00", "16:00");
    assert_eq!(page.refusal(&overlapping), Some(Refusal::Overlaps { with }));
    assert_eq!(page.refusal(&make(&shift("x", "ben", monday("15:59", "20:00")))), None);
    let rules = RuleSet { overlap_allowed: true, ..lenient() };
    assert_eq!(Page { rules, ..page }.refusal(&overlapping), None);
}

#[test]
fn a_shift_does_not_overlap_what_it_was_before() {
    let page = Page::new(lenient()).with_shift("a", "ada", monday("08:00", "16:00"));
    let later = shift("a", "ada", monday("09:00", "17:00"));
    let change = page.judge(&edit(&later)).unwrap();
    assert_eq!(change.upserts, [Entity::Shift(later)]);
}

#[test]
fn rest_is_required_before_and_after_to_the_minute() {
    let rules = RuleSet { group_match: false, ..RuleSet::default() };
    let page = Page::new(rules).with_shift("a", "ada", monday("14:00", "22:00"));
    assert_eq!(page.refusal(&make(&shift("x", "ada", tuesday("09:00", "12:00")))), None);
    let short = make(&shift("x", "ada", tuesday("08:59", "12:00")));
    let (required, left) = (hours(11), Duration::from_secs(10 * HOUR + 59 * 60));
    assert_eq!(page.refusal(&short), Some(Refusal::RestTooShort { required, left }));
    let before = make(&shift("x", "ada", monday("00:00", "03:01")));
    assert_eq!(page.refusal(&before), Some(Refusal::RestTooShort { required, left }));
    assert_eq!(page.refusal(&make(&shift("x", "ada", monday("00:00", "03:00")))), None);
}

#[test]
fn adjoining_shifts_are_one_stretch_with_rest_around_it() {
    let rules = RuleSet { group_match: false, ..RuleSet::default() };
    let page = Page::new(rules).with_shift("a", "ada", monday("14:00", "18:00")).with_shift(
        "b",
        "ada",
        tuesday("09:00", "12:00"),
    );
    assert_eq!(page.refusal(&make(&shift("x", "ada", monday("18:00", "22:00")))), None);
    let longer = make(&shift("x", "ada", monday("18:00", "22:01")));
    assert!(matches!(page.refusal(&longer), Some(Refusal::RestTooShort { .. })));
}

#[test]
fn rest_over_the_clock_change_counts_real_hours() {
    let rules = RuleSet { group_match: false, ..RuleSet::default() };
    // Clocks skip 02:00 to 03:00 on 2027-03-28: from 22:00 to 09:00 are ten hours.
    let spring = Page::new(rules.clone()).with_shift(
        "a",
        "ada",
        from_to("2027-03-27T14:00", "2027-03-27T22:00"),
    );
    let morning = make(&shift("x", "ada", from_to("2027-03-28T09:00", "2027-03-28T12:00")));
    let short = Refusal::RestTooShort { required: hours(11), left: hours(10) };
    assert_eq!(spring.refusal(&morning), Some(short));
    // They show it twice on 2027-10-31: from 22:00 to 08:00 are eleven.
    let autumn =
        Page::new(rules).with_shift("a", "ada", from_to("2027-10-30T14:00", "2027-10-30T22:00"));
    let morning = make(&shift("x", "ada", from_to("2027-10-31T08:00", "2027-10-31T12:00")));
    assert_eq!(autumn.refusal(&morning), None);
}

#[test]
fn a_day_holds_so_much_work_without_what_is_unpaid() {
    let rules = RuleSet { day_work_max: Some(hours(10)), ..lenient() };
    let page = Page::new(rules).with_shift("a", "ada", monday("06:00", "12:00"));
    assert_eq!(page.refusal(&make(&shift("x", "ada", monday("13:00", "17:00")))), None);
    let long = shift("x", "ada", monday("13:00", "17:30"));
    let (day, allowed) = ("2026-11-23".parse().unwrap(), hours(10));
    let would_be = Duration::from_secs(10 * HOUR + 1800);
    assert_eq!(page.refusal(&make(&long)), Some(Refusal::DayTooLong { day, allowed, would_be }));
    let mut with_break = long.clone();
    with_break.activities = vec![unpaid(monday("15:00", "15:30"))];
    assert_eq!(page.refusal(&make(&with_break)), None);
    let next_day = make(&shift("x", "ada", tuesday("00:00", "04:30")));
    assert_eq!(page.refusal(&next_day), None);
}

#[test]
fn a_night_belongs_to_its_evening_and_counts_its_real_hours() {
    let rules = RuleSet { day_work_max: Some(hours(8)), ..lenient() };
    let page = Page::new(rules);
    let night = |from, to| page.refusal(&make(&shift("x", "ada", from_to(from, to))));
    assert_eq!(night("2026-11-23T22:00", "2026-11-24T06:00"), None);
    // Nine real hours in autumn, seven in spring.
    let day = "2027-10-30".parse().unwrap();
    let (allowed, would_be) = (hours(8), hours(9));
    let refusal = Refusal::DayTooLong { day, allowed, would_be };
    assert_eq!(night("2027-10-30T22:00", "2027-10-31T06:00"), Some(refusal));
    assert_eq!(night("2027-03-27T22:00", "2027-03-28T07:00"), None);
}

#[test]
fn days_are_those_of_the_employee_s_own_zone() {
    let rules = RuleSet { day_work_max: Some(hours(8)), ..lenient() };
    let mut page = Page::new(rules).with_shift("a", "ada", monday("20:00", "23:00"));
    let late = make(&shift("x", "ada", from_to("2026-11-24T00:30", "2026-11-24T06:30")));
    assert_eq!(page.refusal(&late), None);
    // In London it is still Monday then.
    let id = employee_id("ada");
    let zone = Some("Europe/London".to_owned());
    page.directory.employees.get_mut(&id).unwrap().time_zone = zone;
    assert!(matches!(page.refusal(&late), Some(Refusal::DayTooLong { .. })));
}

#[test]
fn a_week_from_monday_to_sunday_holds_so_much_work() {
    let rules = RuleSet { week_work_max: Some(hours(16)), ..lenient() };
    let page = Page::new(rules).with_shift("a", "ada", monday("08:00", "16:00")).with_shift(
        "b",
        "ada",
        from_to("2026-11-22T08:00", "2026-11-22T16:00"),
    );
    let sunday = |to| make(&shift("x", "ada", from_to("2026-11-29T08:00", to)));
    assert_eq!(page.refusal(&sunday("2026-11-29T16:00")), None);
    let refusal = Refusal::WeekTooLong {
        monday: "2026-11-23".parse().unwrap(),
        allowed: hours(16),
        would_be: hours(17),
    };
    assert_eq!(page.refusal(&sunday("2026-11-29T17:00")), Some(refusal));
    let next = make(&shift("x", "ada", from_to("2026-11-30T00:00", "2026-11-30T12:00")));
    assert_eq!(page.refusal(&next), None);
}

#[test]
fn too_much_work_may_become_less() {
    let rules = RuleSet { day_work_max: Some(hours(8)), ..lenient() };
    let page = Page::new(rules).with_shift("a", "ada", monday("06:00", "20:00"));
    assert_eq!(page.refusal(&edit(&shift("a", "ada", monday("06:00", "18:00")))), None);
    let more = edit(&shift("a", "ada", monday("06:00", "20:30")));
    assert!(matches!(page.refusal(&more), Some(Refusal::DayTooLong { .. })));
}

#[test]
fn work_is_for_its_own_group_and_for_those_of_whom_none_is_known() {
    let rules = RuleSet { rest_min: None, ..RuleSet::default() };
    let mut page = Page::new(rules);
    let mut work = shift("x", "ada", monday("08:00", "16:00"));
    work.group = Some(group_id("kitchen"));
    let group = "The kitchen".to_owned();
    assert_eq!(page.refusal(&make(&work)), Some(Refusal::OtherGroup { group }));
    work.group = Some(group_id("ward"));
    assert_eq!(page.refusal(&make(&work)), None);
    work.group = None;
    assert_eq!(page.refusal(&make(&work)), None);
    page.directory.employees.get_mut(&employee_id("ada")).unwrap().group = None;
    work.group = Some(group_id("kitchen"));
    assert_eq!(page.refusal(&make(&work)), None);
}

#[test]
fn a_label_takes_its_qualifications() {
    let needed = vec!["nurse".to_owned(), "night".to_owned()];
    let rules = RuleSet { qualifications: [("Ward".to_owned(), needed)].into(), ..lenient() };
    let mut page = Page::new(rules);
    let work = make(&shift("x", "ada", monday("08:00", "16:00")));
    let missing = |text: &str| Some(Refusal::NotQualified { qualification: text.into() });
    assert_eq!(page.refusal(&work), missing("nurse"));
    let ada = page.directory.employees.get_mut(&employee_id("ada")).unwrap();
    ada.qualifications = vec!["nurse".into()];
    assert_eq!(page.refusal(&work), missing("night"));
    let ada = page.directory.employees.get_mut(&employee_id("ada")).unwrap();
    ada.qualifications = vec!["night".into(), "nurse".into()];
    assert_eq!(page.refusal(&work), None);
    let mut other = shift("x", "ben", monday("08:00", "16:00"));
    other.label = "Office".into();
    assert_eq!(page.refusal(&make(&other)), None);
}

#[test]
fn work_that_has_begun_stays_as_it_is() {
    let mut page = Page::new(lenient()).with_shift("a", "ada", monday("08:00", "16:00"));
    let commands = [
        edit(&shift("a", "ada", monday("08:00", "17:00"))),
        edit(&shift("a", "ben", monday("10:00", "16:00"))),
        Command::DeleteShift { shift: ShiftId::new("a").unwrap() },
        make(&shift("x", "ben", monday("08:00", "16:00"))),
    ];
    page.now = local("2026-11-23T07:59");
    for command in &commands {
        assert_eq!(page.refusal(command), None, "{command:?}");
    }
    page.now = local("2026-11-23T08:00");
    for command in &commands {
        assert_eq!(page.refusal(command), Some(Refusal::Begun), "{command:?}");
    }
}

#[test]
fn employees_ask_in_time_and_managers_when_they_like() {
    let notice = [(CommandKind::OpenShiftRequest, hours(24)), (CommandKind::Shift, hours(24))];
    let rules = RuleSet { notice: notice.into(), ..lenient() };
    let mut page =
        Page::new(rules).with(Entity::OpenShift(open_shift("o", 1, monday("08:00", "16:00"))));
    page.now = local("2026-11-22T08:00");
    assert_eq!(page.refusal(&claim("o", "ada", RequestStep::Asked)), None);
    page.now += SignedDuration::from_secs(1);
    let late = Refusal::TooLate { notice: hours(24) };
    assert_eq!(page.refusal(&claim("o", "ada", RequestStep::Asked)), Some(late));
    assert_eq!(page.refusal(&claim("o", "ada", RequestStep::Approved)), None);
    assert_eq!(page.refusal(&make(&shift("x", "ada", monday("08:00", "16:00")))), None);
}

#[test]
fn a_claim_takes_a_slot_and_the_last_one_closes_the_open_shift() {
    let page = |slots| {
        Page::new(lenient()).with(Entity::OpenShift(open_shift(
            "o",
            slots,
            monday("08:00", "16:00"),
        )))
    };
    let RosterChange { upserts, tombstones } =
        page(2).judge(&claim("o", "ada", RequestStep::Approved)).unwrap();
    let made = Entity::Shift(shift("fresh-1", "ada", monday("08:00", "16:00")));
    let left = Entity::OpenShift(open_shift("o", 1, monday("08:00", "16:00")));
    assert_eq!((upserts, tombstones), (vec![made.clone(), left.clone()], vec![]));
    let RosterChange { upserts, tombstones } =
        page(1).judge(&claim("o", "ada", RequestStep::Approved)).unwrap();
    assert_eq!((upserts, tombstones), (vec![made], vec![left.key()]));
    let none = Page::new(lenient());
    let refusal = none.refusal(&claim("o", "ada", RequestStep::Asked));
    assert_eq!(refusal, Some(Refusal::NoSlotLeft));
}

#[test]
fn what_is_asked_or_agreed_to_is_judged_and_changes_nothing_yet() {
    let page = Page::new(lenient()).with_shift("a", "ada", monday("08:00", "16:00")).with_shift(
        "b",
        "ben",
        tuesday("08:00", "16:00"),
    );
    let nothing = Ok(RosterChange::default());
    assert_eq!(page.judge(&swap("a", "b", RequestStep::Asked)), nothing);
    assert_eq!(page.judge(&swap("a", "b", RequestStep::Agreed)), nothing);
    let busy = page.clone().with_shift("c", "ada", tuesday("12:00", "20:00"));
    let with = tuesday("12:00", "20:00");
    for step in [RequestStep::Asked, RequestStep::Approved] {
        assert_eq!(busy.refusal(&swap("a", "b", step)), Some(Refusal::Overlaps { with }));
    }
    let agreed = busy.refusal(&swap("a", "b", RequestStep::Agreed));
    assert_eq!(agreed, Some(Refusal::NotEligible), "Ben is not told of Ada's hours");
    for step in [RequestStep::Declined, RequestStep::Cancelled] {
        assert_eq!(busy.judge(&swap("a", "b", step)), nothing);
        assert_eq!(busy.judge(&swap("gone", "b", step)), nothing);
    }
}

#[test]
fn a_swap_exchanges_people_and_keeps_ids_and_groups() {
    let (mut a, mut b) =
        (shift("a", "ada", monday("08:00", "16:00")), shift("b", "ben", tuesday("08:00", "16:00")));
    a.group = Some(group_id("ward"));
    b.notes = Some("keys".into());
    let page =
        Page::new(RuleSet::default()).with(Entity::Shift(a.clone())).with(Entity::Shift(b.clone()));
    let change = page.judge(&swap("a", "b", RequestStep::Approved)).unwrap();
    (a.employee, b.employee) = (b.employee, a.employee);
    assert_eq!(change.upserts, [Entity::Shift(a), Entity::Shift(b)]);
}

#[test]
fn a_swap_is_judged_with_both_shifts_exchanged() {
    // Both on Monday: each would overlap the other's if only one of them moved.
    let page = Page::new(RuleSet { rest_min: None, ..RuleSet::default() })
        .with_shift("a", "ada", monday("08:00", "16:00"))
        .with_shift("b", "ben", monday("12:00", "20:00"));
    assert_eq!(page.refusal(&swap("a", "b", RequestStep::Approved)), None);
    let own = page.clone().with_shift("c", "ada", tuesday("08:00", "16:00"));
    let refusal = own.refusal(&swap("a", "c", RequestStep::Asked));
    assert_eq!(refusal, Some(Refusal::NotEligible));
    let mut kitchen = shift("k", "cem", tuesday("08:00", "16:00"));
    kitchen.group = Some(group_id("kitchen"));
    let page = page.with(Entity::Shift(kitchen));
    let refusal = page.refusal(&swap("a", "k", RequestStep::Asked));
    assert_eq!(refusal, Some(Refusal::OtherGroup { group: "The kitchen".into() }));
    let refusal = page.refusal(&swap("a", "gone", RequestStep::Asked));
    assert_eq!(refusal, Some(Refusal::Outdated));
}

#[test]
fn nobody_unknown_works_and_nothing_is_asked_that_is_not_decided() {
    let page = Page::new(lenient());
    let work = make(&shift("x", "nobody", monday("08:00", "16:00")));
    assert_eq!(page.refusal(&work), Some(Refusal::UnknownEmployee));
    let decides = [CommandKind::TimeOff].into();
    let page = Page { rules: RuleSet { decides, ..lenient() }, ..page };
    let kind = CommandKind::Shift;
    assert_eq!(page.refusal(&work), Some(Refusal::NotHere { kind }));
}

#[test]
fn a_correction_of_notes_is_no_new_breach() {
    let mut page = Page::new(RuleSet { group_match: false, ..RuleSet::default() })
        .with_shift("a", "ada", monday("08:00", "16:00"))
        .with_shift("b", "ada", monday("20:00", "23:00"));
    let mut noted = shift("a", "ada", monday("08:00", "16:00"));
    noted.notes = Some("bring keys".into());
    assert_eq!(page.judge(&edit(&noted)).map(|it| it.upserts), Ok(vec![Entity::Shift(noted)]));
    // What shows the same changes nothing at all, as blank notes do.
    let mut blank = shift("a", "ada", monday("08:00", "16:00"));
    blank.notes = Some("  ".into());
    blank.group = page.directory.employees[&employee_id("ada")].group.clone();
    assert_eq!(page.judge(&edit(&blank)), Ok(RosterChange::default()));
    page.rules.overlap_allowed = true;
    let unknown = Employee::unnamed(employee_id("dee")).id;
    let command =
        Command::CreateShift { item: domain::ShiftItem { employee: unknown, ..item(&blank) } };
    assert_eq!(page.refusal(&command), Some(Refusal::UnknownEmployee));
}

#[test]
fn who_asks_a_colleague_is_not_told_the_colleagues_hours_and_a_manager_is() {
    let page = Page::new(lenient()).with_shift("a", "ada", monday("08:00", "16:00")).with_shift(
        "b",
        "ben",
        monday("15:00", "20:00"),
    );
    let offer = |step| {
        let given = ShiftId::new("a").expect("a test says it right");
        Command::Request { request: Request::Offer { given, to: employee_id("ben") }, step }
    };
    let told = Refusal::Overlaps { with: monday("15:00", "20:00") };
    assert_eq!(page.refusal(&offer(RequestStep::Asked)), Some(Refusal::NotEligible));
    // Ben hears of his own hours, and the manager of everybody's.
    assert_eq!(page.refusal(&offer(RequestStep::Agreed)), Some(told.clone()));
    assert_eq!(page.refusal(&offer(RequestStep::Approved)), Some(told));
    // What the asker's own hours say no to is told to the asker.
    let page = Page::new(lenient())
        .with_shift("a", "ada", monday("08:00", "16:00"))
        .with_shift("mine", "ada", tuesday("09:00", "17:00"))
        .with_shift("b", "ben", tuesday("08:00", "16:00"));
    let own = Refusal::Overlaps { with: tuesday("09:00", "17:00") };
    assert_eq!(page.refusal(&swap("a", "b", RequestStep::Asked)), Some(own));
    assert_eq!(page.refusal(&swap("a", "b", RequestStep::Agreed)), Some(Refusal::NotEligible));
}
