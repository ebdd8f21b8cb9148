//! Each flow of a schedule product, from asking to what the product makes of it. The product does
//! what was granted and we write nothing; or it does not, and we do.

use domain::{
    Entity, EntityKind, OpenShiftItem, Refusal, RequestStep, RuleSet, ScheduleItem, TimeOffItem,
};
use engine::port::{AskWhat, AskedRequest, RemoteId};
use testkit::builders::employee_id;

use super::office::{Office, approval, at, create, granted, key, refused, shown, step};
use super::pages::{group_id, leave, lenient, monday, open_shift, shift, tuesday};

fn shift_item(employee: &str, monday_or_tuesday: domain::UtcInterval) -> ScheduleItem {
    ScheduleItem::Shift(shown(employee, monday_or_tuesday))
}

fn open_item(slots: u32) -> ScheduleItem {
    let open = open_shift("x", slots, monday("08:00", "16:00"));
    ScheduleItem::OpenShift(OpenShiftItem {
        group: Some(group_id("ward")),
        label: open.label,
        interval: open.interval,
        open_slots: slots,
        activities: vec![],
        notes: None,
    })
}

fn open_entity(slots: u32) -> Entity {
    let mut open = open_shift("o", slots, monday("08:00", "16:00"));
    open.group = Some(group_id("ward"));
    Entity::OpenShift(open)
}

async fn two_shifts() -> (Office, RemoteId, RemoteId) {
    let office = Office::open(
        RuleSet { rest_min: None, ..RuleSet::default() },
        [
            Entity::Shift(shift("a", "ada", monday("08:00", "16:00"))),
            Entity::Shift(shift("b", "ben", tuesday("08:00", "16:00"))),
        ],
    )
    .await;
    let given = office.remote(EntityKind::Shift, "a").await;
    let wanted = office.remote(EntityKind::Shift, "b").await;
    (office, given, wanted)
}

async fn whose(office: &Office, id: &str) -> String {
    let entry = office.live(&key(EntityKind::Shift, id)).await.expect("it is there");
    entry.entity.employee().expect("it is somebody's").to_string()
}

/// The product shows what the roster says: nothing twice, nothing missing.
async fn agrees(office: &Office) -> bool {
    let mut shown: Vec<_> =
        office.product_shows().iter().map(|(_, item)| item.fingerprint()).collect();
    let directory =
        engine::port::Approvals::directory(&office.desk()).await.expect("the office is in order");
    let roster = office.roster().await;
    let wanted = roster.iter().filter_map(|it| ScheduleItem::of(it, &directory));
    let mut wanted: Vec<_> = wanted.map(|it| it.fingerprint()).collect();
    shown.sort_unstable();
    wanted.sort_unstable();
    if shown != wanted {
        println!("shown {:#?}\nwanted {roster:#?}", office.product_shows());
    }
    shown == wanted
}

