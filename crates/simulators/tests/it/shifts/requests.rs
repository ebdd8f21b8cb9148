//! What employees ask for, step by step, as the integration is told of it.

use serde_json::{Value, json};
use simulators::graph::people::NotDone;

use super::receiver::{Call, Receiver, Say};
use super::ward::{Ward, at};

/// `state/assignedTo` of an element.
fn stands(call: &Call, element: usize) -> String {
    let body = call.bodies()[element];
    format!("{}/{}", body["state"].as_str().unwrap(), body["assignedTo"].as_str().unwrap())
}

/// The methods and segments of a call's elements.
fn shape(call: &Call) -> Vec<String> {
    let told = call.told();
    told.iter().map(|it| it.rsplit_once('/').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn swap_takes_its_steps_and_ends_in_five_elements_and_those_it_declines() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    let other = ward.ben.asks_to_swap(&b, &a).await.unwrap();
    let swap = ward.anna.clone().saying("please").asks_to_swap(&a, &b).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("POST /swapRequests/{swap}")]);
    assert_eq!(stands(&call, 0), "Pending/Recipient");
    let body = call.bodies()[0];
    assert_eq!((&body["senderShiftId"], &body["recipientShiftId"]), (&json!(a), &json!(b)));
    assert_eq!((&body["senderMessage"], body.get("managerUserId")), (&json!("please"), None));
    ward.ben.accepts(&swap).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("PUT /swapRequests/{swap}")]);
    assert_eq!(stands(&call, 0), "Pending/Manager");
    ward.manager.approves(&swap).await.unwrap();
    let call = receiver.last();
    assert_eq!(
        shape(&call),
        [
            "PUT /swapRequests",
            "DELETE /shifts",
            "DELETE /shifts",
            "POST /shifts",
            "POST /shifts",
            "PUT /swapRequests",
        ]
    );
    assert_eq!(stands(&call, 0), "Approved/Manager");
    assert_eq!(*call.bodies()[1], Value::Null);
    assert_eq!(call.bodies()[3]["userId"], json!(ward.ben.user()));
    assert_eq!(call.bodies()[3]["sharedShift"]["startDateTime"], "2026-11-21T12:00:00.000Z");
    assert_eq!(stands(&call, 5), "Declined/System");
    assert_eq!(call.told()[5], format!("PUT /swapRequests/{other}"));
    let swapped = [(ward.ben.user().to_owned(), 24), (ward.anna.user().to_owned(), 48)];
    assert_eq!(ward.roster(), swapped.into());
}

#[tokio::test]
async fn swap_is_declined_by_the_recipient_the_manager_or_shifts_and_cancelled_by_the_sender() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.ben.declines(&swap).await.unwrap();
    assert_eq!(stands(&receiver.last(), 0), "Declined/Recipient");
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.ben.accepts(&swap).await.unwrap();
    ward.manager.declines(&swap).await.unwrap();
    assert_eq!(stands(&receiver.last(), 0), "Declined/Manager");
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.team.system().declines(&swap).await.unwrap();
    assert_eq!(stands(&receiver.last(), 0), "Declined/System");
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.anna.cancels(&swap).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("DELETE /swapRequests/{swap}")]);
    assert_eq!(*call.bodies()[0], Value::Null);
    let late = ward.ben.accepts(&swap).await.unwrap_err();
    assert!(matches!(late, NotDone::ByShifts(_)));
}

#[tokio::test]
async fn manager_approves_while_it_is_still_the_recipients_turn() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.manager.approves(&swap).await.unwrap();
    let call = receiver.last();
    assert_eq!((call.told().len(), stands(&call, 0)), (5, "Approved/Manager".to_owned()));
}

#[tokio::test]
async fn claimed_open_shift_is_approved_with_its_shift_and_its_automatic_declines() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let open = ward.open_shift(1).await;
    let first = ward.anna.claims(&open).await.unwrap();
    assert_eq!(receiver.last().told(), [format!("POST /openshiftrequests/{first}")]);
    assert_eq!(stands(&receiver.last(), 0), "Pending/Manager");
    assert_eq!(receiver.last().bodies()[0]["openShiftId"], json!(open));
    let second = ward.ben.claims(&open).await.unwrap();
    ward.manager.approves(&first).await.unwrap();
    let call = receiver.last();
    let expected =
        ["PUT /openshiftrequests", "POST /shifts", "PUT /openshifts", "PUT /openshiftrequests"];
    assert_eq!(shape(&call), expected);
    assert_eq!(call.bodies()[2]["sharedOpenShift"]["openSlotCount"], 0);
    assert_eq!(stands(&call, 3), "Declined/System");
    assert_eq!(call.told()[3], format!("PUT /openshiftrequests/{second}"));
    assert_eq!(ward.roster(), [(ward.anna.user().to_owned(), 24)].into());
    assert!(ward.ben.claims(&open).await.is_err(), "there is no slot left");
}

