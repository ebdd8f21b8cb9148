//! Anna's own calendar in Radicale.

use testkit::servers::{DavServer, radicale};

use super::super::dav;
use super::{CASES, Desk, Own, ROSTER, Shown};
use crate::world::World;

fn object(name: &str, day: &str) -> String {
    let day = day.replace('-', "");
    let more = match name {
        "free" => "TRANSP:TRANSPARENT\r\n",
        "private" => "CLASS:PRIVATE\r\n",
        "invited" => {
            "ORGANIZER:mailto:boss@example.com\r\n\
             ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@example.com\r\n"
        }
        "declined" => {
            "ORGANIZER:mailto:boss@example.com\r\n\
             ATTENDEE;PARTSTAT=DECLINED:mailto:anna@example.com\r\n"
        }
        "series" => "RRULE:FREQ=WEEKLY;COUNT=3\r\n",
        "organised" => {
            "ORGANIZER:mailto:anna@example.com\r\n\
             ATTENDEE;PARTSTAT=ACCEPTED:mailto:boss@example.com\r\n"
        }
        "absent" => "X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\n",
        "tentative" => "STATUS:TENTATIVE\r\n",
        _ => "LOCATION:Room 4\r\nDESCRIPTION:Bring the numbers\r\n",
    };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Anna//EN\r\nBEGIN:VEVENT\r\nUID:{name}\r\n\
         DTSTAMP:20300101T000000Z\r\nDTSTART:{day}T090000Z\r\nDTEND:{day}T100000Z\r\n\
         SUMMARY:About {name}\r\nX-OWN:kept\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

struct InRadicale(DavServer);

/// A desk there; `None` where Radicale is not installed.
pub fn desk(policy: &str) -> Option<Desk> {
    let server = radicale()?;
    let own = format!("{}anna-own/", server.url());
    let (status, _) = dav::ask("MKCALENDAR", &own).unwrap();
    assert_eq!(status, 201);
    for (name, day, _) in CASES {
        dav::put(&format!("{own}{name}.ics"), object(name, day).as_bytes());
    }
    let world = World::at(&server.url(), "");
    world.roster(ROSTER);
    world.write("people.csv", "employee,email\nanna,anna@example.com\n");
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
    world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
    let own = "conflict_collections = [\"{employee}-own/\"]";
    world.edit("collection = ", &format!("{own}\n{policy}\ncollection = "));
    Some(Desk { own: Box::new(InRadicale(server)), world })
}

impl Own for InRadicale {
    fn see(&self, case: &str) -> Option<Shown> {
        let url = format!("{}anna-own/{case}.ics", self.0.url());
        let text = String::from_utf8(dav::get(&url)?).unwrap().replace("\r\n ", "");
        let of = |text: &str, name: &str| {
            let found = text.lines().find_map(|it| it.strip_prefix(&format!("{name}:")));
            found.unwrap_or_default().to_owned()
        };
        // Of the series, the one of the day: by its own event, or by the rule.
        let own =
            text.split("BEGIN:VEVENT").find(|it| it.contains("RECURRENCE-ID:20300308T090000Z"));
        if own.is_none() && text.contains("EXDATE:20300308T090000Z") {
            return None;
        }
        let event = own.unwrap_or(&text);
        let start = of(event, "DTSTART");
        let day =
            if case == "series" && own.is_none() { "20300308T090000Z".to_owned() } else { start };
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &day).unwrap();
        // In the order of their letters: an undoing may put a line elsewhere.
        let mut more: Vec<String> = match own {
            None => text.lines().map(str::to_owned).collect(),
            Some(_) => vec![],
        };
        more.sort();
        Some(Shown {
            title: of(event, "SUMMARY"),
            start: format!("{}Z", at.strftime("%Y-%m-%dT%H:%M:%S")),
            text: of(event, "DESCRIPTION"),
            declined: event.contains("PARTSTAT=DECLINED"),
            more,
        })
    }
}
