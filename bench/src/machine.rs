//! What the figures were measured on, in one line.

use std::path::Path;
use std::process::Command;

/// The machine, in words.
pub fn describe(scratch: &Path) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("?", |(_, value)| value).to_owned()
    };
    let cores = cores();
    let memory = read("/proc/meminfo");
    let kib: f64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok())
        .unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} × {}, {:.0} GiB, Linux {}, files on {} ({}), load {} before",
        field("model name"),
        kib / 1024.0 / 1024.0,
        kernel.trim().split('-').next().unwrap_or_default(),
        file_system(scratch),
        if is_memory(scratch) { "memory" } else { "disk" },
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}

/// Processors that may be used.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Whether files there are kept in memory only.
fn is_memory(path: &Path) -> bool {
    matches!(file_system(path).as_str(), "tmpfs" | "ramfs")
}

/// The kind of file system that a folder is on.
pub fn file_system(path: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(mounted, _)| path.starts_with(mounted))
        .max_by_key(|(mounted, _)| mounted.len())
        .map_or_else(|| "?".into(), |(_, kind)| kind.to_owned())
}

/// The number in the first line that a program says of its version, on either stream.
pub fn version(program: &Path, argument: &str) -> String {
    let Ok(said) = Command::new(program).arg(argument).output() else {
        return "?".into();
    };
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let word = said
        .split(|c: char| c.is_whitespace() || c == '/' || c == ',')
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
    word.unwrap_or("?").to_owned()
}

/// The version of a library that this was built with.
pub fn library_version(name: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let entry = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next());
    version.unwrap_or("?")
}

/// Which commit this is, with a `+` when files differ from it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let said = Command::new("git").args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "?".into());
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "crates"]);
    let mark = if changed.is_some_and(|it| !it.is_empty()) { "+" } else { "" };
    format!("{commit}{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_tells_versions() {
        assert!(library_version("calcard").starts_with("0.3"));
        assert_eq!(library_version("no such library"), "?");
    }
}
