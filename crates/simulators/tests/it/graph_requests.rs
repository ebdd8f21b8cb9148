//! Requests by people, decided through Graph; workforce integrations that have a say.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use simulators::graph::change::{Callbacks, Change, Method, Refusal, Subject};
use simulators::graph::state::Integration;
use simulators::graph::{Kind, Options};

use crate::world::World;

/// Remembers what it was asked, and says no when it is told to.
#[derive(Default)]
struct Record {
    changes: Mutex<Vec<Change>>,
    refuses: Mutex<Option<Refusal>>,
    connected: Mutex<Vec<String>>,
}

impl Callbacks for Record {
    fn connect(&self, integration: &Integration) -> Result<(), Refusal> {
        self.connected.lock().unwrap().push(integration.url.clone());
        Ok(())
    }

    fn update(&self, _: &Integration, change: &Change) -> Result<(), Refusal> {
        self.changes.lock().unwrap().push(change.clone());
        self.refuses.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

fn registered(record: &Arc<Record>) -> World {
    let callbacks: Arc<dyn Callbacks> = Arc::clone(record) as _;
    let callbacks = Some(callbacks);
    let world = World::new(Options { callbacks, quotas: None, ..Options::default() });
    let made = world.ask("POST", "teamwork/workforceIntegrations", Some(&integration()));
    assert_eq!(made.status, 201, "{}", made.body);
    let schedule = json!({
        "enabled": true, "timeZone": "Europe/Berlin", "workforceIntegrationIds": [made.id()],
    });
    assert_eq!(world.put("", &schedule).status, 200);
    world
}

fn integration() -> Value {
    json!({
        "displayName": "Rota", "apiVersion": 1, "isActive": true,
        "encryption": { "protocol": "sharedSecret", "secret": "s".repeat(64) },
        "url": "https://rota.example/callbacks/ward",
        "supportedEntities": "Shift,SwapRequest,TimeOff",
    })
}

#[test]
fn an_integration_is_registered_by_names_that_begin_upper_case() {
    let record = Arc::new(Record::default());
    let world = registered(&record);
    assert_eq!(*record.connected.lock().unwrap(), ["https://rota.example/callbacks/ward"]);
    let listed = world.ask("GET", "teamwork/workforceIntegrations", None);
    let shown = &listed.body["value"][0];
    assert_eq!(shown["encryption"]["secret"], json!(null));
    assert_eq!(shown["supportedEntities"], "shift,swapRequest,unknownFutureValue");
    let mut body = integration();
    body["supportedEntities"] = json!("shift, swapRequest");
    let refused = world.ask("POST", "teamwork/workforceIntegrations", Some(&body));
    let text = "Invalid payload: Requested value 'shift, swapRequest' was not found.";
    assert_eq!((refused.status, refused.message().as_str()), (400, text));
    body = integration();
    body["encryption"]["secret"] = json!("My Secret");
    assert_eq!(world.ask("POST", "teamwork/workforceIntegrations", Some(&body)).status, 400);
}

#[test]
fn a_write_that_the_integration_refuses_does_not_happen() {
    let record = Arc::new(Record::default());
    let world = registered(&record).with("x-ms-wfmpassthrough", "ours");
    let group = world.group(&[&world.anna]);
    *record.refuses.lock().unwrap() =
        Some(Refusal { status: 403, message: "The shift is locked.".into() });
    let refused = world.post("shifts", &World::shift(&world.anna, &group, 24, "draftShift"));
    assert_eq!((refused.status, refused.code()), (403, "WorkforceIntegrationError"));
    let message = refused.body["error"]["message"].as_str().unwrap();
    let inner: Value = serde_json::from_str(message).unwrap();
    assert_eq!(inner["error"]["externalErrorMessage"], "The shift is locked.");
    assert_eq!(inner["error"]["externalSource"], "Rota");
    assert!(world.graph.seen_by_managers(&world.team).is_empty());
    let changes = record.changes.lock().unwrap();
    let last = changes.last().unwrap();
    assert_eq!(last.passthrough.as_deref(), Some("ours"));
    assert_eq!(last.elements[0].subject, Subject::Of(Kind::Shift));
    assert_eq!(last.elements[0].method, Method::Post);
}

#[test]
fn an_approved_swap_is_five_elements_and_declines_the_rest() {
    let record = Arc::new(Record::default());
    let world = registered(&record);
    let group = world.group(&[&world.anna, &world.ben]);
    let annas = world.shared_shift(&world.anna, &group, 24);
    let bens = world.shared_shift(&world.ben, &group, 25);
    let swap = json!({
        "senderShiftId": annas, "recipientShiftId": bens, "recipientUserId": world.ben,
    });
    let first = world.post("swapShiftsChangeRequests", &swap);
    assert_eq!((first.status, &first.body["assignedTo"]), (200, &json!("recipient")));
    let second = world.post("swapShiftsChangeRequests", &swap).id();
    let act = |id: &str, action: &str, user: &str| {
        let target =
            format!("/beta/teams/{}/schedule/swapShiftsChangeRequests/{id}/{action}", world.team);
        world.ask("POST", &target, Some(&json!({ "userId": user, "message": "ok" }))).status
    };
    let id = first.id();
    assert_eq!(act(&id, "approveForUser", &world.anna), 403, "the sender decides nothing");
    assert_eq!(act(&id, "approveForUser", &world.olga), 403, "it is not the owner's turn");
    assert_eq!(act(&id, "approveForUser", &world.ben), 204);
    assert_eq!(act(&id, "approveForUser", &world.olga), 204);
    let changes = record.changes.lock().unwrap();
    let told: Vec<_> = changes.last().unwrap().elements.iter().map(|it| it.method).collect();
    let five = [Method::Put, Method::Delete, Method::Delete, Method::Post, Method::Post];
    assert_eq!(told[..5], five);
    assert_eq!(told[5..], [Method::Put], "the other request");
    let other = world.get(&format!("swapShiftsChangeRequests/{second}"));
    assert_eq!(other.body["state"], "declined");
    assert_eq!(other.body["assignedTo"], "system");
    let seen = world.graph.seen_by_employees(&world.team);
    let mut days: Vec<_> =
        seen.iter().map(|it| (it.item.start.to_string(), it.user.clone().unwrap())).collect();
    days.sort();
    assert_eq!(days[0], ("2026-11-24T08:00:00Z".into(), world.ben.clone()));
    assert_eq!(days[1], ("2026-11-25T08:00:00Z".into(), world.anna.clone()));
}

#[test]
fn the_last_slot_declines_whoever_else_wanted_it() {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna, &world.ben]);
    let mut open = World::shift("", &group, 24, "sharedOpenShift");
    open.as_object_mut().unwrap().remove("userId");
    open["sharedOpenShift"]["openSlotCount"] = json!(1);
    let open = world.post("openShifts", &open);
    assert_eq!(open.status, 200, "{}", open.body);
    let wish = |user: &str| {
        let body = json!({ "openShiftId": open.id(), "senderUserId": user });
        world.post("openShiftChangeRequests", &body).id()
    };
    let (annas, bens) = (wish(&world.anna), wish(&world.ben));
    let target = |version: &str, id: &str, action: &str| {
        format!("/{version}/teams/{}/schedule/openShiftChangeRequests/{id}/{action}", world.team)
    };
    let body = json!({ "userId": world.olga });
    let old = world.ask("POST", &target("v1.0", &annas, "approve"), Some(&json!({})));
    assert_eq!(old.status, 403, "ended for apps");
    let path = target("beta", &annas, "approveForUser");
    assert_eq!(world.ask("POST", &path, Some(&body)).status, 204);
    let pending = world.get("openShiftChangeRequests?$filter=state%20eq%20'pending'");
    assert!(pending.ids().is_empty());
    assert_eq!(world.get(&format!("openShiftChangeRequests/{bens}")).body["state"], "declined");
    let seen = world.graph.seen_by_employees(&world.team);
    assert_eq!(seen.iter().filter(|it| it.kind == Kind::Shift).count(), 1);
}

#[test]
fn preferences_are_kept_as_they_were_said() {
    let world = World::without_quotas();
    let target = format!("users/{}/settings/shiftPreferences", world.anna);
    let body = json!({ "availability": [{ "timeZone": "Europe/Berlin", "timeSlots": null }] });
    assert_eq!(world.ask("PUT", &target, Some(&body)).status, 204);
    let kept = world.ask("GET", &target, None);
    assert_eq!(kept.body["availability"], body["availability"]);
}
