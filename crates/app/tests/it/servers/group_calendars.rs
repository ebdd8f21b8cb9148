//! Calendars of groups in the played Outlook (shared mailboxes) and Google Calendar (calendars of
//! one account, shown to the people of each group): everybody's shifts with their names, open
//! shifts, head counts. By the real binary.

use std::fmt::Write as _;

use simulators::google::{GoogleServer, ServiceAccount};
use simulators::graph::mailbox::OUTLOOK_ROLES;
use simulators::graph::{APP, App, GraphServer, SECRET, TENANT};

use crate::world::{COLUMNS, World, counts};

const ROSTER: &str = "\
type,id,employee,name,team,work,date,start,end,slots
shift,s1,anna,Anna Berg,Front,Early,2030-03-04,08:00,16:00,
shift,s2,bert,Bert Holm,Front,Late,2030-03-04,12:00,20:00,
shift,s3,cleo,Cleo Vik,Back,Early,2030-03-04,08:00,16:00,
open_shift,o1,,,Front,Night,2030-03-04,20:00,23:00,2
";

/// A world with a connection, a mirror with more keys, and addresses for the people.
fn world(connection: &str, mirror: &str) -> World {
    let world = World::at("http://127.0.0.1:9/", "");
    world
        .edit(COLUMNS, &format!("type = \"type\", id = \"id\", open_slots = \"slots\", {COLUMNS}"));
    world.roster(ROSTER);
    world.edit("kind = \"caldav\"\nurl = \"http://127.0.0.1:9/\"\n", connection);
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", &format!("{mirror}\n"));
    let more = "employees_file = \"people.csv\"\ntime_zone = \"Europe/Berlin\"";
    world.edit("source = \"exports\"", &format!("source = \"exports\"\n{more}"));
    let mut people = "employee,name,email\n".to_owned();
    for (id, name) in [("anna", "Anna Berg"), ("bert", "Bert Holm"), ("cleo", "Cleo Vik")] {
        writeln!(people, "{id},{name},{id}@example.com").unwrap();
    }
    world.write("people.csv", &people);
    world
}

struct Outlook(GraphServer, Vec<String>);

impl Outlook {
    /// With mailboxes of these names.
    fn new(names: &[&str]) -> Self {
        let roles = OUTLOOK_ROLES.map(String::from).to_vec();
        let apps = vec![App { roles, ..App::default() }];
        let options = simulators::graph::Options { apps, ..simulators::graph::Options::default() };
        let server = GraphServer::start(options).unwrap();
        let add = |name: &&str| {
            let user = server.add_user(name);
            server.add_mailbox(&user);
            user
        };
        let users = names.iter().map(add).collect();
        Self(server, users)
    }

    fn address(&self, number: usize) -> String {
        self.0.read(|state| state.users[&self.1[number]].upn.clone())
    }

    fn world(&self, keys: &str) -> World {
        let url = self.0.url();
        let connection = format!(
            "kind = \"microsoft_graph\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{APP}\"\n\
             client_secret_file = \"secret\"\ngraph_url = \"{url}\"\nlogin_url = \"{url}\"\n"
        );
        let world = world(&connection, &format!("kind = \"outlook\"\n{keys}"));
        world.write("secret", SECRET);
        world
    }

    /// When and what, in the order of time.
    fn shows(&self, number: usize) -> Vec<String> {
        let mailbox = self.0.mailbox(&self.1[number]).unwrap();
        assert!(mailbox.mails.is_empty(), "nobody is mailed");
        let all = mailbox.events.values();
        let mut all: Vec<String> = all
            .map(|it| format!("{} {}", it.span.bounds().0.strftime("%H:%M"), it.subject()))
            .collect();
        all.sort();
        all
    }
}

#[test]
fn everybody_s_shifts_and_open_ones_are_in_a_shared_mailbox() {
    let outlook = Outlook::new(&["Ward"]);
    let world = outlook.world(&format!(
        "shared = \"{}\"\ncalendar = \"Ward rota\"\nopen_shifts = {{}}",
        outlook.address(0)
    ));
    assert_eq!(counts(&world.sync(0)), [4, 0, 0, 0, 0]);
    let named = [
        "07:00 Anna Berg – Early",
        "07:00 Cleo Vik – Early",
        "11:00 Bert Holm – Late",
        "19:00 Open: Night – 2",
    ];
    assert_eq!(outlook.shows(0), named);
    // Taken out of the profile, they go, and nothing else does.
    world.edit("open_shifts = {}", "");
    assert_eq!(counts(&world.sync(0)), [0, 0, 1, 3, 0]);
    assert_eq!(outlook.shows(0), named[..3]);
}

