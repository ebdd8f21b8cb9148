//! The branch office of the demo: it plans in Microsoft Teams Shifts, and its people act there and
//! in Outlook.
//!
//! Nobody else keeps its roster, so the roster is its own record: filled once from a file, then
//! changed by what people ask for in Shifts and its rules grant. Graph is played, and generous
//! with its budgets, so that nobody waits for a demo.

use std::collections::BTreeMap;
use std::path::Path;

use domain::CommandKind;
use engine::port::Entropy;
use jiff::Timestamp;
use simulators::contact_centre::{COLUMNS, ContactCentre, Employee};
use simulators::graph::integration::CallOptions;
use simulators::graph::mailbox::OUTLOOK_ROLES;
use simulators::graph::people::{Act, Deed, Life, NotDone, People};
use simulators::graph::{APP, App, GraphServer, Options, ROLES, Role, SECRET, TENANT};

use super::{ZONE, google, outlook};
use crate::failure::Failure;

/// Fewest and most people of the branch office.
const EMPLOYEES: std::ops::RangeInclusive<u32> = 12..=60;
/// Weeks that are planned there.
pub(super) const WEEKS: u32 = 2;
/// Things that people do before the summary is printed.
pub(super) const ACTS: usize = 12;
/// Draws after which too little happened.
const DRAWS_MAX: usize = 200;
/// The played Graph's budget, and ours: requests a second.
const GENEROUS: u32 = 1000;

/// Who manages all teams: id and name.
pub(super) const MANAGER: (&str, &str) = ("M0001", "Dana Manager");

const ROSTER_FILE: &str = "branch.csv";
const EMPLOYEES_FILE: &str = "branch-employees.csv";
const CLIENT_SECRET_FILE: &str = "graph-client-secret";
const CALLBACK_SECRET_FILE: &str = "shifts-callback-secret";

/// How many people work there, if so many work in the contact centre.
pub(super) fn employees(centre: u32) -> u32 {
    (centre / 4).clamp(*EMPLOYEES.start(), *EMPLOYEES.end())
}

/// A branch office in a played tenant.
pub(super) struct Branch {
    graph: GraphServer,
    people: People,
    /// Team by schedule group.
    teams: BTreeMap<&'static str, String>,
    names: BTreeMap<String, String>,
    manager: String,
    life: Life,
    turn: usize,
}

/// Something that somebody did in Shifts, in words.
pub(super) struct Told {
    /// Who did what, and what came of it.
    pub text: String,
    /// Whether it was granted.
    pub granted: bool,
}

impl Branch {
    /// Starts the played Graph and writes the branch office's files and secrets.
    ///
    /// # Errors
    /// When no server can be started or a file cannot be written.
    pub fn open(
        plan: &ContactCentre,
        seed: u64,
        folder: &Path,
        entropy: &dyn Entropy,
    ) -> Result<Self, Failure> {
        let roles = ROLES.into_iter().chain(OUTLOOK_ROLES).map(String::from).collect();
        let apps = vec![App { roles, ..App::default() }];
        let options = Options { quotas: None, log: false, seed, apps, ..Options::default() };
        let graph = GraphServer::start(options).map_err(Failure::because)?;
        let options = CallOptions { log: false, seed, ..CallOptions::default() };
        let people = People::of(&graph, options).map_err(Failure::because)?;
        let manager = graph.add_user(MANAGER.1);
        graph.add_mailbox(&manager);
        let mut names = BTreeMap::from([(manager.clone(), "the manager".to_owned())]);
        let mut ids = BTreeMap::from([(MANAGER.0, manager.clone())]);
        let mut members: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for employee in &plan.employees {
            let user = graph.add_user(&employee.name);
            graph.add_mailbox(&user);
            names.insert(user.clone(), employee.name.clone());
            members.entry(employee.group).or_default().push(user.clone());
            ids.insert(employee.id.as_str(), user);
        }
        // An open shift may belong to a group in which nobody works.
        for group in plan.open_shifts.iter().map(|it| it.group) {
            members.entry(group).or_default();
        }
        let teams = members.into_iter().map(|(group, members)| {
            let mut all = vec![(manager.as_str(), Role::Owner)];
            all.extend(members.iter().map(|user| (user.as_str(), Role::Member)));
            (group, graph.add_team(group, &all))
        });
        let teams = teams.collect();
        let files = [
            (ROSTER_FILE, plan.roster_csv()),
            (EMPLOYEES_FILE, employees_csv(plan, &ids)),
            (CLIENT_SECRET_FILE, SECRET.to_owned()),
            (CALLBACK_SECRET_FILE, secret(entropy)),
        ];
        for (name, text) in files {
            std::fs::write(folder.join(name), text).map_err(Failure::because)?;
        }
        let life = Life::seeded(seed);
        Ok(Self { graph, people, teams, names, manager, life, turn: 0 })
    }

