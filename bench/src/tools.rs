//! Programs that a benchmark compares with, and where they are.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::report::Trouble;

const TOOLS_VARIABLE: &str = "ROTABRIDGE_TOOLS";
const START_TRIES: u32 = 200;
const START_PAUSE: Duration = Duration::from_millis(50);

#[expect(clippy::disallowed_methods, reason = "the one reader of the environment here")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A program of the system.
pub fn on_path(name: &str) -> Result<PathBuf, Trouble> {
    let path = variable("PATH").unwrap_or_default();
    let folders = path.split(':').map(Path::new).chain([Path::new("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| Trouble::Needs(format!("`{name}` (a Debian package has it)")))
}

/// A program of the Python environment that `cargo xtask tools` makes.
pub fn of_python(name: &str) -> Result<PathBuf, Trouble> {
    let folder = variable(TOOLS_VARIABLE).ok_or_else(|| {
        Trouble::Needs(format!("`{name}`: `{TOOLS_VARIABLE}=\"$(cargo xtask tools)\"`"))
    })?;
    let program = Path::new(&folder).join("venv/bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    Err(Trouble::Needs(format!("`{}`", program.display())))
}

/// The Cargo that runs us.
pub fn cargo() -> String {
    variable("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Waits until somebody listens.
pub fn wait_for_port(port: u16, who: &str) -> Result<(), Trouble> {
    for _ in 0..START_TRIES {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(START_PAUSE);
    }
    Err(Trouble::failed(format!("{who} does not listen on port {port}")))
}
