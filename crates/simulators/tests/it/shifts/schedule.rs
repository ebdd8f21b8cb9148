//! What managers do in the schedule, as the integration is told of it.

use serde_json::{Value, json};
use simulators::graph::Kind;
use simulators::graph::people::{NewShift, NotDone, away, working};

use super::receiver::{Receiver, Say};
use super::ward::{Ward, at};

#[tokio::test]
async fn new_shift_is_shown_to_the_integration_and_then_there() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    let id = ward.manager.creates_shift(new).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.path, format!("/rota/v1/teams/{}/update", ward.team.id()));
    assert_eq!((call.language.as_str(), call.passthrough.as_deref()), ("en-US", None));
    assert_eq!(call.told(), [format!("POST /shifts/{id}")]);
    let request = &call.body["requests"][0];
    assert_eq!(request["id"], json!(id));
    assert_eq!(request["headers"]["X-MS-Expires"], "2026-11-20T12:00:31.0000000Z");
    assert!(request["headers"]["X-MS-Transaction-ID"].is_string());
    let body = &request["body"];
    assert_eq!(
        body["draftShift"],
        json!({
            "startDateTime": "2026-11-20T15:00:00.000Z",
            "endDateTime": "2026-11-20T17:00:00.000Z",
            "theme": "Blue", "activities": [], "isActive": true,
        })
    );
    assert_eq!((&body["userId"], body.get("sharedShift")), (&json!(ward.anna.user()), None));
    assert_eq!(ward.graph.seen_by_managers(ward.team.id()).len(), 1);
    assert!(ward.roster().is_empty(), "a draft is for managers only");
    ward.manager.shares(&id).await.unwrap();
    let body = receiver.last().bodies()[0].clone();
    assert_eq!(body.get("draftShift"), Some(&Value::Null));
    assert_eq!(body["sharedShift"]["isActive"], true);
    assert_eq!(ward.roster().len(), 1);
}

#[tokio::test]
async fn refused_change_does_not_happen_and_its_text_reaches_the_person() {
    let receiver = Receiver::start(|_| Say::No(409, "Zu wenig Ruhezeit.")).await;
    let ward = Ward::with(&receiver);
    let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    let refused = ward.manager.clone().speaking("de-DE").creates_shift(new).await.unwrap_err();
    let NotDone::ByIntegration(refusal) = &refused else { panic!("{refused:?}") };
    assert_eq!((refusal.status, refusal.code.as_str()), (409, "no"));
    assert_eq!(refused.to_string(), "Rota says: Zu wenig Ruhezeit.");
    assert_eq!(receiver.last().language, "de-DE");
    assert!(ward.graph.seen_by_managers(ward.team.id()).is_empty());
}

#[tokio::test]
async fn deletion_is_told_when_drafted_and_when_shared() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let shift = ward.shift(&ward.anna, 24).await;
    ward.manager.edits(&shift, |it| it.notes = Some("late".into())).await.unwrap();
    assert_eq!(receiver.last().bodies()[0]["draftShift"]["notes"], "late");
    ward.manager.deletes(&shift).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("PUT /shifts/{shift}")]);
    assert_eq!(call.bodies()[0]["draftShift"]["isActive"], false);
    assert_eq!(ward.roster().len(), 1, "employees see it until it is shared");
    ward.manager.shares(&shift).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("PUT /shifts/{shift}")]);
    assert_eq!(call.bodies()[0].get("draftShift"), Some(&Value::Null));
    assert_eq!(call.bodies()[0]["sharedShift"]["isActive"], false);
    assert!(ward.roster().is_empty());
}

#[tokio::test]
async fn sharing_the_whole_schedule_is_not_told() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let shift = ward.shift(&ward.anna, 24).await;
    ward.manager.deletes(&shift).await.unwrap();
    let new = NewShift::of(ward.ben.user(), &ward.group, working(at(30), at(35)));
    ward.manager.creates_shift(new).await.unwrap();
    let calls = receiver.calls().len();
    assert!(ward.anna.shares_schedule(at(0), at(99)).is_err());
    ward.manager.shares_schedule(at(0), at(30)).unwrap();
    assert!(ward.roster().is_empty(), "only what was deleted is inside");
    ward.manager.shares_schedule(at(30), at(99)).unwrap();
    assert_eq!(ward.roster(), [(ward.ben.user().to_owned(), 30)].into());
    assert_eq!(receiver.calls().len(), calls);
}

