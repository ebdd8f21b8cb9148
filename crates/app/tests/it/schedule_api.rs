//! The Schedule API of the real process: the guide's flow, the README's walk with `curl`, a job
//! that is killed in its middle, two Rotabridges in a chain, and `schemathesis`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::caldav::{CaldavServer, Fault, Options, What};

use crate::feeds::Service;
use crate::world::{World, day_from_now};

const LIST: &str = "/api/v2/wfm/schedules";
const JOBS: &str = "/api/v2/wfm/schedules/sync/jobs";
const ALL: [&str; 5] =
    ["wfm:schedule:read", "wfm:schedule:write", "icall:read", "user:read", "openid"];
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer: status, head, body.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A client with a token at a service.
pub struct Client {
    address: String,
    token: String,
    id: String,
    secret: String,
}

impl Client {
    /// Makes a client in this world, and signs in.
    pub fn new(world: &World, service: &Service, scopes: &[&str]) -> Self {
        let words = [&["client", "add", "test", "--json", "--scope"], scopes].concat();
        let made = world.run(&words).exits(0).json();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        let (id, secret) = (text("client_id"), text("client_secret"));
        let address = service.address.clone();
        let mut client = Self { address, token: String::new(), id, secret };
        client.sign_in();
        client
    }

    fn sign_in(&mut self) {
        let Self { id, secret, .. } = self;
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let kind = "application/x-www-form-urlencoded";
        let answer = send(&self.address, "POST", "/oauth/token", "", kind, &form);
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.token = answer.json()["access_token"].as_str().unwrap().to_owned();
    }

    pub fn get(&self, path: &str) -> Answer {
        send(&self.address, "GET", path, &self.token, "", "")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        send(&self.address, "POST", path, &self.token, "application/json", &body.to_string())
    }

    /// Orders a job, and looks until it has ended.
    #[track_caller]
    pub fn run_job(&self, order: &Value) -> Value {
        let queued = self.post(JOBS, order);
        assert_eq!(queued.status, 202, "{}", queued.body);
        self.wait_for_job(queued.json()["jobId"].as_str().unwrap())
    }

