//! People: invitations, answers, copies, moves; who may see a calendar.

use jiff::SignedDuration;
use serde_json::json;
use simulators::google::{Options, Plan};

use super::world::{ANNA, BEN, World, event};

fn meeting(world: &World) -> String {
    let at = |text: &str| text.parse().unwrap();
    let plan = Plan::timed("Retro", at("2026-11-24T08:00:00Z"), at("2026-11-24T09:00:00Z"));
    world.ben.plans(BEN, plan.inviting(&[ANNA]))
}

#[test]
fn who_is_invited_has_a_copy_and_may_answer_but_not_move_it() {
    let world = World::new(Options::default());
    let id = meeting(&world);
    let one = format!("/calendars/primary/events/{id}");
    let copy = world.get(&one).body;
    assert_eq!(copy["organizer"]["email"], BEN);
    let moved = json!({ "start": { "dateTime": "2026-11-24T10:00:00Z" },
        "end": { "dateTime": "2026-11-24T11:00:00Z" } });
    let refused = world.ask("PATCH", &one, Some(&moved));
    assert_eq!(refused.told(), (403, "forbiddenForNonOrganizer"));
    let mut attendees = copy["attendees"].clone();
    for attendee in attendees.as_array_mut().unwrap() {
        if attendee["email"] == ANNA {
            assert_eq!(attendee["self"], true);
            attendee["responseStatus"] = "declined".into();
        }
    }
    let declined = world.ask("PATCH", &one, Some(&json!({ "attendees": attendees })));
    assert_eq!(declined.status, 200);
    let response = |who: &str| {
        let event = world.google.live_events(who).remove(0);
        event.response_of(ANNA)
    };
    assert_eq!((response(BEN), response(ANNA)), (Some("declined".into()), Some("declined".into())));
}

#[test]
fn what_the_organiser_does_reaches_those_who_are_invited() {
    let world = World::new(Options::default());
    let id = meeting(&world);
    world.ben.moves(BEN, &id, SignedDuration::from_hours(2)).unwrap();
    let one = format!("/calendars/primary/events/{id}");
    assert_eq!(world.get(&one).body["start"]["dateTime"], "2026-11-24T11:00:00+01:00");
    world.ben.deletes(BEN, &id).unwrap();
    assert_eq!(world.get(&one).body["status"], "cancelled");
}

#[test]
fn a_guest_who_deletes_their_copy_declines() {
    let world = World::new(Options::default());
    let id = meeting(&world);
    assert_eq!(world.ask("DELETE", &format!("/calendars/primary/events/{id}"), None).status, 204);
    let event = world.google.live_events(BEN).remove(0);
    assert_eq!(event.response_of(ANNA).as_deref(), Some("declined"));
    world.ben.renames(BEN, &id, "Long retro").unwrap();
    assert!(world.google.live_events(ANNA).is_empty(), "a deleted copy does not come back");
}

#[test]
fn a_copy_gets_another_id_and_a_moved_event_keeps_its_own() {
    let world = World::new(Options::default());
    let own = world.post("/calendars", &json!({ "summary": "Shifts" })).id();
    let mut body = event("Shift", 8);
    body["extendedProperties"] = json!({ "private": { "tag": "1" } });
    let id = world.post(&format!("/calendars/{own}/events"), &body).id();
    let copy = world.anna.copies(&own, &id, ANNA).unwrap();
    assert_ne!(copy, id);
    let copied = world.google.live_events(ANNA).remove(0);
    assert_eq!((copied.id.as_str(), copied.private("tag")), (copy.as_str(), Some("1")));
    world.anna.relocates(&own, &id, ANNA).unwrap();
    assert!(world.google.live_events(&own).is_empty());
    assert_eq!(world.google.live_events(ANNA).len(), 2);
    let left = world.get(&format!("/calendars/{own}/events/{id}"));
    assert_eq!(left.body["status"], "cancelled");
}

#[test]
fn a_calendar_is_seen_by_those_whom_its_rules_name() {
    let world = World::new(Options::default());
    let own = world.post("/calendars", &json!({ "summary": "Ward 3" })).id();
    let ben = world.token_for(BEN, &["calendar"]);
    let events = format!("/calendars/{own}/events");
    let see = || world.ask_as(&ben, "GET", &events, (&[], None)).status;
    assert_eq!(see(), 404);
    let rules = format!("/calendars/{own}/acl");
    let rule = json!({ "role": "reader", "scope": { "type": "user", "value": BEN } });
    let made = world.post(&rules, &rule);
    assert_eq!((made.status, made.id()), (200, format!("user:{BEN}")));
    assert_eq!(see(), 200);
    let shift = event("Shift", 8);
    let write = world.ask_as(&ben, "POST", &events, (&[], Some(&shift)));
    assert_eq!(write.told(), (403, "requiredAccessLevel"));
    assert_eq!(world.get(&rules).ids().len(), 2);
    assert_eq!(world.ask("DELETE", &format!("{rules}/user:{BEN}"), None).status, 204);
    assert_eq!(see(), 404);
    assert_eq!(world.ask("DELETE", &format!("{rules}/user:{ANNA}"), None).status, 403);
}
