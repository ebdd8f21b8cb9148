//! A site under test: a folder with configuration, roster and secrets, a played Graph with teams
//! and people, a played CalDAV server, and the real binary, which syncs, serves and is killed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use simulators::graph::integration::{Exchange, Mishap};
use simulators::graph::people::{NotDone, People, Person};
use simulators::graph::{APP, GraphServer, Kind, Role, SECRET, TENANT};
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::runtime::Runtime;

use super::plan::{COLUMNS, Plan, Row};
use super::seen::{self, Line, Names, assert_same};
use super::setup::Setup;
use crate::world::{Run, World};

/// The mirror under test.
pub const MIRROR: &str = "shifts";
/// The manager of every team; in no roster.
pub const MANAGER: &str = "mona";
/// What calls are sealed with: 64 characters.
pub const CALLBACK_SECRET: &str =
    "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";
/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// Our budget and the played Graph's: no test waits for a quota.
const GENEROUS: u32 = 1000;

/// Kind, whose, from, to, what.
pub type Entry = (String, String, Timestamp, Timestamp, String);

/// The site.
pub struct Site {
    pub world: World,
    pub graph: GraphServer,
    pub people: People,
    pub plan: Plan,
    pub names: Names,
    groups: BTreeMap<String, String>,
    teams: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    port: u16,
    serving: Option<Child>,
    starts: u32,
    runtime: Runtime,
}

impl Site {
    /// Everything is there, and nothing has run yet.
    pub fn new(setup: Setup, plan: Plan) -> Self {
        let world = World::new();
        let graph = GraphServer::start(setup.options.clone()).unwrap();
        let people = People::of(&graph, setup.calls.clone()).unwrap();
        let mut users = BTreeMap::from([(MANAGER.to_owned(), graph.add_user("Mona"))]);
        for name in setup.people.iter().map(|it| &it.0).chain(&setup.strangers) {
            users.insert(name.clone(), graph.add_user(name));
        }
        let groups: BTreeMap<String, String> = setup.people.iter().cloned().collect();
        let mut teams = BTreeMap::new();
        for team in setup.people.iter().map(|it| &it.1) {
            teams.entry(team.clone()).or_insert_with(|| {
                let inside = setup.people.iter().filter(|it| it.1 == *team);
                let inside = inside.map(|it| (users[&it.0].as_str(), Role::Member));
                let manager = (users[MANAGER].as_str(), Role::Owner);
                graph.add_team(team, &inside.chain([manager]).collect::<Vec<_>>())
            });
        }
        let turned = |map: &BTreeMap<String, String>| {
            map.iter().map(|(name, id)| (id.clone(), name.clone())).collect()
        };
        let names = Names { teams: turned(&teams), users: turned(&users) };
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
        let (port, serving, starts) = (free_port(), None, 0);
        let site = Self {
            world,
            graph,
            people,
            plan,
            names,
            groups,
            teams,
            users,
            port,
            serving,
            starts,
            runtime,
        };
        site.world.write("rotabridge.toml", &site.configuration(&setup));
        site.world.write("client-secret", SECRET);
        site.world.write("callback-secret", CALLBACK_SECRET);
        site.write_employees(&setup.strangers);
        site.save();
        site
    }

    /// Filled, serving, registered and enabled.
    pub fn open(setup: Setup, plan: Plan) -> Self {
        let mut site = Self::new(setup, plan);
        site.sync(&[]);
        site.serve();
        site.register();
        site
    }

    fn configuration(&self, setup: &Setup) -> String {
        let Setup { two_way, rules, mirror, .. } = setup;
        let (port, graph) = (self.port, self.graph.url());
        let source = if *two_way { "starts_from" } else { "source" };
        let direction = if *two_way { "two_way" } else { "push" };
        let rules = if *two_way { format!("[roster.rules]\n{rules}") } else { String::new() };
        let mut teams = String::new();
        for (group, team) in &self.teams {
            let _ = write!(teams, "{{ group = \"{group}\", team_id = \"{team}\" }}, ");
        }
        let caldav = self.world.server().url();
        format!(
            r#"[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"

[[connection]]
name = "plans"
kind = "roster_file"
path = "roster.csv"
time_zone = "UTC"
columns = {COLUMNS}

[[connection]]
name = "microsoft"
kind = "microsoft_graph"
tenant_id = "{TENANT}"
client_id = "{APP}"
client_secret_file = "client-secret"
graph_url = "{graph}"
login_url = "{graph}"
requests_per_second = {GENEROUS}
requests_per_second_per_team = {GENEROUS}

[[connection]]
name = "calendars"
kind = "caldav"
url = "{caldav}"

[[roster]]
name = "people"
{source} = "plans"
employees_file = "employees.csv"
time_zone = "Europe/Berlin"
window = {{ past = "1w", future = "8w" }}
poll_interval = "4h"
guard = {{ deleted_share_max = 1.0 }}
{rules}
[[mirror]]
name = "{MIRROR}"
roster = "people"
connection = "microsoft"
kind = "shifts"
direction = "{direction}"
teams = [{teams}]
callback_secret_file = "callback-secret"
guard = {{ deleted_share_max = 1.0 }}
{mirror}
[[mirror]]
name = "calendars"
roster = "people"
connection = "calendars"
kind = "caldav"
collection = "{{employee}}/"
title = "{{activity}}"
guard = {{ deleted_share_max = 1.0 }}
"#
        )
    }

