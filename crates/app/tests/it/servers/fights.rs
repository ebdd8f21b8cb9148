//! Those who change things back each time, in the played Outlook and Google Calendar: a tool that
//! strips our tags, a second Rotabridge on the same mailboxes, and a third party that carries
//! events from one to the other and back. No endless writes, and a message that says what happens.

use std::collections::BTreeMap;

use domain::limits::FLIP_FLOPS_MAX;
use jiff::Timestamp;
use serde_json::Value;
use simulators::google::{GoogleServer, Plan, ServiceAccount};
use simulators::graph::mailbox::{OUTLOOK_ROLES, Span};
use simulators::graph::{APP, App, GraphServer, SECRET, TENANT};

use crate::world::World;

const ROSTER: &str = "\
employee,team,work,date,start,end
anna,Front desk,Early,2030-03-04,08:00,16:00
anna,Front desk,Late,2030-03-05,14:00,22:00
";
const ANNA: &str = "anna@example.com";
/// Rounds of a fight: more than anybody should take part in.
const ROUNDS: usize = 6;

/// Anna, who has a mailbox and an account.
struct Anna {
    graph: GraphServer,
    google: GoogleServer,
    user: String,
}

impl Anna {
    fn new() -> Self {
        let roles = OUTLOOK_ROLES.map(String::from).to_vec();
        let apps = vec![App { roles, ..App::default() }];
        let graph = simulators::graph::Options { apps, ..simulators::graph::Options::default() };
        let graph = GraphServer::start(graph).unwrap();
        let user = graph.add_user("Anna");
        graph.add_mailbox(&user);
        let scopes = [
            "calendar.app.created",
            "calendar.calendarlist.readonly",
            "calendar.events.owned.readonly",
        ];
        let accounts = vec![ServiceAccount::delegated(&scopes)];
        let google = simulators::google::Options { accounts, ..Default::default() };
        let google = GoogleServer::start(google).unwrap();
        google.add_user(ANNA, "Europe/Berlin");
        Self { graph, google, user }
    }

    /// A Rotabridge that shows her shifts in both.
    fn mirrored_by(&self, name: &str) -> World {
        let world = World::at("http://127.0.0.1:9/", "");
        world.roster(ROSTER);
        let url = self.graph.url();
        world.edit(
            "kind = \"caldav\"\nurl = \"http://127.0.0.1:9/\"\n",
            &format!(
                "kind = \"microsoft_graph\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{APP}\"\n\
                 client_secret_file = \"secret\"\ngraph_url = \"{url}\"\nlogin_url = \"{url}\"\n\n\
                 [[connection]]\nname = \"google\"\nkind = \"google_workspace\"\n\
                 service_account_file = \"google.json\"\napi_url = \"{}\"\n",
                self.google.url()
            ),
        );
        world.edit(
            "kind = \"caldav\"\ncollection = \"{employee}/\"\n",
            &format!(
                "kind = \"outlook\"\n\n[[mirror]]\nname = \"{name}-google\"\nroster = \"ward\"\n\
                 connection = \"google\"\nkind = \"google\"\nforeign_events = \"read\"\n"
            ),
        );
        world.edit("name = \"ward-caldav\"", &format!("name = \"{name}-outlook\""));
        let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
        world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
        world.write("secret", SECRET);
        world.write("google.json", &self.google.service_account());
        let people = format!("employee,m365_id,email\nanna,{},{ANNA}\n", self.user);
        world.write("people.csv", &people);
        world
    }

    /// Everything in her mailbox: id, calendar, title, when.
    fn in_outlook(&self) -> Vec<(String, String, String, Span)> {
        let mailbox = self.graph.mailbox(&self.user).unwrap();
        let events = mailbox.events.values();
        events
            .map(|it| {
                let calendar = mailbox.calendars[&it.calendar].name.clone();
                (it.id.clone(), calendar, it.subject().to_owned(), it.span)
            })
            .collect()
    }

    /// Everything in her account likewise.
    fn in_google(&self) -> Vec<(String, String, String, Span)> {
        let mut calendars = self.google.secondary_calendars(ANNA);
        calendars.push((ANNA.to_owned(), "primary".to_owned()));
        let mut all = Vec::new();
        for (id, name) in calendars {
            for event in self.google.live_events(&id) {
                let title = event.text("summary").unwrap_or_default().to_owned();
                let span = Span::Timed(event.start.instant("UTC"), event.end.instant("UTC"));
                all.push((event.id.clone(), name.clone(), title, span));
            }
        }
        all
    }
}

/// Writes of both mirrors, whole readings included.
fn synced(world: &World) -> u64 {
    let run = world.run(&["sync", "--full", "--json"]).exits(0).json();
    let lines = run["mirrors"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "{run}");
    let writes = |line: &Value| -> u64 {
        assert_eq!(line["failed"], 0, "{line}");
        ["created", "updated", "deleted"].iter().map(|it| line[*it].as_u64().unwrap()).sum()
    };
    lines.iter().map(writes).sum()
}

