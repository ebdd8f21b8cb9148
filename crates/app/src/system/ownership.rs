//! Who this process is among all that share a store, and whether another one is gone.
//!
//! A name holds everything that tells two processes apart: host, boot, PID namespace, PID and the
//! moment the process started. So a lease left by a killed process of this machine is taken over
//! at once, and one of another machine (or container) only when its time is over: of those,
//! nothing can be known from here.

use std::fs;

use engine::port::Entropy;
use engine::run::lease::Ownership;

/// Stands between the parts of a name; no part holds it.
const SEPARATOR: char = '|';

/// This process.
#[derive(Debug)]
pub struct ThisProcess {
    name: String,
}

/// The parts of a name.
#[derive(Debug, PartialEq, Eq)]
struct Identity<'a> {
    /// Host, boot and PID namespace: whose PIDs may be compared.
    machine: (&'a str, &'a str, &'a str),
    pid: &'a str,
    started: &'a str,
}

impl ThisProcess {
    /// Asks the operating system. Where it does not say (only Linux does), the name is random,
    /// and nobody is ever known to be dead.
    pub fn identify(entropy: &dyn Entropy) -> Self {
        Self { name: linux_name().unwrap_or_else(|| random_name(entropy)) }
    }
}

impl Ownership for ThisProcess {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_dead(&self, name: &str) -> bool {
        let (Some(own), Some(other)) = (Identity::read(&self.name), Identity::read(name)) else {
            return false;
        };
        if own.machine != other.machine || !others_are_visible() {
            return false;
        }
        started(other.pid).as_deref() != Some(other.started)
    }
}

impl<'a> Identity<'a> {
    fn read(name: &'a str) -> Option<Self> {
        let mut parts = name.split(SEPARATOR);
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let identity =
            Self { machine: (next()?, next()?, next()?), pid: next()?, started: next()? };
        next().is_none().then_some(identity)
    }
}

fn linux_name() -> Option<String> {
    let host = read_line("/proc/sys/kernel/hostname")?;
    let boot = read_line("/proc/sys/kernel/random/boot_id")?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?.display().to_string();
    let pid = std::process::id().to_string();
    let started = started(&pid)?;
    let parts = [host, boot, namespace, pid, started];
    let plain = parts.iter().all(|part| !part.is_empty() && !part.contains(SEPARATOR));
    plain.then(|| parts.join(&SEPARATOR.to_string()))
}

/// With `hidepid` set, processes of others are invisible, and absence means nothing.
fn others_are_visible() -> bool {
    fs::metadata("/proc/1/stat").is_ok()
}

/// When a process started, in clock ticks since boot (proc(5), `/proc/pid/stat`, field 22).
fn started(pid: &str) -> Option<String> {
    if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses (field 2) may hold anything; what follows it is plain.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_ascii_whitespace();
    // A zombie does not run any more.
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

fn read_line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn random_name(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    format!("process-{:032x}", u128::from_be_bytes(random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;

    fn with_part(name: &str, index: usize, part: &str) -> String {
        let mut parts: Vec<&str> = name.split(SEPARATOR).collect();
        parts[index] = part;
        parts.join("|")
    }

    #[test]
    fn only_a_process_of_this_machine_that_is_gone_is_dead() {
        let own = ThisProcess::identify(&SystemEntropy);
        if Identity::read(own.name()).is_none() {
            return; // Not on Linux: nothing to tell.
        }
        assert!(!own.is_dead(own.name()), "this very process");
        assert!(own.is_dead(&with_part(own.name(), 4, "1")), "its PID, but started earlier");
        assert!(own.is_dead(&with_part(own.name(), 3, "4194999")), "no such PID");
        for machine_part in 0..3 {
            let elsewhere = with_part(&with_part(own.name(), 4, "1"), machine_part, "other");
            assert!(!own.is_dead(&elsewhere), "of another machine nothing is known");
        }
        for foreign in ["", "sim-1", "a|b|c|d", "a|b|c|d|e|f"] {
            assert!(!own.is_dead(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_pid_is_never_looked_up_as_a_path() {
        assert_eq!(started("../1"), None);
    }
}
