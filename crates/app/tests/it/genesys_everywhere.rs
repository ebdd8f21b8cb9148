//! One roster of a played Genesys Cloud in every kind of target at once, by the real binary: what
//! people see in Shifts, Outlook, Google Calendar and CalDAV is what the vendor shows, and a week
//! that is published again under new ids is no write anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};
use simulators::google::when::When;
use simulators::google::{self, GoogleServer};
use simulators::graph::mailbox::{OUTLOOK_ROLES, Span};
use simulators::graph::{self, APP, App, GraphServer, Kind, Role, TENANT};

use crate::feeds::Service;
use crate::genesys::{Look, Site, shown};
use crate::schedule_api::Client;

/// The targets, and who is who in them.
struct Everywhere {
    site: Site,
    graph: GraphServer,
    google: GoogleServer,
    /// Users in Graph by the agents' ids.
    users: BTreeMap<String, String>,
    teams: Vec<String>,
}

fn address(site: &Site, agent: &str) -> String {
    site.genesys.read(|state| state.users[agent].email.clone()).unwrap()
}

/// A team for each management unit, and how the configuration names them.
fn teams_of(
    site: &Site,
    graph: &GraphServer,
    users: &BTreeMap<String, String>,
) -> (Vec<String>, String) {
    let groups: Vec<String> =
        site.genesys.read(|state| state.management_units.keys().cloned().collect());
    let (mut teams, mut listed) = (Vec::new(), String::new());
    for group in &groups {
        let here = site.genesys.read(|state| state.agents_of(group));
        let members: Vec<(&str, Role)> =
            here.iter().map(|it| (users[it].as_str(), Role::Member)).collect();
        let team = graph.add_team(group, &members);
        let zone = "time_zone = \"Europe/Berlin\"";
        writeln!(listed, "  {{ group = \"{group}\", team_id = \"{team}\", {zone} }},").unwrap();
        teams.push(team);
    }
    (teams, listed)
}

impl Everywhere {
    fn of(site: Site) -> Self {
        let app = App::default();
        let roles = app.roles.iter().cloned().chain(OUTLOOK_ROLES.map(String::from)).collect();
        let options = graph::Options {
            apps: vec![App { roles, ..app }],
            quotas: None,
            ..graph::Options::default()
        };
        let graph = GraphServer::start(options).unwrap();
        let google = GoogleServer::start(google::Options::default()).unwrap();
        let mut users = BTreeMap::new();
        let mut employees = "employee,m365_id\n".to_owned();
        for agent in site.agents.values() {
            let user = graph.add_user(agent);
            graph.add_mailbox(&user);
            google.add_user(&address(&site, agent), "Europe/Berlin");
            writeln!(employees, "{agent},{user}").unwrap();
            users.insert(agent.clone(), user);
        }
        let (teams, listed) = teams_of(&site, &graph, &users);
        site.world.write("employees.csv", &employees);
        site.world.write("graph-secret", graph::SECRET);
        site.world.write("google.json", &google.service_account());
        let named = "source = \"genesys\"";
        site.world.edit(named, &format!("{named}\nemployees_file = \"employees.csv\""));
        let (graph_url, google_url) = (graph.url(), google.url());
        let text = format!(
            r#"{}
[[connection]]
name = "m365"
kind = "microsoft_graph"
tenant_id = "{TENANT}"
client_id = "{APP}"
client_secret_file = "graph-secret"
graph_url = "{graph_url}"
login_url = "{graph_url}"
requests_per_second = 1000
requests_per_second_per_team = 1000

[[connection]]
name = "google"
kind = "google_workspace"
service_account_file = "google.json"
api_url = "{google_url}"

[[mirror]]
name = "shifts"
roster = "ward"
connection = "m365"
kind = "shifts"
teams = [
{listed}]

[[mirror]]
name = "outlook"
roster = "ward"
connection = "m365"
kind = "outlook"
requests_per_second = 2000

[[mirror]]
name = "google"
roster = "ward"
connection = "google"
kind = "google"
"#,
            site.world.read("rotabridge.toml")
        );
        site.world.write("rotabridge.toml", &text);
        Self { site, graph, google, users, teams }
    }

    /// `[created, updated, deleted]` of every mirror, by name.
    #[track_caller]
    fn sync(&self) -> BTreeMap<String, [u64; 3]> {
        let lines = self.site.world.run(&["sync", "--json"]).exits(0).json();
        let counts = |line: &Value| {
            assert_eq!((&line["failed"], &line["problems"]), (&0.into(), &Value::Array(vec![])));
            let of = |name: &str| line[name].as_u64().unwrap();
            let name = line["name"].as_str().unwrap().to_owned();
            (name, [of("created"), of("updated"), of("deleted")])
        };
        lines["mirrors"].as_array().unwrap().iter().map(counts).collect()
    }

    fn in_outlook(&self) -> Vec<Look> {
        let mut all = Vec::new();
        for (agent, user) in &self.users {
            for event in self.graph.mailbox(user).unwrap().events.values() {
                let Span::Timed(start, end) = event.span else { panic!("{event:?}") };
                all.push((agent.clone(), start, end));
            }
        }
        all
    }

    fn in_google(&self) -> Vec<Look> {
        let mut all = Vec::new();
        for agent in self.users.keys() {
            let owner = address(&self.site, agent);
            for (calendar, _) in self.google.secondary_calendars(&owner) {
                for event in self.google.live_events(&calendar) {
                    let at = |when: &When| match when {
                        When::At(at, _) => *at,
                        When::On(day) => panic!("{day}"),
                    };
                    all.push((agent.clone(), at(&event.start), at(&event.end)));
                }
            }
        }
        all
    }