#[test]
fn each_group_has_its_mailbox_and_open_shifts_are_in_that_of_theirs() {
    let outlook = Outlook::new(&["Front", "Back"]);
    let (front, back) = (outlook.address(0), outlook.address(1));
    let world = outlook.world(&format!(
        "groups = [{{ group = \"Front\", calendar = \"{front}\" }}, \
         {{ group = \"Back\", calendar = \"{back}\" }}]\nopen_shifts = {{}}"
    ));
    assert_eq!(counts(&world.sync(0)), [4, 0, 0, 0, 0]);
    let of_front = ["07:00 Anna Berg – Early", "11:00 Bert Holm – Late", "19:00 Open: Night – 2"];
    assert_eq!(outlook.shows(0), of_front);
    assert_eq!(outlook.shows(1), ["07:00 Cleo Vik – Early"]);
    // As counts: one, two where both are there, one.
    world.edit("open_shifts = {}", "shows = \"head_count\"");
    world.run(&["sync", "--allow-deletions", "10"]).exits(0);
    assert_eq!(outlook.shows(0), ["07:00 Front: 1", "11:00 Front: 2", "15:00 Front: 1"]);
    assert_eq!(outlook.shows(1), ["07:00 Back: 1"]);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 4, 0]);
}

#[test]
fn doctor_opens_the_mailboxes_of_groups() {
    let outlook = Outlook::new(&["Front"]);
    let front = outlook.address(0);
    let world = outlook.world(&format!(
        "groups = [{{ group = \"Front\", calendar = \"{front}\" }}, \
         {{ group = \"Back\", calendar = \"team-back@example.com\" }}]"
    ));
    let told = world.run(&["doctor"]).exits(1);
    told.says("by address: `team-back@example.com`").says("make a shared mailbox");
}

#[test]
fn doctor_says_that_reading_calendars_is_not_writing_them() {
    let outlook = Outlook::new(&["Anna"]);
    outlook.0.update(|state| state.apps[0].roles = vec!["Calendars.Read".into()]);
    let world = outlook.world("");
    world.write("people.csv", &format!("employee,m365_id\nanna,{}\n", outlook.1[0]));
    let told = world.run(&["doctor"]).exits(1);
    told.says("lets calendars be read and not written").says("Application Calendars.ReadWrite");
}

#[test]
fn what_outlook_cannot_show_is_refused_before_anything_is_written() {
    let outlook = Outlook::new(&["Anna"]);
    let world = outlook.world("colour = \"teal\"");
    world.run(&["config", "check"]).exits(2).says("an event in Outlook has the colour of its");
    world.run(&["sync"]).exits(2);
}

struct Google(GoogleServer);

const ROTA: &str = "rota@example.com";

impl Google {
    fn new() -> Self {
        let account = ServiceAccount::delegated(&[
            "calendar.app.created",
            "calendar.calendarlist.readonly",
            "calendar.acls",
        ]);
        let options = simulators::google::Options { accounts: vec![account], ..Default::default() };
        let server = GoogleServer::start(options).unwrap();
        for user in [ROTA, "anna@example.com", "bert@example.com", "cleo@example.com"] {
            server.add_user(user, "Europe/Berlin");
        }
        Self(server)
    }

    fn world(&self, keys: &str) -> World {
        let connection = format!(
            "kind = \"google_workspace\"\nservice_account_file = \"google.json\"\n\
             api_url = \"{}\"\n",
            self.0.url()
        );
        let keys = format!("kind = \"google\"\nshared = \"{ROTA}\"\n{keys}");
        let world = world(&connection, &keys);
        world.write("google.json", &self.0.service_account());
        world
    }

    fn shows(&self, group: &str) -> Vec<String> {
        let all = self.0.secondary_calendars(ROTA);
        let named = all.iter().find(|(_, name)| *name == format!("Shifts – {group}"));
        let (id, _) = named.unwrap_or_else(|| panic!("{group} is not in {all:?}"));
        let shown = self.0.live_events(id).into_iter().map(|it| {
            let at = it.start.instant("UTC").strftime("%H:%M").to_string();
            format!("{at} {}", it.text("summary").unwrap_or_default())
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort();
        shown
    }
}

#[test]
fn each_group_has_its_calendar_in_google_with_names_and_open_shifts_or_counts() {
    let google = Google::new();
    let world = google.world("open_shifts = {}");
    assert_eq!(counts(&world.sync(0)), [4, 0, 0, 0, 0]);
    let of_front = ["07:00 Anna Berg – Early", "11:00 Bert Holm – Late", "19:00 Open: Night – 2"];
    assert_eq!(google.shows("Front"), of_front);
    assert_eq!(google.shows("Back"), ["07:00 Cleo Vik – Early"]);
    world.edit("open_shifts = {}", "shows = \"head_count\"");
    world.run(&["sync", "--allow-deletions", "10"]).exits(0);
    assert_eq!(google.shows("Front"), ["07:00 Front: 1", "11:00 Front: 2", "15:00 Front: 1"]);
    assert_eq!(google.shows("Back"), ["07:00 Back: 1"]);
    assert_eq!(counts(&world.sync(0)), [0, 0, 0, 4, 0]);
}