    /// Its part of the configuration.
    pub fn configuration(&self) -> String {
        let teams = self.teams.iter().map(|(group, team)| {
            format!("{{ group = \"{group}\", team_id = \"{team}\", time_zone = \"{ZONE}\" }}")
        });
        let teams = teams.collect::<Vec<_>>().join(", ");
        let (url, weeks, manager) = (self.graph.url(), WEEKS + 1, &self.manager);
        let automatic = CommandKind::OpenShiftRequest;
        let outlook = outlook::configuration("branch", "microsoft-365");
        format!(
            r#"
[[connection]]
name = "branch-plan"
kind = "roster_file"
path = "{ROSTER_FILE}"
time_zone = "{ZONE}"
columns = {COLUMNS}

[[connection]]
name = "microsoft-365"
kind = "microsoft_graph"
tenant_id = "{TENANT}"
client_id = "{APP}"
client_secret_file = "{CLIENT_SECRET_FILE}"
graph_url = "{url}"
login_url = "{url}"
requests_per_second = {GENEROUS}
requests_per_second_per_team = {GENEROUS}

[[roster]]
name = "branch"
starts_from = "branch-plan"
employees_file = "{EMPLOYEES_FILE}"
time_zone = "{ZONE}"
window = {{ past = "7d", future = "{weeks}w" }}

[roster.rules]
automatic = ["{automatic}"]

[[mirror]]
name = "branch-shifts"
roster = "branch"
connection = "microsoft-365"
kind = "shifts"
direction = "two_way"
teams = [{teams}]
callback_secret_file = "{CALLBACK_SECRET_FILE}"
approver = "{manager}"
themes = {{ Early = "yellow", Day = "blue", Late = "purple", Night = "darkBlue" }}

[[mirror]]
name = "branch-calendars"
roster = "branch"
connection = "calendar-server"
kind = "caldav"
collection = "{{employee}}-branch/"
{outlook}"#
        )
    }

    /// Lets somebody do something in Shifts.
    pub async fn acts(&mut self) -> Option<Told> {
        let teams: Vec<&String> = self.teams.values().collect();
        for _ in 0..DRAWS_MAX {
            self.turn += 1;
            let team = self.people.team(teams[self.turn % teams.len()]);
            if let Some(act) = self.life.acts(&team).await {
                return Some(self.told(&act));
            }
        }
        None
    }

    /// Lets somebody do something in Outlook; what, in words.
    pub fn acts_in_outlook(&mut self, now: Timestamp) -> Option<String> {
        self.turn += 1;
        outlook::acts(&self.graph, &self.names, self.turn, now)
    }

    fn told(&self, act: &Act) -> Told {
        let Act { user, deed, seen } = act;
        let who = self.names.get(user).map_or("somebody", String::as_str);
        let what = doing(*deed);
        let (outcome, granted) = match seen {
            Ok(()) => ("granted".to_owned(), true),
            Err(NotDone::ByIntegration(refusal)) => {
                (format!("refused: {}", refusal.message), false)
            }
            Err(other @ (NotDone::ByShifts(_) | NotDone::Overtaken)) => (other.to_string(), false),
        };
        Told { text: format!("{who} {what} in Shifts: {outcome}"), granted }
    }

    /// Where the played Graph is.
    pub fn url(&self) -> String {
        self.graph.url()
    }
}

fn doing(deed: Deed) -> &'static str {
    match deed {
        Deed::AddsShift => "adds a shift",
        Deed::EditsShift => "changes a shift",
        Deed::DeletesShift => "deletes a shift",
        Deed::AddsOpenShift => "adds an open shift",
        Deed::AssignsOpenShift => "assigns an open shift",
        Deed::AddsTimeOff => "adds time off",
        Deed::ClaimsOpenShift => "asks for an open shift",
        Deed::AsksToSwap => "asks to swap shifts",
        Deed::OffersShift => "offers a shift",
        Deed::AsksForTimeOff => "asks for time off",
        Deed::SaysYes => "agrees to a request",
        Deed::SaysNo => "declines a request",
        Deed::Cancels => "takes a request back",
        Deed::SetsPreferences => "says when they can work",
    }
}

/// Everybody who works there, with their ids in the played tenant.
fn employees_csv(plan: &ContactCentre, ids: &BTreeMap<&str, String>) -> String {
    let mut csv = "employee,name,email,m365_id,google_id,group\n".to_owned();
    let user = |id: &str| ids.get(id).map_or("", String::as_str);
    for Employee { id, name, email, group } in &plan.employees {
        let account = google::account(id);
        csv.push_str(&format!("{id},{name},{email},{},{account},{group}\n", user(id)));
    }
    let ((id, name), group) = (MANAGER, plan.employees.first().map_or("", |it| it.group));
    let account = google::account(id);
    csv.push_str(&format!("{id},{name},manager@example.com,{},{account},{group}\n", user(id)));
    csv
}

/// 64 characters that nobody guesses.
fn secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