    fn in_shifts(&self) -> Vec<Look> {
        let agents: BTreeMap<&str, &String> =
            self.users.iter().map(|(agent, user)| (user.as_str(), agent)).collect();
        let mut all = Vec::new();
        for team in &self.teams {
            for visible in self.graph.seen_by_employees(team) {
                assert_eq!(visible.kind, Kind::Shift);
                let who = agents[visible.user.as_deref().unwrap()].clone();
                all.push((who, visible.item.start, visible.item.end));
            }
        }
        all
    }

    #[track_caller]
    fn assert_exact(&self) {
        let wanted = self.site.wanted();
        let in_caldav = self.users.keys().flat_map(|it| shown(self.site.world.server(), it));
        let everywhere = [
            ("caldav", in_caldav.collect()),
            ("outlook", self.in_outlook()),
            ("google", self.in_google()),
            ("shifts", self.in_shifts()),
        ];
        for (target, found) in everywhere {
            let items = found.len();
            let found: BTreeSet<Look> = found.into_iter().collect();
            assert!(found == wanted, "{target}: {:?}", found.symmetric_difference(&wanted).next());
            assert_eq!(items, wanted.len(), "{target}: nothing is there twice");
        }
    }

    /// Requests that change anything, since the logs were cleared.
    fn writes(&self) -> usize {
        let reads = |method: &str, target: &str| {
            method == "GET" || target.contains("/token") || target.contains("/$batch")
        };
        let graph = self.graph.requests();
        let graph = graph.iter().filter(|it| !reads(&it.method, &it.target)).count();
        let google = self.google.requests();
        let google = google.iter().filter(|it| !reads(&it.method, &it.target)).count();
        let caldav = self.site.world.server();
        graph + google + caldav.count("PUT") + caldav.count("DELETE")
    }
}

fn check(file: &str, weeks: i64) {
    let mut site = Site::new();
    let Some(count) = site.load(file, weeks, 2) else { return };
    let everywhere = Everywhere::of(site);
    let all = |counts: [u64; 3]| {
        let names = ["google", "outlook", "shifts", "ward-caldav"];
        names.map(|name| (name.to_owned(), counts)).into()
    };
    // Shifts begins with two weeks, and goes on with the rest.
    let (first, rest) = (everywhere.sync(), everywhere.sync());
    for (name, total) in all([count as u64, 0, 0]) {
        let sum: Vec<u64> = first[&name].iter().zip(rest[&name]).map(|(a, b)| a + b).collect();
        assert_eq!(sum, total, "{name}: {first:?}, then {rest:?}");
        assert!(name == "shifts" || rest[&name] == [0, 0, 0], "{name}: {rest:?}");
    }
    everywhere.assert_exact();

    everywhere.site.republish();
    everywhere.graph.clear_log();
    everywhere.google.clear_log();
    everywhere.site.world.server().clear_log();
    assert_eq!(everywhere.sync(), all([0, 0, 0]), "published again is not changed");
    assert_eq!(everywhere.writes(), 0);
    everywhere.assert_exact();
}

#[test]
fn competition_rosters_are_in_every_target_exactly_and_stay_when_published_again() {
    check("inrc2_normalised.csv", 8);
}

#[test]
fn a_roster_of_150_people_is_in_every_target_exactly_and_stays_when_published_again() {
    check("nrp/Instance24.normalised.csv", 3);
}

#[test]
fn a_job_of_the_api_brings_the_roster_to_the_provider_that_it_names() {
    let mut site = Site::new();
    // Next week: of a new team Shifts shows two weeks first.
    let Some(count) = site.load("inrc2_normalised.csv", 1, -1) else { return };
    let everywhere = Everywhere::of(site);
    let Everywhere { site, .. } = &everywhere;
    let service = Service::start(&site.world);
    let client = Client::new(&site.world, &service, &["wfm:schedule:read"]);
    let wanted = site.wanted();
    type Found = fn(&Everywhere) -> Vec<Look>;
    let providers: [(&str, Found); 3] = [
        ("microsoft_graph", Everywhere::in_outlook),
        ("microsoft_shifts", Everywhere::in_shifts),
        ("google", Everywhere::in_google),
    ];
    for (provider, found) in providers {
        let order = json!({ "direction": "push", "targetProvider": provider });
        let job = client.run_job(&order);
        let told = (&job["status"], &job["recordsProcessed"], &job["recordsTotal"]);
        assert_eq!(told, (&"completed".into(), &count.into(), &count.into()), "{job}");
        let found: BTreeSet<Look> = found(&everywhere).into_iter().collect();
        assert!(found == wanted, "{provider}: {:?}", found.symmetric_difference(&wanted).next());
    }
    // One group for two days.
    let groups: Vec<String> =
        site.genesys.read(|state| state.management_units.keys().cloned().collect());
    let here = site.genesys.read(|state| state.agents_of(&groups[0]));
    let start = wanted.iter().map(|(_, start, _)| *start).min().unwrap();
    let end = start + jiff::SignedDuration::from_hours(48);
    let part =
        wanted.iter().filter(|(who, from, to)| here.contains(who) && *from < end && *to > start);
    let part = part.count();
    assert!(part > 0 && part < count / 2, "{part} of {count}");
    let job = client.run_job(&json!({
        "direction": "push", "targetProvider": "google", "scheduleGroupId": groups[0],
        "syncWindowStart": start.to_string(), "syncWindowEnd": end.to_string(),
    }));
    assert_eq!(
        (&job["status"], &job["recordsProcessed"]),
        (&"completed".into(), &part.into()),
        "{job}"
    );
}