#[tokio::test]
async fn shift_made_changed_and_removed_by_a_manager_is_not_sent_back() {
    let office = Office::open(lenient(), []).await;
    let item = shift_item("ada", monday("08:00", "16:00"));
    assert!(granted(&office.asked(create("SHFT_1", item.clone())).await));
    office.product_puts("SHFT_1", item);
    assert_eq!(office.later_writes().await, (0, 0, 0));
    let item = shift_item("ben", monday("09:00", "17:00"));
    let edit = AskWhat::Edit { at: at("SHFT_1"), item: item.clone() };
    assert!(granted(&office.asked(edit).await));
    office.product_puts("SHFT_1", item);
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
    let delete = AskWhat::Delete { at: at("SHFT_1"), kind: EntityKind::Shift };
    assert!(granted(&office.asked(delete).await));
    office.product_removes(&at("SHFT_1"));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn what_a_manager_does_quickly_is_settled_together() {
    let office = Office::open(lenient(), []).await;
    let item = shift_item("ada", monday("08:00", "16:00"));
    assert!(granted(&office.asked(create("SHFT_1", item.clone())).await));
    office.product_puts("SHFT_1", item);
    let item = shift_item("ada", monday("09:00", "17:00"));
    let edit = AskWhat::Edit { at: at("SHFT_1"), item: item.clone() };
    assert!(granted(&office.asked(edit).await));
    office.product_puts("SHFT_1", item);
    let delete = AskWhat::Delete { at: at("SHFT_1"), kind: EntityKind::Shift };
    assert!(granted(&office.asked(delete).await));
    office.product_removes(&at("SHFT_1"));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn what_the_product_did_not_do_after_all_is_done_by_us() {
    let (office, given, wanted) = two_shifts().await;
    let item = shift_item("cem", monday("08:00", "16:00"));
    assert!(granted(&office.asked(create("SHFT_1", item)).await));
    assert_eq!(office.cycle().await.created, 0, "the product has its time");
    assert_eq!(office.later_writes().await, (1, 0, 0));
    let swap = AskedRequest::Swap { given, wanted };
    let makes = [
        ("SHFT_3", shift_item("ben", monday("08:00", "16:00"))),
        ("SHFT_4", shift_item("ada", tuesday("08:00", "16:00"))),
    ];
    assert!(granted(&office.asked(approval("SREQ_1", &swap, makes)).await));
    assert_eq!(office.later_writes().await, (0, 2, 0), "changed where they are");
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn swap_goes_through_all_its_steps_and_nothing_is_sent_back() {
    let (office, given, wanted) = two_shifts().await;
    let swap = AskedRequest::Swap { given: given.clone(), wanted: wanted.clone() };
    for request_step in [RequestStep::Asked, RequestStep::Agreed] {
        assert!(granted(&office.asked(step("SREQ_1", &swap, request_step)).await));
        assert_eq!(office.request("SREQ_1").await.unwrap().step, request_step);
        assert_eq!(whose(&office, "a").await, "ada");
    }
    let other = AskedRequest::Swap { given: wanted.clone(), wanted: given.clone() };
    assert!(granted(&office.asked(step("SREQ_2", &other, RequestStep::Asked)).await));
    let makes = [
        ("SHFT_3", shift_item("ben", monday("08:00", "16:00"))),
        ("SHFT_4", shift_item("ada", tuesday("08:00", "16:00"))),
    ];
    let mut what = approval("SREQ_1", &swap, makes.clone());
    if let AskWhat::Request { declines, .. } = &mut what {
        declines.push(at("SREQ_2"));
    }
    assert!(granted(&office.asked(what).await));
    assert_eq!(
        (whose(&office, "a").await, whose(&office, "b").await),
        ("ben".into(), "ada".into())
    );
    assert_eq!(office.request("SREQ_1").await.unwrap().step, RequestStep::Approved);
    assert_eq!(office.request("SREQ_2").await.unwrap().step, RequestStep::Declined);
    let row = office.row(&key(EntityKind::Shift, "a")).await.unwrap();
    let place = row.intent.and_then(|it| it.remote_id);
    assert_eq!((row.remote.map(|it| it.id), place), (Some(given.clone()), Some(at("SHFT_3"))));
    office.product_removes(&given);
    office.product_removes(&wanted);
    makes.into_iter().for_each(|(id, item)| office.product_puts(id, item));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
    assert_eq!(office.remote(EntityKind::Shift, "a").await, at("SHFT_3"));
}

#[tokio::test]
async fn swapped_shifts_are_swapped_back_before_anything_is_settled() {
    let (office, given, wanted) = two_shifts().await;
    let there = AskedRequest::Swap { given: given.clone(), wanted: wanted.clone() };
    let makes = [
        ("SHFT_3", shift_item("ben", monday("08:00", "16:00"))),
        ("SHFT_4", shift_item("ada", tuesday("08:00", "16:00"))),
    ];
    assert!(granted(&office.asked(approval("SREQ_1", &there, makes)).await));
    office.product_removes(&given);
    office.product_removes(&wanted);
    let back = AskedRequest::Swap { given: at("SHFT_3"), wanted: at("SHFT_4") };
    let makes = [
        ("SHFT_5", shift_item("ada", monday("08:00", "16:00"))),
        ("SHFT_6", shift_item("ben", tuesday("08:00", "16:00"))),
    ];
    assert!(granted(&office.asked(approval("SREQ_2", &back, makes.clone())).await));
    let row = office.row(&key(EntityKind::Shift, "a")).await.unwrap();
    assert_eq!(row.remote.map(|it| it.id), Some(at("SHFT_3")), "it was there");
    makes.into_iter().for_each(|(id, item)| office.product_puts(id, item));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn the_old_item_of_a_swapped_shift_is_removed_without_removing_the_shift() {
    let (office, given, wanted) = two_shifts().await;
    let swap = AskedRequest::Swap { given: given.clone(), wanted: wanted.clone() };
    let makes = [
        ("SHFT_3", shift_item("ben", monday("08:00", "16:00"))),
        ("SHFT_4", shift_item("ada", tuesday("08:00", "16:00"))),
    ];
    assert!(granted(&office.asked(approval("SREQ_1", &swap, makes)).await));
    let delete = AskWhat::Delete { at: given.clone(), kind: EntityKind::Shift };
    assert!(granted(&office.asked(delete).await));
    assert_eq!(whose(&office, "a").await, "ben");
    // Ada, who still sees it as hers, does not give away what is Ben's by now.
    let offer = AskedRequest::Offer { given, to: employee_id("cem") };
    let answer = office.asked(step("SREQ_2", &offer, RequestStep::Asked)).await;
    assert_eq!(refused(&answer), Some(Refusal::Outdated));
}

#[tokio::test]
async fn offer_moves_a_shift_anew_or_where_it_is() {
    let (office, given, wanted) = two_shifts().await;
    let offer = AskedRequest::Offer { given: given.clone(), to: employee_id("cem") };
    for request_step in [RequestStep::Asked, RequestStep::Agreed] {
        assert!(granted(&office.asked(step("SREQ_1", &offer, request_step)).await));
    }
    let item = shift_item("cem", monday("08:00", "16:00"));
    let makes = [("SHFT_3", item.clone())];
    assert!(granted(&office.asked(approval("SREQ_1", &offer, makes)).await));
    office.product_removes(&given);
    office.product_puts("SHFT_3", item);
    assert_eq!(office.later_writes().await, (0, 0, 0));
    // The same item with another employee, and nothing said of what is made.
    let offer = AskedRequest::Offer { given: wanted.clone(), to: employee_id("dee") };
    assert!(granted(&office.asked(step("SREQ_2", &offer, RequestStep::Approved)).await));
    office.product_puts(&wanted.0, shift_item("dee", tuesday("08:00", "16:00")));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn open_shift_is_made_claimed_and_used_up() {
    let office = Office::open(lenient(), []).await;
    assert!(granted(&office.asked(create("OPNSHFT_1", open_item(2))).await));
    office.product_puts("OPNSHFT_1", open_item(2));
    for (claimer, request, place, left) in
        [("ada", "SREQ_1", "SHFT_1", 1), ("ben", "SREQ_2", "SHFT_2", 0)]
    {
        let open_shift = at("OPNSHFT_1");
        let claim = AskedRequest::OpenShift { open_shift, employee: employee_id(claimer) };
        assert!(granted(&office.asked(step(request, &claim, RequestStep::Asked)).await));
        let item = shift_item(claimer, monday("08:00", "16:00"));
        assert!(granted(&office.asked(approval(request, &claim, [(place, item.clone())])).await));
        office.product_puts(place, item);
        office.product_puts("OPNSHFT_1", open_item(left));
    }
    office.product_removes(&at("OPNSHFT_1"));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
    assert_eq!(office.roster().await.len(), 2, "two shifts and no open one");
}

#[tokio::test]
async fn an_open_shift_that_the_product_keeps_without_slots_is_removed() {
    let office = Office::open(lenient(), [open_entity(1)]).await;
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let claim =
        AskedRequest::OpenShift { open_shift: open_shift.clone(), employee: employee_id("ada") };
    let item = shift_item("ada", monday("08:00", "16:00"));
    assert!(granted(&office.asked(approval("SREQ_1", &claim, [("SHFT_1", item.clone())])).await));
    office.product_puts("SHFT_1", item);
    office.product_puts(&open_shift.0, open_item(0));
    assert_eq!(office.later_writes().await, (0, 0, 1));
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn manager_assigns_an_open_shift() {
    let office = Office::open(lenient(), [open_entity(3)]).await;
    let open_shift = office.remote(EntityKind::OpenShift, "o").await;
    let item = shown("ben", monday("08:00", "16:00"));
    let assign =
        AskWhat::Assign { open_shift: open_shift.clone(), at: at("SHFT_1"), item: item.clone() };
    let first = office.asked(assign.clone()).await;
    assert!(granted(&first));
    assert_eq!(office.asked(assign).await, first, "and takes one slot only");
    office.product_puts("SHFT_1", ScheduleItem::Shift(item));
    office.product_puts(&open_shift.0, open_item(2));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
}

#[tokio::test]
async fn time_off_is_asked_for_granted_and_taken_back_by_a_manager() {
    let office = Office::open(lenient(), []).await;
    let item: TimeOffItem = leave("ada", "2026-12-01", "2026-12-04");
    let request = AskedRequest::TimeOff { item: item.clone() };
    assert!(granted(&office.asked(step("SREQ_1", &request, RequestStep::Asked)).await));
    let makes = [("TOFF_1", ScheduleItem::TimeOff(item.clone()))];
    assert!(granted(&office.asked(approval("SREQ_1", &request, makes)).await));
    office.product_puts("TOFF_1", ScheduleItem::TimeOff(item));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
    let delete = AskWhat::Delete { at: at("TOFF_1"), kind: EntityKind::TimeOff };
    assert!(granted(&office.asked(delete).await));
    office.product_removes(&at("TOFF_1"));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert_eq!(office.roster().await, []);
}

#[tokio::test]
async fn what_is_made_without_saying_where_is_found_by_what_it_is() {
    let office = Office::open(lenient(), []).await;
    let item = leave("ada", "2026-12-01", "2026-12-04");
    let request = AskedRequest::TimeOff { item: item.clone() };
    assert!(granted(&office.asked(step("SREQ_1", &request, RequestStep::Approved)).await));
    office.product_puts("TOFF_77", ScheduleItem::TimeOff(item));
    assert_eq!(office.later_writes().await, (0, 0, 0));
    assert!(agrees(&office).await);
}