#[test]
fn a_tag_that_is_stripped_again_and_again_is_given_up_and_told_of() {
    let anna = Anna::new();
    let world = anna.mirrored_by("ward");
    synced(&world);
    let (mail, _, _, _) = anna.in_outlook().into_iter().find(|it| it.1 == "Shifts").unwrap();
    let (own, _) = anna.google.secondary_calendars(ANNA).remove(0);
    let event = anna.google.live_events(&own)[0].id.clone();
    let mut writes = 0;
    for _ in 0..ROUNDS {
        assert!(anna.graph.at_calendar(&anna.user).strips_tags(&mail));
        anna.google.person(ANNA).strips(&own, &event).unwrap();
        writes += synced(&world);
    }
    assert_eq!(writes, 2 * FLIP_FLOPS_MAX as u64, "each is put right so often, and then left");
    let told = world.run(&["drift", "list", "--json"]).exits(0).json().to_string();
    assert_eq!(told.matches("contested").count(), 2, "{told}");
    assert!(told.contains("put it right 3 times"), "{told}");
    assert_eq!(anna.in_outlook().len() + anna.in_google().len(), 4, "nothing is there twice");
}

#[test]
fn two_rotabridges_on_one_mailbox_leave_each_other_alone() {
    let anna = Anna::new();
    let (one, two) = (anna.mirrored_by("one"), anna.mirrored_by("two"));
    synced(&one);
    synced(&two);
    let before = (anna.in_outlook(), anna.in_google());
    assert_eq!((before.0.len(), before.1.len()), (4, 4), "each shows its own");
    for _ in 0..2 {
        assert_eq!(synced(&one) + synced(&two), 0);
    }
    assert_eq!((anna.in_outlook(), anna.in_google()), before);
    // In Outlook they share a calendar, and each says that there is something of somebody else's;
    // in Google Calendar each has its own.
    for world in [&one, &two] {
        let run = world.run(&["sync", "--full", "--json"]).exits(0).json();
        for line in run["mirrors"].as_array().unwrap() {
            let shared = line["name"].as_str().unwrap().ends_with("outlook");
            assert_eq!(line["foreign"], if shared { 2 } else { 0 }, "{line}");
        }
    }
    // The same mirror twice over is one mirror.
    let again = anna.mirrored_by("one");
    assert_eq!(synced(&again), 0);
    assert_eq!((anna.in_outlook(), anna.in_google()), before);
}

/// A program that copies what is new on either side to the other side's first calendar.
#[derive(Default)]
struct ThirdParty {
    /// Its copies, by what they are copies of.
    copies: BTreeMap<String, String>,
}

impl ThirdParty {
    /// Copies; how many are new.
    fn carries(&mut self, anna: &Anna) -> usize {
        let before = self.copies.len();
        let is_own =
            |copies: &BTreeMap<String, String>, id: &String| copies.values().any(|it| it == id);
        for (id, _, title, span) in anna.in_outlook() {
            let Span::Timed(start, end) = span else { continue };
            if !is_own(&self.copies, &id) && !self.copies.contains_key(&id) {
                let copy = anna.google.person(ANNA).plans(ANNA, Plan::timed(&title, start, end));
                self.copies.insert(id, copy);
            }
        }
        for (id, _, title, span) in anna.in_google() {
            if !is_own(&self.copies, &id) && !self.copies.contains_key(&id) {
                let hers = anna.graph.at_calendar(&anna.user);
                self.copies.insert(id, hers.books(&title, span, &[]).unwrap());
            }
        }
        self.copies.len() - before
    }
}

#[test]
fn what_a_third_party_carries_to_and_fro_is_never_written_on() {
    let anna = Anna::new();
    let world = anna.mirrored_by("ward");
    let mut carrier = ThirdParty::default();
    synced(&world);
    assert_eq!(carrier.carries(&anna), 4, "two from each to the other");
    let before = (anna.in_outlook(), anna.in_google());
    for _ in 0..3 {
        assert_eq!(synced(&world), 0, "copies are theirs");
        assert_eq!(carrier.carries(&anna), 0, "nothing new to carry");
    }
    assert_eq!((anna.in_outlook(), anna.in_google()), before);
    let plan = world.run(&["plan"]).exits(0);
    plan.says("it is a copy of the shift made by somebody else");
    // A shift that moves is written once in each, and its old copies are nobody's conflict then.
    world.roster(&ROSTER.replace("14:00,22:00", "15:00,23:00"));
    let line = world.run(&["sync", "--json"]).exits(0).json();
    let updated: u64 =
        line["mirrors"].as_array().unwrap().iter().map(|it| it["updated"].as_u64().unwrap()).sum();
    assert_eq!(updated, 2);
    carrier.carries(&anna);
    assert_eq!(synced(&world), 0);
    let at: Timestamp = "2030-03-05T14:00:00Z".parse().unwrap();
    let moved = anna.in_outlook().into_iter().filter(|it| it.3.bounds().0 == at);
    assert_eq!(moved.filter(|it| it.1 == "Shifts").count(), 1);
}
