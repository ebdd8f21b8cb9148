//! Calls that are late, lost, doubled or answered wrongly.

use serde_json::json;
use simulators::graph::change::{Callbacks, Edit, Refused, Scope, Write};
use simulators::graph::integration::{Mishap, Outcome};
use simulators::graph::people::{NewShift, working};
use simulators::graph::state::{Entity, Planned, Who};
use simulators::graph::{APP, Kind, TENANT};

use super::receiver::{Receiver, Say};
use super::ward::{Ward, at};

#[tokio::test]
async fn unanswered_swap_is_asked_for_again_with_a_new_id() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    ward.team.people().workforce().caller().set_mishaps([Mishap::LosesAnswer]);
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    let calls = receiver.calls();
    let [.., first, second] = calls.as_slice() else { panic!() };
    assert_ne!(first.told(), second.told());
    assert_eq!(second.told(), [format!("POST /swapRequests/{swap}")]);
    assert_eq!(first.bodies()[0]["senderShiftId"], second.bodies()[0]["senderShiftId"]);
    let transaction = |call: &super::receiver::Call| {
        call.body["requests"][0]["headers"]["X-MS-Transaction-ID"].clone()
    };
    assert_ne!(transaction(first), transaction(second));
    let pending = ward.graph.read(|state| {
        let team = state.teams.get(ward.team.id()).unwrap();
        team.all(Kind::SwapRequest).count()
    });
    assert_eq!(pending, 1, "the first one never was");
}

#[tokio::test]
async fn lost_answer_to_an_approval_brings_other_shifts_for_the_same_people() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.ben.accepts(&swap).await.unwrap();
    ward.team.people().workforce().caller().set_mishaps([Mishap::LosesAnswer]);
    ward.manager.approves(&swap).await.unwrap();
    let calls = receiver.calls();
    let [.., first, second] = calls.as_slice() else { panic!() };
    assert_eq!(first.told()[..3], second.told()[..3]);
    assert_ne!(first.told()[3..], second.told()[3..]);
    assert_eq!(ward.roster().len(), 2);
    let outcomes = ward.team.people().workforce().exchanges();
    assert_eq!(outcomes[outcomes.len() - 2].outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn who_never_answers_is_given_up_and_nothing_happens() {
    let receiver = Receiver::start(|_| Say::Nothing).await;
    let ward = Ward::impatient(&receiver);
    let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    let refused = ward.manager.creates_shift(new).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().status, 504);
    assert_eq!(ward.calls(), 3, "once and two retries");
    assert!(ward.graph.seen_by_managers(ward.team.id()).is_empty());
}

#[tokio::test]
async fn call_in_progress_is_asked_again_as_if_it_was_not_answered() {
    let mut busy = 1;
    let receiver = Receiver::start(move |_| {
        let say = if busy > 0 { Say::No(102, "in progress") } else { Say::Yes };
        busy = 0;
        say
    });
    let receiver = receiver.await;
    let ward = Ward::with(&receiver);
    let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    ward.manager.creates_shift(new).await.unwrap();
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn success_without_etag_and_other_statuses_are_bad_answers() {
    let answers = [
        Say::Status(500),
        Say::Json(json!({ "responses": [] })),
        Say::Json(json!("what?")),
        Say::Json(json!({ "responses": [{ "id": "x", "status": 200, "body": {} }] })),
    ];
    for answer in answers {
        let mut answer = Some(answer);
        let receiver = Receiver::start(move |_| answer.take().unwrap_or(Say::Yes)).await;
        let ward = Ward::with(&receiver);
        let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
        let refused = ward.manager.creates_shift(new).await.unwrap_err();
        assert_eq!(refused.refusal().unwrap().status, 502);
        assert_eq!(receiver.calls().len(), 1, "an answer is an answer");
        assert!(ward.graph.seen_by_managers(ward.team.id()).is_empty());
    }
}

#[tokio::test]
async fn doubled_and_repeated_calls_have_the_same_bytes() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    let workforce = ward.team.people().workforce();
    workforce.caller().set_mishaps([Mishap::ArrivesTwice, Mishap::ArrivesTwiceAtOnce]);
    ward.shift(&ward.anna, 24).await;
    let calls = receiver.calls();
    assert_eq!(calls.len(), 4);
    assert_eq!((&calls[0].body, &calls[2].body), (&calls[1].body, &calls[3].body));
    let exchanges = workforce.exchanges();
    assert_eq!(exchanges.len(), 2);
    let (status, _) = workforce.caller().repeat(&exchanges[0]).await.unwrap();
    assert_eq!((status, &receiver.last().body), (200, &calls[0].body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_of_an_app_carries_its_passthrough_and_can_be_refused() {
    let receiver = Receiver::start(|call| {
        if call.passthrough.as_deref() == Some("ours") { Say::Yes } else { Say::No(403, "no") }
    });
    let receiver = receiver.await;
    let ward = Ward::with(&receiver);
    let write = |passthrough: Option<&str>| {
        let after = Planned {
            user: Some(ward.anna.user().into()),
            group: Some(ward.group.clone()),
            shared: Some(working(at(3), at(5))),
            ..Planned::default()
        };
        let id = ward.graph.update(|state| state.new_id("SHFT"));
        let edit = Edit::make(Kind::Shift, id, Entity::Planned(after));
        let scope = Scope::Team(ward.team.id().into());
        let mut write = Write::new(scope, Who::App(APP.into()), vec![edit]);
        write.passthrough = passthrough.map(str::to_owned);
        write
    };
    let Err(Refused::ByIntegration { integration, refusal }) = ward.graph.commit(&write(None))
    else {
        panic!()
    };
    assert_eq!(
        (integration.as_str(), refusal.status, refusal.message.as_str()),
        ("Rota", 403, "no")
    );
    ward.graph.commit(&write(Some("ours"))).unwrap();
    assert_eq!(ward.roster().len(), 1);
    assert_eq!(ward.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn integration_is_connected_to_with_its_tenant() {
    let mut statuses = [200, 401].into_iter();
    let receiver = Receiver::start(move |_| Say::Status(statuses.next().unwrap())).await;
    let ward = Ward::with(&receiver);
    let integration = ward.graph.read(|state| state.integrations["WFI_1"].clone());
    let workforce = ward.team.people().workforce();
    workforce.connect(&integration).unwrap();
    let call = receiver.last();
    assert_eq!(call.path, "/rota/v1/connect");
    assert_eq!(call.body["tenantId"], TENANT);
    let refused = workforce.connect(&integration).unwrap_err();
    assert_eq!(refused.message, "the integration answered /connect with 401, expected 200");
}

#[tokio::test]
async fn call_that_is_not_waited_for_is_still_answered_while_the_next_comes() {
    let receiver = Receiver::start(|_| Say::Yes).await;
    let ward = Ward::with(&receiver);
    ward.team.people().workforce().caller().set_mishaps([Mishap::StopsWaiting]);
    let new = NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    ward.manager.creates_shift(new).await.unwrap();
    assert_eq!(ward.graph.seen_by_managers(ward.team.id()).len(), 1);
    let both = async {
        while receiver.calls().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), both).await.unwrap();
}