    fn write_employees(&self, strangers: &[String]) {
        let mut csv = "employee,name,m365_id,group\n".to_owned();
        for (name, group) in &self.groups {
            let _ = writeln!(csv, "{name},{name},{},{group}", self.users[name]);
        }
        for name in strangers {
            let group = self.teams.keys().next().unwrap();
            let _ = writeln!(csv, "{name},{name},{},{group}", self.users[name]);
        }
        self.world.write("employees.csv", &csv);
    }

    /// Writes the plan to the roster's file.
    pub fn save(&self) {
        self.world.roster(&self.plan.csv());
    }

    /// Somebody belongs to another group, and team, from now on.
    pub fn moves(&mut self, who: &str, group: &str) {
        self.groups.insert(who.to_owned(), group.to_owned());
        self.graph.add_member(&self.teams[group], &self.users[who], Role::Member);
        self.write_employees(&[]);
    }

    /// A command, run to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.world.run(arguments)
    }

    /// `sync --json` with more flags, which ends well; the line of the mirror under test.
    #[track_caller]
    pub fn sync(&self, flags: &[&str]) -> Value {
        self.sync_exits(0, flags)
    }

    /// The same with another exit code. Tried again while the serving process is at work.
    #[track_caller]
    pub fn sync_exits(&self, code: i32, flags: &[&str]) -> Value {
        let started = now();
        loop {
            let run = self.run(&[&["sync", "--json"], flags].concat());
            let busy = |line: &Value| line["busy"].as_u64().is_none_or(|busy| busy > 0);
            let lines = run.json()["mirrors"].as_array().cloned().unwrap_or_default();
            if lines.iter().any(busy) && started.elapsed() < PATIENCE {
                std::thread::sleep(POLL);
                continue;
            }
            run.exits(code);
            return lines.into_iter().find(|it| it["name"] == MIRROR).unwrap();
        }
    }

    /// Starts a command, and does not wait.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.world.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Removes the store, as a lost disk would.
    pub fn lose_store(&self) {
        for file in std::fs::read_dir(self.world.folder()).unwrap() {
            let path = file.unwrap().path();
            if path.display().to_string().contains("rotabridge.db") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    /// Starts `serve`, and waits until its first round is over.
    pub fn serve(&mut self) {
        assert!(self.serving.is_none());
        self.starts += 1;
        let log = self.log();
        let mut command = self.world.command(&["serve"]);
        let file = File::create(self.world.path(&log)).unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        self.serving = Some(child);
        until("`serve` answers", || get(self.port, "/readyz").is_some_and(|it| it.0 == 200));
        until("the first round is over", || {
            let said = self.world.read(&log);
            [MIRROR, "calendars"].iter().all(|it| said.contains(&format!("mirror {it}")))
        });
    }

    /// The log of the present, or last, `serve`.
    pub fn log(&self) -> String {
        format!("serve-{}.log", self.starts)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.serving.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// `shifts register` and `shifts enable`.
    #[track_caller]
    pub fn register(&self) {
        self.run(&["shifts", "register"]).exits(0);
        self.run(&["shifts", "enable"]).exits(0);
    }

    /// What people's acts come to.
    pub fn when<T>(&self, acting: impl Future<Output = T>) -> T {
        self.runtime.block_on(acting)
    }

    /// Somebody, in the team of their group; the manager in the first.
    pub fn person(&self, who: &str) -> Person {
        let group = self.groups.get(who).or(self.teams.keys().next_back()).unwrap();
        self.people.team(&self.teams[group]).person(&self.users[who])
    }

    /// The manager, in a team.
    pub fn manager(&self, team: &str) -> Person {
        self.people.team(&self.teams[team]).person(&self.users[MANAGER])
    }

    /// A team's id.
    pub fn team(&self, name: &str) -> &str {
        &self.teams[name]
    }

    /// An employee's user id.
    pub fn user(&self, who: &str) -> &str {
        &self.users[who]
    }

    /// What happens to the next calls.
    pub fn mishaps(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.people.workforce().caller().set_mishaps(mishaps);
    }

    /// All calls so far that asked for something: neither `/connect` nor our own writes.
    pub fn asked(&self) -> Vec<Exchange> {
        let mut all = self.people.workforce().exchanges();
        all.retain(|it| {
            let ours = it.headers.iter().any(|(name, _)| *name == "x-ms-wfmpassthrough");
            !ours && !it.url.ends_with("/connect")
        });
        all
    }

    /// The id of what is somebody's, or a group's, at this time. Drafts count.
    #[track_caller]
    pub fn id(&self, kind: Kind, whose: &str, start: Timestamp) -> String {
        let found = self.teams.values().find_map(|team| {
            self.graph.read(|state| {
                let team = &state.teams[team];
                let group = |id: &Option<String>| {
                    let id = id.as_deref()?;
                    Some(team.group(id)?.display_name.clone())
                };
                let mut all = team.all(kind).filter(|(id, _)| {
                    let it = team.planned(kind, id).unwrap();
                    let of = it.user.as_ref() == self.users.get(whose) && it.user.is_some();
                    let of = of || (kind == Kind::OpenShift && group(&it.group).unwrap() == whose);
                    of && it.planned().is_some_and(|it| it.start == start)
                });
                all.next().map(|it| it.0.clone())
            })
        });
        found.unwrap_or_else(|| panic!("no {kind:?} of {whose} at {start}: {:#?}", self.seen()))
    }

    /// The id of a group in Shifts.
    pub fn group(&self, team: &str) -> String {
        self.graph.read(|state| {
            let state = &state.teams[&self.teams[team]];
            let mut all = state.all(Kind::SchedulingGroup).map(|it| it.0);
            all.find(|id| state.group(id).unwrap().display_name == team).unwrap().clone()
        })
    }

    /// The id of a reason for time off in Shifts.
    #[track_caller]
    pub fn reason(&self, team: &str, name: &str) -> String {
        self.graph.read(|state| {
            let state = &state.teams[&self.teams[team]];
            let mut all = state.all(Kind::TimeOffReason).map(|it| it.0);
            all.find(|id| state.reason(id).unwrap().display_name == name).unwrap().clone()
        })
    }

    /// What employees see.
    pub fn seen(&self) -> Vec<Line> {
        seen::by_employees(&self.graph, &self.names)
    }

    /// What they are to see: what the plan says.
    pub fn planned(&self) -> Vec<Line> {
        self.plan.lines(|row| self.team_of(row))
    }

    fn team_of(&self, row: &Row) -> String {
        let own = Some(&row.group).filter(|it| !it.is_empty());
        own.or(self.groups.get(&row.employee)).cloned().unwrap_or_default()
    }

    /// What employees see is what the plan says, and nothing is left unpublished.
    #[track_caller]
    pub fn shows_the_plan(&self) {
        assert_same(&self.seen(), &self.planned());
        self.published();
    }

    /// Managers see what employees see: everything is shared.
    #[track_caller]
    pub fn published(&self) {
        assert_same(&seen::by_managers(&self.graph, &self.names), &self.seen());
    }

    /// Requests that changed something in a schedule, so far.
    pub fn writes(&self) -> u64 {
        self.graph.counts().writes
    }

    /// Lets the time pass after which the outcome of what was asked for is looked at.
    pub fn time_passes(&self) {
        self.tell_store(
            "UPDATE ledger SET intent = json_set(intent, '$.not_before_ms', 0) \
             WHERE intent -> '$.not_before_ms' IS NOT NULL",
        );
    }

    fn tell_store(&self, statement: &'static str) {
        self.when(async {
            let mut store = SqliteConnection::connect(&self.store()).await.unwrap();
            store.execute(statement).await.unwrap();
        });
    }

    fn store(&self) -> String {
        format!("sqlite://{}", self.world.path("rotabridge.db").display())
    }

    /// What the roster holds, as it is kept.
    pub fn roster(&self) -> Vec<Entry> {
        let bodies = self.ask_store(
            "SELECT body FROM entity WHERE deleted_at IS NULL \
             AND kind IN ('shift', 'open_shift', 'time_off')",
        );
        let mut all: Vec<Entry> = bodies.iter().map(|it| roster_entry(it)).collect();
        all.sort();
        all
    }

    /// The same of what employees see.
    pub fn shown(&self) -> Vec<Entry> {
        let entry = |it: &Line| {
            let kind = it.kind.replace(' ', "_");
            let slots = it.slots.map(|it| format!(" x{it}")).unwrap_or_default();
            (kind, it.who.clone(), it.start, it.end, format!("{}{slots}", it.label))
        };
        let mut all: Vec<Entry> = self.seen().iter().map(entry).collect();
        all.sort();
        all
    }

    /// Texts from the store.
    pub fn ask_store(&self, question: &'static str) -> Vec<String> {
        self.when(async {
            let mut store = SqliteConnection::connect(&self.store()).await.unwrap();
            sqlx::query_scalar(question).fetch_all(&mut store).await.unwrap()
        })
    }

    /// Shifts, the roster and the calendars agree, and bringing them into agreement took no write
    /// into Shifts since `writes`: neither now, nor when the outcome of everything is looked at.
    #[track_caller]
    pub fn agrees_without_writing_since(&self, writes: u64) {
        self.looks_at_everything();
        assert_eq!(self.writes() - writes, 0, "{:#?}", self.last_requests());
        self.agrees();
    }

    /// Syncs, and syncs when the outcome of everything is looked at.
    #[track_caller]
    pub fn looks_at_everything(&self) {
        self.sync(&[]);
        self.time_passes();
        self.sync(&[]);
        self.sync(&["--full"]);
    }

    /// Shifts, the roster and the calendars agree.
    #[track_caller]
    pub fn agrees(&self) {
        self.published();
        assert_same(&self.roster(), &self.shown());
        let people: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        let shown = seen::entries_of(&self.seen());
        assert_same(&seen::entries(self.world.server(), &people), &shown);
    }

    /// The last requests that Graph saw, for messages.
    pub fn last_requests(&self) -> Vec<String> {
        let all = self.graph.requests();
        let last = all.iter().rev().filter(|it| it.method != "GET").take(20);
        last.map(|it| format!("{} {} {:?}", it.method, it.target, it.status)).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.serving.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                let log = self.log();
                println!("--- {log}\n{}", self.world.read(&log));
            }
        }
    }
}

