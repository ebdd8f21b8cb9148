//! Anna's own calendar in the played Google Calendar.

use std::sync::Arc;

use serde_json::json;
use simulators::google::state::Status;
use simulators::google::{GoogleServer, Options, Plan, ServiceAccount, when};

use super::table::{Case, When};
use super::{Desk, Own, Shown};
use crate::world::World;

const ANNA: &str = "anna@example.com";
const BOSS: &str = "boss@example.com";

struct InGoogle(Arc<GoogleServer>);

/// A desk there.
pub fn desk(cases: &[Case], roster: &str, policy: &str) -> Option<Desk> {
    let scopes =
        ["calendar.app.created", "calendar.calendarlist.readonly", "calendar.events.owned"];
    let accounts = vec![ServiceAccount::delegated(&scopes)];
    let server = Arc::new(GoogleServer::start(Options { accounts, ..Options::default() }).unwrap());
    let anna = server.add_user(ANNA, "Europe/Berlin");
    let boss = server.add_user(BOSS, "Europe/Berlin");
    for case in cases {
        let (summary, fields) = (case.title(), serde_json::Map::new());
        let plan = match case.when {
            When::Timed(from, to) => Plan::timed(&summary, from, to),
            When::Day(day) => {
                let (start, end) = (when::When::On(day), when::When::On(day.tomorrow().unwrap()));
                Plan { summary, start, end, fields }
            }
        };
        let plan = plan.with("description", "Bring the numbers".into());
        let plan = plan.with("location", "Room 4".into());
        match case.name {
            "invited" | "declined" => {
                let id = boss.plans(BOSS, plan.inviting(&[ANNA]));
                let answer = if case.name == "invited" { "accepted" } else { "declined" };
                anna.responds(&id, answer).unwrap();
            }
            "unanswered" => drop(boss.plans(BOSS, plan.inviting(&[ANNA]))),
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
                    events.get_mut(&id).unwrap().status = Status::Tentative;
                });
            }
            _ => drop(anna.plans(ANNA, plan)),
        }
    }
    let world = World::at("http://127.0.0.1:9/", "");
    world.roster(roster);
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
    Some(Desk { own: Box::new(InGoogle(server)), world, cases: cases.to_vec() })
}

impl Own for InGoogle {
    fn see(&self, case: &Case) -> Option<Shown> {
        let title = case.title();
        let regular = match case.when {
            When::Timed(start, _) => Some(start),
            When::Day(_) => None,
        };
        self.0.read(|state| {
            let all = state.calendars[ANNA].events.values();
            let all: Vec<_> = all.filter(|it| it.text("summary") == Some(title.as_str())).collect();
            // Of the series, the one of the day: by its own event, or by the rule.
            let of_day = |it: &&&simulators::google::state::Event| {
                let planned = it.planned.as_ref().map(|(_, when)| when.instant("UTC"));
                planned.is_some() && planned == regular
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

    fn shift_says(&self, day: &str) -> String {
        let (shifts, _) = self.0.secondary_calendars(ANNA).into_iter().next().unwrap();
        let mut all = self.0.live_events(&shifts).into_iter();
        let shift = all.find(|it| it.start.instant("UTC").to_string().starts_with(day)).unwrap();
        shift.text("description").unwrap_or_default().to_owned()
    }

    fn takes_place(&self, case: &Case) -> Option<bool> {
        let title = case.title();
        let his = self.0.live_events(BOSS);
        Some(his.iter().any(|it| it.text("summary") == Some(title.as_str())))
    }

    fn others_of_the_series(&self) -> usize {
        let all = self.0.live_events(ANNA).into_iter();
        let series = all.filter(|it| it.text("summary") == Some("About series"));
        let rules =
            series.filter(|it| it.planned.is_none() && it.fields.contains_key("recurrence"));
        // Three by the rule, of which one has its own word or none at all.
        rules.count() * 2
    }
}
