//! What the tests need beyond Rust: independent readers, real calendar servers, PostgreSQL.
//!
//! Pinned in `xtask/tools/`, installed outside the clone, into a folder named after the pins, so
//! that two branches with different pins do not spoil each other's. Debian packages are the
//! exception: they go into the system, and only those that are missing. What is going to be
//! installed is said first.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database;
use crate::machine::{self, Failure, say};

/// Names the folder instead of the cache.
const FOLDER_VARIABLE: &str = "ROTABRIDGE_TOOLS";

/// Written last: what the folder holds is complete, and of these pins.
const MARKER: &str = "installed-pins";

/// Virtual environments, each with the file of its pins. Not one for all: what one package brings
/// can replace a module that another needs as it is.
const VENVS: [(&str, &str); 2] =
    [("venv", "requirements.txt"), ("venv-schemathesis", "requirements-schemathesis.txt")];
const NPM_FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs what is missing and names the folder: `venv/`, `venv-schemathesis/` and
/// `node_modules/` are in it.
///
/// A second call with the same pins installs nothing.
///
/// # Errors
/// When a package manager refuses; it has printed why.
pub fn install() -> Result<PathBuf, Failure> {
    install_debian_packages()?;
    let folder = folder()?;
    std::fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, &e))?;
    // Two clones may start at the same moment; the second waits and then finds the marker.
    let lock = File::create(folder.join("lock")).map_err(|e| unwritable(&folder, &e))?;
    lock.lock().map_err(|e| unwritable(&folder, &e))?;

    let pins = pins()?;
    let marker = folder.join(MARKER);
    if std::fs::read_to_string(&marker).is_ok_and(|found| found == pins.hash) {
        return Ok(folder);
    }
    say(&format!("installing into {} (about a minute, once):", folder.display()));
    say(&format!("  {} Python packages, the tests' own venv: {}", pins.python_count, pins.python));
    say("  npm packages: ical.js");
    say("  `--no-install` goes without; the tests concerned then say that they skip");
    install_python_packages(&folder).map_err(without)?;
    install_npm_packages(&folder).map_err(without)?;
    std::fs::write(&marker, &pins.hash).map_err(|e| unwritable(&marker, &e))?;
    Ok(folder)
}

/// Names the folder of the tools, whether it is filled or not.
///
/// # Errors
/// When neither of the variables that could name it is set, or the pins cannot be read.
pub fn folder() -> Result<PathBuf, Failure> {
    if let Some(named) = machine::variable(FOLDER_VARIABLE) {
        let named = PathBuf::from(named);
        return Ok(if named.is_absolute() { named } else { machine::workspace_root().join(named) });
    }
    let cache = machine::variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| machine::variable("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or_else(|| {
            Failure::new(
                "no folder for the tests' tools: neither `XDG_CACHE_HOME` nor `HOME` is set",
            )
            .with_hint(format!("name one in `{FOLDER_VARIABLE}`"))
        })?;
    Ok(cache.join("rotabridge-tools").join(pins()?.hash))
}

struct Pins {
    hash: String,
    /// The first few names, for people.
    python: String,
    python_count: usize,
}

fn pins() -> Result<Pins, Failure> {
    let source = source_folder();
    let mut text = String::new();
    let read = |name: &str| {
        let path = source.join(name);
        std::fs::read_to_string(&path)
            .map_err(|e| Failure::new(format!("`{}` cannot be read: {e}", path.display())))
    };
    let mut requirements = String::new();
    for (_, pins) in VENVS {
        requirements.push_str(&read(pins)?);
    }
    text.push_str(&requirements);
    for name in NPM_FILES {
        text.push_str(&read(name)?);
    }
    // A virtual environment belongs to the Python that made it.
    text.push_str(&machine::capture(Command::new("python3").arg("--version")).unwrap_or_default());

    let names: Vec<&str> =
        requirements.lines().filter(|line| line.contains("==") && !line.starts_with('#')).collect();
    let named = names.iter().take(7).copied().collect::<Vec<_>>().join(" ");
    Ok(Pins { hash: fnv1a(&text), python: format!("{named} …"), python_count: names.len() })
}