#[tokio::test]
async fn assigned_open_shift_is_one_call_with_two_elements() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let open = ward.open_shift(2).await;
    let shift = ward.manager.assigns(&open, ward.ben.user()).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("PUT /openshifts/{open}"), format!("POST /shifts/{shift}")]);
    assert_eq!(call.bodies()[0]["draftOpenShift"]["openSlotCount"], 1);
    assert_eq!(call.bodies()[1]["userId"], json!(ward.ben.user()));
    assert!(call.bodies()[1]["draftShift"].get("openSlotCount").is_none());
}

#[tokio::test]
async fn time_off_by_a_manager_is_a_time_off_and_no_request() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let item = away(&ward.reason, at(24), at(48));
    let id = ward.manager.creates_time_off(ward.anna.user(), item).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.told(), [format!("POST /timesoff/{id}")]);
    assert_eq!(call.bodies()[0]["draftTimeOff"]["timeOffReasonId"], json!(ward.reason));
    ward.manager.deletes(&id).await.unwrap();
    assert_eq!(receiver.last().bodies()[0]["draftTimeOff"]["isActive"], false);
    let left = ward.graph.seen_by_managers(ward.team.id());
    assert!(left.iter().all(|it| it.kind != Kind::TimeOff));
}

#[tokio::test]
async fn preferences_are_told_below_the_user() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let availability = json!([{ "timeZone": "Europe/Berlin", "timeSlots": null }]);
    ward.anna.sets_preferences(availability).await.unwrap();
    let call = receiver.last();
    assert_eq!(call.path, format!("/rota/v1/users/{}/update", ward.anna.user()));
    assert_eq!(call.told(), ["PUT /settings/shiftpreferences"]);
    assert_eq!(call.bodies()[0]["availability"][0]["timeZone"], "Europe/Berlin");
    assert!(ward.graph.read(|state| state.preferences.contains_key(ward.anna.user())));
}

#[tokio::test]
async fn employees_are_no_managers() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    let refused = ward.anna.creates_shift(new).await.unwrap_err();
    assert!(matches!(refused, NotDone::ByShifts(_)));
    assert!(receiver.calls().is_empty());
}

#[tokio::test]
async fn shift_of_no_length_or_of_more_than_a_day_is_not_even_asked_about() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let shift = ward.shift(&ward.anna, 24).await;
    let calls = receiver.calls().len();
    for hour in [24, 24 + 25] {
        let refused = ward.manager.edits(&shift, |it| it.end = at(hour)).await.unwrap_err();
        assert!(matches!(refused, NotDone::ByShifts(_)));
    }
    assert_eq!(receiver.calls().len(), calls);
}

#[tokio::test]
async fn integration_is_asked_only_of_what_it_supports_and_while_it_is_active() {
    let receiver = Receiver::start(|_| Say::No(403, "never")).await;
    let ward = Ward::supporting(&receiver, "SwapRequest", "None");
    let shift = ward.shift(&ward.anna, 24).await;
    ward.shift(&ward.ben, 48).await;
    assert!(receiver.calls().is_empty());
    let swaps = ward.anna.sees_swaps_for(&shift, at(0), at(100)).await.unwrap();
    assert_eq!(swaps.len(), 1, "nothing filters, so all are shown");
    assert!(ward.anna.asks_to_swap(&shift, &swaps[0]).await.is_err());
    assert_eq!(receiver.calls().len(), 1);
    ward.graph.update(|state| state.integrations.get_mut("WFI_1").unwrap().is_active = false);
    ward.anna.asks_to_swap(&shift, &swaps[0]).await.unwrap();
    assert_eq!(receiver.calls().len(), 1);
}
