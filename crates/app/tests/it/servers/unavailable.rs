//! An event by which its owner says that she cannot work, until she hears of it: in Radicale, in
//! the played Outlook and in the played Google Calendar; by a label, and by the calendar that it is
//! in.

use jiff::Timestamp;
use serde_json::json;
use simulators::google::Plan;
use simulators::graph::mailbox::Span;
use testkit::servers::radicale;

use super::asks::{ANNA, InGoogle, InOutlook, Place};
use super::dav;
use crate::world::World;

const ROSTER: &str = "\
employee,team,work,date,start,end
anna,Front desk,Early,2030-03-04,08:00,16:00
anna,Front desk,Early,2030-03-05,08:00,16:00
";

/// In the week after.
fn event(name: &str, day: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Anna//EN\r\nBEGIN:VEVENT\r\nUID:{name}\r\n\
         DTSTAMP:20300101T000000Z\r\nDTSTART;VALUE=DATE:203003{day}\r\n\
         SUMMARY:Moving house\r\nCATEGORIES:Home,Unavailable\r\nX-OWN:kept\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

#[test]
fn an_unavailable_day_becomes_time_off_and_its_owner_is_told_on_radicale() {
    let Some(server) = radicale() else { return };
    let own = format!("{}anna-own/", server.url());
    assert_eq!(dav::ask("MKCALENDAR", &own).unwrap().0, 201);
    let place = |name: &str| format!("{own}{name}.ics");
    dav::put(&place("granted"), event("granted", "11").as_bytes());
    dav::put(&place("plain"), event("plain", "12").replace(",Unavailable", "").as_bytes());
    let world = World::at(&server.url(), "");
    world.roster(ROSTER);
    world.write("people.csv", "employee,email\nanna,anna@example.com\n");
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"\n\
                rules = { automatic = [\"time_off_request\"] }";
    world.edit("source = \"exports\"", &format!("starts_from = \"exports\"\n{more}"));
    let wishes = "conflict_collections = [\"{employee}-own/\"]\ndirection = \"two_way\"\n\
                  unavailable = { category = \"Unavailable\" }";
    world.edit("collection = ", &format!("{wishes}\ncollection = "));

    let line = world.sync(0);
    assert_eq!((&line["granted"], &line["events_changed"]), (&1.into(), &1.into()), "{line}");
    let text = String::from_utf8(dav::get(&place("granted")).unwrap()).unwrap();
    let told = text.replace("\r\n ", "");
    assert!(told.contains("CATEGORIES:Home,Unavailable,Unavailable: granted\r\n"), "{told}");
    assert!(told.contains("X-OWN:kept\r\n") && told.contains("SUMMARY:Moving house\r\n"), "{told}");
    let plain = String::from_utf8(dav::get(&place("plain")).unwrap()).unwrap();
    assert!(!plain.contains("granted"), "{plain}");

    // It is time off in the roster, and will be shown like every other.
    world.run(&["sync", "--full"]).exits(0);
    let line = world.sync(0);
    assert_eq!((&line["granted"], &line["events_changed"]), (&0.into(), &0.into()), "{line}");
    let status = world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["rosters"][0]["time_off"], 1, "{status}");
    // Two minutes are left to a vendor who would show what was granted by itself.
    let plan = world.run(&["plan", "--json"]).exits(0).json();
    let entry = &plan["mirrors"][0]["entries"][0];
    assert_eq!((&entry["action"], &entry["kind"]), (&"hold".into(), &"time_off".into()), "{plan}");
    assert_eq!(entry["start"], "2030-03-10T23:00:00Z", "the owner's day: {plan}");
}

/// A mirror of a record that grants requests for time off by itself, as `keys` say.
fn granting(place: &dyn Place, keys: &str) -> World {
    let world = place.mirrored(&format!("direction = \"two_way\"\n{keys}"));
    let rules = "starts_from = \"exports\"\nrules = { automatic = [\"time_off_request\"] }";
    world.edit("starts_from = \"exports\"", rules);
    world.run(&["sync"]).exits(0);
    world
}

