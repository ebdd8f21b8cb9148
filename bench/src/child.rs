//! This program again, as a process of its own: what must be measured or pinned alone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::measure::{self, Runs};
use crate::report::Trouble;

/// The first argument of such a process.
pub const MARK: &str = "as-child";

/// The command that starts this program as the child `arguments` name.
pub fn again(arguments: &[&str]) -> Result<Command, Trouble> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(MARK).args(arguments);
    Ok(command)
}

/// The same command, kept to one processor, if there is more than one to choose from.
pub fn pinned(command: Command, cpu: Option<usize>) -> Command {
    let Some(cpu) = cpu else { return command };
    let mut pinned = Command::new("taskset");
    pinned.arg("-c").arg(cpu.to_string()).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    pinned
}

/// Folder of this program's own binary, where Cargo puts the product's beside it.
pub fn binary_folder() -> Result<PathBuf, Trouble> {
    let program = std::env::current_exe()?;
    program.parent().map(Path::to_owned).ok_or_else(|| Trouble::failed("no folder of binaries"))
}

/// The numbers that such a process printed until it ended, a name and a number on a line.
#[derive(Debug)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Runs the child that `arguments` name; `what` is what it does, should it fail.
    pub fn of_child(arguments: &[&str], what: &str) -> Result<Self, Trouble> {
        let said = measure::run(&mut again(arguments)?)?.well(what)?;
        let mut figures = BTreeMap::new();
        for line in said.stdout.lines() {
            if let Some((name, value)) = line.split_once(' ') {
                figures.insert(name.to_owned(), value.parse::<f64>().map_err(Trouble::failed)?);
            }
        }
        Ok(Self(figures))
    }

    /// One of them.
    pub fn of(&self, name: &str) -> Result<f64, Trouble> {
        let value = self.0.get(name).copied();
        value.ok_or_else(|| Trouble::failed(format!("nothing was said of `{name}`")))
    }

    /// The same, as the only one of several runs.
    pub fn runs(&self, name: &str) -> Result<Runs, Trouble> {
        self.of(name).map(|value| Runs::of([value]))
    }
}

/// A child that answers a line to a line; killed when dropped.
#[derive(Debug)]
pub struct Answering {
    child: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Answering {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Self, Trouble> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(asks), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Trouble::failed("no pipes to a child"));
        };
        Ok(Self { child, asks, says: BufReader::new(says) })
    }

    /// The next line it says.
    pub fn line(&mut self) -> Result<String, Trouble> {
        let mut line = String::new();
        if self.says.read_line(&mut line)? == 0 {
            return Err(Trouble::failed("a child ended without an answer"));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Its answer to a line.
    pub fn ask(&mut self, line: &str) -> Result<String, Trouble> {
        writeln!(self.asks, "{line}")?;
        self.line()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // An error means that it ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
