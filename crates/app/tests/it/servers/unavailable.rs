//! An event in Radicale by which its owner says that she cannot work, until she hears of it.

use testkit::servers::radicale;

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
