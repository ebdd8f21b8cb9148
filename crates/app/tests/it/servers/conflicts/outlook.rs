//! Anna's own calendar in the played Outlook.

use std::sync::Arc;

use jiff::civil::Date;
use serde_json::{Value, json};
use simulators::graph::mailbox::{Event, Mailbox, OUTLOOK_ROLES, Span};
use simulators::graph::{App, GraphServer, Options, SECRET};

use super::table::{Case, When};
use super::{Desk, Own, Shown};
use crate::world::World;

struct InOutlook {
    server: Arc<GraphServer>,
    anna: String,
    boss: String,
}

fn said(case: &str) -> Value {
    let mut said = json!({
        "body": { "contentType": "html", "content": "<p>Bring <b>the</b> numbers</p>" },
        "location": { "displayName": "Room 4" }, "importance": "high",
    });
    match case {
        "free" => said["showAs"] = "free".into(),
        "private" => said["sensitivity"] = "private".into(),
        "tentative" => said["showAs"] = "tentative".into(),
        "absent" => said["showAs"] = "oof".into(),
        _ => {}
    }
    said
}

/// A desk there.
pub fn desk(cases: &[Case], roster: &str, policy: &str) -> Option<Desk> {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    let apps = vec![App { roles, ..App::default() }];
    let server = Arc::new(GraphServer::start(Options { apps, ..Options::default() }).unwrap());
    let [anna, boss] = ["Anna", "Boss"].map(|name| {
        let user = server.add_user(name);
        server.add_mailbox(&user);
        user
    });
    for case in cases {
        let (title, name) = (case.title(), case.name);
        let span = match case.when {
            When::Timed(from, to) => Span::Timed(from, to),
            When::Day(day) => Span::AllDay(day, day.tomorrow().unwrap()),
        };
        let hers = server.at_calendar(&anna);
        if matches!(name, "invited" | "declined" | "unanswered") {
            let his = server.at_calendar(&boss);
            his.books_as(&title, span, &[&anna], said(name)).unwrap();
            let mailbox = server.mailbox(&anna).unwrap();
            let invitation = mailbox.events.values().find(|it| it.subject() == title).unwrap();
            let answer = if name == "invited" { "accepted" } else { "declined" };
            assert!(name == "unanswered" || hers.responds(&invitation.id, answer));
        } else {
            let guests: &[&str] = if name == "organised" { &[&boss] } else { &[] };
            let id = hers.books_as(&title, span, guests, said(name)).unwrap();
            if name == "series" {
                assert!(hers.makes_a_series_of(&id, 7, 3));
            }
        }
    }
    let world = World::at("http://127.0.0.1:9/", "");
    world.roster(roster);
    let url = server.url();
    world.connects_to_graph(&url);
    let kind = format!("kind = \"outlook\"\n{policy}\n");
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", &kind);
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
    world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
    world.write("secret", SECRET);
    world.write("people.csv", &format!("employee,m365_id\nanna,{anna}\n"));
    let own = Box::new(InOutlook { server, anna, boss });
    Some(Desk { own, world, cases: cases.to_vec() })
}

/// Of a series, the one of a day: by its own event, or by the rule.
fn of_the_day(mailbox: &Mailbox, title: &str, day: Date) -> Option<Event> {
    let primary = mailbox.events_in(&mailbox.primary);
    let all: Vec<&Event> = primary.filter(|it| it.subject() == title).collect();
    let single = all.iter().find(|it| it.series.is_none());
    if let Some(single) = single {
        return Some((**single).clone());
    }
    let series = all.into_iter().find(|it| it.series.is_some())?;
    let gone = series.series.as_ref().is_some_and(|it| it.deleted.contains(&day));
    (!gone).then(|| series.clone())
}

impl Own for InOutlook {
    fn see(&self, case: &Case) -> Option<Shown> {
        let mailbox = self.server.mailbox(&self.anna).unwrap();
        let event = of_the_day(&mailbox, &case.title(), case.day())?;
        let words = |name: &str| event.said.get(name).and_then(Value::as_str).unwrap_or("normal");
        Some(Shown {
            title: event.subject().to_owned(),
            start: event.span.bounds().0.to_string(),
            text: event.body_text(),
            declined: event.response == "declined",
            more: vec![
                event.location().to_owned(),
                words("importance").to_owned(),
                words("sensitivity").to_owned(),
                event.said.get("showAs").and_then(Value::as_str).unwrap_or("busy").to_owned(),
            ],
        })
    }

    fn shift_says(&self, day: &str) -> String {
        let mailbox = self.server.mailbox(&self.anna).unwrap();
        let shifts = mailbox.calendar_named("Shifts").unwrap().id.clone();
        let mut all = mailbox.events_in(&shifts);
        let shift = all.find(|it| it.span.bounds().0.to_string().starts_with(day)).unwrap();
        shift.body_text()
    }

    fn takes_place(&self, case: &Case) -> Option<bool> {
        let mailbox = self.server.mailbox(&self.boss).unwrap();
        let mut his = mailbox.events.values();
        Some(his.any(|it| it.subject() == case.title() && !it.cancelled))
    }

    fn others_of_the_series(&self) -> usize {
        let mailbox = self.server.mailbox(&self.anna).unwrap();
        let mut all = mailbox.events.values();
        let master = all.find(|it| it.subject() == "About series" && it.series.is_some());
        // Three by the rule, of which one has its own event or none at all.
        master.map_or(0, |it| 3 - it.series.as_ref().map_or(0, |it| it.deleted.len()).max(1))
    }

    fn says_that_it_was_declined(&self) -> Option<&'static str> {
        Some("The invitation was declined")
    }
}
