//! Anna's own calendar in the played Google Calendar.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use simulators::google::{GoogleServer, Options, Plan, ServiceAccount};

use super::{CASES, Desk, Own, ROSTER, Shown};
use crate::world::World;

const ANNA: &str = "anna@example.com";
const BOSS: &str = "boss@example.com";

struct InGoogle(Arc<GoogleServer>);

/// A desk there.
pub fn desk(policy: &str) -> Desk {
    let scopes =
        ["calendar.app.created", "calendar.calendarlist.readonly", "calendar.events.owned"];
    let accounts = vec![ServiceAccount::delegated(&scopes)];
    let server = Arc::new(GoogleServer::start(Options { accounts, ..Options::default() }).unwrap());
    let anna = server.add_user(ANNA, "Europe/Berlin");
    let boss = server.add_user(BOSS, "Europe/Berlin");
    for (case, day, _) in CASES {
        let at = |hour: &str| -> Timestamp { format!("{day}T{hour}:00:00Z").parse().unwrap() };
        let plan = Plan::timed(&format!("About {case}"), at("09"), at("10"));
        let plan = plan.with("description", "Bring the numbers".into());
        let plan = plan.with("location", "Room 4".into());
        match case {
            "invited" | "declined" => {
                let id = boss.plans(BOSS, plan.inviting(&[ANNA]));
                let answer = if case == "invited" { "accepted" } else { "declined" };
                anna.responds(&id, answer).unwrap();
            }
            "free" => drop(anna.plans(ANNA, plan.with("transparency", "transparent".into()))),
            "organised" => drop(anna.plans(ANNA, plan.inviting(&[BOSS]))),
            "absent" => drop(anna.plans(ANNA, plan.with("eventType", "outOfOffice".into()))),
            "private" => drop(anna.plans(ANNA, plan.with("visibility", "private".into()))),
            "series" => {
                let rule = json!(["RRULE:FREQ=WEEKLY;COUNT=3"]);
                anna.plans(ANNA, plan.with("recurrence", rule));
            }
            "tentative" => {
                let id = anna.plans(ANNA, plan);
                server.update(|state| {
                    let events = &mut state.calendars.get_mut(ANNA).unwrap().events;
                    events.get_mut(&id).unwrap().status =
                        simulators::google::state::Status::Tentative;
                });
            }
            _ => drop(anna.plans(ANNA, plan)),
        }
    }
    let world = World::at("http://127.0.0.1:9/", "");
    world.roster(ROSTER);
    let connection = format!(
        "kind = \"google_workspace\"\nservice_account_file = \"google.json\"\napi_url = \"{}\"\n",
        server.url()
    );
    world.edit("kind = \"caldav\"\nurl = \"http://127.0.0.1:9/\"\n", &connection);
    let kind = format!("kind = \"google\"\nforeign_events = \"change\"\n{policy}\n");
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", &kind);
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
    world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
    world.write("google.json", &server.service_account());
    world.write("people.csv", &format!("employee,email\nanna,{ANNA}\n"));
    Desk { own: Box::new(InGoogle(server)), world }
}

impl Own for InGoogle {
    fn see(&self, case: &str) -> Option<Shown> {
        let title = format!("About {case}");
        let (_, day, _) = CASES.iter().find(|(name, ..)| *name == case).unwrap();
        let regular: Timestamp = format!("{day}T09:00:00Z").parse().unwrap();
        self.0.read(|state| {
            let all = state.calendars[ANNA].events.values();
            let all: Vec<_> = all.filter(|it| it.text("summary") == Some(title.as_str())).collect();
            // Of the series, the one of the day: by its own event, or by the rule.
            let of_day = |it: &&&simulators::google::state::Event| {
                let planned = it.planned.as_ref().map(|(_, when)| when.instant("UTC"));
                planned == Some(regular)
            };
            let exception = all.iter().find(of_day);
            let event = match exception {
                Some(event) => event,
                None => all.iter().find(|it| it.planned.is_none() && it.is_live())?,
            };
            if !event.is_live() {
                return None;
            }
            let word = |name: &str| event.text(name).unwrap_or_default().to_owned();
            let answer = event.response_of(ANNA).unwrap_or_default();
            Some(Shown {
                title: word("summary"),
                start: event.start.instant("UTC").to_string(),
                text: word("description"),
                declined: answer == "declined",
                more: vec![answer, word("location"), word("visibility"), word("transparency")],
            })
        })
    }

    fn shift_says(&self, day: &str) -> Option<String> {
        let (shifts, _) = self.0.secondary_calendars(ANNA).into_iter().next()?;
        let mut all = self.0.live_events(&shifts).into_iter();
        let shift = all.find(|it| it.start.instant("UTC").to_string().starts_with(day))?;
        Some(shift.text("description").unwrap_or_default().to_owned())
    }
}