/// FNV-1a, 64 bits: a name for a text, the same in every version of Rust. Not for security.
fn fnv1a(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// One thing the tests use, how to see that it is there, and the packages that bring it.
struct Need {
    present: bool,
    packages: &'static [&'static str],
}

fn debian_needs() -> [Need; 6] {
    let runs = machine::succeeds;
    [
        Need { present: database::programs().is_some(), packages: &["postgresql"] },
        Need { present: runs("cc", &["--version"]), packages: &["gcc", "libc6-dev"] },
        Need { present: runs("pkg-config", &["--version"]), packages: &["pkg-config"] },
        Need { present: runs("pkg-config", &["--exists", "libical"]), packages: &["libical-dev"] },
        Need {
            present: runs("python3", &["-c", "import venv, ensurepip"]),
            packages: &["python3", "python3-venv"],
        },
        Need {
            present: runs("node", &["--version"]) && runs("npm", &["--version"]),
            packages: &["nodejs", "npm"],
        },
    ]
}

fn install_debian_packages() -> Result<(), Failure> {
    let missing: Vec<&str> = debian_needs()
        .iter()
        .filter(|need| !need.present)
        .flat_map(|need| need.packages.iter().copied())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let sudo: &[&str] = match privilege() {
        Some(prefix) => prefix,
        None => {
            say(&format!("not installed, for want of apt-get with root or sudo: {list}"));
            say("  the tests that need them say that they skip");
            return Ok(());
        }
    };
    say(&format!("installing Debian packages with apt-get, into the system: {list}"));
    let apt = |arguments: &[&str]| {
        let mut words = sudo.to_vec();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
        words.extend(["-o", "DPkg::Lock::Timeout=300"]);
        words.extend(arguments);
        machine::run_aside(Command::new(words[0]).args(&words[1..]))
    };
    apt(&["update"]).map_err(without)?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments).map_err(without)
}

/// How to become root here: nothing to add, `sudo`, or not at all.
fn privilege() -> Option<&'static [&'static str]> {
    if !machine::succeeds("apt-get", &["--version"]) {
        None
    } else if machine::is_root() {
        Some(&[])
    } else {
        machine::succeeds("sudo", &["-n", "true"]).then_some(&["sudo", "-n"])
    }
}

fn install_python_packages(folder: &Path) -> Result<(), Failure> {
    for (name, pins) in VENVS {
        let venv = folder.join(name);
        if !venv.join("bin/pip").exists() {
            machine::run_aside(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        }
        let pip =
            ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"];
        machine::run_aside(
            Command::new(venv.join("bin/python")).args(pip).arg(source_folder().join(pins)),
        )?;
    }
    Ok(())
}

fn install_npm_packages(folder: &Path) -> Result<(), Failure> {
    for name in NPM_FILES {
        let target = folder.join(name);
        std::fs::copy(source_folder().join(name), &target).map_err(|e| unwritable(&target, &e))?;
    }
    machine::run_aside(
        Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                "--update-notifier=false",
            ])
            .current_dir(folder),
    )
}

fn source_folder() -> PathBuf {
    machine::workspace_root().join("xtask/tools")
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be written: {error}", path.display()))
}

fn without(failure: Failure) -> Failure {
    failure
        .with_hint("`cargo xtask test --no-install` goes without; those tests say that they skip")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_after_the_pins() {
        assert_eq!(fnv1a(""), "cbf29ce484222325");
        assert_eq!(fnv1a("a"), "af63dc4c8601ec8c");
        assert_ne!(fnv1a("icalendar==7.3.0"), fnv1a("icalendar==7.3.1"));
    }

    #[test]
    fn every_python_pin_is_exact() {
        let read = |(_, pins)| std::fs::read_to_string(source_folder().join(pins)).unwrap();
        let text: String = VENVS.map(read).concat();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, version) = line.split_once("==").unwrap_or_else(|| panic!("{line}"));
            assert!(
                !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()),
                "{line}"
            );
        }
        assert!(pins().unwrap().python_count > 7);
    }
}
