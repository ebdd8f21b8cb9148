//! A PostgreSQL cluster for one test run: made from nothing in about two seconds, gone afterwards.
//!
//! It listens on a free loopback port only, trusts whoever connects, and does not write its files
//! safely (`fsync=off`): a test of the database's own crash safety has to start its own.
//!
//! Stopping is left to a small watchdog process that waits for the end of a pipe we hold. However
//! we end, by a failed test, Ctrl-C or `kill -9`, the pipe closes, the server stops and its folder
//! goes.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::machine::{self, Failure};

/// The variable in which tests find the server.
pub const URL_VARIABLE: &str = "ROTABRIDGE_TEST_POSTGRES";

/// Tries of another port, when somebody took the free one before the server did.
const START_ATTEMPTS_MAX: u32 = 3;

/// Waits for the end of its standard input, stops the server ("$@" = how), removes the folder.
const WATCHDOG: &str = r#"folder=$1; shift; cat; "$@" >/dev/null 2>&1; rm -rf "$folder""#;

/// A running server; dropping it stops it and removes its files.
pub struct ThrowAway {
    /// Where to connect, as superuser.
    pub url: String,
    watchdog: Child,
}

impl ThrowAway {
    /// Makes a cluster in the temporary folder and starts it.
    ///
    /// # Errors
    /// When the folder cannot be made, or PostgreSQL refuses; its own words are in the message.
    pub fn start(programs: &Path) -> Result<Self, Failure> {
        let folder = make_folder()?;
        let data = folder.join("data");
        let (data, log) = (data.display().to_string(), folder.join("log").display().to_string());
        let stop = as_owner(programs, "pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
        let watchdog = start_watchdog(&folder, &stop)?;
        let mut server = Self { url: String::new(), watchdog };

        let flags = ["-D", &data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"];
        let mut initdb = as_owner(programs, "initdb", &flags);
        machine::capture(initdb.arg("--locale=C.UTF-8"))?;

        let mut attempt = 0;
        loop {
            attempt += 1;
            let port = free_port()?;
            let settings = format!(
                "-p {port} -h 127.0.0.1 -c unix_socket_directories='' -c max_connections=200 \
                 -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
            );
            let flags = ["-D", &data, "-w", "-l", &log, "-o", &settings, "start"];
            match machine::capture(&mut as_owner(programs, "pg_ctl", &flags)) {
                Ok(_) => {
                    server.url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                    return Ok(server);
                }
                Err(_) if attempt < START_ATTEMPTS_MAX => {}
                Err(failure) => {
                    let said = std::fs::read_to_string(&log).unwrap_or_default();
                    return Err(Failure::new(format!("{}\n{said}", failure.what)));
                }
            }
        }
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing is left to do about a watchdog that cannot be waited for.
        let _ = self.watchdog.wait();
    }
}

/// Finds the folder of PostgreSQL's programs: the newest of Debian's, or what `pg_config` says.
pub fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, path)| path.join("bin"));
    let named = || {
        let said = machine::capture(Command::new("pg_config").arg("--bindir")).ok()?;
        Some(PathBuf::from(said.trim()))
    };
    newest.or_else(named).filter(|folder| folder.join("initdb").exists())
}

fn make_folder() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("rotabridge-postgres-{}", std::process::id()));
    // Left by an earlier process with our number, if there at all.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder)
        .map_err(|e| Failure::new(format!("folder `{}` cannot be made: {e}", folder.display())))?;
    machine::capture(Command::new("chmod").arg("700").arg(&folder))?;
    if machine::is_root() {
        machine::capture(Command::new("chown").arg("postgres:").arg(&folder))?;
    }
    Ok(folder)
}

/// Prepares one of PostgreSQL's programs; they refuse to run as root.
fn as_owner(programs: &Path, program: &str, arguments: &[&str]) -> Command {
    let path = programs.join(program);
    let mut command = if machine::is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    // The owner may not be allowed into the folder we stand in.
    command.args(arguments).current_dir("/");
    command
}

fn start_watchdog(folder: &Path, stop: &Command) -> Result<Child, Failure> {
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(folder)
        .arg(stop.get_program())
        .args(stop.get_args())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of the terminal's group, so that Ctrl-C does not reach it before its work is done.
        .process_group(0)
        .spawn()
        .map_err(|e| Failure::new(format!("`sh` cannot be started: {e}")))
}

fn free_port() -> Result<u16, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Failure::new(format!("no free port on 127.0.0.1: {e}")))
}