    /// Looks until a job has ended.
    #[track_caller]
    fn wait_for_job(&self, id: &str) -> Value {
        let mut job = Value::Null;
        for _ in 0..PATIENCE.as_millis() / 100 {
            job = self.get(&format!("{JOBS}/{id}")).json();
            if !matches!(job["status"].as_str(), Some("queued" | "running")) {
                return job;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("still {job}");
    }
}

fn send(address: &str, method: &str, path: &str, token: &str, kind: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    if !token.is_empty() {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    if !kind.is_empty() {
        head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
    }
    write!(stream, "{head}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head[9..12].parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Python of the tests' tools, or a message that there is none.
fn tool(name: &str) -> Option<PathBuf> {
    let tools = std::env::var_os("ROTABRIDGE_TOOLS").map(PathBuf::from);
    let tool = tools.map(|tools| tools.join(name)).filter(|it| it.exists());
    if tool.is_none() {
        println!("skipped: ROTABRIDGE_TOOLS has no `{name}`");
    }
    tool
}

#[test]
fn from_a_token_to_a_finished_job_and_a_calendar_that_others_read() {
    let world = World::new();
    let service = Service::start(&world);
    let client = Client::new(&world, &service, &ALL);
    let mut page = Value::Null;
    for _ in 0..300 {
        page = client.get(LIST).json();
        if page["total"] == 5 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(page["total"], 5, "{page}");
    let order = json!({"direction": "push", "targetProvider": "caldav"});
    let job = client.run_job(&order);
    assert_eq!(
        (&job["status"], &job["recordsProcessed"]),
        (&"completed".into(), &5.into()),
        "{job}"
    );
    let window = "windowStart=2030-01-01T00:00:00Z&windowEnd=2031-01-01T00:00:00Z";
    let calendar = client.get(&format!("{LIST}/icall?userId=anna&{window}"));
    assert!(calendar.head.contains("text/calendar"), "{}", calendar.head);
    assert_eq!(calendar.body.matches("BEGIN:VEVENT").count(), 2);
    // A roster with a source is changed there.
    let start = json!({"userId": "anna", "label": "x", "start": "2030-01-01T08:00:00Z",
                       "end": "2030-01-01T09:00:00Z"});
    let refused = client.post(LIST, &start);
    assert_eq!((refused.status, &refused.json()["code"]), (403, &"read_only_roster".into()));
    world.run(&["doctor"]).says("has `wfm:schedule:write`, but roster `ward` has a source");
    let Some(python) = tool("venv/bin/python") else { return };
    world.write("anna.ics", &calendar.body);
    let script = "import icalendar\nc = icalendar.Calendar.from_ical(open('anna.ics').read())\n\
                  print(len(c.events), len(c.errors))";
    let output = Command::new(python).args(["-c", script]).current_dir(world.folder()).output();
    let output = output.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "2 0", "{output:?}");
}

#[test]
fn what_a_client_writes_is_in_the_mirror_soon_after() {
    let world = own_record();
    let service = Service::start(&world);
    let client = Client::new(&world, &service, &ALL);
    wait_until("the first sync", || looks(world.server()).len() == 5);
    let made = client.post(LIST, &later("anna"));
    assert_eq!(made.status, 201, "{}", made.body);
    wait_until("the new shift", || looks(world.server()).len() == 6);
    world.run(&["client", "revoke", "test"]).exits(0);
    wait_until("the end of its access", || client.get(LIST).status == 401);
}

/// [`World::new`] with a roster that is its own record, filled from the file.
fn own_record() -> World {
    let world = World::new();
    world.edit("source = \"exports\"", "starts_from = \"exports\"\ntime_zone = \"Europe/Berlin\"");
    world
}

fn later(who: &str) -> Value {
    json!({"userId": who, "label": "Extra", "start": "2030-05-01T08:00:00Z",
           "end": "2030-05-01T12:00:00Z"})
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 50 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come");
}

#[test]
fn a_job_that_is_killed_in_its_middle_is_finished_after_a_restart() {
    let delay = Duration::from_millis(150);
    let world = own_record();
    let service = Service::start(&world);
    let mut client = Client::new(&world, &service, &ALL);
    wait_until("the first sync", || looks(world.server()).len() == 5);
    world.server().set_faults([Fault::on_any().then(What::Delay(delay))]);
    for day in 1..10 {
        let body = json!({"userId": "bert", "label": "Extra",
            "start": format!("2030-06-{day:02}T08:00:00Z"),
            "end": format!("2030-06-{day:02}T12:00:00Z")});
        assert_eq!(client.post(LIST, &body).status, 201);
    }
    let queued = client.post(JOBS, &json!({"targetProvider": "caldav"})).json();
    let id = queued["jobId"].as_str().unwrap().to_owned();
    wait_until("the job's begin", || {
        client.get(&format!("{JOBS}/{id}")).json()["status"] != "queued"
            || looks(world.server()).len() > 5
    });
    // Dropped, it is killed with SIGKILL.
    drop(service);
    world.server().set_faults([]);
    let service = Service::start(&world);
    client.address = service.address.clone();
    // The token is as good as before.
    let job = client.wait_for_job(&id);
    assert_eq!(
        (&job["status"], &job["recordsProcessed"]),
        (&"completed".into(), &14.into()),
        "{job}"
    );
    assert_eq!(looks(world.server()).len(), 14);
}

#[test]
fn a_job_of_which_one_shift_is_refused_is_partly_completed_and_names_it() {
    let world = own_record();
    let service = Service::start(&world);
    let client = Client::new(&world, &service, &ALL);
    wait_until("the first sync", || looks(world.server()).len() == 5);
    world.server().set_faults([Fault::on("PUT").at("/bert/").then(What::status(403))]);
    let refused = client.post(LIST, &later("bert")).json();
    assert_eq!(client.post(LIST, &later("anna")).status, 201);
    let queued = client.post(JOBS, &json!({"targetProvider": "caldav"})).json();
    let job = client.wait_for_job(queued["jobId"].as_str().unwrap());
    assert_eq!(job["status"], "partly_completed", "{job}");
    assert_eq!((&job["recordsProcessed"], &job["recordsFailed"]), (&6.into(), &1.into()), "{job}");
    let id = refused["id"].as_str().unwrap();
    let errors = job["errors"].to_string();
    assert!(errors.contains(id) || errors.contains("calendar_failed"), "{job}");
    assert!(!errors.contains("bert"), "nobody is named: {errors}");
    assert_eq!(looks(world.server()).len(), 6);
    // Mended, the next one completes.
    world.server().set_faults([]);
    let queued = client.post(JOBS, &json!({"targetProvider": "caldav"})).json();
    let job = client.wait_for_job(queued["jobId"].as_str().unwrap());
    assert_eq!(job["recordsTotal"], 7, "{job}");
}

#[test]
fn a_job_whose_target_lets_nobody_in_is_failed_and_says_why() {
    let world = own_record();
    world.server().set_faults([Fault::on_any().then(What::status(401))]);
    let service = Service::start(&world);
    let client = Client::new(&world, &service, &ALL);
    let queued = client.post(JOBS, &json!({"targetProvider": "caldav"})).json();
    let job = client.wait_for_job(queued["jobId"].as_str().unwrap());
    assert_eq!((&job["status"], &job["recordsProcessed"]), (&"failed".into(), &0.into()), "{job}");
    let errors = job["errors"].as_array().unwrap();
    assert!(!errors.is_empty(), "{job}");
    assert!(errors.iter().all(|it| it["message"].is_string() && it["code"].is_string()), "{job}");
}

#[test]
fn two_processes_carry_out_one_job_once() {
    let world = own_record();
    let first = Service::start(&world);
    wait_until("the first sync", || looks(world.server()).len() == 5);
    let second = Service::start(&world);
    let mut client = Client::new(&world, &first, &ALL);
    world.server().set_faults([Fault::on_any().then(What::Delay(Duration::from_millis(100)))]);
    for day in 1..10 {
        let body = json!({"userId": "bert", "label": "Extra",
            "start": format!("2030-06-{day:02}T08:00:00Z"),
            "end": format!("2030-06-{day:02}T12:00:00Z")});
        assert_eq!(client.post(LIST, &body).status, 201);
    }
    let queued = client.post(JOBS, &json!({"targetProvider": "caldav"})).json();
    let id = queued["jobId"].as_str().unwrap().to_owned();
    // Asked at the other one, it is the same job.
    client.address = second.address.clone();
    let job = client.wait_for_job(&id);
    assert_eq!(
        (&job["status"], &job["recordsProcessed"]),
        (&"completed".into(), &14.into()),
        "{job}"
    );
    assert_eq!(looks(world.server()).len(), 14);
    let puts = world.server().requests().iter().filter(|it| it.method == "PUT").count();
    assert_eq!(puts, 14, "nothing was written twice");
    drop(first);
}

#[test]
fn doctor_names_a_client_that_may_write_and_is_also_a_mirrors_connection() {
    let world = own_record();
    world.run(&["client", "add", "phones", "--scope", "wfm:schedule:write"]).exits(0);
    let doctor = world.run(&["doctor"]);
    assert!(!doctor.stdout.contains("is also a mirror's connection"), "{}", doctor.stdout);
    // From now on a mirror's connection has that name.
    let text = world.read("rotabridge.toml").replace("\"calendars\"", "\"phones\"");
    world.write("rotabridge.toml", &text);
    let doctor = world.run(&["doctor"]).exits(1);
    doctor
        .says("error    client phones: has `wfm:schedule:write` and is also a mirror's connection");
    doctor.says("takes it back");
    world.run(&["client", "add", "phones", "--scope", "wfm:schedule:write"]).exits(2);
}

/// A world that reads what the client's server serves.
fn second_in_chain(server: &CaldavServer, client: &Client) -> World {
    let second = World::at(&server.url(), "");
    point_to(&second, client);
    second
}

/// Has a world's source be the server of this client.
fn point_to(world: &World, client: &Client) {
    world.write("secret", &client.secret);
    let from = world.read("rotabridge.toml");
    let (start, rest) = (
        from.find("[[connection]]").unwrap(),
        from.find("[[connection]]\nname = \"calendars\"").unwrap(),
    );
    let scal = format!(
        "[[connection]]\nname = \"exports\"\nkind = \"scal\"\nurl = \"http://{}\"\n\
         client_id = \"{}\"\nclient_secret_file = \"secret\"\npage_size = 2\n\n",
        client.address, client.id
    );
    world.write("rotabridge.toml", &format!("{}{scal}{}", &from[..start], &from[rest..]));
}

#[test]
fn a_chain_of_two_shows_the_first_ones_schedule_exactly_and_costs_one_request_when_quiet() {
    let first = own_record();
    let service = Service::start(&first);
    let client = Client::new(&first, &service, &ALL);
    wait_until("the first sync", || looks(first.server()).len() == 5);
    let server = CaldavServer::start(Options::default()).unwrap();
    let second = second_in_chain(&server, &client);
    second.sync(0);
    assert_eq!(looks(&server), looks(first.server()));
    assert_eq!(looks(&server).len(), 5);
    second.run(&["doctor"]).says("the client may write schedules, which is never needed here");
    let listed = || {
        let calls = first.run(&["client", "calls", "--json", "--limit", "1000"]).exits(0).json();
        let calls = calls["calls"].as_array().unwrap().clone();
        calls.iter().filter(|it| it["operation"] == "listSchedules").count()
    };
    settle();
    let before = listed();
    let line = second.sync(0);
    settle();
    assert_eq!((listed() - before, &line["requests"]), (1, &0.into()), "{line}");
    // One comes, one changes, one goes: two requests more, three writes.
    let made = client.post(LIST, &later("anna")).json();
    let page = client.get(&format!("{LIST}?userId=bert")).json();
    let gone = page["entities"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{LIST}/{gone}");
    assert_eq!(send(&client.address, "DELETE", &path, &client.token, "", "").status, 204);
    let line = second.sync(0);
    assert_eq!([&line["created"], &line["deleted"]], [&1, &1], "{line} {made}");
    wait_until("the first mirror", || looks(first.server()) == looks(&server));
}

#[test]
fn a_chain_of_two_keeps_the_past_of_those_who_left_the_first_one() {
    let first = World::new();
    first.edit("past = \"2000w\"", "past = \"1w\"");
    let row = |who: &str, days| format!("{who},Desk,Late,{},14:30,22:30\n", day_from_now(days));
    let of = |who: &str, days: &[i64]| days.iter().map(|it| row(who, *it)).collect::<String>();
    let header = "employee,team,work,date,start,end\n";
    let berts = of("bert", &[-4, -2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    first.roster(&format!("{header}{}{berts}", of("anna", &[-3, -2, 3])));
    let service = Service::start(&first);
    let client = Client::new(&first, &service, &["wfm:schedule:read", "user:read"]);
    wait_until("the first sync", || looks(first.server()).len() == 16);
    let server = CaldavServer::start(Options::default()).unwrap();
    let second = second_in_chain(&server, &client);
    second.edit("past = \"2000w\"", "past = \"1w\"");
    second.sync(0);
    assert_eq!(looks(&server), looks(first.server()));
    // Anna leaves. The first tells what it deleted; her past is not among it.
    first.roster(&format!("{header}{berts}"));
    wait_until("the first mirror", || looks(first.server()).len() == 15);
    let line = second.sync(0);
    assert_eq!(line["deleted"], 1, "{line}");
    assert_eq!(looks(&server), looks(first.server()));
    // Another one answers in its place, which never knew her: everything is read anew.
    drop(service);
    let third = World::new();
    third.roster(&format!("{header}{berts}"));
    let service = Service::start(&third);
    let client = Client::new(&third, &service, &["wfm:schedule:read", "user:read"]);
    wait_until("the third sync", || looks(third.server()).len() == 13);
    let before = looks(&server).into_iter().filter(|it| it.starts_with("anna")).count();
    point_to(&second, &client);
    second.run(&["sync", "--allow-deletions", "100"]);
    let after = looks(&server).into_iter().filter(|it| it.starts_with("anna")).count();
    assert_eq!((before, after), (2, 2));
}

/// Calls are written down in groups, each second.
fn settle() {
    std::thread::sleep(Duration::from_millis(1500));
}

/// What is to be seen: collection, start, end, summary.
fn looks(server: &CaldavServer) -> Vec<String> {
    let mut looks = Vec::new();
    for folder in ["anna/", "bert/", "cleo/"] {
        for object in server.objects(folder).into_values() {
            let text = String::from_utf8(object.to_vec()).unwrap();
            let line = |name: &str| {
                text.lines().find(|it| it.starts_with(name)).unwrap_or_default().to_owned()
            };
            looks.push(
                [folder.to_owned(), line("DTSTART"), line("DTEND"), line("SUMMARY")].join(" "),
            );
        }
    }
    looks.sort();
    looks
}

#[test]
fn the_walk_of_the_readme_works_as_it_is_written() {
    let found = Command::new("curl").arg("--version").output();
    if found.is_err() {
        return println!("skipped: there is no `curl`");
    }
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once("\n## The Schedule API\n").unwrap();
    let (_, script) = section.split_once("```sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let world = World::new();
    let service = Service::start(&world);
    wait_until("the first sync", || looks(world.server()).len() == 5);
    let script = script.replace("127.0.0.1:8080", &service.address);
    assert!(script.contains(&service.address));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rotabridge"), world.path("rotabridge")).unwrap();
    #[expect(clippy::disallowed_methods, reason = "what the walk calls must be found")]
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", world.folder().display());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("PATH", path)
        .current_dir(world.folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    assert!(world.read("page.json").contains("\"total\":5"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("304"));
    assert!(world.read("job.json").contains("\"recordsProcessed\":5"));
    assert!(world.read("anna.ics").starts_with("BEGIN:VCALENDAR"));
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(schemathesis) = tool("venv-schemathesis/bin/st") else { return };
    let world = own_record();
    world.edit(
        "listen = \"127.0.0.1:0\"",
        "listen = \"127.0.0.1:0\"\napi_requests_per_minute = 1000000",
    );
    let service = Service::start(&world);
    let client = Client::new(&world, &service, &ALL);
    wait_until("the first sync", || looks(world.server()).len() == 5);
    let output = Command::new(schemathesis)
        .arg("run")
        .arg(format!("http://{}/openapi.json", service.address))
        .args(["--header", &format!("Authorization: Bearer {}", client.token)])
        .args(["--max-examples", "12", "--seed", "1", "--no-color"])
        .current_dir(world.folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
