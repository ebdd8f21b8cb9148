//! The one place where xtask reads the environment and starts programs.
//!
//! Everything else takes what it needs as arguments. Programs are started with this process's
//! output; what they print is theirs to say, a [`Failure`] only adds which of them stopped us.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a command stopped, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// What failed, to what, expected and found.
    pub what: String,
    /// The next step, if there is a sure one.
    pub hint: Option<String>,
    /// 1 for a failure, 2 for a wrong call.
    pub exit_code: u8,
}

impl Failure {
    /// Something that was tried and did not succeed.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit_code: 1 }
    }

    /// A command that was called wrongly.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit_code: 2 }
    }

    /// Adds the next step.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads one variable of the environment; empty counts as unset.
#[expect(clippy::disallowed_methods, reason = "the one reader of the environment in xtask")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Names the top folder of this clone.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Tells a developer what is being done, on stderr.
pub fn say(line: &str) {
    eprintln!("xtask: {line}");
}

/// Prepares a call of the cargo that runs us, in the top folder.
///
/// What the outer `cargo run` said about *this* package is taken out again: build scripts such as
/// ring's watch those variables, and would build anew each time a developer changes between
/// `cargo xtask` and plain cargo.
pub fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.current_dir(workspace_root());
    for (name, _) in std::env::vars_os() {
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY"];
        if ours.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end, without standard input, and requires success.
///
/// # Errors
/// When it cannot be started, or ends with another status than 0.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|e| Failure::new(format!("`{}` cannot be started: {e}", shown(command))))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` ended with {status}", shown(command))))
}

/// Runs a program as [`run`] does, with its output on stderr: stdout is for our own answer.
///
/// # Errors
/// As [`run`].
pub fn run_aside(command: &mut Command) -> Result<(), Failure> {
    run(command.stdout(std::io::stderr()))
}

/// Runs a program quietly and returns what it printed on stdout.
///
/// # Errors
/// As [`run`]; the message then carries what the program said on stderr.
pub fn capture(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Failure::new(format!("`{}` cannot be started: {e}", shown(command))))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!(
        "`{}` ended with {}\n{}",
        shown(command),
        output.status,
        said.trim_end()
    )))
}

/// Tells whether a program can be started and ends with success; its output is dropped.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Tells whether we run as root, who may install packages but may not run PostgreSQL.
pub fn is_root() -> bool {
    capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
