//! Progress bars: one per mirror, with rate, remaining time, and why nothing moves.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use engine::port::Clock;
use engine::run::watch::{Event, Wait, Watcher};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

/// How often bars are drawn anew while nothing happens, for the countdown of waits.
const TICK: Duration = Duration::from_millis(250);
/// Shorter waits are not worth a word.
const WAIT_TOLD_MIN_MS: i64 = 900;

/// All bars of this process; the same for clones.
#[derive(Debug, Clone, Default)]
pub struct Bars(MultiProgress);

impl Bars {
    /// Lets something be printed between the bars.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// A bar for one mirror; until the cycle has planned, a sign of life.
    pub fn mirror(&self, name: &str, clock: Arc<dyn Clock>) -> MirrorBar {
        let waiting = Arc::new(Waiting::default());
        let style = |template: &str| {
            let shown = Arc::clone(&waiting);
            let clock = Arc::clone(&clock);
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸·")
                .with_key("note", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // A bar that cannot be drawn is no reason to stop.
                    let _ = out.write_str(&note(state, &shown, clock.as_ref()));
                })
        };
        let looking = style("{prefix:24} {spinner} {note}");
        let writing = style("{prefix:24} {bar:28} {human_pos:>7}/{human_len:<7} {note}");
        let bar = self.0.add(ProgressBar::new(0).with_style(looking).with_prefix(name.to_owned()));
        bar.enable_steady_tick(TICK);
        MirrorBar { bar, writing, waiting }
    }
}

fn note(state: &ProgressState, waiting: &Waiting, clock: &dyn Clock) -> String {
    let left = waiting.until_ms.load(Ordering::Relaxed) - clock.now().as_millisecond();
    if left > 0 {
        let seconds = (left + 999) / 1000;
        return match waiting.why.load(Ordering::Relaxed) {
            THROTTLED => format!("throttled by the server, continues in {seconds} s"),
            UNAVAILABLE => format!("no answer from the server, asks again in {seconds} s"),
            _ => format!("own budget is spent, continues in {seconds} s"),
        };
    }
    if state.len().unwrap_or(0) == 0 {
        return "looking".to_owned();
    }
    let mut text = format!("{:.0}/s", state.per_sec());
    let eta = state.eta();
    if state.pos() > 0 && eta >= Duration::from_secs(1) {
        let _ = write!(text, ", {} left", super::time::duration(eta));
    }
    text
}

const THROTTLED: u8 = 1;
const UNAVAILABLE: u8 = 2;
const BUDGET: u8 = 3;

#[derive(Debug, Default)]
struct Waiting {
    until_ms: AtomicI64,
    why: AtomicU8,
}

/// The bar of one mirror's cycle; gone when it is dropped.
pub struct MirrorBar {
    bar: ProgressBar,
    writing: ProgressStyle,
    waiting: Arc<Waiting>,
}

impl Watcher for MirrorBar {
    fn on(&self, event: &Event) {
        match event {
            Event::Planned { counts, .. } => {
                self.bar.set_length(counts.create + counts.update + counts.delete + counts.look);
                self.bar.set_style(self.writing.clone());
            }
            Event::Written { .. } | Event::Failed { .. } => {
                self.bar.inc(1);
                // What reading back brings to light was not planned.
                if self.bar.length().is_some_and(|length| length < self.bar.position()) {
                    self.bar.set_length(self.bar.position());
                }
            }
            Event::Waiting { until, why } => {
                let why = match why {
                    Wait::Throttled => THROTTLED,
                    Wait::Unavailable => UNAVAILABLE,
                    Wait::Budget => BUDGET,
                };
                self.waiting.why.store(why, Ordering::Relaxed);
                self.waiting.until_ms.store(until.as_millisecond(), Ordering::Relaxed);
            }
            Event::CalendarDone { .. } => {}
        }
    }
}

impl Drop for MirrorBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where no bar can be drawn: says each longer wait once, in the log.
pub struct WaitLog {
    mirror: String,
    clock: Arc<dyn Clock>,
    told_until_ms: AtomicI64,
}

impl WaitLog {
    /// For one mirror.
    pub fn new(mirror: &str, clock: Arc<dyn Clock>) -> Self {
        Self { mirror: mirror.to_owned(), clock, told_until_ms: AtomicI64::new(0) }
    }
}

impl Watcher for WaitLog {
    fn on(&self, event: &Event) {
        let Event::Waiting { until, why } = event else { return };
        let until = until.as_millisecond();
        let left = until - self.clock.now().as_millisecond();
        if left >= WAIT_TOLD_MIN_MS
            && self.told_until_ms.fetch_max(until, Ordering::Relaxed) < until
        {
            crate::event::waiting(&self.mirror, *why, Duration::from_millis(left.unsigned_abs()));
        }
    }
}