/// What somebody was told, who was refused by the system of record.
#[track_caller]
pub fn told<T: std::fmt::Debug>(refused: Result<T, NotDone>) -> String {
    let error = refused.unwrap_err();
    let Some(refusal) = error.refusal() else { panic!("not refused by us: {error}") };
    refusal.message.clone()
}

fn roster_entry(body: &str) -> Entry {
    let body: Value = serde_json::from_str(body).unwrap();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let kind = text("kind");
    let span = if kind == "time_off" { &body["span"] } else { &body["interval"] };
    let days = |key: &str| {
        let day = span["all_day"][if key == "start" { "first" } else { key }].as_str()?;
        let zone = jiff::tz::TimeZone::get(span["all_day"]["zone"].as_str()?).unwrap();
        Some(day.parse::<jiff::civil::Date>().unwrap().to_zoned(zone).unwrap().timestamp())
    };
    let edge = |key: &str| {
        if let Some(edge) = days(key) {
            return edge;
        }
        let edge = span.get(key).or_else(|| span["timed"].get(key));
        let edge = edge.and_then(Value::as_str).unwrap_or_else(|| panic!("no `{key}`: {body}"));
        edge.parse::<Timestamp>().unwrap()
    };
    let slots = body.get("open_slots").map(|it| format!(" x{it}")).unwrap_or_default();
    let label = if kind == "time_off" { text("reason") } else { text("label") };
    (kind, text("employee"), edge("start"), edge("end"), format!("{label}{slots}"))
}

/// Waits until it holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn now() -> Instant {
    Instant::now()
}

/// Answers of the serving process: status and body.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text.split_once("\r\n\r\n")?.1.to_owned()))
}

/// A port that nobody has now, outside of those that the system gives to others by itself: a
/// killed `serve` must find it free again.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 1500).unwrap();
    loop {
        let port = 12_000 + (own * 13 + NEXT.fetch_add(1, Ordering::Relaxed)) % 19_500;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