#[tokio::test]
async fn refused_approval_leaves_everything_as_it_was() {
    let receiver =
        Receiver::start(
            |call| {
                if call.told().len() > 1 { Say::No(403, "not both") } else { Say::Yes }
            },
        );
    let receiver = receiver.await;
    let ward = Ward::with(&receiver);
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    let before = ward.roster();
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.ben.accepts(&swap).await.unwrap();
    let refused = ward.manager.approves(&swap).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().message, "not both");
    assert_eq!(ward.roster(), before);
    ward.manager.declines(&swap).await.unwrap();
}

#[tokio::test]
async fn offered_shift_changes_hands_when_both_agree() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let shift = ward.shift(&ward.anna, 24).await;
    let offer = ward.anna.offers(&shift, ward.ben.user()).await.unwrap();
    assert_eq!(receiver.last().told(), [format!("POST /offershiftrequests/{offer}")]);
    assert_eq!(stands(&receiver.last(), 0), "Pending/Recipient");
    assert!(ward.anna.accepts(&offer).await.is_err(), "it is not her turn");
    ward.ben.accepts(&offer).await.unwrap();
    assert_eq!(stands(&receiver.last(), 0), "Pending/Manager");
    ward.manager.approves(&offer).await.unwrap();
    let expected = ["PUT /offershiftrequests", "DELETE /shifts", "POST /shifts"];
    assert_eq!(shape(&receiver.last()), expected);
    assert_eq!(ward.roster(), [(ward.ben.user().to_owned(), 24)].into());
}

#[tokio::test]
async fn time_off_is_asked_for_and_approved_declined_or_cancelled() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let asks = || ward.anna.asks_for_time_off(&ward.reason, at(24), at(48));
    let first = asks().await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("POST /timeOffRequests/{first}")]);
    assert_eq!(stands(&call, 0), "Pending/Manager");
    assert_eq!(call.bodies()[0]["endDateTime"], "2026-11-22T12:00:00.000Z");
    ward.manager.clone().saying("enjoy").approves(&first).await.unwrap();
    let call = receiver.last();
    assert_eq!(stands(&call, 0), "Approved/Manager");
    assert_eq!(call.bodies()[0]["managerActionMessage"], "enjoy");
    assert_eq!(ward.graph.seen_by_employees(ward.team.id()).len(), 1);
    let second = asks().await.unwrap();
    ward.manager.declines(&second).await.unwrap();
    assert_eq!(stands(&receiver.last(), 0), "Declined/Manager");
    let third = asks().await.unwrap();
    ward.anna.cancels(&third).await.unwrap();
    assert_eq!(receiver.last().told(), [format!("DELETE /timeOffRequests/{third}")]);
}

#[tokio::test]
async fn people_are_shown_what_the_integration_lets_through() {
    let only = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let data = std::sync::Arc::clone(&only);
    let receiver = Receiver::start(move |call| {
        let reads = call.path.ends_with("/read");
        if reads { Say::Data(data.lock().unwrap().clone()) } else { Say::Yes }
    });
    let receiver = receiver.await;
    let ward = Ward::with(&receiver);
    let own = ward.shift(&ward.anna, 24).await;
    let (b, c) = (ward.shift(&ward.ben, 48).await, ward.shift(&ward.ben, 72).await);
    assert!(ward.anna.sees_swaps_for(&own, at(0), at(90)).await.unwrap().is_empty());
    let url = receiver.last().body["requests"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(
        url,
        format!(
            "/shifts/{own}/requestableShifts?requestType=SwapRequest\
             &startTime=2026-11-20T12:00:00.0000000Z&endTime=2026-11-24T06:00:00.0000000Z"
        )
    );
    *only.lock().unwrap() = vec![b.clone(), "SHFT_unknown".into()];
    let swaps = ward.anna.sees_swaps_for(&own, at(0), at(90)).await.unwrap();
    assert!(swaps == [b] && !swaps.contains(&c));
    *only.lock().unwrap() = vec![ward.reason.clone(), ward.ben.user().to_owned()];
    assert_eq!(ward.anna.sees_reasons().await.unwrap(), std::slice::from_ref(&ward.reason));
    assert_eq!(receiver.last().body["requests"][0]["id"], json!(ward.anna.user()));
    assert_eq!(ward.anna.sees_takers_of(&own).await.unwrap(), [ward.ben.user()]);
}

#[tokio::test]
async fn read_that_fails_is_an_error_and_no_empty_choice() {
    let receiver = Receiver::start(|_| Say::No(503, "could not reach WFM")).await;
    let ward = Ward::supporting(&receiver, "SwapRequest", "TimeOffReason");
    let refused = ward.anna.sees_reasons().await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().message, "could not reach WFM");
}
