//! Anna's own calendar in the played Outlook.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use simulators::graph::mailbox::{Event, Mailbox, OUTLOOK_ROLES, Span};
use simulators::graph::{APP, App, GraphServer, Options, SECRET, TENANT};

use super::{CASES, Desk, Own, ROSTER, Shown};
use crate::world::World;

struct InOutlook {
    server: Arc<GraphServer>,
    anna: String,
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
pub fn desk(policy: &str) -> Desk {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    let apps = vec![App { roles, ..App::default() }];
    let server = Arc::new(GraphServer::start(Options { apps, ..Options::default() }).unwrap());
    let [anna, boss] = ["Anna", "Boss"].map(|name| {
        let user = server.add_user(name);
        server.add_mailbox(&user);
        user
    });
    for (case, day, _) in CASES {
        let at = |hour: &str| -> Timestamp { format!("{day}T{hour}:00:00Z").parse().unwrap() };
        let (title, span) = (format!("About {case}"), Span::Timed(at("09"), at("10")));
        let hers = server.at_calendar(&anna);
        if matches!(case, "invited" | "declined") {
            let his = server.at_calendar(&boss);
            his.books_as(&title, span, &[&anna], said(case)).unwrap();
            let mailbox = server.mailbox(&anna).unwrap();
            let invitation = mailbox.events.values().find(|it| it.subject() == title).unwrap();
            let answer = if case == "invited" { "accepted" } else { "declined" };
            assert!(hers.responds(&invitation.id, answer));
        } else {
            let guests: &[&str] = if case == "organised" { &[&boss] } else { &[] };
            let id = hers.books_as(&title, span, guests, said(case)).unwrap();
            if case == "series" {
                assert!(hers.makes_a_series_of(&id, 7, 3));
            }
        }
    }
    let world = World::at("http://127.0.0.1:9/", "");
    world.roster(ROSTER);
    let url = server.url();
    world.edit(
        "kind = \"caldav\"\nurl = \"http://127.0.0.1:9/\"\n",
        &format!(
            "kind = \"microsoft_graph\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{APP}\"\n\
             client_secret_file = \"secret\"\ngraph_url = \"{url}\"\nlogin_url = \"{url}\"\n"
        ),
    );
    let kind = format!("kind = \"outlook\"\n{policy}\n");
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", &kind);
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
    world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
    world.write("secret", SECRET);
    world.write("people.csv", &format!("employee,m365_id\nanna,{anna}\n"));
    Desk { own: Box::new(InOutlook { server, anna }), world }
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
    fn see(&self, case: &str) -> Option<Shown> {
        let mailbox = self.server.mailbox(&self.anna).unwrap();
        let (_, day, _) = CASES.iter().find(|(name, ..)| *name == case).unwrap();
        let event = of_the_day(&mailbox, &format!("About {case}"), day.parse().unwrap())?;
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
            ],
        })
    }

    fn shift_says(&self, day: &str) -> Option<String> {
        let mailbox = self.server.mailbox(&self.anna)?;
        let shifts = mailbox.calendar_named("Shifts")?.id.clone();
        let mut all = mailbox.events_in(&shifts);
        let shift = all.find(|it| it.span.bounds().0.to_string().starts_with(day))?;
        Some(shift.body_text())
    }

    fn says_that_it_was_declined(&self) -> Option<&'static str> {
        Some("The invitation was declined")
    }
}
