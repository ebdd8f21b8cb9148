//! The example server, running.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// What it wants to see.
pub const TOKEN: &str = "a-token-of-the-example";

/// A process that plays somebody's WFM; ended when it is dropped.
pub struct ExampleServer {
    process: Child,
    url: String,
}

impl ExampleServer {
    /// With these switches. `None`, said aloud, where there is no Python 3 to run it.
    pub fn start(switches: &[&str]) -> Option<Self> {
        let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/wfm-http");
        let mut command = Command::new("python3");
        command.arg(script.join("server.py")).args(["--port", "0", "--token", TOKEN]);
        command.args(switches).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) => {
                println!("skipped: `python3` cannot be run: {error}");
                return None;
            }
        };
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().to_owned();
        assert!(url.starts_with("http://"), "{url:?}");
        Some(Self { process, url })
    }

    /// Where the contract is served.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What planners do in the system's own screens.
    #[track_caller]
    pub fn plans(&self, entity: &Value) {
        let text = |name: &str| entity[name].as_str().unwrap();
        let path = format!("/planner/{}/{}", text("kind"), text("id"));
        assert_eq!(self.ask("PUT", &path, &entity.to_string()).0, 200);
    }

    /// The same, taken back.
    #[track_caller]
    pub fn removes(&self, kind: &str, id: &str) {
        assert_eq!(self.ask("DELETE", &format!("/planner/{kind}/{id}"), "").0, 200);
    }

    /// Everything that is planned.
    pub fn planned(&self) -> Vec<Value> {
        self.ask("GET", "/planner", "").1["entities"].as_array().unwrap().clone()
    }

    /// What was asked so far: `GET /schedule`.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.ask("GET", "/planner/requests", "").1;
        let asked = asked["requests"].as_array().unwrap().iter();
        asked.map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    /// The answers to so many commands are lost on their way.
    pub fn loses_answers(&self, count: u32) {
        self.ask("POST", "/planner/lose-answers", &format!("{{\"count\": {count}}}"));
    }

    /// One request: status and body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (host, base) = self.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "{method} /{base}{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for ExampleServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
