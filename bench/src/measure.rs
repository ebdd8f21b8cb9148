//! Time, memory and medians.
//!
//! The only file of this package that reads the real clock.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::report::Trouble;

/// How often a running process is asked how much memory it has used at most.
const MEMORY_POLL: Duration = Duration::from_millis(5);

/// The same thing measured several times.
#[derive(Debug, Clone, Default)]
pub struct Runs(Vec<f64>);

impl Runs {
    /// These measurements.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Adds one.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The one in the middle; of an even number, the mean of the two. 0 when there is none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => 0.0,
            count if count % 2 == 1 => sorted[count / 2],
            count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2.0,
        }
    }

    /// The lowest.
    pub fn lowest(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The highest.
    pub fn highest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Each of them turned into something else.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().map(|value| f(*value)).collect())
    }
}

/// Seconds that `work` took, and what it gave.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let out = work();
    (start.elapsed().as_secs_f64(), out)
}

/// The time, for a server under test and for the date of a report.
#[expect(clippy::disallowed_methods, reason = "the date of a report is the real one")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Seconds of the processor that a process has had, in steps of 10 ms; `self` for our own.
pub fn processor_seconds(process: &str) -> Result<f64, Trouble> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, which may hold anything, ends with the last bracket; after it come the state, ten
    // numbers, and the time in programs and in the system, in hundredths (proc(5)).
    let numbers = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = numbers.skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// The most memory that a process has had resident so far, in MiB; `self` for our own.
pub fn peak_mib(process: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// A process that ended.
#[derive(Debug)]
pub struct Finished {
    /// From its start to its end.
    pub seconds: f64,
    /// The most memory that it had resident: seen last, at most 5 ms before its end.
    pub peak_mib: f64,
    /// Seconds of the processor that it had, as far as seen likewise.
    pub processor: f64,
    /// How it ended.
    pub status: ExitStatus,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Finished {
    /// It, if it ended well.
    pub fn well(self, what: &str) -> Result<Self, Trouble> {
        if self.status.success() {
            return Ok(self);
        }
        let said = format!("{}{}", self.stderr, self.stdout);
        let end: Vec<&str> = said.lines().rev().take(12).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        Err(Trouble::failed(format!("{what} ended with {}: {}", self.status, end.join(" / "))))
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Result<Finished, Trouble> {
    // Files, not pipes: a reader of pipes would compete for the processor.
    let folder = tempfile::tempdir()?;
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    command.stdin(Stdio::null());
    command.stdout(std::fs::File::create(path("out"))?);
    command.stderr(std::fs::File::create(path("err"))?);
    let (seconds, ran) = timed(|| -> Result<(ExitStatus, (f64, f64)), Trouble> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .spawn()
            .map_err(|error| Trouble::failed(format!("`{program}` cannot be run: {error}")))?;
        let process = child.id().to_string();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let (mut peak, mut processor) = (0.0_f64, 0.0_f64);
                while !ended.load(Ordering::Relaxed) {
                    peak = peak.max(peak_mib(&process).unwrap_or(0.0));
                    processor = processor.max(processor_seconds(&process).unwrap_or(0.0));
                    std::thread::sleep(MEMORY_POLL);
                }
                (peak, processor)
            });
            let status = child.wait();
            ended.store(true, Ordering::Relaxed);
            let seen = watcher.join().unwrap_or_default();
            Ok((status?, seen))
        })
    });
    let (status, (peak_mib, processor)) = ran?;
    let read = |name: &str| -> Result<String, Trouble> {
        let mut text = Vec::new();
        std::fs::File::open(path(name))?.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let (stdout, stderr) = (read("out")?, read("err")?);
    Ok(Finished { seconds, peak_mib, processor, status, stdout, stderr })
}

/// A process that goes on, and is watched from outside; killed when dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it. What it says is not kept.
    pub fn start(command: &mut Command) -> Result<Self, Trouble> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }

    /// Seconds of the processor that it has had.
    pub fn processor_seconds(&self) -> Result<f64, Trouble> {
        processor_seconds(&self.0.id().to_string())
    }

    /// The most memory that it has had resident.
    pub fn peak_mib(&self) -> Result<f64, Trouble> {
        let peak = peak_mib(&self.0.id().to_string());
        peak.ok_or_else(|| Trouble::failed("the process is not there any more"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits in real time.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((Runs::of([3.0, 1.0, 2.0]).median() - 2.0).abs() < 1e-9);
        assert!((Runs::of([4.0, 1.0, 2.0, 3.0]).median() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn our_own_memory_is_known() {
        assert!(peak_mib("self").unwrap() > 0.5);
    }
}
