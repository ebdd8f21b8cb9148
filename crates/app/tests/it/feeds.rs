//! `feed …` and `serve`: links that work, and stop working.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::world::{ROSTER, World};

/// How long to wait for something that other processes do.
const PATIENCE: Duration = Duration::from_secs(30);

/// `serve`, until it is dropped.
pub struct Service {
    child: Child,
    pub address: String,
}

impl Service {
    pub fn start(world: &World) -> Self {
        let mut child = world
            .command(&["serve", "--log-format", "json"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(&line).ok()?;
                Some(line.get("server.listen")?.as_str()?.to_owned())
            })
            .expect("it says where it listens");
        // What nobody reads would fill the pipe and stop the service.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.address, path)
    }

    /// Asks until the answer is right.
    #[track_caller]
    fn wait_for(&self, path: &str, right: impl Fn(u16, &str) -> bool) {
        let mut last = (0, String::new());
        for _ in 0..PATIENCE.as_millis() / 50 {
            last = self.get(path);
            if right(last.0, &last.1) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path} still answers {last:?}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Status and body of the answer to a GET.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer[9..12].parse().unwrap();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}

/// Status of the answer to the dashboard's form.
fn sign_in(address: &str, password: &str) -> u16 {
    let form = format!("password={}", password.replace(' ', "+"));
    let length = form.len();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /sign-in HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
    write!(stream, "{head}{kind}Content-Length: {length}\r\n\r\n{form}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

fn signal(child: &Child, name: &str) {
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args([name, &child.id().to_string()]).status().unwrap().success());
}

fn path_of(url: &str) -> &str {
    &url[url.find("/feeds/").unwrap()..]
}

#[test]
fn a_link_shows_the_schedule_until_it_is_revoked() {
    let world = World::new();
    world.run(&["feed", "url", "anna"]).exits(1).says("hint: `rotabridge sync` reads the roster");
    world.sync(0);
    world.run(&["feed", "url", "ana"]).exits(1).says("hint: did you mean `anna`?");
    let link = world.run(&["feed", "url", "anna", "--json"]).exits(0).json();
    let url = link["url"].as_str().unwrap().to_owned();
    let id = link["id"].as_str().unwrap().to_owned();
    let service = Service::start(&world);
    let (status, body) = service.get(path_of(&url));
    assert_eq!(status, 200);
    assert_eq!(body.matches("BEGIN:VEVENT").count(), 2, "{body}");
    let listed = world.run(&["feed", "list", "--json"]).exits(0).json();
    assert_eq!(listed["feeds"][0]["employee"], "anna");
    let token = url.rsplit('/').next().unwrap().trim_end_matches(".ics");
    let list = world.run(&["feed", "list"]).exits(0);
    assert!(!list.stdout.contains(token), "a token is shown once");
    world.run(&["feed", "revoke", &id]).exits(0);
    service.wait_for(path_of(&url), |status, _| status == 410);
    world.run(&["feed", "revoke", &id]).exits(0).says("was revoked already");
    world.run(&["feed", "revoke", "feed-0"]).exits(1).says("there is no link `feed-0`");
}

#[test]
fn signed_links_end_with_their_key() {
    let world = World::new();
    world.write(
        "rotabridge.toml",
        &format!("{}\n[feeds]\npolicy = \"signed\"\n", world.read("rotabridge.toml")),
    );
    world.sync(0);
    let link = world.run(&["feed", "url", "bert", "--json"]).exits(0).json();
    assert!(link["expires_at"].is_string() && link["id"].is_null());
    let url = link["url"].as_str().unwrap().to_owned();
    let service = Service::start(&world);
    assert_eq!(service.get(path_of(&url)).0, 200);
    world.run(&["feed", "rotate"]).exits(0).says("signs now");
    assert_eq!(service.get(path_of(&url)).0, 200, "links of the former key overlap");
    world.run(&["feed", "rotate", "--overlap", "0s"]).exits(0);
    service.wait_for(path_of(&url), |status, _| status == 410);
}

#[test]
fn serve_follows_the_roster_and_stops_when_told() {
    let world = World::new();
    world.edit("source = \"exports\"", "source = \"exports\"\npoll_interval = \"1s\"");
    let service = Service::start(&world);
    service.wait_for("/readyz", |status, body| status == 200 && !body.contains("null"));
    assert_eq!(service.get("/healthz").0, 200);
    service.wait_for("/metrics", |_, body| {
        body.contains("rotabridge_mirror_items{mirror=\"ward-caldav\"} 5")
    });
    let link = world.run(&["feed", "url", "cleo", "--json"]).exits(0).json();
    let url = link["url"].as_str().unwrap().to_owned();
    assert_eq!(service.get(path_of(&url)).0, 200);
    world.roster(&ROSTER.replace("cleo,Back office,Day", "cleo,Back office,Training"));
    service.wait_for(path_of(&url), |_, body| body.contains("SUMMARY:Training"));
    let puts = |_: u16, body: &str| {
        body.contains("rotabridge_writes_total{mirror=\"ward-caldav\",verb=\"update\"} 1")
    };
    service.wait_for("/metrics", puts);
    signal(&service.child, "-TERM");
    let mut service = service;
    let status = service.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_said_so() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world.edit("127.0.0.1:0", &address);
    let run = world.run(&["serve"]).exits(1);
    run.says(&format!("error: cannot listen on {address}")).says("hint: another process");
}

#[test]
fn two_processes_on_one_store_write_nothing_twice() {
    let world = World::new();
    world.roster(&crate::agreement::csv(&crate::agreement::rows(6, 12)));
    let children: Vec<Child> = (0..3)
        .map(|_| {
            let mut command = world.command(&["sync", "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let run = crate::world::Run::of(output);
        // Done, or partly, because another one is at work on a calendar.
        assert!([0, 3].contains(&run.code), "{}\n{}", run.stdout, run.stderr);
        if run.code == 3 {
            run.says("another process");
        }
    }
    world.sync(0);
    let people: Vec<String> = (0..6).map(|it| format!("e{it:02}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    assert_eq!(crate::events::events(world.server(), &people).len(), 72);
    assert_eq!(crate::events::twice(world.server(), &people), None);
    assert_eq!(world.server().count("PUT"), 72, "each item was written once");
}

#[test]
fn demo_shows_a_feed_and_the_dashboard_and_goes_on_changing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::world::binary();
    command.args(["demo", "--listen", "127.0.0.1:0", "--employees", "8", "--weeks", "2"]);
    command.env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = said.map_while(Result::ok).find(|line| line.starts_with("http://")).unwrap();
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    let (status, body) = get(address, path_of(&url));
    assert_eq!(status, 200);
    assert!(body.contains("BEGIN:VEVENT"), "{body}");
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let shown = talk.find(|line| line.starts_with("the dashboard:")).unwrap();
    assert!(shown.ends_with(&format!("http://{address}/")), "no password in a link: {shown}");
    let password = talk.next().unwrap().trim().strip_prefix("password:").unwrap().trim().to_owned();
    assert_eq!(get(address, "/").0, 303, "signed in only");
    assert_eq!(sign_in(address, "another password than that"), 403);
    assert_eq!(sign_in(address, &password), 303);
    let change = talk.find(|line| line.contains(" requests, ")).unwrap();
    assert!(!change.contains(" 0 requests"), "{change}");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}
