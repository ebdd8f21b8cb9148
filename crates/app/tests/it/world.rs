//! A folder with a configuration and a roster, a played calendar server, and the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use simulators::caldav::{CaldavServer, Options};
use simulators::graph::{APP, TENANT};
use tempfile::TempDir;

/// Five shifts of three people; dates far from now, in a window that is wider still.
pub const ROSTER: &str = "\
employee,team,work,date,start,end
anna,Front desk,Late,2030-03-04,14:30,22:30
anna,Front desk,Night,2030-03-05,22:30,06:30
bert,Front desk,Early,2030-03-06,06:00,14:00
bert,Front desk,Early,2030-03-07,06:00,14:00
cleo,Back office,Day,2030-03-07,09:00,17:00
";

/// Which column says what, in the configuration.
pub const COLUMNS: &str = concat!(
    r#"employee = "employee", group = "team", activity = "work", "#,
    r#"date = "date", start = "start", end = "end""#
);

/// What the binary did.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended with this code; says what it said when it did not.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let said = format!("{}{}", self.stdout, self.stderr);
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
        self
    }
}

/// A folder with everything in it.
pub struct World {
    folder: TempDir,
    /// The played server, unless the mirror is on another one.
    pub server: Option<CaldavServer>,
}

impl World {
    /// With [`ROSTER`] and a played server that nobody needs a password for.
    pub fn new() -> Self {
        Self::with(Options::default(), "")
    }

    /// With other behaviour of the server, and more keys in the `caldav` connection.
    pub fn with(options: Options, more: &str) -> Self {
        let server = CaldavServer::start(options).unwrap();
        let world = Self::at(&server.url(), more);
        Self { server: Some(server), ..world }
    }

    /// With a mirror at `url`.
    pub fn at(url: &str, more: &str) -> Self {
        let folder = TempDir::with_prefix("rotabridge-test-").unwrap();
        let world = Self { folder, server: None };
        world.write("rotabridge.toml", &configuration(url, more));
        world.roster(ROSTER);
        world
    }

    pub fn server(&self) -> &CaldavServer {
        self.server.as_ref().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        // As if it had been written a moment before: what is young may still be growing.
        let file = std::fs::File::options().write(true).open(self.path(name)).unwrap();
        let at = file.metadata().unwrap().modified().unwrap();
        file.set_modified(at - std::time::Duration::from_secs(5)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Replaces the roster.
    pub fn roster(&self, csv: &str) {
        self.write("roster.csv", csv);
    }

    /// Changes the configuration.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.read("rotabridge.toml");
        assert!(text.contains(from), "{from:?} is not in:\n{text}");
        self.write("rotabridge.toml", &text.replace(from, to));
    }

    /// Makes the connection, which leads nowhere, one to a played Graph; its secret is in `secret`.
    #[track_caller]
    pub fn connects_to_graph(&self, url: &str) {
        self.edit(
            "kind = \"caldav\"\nurl = \"http://127.0.0.1:9/\"\n",
            &format!(
                "kind = \"microsoft_graph\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{APP}\"\n\
                 client_secret_file = \"secret\"\ngraph_url = \"{url}\"\nlogin_url = \"{url}\"\n"
            ),
        );
    }

    /// The binary with these arguments, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs `sync --json`, which is to end with `code`, and gives the first mirror's line.
    #[track_caller]
    pub fn sync(&self, code: i32) -> Value {
        self.run(&["sync", "--json"]).exits(code).json()["mirrors"][0].clone()
    }
}

/// The binary, whatever the environment of the tests says.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotabridge"));
    command.env_remove("RUST_LOG").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// A day so many days from now, in Berlin: `2026-11-29`.
#[expect(clippy::disallowed_methods, reason = "tests of what is over need to know what is")]
pub fn day_from_now(days: i64) -> String {
    let now = jiff::Timestamp::now().in_tz("Europe/Berlin").unwrap();
    now.date().saturating_add(jiff::Span::new().days(days)).to_string()
}

/// `[created, updated, deleted, unchanged, failed]` of a mirror's line.
#[track_caller]
pub fn counts(line: &Value) -> [u64; 5] {
    ["created", "updated", "deleted", "unchanged", "failed"]
        .map(|key| line[key].as_u64().unwrap_or_else(|| panic!("no `{key}` in {line}")))
}

fn configuration(url: &str, more: &str) -> String {
    format!(
        r#"[server]
listen = "127.0.0.1:0"

[[connection]]
name = "exports"
kind = "roster_file"
path = "roster.csv"
time_zone = "Europe/Berlin"
columns = {{ {COLUMNS} }}

[[connection]]
name = "calendars"
kind = "caldav"
url = "{url}"
{more}

[[roster]]
name = "ward"
source = "exports"
window = {{ past = "2000w", future = "2000w" }}

[[mirror]]
name = "ward-caldav"
roster = "ward"
connection = "calendars"
kind = "caldav"
collection = "{{employee}}/"
"#
    )
}
