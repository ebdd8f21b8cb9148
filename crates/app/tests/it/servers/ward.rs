//! A folder with the roster, a configuration and a store, and the real binary in it.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::reader::{self, Look};
use super::roster::{Roster, Writes};
use crate::world::{COLUMNS, Run, World, counts};

/// The mirror's name.
pub const MIRROR: &str = "ward-caldav";

/// The folder, with the roster that its file holds.
pub struct Ward {
    pub world: World,
    pub roster: Roster,
}

impl Ward {
    /// With this roster, mirrored below `url`; with more keys in the `caldav` connection.
    pub fn new(url: &str, roster: Roster, more: &str) -> Self {
        let world = World::at(url, more);
        world.write("password", testkit::servers::PASSWORD);
        world.edit(
            COLUMNS,
            "employee = \"employee\", group = \"contract\", activity = \"shift_code\", \
             date = \"date\", start = \"start_local\", end = \"end_local\", \
             end_date = \"end_date\"",
        );
        let ward = Self { world, roster };
        ward.save();
        ward
    }

    /// With an account on a real server.
    pub fn on(url: &str, roster: Roster) -> Self {
        Self::new(url, roster, "username = \"rota\"\npassword_file = \"password\"")
    }

    /// Writes the roster to its file.
    pub fn save(&self) {
        self.world.roster(&self.roster.csv());
    }

    /// What calendars should show of the file.
    pub fn wanted(&self) -> BTreeMap<Look, usize> {
        reader::wanted(&self.world.path("roster.csv"))
    }

    /// `sync --json` with more flags, which ends well; the mirror's line.
    #[track_caller]
    pub fn sync(&self, flags: &[&str]) -> Value {
        let line = self.run("sync", flags).exits(0).json()["mirrors"][0].clone();
        assert_eq!(line["problems"], Value::Array(vec![]));
        line
    }

    /// A command with `--json` and more flags.
    pub fn run(&self, command: &str, flags: &[&str]) -> Run {
        self.world.run(&[&[command, "--json"], flags].concat())
    }

    /// Starts `sync`, and does not wait.
    pub fn start(&self) -> Child {
        let mut command = self.world.command(&["sync", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
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
}

/// A mirror's line says that exactly these writes happened, and nothing failed.
#[track_caller]
pub fn assert_writes(line: &Value, writes: Writes) {
    let Writes { created, updated, deleted } = writes;
    let [c, u, d, _, failed] = counts(line);
    assert_eq!([c, u, d, failed], [created, updated, deleted, 0], "{line}");
}
