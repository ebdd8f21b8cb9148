//! Anna's own calendar in Radicale.

use jiff::Timestamp;
use testkit::servers::{DavServer, radicale};

use super::super::dav;
use super::table::{Case, When};
use super::{Desk, Own, Shown};
use crate::world::World;

fn object(case: &Case) -> String {
    let name = case.name;
    let when = match case.when {
        When::Timed(from, to) => format!("DTSTART:{}\r\nDTEND:{}", basic(from), basic(to)),
        When::Day(day) => format!(
            "DTSTART;VALUE=DATE:{}\r\nDTEND;VALUE=DATE:{}",
            day.strftime("%Y%m%d"),
            day.tomorrow().unwrap().strftime("%Y%m%d")
        ),
    };
    let more = match name {
        "free" => "TRANSP:TRANSPARENT\r\n",
        "private" => "CLASS:PRIVATE\r\n",
        "invited" => {
            "ORGANIZER:mailto:boss@example.com\r\n\
             ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@example.com\r\n"
        }
        "unanswered" => {
            "ORGANIZER:mailto:boss@example.com\r\n\
             ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@example.com\r\n"
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
        _ => "",
    };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Anna//EN\r\nBEGIN:VEVENT\r\nUID:{name}\r\n\
         DTSTAMP:20300101T000000Z\r\n{when}\r\nSUMMARY:About {name}\r\nLOCATION:Room 4\r\n\
         DESCRIPTION:Bring the numbers\r\nURL:https://meet.example.com/1\r\nX-OWN:kept\r\n\
         {more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn basic(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

struct InRadicale(DavServer);

impl InRadicale {
    /// What is at an address, its lines unfolded.
    fn text(&self, path: &str) -> Option<String> {
        let data = dav::get(&format!("{}{path}", self.0.url()))?;
        Some(String::from_utf8(data).unwrap().replace("\r\n ", ""))
    }
}

/// A desk there; `None` where Radicale is not installed.
pub fn desk(cases: &[Case], roster: &str, policy: &str) -> Option<Desk> {
    let server = radicale()?;
    let own = format!("{}anna-own/", server.url());
    let (status, _) = dav::ask("MKCALENDAR", &own).unwrap();
    assert_eq!(status, 201);
    for case in cases {
        dav::put(&format!("{own}{}.ics", case.name), object(case).as_bytes());
    }
    let world = World::at(&server.url(), "");
    world.roster(roster);
    world.write("people.csv", "employee,email\nanna,anna@example.com\n");
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
    world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
    let own = "conflict_collections = [\"{employee}-own/\"]";
    world.edit("collection = ", &format!("{own}\n{policy}\ncollection = "));
    Some(Desk { own: Box::new(InRadicale(server)), world, cases: cases.to_vec() })
}

impl Own for InRadicale {
    fn see(&self, case: &Case) -> Option<Shown> {
        let text = self.text(&format!("anna-own/{}.ics", case.name))?;
        let of = |text: &str, name: &str| {
            let found = text.lines().find_map(|it| it.strip_prefix(&format!("{name}:")));
            found.unwrap_or_default().to_owned()
        };
        let (is_series, day) = (case.name == "series", case.day().strftime("%Y%m%dT090000Z"));
        // Of the series, the one of the day: by its own event, or by the rule.
        let is_own = |it: &&str| it.contains(&format!("RECURRENCE-ID:{day}"));
        let own = text.split("BEGIN:VEVENT").find(is_own);
        if own.is_none() && text.contains(&format!("EXDATE:{day}")) {
            return None;
        }
        let event = own.unwrap_or(&text);
        let start = match is_series && own.is_none() {
            true => day.to_string(),
            false => of(event, "DTSTART"),
        };
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &start);
        let start = at.map_or(start, |it| format!("{}Z", it.strftime("%Y-%m-%dT%H:%M:%S")));
        // In the order of their letters: an undoing may put a line elsewhere.
        let mut more: Vec<String> = match own {
            None => text.lines().map(str::to_owned).collect(),
            Some(_) => vec![],
        };
        more.sort();
        Some(Shown {
            title: of(event, "SUMMARY"),
            start,
            text: of(event, "DESCRIPTION"),
            declined: event.contains("PARTSTAT=DECLINED"),
            more,
        })
    }

    fn shift_says(&self, day: &str) -> String {
        let start = format!("DTSTART:{}", day.replace('-', ""));
        let all = self.text("anna/").unwrap();
        let shift = all.split("BEGIN:VEVENT").find(|it| it.contains(&start)).unwrap();
        let said = shift.lines().find_map(|it| it.strip_prefix("DESCRIPTION:"));
        said.unwrap_or_default().replace("\\n", "\n").replace("\\,", ",")
    }

    fn takes_place(&self, _: &Case) -> Option<bool> {
        None
    }

    fn others_of_the_series(&self) -> usize {
        let series = self.text("anna-own/series.ics").unwrap_or_default();
        // Three by the rule, of which one has its own event or none at all.
        if series.contains("RRULE:FREQ=WEEKLY;COUNT=3") {
            3 - series.matches("EXDATE").count().max(1)
        } else {
            0
        }
    }
}