/// The plan tells of one wish; a cycle has it granted and says so by `label`; then all is quiet.
fn is_granted(world: &World, what: &str, labels: &dyn Fn() -> Vec<String>, label: &str) {
    let before = labels();
    let plan = world.run(&["plan", "--json"]).exits(0).json();
    let conflicts = &plan["mirrors"][0]["conflicts"];
    let wishes = conflicts["wishes"].as_array().unwrap();
    assert_eq!(wishes.len(), 1, "{what}: {conflicts}");
    assert_eq!((&wishes[0]["action"], &wishes[0]["employee"]), (&"ask".into(), &"anna".into()));
    assert_eq!(conflicts["entries"], json!([]), "{what}: a wish is no conflict");
    let told = world.run(&["plan"]).exits(0);
    told.says("an event asks for time off").says("1 events that ask for time off");
    assert_eq!(labels(), before, "{what}: a plan changes nothing");

    let line = super::asks::sync(world, &["--full"]);
    let done = (&line["granted"], &line["events_changed"]);
    assert_eq!(done, (&1.into(), &1.into()), "{what}: {line}");
    assert!(labels().iter().any(|it| it == label), "{what}: {:?}", labels());
    let status = world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["rosters"][0]["time_off"], 1, "{what}: {status}");
    let line = super::asks::sync(world, &["--full"]);
    let done = (&line["granted"], &line["events_changed"]);
    assert_eq!(done, (&0.into(), &0.into()), "{what}: {line}");
    let plan = world.run(&["plan", "--json"]).exits(0).json();
    assert_eq!(plan["mirrors"][0]["conflicts"]["wishes"], json!([]), "{what}");
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_unavailable_day_becomes_time_off_and_its_owner_is_told_in_outlook() {
    for by_calendar in [false, true] {
        let place = InOutlook::new();
        let keys = match by_calendar {
            true => "unavailable = { calendar = \"Unavailable\" }",
            false => "unavailable = { category = \"Unavailable\" }",
        };
        let world = granting(&place, keys);
        let hers = place.server.at_calendar(&place.user);
        let span = Span::Timed(at("2030-03-12T09:00:00Z"), at("2030-03-12T15:00:00Z"));
        let id = hers.books("Moving house", span, &[]).unwrap();
        match by_calendar {
            true => assert!(hers.moves_to_calendar(&id, "Unavailable")),
            false => assert!(hers.labels(&id, &["Home", "Unavailable"])),
        }
        let labels = || {
            let mailbox = place.server.mailbox(&place.user).unwrap();
            mailbox.events[&id].categories().into_iter().map(String::from).collect()
        };
        let what = if by_calendar { "by its calendar" } else { "by its label" };
        is_granted(&world, what, &labels, "Unavailable: granted");
    }
}

#[test]
fn an_unavailable_day_becomes_time_off_and_its_owner_is_told_in_google_calendar() {
    for by_calendar in [false, true] {
        let place = InGoogle::new();
        let keys = match by_calendar {
            true => "unavailable = { calendar = \"Unavailable\" }",
            false => "unavailable = {}",
        };
        let world = granting(&place, &format!("foreign_events = \"change\"\n{keys}"));
        let anna = place.server.person(ANNA);
        let plan =
            Plan::timed("Moving house", at("2030-03-12T09:00:00Z"), at("2030-03-12T15:00:00Z"));
        let (calendar, plan) = match by_calendar {
            true => (anna.makes_calendar("Unavailable"), plan),
            // Graphite: Google's events have colours for labels.
            false => (ANNA.to_owned(), plan.with("colorId", "8".into())),
        };
        let id = anna.plans(&calendar, plan);
        let labels = || {
            let events = place.server.live_events(&calendar).into_iter();
            let mut hers = events.filter(|it| it.id == id);
            hers.find_map(|it| it.text("colorId").map(String::from)).into_iter().collect()
        };
        let what = if by_calendar { "by its calendar" } else { "by its label" };
        // Basil.
        is_granted(&world, what, &labels, "10");
    }
}
